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
#include <unistd.h>

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

	random_begin();
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

/* The MSI capability of QEMU's edu device, and its enable bit. */
#define MSI		0x40U
#define MSI_ENABLE	0x10000U

static void
config_change(struct edu *edu, unsigned offset, uint32_t set, uint32_t clear)
{
	uint32_t value;

	REQUIRE_EDU(edu, edu_config_read(edu, offset, &value));
	if (offset == PCI_COMMAND)
		value &= 0xffff;
	ATF_REQUIRE(edu->bus->ops->config_write(edu->bus, offset,
	    (value & ~clear) | set) == 0);
}

static void
check_silence(struct edu *edu, const char *why)
{
	uint32_t value = 77;

	CHECK_ERRNO(edu, EIO, edu_irq_check(edu) == -1);
	CHECK_MESSAGE(edu, why);
	CHECK_ERRNO(edu, EIO, edu_irq_wait(edu, EDU_FOREVER, &value) == -1);
	CHECK_MESSAGE(edu, why);
	CHECK_ERRNO(edu, EIO, edu_irq_wait(edu, 50, &value) == -1);
	CHECK_MESSAGE(edu, why);
	ATF_CHECK_EQ(edu_irq_wait(edu, 0, &value), 0);
	ATF_CHECK_EQ(value, 77);
}

EDU_TEST(msi_enabled, "MSI enabled where INTx is waited for: EIO that says so, "
    "and not a wait for ever", "timeout", "60")
{
	struct edu *edu = open_device("qtest:", 0);
	uint32_t value;

	REQUIRE_EDU(edu, edu_irq_check(edu));
	config_change(edu, MSI, MSI_ENABLE, 0);
	check_silence(edu, "MSI is enabled");
	CHECK_MESSAGE(edu, "0x42");
	CHECK_ERRNO(edu, EIO, edu_factorial(edu, 100000000,
	    EDU_INTERRUPT | EDU_WRAP, SOON_MS, &value) == -1);
	CHECK_MESSAGE(edu, "MSI is enabled");
	config_change(edu, MSI, 0, MSI_ENABLE);
	REQUIRE_EDU(edu, edu_irq_check(edu));
	(void)edu_irq_ack(edu, UINT32_MAX);
	check_wait(edu, 50, 0);
	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x40));
	ATF_CHECK(is_readable(edu_irq_fd(edu), SOON_MS));
	check_wait(edu, 0, 0x40);
	edu_close(edu);
}

EDU_TEST(intx_disabled, "INTx disabled behind our back: EIO that says so; the "
    "next wait hears again", "timeout", "60")
{
	struct edu *edu = open_device("qtest:", 0);
	uint32_t value;

	config_change(edu, PCI_COMMAND, PCI_COMMAND_NO_INTX, 0);
	CHECK_ERRNO(edu, EIO, edu_irq_wait(edu, EDU_FOREVER, &value) == -1);
	CHECK_MESSAGE(edu, "disabled INTx");
	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x40));
	check_wait(edu, SOON_MS, 0x40);
	REQUIRE_EDU(edu, edu_irq_check(edu));
	edu_close(edu);
}

EDU_TEST(message_lost, "MSI disabled, or bus mastering off, where a message is "
    "waited for: EIO that says so", "timeout", "60")
{
	struct edu *edu = open_device("qtest:", 0);

	edu->kernel->is_msi = 1;
	check_silence(edu, "MSI is disabled");
	config_change(edu, MSI, MSI_ENABLE, 0);
	REQUIRE_EDU(edu, edu_irq_check(edu));
	config_change(edu, PCI_COMMAND, 0, PCI_COMMAND_MASTER);
	check_silence(edu, "bus mastering");
	config_change(edu, MSI, 0, MSI_ENABLE);
	edu_close(edu);
}

/* A kernel side of the test's own, before the real one. */
static struct edu *fake_edu;
static struct edu_kernel_ops fake_ops;
static int fake_fds[2];
static uint32_t fake_raises;

static int
fake_fd(struct edu_kernel *kernel)
{

	(void)kernel;
	return fake_fds[0];
}

/* Hears nothing; meanwhile somebody raises bits. */
static int
deaf_wait(struct edu_kernel *kernel, int timeout_ms)
{

	(void)kernel;
	sleep_ms(timeout_ms);
	edu_write32(fake_edu, EDU_INTR_RAISE, fake_raises);
	return 0;
}

/* Hears something all the time, by the line of others. */
static int
flooded_wait(struct edu_kernel *kernel, int timeout_ms)
{

	(void)kernel;
	(void)timeout_ms;
	edu_write32(fake_edu, EDU_INTR_RAISE, fake_raises);
	return 1;
}

static void
fake_kernel(struct edu *edu, int (*wait_fn)(struct edu_kernel *, int),
    uint32_t raises)
{

	ATF_REQUIRE(pipe(fake_fds) == 0);
	fake_edu = edu;
	fake_raises = raises;
	fake_ops = *edu->kernel->ops;
	fake_ops.wait = wait_fn;
	fake_ops.fd = fake_fd;
	edu->kernel->ops = &fake_ops;
}

EDU_TEST(line_off, "a device that asserts INTx and is not heard, as when the "
    "kernel has switched off the line: EIO that says so", "timeout", "60")
{
	struct edu *edu = open_device("qtest:", 0);
	uint32_t value = 77;

	fake_kernel(edu, deaf_wait, 0x40);
	REQUIRE_EDU(edu, edu_irq_check(edu));
	CHECK_ERRNO(edu, EIO, edu_irq_wait(edu, EDU_FOREVER, &value) == -1);
	CHECK_MESSAGE(edu, "nobody cared");
	CHECK_ERRNO(edu, EIO, edu_irq_check(edu) == -1);
	ATF_CHECK_EQ(value, 77);
	/* What is there is had all the same. */
	check_wait(edu, 0, 0x40);
	edu_close(edu);
}

EDU_TEST(flooded, "a kernel side that announces an interrupt again and again "
    "does not keep a wait beyond its time", "timeout", "60")
{
	struct edu *edu = open_device("qtest:", 0);
	int64_t start_ms = now_ms();
	uint32_t value = 77;

	fake_kernel(edu, flooded_wait, 0);
	ATF_CHECK_EQ(edu_irq_wait(edu, 0, &value), 0);
	ATF_CHECK_EQ(edu_irq_wait(edu, 200, &value), 0);
	CHECK_ERRNO(edu, ETIMEDOUT, edu_factorial(edu, UINT32_MAX,
	    EDU_INTERRUPT | EDU_WRAP, 200, &value) == -1);
	CHECK_MESSAGE(edu, "in time");
	ATF_CHECK(now_ms() - start_ms < 4000);
	ATF_CHECK_EQ(value, 77);
	edu_close(edu);
}

EDU_TEST(flooded_by_the_bit, "nor does one whose bit is raised again and again "
    "by somebody else", "timeout", "60")
{
	struct edu *edu = open_device("qtest:", 0);
	int64_t start_ms = now_ms();
	uint32_t value = 77;

	fake_kernel(edu, flooded_wait, EDU_INTR_FACTORIAL);
	CHECK_ERRNO(edu, ETIMEDOUT, edu_factorial(edu, UINT32_MAX,
	    EDU_INTERRUPT | EDU_WRAP, 200, &value) == -1);
	ATF_CHECK(now_ms() - start_ms < 4000);
	ATF_CHECK_EQ(value, 77);
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

static enum tap_verdict
config_reads_ones(size_t i, struct tap_access *a)
{

	(void)i;
	if (a->is_config && !a->is_write)
		a->value = UINT32_MAX;
	return TAP_PASS;
}

EDU_TEST(gone_with_an_interrupt, "a device that configuration space proves to "
    "be gone is ENODEV, though its descriptor calls")
{
	struct edu *edu = open_device("qtest:", 0);

	tap_attach(edu);
	REQUIRE_EDU(edu, edu_irq_raise(edu, 4));
	ATF_REQUIRE(is_readable(edu_irq_fd(edu), SOON_MS));
	tap.hook = config_reads_ones;
	CHECK_ERRNO(edu, ENODEV, edu_irq_check(edu) == -1);
	edu_close(edu);
}

EDU_TEST(unplugged_meanwhile, "a wait for a device that is gone is ENODEV, and "
    "not for ever", "timeout", "60")
{
	uint32_t status = 77;
	struct edu *edu;

	start_qemu("pc", "");
	edu = open_device(DEVICE, 0);
	fake_kernel(edu, deaf_wait, 0);
	unplug(edu_bus_qtest_session(edu->bus));
	CHECK_ERRNO(edu, ENODEV, edu_irq_wait(edu, EDU_FOREVER,
	    &status) == -1);
	ATF_CHECK_EQ(status, 77);
	edu_close(edu);
}
