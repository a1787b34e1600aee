/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * The kernel sides of Linux: vfio-pci and uio_pci_generic where these drivers
 * are bound to the function, none elsewhere.  Without VFIO, DMA memory comes
 * from huge pages.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus.h"
#include "error.h"
#include "linux.h"
#include "system.h"

static void
linux_close(struct edu_kernel *kernel)
{
	struct edu_linux *self = edu_linux_of(kernel);

	edu_uio_close(self);
	free(self);
}

static const struct edu_kernel_ops none_ops = {
	.alloc = edu_memory_alloc,
	.free = edu_memory_free,
	.map_memory = edu_memory_map,
	.unmap_memory = edu_memory_unmap,
	.close = linux_close,
};

static const struct edu_kernel_ops uio_ops = {
	.rearm = edu_uio_rearm,
	.wait = edu_uio_wait,
	.fd = edu_uio_fd,
	.is_polled = edu_uio_is_polled,
	.alloc = edu_memory_alloc,
	.free = edu_memory_free,
	.map_memory = edu_memory_map,
	.unmap_memory = edu_memory_unmap,
	.close = linux_close,
};

/*
 * Whether an IOMMU translates what the function puts on the bus, so that a
 * physical address leads nowhere.
 */
static int
is_translated(int sysfs)
{
	char type[32];

	return edu_sysfs_line_at(sysfs, "iommu_group/type", type,
	    sizeof(type)) == 0 && strcmp(type, "identity") != 0;
}

static struct edu_kernel *
open_without_vfio(struct edu_bus *bus, int sysfs, int is_uio)
{
	struct edu_first_error first;
	struct edu_linux *self;

	if ((self = calloc(1, sizeof(*self))) == NULL) {
		(void)edu_fail_memory(bus->err);
		return NULL;
	}
	self->kernel.ops = &none_ops;
	self->kernel.err = bus->err;
	(void)snprintf(self->kernel.name, sizeof(self->kernel.name), "none");
	self->uio_fd = self->config_fd = -1;
	self->translated = is_translated(sysfs);
	if (!is_uio)
		return &self->kernel;
	self->kernel.ops = &uio_ops;
	if (edu_uio_open(self, bus, sysfs) == 0)
		return &self->kernel;
	edu_error_save(&first, bus->err);
	linux_close(&self->kernel);
	(void)edu_error_restore(&first, bus->err);
	return NULL;
}

struct edu_kernel *
edu_linux_kernel(struct edu_bus *bus, int poll_only)
{
	struct edu_kernel *kernel;
	struct edu_driver driver = { "", EDU_DRIVER_NONE };
	int errnum, sysfs;

	if ((sysfs = edu_sysfs_open(bus->name)) == -1) {
		(void)(errno == ENOENT ? edu_fail_gone(bus->err,
		    "sysfs does not show it") : edu_fail_errno(bus->err, errno,
		    EDU_SYSFS_PCI "/%s", bus->name));
		return NULL;
	}
	(void)edu_sysfs_driver(sysfs, &driver);
	if (strcmp(driver.name, "vfio-pci") == 0)
		kernel = edu_vfio_open(bus, poll_only);
	else
		kernel = open_without_vfio(bus, sysfs, !poll_only &&
		    strcmp(driver.name, "uio_pci_generic") == 0);
	errnum = errno;
	(void)close(sysfs);
	errno = errnum;
	return kernel;
}
