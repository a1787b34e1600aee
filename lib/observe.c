/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Registers, and BARs, as one sees them who has not claimed the device.
 * Whoever has may be sizing BAR0: nothing answers then, and every register
 * reads 0 or all ones, like a device that is gone.  Of a value that is neither
 * there is no doubt.  One that is has to come again and again between two looks
 * at the identification that find it.
 */

#include <errno.h>

#include "internal.h"

#define AGREED		3
/* How long a function may stay away that is being sized, at so many looks. */
#define PATIENCE_US	300000
#define LOOKS		100
#define NAP_US		200

struct patience {
	int64_t		end_us;
	unsigned	looks;
};

static struct patience
fresh(void)
{
	const struct patience p = { edu_now_us() + PATIENCE_US, LOOKS };

	return p;
}

/* Time alone would prove nothing where the whole machine stands still. */
static int
is_over(struct patience *p)
{

	if (p->looks > 0)
		p->looks--;
	return p->looks == 0 && edu_now_us() > p->end_us;
}

static void
nap(struct edu *edu)
{

	edu_trace_sleep(edu->bus, edu_now_us() + NAP_US);
}

static int
is_nothing(uint64_t value, unsigned width)
{

	return value == 0 || value == (width == 8 ? UINT64_MAX : UINT32_MAX);
}

static int
answers(struct edu *edu)
{

	return !is_nothing(edu_read32(edu, EDU_ID), 4);
}

int
edu_decoding_await(struct edu *edu, uint32_t *command)
{
	struct patience left = fresh();

	for (;;) {
		if (edu_command_read(edu, command) == -1)
			return -1;
		if ((*command & PCI_COMMAND_MEMORY) || is_over(&left))
			return 0;
		nap(edu);
	}
}

/* Another process may have the function switched off as we read. */
static int
insist(struct edu *edu, unsigned offset, unsigned width, uint64_t *value)
{
	struct patience left = fresh();
	uint32_t command;
	int agreed = 0, was_there = 0;

	while (agreed < AGREED) {
		*value = edu_bus_read(edu, offset, width);
		if (!is_nothing(*value, width))
			return 0;
		if (answers(edu)) {
			agreed += was_there;
			was_there = 1;
			continue;
		}
		agreed = was_there = 0;
		/* Gone, or away: what reads 0 for ever is for our caller. */
		if (edu_command_read(edu, &command) == -1)
			return -1;
		if (is_over(&left))
			return 0;
		if (!(command & PCI_COMMAND_MEMORY))
			nap(edu);
	}
	return 0;
}

int
edu_observe(struct edu *edu, unsigned offset, unsigned width, uint64_t *value)
{

	*value = edu_bus_read(edu, offset, width);
	if (!is_nothing(*value, width) || edu_is_claimed(edu) ||
	    edu->bus->is_driven)
		return 0;
	return insist(edu, offset, width, value);
}

/* As is what a BAR reads while it is being sized. */
static int
is_run_of_ones(uint32_t value)
{

	value &= ~PCI_BAR_MEM_FLAGS;
	return value != 0 && (value & (value + (value & -value))) == 0;
}

/* Whoever sizes a BAR has decoding off until it is as it was. */
static int
read_bar(struct edu *edu, unsigned offset, uint32_t *value)
{
	struct patience left = fresh();
	uint32_t after, before;

	for (;;) {
		if (edu_command_read(edu, &before) == -1 ||
		    edu->bus->ops->config_read(edu->bus, offset, value) == -1)
			return -1;
		if (!is_run_of_ones(*value))
			return 0;
		if (edu_command_read(edu, &after) == -1)
			return -1;
		if ((before & after & PCI_COMMAND_DECODING) ||
		    is_over(&left))
			return 0;
		nap(edu);
	}
}

static int
config_read(struct edu *edu, unsigned offset, uint32_t *value)
{

	if (offset >= PCI_BAR(0) && offset <= PCI_BAR(5) &&
	    !edu_is_claimed(edu))
		return read_bar(edu, offset, value);
	return edu->bus->ops->config_read(edu->bus, offset, value);
}

EDU_PUBLIC int
edu_config_read(struct edu *edu, unsigned offset, uint32_t *value)
{
	uint32_t ids = UINT32_MAX;

	if (offset % 4 != 0 || offset >= PCI_CONFIG_SIZE)
		return edu_fail(&edu->err, EINVAL, "cannot read configuration "
		    "space at 0x%x: not a multiple of 4 below 0x%x", offset,
		    PCI_CONFIG_SIZE);
	edu_begin(edu);
	if (edu_present(edu) == -1 || config_read(edu, offset, value) == -1)
		return -1;
	if (*value != UINT32_MAX)
		return 0;
	/* All ones: that may be a register of it, but not its ids. */
	if (edu->bus->ops->config_read(edu->bus, PCI_ID, &ids) == -1)
		return -1;
	return edu_config_answers(edu, ids);
}
