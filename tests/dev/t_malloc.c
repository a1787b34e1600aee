/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Memory and descriptors that run out at every point of a job: it fails with
 * the right errno and a message, the device is as it was, and nothing is left
 * behind.
 */

#include <sys/types.h>
#include <sys/wait.h>

#include <signal.h>

#include "h_malloc.h"
#include "h_need.h"
#include "h_pci.h"

static int
job_list(const char *device)
{
	struct edu_list *list = edu_list_new();
	size_t i;

	if (list == NULL)
		return end_job(NULL, -1);
	for (i = 0; i < edu_list_count(list); i++)
		if (strcmp(edu_list_name(list, i), device) == 0)
			break;
	ATF_CHECK(i < edu_list_count(list));
	edu_list_free(list);
	return 0;
}

static int
job_functions(const char *device)
{
	struct edu_list *list = edu_list_functions();

	(void)device;
	if (list == NULL)
		return end_job(NULL, -1);
	ATF_CHECK(edu_list_count(list) > 1);
	edu_list_free(list);
	return 0;
}

/* Somebody else uses the device, and is not overlooked. */
static int
job_held(const char *device)
{
	struct edu *edu = edu_open(device, 0);
	int errnum = errno;

	ATF_REQUIRE_MSG(edu == NULL, "it opened beside another process");
	return errnum == EBUSY ? 0 : end_job(NULL, -1);
}

static const struct job jobs[] = {
	{ "list", job_list }, { "functions", job_functions },
	{ "look", job_look }, { "size", job_size }, { "use", job_use }
};
#define JOBS	(sizeof(jobs) / sizeof(jobs[0]))

static uint8_t before[CONFIG_SIZE];

static void
check_same(const char *device)
{

	pci_check_same(device, before, job_message);
}

/* The first edu device, with memory for it. */
static const char *
need_edu(void)
{
	static char name[64];
	struct edu *edu = open_any(0);

	(void)snprintf(name, sizeof(name), "%s", edu_name(edu));
	edu_mem_free(edu, need_memory(edu, 1));
	edu_close(edu);
	pci_config(name, before);
	check_device = check_same;
	return name;
}

DEVICE_TEST(memory, "each call for memory fails in turn: ENOMEM", "timeout",
    "60")
{
	const char *name = need_edu();
	size_t i;

	for (i = 0; i < JOBS; i++)
		attack_malloc(&jobs[i], name, 0);
}

DEVICE_TEST(memory_for_good, "from each call on there is no memory: ENOMEM",
    "timeout", "60")
{
	const char *name = need_edu();
	size_t i;

	for (i = 0; i < JOBS; i++)
		attack_malloc(&jobs[i], name, 1);
}

DEVICE_TEST(descriptors, "each time one more descriptor is left: EMFILE",
    "timeout", "60")
{
	const char *name = need_edu();
	size_t i;

	for (i = 0; i < JOBS; i++)
		attack_descriptors(&jobs[i], name, EMFILE);
}

DEVICE_TEST(held, "with too little to look for another process, a device that "
    "it uses is not opened", "timeout", "60")
{
	static const struct job job = { "held", job_held };
	const char *name = need_edu();
	pid_t pid;

	if (ON_NETBSD)
		atf_tc_skip("this system does not tell who uses a function");
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		/* Not to be taken for a child that has it from us. */
		(void)execl("/bin/sh", "sh", "-c", "exec 9<>/sys/bus/pci/"
		    "devices/$0/config; echo >ready; exec sleep 1000", name,
		    (char *)NULL);
		_exit(127);
	}
	while (access("ready", F_OK) == -1)
		sleep_ms(10);
	attack_malloc(&job, name, 0);
	attack_malloc(&job, name, 1);
	attack_descriptors(&job, name, EMFILE);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}
