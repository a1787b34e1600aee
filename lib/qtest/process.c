/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * A QEMU of our own, which ends with us, whatever we die of.
 *
 * It leads a session on a pseudo-terminal that nobody writes to, and whose
 * master side this process has open.  When the last descriptor of that side
 * is closed, by the kernel at the latest, the line hangs up: QEMU gets SIGHUP,
 * which ends it, and SIGCONT, should it have been stopped.  Where QEMU= is a
 * script, the script dies of the SIGHUP, and the death of a session's leader
 * is one for its process group.
 *
 * The session is one of its own, so neither a ^C nor a SIGKILL for this
 * process's group reaches QEMU; and QEMU is no child of this process, which
 * therefore finds no stranger in wait(2).
 *
 * A child that this process forks must not hold the line: it closes it at
 * once, in a handler of fork(2).
 */

#include <sys/ioctl.h>
#include <sys/wait.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "qtest.h"

/* The sessions with a QEMU of our own. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct qtest *owned;

static void
hold(void)
{

	(void)pthread_mutex_lock(&lock);
}

static void
release(void)
{

	(void)pthread_mutex_unlock(&lock);
}

static void
disown(void)
{
	struct qtest *q;

	for (q = owned; q != NULL; q = q->next) {
		(void)close(q->tty_fd);
		q->tty_fd = -1;
	}
	owned = NULL;
	release();
}

static void
watch_forks(void)
{

	(void)pthread_atfork(hold, release, disown);
}

/* Returns the slave side; the session holds the master. */
static int
open_tty(struct qtest *q)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	char name[64];
	int slave = -1;

	(void)pthread_once(&once, watch_forks);
	hold();
	q->tty_fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (q->tty_fd != -1) {
		q->next = owned;
		owned = q;
		if (grantpt(q->tty_fd) == 0 && unlockpt(q->tty_fd) == 0 &&
		    ptsname_r(q->tty_fd, name, sizeof(name)) == 0)
			slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	}
	release();
	return slave;
}

/*
 * From here to the end of run(): a fork of a program of which we know
 * nothing, and which may have threads.  Only functions that POSIX lists as
 * safe in a signal handler, and system calls.
 */

/* Why there will be no QEMU: see ended() in protocol.c. */
static void
report(int fd, int errnum)
{
	char message[1 + sizeof(errnum)] = { '\0' };

	memcpy(message + 1, &errnum, sizeof(errnum));
	while (write(fd, message, sizeof(message)) == -1 && errno == EINTR)
		continue;
	_exit(127);
}

/*
 * What the program has left open for a program that it executes is not meant
 * for QEMU.  A Linux older than 5.9 cannot do this, and QEMU holds it then.
 */
static void
close_from(unsigned lowest)
{
#if defined(__NetBSD__)
	(void)closefrom((int)lowest);
#elif defined(SYS_close_range)
	(void)syscall(SYS_close_range, lowest, ~0U, 0U);
#else
	(void)lowest;
#endif
}

static void
reset_signals(void)
{
	struct sigaction action;
	int sig;

	memset(&action, 0, sizeof(action));
	action.sa_handler = SIG_DFL;
	(void)sigemptyset(&action.sa_mask);
	for (sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &action, NULL);
	(void)pthread_sigmask(SIG_SETMASK, &action.sa_mask, NULL);
}

/* Where the line has hung up already, taking the terminal fails. */
static void
run(char *const argv[], int slave, int server, int said)
{
	enum { FDS = 4 };
	int fds[FDS] = { -1, said, said, server }, i;

	fds[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (setsid() == -1 || ioctl(slave, TIOCSCTTY, 0) == -1)
		report(said, errno);
	for (i = 0; i < FDS; i++)
		if ((fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FDS)) == -1)
			report(said, errno);
	for (i = 0; i < FDS; i++)
		if (dup2(fds[i], i) == -1)
			report(fds[1], errno);
	close_from(FDS);
	reset_signals();
	(void)execv(argv[0], argv);
	report(STDERR_FILENO, errno);
}

/* Forks twice, so that QEMU is nobody's child here. */
int
qtest_run(struct qtest *q, char *const argv[], int server, int said)
{
	int errnum, slave;
	sigset_t all, old;
	pid_t pid;

	if ((slave = open_tty(q)) == -1)
		return -1;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	if ((pid = fork()) == 0) {
		if ((pid = fork()) == 0)
			run(argv, slave, server, said);
		if (pid == -1)
			report(said, errno);
		_exit(0);
	}
	errnum = errno;
	/* A program that ignores SIGCHLD has nothing to wait for: ECHILD. */
	if (pid != -1)
		(void)waitpid(pid, NULL, 0);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	(void)close(slave);
	errno = errnum;
	return pid == -1 ? -1 : 0;
}

/*
 * Not by SIGHUP, which lets QEMU take its time.  While we hold the master
 * side, the kernel knows which process group is at the other.
 */
void
qtest_kill(struct qtest *q)
{
	struct qtest **link;
	pid_t group;

	hold();
	for (link = &owned; *link != NULL && *link != q;)
		link = &(*link)->next;
	if (*link != NULL) {
		*link = q->next;
		if ((group = tcgetpgrp(q->tty_fd)) > 0)
			(void)kill(-group, SIGKILL);
		(void)close(q->tty_fd);
	}
	release();
}
