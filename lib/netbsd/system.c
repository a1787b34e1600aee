/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* What NetBSD supplies, and tells of a function. */

#include <sys/param.h>
#include <sys/ioctl.h>
#include <sys/sysctl.h>

#include <dev/pci/pciio.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
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

/* edu(4) serves us, with a unit number behind its name; others drive. */
static enum edu_driver_role
role_of(const char *name)
{
	size_t length = strlen(EDU_DRIVER);

	if (name[0] == '\0')
		return EDU_DRIVER_NONE;
	if (strncmp(name, EDU_DRIVER, length) == 0 &&
	    name[length + strspn(name + length, "0123456789")] == '\0')
		return EDU_DRIVER_SERVES;
	return EDU_DRIVER_OWNS;
}

static int
driver(const char *address, struct edu_driver *driver)
{
	struct pciio_drvnameonbus name;
	struct edu_error unused = { "", "" };
	struct edu_address a;
	char path[32];
	int fd, result;

	if (edu_address_parse(address, &a, &unused) == -1)
		return -1;
	memset(&name, 0, sizeof(name));
	name.bus = a.bus;
	name.device = a.device;
	name.function = a.function;
	(void)snprintf(path, sizeof(path), "/dev/pci%u", (unsigned)a.domain);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return -1;
	result = ioctl(fd, PCI_IOC_DRVNAMEONBUS, &name);
	(void)close(fd);
	if (result == -1)
		name.name[0] = '\0';
	(void)snprintf(driver->name, sizeof(driver->name), "%.*s",
	    (int)sizeof(name.name), name.name);
	driver->role = role_of(driver->name);
	return 0;
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

const struct edu_system edu_system = {
	.pci_access		= pci_access,
	.pci_map_refused	= "the securelevel is above 0",
	.driver			= driver,
	.kernel			= edu_netbsd_kernel,
	.remedy			= remedy,
	.bus			= edu_netbsd_bus,
	.list			= edu_netbsd_list,
	.machine		= machine,
};
