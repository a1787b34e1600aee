/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* A device that somebody unplugs because we ask for it. */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "exam.h"
#include "pci.h"

#define NAP_MS		50
/* How long after its interrupts are gone the rest may be there. */
#define GOING_MS	10000

/* Whether the machine's list has it. */
static int
is_listed(struct tool *t)
{
	struct edu_list *list;
	const char *name;
	int is_listed = 0;
	size_t i;

	if (device_is_qtest(edu_name(t->edu)) ||
	    (list = edu_list_new()) == NULL)
		return 0;
	for (i = 0; (name = edu_list_name(list, i)) != NULL; i++)
		is_listed |= strcmp(name, edu_name(t->edu)) == 0;
	edu_list_free(list);
	return is_listed;
}

/* What is not as if nothing were there; NULL: all is. */
static const char *
find_left(struct tool *t)
{
	uint64_t value;
	uint32_t id;

	if (edu_read(t->edu, EDU_ID, 4, &value) == 0 || errno != ENODEV)
		return "its registers are read";
	if (edu_config_read(t->edu, PCI_ID, &id) == 0 ? id != UINT32_MAX :
	    errno != ENODEV)
		return "its configuration space is read";
	return is_listed(t) ? "the machine lists it" : NULL;
}

static enum exam_result
check_gone(struct tool *t, struct exam_verdict *v)
{
	int64_t end_ms = now_ms() + GOING_MS;
	const char *left;

	while ((left = find_left(t)) != NULL && now_ms() < end_ms &&
	    signal_caught() == 0)
		(void)poll(NULL, 0, NAP_MS);
	return left == NULL ? EXAM_OK : exam_differs(v, "it is unplugged, and "
	    "%s", left);
}

/* For its end, by interrupt or by looking: 1, 0 when the time is over, -1. */
static int
await_end(struct tool *t, int64_t end_ms)
{
	int64_t left_ms;
	uint32_t value;
	int result;

	while ((left_ms = end_ms - now_ms()) > 0 && signal_caught() == 0) {
		result = edu_irq_wait(t->edu, (int)left_ms, &value);
		if (result == -1 && errno == ENOTSUP) {
			result = edu_identify(t->edu, &value);
			(void)poll(NULL, 0, NAP_MS);
		}
		if (result == -1)
			return errno == ENODEV ? 1 : -1;
	}
	return 0;
}

enum exam_result
exam_unplug(struct tool *t, struct exam_verdict *v)
{

	if (t->unplug_s == 0)
		return exam_skip(v, "nobody is asked to do so without "
		    "--unplug");
	if (strstr(edu_kernel_side(t->edu), "vfio") != NULL)
		return exam_skip(v, "vfio-pci keeps a device until it is "
		    "closed");
	(void)fprintf(stderr, "edutool: %s: unplug it within %u s, please "
	    "(QEMU's monitor: device_del)\n", edu_name(t->edu), t->unplug_s);
	switch (await_end(t, now_ms() + (int64_t)t->unplug_s * 1000)) {
	case 0:
		return exam_differs(v, "nobody unplugged it within %u s",
		    t->unplug_s);
	case 1:
		return check_gone(t, v);
	}
	return exam_failed(t, v);
}
