/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* A reset: nothing that is known from before is believed afterwards. */

#include "h_case.h"
#include "h_qemu.h"
#include "h_tap.h"

#define BYTES		1000

static void
get_config(struct edu *edu, uint32_t *config)
{
	unsigned i;

	for (i = 0; i < PCI_CONFIG_SIZE / 4; i++)
		ATF_REQUIRE(qtest_config_read(edu_bus_qtest_session(edu->bus),
		    EDU_DEVFN, 4 * i, &config[i]) == 0);
}

static void
set_config(struct edu *edu, unsigned offset, uint32_t value)
{

	ATF_REQUIRE(qtest_config_write(edu_bus_qtest_session(edu->bus),
	    EDU_DEVFN, offset, value) == 0);
}

static void
check_fails(struct edu *edu, int errnum, const char *text)
{

	errno = 0;
	ATF_CHECK_MSG(edu_reset(edu) == -1, "it succeeds");
	ATF_CHECK_MSG(errno == errnum && strstr(edu_errmsg(edu), text) != NULL,
	    "errno %d, not %d; no '%s' in: %s", errno, errnum, text,
	    edu_errmsg(edu));
}

/* How many of the log are of this kind, and satisfy value & mask == 0. */
static size_t
count_log(int is_config, int is_write, unsigned offset, uint64_t mask)
{
	size_t count = 0, i;

	ATF_REQUIRE(tap.count <= TAP_MAX);
	for (i = 0; i < tap.count; i++)
		count += tap.log[i].is_config == is_config &&
		    tap.log[i].is_write == is_write &&
		    tap.log[i].offset == offset &&
		    (tap.log[i].value & mask) == 0;
	return count;
}

EDU_TEST(kept, "configuration space is as before, memory too, and everything "
    "works, time after time")
{
	uint32_t after[PCI_CONFIG_SIZE / 4], before[PCI_CONFIG_SIZE / 4];
	struct edu *edu = open_device("qtest:", 0);
	char *mem;
	int i;

	ATF_REQUIRE((mem = edu_mem_alloc(edu, 2 * BYTES)) != NULL);
	tap_attach(edu);
	set_config(edu, PCI_HEADER, 0x10);
	set_config(edu, PCI_INTERRUPT, 0xb);
	for (i = 0; i < 3; i++) {
		memset(mem, 'a' + i, BYTES);
		REQUIRE_EDU(edu, edu_dma_put(edu, 0, mem, BYTES, 0, SOON_MS));
		memset(mem, 0, 2 * BYTES);
		get_config(edu, before);
		tap_reset();
		REQUIRE_EDU(edu, edu_reset(edu));
		/* It has really been reset, and says so. */
		ATF_CHECK(count_log(1, 0, PCI_COMMAND, PCI_COMMAND_MASK) == 1);
		ATF_CHECK(tap.was_reset);
		get_config(edu, after);
		ATF_CHECK(memcmp(before, after, sizeof(before)) == 0);
		ATF_CHECK_EQ(after[PCI_HEADER / 4], 0x10);
		ATF_CHECK_EQ(after[PCI_INTERRUPT / 4] & 0xff, 0xb);
		REQUIRE_EDU(edu, edu_dma_get(edu, 0, mem + BYTES, BYTES, 0,
		    SOON_MS));
		ATF_CHECK_EQ(mem[BYTES], 'a' + i);
		check_engines(edu);
		check_interrupts(edu);
	}
	edu_close(edu);
}

/* Nothing of what the device was told is told no more. */
static size_t
count_put(struct edu *edu, void *mem)
{
	uint32_t value;

	tap_reset();
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, mem, BYTES, 0, SOON_MS));
	REQUIRE_EDU(edu, edu_factorial(edu, 5, 0, SOON_MS, &value));
	ATF_CHECK_EQ(value, 120);
	return tap_count(0, 1);
}

EDU_TEST(forgotten, "what the registers were told before, they are told again")
{
	struct edu *edu = open_device("qtest:", 0);
	char *mem;

	ATF_REQUIRE((mem = edu_mem_alloc(edu, BYTES)) != NULL);
	tap_attach(edu);
	(void)count_put(edu, mem);
	/* The command, and the number. */
	ATF_CHECK_EQ(count_put(edu, mem), 2);
	REQUIRE_EDU(edu, edu_reset(edu));
	/* Source, destination, count and the status as well. */
	ATF_CHECK_EQ(count_put(edu, mem), 6);
	ATF_CHECK_EQ(count_put(edu, mem), 2);
	edu_close(edu);
}

EDU_TEST(interrupts, "what had come before does not come after it")
{
	struct edu *edu = open_device("qtest:", 0);
	uint32_t value;
	int fd = edu_irq_fd(edu);

	/* Taken with the factorial's own, and kept for who waits. */
	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x40));
	REQUIRE_EDU(edu, edu_factorial(edu, 5, EDU_INTERRUPT, SOON_MS,
	    &value));
	REQUIRE_EDU(edu, edu_irq_status(edu, &value));
	ATF_CHECK_EQ(value, 0x40);
	REQUIRE_EDU(edu, edu_reset(edu));
	ATF_CHECK_EQ(edu_irq_wait(edu, 0, &value), 0);
	/* Announced, and asserted when it is reset. */
	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x40));
	ATF_REQUIRE(is_readable(fd, 0));
	REQUIRE_EDU(edu, edu_reset(edu));
	ATF_CHECK(!is_readable(fd, 0));
	REQUIRE_EDU(edu, edu_irq_ack(edu, 0x40));
	check_interrupts(edu);
	edu_close(edu);
}

static void
await_factorial(struct edu *edu)
{
	uint64_t status;

	do
		REQUIRE_EDU(edu, edu_read(edu, EDU_STATUS, 4, &status));
	while (status & EDU_STATUS_COMPUTING);
}

EDU_TEST(busy, "it is refused while something is under way, and that goes on")
{
	struct edu *edu = open_device("qtest:", 0);
	struct edu_done done;
	uint32_t value;
	char *mem;

	ATF_REQUIRE((mem = edu_mem_alloc(edu, BYTES)) != NULL);
	tap_attach(edu);
	REQUIRE_EDU(edu, edu_submit_put(edu, 0, mem, BYTES, 0, SOON_MS, NULL));
	check_fails(edu, EBUSY, "operations are under way");
	while (edu_reap(edu, &done) == 0)
		REQUIRE_EDU(edu, edu_process(edu));
	ATF_CHECK_EQ(done.error, 0);
	REQUIRE_EDU(edu, edu_reset(edu));
	REQUIRE_EDU(edu, edu_write(edu, EDU_FACTORIAL, 4, UINT32_MAX / 8));
	check_fails(edu, EBUSY, "computing");
	await_factorial(edu);
	REQUIRE_EDU(edu, edu_reset(edu));
	/* What was given up begins anew. */
	ATF_REQUIRE(edu_factorial(edu, 7, EDU_INTERRUPT, 0, &value) == -1 ||
	    value == 5040);
	await_factorial(edu);
	REQUIRE_EDU(edu, edu_reset(edu));
	tap_reset();
	REQUIRE_EDU(edu, edu_factorial(edu, 7, EDU_INTERRUPT | EDU_RESUME,
	    SOON_MS, &value));
	ATF_CHECK_EQ(value, 5040);
	ATF_CHECK_EQ(count_log(0, 1, EDU_FACTORIAL, 0), 1);
	edu_close(edu);
}

EDU_TEST(transfer, "a transfer that runs on is not reset, and neither is a "
    "machine of somebody else's")
{
	struct edu *edu;
	char *mem;

	start_qemu("q35", "-S");
	edu = open_device(DEVICE, 0);
	check_fails(edu, ENOTSUP, "its own (qtest:)");
	ATF_REQUIRE((mem = edu_mem_alloc(edu, BYTES)) != NULL);
	ATF_CHECK(edu_dma_put(edu, 0, mem, BYTES, 0, 1) == -1 &&
	    errno == ETIMEDOUT);
	check_fails(edu, EBUSY, "busy with a transfer");
	monitor("cont");
	edu_close(edu);
}

EDU_TEST(refused, "handles and buses that cannot say so, and touch nothing")
{
	struct edu *edu = open_device("qtest:", EDU_OPEN_READONLY);
	const struct edu_bus_ops *real;
	struct edu_bus_ops ops;

	check_fails(edu, EBADF, "read-only");
	edu_close(edu);
	edu = open_device("qtest:", EDU_OPEN_CONFIG);
	check_fails(edu, EBADF, "configuration space alone");
	edu_close(edu);
	edu = open_device("qtest:", 0);
	real = edu->bus->ops;
	ops = *real;
	ops.reset = NULL;
	edu->bus->ops = &ops;
	check_fails(edu, ENOTSUP, "this bus");
	edu->bus->ops = real;
	edu->bus->is_driven = 1;
	check_fails(edu, ENOTSUP, "not for this user");
	edu->bus->is_driven = 0;
	edu->bus->is_gone = 1;
	check_fails(edu, ENODEV, "gone");
	edu->bus->is_gone = 0;
	check_engines(edu);
	edu_close(edu);
}

/* What reads otherwise once the bus says that it is done. */
static unsigned lie_offset;
static uint32_t lie_bits;
static int lie_is_config;

static enum tap_verdict
lie_after(size_t i, struct tap_access *a)
{

	(void)i;
	if (tap.was_reset && a->is_config == lie_is_config && !a->is_write &&
	    a->offset == lie_offset)
		a->value ^= lie_bits;
	return TAP_PASS;
}

static void
check_lie(int is_config, unsigned offset, uint32_t bits, int errnum,
    const char *text)
{
	struct edu *edu = open_device("qtest:", 0);

	tap_attach(edu);
	lie_is_config = is_config;
	lie_offset = offset;
	lie_bits = bits;
	tap.hook = lie_after;
	check_fails(edu, errnum, text);
	tap_reset();
	REQUIRE_EDU(edu, edu_reset(edu));
	check_engines(edu);
	edu_close(edu);
}

EDU_TEST(differs, "what does not come back as it was is an error that says "
    "what it is")
{

	check_lie(1, PCI_BAR(0), 0xfe000000, EIO, "0x00000000 at 0x10, where "
	    "0xfe000000");
	check_lie(1, PCI_COMMAND, PCI_COMMAND_MEMORY, EIO, " at 0x04");
	check_lie(1, PCI_COMMAND, PCI_COMMAND_MASTER, EIO, " at 0x04");
	check_lie(1, PCI_INTERRUPT, 0xb, EIO, " at 0x3c");
	check_lie(1, 0x40, PCI_MSI_ENABLE, EIO, " at 0x40");
	check_lie(0, EDU_ID, 0x010000ed, ENODEV, "reads 0x00000000");
	check_lie(0, EDU_ID, 0x1, EPROTO, "reads 0x010000ec");
}

/* It never seems to be reset. */
static enum tap_verdict
stays(size_t i, struct tap_access *a)
{

	(void)i;
	if (a->is_config && !a->is_write && a->offset == PCI_COMMAND)
		a->value |= PCI_COMMAND_MEMORY;
	return TAP_PASS;
}

EDU_TEST(stays, "a machine that is not reset is an error in a while")
{
	struct edu *edu = open_device("qtest:", 0);

	tap_attach(edu);
	tap.hook = stays;
	check_fails(edu, EIO, "was to be reset");
	tap_reset();
	check_engines(edu);
	edu_close(edu);
}

static size_t fails_at;

static enum tap_verdict
fails(size_t i, struct tap_access *a)
{

	return a->is_config && i == fails_at ? TAP_FAIL : TAP_PASS;
}

EDU_TEST(fails, "every access that fails is an error, and all is put back",
    "timeout", "120")
{
	struct edu *edu = open_device("qtest:", 0);
	uint32_t after[PCI_CONFIG_SIZE / 4], before[PCI_CONFIG_SIZE / 4];
	size_t count;

	tap_attach(edu);
	get_config(edu, before);
	REQUIRE_EDU(edu, edu_reset(edu));
	count = tap.hooked;
	for (fails_at = 0; fails_at < count; fails_at++) {
		tap_reset();
		tap.hook = fails;
		/* The number of looks is not the same every time. */
		if (edu_reset(edu) == -1)
			ATF_CHECK(errno == EIO && strstr(edu_errmsg(edu),
			    TAP_MESSAGE) != NULL);
		else
			ATF_CHECK(!tap.log[fails_at].is_config ||
			    tap.hooked <= fails_at);
		get_config(edu, after);
		ATF_CHECK_MSG(memcmp(before, after, sizeof(before)) == 0,
		    "at access %zu", fails_at);
	}
	tap_reset();
	check_engines(edu);
	check_interrupts(edu);
	edu_close(edu);
}
