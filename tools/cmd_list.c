/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <stdio.h>

#include "edutool.h"
#include "printable.h"

/*
 * One device that cannot be read (its decoding is off, say, or it belongs to
 * root) is listed all the same, with the reason.
 */
static void
list_device(struct tool *t, const char *name, struct edu *edu)
{
	struct json *j = &t->doc;
	char plain[PRINTABLE_SIZE], side[PRINTABLE_SIZE];
	uint32_t id;

	json_object(j, NULL);
	json_string(j, "device", name);
	(void)edu_printable(name, plain, sizeof(plain));
	if (edu == NULL || edu_identify(edu, &id) == -1) {
		say(t, "%s  not readable: %s\n", plain, edu_errmsg(edu));
		json_null(j, "version");
		json_string(j, "reason", edu_errmsg(edu));
	} else {
		say(t, "%s  version %u.%u, kernel side: %s\n", plain,
		    id_major(id), id_minor(id),
		    edu_printable(edu_kernel_side(edu), side, sizeof(side)));
		json_object(j, "version");
		json_number(j, "major", id_major(id));
		json_number(j, "minor", id_minor(id));
		json_end(j);
		json_string(j, "kernel_side", edu_kernel_side(edu));
	}
	json_end(j);
}

int
cmd_list(struct tool *t, const struct args *a)
{
	struct edu_list *list;
	struct edu *edu;
	const char *name;
	size_t i;

	(void)a;
	if (t->device != NULL) {
		edu = edu_open(t->device, EDU_OPEN_READONLY);
		if (edu == NULL)
			return fail_device(t, NULL);
		json_array(&t->doc, "devices");
		list_device(t, edu_name(edu), edu);
		edu_close(edu);
		return 0;
	}
	if ((list = edu_list_new()) == NULL)
		return fail_device(t, NULL);
	json_array(&t->doc, "devices");
	for (i = 0; (name = edu_list_name(list, i)) != NULL; i++) {
		edu = edu_open(name, EDU_OPEN_READONLY);
		list_device(t, name, edu);
		edu_close(edu);
	}
	if (i == 0)
		(void)fprintf(stderr, "edutool: this machine has no edu "
		    "device (QEMU has one with -device edu)\n");
	edu_list_free(list);
	return 0;
}
