/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* What bench has measured, and the clocks. */

#include <stdlib.h>
#include <time.h>

#include "bench.h"

static double
read_clock(clockid_t which)
{
	struct timespec now;

	(void)clock_gettime(which, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

double
bench_now_us(void)
{

	return read_clock(CLOCK_MONOTONIC);
}

double
bench_processor_us(void)
{

	return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

static int
compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

double
bench_median(double *values, size_t count)
{

	qsort(values, count, sizeof(*values), compare);
	return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

static struct bench_samples *
samples_of(struct bench *b, const struct bench_row *row)
{
	struct bench_samples *s;
	size_t i;

	for (i = 0; i < b->nsamples; i++)
		if (b->samples[i].row == row)
			return &b->samples[i];
	if (b->nsamples == BENCH_ROWS)
		return NULL;
	s = &b->samples[b->nsamples++];
	s->row = row;
	return s;
}

void
bench_sample(struct bench *b, const struct bench_row *row, double libedu,
    double bare)
{
	struct bench_samples *s = samples_of(b, row);

	if (s == NULL || s->count == BENCH_REPETITIONS)
		return;
	s->value[BENCH_LIBEDU][s->count] = libedu;
	s->value[BENCH_BARE][s->count++] = bare;
}

const char *
bench_name(const struct bench *b, size_t index)
{

	return b->list != NULL ? edu_list_name(b->list, index) :
	    b->tool->device;
}

static struct bench_histogram *
histogram_of(struct bench *b, const struct bench_row *row)
{
	struct bench_histogram *h;
	size_t i;

	for (i = 0; i < b->nhistograms; i++)
		if (b->histograms[i].row == row)
			return &b->histograms[i];
	if (b->nhistograms == BENCH_HISTOGRAMS)
		return NULL;
	h = &b->histograms[b->nhistograms++];
	h->row = row;
	return h;
}

void
bench_latency(struct bench *b, const struct bench_row *row,
    enum bench_side side, double us)
{
	struct bench_histogram *h = histogram_of(b, row);
	size_t i = 0;

	while (i < BENCH_BUCKETS - 1 && us > (double)(1U << i))
		i++;
	if (h != NULL)
		h->count[side][i]++;
}
