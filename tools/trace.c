/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * --trace, one line for every access and wait; with -j a JSON document each.
 * --chart, the same for mscgen(1) to draw.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "edutool.h"

#define TEXT_SIZE	256

static const struct {
	const char *text;	/* of --trace */
	const char *access;	/* of -j */
	const char *arc;	/* of --chart */
} kinds[] = {
	[EDU_TRACE_CONFIG_READ] = { "cr", "config_read", "p<<d" },
	[EDU_TRACE_CONFIG_WRITE] = { "cw", "config_write", "p=>d" },
	[EDU_TRACE_READ] = { "r", "read", "p<<d" },
	[EDU_TRACE_WRITE] = { "w", "write", "p=>d" },
	[EDU_TRACE_SLEEP] = { "sleep", "sleep", "p box p" },
	[EDU_TRACE_WAIT] = { "wait", "wait", "p=>k" },
	[EDU_TRACE_WAKE] = { "wake", "wake", "p<<k" },
	[EDU_TRACE_REARM] = { "rearm", "rearm", "p=>k" },
	[EDU_TRACE_TAKE] = { "take", "take", "p<<k" },
	[EDU_TRACE_RESET] = { "reset", "reset", "p=>d" }
};

static void
name(struct tracer *tr, const struct edu_trace_event *e, struct named *n)
{

	n->name = NULL;
	n->bits[0] = '\0';
	if (e->kind == EDU_TRACE_CONFIG_READ ||
	    e->kind == EDU_TRACE_CONFIG_WRITE)
		name_config(&tr->namer, n, e->offset, (uint32_t)e->value);
	else if (e->kind == EDU_TRACE_READ || e->kind == EDU_TRACE_WRITE)
		name_register(n, e->offset, e->value);
	else if (e->kind == EDU_TRACE_TAKE)
		name_interrupts(n, e->value);
}

/* What stands behind "wait" and the like. */
static void
describe_wait(const struct edu_trace_event *e, char *text, size_t size)
{

	text[0] = '\0';
	if (e->kind == EDU_TRACE_SLEEP || e->kind == EDU_TRACE_WAIT) {
		if (e->value == UINT64_MAX)
			(void)snprintf(text, size, " for ever");
		else
			(void)snprintf(text, size, " %" PRIu64 ".%03u ms",
			    e->value / 1000000,
			    (unsigned)(e->value / 1000 % 1000));
	} else if (e->kind == EDU_TRACE_WAKE && e->value != 0)
		(void)snprintf(text, size, " by interrupt");
}

/* "w 0x20 STATUS = 0x80 (IRQFACT)" */
static void
describe(struct tracer *tr, const struct edu_trace_event *e, char *text,
    size_t size)
{
	char wait[64];
	struct named n;
	int used;

	name(tr, e, &n);
	describe_wait(e, wait, sizeof(wait));
	if (e->width == 0 && e->kind != EDU_TRACE_TAKE)
		used = snprintf(text, size, "%s%s", kinds[e->kind].text, wait);
	else if (e->width == 0)
		used = snprintf(text, size, "%s 0x%" PRIx64,
		    kinds[e->kind].text, e->value);
	else
		used = snprintf(text, size, "%s 0x%02x%s%s = 0x%" PRIx64,
		    kinds[e->kind].text, e->offset, n.name != NULL ? " " : "",
		    n.name != NULL ? n.name : "", e->value);
	if (n.bits[0] != '\0')
		used += snprintf(text + used, size - (size_t)used, " (%s)",
		    n.bits);
	if (e->error != 0)
		(void)snprintf(text + used, size - (size_t)used, " (%s)",
		    strerror(e->error));
}

static void
print_text(struct tracer *tr, const struct edu_trace_event *e)
{
	char text[TEXT_SIZE];

	describe(tr, e, text, sizeof(text));
	if (tr->is_timed)
		(void)fprintf(tr->file, "%10.6f ",
		    (double)(e->time_ns - tr->start_ns) / 1e9);
	(void)fprintf(tr->file, "%s\n", text);
}

static void
json_bits(struct json *j, char *bits)
{
	char *bit, *next = bits;

	json_array(j, "bits");
	while ((bit = strsep(&next, " ")) != NULL)
		if (*bit != '\0')
			json_string(j, NULL, bit);
	json_end(j);
}

static void
print_json(struct tracer *tr, const struct edu_trace_event *e)
{
	struct json *j = &tr->line;
	struct named n;

	name(tr, e, &n);
	json_number(j, "time_ns", (uint64_t)e->time_ns);
	json_string(j, "device", e->device);
	json_string(j, "access", kinds[e->kind].access);
	if (e->width != 0) {
		json_number(j, "offset", e->offset);
		json_number(j, "width", e->width);
		if (n.name != NULL)
			json_string(j, "name", n.name);
		else
			json_null(j, "name");
	}
	if (e->value == UINT64_MAX && e->width == 0)
		json_null(j, "value");
	else
		json_number(j, "value", e->value);
	json_bits(j, n.bits);
	if (e->error != 0)
		json_string(j, "error", strerror(e->error));
	json_end_to(j, 0);
	if (!j->is_lost)
		(void)fprintf(tr->file, "%s\n", j->text);
	else
		tr->is_lost = 1;
	j->length = 0;
	j->has_members = j->is_lost = 0;
}

/* What was repeated is one arc. */
static void
flush_arc(struct tracer *tr)
{

	if (tr->count == 1)
		(void)fprintf(tr->file, "%s\"];\n", tr->arc);
	else if (tr->count > 1)
		(void)fprintf(tr->file, "%s, %u times\"];\n", tr->arc,
		    tr->count);
	tr->count = 0;
}

/* The end of a sleep shows in what comes next. */
static void
print_arc(struct tracer *tr, const struct edu_trace_event *e)
{
	char arc[sizeof(tr->arc)], text[TEXT_SIZE];
	const char *shape = kinds[e->kind].arc;

	describe(tr, e, text, sizeof(text));
	if (e->kind == EDU_TRACE_WAKE && !tr->is_waiting)
		return;
	tr->is_waiting = e->kind == EDU_TRACE_WAIT;
	(void)snprintf(arc, sizeof(arc), "  %s [label=\"%s", shape, text);
	if (strcmp(arc, tr->arc) != 0 || tr->count == 0)
		flush_arc(tr);
	if (e->kind == EDU_TRACE_WAKE && e->value != 0)
		(void)fprintf(tr->file, "  d=>>k [label=\"interrupt\"];\n");
	memcpy(tr->arc, arc, sizeof(arc));
	tr->count++;
}

/* A command may open several, one after the other. */
static void
change_device(struct tool *t, const char *device)
{
	struct tracer *tr = &t->tracer;

	if (tr->device[0] != '\0' && !tr->is_chart && !t->is_json)
		(void)fprintf(tr->file, "-- %s\n", device);
	(void)snprintf(tr->device, sizeof(tr->device), "%s", device);
	memset(&tr->namer, 0, sizeof(tr->namer));
}

static void
print_event(void *arg, const struct edu_trace_event *e)
{
	struct tool *t = arg;
	struct tracer *tr = &t->tracer;

	if (tr->start_ns == 0)
		tr->start_ns = e->time_ns;
	if (strcmp(tr->device, e->device) != 0)
		change_device(t, e->device);
	/* For a picture, what the command itself does. */
	if (tr->is_chart && (t->edu != NULL || t->is_verbose))
		print_arc(tr, e);
	else if (tr->is_chart)
		return;
	else if (t->is_json)
		print_json(tr, e);
	else
		print_text(tr, e);
}

int
trace_start(struct tool *t)
{
	struct tracer *tr = &t->tracer;

	if (!tr->is_wanted)
		return 0;
	tr->file = stderr;
	tr->is_timed = t->is_verbose;
	if (tr->path != NULL && (tr->file = fopen(tr->path, "we")) == NULL)
		return fail_errno(t, 0, "%s", tr->path);
	/* What has happened is seen, whatever happens next. */
	(void)setvbuf(tr->file, NULL, _IOLBF, 0);
	if (tr->is_chart)
		(void)fprintf(tr->file, "msc {\n  hscale=\"1.2\";\n"
		    "  p [label=\"program\"], k [label=\"kernel side\"],\n"
		    "  d [label=\"device\"];\n");
	edu_trace_opens(print_event, t);
	return 0;
}

int
trace_end(struct tool *t, int status)
{
	struct tracer *tr = &t->tracer;

	if (tr->file == NULL)
		return status;
	if (tr->is_chart) {
		flush_arc(tr);
		(void)fprintf(tr->file, "}\n");
	}
	free(tr->line.text);
	if (ferror(tr->file) | tr->is_lost |
	    (tr->file != stderr && fclose(tr->file) == EOF))
		status = fail(t, EX_IOERR, EIO, "the trace is not complete: "
		    "%s", tr->path != NULL ? tr->path : "standard error");
	return status;
}
