/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Run the examination, and judge what it has found. */

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "exam.h"

#define MAX_CHECKS	64

struct exam {
	int	is_all;
	int	is_junit;
	enum exam_result expected[MAX_CHECKS];
	struct exam_verdict verdicts[MAX_CHECKS];
	int	is_done[MAX_CHECKS];
	struct exam_count count;
};

/* What the checks write to, and no engine reads before it is written anew. */
static const struct {
	unsigned	offset;
	unsigned	width;
} kept[] = {
	{ EDU_LIVE, 4 }, { EDU_DMA_SRC, 8 }, { EDU_DMA_DST, 8 },
	{ EDU_DMA_COUNT, 8 }
};
#define NKEPT	(sizeof(kept) / sizeof(kept[0]))

static int
keep(struct tool *t, uint64_t *values)
{
	size_t i;

	for (i = 0; i < NKEPT; i++)
		if (edu_read(t->edu, kept[i].offset, kept[i].width,
		    &values[i]) == -1)
			return fail_device(t, NULL);
	return 0;
}

/*
 * The liveness register is read as the inverse of what was written.  What was
 * unplugged takes nothing, and need not.
 */
static void
put_back(struct tool *t, const uint64_t *values)
{
	size_t i;

	for (i = 0; i < NKEPT; i++)
		(void)edu_write(t->edu, kept[i].offset, kept[i].width,
		    kept[i].offset == EDU_LIVE ? (uint32_t)~values[i] :
		    values[i]);
}

/* What FILE says counts; without it, what is known of QEMU. */
static void
judge(const struct exam_check *c, enum exam_result expected,
    struct exam_verdict *v)
{
	char text[sizeof(v->text)];

	if (expected == EXAM_RESULTS) {
		v->known = v->result != EXAM_SKIP ? c->known : NULL;
		v->is_failure = v->result == EXAM_FAIL && v->known == NULL;
		return;
	}
	v->known = expected == EXAM_FAIL && v->result == EXAM_FAIL ?
	    "expected" : NULL;
	v->is_failure = v->result != expected;
	if (!v->is_failure)
		return;
	memcpy(text, v->text, sizeof(text));
	(void)snprintf(v->text, sizeof(v->text), "%s, expected was %s%s%.500s",
	    exam_word(v->result), exam_word(expected),
	    text[0] != '\0' ? ": " : "", text);
}

static int
is_wanted(const struct tool *t, const struct exam *e, size_t i)
{

	return e->is_all || exam_checks[i].is_quick ||
	    (exam_checks[i].run == exam_unplug && t->unplug_s != 0);
}

static void
run_check(struct tool *t, struct exam *e, size_t i)
{
	struct exam_verdict *v = &e->verdicts[i];

	v->text[0] = '\0';
	v->result = exam_checks[i].run(t, v);
	judge(&exam_checks[i], e->expected[i], v);
	e->is_done[i] = 1;
	e->count.tests++;
	if (v->is_failure)
		e->count.failures++;
	if (!v->is_failure && v->result != EXAM_OK)
		e->count.skipped++;
}

static void
run_all(struct tool *t, struct exam *e)
{
	size_t i;

	for (i = 0; exam_checks[i].name != NULL; i++) {
		if (!is_wanted(t, e, i))
			continue;
		if (signal_caught() != 0)
			return;
		run_check(t, e, i);
		if (!e->is_junit)
			exam_report(t, e->count.tests, &exam_checks[i],
			    &e->verdicts[i]);
	}
}

static void
report_junit(struct tool *t, const struct exam *e)
{
	size_t i;

	exam_junit_start(edu_name(t->edu), edu_kernel_side(t->edu), &e->count);
	for (i = 0; exam_checks[i].name != NULL; i++)
		if (e->is_done[i])
			exam_junit_case(&exam_checks[i], &e->verdicts[i]);
	exam_junit_end();
}

static int
examine(struct tool *t, struct exam *e)
{
	uint64_t values[NKEPT];
	int status;

	if ((status = keep(t, values)) != 0)
		return status;
	json_array(&t->doc, "tests");
	run_all(t, e);
	json_end(&t->doc);
	put_back(t, values);
	if (e->is_junit)
		report_junit(t, e);
	if (signal_caught() != 0)
		return fail_signal(t);
	if (e->count.failures != 0)
		return fail(t, EX_SOFTWARE, 0, "%s: %zu of %zu tests failed",
		    edu_name(t->edu), e->count.failures, e->count.tests);
	return 0;
}

static void
plan(struct tool *t, const struct exam *e)
{
	size_t count = 0, i;

	for (i = 0; exam_checks[i].name != NULL; i++)
		count += is_wanted(t, e, i) != 0;
	say(t, "1..%zu\n", count);
}

int
cmd_selftest(struct tool *t, const struct args *a)
{
	static struct exam e;
	int status;

	if (a->is_junit && t->is_json)
		return fail_usage(t, "-j and --junit exclude each other");
	e.is_all = a->is_all;
	e.is_junit = a->is_junit;
	if ((status = exam_expect(t, a->expect, e.expected)) != 0)
		return status;
	if (!e.is_junit)
		plan(t, &e);
	if ((status = device_open(t, 0)) == 0)
		return examine(t, &e);
	if (e.is_junit)
		exam_junit_error(t->error);
	else
		say(t, "Bail out! %s\n", t->error);
	return status;
}
