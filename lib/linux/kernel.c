/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * The kernel sides of Linux: uio_pci_generic where that driver is bound to
 * the function, none elsewhere.  DMA memory comes from huge pages with both.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus.h"
#include "error.h"
#include "linux.h"
#include "os.h"

/*
 * The caller may close because something failed.  The message and errno of
 * that stay.
 */
static void
linux_close(struct edu_kernel *kernel)
{
	struct edu_error unused;
	struct edu_linux *self;
	int errnum;

	errnum = errno;
	unused.device[0] = '\0';
	self = edu_linux_of(kernel);
	self->err = &unused;
	edu_uio_close(self);
	edu_memory_close(self);
	free(self);
	errno = errnum;
}

static const struct edu_kernel_ops none_ops = {
	.alloc = edu_memory_alloc,
	.free = edu_memory_free,
	.close = linux_close,
};

static const struct edu_kernel_ops uio_ops = {
	.rearm = edu_uio_rearm,
	.wait = edu_uio_wait,
	.fd = edu_uio_fd,
	.alloc = edu_memory_alloc,
	.free = edu_memory_free,
	.close = linux_close,
};

/*
 * Whether an IOMMU translates what the function puts on the bus, so that a
 * physical address leads nowhere.
 */
static int
is_translated(const char *address)
{
	char path[sizeof(EDU_SYSFS_PCI) + 160], type[32];

	(void)snprintf(path, sizeof(path),
	    EDU_SYSFS_PCI "/%.128s/iommu_group/type", address);
	return edu_sysfs_line(path, type, sizeof(type)) == 0 &&
	    strcmp(type, "identity") != 0;
}

struct edu_kernel *
edu_kernel_open(struct edu_bus *bus, int poll_only, struct edu_error *err)
{
	struct edu_linux *self;
	char driver[64];

	self = calloc(1, sizeof(*self));
	if (self == NULL) {
		(void)edu_fail(err, ENOMEM, "no memory left");
		return NULL;
	}
	self->kernel.ops = &none_ops;
	(void)snprintf(self->kernel.name, sizeof(self->kernel.name), "none");
	self->err = err;
	self->uio_fd = self->config_fd = -1;
	self->translated = is_translated(bus->name);
	if (poll_only ||
	    edu_os_driver(bus->name, driver, sizeof(driver)) == -1 ||
	    strcmp(driver, "uio_pci_generic") != 0)
		return &self->kernel;
	self->kernel.ops = &uio_ops;
	if (edu_uio_open(self, bus->name) == -1) {
		linux_close(&self->kernel);
		return NULL;
	}
	return &self->kernel;
}
