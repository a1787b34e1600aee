/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * A kernel driver that acknowledges the interrupts, and a bus without
 * configuration space, as edu(4) and its node are: played by the test, before
 * the device of qtest.
 */

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <edu.h>
#include <edureg.h>

#include "h_case.h"
#include "h_memory.h"
#include "h_qtest.h"
#include "internal.h"

static struct {
	struct edu	*edu;
	const struct edu_kernel_ops *real;
	struct edu_kernel_ops ops;
	uint32_t	gathered;
	unsigned	rechecks;
	unsigned	refused;	/* of the calls below, with EIO */
#define SERVED_WAIT	0x1
#define SERVED_RECHECK	0x2
#define SERVED_TAKE	0x4
} served;

static int
served_check(struct edu_kernel *kernel, unsigned call)
{

	if (!(served.refused & call))
		return 0;
	return edu_fail(kernel->err, EIO, "the driver refuses");
}

/* What the driver's interrupt handler does. */
static void
served_handle(void)
{
	uint32_t status = edu_read32(served.edu, EDU_INTR_STATUS);

	if (status != 0)
		edu_write32(served.edu, EDU_INTR_ACK, status);
	served.gathered |= status;
}

static int
served_wait(struct edu_kernel *kernel, int timeout_ms)
{

	if (served_check(kernel, SERVED_WAIT) == -1)
		return -1;
	served_handle();
	if (served.gathered != 0)
		return 1;
	if (served.real->wait(kernel, timeout_ms) == -1 ||
	    served.real->rearm(kernel) == -1)
		return -1;
	served_handle();
	return served.gathered != 0;
}

static int
served_recheck(struct edu_kernel *kernel, uint32_t *status)
{

	if (served_check(kernel, SERVED_RECHECK) == -1)
		return -1;
	served.rechecks++;
	served_handle();
	*status = served.gathered;
	return 0;
}

static int
served_take(struct edu_kernel *kernel, uint32_t *status)
{
	int result = served.gathered != 0;

	if (served_check(kernel, SERVED_TAKE) == -1)
		return -1;
	*status |= served.gathered;
	served.gathered = 0;
	return result;
}

static struct edu *
open_served(void)
{
	struct edu *edu = open_device("qtest:", 0);

	memset(&served, 0, sizeof(served));
	served.edu = edu;
	served.real = edu->kernel->ops;
	served.ops = *served.real;
	served.ops.wait = served_wait;
	served.ops.rearm = NULL;
	served.ops.take = served_take;
	served.ops.recheck = served_recheck;
	edu->kernel->ops = &served.ops;
	edu->kernel->acknowledges = 1;
	return edu;
}

EDU_TEST(engines, "the engines interrupt, where a driver takes the bits")
{
	struct edu *edu = open_served();
	int i;

	for (i = 0; i < 3; i++)
		check_engines(edu);
	REQUIRE_EDU(edu, edu_irq_check(edu));
	ATF_CHECK_EQ(served.gathered, 0);
	edu_close(edu);
}

EDU_TEST(bits, "bits that the driver has taken are the status, are waited for, "
    "and are acknowledged with those that it has not")
{
	struct edu *edu = open_served();

	check_wait(edu, 0, 0);
	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x40));
	served_handle();
	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x20));
	check_status(edu, 0x60);
	check_wait(edu, SOON_MS, 0x60);
	check_wait(edu, 0, 0);
	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x40));
	served_handle();
	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x20));
	REQUIRE_EDU(edu, edu_irq_ack(edu, 0x40));
	check_wait(edu, SOON_MS, 0x20);
	check_status(edu, 0);
	edu_close(edu);
}

EDU_TEST(sizing, "the driver is told when BAR0 was sized: what came meanwhile "
    "is not lost")
{
	struct edu *edu = open_served();
	unsigned before = served.rechecks;
	struct edu_bar *bar;

	ATF_REQUIRE((bar = edu_bar_size(edu, 0, 0)) != NULL);
	edu_bar_free(bar);
	ATF_CHECK_EQ(served.rechecks, before + 1);
	served.refused = SERVED_RECHECK;
	CHECK_ERRNO(edu, EIO, edu_bar_size(edu, 0, 0) == NULL);
	CHECK_MESSAGE(edu, "the driver refuses");
	edu_close(edu);
}

EDU_TEST(refuses, "whatever the driver refuses is an error of the call, with "
    "the driver's message")
{
	struct edu *edu = open_served();
	unsigned char *mem = alloc(edu, 1000);
	uint32_t value = 77;

	served.refused = SERVED_WAIT | SERVED_RECHECK | SERVED_TAKE;
	/* What is polled for needs no driver. */
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, mem, 1000, 0, SOON_MS));
	served.refused = SERVED_RECHECK;
	CHECK_ERRNO(edu, EIO, edu_irq_status(edu, &value) == -1);
	CHECK_MESSAGE(edu, "the driver refuses");
	CHECK_ERRNO(edu, EIO, edu_irq_ack(edu, 0x40) == -1);
	served.refused = SERVED_TAKE;
	CHECK_ERRNO(edu, EIO, edu_irq_ack(edu, 0x40) == -1);
	CHECK_ERRNO(edu, EIO, edu_irq_wait(edu, SOON_MS, &value) == -1);
	CHECK_ERRNO(edu, EIO, edu_factorial(edu, 12, EDU_INTERRUPT, SOON_MS,
	    &value) == -1);
	served.refused = SERVED_WAIT;
	CHECK_ERRNO(edu, EIO, edu_irq_wait(edu, SOON_MS, &value) == -1);
	CHECK_ERRNO(edu, EIO, edu_dma_put(edu, 0, mem, 1000, EDU_INTERRUPT,
	    SOON_MS) == -1);
	CHECK_MESSAGE(edu, "the driver refuses");
	ATF_CHECK_EQ(value, 77);
	served.refused = 0;
	check_engines(edu);
	edu_close(edu);
}

EDU_TEST(deaf, "an operation ends with the driver's error as soon as no "
    "interrupt can come any more")
{
	struct edu *edu = open_served();
	unsigned char *mem = alloc(edu, 1000);
	struct edu_done done = { 0 };

	REQUIRE_EDU(edu, edu_submit_put(edu, 0, mem, 1000, EDU_INTERRUPT,
	    SOON_MS, mem));
	REQUIRE_EDU(edu, edu_process(edu));
	ATF_CHECK_EQ(edu_reap(edu, &done), 0);
	served.refused = SERVED_WAIT;
	REQUIRE_EDU(edu, edu_process(edu));
	ATF_CHECK_EQ(edu_reap(edu, &done), 1);
	ATF_CHECK(done.cookie == mem);
	ATF_CHECK_EQ(done.error, EIO);
	served.refused = 0;
	check_engines(edu);
	edu_close(edu);
}

EDU_TEST(driven, "without configuration space the engines work, and what needs "
    "it is ENOTSUP")
{
	struct edu *edu = open_served();
	unsigned char *mem = alloc(edu, 1000);
	uint32_t a, b, value;

	edu->bus->is_driven = 1;
	check_engines(edu);
	REQUIRE_EDU(edu, edu_irq_check(edu));
	CHECK_ERRNO(edu, ENOTSUP, edu_bar_size(edu, 0, 0) == NULL);
	CHECK_MESSAGE(edu, "not for this user");
	CHECK_ERRNO(edu, ENOTSUP, edu_try_command(edu, 0,
	    EDU_COMMAND_MASTER) == -1);
	CHECK_ERRNO(edu, ENOTSUP, edu_try_config(edu, 0, &a, &b) == -1);
	CHECK_ERRNO(edu, ENOTSUP, edu_try_get(edu, 0, mem, 100,
	    EDU_TRY_UNMASTERED, SOON_MS) == -1);
	CHECK_ERRNO(edu, ENOTSUP, edu_try_decoding(edu, 1, &value) == -1);
	edu_close(edu);
}
