/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Interrupts and DMA memory by vfio-pci.  Registers come from the bus as ever:
 * once BAR0 is mapped through VFIO's descriptor, vfio-pci claims it, and every
 * mapping by sysfs ends.
 *
 * Why nothing is lost, with MSI.  The device sets a status bit and then sends a
 * message, for every raise, and the message adds to an eventfd's count.
 * wait() takes the count before the caller reads the status.  So
 *  - what the caller's read sees may have been counted, or will be: then a
 *    later wait() returns 1 without a cause;
 *  - what is raised after that read sends its message after the count was
 *    taken, and wait() returns 1.
 * A message that is sent while bus mastering is off is lost, as at open; and
 * one whose count is taken behind the caller's read, as before it sleeps.
 * There it has the device repeat the message: see rearm_anew() in interrupt.c.
 *
 * With INTx, where MSI cannot be had, it is as uio.c says; VFIO masks and
 * counts, and signals at once when it is to unmask while the device asserts
 * the line.
 *
 * Getting the descriptor clears bus mastering and the INTx-disable bit, and
 * sets decoding.  When it is closed, by kill -9 as well, VFIO puts back what
 * the configuration space was then.
 */

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/vfio.h>

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus.h"
#include "error.h"
#include "linux.h"
#include "range.h"

/* How often, where an interrupt is always there, an unplug is looked for. */
#define WAITS	64

struct vfio {
	struct edu_kernel kernel;	/* first: the two are cast */
	struct edu_group *group;
	int		device_fd;
	int		irq_fd;		/* eventfd: it has interrupted */
	int		unplug_fd;	/* eventfd: give it back */
	int		either_fd;	/* epoll: one of the two */
	unsigned	waits;
};

/* What a segment is made of. */
struct piece {
	struct edu_range *range;
	void		*pages;		/* whole ones */
	size_t		size;
	int		is_ours;	/* and not the caller's */
	int		is_mapped;	/* the device reaches it */
};

static struct vfio *
vfio_of(struct edu_kernel *kernel)
{

	return (struct vfio *)(void *)kernel;
}

/* Have VFIO do something about an interrupt; fd -1: there is none to it. */
static int
set_irqs(struct vfio *self, unsigned index, unsigned action, int fd)
{
	union {
		struct vfio_irq_set set;
		char	room[sizeof(struct vfio_irq_set) + sizeof(int)];
	} u;

	memset(&u, 0, sizeof(u));
	u.set.argsz = sizeof(u.set);
	u.set.flags = action | VFIO_IRQ_SET_DATA_NONE;
	u.set.index = index;
	u.set.count = 1;
	if (fd != -1) {
		u.set.argsz = sizeof(u);
		u.set.flags = action | VFIO_IRQ_SET_DATA_EVENTFD;
		memcpy(u.room + sizeof(u.set), &fd, sizeof(fd));
	}
	return ioctl(self->device_fd, VFIO_DEVICE_SET_IRQS, &u.set);
}

/* Whether there was one: 1, 0, -1. */
static int
take_count(struct vfio *self)
{
	uint64_t count;

	if (read(self->irq_fd, &count, sizeof(count)) != -1)
		return 1;
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	return edu_fail_errno(self->kernel.err, errno,
	    "waiting for an interrupt");
}

static int
vfio_wait(struct edu_kernel *kernel, int timeout_ms)
{
	struct vfio *self = vfio_of(kernel);
	struct pollfd pfd[2] = {
		{ self->irq_fd, POLLIN, 0 }, { self->unplug_fd, POLLIN, 0 }
	};
	int ready;

	/* One that is there already is had by one system call. */
	if (++self->waits % WAITS != 0 && (ready = take_count(self)) != 0)
		return ready;
	if ((ready = poll(pfd, 2, timeout_ms)) == 0)
		return 0;
	if (ready == -1)
		return edu_fail_errno(kernel->err, errno,
		    "waiting for an interrupt");
	/* It stays there: whoever asks is told. */
	if (pfd[1].revents != 0)
		return edu_fail(kernel->err, ENODEV, "the system wants the "
		    "device back (unplug), and waits for it to be closed");
	return take_count(self) == -1 ? -1 : 1;
}

static int
vfio_fd(struct edu_kernel *kernel)
{

	return vfio_of(kernel)->either_fd;
}

/*
 * Masked by us or by VFIO: either way it is masked, and VFIO knows it.  A count
 * from before is for nothing, since the level is looked at next.
 */
static int
rearm_intx(struct edu_kernel *kernel)
{
	struct vfio *self = vfio_of(kernel);

	if (set_irqs(self, VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_MASK,
	    -1) == -1)
		return edu_fail_errno(kernel->err, errno, "masking INTx");
	if (take_count(self) == -1)
		return -1;
	if (set_irqs(self, VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_UNMASK,
	    -1) == -1)
		return edu_fail_errno(kernel->err, errno, "unmasking INTx");
	return 0;
}

/* The pages that hold length bytes at data. */
static int
map_pages(struct vfio *self, void *data, size_t length, uint64_t limit,
    struct edu_segment *segment)
{
	size_t page = edu_page_size(), skip = (uintptr_t)data % page;
	struct piece *piece;

	if (length > SIZE_MAX - 2 * page)
		return edu_fail(self->kernel.err, EINVAL,
		    "%zu bytes are more than there can be", length);
	if ((piece = calloc(1, sizeof(*piece))) == NULL)
		return edu_fail_memory(self->kernel.err);
	piece->pages = (char *)data - skip;
	piece->size = (skip + length + page - 1) / page * page;
	piece->range = edu_group_map(self->group, piece->pages, piece->size,
	    limit, self->kernel.err);
	if (piece->range == NULL) {
		free(piece);
		return -1;
	}
	piece->is_mapped = 1;
	segment->data = data;
	segment->length = length;
	segment->bus_address = piece->range->start + skip;
	segment->cookie = piece;
	return 0;
}

static int
vfio_map(struct edu_kernel *kernel, void *data, size_t length, uint64_t limit,
    struct edu_segment *segment)
{

	return map_pages(vfio_of(kernel), data, length, limit, segment);
}

static void
vfio_unmap(struct edu_kernel *kernel, struct edu_segment *segment)
{
	struct piece *piece = segment->cookie;

	edu_group_unmap(vfio_of(kernel)->group, piece->range);
	piece->is_mapped = 0;
}

/* The child of a fork does not get it, as with huge pages. */
static int
vfio_alloc(struct edu_kernel *kernel, size_t length, uint64_t limit,
    struct edu_segment *segment)
{
	struct piece *piece;
	void *data;
	int errnum;

	data = mmap(NULL, length, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (data == MAP_FAILED)
		return edu_fail_errno(kernel->err, errno,
		    "%zu bytes of DMA memory", length);
	if (madvise(data, length, MADV_DONTFORK) == 0 &&
	    map_pages(vfio_of(kernel), data, length, limit, segment) == 0) {
		piece = segment->cookie;
		piece->is_ours = 1;
		segment->length = piece->size;
		return 0;
	}
	errnum = errno;
	(void)munmap(data, length);
	errno = errnum;
	return -1;
}

static void
vfio_free(struct edu_kernel *kernel, struct edu_segment *segment)
{
	struct piece *piece = segment->cookie;

	if (piece->is_mapped)
		vfio_unmap(kernel, segment);
	edu_group_free(vfio_of(kernel)->group, piece->range);
	if (piece->is_ours)
		(void)munmap(piece->pages, piece->size);
	free(piece);
}

static void
vfio_close(struct edu_kernel *kernel)
{
	struct vfio *self = vfio_of(kernel);
	const int fds[] = { self->either_fd, self->irq_fd, self->unplug_fd };
	size_t i;

	if (self->group != NULL)
		edu_group_close(self->group, &self->device_fd);
	for (i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] != -1)
			(void)close(fds[i]);
	free(self);
}

#define MEMORY_AND_CLOSE						\
	.alloc = vfio_alloc,						\
	.free = vfio_free,						\
	.map_memory = vfio_map,						\
	.unmap_memory = vfio_unmap,					\
	.close = vfio_close

static const struct edu_kernel_ops poll_ops = {
	MEMORY_AND_CLOSE
};

static const struct edu_kernel_ops msi_ops = {
	.wait = vfio_wait,
	.fd = vfio_fd,
	MEMORY_AND_CLOSE
};

static const struct edu_kernel_ops intx_ops = {
	.wait = vfio_wait,
	.fd = vfio_fd,
	.rearm = rearm_intx,
	MEMORY_AND_CLOSE
};

/* One descriptor for both events. */
static int
open_events(struct vfio *self)
{
	struct epoll_event event = { .events = EPOLLIN };

	self->irq_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	self->unplug_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	self->either_fd = epoll_create1(EPOLL_CLOEXEC);
	if (self->irq_fd != -1 && self->unplug_fd != -1 &&
	    self->either_fd != -1 && epoll_ctl(self->either_fd, EPOLL_CTL_ADD,
	    self->irq_fd, &event) == 0 && epoll_ctl(self->either_fd,
	    EPOLL_CTL_ADD, self->unplug_fd, &event) == 0)
		return 0;
	return edu_fail_errno(self->kernel.err, errno, "an eventfd");
}

/* Kernels before 4.0 do not ask to have a device back. */
static int
open_interrupts(struct vfio *self)
{

	(void)set_irqs(self, VFIO_PCI_REQ_IRQ_INDEX,
	    VFIO_IRQ_SET_ACTION_TRIGGER, self->unplug_fd);
	if (set_irqs(self, VFIO_PCI_MSI_IRQ_INDEX,
	    VFIO_IRQ_SET_ACTION_TRIGGER, self->irq_fd) == 0) {
		self->kernel.ops = &msi_ops;
		self->kernel.is_msi = 1;
		return 0;
	}
	if (errno == ENOSPC)
		return edu_fail(self->kernel.err, ENOSPC, "no MSI: this "
		    "machine has no interrupt vector left (about 190 a "
		    "processor): fewer devices, or more processors, or "
		    "EDU_OPEN_POLL");
	/* The kernel keeps MSI from the device: pci=nomsi, msi_bus. */
	self->kernel.ops = &intx_ops;
	if (set_irqs(self, VFIO_PCI_INTX_IRQ_INDEX,
	    VFIO_IRQ_SET_ACTION_TRIGGER, self->irq_fd) == 0)
		return 0;
	return edu_fail_errno(self->kernel.err, errno,
	    "neither MSI nor INTx can be enabled");
}

static int
open_device(struct vfio *self, const char *address, int poll_only)
{

	if (edu_group_device(self->group, address, &self->device_fd) == -1)
		return edu_fail_errno(self->kernel.err, errno, "the IOMMU "
		    "group does not give the device");
	if (poll_only)
		return 0;
	if (open_events(self) == -1 || open_interrupts(self) == -1)
		return -1;
	(void)snprintf(self->kernel.name, sizeof(self->kernel.name),
	    "group %s (vfio-pci, %s)", edu_group_name(self->group),
	    self->kernel.is_msi ? "MSI" : "INTx");
	return 0;
}

struct edu_kernel *
edu_vfio_open(struct edu_bus *bus, int poll_only)
{
	struct edu_first_error first;
	struct vfio *self;

	if ((self = calloc(1, sizeof(*self))) == NULL) {
		(void)edu_fail_memory(bus->err);
		return NULL;
	}
	self->kernel.ops = &poll_ops;
	self->kernel.err = bus->err;
	self->kernel.translates = 1;
	(void)snprintf(self->kernel.name, sizeof(self->kernel.name), "none");
	self->device_fd = self->irq_fd = self->unplug_fd = -1;
	self->either_fd = -1;
	if ((self->group = edu_group_open(bus->name, bus->err)) != NULL &&
	    open_device(self, bus->name, poll_only) == 0)
		return &self->kernel;
	edu_error_save(&first, bus->err);
	vfio_close(&self->kernel);
	(void)edu_error_restore(&first, bus->err);
	return NULL;
}
