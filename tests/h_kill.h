/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef H_KILL_H
#define H_KILL_H

/* Processes that drive a device and are killed.  SEED is the test's. */

#include <sys/types.h>
#include <sys/wait.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "h_malloc.h"
#include "h_random.h"
#include "internal.h"

/* The process ends after this many configuration writes. */
static unsigned writes_left;
static const struct edu_bus_ops *victim_real;
static struct edu_bus_ops victim_ops;

static int
write_and_die(struct edu_bus *bus, unsigned offset, uint32_t value)
{
	int result = victim_real->config_write(bus, offset, value);

	if (--writes_left == 0)
		(void)kill(getpid(), SIGKILL);
	return result;
}

/* Every kind of work, again and again, with an open of its own each time. */
static void
be_victim(const char *name, unsigned writes, int (*use)(struct edu *))
{
	struct edu *edu;

	for (;;) {
		if ((edu = edu_open(name, 0)) == NULL)
			break;
		if (writes != 0) {
			writes_left = writes;
			victim_real = edu->bus->ops;
			victim_ops = *victim_real;
			victim_ops.config_write = write_and_die;
			edu->bus->ops = &victim_ops;
		}
		edu_bar_free(edu_bar_size(edu, 0, EDU_BAR_FORCE));
		if (use(edu) == -1)
			break;
		edu_close(edu);
	}
	(void)fprintf(stderr, "%s\n", edu_errmsg(edu));
	_exit(1);
}

/*
 * Kill a process that uses the device: in the middle of a sizing, or whenever
 * the time is over.
 */
static inline void
kill_one(const char *name, unsigned max_us, int (*use)(struct edu *))
{
	struct timespec delay = { 0, (long)(next_random() % max_us) * 1000 };
	unsigned writes = next_random() % 2 == 0 ? 1 + next_random() % 4 : 0;
	pid_t pid;
	int status;

	(void)fflush(stdout);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0)
		be_victim(name, writes, use);
	if (writes == 0) {
		(void)nanosleep(&delay, NULL);
		(void)kill(pid, SIGKILL);
	}
	ATF_REQUIRE(waitpid(pid, &status, 0) == pid);
	ATF_REQUIRE_MSG(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
	    "it ended with 0x%x", (unsigned)status);
}

/* The next open finds it in order: BAR0 where it was, and everything works. */
static inline void
check_heir(const char *name, uint64_t address, int (*use)(struct edu *))
{
	struct edu *edu = open_device(name, 0);
	struct edu_bar *bar = edu_bar_size(edu, 0, EDU_BAR_FORCE);
	int result;

	ATF_REQUIRE_MSG(bar != NULL, "%s", edu_errmsg(edu));
	ATF_CHECK_EQ(edu_bar_length(bar), EDU_BAR0_SIZE);
	ATF_CHECK_EQ(edu_bar_address(bar), address);
	edu_bar_free(bar);
	result = use(edu);
	if (result == -1 && errno == ENOTSUP)
		atf_tc_skip("%s", edu_errmsg(edu));
	REQUIRE_EDU(edu, result);
	edu_close(edu);
}

static inline unsigned
count_entries(const char *path)
{
	unsigned count = 0;
	DIR *dir;

	ATF_REQUIRE((dir = opendir(path)) != NULL);
	while (readdir(dir) != NULL)
		count++;
	(void)closedir(dir);
	return count;
}

#endif /* H_KILL_H */
