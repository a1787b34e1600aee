/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* An edu as QEMU has it, and what must never be asked of one. */

#include <inttypes.h>

#include "edu.h"
#include "pci.h"
#include "world.h"

#define CAPABILITY	0x40U
#define DMA_US		(EDU_DMA_TIME_MS * 1000)
#define FACTORIAL_US	40

void
device_init(struct device *d, unsigned i)
{
	uint32_t *c = d->config;

	(void)snprintf(d->name, sizeof(d->name), "0000:00:0%c.0",
	    i == 0 ? 'a' : 'b');
	c[PCI_ID / 4] = EDU_PCI_PRODUCT << 16 | EDU_PCI_VENDOR;
	c[PCI_COMMAND / 4] = PCI_STATUS_CAPABILITIES | 0x0103;
	c[PCI_CLASS / 4] = 0x00ff0010;
	d->address = 0xfea00000U + EDU_BAR0_SIZE * i;
	c[PCI_BAR(0) / 4] = d->address;
	c[PCI_SUBSYSTEM / 4] = 0x11001af4;
	c[PCI_CAPABILITIES / 4] = CAPABILITY;
	c[PCI_INTERRUPT / 4] = 0x010b;
	c[CAPABILITY / 4] = 0x00800000 | PCI_CAPABILITY_MSI;
}

static int
is_decoding(const struct device *d)
{

	/* Who is told lies does not know what it has switched off. */
	return world.is_hostile ||
	    (d->config[PCI_COMMAND / 4] & PCI_COMMAND_MEMORY) != 0;
}

static int
is_master(const struct device *d)
{

	return (d->config[PCI_COMMAND / 4] & PCI_COMMAND_MASTER) != 0;
}

void
device_recheck(struct device *d)
{

	if (!is_decoding(d))
		return;
	d->gathered |= d->interrupts;
	d->interrupts = 0;
	d->config[PCI_COMMAND / 4] &= ~PCI_STATUS_INTX;
	d->has_fired = d->gathered != 0;
}

/* Whoever waits for the level hears it. */
static void
level(struct device *d)
{
	uint32_t *command = &d->config[PCI_COMMAND / 4];

	*command &= ~PCI_STATUS_INTX;
	if (d->interrupts != 0)
		*command |= PCI_STATUS_INTX;
	if (d->interrupts == 0 || d->kernel == NULL)
		return;
	if (world.kind == KERNEL_SERVES)
		device_recheck(d);
	else if (world.kind == KERNEL_INTX &&
	    !(*command & PCI_COMMAND_NO_INTX)) {
		*command |= PCI_COMMAND_NO_INTX;
		d->has_fired = 1;
	}
}

static void
raise_bits(struct device *d, uint32_t bits)
{

	d->interrupts |= bits;
	level(d);
	if (world.kind == KERNEL_MSI && d->interrupts != 0 && is_master(d) &&
	    (d->config[CAPABILITY / 4] & PCI_MSI_ENABLE))
		d->has_fired = 1;
}

struct memory *
device_memory(uint64_t address, uint64_t length)
{
	struct memory *m;

	for (m = world.memory; m != NULL; m = m->next)
		if (address >= m->address && length <= m->length &&
		    address - m->address <= m->length - length)
			return m;
	return NULL;
}

/* What the library was told.  A handle begins with its error. */
static uint64_t
mask_of(const struct device *d)
{

	return d->bus == NULL ? EDU_DMA_MASK :
	    edu_dma_mask((const struct edu *)(void *)d->bus->err);
}

/* It begins: its range of the device's buffer is one, and its memory ours. */
static void
check_transfer(const struct device *d)
{
	int gets = (d->command & EDU_DMA_CMD_FROM_DEV) != 0;
	uint64_t at = gets ? d->source : d->destination;
	uint64_t address = gets ? d->destination : d->source;
	uint64_t limit = world.is_new || world.uses_last_byte ?
	    EDU_DMA_BUF_SIZE : EDU_DMA_BUF_SIZE - 1, mask = mask_of(d);

	if (world.tries_beyond && address > mask)
		address -= mask + 1;
	MUST(at >= EDU_DMA_BUF && at - EDU_DMA_BUF < limit);
	MUST(d->count > 0 && d->count <= limit - (at - EDU_DMA_BUF));
	MUST(address <= mask && d->count - 1 <= mask - address);
	MUST(device_memory(address, d->count) != NULL);
}

static uint64_t
memory_address(const struct device *d)
{

	return (d->command & EDU_DMA_CMD_FROM_DEV ? d->destination :
	    d->source) & mask_of(d);
}

struct memory *
device_uses(const struct device *d)
{

	return d->dma_us == 0 || d->is_stranger || !is_master(d) ? NULL :
	    device_memory(memory_address(d), d->count);
}

/* Idle, or the library is told lies: configuration space stays. */
void
device_reset(struct device *d)
{

	MUST(world.is_hostile || (d->dma_us == 0 && d->factorial_us == 0));
	d->live = d->n = d->status = d->interrupts = d->gathered = 0;
	d->source = d->destination = d->count = d->command = 0;
	d->dma_us = d->factorial_us = 0;
	memset(d->buffer, 0, sizeof(d->buffer));
	level(d);
}

static void
move(struct device *d, const struct memory *m)
{
	char *data = m->data + (memory_address(d) - m->address);

	if (d->command & EDU_DMA_CMD_FROM_DEV)
		memcpy(data, d->buffer + (d->source - EDU_DMA_BUF),
		    (size_t)d->count);
	else
		memcpy(d->buffer + (d->destination - EDU_DMA_BUF), data,
		    (size_t)d->count);
}

/*
 * It ends, and with bus mastering the data has gone.  What it touches is still
 * the library's; a former owner's has been cut off.
 */
static void
transfer(struct device *d)
{
	struct memory *m = device_uses(d);

	MUST(m != NULL || world.is_hostile || !is_master(d) ||
	    (d->is_stranger && (d->kernel == NULL || !d->is_writable)));
	if (m != NULL && m->is_mapped)
		move(d, m);
	d->dma_us = 0;
	d->is_stranger = 0;
	if (d->command & EDU_DMA_CMD_IRQ)
		raise_bits(d, EDU_INTR_DMA);
}

static void
compute(struct device *d)
{
	uint32_t n;

	d->factorial_us = 0;
	/* From 34 on it is 0. */
	n = d->n < 34 ? d->n : 34;
	for (d->n = 1; n > 1; n--)
		d->n *= n;
	if (d->status & EDU_STATUS_IRQFACT)
		raise_bits(d, EDU_INTR_FACTORIAL);
}

void
device_advance(void)
{
	struct device *d;

	for (d = world.devices; d < world.devices + DEVICES; d++) {
		if (d->dma_us != 0 && world.now_us >= d->dma_us)
			transfer(d);
		if (d->factorial_us != 0 && world.now_us >= d->factorial_us)
			compute(d);
	}
}

/* When something is done next; INT64_MAX: nothing is under way. */
int64_t
device_next(void)
{
	int64_t next_us = INT64_MAX;
	const struct device *d;

	for (d = world.devices; d < world.devices + DEVICES; d++) {
		if (d->dma_us != 0 && d->dma_us < next_us)
			next_us = d->dma_us;
		if (d->factorial_us != 0 && d->factorial_us < next_us)
			next_us = d->factorial_us;
	}
	return next_us;
}

uint32_t
device_config_read(struct device *d, unsigned offset)
{

	return d->config[offset / 4];
}

void
device_config_write(struct device *d, unsigned offset, uint32_t value)
{
	uint32_t mask = 0;

	d->config_writes++;
	switch (offset) {
	case PCI_COMMAND:
		mask = 0x0547;
		break;
	case PCI_BAR(0):
		mask = ~(uint32_t)(EDU_BAR0_SIZE - 1);
		break;
	case PCI_INTERRUPT:
		mask = 0xff;
		break;
	case CAPABILITY:
		mask = 0x00710000;
		break;
	case CAPABILITY + PCI_MSI_ADDRESS:
		mask = ~UINT32_C(3);
		break;
	case CAPABILITY + PCI_MSI_ADDRESS_HIGH:
		mask = UINT32_MAX;
		break;
	case CAPABILITY + PCI_MSI_DATA:
		mask = 0xffff;
		break;
	}
	d->config[offset / 4] = (d->config[offset / 4] & ~mask) |
	    (value & mask);
	level(d);
}

uint64_t
device_read(struct device *d, unsigned offset)
{

	if (!is_decoding(d))
		return 0;
	switch (offset) {
	case EDU_ID:
		return 0x010000ed;
	case EDU_LIVE:
		return d->live;
	case EDU_FACTORIAL:
		return d->n;
	case EDU_STATUS:
		return d->status | (d->factorial_us != 0);
	case EDU_INTR_STATUS:
		return d->interrupts;
	case EDU_DMA_SRC:
		return d->source;
	case EDU_DMA_DST:
		return d->destination;
	case EDU_DMA_COUNT:
		return d->count;
	case EDU_DMA_CMD:
		return (d->command & ~(uint64_t)EDU_DMA_CMD_RUN) |
		    (d->dma_us != 0);
	}
	return 0;
}

/* A busy engine takes nothing; but who is told lies may think it idle. */
static void
write_dma(struct device *d, unsigned offset, uint64_t value)
{

	if (d->dma_us != 0 && !world.is_hostile)
		return;
	d->dma_us = 0;
	switch (offset) {
	case EDU_DMA_SRC:
		d->source = value;
		break;
	case EDU_DMA_DST:
		d->destination = value;
		break;
	case EDU_DMA_COUNT:
		d->count = value;
		break;
	case EDU_DMA_CMD:
		d->command = value;
		if (!(value & EDU_DMA_CMD_RUN))
			break;
		check_transfer(d);
		d->is_stranger = 0;
		d->dma_us = world.now_us + DMA_US;
		break;
	}
}

void
device_write(struct device *d, unsigned offset, uint64_t value)
{

	if (!is_decoding(d))
		return;
	switch (offset) {
	case EDU_LIVE:
		d->live = ~(uint32_t)value;
		break;
	case EDU_FACTORIAL:
		if (d->factorial_us != 0)
			break;
		d->n = (uint32_t)value;
		d->factorial_us = world.now_us + FACTORIAL_US;
		break;
	case EDU_STATUS:
		d->status = (uint32_t)value & EDU_STATUS_IRQFACT;
		break;
	case EDU_INTR_RAISE:
		raise_bits(d, (uint32_t)value);
		break;
	case EDU_INTR_ACK:
		d->interrupts &= ~(uint32_t)value;
		level(d);
		break;
	default:
		write_dma(d, offset, value);
		break;
	}
}
