/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <string.h>
#include <sysexits.h>

#include "edutool.h"

int
cmd_bind(struct tool *t, const struct args *a)
{

	if (strcmp(a->operand[0], "uio") != 0 &&
	    strcmp(a->operand[0], "vfio") != 0 &&
	    strcmp(a->operand[0], "none") != 0)
		return fail_usage(t, "'%s' is neither uio nor vfio nor none",
		    a->operand[0]);
	return fail(t, EX_UNAVAILABLE, 0, "bind is for Linux; here "
	    "modload(8) loads a driver, which attaches to the devices it "
	    "finds, and drvctl(8) detaches one: drvctl -d edu0");
}
