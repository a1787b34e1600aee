/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Many devices on one thread: a heap of the handles by the time at which each
 * wants to be looked at next.  A handle whose time may have changed enters the
 * list "changed" (see watch.c) and gets its place before anything is done; one
 * that has something done waits in the list "ready" until it is reaped.
 */

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "internal.h"

struct edu_set {
	struct edu	**heap;		/* children of i: 2 i + 1, 2 i + 2 */
	size_t		count;
	size_t		size;		/* of heap and pollfds */
	struct pollfd	*pollfds;
	size_t		listeners;	/* handles that hear interrupts */
	struct edu	*changed;
	struct edu	*ready;
	struct edu	**ready_end;
	/* A copy that is under way: its parts, and whose failed first. */
	size_t		parts;
	struct edu	*failed;
	int		errnum;
};

static void
put_at(struct edu_set *set, size_t i, struct edu *edu)
{

	set->heap[i] = edu;
	edu->member.place = i;
}

static void
sift(struct edu_set *set, size_t i)
{
	struct edu *edu = set->heap[i];
	int64_t due_us = edu->member.due_us;
	size_t child;

	for (; i > 0 && set->heap[(i - 1) / 2]->member.due_us > due_us;
	    i = (i - 1) / 2)
		put_at(set, i, set->heap[(i - 1) / 2]);
	while ((child = 2 * i + 1) < set->count) {
		if (child + 1 < set->count &&
		    set->heap[child + 1]->member.due_us <
		    set->heap[child]->member.due_us)
			child++;
		if (set->heap[child]->member.due_us >= due_us)
			break;
		put_at(set, i, set->heap[child]);
		i = child;
	}
	put_at(set, i, edu);
}

static void
make_ready(struct edu_set *set, struct edu *edu)
{

	if (edu->member.is_ready || !edu_queue_has_done(edu))
		return;
	edu->member.is_ready = 1;
	edu->member.next_ready = NULL;
	*set->ready_end = edu;
	set->ready_end = &edu->member.next_ready;
}

/* Its part of a copy may have ended. */
static void
finish_part(struct edu_set *set, struct edu *edu)
{
	struct edu_op *part = edu->member.part;

	if (part == NULL || edu_queue_result(part) == -1)
		return;
	edu->member.part = NULL;
	set->parts--;
	if (edu_queue_result(part) == 0 || set->failed != NULL)
		return;
	set->failed = edu;
	set->errnum = edu_queue_result(part);
}

static void
settle(struct edu_set *set)
{
	struct edu *edu;
	int listens;

	while ((edu = edu_watch_next(&set->changed)) != NULL) {
		listens = edu_queue_listens(edu);
		set->listeners += (size_t)listens;
		set->listeners -= (size_t)edu->member.listens;
		edu->member.listens = listens;
		edu->member.due_us = edu_queue_due(edu);
		sift(set, edu->member.place);
		make_ready(set, edu);
		finish_part(set, edu);
	}
}

static int
reap(struct edu_set *set, struct edu_done *done)
{
	struct edu *edu;

	while ((edu = set->ready) != NULL) {
		if (edu_queue_take(edu, done))
			return 1;
		set->ready = edu->member.next_ready;
		if (set->ready == NULL)
			set->ready_end = &set->ready;
		edu->member.is_ready = 0;
	}
	return 0;
}

/* Until something is due, or one of those that hear has heard something. */
static int
hear(struct edu_set *set, int64_t due_us)
{
	size_t count = 0, i;
	struct edu *edu;
	int n, timeout_ms;

	for (i = 0; i < set->count; i++) {
		edu = set->heap[i];
		if (!edu->member.listens)
			continue;
		set->pollfds[count].fd = edu->kernel->ops->fd(edu->kernel);
		set->pollfds[count].events = POLLIN;
		count++;
	}
	timeout_ms = edu_remaining_ms(due_us);
	edu_trace_wait(set->heap[0]->bus, timeout_ms);
	n = edu_trace_woken(set->heap[0]->bus,
	    poll(set->pollfds, (nfds_t)count, timeout_ms));
	if (n <= 0)
		return n;
	for (i = 0; i < set->count; i++)
		if (set->heap[i]->member.listens)
			edu_queue_work(set->heap[i]);
	return 0;
}

static int
doze(struct edu_set *set, int64_t due_us)
{

	if (set->listeners > 0)
		return hear(set, due_us);
	edu_trace_sleep(set->heap[0]->bus, due_us);
	return 0;
}

/* The handle whose turn it is does what it can, or we sleep: -1 by a signal. */
static int
turn(struct edu_set *set, int64_t deadline_us, struct edu **worked)
{
	int64_t due_us;

	*worked = NULL;
	due_us = set->count > 0 ? set->heap[0]->member.due_us : EDU_NEVER;
	if (due_us > edu_now_us())
		return doze(set, due_us < deadline_us ? due_us : deadline_us);
	*worked = set->heap[0];
	edu_queue_work(*worked);
	return 0;
}

static int
fail(int errnum, const char *message)
{
	struct edu_error err = { "", "" };

	(void)edu_fail(&err, errnum, "%s", message);
	edu_error_publish(&err);
	return -1;
}

EDU_PUBLIC struct edu_set *
edu_set_new(void)
{
	struct edu_set *set;

	if ((set = calloc(1, sizeof(*set))) == NULL) {
		(void)fail(ENOMEM, "out of memory");
		return NULL;
	}
	set->ready_end = &set->ready;
	return set;
}

static int
grow(struct edu_set *set)
{
	size_t size = set->size * 2 + 8;
	void *more;

	if (set->count < set->size)
		return 0;
	if ((more = realloc(set->heap, size * sizeof(*set->heap))) == NULL)
		return fail(ENOMEM, "out of memory");
	set->heap = more;
	if ((more = realloc(set->pollfds, size * sizeof(*set->pollfds))) ==
	    NULL)
		return fail(ENOMEM, "out of memory");
	set->pollfds = more;
	set->size = size;
	return 0;
}

EDU_PUBLIC int
edu_set_add(struct edu_set *set, struct edu *edu)
{

	if (edu_require(edu, EDU_REGISTERS | EDU_CLAIM) == -1)
		return -1;
	if (edu->member.set != NULL)
		return edu_fail(&edu->err, EBUSY, "it is in a set already");
	if (grow(set) == -1)
		return edu_fail_memory(&edu->err);
	edu->member.set = set;
	edu->member.due_us = EDU_NEVER;
	put_at(set, set->count++, edu);
	edu_watch_start(edu, &set->changed);
	return 0;
}

static void
unready(struct edu_set *set, struct edu *edu)
{
	struct edu **link = &set->ready;

	if (!edu->member.is_ready)
		return;
	edu->member.is_ready = 0;
	while (*link != edu)
		link = &(*link)->member.next_ready;
	*link = edu->member.next_ready;
	if (set->ready_end == &edu->member.next_ready)
		set->ready_end = link;
}

EDU_PUBLIC void
edu_set_remove(struct edu_set *set, struct edu *edu)
{
	struct edu *last;
	size_t i;

	if (set == NULL || edu->member.set != set)
		return;
	settle(set);
	i = edu->member.place;
	unready(set, edu);
	set->listeners -= (size_t)edu->member.listens;
	edu->member.listens = 0;
	last = set->heap[--set->count];
	if (last != edu) {
		put_at(set, i, last);
		sift(set, i);
	}
	edu_watch_start(edu, NULL);
	edu->member.set = NULL;
}

void
edu_set_leave(struct edu *edu)
{

	edu_set_remove(edu->member.set, edu);
}

EDU_PUBLIC void
edu_set_free(struct edu_set *set)
{
	int errnum = errno;

	if (set == NULL)
		return;
	while (set->count > 0)
		edu_set_remove(set, set->heap[0]);
	free(set->heap);
	free(set->pollfds);
	free(set);
	errno = errnum;
}

EDU_PUBLIC int
edu_set_wait(struct edu_set *set, int timeout_ms, struct edu_done *done)
{
	int64_t deadline_us = edu_deadline_us(edu_now_us(), timeout_ms);
	struct edu *worked;

	if (deadline_us == -1)
		return fail(EINVAL, "a timeout of 0 ms or more, or "
		    "EDU_FOREVER, is possible");
	for (;;) {
		settle(set);
		if (reap(set, done))
			return 1;
		if (set->count == 0 ||
		    set->heap[0]->member.due_us == EDU_NEVER)
			return 0;
		if (turn(set, deadline_us, &worked) == -1)
			return fail(errno, "interrupted by a signal");
		if (worked == NULL && edu_now_us() >= deadline_us) {
			settle(set);
			return reap(set, done);
		}
	}
}

/* Each device has as many whole chunks as any other, or one more. */
static void
cut(struct edu_set *set, size_t length, size_t chunk)
{
	size_t chunks = (length + chunk - 1) / chunk, end, i, start = 0;

	for (i = 0; i < set->count; i++) {
		end = chunks * (i + 1) / set->count * chunk;
		if (end > length)
			end = length;
		set->heap[i]->member.start = start;
		set->heap[i]->member.length = end - start;
		start = end;
	}
}

static size_t
smallest_chunk(const struct edu_set *set, unsigned flags)
{
	size_t chunk = EDU_DMA_BUF_SIZE, i;

	for (i = 0; i < set->count; i++)
		if (edu_dma_buffer(set->heap[i], flags) < chunk)
			chunk = edu_dma_buffer(set->heap[i], flags);
	return chunk;
}

/* Nothing is begun before all of it is proven. */
static int
check_copy(struct edu_set *set, const struct edu_copy *c, size_t length)
{
	struct edu_op op;
	size_t i;

	if (set->count == 0)
		return fail(EINVAL, "no device is in the set");
	for (i = 0; i < set->count; i++) {
		if (edu_call_copy(set->heap[i], &op, c, 0, length) == 0)
			continue;
		edu_error_publish(&set->heap[i]->err);
		return -1;
	}
	cut(set, length, smallest_chunk(set, c->flags));
	return 0;
}

/* Those who have begun would change their places in the heap: all at once. */
static void
begin_copy(struct edu_set *set, const struct edu_copy *c)
{
	struct edu_op op;
	struct edu *edu;
	size_t i;

	set->parts = 0;
	set->failed = NULL;
	for (i = 0; i < set->count; i++) {
		edu = set->heap[i];
		edu->member.part = NULL;
		if (edu->member.length == 0)
			continue;
		(void)edu_call_copy(edu, &op, c, edu->member.start,
		    edu->member.length);
		edu->member.part = edu_queue_call(edu, &op);
		set->parts++;
	}
}

/* A signal: what was begun can be resumed. */
static int
leave_copy(struct edu_set *set)
{
	int errnum = errno;
	struct edu *edu;
	size_t i;

	for (i = 0; i < set->count; i++) {
		edu = set->heap[i];
		if (edu->member.part != NULL)
			edu_queue_leave(edu, edu->member.part, errnum);
		edu->member.part = NULL;
	}
	return fail(errnum, "interrupted by a signal");
}

EDU_PUBLIC int
edu_set_copy(struct edu_set *set, void *to, const void *from, size_t length,
    unsigned flags, int timeout_ms)
{
	const struct edu_copy c = { to, from, flags, timeout_ms };
	struct edu *worked;

	if (check_copy(set, &c, length) == -1)
		return -1;
	begin_copy(set, &c);
	for (settle(set); set->parts > 0; settle(set))
		if (turn(set, EDU_NEVER, &worked) == -1)
			return leave_copy(set);
	if (set->failed == NULL)
		return 0;
	edu_error_publish(&set->failed->err);
	errno = set->errnum;
	return -1;
}
