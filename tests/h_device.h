/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef H_DEVICE_H
#define H_DEVICE_H

/* What all tests of an open device share, wherever the device is. */

#include <atf-c.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <edu.h>

/* Long enough for everything that ought to happen. */
#define SOON_MS		20000

#define REQUIRE_EDU(edu, call) do {					\
	int result_ = (call);						\
	ATF_REQUIRE_MSG(result_ != -1, "%s: %s", #call, edu_errmsg(edu));\
} while (0)

#define CHECK_ERRNO(edu, errnum, call) do {				\
	errno = 0;							\
	ATF_CHECK_MSG((call), "did not fail: %s", #call);		\
	ATF_CHECK_MSG(errno == (errnum), "%s: errno %d (%s), not %d: %s",\
	    #call, errno, strerror(errno), (errnum), edu_errmsg(edu));	\
} while (0)

#define CHECK_MESSAGE(edu, text)					\
	ATF_CHECK_MSG(strstr(edu_errmsg(edu), (text)) != NULL,		\
	    "no '%s' in '%s'", (text), edu_errmsg(edu))

/* Open it, or the test has failed. */
static inline struct edu *
open_device(const char *name, unsigned flags)
{
	struct edu *edu = edu_open(name, flags);

	ATF_REQUIRE_MSG(edu != NULL, "%s", edu_errmsg(NULL));
	return edu;
}

static inline void
sleep_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&ts, NULL);
}

/* Interrupts that are pending. */
static inline void
check_status(struct edu *edu, uint32_t expected)
{
	uint32_t status = ~expected;

	REQUIRE_EDU(edu, edu_irq_status(edu, &status));
	ATF_REQUIRE_MSG(status == expected, "0x%x, not 0x%x", status,
	    expected);
}

/* What a wait gives; 0: its time is over. */
static inline void
check_wait(struct edu *edu, int timeout_ms, uint32_t expected)
{
	uint32_t status = 0;
	int result = edu_irq_wait(edu, timeout_ms, &status);

	ATF_REQUIRE_MSG(result != -1, "%s", edu_errmsg(edu));
	ATF_REQUIRE_MSG(result == (expected != 0) && status == expected,
	    "wait gave %d and 0x%x, not 0x%x", result, status, expected);
}

#endif /* H_DEVICE_H */
