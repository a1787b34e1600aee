/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "linux.h"
#include "system.h"

int
edu_sysfs_line(const char *path, char *buf, size_t size)
{
	ssize_t n;
	int errnum, fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	n = read(fd, buf, size);
	errnum = errno;
	(void)close(fd);
	if (n < 0) {
		errno = errnum;
		return -1;
	}
	if ((size_t)n == size && buf[n - 1] != '\n') {
		errno = ERANGE;
		return -1;
	}
	buf[n > 0 && buf[n - 1] == '\n' ? n - 1 : n] = '\0';
	return 0;
}

/*
 * uio_pci_generic, vfio-pci and pci-stub are there for user space's sake; any
 * other driver drives the function.
 */
static enum edu_driver_role
role_of(const char *name)
{

	if (name[0] == '\0')
		return EDU_DRIVER_NONE;
	if (strcmp(name, "uio_pci_generic") == 0 ||
	    strcmp(name, "vfio-pci") == 0 || strcmp(name, "pci-stub") == 0)
		return EDU_DRIVER_STANDBY;
	return EDU_DRIVER_OWNS;
}

static int
driver(const char *address, struct edu_driver *driver)
{
	char link[PATH_MAX], path[sizeof(EDU_SYSFS_PCI) + 160];
	const char *name;
	ssize_t n;

	(void)snprintf(path, sizeof(path), EDU_SYSFS_PCI "/%.128s/driver",
	    address);
	n = readlink(path, link, sizeof(link) - 1);
	if (n == -1 && errno == ENOENT) {
		/* No driver, or no function at all? */
		*strrchr(path, '/') = '\0';
		if (access(path, F_OK) == 0)
			n = 0;
	}
	if (n == -1)
		return -1;
	link[n] = '\0';
	name = strrchr(link, '/');
	name = name != NULL ? name + 1 : link;
	(void)snprintf(driver->name, sizeof(driver->name), "%.63s", name);
	driver->role = role_of(driver->name);
	return 0;
}

static void
remedy(const char *address, char *buf, size_t size)
{

	(void)snprintf(buf, size, "bind it to uio_pci_generic (edutool -d %s "
	    "bind uio)", address);
}

static int
machine(char *buf, size_t size)
{
	char vendor[64];

	if (edu_sysfs_line("/sys/class/dmi/id/sys_vendor", vendor,
	    sizeof(vendor)) == -1 || strcmp(vendor, "QEMU") != 0) {
		errno = ENOENT;
		return -1;
	}
	return edu_sysfs_line("/sys/class/dmi/id/product_version", buf, size);
}

const struct edu_system edu_system = {
	.pci_probe_asks		= 1,
	.pci_map_refused	= "a kernel driver has claimed it",
	.driver			= driver,
	.kernel			= edu_linux_kernel,
	.remedy			= remedy,
	.machine		= machine,
};
