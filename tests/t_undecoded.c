/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Somebody switches memory decoding off while the engines work.  They go on,
 * and cannot be asked.
 */

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <edu.h>
#include <edureg.h>

#include "h_case.h"
#include "h_memory.h"
#include "h_qemu.h"
#include "h_tap.h"

#define SLOW		200000000U
#define MASTER		PCI_COMMAND_MASTER
#define MEMORY		PCI_COMMAND_MEMORY

static void
change_command(struct edu *edu, uint32_t set, uint32_t clear)
{
	uint32_t command;

	REQUIRE_EDU(edu, edu_config_read(edu, PCI_COMMAND, &command));
	ATF_REQUIRE(edu->bus->ops->config_write(edu->bus, PCI_COMMAND,
	    (command & 0xffff & ~clear) | set) == 0);
}

/* A hook: the first look at this register reads this, and no other. */
static unsigned glimpse_at;
static uint32_t glimpse_reads;

static enum tap_verdict
glimpse(size_t i, struct tap_access *a)
{

	(void)i;
	if (!a->is_config && !a->is_write && a->offset == glimpse_at) {
		a->value = glimpse_reads;
		tap.hook = NULL;
	}
	return TAP_PASS;
}

static void
set_glimpse(unsigned offset, uint32_t value)
{

	glimpse_at = offset;
	glimpse_reads = value;
	tap.hook = glimpse;
}

/* A get runs in a machine whose clock stands still, and cannot be seen to. */
static struct edu *
open_undecoded(unsigned char **mem)
{
	struct qtest *q;
	struct edu *edu;

	start_qemu("q35", "-S");
	/* As firmware may leave it, so that a close would put that back. */
	q = session_open();
	session_config_write(q, EDU_DEVFN, PCI_COMMAND, MASTER | MEMORY);
	qtest_end(q);
	edu = open_device(DEVICE, 0);
	*mem = alloc(edu, 4096);
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_get(edu, 0, *mem, 1000, 0,
	    0) == -1);
	change_command(edu, 0, MEMORY);
	return edu;
}

static void
check_kept(struct edu *edu, unsigned char *mem)
{
	uint64_t address = bus_address(edu, mem);
	unsigned char *other;

	CHECK_ERRNO(edu, ENODEV, edu_dma_get(edu, 0, mem, 1000, EDU_RESUME,
	    SOON_MS) == -1);
	CHECK_MESSAGE(edu, "decoding");
	CHECK_ERRNO(edu, ENODEV, edu_dma_put(edu, 0, mem, 1000, 0,
	    SOON_MS) == -1);
	edu_mem_free(edu, mem);
	other = alloc(edu, 4096);
	ATF_CHECK(bus_address(edu, other) != address);
	change_command(edu, MEMORY, 0);
	tap_reset();
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_put(edu, 0, other, 1000, 0,
	    0) == -1);
	CHECK_MESSAGE(edu, "earlier transfer");
	monitor("cont");
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, other, 1000, 0, SOON_MS));
	ATF_CHECK_EQ(bus_address(edu, alloc(edu, 4096)), address);
	edu_close(edu);
}

EDU_TEST(dma, "a transfer that runs is ENODEV, and so is the next; its memory "
    "is kept until it is seen to be over")
{
	unsigned char *mem;
	struct edu *edu = open_undecoded(&mem);

	check_kept(edu, mem);
}

EDU_TEST(dma_ones, "the same where nobody's registers read all ones")
{
	unsigned char *mem;
	struct edu *edu = open_undecoded(&mem);

	tap_attach(edu);
	tap.hook = tap_read_ones;
	check_kept(edu, mem);
}

EDU_TEST(dma_glimpse, "one look that reads all ones does not end a transfer, "
    "and one that reads 0 does not begin the next over it")
{
	unsigned char *mem;
	struct edu *edu;

	start_qemu("q35", "-S");
	edu = open_device(DEVICE, 0);
	mem = alloc(edu, 4096);
	tap_attach(edu);
	set_glimpse(EDU_DMA_CMD, UINT32_MAX);
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_put(edu, 0, mem, 1000, 0,
	    20) == -1);
	ATF_CHECK(tap.hook == NULL);
	set_glimpse(EDU_DMA_CMD, 0);
	CHECK_ERRNO(edu, EBUSY, edu_dma_put(edu, 0, mem, 500, 0,
	    20) == -1);
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_put(edu, 0, mem, 500, 0,
	    20) == -1);
	monitor("cont");
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, mem, 500, 0, SOON_MS));
	edu_close(edu);
}

EDU_TEST(dma_closed, "at close it is cut off from the memory")
{
	unsigned char *mem;
	struct edu *edu = open_undecoded(&mem);
	struct qtest *q;

	CHECK_ERRNO(edu, ENODEV, edu_dma_put(edu, 0, mem, 1000, 0,
	    SOON_MS) == -1);
	edu_close(edu);
	q = session_open();
	ATF_CHECK_EQ(session_config_read(q, EDU_DEVFN, PCI_COMMAND) & MASTER,
	    0);
	qtest_end(q);
}

EDU_TEST(factorial, "a factorial that is computed is ENODEV, and the next is "
    "not given its result", "timeout", "60")
{
	struct edu *edu = open_device("qtest:", 0);
	uint32_t value = 77;

	CHECK_ERRNO(edu, ETIMEDOUT, edu_factorial(edu, SLOW, EDU_WRAP, 0,
	    &value) == -1);
	change_command(edu, 0, MEMORY);
	CHECK_ERRNO(edu, ENODEV, edu_factorial(edu, SLOW,
	    EDU_WRAP | EDU_RESUME, SOON_MS, &value) == -1);
	ATF_CHECK_EQ(value, 77);
	change_command(edu, MEMORY, 0);
	REQUIRE_EDU(edu, edu_factorial(edu, 5, 0, SOON_MS, &value));
	ATF_CHECK_EQ(value, 120);
	edu_close(edu);
}

EDU_TEST(factorial_glimpse, "one look that reads 0 or all ones gives nobody "
    "the result of another factorial", "timeout", "60")
{
	struct edu *edu = open_device("qtest:", 0);
	uint32_t value = 77;

	tap_attach(edu);
	CHECK_ERRNO(edu, ETIMEDOUT, edu_factorial(edu, SLOW, EDU_WRAP, 0,
	    &value) == -1);
	set_glimpse(EDU_STATUS, 0);
	CHECK_ERRNO(edu, EBUSY, edu_factorial(edu, 5, 0, SOON_MS,
	    &value) == -1);
	set_glimpse(EDU_STATUS, UINT32_MAX);
	CHECK_ERRNO(edu, EBUSY, edu_factorial(edu, 5, 0, SOON_MS,
	    &value) == -1);
	ATF_CHECK_EQ(value, 77);
	REQUIRE_EDU(edu, edu_factorial(edu, 5, 0, SOON_MS, &value));
	ATF_CHECK_EQ(value, 120);
	edu_close(edu);
}
