/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * A reset of the function.  The bus does it, and puts back configuration space;
 * the rest is to believe nothing from before: not that this was put back, nor
 * what was known of the registers.
 */

#include <errno.h>
#include <inttypes.h>

#include "internal.h"

#define NKEPT	4

/* Of configuration space, what a handle stands on; without MSI, less. */
struct kept {
	size_t		count;
	struct {
		unsigned	offset;
		uint32_t	mask;
		uint32_t	value;
	} dwords[NKEPT];
};

static int
keep(struct edu *edu, struct kept *k, unsigned offset, uint32_t mask)
{
	size_t i = k->count++;

	k->dwords[i].offset = offset;
	k->dwords[i].mask = mask;
	return edu->bus->ops->config_read(edu->bus, offset,
	    &k->dwords[i].value);
}

/*
 * A kernel's interrupt handler may mask INTx at any moment.  Of an ordinary
 * user's configuration space Linux shows the header alone, without MSI.
 */
static int
keep_all(struct edu *edu, struct kept *k)
{
	unsigned msi = 0;
	uint32_t dword;
	int has_msi;

	k->count = 0;
	if (keep(edu, k, PCI_COMMAND, PCI_COMMAND_MASK &
	    ~PCI_COMMAND_NO_INTX) == -1 ||
	    keep(edu, k, PCI_BAR(0), UINT32_MAX) == -1 ||
	    keep(edu, k, PCI_INTERRUPT, UINT32_MAX) == -1)
		return -1;
	has_msi = edu_config_msi(edu, &msi, &dword);
	if (has_msi == -1)
		return errno == EACCES ? 0 : -1;
	return has_msi ? keep(edu, k, msi, UINT32_MAX) : 0;
}

static int
check_kept(struct edu *edu, const struct kept *k)
{
	uint32_t command, now = 0;
	size_t i;

	if (edu_command_read(edu, &command) == -1)
		return -1;
	for (i = 0; i < k->count; i++) {
		if (edu->bus->ops->config_read(edu->bus, k->dwords[i].offset,
		    &now) == -1)
			return -1;
		if (((now ^ k->dwords[i].value) & k->dwords[i].mask) != 0)
			return edu_fail(&edu->err, EIO, "after its reset "
			    "configuration space reads 0x%08" PRIx32 " at 0x"
			    "%02x, where 0x%08" PRIx32 " was and has to be; "
			    "open the device again", now, k->dwords[i].offset,
			    k->dwords[i].value);
	}
	return 0;
}

/*
 * What the registers were written, and rearm() has read; and what was given up
 * does not go on.  An interrupt that is owed for that may still come.
 */
static void
forget(struct edu *edu)
{

	edu_queue_close(edu);
	edu_dma_register_written(edu);
	edu_factorial_forget(edu);
	edu->kernel->command_us = 0;
}

static int
require_idle(struct edu *edu)
{

	if (edu_queue_due(edu) != EDU_NEVER)
		return edu_fail(&edu->err, EBUSY, "operations are under way: "
		    "wait for them (edu_process()) or cancel them "
		    "(edu_cancel())");
	return edu_dma_require_idle(edu) == -1 ||
	    edu_factorial_require_idle(edu) == -1 ? -1 :
	    edu_require_unheld(edu);
}

static int
reset(struct edu *edu)
{
	struct kept k;
	uint32_t id;

	if (keep_all(edu, &k) == -1)
		return -1;
	forget(edu);
	if (edu->bus->ops->reset(edu->bus) == -1)
		return -1;
	edu_trace_note(edu->bus, EDU_TRACE_RESET, 0, 0, 0);
	if (check_kept(edu, &k) == -1 || edu_identify(edu, &id) == -1)
		return -1;
	return edu_irq_restart(edu);
}

EDU_PUBLIC int
edu_reset(struct edu *edu)
{
	uint32_t id;

	if (edu_require(edu, EDU_REGISTERS | EDU_CLAIM) == -1)
		return -1;
	if (edu->bus->is_driven)
		return edu_fail_driven(edu);
	if (edu->bus->ops->reset == NULL)
		return edu_fail(&edu->err, ENOTSUP, "this bus does not reset a "
		    "function alone");
	return edu_identify(edu, &id) == -1 || require_idle(edu) == -1 ? -1 :
	    reset(edu);
}
