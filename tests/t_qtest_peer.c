/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* The qtest bus and strangers at the other end, who never keep it waiting. */

#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <edu.h>

#include "h_case.h"
#include "h_qemu.h"

/* What a call may take whose limit is LIMIT_MS: a busy machine is late. */
#define LIMIT_MS	300
#define LATE_MS		3000

/*
 * Whoever connects to SOCKET gets this, again and again if so wanted; with a
 * pause, a byte at a time.  Nobody reads what he says.
 */
static pid_t
start_peer(const char *text, int is_endless, int is_silent, int pause_ms)
{
	struct sockaddr_un sun;
	int fd, listener;
	size_t length = pause_ms != 0 ? 1 : strlen(text), i = 0;
	pid_t pid;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	(void)strcpy(sun.sun_path, SOCKET);
	(void)unlink(SOCKET);
	ATF_REQUIRE((listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC,
	    0)) != -1);
	ATF_REQUIRE(bind(listener, (struct sockaddr *)&sun,
	    sizeof(sun)) == 0 && listen(listener, 1) == 0);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		(void)alarm(60);
		fd = accept(listener, NULL, NULL);
		do {
			(void)write(fd, text + i, length);
			i = (i + length) % strlen(text);
			sleep_ms(pause_ms);
		} while (is_endless);
		while (is_silent)
			(void)pause();
		_exit(0);
	}
	(void)close(listener);
	return pid;
}

static void
check_peer(const char *text, int is_endless, int is_silent, int errnum,
    const char *message)
{
	pid_t pid = start_peer(text, is_endless, is_silent, 0);

	check_open_fails(DEVICE, errnum, message);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

EDU_TEST(peer_speaks_no_qtest, "somebody else at the socket, who hangs up or "
    "talks nonsense: ENODEV")
{
	int before = count_fds();

	check_peer("", 0, 0, ENODEV, "hung up");
	check_peer("{\"QMP\": {}}\r\n", 0, 1, ENODEV, "{\"QMP\": {}}");
	check_peer("220 mail\n", 1, 0, ENODEV, "220 mail");
	check_peer("IRQ IRQ IRQ ", 1, 0, ENODEV, "endless");
	check_peer("no end of the line ", 1, 0, ENODEV, "endless");
	check_peer("OK\n", 0, 0, ENODEV, "hung up");
	check_peer("OK what\n", 1, 0, ENODEV, "OK what");
	ATF_CHECK_EQ(count_fds(), before);
}

EDU_TEST(messages_escaped, "control bytes of a peer's answer do not reach the "
    "terminal")
{

	check_peer("\033]0;gotcha\007\233m\n", 0, 1, ENODEV,
	    "\\x1b]0;gotcha\\x07\\x9bm");
	check_peer("OK\nOK\ttab\n", 0, 1, ENODEV, "\\x09tab");
}

static int64_t
now_ms(void)
{

	return edu_now_us() / 1000;
}

EDU_TEST(flood, "a peer that sends interrupts without end and never an answer: "
    "EBUSY, in time")
{
	static const char line[] = "IRQ raise 1\nIRQ lower 7\nIRQ nonsense\n";
	static char lines[4000 * (sizeof(line) - 1) + 1];
	int64_t start_ms = now_ms();
	size_t i;

	/* Much at a time, so that there is always more. */
	for (i = 0; i + sizeof(line) <= sizeof(lines); i += sizeof(line) - 1)
		memcpy(lines + i, line, sizeof(line));
	check_peer(lines, 1, 0, EBUSY, "does not answer");
	ATF_CHECK(now_ms() - start_ms < 5000 + LATE_MS);
}

/* A session with a peer that says this for ever, and the limit set. */
static struct qtest *
session_with(const char *text, int pause_ms, pid_t *pid)
{
	struct qtest *q;

	*pid = start_peer(text, 1, 0, pause_ms);
	q = session_open();
	q->limit_ms = LIMIT_MS;
	return q;
}

static void
check_over(struct qtest *q, int64_t start_ms, int errnum, pid_t pid)
{
	int64_t took_ms = now_ms() - start_ms;

	ATF_CHECK_EQ(q->errnum, errnum);
	ATF_CHECK_MSG(took_ms < LIMIT_MS + LATE_MS, "%d ms", (int)took_ms);
	ATF_CHECK_MSG(is_readable(q->irq_fd, 0), "poll(2) does not tell");
	qtest_end(q);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

EDU_TEST(wait_flooded, "a wait ends in time in a flood of lines that are not "
    "for it")
{
	int64_t start_ms = now_ms();
	struct qtest *q;
	pid_t pid;

	q = session_with("OK\nIRQ raise 1\nIRQ lower 1\n", 0, &pid);
	/* Too many answers that nobody asked for end it sooner. */
	ATF_CHECK(qtest_wait(q, LIMIT_MS) != 1);
	qtest_end(q);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	/* A dribble of lines, whose time is over before they are. */
	q = session_with("OK\nOK\nIRQ raise 1\nIRQ lower 1\n", 2, &pid);
	ATF_CHECK_EQ(qtest_wait(q, LIMIT_MS), 0);
	ATF_CHECK(now_ms() - start_ms < 2 * LIMIT_MS + LATE_MS);
	qtest_end(q);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

EDU_TEST(peer_does_not_read, "a peer that answers without reading: sending "
    "ends in time")
{
	static char data[16 << 20];
	struct qtest *q;
	int64_t start_ms;
	pid_t pid;

	q = session_with("OK\n", 0, &pid);
	start_ms = now_ms();
	ATF_CHECK(qtest_store(q, 0, data, sizeof(data)) == -1);
	ATF_CHECK(strstr(q->why, "does not listen") != NULL);
	check_over(q, start_ms, ENODEV, pid);
}

EDU_TEST(peer_dribbles, "an answer a byte at a time, or one that takes long "
    "again and again: one limit for all of it")
{
	/* Few enough pieces that there is room for all of them, unread. */
	static char data[8 * QTEST_PIECE];
	struct qtest *q;
	int64_t start_ms;
	pid_t pid;

	q = session_with("OK\n", 30, &pid);
	start_ms = now_ms();
	ATF_CHECK(qtest_store(q, 0, data, sizeof(data)) == -1);
	check_over(q, start_ms, ENODEV, pid);
}

EDU_TEST(qemu_stopped, "a QEMU of our own that stands still: ENODEV after the "
    "limit, and it is ended all the same")
{
	struct edu_error err = { "", "" };
	int64_t start_ms;
	struct qtest *q;
	pid_t pid;

	ATF_REQUIRE((q = qtest_start(&err)) != NULL);
	q->limit_ms = LIMIT_MS;
	ATF_REQUIRE((pid = tcgetpgrp(q->tty_fd)) > 0);
	ATF_REQUIRE(kill(pid, SIGSTOP) == 0);
	start_ms = now_ms();
	ATF_CHECK(qtest_command(q, NULL, "endianness") == -1);
	ATF_CHECK_EQ(q->errnum, ENODEV);
	ATF_CHECK(is_readable(q->irq_fd, 0));
	qtest_end(q);
	ATF_CHECK(now_ms() - start_ms < LIMIT_MS + LATE_MS);
}

static int
late_factorial(struct edu *edu, void *data)
{
	uint32_t value;

	(void)data;
	return edu_factorial(edu, 5, 0, 100, &value);
}

static int
late_factorial_irq(struct edu *edu, void *data)
{
	uint32_t value;

	(void)data;
	return edu_factorial(edu, 5, EDU_INTERRUPT, 100, &value);
}

static int
late_put(struct edu *edu, void *data)
{

	return edu_dma_put(edu, 0, data, 16, 0, 100);
}

static int
late_get(struct edu *edu, void *data)
{

	return edu_dma_get(edu, 0, data, 16, EDU_INTERRUPT, 100);
}

static int
late_wait(struct edu *edu, void *data)
{
	uint32_t status;

	(void)data;
	return edu_irq_wait(edu, 100, &status);
}

EDU_TEST(qemu_stopped_in_call, "QEMU stands still in a call with a timeout: "
    "ETIMEDOUT at its end and a little later, then ENODEV")
{
	static int (* const calls[])(struct edu *, void *) = {
		late_factorial, late_factorial_irq, late_put, late_get,
		late_wait
	};
	struct edu *edu;
	int64_t start_ms;
	uint64_t value;
	void *data;
	pid_t pid;
	size_t i;

	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		ATF_REQUIRE((edu = edu_open("qtest:", 0)) != NULL);
		ATF_REQUIRE((data = edu_mem_alloc(edu, 4096)) != NULL);
		ATF_REQUIRE((pid = tcgetpgrp(edu_bus_qtest_session(
		    edu->bus)->tty_fd)) > 0 && kill(pid, SIGSTOP) == 0);
		start_ms = now_ms();
		ATF_CHECK(calls[i](edu, data) == -1);
		ATF_CHECK_EQ_MSG(errno, ETIMEDOUT, "%zu: errno %d", i, errno);
		ATF_CHECK_MSG(strstr(edu_errmsg(edu), "does not answer") !=
		    NULL, "%zu: %s", i, edu_errmsg(edu));
		ATF_CHECK(edu_read(edu, EDU_ID, 4, &value) == -1);
		ATF_CHECK_EQ(errno, ENODEV);
		edu_close(edu);
		ATF_CHECK_MSG(now_ms() - start_ms < 100 + LATE_MS, "%zu", i);
	}
}

EDU_TEST(deadline_ends, "the end of one call's timeout is none for the next")
{
	struct edu *edu;
	struct qtest *q;
	uint32_t value;
	uint64_t wide;

	ATF_REQUIRE((edu = edu_open("qtest:", 0)) != NULL);
	q = edu_bus_qtest_session(edu->bus);
	REQUIRE_EDU(edu, edu_factorial(edu, 5, 0, SOON_MS, &value));
	ATF_CHECK(q->wanted_us != EDU_NEVER);
	REQUIRE_EDU(edu, edu_read(edu, EDU_LIVE, 4, &wide));
	ATF_CHECK(q->wanted_us == EDU_NEVER);
	(void)edu_irq_wait(edu, 0, &value);
	REQUIRE_EDU(edu, edu_config_read(edu, PCI_ID, &value));
	ATF_CHECK(q->wanted_us == EDU_NEVER);
	edu_close(edu);
}
