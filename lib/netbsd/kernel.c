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
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus.h"
#include "error.h"
#include "kernel.h"
#include "netbsd.h"

#define PAGE		4096U

/* A slice of the DMA memory, in the order of their offsets. */
struct slice {
	struct slice	*next;
	size_t		start;
	size_t		end;
};

struct edu_netbsd {
	struct edu_kernel kernel;	/* first: the two are cast */
	struct edu_error *err;
	struct edu_node	node;
	int		is_borrowed;	/* the node is the bus's */
	char		*memory;	/* all of it; NULL: not mapped yet */
	struct slice	*slices;
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
	if (errno == ENXIO || errno == EIO || errno == EBADF) {
		k->kernel.is_gone = 1;
		return edu_fail(k->err, ENODEV, "%s: /dev/edu%u is detached "
		    "or revoked", what, k->node.info.unit);
	}
	return edu_fail(k->err, errno, "%s: /dev/edu%u: %s", what,
	    k->node.info.unit, strerror(errno));
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
		return edu_fail(k->err, EIO, "reading an interrupt: %zd of %zu "
		    "bytes came", n, sizeof(event));
	*status |= event.status;
	return 1;
}

static int
netbsd_look(struct edu_kernel *kernel, uint32_t *status)
{
	struct edu_netbsd *k = self(kernel);
	struct edu_event event;

	if (ioctl(k->node.fd, EDU_IOC_LOOK, &event) == 0) {
		*status = event.status;
		return 0;
	}
	if (errno == EAGAIN)
		return edu_fail(k->err, ENODEV, "edu(4) gets no answer from "
		    "the device");
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
		return edu_fail(k->err, errno, "waiting for an interrupt: %s",
		    strerror(errno));
	if (n == 1 && (pfd.revents & POLLNVAL))
		return edu_fail(k->err, EBADF, "the descriptor of /dev/edu%u "
		    "was closed", k->node.info.unit);
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
	void *bar0;

	bar0 = edu_node_map_bar0(&k->node, writable, k->err);
	if (bar0 != NULL)
		name_lender(kernel);
	return bar0;
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
	size_t size = (length + PAGE - 1) / PAGE * PAGE, start = 0;
	struct slice **link = &k->slices, *s;

	if (map_memory(k) == -1)
		return -1;
	while (*link != NULL && (*link)->start - start < size) {
		start = (*link)->end;
		link = &(*link)->next;
	}
	if (size > info->dma_size || start > info->dma_size - size ||
	    info->dma_address + start + size > limit)
		return edu_fail(k->err, ENOMEM, "no %zu bytes are left of the "
		    "%llu that edu(4) has", length,
		    (unsigned long long)info->dma_size);
	if ((s = malloc(sizeof(*s))) == NULL)
		return edu_fail(k->err, ENOMEM, "out of memory");
	s->start = start;
	s->end = start + size;
	s->next = *link;
	*link = s;
	segment->data = memset(k->memory + start, 0, size);
	segment->length = size;
	segment->bus_address = info->dma_address + start;
	segment->cookie = s;
	return 0;
}

static void
netbsd_free(struct edu_kernel *kernel, struct edu_segment *segment)
{
	struct slice **link = &self(kernel)->slices, *s = segment->cookie;

	while (*link != s)
		link = &(*link)->next;
	*link = s->next;
	free(s);
}

static void
netbsd_close(struct edu_kernel *kernel)
{
	struct edu_netbsd *k = self(kernel);
	struct slice *s;

	while ((s = k->slices) != NULL) {
		k->slices = s->next;
		free(s);
	}
	if (k->memory != NULL)
		(void)munmap(k->memory, (size_t)k->node.info.dma_size);
	if (!k->is_borrowed && k->node.fd != -1)
		edu_node_close(&k->node);
	free(k);
}

static const struct edu_kernel_ops netbsd_ops = {
	.wait		= netbsd_wait,
	.take		= netbsd_take,
	.look		= netbsd_look,
	.fd		= netbsd_fd,
	.map		= netbsd_map,
	.alloc		= netbsd_alloc,
	.free		= netbsd_free,
	.close		= netbsd_close,
};

/* The driver takes the bits, whether somebody waits for them or not. */
static const struct edu_kernel_ops poll_ops = {
	.take		= netbsd_take,
	.look		= netbsd_look,
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
		return edu_node_open(&k->node, bus->name, k->err);
	k->node = *node;
	k->is_borrowed = 1;
	return 0;
}

struct edu_kernel *
edu_kernel_open(struct edu_bus *bus, int poll_only, struct edu_error *err)
{
	struct edu_netbsd *k;

	if ((k = calloc(1, sizeof(*k))) == NULL) {
		(void)edu_fail(err, ENOMEM, "out of memory");
		return NULL;
	}
	k->err = err;
	k->node.fd = -1;
	if (open_node(k, bus) == 0) {
		k->kernel.ops = poll_only ? &poll_ops : &netbsd_ops;
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
