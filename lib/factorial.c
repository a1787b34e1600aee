/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <errno.h>
#include <inttypes.h>

#include "internal.h"

/* 13! is more than 32 bits hold. */
#define MAX_EXACT	12

/*
 * How often to poll without a pause, and how long to sleep between later
 * polls.  A factorial of 12 is done in microseconds; one of 2^32 - 1 takes
 * seconds.
 */
#define SPINS		200
#define NAP_MIN_US	50
#define NAP_MAX_US	5000

void
edu_factorial_started(struct edu *edu)
{

	edu->factorial.is_running = 1;
	edu->factorial.is_owed = 0;
}

void
edu_factorial_status_written(struct edu *edu, uint32_t value)
{

	edu->factorial.status = value & EDU_STATUS_IRQFACT;
}

/* Telling the device what it knows would cost an access. */
static void
set_status(struct edu *edu, uint32_t status)
{

	if (edu->factorial.status == status)
		return;
	edu_write32(edu, EDU_STATUS, status);
	edu->factorial.status = status;
}

static void
start(struct edu *edu, uint32_t n, uint32_t status)
{

	set_status(edu, status);
	edu_write32(edu, EDU_FACTORIAL, n);
	edu_factorial_started(edu);
	edu->factorial.n = n;
	edu->factorial.is_owed = 1;
}

/* All ones: the device is gone, and that is the end of waiting for it. */
static int
is_done(struct edu *edu)
{
	uint32_t status = edu_read32(edu, EDU_STATUS);

	edu->factorial.is_running = (status & EDU_STATUS_COMPUTING) != 0 &&
	    status != UINT32_MAX;
	return !edu->factorial.is_running;
}

/* A former owner may have left one running, and the status in any state. */
void
edu_factorial_adopt(struct edu *edu)
{

	(void)is_done(edu);
	edu_write32(edu, EDU_STATUS, 0);
}

/* It must not interrupt when nobody listens. */
void
edu_factorial_leave(struct edu *edu)
{

	set_status(edu, 0);
}

/* Or it reads 0: not computing, result 0.  So ask who it is. */
static int
finish(struct edu *edu, uint32_t *result)
{
	uint32_t id, value;

	value = edu_read32(edu, EDU_FACTORIAL);
	if (edu_identify(edu, &id) == -1)
		return -1;
	edu->factorial.is_owed = 0;
	*result = value;
	return 0;
}

/* 1 when the engine is idle, 0 when it is not by the deadline. */
static int
poll_done(struct edu *edu, int64_t deadline_us)
{
	int64_t nap_us = NAP_MIN_US, now_us;
	unsigned polls;

	for (polls = 0; !is_done(edu); polls++) {
		if ((now_us = edu_now_us()) >= deadline_us)
			return 0;
		if (polls < SPINS)
			continue;
		edu_sleep_until(deadline_us - now_us < nap_us ? deadline_us :
		    now_us + nap_us);
		if (nap_us < NAP_MAX_US)
			nap_us *= 2;
	}
	return 1;
}

static int
await(struct edu *edu, unsigned flags, int64_t deadline_us)
{
	int result;

	if (flags & EDU_INTERRUPT)
		result = edu_irq_await(edu, EDU_INTR_FACTORIAL, deadline_us,
		    is_done, "the factorial");
	else
		result = poll_done(edu, deadline_us);
	if (result != 0)
		return result;
	return edu_fail(&edu->err, ETIMEDOUT, "the factorial was not computed "
	    "in time; the device goes on with it");
}

static int
check(struct edu *edu, uint32_t n, unsigned flags)
{

	if (edu_require(edu, EDU_REGISTERS | EDU_CLAIM) == -1 ||
	    edu_require_flags(edu, flags, EDU_INTERRUPT | EDU_WRAP |
	    EDU_RESUME) == -1)
		return -1;
	if (n > MAX_EXACT && !(flags & EDU_WRAP))
		return edu_fail(&edu->err, ERANGE, "%" PRIu32 "! does not fit "
		    "in 32 bits; the largest that does is 12!", n);
	return flags & EDU_INTERRUPT ? edu_irq_require(edu) : 0;
}

static int
begin(struct edu *edu, uint32_t n, unsigned flags, int64_t deadline_us)
{

	/* The device would ignore us while an earlier one runs. */
	if (edu->factorial.is_running && !poll_done(edu, deadline_us))
		return edu_fail(&edu->err, ETIMEDOUT, "the device is still "
		    "computing an earlier factorial");
	if (flags & EDU_INTERRUPT)
		edu_irq_drop(edu, EDU_INTR_FACTORIAL);
	start(edu, n, flags & EDU_INTERRUPT ? EDU_STATUS_IRQFACT : 0);
	return await(edu, flags, deadline_us);
}

/*
 * It interrupts if it was started so, and may be done by now; then the bit may
 * have been taken by the caller, or nobody has waited for it.
 */
static int
resume(struct edu *edu, unsigned flags, int64_t deadline_us)
{

	if (!(edu->factorial.status & EDU_STATUS_IRQFACT))
		return await(edu, flags & ~EDU_INTERRUPT, deadline_us);
	if (!is_done(edu)) {
		if (flags & EDU_INTERRUPT)
			return await(edu, flags, deadline_us);
		if (await(edu, flags, deadline_us) == -1)
			return -1;
	}
	return edu_irq_discard(edu, EDU_INTR_FACTORIAL);
}

EDU_PUBLIC int
edu_factorial(struct edu *edu, uint32_t n, unsigned flags, int timeout_ms,
    uint32_t *result)
{
	int64_t deadline_us;
	int done;

	if (check(edu, n, flags) == -1 ||
	    edu_start_timeout(edu, timeout_ms, &deadline_us) == -1)
		return -1;
	if ((flags & EDU_RESUME) && edu->factorial.is_owed &&
	    edu->factorial.n == n)
		done = resume(edu, flags, deadline_us);
	else
		done = begin(edu, n, flags, deadline_us);
	return done == -1 ? -1 : finish(edu, result);
}
