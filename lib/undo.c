/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Whether what a killed process left to undo is still there to undo.  The
 * record lies under the function's address, and may be old, damaged or forged;
 * meanwhile the slot may have got another function, the system may have been
 * started anew, or given the BAR another address, and a driver may have come.
 * So nothing is written unless all of this holds:
 *  - the function is the one of the record, in the same run of the system,
 *    where the bus can tell, and has the same ids;
 *  - the operating system says of the BAR what the record says of it;
 *  - in the BAR stands what the sequence left there: the value of the record,
 *    or the size mask;
 *  - the command register is as the sequence left it.  Only where the BAR
 *    stands at the mask, and the function is proven to be the same, a driver
 *    may have changed it: decoding has gone on, at a wrong address.
 */

#include <stdio.h>
#include <string.h>

#include "claim.h"
#include "internal.h"

#define UNKNOWN		"-"

static int
get(struct edu *edu, unsigned offset, uint32_t *value)
{

	*value = UINT32_MAX;
	return edu->bus->ops->config_read(edu->bus, offset, value);
}

void
edu_instance(struct edu *edu, char *instance)
{
	struct edu_bus *bus = edu->bus;

	if (bus->ops->instance == NULL ||
	    bus->ops->instance(bus, instance, EDU_INSTANCE_SIZE) == -1)
		(void)snprintf(instance, EDU_INSTANCE_SIZE, UNKNOWN);
}

int
edu_undo_describe(struct edu *edu, struct edu_undo *u)
{

	edu_instance(edu, u->instance);
	if (get(edu, PCI_ID, &u->id) == -1 ||
	    edu_config_answers(edu, u->id) == -1)
		return -1;
	return get(edu, PCI_CLASS, &u->class);
}

unsigned
edu_bar_count(uint32_t header)
{
	static const unsigned count[] = { 6, 2, 1 };
	unsigned type = PCI_HEADER_TYPE(header);

	return type < sizeof(count) / sizeof(count[0]) ? count[type] : 0;
}

/* A BAR of this function, and of the type that the record says. */
static int
is_sane(struct edu *edu, const struct edu_undo *u)
{
	uint32_t header;
	unsigned count;

	if (u->command > PCI_COMMAND_MASK || u->is_wide > 1)
		return 0;
	if (u->offset == 0)
		return 1;
	if (get(edu, PCI_HEADER, &header) == -1)
		return 0;
	count = edu_bar_count(header);
	if (u->offset < PCI_BAR(0) || u->offset % 4 != 0 ||
	    u->offset + 4 * u->is_wide >= PCI_BAR(count))
		return 0;
	return u->is_wide == ((u->low & (PCI_BAR_IO | PCI_BAR_MEM_TYPE)) ==
	    PCI_BAR_MEM_TYPE_64);
}

/* Every bit above the lowest set one is set. */
static int
is_mask(uint32_t bits)
{

	return bits != 0 && (bits | (bits - 1)) == UINT32_MAX;
}

/* What to compare a half with that may have been asked for its size. */
static int
is_half(uint32_t now, uint32_t was, uint32_t flags, uint64_t size_mask)
{
	uint32_t bits = now & ~flags;

	if ((now & flags) != (was & flags) || (was & ~flags & ~bits) != 0)
		return 0;
	/* The upper 16 bits of an I/O BAR may be hardwired to 0. */
	if (flags == PCI_BAR_IO_FLAGS && bits >> 16 == 0 && bits != 0)
		bits |= 0xffff0000U;
	if (size_mask != 0)
		return bits == ((uint32_t)size_mask & ~flags);
	return is_mask(bits) || (bits == 0 && was == 0);
}

/* What stands in the BAR. */
enum content { OTHER, AS_BEFORE, AT_MASK };

static int
look(struct edu *edu, const struct edu_undo *u, uint64_t size_mask,
    enum content *content)
{
	uint32_t flags = u->low & PCI_BAR_IO ? PCI_BAR_IO_FLAGS :
	    PCI_BAR_MEM_FLAGS;
	uint32_t high = u->high, low;

	if (get(edu, u->offset, &low) == -1 ||
	    (u->is_wide && get(edu, u->offset + 4, &high) == -1))
		return -1;
	*content = OTHER;
	if (low == u->low && high == u->high)
		*content = AS_BEFORE;
	else if (is_half(low, u->low, flags, size_mask) &&
	    (high == u->high || is_half(high, u->high, 0, size_mask >> 32)))
		*content = AT_MASK;
	return 0;
}

/* As the operating system knows it: 1, or 0 when it has moved. */
static int
ask_system(struct edu *edu, const struct edu_undo *u, uint64_t *size_mask)
{
	const struct edu_bus_ops *ops = edu->bus->ops;
	uint64_t address;
	struct edu_region r;
	int known = 0;

	*size_mask = 0;
	if (ops->region != NULL)
		known = ops->region(edu->bus, (u->offset - PCI_BAR(0)) / 4, &r);
	if (known != 1)
		return known == 0 ? 1 : -1;
	address = u->low & ~(u->low & PCI_BAR_IO ? PCI_BAR_IO_FLAGS :
	    PCI_BAR_MEM_FLAGS);
	if (u->is_wide)
		address |= (uint64_t)u->high << 32;
	if (r.length == 0)
		return u->low == 0 && u->high == 0;
	if (r.address != address || r.is_io != ((u->low & PCI_BAR_IO) != 0))
		return 0;
	*size_mask = ~(r.length - 1);
	return 1;
}

/*
 * What disable() in bar.c writes.  Bus mastering goes off when the last user of
 * a driver's node does, killed or not.
 */
static int
is_command_left(const struct edu_undo *u, uint32_t now)
{
	uint32_t left = (u->command & ~PCI_COMMAND_DECODING) |
	    PCI_COMMAND_NO_INTX;

	return now == left || now == (left & ~PCI_COMMAND_MASTER);
}

/* 1: the same function, 0: another, or another run of the system. */
static int
identify(struct edu *edu, const struct edu_undo *u, int *is_proven)
{
	struct edu_undo now;

	if (edu_undo_describe(edu, &now) == -1)
		return -1;
	*is_proven = strcmp(now.instance, UNKNOWN) != 0;
	return now.id == u->id && now.class == u->class &&
	    strcmp(now.instance, u->instance) == 0;
}

int
edu_undo_check(struct edu *edu, struct edu_undo *u)
{
	const uint32_t changed = PCI_COMMAND_DECODING | PCI_COMMAND_NO_INTX;
	enum content content = AS_BEFORE;
	uint64_t size_mask;
	uint32_t now = 0;
	int is_proven, result;

	if ((result = identify(edu, u, &is_proven)) != 1 || !is_sane(edu, u))
		return result == -1 ? -1 : 0;
	if (edu_command_read(edu, &now) == -1)
		return -1;
	if (u->offset != 0) {
		if ((result = ask_system(edu, u, &size_mask)) != 1)
			return result;
		if (look(edu, u, size_mask, &content) == -1)
			return -1;
	}
	if (content == OTHER)
		return 0;
	if (is_command_left(u, now)) {
		u->command = (now & ~changed) | (u->command & changed);
		return 1;
	}
	u->command = now;
	return content == AT_MASK && is_proven;
}
