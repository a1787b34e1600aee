/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Processes that use a device past this library. */

#include <sys/types.h>
#include <sys/wait.h>

#include <signal.h>

#include "h_case.h"
#include "h_need.h"
#include "h_pci.h"
#include "internal.h"

static struct pci_name names[512];

static const char *
need_edu(void)
{

	if (ON_NETBSD)
		atf_tc_skip("this system does not tell who has a device open");
	if (pci_find(ID_EDU, names, 512) == 0)
		atf_tc_skip("no edu device on this machine");
	return names[0].text;
}

/* A path of a function's directory in sysfs. */
static const char *
file_of(const char *name, const char *file)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", name,
	    file);
	return path;
}

/*
 * A process that opens a file, may map it and close it again, and waits.  It is
 * no child of ours: those have what they have from us.
 */
static pid_t
hold(const char *path, int flags, int is_mapped)
{
	pid_t child, pid;
	int fd, pipes[2];
	void *map;

	ATF_REQUIRE_EQ(pipe(pipes), 0);
	ATF_REQUIRE((child = fork()) != -1);
	if (child == 0) {
		if (fork() != 0)
			_exit(0);
		fd = open(path, flags);
		map = is_mapped ? mmap(NULL, EDU_BAR0_SIZE, flags == O_RDONLY ?
		    PROT_READ : PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) :
		    NULL;
		if (is_mapped)
			(void)close(fd);
		pid = fd != -1 && map != MAP_FAILED ? getpid() : -1;
		(void)write(pipes[1], &pid, sizeof(pid));
		for (;;)
			(void)pause();
	}
	ATF_REQUIRE_EQ(waitpid(child, NULL, 0), child);
	ATF_REQUIRE_EQ(read(pipes[0], &pid, sizeof(pid)), sizeof(pid));
	ATF_REQUIRE_MSG(pid != -1, "%s", path);
	(void)close(pipes[0]);
	(void)close(pipes[1]);
	return pid;
}

/* Dead, it has nothing open, whoever collects it. */
static int
is_holding(pid_t pid)
{
	char path[64], unused[8];

	(void)snprintf(path, sizeof(path), "/proc/%ld/exe", (long)pid);
	return readlink(path, unused, sizeof(unused)) != -1;
}

static void
end(pid_t pid)
{

	int i;

	ATF_REQUIRE_EQ(kill(pid, SIGKILL), 0);
	for (i = 0; i < SOON_MS / 10 && is_holding(pid); i++)
		sleep_ms(10);
}

/* Opening, and sizing without force, are refused, and who it is is told. */
static void
check_noticed(const char *name, pid_t pid, const char *what)
{
	uint8_t before[CONFIG_SIZE];
	char who[32];
	struct edu *edu;

	(void)snprintf(who, sizeof(who), "process %ld ", (long)pid);
	pci_config(name, before);
	CHECK_ERRNO(NULL, EBUSY, edu_open(name, 0) == NULL);
	CHECK_MESSAGE(NULL, who);
	CHECK_MESSAGE(NULL, what);
	edu = open_device(name, EDU_OPEN_CONFIG);
	CHECK_ERRNO(edu, EBUSY, edu_bar_size(edu, 0, 0) == NULL);
	CHECK_MESSAGE(edu, who);
	CHECK_MESSAGE(edu, what);
	ATF_CHECK(edu_holder(edu) != NULL);
	pci_check_same(name, before, "after a refusal");
	edu_close(edu);
}

static void
check_unnoticed(const char *name)
{
	struct edu *edu = open_device(name, EDU_OPEN_CONFIG);
	struct edu_bar *bar = edu_bar_size(edu, 0, 0);

	ATF_CHECK_MSG(bar != NULL, "%s", edu_errmsg(edu));
	edu_bar_free(bar);
	ATF_CHECK(edu_holder(edu) == NULL);
	edu_close(edu);
	edu_close(open_device(name, 0));
}

/* The node of the kernel side, and how it may be opened. */
static const char *
find_node(const char *name, int *flags)
{
	static char node[32] = "/dev/uio0";
	struct edu *edu;

	*flags = O_RDWR;
	if (pci_has_vfio(name))
		return pci_vfio_node(name);
	*flags = O_RDONLY;
	edu = open_device(name, 0);
	(void)sscanf(edu_kernel_side(edu), "%15s", node + strlen("/dev/"));
	edu_close(edu);
	return node;
}

DEVICE_TEST(node, "a process that has the function's UIO or VFIO node open is "
    "noticed")
{
	const char *name = need_edu(), *node;
	struct edu_bar *bar;
	struct edu *edu;
	int flags;
	pid_t pid;

	if (access(file_of(name, "driver"), F_OK) == -1)
		name = need_device(1, 0);
	node = find_node(name, &flags);
	pid = hold(node, flags, 0);
	check_noticed(name, pid, node);
	/* Whoever insists gets it. */
	edu = open_device(name, EDU_OPEN_CONFIG);
	bar = edu_bar_size(edu, 0, EDU_BAR_FORCE);
	ATF_CHECK_MSG(bar != NULL, "%s", edu_errmsg(edu));
	edu_bar_free(bar);
	edu_close(edu);
	end(pid);
	check_unnoticed(name);
}

DEVICE_TEST(mapping, "a process that has mapped BAR0 for writing is noticed, "
    "its descriptor closed or not")
{
	const char *name = need_edu();
	pid_t pid;
	int is_mapped;

	for (is_mapped = 0; is_mapped < 2; is_mapped++) {
		pid = hold(file_of(name, "resource0"), O_RDWR, is_mapped);
		check_noticed(name, pid, "resource0");
		end(pid);
	}
	check_unnoticed(name);
}

DEVICE_TEST(config, "a process that may write to configuration space is "
    "noticed")
{
	const char *name = need_edu();
	pid_t pid = hold(file_of(name, "config"), O_RDWR, 0);

	check_noticed(name, pid, "config");
	end(pid);
	check_unnoticed(name);
}

static int
is_unused(const char *name)
{
	struct edu *edu = open_device(name, EDU_OPEN_CONFIG |
	    EDU_OPEN_READONLY);
	int is = edu->bus->ops->is_unused(edu->bus);

	edu_close(edu);
	return is;
}

static void
check_used(const char *name, const char *path, int flags, int is_mapped)
{
	pid_t pid = hold(path, flags, is_mapped);

	ATF_CHECK_MSG(!is_unused(name), "%s", path);
	end(pid);
	ATF_CHECK_MSG(is_unused(name), "after %s", path);
}

DEVICE_TEST(unused, "that nobody has it open is known without a look at every "
    "process, and by whatever somebody has it open")
{
	const char *name = need_edu(), *node;
	struct edu *edu;
	int flags;

	if (pci_has_vfio(name))
		atf_tc_skip("of VFIO's nodes it is not known");
	ATF_CHECK(is_unused(name));
	check_used(name, file_of(name, "config"), O_RDWR, 0);
	check_used(name, file_of(name, "resource0"), O_RDWR, 0);
	check_used(name, file_of(name, "resource0"), O_RDWR, 1);
	if (access(file_of(name, "driver"), F_OK) == -1)
		return;
	node = find_node(name, &flags);
	check_used(name, node, flags, 0);
	/* What we have open ourselves of that is nobody else's. */
	edu = open_device(name, 0);
	ATF_CHECK(!is_unused(name));
	edu_close(edu);
	ATF_CHECK(is_unused(name));
}

DEVICE_TEST(reader, "one who can only read is in nobody's way, and neither is "
    "our own process")
{
	const char *name = need_edu();
	pid_t mapper = hold(file_of(name, "resource0"), O_RDONLY, 1);
	pid_t reader = hold(file_of(name, "config"), O_RDONLY, 0);
	int fd;

	check_unnoticed(name);
	end(mapper);
	end(reader);
	ATF_REQUIRE((fd = open(file_of(name, "config"), O_RDWR |
	    O_CLOEXEC)) != -1);
	check_unnoticed(name);
	(void)close(fd);
}

DEVICE_TEST(own_handle, "whoever has the device by this library is named, "
    "and its read-only handles are not")
{
	struct edu *edu, *reader;
	const char *name = need_edu();
	pid_t pid;
	int status;

	edu = open_device(name, 0);
	ATF_CHECK(edu_holder(edu) == NULL);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		reader = edu_open(name, EDU_OPEN_READONLY);
		_exit(reader != NULL && edu_holder(reader) != NULL ? 0 : 1);
	}
	ATF_REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	ATF_CHECK_EQ(status, 0);
	edu_close(edu);
}

DEVICE_TEST(reader_elsewhere, "another process's read-only handle keeps nobody "
    "from driving the device")
{
	const char *name = need_edu();
	struct edu *edu;
	int fds[2], status;
	pid_t pid, reader = 0;

	ATF_REQUIRE(pipe(fds) == 0);
	ATF_REQUIRE((pid = fork()) != -1);
	/* No child of ours: those do not count. */
	if (pid == 0) {
		if (fork() != 0)
			_exit(0);
		(void)alarm(30);
		edu = edu_open(name, EDU_OPEN_READONLY);
		reader = edu != NULL ? getpid() : 0;
		(void)write(fds[1], &reader, sizeof(reader));
		(void)pause();
	}
	ATF_REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	ATF_REQUIRE(read(fds[0], &reader, sizeof(reader)) ==
	    (ssize_t)sizeof(reader));
	ATF_REQUIRE(reader != 0);
	edu = open_device(name, 0);
	ATF_CHECK(edu_holder(edu) == NULL);
	edu_close(edu);
	ATF_REQUIRE(kill(reader, SIGKILL) == 0);
}
