/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* What a message of EACCES or EPERM says of this process. */

#include <sys/prctl.h>
#include <sys/syscall.h>

#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <unistd.h>

#include "h_case.h"
#include "refusal.h"

#define ROOT		"require.user", "root"

static char text[512];

/* Whether it says so, as it did not so far. */
static int
says(const char *what)
{

	edu_restrictions(EACCES, text, sizeof(text));
	return strstr(text, what) != NULL;
}

static void
require_silence(const char *what)
{

	if (says(what))
		atf_tc_skip("this process is so already: %s", text);
}

static void
drop_capability(unsigned capability)
{
	struct __user_cap_header_struct header = {
		_LINUX_CAPABILITY_VERSION_3, 0
	};
	struct __user_cap_data_struct data[2];

	ATF_REQUIRE(syscall(SYS_capget, &header, data) == 0);
	data[0].effective &= ~(1U << capability);
	ATF_REQUIRE(syscall(SYS_capset, &header, data) == 0);
}

EDU_TEST(users, "who is not root is told to be, and of another error nothing "
    "is said", ROOT)
{

	edu_refusal(ENOENT, text, sizeof(text));
	ATF_CHECK_STREQ(text, "");
	edu_refusal(EPERM, text, sizeof(text));
	ATF_CHECK_MSG(strncmp(text, " (root, but ", 12) == 0, "%s", text);
	ATF_REQUIRE(seteuid(65534) == 0);
	edu_refusal(EACCES, text, sizeof(text));
	ATF_REQUIRE(seteuid(0) == 0);
	ATF_CHECK_STREQ(text, " (try as root)");
}

EDU_TEST(capabilities, "capabilities that root does not have are named", ROOT)
{

	require_silence("without CAP_SYS_ADMIN");
	drop_capability(CAP_SYS_ADMIN);
	ATF_CHECK_MSG(says("without CAP_SYS_ADMIN"), "%s", text);
	ATF_CHECK_MSG(!says("CAP_DAC_OVERRIDE"), "%s", text);
	drop_capability(CAP_DAC_OVERRIDE);
	ATF_CHECK_MSG(says("without CAP_SYS_ADMIN; without CAP_DAC_OVERRIDE"),
	    "%s", text);
}

EDU_TEST(seccomp, "and a filter of system calls is", ROOT)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K,
	    SECCOMP_RET_ALLOW);
	struct sock_fprog program = { 1, &allow };

	require_silence("seccomp");
	ATF_REQUIRE(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
	ATF_CHECK_MSG(says("under a seccomp filter"), "%s", text);
}

EDU_TEST(cut, "what does not fit is cut", ROOT)
{
	char small[16];

	memset(small, 'x', sizeof(small));
	drop_capability(CAP_SYS_ADMIN);
	drop_capability(CAP_DAC_OVERRIDE);
	edu_restrictions(EPERM, small, 10);
	ATF_CHECK_EQ(strlen(small), 9);
	ATF_CHECK_EQ(small[10], 'x');
}
