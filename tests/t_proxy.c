/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * A real QEMU behind a proxy that is slow, cuts, floods, talks garbage, refuses
 * or is silent, at every point of a job: it ends, with an errno and a message
 * that may go to a terminal, and never with a wrong result.
 */

#include "h_case.h"

#define SEED		20261129U
#include "h_malloc.h"
#include "h_proxy.h"

/* Once it is open: what a silence may last. */
static int limit_ms = SOON_MS;

static int
job_proxy(const char *device)
{
	struct edu *edu = edu_open(device, 0);

	if (edu == NULL)
		return end_job(NULL, -1);
	edu->bus->dma_time_us = 500;
	edu_bus_qtest_session(edu->bus)->limit_ms = limit_ms;
	return end_job(edu, use_engines(edu, 1));
}

static const struct job job = { "engines", job_proxy };
static enum proxy_mode mode;

static void
begin_proxy(unsigned long n)
{

	proxy->n = n;
	proxy->mode = mode;
}

static int
end_proxy(void)
{

	return 1;
}

/* What an honest run has. */
static struct proxy
measure(void)
{
	struct proxy p;
	struct edu *edu;

	start_proxy();
	random_begin();
	ATF_REQUIRE_EQ_MSG(job.run(PROXY), 0, "%s", job_message);
	p.answers = proxy->answers;
	p.bytes = proxy->bytes;
	p.commands = proxy->commands;
	edu = open_device(PROXY, 0);
	p.n = proxy->answers;		/* of an open */
	edu_close(edu);
	printf("%lu answers, %lu to open, of %lu bytes; %lu of commands\n",
	    p.answers, p.n, p.bytes, p.commands);
	return p;
}

/* Whatever was done to it, the device serves the next. */
static void
check_next(void)
{
	struct edu_bar *bar;
	struct edu *edu;
	uint32_t command;

	proxy->mode = PROXY_HONEST;
	edu = open_device(PROXY, 0);
	bar = edu_bar_size(edu, 0, 0);
	ATF_REQUIRE_MSG(bar != NULL, "%s", edu_errmsg(edu));
	ATF_CHECK_EQ(edu_bar_length(bar), EDU_BAR0_SIZE);
	ATF_CHECK_EQ(edu_bar_address(bar), 0xfe000000);
	edu_bar_free(bar);
	REQUIRE_EDU(edu, edu_config_read(edu, 4, &command));
	ATF_CHECK_EQ(command & 6, 6);
	edu_close(edu);
}

/* Of the points up to end, so many, and all of them in a soak. */
static void
attack_points(enum proxy_mode m, unsigned long first, unsigned long end,
    unsigned points, const int errnums[4])
{
	struct attack a = { &job, PROXY, { 0 } };
	unsigned long n, step = (end - first) / soak(points), passed = 0;
	unsigned long count = 0;

	memcpy(a.errnums, errnums, sizeof(a.errnums));
	mode = m;
	for (n = first; n <= end; n += step > 0 ? step : 1) {
		passed += (unsigned long)run_attacked(&a, begin_proxy,
		    end_proxy, n);
		check_next();
		count++;
	}
	printf("%lu points, %lu passed\n", count, passed);
}

EDU_TEST(cuts, "the connection ends after any byte of the answers: ENODEV",
    "timeout", "60")
{
	static const int errnums[4] = { ENODEV };
	struct proxy p = measure();

	attack_points(PROXY_CUT, 0, p.bytes - 1, 150, errnums);
}

EDU_TEST(cuts_commands, "the connection ends after any command, or in the "
    "middle of data: ENODEV, and the next is not disturbed", "timeout", "60")
{
	static const int errnums[4] = { ENODEV };
	struct proxy p = measure();

	attack_points(PROXY_CUT_COMMAND, 0, p.commands - 1, 150, errnums);
}

EDU_TEST(garbage, "any answer is garbage: ENODEV, or the right result",
    "timeout", "60")
{
	static const int errnums[4] = { ENODEV };
	struct proxy p = measure();

	for (proxy->kind = 0; proxy->kind < PROXY_KINDS; proxy->kind++)
		attack_points(PROXY_GARBAGE, 1, p.answers, 25, errnums);
}

EDU_TEST(refusals, "any command is refused: an error, or the right result",
    "timeout", "60")
{
	static const int errnums[4] = { EIO, ENODEV, ENOTSUP, ENOMEM };
	struct proxy p = measure();

	attack_points(PROXY_REFUSE, 1, p.answers, 1000, errnums);
}

EDU_TEST(floods, "hundreds of lines of interrupts before every answer do no "
    "harm", "timeout", "60")
{
	struct proxy p = measure();
	unsigned i;

	(void)p;
	proxy->mode = PROXY_FLOOD;
	for (i = 0; i < soak(2); i++) {
		proxy->n = 1 + next_random() % 400;
		ATF_REQUIRE_EQ_MSG(job.run(PROXY), 0, "%s", job_message);
	}
}

EDU_TEST(slow, "answers that come a byte at a time do no harm", "timeout", "60")
{
	struct proxy p = measure();

	(void)p;
	proxy->n = getenv("EDU_SOAK") != NULL ? 5 : 1;
	proxy->mode = PROXY_SLOW;
	ATF_REQUIRE_EQ_MSG(job.run(PROXY), 0, "%s", job_message);
}

EDU_TEST(silence, "no answer any more, from any on: ENODEV", "timeout", "60")
{
	static const int errnums[4] = { ENODEV };
	struct proxy p = measure();

	limit_ms = 50;
	attack_points(PROXY_SILENT, p.n + 1, p.answers, 15, errnums);
}
