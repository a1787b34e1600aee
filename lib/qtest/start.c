/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Beginning and end of a qtest session. */

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
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

/* The firmware: the processor starts 16 bytes before its end. */
#define FIRMWARE_SIZE	65536
static const unsigned char reset[] = {
	0xfa,			/* cli */
	0xf4,			/* 1: hlt */
	0xeb, 0xfd		/* jmp 1b */
};

/*
 * The machine has no timer that ticks, so an idle QEMU really idles.  Virtual
 * time (-icount, sleep=off) leaps to the next event when the processor is
 * halted, which it always is: a transfer's 100 ms pass at once.  execv(2)
 * wants writable strings; nobody writes them.
 */
static char arguments[][32] = {
	"-nodefaults", "-no-user-config", "-name", "libedu",
	"-display", "none",
	"-machine", "q35,pit=off,hpet=off",
	"-accel", "tcg", "-icount", "shift=0,sleep=off",
	"-m", "16", "-bios", "/dev/fd/" QTEST_FIRMWARE_FD,
	"-device", "edu,addr=0xa",
	"-chardev", "socket,id=qtest,fd=" QTEST_SERVER_FD,
	"-qtest", "chardev:qtest", "-qtest-log", "none"
};
#define ARGUMENTS	(sizeof(arguments) / sizeof(arguments[0]))

static const char *
environment(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0' ? value : otherwise;
}

/* As the shell would: 0 with the path in buf, or -1 with errno. */
static int
find_program(const char *name, char *buf, size_t size)
{
	const char *dir, *end;
	int length;

	if (strchr(name, '/') != NULL) {
		(void)snprintf(buf, size, "%s", name);
		return access(buf, X_OK);
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

/* A file without a name, so that nobody need remove it. */
static int
make_firmware(struct edu_error *err)
{
	const char *dir = environment("TMPDIR", "/tmp");
	char path[1024];
	int errnum, fd;

	(void)snprintf(path, sizeof(path), "%s/libedu.XXXXXX", dir);
	if ((fd = mkostemp(path, O_CLOEXEC)) != -1) {
		(void)unlink(path);
		if (ftruncate(fd, FIRMWARE_SIZE) == 0 &&
		    pwrite(fd, reset, sizeof(reset), FIRMWARE_SIZE - 16) ==
		    (ssize_t)sizeof(reset))
			return fd;
	}
	errnum = errno;
	if (fd != -1)
		(void)close(fd);
	return edu_fail(err, errnum, "cannot write a temporary file in %s: %s "
	    "(TMPDIR chooses the directory)", dir, strerror(errnum));
}

static void
drop(int *fd)
{

	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
}

static void
drop_ends(struct qtest_ends *ends)
{

	drop(&ends->qemu);
	drop(&ends->owner);
	drop(&ends->irq);
	drop(&ends->said);
	drop(&ends->null);
	drop(&ends->server);
	drop(&ends->firmware);
}

static int
make_pair(int *ours, int *theirs)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == -1)
		return -1;
	*ours = fds[0];
	*theirs = fds[1];
	return 0;
}

/* Neither end ever blocks: what does not fit is not needed. */
static int
make_pipe(int *ours, int *theirs)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) == -1)
		return -1;
	*ours = fds[0];
	*theirs = fds[1];
	return 0;
}

static struct qtest *
create(struct qtest_ends *ends, const char *peer, const char *gone,
    struct edu_error *err)
{
	struct qtest *q;

	*ends = (struct qtest_ends){ -1, -1, -1, -1, -1, -1, -1, NULL, NULL };
	if ((q = calloc(1, sizeof(*q))) == NULL) {
		(void)edu_fail_memory(err);
		return NULL;
	}
	q->command_fd = q->reply_fd = q->irq_fd = q->said_fd = -1;
	q->silence = ENODEV;
	q->gone = gone;
	(void)snprintf(q->peer, sizeof(q->peer), "%s", peer);
	return q;
}

/* The connection to QEMU is there: start the helper. */
static int
connect_helper(struct qtest *q, struct qtest_ends *ends, struct edu_error *err)
{

	ends->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (ends->null == -1 ||
	    make_pair(&q->reply_fd, &ends->owner) == -1 ||
	    make_pipe(&q->irq_fd, &ends->irq) == -1 ||
	    make_pipe(&q->said_fd, &ends->said) == -1 ||
	    (ends->qemu = fcntl(q->command_fd, F_DUPFD_CLOEXEC, 0)) == -1 ||
	    qtest_help(ends) == -1)
		return edu_fail(err, errno, "cannot start a process for "
		    "qtest: %s", strerror(errno));
	return 0;
}

/* The end of every constructor: the session, or all of it undone. */
static struct qtest *
conclude(struct qtest *q, struct qtest_ends *ends, int result)
{
	int errnum = errno;

	drop_ends(ends);
	if (result == 0)
		return q;
	qtest_end(q);
	errno = errnum;
	return NULL;
}

/* The program, its firmware and the connection to it. */
static int
prepare_qemu(struct qtest *q, struct qtest_ends *ends, char *program,
    size_t size, struct edu_error *err)
{

	if (find_program(q->peer, program, size) == -1)
		return edu_fail(err, errno, "cannot run %s: %s: install QEMU "
		    "or set QEMU= in the environment", q->peer,
		    strerror(errno));
	ends->program = program;
	if ((ends->firmware = make_firmware(err)) == -1)
		return -1;
	if (make_pair(&q->command_fd, &ends->server) == -1)
		return edu_fail(err, errno, "cannot create a socket: %s",
		    strerror(errno));
	return 0;
}

struct qtest *
qtest_start(struct edu_error *err)
{
	char *argv[ARGUMENTS + 2], program[1024];
	struct qtest_ends ends;
	struct qtest *q;
	size_t i;

	q = create(&ends, environment("QEMU", DEFAULT_QEMU), "it ended", err);
	if (q == NULL)
		return NULL;
	argv[0] = program;
	for (i = 0; i < ARGUMENTS; i++)
		argv[i + 1] = arguments[i];
	argv[i + 1] = NULL;
	ends.argv = argv;
	if (prepare_qemu(q, &ends, program, sizeof(program), err) == -1 ||
	    connect_helper(q, &ends, err) == -1)
		return conclude(q, &ends, -1);
	drop_ends(&ends);
	if (qtest_greet(q, START_MS) == 0)
		return conclude(q, &ends, 0);
	return conclude(q, &ends, edu_fail(err, q->errnum, "cannot start %s: "
	    "%s (QEMU= in the environment chooses another)", q->peer, q->why));
}

/*
 * Without waiting: QEMU serves one client, and a few more may stand in its
 * queue.
 */
static int
connect_socket(const char *path)
{
	struct sockaddr_un sun;
	int errnum, fd, flags;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	memcpy(sun.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0 &&
	    (flags = fcntl(fd, F_GETFL)) != -1 &&
	    fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != -1)
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
	if ((q->command_fd = connect_socket(path)) != -1)
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
	struct qtest_ends ends;
	struct qtest *q;

	if ((q = create(&ends, path, "it hung up", err)) == NULL)
		return NULL;
	if (connect_qemu(q, path, err) == -1 ||
	    connect_helper(q, &ends, err) == -1)
		return conclude(q, &ends, -1);
	drop_ends(&ends);
	q->silence = EBUSY;
	if (qtest_greet(q, CONNECT_MS) == 0) {
		q->silence = ENODEV;
		return conclude(q, &ends, 0);
	}
	return conclude(q, &ends, qtest_fail(q, err, q->errnum == EBUSY ?
	    "another process is using this QEMU, or it is none" :
	    "no QEMU speaks qtest there"));
}

/*
 * The helper sees the end of our requests, ends QEMU, and ends; that is the
 * end of its replies.
 */
static void
end_helper(struct qtest *q)
{
	int64_t deadline_us = edu_deadline_us(END_MS);
	struct pollfd pfd;
	int ready;

	pfd.fd = q->reply_fd;
	pfd.events = POLLIN;
	(void)shutdown(q->reply_fd, SHUT_WR);
	do {
		ready = poll(&pfd, 1, edu_remaining_ms(deadline_us));
		if (ready == 1 && recv(q->reply_fd, q->in, sizeof(q->in),
		    0) == 0)
			return;
	} while (ready != 0);
}

void
qtest_end(struct qtest *q)
{

	if (q == NULL)
		return;
	drop(&q->command_fd);
	if (q->reply_fd != -1)
		end_helper(q);
	drop(&q->reply_fd);
	drop(&q->irq_fd);
	drop(&q->said_fd);
	free(q);
}
