/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "linux.h"
#include "system.h"

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
	.driver			= edu_linux_driver,
	.holder			= edu_linux_holder,
	.kernel			= edu_linux_kernel,
	.remedy			= remedy,
	.machine		= machine,
};
