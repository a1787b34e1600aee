/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* What edutool can no longer do once it has dropped what it does not need. */

#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#ifdef HAVE_LIBSECCOMP
#include <seccomp.h>
#endif

#include "../tools/edutool.h"
#include "h_case.h"
#include "refusal.h"

#define DEMAND(x)	do {						\
	if (!(x)) {							\
		(void)fprintf(stderr, "line %d: %s: %s\n", __LINE__,	\
		    #x, strerror(errno));				\
		_exit(1);						\
	}								\
} while (0)

#define REFUSED(x)	(errno = 0, (x) == -1 && errno == EPERM)

static void
need_filter(void)
{

	if (strstr(privilege_dropped(), "system calls") == NULL)
		atf_tc_skip("built without libseccomp");
}

/* In a child, for it is for good. */
static void
in_child(void (*act)(void))
{
	int status;
	pid_t pid;

	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		act();
		_exit(0);
	}
	ATF_REQUIRE(waitpid(pid, &status, 0) == pid);
	ATF_REQUIRE_EQ(status, 0);
}

static void
drop(unsigned needs)
{
	struct tool t;

	memset(&t, 0, sizeof(t));
	DEMAND(privilege_drop(&t, needs) == 0);
}

static void
try_refused(void)
{
	const struct timespec now = { 0, 0 };
	char *argv[] = { (char *)(uintptr_t)"false", NULL };

	drop(NEED_OPENS | NEED_MEMORY);
	DEMAND(REFUSED(execv("/bin/false", argv)));
	DEMAND(REFUSED(execv("/nonexistent", argv)));
	DEMAND(REFUSED(mount("none", "/nonexistent", "tmpfs", 0, NULL)));
	DEMAND(REFUSED(socket(AF_INET, SOCK_STREAM, 0)));
	DEMAND(REFUSED(socket(AF_NETLINK, SOCK_RAW, 0)));
	DEMAND(REFUSED(clock_settime(CLOCK_REALTIME, &now)));
	DEMAND(REFUSED(syscall(SYS_bpf, 0, NULL, 0)));
	DEMAND(REFUSED(syscall(SYS_init_module, NULL, 0, "")));
#ifndef __SANITIZE_ADDRESS__
	DEMAND(REFUSED(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL)));
#endif
}

EDU_TEST(refused, "programs, others' memory, the kernel and the net are EPERM")
{

	need_filter();
	in_child(try_refused);
}

/* What the library and the C library do. */
static void
try_allowed(void)
{
	int fds[2], status;
	pid_t pid;

	drop(NEED_OPEN);
	drop(0);
	DEMAND(socket(AF_UNIX, SOCK_STREAM, 0) != -1);
	DEMAND(pipe(fds) == 0);
	DEMAND((pid = fork()) != -1);
	if (pid == 0)
		exit(0);
	DEMAND(waitpid(pid, &status, 0) == pid && status == 0);
}

EDU_TEST(allowed, "to drop twice, a local socket, a pipe and a child are not "
    "refused")
{

	in_child(try_allowed);
}

static void
try_programs(void)
{
	char *argv[] = { (char *)(uintptr_t)"true", NULL };

	drop(NEED_OPENS | NEED_MODULES);
	(void)execv("/bin/true", argv);
	_exit(1);
}

EDU_TEST(programs, "who needs programs can run them")
{

	in_child(try_programs);
}

/* What restricted us before still does. */
static void
try_restrictions(void)
{
	char after[512], before[512];

	edu_restrictions(EPERM, before, sizeof(before));
	drop(0);
	edu_restrictions(EPERM, after, sizeof(after));
	DEMAND(strcmp(before, after) == 0);
}

EDU_TEST(restrictions, "what was dropped is not named as what restricts root")
{

	in_child(try_restrictions);
}

#if defined(HAVE_LIBCAP_NG) && defined(HAVE_LIBSECCOMP)
/* As a container may have it. */
static void
refuse(int call, int other, unsigned errnum)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	DEMAND(filter != NULL);
	DEMAND(seccomp_rule_add(filter, SCMP_ACT_ERRNO(errnum), call, 0) == 0);
	DEMAND(seccomp_rule_add(filter, SCMP_ACT_ERRNO(errnum), other, 0) == 0);
	DEMAND(seccomp_load(filter) == 0);
	seccomp_release(filter);
}

static void
try_without(int call, const char *message)
{
	struct tool t;

	memset(&t, 0, sizeof(t));
	refuse(call, call, EPERM);
	DEMAND(privilege_drop(&t, 0) == EX_OSERR);
	DEMAND(strcmp(t.error, message) == 0);
}

static void
try_capget(void)
{

	try_without(SCMP_SYS(capget), "asking for capabilities: "
	    "Operation not permitted");
}

static void
try_capset(void)
{

	try_without(SCMP_SYS(capset), "dropping capabilities: "
	    "Operation not permitted");
}

EDU_TEST(capabilities_kept, "where capabilities cannot be dropped the command "
    "does not run: exit 71")
{

	in_child(try_capget);
	in_child(try_capset);
}

/* No filter can be set any more. */
static void
try_no_filter(void)
{

	refuse(SCMP_SYS(seccomp), SCMP_SYS(prctl), ENOSYS);
	drop(0);
	DEMAND(socket(AF_INET, SOCK_STREAM, 0) != -1);
}

EDU_TEST(no_filter, "a kernel without seccomp(2) runs the command all the same")
{

	in_child(try_no_filter);
}
#endif
