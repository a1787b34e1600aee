/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* "qtest:": a device in a QEMU that the library starts and ends. */

#include <sys/types.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <edu.h>
#include <edureg.h>

#include "h_case.h"
#include "h_memory.h"
#include "h_qtest.h"

/* From here on "qtest:" starts QEMU by this shell script. */
static void __attribute__((__format__(__printf__, 1, 2)))
use_script(const char *fmt, ...)
{
	va_list ap;
	FILE *f;

	ATF_REQUIRE((f = fopen("qemu.sh", "w")) != NULL);
	(void)fprintf(f, "#!/bin/sh\n");
	va_start(ap, fmt);
	(void)vfprintf(f, fmt, ap);
	va_end(ap);
	ATF_REQUIRE(fclose(f) == 0);
	ATF_REQUIRE(chmod("qemu.sh", 0755) == 0);
	ATF_REQUIRE(setenv("QEMU", "./qemu.sh", 1) == 0);
}

/*
 * From here on "qtest:" starts a QEMU whose pid is in a file, and whose life
 * shows in the descriptor returned: it reads end of file when QEMU is no
 * more, whoever its parent may be.
 */
static int
use_marked_qemu(void)
{
	int fd;

	ATF_REQUIRE(mkfifo("alive", 0600) == 0);
	ATF_REQUIRE((fd = open("alive", O_RDONLY | O_NONBLOCK |
	    O_CLOEXEC)) != -1);
	use_script("echo $$ >pid; exec 9>alive; exec '%s' \"$@\"\n",
	    real_qemu());
	return fd;
}

static pid_t
marked_pid(void)
{
	FILE *f;
	int pid;

	ATF_REQUIRE((f = fopen("pid", "r")) != NULL);
	ATF_REQUIRE(fscanf(f, "%d", &pid) == 1);
	(void)fclose(f);
	return (pid_t)pid;
}

static int
is_alive(int fd)
{
	char c;

	return read(fd, &c, 1) != 0;
}

static int
dies_soon(int fd)
{
	int ms;

	for (ms = 0; is_alive(fd) && ms < SOON_MS; ms += 10)
		sleep_ms(10);
	return !is_alive(fd);
}

EDU_TEST(own_works, "a QEMU of our own: factorial, DMA both ways, interrupts")
{
	struct edu *edu = open_device("qtest:", 0);

	ATF_CHECK_STREQ(edu_name(edu), "qtest:");
	ATF_CHECK_STREQ(edu_kernel_side(edu), "qtest");
	check_engines(edu);
	check_interrupts(edu);
	edu_close(edu);
}

EDU_TEST(level_not_lost, "an interrupt that comes while another is being "
    "acknowledged makes the descriptor readable")
{
	struct edu *edu = open_device("qtest:", 0);
	int fd = edu_irq_fd(edu), i;
	uint32_t seen, status;

	/* The line stays up between the two: nothing announces the second. */
	for (i = 0; i < 200; i++) {
		seen = 0;
		REQUIRE_EDU(edu, edu_write(edu, EDU_STATUS, 4,
		    EDU_STATUS_IRQFACT));
		REQUIRE_EDU(edu, edu_write(edu, EDU_FACTORIAL, 4, 1000000));
		while (!(seen & EDU_INTR_FACTORIAL)) {
			REQUIRE_EDU(edu, edu_irq_raise(edu, 0x40));
			ATF_REQUIRE_MSG(is_readable(fd, SOON_MS),
			    "round %d: lost", i);
			REQUIRE_EDU(edu, edu_irq_wait(edu, 0, &status));
			seen |= status;
		}
		while (edu_irq_wait(edu, 0, &status) == 1)
			continue;
	}
	edu_close(edu);
}

EDU_TEST(qemu_missing, "without QEMU: ENOENT, and the message says what to "
    "install")
{

	ATF_REQUIRE(setenv("QEMU", "/nonexistent/qemu", 1) == 0);
	check_open_fails("qtest:", ENOENT, "/nonexistent/qemu");
	check_open_fails("qtest:", ENOENT, "install QEMU");
	ATF_REQUIRE(unsetenv("QEMU") == 0);
	ATF_REQUIRE(setenv("PATH", "/nonexistent", 1) == 0);
	check_open_fails("qtest:", ENOENT, "qemu-system-x86_64");
}

EDU_TEST(qemu_not_executable, "a QEMU= that cannot be executed gives the "
    "reason")
{

	use_script("exit 0\n");
	ATF_REQUIRE(chmod("qemu.sh", 0644) == 0);
	check_open_fails("qtest:", EACCES, "./qemu.sh");
	/* Found to be executable, and yet it is not. */
	ATF_REQUIRE(setenv("QEMU", "/", 1) == 0);
	check_open_fails("qtest:", EACCES, "QEMU= in the environment");
}

EDU_TEST(qemu_fails_to_start, "a QEMU that ends at once is ENODEV, and its "
    "complaint is in the message")
{
	char command[256];

	(void)snprintf(command, sizeof(command), "exec '%s' "
	    "-no-such-option \"$@\"\n", real_qemu());
	ATF_REQUIRE(setenv("QEMU", "/bin/false", 1) == 0);
	check_open_fails("qtest:", ENODEV, "/bin/false");
	use_script("%s", command);
	check_open_fails("qtest:", ENODEV, "-no-such-option");
	use_script("echo ./qemu.sh: warning: dull >&2; echo reason >&2\n");
	check_open_fails("qtest:", ENODEV, "reason");
	ATF_CHECK(strstr(edu_errmsg(NULL), "dull") == NULL);
}

EDU_TEST(qemu_talks, "a QEMU that prints a lot is not held up by it")
{
	struct edu *edu;

	use_script("yes | head -n 1000000 >&2; exec '%s' \"$@\"\n",
	    real_qemu());
	edu = open_device("qtest:", 0);
	REQUIRE_EDU(edu, edu_live(edu, 1, NULL));
	edu_close(edu);
}

EDU_TEST(two_at_once, "two devices in two QEMUs of our own do not know of each "
    "other")
{
	struct edu *a = open_device("qtest:", 0), *b = open_device("qtest:", 0);
	unsigned char *ma, *mb;
	uint32_t status;

	check_engines(a);
	check_engines(b);
	REQUIRE_EDU(a, edu_irq_raise(a, 2));
	ATF_CHECK(!is_readable(edu_irq_fd(b), 0));
	ATF_CHECK(edu_irq_wait(b, 0, &status) == 0);
	ATF_CHECK(edu_irq_wait(a, 0, &status) == 1);
	ATF_REQUIRE((ma = edu_mem_alloc(a, 1)) != NULL);
	ATF_REQUIRE((mb = edu_mem_alloc(b, 1)) != NULL);
	*(char *)ma = 'a';
	*(char *)mb = 'b';
	REQUIRE_EDU(a, edu_dma_put(a, 0, ma, 1, 0, SOON_MS));
	REQUIRE_EDU(b, edu_dma_put(b, 0, mb, 1, 0, SOON_MS));
	REQUIRE_EDU(a, edu_dma_get(a, 0, ma, 1, 0, SOON_MS));
	ATF_CHECK_EQ(*(char *)ma, 'a');
	edu_close(a);
	check_engines(b);
	edu_close(b);
}

EDU_TEST(qemu_killed, "QEMU killed in mid-use: every call is ENODEV, nothing "
    "hangs, no SIGPIPE")
{
	unsigned char *mem;
	struct edu *edu;
	uint32_t value;
	int fd = use_marked_qemu(), irq_fd;

	edu = open_device("qtest:", 0);
	ATF_REQUIRE((mem = edu_mem_alloc(edu, 4095)) != NULL);
	ATF_REQUIRE((irq_fd = edu_irq_fd(edu)) != -1);
	ATF_REQUIRE(kill(marked_pid(), SIGKILL) == 0);
	ATF_REQUIRE(dies_soon(fd));
	ATF_CHECK_ERRNO(ENODEV, edu_live(edu, 1, NULL) == -1);
	ATF_CHECK_ERRNO(ENODEV, edu_identify(edu, &value) == -1);
	ATF_CHECK_ERRNO(ENODEV, edu_factorial(edu, 5, 0, EDU_FOREVER,
	    &value) == -1);
	ATF_CHECK_ERRNO(ENODEV, edu_dma_put(edu, 0, mem, 10, 0,
	    EDU_FOREVER) == -1);
	ATF_CHECK_ERRNO(ENODEV, edu_config_read(edu, 0, &value) == -1);
	ATF_CHECK_MSG(strstr(edu_errmsg(edu), "it ended") != NULL, "%s",
	    edu_errmsg(edu));
	ATF_CHECK(is_readable(irq_fd, SOON_MS));
	ATF_CHECK_ERRNO(ENODEV, edu_irq_wait(edu, EDU_FOREVER, &value) == -1);
	ATF_CHECK_ERRNO(ENODEV, edu_mem_alloc(edu, 10) == NULL);
	edu_close(edu);
}

EDU_TEST(qemu_killed_while_waiting, "QEMU killed while somebody waits for an "
    "interrupt: the wait ends with ENODEV")
{
	struct edu *edu;
	uint32_t value;

	(void)use_marked_qemu();
	edu = open_device("qtest:", 0);
	switch (fork()) {
	case -1:
		atf_tc_fail("fork");
	case 0:
		sleep_ms(300);
		_exit(kill(marked_pid(), SIGKILL) == 0 ? 0 : 1);
	}
	ATF_CHECK_ERRNO(ENODEV, edu_irq_wait(edu, EDU_FOREVER, &value) == -1);
	edu_close(edu);
}

EDU_TEST(closed_leaves_no_qemu, "QEMU has ended when edu_close() returns, a "
    "script around it too")
{
	struct edu *edu;
	char qemu[256];
	int fd;

	(void)snprintf(qemu, sizeof(qemu), "%s", real_qemu());
	fd = use_marked_qemu();
	edu = open_device("qtest:", 0);
	ATF_CHECK(is_alive(fd));
	edu_close(edu);
	/* Of its descriptors, the connection's end is not the last to go. */
	ATF_CHECK(dies_soon(fd));
	/* The script hears no SIGHUP, and goes on when QEMU has ended. */
	use_script("trap '' HUP; exec 9>alive; '%s' \"$@\"; sleep 60\n", qemu);
	edu = open_device("qtest:", 0);
	ATF_CHECK(is_alive(fd));
	edu_close(edu);
	ATF_CHECK(dies_soon(fd));
}

/*
 * Start a process, leader of a process group, that opens the device and then
 * waits; if so wanted, with a child that inherits its descriptors.  Returns
 * its pid once it has opened.
 */
static pid_t
start_owner(pid_t *heir)
{
	pid_t child = 0, pid;
	int fds[2];

	ATF_REQUIRE(pipe2(fds, O_CLOEXEC) == 0);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		(void)setpgid(0, 0);
		if (edu_open("qtest:", 0) == NULL)
			_exit(1);
		if (heir == NULL || (child = fork()) > 0)
			(void)write(fds[1], &child, sizeof(child));
		for (;;)
			(void)pause();
	}
	(void)close(fds[1]);
	ATF_REQUIRE_MSG(read(fds[0], &child, sizeof(child)) ==
	    (ssize_t)sizeof(child), "the owner could not open");
	if (heir != NULL)
		*heir = child;
	(void)close(fds[0]);
	return pid;
}

EDU_TEST(killed_owner_leaves_no_qemu, "QEMU ends when its owner is killed by "
    "SIGKILL")
{
	int fd = use_marked_qemu();
	pid_t pid = start_owner(NULL);

	ATF_REQUIRE(is_alive(fd));
	ATF_REQUIRE(kill(pid, SIGKILL) == 0);
	ATF_REQUIRE(waitpid(pid, NULL, 0) == pid);
	ATF_CHECK_MSG(dies_soon(fd), "QEMU has outlived its owner");
	(void)kill(marked_pid(), SIGKILL);
}

EDU_TEST(killed_group_leaves_no_qemu, "QEMU ends when the whole process group "
    "of its owner is killed by SIGKILL")
{
	int fd = use_marked_qemu();
	pid_t pid = start_owner(NULL);

	ATF_REQUIRE(is_alive(fd));
	ATF_REQUIRE(kill(-pid, SIGKILL) == 0);
	ATF_REQUIRE(waitpid(pid, NULL, 0) == pid);
	ATF_CHECK_MSG(dies_soon(fd), "QEMU has outlived its owner");
	(void)kill(marked_pid(), SIGKILL);
}

EDU_TEST(killed_owner_with_heir, "QEMU ends when its owner is killed whose "
    "child still holds the descriptors")
{
	int fd = use_marked_qemu();
	pid_t heir, pid = start_owner(&heir);

	ATF_REQUIRE(is_alive(fd));
	ATF_REQUIRE(kill(pid, SIGKILL) == 0);
	ATF_REQUIRE(waitpid(pid, NULL, 0) == pid);
	ATF_CHECK_MSG(dies_soon(fd), "QEMU has outlived its owner");
	(void)kill(marked_pid(), SIGKILL);
	ATF_CHECK(kill(heir, SIGKILL) == 0);
}

static volatile sig_atomic_t caught;

static void
catch(int sig)
{

	(void)sig;
	caught = 1;
}

EDU_TEST(interrupt_key, "a ^C that the owner survives does not reach QEMU")
{
	struct edu *edu;
	int status;
	pid_t pid;

	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		(void)setpgid(0, 0);
		(void)signal(SIGINT, catch);
		if ((edu = edu_open("qtest:", 0)) == NULL)
			_exit(1);
		(void)kill(0, SIGINT);
		sleep_ms(200);
		if (!caught || edu_live(edu, 1, NULL) == -1)
			_exit(2);
		edu_close(edu);
		_exit(0);
	}
	ATF_REQUIRE(waitpid(pid, &status, 0) == pid);
	ATF_CHECK_MSG(status == 0, "status 0x%x", (unsigned)status);
}

EDU_TEST(program_undisturbed, "the program has no new child, its signals and "
    "its own children are left alone")
{
	struct sigaction action;
	sigset_t before, after;
	struct edu *edu;
	int sig, status;
	pid_t pid;

	(void)signal(SIGCHLD, catch);
	ATF_REQUIRE(sigprocmask(SIG_BLOCK, NULL, &before) == 0);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0)
		_exit(42);
	edu = open_device("qtest:", 0);
	ATF_CHECK(waitpid(-1, &status, 0) == pid);
	ATF_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
	ATF_CHECK_ERRNO(ECHILD, waitpid(-1, NULL, WNOHANG) == -1);
	caught = 0;
	check_engines(edu);
	edu_close(edu);
	ATF_CHECK_MSG(!caught, "SIGCHLD for the end of QEMU");
	ATF_CHECK_ERRNO(ECHILD, waitpid(-1, NULL, WNOHANG) == -1);
	ATF_REQUIRE(sigprocmask(SIG_BLOCK, NULL, &after) == 0);
	for (sig = 1; sig < 32; sig++)
		ATF_CHECK_EQ(sigismember(&before, sig),
		    sigismember(&after, sig));
	ATF_REQUIRE(sigaction(SIGCHLD, NULL, &action) == 0);
	ATF_CHECK(action.sa_handler == catch);
	ATF_REQUIRE(sigaction(SIGPIPE, NULL, &action) == 0);
	ATF_CHECK(action.sa_handler == SIG_DFL);
}

EDU_TEST(odd_program, "works in a program that ignores SIGCHLD and has closed "
    "its standard descriptors")
{
	struct edu *edu;
	uint32_t value;
	int status;
	pid_t pid;

	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		(void)signal(SIGCHLD, SIG_IGN);
		for (status = 0; status < 3; status++)
			(void)close(status);
		if ((edu = edu_open("qtest:", 0)) == NULL)
			_exit(1);
		if (edu_factorial(edu, 5, EDU_INTERRUPT, SOON_MS,
		    &value) == -1 || value != 120)
			_exit(2);
		edu_close(edu);
		_exit(0);
	}
	ATF_REQUIRE(waitpid(pid, &status, 0) == pid);
	ATF_CHECK_MSG(status == 0, "status 0x%x", (unsigned)status);
}

EDU_TEST(no_descriptor_leaks, "ten opens, good and failed, leave no descriptor "
    "open")
{
	int before = count_fds(), i;
	char qemu[256];

	(void)snprintf(qemu, sizeof(qemu), "%s", real_qemu());
	for (i = 0; i < 10; i++) {
		ATF_REQUIRE(setenv("QEMU", qemu, 1) == 0);
		edu_close(open_device("qtest:", 0));
		ATF_REQUIRE(edu_open("qtest:/nonexistent", 0) == NULL);
		ATF_REQUIRE(setenv("QEMU", "/bin/false", 1) == 0);
		ATF_REQUIRE(edu_open("qtest:", 0) == NULL);
		ATF_REQUIRE(setenv("QEMU", "/nonexistent", 1) == 0);
		ATF_REQUIRE(edu_open("qtest:", 0) == NULL);
	}
	ATF_CHECK_EQ(count_fds(), before);
}

EDU_TEST(close_on_exec, "an open device's descriptors are closed on exec")
{
	int before[FDS], fd;
	struct edu *edu;

	for (fd = 0; fd < FDS; fd++)
		before[fd] = fcntl(fd, F_GETFD);
	edu = open_device("qtest:", 0);
	ATF_CHECK(count_fds() > 3);
	for (fd = 0; fd < FDS; fd++)
		ATF_CHECK_MSG(before[fd] != -1 || fcntl(fd, F_GETFD) == -1 ||
		    (fcntl(fd, F_GETFD) & FD_CLOEXEC), "descriptor %d", fd);
	edu_close(edu);
}

EDU_TEST(program_descriptors_not_kept, "QEMU does not keep a descriptor of the "
    "program open")
{
	struct edu *edu;
	int fds[2], high;
	char c;

	/* Deliberately without close on exec; a number that nobody needs. */
	ATF_REQUIRE(pipe(fds) == 0);
	ATF_REQUIRE((high = fcntl(fds[1], F_DUPFD, 100)) != -1);
	ATF_REQUIRE(fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0);
	edu = open_device("qtest:", 0);
	ATF_REQUIRE(close(fds[1]) == 0 && close(high) == 0);
	ATF_CHECK_MSG(read(fds[0], &c, 1) == 0, "somebody keeps it open");
	edu_close(edu);
}

static int
count_files(const char *path)
{
	struct dirent *entry;
	int count = 0;
	DIR *dir;

	ATF_REQUIRE((dir = opendir(path)) != NULL);
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			count++;
	(void)closedir(dir);
	return count;
}

EDU_TEST(no_temporary_files, "no file is made, and so no TMPDIR needed")
{
	struct edu *edu;

	ATF_REQUIRE(mkdir("tmp", 0700) == 0);
	ATF_REQUIRE(setenv("TMPDIR", "tmp", 1) == 0);
	edu = open_device("qtest:", 0);
	ATF_CHECK_EQ(count_files("tmp"), 0);
	edu_close(edu);
	ATF_REQUIRE(setenv("TMPDIR", "nonexistent", 1) == 0);
	edu_close(open_device("qtest:", 0));
}

EDU_TEST(qemu_path_long, "a long QEMU= is the program it names, and one that "
    "is too long is refused")
{
	char path[256], name[8192];

	use_script("exec '%s' \"$@\"\n", real_qemu());
	memset(path, 'x', sizeof(path));
	memcpy(path, "./", 2);
	path[200] = '\0';
	ATF_REQUIRE(rename("qemu.sh", path) == 0);
	ATF_REQUIRE(setenv("QEMU", path, 1) == 0);
	/* What it would be if it were cut. */
	path[159] = '\0';
	ATF_REQUIRE(symlink("/bin/false", path) == 0);
	edu_close(open_device("qtest:", 0));
	memset(name, '/', sizeof(name));
	(void)snprintf(name + sizeof(name) - 9, 9, "bin/true");
	ATF_REQUIRE(setenv("QEMU", name, 1) == 0);
	check_open_fails("qtest:", ENAMETOOLONG, "QEMU=");
}

EDU_TEST(owner_killed_at_any_moment, "QEMU ends whenever its owner is killed, "
    "at the start as well")
{
	int fd = use_marked_qemu(), i;
	pid_t pid;

	for (i = 0; i < 40; i++) {
		ATF_REQUIRE((pid = fork()) != -1);
		if (pid == 0) {
			(void)edu_open("qtest:", 0);
			for (;;)
				(void)pause();
		}
		sleep_ms(i * 3);
		ATF_REQUIRE(kill(pid, SIGKILL) == 0);
		ATF_REQUIRE(waitpid(pid, NULL, 0) == pid);
	}
	/* One may not yet have come to say that it is alive. */
	sleep_ms(500);
	ATF_CHECK_MSG(dies_soon(fd), "QEMU has outlived its owner");
}

EDU_TEST(stopped_qemu_ends, "a QEMU that somebody has stopped ends with its "
    "owner as well")
{
	int fd = use_marked_qemu();
	pid_t pid = start_owner(NULL);

	ATF_REQUIRE(kill(marked_pid(), SIGSTOP) == 0);
	ATF_REQUIRE(kill(pid, SIGKILL) == 0);
	ATF_REQUIRE(waitpid(pid, NULL, 0) == pid);
	ATF_CHECK_MSG(dies_soon(fd), "QEMU has outlived its owner");
	(void)kill(marked_pid(), SIGKILL);
}

EDU_TEST(memory_runs_out, "memory ends with ENOMEM, and what is freed can be "
    "had again")
{
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *mems[64], *mem;
	size_t count = 0, i;

	while (count < 64 &&
	    (mem = edu_mem_alloc(edu, EDU_MEM_MAX)) != NULL)
		mems[count++] = mem;
	ATF_CHECK_EQ(errno, ENOMEM);
	ATF_REQUIRE(count >= 8 && count < 64);
	for (i = 1; i < count; i++)
		ATF_CHECK(bus_address(edu, mems[i]) -
		    bus_address(edu, mems[i - 1]) >= EDU_MEM_MAX);
	edu_mem_free(edu, mems[3]);
	ATF_REQUIRE((mem = edu_mem_alloc(edu, EDU_MEM_MAX / 2)) != NULL);
	ATF_REQUIRE((mem = edu_mem_alloc(edu, EDU_MEM_MAX / 2)) != NULL);
	ATF_CHECK(edu_mem_alloc(edu, 1) == NULL);
	for (i = 0; i < EDU_MEM_MAX / 2; i++)
		ATF_REQUIRE(((char *)mem)[i] == 0);
	edu_close(edu);
}
