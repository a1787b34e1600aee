/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Transfers that do not end as they should, or not in time. */

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <edu.h>
#include <edureg.h>

#include "h_alarm.h"
#include "h_case.h"
#include "h_dma.h"
#include "h_memory.h"
#include "h_qemu.h"
#include "h_tap.h"

#define LIMIT		4095U

/* Transfers run as long as we like in a machine whose clock stands still. */
static struct edu *
open_stopped(const char *machine)
{

	start_qemu(machine, "-S");
	return open_device(DEVICE, 0);
}

EDU_TEST(timeout, "ETIMEDOUT; while it runs, another is ETIMEDOUT and touches "
    "nothing, and its memory is not given away")
{
	static const char text[] = "from memory that was freed in between";
	struct edu *edu = open_stopped("q35");
	unsigned char *mem = alloc(edu, 4096), *other;
	uint64_t address = bus_address(edu, mem);
	struct registers before;

	memcpy(mem, text, sizeof(text));
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_put(edu, 9, mem, sizeof(text), 0,
	    0) == -1);
	CHECK_MESSAGE(edu, "stands still");
	before = get_registers(edu);
	ATF_CHECK_EQ(before.command & EDU_DMA_CMD_RUN, EDU_DMA_CMD_RUN);
	other = alloc(edu, 4096);
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_get(edu, 0, other, 1, 0, 0) == -1);
	CHECK_MESSAGE(edu, "earlier transfer: the clock of its machine stands");
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_get(edu, 0, other, 1,
	    EDU_INTERRUPT, 30) == -1);
	check_registers(edu, &before);
	edu_mem_free(edu, mem);
	edu_mem_free(edu, other);
	other = alloc(edu, 4096);
	ATF_CHECK(bus_address(edu, other) != address);
	monitor("cont");
	REQUIRE_EDU(edu, edu_dma_get(edu, 9, other, sizeof(text), 0, SOON_MS));
	ATF_CHECK(memcmp(other, text, sizeof(text)) == 0);
	/* Now it has been freed. */
	ATF_CHECK_EQ(bus_address(edu, alloc(edu, 4096)), address);
	edu_close(edu);
}

EDU_TEST(timeout_by_interrupt, "by interrupt: ETIMEDOUT, and the late "
    "interrupt is neither lost nor taken for another's")
{
	struct edu *edu = open_stopped("q35");
	unsigned char *mem = alloc(edu, 4096);

	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_put(edu, 0, mem, 100,
	    EDU_INTERRUPT, 30) == -1);
	CHECK_MESSAGE(edu, "stands still");
	monitor("cont");
	check_wait(edu, SOON_MS, EDU_INTR_DMA);
	/* Now it comes in the middle of the next call. */
	monitor("stop");
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_put(edu, 0, mem, 100,
	    EDU_INTERRUPT, 0) == -1);
	monitor("cont");
	memset(mem, 7, 100);
	REQUIRE_EDU(edu, edu_dma_get(edu, 0, mem, 100, EDU_INTERRUPT,
	    SOON_MS));
	ATF_CHECK_EQ(mem[99], 0);
	/* What is merely late is not said to stand still. */
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_put(edu, 0, mem, 100, 0, 0) == -1);
	CHECK_MESSAGE(edu, "in time; the device goes on with it");
	edu_close(edu);
}

EDU_TEST(copy_times_out, "a copy's timeout is for the whole of it")
{
	struct edu *edu;
	unsigned char *mem;

	/* A chunk takes 200 ms here, and this has 20. */
	start_qemu("q35", "");
	edu = open_device(DEVICE, 0);
	mem = alloc(edu, 200000);
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_copy(edu, mem + 100000, mem,
	    20 * LIMIT, 0, 500) == -1);
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_copy(edu, mem + 100000, mem,
	    20 * LIMIT, EDU_INTERRUPT, 500) == -1);
	REQUIRE_EDU(edu, edu_dma_copy(edu, mem + 100000, mem, 1, 0, SOON_MS));
	edu_close(edu);
}

EDU_TEST(signals, "a signal ends a wait by interrupt with EINTR, the transfer "
    "goes on; one by polling is not disturbed")
{
	struct edu *edu = open_stopped("q35");
	unsigned char *mem = alloc(edu, 4096), *other = alloc(edu, 4096);

	memset(mem, 'x', 4096);
	alarm_often();
	CHECK_ERRNO(edu, EINTR, edu_dma_put(edu, 0, mem, 1000, EDU_INTERRUPT,
	    EDU_FOREVER) == -1);
	ATF_CHECK(caught > 0);
	edu_mem_free(edu, mem);
	monitor("cont");
	caught = 0;
	REQUIRE_EDU(edu, edu_dma_get(edu, 0, other, 1000, 0, EDU_FOREVER));
	ATF_CHECK_EQ(other[999], 'x');
	ATF_CHECK(caught > 0);
	edu_close(edu);
}

EDU_TEST(resumed, "with EDU_RESUME the same transfer goes on, signals or not: "
    "it is started once, and a copy goes on where it was", "timeout", "120")
{
	unsigned flags = EDU_INTERRUPT;
	unsigned char *mem;
	struct edu *edu;
	size_t i;

	start_qemu("q35", "");
	edu = open_device(DEVICE, 0);
	mem = alloc(edu, 4 * LIMIT);
	for (i = 0; i < 4 * LIMIT; i++)
		mem[i] = (unsigned char)(i * 7 + i / 256);
	tap_attach(edu);
	tap.hook = tap_count_starts;
	alarm_often();
	while (edu_dma_put(edu, 0, mem, 100, flags, EDU_FOREVER) == -1) {
		ATF_REQUIRE_EQ(errno, EINTR);
		flags |= EDU_RESUME;
	}
	ATF_CHECK(flags & EDU_RESUME);
	ATF_CHECK_EQ(tap.starts, 1);
	check_status(edu, 0);
	/* It is over, so this is another. */
	while (edu_dma_put(edu, 0, mem, 100, flags, EDU_FOREVER) == -1)
		ATF_REQUIRE_EQ(errno, EINTR);
	ATF_CHECK_EQ(tap.starts, 2);
	flags = EDU_INTERRUPT;
	while (edu_dma_copy(edu, mem + 2 * LIMIT, mem, 2 * LIMIT, flags,
	    EDU_FOREVER) == -1) {
		ATF_REQUIRE_EQ(errno, EINTR);
		flags |= EDU_RESUME;
	}
	ATF_CHECK_EQ(tap.starts, 6);
	ATF_CHECK(memcmp(mem, mem + 2 * LIMIT, 2 * LIMIT) == 0);
	check_status(edu, 0);
	edu_close(edu);
}

EDU_TEST(resumed_other, "EDU_RESUME of another transfer starts it; one that "
    "another has followed is started again")
{
	struct edu *edu = open_stopped("q35");
	unsigned char *mem = alloc(edu, 4096), *other = alloc(edu, 4096);

	tap_attach(edu);
	tap.hook = tap_count_starts;
	memset(mem, 'x', 100);
	memset(other, 'y', 100);
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_put(edu, 0, mem, 100, 0,
	    0) == -1);
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_put(edu, 0, other, 100,
	    EDU_RESUME, 0) == -1);
	CHECK_MESSAGE(edu, "earlier transfer: the clock of its machine stands");
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_put(edu, 0, mem, 100, EDU_RESUME |
	    EDU_INTERRUPT, 0) == -1);
	CHECK_MESSAGE(edu, "stands still");
	ATF_CHECK_EQ(tap.starts, 1);
	monitor("cont");
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, other, 100, EDU_RESUME, SOON_MS));
	ATF_CHECK_EQ(tap.starts, 2);
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, mem, 100, EDU_RESUME, SOON_MS));
	ATF_CHECK_EQ(tap.starts, 3);
	REQUIRE_EDU(edu, edu_dma_get(edu, 0, other, 100, EDU_RESUME, SOON_MS));
	ATF_CHECK_EQ(other[99], 'x');
	edu_close(edu);
}

EDU_TEST(resumed_copy_lost, "a copy is not resumed when another transfer has "
    "used the device's buffer, and its data are right")
{
	struct edu *edu = open_stopped("q35");
	unsigned char *mem = alloc(edu, 4096), *other = alloc(edu, 4096);

	memset(mem, 'x', 2000);
	memset(other, 'y', 100);
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_copy(edu, mem + 2000, mem, 2000,
	    EDU_INTERRUPT, 0) == -1);
	monitor("cont");
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, other, 100, 0, SOON_MS));
	REQUIRE_EDU(edu, edu_dma_copy(edu, mem + 2000, mem, 2000,
	    EDU_INTERRUPT | EDU_RESUME, SOON_MS));
	ATF_CHECK(memcmp(mem, mem + 2000, 2000) == 0);
	/* The memory of one that is not reported may be freed. */
	monitor("stop");
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_put(edu, 0, mem, 100,
	    EDU_INTERRUPT, 0) == -1);
	edu_mem_free(edu, mem);
	ATF_CHECK(alloc(edu, 4096) != mem);
	monitor("cont");
	edu_close(edu);
}

/* The bus master bit, while nobody has the device open. */
static uint32_t
master_bit(void)
{
	struct qtest *q = session_open();
	uint32_t command = session_config_read(q, EDU_DEVFN, PCI_COMMAND);

	qtest_end(q);
	return command & PCI_COMMAND_MASTER;
}

EDU_TEST(closed_while_running, "a transfer that does not end is cut off from "
    "the memory at close; open is EBUSY until it ends")
{
	unsigned char guest[4096], zeroes[4096] = { 0 };
	unsigned char *mem;
	struct edu *edu;
	uint64_t address;
	struct qtest *q;

	start_qemu("q35", "");
	/* As firmware may leave it, so that a close would put that back. */
	q = session_open();
	session_config_write(q, EDU_DEVFN, PCI_COMMAND, 0x0006);
	qtest_end(q);
	edu = open_device(DEVICE, 0);
	mem = alloc(edu, 4096);
	address = bus_address(edu, mem);
	memset(mem, 'x', 4096);
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, mem, 1000, 0, SOON_MS));
	guest_store(edu, address, zeroes, sizeof(zeroes));
	monitor("stop");
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_get(edu, 0, mem, 1000, 0,
	    0) == -1);
	edu_close(edu);
	ATF_CHECK_EQ(master_bit(), 0);
	check_open_fails(DEVICE, EBUSY, "DMA does not end");
	ATF_CHECK_EQ(master_bit(), 0);
	monitor("cont");
	edu = open_device(DEVICE, 0);
	ATF_CHECK_EQ(get_registers(edu).command & EDU_DMA_CMD_RUN, 0);
	guest_load(edu, address, guest, sizeof(guest));
	ATF_CHECK(memcmp(guest, zeroes, sizeof(guest)) == 0);
	check_copy(edu, 5000, 0);
	edu_close(edu);
}

EDU_TEST(closed_soon_done, "edu_close() waits for a transfer that is about to "
    "end")
{
	unsigned char *mem;
	struct edu *edu;

	start_qemu("q35", "");
	edu = open_device(DEVICE, 0);
	mem = alloc(edu, 4096);
	memset(mem, 'x', 4096);
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_put(edu, 0, mem, 1000, 0,
	    0) == -1);
	edu_close(edu);
	edu = open_device(DEVICE, 0);
	mem = alloc(edu, 4096);
	REQUIRE_EDU(edu, edu_dma_get(edu, 0, mem, 1000, 0, SOON_MS));
	ATF_CHECK_EQ(mem[999], 'x');
	edu_close(edu);
}

static void
set_master(struct edu *edu, uint32_t bit)
{
	uint32_t command;

	REQUIRE_EDU(edu, edu_config_read(edu, PCI_COMMAND, &command));
	command = (command & 0xffff & ~PCI_COMMAND_MASTER) | bit;
	ATF_REQUIRE(tap.real->config_write(edu->bus, PCI_COMMAND,
	    command) == 0);
}

static enum tap_verdict
master_off_at_start(size_t i, struct tap_access *a)
{

	(void)i;
	if (a->is_write && !a->is_config && a->offset == EDU_DMA_CMD)
		set_master(tap.edu, 0);
	return TAP_PASS;
}

EDU_TEST(master_off, "bus mastering switched off behind our back, before or "
    "during a transfer: EIO")
{
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *mem = alloc(edu, 4096);
	struct registers before;

	memset(mem, 'x', 4096);
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, mem, 1000, 0, SOON_MS));
	before = get_registers(edu);
	tap_attach(edu);
	set_master(edu, 0);
	CHECK_ERRNO(edu, EIO, edu_dma_get(edu, 0, mem + 2000, 99, 0,
	    SOON_MS) == -1);
	CHECK_MESSAGE(edu, "bus mastering");
	CHECK_ERRNO(edu, EIO, edu_dma_put(edu, 0, mem + 2000, 99,
	    EDU_INTERRUPT, SOON_MS) == -1);
	CHECK_ERRNO(edu, EIO, edu_dma_copy(edu, mem, mem + 2000, 99, 0,
	    SOON_MS) == -1);
	check_registers(edu, &before);
	set_master(edu, PCI_COMMAND_MASTER);
	tap.hook = master_off_at_start;
	CHECK_ERRNO(edu, EIO, edu_dma_get(edu, 0, mem + 2000, 99, 0,
	    SOON_MS) == -1);
	CHECK_MESSAGE(edu, "bus mastering");
	set_master(edu, PCI_COMMAND_MASTER);
	CHECK_ERRNO(edu, EIO, edu_dma_put(edu, 0, mem + 2000, 99, 0,
	    SOON_MS) == -1);
	tap.hook = NULL;
	set_master(edu, PCI_COMMAND_MASTER);
	check_copy(edu, 5000, 0);
	edu_close(edu);
}

static enum tap_verdict
unplug_at_poll(size_t i, struct tap_access *a)
{

	(void)i;
	if (a->is_write || a->is_config || a->offset != EDU_DMA_CMD)
		return TAP_PASS;
	tap.hook = NULL;
	ATF_CHECK(a->value & EDU_DMA_CMD_RUN);
	unplug(edu_bus_qtest_session(tap.edu->bus));
	return TAP_PASS;
}

EDU_TEST(unplugged, "unplugged in the middle of a transfer: ENODEV, and not "
    "success")
{
	unsigned char *mem;
	struct edu *edu;

	start_qemu("pc", "");
	edu = open_device(DEVICE, 0);
	mem = alloc(edu, 4096);
	tap_attach(edu);
	edu->bus->dma_time_us = 1;
	tap.hook = unplug_at_poll;
	CHECK_ERRNO(edu, ENODEV, edu_dma_get(edu, 0, mem, 100, 0,
	    EDU_FOREVER) == -1);
	ATF_CHECK(tap.hook == NULL);
	CHECK_ERRNO(edu, ENODEV, edu_dma_put(edu, 0, mem, 100, EDU_INTERRUPT,
	    SOON_MS) == -1);
	edu_mem_free(edu, mem);
	edu_close(edu);
}

static enum tap_verdict
unplug_at_start(size_t i, struct tap_access *a)
{

	(void)i;
	if (a->is_write && !a->is_config && a->offset == EDU_DMA_CMD)
		unplug(edu_bus_qtest_session(tap.edu->bus));
	return TAP_PASS;
}

EDU_TEST(unplugged_by_interrupt, "unplugged while the interrupt is waited for: "
    "ENODEV when the time is over")
{
	unsigned char *mem;
	struct edu *edu;

	start_qemu("pc", "");
	edu = open_device(DEVICE, 0);
	mem = alloc(edu, 4096);
	tap_attach(edu);
	tap.hook = unplug_at_start;
	CHECK_ERRNO(edu, ENODEV, edu_dma_get(edu, 0, mem, 100, EDU_INTERRUPT,
	    200) == -1);
	edu_close(edu);
}

EDU_TEST(gone_reads_ones, "a device that reads all ones, as on a real bus: "
    "ENODEV, and no endless wait")
{
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *mem = alloc(edu, 4096);

	tap_attach(edu);
	tap.hook = tap_read_ones;
	CHECK_ERRNO(edu, ENODEV, edu_dma_put(edu, 0, mem, 100, 0,
	    EDU_FOREVER) == -1);
	CHECK_ERRNO(edu, ENODEV, edu_dma_put(edu, 0, mem, 100, EDU_INTERRUPT,
	    EDU_FOREVER) == -1);
	edu_close(edu);
}

/* Nor does it do what it is told. */
static enum tap_verdict
deaf(size_t i, struct tap_access *a)
{

	if (!a->is_config && a->is_write)
		return TAP_LOSE;
	return tap_read_ones(i, a);
}

EDU_TEST(gone_is_silent, "and one that will never interrupt: ENODEV as well, "
    "and no endless wait", "timeout", "30")
{
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *mem = alloc(edu, 4096);
	uint32_t result;

	tap_attach(edu);
	tap.hook = deaf;
	CHECK_ERRNO(edu, ENODEV, edu_dma_put(edu, 0, mem, 100, EDU_INTERRUPT,
	    EDU_FOREVER) == -1);
	CHECK_ERRNO(edu, ENODEV, edu_factorial(edu, 5, EDU_INTERRUPT,
	    EDU_FOREVER, &result) == -1);
	edu_close(edu);
}

EDU_TEST(gone_for_good, "what is under way on a device that is proven to be "
    "gone is ENODEV, and no register is touched: another may have its place")
{
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *mem = alloc(edu, 4096);
	struct edu_done done;
	int i;

	tap_attach(edu);
	REQUIRE_EDU(edu, edu_submit_get(edu, 0, mem, 100, 0, SOON_MS, NULL));
	REQUIRE_EDU(edu, edu_submit_factorial(edu, 5, EDU_INTERRUPT, SOON_MS,
	    NULL));
	REQUIRE_EDU(edu, edu_process(edu));
	tap_reset();
	edu->bus->is_gone = 1;
	edu_sleep_until(edu_now_us() + 2 * edu->bus->dma_time_us);
	REQUIRE_EDU(edu, edu_process(edu));
	for (i = 0; i < 2; i++) {
		ATF_REQUIRE_EQ(edu_reap(edu, &done), 1);
		ATF_CHECK_EQ(done.error, ENODEV);
	}
	ATF_CHECK_EQ(tap.count, 0);
	edu_close(edu);
	ATF_CHECK_EQ(tap.count, 0);
}

EDU_TEST(last_byte_allowed, "EDU_DMA_LAST_BYTE allows 4096 bytes and no more; "
    "the transfer is started and never gets to run")
{
	struct edu *edu = open_stopped("q35");
	unsigned char *mem = alloc(edu, 8192);

	CHECK_ERRNO(edu, ERANGE, edu_dma_put(edu, 0, mem, 4096, 0, 0) == -1);
	CHECK_ERRNO(edu, ERANGE, edu_dma_put(edu, 0, mem, 4097,
	    EDU_DMA_LAST_BYTE, 0) == -1);
	CHECK_ERRNO(edu, ERANGE, edu_dma_put(edu, 4096, mem, 1,
	    EDU_DMA_LAST_BYTE, 0) == -1);
	CHECK_ERRNO(edu, ERANGE, edu_dma_put(edu, 1, mem, 4096,
	    EDU_DMA_LAST_BYTE, 0) == -1);
	CHECK_ERRNO(edu, ERANGE, edu_dma_put(edu, 0, mem, 0, EDU_DMA_LAST_BYTE,
	    0) == -1);
	ATF_CHECK_EQ(get_registers(edu).count, 0);
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_put(edu, 0, mem, 4096,
	    EDU_DMA_LAST_BYTE, 0) == -1);
	ATF_CHECK_EQ(get_registers(edu).count, 4096);
	/* The limit stays, and so does everybody else's caution. */
	ATF_CHECK_EQ(edu_dma_limit(edu), LIMIT);
	edu_close(edu);
}
