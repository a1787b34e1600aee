/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* NetBSD, and systems of which nothing is known. */

#ifdef __NetBSD__
#include <sys/param.h>
#include <sys/sysctl.h>
#endif
#include <errno.h>
#include <string.h>

#include "os.h"

int
edu_os_driver(const char *address, char *buf, size_t size)
{
	(void)address;
	(void)buf;
	(void)size;
	errno = ENOTSUP;
	return -1;
}

#ifdef __NetBSD__

int
edu_os_machine(char *buf, size_t size)
{
	char vendor[64];
	size_t length;

	length = sizeof(vendor);
	if (sysctlbyname("machdep.dmi.system-vendor", vendor, &length,
	    NULL, 0) == -1 || length != sizeof("QEMU") ||
	    memcmp(vendor, "QEMU", length) != 0) {
		errno = ENOENT;
		return -1;
	}
	length = size;
	if (sysctlbyname("machdep.dmi.system-version", buf, &length,
	    NULL, 0) == -1) {
		errno = errno == ENOMEM ? ERANGE : ENOENT;
		return -1;
	}
	if (length == 0 || buf[length - 1] != '\0') {
		errno = ERANGE;
		return -1;
	}
	return 0;
}

#else

int
edu_os_machine(char *buf, size_t size)
{
	(void)buf;
	(void)size;
	errno = ENOENT;
	return -1;
}

#endif
