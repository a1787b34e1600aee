/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* What NetBSD supplies, and tells of a function. */

#include <sys/param.h>
#include <sys/sysctl.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "netbsd.h"
#include "system.h"

/* libpciaccess finds an empty machine where it may not look. */
static int
pci_access(struct edu_error *err)
{

	if (access("/dev/pci0", R_OK | W_OK) == 0)
		return 0;
	return edu_fail_errno(err, errno, "cannot look at the PCI bus: "
	    "/dev/pci0");
}

/* Nor does it say that it had no descriptor for that; a bus has a bridge. */
static int
pci_is_empty(void)
{
	int fd;

	if ((fd = open("/dev/pci0", O_RDONLY | O_CLOEXEC)) != -1)
		(void)close(fd);
	else if (errno != ENXIO)
		return -1;
	return fd == -1;
}

static int
dmi(const char *name, char *buf, size_t size)
{
	size_t length = size;

	if (sysctlbyname(name, buf, &length, NULL, 0) == -1) {
		errno = errno == ENOMEM ? ERANGE : ENOENT;
		return -1;
	}
	buf[length < size ? length : size - 1] = '\0';
	return 0;
}

static int
machine(char *buf, size_t size)
{
	char vendor[64];

	if (dmi("machdep.dmi.system-vendor", vendor, sizeof(vendor)) == -1)
		return -1;
	if (strcmp(vendor, "QEMU") != 0) {
		errno = ENOENT;
		return -1;
	}
	return dmi("machdep.dmi.system-version", buf, size);
}

static void
remedy(const char *address, char *buf, size_t size)
{

	(void)snprintf(buf, size, "load edu(4), which attaches to %s "
	    "(modload edu)", address);
}

static char *
environment(const char *name)
{

	return issetugid() ? NULL : getenv(name);
}

/* There is no instance: nothing here tells one function from the next. */
const struct edu_system edu_system = {
	.pci_access		= pci_access,
	.pci_is_empty		= pci_is_empty,
	.pci_map_refused	= "that takes root, and a securelevel below 1",
	.driver			= edu_netbsd_driver,
	.kernel			= edu_netbsd_kernel,
	.remedy			= remedy,
	.bus			= edu_netbsd_bus,
	.list			= edu_netbsd_list,
	.machine		= machine,
	.environment		= environment,
};
