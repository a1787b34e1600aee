/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef H_NEED_H
#define H_NEED_H

/* What the tests need of this machine, and of its devices. */

#include <sys/mman.h>

#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <edu.h>
#include <edureg.h>

#include "h_case.h"
#include "h_device.h"

/*
 * What is NetBSD's own: edu(4) attaches by itself, takes interrupts whether
 * somebody waits for them or not, opens once, and has 64 KiB for DMA, where
 * there is no other such memory.
 */
#ifdef __NetBSD__
#define ON_NETBSD	1
#else
#define ON_NETBSD	0
#endif

/* A case that drives a device. */
#define DEVICE_TEST(name, ...)						\
	EDU_TEST(name, __VA_ARGS__, "require.user", "root")

/*
 * The name of the i-th device that has a kernel side, or that has none.
 * Skips the test when there is no such device.
 */
static inline const char *
need_device(int has_kernel_side, size_t i)
{
	static char name[128];
	struct edu_list *list;
	struct edu *edu;
	size_t at, matches = 0;

	if ((list = edu_list_new()) == NULL)
		atf_tc_skip("no PCI bus: %s", edu_errmsg(NULL));
	for (at = 0; at < edu_list_count(list); at++) {
		(void)snprintf(name, sizeof(name), "%s",
		    edu_list_name(list, at));
		edu = open_device(name, 0);
		if ((strcmp(edu_kernel_side(edu), "none") != 0) ==
		    has_kernel_side)
			matches++;
		edu_close(edu);
		if (matches == i + 1)
			break;
	}
	edu_list_free(list);
	if (matches == i + 1)
		return name;
	if (at == 0)
		atf_tc_skip("no edu device on this machine");
	atf_tc_skip("%zu edu device(s) %s a kernel side (tests/guest -u), %zu "
	    "needed", matches, has_kernel_side ? "with" : "without",
	    i + 1);
}

/* The i-th edu device, kernel side or not. */
static inline struct edu *
open_any(size_t i)
{
	struct edu_list *list;
	struct edu *edu;
	char name[128] = "";

	if ((list = edu_list_new()) == NULL)
		atf_tc_skip("no PCI bus: %s", edu_errmsg(NULL));
	if (i < edu_list_count(list))
		(void)snprintf(name, sizeof(name), "%s",
		    edu_list_name(list, i));
	edu_list_free(list);
	if (name[0] == '\0')
		atf_tc_skip("%zu edu device(s) needed", i + 1);
	edu = open_device(name, 0);
	return edu;
}

/*
 * Skips the test where this machine gives no such memory: there is none, or
 * all of it may lie above the device's mask.
 */
static inline unsigned char *
need_memory(struct edu *edu, size_t length)
{
	unsigned char *mem = edu_mem_alloc(edu, length);
	uint64_t bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) *
	    (uint64_t)sysconf(_SC_PAGESIZE);
	char reason[512];

	if (mem == NULL && (errno == ENOTSUP ||
	    (errno == ENOMEM && bytes > EDU_DMA_MASK))) {
		(void)snprintf(reason, sizeof(reason), "%s", edu_errmsg(edu));
		edu_close(edu);
		atf_tc_skip("%s", reason);
	}
	ATF_REQUIRE_MSG(mem != NULL, "%s", edu_errmsg(edu));
	return mem;
}

#endif /* H_NEED_H */
