/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Interrupts: raised, waited for, acknowledged, kept. */

#include <sys/time.h>

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <edu.h>
#include <edureg.h>

#include "h_case.h"
#include "h_qemu.h"
#include "h_tap.h"

#define ROUNDS		1000
#define SEED		20260131U
#include "h_random.h"

EDU_TEST(rounds, "1,000 random masks raised, waited for, and none lost, "
    "doubled or mixed up")
{
	struct edu *edu = open_device("qtest:", 0);
	uint32_t mask;
	int i;

	(void)printf("seed %u\n", SEED);
	for (i = 0; i < ROUNDS; i++) {
		mask = next_random() >> (i % 32);
		if (mask == 0)
			mask = UINT32_MAX;
		REQUIRE_EDU(edu, edu_irq_raise(edu, mask));
		check_wait(edu, SOON_MS, mask);
	}
	check_wait(edu, 0, 0);
	check_status(edu, 0);
	edu_close(edu);
}

EDU_TEST(every_bit, "each of the 32 bits, alone and all at once")
{
	struct edu *edu = open_device("qtest:", 0);
	uint32_t bit;

	for (bit = 1; bit != 0; bit <<= 1) {
		REQUIRE_EDU(edu, edu_irq_raise(edu, bit));
		check_status(edu, bit);
		check_wait(edu, SOON_MS, bit);
		check_status(edu, 0);
	}
	REQUIRE_EDU(edu, edu_irq_raise(edu, UINT32_MAX));
	check_status(edu, UINT32_MAX);
	check_wait(edu, SOON_MS, UINT32_MAX);
	check_status(edu, 0);
	REQUIRE_EDU(edu, edu_irq_raise(edu, 0));
	check_wait(edu, 0, 0);
	edu_close(edu);
}

EDU_TEST(several_before_a_wait, "what is raised in several steps comes with "
    "one wait, and once")
{
	struct edu *edu = open_device("qtest:", 0);

	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x1000));
	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x0200));
	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x1000));
	check_status(edu, 0x1200);
	check_status(edu, 0x1200);
	check_wait(edu, SOON_MS, 0x1200);
	check_wait(edu, 0, 0);
	edu_close(edu);
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

EDU_TEST(nothing_comes, "timeouts of 0 and 30 ms give 0, not before their "
    "time, and leave the status as it is")
{
	struct edu *edu = open_device("qtest:", 0);
	uint32_t status = 77;
	int64_t start_ms;

	ATF_CHECK_EQ(edu_irq_wait(edu, 0, &status), 0);
	start_ms = now_ms();
	ATF_CHECK_EQ(edu_irq_wait(edu, 30, &status), 0);
	ATF_CHECK(now_ms() - start_ms >= 30);
	ATF_CHECK_EQ(status, 77);
	check_status(edu, 0);
	edu_close(edu);
}

EDU_TEST(bad_timeouts, "a negative timeout is EINVAL, and what is pending "
    "stays")
{
	struct edu *edu = open_device("qtest:", 0);
	uint32_t status = 77;

	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x40));
	CHECK_ERRNO(edu, EINVAL, edu_irq_wait(edu, -2, &status) == -1);
	CHECK_MESSAGE(edu, "timeout");
	CHECK_ERRNO(edu, EINVAL, edu_irq_wait(edu, INT_MIN, &status) == -1);
	ATF_CHECK_EQ(status, 77);
	check_wait(edu, EDU_FOREVER, 0x40);
	edu_close(edu);
}

EDU_TEST(acknowledged, "acknowledging one of two bits leaves the other; "
    "acknowledging what is not there is no error")
{
	struct edu *edu = open_device("qtest:", 0);

	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x60));
	REQUIRE_EDU(edu, edu_irq_ack(edu, 0x20));
	check_status(edu, 0x40);
	REQUIRE_EDU(edu, edu_irq_ack(edu, 0x8020));
	check_wait(edu, SOON_MS, 0x40);
	check_wait(edu, 0, 0);
	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x60));
	REQUIRE_EDU(edu, edu_irq_ack(edu, UINT32_MAX));
	check_status(edu, 0);
	check_wait(edu, 0, 0);
	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x1));
	check_wait(edu, SOON_MS, 0x1);
	edu_close(edu);
}

EDU_TEST(descriptor, "the descriptor is readable when there is something to "
    "wait for, and not for nothing after a wait")
{
	struct edu *edu = open_device("qtest:", 0);
	int fd = edu_irq_fd(edu), i;

	ATF_REQUIRE(fd != -1);
	for (i = 0; i < 20; i++) {
		ATF_REQUIRE(!is_readable(fd, 0));
		REQUIRE_EDU(edu, edu_irq_raise(edu, 0x2));
		ATF_REQUIRE(is_readable(fd, SOON_MS));
		/* One more on a line that is up already. */
		REQUIRE_EDU(edu, edu_irq_raise(edu, 0x4));
		ATF_REQUIRE(is_readable(fd, 0));
		check_wait(edu, 0, 0x6);
		ATF_REQUIRE(!is_readable(fd, 0));
		/* One of two acknowledged: there is still something. */
		REQUIRE_EDU(edu, edu_irq_raise(edu, 0x18));
		REQUIRE_EDU(edu, edu_irq_ack(edu, 0x8));
		ATF_REQUIRE(is_readable(fd, SOON_MS));
		check_wait(edu, 0, 0x10);
		ATF_REQUIRE(!is_readable(fd, 0));
		/* All acknowledged: it may be readable, until the wait. */
		REQUIRE_EDU(edu, edu_irq_raise(edu, 0x20));
		REQUIRE_EDU(edu, edu_irq_ack(edu, 0x20));
		check_wait(edu, 0, 0);
	}
	ATF_CHECK_EQ(edu_irq_fd(edu), fd);
	edu_close(edu);
}

EDU_TEST(beside_the_engines, "bits raised before a factorial and a DMA by "
    "interrupt are delivered, the engines' own are not")
{
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *mem;
	uint32_t result;

	ATF_REQUIRE((mem = edu_mem_alloc(edu, 16)) != NULL);
	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x40));
	REQUIRE_EDU(edu, edu_factorial(edu, 12, EDU_INTERRUPT, SOON_MS,
	    &result));
	ATF_CHECK_EQ(result, 479001600);
	check_status(edu, 0x40);
	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x80000));
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, mem, 16, EDU_INTERRUPT, SOON_MS));
	check_status(edu, 0x80040);
	/* As the header says: before polling, wait with 0. */
	check_wait(edu, 0, 0x80040);
	check_wait(edu, 0, 0);
	ATF_CHECK(!is_readable(edu_irq_fd(edu), 0));
	/* Taken by an engine in passing, and then acknowledged. */
	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x3000));
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, mem, 16, EDU_INTERRUPT, SOON_MS));
	REQUIRE_EDU(edu, edu_irq_ack(edu, 0x1000));
	check_status(edu, 0x2000);
	check_wait(edu, 0, 0x2000);
	edu_close(edu);
}

EDU_TEST(polled_engines, "a polled factorial and a polled DMA leave pending "
    "bits pending")
{
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *mem;
	uint32_t result;

	ATF_REQUIRE((mem = edu_mem_alloc(edu, 16)) != NULL);
	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x42));
	REQUIRE_EDU(edu, edu_factorial(edu, 12, 0, SOON_MS, &result));
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, mem, 16, 0, SOON_MS));
	check_status(edu, 0x42);
	check_wait(edu, SOON_MS, 0x42);
	edu_close(edu);
}

static volatile sig_atomic_t caught;

static void
catch(int sig)
{

	(void)sig;
	caught++;
}

EDU_TEST(signals, "a signal ends the wait with EINTR, and the next wait works")
{
	static const struct itimerval once = { { 0, 0 }, { 0, 50000 } };
	struct edu *edu = open_device("qtest:", 0);
	struct sigaction action;
	uint32_t status = 77;

	memset(&action, 0, sizeof(action));
	action.sa_handler = catch;
	ATF_REQUIRE(sigaction(SIGALRM, &action, NULL) == 0);
	ATF_REQUIRE(setitimer(ITIMER_REAL, &once, NULL) == 0);
	CHECK_ERRNO(edu, EINTR, edu_irq_wait(edu, EDU_FOREVER,
	    &status) == -1);
	ATF_CHECK_EQ(caught, 1);
	ATF_CHECK_EQ(status, 77);
	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x40));
	check_wait(edu, EDU_FOREVER, 0x40);
	edu_close(edu);
}

EDU_TEST(kept, "with EDU_OPEN_KEEP, what is pending at close is delivered "
    "after the next open")
{
	struct edu *edu;
	uint32_t result;

	start_qemu("q35", "");
	edu = open_device(DEVICE, EDU_OPEN_KEEP);
	check_status(edu, 0);
	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x500));
	edu_close(edu);
	edu = open_device(DEVICE, EDU_OPEN_KEEP);
	check_status(edu, 0x500);
	ATF_CHECK(is_readable(edu_irq_fd(edu), SOON_MS));
	check_wait(edu, SOON_MS, 0x500);
	/* Taken by the library, but not yet delivered: that counts, too. */
	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x60));
	REQUIRE_EDU(edu, edu_factorial(edu, 12, EDU_INTERRUPT, SOON_MS,
	    &result));
	REQUIRE_EDU(edu, edu_irq_ack(edu, 0x20));
	edu_close(edu);
	edu = open_device(DEVICE, EDU_OPEN_KEEP);
	check_wait(edu, SOON_MS, 0x40);
	edu_close(edu);
	/* What was delivered is gone. */
	edu = open_device(DEVICE, EDU_OPEN_KEEP);
	check_status(edu, 0);
	check_wait(edu, 0, 0);
	edu_close(edu);
}

EDU_TEST(not_kept, "without EDU_OPEN_KEEP, everything is acknowledged at open, "
    "and at close")
{
	struct edu *edu;

	start_qemu("q35", "");
	edu = open_device(DEVICE, EDU_OPEN_KEEP);
	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x500));
	edu_close(edu);
	edu = open_device(DEVICE, 0);
	check_status(edu, 0);
	check_wait(edu, 0, 0);
	ATF_CHECK(!is_readable(edu_irq_fd(edu), 0));
	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x500));
	edu_close(edu);
	edu = open_device(DEVICE, EDU_OPEN_KEEP);
	check_status(edu, 0);
	edu_close(edu);
}

EDU_TEST(polling_only, "with EDU_OPEN_POLL, waiting is ENOTSUP and says so, "
    "the rest works")
{
	struct edu *edu = open_device("qtest:", EDU_OPEN_POLL);
	unsigned char *mem;
	uint32_t value = 77;

	CHECK_ERRNO(edu, ENOTSUP, edu_irq_wait(edu, 0, &value) == -1);
	CHECK_MESSAGE(edu, "polling");
	CHECK_ERRNO(edu, ENOTSUP, edu_irq_fd(edu) == -1);
	CHECK_ERRNO(edu, ENOTSUP, edu_factorial(edu, 5, EDU_INTERRUPT,
	    SOON_MS, &value) == -1);
	ATF_CHECK_EQ(value, 77);
	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x12));
	check_status(edu, 0x12);
	REQUIRE_EDU(edu, edu_irq_ack(edu, 0x10));
	check_status(edu, 0x02);
	REQUIRE_EDU(edu, edu_factorial(edu, 5, 0, SOON_MS, &value));
	ATF_CHECK_EQ(value, 120);
	ATF_REQUIRE((mem = edu_mem_alloc(edu, 8)) != NULL);
	CHECK_ERRNO(edu, ENOTSUP, edu_dma_put(edu, 0, mem, 8, EDU_INTERRUPT,
	    SOON_MS) == -1);
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, mem, 8, 0, SOON_MS));
	edu_close(edu);
}

EDU_TEST(unplugged, "the status of an unplugged device is ENODEV, and not 0")
{
	uint32_t status = 77;
	struct edu *edu;

	start_qemu("pc", "");
	edu = open_device(DEVICE, 0);
	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x40));
	unplug(edu_bus_qtest_session(edu->bus));
	CHECK_ERRNO(edu, ENODEV, edu_irq_status(edu, &status) == -1);
	ATF_CHECK_EQ(status, 77);
	edu_close(edu);
}
