/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef H_LIBEDU_H
#define H_LIBEDU_H

/*
 * For the tests of libedu over edu(4), which is attached to every edu device.
 * What a case changes in /dev and in what is attached, its cleanup puts back.
 */

#include <sys/param.h>
#include <sys/types.h>
#include <sys/event.h>
#include <sys/ioctl.h>
#include <sys/module.h>
#include <sys/stat.h>
#include <sys/sysctl.h>
#include <sys/wait.h>

#include <poll.h>
#include <unistd.h>

#include "eduio.h"
#include "internal.h"

#include "dev/h_need.h"
#include "dev/h_pci.h"
#include "h_drvctl.h"
#include "h_memory.h"

#define NODE		"/dev/edu0"
#define KEPT		"/dev/edu0.kept"
#define NOBODY		32767

static struct pci_name names[64];

/* How many devices there are, at least some; their names in names[]. */
static inline size_t
need_edus(size_t some)
{
	size_t n = pci_find(ID_EDU, names, 64);

	if (n < some)
		atf_tc_skip("%zu edu device(s), %zu needed", n, some);
	return n;
}

/* Attach again whatever was detached. */
static inline void
rescan_all(void)
{
	unsigned i;

	for (i = 0; i < 16; i++)
		(void)rescan(i);
}

static inline void
put_back(void)
{

	(void)rename(KEPT, NODE);
	rescan_all();
}

/* Put another node, of this user, or nothing in the place of edu0's. */
static inline void
replace_node(int with_another, uid_t uid)
{
	struct stat st;

	ATF_REQUIRE(stat(NODE, &st) == 0 && rename(NODE, KEPT) == 0);
	if (with_another)
		ATF_REQUIRE(mknod(NODE, S_IFCHR | 0600, st.st_rdev) == 0 &&
		    chown(NODE, uid, (gid_t)-1) == 0);
}

#define LIBEDU_TEST(name, descr)					\
	EDU_TEST_CLEANUP(name, put_back, descr, "require.user", "root")

/* For children: one who is nobody could not write ATF's results. */
#define MUST(edu, condition)						\
	do {								\
		errno = 0;						\
		if (!(condition)) {					\
			(void)fprintf(stderr, "%s: errno %d, '%s'\n",	\
			    #condition, errno, edu_errmsg(edu));	\
			_exit(1);					\
		}							\
	} while (0)

#define MUST_FAIL(edu, errnum, text, call)				\
	MUST(edu, (call) && errno == (errnum) &&			\
	    strstr(edu_errmsg(edu), (text)) != NULL)

/* It must have exited with 0. */
static inline void
reap(pid_t pid)
{
	int status;

	ATF_REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	ATF_CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "the child ended with 0x%x", status);
}

#endif /* H_LIBEDU_H */
