/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Sizing that goes wrong: at every access of the sequence something fails, is
 * lost, the device is unplugged or a signal comes.
 */

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

#include "h_bar.h"
#include "h_case.h"

/* The access of this number, counted from 0, meets this. */
static size_t fault_at;
static enum tap_verdict fault;

static enum tap_verdict
one_fault(size_t i, struct tap_access *a)
{

	(void)a;
	return i == fault_at ? fault : TAP_PASS;
}

static enum tap_verdict
all_faults(size_t i, struct tap_access *a)
{

	(void)a;
	return i >= fault_at ? fault : TAP_PASS;
}

/* What a failure has to leave behind. */
enum outcome { AS_BEFORE, SILENT };

static void
check_outcome(unsigned offset, const struct state *before, enum outcome
    outcome)
{
	struct state after = get_state(offset);

	if (outcome == AS_BEFORE)
		ATF_CHECK_MSG(is_same(before, &after), "access %zu: 0x%x, "
		    "0x%x 0x%x became 0x%x, 0x%x 0x%x", fault_at,
		    before->command, before->low, before->high,
		    after.command, after.low, after.high);
	else
		ATF_CHECK_MSG((after.command & DECODING) == 0, "access %zu "
		    "leaves decoding on: 0x%x, 0x%x 0x%x", fault_at,
		    after.command, after.low, after.high);
}

/*
 * Let every access fail in turn: all is as before until the restoring
 * begins; from then on what cannot be restored stays silent.
 */
static void
check_failures(struct edu *edu, unsigned index, const enum outcome *outcomes,
    size_t steps)
{
	unsigned offset = PCI_BAR(index);
	struct state before = get_state(offset);
	size_t checks = count_checks(edu, index, steps);

	fault = TAP_FAIL;
	for (fault_at = 0; fault_at < checks + steps; fault_at++) {
		tap_reset();
		tap.hook = one_fault;
		CHECK_ERRNO(edu, EIO, edu_bar_size(edu, index, 0) == NULL);
		CHECK_MESSAGE(edu, TAP_MESSAGE);
		check_outcome(offset, &before, fault_at < checks ?
		    AS_BEFORE : outcomes[fault_at - checks]);
		set_state(offset, &before);
	}
	tap_reset();
	edu_bar_free(size_bar(edu, index));
}

EDU_TEST(access_fails, "each configuration access fails in turn: EIO, and the "
    "function is as before or stays silent")
{
	static const enum outcome outcomes[] = {
		AS_BEFORE, AS_BEFORE, AS_BEFORE, AS_BEFORE, AS_BEFORE,
		AS_BEFORE,
		/* Restoring the BAR, and verifying that. */
		SILENT, SILENT,
		/* Restoring the command register, and verifying that. */
		SILENT, AS_BEFORE
	};
	static const struct state state = { 0x0107, 0xfd200000, 0 };
	struct edu *edu = open_tapped();

	set_state(BAR0, &state);
	check_failures(edu, 0, outcomes, 10);
	edu_close(edu);
}

EDU_TEST(access_fails_wide, "the same for a 64-bit BAR")
{
	static const enum outcome outcomes[] = {
		AS_BEFORE, AS_BEFORE, AS_BEFORE, AS_BEFORE, AS_BEFORE,
		AS_BEFORE, AS_BEFORE, AS_BEFORE, AS_BEFORE,
		SILENT, SILENT, SILENT, SILENT,
		SILENT, AS_BEFORE
	};
	static const struct state state = { 0x0003, 0x8000000c, 0x12 };
	struct edu *edu = open_other("q35", TESTDEV, TESTDEV_DEVFN);

	set_state(0x18, &state);
	check_failures(edu, 2, outcomes, 15);
	edu_close(edu);
}

EDU_TEST(bus_dies, "from some access on, all fail: an error, and a BAR that is "
    "not as before does not answer")
{
	struct edu *edu = open_tapped();
	struct state after, before = get_state(BAR0);
	size_t count = count_checks(edu, 0, 10) + 10;

	fault = TAP_FAIL;
	for (fault_at = 0; fault_at < count; fault_at++) {
		tap_reset();
		tap.hook = all_faults;
		CHECK_ERRNO(edu, EIO, edu_bar_size(edu, 0, 0) == NULL);
		CHECK_MESSAGE(edu, TAP_MESSAGE);
		after = get_state(BAR0);
		ATF_CHECK(after.low == before.low ||
		    (after.command & DECODING) == 0);
		set_state(BAR0, &before);
	}
	edu_close(edu);
}

/* This write is lost: the number of a step of BAR0's sequence. */
static void
check_lost(struct edu *edu, size_t step, const char *message)
{
	size_t checks = count_checks(edu, 0, 10);

	fault = TAP_LOSE;
	fault_at = checks + step;
	tap.hook = one_fault;
	CHECK_ERRNO(edu, EIO, edu_bar_size(edu, 0, 0) == NULL);
	CHECK_MESSAGE(edu, message);
}

EDU_TEST(write_lost, "each write in turn does not take: EIO, and the message "
    "names the step and both values")
{
	static const struct state state = { 0x0006, 0xfd200000, 0 };
	static const struct state round = { 0x0006, 0xfe000000, 0 };
	struct edu *edu = open_tapped();
	struct state after;
	size_t i;

	set_state(BAR0, &state);
	/* Decoding stays on: the BAR must not be touched. */
	check_lost(edu, 1, "wrote 0x00000404 at 0x04, reads 0x00100006");
	CHECK_MESSAGE(edu, "disable decoding");
	for (i = 0; i < tap.count; i++)
		ATF_CHECK(!tap.log[i].is_write || tap.log[i].offset != BAR0);
	check_outcome(BAR0, &state, AS_BEFORE);
	/* What it answers then is its address, not a size mask ... */
	check_lost(edu, 4, "no size mask");
	check_outcome(BAR0, &state, AS_BEFORE);
	check_lost(edu, 6, "wrote 0xfd200000 at 0x10, reads 0xfff00000");
	CHECK_MESSAGE(edu, "restore the BAR");
	after = get_state(BAR0);
	ATF_CHECK_EQ(after.command, 0x0404);
	ATF_CHECK_EQ(after.low, MASK0);
	set_state(BAR0, &state);
	check_lost(edu, 8, "restore the command register");
	after = get_state(BAR0);
	ATF_CHECK_EQ(after.command, 0x0404);
	ATF_CHECK_EQ(after.low, 0xfd200000);
	/* ... or it looks like one, which only the system knows better. */
	set_state(BAR0, &round);
	tap.edu->bus->tracer.ops.region = say_region;
	region = (struct edu_region){ 0xfe000000, EDU_BAR0_SIZE, 0 };
	check_lost(edu, 4, "0x2000000 bytes");
	CHECK_MESSAGE(edu, "of 0x100000");
	check_outcome(BAR0, &round, AS_BEFORE);
	edu_close(edu);
}

/* An error, and then a restoring that does not take. */
static enum tap_verdict
two_faults(size_t i, struct tap_access *a)
{

	if (i == fault_at)
		return TAP_FAIL;
	return i > fault_at && a->is_write && a->offset == BAR0 ? TAP_LOSE :
	    TAP_PASS;
}

EDU_TEST(first_error_counts, "when the restoring fails after another error, "
    "that other error is told")
{
	struct edu *edu = open_tapped();
	struct state after;

	/* Reading back the size mask. */
	fault_at = count_checks(edu, 0, 10) + 5;
	tap.hook = two_faults;
	CHECK_ERRNO(edu, EIO, edu_bar_size(edu, 0, 0) == NULL);
	CHECK_MESSAGE(edu, TAP_MESSAGE);
	after = get_state(BAR0);
	ATF_CHECK_EQ(after.command & DECODING, 0);
	ATF_CHECK_EQ(after.low, MASK0);
	edu_close(edu);
}

/* What the BAR answers to all ones. */
static uint32_t odd_mask;

static enum tap_verdict
answer_odd_mask(size_t i, struct tap_access *a)
{

	if (!a->is_write && a->offset == BAR0 && i > 0 &&
	    tap.log[i - 1].is_write && tap.log[i - 1].value == ONES)
		a->value = odd_mask;
	return TAP_PASS;
}

EDU_TEST(odd_masks, "an answer to all ones that is no size mask is EIO, the "
    "least and the largest masks are not")
{
	static const struct {
		uint32_t	mask;
		uint64_t	length;		/* 0: no mask */
	} cases[] = {
		{ 0xfffffff0, 0x10 }, { 0x80000000, 0x80000000 },
		{ 0xf0f00000, 0 }, { 0x7ff00000, 0 }, { 0x00000010, 0 },
		{ 0x0000000f, 0x100000000 }
	};
	struct edu *edu = open_tapped();
	struct state after, before = get_state(BAR0);
	struct edu_bar *bar;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		odd_mask = cases[i].mask;
		tap_reset();
		tap.hook = answer_odd_mask;
		errno = 0;
		bar = edu_bar_size(edu, 0, 0);
		ATF_CHECK_EQ_MSG(bar == NULL ? 0 : edu_bar_length(bar),
		    cases[i].length, "mask 0x%x", odd_mask);
		ATF_CHECK_MSG(bar != NULL || errno == EIO, "mask 0x%x: %d",
		    odd_mask, errno);
		edu_bar_free(bar);
		after = get_state(BAR0);
		ATF_CHECK(is_same(&before, &after));
	}
	edu_close(edu);
}

/* Before this access the device is really unplugged. */
static size_t unplug_at;

static enum tap_verdict
unplug_then(size_t i, struct tap_access *a)
{
	struct edu_bus *bus = tap.edu->bus;

	if (i != unplug_at)
		return TAP_PASS;
	unplug(edu_bus_qtest_session(bus));
	/* A read has been answered already. */
	if (!a->is_write)
		a->value = session_config_read(edu_bus_qtest_session(bus),
		    EDU_DEVFN, a->offset);
	return TAP_PASS;
}

EDU_TEST(unplugged, "the device is unplugged before each access in turn: "
    "ENODEV")
{
	struct edu_bar *bar;
	struct edu *edu;
	size_t count;

	start_qemu("pc", "");
	edu = open_device(DEVICE, EDU_OPEN_CONFIG);
	tap_attach(edu);
	count = count_checks(edu, 0, 10) + 10;
	for (unplug_at = 0; unplug_at < count; unplug_at++) {
		tap_reset();
		tap.hook = unplug_then;
		CHECK_ERRNO(edu, ENODEV, edu_bar_size(edu, 0, 0) == NULL);
		CHECK_MESSAGE(edu, "gone");
		edu_close(edu);
		monitor("device_add edu,id=it,addr=0xa");
		edu = open_device(DEVICE, EDU_OPEN_CONFIG);
		tap_attach(edu);
		bar = size_bar(edu, 0);
		ATF_CHECK_EQ(edu_bar_length(bar), EDU_BAR0_SIZE);
		edu_bar_free(bar);
	}
	edu_close(edu);
}

static volatile sig_atomic_t caught;
static size_t accesses_when_caught;

static void
catch(int sig)
{

	(void)sig;
	caught++;
	accesses_when_caught = tap.count;
}

/* Two signals at every write, and at the read that verifies it. */
static enum tap_verdict
send_signals(size_t i, struct tap_access *a)
{

	if (a->is_write || (i > 0 && tap.log[i - 1].is_write)) {
		(void)raise(SIGTERM);
		(void)kill(getpid(), SIGINT);
		ATF_CHECK_EQ_MSG(caught, 0, "a signal arrived at access %zu",
		    i);
	}
	return TAP_PASS;
}

EDU_TEST(signals_held, "a signal sent in the middle arrives after the last "
    "step, and the mask is as before")
{
	struct edu *edu = open_tapped();
	sigset_t after, before;
	size_t count;
	int sig;

	count = count_checks(edu, 0, 10) + 10;
	(void)signal(SIGTERM, catch);
	(void)signal(SIGINT, catch);
	ATF_REQUIRE(sigemptyset(&before) == 0);
	ATF_REQUIRE(sigaddset(&before, SIGUSR2) == 0);
	ATF_REQUIRE(sigprocmask(SIG_SETMASK, &before, NULL) == 0);
	tap.hook = send_signals;
	edu_bar_free(size_bar(edu, 0));
	ATF_CHECK_EQ(caught, 2);
	ATF_CHECK_EQ(accesses_when_caught, count);
	/* On the way of an error, too. */
	caught = 0;
	tap_reset();
	tap.hook = one_fault;
	fault = TAP_FAIL;
	fault_at = count - 3;
	CHECK_ERRNO(edu, EIO, edu_bar_size(edu, 0, 0) == NULL);
	ATF_REQUIRE(sigprocmask(SIG_SETMASK, NULL, &after) == 0);
	for (sig = 1; sig < 32; sig++)
		ATF_CHECK_EQ(sigismember(&after, sig),
		    sigismember(&before, sig));
	edu_close(edu);
}
