/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Operations in their order.  Each engine works at the first of its queue, and
 * edu_process() takes every one as far as it gets without waiting; those that
 * block do the same in a loop, and sleep in between until something is due.
 *
 * An operation that nobody waits for any more, for its time is over or a
 * signal came, leaves its queue.  What the device does for it goes on: the
 * engine is busy until that is done, and keeps its memory.  One of a call that
 * blocks is kept, to be resumed, until another has the engine.
 */

#include <errno.h>

#include "internal.h"

/* No interrupt for so long: look whether one can come. */
#define SILENCE_US	1000000
/* What looks lost may be on its way to us. */
#define CONFIRM_US	200000

static const struct engine {
	uint32_t	bit;
	int		(*begin)(struct edu *, struct edu_op *);
	/* Whether it is idle: 1, or 0, without an access before its time. */
	int		(*look)(struct edu *, int64_t now_us);
	int64_t		(*due)(const struct edu *);
	/* It is idle, having worked for this one: 1 all done, 0 goes on, -1. */
	int		(*advance)(struct edu *, struct edu_op *);
	int		(*is_same)(const struct edu_op *,
			    const struct edu_op *);
	const char	*late;
	const char	*busy;
	const char	*unheard;
} engines[EDU_ENGINES] = {
	[EDU_ENGINE_DMA] = {
		EDU_INTR_DMA, edu_dma_begin, edu_dma_look, edu_dma_due,
		edu_dma_advance, edu_dma_is_same,
		"the transfer was not done in time",
		"the device is still busy with an earlier transfer",
		"the transfer is done, but its interrupt has not come",
	},
	[EDU_ENGINE_FACTORIAL] = {
		EDU_INTR_FACTORIAL, edu_factorial_begin, edu_factorial_look,
		edu_factorial_due, edu_factorial_advance, edu_factorial_is_same,
		"the factorial was not computed in time",
		"the device is still computing an earlier factorial",
		"the factorial is done, but its interrupt has not come",
	},
};

/* Whether its present transfer is waited for by interrupt. */
static int
hears(const struct edu_op *op)
{

	return op->state == EDU_OP_BEGUN && (op->flags & EDU_INTERRUPT) &&
	    !op->is_polled;
}

static void
append(struct edu_fifo *f, struct edu_op *op)
{

	op->next = NULL;
	*f->end = op;
	f->end = &op->next;
}

static void
unlink_op(struct edu_fifo *f, struct edu_op *op)
{
	struct edu_op **link = &f->first;

	while (*link != op)
		link = &(*link)->next;
	*link = op->next;
	if (f->end == &op->next)
		f->end = link;
}

void
edu_queue_open(struct edu *edu)
{
	struct edu_queue *q = &edu->queue;
	size_t i;

	for (i = 0; i < EDU_ENGINES; i++)
		q->waiting[i].end = &q->waiting[i].first;
	q->done.end = &q->done.first;
	for (i = 0; i < EDU_QUEUE_MAX; i++) {
		q->ops[i].next = q->unused;
		q->unused = &q->ops[i];
	}
}

static int
is_call(const struct edu *edu, const struct edu_op *op)
{

	return op == &edu->queue.calls[op->engine];
}

static void
drop(struct edu *edu, struct edu_op *op)
{

	if (op->engine == EDU_ENGINE_DMA)
		edu_dma_drop(edu, op);
}

/* It leaves its queue, with errno and the message of how. */
static void
complete(struct edu *edu, struct edu_op *op, int errnum)
{
	struct edu_queue *q = &edu->queue;
	int has_begun = op->state == EDU_OP_BEGUN;
	int goes_on = has_begun && (errnum == ETIMEDOUT || errnum == EINTR ||
	    errnum == ECANCELED);

	unlink_op(&q->waiting[op->engine], op);
	if (has_begun && op->interrupts) {
		edu_irq_own(edu, 0, engines[op->engine].bit);
		q->owes[op->engine] = errnum != 0;
	}
	op->errnum = errnum;
	op->state = EDU_OP_DONE;
	if (!is_call(edu, op))
		append(&q->done, op);
	else if (goes_on) {
		q->left[op->engine] = *op;
		q->is_left[op->engine] = 1;
		return;
	}
	drop(edu, op);
}

/*
 * What interrupts is done, and was polled for: the bit may have been taken by
 * the caller, or nobody has waited for it.
 */
static int
hush(struct edu *edu, struct edu_op *op)
{

	op->is_polled = 0;
	if (!op->interrupts)
		return 1;
	return edu_irq_discard(edu, engines[op->engine].bit) == -1 ? -1 : 1;
}

/* Done, and its interrupt has not come: it may just be coming; or why not? */
static int
miss(struct edu *edu, struct edu_op *op, int64_t now_us)
{
	int is_late = now_us >= op->deadline_us, was_silent = op->is_silent;
	uint32_t id;

	/* All ones, or 0: what says "done" may be a device that is gone. */
	if (edu_identify(edu, &id) == -1 || edu_irq_listen(edu, 0) == -1)
		return -1;
	if (edu_irq_take(edu, engines[op->engine].bit))
		return 1;
	op->is_silent = !was_silent;
	op->listen_us = now_us + (was_silent ? SILENCE_US : CONFIRM_US);
	if (was_silent && edu_irq_obstacle(edu) == -1)
		return -1;
	if (!is_late)
		return 0;
	return edu_fail(&edu->err, ETIMEDOUT, "%s",
	    engines[op->engine].unheard);
}

/* Whether the engine has come to rest: 1, 0, -1. */
static int
is_idle(struct edu *edu, struct edu_op *op, int64_t now_us)
{
	const struct engine *e = &engines[op->engine];
	int is_heard, is_late = now_us >= op->deadline_us;

	if (!hears(op)) {
		if (!e->look(edu, is_late ? EDU_NEVER : now_us))
			return 0;
		return op->is_polled ? hush(edu, op) : 1;
	}
	is_heard = edu_irq_take(edu, e->bit);
	if (!is_heard && !is_late && now_us < op->listen_us)
		return 0;
	/* The bit may be an earlier one's: ask whether ours is done. */
	if (!e->look(edu, EDU_NEVER)) {
		op->is_silent = 0;
		op->listen_us = now_us + SILENCE_US;
		return 0;
	}
	return is_heard ? 1 : miss(edu, op, now_us);
}

/* One that was left cannot go on once another has had the engine. */
static void
forget(struct edu *edu, enum edu_engine e)
{

	if (!edu->queue.is_left[e])
		return;
	edu->queue.is_left[e] = 0;
	drop(edu, &edu->queue.left[e]);
}

int
edu_queue_pass(struct edu *edu, enum edu_engine e)
{
	const struct edu_op *op = edu->queue.waiting[e].first;

	if (op != NULL && op->state == EDU_OP_BEGUN)
		return edu_fail(&edu->err, EBUSY, "an operation that was "
		    "submitted is under way; reap it first (edu_reap())");
	forget(edu, e);
	return 0;
}

/* The interrupt of one that nobody has waited for is not the next one's. */
static int
settle(struct edu *edu, enum edu_engine e)
{

	forget(edu, e);
	if (!edu->queue.owes[e])
		return 0;
	edu->queue.owes[e] = 0;
	return edu_irq_flush(edu, engines[e].bit);
}

static int
begin(struct edu *edu, struct edu_op *op, int64_t now_us)
{

	if (edu_require_at(edu, EDU_REGISTERS, now_us) == -1 ||
	    settle(edu, op->engine) == -1)
		return -1;
	op->state = EDU_OP_BEGUN;
	op->start_us = now_us;
	op->is_silent = op->is_polled = 0;
	op->interrupts = (op->flags & EDU_INTERRUPT) != 0;
	op->listen_us = now_us + SILENCE_US;
	if (op->interrupts)
		edu_irq_own(edu, engines[op->engine].bit, 0);
	return engines[op->engine].begin(edu, op);
}

/* A transfer takes time on the machine's clock, a factorial does not. */
static int
fail_late(struct edu *edu, const struct edu_op *op)
{
	const struct engine *e = &engines[op->engine];
	const char *what = op->state == EDU_OP_BEGUN ? e->late : e->busy;
	const char *otherwise = op->state == EDU_OP_BEGUN ?
	    "; the device goes on with it" : "";

	if (op->engine == EDU_ENGINE_DMA)
		return edu_fail_late(edu, ETIMEDOUT, what, otherwise);
	return edu_fail(&edu->err, ETIMEDOUT, "%s%s", what, otherwise);
}

/* As far as an engine gets now with the first of its queue: 1 done, 0, -1. */
static int
work(struct edu *edu, struct edu_op *op, int64_t now_us)
{
	const struct engine *e = &engines[op->engine];
	int result;

	/* Nothing of it is to be touched: another may have its place. */
	if (edu->bus->is_gone)
		return edu_present(edu);
	while ((result = is_idle(edu, op, now_us)) == 1) {
		if (op->state == EDU_OP_BEGUN)
			result = e->advance(edu, op);
		else
			result = begin(edu, op, now_us);
		if (result != 0)
			return result;
	}
	if (result == -1 || now_us < op->deadline_us)
		return result;
	return fail_late(edu, op);
}

static void
expire(struct edu *edu, enum edu_engine e, int64_t now_us)
{
	struct edu_op *next, *op;

	for (op = edu->queue.waiting[e].first; op != NULL; op = next) {
		next = op->next;
		if (op->state == EDU_OP_QUEUED && now_us >= op->deadline_us &&
		    op != edu->queue.waiting[e].first) {
			(void)edu_fail(&edu->err, ETIMEDOUT, "%s",
			    engines[e].busy);
			complete(edu, op, ETIMEDOUT);
		}
	}
}

static void
step(struct edu *edu, enum edu_engine e, int64_t now_us)
{
	struct edu_op *op;
	int result;

	while ((op = edu->queue.waiting[e].first) != NULL &&
	    (result = work(edu, op, now_us)) != 0)
		complete(edu, op, result == 1 ? 0 : errno);
	expire(edu, e, now_us);
}

int
edu_queue_listens(const struct edu *edu)
{
	const struct edu_op *op;
	size_t i;

	for (i = 0; i < EDU_ENGINES; i++) {
		op = edu->queue.waiting[i].first;
		if (op != NULL && hears(op))
			return 1;
	}
	return 0;
}

/* No interrupt can come any more. */
static void
deafen(struct edu *edu, int errnum)
{
	struct edu_op *op;
	size_t i;

	for (i = 0; i < EDU_ENGINES; i++) {
		op = edu->queue.waiting[i].first;
		if (op != NULL && hears(op))
			complete(edu, op, errnum);
	}
}

/* This engine last, so that its message stays. */
static void
turn(struct edu *edu, enum edu_engine last)
{
	int64_t now_us = edu_now_us();
	size_t i;

	for (i = 1; i <= EDU_ENGINES; i++)
		step(edu, (last + i) % EDU_ENGINES, now_us);
	edu_watch_note(edu);
}

void
edu_queue_work(struct edu *edu)
{

	if (!edu->bus->is_gone && edu_queue_listens(edu) &&
	    edu_irq_listen(edu, 0) == -1 && errno != EINTR)
		deafen(edu, errno);
	turn(edu, EDU_ENGINE_DMA);
}

int64_t
edu_queue_due(const struct edu *edu)
{
	int64_t due_us = EDU_NEVER, next_us;
	const struct edu_op *op;
	size_t i;

	for (i = 0; i < EDU_ENGINES; i++) {
		if ((op = edu->queue.waiting[i].first) == NULL)
			continue;
		next_us = hears(op) ? op->listen_us : engines[i].due(edu);
		for (; op != NULL; op = op->next)
			if (op->deadline_us < next_us)
				next_us = op->deadline_us;
		if (next_us < due_us)
			due_us = next_us;
	}
	return due_us;
}

/* Sleep until something is due, or comes. */
static int
rest(struct edu *edu, struct edu_op *op)
{
	int64_t due_us = edu_queue_due(edu);

	if (!edu_queue_listens(edu)) {
		edu_trace_sleep(edu->bus, due_us);
		return 0;
	}
	if (edu_irq_listen(edu, due_us) != -1)
		return 0;
	if (errno == EINTR && !(op->flags & EDU_INTERRUPT))
		return 0;
	complete(edu, op, errno);
	return -1;
}

/* What was left goes on, before all that has not begun. */
static void
resume(struct edu *edu, struct edu_op *op, const struct edu_op *wanted)
{
	struct edu_fifo *f = &edu->queue.waiting[op->engine];

	*op = edu->queue.left[op->engine];
	if (f->first == NULL)
		f->end = &op->next;
	op->next = f->first;
	f->first = op;
	edu->queue.is_left[op->engine] = edu->queue.owes[op->engine] = 0;
	op->state = EDU_OP_BEGUN;
	op->flags = wanted->flags;
	op->deadline_us = wanted->deadline_us;
	op->is_silent = 0;
	op->listen_us = edu_now_us() + SILENCE_US;
	op->is_polled = !op->interrupts || !(op->flags & EDU_INTERRUPT) ||
	    engines[op->engine].look(edu, EDU_NEVER);
	if (!op->is_polled)
		edu_irq_own(edu, engines[op->engine].bit, 0);
}

static void
enqueue(struct edu *edu, struct edu_op *op, const struct edu_op *wanted)
{

	*op = *wanted;
	if (op->engine == EDU_ENGINE_DMA)
		edu_dma_hold(op);
	append(&edu->queue.waiting[op->engine], op);
}

int
edu_queue_add(struct edu *edu, const struct edu_op *wanted)
{
	struct edu_op *op = edu->queue.unused;

	if (op == NULL)
		return edu_fail(&edu->err, EAGAIN, "%d operations are under "
		    "way or not reaped; reap some (edu_reap())",
		    EDU_QUEUE_MAX);
	edu->queue.unused = op->next;
	enqueue(edu, op, wanted);
	edu_watch_note(edu);
	return 0;
}

int
edu_queue_take(struct edu *edu, struct edu_done *done)
{
	struct edu_queue *q = &edu->queue;
	struct edu_op *op = q->done.first;

	if (op == NULL)
		return 0;
	unlink_op(&q->done, op);
	done->edu = edu;
	done->cookie = op->cookie;
	done->error = op->errnum;
	done->value = op->result;
	op->next = q->unused;
	q->unused = op;
	return 1;
}

int
edu_queue_has_done(const struct edu *edu)
{

	return edu->queue.done.first != NULL;
}

int
edu_queue_cancel(struct edu *edu, const void *cookie)
{
	struct edu_op *next, *op;
	int count = 0;
	size_t i;

	for (i = 0; i < EDU_ENGINES; i++)
		for (op = edu->queue.waiting[i].first; op != NULL; op = next) {
			next = op->next;
			if (is_call(edu, op) || op->cookie != cookie)
				continue;
			complete(edu, op, ECANCELED);
			count++;
		}
	edu_watch_note(edu);
	return count;
}

struct edu_op *
edu_queue_call(struct edu *edu, const struct edu_op *wanted)
{
	struct edu_op *op = &edu->queue.calls[wanted->engine];

	op->engine = wanted->engine;
	if (edu->queue.is_left[op->engine] && (wanted->flags & EDU_RESUME) &&
	    engines[op->engine].is_same(&edu->queue.left[op->engine], wanted))
		resume(edu, op, wanted);
	else
		enqueue(edu, op, wanted);
	edu_watch_note(edu);
	return op;
}

int
edu_queue_result(const struct edu_op *op)
{

	return op->state == EDU_OP_DONE ? op->errnum : -1;
}

void
edu_queue_leave(struct edu *edu, struct edu_op *op, int errnum)
{

	if (op->state != EDU_OP_DONE)
		complete(edu, op, errnum);
	edu_watch_note(edu);
}

static int
await(struct edu *edu, struct edu_op *op)
{

	turn(edu, op->engine);
	while (op->state != EDU_OP_DONE) {
		if ((op->engine == EDU_ENGINE_FACTORIAL && !hears(op) &&
		    op->state == EDU_OP_BEGUN && !(op->flags & EDU_SLEEP) &&
		    edu_factorial_spin(edu, op)) || rest(edu, op) == 0)
			turn(edu, op->engine);
	}
	if (op->errnum == 0)
		return 1;
	errno = op->errnum;
	return -1;
}

/*
 * A factorial that is polled for takes the device microseconds, of which a
 * queue would be a part: where nothing else is under way it goes without.
 * 1 done, 0 not so (it may have begun), -1.
 */
static int
run_at_once(struct edu *edu, struct edu_op *op)
{
	const struct edu_queue *q = &edu->queue;

	if (op->engine != EDU_ENGINE_FACTORIAL ||
	    (op->flags & (EDU_INTERRUPT | EDU_RESUME | EDU_SLEEP)) ||
	    q->waiting[EDU_ENGINE_FACTORIAL].first != NULL ||
	    q->waiting[EDU_ENGINE_DMA].first != NULL ||
	    op->deadline_us <= op->start_us ||
	    !edu_factorial_look(edu, op->start_us))
		return 0;
	if (begin(edu, op, op->start_us) == -1)
		return -1;
	return edu_factorial_glance(edu) ? edu_factorial_advance(edu, op) : 0;
}

int
edu_queue_run(struct edu *edu, struct edu_op *op, uint32_t *result)
{
	int outcome = run_at_once(edu, op);

	if (outcome == 0) {
		op = edu_queue_call(edu, op);
		outcome = await(edu, op);
	}
	if (outcome == 1 && result != NULL)
		*result = op->result;
	return outcome == 1 ? 0 : -1;
}

/* Nothing of it is left, but what the device does. */
void
edu_queue_close(struct edu *edu)
{
	struct edu_op *op;
	size_t i;

	for (i = 0; i < EDU_ENGINES; i++) {
		while ((op = edu->queue.waiting[i].first) != NULL)
			complete(edu, op, ECANCELED);
		forget(edu, (enum edu_engine)i);
	}
}
