/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Why NetBSD refuses something to root: by its securelevel, as a rule. */

#include <sys/param.h>
#include <sys/sysctl.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "refusal.h"

void
edu_restrictions(int errnum, char *buf, size_t size)
{
	size_t length = sizeof(int);
	int level = 0;

	(void)errnum;
	buf[0] = '\0';
	if (sysctlbyname("kern.securelevel", &level, &length, NULL, 0) == 0 &&
	    level > 0)
		(void)snprintf(buf, size, "the securelevel is %d", level);
}

void
edu_refusal(int errnum, char *buf, size_t size)
{
	char restrictions[64];

	buf[0] = '\0';
	if (errnum != EACCES && errnum != EPERM)
		return;
	if (geteuid() != 0) {
		(void)snprintf(buf, size, " (try as root)");
		return;
	}
	edu_restrictions(errnum, restrictions, sizeof(restrictions));
	if (restrictions[0] != '\0')
		(void)snprintf(buf, size, " (root, but %s)", restrictions);
}
