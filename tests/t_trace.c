/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * The trace of a handle: what it reports, to whom, and that it is not there
 * when nobody listens.  The tap of the other tests stands on it.
 */

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <edu.h>
#include <edureg.h>

#include "h_case.h"
#include "h_qemu.h"

#define EVENTS		4096

/* What came, in a letter or two each, with what was repeated once. */
struct record {
	char		text[4096];
	size_t		used;
	char		last[32];
	struct edu_trace_event event[EVENTS];
	size_t		count;
	char		device[32];
};

static void
append(struct record *r, const char *text)
{

	if (strcmp(text, r->last) == 0)
		return;
	(void)snprintf(r->last, sizeof(r->last), "%s", text);
	r->used += (size_t)snprintf(r->text + r->used,
	    sizeof(r->text) - r->used, "%s%s", r->used > 0 ? " " : "", text);
	ATF_REQUIRE(r->used < sizeof(r->text));
}

static void
record(void *arg, const struct edu_trace_event *e)
{
	static const char * const names[] = {
		[EDU_TRACE_CONFIG_READ] = "cr",
		[EDU_TRACE_CONFIG_WRITE] = "cw",
		[EDU_TRACE_READ] = "r",
		[EDU_TRACE_WRITE] = "w",
		[EDU_TRACE_SLEEP] = "sleep",
		[EDU_TRACE_WAIT] = "wait",
		[EDU_TRACE_WAKE] = "wake",
		[EDU_TRACE_REARM] = "rearm",
		[EDU_TRACE_TAKE] = "take",
		[EDU_TRACE_RESET] = "reset"
	};
	struct record *r = arg;
	char text[32];

	ATF_REQUIRE(r->count < EVENTS);
	r->event[r->count++] = *e;
	(void)snprintf(r->device, sizeof(r->device), "%s", e->device);
	if (e->width == 0)
		append(r, names[e->kind]);
	else {
		(void)snprintf(text, sizeof(text), "%s%02x", names[e->kind],
		    e->offset);
		append(r, text);
	}
	/* Nobody notices what we do to it. */
	errno = ENOTTY;
}

static struct record trace;

/* Exactly these came since the last time. */
static void
check(const char *expected)
{

	ATF_CHECK_MSG(strcmp(trace.text, expected) == 0, "\n%s\n%s", trace.text,
	    expected);
	memset(&trace, 0, sizeof(trace));
}

static const struct edu_trace_event *
find(enum edu_trace_kind kind, unsigned offset)
{
	size_t i;

	for (i = 0; i < trace.count; i++)
		if (trace.event[i].kind == kind &&
		    trace.event[i].offset == offset)
			return &trace.event[i];
	atf_tc_fail("no such event");
}

static struct edu *
open_traced(const char *name, unsigned flags)
{
	struct edu *edu = open_device(name, flags);

	memset(&trace, 0, sizeof(trace));
	edu_trace(edu, record, &trace);
	return edu;
}

EDU_TEST(off, "without a trace, and after one, the bus has its own table: an "
    "access costs nothing more")
{
	struct edu *other = open_device("qtest:", 0);
	struct edu *edu = open_device("qtest:", 0);
	const struct edu_bus_ops *ops = edu->bus->ops;
	uint64_t value;

	ATF_CHECK(ops == other->bus->ops);
	edu_trace(edu, NULL, NULL);
	ATF_CHECK(edu->bus->ops == ops);
	edu_trace(edu, record, &trace);
	ATF_CHECK(edu->bus->ops != ops);
	ATF_CHECK(other->bus->ops == ops);
	/* Twice is once. */
	edu_trace(edu, record, &trace);
	REQUIRE_EDU(edu, edu_read(edu, EDU_ID, 4, &value));
	check("r00");
	edu_trace(edu, NULL, NULL);
	ATF_CHECK(edu->bus->ops == ops);
	REQUIRE_EDU(edu, edu_read(edu, EDU_ID, 4, &value));
	check("");
	edu_close(edu);
	edu_close(other);
}

EDU_TEST(registers, "a register's access: kind, offset, width, value, time "
    "and device")
{
	struct edu *edu = open_traced("qtest:", 0);
	int64_t before_us = edu_now_us();
	const struct edu_trace_event *e;
	uint64_t value;

	REQUIRE_EDU(edu, edu_write(edu, EDU_DMA_SRC, 8, 0x123456789abc));
	REQUIRE_EDU(edu, edu_read(edu, EDU_DMA_SRC, 8, &value));
	REQUIRE_EDU(edu, edu_write(edu, EDU_LIVE, 4, 5));
	REQUIRE_EDU(edu, edu_read(edu, EDU_LIVE, 4, &value));
	e = find(EDU_TRACE_WRITE, EDU_DMA_SRC);
	ATF_CHECK(e->width == 8 && e->value == 0x123456789abc);
	ATF_CHECK(e->time_ns / 1000 >= before_us);
	ATF_CHECK(trace.event[trace.count - 1].time_ns / 1000 <= edu_now_us());
	e = find(EDU_TRACE_READ, EDU_LIVE);
	ATF_CHECK(e->width == 4 && e->value == 0xfffffffa && e->error == 0);
	ATF_CHECK_STREQ(trace.device, "qtest:");
	check("w80 cr00 r80 w04 cr00 r04");
	edu_close(edu);
}

EDU_TEST(engines, "a factorial, a transfer and an interrupt, polled and not")
{
	struct edu *edu = open_traced("qtest:", 0);
	uint32_t value;
	char *data;

	ATF_REQUIRE((data = edu_mem_alloc(edu, 100)) != NULL);
	REQUIRE_EDU(edu, edu_factorial(edu, 5, EDU_SPIN, SOON_MS, &value));
	check("w08 r20 r08");
	REQUIRE_EDU(edu, edu_factorial(edu, 5, EDU_INTERRUPT, SOON_MS, &value));
	check("w20 w08 wait wake r24 w64 rearm cr04 r20 r08");
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, data, 100, EDU_INTERRUPT,
	    SOON_MS));
	check("cr04 w80 w88 w90 w98 wait wake r24 w64 rearm cr04 r98 cr04");
	REQUIRE_EDU(edu, edu_irq_raise(edu, 4));
	check("w60 cr00");
	ATF_REQUIRE_EQ(edu_irq_wait(edu, SOON_MS, &value), 1);
	check("r24 w64 wait wake rearm cr04");
	ATF_REQUIRE_EQ(edu_irq_wait(edu, 0, &value), 0);
	check("r24 wait wake");
	edu_close(edu);
}

EDU_TEST(sleeps, "a polled transfer: the sleep, for how long, and its end")
{
	struct edu *edu = open_traced("qtest:", 0);
	const struct edu_trace_event *sleep, *wake;
	char *data;

	ATF_REQUIRE((data = edu_mem_alloc(edu, 100)) != NULL);
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, data, 100, 0, SOON_MS));
	sleep = find(EDU_TRACE_SLEEP, 0);
	wake = find(EDU_TRACE_WAKE, 0);
	ATF_CHECK(sleep->value > 0 && sleep->value <= 500 * 1000);
	ATF_CHECK(wake == sleep + 1 && wake->value == 0);
	ATF_CHECK(wake->time_ns - sleep->time_ns >= (int64_t)sleep->value);
	trace.used = 0;
	edu_close(edu);
}

EDU_TEST(waits, "a wait says its limit, and its end whether somebody woke us "
    "or what went wrong")
{
	struct edu *edu = open_traced("qtest:", 0);
	const struct edu_trace_event *e;
	uint32_t value;

	ATF_REQUIRE_EQ(edu_irq_wait(edu, 20, &value), 0);
	e = find(EDU_TRACE_WAIT, 0);
	ATF_CHECK(e->value > 0 && e->value <= 20 * 1000 * 1000);
	ATF_CHECK_EQ(e[1].kind, EDU_TRACE_WAKE);
	ATF_CHECK_EQ(e[1].value, 0);
	ATF_CHECK_EQ(e[1].error, 0);
	memset(&trace, 0, sizeof(trace));
	REQUIRE_EDU(edu, edu_factorial(edu, 5, EDU_INTERRUPT, SOON_MS, &value));
	ATF_CHECK_EQ(find(EDU_TRACE_WAKE, 0)->value, 1);
	edu_close(edu);
}

/* The library's own record of the sequence is the other witness. */
EDU_TEST(bar, "sizing a BAR: the trace ends with the steps of edu_bar_step()")
{
	struct edu *edu = open_traced("qtest:", 0);
	const struct edu_trace_event *e;
	unsigned offset = 0;
	uint32_t value = 0;
	struct edu_bar *bar;
	int is_write = 0;
	size_t i;

	ATF_REQUIRE((bar = edu_bar_size(edu, 0, 0)) != NULL);
	ATF_REQUIRE(trace.count >= 10);
	e = &trace.event[trace.count - 10];
	for (i = 0; i < 10; i++, e++) {
		ATF_REQUIRE(edu_bar_step(bar, i, &is_write, &offset, &value) !=
		    NULL);
		ATF_CHECK(e->kind == (is_write ? EDU_TRACE_CONFIG_WRITE :
		    EDU_TRACE_CONFIG_READ));
		ATF_CHECK(e->offset == offset && e->value == value &&
		    e->width == 4);
	}
	edu_bar_free(bar);
	check("cr0c cr08 cr10 cr04 cw04 cr04 cr10 cw10 cr10 cw10 cr10 cw04 "
	    "cr04");
	edu_close(edu);
}

EDU_TEST(opens, "edu_trace_opens(): an open from its first access, and the "
    "close to its last")
{
	struct edu *edu;

	edu_trace_opens(record, &trace);
	edu = open_device("qtest:", EDU_OPEN_CONFIG);
	/* What firmware does, and who it is. */
	check("cr10 cr04 cw10 cw04 cr00");
	edu_close(edu);
	check("cr00");
	edu = open_device("qtest:", 0);
	ATF_CHECK_EQ(find(EDU_TRACE_CONFIG_WRITE, PCI_BAR(0))->value,
	    0xfe000000);
	ATF_CHECK_EQ(find(EDU_TRACE_READ, EDU_ID)->value, 0x010000ed);
	memset(&trace, 0, sizeof(trace));
	edu_close(edu);
	check("cr00 w64 r24 cr04 cw04 cr04");
	edu_trace_opens(NULL, NULL);
	edu = open_device("qtest:", 0);
	edu_close(edu);
	check("");
}

static void *
open_elsewhere(void *arg)
{
	struct edu *edu = edu_open("qtest:", 0);

	(void)arg;
	if (edu == NULL)
		return NULL;
	edu_close(edu);
	return &trace;
}

EDU_TEST(thread, "edu_trace_opens() is for the thread that calls it")
{
	pthread_t thread;
	void *result;

	edu_trace_opens(record, &trace);
	ATF_REQUIRE_EQ(pthread_create(&thread, NULL, open_elsewhere, NULL), 0);
	ATF_REQUIRE_EQ(pthread_join(thread, &result), 0);
	ATF_REQUIRE(result == &trace);
	check("");
}

EDU_TEST(failure, "an access to configuration space that fails says why, and "
    "errno is the library's")
{
	struct edu *edu = open_traced("qtest:", 0);
	uint32_t value;

	qtest_give_up(edu_bus_qtest_session(edu->bus), "for this test");
	ATF_CHECK_EQ(edu->bus->ops->config_read(edu->bus, 0, &value), -1);
	ATF_CHECK_EQ(errno, ENODEV);
	ATF_CHECK_EQ(find(EDU_TRACE_CONFIG_READ, 0)->error, ENODEV);
	ATF_CHECK_EQ(edu->bus->ops->config_write(edu->bus, 4, 0), -1);
	ATF_CHECK_EQ(find(EDU_TRACE_CONFIG_WRITE, 4)->error, ENODEV);
	edu_close(edu);
}

EDU_TEST(set, "handles in a set: each tells of its accesses, and of the sleep "
    "for what it waits for")
{
	struct edu *edu = open_traced("qtest:", 0), *other;
	const struct edu_trace_event *e;
	struct edu_done done;
	struct edu_set *set;
	char *data;

	other = open_device("qtest:", 0);
	ATF_REQUIRE((set = edu_set_new()) != NULL);
	REQUIRE_EDU(edu, edu_set_add(set, edu));
	REQUIRE_EDU(other, edu_set_add(set, other));
	ATF_REQUIRE((data = edu_mem_alloc(edu, 100)) != NULL);
	memset(&trace, 0, sizeof(trace));
	REQUIRE_EDU(edu, edu_submit_put(edu, 0, data, 100, 0, SOON_MS, NULL));
	ATF_REQUIRE_EQ(edu_set_wait(set, SOON_MS, &done), 1);
	ATF_CHECK(find(EDU_TRACE_SLEEP, 0)[1].kind == EDU_TRACE_WAKE);
	memset(&trace, 0, sizeof(trace));
	REQUIRE_EDU(edu, edu_submit_put(edu, 0, data, 100, EDU_INTERRUPT,
	    SOON_MS, NULL));
	ATF_REQUIRE_EQ(edu_set_wait(set, SOON_MS, &done), 1);
	/* And not only the look for what has come. */
	for (e = find(EDU_TRACE_WAIT, 0); e->kind != EDU_TRACE_WAIT ||
	    e->value == 0; e++)
		ATF_REQUIRE(e < &trace.event[trace.count]);
	ATF_CHECK_EQ(find(EDU_TRACE_WRITE, EDU_DMA_CMD)->value, 5);
	edu_set_free(set);
	edu_close(other);
	edu_close(edu);
}
