/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * The kernel side of NetBSD: edu(4).  The driver acknowledges interrupts in
 * the device and gathers their bits for read(2); its DMA memory is one piece
 * that mmap(2) shows, and of which this file cuts slices.
 */

#include <sys/ioctl.h>
#include <sys/mman.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus.h"
#include "error.h"
#include "kernel.h"
#include "netbsd.h"
#include "range.h"

#define PAGE		4096U

struct edu_netbsd {
	struct edu_kernel kernel;	/* first: the two are cast */
	struct edu_node	node;
	int		is_borrowed;	/* the node is the bus's */
	void		*bar0;		/* where we map it; or NULL */
	char		*memory;	/* all of it; NULL: not mapped yet */
	struct edu_range *used;		/* of the memory */
};

static struct edu_netbsd *
self(struct edu_kernel *kernel)
{

	return (struct edu_netbsd *)(void *)kernel;
}

static int
fail_node(struct edu_netbsd *k, const char *what)
{

	/* ENXIO: detached; EIO, and EBADF of ioctl(2): revoked. */
	if (errno == ENXIO || errno == EIO || errno == EBADF)
		return edu_fail(k->kernel.err, ENODEV, "%s: /dev/edu%u is "
		    "detached or revoked", what, k->node.info.unit);
	return edu_fail_errno(k->kernel.err, errno, "%s: /dev/edu%u", what,
	    k->node.info.unit);
}

static int
netbsd_take(struct edu_kernel *kernel, uint32_t *status)
{
	struct edu_netbsd *k = self(kernel);
	struct edu_event event;
	ssize_t n;

	do
		n = read(k->node.fd, &event, sizeof(event));
	while (n == -1 && errno == EINTR);
	if (n == -1 && errno == EAGAIN)
		return 0;
	if (n == -1)
		return fail_node(k, "reading an interrupt");
	if (n != (ssize_t)sizeof(event))
		return edu_fail(k->kernel.err, EIO, "reading an interrupt: %zd "
		    "of %zu bytes came", n, sizeof(event));
	*status |= event.status;
	return 1;
}

static int
netbsd_recheck(struct edu_kernel *kernel, uint32_t *status)
{
	struct edu_netbsd *k = self(kernel);
	struct edu_event event;

	if (ioctl(k->node.fd, EDU_IOC_RECHECK, &event) == 0) {
		*status = event.status;
		return 0;
	}
	if (errno == EAGAIN)
		return edu_fail(k->kernel.err, ENODEV, "edu(4) gets no answer "
		    "from the device");
	return fail_node(k, "looking for interrupts");
}

static int
netbsd_wait(struct edu_kernel *kernel, int timeout_ms)
{
	struct edu_netbsd *k = self(kernel);
	struct pollfd pfd;
	int n;

	pfd.fd = k->node.fd;
	pfd.events = POLLIN;
	if ((n = poll(&pfd, 1, timeout_ms)) == -1)
		return edu_fail_errno(k->kernel.err, errno,
		    "waiting for an interrupt");
	if (n == 1 && (pfd.revents & POLLNVAL))
		return edu_fail(k->kernel.err, EBADF, "the descriptor of "
		    "/dev/edu%u was closed", k->node.info.unit);
	return n;
}

static int
netbsd_fd(struct edu_kernel *kernel)
{

	return self(kernel)->node.fd;
}

/* People want to know where the registers came from. */
static void
name_lender(struct edu_kernel *kernel)
{
	size_t used = strlen(kernel->name);

	(void)snprintf(kernel->name + used, sizeof(kernel->name) - used,
	    ", gives BAR0");
}

static void *
netbsd_map(struct edu_kernel *kernel, int writable)
{
	struct edu_netbsd *k = self(kernel);

	k->bar0 = edu_node_map_bar0(&k->node, writable, kernel->err);
	if (k->bar0 != NULL)
		name_lender(kernel);
	return k->bar0;
}

static int
map_memory(struct edu_netbsd *k)
{
	void *memory;

	if (k->memory != NULL)
		return 0;
	memory = mmap(NULL, (size_t)k->node.info.dma_size,
	    PROT_READ | PROT_WRITE, MAP_SHARED, k->node.fd,
	    (off_t)k->node.info.dma_offset);
	if (memory == MAP_FAILED)
		return fail_node(k, "mapping DMA memory");
	k->memory = memory;
	return 0;
}

static int
netbsd_alloc(struct edu_kernel *kernel, size_t length, uint64_t limit,
    struct edu_segment *segment)
{
	struct edu_netbsd *k = self(kernel);
	const struct edu_info *info = &k->node.info;
	size_t size = (length + PAGE - 1) / PAGE * PAGE;
	struct edu_range *r;

	if (info->dma_address + info->dma_size > limit)
		return edu_fail(kernel->err, ENOMEM, "edu(4)'s memory at 0x%"
		    PRIx64 " is not below 0x%" PRIx64 ", the end of what the "
		    "device reaches: load the module with that mask (modload "
		    "-i dma_mask=%" PRIu64 "), or state the one that it has",
		    info->dma_address, limit, limit - 1);
	if (map_memory(k) == -1)
		return -1;
	r = edu_range_take(&k->used, 0, info->dma_size, size);
	if (r == NULL && errno == ENOSPC)
		return edu_fail(kernel->err, ENOMEM, "no %zu bytes are left of "
		    "the %" PRIu64 " that edu(4) has", length, info->dma_size);
	if (r == NULL)
		return edu_fail_memory(kernel->err);
	segment->data = memset(k->memory + r->start, 0, size);
	segment->length = size;
	segment->bus_address = info->dma_address + r->start;
	segment->cookie = r;
	return 0;
}

static void
netbsd_free(struct edu_kernel *kernel, struct edu_segment *segment)
{

	edu_range_free(&self(kernel)->used, segment->cookie);
}

/* The node is nobody else's before the last mapping is gone. */
static void
netbsd_close(struct edu_kernel *kernel)
{
	struct edu_netbsd *k = self(kernel);

	if (k->memory != NULL)
		(void)munmap(k->memory, (size_t)k->node.info.dma_size);
	if (k->bar0 != NULL)
		(void)munmap(k->bar0, (size_t)k->node.info.bar0_size);
	if (!k->is_borrowed && k->node.fd != -1)
		edu_node_close(&k->node);
	free(k);
}

static const struct edu_kernel_ops netbsd_ops = {
	.wait		= netbsd_wait,
	.take		= netbsd_take,
	.recheck	= netbsd_recheck,
	.fd		= netbsd_fd,
	.map		= netbsd_map,
	.alloc		= netbsd_alloc,
	.free		= netbsd_free,
	.close		= netbsd_close,
};

/* The driver takes the bits, whether somebody waits for them or not. */
static const struct edu_kernel_ops poll_ops = {
	.take		= netbsd_take,
	.recheck	= netbsd_recheck,
	.map		= netbsd_map,
	.alloc		= netbsd_alloc,
	.free		= netbsd_free,
	.close		= netbsd_close,
};

static const struct edu_kernel_ops none_ops = {
	.close		= netbsd_close,
};

static int
open_node(struct edu_netbsd *k, struct edu_bus *bus)
{
	const struct edu_node *node = edu_bus_node(bus);

	if (node == NULL)
		return edu_node_open(&k->node, bus->name, k->kernel.err);
	k->node = *node;
	k->is_borrowed = 1;
	return 0;
}

struct edu_kernel *
edu_netbsd_kernel(struct edu_bus *bus, int poll_only)
{
	struct edu_netbsd *k;

	if ((k = calloc(1, sizeof(*k))) == NULL) {
		(void)edu_fail_memory(bus->err);
		return NULL;
	}
	k->kernel.err = bus->err;
	k->node.fd = -1;
	if (open_node(k, bus) == 0) {
		k->kernel.ops = poll_only ? &poll_ops : &netbsd_ops;
		k->kernel.acknowledges = 1;
		k->kernel.is_msi = k->node.info.interrupt == EDU_IO_MSI;
		(void)snprintf(k->kernel.name, sizeof(k->kernel.name),
		    "edu%u (edu, %s)", k->node.info.unit,
		    k->node.info.interrupt == EDU_IO_MSI ? "MSI" : "INTx");
		if (k->is_borrowed)
			name_lender(&k->kernel);
	} else if (errno == ENXIO) {
		k->kernel.ops = &none_ops;
		(void)snprintf(k->kernel.name, sizeof(k->kernel.name), "none");
	} else {
		netbsd_close(&k->kernel);
		return NULL;
	}
	return &k->kernel;
}
