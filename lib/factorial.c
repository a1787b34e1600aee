/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* The factorial engine. */

#include <errno.h>
#include <inttypes.h>

#include "internal.h"

/* 13! is more than 32 bits hold. */
#define MAX_EXACT	12

/*
 * A factorial of 12 is done in microseconds, mostly those that QEMU's thread
 * takes to wake up; one of 2^32 - 1 takes seconds.  How long they take is
 * learned: to poll a little longer than that, and to sleep only then, beats
 * both to sleep at once and to poll on.
 */
#define USUAL_FIRST_US	100
#define USUAL_MAX_US	1000
#define PATIENCE	8	/* times what is usual */
#define WEIGHT		8	/* of what is known against what is new */
/* Looks for one at the clock, which is a system call on some systems. */
#define LOOKS		32

#define NAP_MIN_US	50
#define NAP_MAX_US	5000

void
edu_factorial_started(struct edu *edu)
{

	edu->factorial.is_running = 1;
	edu->factorial.due_us = 0;
	edu->factorial.nap_us = NAP_MIN_US;
}

void
edu_factorial_status_written(struct edu *edu, uint32_t value)
{

	edu->factorial.status = value & EDU_STATUS_IRQFACT;
}

/* No value of the register: the next one is written. */
void
edu_factorial_forget(struct edu *edu)
{

	edu->factorial.status = UINT32_MAX;
}

int64_t
edu_factorial_due(const struct edu *edu)
{

	return edu->factorial.is_running ? edu->factorial.due_us : 0;
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

/* All ones: the device is gone, and that is the end of waiting for it. */
static int
is_done(struct edu *edu)
{
	struct edu_factorial *f = &edu->factorial;
	uint32_t status = edu_read32(edu, EDU_STATUS);

	f->is_running = (status & EDU_STATUS_COMPUTING) != 0 &&
	    status != UINT32_MAX;
	f->is_certain = status != 0 && status != UINT32_MAX;
	return !f->is_running;
}

/*
 * What said that the last one is done may have been nobody.  Where memory
 * decoding was off the device may still compute, and takes no number meanwhile.
 */
static int
prove_idle(struct edu *edu)
{
	uint32_t id;

	if (edu->factorial.is_certain)
		return 0;
	if (edu_identify(edu, &id) == -1)
		return -1;
	return is_done(edu) ? 0 : edu_fail(&edu->err, EBUSY, "the device did "
	    "not answer for a moment, and is still computing an earlier "
	    "factorial");
}

int
edu_factorial_begin(struct edu *edu, struct edu_op *op)
{
	struct edu_factorial *f = &edu->factorial;

	if (prove_idle(edu) == -1)
		return -1;
	edu_irq_drop(edu, op->flags & EDU_INTERRUPT ? EDU_INTR_FACTORIAL : 0);
	set_status(edu, op->flags & EDU_INTERRUPT ? EDU_STATUS_IRQFACT : 0);
	edu_write32(edu, EDU_FACTORIAL, op->n);
	edu_factorial_started(edu);
	f->start_us = op->start_us;
	f->due_us = f->start_us + f->usual_us;
	return 0;
}

int
edu_factorial_look(struct edu *edu, int64_t now_us)
{
	struct edu_factorial *f = &edu->factorial;

	if (!f->is_running)
		return 1;
	if (now_us < f->due_us)
		return 0;
	if (is_done(edu))
		return 1;
	f->due_us = edu_now_us() + f->nap_us;
	if (f->nap_us < NAP_MAX_US)
		f->nap_us *= 2;
	return 0;
}

int
edu_factorial_require_idle(struct edu *edu)
{

	return edu_factorial_look(edu, EDU_NEVER) ? prove_idle(edu) :
	    edu_fail(&edu->err, EBUSY, "the device is computing a factorial");
}

static void
learn(struct edu_factorial *f, int64_t now_us)
{

	f->usual_us += (now_us - f->start_us - f->usual_us) / WEIGHT;
	if (f->usual_us > USUAL_MAX_US)
		f->usual_us = USUAL_MAX_US;
}

int
edu_factorial_glance(struct edu *edu)
{
	int i;

	for (i = 0; i < LOOKS; i++)
		if (is_done(edu))
			return 1;
	return 0;
}

int
edu_factorial_spin(struct edu *edu, const struct edu_op *op)
{
	struct edu_factorial *f = &edu->factorial;
	int64_t end_us = op->deadline_us, now_us = edu_now_us();

	if (!(op->flags & EDU_SPIN) &&
	    f->start_us + PATIENCE * f->usual_us < end_us)
		end_us = f->start_us + PATIENCE * f->usual_us;
	if (now_us >= end_us)
		return 0;
	while (f->is_running && now_us < end_us) {
		(void)edu_factorial_glance(edu);
		now_us = edu_now_us();
	}
	if (f->is_running)
		f->due_us = now_us + f->nap_us;
	else
		learn(f, now_us);
	return 1;
}

/* Or it reads 0: not computing, result 0.  So ask who it is. */
int
edu_factorial_advance(struct edu *edu, struct edu_op *op)
{
	uint32_t id;

	op->result = edu_read32(edu, EDU_FACTORIAL);
	if ((op->result != 0 && op->result != UINT32_MAX) ||
	    edu_identify(edu, &id) == 0) {
		edu->factorial.is_certain = 1;
		return 1;
	}
	edu_factorial_started(edu);	/* and not seen to be done */
	return -1;
}

/* A former owner may have left one running, and the status in any state. */
void
edu_factorial_adopt(struct edu *edu)
{

	edu_factorial_started(edu);
	edu->factorial.usual_us = USUAL_FIRST_US;
	(void)is_done(edu);
	edu->factorial.is_certain = 1;
	edu_write32(edu, EDU_STATUS, 0);
}

/* It must not interrupt when nobody listens. */
void
edu_factorial_leave(struct edu *edu)
{

	set_status(edu, 0);
}

int
edu_factorial_check(struct edu *edu, uint32_t n, unsigned flags)
{

	if (n <= MAX_EXACT || (flags & EDU_WRAP))
		return 0;
	return edu_fail(&edu->err, ERANGE, "%" PRIu32 "! does not fit in 32 "
	    "bits; the largest that does is 12!", n);
}

int
edu_factorial_is_same(const struct edu_op *a, const struct edu_op *b)
{

	return a->n == b->n;
}
