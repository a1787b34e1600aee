/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * The bus of a QEMU without a guest.  There is no firmware either, so this
 * does what one would: give BAR0 an address and switch decoding on.
 *
 * A firmware that is at work at the same time collides with us, in the ports
 * of configuration space and about BAR0.  So a QEMU at a socket needs one that
 * only halts, or that has come to rest, as SeaBIOS does after a second or two
 * when there is nothing to boot.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bus.h"
#include "clock.h"
#include "edureg.h"
#include "error.h"
#include "pci.h"
#include "qtest.h"
#include "trace.h"

/*
 * Free on every PC: below it are memory and, on a q35, the window of
 * configuration space; above it the interrupt controllers.
 */
#define BAR0_ADDRESS	0xfe000000U
/* What BAR0 reads after all ones were written: no address at all. */
#define BAR0_GARBAGE	(~(uint32_t)(EDU_BAR0_SIZE - 1))

/*
 * How long a transfer takes: in virtual time that leaps (0.1 to 0.3 ms
 * measured), or on a clock that we know nothing of.
 */
#define OWN_DMA_US	500
#define OTHER_DMA_US	(EDU_DMA_TIME_MS * 1000)

/* QEMU resets its machine within milliseconds, or not at all. */
#define RESET_MS	5000
#define RESET_NAP_US	200

#define SLOTS		32U
#define FUNCTIONS	8U
#define HEADER_MULTI	0x00800000U	/* in PCI_HEADER */

static struct qtest_bus *
self(struct edu_bus *bus)
{

	return (struct qtest_bus *)(void *)bus;
}

static int
config_read(struct edu_bus *bus, unsigned offset, uint32_t *value)
{
	struct qtest_bus *b = self(bus);

	if (qtest_config_read(b->q, b->devfn, offset, value) == 0)
		return 0;
	return qtest_fail(b->q, b->bus.err, "cannot read configuration space");
}

static int
config_write(struct edu_bus *bus, unsigned offset, uint32_t value)
{
	struct qtest_bus *b = self(bus);

	if (qtest_config_write(b->q, b->devfn, offset, value) == 0)
		return 0;
	return qtest_fail(b->q, b->bus.err, "cannot write configuration space");
}

static int
map(struct edu_bus *bus, int writable)
{
	uint32_t bar = 0;

	(void)writable;
	if (bus->ops->config_read(bus, PCI_BAR(0), &bar) == -1)
		return -1;
	self(bus)->bar0 = bar & ~PCI_BAR_MEM_FLAGS;
	return 0;
}

/*
 * No caller expects one of these to fail: a QEMU that refuses it is none to go
 * on with.
 */
static void
refused(struct qtest *q)
{

	qtest_give_up(q, "it refuses an access to a register");
}

/* A QEMU that is gone reads 0, as an unplugged device does. */
static uint64_t
read_register(struct edu_bus *bus, unsigned offset, unsigned width)
{
	struct qtest_bus *b = self(bus);
	uint64_t value = 0;

	if (qtest_command(b->q, &value, "read%c 0x%" PRIx32,
	    width == 8 ? 'q' : 'l', b->bar0 + offset) == 0)
		return value;
	refused(b->q);
	return 0;
}

static void
write_register(struct edu_bus *bus, unsigned offset, unsigned width,
    uint64_t value)
{
	struct qtest_bus *b = self(bus);

	if (qtest_command(b->q, NULL, "write%c 0x%" PRIx32 " 0x%" PRIx64,
	    width == 8 ? 'q' : 'l', b->bar0 + offset, value) == -1)
		refused(b->q);
}

static int
present(struct edu_bus *bus)
{
	struct qtest_bus *b = self(bus);

	if (b->q->errnum == 0)
		return 0;
	return qtest_fail(b->q, b->bus.err, b->q->errnum == ETIMEDOUT ?
	    "not done in time" : "the device is gone");
}

static int
stands_still(struct edu_bus *bus)
{

	return qtest_stands_still(self(bus)->q);
}

static void
begin(struct edu_bus *bus, int64_t deadline_us)
{

	qtest_begin(self(bus)->q, deadline_us);
}

/* Until configuration space shows it. */
static int
await_reset(struct edu_bus *bus)
{
	int64_t end_us = edu_deadline_us(edu_now_us(), RESET_MS), now_us;
	const struct edu_bus_ops *ops = bus->ops;
	uint32_t bar = 0, command = 0;

	for (;;) {
		now_us = edu_now_us();
		if (ops->config_read(bus, PCI_COMMAND, &command) == -1 ||
		    ops->config_read(bus, PCI_BAR(0), &bar) == -1)
			return -1;
		if ((command & PCI_COMMAND_MASK) == 0 && bar == 0)
			return 0;
		if (now_us >= end_us)
			return edu_fail(bus->err, EIO, "its machine was to be "
			    "reset, and %d ms later the command register is "
			    "0x%04" PRIx32 " and BAR0 0x%08" PRIx32, RESET_MS,
			    command & PCI_COMMAND_MASK, bar);
		edu_trace_sleep(bus, now_us + RESET_NAP_US);
	}
}

static int
save_config(struct edu_bus *bus, uint32_t *saved)
{
	unsigned offset;

	for (offset = 0; offset < PCI_CONFIG_SIZE; offset += 4)
		if (bus->ops->config_read(bus, offset, &saved[offset / 4]) ==
		    -1)
			return -1;
	saved[PCI_COMMAND / 4] &= PCI_COMMAND_MASK;
	return 0;
}

/*
 * From its end: MSI is enabled behind its address, and decoding behind BAR0.
 * What is read-only stays.
 */
static int
restore_config(struct edu_bus *bus, const uint32_t *saved)
{
	unsigned i = PCI_CONFIG_SIZE / 4;

	while (i-- > 0)
		if (saved[i] != 0 &&
		    bus->ops->config_write(bus, 4 * i, saved[i]) == -1)
			return -1;
	return 0;
}

/*
 * The whole machine, which has nothing else that matters.  Its memory stays,
 * but where the loader puts the processor's program anew.  What fails once when
 * it is put back is tried again.
 */
static int
reset(struct edu_bus *bus)
{
	struct edu_first_error first;
	uint32_t saved[PCI_CONFIG_SIZE / 4];

	if (!bus->is_alone)
		return edu_fail(bus->err, ENOTSUP, "with it the whole machine "
		    "would be reset, which others use: that is for a QEMU of "
		    "its own (qtest:)");
	if (save_config(bus, saved) == -1)
		return -1;
	if (qtest_reset(self(bus)->q) == -1)
		return qtest_fail(self(bus)->q, bus->err, "cannot reset the "
		    "machine");
	if (await_reset(bus) == 0 && restore_config(bus, saved) == 0)
		return 0;
	edu_error_save(&first, bus->err);
	(void)restore_config(bus, saved);
	return edu_error_restore(&first, bus->err);
}

static void
close_bus(struct edu_bus *bus)
{
	struct qtest_bus *b = self(bus);

	qtest_end(b->q);
	free(b);
}

static const struct edu_bus_ops bus_qtest_ops = {
	.config_read = config_read,
	.config_write = config_write,
	.map = map,
	.read = read_register,
	.write = write_register,
	.present = present,
	.begin = begin,
	.stands_still = stands_still,
	.reset = reset,
	.kernel = edu_qtest_kernel,
	.close = close_bus,
};

/* The first edu of bus 0: 1 with its address in *devfn, 0, or -1. */
static int
find(struct qtest *q, unsigned *devfn)
{
	unsigned function, functions, slot;
	uint32_t header, id;

	for (slot = 0; slot < SLOTS; slot++) {
		functions = 1;
		for (function = 0; function < functions; function++) {
			*devfn = QTEST_DEVFN(slot, function);
			if (qtest_config_read(q, *devfn, PCI_ID, &id) == -1)
				return -1;
			if (id == ((uint32_t)EDU_PCI_PRODUCT << 16 |
			    EDU_PCI_VENDOR))
				return 1;
			if (function > 0 || id == UINT32_MAX)
				continue;
			if (qtest_config_read(q, *devfn, PCI_HEADER,
			    &header) == -1)
				return -1;
			if (header & HEADER_MULTI)
				functions = FUNCTIONS;
		}
	}
	return 0;
}

/* What is sane already stays: another process may have chosen it. */
static int
play_firmware(struct edu_bus *bus)
{
	const struct edu_bus_ops *ops = bus->ops;
	uint32_t address, bar = 0, command = 0;

	if (ops->config_read(bus, PCI_BAR(0), &bar) == -1 ||
	    ops->config_read(bus, PCI_COMMAND, &command) == -1)
		return -1;
	address = bar & ~PCI_BAR_MEM_FLAGS;
	if ((address == 0 || address == BAR0_GARBAGE) &&
	    ops->config_write(bus, PCI_BAR(0), BAR0_ADDRESS) == -1)
		return -1;
	if (command & PCI_COMMAND_MEMORY)
		return 0;
	return ops->config_write(bus, PCI_COMMAND,
	    (command & PCI_COMMAND_MASK) | PCI_COMMAND_MEMORY);
}

static int
set_up(struct qtest_bus *b)
{

	switch (find(b->q, &b->devfn)) {
	case -1:
		return qtest_fail(b->q, b->bus.err, "cannot look for a device");
	case 0:
		if (!qtest_has_config(b->q))
			return edu_fail(b->bus.err, ENOENT, "this QEMU's "
			    "machine has no PCI configuration ports: start it "
			    "with -machine q35 -device edu");
		return edu_fail(b->bus.err, ENOENT, "this QEMU has no edu "
		    "device on its first PCI bus: start it with -device edu");
	}
	return play_firmware(&b->bus);
}

struct edu_bus *
edu_bus_qtest(const char *path, struct edu_error *err)
{
	int is_own = path[0] == '\0', errnum;
	struct qtest_bus *b;

	if ((b = calloc(1, sizeof(*b))) == NULL) {
		(void)edu_fail_memory(err);
		return NULL;
	}
	b->bus.ops = &bus_qtest_ops;
	(void)snprintf(b->bus.name, sizeof(b->bus.name), "qtest:%s", path);
	b->bus.dma_time_us = is_own ? OWN_DMA_US : OTHER_DMA_US;
	b->bus.is_private = 1;
	b->bus.is_alone = is_own;
	b->bus.err = err;
	edu_trace_bus(&b->bus);
	b->q = is_own ? qtest_start(err) : qtest_connect(path, err);
	if (b->q != NULL && set_up(b) == 0)
		return &b->bus;
	errnum = errno;
	close_bus(&b->bus);
	errno = errnum;
	return NULL;
}
