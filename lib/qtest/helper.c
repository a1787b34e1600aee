/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * The helper process of a session: see qtest.h.
 *
 * It is a fork of a program of which we know nothing, and which may have
 * threads.  So it calls functions only that POSIX.1-2008 lists as safe in a
 * signal handler: no stdio, no malloc.  It never returns into the program.
 */

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qtest.h"

/* Its descriptors.  The first five are QEMU's as well. */
enum {
	NULL_FD, SAID_FD, SAID_TOO_FD, SERVER_FD, FIRMWARE_FD,
	QEMU_FD, OWNER_FD, IRQ_FD, FDS
};

/*
 * Should the owner have left its descriptors to a child of its own, then no
 * end of file tells that it has died: look so often.
 */
#define LOOK_MS		1000

struct helper {
	pid_t		owner;
	pid_t		qemu;		/* -1: not ours */
	uint32_t	watched;	/* lines */
	/* The line from QEMU that is being read. */
	enum { START, PASS, IRQ } state;
	size_t		used;
	char		line[32];
};

/*
 * The owner reads this where QEMU's messages would be: a NUL, which they
 * never start with, and errno.
 */
static void
report(int fd, int errnum)
{
	char message[1 + sizeof(errnum)] = { '\0' };

	memcpy(message + 1, &errnum, sizeof(errnum));
	while (write(fd, message, sizeof(message)) == -1 && errno == EINTR)
		continue;
}

static void
close_from(int lowest)
{
#if defined(__NetBSD__) || \
    (defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 34))
	(void)closefrom(lowest);
#else
	long fd, end = sysconf(_SC_OPEN_MAX);

	for (fd = lowest; fd < end; fd++)
		(void)close((int)fd);
#endif
}

/*
 * Give every descriptor its place and close all others: those of the program
 * that we are a fork of would stay open as long as we live.
 */
static int
place_fds(const struct qtest_ends *ends)
{
	const int fds[FDS] = { ends->null, ends->said, ends->said,
	    ends->server, ends->firmware, ends->qemu, ends->owner,
	    ends->irq };
	int high[FDS], i;

	for (i = 0; i < FDS; i++)
		if ((high[i] = fcntl(fds[i] != -1 ? fds[i] : ends->null,
		    F_DUPFD, FDS)) == -1)
			return -1;
	for (i = 0; i < FDS; i++)
		if (dup2(high[i], i) == -1)
			return -1;
	close_from(FDS);
	return 0;
}

static void
run_qemu(const struct qtest_ends *ends)
{
	struct sigaction action;
	int sig;

	memset(&action, 0, sizeof(action));
	action.sa_handler = SIG_DFL;
	(void)sigemptyset(&action.sa_mask);
	for (sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &action, NULL);
	(void)setpgid(0, 0);
	close_from(QEMU_FD);
	(void)sigprocmask(SIG_SETMASK, &action.sa_mask, NULL);
	(void)execv(ends->program, ends->argv);
	report(SAID_FD, errno);
	_exit(127);
}

/*
 * QEMU is the leader of a process group: where it was started by a script,
 * the script and QEMU end together.
 */
static pid_t
start_qemu(const struct qtest_ends *ends)
{
	pid_t pid;

	switch (pid = fork()) {
	case -1:
		report(SAID_FD, errno);
		_exit(1);
	case 0:
		run_qemu(ends);
	}
	(void)setpgid(pid, pid);
	return pid;
}

static void
end_qemu(pid_t pid)
{

	(void)kill(-pid, SIGKILL);
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		continue;
}

/* When the pipe is full it is readable, which is all that counts. */
static void
interrupt(void)
{

	while (write(IRQ_FD, "", 1) == -1 && errno == EINTR)
		continue;
}

static int
send_owner(const char *buf, size_t length)
{
	ssize_t n;

	while (length > 0) {
		n = send(OWNER_FD, buf, length, MSG_NOSIGNAL);
		if (n == -1 && errno != EINTR)
			return -1;
		if (n > 0) {
			buf += n;
			length -= (size_t)n;
		}
	}
	return 0;
}

static int
serve_owner(struct helper *h)
{
	unsigned char requests[16];
	ssize_t i, n;

	n = read(OWNER_FD, requests, sizeof(requests));
	if (n <= 0)
		return n == -1 && errno == EINTR ? 0 : -1;
	for (i = 0; i < n; i++) {
		if (requests[i] == QTEST_INJECT)
			interrupt();
		else if (requests[i] < QTEST_LINES)
			h->watched |= UINT32_C(1) << requests[i];
		if (send_owner("OK\n", 3) == -1)
			return -1;
	}
	return 0;
}

/* A whole line that starts with "IRQ ". */
static void
hear(const struct helper *h)
{
	static const char raise_text[] = "IRQ raise ";
	const size_t length = sizeof(raise_text) - 1;
	unsigned number = 0;
	size_t i;

	if (h->used <= length || memcmp(h->line, raise_text, length) != 0)
		return;
	for (i = length; i < h->used && number < QTEST_LINES; i++) {
		if (h->line[i] < '0' || h->line[i] > '9')
			return;
		number = number * 10 + (unsigned)(h->line[i] - '0');
	}
	if (number < QTEST_LINES && (h->watched >> number & 1))
		interrupt();
}

/*
 * Take one character from QEMU; into out, of which *used counts, goes what
 * the owner is to get.
 */
static void
sift(struct helper *h, char c, char *out, size_t *used)
{

	if (h->state == PASS)
		out[(*used)++] = c;
	else if (c != '\n' && h->used < sizeof(h->line))
		h->line[h->used++] = c;
	if (h->state == START && (c == '\n' || h->used == 4)) {
		if (h->used == 4 && memcmp(h->line, "IRQ ", 4) == 0)
			h->state = IRQ;
		else {
			memcpy(out + *used, h->line, h->used);
			*used += h->used;
			if (c == '\n')
				out[(*used)++] = c;
			h->state = PASS;
		}
	}
	if (c != '\n')
		return;
	if (h->state == IRQ)
		hear(h);
	h->state = START;
	h->used = 0;
}

static int
serve_qemu(struct helper *h)
{
	char in[4096], out[sizeof(in) + sizeof(h->line)];
	size_t used = 0;
	ssize_t i, n;

	n = read(QEMU_FD, in, sizeof(in));
	if (n <= 0)
		return n == -1 && errno == EINTR ? 0 : -1;
	for (i = 0; i < n; i++)
		sift(h, in[i], out, &used);
	return send_owner(out, used);
}

static int
owner_lives(const struct helper *h)
{

	return kill(h->owner, 0) == 0 || errno != ESRCH;
}

static void
serve(struct helper *h)
{
	struct pollfd fds[2];
	int n;

	fds[0].fd = OWNER_FD;
	fds[1].fd = QEMU_FD;
	fds[0].events = fds[1].events = POLLIN;
	for (;;) {
		n = poll(fds, 2, LOOK_MS);
		if (n == -1 && errno != EINTR)
			return;
		if (n == 0 && !owner_lives(h))
			return;
		if (n <= 0)
			continue;
		if (fds[0].revents != 0 && serve_owner(h) == -1)
			return;
		if (fds[1].revents != 0 && serve_qemu(h) == -1)
			return;
	}
}

/* All signals are blocked, and stay so: only SIGKILL ends us early. */
static void
help(const struct qtest_ends *ends, pid_t owner)
{
	struct helper h;

	memset(&h, 0, sizeof(h));
	h.owner = owner;
	h.qemu = -1;
	(void)setsid();
	if (place_fds(ends) == -1) {
		report(ends->said, errno);
		_exit(1);
	}
	if (ends->program != NULL)
		h.qemu = start_qemu(ends);
	(void)dup2(NULL_FD, SAID_FD);
	(void)dup2(NULL_FD, SAID_TOO_FD);
	(void)close(SERVER_FD);
	(void)close(FIRMWARE_FD);
	serve(&h);
	if (h.qemu != -1)
		end_qemu(h.qemu);
	_exit(0);
}

/* Forks twice, so that the helper is nobody's child here. */
int
qtest_help(const struct qtest_ends *ends)
{
	sigset_t all, old;
	pid_t owner = getpid(), pid;
	int errnum;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &old);
	if ((pid = fork()) == 0) {
		if ((pid = fork()) == 0)
			help(ends, owner);
		if (pid == -1)
			report(ends->said, errno);
		_exit(0);
	}
	errnum = errno;
	/* A program that ignores SIGCHLD has nothing to wait for: ECHILD. */
	if (pid != -1)
		(void)waitpid(pid, NULL, 0);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	errno = errnum;
	return pid == -1 ? -1 : 0;
}
