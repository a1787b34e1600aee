/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#include "edutool.h"

static void
print_steps(struct tool *t, const struct edu_bar *bar)
{
	const char *what;
	unsigned offset;
	uint32_t value;
	int is_write;
	size_t i;

	json_array(&t->doc, "steps");
	if (t->is_verbose)
		say(t, "step         offset  value       purpose\n");
	for (i = 0; (what = edu_bar_step(bar, i, &is_write, &offset,
	    &value)) != NULL; i++) {
		json_object(&t->doc, NULL);
		json_string(&t->doc, "access", is_write ? "write" : "read");
		json_number(&t->doc, "offset", offset);
		json_number(&t->doc, "value", value);
		json_string(&t->doc, "purpose", what);
		json_end(&t->doc);
		if (t->is_verbose)
			say(t, "%4zu  %-5s  0x%02x    0x%08" PRIx32 "  %s\n",
			    i + 1, is_write ? "write" : "read", offset, value,
			    what);
	}
	json_end(&t->doc);
}

static const char *
size_text(uint64_t length, char *buffer, size_t size)
{
	static const char *units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	size_t i = 0;

	while (length % 1024 == 0 && length != 0 &&
	    i < sizeof(units) / sizeof(units[0]) - 1) {
		length /= 1024;
		i++;
	}
	(void)snprintf(buffer, size, "%" PRIu64 " %s", length, units[i]);
	return buffer;
}

static void
print_result(struct tool *t, unsigned index, const struct edu_bar *bar)
{
	static const char * const text[] = {
		[EDU_BAR_ABSENT] = "absent",
		[EDU_BAR_IO] = "I/O",
		[EDU_BAR_MEM32] = "32-bit memory",
		[EDU_BAR_MEM64] = "64-bit memory"
	};
	static const char * const key[] = {
		[EDU_BAR_ABSENT] = "absent",
		[EDU_BAR_IO] = "io",
		[EDU_BAR_MEM32] = "mem32",
		[EDU_BAR_MEM64] = "mem64"
	};
	enum edu_bar_type type = edu_bar_type(bar);
	char size[32];

	json_string(&t->doc, "type", key[type]);
	json_bool(&t->doc, "prefetchable", edu_bar_is_prefetchable(bar));
	json_number(&t->doc, "address", edu_bar_address(bar));
	json_number(&t->doc, "length", edu_bar_length(bar));
	if (type == EDU_BAR_ABSENT)
		say(t, "BAR%u: absent\n", index);
	else
		say(t, "BAR%u: %s%s, %s (0x%" PRIx64 ") at 0x%08" PRIx64 "\n",
		    index, text[type],
		    type == EDU_BAR_IO ? "" : edu_bar_is_prefetchable(bar) ?
		    ", prefetchable" : ", not prefetchable",
		    size_text(edu_bar_length(bar), size, sizeof(size)),
		    edu_bar_length(bar), edu_bar_address(bar));
}

int
cmd_bar(struct tool *t, const struct args *a)
{
	const char *name = a->noperands > 0 ? a->operand[0] : t->device;
	struct edu_bar *bar;
	uint64_t index = 0;
	int status;

	if (a->noperands > 1 && (status = parse_number(t, "INDEX",
	    a->operand[1], UINT_MAX, &index)) != 0)
		return status;
	if ((status = device_open_name(t, name, EDU_OPEN_CONFIG)) != 0)
		return status;
	json_number(&t->doc, "index", index);
	bar = edu_bar_size(t->edu, (unsigned)index, a->bar_flags);
	if (bar == NULL)
		return fail_device(t, errno == EBUSY ? "-f sizes it all the "
		    "same, if nothing can use it meanwhile" : NULL);
	print_steps(t, bar);
	print_result(t, (unsigned)index, bar);
	edu_bar_free(bar);
	return 0;
}
