/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* A copy by a set that fails, or is interrupted. */

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <edu.h>
#include <edureg.h>

#include "h_alarm.h"
#include "h_case.h"
#include "h_memory.h"
#include "h_qemu.h"
#include "h_tap.h"

#define LIMIT		4095U

static struct edu_set *
new_set(struct edu *edu)
{
	struct edu_set *set = edu_set_new();

	ATF_REQUIRE(set != NULL);
	REQUIRE_EDU(edu, edu_set_add(set, edu));
	return set;
}

/* Nothing of the copy that failed is in the way of another. */
static void
check_usable(struct edu *edu, struct edu_set *set, unsigned char *mem,
    unsigned flags)
{
	struct edu_done done;

	fill(mem, LIMIT, 7);
	memset(mem + LIMIT, 0, LIMIT);
	ATF_CHECK_EQ(edu_set_wait(set, 0, &done), 0);
	REQUIRE_EDU(edu, edu_set_copy(set, mem + LIMIT, mem, LIMIT, flags,
	    SOON_MS));
	ATF_CHECK_EQ(differences(mem + LIMIT, LIMIT, 7), 0);
}

EDU_TEST(late, "a copy whose time is over is ETIMEDOUT, with the device's "
    "message, and the set goes on", "timeout", "60")
{
	struct edu_set *set;
	unsigned char *mem;
	struct edu *edu;

	start_qemu("q35", "-S");
	edu = open_device(DEVICE, 0);
	mem = alloc(edu, 2 * LIMIT);
	set = new_set(edu);
	CHECK_ERRNO(NULL, ETIMEDOUT, edu_set_copy(set, mem + LIMIT, mem, LIMIT,
	    0, 50) == -1);
	CHECK_MESSAGE(NULL, "not done in time");
	CHECK_MESSAGE(NULL, DEVICE);
	CHECK_ERRNO(NULL, ETIMEDOUT, edu_set_copy(set, mem + LIMIT, mem, LIMIT,
	    EDU_INTERRUPT, 50) == -1);
	CHECK_MESSAGE(NULL, "still busy");
	monitor("cont");
	check_usable(edu, set, mem, 0);
	check_usable(edu, set, mem, EDU_INTERRUPT);
	edu_set_free(set);
	edu_close(edu);
}

EDU_TEST(gone, "a copy by a device that is gone meanwhile is ENODEV, at once")
{
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *mem = alloc(edu, 2 * LIMIT);
	struct edu_set *set = new_set(edu);

	tap_attach(edu);
	tap.hook = tap_read_ones;
	CHECK_ERRNO(NULL, ENODEV, edu_set_copy(set, mem + LIMIT, mem, LIMIT, 0,
	    EDU_FOREVER) == -1);
	CHECK_MESSAGE(NULL, "gone");
	tap.hook = NULL;
	edu_set_free(set);
	edu_close(edu);
}

EDU_TEST(signals, "a signal ends a copy by interrupt with EINTR; with "
    "EDU_RESUME it goes on where it was, and is started once", "timeout", "120")
{
	unsigned flags = EDU_INTERRUPT;
	struct edu_set *set;
	unsigned char *mem;
	struct edu *edu;

	start_qemu("q35", "");
	edu = open_device(DEVICE, 0);
	mem = alloc(edu, 4 * LIMIT);
	fill(mem, 2 * LIMIT, 1);
	set = new_set(edu);
	tap_attach(edu);
	tap.hook = tap_count_starts;
	alarm_often();
	while (edu_set_copy(set, mem + 2 * LIMIT, mem, 2 * LIMIT, flags,
	    EDU_FOREVER) == -1) {
		ATF_REQUIRE_EQ_MSG(errno, EINTR, "%s", edu_errmsg(NULL));
		CHECK_MESSAGE(NULL, "interrupted by a signal");
		flags |= EDU_RESUME;
	}
	ATF_CHECK(flags & EDU_RESUME);
	ATF_CHECK_EQ(tap.starts, 4);
	ATF_CHECK_EQ(differences(mem + 2 * LIMIT, 2 * LIMIT, 1), 0);
	edu_set_free(set);
	edu_close(edu);
}

EDU_TEST(signal_queued, "one that waits behind another transfer is dropped by "
    "a signal, and leaves that alone", "timeout", "60")
{
	struct edu_done done;
	struct edu_set *set;
	unsigned char *mem;
	struct edu *edu;

	start_qemu("q35", "-S");
	edu = open_device(DEVICE, 0);
	mem = alloc(edu, 2 * LIMIT);
	set = new_set(edu);
	fill(mem, LIMIT, 3);
	REQUIRE_EDU(edu, edu_submit_put(edu, 0, mem, LIMIT, EDU_INTERRUPT,
	    SOON_MS, mem));
	alarm_often();
	CHECK_ERRNO(NULL, EINTR, edu_set_copy(set, mem + LIMIT, mem, 100, 0,
	    EDU_FOREVER) == -1);
	monitor("cont");
	while (edu_set_wait(set, SOON_MS, &done) == -1)
		ATF_REQUIRE_EQ(errno, EINTR);
	ATF_CHECK(done.cookie == mem);
	ATF_CHECK_EQ(done.error, 0);
	REQUIRE_EDU(edu, edu_dma_get(edu, 0, mem + LIMIT, LIMIT, 0, SOON_MS));
	ATF_CHECK_EQ(differences(mem + LIMIT, LIMIT, 3), 0);
	edu_set_free(set);
	edu_close(edu);
}
