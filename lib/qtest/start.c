/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Beginning and end of a qtest session. */

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "error.h"
#include "qtest.h"

#define DEFAULT_QEMU	"qemu-system-x86_64"
#define DEFAULT_PATH	"/usr/bin:/bin:/usr/local/bin:/usr/pkg/bin"

/*
 * A QEMU on a busy machine may take seconds to come up; one that listens at a
 * socket is nearly up.
 */
#define START_MS	20000
#define CONNECT_MS	5000
#define END_MS		5000
/* Then it answers in microseconds, unless somebody has stopped it. */
#define LIMIT_MS	30000

/*
 * The machine has no timer that ticks, so an idle QEMU really idles.  Virtual
 * time (-icount, sleep=off) leaps to the next event when the processor is
 * halted, which it always is: a transfer's 100 ms pass at once.  execv(2)
 * wants writable strings; nobody writes them.
 *
 * The processor starts with the four bytes at 0x1000, "cli; 1: hlt; jmp 1b",
 * instead of the firmware: the second loader sets its instruction pointer, to
 * which 0xffff0000 is added after a reset.
 */
static char arguments[][48] = {
	"-nodefaults", "-no-user-config", "-name", "libedu",
	"-display", "none",
	"-machine", "q35,pit=off,hpet=off",
	"-accel", "tcg", "-icount", "shift=0,sleep=off", "-m", "16",
	"-device", "loader,addr=0x1000,data=0xfdebf4fa,data-len=4",
	"-device", "loader,addr=0x11000,cpu-num=0",
	"-device", "edu,addr=0xa",
	"-chardev", "socket,id=qtest,fd=3",
	"-qtest", "chardev:qtest", "-qtest-log", "none"
};
#define ARGUMENTS	(sizeof(arguments) / sizeof(arguments[0]))

/* Nothing of it where the program has rights that its user has not. */
static const char *
environment(const char *name, const char *otherwise)
{
	const char *value;

#if defined(__linux__)
	value = secure_getenv(name);
#else
	value = issetugid() ? NULL : getenv(name);
#endif
	return value != NULL && value[0] != '\0' ? value : otherwise;
}

/* As the shell would: 0 with the path in buf, or -1 with errno. */
static int
find_program(const char *name, char *buf, size_t size)
{
	const char *dir, *end;
	int length;

	if (strchr(name, '/') != NULL) {
		length = snprintf(buf, size, "%s", name);
		if (length >= 0 && (size_t)length < size)
			return access(buf, X_OK);
		errno = ENAMETOOLONG;
		return -1;
	}
	for (dir = environment("PATH", DEFAULT_PATH); ; dir = end + 1) {
		end = dir + strcspn(dir, ":");
		length = snprintf(buf, size, "%.*s/%s", (int)(end - dir),
		    end == dir ? "." : dir, name);
		if (length >= 0 && (size_t)length < size &&
		    access(buf, X_OK) == 0)
			return 0;
		if (*end == '\0')
			break;
	}
	errno = ENOENT;
	return -1;
}

static void
drop(int *fd)
{

	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
}

static struct qtest *
create(const char *peer, const char *gone, struct edu_error *err)
{
	struct qtest *q;

	if ((q = calloc(1, sizeof(*q))) == NULL) {
		(void)edu_fail_memory(err);
		return NULL;
	}
	q->fd = q->irq_fd = q->said_fd = q->tty_fd = -1;
	q->limit_ms = LIMIT_MS;
	q->wanted_us = EDU_NEVER;
	q->silence = ENODEV;
	q->gone = gone;
	(void)snprintf(q->peer, sizeof(q->peer), "%s", peer);
	return q;
}

/* The end of every constructor: the session, or all of it undone. */
static struct qtest *
conclude(struct qtest *q, int result)
{
	int errnum = errno;

	if (result == 0)
		return q;
	qtest_end(q);
	errno = errnum;
	return NULL;
}

/*
 * QEMU, with its ends of the connection and of a pipe for its messages, which
 * never blocks: what does not fit is not needed.
 */
static int
run(struct qtest *q, char *const argv[])
{
	int fds[2], result, said[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == -1)
		return -1;
	q->fd = fds[0];
	result = pipe2(said, O_CLOEXEC | O_NONBLOCK);
	if (result == 0) {
		q->said_fd = said[0];
		result = qtest_run(q, argv, fds[1], said[1]);
		drop(&said[1]);
	}
	drop(&fds[1]);
	return result == -1 ? -1 : qtest_bell(q);
}

struct qtest *
qtest_start(struct edu_error *err)
{
	const char *name = environment("QEMU", DEFAULT_QEMU);
	char *argv[ARGUMENTS + 2], program[PATH_MAX];
	struct qtest *q;
	size_t i;

	if ((q = create(name, "it ended", err)) == NULL)
		return NULL;
	if (find_program(name, program, sizeof(program)) == -1)
		return conclude(q, edu_fail(err, errno, "cannot run %s: %s: "
		    "install QEMU or set QEMU= in the environment", q->peer,
		    strerror(errno)));
	argv[0] = program;
	for (i = 0; i < ARGUMENTS; i++)
		argv[i + 1] = arguments[i];
	argv[i + 1] = NULL;
	if (run(q, argv) == -1)
		return conclude(q, edu_fail(err, errno, "cannot start a "
		    "process for qtest: %s", strerror(errno)));
	if (qtest_greet(q, START_MS) == 0)
		return q;
	return conclude(q, edu_fail(err, q->errnum, "cannot start %s: %s "
	    "(QEMU= in the environment chooses another)", q->peer, q->why));
}

/*
 * Without waiting: QEMU serves one client, and a few more may stand in its
 * queue.
 */
static int
connect_socket(const char *path)
{
	struct sockaddr_un sun;
	int errnum, fd;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	memcpy(sun.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	errnum = errno;
	(void)close(fd);
	errno = errnum;
	return -1;
}

static int
connect_qemu(struct qtest *q, const char *path, struct edu_error *err)
{

	if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return edu_fail(err, EINVAL, "the path of a socket has at most "
		    "%zu characters",
		    sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
	if ((q->fd = connect_socket(path)) != -1)
		return 0;
	switch (errno) {
	case EAGAIN:
		return edu_fail(err, EBUSY, "other processes are using this "
		    "QEMU");
	case ENOENT:
	case ENOTDIR:
	case ENOTSOCK:
	case ECONNREFUSED:
		return edu_fail(err, ENOENT, "no QEMU listens at %s: %s "
		    "(start one with -qtest unix:%s,server=on,wait=off)", path,
		    strerror(errno), path);
	}
	return edu_fail(err, errno, "cannot connect to %s: %s", path,
	    strerror(errno));
}

struct qtest *
qtest_connect(const char *path, struct edu_error *err)
{
	struct qtest *q;

	if ((q = create(path, "it hung up", err)) == NULL)
		return NULL;
	if (connect_qemu(q, path, err) == -1)
		return conclude(q, -1);
	if (qtest_bell(q) == -1)
		return conclude(q, edu_fail(err, errno, "no descriptor for "
		    "interrupts: %s", strerror(errno)));
	q->silence = EBUSY;
	if (qtest_greet(q, CONNECT_MS) == 0) {
		q->silence = ENODEV;
		return q;
	}
	return conclude(q, qtest_fail(q, err, q->errnum == EBUSY ?
	    "another process is using this QEMU, or it is none" :
	    "no QEMU speaks qtest there"));
}

/* QEMU has ended when its end of the connection is closed. */
static void
await_end(struct qtest *q)
{
	int64_t deadline_us = edu_deadline_us(edu_now_us(), END_MS);
	struct pollfd pfd;

	pfd.fd = q->fd;
	pfd.events = POLLIN;
	while (poll(&pfd, 1, edu_remaining_ms(deadline_us)) != 0)
		if (recv(q->fd, q->in, sizeof(q->in), MSG_DONTWAIT) == 0)
			return;
}

void
qtest_end(struct qtest *q)
{

	if (q == NULL)
		return;
	qtest_kill(q);
	if (q->said_fd != -1)
		await_end(q);
	drop(&q->irq_fd);
	drop(&q->fd);
	drop(&q->said_fd);
	free(q);
}
