/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * The answers of a QEMU, or of whoever sits at its socket: a whole session,
 * whose other end has said all that it will say, and hung up.  What it has said
 * about its end, on its standard output, comes first.
 */

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "bus.h"
#include "error.h"
#include "fuzz.h"
#include "kernel.h"
#include "qtest/qtest.h"

static struct edu_error err;

static void
must_explain(const struct qtest *q)
{

	MUST(errno != 0);
	MUST(q->errnum == 0 || q->why[0] != '\0');
	must_be_plain(q->why);
	MUST(qtest_fail(q, &err, "it fails") == -1 && errno != 0);
	must_be_plain(err.message);
}

static void
must_write(int fd, const void *data, size_t length)
{

	MUST(write(fd, data, length) == (ssize_t)length);
}

/* A session as start.c makes one, of a stranger that has said these bytes. */
static struct qtest *
begin(struct input *in)
{
	struct qtest *q = calloc(1, sizeof(*q));
	char said[256];
	int fds[2], pipe_fds[2];

	MUST(q != NULL && pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) == 0);
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	q->fd = fds[0];
	q->said_fd = pipe_fds[0];
	q->gone = "it ended";
	q->limit_ms = 1000;
	q->wanted_us = INT64_MAX;
	q->silence = ENODEV;
	(void)take_text(in, said, sizeof(said));
	must_write(pipe_fds[1], said, strlen(said));
	(void)close(pipe_fds[1]);
	MUST(qtest_bell(q) == 0);
	qtest_watch(q, take_byte(in) % 32);
	if (in->left > 0)
		must_write(fds[1], in->next, in->left);
	/* It is not read: what we send is lost. */
	(void)shutdown(fds[1], SHUT_WR);
	q->tty_fd = fds[1];
	return q;
}

static void
end(struct qtest *q)
{

	(void)close(q->tty_fd);
	(void)close(q->irq_fd);
	(void)close(q->said_fd);
	(void)close(q->fd);
	free(q);
}

static int
one(struct qtest *q, unsigned what)
{
	unsigned char data[300] = { 0 };
	uint64_t wide = 0;
	uint32_t value = 0;

	switch (what % 9) {
	case 0:
		return qtest_command(q, &wide, "inl 0x%x", what);
	case 1:
		return qtest_command(q, NULL, "outl 0x%x 0x0", what);
	case 2:
		return qtest_config_read(q, what, 0, &value);
	case 3:
		return qtest_config_write(q, what, 0, 1);
	case 4:
		return qtest_load(q, what, data, sizeof(data) - what / 2);
	case 5:
		return qtest_store(q, what, data, 1 + what);
	case 6:
		return qtest_listen(q);
	case 7:
		MUST(qtest_stands_still(q) <= 1 && qtest_has_config(q) <= 1);
		return 0;
	default:
		MUST(qtest_wait(q, 0) <= 1);
		return 0;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	unsigned calls[4], i;
	struct qtest *q;

	for (i = 0; i < 4; i++)
		calls[i] = take_byte(&in);
	if (in.left > 60000)
		return 0;
	q = begin(&in);
	if (qtest_greet(q, 1000) == -1)
		must_explain(q);
	for (i = 0; i < 4; i++) {
		qtest_begin(q, INT64_MAX);
		if (one(q, calls[i]) == -1)
			must_explain(q);
	}
	/* It is all said: what is over stays over. */
	if (q->errnum != 0)
		MUST(qtest_command(q, NULL, "x") == -1 && errno == q->errnum);
	end(q);
	return 0;
}
