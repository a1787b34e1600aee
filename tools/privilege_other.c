/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* NetBSD has nothing that a process could drop, but to be root. */

#include "edutool.h"

int
privilege_drop(struct tool *t, unsigned needs)
{

	(void)t;
	(void)needs;
	return 0;
}

const char *
privilege_dropped(void)
{

	return "nothing";
}
