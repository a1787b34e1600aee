/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * The kernel side of a QEMU without a guest.
 *
 * Interrupts: qtest tells when an input of the machine's I/O APIC rises or
 * falls.  A PCI interrupt is a level, and a rise is announced once; rearm()
 * therefore looks whether the function still asserts it.  Spurious
 * announcements happen where other devices share the line.
 *
 * Memory: the device works on the guest's, which is in QEMU.  A segment is
 * memory of this process together with as much of the guest's, and sync()
 * copies between the two.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus.h"
#include "error.h"
#include "kernel.h"
#include "pci.h"
#include "qtest.h"
#include "range.h"

/*
 * The guest's memory that we use: above what every PC's firmware keeps for
 * itself at the start of memory, and below what SeaBIOS takes at the end, in
 * a machine of 16 MiB or more.
 */
#define MEMORY_START	0x100000U
#define MEMORY_END	0xf00000U
#define PAGE		4096U

#define PCI_STATUS_INTX		0x00080000U	/* in PCI_COMMAND */

/* The host bridges that tell the two machines apart, and a PIIX3. */
#define HOST_Q35		0x29c08086U
#define HOST_I440FX		0x12378086U
#define BRIDGE_PIIX3		0x70008086U
#define BRIDGE_DEVFN		QTEST_DEVFN(1, 0)

/* A q35 has the eight PCI interrupts, A to H, at these inputs. */
#define Q35_FIRST_LINE		16U
#define Q35_LAST_LINE		23U

/* PIIX3: where the PCI interrupts A to D go, a byte each. */
#define PIIX3_ROUTE		0x60U
#define  PIIX3_ROUTE_OFF	0x80U
#define  PIIX3_ROUTE_LINE	0x0fU
/* What firmware chooses, and any other than the PC's own devices would do. */
#define PIIX3_LINE		11U

struct kernel_qtest {
	struct edu_kernel kernel;
	struct edu_bus	*bus;
	struct qtest	*q;
	struct edu_range *used;		/* of the guest's memory */
};

static struct kernel_qtest *
self(struct edu_kernel *kernel)
{

	return (struct kernel_qtest *)(void *)kernel;
}

static int
rearm(struct edu_kernel *kernel)
{
	struct kernel_qtest *k = self(kernel);
	const struct edu_bus_ops *ops = k->bus->ops;
	uint32_t command = 0;

	if (ops->config_read(k->bus, PCI_COMMAND, &command) == -1)
		return -1;
	/* Unmasking a pending interrupt makes the line rise. */
	if (command & PCI_COMMAND_NO_INTX)
		return ops->config_write(k->bus, PCI_COMMAND,
		    command & PCI_COMMAND_MASK & ~PCI_COMMAND_NO_INTX);
	if (command & PCI_STATUS_INTX)
		qtest_ring(k->q, 1);
	return 0;
}

static int
wait_irq(struct edu_kernel *kernel, int timeout_ms)
{
	struct kernel_qtest *k = self(kernel);
	int result = qtest_wait(k->q, timeout_ms);

	if (result != -1)
		return result;
	if (k->q->errnum != 0)
		return qtest_fail(k->q, k->kernel.err,
		    "cannot wait for interrupts");
	return edu_fail_errno(k->kernel.err, errno,
	    "waiting for an interrupt");
}

static int
irq_fd(struct edu_kernel *kernel)
{

	return self(kernel)->q->irq_fd;
}

/* Whether there is memory: beyond its end, writes are lost. */
static int
is_memory(struct qtest *q, uint64_t address)
{
	static const unsigned char pattern[] = "is this memory?";
	unsigned char found[sizeof(pattern)] = { 0 };

	return qtest_store(q, address, pattern, sizeof(pattern)) == 0 &&
	    qtest_load(q, address, found, sizeof(found)) == 0 &&
	    memcmp(found, pattern, sizeof(pattern)) == 0;
}

static void
free_segment(struct edu_kernel *kernel, struct edu_segment *segment)
{

	edu_range_free(&self(kernel)->used, segment->cookie);
	free(segment->data);
}

/* Memory has no holes here: the end proves the rest. */
static int
check_memory(struct kernel_qtest *k, const struct edu_range *r)
{

	if (is_memory(k->q, r->end - PAGE))
		return 0;
	if (k->q->errnum != 0)
		return qtest_fail(k->q, k->kernel.err, "no memory");
	return edu_fail(k->kernel.err, ENOMEM, "this QEMU has too little "
	    "memory: start it with -m 16 or more");
}

static int
alloc(struct edu_kernel *kernel, size_t length, uint64_t limit,
    struct edu_segment *segment)
{
	uint64_t size = ((uint64_t)length + PAGE - 1) / PAGE * PAGE;
	struct kernel_qtest *k = self(kernel);
	struct edu_range *r;

	if (limit > MEMORY_END)
		limit = MEMORY_END;
	r = edu_range_take(&k->used, MEMORY_START, limit, size);
	if (r == NULL && errno == ENOSPC)
		return edu_fail(kernel->err, ENOMEM, "no %zu bytes are left of "
		    "those that a qtest device has from 0x%x up to 0x%" PRIx64,
		    length, MEMORY_START, limit);
	if (r == NULL || posix_memalign(&segment->data, PAGE, length) != 0) {
		if (r != NULL)
			edu_range_free(&k->used, r);
		return edu_fail_memory(kernel->err);
	}
	memset(segment->data, 0, length);
	segment->length = length;
	segment->bus_address = r->start;
	segment->cookie = r;
	if (check_memory(k, r) == 0)
		return 0;
	free_segment(kernel, segment);
	return -1;
}

static int
sync_segment(struct edu_kernel *kernel, struct edu_segment *segment,
    size_t offset, size_t length, int to_device)
{
	struct kernel_qtest *k = self(kernel);
	uint64_t address = segment->bus_address + offset;
	char *data = (char *)segment->data + offset;
	int result;

	result = to_device ? qtest_store(k->q, address, data, length) :
	    qtest_load(k->q, address, data, length);
	if (result == 0)
		return 0;
	return qtest_fail(k->q, k->kernel.err, "cannot copy DMA memory");
}

static void
close_kernel(struct edu_kernel *kernel)
{

	free(kernel);
}

static const struct edu_kernel_ops kernel_qtest_ops = {
	.rearm = rearm,
	.wait = wait_irq,
	.fd = irq_fd,
	.alloc = alloc,
	.free = free_segment,
	.sync = sync_segment,
	.close = close_kernel,
};

/* On a machine whose interrupts we cannot find: memory alone. */
static const struct edu_kernel_ops memory_ops = {
	.alloc = alloc,
	.free = free_segment,
	.sync = sync_segment,
	.close = close_kernel,
};

/* A PIIX3 routes nothing until firmware has told it to. */
static int
watch_i440fx(struct qtest *q)
{
	uint32_t id, line, routes;
	unsigned shift;

	if (qtest_config_read(q, BRIDGE_DEVFN, PCI_ID, &id) == -1 ||
	    qtest_config_read(q, BRIDGE_DEVFN, PIIX3_ROUTE, &routes) == -1)
		return -1;
	if (id != BRIDGE_PIIX3)
		return 0;
	for (shift = 0; shift < 32; shift += 8) {
		if (routes >> shift & PIIX3_ROUTE_OFF) {
			routes &= ~(UINT32_C(0xff) << shift);
			routes |= PIIX3_LINE << shift;
		}
		line = routes >> shift & PIIX3_ROUTE_LINE;
		qtest_watch(q, line);
	}
	if (qtest_config_write(q, BRIDGE_DEVFN, PIIX3_ROUTE, routes) == -1)
		return -1;
	return 1;
}

static int
watch_q35(struct qtest *q)
{
	unsigned line;

	for (line = Q35_FIRST_LINE; line <= Q35_LAST_LINE; line++)
		qtest_watch(q, line);
	return 1;
}

/* Hear the device's interrupt: 1, 0 when that is not possible here, or -1. */
static int
watch(struct qtest *q)
{
	uint32_t host;

	/* Refused where there is no I/O APIC. */
	if (qtest_listen(q) == -1)
		return q->errnum != 0 ? -1 : 0;
	if (qtest_config_read(q, QTEST_DEVFN(0, 0), PCI_ID, &host) == -1)
		return -1;
	switch (host) {
	case HOST_Q35:
		return watch_q35(q);
	case HOST_I440FX:
		return watch_i440fx(q);
	}
	return 0;
}

struct edu_kernel *
edu_qtest_kernel(struct edu_bus *bus, int poll_only)
{
	struct kernel_qtest *k;
	int watching = 0;

	if ((k = calloc(1, sizeof(*k))) == NULL) {
		(void)edu_fail_memory(bus->err);
		return NULL;
	}
	k->bus = bus;
	k->kernel.err = bus->err;
	k->q = edu_bus_qtest_session(bus);
	if (!poll_only && (watching = watch(k->q)) == -1) {
		(void)qtest_fail(k->q, bus->err, "cannot hear interrupts");
		free(k);
		return NULL;
	}
	k->kernel.ops = watching ? &kernel_qtest_ops : &memory_ops;
	(void)snprintf(k->kernel.name, sizeof(k->kernel.name), "qtest%s",
	    watching ? "" : " (memory only)");
	return &k->kernel;
}
