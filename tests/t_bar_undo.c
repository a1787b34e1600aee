/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Sizing by a process that is killed: the next owner puts right what it has
 * left, and nothing else.
 */

#include <sys/wait.h>

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "claim.h"
#include "h_bar.h"
#include "h_case.h"

/* Of the case, for cases run side by side. */
static const char *claim;

/* The process ends at the access of this number, counted from 0. */
static size_t fault_at;

static enum tap_verdict
die_then(size_t i, struct tap_access *a)
{

	(void)a;
	if (i == fault_at)
		(void)kill(getpid(), SIGKILL);
	return TAP_PASS;
}

/*
 * A process that is killed at access fault_at of its sizing: 1 when it was.
 * It uses our handle, for the next open over qtest plays the firmware, which
 * puts some things right by itself.
 */
static int
size_and_die(struct edu *edu)
{
	struct edu_bar *bar;
	int status;
	pid_t pid;

	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		edu->claim = edu_claim_take(claim, "-", &edu->err);
		if (edu->claim == NULL)
			_exit(1);
		tap_reset();
		tap.hook = die_then;
		bar = edu_bar_size(edu, 0, 0);
		edu_bar_free(bar);
		edu_claim_drop(edu->claim);
		_exit(bar != NULL ? 0 : 2);
	}
	ATF_REQUIRE(waitpid(pid, &status, 0) == pid);
	ATF_REQUIRE_MSG(status == 0 || WIFSIGNALED(status), "status 0x%x",
	    (unsigned)status);
	return status != 0;
}

static void
check_recovery(struct edu *edu, const struct state *before)
{
	struct state after;

	edu->claim = edu_claim_take(claim, "-", &edu->err);
	ATF_REQUIRE_MSG(edu->claim != NULL, "%s", edu_errmsg(edu));
	REQUIRE_EDU(edu, edu_bar_recover(edu));
	after = get_state(BAR0);
	ATF_CHECK_MSG(is_same(before, &after), "killed at access %zu: 0x%x, "
	    "0x%x 0x%x became 0x%x, 0x%x 0x%x", fault_at, before->command,
	    before->low, before->high, after.command, after.low, after.high);
	edu_claim_drop(edu->claim);
	edu->claim = NULL;
}

EDU_TEST(killed, "a process is killed at each access in turn: the next owner "
    "puts the function right", "require.user", "root")
{
	static const struct state states[] = {
		{ 0x0102, 0xfd300000, 0 }, { 0x0507, 0xfd300000, 0 },
		{ 0x0004, 0xfd300000, 0 }
	};
	struct edu *edu = open_tapped();
	/* With a claim, which function it is has to be noted first. */
	size_t count = count_checks(edu, 0, 10) + 10 + 2, i;

	claim = "test-killed";
	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		set_state(BAR0, &states[i]);
		for (fault_at = 0; size_and_die(edu); fault_at++)
			check_recovery(edu, &states[i]);
		ATF_CHECK_EQ(fault_at, count);
		check_recovery(edu, &states[i]);
	}
	edu_close(edu);
	(void)unlink("/var/run/edu-test-killed.lock");
}

EDU_TEST(killed_and_started_anew, "what a killed process has left to undo is "
    "forgotten when decoding is on: the machine was started "
    "anew", "require.user", "root")
{
	static const struct state anew = { 0x0007, 0xfd500000, 0 };
	static const struct state off = { 0x0000, 0xfd600000, 0 };
	struct edu *edu = open_tapped();

	claim = "test-anew";
	fault_at = count_checks(edu, 0, 10) + 2 + 5;
	ATF_REQUIRE(size_and_die(edu));
	set_state(BAR0, &anew);
	check_recovery(edu, &anew);
	/* Forgotten for good. */
	set_state(BAR0, &off);
	check_recovery(edu, &off);
	edu_close(edu);
	(void)unlink("/var/run/edu-test-anew.lock");
}

/* Which function it is, by this test. */
static const char *instance;

static int
say_instance(struct edu_bus *bus, char *buf, size_t size)
{

	(void)bus;
	(void)snprintf(buf, size, "%s", instance);
	return 0;
}

/* A process is killed when this step of BAR0's sequence has been taken. */
static void
leave_undo(struct edu *edu, size_t step, const struct state *before)
{

	tap.edu->bus->tracer.ops.instance = say_instance;
	instance = "boot/1";
	tap.edu->bus->tracer.ops.region = say_region;
	region = (struct edu_region){ before->low, EDU_BAR0_SIZE, 0 };
	set_state(BAR0, before);
	fault_at = count_checks(edu, 0, 10) + 2 + step + 1;
	ATF_REQUIRE(size_and_die(edu));
}

static const struct state found = { 0x0007, 0xfd300000, 0 };

EDU_TEST(undo_other_function, "what is left to undo is forgotten when the slot "
    "has another function, or the machine was started anew", "require.user",
    "root")
{
	/* As the sequence leaves it, at every step of it. */
	static const struct state states[] = {
		{ 0x0404, 0xfd300000, 0 }, { 0x0404, MASK0, 0 },
		{ 0x0404, 0xfd700000, 0 }, { 0x0000, 0xfd700000, 0 },
		{ 0x0007, MASK0, 0 }
	};
	struct edu *edu = open_tapped();
	size_t i;

	claim = "test-other";
	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		leave_undo(edu, 4, &found);
		instance = "boot/2";
		set_state(BAR0, &states[i]);
		check_recovery(edu, &states[i]);
		/* Forgotten for good. */
		instance = "boot/1";
		check_recovery(edu, &states[i]);
	}
	edu_close(edu);
	(void)unlink("/var/run/edu-test-other.lock");
}

EDU_TEST(undo_other_state, "what is left to undo is forgotten when something "
    "else stands in the BAR, or the system has moved it", "require.user",
    "root")
{
	static const struct {
		struct state	now;
		uint64_t	address;	/* as the system says */
	} cases[] = {
		/* A new address, and the same function. */
		{ { 0x0404, 0xfd700000, 0 }, 0xfd700000 },
		{ { 0x0404, 0xfd700000, 0 }, 0xfd300000 },
		{ { 0x0000, 0xfd700000, 0 }, 0xfd700000 },
		{ { 0x0404, MASK0, 0 }, 0xfd700000 },
		{ { 0x0404, 0xfd300000, 0 }, 0xfd700000 },
		/* Freshly plugged, or scanned again. */
		{ { 0x0000, 0, 0 }, 0xfd300000 },
		{ { 0x0000, 0xfd300000, 0 }, 0xfd300000 },
		/* A mask of another size is none of this BAR's. */
		{ { 0x0404, 0xffe00000, 0 }, 0xfd300000 }
	};
	struct edu *edu = open_tapped();
	size_t i;

	claim = "test-state";
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		leave_undo(edu, 4, &found);
		region.address = cases[i].address;
		set_state(BAR0, &cases[i].now);
		check_recovery(edu, &cases[i].now);
	}
	edu_close(edu);
	(void)unlink("/var/run/edu-test-state.lock");
}

EDU_TEST(undo_under_driver, "a BAR that was left at its size mask is put right "
    "though a driver has switched decoding on; the command register stays the "
    "driver's", "require.user", "root")
{
	static const uint32_t commands[] = { 0x0002, 0x0006, 0x0407, 0x0000 };
	struct edu *edu = open_tapped();
	struct state now = found;
	size_t i;

	claim = "test-driver";
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		leave_undo(edu, 4, &found);
		real_write(PCI_COMMAND, commands[i]);
		now.command = commands[i];
		check_recovery(edu, &now);
	}
	/* A driver's node that was closed has ended bus mastering. */
	leave_undo(edu, 4, &found);
	real_write(PCI_COMMAND, 0x0400);
	now.command = 0x0003;
	check_recovery(edu, &now);
	edu_close(edu);
	(void)unlink("/var/run/edu-test-driver.lock");
}

/* What a recovery may write: BAR0 and the command register. */
static enum tap_verdict
watch_writes(size_t i, struct tap_access *a)
{

	(void)i;
	ATF_CHECK_MSG(!a->is_write || a->offset == PCI_COMMAND ||
	    a->offset == BAR0, "0x%x was written", a->offset);
	return TAP_PASS;
}

EDU_TEST(undo_forged, "a record that no sizing writes is not obeyed",
    "require.user", "root")
{
#define RECORD(command, bar, wide, low) "undo command " command " bar " bar \
	" wide " wide " low " low " high 00000000 id 11e81234 class " \
	"00ff0010 of boot/1 end\n"
	static const char *const records[] = {
		RECORD("0007", "3c", "0", "000001ff"),
		RECORD("0007", "04", "0", "ffffffff"),
		RECORD("0007", "11", "0", "fd300000"),
		RECORD("0007", "28", "0", "00000000"),
		RECORD("0007", "24", "1", "00000004"),
		RECORD("0007", "10", "1", "fd300000"),
		RECORD("0007", "10", "2", "fd300000"),
		RECORD("0007", "10", "0", "fd200000"),
		RECORD("10007", "10", "0", "fd300000"),
		"undo command 0007 bar 10 wide 0 low fd300000 high 00000000\n",
		RECORD("7", "10", "0", "fd300000"),
		/* As older versions wrote it, who asked no more. */
		"pid 1\nundo command 7 bar 3c wide 0 low 1ff high 0\n",
		"undo", "", "\377\377\377\377"
	};
	static const struct state left = { 0x0404, MASK0, 0 };
	struct edu *edu = open_tapped();
	struct state right = found;
	FILE *f;
	size_t i;

	claim = "test-forged";
	for (i = 0; i <= sizeof(records) / sizeof(records[0]); i++) {
		leave_undo(edu, 4, &found);
		set_state(BAR0, &left);
		f = fopen("/var/run/edu-test-forged.lock", "w");
		ATF_REQUIRE(f != NULL);
		/* The last one is right. */
		ATF_REQUIRE(fputs(i < sizeof(records) / sizeof(records[0]) ?
		    records[i] : RECORD("0007", "10", "0", "fd300000"),
		    f) >= 0 && fclose(f) == 0);
		tap_reset();
		tap.hook = watch_writes;
		check_recovery(edu, i < sizeof(records) / sizeof(records[0]) ?
		    &left : &right);
	}
	edu_close(edu);
	(void)unlink("/var/run/edu-test-forged.lock");
}
