/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef H_DRVCTL_H
#define H_DRVCTL_H

/* Units of edu(4) come and go, by drvctl(4). */

#include <sys/types.h>
#include <sys/drvctlio.h>
#include <sys/ioctl.h>

#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Bits that no engine of the device sets. */
#define BIT_A		0x10U
#define BIT_B		0x20000U

static inline int
drvctl(unsigned long request, void *arg)
{
	int fd = open(DRVCTLDEV, O_RDWR), result, saved;

	ATF_REQUIRE_MSG(fd != -1, "%s: %s", DRVCTLDEV, strerror(errno));
	result = ioctl(fd, request, arg);
	saved = errno;
	(void)close(fd);
	errno = saved;
	return result;
}

static inline int
detach(unsigned unit)
{
	struct devdetachargs args;

	memset(&args, 0, sizeof(args));
	(void)snprintf(args.devname, sizeof(args.devname), "edu%u", unit);
	return drvctl(DRVDETACHDEV, &args);
}

static inline int
rescan(unsigned domain)
{
	struct devrescanargs args;

	memset(&args, 0, sizeof(args));
	(void)snprintf(args.busname, sizeof(args.busname), "pci%u", domain);
	return drvctl(DRVRESCANBUS, &args);
}

static inline int
power(unsigned unit, unsigned long request)
{
	struct devpmargs args;

	memset(&args, 0, sizeof(args));
	(void)snprintf(args.devname, sizeof(args.devname), "edu%u", unit);
	return drvctl(request, &args);
}

#endif /* H_DRVCTL_H */
