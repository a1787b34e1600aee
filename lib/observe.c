/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Registers as one sees them who has not claimed the device.  Whoever has may
 * be sizing BAR0: nothing answers then, and every register reads 0 or all
 * ones, like a device that is gone.  Of a value that is neither there is no
 * doubt.  One that is has to come again and again between two looks at the
 * identification that find it.
 */

#include "internal.h"

#define AGREED		3
/*
 * How long a function may stay away that is being sized, and how many looks
 * that is at least: who was not run meanwhile has not looked.
 */
#define PATIENCE_US	300000
#define LOOKS		100
#define NAP_US		200

static void
nap(void)
{

	edu_sleep_until(edu_now_us() + NAP_US);
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
	int64_t end = edu_now_us() + PATIENCE_US;
	unsigned looks;

	for (looks = 1; ; looks++) {
		if (edu_command_read(edu, command) == -1)
			return -1;
		if ((*command & PCI_COMMAND_MEMORY) ||
		    (looks >= LOOKS && edu_now_us() > end))
			return 0;
		nap();
	}
}

/* Another process may have the function switched off as we read. */
static int
insist(struct edu *edu, unsigned offset, unsigned width, uint64_t *value)
{
	int64_t end = edu_now_us() + PATIENCE_US;
	uint32_t command;
	int agreed = 0, was_there = 0;
	unsigned looks = 0;

	while (agreed < AGREED) {
		*value = edu->bus->ops->read(edu->bus, offset, width);
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
		if (++looks >= LOOKS && edu_now_us() > end)
			return 0;
		if (!(command & PCI_COMMAND_MEMORY))
			nap();
	}
	return 0;
}

int
edu_observe(struct edu *edu, unsigned offset, unsigned width, uint64_t *value)
{

	*value = edu->bus->ops->read(edu->bus, offset, width);
	if (!is_nothing(*value, width) || edu_is_claimed(edu) ||
	    edu->bus->is_driven)
		return 0;
	return insist(edu, offset, width, value);
}
