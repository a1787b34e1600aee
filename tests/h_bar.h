/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef H_BAR_H
#define H_BAR_H

/* What the tests of sizing share. */

#include <atf-c.h>
#include <stdint.h>

#include <edu.h>
#include <edureg.h>

#include "h_qemu.h"
#include "h_tap.h"

#define BAR0		0x10U
#define ONES		UINT32_MAX
/* What edu's BAR0 answers to all ones. */
#define MASK0		0xfff00000U

/* Bits of the command register. */
#define NO_INTX		0x0400U
#define DECODING	0x0003U

/* The command register and a BAR of the function that the tap leads to. */
struct state {
	uint32_t	command;
	uint32_t	low;
	uint32_t	high;
};

static inline uint32_t
real_read(unsigned offset)
{
	struct edu_bus *bus = tap.edu->bus;
	uint32_t value;

	if (tap.devfn != 0)
		return session_config_read(edu_bus_qtest_session(bus),
		    tap.devfn, offset);
	ATF_REQUIRE(tap.real->config_read(bus, offset, &value) == 0);
	return value;
}

static inline void
real_write(unsigned offset, uint32_t value)
{
	struct edu_bus *bus = tap.edu->bus;

	if (tap.devfn != 0)
		session_config_write(edu_bus_qtest_session(bus), tap.devfn,
		    offset, value);
	else
		ATF_REQUIRE(tap.real->config_write(bus, offset, value) == 0);
}

static inline struct state
get_state(unsigned offset)
{
	struct state s;

	s.command = real_read(PCI_COMMAND) & 0xffff;
	s.low = real_read(offset);
	s.high = real_read(offset + 4);
	return s;
}

static inline void
set_state(unsigned offset, const struct state *s)
{

	real_write(PCI_COMMAND, 0);
	real_write(offset, s->low);
	real_write(offset + 4, s->high);
	real_write(PCI_COMMAND, s->command);
}

static inline int
is_same(const struct state *a, const struct state *b)
{

	return a->command == b->command && a->low == b->low &&
	    a->high == b->high;
}

static inline struct edu *
open_tapped(void)
{
	struct edu *edu = open_device("qtest:", EDU_OPEN_CONFIG);

	tap_attach(edu);
	return edu;
}

/* A QEMU with one more function, to which the tap leads. */
static inline struct edu *
open_other(const char *machine, const char *options, unsigned devfn)
{
	struct edu *edu;

	start_qemu(machine, options);
	edu = open_device(DEVICE, EDU_OPEN_CONFIG);
	tap_attach(edu);
	tap.devfn = devfn;
	return edu;
}

#define TESTDEV		"-S -device pci-testdev,addr=5,membar=64K"
#define TESTDEV_DEVFN	QTEST_DEVFN(5, 0)

static inline struct edu_bar *
size_bar(struct edu *edu, unsigned index)
{
	struct edu_bar *bar = edu_bar_size(edu, index, 0);

	ATF_REQUIRE_MSG(bar != NULL, "BAR%u: %s", index, edu_errmsg(edu));
	return bar;
}

/* How many accesses come before the first of the steps. */
static inline size_t
count_checks(struct edu *edu, unsigned index, size_t steps)
{
	size_t count;

	tap_reset();
	edu_bar_free(size_bar(edu, index));
	count = tap.count;
	ATF_REQUIRE(count > steps);
	tap_reset();
	return count - steps;
}

/* What the operating system says, by this test. */
static struct edu_region region;
static int region_result;

static inline int
say_region(struct edu_bus *bus, unsigned index, struct edu_region *r)
{

	(void)bus;
	(void)index;
	*r = region;
	return region_result == 0 ? 1 : tap_fail();
}

#endif /* H_BAR_H */
