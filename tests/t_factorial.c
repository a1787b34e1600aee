/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Factorials, by polling and by interrupt, in time and not. */

#include <sys/time.h>

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>

#include <edu.h>
#include <edureg.h>

#include "h_alarm.h"
#include "h_case.h"
#include "h_qemu.h"
#include "h_tap.h"

/* Multiplications of this many take the device a second and more, or less. */
#define SLOW		1000000000U
#define SLOWEST		UINT32_MAX
#define NO_INTX		0x0400U

static const uint32_t exact[] = {
	1, 1, 2, 6, 24, 120, 720, 5040, 40320, 362880, 3628800, 39916800,
	479001600
};

/* n! modulo 2^32, the slow way. */
static uint32_t
expected(uint32_t n)
{
	uint32_t product = 1;

	for (; n > 1; n--)
		product *= n;
	return product;
}

static void
check_exact(struct edu *edu, unsigned flags)
{
	uint32_t n, result;

	for (n = 0; n <= 12; n++) {
		result = 77;
		REQUIRE_EDU(edu, edu_factorial(edu, n, flags, SOON_MS,
		    &result));
		ATF_CHECK_EQ_MSG(result, exact[n], "%u! is %u", n, result);
	}
}

static void
check_wrapped(struct edu *edu, unsigned flags)
{
	static const uint32_t large[] = { 35, 64, 100, 1000, 65536, 1000000 };
	uint32_t n, result;
	size_t i;

	for (n = 13; n <= 34; n++) {
		result = 77;
		REQUIRE_EDU(edu, edu_factorial(edu, n, flags | EDU_WRAP,
		    SOON_MS, &result));
		ATF_CHECK_EQ_MSG(result, expected(n), "%u! is %u", n, result);
	}
	ATF_CHECK_EQ(expected(13), 1932053504);
	ATF_CHECK_EQ(result, 0);
	for (i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
		result = 77;
		REQUIRE_EDU(edu, edu_factorial(edu, large[i],
		    flags | EDU_WRAP, SOON_MS, &result));
		ATF_CHECK_EQ_MSG(result, 0, "%u! is %u", large[i], result);
	}
}

EDU_TEST(polled, "0! to 12! are exact, beyond that modulo 2^32, and no "
    "interrupt is left")
{
	struct edu *edu = open_device("qtest:", 0);

	check_exact(edu, 0);
	check_exact(edu, EDU_WRAP);
	check_wrapped(edu, 0);
	check_status(edu, 0);
	edu_close(edu);
}

EDU_TEST(by_interrupt, "the same by interrupt, which is consumed each time")
{
	struct edu *edu = open_device("qtest:", 0);
	uint32_t n, result;

	check_exact(edu, EDU_INTERRUPT);
	check_wrapped(edu, EDU_INTERRUPT);
	for (n = 0; n < 100; n++) {
		REQUIRE_EDU(edu, edu_factorial(edu, n % 13, n & 1 ?
		    EDU_INTERRUPT : 0, SOON_MS, &result));
		ATF_CHECK_EQ(result, exact[n % 13]);
		check_status(edu, 0);
	}
	check_wait(edu, 0, 0);
	edu_close(edu);
}

/* How often a register was written. */
static size_t
writes(unsigned offset)
{
	size_t count = 0, i;

	for (i = 0; i < tap.count && i < TAP_MAX; i++)
		if (tap.log[i].is_write && !tap.log[i].is_config &&
		    tap.log[i].offset == offset)
			count++;
	return count;
}

EDU_TEST(accesses, "a polled factorial is one write, the polls and the result; "
    "the identification is asked for where that is 0")
{
	struct edu *edu = open_device("qtest:", 0);
	uint32_t result;
	size_t i;

	tap_attach(edu);
	REQUIRE_EDU(edu, edu_factorial(edu, 12, 0, SOON_MS, &result));
	ATF_CHECK_EQ(result, exact[12]);
	ATF_REQUIRE(tap.count >= 3 && tap.count <= TAP_MAX);
	ATF_CHECK(tap.log[0].is_write && tap.log[0].offset == EDU_FACTORIAL &&
	    tap.log[0].value == 12);
	for (i = 1; i < tap.count - 1; i++)
		ATF_CHECK(!tap.log[i].is_write &&
		    tap.log[i].offset == EDU_STATUS);
	ATF_CHECK(!tap.log[i].is_write && tap.log[i].offset == EDU_FACTORIAL);
	ATF_CHECK_EQ(tap_count(1, 0) + tap_count(1, 1), 0);
	tap_reset();
	REQUIRE_EDU(edu, edu_factorial(edu, 34, EDU_WRAP, SOON_MS, &result));
	ATF_CHECK_EQ(result, 0);
	ATF_REQUIRE(tap.count >= 4 && tap.count <= TAP_MAX);
	ATF_CHECK(tap.log[tap.count - 2].offset == EDU_FACTORIAL);
	ATF_CHECK(tap.log[tap.count - 1].offset == EDU_ID);
	edu_close(edu);
}

EDU_TEST(out_of_range, "n beyond 12 is ERANGE but with EDU_WRAP, and the "
    "device is not touched")
{
	static const uint32_t large[] = { 13, 14, 34, 0x80000000, UINT32_MAX };
	struct edu *edu = open_device("qtest:", 0);
	uint32_t result = 77;
	size_t i;

	tap_attach(edu);
	for (i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
		CHECK_ERRNO(edu, ERANGE, edu_factorial(edu, large[i], 0,
		    SOON_MS, &result) == -1);
		CHECK_ERRNO(edu, ERANGE, edu_factorial(edu, large[i],
		    EDU_INTERRUPT, SOON_MS, &result) == -1);
	}
	CHECK_MESSAGE(edu, "4294967295!");
	ATF_CHECK_EQ(tap.count, 0);
	ATF_CHECK_EQ(result, 77);
	edu_close(edu);
}

EDU_TEST(bad_arguments, "unknown flags and negative timeouts: EINVAL, and the "
    "device is not touched")
{
	struct edu *edu = open_device("qtest:", 0);
	uint32_t result = 77;
	unsigned flag;

	tap_attach(edu);
	for (flag = 0x4; flag != 0; flag <<= 1) {
		if (flag & (EDU_RESUME | EDU_SPIN | EDU_SLEEP))
			continue;
		CHECK_ERRNO(edu, EINVAL, edu_factorial(edu, 5, flag, SOON_MS,
		    &result) == -1);
		CHECK_ERRNO(edu, EINVAL, edu_factorial(edu, 5, flag |
		    EDU_WRAP | EDU_INTERRUPT, SOON_MS, &result) == -1);
		CHECK_MESSAGE(edu, "flags");
	}
	CHECK_ERRNO(edu, EINVAL, edu_factorial(edu, 5, EDU_SPIN | EDU_SLEEP,
	    SOON_MS, &result) == -1);
	CHECK_MESSAGE(edu, "exclude");
	CHECK_ERRNO(edu, EINVAL, edu_factorial(edu, 5, 0, -2, &result) == -1);
	CHECK_MESSAGE(edu, "timeout");
	CHECK_ERRNO(edu, EINVAL, edu_factorial(edu, 5, EDU_INTERRUPT, INT_MIN,
	    &result) == -1);
	ATF_CHECK_EQ(tap.count, 0);
	ATF_CHECK_EQ(result, 77);
	REQUIRE_EDU(edu, edu_factorial(edu, 5, 0, INT_MAX, &result));
	ATF_CHECK_EQ(result, 120);
	edu_close(edu);
}

EDU_TEST(timeouts, "a factorial of seconds times out, so does the next, and "
    "one with patience gets its own result", "timeout", "120")
{
	struct edu *edu = open_device("qtest:", 0);
	uint32_t result = 77;

	CHECK_ERRNO(edu, ETIMEDOUT, edu_factorial(edu, SLOWEST, EDU_WRAP, 30,
	    &result) == -1);
	CHECK_MESSAGE(edu, "goes on");
	tap_attach(edu);
	CHECK_ERRNO(edu, ETIMEDOUT, edu_factorial(edu, 5, 0, 30,
	    &result) == -1);
	CHECK_MESSAGE(edu, "earlier");
	CHECK_ERRNO(edu, ETIMEDOUT, edu_factorial(edu, 5, EDU_INTERRUPT, 0,
	    &result) == -1);
	/* Nothing is written while it computes. */
	ATF_CHECK_EQ(tap_count(0, 1), 0);
	ATF_CHECK_EQ(result, 77);
	REQUIRE_EDU(edu, edu_live(edu, 3, NULL));
	REQUIRE_EDU(edu, edu_factorial(edu, 5, 0, EDU_FOREVER, &result));
	ATF_CHECK_EQ(result, 120);
	check_exact(edu, 0);
	check_exact(edu, EDU_INTERRUPT);
	edu_close(edu);
}

EDU_TEST(timeout_0, "a timeout of 0 looks once: the result, or ETIMEDOUT, and "
    "the next call works")
{
	struct edu *edu = open_device("qtest:", 0);
	uint32_t result;
	int i;

	tap_attach(edu);
	for (i = 0; i < 50; i++) {
		tap_reset();
		result = 77;
		errno = 0;
		if (edu_factorial(edu, 12, 0, 0, &result) == 0)
			ATF_CHECK_EQ(result, exact[12]);
		else
			ATF_CHECK(errno == ETIMEDOUT && result == 77);
		/* Without the result, if need be. */
		ATF_CHECK(tap.count == 3 || tap.count == 2);
		ATF_CHECK(!tap.log[1].is_write &&
		    tap.log[1].offset == EDU_STATUS);
		REQUIRE_EDU(edu, edu_factorial(edu, 7, 0, SOON_MS, &result));
		ATF_CHECK_EQ(result, 5040);
	}
	CHECK_ERRNO(edu, ETIMEDOUT, edu_factorial(edu, SLOW, EDU_WRAP, 0,
	    &result) == -1);
	edu_close(edu);
}

EDU_TEST(interrupt_timeout, "by interrupt: ETIMEDOUT, and the late interrupt "
    "does not end a later call early", "timeout", "120")
{
	struct edu *edu = open_device("qtest:", 0);
	uint32_t result = 77;

	CHECK_ERRNO(edu, ETIMEDOUT, edu_factorial(edu, SLOW,
	    EDU_WRAP | EDU_INTERRUPT, 20, &result) == -1);
	CHECK_MESSAGE(edu, "goes on");
	/* This waits for the first to end, whose interrupt is pending then. */
	CHECK_ERRNO(edu, ETIMEDOUT, edu_factorial(edu, 12, EDU_INTERRUPT, 20,
	    &result) == -1);
	ATF_CHECK_EQ(result, 77);
	REQUIRE_EDU(edu, edu_factorial(edu, SLOW / 4,
	    EDU_WRAP | EDU_INTERRUPT, EDU_FOREVER, &result));
	ATF_CHECK_EQ(result, 0);
	check_exact(edu, EDU_INTERRUPT);
	edu_close(edu);
}

EDU_TEST(foreign_interrupt, "the factorial's own bit raised by somebody else "
    "does not end the wait before its time")
{
	struct edu *edu = open_device("qtest:", 0);
	uint32_t result = 77;

	REQUIRE_EDU(edu, edu_irq_raise(edu, EDU_INTR_FACTORIAL));
	REQUIRE_EDU(edu, edu_factorial(edu, SLOW / 4,
	    EDU_WRAP | EDU_INTERRUPT, EDU_FOREVER, &result));
	ATF_CHECK_EQ(result, 0);
	REQUIRE_EDU(edu, edu_factorial(edu, 12, EDU_INTERRUPT, SOON_MS,
	    &result));
	ATF_CHECK_EQ(result, exact[12]);
	edu_close(edu);
}

EDU_TEST(interrupt_lost, "computed, but INTx was masked behind our back: "
    "EIO; the next call is heard again", "timeout", "60")
{
	struct edu *edu = open_device("qtest:", 0);
	uint32_t command, result = 77;

	REQUIRE_EDU(edu, edu_config_read(edu, PCI_COMMAND, &command));
	ATF_REQUIRE(edu->bus->ops->config_write(edu->bus, PCI_COMMAND,
	    (command & 0xffff) | NO_INTX) == 0);
	CHECK_ERRNO(edu, EIO, edu_factorial(edu, SLOW / 20,
	    EDU_WRAP | EDU_INTERRUPT, 2000, &result) == -1);
	CHECK_MESSAGE(edu, "INTx");
	ATF_CHECK_EQ(result, 77);
	check_wait(edu, SOON_MS, EDU_INTR_FACTORIAL);
	check_exact(edu, EDU_INTERRUPT);
	edu_close(edu);
}

EDU_TEST(signals, "a signal ends a wait by interrupt with EINTR, and does not "
    "disturb one by polling", "timeout", "120")
{
	struct edu *edu = open_device("qtest:", 0);
	uint32_t result = 77;

	alarm_often();
	CHECK_ERRNO(edu, EINTR, edu_factorial(edu, SLOW,
	    EDU_WRAP | EDU_INTERRUPT, EDU_FOREVER, &result) == -1);
	ATF_CHECK(caught > 0);
	ATF_CHECK_EQ(result, 77);
	/* It goes on, and this waits for it, by polling. */
	REQUIRE_EDU(edu, edu_factorial(edu, 10, 0, EDU_FOREVER, &result));
	ATF_CHECK_EQ(result, exact[10]);
	caught = 0;
	REQUIRE_EDU(edu, edu_factorial(edu, SLOW, EDU_WRAP, EDU_FOREVER,
	    &result));
	ATF_CHECK_EQ(result, 0);
	ATF_CHECK(caught > 0);
	edu_close(edu);
}

EDU_TEST(resumed, "with EDU_RESUME the same factorial goes on, signals or not: "
    "it is started once", "timeout", "120")
{
	struct edu *edu = open_device("qtest:", 0);
	unsigned flags = EDU_WRAP | EDU_INTERRUPT, tries = 0;
	uint32_t result = 77;

	tap_attach(edu);
	alarm_often();
	while (edu_factorial(edu, SLOW / 2, flags, EDU_FOREVER,
	    &result) == -1) {
		ATF_REQUIRE_EQ(errno, EINTR);
		flags |= EDU_RESUME;
		ATF_REQUIRE(tries++ < 10000);
	}
	ATF_CHECK(tries > 0);
	ATF_CHECK_EQ(result, 0);
	ATF_CHECK_EQ(writes(EDU_FACTORIAL), 1);
	check_status(edu, 0);
	/* That is over: the same again starts anew. */
	tap_reset();
	REQUIRE_EDU(edu, edu_factorial(edu, 12, 0, EDU_FOREVER, &result));
	REQUIRE_EDU(edu, edu_factorial(edu, 12, EDU_RESUME, EDU_FOREVER,
	    &result));
	ATF_CHECK_EQ(result, exact[12]);
	ATF_CHECK_EQ(writes(EDU_FACTORIAL), 2);
	edu_close(edu);
}

EDU_TEST(resumed_other, "EDU_RESUME gives nobody another's result, nor one "
    "whose interrupt was taken meanwhile a timeout", "timeout", "120")
{
	struct edu *edu = open_device("qtest:", 0);
	uint32_t result = 77;

	CHECK_ERRNO(edu, ETIMEDOUT, edu_factorial(edu, SLOW / 4,
	    EDU_WRAP | EDU_INTERRUPT, 0, &result) == -1);
	REQUIRE_EDU(edu, edu_factorial(edu, 12, EDU_INTERRUPT | EDU_RESUME,
	    EDU_FOREVER, &result));
	ATF_CHECK_EQ(result, exact[12]);
	CHECK_ERRNO(edu, ETIMEDOUT, edu_factorial(edu, SLOW / 4,
	    EDU_WRAP | EDU_INTERRUPT, 0, &result) == -1);
	check_wait(edu, SOON_MS, EDU_INTR_FACTORIAL);
	REQUIRE_EDU(edu, edu_factorial(edu, SLOW / 4,
	    EDU_WRAP | EDU_INTERRUPT | EDU_RESUME, 0, &result));
	ATF_CHECK_EQ(result, 0);
	/* Started by polling: nobody can wait for its interrupt. */
	CHECK_ERRNO(edu, ETIMEDOUT, edu_factorial(edu, SLOW / 4,
	    EDU_WRAP, 0, &result) == -1);
	REQUIRE_EDU(edu, edu_factorial(edu, SLOW / 4, EDU_WRAP | EDU_RESUME |
	    EDU_INTERRUPT, EDU_FOREVER, &result));
	ATF_CHECK_EQ(result, 0);
	check_status(edu, 0);
	edu_close(edu);
}

EDU_TEST(by_hand, "one that is started by hand is EBUSY while another is "
    "computed, and is not the result of one that is resumed", "timeout", "60")
{
	struct edu *edu = open_device("qtest:", 0);
	uint64_t status = EDU_STATUS_COMPUTING;
	struct edu_done done;
	uint32_t result = 77;

	REQUIRE_EDU(edu, edu_submit_factorial(edu, SLOW / 4, EDU_WRAP,
	    EDU_FOREVER, NULL));
	REQUIRE_EDU(edu, edu_process(edu));
	CHECK_ERRNO(edu, EBUSY, edu_write(edu, EDU_FACTORIAL, 4, 5) == -1);
	CHECK_MESSAGE(edu, "submitted");
	while (edu_reap(edu, &done) == 0)
		REQUIRE_EDU(edu, edu_process(edu));
	ATF_CHECK(done.error == 0 && done.value == 0);
	CHECK_ERRNO(edu, ETIMEDOUT, edu_factorial(edu, SLOW / 4, EDU_WRAP, 0,
	    &result) == -1);
	while (status & EDU_STATUS_COMPUTING)
		REQUIRE_EDU(edu, edu_read(edu, EDU_STATUS, 4, &status));
	REQUIRE_EDU(edu, edu_write(edu, EDU_FACTORIAL, 4, 5));
	REQUIRE_EDU(edu, edu_factorial(edu, SLOW / 4, EDU_WRAP | EDU_RESUME,
	    EDU_FOREVER, &result));
	ATF_CHECK_EQ(result, 0);
	edu_close(edu);
}

EDU_TEST(left_running, "a factorial that an earlier owner left running: the "
    "next owner's call waits for it", "timeout", "120")
{
	uint32_t result = 77;
	struct edu *edu;

	start_qemu("q35", "");
	edu = open_device(DEVICE, 0);
	CHECK_ERRNO(edu, ETIMEDOUT, edu_factorial(edu, SLOWEST,
	    EDU_WRAP | EDU_INTERRUPT, 0, &result) == -1);
	edu_close(edu);
	edu = open_device(DEVICE, 0);
	CHECK_ERRNO(edu, ETIMEDOUT, edu_factorial(edu, 5, 0, 0,
	    &result) == -1);
	CHECK_MESSAGE(edu, "earlier");
	REQUIRE_EDU(edu, edu_factorial(edu, 5, 0, EDU_FOREVER, &result));
	ATF_CHECK_EQ(result, 120);
	/* Its interrupt was switched off. */
	check_status(edu, 0);
	edu_close(edu);
}

static enum tap_verdict
unplug_at_poll(size_t i, struct tap_access *a)
{

	(void)i;
	if (a->is_write || a->offset != EDU_STATUS)
		return TAP_PASS;
	tap.hook = NULL;
	unplug(edu_bus_qtest_session(tap.edu->bus));
	a->value = EDU_STATUS_COMPUTING;
	return TAP_PASS;
}

EDU_TEST(unplugged, "unplugged while it computes: ENODEV, and not a result of "
    "0")
{
	uint32_t result = 77;
	struct edu *edu;

	start_qemu("pc", "");
	edu = open_device(DEVICE, 0);
	tap_attach(edu);
	tap.hook = unplug_at_poll;
	CHECK_ERRNO(edu, ENODEV, edu_factorial(edu, 12, 0, EDU_FOREVER,
	    &result) == -1);
	ATF_CHECK(tap.hook == NULL);
	ATF_CHECK_EQ(result, 77);
	CHECK_ERRNO(edu, ENODEV, edu_factorial(edu, 12, EDU_INTERRUPT, 100,
	    &result) == -1);
	ATF_CHECK_EQ(result, 77);
	edu_close(edu);
}

EDU_TEST(gone_reads_ones, "a device that reads all ones, as on a real bus: "
    "ENODEV, and no endless wait")
{
	struct edu *edu = open_device("qtest:", 0);
	uint32_t result = 77;

	tap_attach(edu);
	tap.hook = tap_read_ones;
	CHECK_ERRNO(edu, ENODEV, edu_factorial(edu, 12, 0, EDU_FOREVER,
	    &result) == -1);
	CHECK_ERRNO(edu, ENODEV, edu_factorial(edu, 12, EDU_INTERRUPT,
	    EDU_FOREVER, &result) == -1);
	ATF_CHECK_EQ(result, 77);
	edu_close(edu);
}
