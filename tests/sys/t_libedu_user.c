/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* libedu over edu(4): users who have the node and nothing else. */

#include "h_libedu.h"

/* Everything but configuration space; as an ordinary user. */
static void
drive(struct edu *edu)
{
	uint32_t result, status, value;
	unsigned flags;
	unsigned char *mem;
	char *data;

	MUST(edu, strstr(edu_kernel_side(edu), ", gives BAR0") != NULL);
	for (flags = 0; flags <= EDU_INTERRUPT; flags += EDU_INTERRUPT) {
		MUST(edu, edu_factorial(edu, 12, flags, SOON_MS,
		    &result) == 0 && result == 479001600);
		MUST(edu, (mem = edu_mem_alloc(edu, 8192)) != NULL);
		data = (char *)mem;
		(void)strcpy(data + 10, "there and back");
		MUST(edu, edu_dma_put(edu, 7, mem + 10, 15, flags,
		    SOON_MS) == 0);
		MUST(edu, edu_dma_get(edu, 7, mem + 5000, 15, flags,
		    SOON_MS) == 0);
		MUST(edu, strcmp(data + 5000, "there and back") == 0);
		edu_mem_free(edu, mem);
	}
	MUST(edu, edu_irq_raise(edu, BIT_A) == 0);
	MUST(edu, edu_irq_status(edu, &status) == 0 && status == BIT_A);
	MUST(edu, edu_irq_wait(edu, SOON_MS, &status) == 1 && status == BIT_A);
	MUST_FAIL(edu, EACCES, "/dev/pciN",
	    edu_config_read(edu, 0, &value) == -1);
	MUST_FAIL(edu, ENOTSUP, "configuration space",
	    edu_bar_size(edu, 0, 0) == NULL);
}

static void
drive_as_user(void)
{
	struct edu_list *list;
	struct edu *edu;
	char *name;

	MUST(NULL, setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
	MUST(NULL, (list = edu_list_new()) != NULL);
	MUST(NULL, edu_list_count(list) == 1);
	MUST(NULL, (name = strdup(edu_list_name(list, 0))) != NULL);
	edu_list_free(list);
	MUST(NULL, (edu = edu_open(name, 0)) != NULL);
	drive(edu);
	edu_close(edu);
	MUST(NULL, (edu = edu_open(NULL, 0)) != NULL);
	MUST(edu, strcmp(edu_name(edu), name) == 0);
	edu_close(edu);
	MUST(NULL, (edu = edu_open(name, EDU_OPEN_READONLY)) != NULL);
	edu_close(edu);
	MUST_FAIL(NULL, EACCES, "root",
	    edu_open(name, EDU_OPEN_CONFIG) == NULL);
	free(name);
}

LIBEDU_TEST(ordinary_user, "who was given the node drives the device, and "
    "lists it")
{
	size_t n = need_edus(1);
	pid_t pid;

	replace_node(1, NOBODY);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		drive_as_user();
		if (n > 1)
			MUST_FAIL(NULL, EACCES, "/dev/edu1",
			    edu_open(names[1].text, 0) == NULL);
		_exit(0);
	}
	reap(pid);
}

LIBEDU_TEST(ordinary_user_busy, "to an ordinary user as well a busy node is "
    "EBUSY")
{
	struct edu *edu;
	pid_t pid;

	(void)need_edus(1);
	replace_node(1, NOBODY);
	edu = open_device(names[0].text, 0);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		MUST(NULL, setuid(NOBODY) == 0);
		MUST_FAIL(NULL, EBUSY, "another process has " NODE " open",
		    edu_open(names[0].text, 0) == NULL);
		MUST_FAIL(NULL, EBUSY, NODE, edu_open(NULL, 0) == NULL);
		_exit(0);
	}
	reap(pid);
	edu_close(edu);
}

LIBEDU_TEST(ordinary_user_revoked, "a revoked node is ENODEV, and can be "
    "closed")
{
	struct edu *edu;
	uint32_t status;
	pid_t pid;
	int ready[2];
	char c;

	(void)need_edus(1);
	replace_node(1, NOBODY);
	ATF_REQUIRE(pipe(ready) == 0);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		MUST(NULL, setuid(NOBODY) == 0);
		MUST(NULL, (edu = edu_open(NULL, 0)) != NULL);
		MUST(edu, write(ready[1], "r", 1) == 1);
		MUST_FAIL(edu, ENODEV, "revoked",
		    edu_irq_wait(edu, SOON_MS, &status) == -1);
		edu_close(edu);
		_exit(0);
	}
	(void)close(ready[1]);
	ATF_REQUIRE_EQ(read(ready[0], &c, 1), 1);
	sleep_ms(100);
	ATF_REQUIRE(revoke(NODE) == 0);
	reap(pid);
}

LIBEDU_TEST(second_mapping, "a second handle of the process maps BAR0 as the "
    "first does")
{
	struct edu *edu, *first;
	uint32_t result;

	(void)need_edus(1);
	first = open_device(names[0].text, EDU_OPEN_READONLY);
	edu = open_device(names[0].text, 0);
	ATF_CHECK(strstr(edu_kernel_side(edu), "BAR0") == NULL);
	REQUIRE_EDU(edu, edu_factorial(edu, 5, EDU_INTERRUPT, SOON_MS,
	    &result));
	ATF_CHECK_EQ(result, 120);
	edu_close(edu);
	edu_close(first);
	edu = open_device(names[0].text, 0);
	ATF_CHECK(strstr(edu_kernel_side(edu), "BAR0") == NULL);
	edu_close(edu);
}

/* It cannot be lowered again: only where edu.securelevel says yes. */
LIBEDU_TEST(securelevel, "at securelevel 1 root and user get BAR0 through the "
    "node")
{
	size_t size = sizeof(int);
	int level, one = 1;
	struct edu *edu;
	uint32_t result;
	pid_t pid;

	(void)need_edus(1);
	replace_node(1, NOBODY);
	ATF_REQUIRE(sysctlbyname("kern.securelevel", &level, &size, NULL,
	    0) == 0);
	if (level < 1 && strcmp(atf_tc_get_config_var_wd(tc,
	    "edu.securelevel", ""), "yes") != 0)
		atf_tc_skip("the securelevel is %d: edu.securelevel=yes "
		    "raises it until the next boot", level);
	if (level < 1)
		ATF_REQUIRE(sysctlbyname("kern.securelevel", NULL, NULL, &one,
		    sizeof(one)) == 0);
	edu = open_device(names[0].text, EDU_OPEN_READONLY);
	edu_close(edu);
	edu = open_device(names[0].text, 0);
	ATF_CHECK(strstr(edu_kernel_side(edu), ", gives BAR0") != NULL);
	REQUIRE_EDU(edu, edu_factorial(edu, 5, EDU_INTERRUPT, SOON_MS,
	    &result));
	ATF_CHECK_EQ(result, 120);
	edu_close(edu);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		drive_as_user();
		_exit(0);
	}
	reap(pid);
}
