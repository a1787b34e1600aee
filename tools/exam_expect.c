/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * A file of expected verdicts: a line has one, "ok", "not ok" or "skip", and
 * the name of a check; empty lines, and those that begin with "#", have none.
 */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "exam.h"

#define MAX_LINE	256

/* The check of this name, or -1. */
static int
find(const char *name)
{
	int i;

	for (i = 0; exam_checks[i].name != NULL; i++)
		if (strcmp(exam_checks[i].name, name) == 0)
			return i;
	return -1;
}

/* What stands behind the verdict, or NULL. */
static const char *
parse_verdict(const char *line, enum exam_result *result)
{
	enum exam_result r;
	size_t length;

	for (r = EXAM_OK; r < EXAM_RESULTS; r++) {
		length = strlen(exam_word(r));
		if (strncmp(line, exam_word(r), length) == 0 &&
		    line[length] == ' ') {
			*result = r;
			return line + length + strspn(line + length, " ");
		}
	}
	return NULL;
}

static int
parse_line(struct tool *t, const char *file, unsigned number,
    const char *line, enum exam_result *expected)
{
	enum exam_result result;
	const char *name;
	int i;

	if (line[0] == '\0' || line[0] == '#')
		return 0;
	if ((name = parse_verdict(line, &result)) == NULL)
		return fail(t, EX_DATAERR, 0, "%s:%u: '%s' does not begin "
		    "with ok, not ok or skip", file, number, line);
	if ((i = find(name)) == -1)
		return fail(t, EX_DATAERR, 0, "%s:%u: there is no check '%s'",
		    file, number, name);
	expected[i] = result;
	return 0;
}

static int
read_lines(struct tool *t, FILE *f, const char *file,
    enum exam_result *expected)
{
	char line[MAX_LINE];
	unsigned number = 0;
	size_t length;
	int status = 0;

	while (status == 0 && fgets(line, sizeof(line), f) != NULL) {
		length = strlen(line);
		while (length > 0 && isspace((unsigned char)line[length - 1]))
			line[--length] = '\0';
		status = parse_line(t, file, ++number, line, expected);
	}
	if (status == 0 && ferror(f))
		return fail_errno(t, EX_IOERR, "%s", file);
	return status;
}

int
exam_expect(struct tool *t, const char *file, enum exam_result *expected)
{
	size_t i;
	FILE *f;
	int status;

	for (i = 0; exam_checks[i].name != NULL; i++)
		expected[i] = EXAM_RESULTS;
	if (file == NULL)
		return 0;
	if ((f = fopen(file, "r")) == NULL)
		return fail_errno(t, EX_NOINPUT, "%s", file);
	status = read_lines(t, f, file, expected);
	(void)fclose(f);
	return status;
}
