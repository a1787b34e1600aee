/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Verdicts, as TAP (version 13), in the JSON document, and as JUnit XML. */

#include <stdio.h>

#include "exam.h"

const char *
exam_word(enum exam_result result)
{
	static const char *const words[] = { "ok", "skip", "not ok",
	    "nothing" };

	return words[result];
}

/* TAP's verdict is that of the examination, not of the check. */
static void
report_tap(struct tool *t, size_t number, const struct exam_check *c,
    const struct exam_verdict *v)
{

	say(t, "%sok %zu - %s (%s)", v->is_failure ||
	    v->result == EXAM_FAIL ? "not " : "", number, c->name, c->source);
	if (v->result == EXAM_SKIP && !v->is_failure)
		say(t, " # SKIP %s", v->text);
	else if (v->known != NULL)
		say(t, " # TODO %s", v->known);
	say(t, "\n");
	if (v->text[0] != '\0' && (v->is_failure || v->result == EXAM_FAIL))
		say(t, "# %s\n", v->text);
}

void
exam_report(struct tool *t, size_t number, const struct exam_check *c,
    const struct exam_verdict *v)
{
	struct json *j = &t->doc;

	report_tap(t, number, c, v);
	json_object(j, NULL);
	json_string(j, "name", c->name);
	json_string(j, "source", c->source);
	json_string(j, "result", exam_word(v->result));
	json_bool(j, "failed", v->is_failure);
	if (v->text[0] != '\0')
		json_string(j, "reason", v->text);
	if (v->known != NULL)
		json_string(j, "known", v->known);
	json_end(j);
}

/* The messages have no control characters, see edu_errmsg(). */
static void
print_escaped(const char *text)
{

	for (; *text != '\0'; text++)
		switch (*text) {
		case '&':
			(void)fputs("&amp;", stdout);
			break;
		case '<':
			(void)fputs("&lt;", stdout);
			break;
		case '>':
			(void)fputs("&gt;", stdout);
			break;
		case '"':
			(void)fputs("&quot;", stdout);
			break;
		default:
			(void)putchar(*text);
		}
}

static void
print_attribute(const char *name, const char *value)
{

	(void)printf(" %s=\"", name);
	print_escaped(value);
	(void)putchar('"');
}

static void
print_property(const char *name, const char *value)
{

	(void)printf("    <property");
	print_attribute("name", name);
	print_attribute("value", value);
	(void)puts("/>");
}

static void
print_start(size_t tests, size_t failures, size_t errors, size_t skipped)
{

	(void)printf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	    "<testsuites>\n  <testsuite name=\"edutool selftest\" "
	    "tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\">\n",
	    tests, failures, errors, skipped);
}

void
exam_junit_start(const char *device, const char *kernel_side,
    const struct exam_count *n)
{

	print_start(n->tests, n->failures, 0, n->skipped);
	(void)puts("   <properties>");
	print_property("version", EDU_VERSION);
	print_property("device", device);
	print_property("kernel_side", kernel_side);
	(void)puts("   </properties>");
}

/* What is known to fail is no failure, and JUnit has no word for it. */
void
exam_junit_case(const struct exam_check *c, const struct exam_verdict *v)
{
	const char *element = v->is_failure ? "failure" : "skipped";

	(void)printf("   <testcase");
	print_attribute("classname", c->source);
	print_attribute("name", c->name);
	if (!v->is_failure && v->result == EXAM_OK) {
		(void)puts("/>");
		return;
	}
	(void)printf("><%s", element);
	print_attribute("message", v->text);
	(void)puts("/></testcase>");
}

void
exam_junit_end(void)
{

	(void)puts("  </testsuite>\n</testsuites>");
}

void
exam_junit_error(const char *message)
{

	print_start(1, 0, 1, 0);
	(void)printf("   <testcase classname=\"edutool\" name=\"open\"><error");
	print_attribute("message", message);
	(void)puts("/></testcase>");
	exam_junit_end();
}
