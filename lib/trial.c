/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * What those try who examine a device, and nobody else needs: each of these
 * changes something for the length of the call, and puts it back whatever has
 * become of it.
 */

#include <errno.h>
#include <inttypes.h>

#include "internal.h"

#define COMMANDS	(EDU_COMMAND_MASTER | EDU_COMMAND_NO_INTX)

/* Where its machine is not ours, its addresses are somebody else's. */
static int
require_alone(struct edu *edu)
{

	if (edu_require(edu, EDU_REGISTERS | EDU_CLAIM) == -1)
		return -1;
	if (edu->bus->is_alone)
		return 0;
	return edu_fail(&edu->err, ENOTSUP, "this machine's addresses belong "
	    "to others: only a QEMU of its own (qtest:) is safe for this");
}

/*
 * Where nobody takes INTx, it has to stay masked, and a driver that looks after
 * it must not be disturbed.
 */
EDU_PUBLIC int
edu_try_command(struct edu *edu, uint32_t set, uint32_t clear)
{

	if (edu_require(edu, EDU_REGISTERS | EDU_CLAIM) == -1)
		return -1;
	if (edu->bus->is_driven)
		return edu_fail_driven(edu);
	if (((set | clear) & ~COMMANDS) != 0 || (set & clear) != 0)
		return edu_fail(&edu->err, EINVAL, "0x%x and 0x%x are not bits "
		    "of the command register to be tried", set, clear);
	if (((set | clear) & EDU_COMMAND_NO_INTX) &&
	    edu->kernel->ops->rearm == NULL)
		return edu_fail(&edu->err, ENOTSUP, "nobody waits for INTx and "
		    "is told to unmask it");
	if (edu_command_change(edu, set, clear & ~EDU_COMMAND_NO_INTX) == -1)
		return -1;
	/* What is pending then may have it masked at once. */
	return clear & EDU_COMMAND_NO_INTX ?
	    edu->kernel->ops->rearm(edu->kernel) : 0;
}

/* The bits of this dword that a write must not change; 0: none is known. */
static int
readonly_bits(struct edu *edu, unsigned offset, uint32_t *bits)
{
	static const struct {
		unsigned	offset;
		uint32_t	bits;
	} known[] = {
		{ PCI_ID, UINT32_MAX },
		{ PCI_COMMAND, PCI_STATUS_READONLY },
		{ PCI_CLASS, UINT32_MAX },
		{ PCI_HEADER, PCI_HEADER_READONLY },
		{ PCI_SUBSYSTEM, UINT32_MAX },
		{ PCI_CAPABILITIES, PCI_CAPABILITIES_READONLY },
		{ PCI_INTERRUPT, PCI_INTERRUPT_READONLY }
	};
	unsigned msi = 0;
	uint32_t dword;
	size_t i;
	int result;

	*bits = 0;
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].offset == offset)
			*bits = known[i].bits;
	if (*bits != 0 || (result = edu_config_msi(edu, &msi, &dword)) == 0)
		return 0;
	if (result == 1 && msi == offset)
		*bits = PCI_MSI_READONLY;
	return result == -1 ? -1 : 0;
}

/* Neither the status bits that a one clears, nor BIST. */
static uint32_t
harmless(unsigned offset, uint32_t value)
{

	switch (offset) {
	case PCI_COMMAND:
		return value & (PCI_COMMAND_MASK | PCI_STATUS_READONLY);
	case PCI_HEADER:
		return value & 0x00ffffffU;
	default:
		return value;
	}
}

EDU_PUBLIC int
edu_try_config(struct edu *edu, unsigned offset, uint32_t *tried,
    uint32_t *changed)
{
	const struct edu_bus_ops *ops = edu->bus->ops;
	uint32_t before = 0, after = 0;

	if (edu_require(edu, EDU_REGISTERS | EDU_CLAIM) == -1)
		return -1;
	if (edu->bus->is_driven)
		return edu_fail_driven(edu);
	if (readonly_bits(edu, offset, tried) == -1)
		return -1;
	if (*tried == 0)
		return edu_fail(&edu->err, EINVAL, "no bit at 0x%02x is known "
		    "to be read-only", offset);
	if (ops->config_read(edu->bus, offset, &before) == -1 ||
	    ops->config_write(edu->bus, offset,
	    harmless(offset, before ^ *tried)) == -1 ||
	    ops->config_read(edu->bus, offset, &after) == -1)
		return -1;
	*changed = (before ^ after) & *tried;
	return ops->config_write(edu->bus, offset, harmless(offset, before));
}

struct unseen {
	uint32_t	live;
	uint32_t	id;
};

static int
access_disabled(struct edu *edu, void *arg)
{
	struct unseen *u = arg;

	edu_write32(edu, EDU_LIVE, u->live);
	u->id = edu_read32(edu, EDU_ID);
	return 0;
}

EDU_PUBLIC int
edu_try_decoding(struct edu *edu, uint32_t live, uint32_t *id)
{
	struct unseen u = { live, 0 };

	if (edu_require(edu, EDU_REGISTERS | EDU_CLAIM) == -1 ||
	    edu_bar_disabled(edu, access_disabled, &u) == -1)
		return -1;
	*id = u.id;
	return edu_confirm(edu);
}

struct place {
	uint32_t	old_id;		/* read at the old place */
	uint32_t	new_id;		/* and at the new one */
};

/* The bus reads at the old place until it maps anew. */
static int
move_disabled(struct edu *edu, void *arg)
{
	const struct edu_bus_ops *ops = edu->bus->ops;
	struct place *p = arg;
	uint32_t bar = 0, now = 0;

	if (ops->config_read(edu->bus, PCI_BAR(0), &bar) == -1 ||
	    ops->config_write(edu->bus, PCI_BAR(0),
	    bar + EDU_BAR0_SIZE) == -1 ||
	    ops->config_read(edu->bus, PCI_BAR(0), &now) == -1)
		return -1;
	if (now != bar + EDU_BAR0_SIZE)
		return edu_fail(&edu->err, EIO, "BAR0 does not take another "
		    "address: it reads 0x%08" PRIx32, now);
	if (edu_command_change(edu, PCI_COMMAND_MEMORY, 0) == -1)
		return -1;
	p->old_id = edu_read32(edu, EDU_ID);
	if (ops->map(edu->bus, 1) == -1)
		return -1;
	p->new_id = edu_read32(edu, EDU_ID);
	return edu_command_change(edu, 0, PCI_COMMAND_MEMORY);
}

EDU_PUBLIC int
edu_try_move(struct edu *edu, uint32_t *old_id, uint32_t *new_id)
{
	struct place p = { 0, 0 };
	struct edu_first_error first;

	if (require_alone(edu) == -1)
		return -1;
	if (edu_bar_disabled(edu, move_disabled, &p) == -1) {
		edu_error_save(&first, &edu->err);
		(void)edu->bus->ops->map(edu->bus, 1);
		return edu_error_restore(&first, &edu->err);
	}
	*old_id = p.old_id;
	*new_id = p.new_id;
	return edu->bus->ops->map(edu->bus, 1);
}

struct msi_trial {
	unsigned	offset;		/* of the capability */
	uint32_t	dword;		/* its first */
	uint32_t	address[2];	/* as found */
	uint32_t	data;
	uint64_t	target;
	uint32_t	message;
};

static int
msi_find(struct edu *edu, struct msi_trial *m)
{
	const struct edu_bus_ops *ops = edu->bus->ops;
	int result = edu_config_msi(edu, &m->offset, &m->dword);

	if (result == -1)
		return -1;
	if (result == 0 || !(m->dword & PCI_MSI_64BIT))
		return edu_fail(&edu->err, EIO, "there is no MSI capability of "
		    "64 bits, as an edu has");
	return ops->config_read(edu->bus, m->offset + PCI_MSI_ADDRESS,
	    &m->address[0]) == -1 ||
	    ops->config_read(edu->bus, m->offset + PCI_MSI_ADDRESS_HIGH,
	    &m->address[1]) == -1 ||
	    ops->config_read(edu->bus, m->offset + PCI_MSI_DATA,
	    &m->data) == -1 ? -1 : 0;
}

static int
msi_put(struct edu *edu, const struct msi_trial *m, unsigned offset,
    uint32_t value)
{

	return edu->bus->ops->config_write(edu->bus, m->offset + offset,
	    value);
}

/* Enabled last, and disabled first. */
static int
msi_enable(struct edu *edu, const struct msi_trial *m)
{

	return msi_put(edu, m, PCI_MSI_ADDRESS, (uint32_t)m->target) == -1 ||
	    msi_put(edu, m, PCI_MSI_ADDRESS_HIGH,
	    (uint32_t)(m->target >> 32)) == -1 ||
	    msi_put(edu, m, PCI_MSI_DATA, m->message) == -1 ||
	    msi_put(edu, m, 0, m->dword | PCI_MSI_ENABLE) == -1 ? -1 : 0;
}

static int
msi_restore(struct edu *edu, const struct msi_trial *m)
{
	int result;

	result = msi_put(edu, m, 0, m->dword & ~PCI_MSI_ENABLE);
	if (msi_put(edu, m, PCI_MSI_ADDRESS, m->address[0]) == -1 ||
	    msi_put(edu, m, PCI_MSI_ADDRESS_HIGH, m->address[1]) == -1 ||
	    msi_put(edu, m, PCI_MSI_DATA, m->data) == -1)
		return -1;
	return result;
}

/* Add bit to *intx if the function says that it asserts INTx. */
static int
note_intx(struct edu *edu, unsigned bit, unsigned *intx)
{
	uint32_t dword = 0;

	if (edu->bus->ops->config_read(edu->bus, PCI_COMMAND, &dword) == -1)
		return -1;
	if (dword & PCI_STATUS_INTX)
		*intx |= bit;
	return 0;
}

#define MSI_BITS	0x00400000U	/* neither engine's */

static int
msi_send(struct edu *edu, const struct msi_trial *m, unsigned *intx)
{

	edu_write32(edu, EDU_INTR_RAISE, MSI_BITS);
	if (note_intx(edu, EDU_INTX_BEFORE, intx) == -1 ||
	    msi_enable(edu, m) == -1 ||
	    note_intx(edu, EDU_INTX_DURING, intx) == -1)
		return -1;
	edu_write32(edu, EDU_INTR_RAISE, MSI_BITS);
	return 0;
}

EDU_PUBLIC int
edu_try_msi(struct edu *edu, uint32_t *data, uint16_t message, unsigned *intx)
{
	struct msi_trial m = { .message = message };
	struct edu_first_error first;
	struct edu_mem *mem;
	size_t offset;
	int result;

	*intx = 0;
	if (require_alone(edu) == -1 || msi_find(edu, &m) == -1 ||
	    (mem = edu_mem_find(edu, data, 4, &offset)) == NULL ||
	    edu_mem_sync(edu, mem, offset, 4, 1) == -1)
		return -1;
	m.target = edu_mem_segment(mem)->bus_address + offset;
	if ((result = msi_send(edu, &m, intx)) == -1)
		edu_error_save(&first, &edu->err);
	if (msi_restore(edu, &m) == -1 ||
	    note_intx(edu, EDU_INTX_AFTER, intx) == -1 ||
	    edu_irq_discard(edu, MSI_BITS) == -1)
		return -1;
	return result == -1 ? edu_error_restore(&first, &edu->err) :
	    edu_mem_sync(edu, mem, offset, 4, 0);
}
