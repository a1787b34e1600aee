/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * The descriptor that tells poll(2) of interrupts.
 *
 * It watches the connection: what QEMU says by itself makes it readable.  An
 * interrupt that was heard in passing, on the way to an answer, has left the
 * connection; so the bell rings on until it is answered.  For that it has the
 * descriptor watch for room to write as well, of which there always is some.
 */

#if defined(__linux__)
#include <sys/epoll.h>
#else
#include <sys/event.h>
#include <fcntl.h>
#endif

#include <stdint.h>

#include "qtest.h"

static int
watch(const struct qtest *q, int is_new, int is_ringing)
{
#if defined(__linux__)
	struct epoll_event event = { 0 };

	event.events = EPOLLIN | (is_ringing ? EPOLLOUT : 0U);
	return epoll_ctl(q->irq_fd, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD,
	    q->fd, &event);
#else
	struct kevent events[2];

	(void)is_new;
	EV_SET(&events[0], (uintptr_t)q->fd, EVFILT_READ, EV_ADD, 0, 0, 0);
	EV_SET(&events[1], (uintptr_t)q->fd, EVFILT_WRITE, EV_ADD |
	    (is_ringing ? EV_ENABLE : EV_DISABLE), 0, 0, 0);
	return kevent(q->irq_fd, events, 2, NULL, 0, NULL);
#endif
}

int
qtest_bell(struct qtest *q)
{

#if defined(__linux__)
	q->irq_fd = epoll_create1(EPOLL_CLOEXEC);
#else
	q->irq_fd = kqueue1(O_CLOEXEC);
#endif
	return q->irq_fd == -1 ? -1 : watch(q, 1, 0);
}

void
qtest_ring(struct qtest *q, int is_ringing)
{

	if (q->is_ringing != is_ringing)
		(void)watch(q, 0, is_ringing);
	q->is_ringing = is_ringing;
}
