/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef H_EXAM_H
#define H_EXAM_H

/*
 * The checks of edutool selftest, one at a time, on a device that the tap makes
 * wrong: each has to notice.
 */

#include <atf-c.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "../tools/exam.h"
#include "h_tap.h"

/* Of such accesses these, counted from 0, have bits inverted, or are lost. */
struct lie {
	const char	*name;		/* of the check that has to see it */
	int		is_config;
	int		is_write;
	unsigned	offset;
	uint64_t	bits;		/* 0: lost */
	size_t		first;
	size_t		count;		/* 0: all from there on */
};

static const struct lie *lie;
static size_t lie_seen;

static inline enum tap_verdict
lie_hook(size_t i, struct tap_access *a)
{
	size_t n;

	(void)i;
	if (a->is_config != lie->is_config || a->is_write != lie->is_write ||
	    a->offset != lie->offset)
		return TAP_PASS;
	n = lie_seen++;
	if (n < lie->first || (lie->count != 0 &&
	    n >= lie->first + lie->count))
		return TAP_PASS;
	a->value ^= lie->bits;
	return lie->bits != 0 ? TAP_PASS : TAP_LOSE;
}

/* A bit of the command register that is not changed, and seems to be. */
static uint32_t stuck;
static uint32_t stuck_shown;
static uint32_t stuck_real;

static inline enum tap_verdict
stuck_hook(size_t i, struct tap_access *a)
{

	(void)i;
	if (!a->is_config || a->offset != PCI_COMMAND)
		return TAP_PASS;
	if (a->is_write) {
		stuck_shown = (uint32_t)a->value & stuck;
		a->value = (a->value & ~(uint64_t)stuck) | stuck_real;
	} else
		a->value = (a->value & ~(uint64_t)stuck) | stuck_shown;
	return TAP_PASS;
}

static inline size_t
find_check(const char *name)
{
	size_t i;

	for (i = 0; exam_checks[i].name != NULL; i++)
		if (strcmp(exam_checks[i].name, name) == 0)
			return i;
	atf_tc_fail("there is no check '%s'", name);
}

/* The result of one check, with this hook. */
static inline enum exam_result
run_check(struct edu *edu, const char *name,
    enum tap_verdict (*hook)(size_t, struct tap_access *), char *text,
    size_t size)
{
	struct exam_verdict v = { .text = "" };
	struct tool t = { .edu = edu, .timeout_ms = 300 };
	enum exam_result result;

	tap_reset();
	tap.hook = hook;
	lie_seen = 0;
	result = exam_checks[find_check(name)].run(&t, &v);
	tap_reset();
	(void)snprintf(text, size, "%s", v.text);
	return result;
}

static inline void
check_result(struct edu *edu, const char *name,
    enum tap_verdict (*hook)(size_t, struct tap_access *),
    enum exam_result expected)
{
	enum exam_result result;
	char text[640];

	result = run_check(edu, name, hook, text, sizeof(text));
	ATF_CHECK_MSG(result == expected, "%s: %s, not %s: %s", name,
	    exam_word(result), exam_word(expected), text);
}

#endif /* H_EXAM_H */
