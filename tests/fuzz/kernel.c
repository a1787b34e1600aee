/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* The kernel side: see world.h and the promises in kernel.h. */

#include <errno.h>

#include "error.h"
#include "pci.h"
#include "world.h"

#define CAPABILITY	0x40U

struct fuzz_kernel {
	struct edu_kernel kernel;	/* first: the two are cast */
	struct edu_kernel_ops ops;
};

static struct device *
device_of(const struct edu_kernel *kernel)
{
	struct device *d = world.devices;

	while (d->kernel != kernel)
		MUST(++d < world.devices + DEVICES);
	return d;
}

static int
fail(struct edu_kernel *kernel, int errnum)
{

	return edu_fail(kernel->err, errnum, "the kernel side fails");
}

/* As long as it takes, where something is under way. */
static int
wait_honestly(struct edu_kernel *kernel, int timeout_ms)
{
	struct device *d = device_of(kernel);
	int64_t end_us = timeout_ms < 0 ? INT64_MAX :
	    world.now_us + (int64_t)timeout_ms * 1000;

	for (device_advance(); !d->has_fired; device_advance()) {
		if (device_next() > end_us) {
			world.now_us = end_us;
			return 0;
		}
		if (device_next() == INT64_MAX)
			return fail(kernel, EINTR);
		world.now_us = device_next();
	}
	/* Where it acknowledges, take() ends that. */
	if (world.kind != KERNEL_SERVES)
		d->has_fired = 0;
	return 1;
}

static int
wait_irq(struct edu_kernel *kernel, int timeout_ms)
{

	if (world_is_over())
		return fail(kernel, ENODEV);
	switch (world.is_hostile ? take_byte(&world.in) % 16 : 0) {
	case 12:
		return 1;
	case 13:
		return 0;
	case 14:
		return fail(kernel, EINTR);
	case 15:
		return fail(kernel, EIO);
	default:
		return wait_honestly(kernel, timeout_ms);
	}
}

static int
irq_fd(struct edu_kernel *kernel)
{

	return FIRST_FD + (int)(device_of(kernel) - world.devices);
}

static int
is_polled(struct edu_kernel *kernel)
{
	int fails;

	(void)kernel;
	return world_answer(0, &fails) != 0;
}

static int
rearm(struct edu_kernel *kernel)
{
	struct device *d = device_of(kernel);
	int fails;

	(void)world_answer(0, &fails);
	if (fails)
		return fail(kernel, EIO);
	device_config_write(d, PCI_COMMAND,
	    d->config[PCI_COMMAND / 4] & ~PCI_COMMAND_NO_INTX);
	return 0;
}

static int
take_bits(struct edu_kernel *kernel, uint32_t *status)
{
	struct device *d = device_of(kernel);
	int fails;

	d->gathered = (uint32_t)world_answer(d->gathered, &fails);
	if (fails)
		return fail(kernel, EIO);
	*status |= d->gathered;
	d->gathered = 0;
	d->has_fired = 0;
	return *status != 0;
}

static int
recheck(struct edu_kernel *kernel, uint32_t *status)
{
	struct device *d = device_of(kernel);
	int fails;

	(void)world_answer(0, &fails);
	if (fails)
		return fail(kernel, ENODEV);
	device_recheck(d);
	*status |= d->gathered;
	return 0;
}

static void *
map(struct edu_kernel *kernel, int writable)
{
	static char bar0[EDU_BAR0_SIZE];
	int fails;

	(void)writable;
	(void)world_answer(0, &fails);
	if (!fails)
		return bar0;
	(void)fail(kernel, EIO);
	return NULL;
}

/* Wherever there is room; a kernel that lies gives what it must not. */
static int
add(struct edu_kernel *kernel, char *data, size_t length, uint64_t limit,
    struct edu_segment *segment)
{
	struct memory *m = calloc(1, sizeof(*m));
	int fails;

	MUST(m != NULL);
	m->address = world_answer(world.next_address, &fails);
	if (fails || (!world.is_hostile && (limit < length ||
	    m->address > limit - length))) {
		free(m);
		return fail(kernel, ENOMEM);
	}
	world.next_address += (length + 8191) / 4096 * 4096;
	m->length = length;
	m->data = data;
	m->is_mapped = 1;
	m->next = world.memory;
	world.memory = m;
	segment->data = data;
	segment->length = length;
	segment->bus_address = m->address;
	segment->cookie = m;
	return 0;
}

static int
alloc(struct edu_kernel *kernel, size_t length, uint64_t limit,
    struct edu_segment *segment)
{
	char *data = calloc(1, length);

	MUST(data != NULL && length > 0);
	if (add(kernel, data, length, limit, segment) == 0)
		return 0;
	free(data);
	return -1;
}

/* What an honest device still works at stays, unless it is cut off. */
static void
free_memory(struct edu_kernel *kernel, struct edu_segment *segment)
{
	struct memory *m = segment->cookie, **link = &world.memory;
	struct device *d = device_of(kernel);

	device_advance();
	MUST(world.is_hostile || device_uses(d) != m);
	while (*link != m)
		link = &(*link)->next;
	*link = m->next;
	if (!m->is_callers)
		free(m->data);
	free(m);
}

static int
map_memory(struct edu_kernel *kernel, void *data, size_t length,
    uint64_t limit, struct edu_segment *segment)
{

	if (add(kernel, data, length, limit, segment) == -1)
		return -1;
	((struct memory *)segment->cookie)->is_callers = 1;
	return 0;
}

static void
unmap_memory(struct edu_kernel *kernel, struct edu_segment *segment)
{

	(void)kernel;
	((struct memory *)segment->cookie)->is_mapped = 0;
}

static void
close_kernel(struct edu_kernel *kernel)
{
	struct device *d = device_of(kernel);

	if (world.kind == KERNEL_MSI)
		d->config[CAPABILITY / 4] &= ~PCI_MSI_ENABLE;
	d->kernel = NULL;
	d->has_fired = 0;
	free(kernel);
}

static struct edu_kernel_ops
choose_ops(int poll_only)
{
	struct edu_kernel_ops ops = { .alloc = alloc, .free = free_memory,
	    .close = close_kernel };

	if (world.translates) {
		ops.map_memory = map_memory;
		ops.unmap_memory = unmap_memory;
	}
	if (world.kind == KERNEL_SERVES) {
		ops.take = take_bits;
		ops.recheck = recheck;
		ops.map = map;
	}
	if (world.kind == KERNEL_NONE || poll_only)
		return ops;
	ops.wait = wait_irq;
	ops.fd = irq_fd;
	if (world.kind == KERNEL_INTX) {
		ops.rearm = rearm;
		ops.is_polled = is_polled;
	}
	return ops;
}

struct edu_kernel *
world_kernel(struct edu_bus *bus, int poll_only)
{
	struct fuzz_kernel *k = calloc(1, sizeof(*k));
	struct edu_kernel *kernel = &k->kernel;
	struct device *d = world.devices;
	int fails;

	MUST(k != NULL);
	while (d->bus != bus)
		MUST(++d < world.devices + DEVICES);
	kernel->err = bus->err;
	(void)world_answer(0, &fails);
	if (fails) {
		(void)fail(kernel, EBUSY);
		free(k);
		return NULL;
	}
	k->ops = choose_ops(poll_only);
	kernel->ops = &k->ops;
	kernel->acknowledges = world.kind == KERNEL_SERVES;
	kernel->is_msi = world.kind == KERNEL_MSI;
	kernel->translates = world.translates;
	(void)snprintf(kernel->name, sizeof(kernel->name), "fuzz");
	MUST(d->kernel == NULL);
	d->kernel = kernel;
	if (world.kind == KERNEL_MSI)
		d->config[CAPABILITY / 4] |= PCI_MSI_ENABLE;
	return kernel;
}
