/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Several handles in one process, and a bus that changes under them. */

#include <sys/types.h>
#include <sys/wait.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "h_case.h"
#include "h_need.h"
#include "h_pci.h"

#define THREADS		4
#define ROUNDS		50

static struct pci_name names[512];
static volatile int is_over;

static const char *
need_edu(void)
{

	if (pci_find(ID_EDU, names, 512) == 0)
		atf_tc_skip("no edu device on this machine");
	return names[0].text;
}

/* What looking at a device, and at the bus, takes; returns the failures. */
static void *
look(void *name)
{
	static _Thread_local char message[512];
	struct edu_list *list;
	struct edu *edu;
	uint32_t id;
	int i;

	for (i = 0; i < (int)soak(ROUNDS) && message[0] == '\0'; i++) {
		list = i % 10 == 0 ? edu_list_new() : NULL;
		edu = edu_open(name, EDU_OPEN_READONLY);
		if (edu == NULL || edu_identify(edu, &id) == -1)
			(void)snprintf(message, sizeof(message), "%s",
			    edu_errmsg(edu));
		edu_close(edu);
		edu_list_free(list);
	}
	return message[0] != '\0' ? strdup(message) : NULL;
}

DEVICE_TEST(threads, "threads that look at one device do not meet", "timeout",
    "60")
{
	char *name = strdup(need_edu()), *message;
	pthread_t thread[THREADS];
	void *result;
	int i;

	for (i = 0; i < THREADS; i++)
		ATF_REQUIRE_EQ(pthread_create(&thread[i], NULL, look, name),
		    0);
	for (i = 0; i < THREADS; i++) {
		ATF_REQUIRE_EQ(pthread_join(thread[i], &result), 0);
		message = result;
		ATF_CHECK_MSG(message == NULL, "%s", message);
		free(message);
	}
	free(name);
}

DEVICE_TEST(two_handles, "a process may look at a device that it drives, and "
    "close both in either order")
{
	struct edu *owner, *reader, *second;
	const char *name = need_edu();
	uint64_t value;

	owner = open_device(name, 0);
	reader = open_device(name, EDU_OPEN_READONLY);
	second = open_device(name, EDU_OPEN_READONLY);
	REQUIRE_EDU(owner, edu_write(owner, EDU_LIVE, 4, 0x1234));
	REQUIRE_EDU(reader, edu_read(reader, EDU_LIVE, 4, &value));
	ATF_CHECK_EQ((uint32_t)value, ~0x1234U);
	edu_close(owner);
	REQUIRE_EDU(reader, edu_read(reader, EDU_LIVE, 4, &value));
	edu_close(reader);
	REQUIRE_EDU(second, edu_read(second, EDU_LIVE, 4, &value));
	owner = open_device(name, 0);
	edu_close(second);
	ATF_CHECK_EQ(edu_live(owner, 0x5678, NULL), 0);
	edu_close(owner);
}

static void
write_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	ATF_REQUIRE_MSG(fd != -1, "%s: %s", path, strerror(errno));
	ATF_REQUIRE_EQ(write(fd, "1", 1), 1);
	(void)close(fd);
}

static void
plug(void)
{

	write_file("/sys/bus/pci/rescan");
}

static void
unplug(const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/remove",
	    name);
	write_file(path);
}

/* A function that nobody misses while it is away. */
static const char *
need_spare(uint32_t id, size_t i)
{
	static struct pci_name spare[512];

	if (ON_NETBSD)
		atf_tc_skip("this system forgets no function on demand");
	if (pci_find(id, spare, 512) <= i)
		atf_tc_skip("one more %04x:%04x is needed", id & 0xffff,
		    id >> 16);
	return spare[i].text;
}

DEVICE_TEST(plugged_later, "what was plugged in while something was open is "
    "found, and what was open stays so")
{
	const char *spare = need_spare(ID_EDU, 1), *name = need_edu();
	struct edu_list *list;
	struct edu *edu;
	size_t before;

	list = edu_list_new();
	before = edu_list_count(list);
	edu_list_free(list);
	unplug(spare);
	edu = open_device(name, 0);
	plug();
	edu_close(open_device(spare, EDU_OPEN_CONFIG));
	list = edu_list_new();
	ATF_CHECK_EQ(edu_list_count(list), before);
	edu_list_free(list);
	ATF_CHECK_EQ(edu_live(edu, 0x9abc, NULL), 0);
	unplug(spare);
	list = edu_list_new();
	ATF_CHECK_EQ(edu_list_count(list), before - 1);
	edu_list_free(list);
	ATF_CHECK_EQ(edu_live(edu, 0x9abc, NULL), 0);
	edu_close(edu);
	plug();
}

static void *
come_and_go(void *spare)
{

	while (!is_over) {
		unplug(spare);
		plug();
	}
	return NULL;
}

DEVICE_TEST(unplug_elsewhere, "a device that is there is found, whatever is "
    "plugged elsewhere meanwhile", "timeout", "120")
{
	char *spare = strdup(need_spare(ID_TESTDEV, 0));
	const char *name = need_edu();
	pthread_t thread;
	unsigned failures = 0;
	struct edu *edu;
	int i;

	ATF_REQUIRE_EQ(pthread_create(&thread, NULL, come_and_go, spare), 0);
	for (i = 0; i < (int)soak(300); i++) {
		edu = edu_open(name, EDU_OPEN_CONFIG);
		if (edu == NULL && failures++ == 0)
			printf("%s\n", edu_errmsg(NULL));
		edu_close(edu);
	}
	is_over = 1;
	ATF_REQUIRE_EQ(pthread_join(thread, NULL), 0);
	ATF_CHECK_EQ_MSG(failures, 0, "%u of %d", failures, i);
	free(spare);
}

/*
 * Sizes BAR0 without a pause, as long as this process lives; SIGTERM ends it
 * between two sizings.
 */
static pid_t
start_sizing(const char *name)
{
	pid_t parent = getpid(), pid;
	struct edu *edu;

	ATF_REQUIRE((pid = fork()) != -1);
	if (pid != 0)
		return pid;
	if ((edu = edu_open(name, EDU_OPEN_CONFIG)) == NULL)
		_exit(1);
	while (getppid() == parent)
		edu_bar_free(edu_bar_size(edu, 0, EDU_BAR_FORCE));
	_exit(0);
}

/* Three registers of which one is 0, one all ones and one neither; BAR0. */
static void
read_all(struct edu *edu, unsigned count[4], uint32_t bar0)
{
	uint32_t bar, id, status;
	uint64_t value;

	/* First: the others wait until no sizing is under way. */
	if (edu_config_read(edu, 0x10, &bar) == -1)
		count[0]++;
	else if (bar != bar0)
		count[3]++;
	if (edu_identify(edu, &id) == -1 && count[0]++ == 0)
		printf("%s\n", edu_errmsg(edu));
	if (edu_irq_status(edu, &status) == -1 && count[0]++ == 0)
		printf("%s\n", edu_errmsg(edu));
	if (edu_read(edu, EDU_LIVE, 4, &value) == -1)
		count[0]++;
	else if (value != 0xffffffffU)
		count[1]++;
	if (edu_read(edu, EDU_DMA_SRC, 8, &value) == -1)
		count[0]++;
	else if (value != 0x1234)
		count[2]++;
}

DEVICE_TEST(reader_beside_sizing, "who looks at a device whose BAR0 another "
    "process sizes finds it there, and never a wrong value")
{
	unsigned count[4] = { 0, 0, 0, 0 }, i;
	const char *name = need_edu();
	struct edu *edu;
	uint32_t bar0;
	pid_t pid;

	edu = open_device(name, 0);
	REQUIRE_EDU(edu, edu_write(edu, EDU_LIVE, 4, 0));
	REQUIRE_EDU(edu, edu_write(edu, EDU_DMA_SRC, 8, 0x1234));
	REQUIRE_EDU(edu, edu_config_read(edu, 0x10, &bar0));
	edu_close(edu);
	pid = start_sizing(name);
	sleep_ms(50);
	for (i = 0; i < 3000; i++) {
		if (i % 30 == 0) {
			edu_close(i > 0 ? edu : NULL);
			edu = open_device(name, EDU_OPEN_READONLY);
		}
		read_all(edu, count, bar0);
		sched_yield();
	}
	edu_close(edu);
	(void)kill(pid, SIGTERM);
	(void)waitpid(pid, NULL, 0);
	ATF_CHECK_EQ_MSG(count[0] + count[1] + count[2] + count[3], 0, "of %u: "
	    "%u calls failed, %u gave a wrong live, %u a wrong address, %u a "
	    "wrong BAR0", i, count[0], count[1], count[2], count[3]);
}
