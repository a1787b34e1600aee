/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "bench.h"

#define REPETITIONS	5

static const struct figure {
	const char *name;
	int	(*run)(struct bench *);
	int	opens;		/* the devices, by itself */
} figures[] = {
	{ "open", bench_open, 1 },
	{ "read", bench_read, 0 },
	{ "factorial", bench_factorial, 0 },
	{ "irq", bench_irq, 0 },
	{ "dma", bench_dma, 0 },
	{ "bytes", bench_bytes, 0 },
};
#define FIGURES	(sizeof(figures) / sizeof(figures[0]))

static int
is_wanted(const struct args *a, const struct figure *f)
{
	int i;

	for (i = 0; i < a->noperands; i++)
		if (strcmp(a->operand[i], f->name) == 0)
			return 1;
	return a->noperands == 0;
}

static int
check_figures(struct tool *t, const struct args *a)
{
	size_t f;
	int i;

	for (i = 0; i < a->noperands; i++) {
		for (f = 0; f < FIGURES; f++)
			if (strcmp(a->operand[i], figures[f].name) == 0)
				break;
		if (f == FIGURES)
			return fail_usage(t, "there is no figure '%s'",
			    a->operand[i]);
	}
	if (a->count > BENCH_REPETITIONS)
		return fail_usage(t, "-n: at most %d repetitions are kept",
		    BENCH_REPETITIONS);
	return 0;
}

/* The first is the tool's, which closes it. */
static int
open_devices(struct bench *b)
{
	uint64_t mask = b->tool->dma_mask;
	int status;
	size_t i;

	if ((status = device_open_name(b->tool, bench_name(b, 0),
	    0)) != 0)
		return status;
	b->edu = b->devices[0] = b->tool->edu;
	b->bar0 = bench_bar0(b->edu);
	for (i = 1; i < b->count; i++) {
		if ((b->devices[i] = edu_open(bench_name(b, i), 0)) == NULL)
			return fail_handle(b->tool, NULL, NULL);
		if (mask != 0 && edu_dma_set_mask(b->devices[i], mask) == -1)
			return fail_handle(b->tool, b->devices[i], NULL);
	}
	return 0;
}

/* Everything in turns, so that what changes meanwhile is in all of it. */
static int
repeat(struct bench *b, const struct args *a, int opens)
{
	struct progress progress;
	int i, status = 0;
	size_t f;

	progress_start(&progress, "bench", (uint64_t)b->repetitions * FIGURES);
	for (i = 0; i < b->repetitions; i++)
		for (f = 0; f < FIGURES && status == 0; f++) {
			if (figures[f].opens == opens &&
			    is_wanted(a, &figures[f]))
				status = figures[f].run(b);
			if (status == 0 && signal_caught() != 0)
				status = fail_signal(b->tool);
			progress_update(&progress, (uint64_t)i * FIGURES + f);
		}
	progress_end(&progress);
	return status;
}

static int
measure(struct bench *b, const struct args *a)
{
	int status;
	size_t i;

	if ((status = repeat(b, a, 1)) == 0 &&
	    (status = open_devices(b)) == 0 &&
	    (status = repeat(b, a, 0)) == 0)
		bench_report(b);
	for (i = 1; i < b->count; i++)
		edu_close(b->devices[i]);
	return status;
}

/* All devices of the list, or the one that -d names. */
static int
measure_listed(struct tool *t, const struct args *a,
    const struct edu_list *list)
{
	size_t count = list != NULL ? edu_list_count(list) : 1;
	struct bench *b;
	int status;

	if (count == 0)
		return fail(t, EX_NOINPUT, ENOENT, "there is no edu device "
		    "(PCI 1234:11e8)");
	b = calloc(1, sizeof(*b) + count * sizeof(b->devices[0]));
	if (b == NULL)
		return fail(t, EX_OSERR, ENOMEM, "out of memory");
	b->tool = t;
	b->list = list;
	b->count = count;
	b->repetitions = a->count != 0 ? (int)a->count : REPETITIONS;
	status = measure(b, a);
	free(b);
	return status;
}

int
cmd_bench(struct tool *t, const struct args *a)
{
	struct edu_list *list = NULL;
	int status;

	if ((status = check_figures(t, a)) != 0)
		return status;
	if (t->device == NULL && (list = edu_list_new()) == NULL)
		return fail_device(t, NULL);
	status = measure_listed(t, a, list);
	edu_list_free(list);
	return status;
}
