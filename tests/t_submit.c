/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Operations that nobody waits for, and sets. */

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

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
open_stopped(void)
{

	start_qemu("q35", "-S");
	return open_device(DEVICE, 0);
}

/* A caller's loop, without interrupts: 1, or 0 when nothing is under way. */
static int
loop_once(struct edu *edu)
{
	struct timespec when;

	REQUIRE_EDU(edu, edu_process(edu));
	if (!edu_due(edu, &when))
		return 0;
	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL);
	return 1;
}

static void
loop(struct edu *edu)
{

	while (loop_once(edu))
		continue;
}

/* The next that is done, which has to be this. */
static uint32_t
check_done(struct edu *edu, const void *cookie, int error)
{
	struct edu_done done = { NULL, NULL, -1, 0 };

	ATF_CHECK_EQ(edu_reap(edu, &done), 1);
	ATF_CHECK_EQ(done.edu, edu);
	ATF_CHECK_EQ(done.cookie, cookie);
	ATF_CHECK_MSG(done.error == error, "error %d (%s), not %d: %s",
	    done.error, strerror(done.error), error, edu_errmsg(edu));
	return done.value;
}

static void
check_nothing_done(struct edu *edu)
{
	struct edu_done done;

	ATF_CHECK_EQ(edu_reap(edu, &done), 0);
}

EDU_TEST(in_order, "what is submitted to an engine is done in its order, each "
    "with its cookie and its result")
{
	static const char text[] = "out, away, and back";
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *mem = alloc(edu, 4096);
	int cookies[5];

	memcpy(mem, text, sizeof(text));
	memset(mem + 100, 'z', 100);
	REQUIRE_EDU(edu, edu_submit_put(edu, 50, mem, sizeof(text), 0,
	    SOON_MS, &cookies[0]));
	REQUIRE_EDU(edu, edu_submit_get(edu, 50, mem + 1000, sizeof(text), 0,
	    SOON_MS, &cookies[1]));
	REQUIRE_EDU(edu, edu_submit_put(edu, 50, mem + 100, sizeof(text), 0,
	    SOON_MS, &cookies[2]));
	REQUIRE_EDU(edu, edu_submit_copy(edu, mem + 3000, mem + 1000,
	    sizeof(text), 0, SOON_MS, &cookies[3]));
	check_nothing_done(edu);
	loop(edu);
	check_done(edu, &cookies[0], 0);
	check_done(edu, &cookies[1], 0);
	check_done(edu, &cookies[2], 0);
	check_done(edu, &cookies[3], 0);
	check_nothing_done(edu);
	ATF_CHECK(memcmp(mem + 1000, text, sizeof(text)) == 0);
	ATF_CHECK(memcmp(mem + 3000, text, sizeof(text)) == 0);
	REQUIRE_EDU(edu, edu_submit_factorial(edu, 5, 0, SOON_MS,
	    &cookies[0]));
	REQUIRE_EDU(edu, edu_submit_factorial(edu, 34, EDU_WRAP, SOON_MS,
	    &cookies[1]));
	REQUIRE_EDU(edu, edu_submit_factorial(edu, 12, 0, SOON_MS, NULL));
	loop(edu);
	ATF_CHECK_EQ(check_done(edu, &cookies[0], 0), 120);
	ATF_CHECK_EQ(check_done(edu, &cookies[1], 0), 0);
	ATF_CHECK_EQ(check_done(edu, NULL, 0), 479001600);
	edu_close(edu);
}

EDU_TEST(by_interrupt, "by interrupt: its descriptor calls, and edu_irq_wait() "
    "gets the others' bits alone", "timeout", "60")
{
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *mem = alloc(edu, 4096);
	struct edu_done done;
	int count = 0;

	REQUIRE_EDU(edu, edu_submit_copy(edu, mem + 2048, mem, 2000,
	    EDU_INTERRUPT, SOON_MS, mem));
	REQUIRE_EDU(edu, edu_submit_factorial(edu, 12, EDU_INTERRUPT, SOON_MS,
	    edu));
	REQUIRE_EDU(edu, edu_process(edu));
	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x40));
	check_wait(edu, SOON_MS, 0x40);
	while (count < 2) {
		REQUIRE_EDU(edu, edu_process(edu));
		while (edu_reap(edu, &done)) {
			ATF_CHECK_EQ(done.error, 0);
			count++;
		}
		if (count < 2)
			ATF_REQUIRE(is_readable(edu_irq_fd(edu), SOON_MS));
	}
	check_wait(edu, 0, 0);
	check_status(edu, 0);
	edu_close(edu);
}

EDU_TEST(side_by_side, "the two engines work at the same time, and calls that "
    "block take their turn")
{
	struct edu *edu = open_stopped();
	unsigned char *mem = alloc(edu, 4096);
	struct timespec when;
	uint32_t result;

	memset(mem, 'x', 100);
	REQUIRE_EDU(edu, edu_submit_put(edu, 0, mem, 100, 0, EDU_FOREVER,
	    mem));
	REQUIRE_EDU(edu, edu_process(edu));
	REQUIRE_EDU(edu, edu_factorial(edu, 10, 0, SOON_MS, &result));
	ATF_CHECK_EQ(result, 3628800);
	REQUIRE_EDU(edu, edu_submit_factorial(edu, 6, 0, SOON_MS, edu));
	REQUIRE_EDU(edu, edu_factorial(edu, 5, EDU_INTERRUPT, SOON_MS,
	    &result));
	ATF_CHECK_EQ(result, 120);
	ATF_CHECK_EQ(check_done(edu, edu, 0), 720);
	check_nothing_done(edu);
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_get(edu, 0, mem + 200, 100, 0,
	    30) == -1);
	CHECK_MESSAGE(edu, "earlier");
	monitor("cont");
	REQUIRE_EDU(edu, edu_dma_get(edu, 0, mem + 200, 100, 0, SOON_MS));
	ATF_CHECK_EQ(mem[299], 'x');
	check_done(edu, mem, 0);
	ATF_CHECK_EQ(edu_due(edu, &when), 0);
	edu_close(edu);
}

EDU_TEST(full, "the next that does not fit is EAGAIN, until one is reaped; "
    "nothing is lost")
{
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *mem = alloc(edu, 4096);
	struct edu_done done;
	char cookies[EDU_QUEUE_MAX];
	uint32_t result;
	int i, round;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < EDU_QUEUE_MAX; i++)
			REQUIRE_EDU(edu, edu_submit_put(edu, 0, mem, 1, 0,
			    SOON_MS, &cookies[i]));
		CHECK_ERRNO(edu, EAGAIN, edu_submit_put(edu, 0, mem, 1, 0,
		    SOON_MS, NULL) == -1);
		CHECK_MESSAGE(edu, "reap");
		loop(edu);
		CHECK_ERRNO(edu, EAGAIN, edu_submit_factorial(edu, 1, 0,
		    SOON_MS, NULL) == -1);
		/* One that blocks has a place of its own. */
		REQUIRE_EDU(edu, edu_factorial(edu, 5, 0, SOON_MS, &result));
		for (i = 0; i < EDU_QUEUE_MAX; i++)
			check_done(edu, &cookies[i], 0);
		ATF_CHECK_EQ(edu_reap(edu, &done), 0);
	}
	edu_close(edu);
}

EDU_TEST(cancelled, "what is cancelled is ECANCELED at once; what the device "
    "does for it keeps its memory, and delays the next")
{
	struct edu *edu = open_stopped();
	unsigned char *mem = alloc(edu, 4096), *other;
	uint64_t address = bus_address(edu, mem);
	struct registers before;
	int cookie;

	REQUIRE_EDU(edu, edu_submit_put(edu, 0, mem, 100, 0, EDU_FOREVER,
	    &cookie));
	REQUIRE_EDU(edu, edu_submit_put(edu, 0, mem, 200, 0, EDU_FOREVER,
	    &cookie));
	REQUIRE_EDU(edu, edu_submit_put(edu, 0, mem, 300, 0, SOON_MS, edu));
	REQUIRE_EDU(edu, edu_process(edu));
	before = get_registers(edu);
	ATF_CHECK_EQ(before.count, 100);
	ATF_CHECK_EQ(edu_cancel(edu, mem), 0);
	ATF_CHECK_EQ(edu_cancel(edu, &cookie), 2);
	check_done(edu, &cookie, ECANCELED);
	check_done(edu, &cookie, ECANCELED);
	edu_mem_free(edu, mem);
	other = alloc(edu, 4096);
	ATF_CHECK(bus_address(edu, other) != address);
	check_registers(edu, &before);
	monitor("cont");
	loop(edu);
	check_done(edu, edu, 0);
	ATF_CHECK_EQ(get_registers(edu).count, 300);
	ATF_CHECK_EQ(bus_address(edu, alloc(edu, 4096)), address);
	edu_close(edu);
}

EDU_TEST(cancelled_behind, "what is cancelled behind one that waits for its "
    "interrupt leaves it that", "timeout", "30")
{
	struct edu *edu = open_stopped();
	unsigned char *mem = alloc(edu, 4096);

	REQUIRE_EDU(edu, edu_submit_put(edu, 0, mem, 100, EDU_INTERRUPT,
	    SOON_MS, mem));
	REQUIRE_EDU(edu, edu_submit_put(edu, 0, mem, 200, 0, EDU_FOREVER,
	    edu));
	REQUIRE_EDU(edu, edu_process(edu));
	ATF_CHECK_EQ(edu_cancel(edu, edu), 1);
	check_done(edu, edu, ECANCELED);
	monitor("cont");
	check_wait(edu, 500, 0);
	REQUIRE_EDU(edu, edu_process(edu));
	check_done(edu, mem, 0);
	edu_close(edu);
}

EDU_TEST(timeouts, "a timeout begins with the submission, for what runs and "
    "for what waits; what waits behind goes on")
{
	struct edu *edu = open_stopped();
	unsigned char *mem = alloc(edu, 4096);
	int cookies[4];

	REQUIRE_EDU(edu, edu_submit_put(edu, 0, mem, 1, 0, 40, &cookies[0]));
	REQUIRE_EDU(edu, edu_submit_put(edu, 0, mem, 2, EDU_INTERRUPT,
	    EDU_FOREVER, &cookies[1]));
	REQUIRE_EDU(edu, edu_submit_put(edu, 0, mem, 3, 0, 20, &cookies[2]));
	REQUIRE_EDU(edu, edu_submit_put(edu, 0, mem, 4, 0, EDU_FOREVER,
	    &cookies[3]));
	/* The engine has not been asked for anything so far. */
	ATF_CHECK_EQ(get_registers(edu).count, 0);
	REQUIRE_EDU(edu, edu_process(edu));
	ATF_CHECK_EQ(get_registers(edu).count, 1);
	sleep_ms(50);
	REQUIRE_EDU(edu, edu_process(edu));
	check_done(edu, &cookies[0], ETIMEDOUT);
	check_done(edu, &cookies[2], ETIMEDOUT);
	CHECK_MESSAGE(edu, "earlier");
	check_nothing_done(edu);
	monitor("cont");
	while (edu_due(edu, &(struct timespec){ 0, 0 })) {
		REQUIRE_EDU(edu, edu_process(edu));
		sleep_ms(1);
	}
	check_done(edu, &cookies[1], 0);
	check_done(edu, &cookies[3], 0);
	check_status(edu, 0);
	edu_close(edu);
}

EDU_TEST(zero, "a timeout of 0: it is begun, looked at once, and left")
{
	struct edu *edu = open_stopped();
	unsigned char *mem = alloc(edu, 4096);

	REQUIRE_EDU(edu, edu_submit_put(edu, 0, mem, 7, 0, 0, mem));
	check_nothing_done(edu);
	REQUIRE_EDU(edu, edu_process(edu));
	check_done(edu, mem, ETIMEDOUT);
	CHECK_MESSAGE(edu, "stands still");
	ATF_CHECK_EQ(get_registers(edu).count, 7);
	edu_close(edu);
}

/* How often a register was written or read. */
static size_t
accesses(unsigned offset, int is_write)
{
	size_t count = 0, i;

	for (i = 0; i < tap.count && i < TAP_MAX; i++)
		count += !tap.log[i].is_config &&
		    tap.log[i].is_write == is_write &&
		    tap.log[i].offset == offset;
	return count;
}

EDU_TEST(copy_counts, "a copy proves bus mastering at its start and its end, "
    "and makes three writes a further transfer")
{
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *mem = alloc(edu, 20 * LIMIT);

	tap_attach(edu);
	REQUIRE_EDU(edu, edu_dma_copy(edu, mem + 10 * LIMIT, mem, 10 * LIMIT,
	    0, SOON_MS));
	/* Twenty transfers. */
	ATF_CHECK_EQ(tap_count(1, 0), 2);
	ATF_CHECK_EQ(tap_count(1, 1), 0);
	ATF_CHECK_EQ(tap_count(0, 1), 4 + 19 * 3);
	ATF_CHECK_EQ(accesses(EDU_DMA_CMD, 1), 20);
	ATF_CHECK_EQ(accesses(EDU_DMA_COUNT, 1), 1);
	/* The ten to the device end with a command of 0. */
	ATF_CHECK_EQ(accesses(EDU_ID, 0), 10);
	ATF_CHECK_EQ(tap_count(0, 0), 10 + accesses(EDU_DMA_CMD, 0));
	edu_close(edu);
}

EDU_TEST(put_counts, "one way, from a buffer that moves, a further transfer is "
    "two writes; of the same, one; after a write past us, four")
{
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *mem = alloc(edu, 8192);

	REQUIRE_EDU(edu, edu_dma_put(edu, 0, mem, 100, 0, SOON_MS));
	tap_attach(edu);
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, mem + 100, 100, 0, SOON_MS));
	ATF_CHECK_EQ(tap_count(0, 1), 2);
	tap_reset();
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, mem + 100, 100, 0, SOON_MS));
	ATF_CHECK_EQ(tap_count(0, 1), 1);
	REQUIRE_EDU(edu, edu_write(edu, EDU_DMA_SRC, 8, 0));
	tap_reset();
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, mem + 100, 100, 0, SOON_MS));
	ATF_CHECK_EQ(tap_count(0, 1), 4);
	edu_close(edu);
}

EDU_TEST(unplugged, "what is under way when the device goes is ENODEV, and so "
    "is what waits", "timeout", "60")
{
	struct edu *edu;
	unsigned char *mem;
	int i;

	start_qemu("pc", "");
	edu = open_device(DEVICE, 0);
	mem = alloc(edu, 4096);
	REQUIRE_EDU(edu, edu_submit_put(edu, 0, mem, 1, 0, SOON_MS, mem));
	REQUIRE_EDU(edu, edu_submit_get(edu, 0, mem, 1, 0, SOON_MS, mem));
	REQUIRE_EDU(edu, edu_submit_factorial(edu, 12, 0, SOON_MS, mem));
	REQUIRE_EDU(edu, edu_process(edu));
	unplug(edu_bus_qtest_session(edu->bus));
	loop(edu);
	for (i = 0; i < 3; i++)
		check_done(edu, mem, ENODEV);
	check_nothing_done(edu);
	edu_close(edu);
}

EDU_TEST(bad_arguments, "flags of calls that block, and what those refuse: "
    "EINVAL, EFAULT, ERANGE, and nothing is queued")
{
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *mem = alloc(edu, 4096);
	struct timespec when;

	CHECK_ERRNO(edu, EINVAL, edu_submit_put(edu, 0, mem, 1, EDU_RESUME,
	    SOON_MS, NULL) == -1);
	CHECK_ERRNO(edu, EINVAL, edu_submit_factorial(edu, 1, EDU_SPIN,
	    SOON_MS, NULL) == -1);
	CHECK_ERRNO(edu, EINVAL, edu_submit_factorial(edu, 1, EDU_SLEEP,
	    SOON_MS, NULL) == -1);
	CHECK_ERRNO(edu, EINVAL, edu_submit_get(edu, 0, mem, 1, 0, -2,
	    NULL) == -1);
	CHECK_ERRNO(edu, EFAULT, edu_submit_get(edu, 0, &when, 1, 0, SOON_MS,
	    NULL) == -1);
	CHECK_ERRNO(edu, EFAULT, edu_submit_copy(edu, NULL, mem, 1, 0,
	    SOON_MS, NULL) == -1);
	CHECK_ERRNO(edu, EFAULT, edu_submit_copy(edu, mem, NULL, 1, 0,
	    SOON_MS, NULL) == -1);
	CHECK_ERRNO(edu, EFAULT, edu_submit_put(edu, 0, NULL, 1, 0, SOON_MS,
	    NULL) == -1);
	CHECK_ERRNO(edu, EINVAL, edu_submit_copy(edu, mem + 1, mem, 2, 0,
	    SOON_MS, NULL) == -1);
	CHECK_ERRNO(edu, ERANGE, edu_submit_put(edu, 1, mem, LIMIT, 0,
	    SOON_MS, NULL) == -1);
	CHECK_ERRNO(edu, ERANGE, edu_submit_factorial(edu, 13, 0, SOON_MS,
	    NULL) == -1);
	ATF_CHECK_EQ(edu_due(edu, &when), 0);
	edu_close(edu);
	edu = open_device("qtest:", EDU_OPEN_READONLY);
	CHECK_ERRNO(edu, EBADF, edu_process(edu) == -1);
	edu_close(edu);
}

#define DEVICES		5

EDU_TEST(set, "a set reaps what is done on any of its handles, and loses none "
    "when one is taken out or closed", "timeout", "60")
{
	struct edu *edu[DEVICES];
	unsigned char *mem[DEVICES];
	struct edu_set *set = edu_set_new();
	struct edu_done done;
	int count[DEVICES] = { 0 }, i, n;

	for (i = 0; i < DEVICES; i++) {
		edu[i] = open_device("qtest:", 0);
		mem[i] = alloc(edu[i], 4096);
		REQUIRE_EDU(edu[i], edu_set_add(set, edu[i]));
		CHECK_ERRNO(edu[i], EBUSY, edu_set_add(set, edu[i]) == -1);
	}
	ATF_CHECK_EQ(edu_set_wait(set, EDU_FOREVER, &done), 0);
	for (i = 0; i < DEVICES; i++)
		for (n = 0; n < 2 * i + 1; n++)
			REQUIRE_EDU(edu[i], edu_submit_copy(edu[i],
			    mem[i] + 2000, mem[i], 2000, n % 2 ?
			    EDU_INTERRUPT : 0, SOON_MS, &count[i]));
	while (edu_set_wait(set, SOON_MS, &done) == 1) {
		ATF_CHECK_EQ(done.error, 0);
		++*(int *)done.cookie;
	}
	for (i = 0; i < DEVICES; i++)
		ATF_CHECK_EQ(count[i], 2 * i + 1);
	/* Out of the set, it is still driven by hand. */
	for (i = 0; i < DEVICES; i++)
		REQUIRE_EDU(edu[i], edu_submit_put(edu[i], 0, mem[i], 10, 0,
		    SOON_MS, mem[i]));
	edu_set_remove(set, edu[2]);
	edu_set_remove(set, edu[2]);
	edu_close(edu[4]);
	for (n = 0; edu_set_wait(set, SOON_MS, &done) == 1; n++)
		ATF_CHECK(done.edu != edu[2] && done.error == 0);
	ATF_CHECK_EQ(n, DEVICES - 2);
	loop(edu[2]);
	check_done(edu[2], mem[2], 0);
	edu_set_free(set);
	for (i = 0; i < DEVICES - 1; i++)
		edu_close(edu[i]);
}

EDU_TEST(set_removed, "what is taken out with something to do is out")
{
	struct edu *edu[3];
	struct edu_set *set = edu_set_new();
	struct edu_done done;
	int i, n;

	for (i = 0; i < 3; i++) {
		edu[i] = open_device("qtest:", 0);
		REQUIRE_EDU(edu[i], edu_set_add(set, edu[i]));
	}
	ATF_CHECK_EQ(edu_set_wait(set, 0, &done), 0);
	REQUIRE_EDU(edu[2], edu_submit_factorial(edu[2], 5, 0, SOON_MS, NULL));
	edu_set_remove(set, edu[2]);
	for (i = 0; i < 2; i++)
		REQUIRE_EDU(edu[i], edu_submit_factorial(edu[i], 5, 0,
		    SOON_MS, NULL));
	for (n = 0; edu_set_wait(set, SOON_MS, &done) == 1; n++)
		ATF_CHECK(done.edu != edu[2] && done.error == 0);
	ATF_CHECK_EQ(n, 2);
	edu_set_free(set);
	for (i = 0; i < 3; i++)
		edu_close(edu[i]);
}

EDU_TEST(set_times_out, "a set's wait is 0 when its time is over, EINTR by a "
    "signal, and what is under way goes on", "timeout", "60")
{
	struct edu *edu = open_stopped();
	unsigned char *mem = alloc(edu, 4096);
	struct edu_set *set = edu_set_new();
	struct edu_done done;

	REQUIRE_EDU(edu, edu_set_add(set, edu));
	REQUIRE_EDU(edu, edu_submit_put(edu, 0, mem, 10, 0, EDU_FOREVER,
	    mem));
	ATF_CHECK_EQ(edu_set_wait(set, 0, &done), 0);
	ATF_CHECK_EQ(edu_set_wait(set, 150, &done), 0);
	ATF_CHECK_EQ(edu_cancel(edu, mem), 1);
	ATF_CHECK_EQ(edu_set_wait(set, 0, &done), 1);
	ATF_CHECK_EQ(done.error, ECANCELED);
	monitor("cont");
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, mem, 10, 0, SOON_MS));
	monitor("stop");
	REQUIRE_EDU(edu, edu_submit_put(edu, 0, mem, 10, EDU_INTERRUPT,
	    EDU_FOREVER, mem));
	alarm_often();
	errno = 0;
	ATF_CHECK_EQ(edu_set_wait(set, EDU_FOREVER, &done), -1);
	ATF_CHECK_EQ(errno, EINTR);
	errno = 0;
	ATF_CHECK_EQ(edu_set_wait(set, -2, &done), -1);
	ATF_CHECK_EQ(errno, EINVAL);
	monitor("cont");
	while (edu_set_wait(set, SOON_MS, &done) == -1)
		continue;
	ATF_CHECK_EQ(done.error, 0);
	edu_set_free(set);
	edu_close(edu);
}

EDU_TEST(set_copy_refused, "a copy by a set needs devices, and memory that "
    "each of them reaches: EINVAL, EFAULT, and nothing is touched")
{
	struct edu *one = open_device("qtest:", 0);
	struct edu *two = open_device("qtest:", 0);
	unsigned char *mem = alloc(one, 4096);
	struct edu_set *set = edu_set_new();

	errno = 0;
	ATF_CHECK_EQ(edu_set_copy(set, mem + 2000, mem, 10, 0, SOON_MS), -1);
	ATF_CHECK_EQ(errno, EINVAL);
	REQUIRE_EDU(one, edu_set_add(set, one));
	memset(mem, 'q', 2000);
	ATF_CHECK_EQ(edu_set_copy(set, mem + 2000, mem, 2000, 0, SOON_MS), 0);
	ATF_CHECK_EQ(mem[3999], 'q');
	REQUIRE_EDU(two, edu_set_add(set, two));
	tap_attach(one);
	errno = 0;
	ATF_CHECK_EQ(edu_set_copy(set, mem + 2000, mem, 10, 0, SOON_MS), -1);
	ATF_CHECK_EQ(errno, EFAULT);
	ATF_CHECK(strstr(edu_errmsg(NULL), "qtest") != NULL);
	ATF_CHECK_EQ(tap.count, 0);
	edu_close(one);
	edu_close(two);
	edu_set_free(set);
}

/* A thread with two devices and a set of its own; NULL when all is well. */
static void *
drive(void *failure)
{
	struct edu_set *set = edu_set_new();
	struct edu *edu[2];
	unsigned char *mem[2];
	struct edu_done done;
	int count = 0, i, n;

	for (i = 0; i < 2; i++) {
		if (set == NULL ||
		    (edu[i] = edu_open("qtest:", 0)) == NULL ||
		    (mem[i] = edu_mem_alloc(edu[i], 4096)) == NULL ||
		    edu_set_add(set, edu[i]) == -1)
			return failure;
		memset(mem[i], i + 1, 2000);
		for (n = 0; n < 5; n++)
			if (edu_submit_copy(edu[i], mem[i] + 2000, mem[i],
			    2000, n % 2 ? EDU_INTERRUPT : 0, SOON_MS,
			    NULL) == -1 || edu_submit_factorial(edu[i], 12, 0,
			    SOON_MS, NULL) == -1)
				return failure;
	}
	while (edu_set_wait(set, SOON_MS, &done) == 1)
		count += done.error == 0;
	edu_set_free(set);
	n = mem[0][3999] == 1 && mem[1][3999] == 2;
	edu_close(edu[0]);
	edu_close(edu[1]);
	return n && count == 20 ? NULL : failure;
}

EDU_TEST(set_threads, "threads drive sets of their own at once", "timeout",
    "120")
{
	pthread_t thread[3];
	void *failure = &thread, *result;
	size_t i;

	for (i = 0; i < 3; i++)
		ATF_REQUIRE(pthread_create(&thread[i], NULL, drive,
		    failure) == 0);
	for (i = 0; i < 3; i++) {
		ATF_REQUIRE(pthread_join(thread[i], &result) == 0);
		ATF_CHECK(result == NULL);
	}
}
