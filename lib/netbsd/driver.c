/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Which driver of the kernel has a function. */

#include <sys/ioctl.h>

#include <dev/pci/pciio.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "error.h"
#include "netbsd.h"
#include "system.h"

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

int
edu_netbsd_driver(const char *address, struct edu_driver *driver)
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
