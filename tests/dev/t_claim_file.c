/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* The claim's file: who may have it, where it is, and what may go wrong. */

#include <sys/types.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#ifdef __linux__
#include <sys/mount.h>

#include <sched.h>
#endif

#include <grp.h>
#include <signal.h>

#include "h_case.h"
#include "h_need.h"
#include "h_pci.h"

#define SHARED		"/var/run/edu"
/* Of nobody on this machine. */
#define USER		4242
#define OTHER		4243

static struct pci_name names[64];
static char file[128];

static const char *
need_edu(void)
{

	if (pci_find(ID_EDU, names, 64) == 0)
		atf_tc_skip("no edu device on this machine");
	if (access(SHARED, F_OK) == 0)
		atf_tc_skip(SHARED " is here already");
	(void)snprintf(file, sizeof(file), "/var/run/edu-%s.lock",
	    names[0].text);
	return names[0].text;
}

/* Configuration space claims as well, and needs no driver. */
static struct edu *
claim(const char *name)
{

	return edu_open(name, EDU_OPEN_CONFIG);
}

static mode_t
mode_of(const char *path)
{
	struct stat st;

	ATF_REQUIRE_MSG(lstat(path, &st) == 0, "%s: %s", path,
	    strerror(errno));
	return st.st_mode & 07777;
}

DEVICE_TEST(mode, "the file is its owner's alone, whatever the umask and "
    "whatever it was")
{
	const char *name = need_edu();

	(void)unlink(file);
	(void)umask(0);
	edu_close(claim(name));
	ATF_CHECK_EQ(mode_of(file), 0600);
	ATF_REQUIRE(chmod(file, 0666) == 0);
	edu_close(claim(name));
	ATF_CHECK_EQ(mode_of(file), 0600);
}

static void
check_refused(const char *name, const char *message)
{

	CHECK_ERRNO(NULL, EACCES, claim(name) == NULL);
	CHECK_MESSAGE(NULL, message);
	ATF_REQUIRE(unlink(file) == 0);
}

DEVICE_TEST(strange_files, "a file of another user's, with another name, or of "
    "another kind is refused, and not touched")
{
	const char *name = need_edu();
	int fd;

	(void)unlink(file);
	ATF_REQUIRE((fd = open(file, O_CREAT | O_RDWR, 0644)) != -1);
	ATF_REQUIRE(fchown(fd, USER, USER) == 0 && close(fd) == 0);
	check_refused(name, "belongs to user 4242");
	ATF_REQUIRE((fd = open("other", O_CREAT | O_RDWR, 0644)) != -1);
	ATF_REQUIRE(close(fd) == 0);
	(void)unlink("/var/run/other");
	ATF_REQUIRE((fd = open("/var/run/other", O_CREAT | O_RDWR, 0644)) !=
	    -1 && close(fd) == 0);
	ATF_REQUIRE(link("/var/run/other", file) == 0);
	check_refused(name, "no file of its own");
	ATF_CHECK_EQ(mode_of("/var/run/other"), 0644);
	ATF_REQUIRE(unlink("/var/run/other") == 0);
	ATF_REQUIRE(mkfifo(file, 0600) == 0);
	check_refused(name, "no file of its own");
	ATF_REQUIRE(symlink("/etc/passwd", file) == 0);
	ATF_CHECK(claim(name) == NULL);
	ATF_REQUIRE(unlink(file) == 0);
	edu_close(open_device(name, EDU_OPEN_CONFIG));
}

static void
stay_here(int fd)
{
	char c;

	(void)read(fd, &c, 1);
	_exit(0);
}

DEVICE_TEST(child_lives_on, "the claim ends with the process, though a child "
    "of its own lives on")
{
	const char *name = need_edu();
	int alive[2], status;
	struct edu *edu;
	pid_t pid;

	ATF_REQUIRE(pipe(alive) == 0);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		(void)close(alive[1]);
		if (claim(name) == NULL)
			_exit(1);
		if (fork() == 0)
			stay_here(alive[0]);
		(void)kill(getpid(), SIGKILL);
	}
	ATF_REQUIRE(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	edu = claim(name);
	ATF_CHECK_MSG(edu != NULL, "%s", edu_errmsg(NULL));
	edu_close(edu);
	(void)close(alive[1]);
}

DEVICE_TEST(size_limit, "a process that may write no file of that size is told "
    "so, and gets no signal")
{
	const char *name = need_edu();
	struct rlimit limit;
	struct edu *edu;
	rlim_t most;

	ATF_REQUIRE(getrlimit(RLIMIT_FSIZE, &limit) == 0);
	for (most = 0; most < 64; most += 21) {
		limit.rlim_cur = most;
		ATF_REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
		ATF_REQUIRE((edu = claim(name)) != NULL);
		CHECK_ERRNO(edu, EFBIG, edu_bar_size(edu, 0, 0) == NULL);
		CHECK_MESSAGE(edu, "ulimit -f");
		edu_close(edu);
	}
	limit.rlim_cur = limit.rlim_max;
	ATF_REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	edu_close(open_device(name, 0));
}

#ifdef __linux__
/* With a file system of our own, empty and of this size, on a directory. */
static void
cover(const char *path, const char *options)
{

	ATF_REQUIRE(unshare(CLONE_NEWNS) == 0);
	ATF_REQUIRE(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	ATF_REQUIRE_MSG(mount("none", path, "tmpfs", 0, options) == 0,
	    "%s: %s", path, strerror(errno));
}

DEVICE_TEST(no_directory, "without /var/run the message says that, not that "
    "there is no such device")
{
	const char *name = need_edu();

	cover("/var", "size=1m");
	CHECK_ERRNO(NULL, ENOTDIR, claim(name) == NULL);
	CHECK_MESSAGE(NULL, "/var/run");
	CHECK_MESSAGE(NULL, "No such file or directory");
}

DEVICE_TEST(full_disk, "without room for the record, sizing is refused before "
    "it touches anything")
{
	const char *name = need_edu();
	char page[4096] = "";
	struct edu *edu;
	int fd;

	cover("/var/run", "size=16k");
	ATF_REQUIRE((fd = open("/var/run/big", O_CREAT | O_WRONLY, 0600)) !=
	    -1);
	while (write(fd, page, sizeof(page)) > 0)
		continue;
	ATF_REQUIRE((edu = claim(name)) != NULL);
	CHECK_ERRNO(edu, ENOSPC, edu_bar_size(edu, 0, 0) == NULL);
	CHECK_MESSAGE(edu, "No space left");
	edu_close(edu);
	ATF_REQUIRE(unlink("/var/run/big") == 0);
}

static void
give(const char *name, const char *what)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", name,
	    what);
	ATF_REQUIRE(chown(path, 0, USER) == 0 && chmod(path, 0660) == 0);
}

/* Where it is bound to vfio-pci, its group's node as well. */
static void
give_node(const char *name, gid_t group)
{

	if (pci_has_vfio(name))
		ATF_REQUIRE(chown(pci_vfio_node(name), 0, group) == 0 &&
		    chmod(pci_vfio_node(name), 0660) == 0);
}

static void
take_back(const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config",
	    name);
	ATF_REQUIRE(chown(path, 0, 0) == 0 && chmod(path, 0644) == 0);
	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource0",
	    name);
	ATF_REQUIRE(chown(path, 0, 0) == 0 && chmod(path, 0600) == 0);
}

/* As a user of the group: 0, or the errno of the open. */
static int
as_user(uid_t uid, const char *name, const char *message)
{
	gid_t group = USER;
	int status;
	pid_t pid;

	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		struct edu *edu;
		uint32_t result = 0;
		int errnum;

		if (setgroups(1, &group) != 0 || setgid(OTHER) != 0 ||
		    setuid(uid) != 0)
			_exit(255);
		edu = edu_open(name, EDU_OPEN_POLL);
		errnum = errno;
		(void)fprintf(stderr, "%s\n", edu_errmsg(NULL));
		if (edu == NULL)
			_exit(strstr(edu_errmsg(NULL), message) != NULL ?
			    errnum : 254);
		if (edu_factorial(edu, 5, 0, SOON_MS, &result) == -1)
			_exit(253);
		edu_close(edu);
		_exit(result == 120 ? 0 : 252);
	}
	ATF_REQUIRE(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Of what a close has left masked the claim's neighbour says. */
static void
check_masked(const char *name)
{
	char masked[128];
	struct edu *edu;
	struct stat st;

	(void)snprintf(masked, sizeof(masked), SHARED "/edu-%s.masked", name);
	pci_set_command(name, pci_command(name) & ~COMMAND_NO_INTX);
	edu = open_device(name, EDU_OPEN_KEEP | EDU_OPEN_POLL);
	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x10));
	edu_close(edu);
	ATF_CHECK(lstat(masked, &st) == 0);
	edu_close(open_device(name, EDU_OPEN_POLL));
	ATF_CHECK(lstat(masked, &st) == -1);
}

DEVICE_TEST(group, "a group that has been given the function drives it where "
    SHARED " is the group's; who is in it and root keep each other away")
{
	const char *name = need_edu();
	char shared_file[128], text[32];
	struct edu *edu;

	(void)snprintf(shared_file, sizeof(shared_file), SHARED
	    "/edu-%s.lock", name);
	(void)snprintf(text, sizeof(text), "process %ld ", (long)getpid());
	give(name, "config");
	give(name, "resource0");
	give_node(name, USER);
	ATF_CHECK_EQ(as_user(USER, name, "lets a group drive"), EACCES);
	ATF_REQUIRE(mkdir(SHARED, 0700) == 0);
	ATF_REQUIRE(chown(SHARED, 0, USER) == 0);
	ATF_REQUIRE(chmod(SHARED, 02770) == 0);
	ATF_CHECK_EQ(as_user(USER, name, ""), 0);
	ATF_CHECK_EQ(as_user(OTHER, name, ""), 0);
	ATF_CHECK_EQ(mode_of(shared_file), 0660);
	edu = open_device(name, 0);
	ATF_CHECK_EQ(as_user(USER, name, text), EBUSY);
	edu_close(edu);
	/* As root has made it. */
	ATF_REQUIRE(unlink(shared_file) == 0);
	edu_close(open_device(name, 0));
	ATF_CHECK_EQ(as_user(USER, name, ""), 0);
	check_masked(name);
	ATF_REQUIRE(chmod(SHARED, 0777) == 0);
	CHECK_ERRNO(NULL, EACCES, claim(name) == NULL);
	ATF_REQUIRE(unlink(shared_file) == 0 && rmdir(SHARED) == 0);
	take_back(name);
	give_node(name, 0);
	edu_close(open_device(name, 0));
}
#endif
