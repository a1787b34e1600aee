/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Factorials of 12, polled for. */

#include "bench.h"

#define N		12
#define BATCHES		20
#define BATCH		50

/* Each way of the library's to wait for one. */
static const struct way {
	struct bench_row row;
	unsigned flags;
	int	is_shown;	/* as a histogram */
} ways[] = {
	{ { "factorial", "12!, polled for", "/s", "a mapped loop" }, 0, 1 },
	{ { "factorial", "12!, EDU_SPIN", "/s", "a mapped loop" },
	    EDU_SPIN, 0 },
	{ { "factorial", "12!, EDU_SLEEP", "/s", "a mapped loop" },
	    EDU_SLEEP, 0 }
};
#define WAYS	(sizeof(ways) / sizeof(ways[0]))

/* Microseconds of a batch. */
static int
compute(struct bench *b, const struct way *way, double *us)
{
	double end_us, first_us = bench_now_us(), start_us = first_us;
	uint32_t result;
	int i;

	for (i = 0; i < BATCH; i++) {
		if (edu_factorial(b->edu, N, way->flags,
		    device_timeout(b->tool), &result) == -1)
			return fail_device(b->tool, NULL);
		end_us = bench_now_us();
		if (way->is_shown)
			bench_latency(b, &way->row, BENCH_LIBEDU,
			    end_us - start_us);
		start_us = end_us;
	}
	*us = start_us - first_us;
	return 0;
}

static void
compute_bare(struct bench *b, double *us)
{
	double end_us, first_us = bench_now_us(), start_us = first_us;
	int i;

	for (i = 0; i < BATCH; i++) {
		bench_store(b->bar0, EDU_FACTORIAL, N);
		while (bench_load(b->bar0, EDU_STATUS) & EDU_STATUS_COMPUTING)
			continue;
		(void)bench_load(b->bar0, EDU_FACTORIAL);
		end_us = bench_now_us();
		bench_latency(b, &ways[0].row, BENCH_BARE, end_us - start_us);
		start_us = end_us;
	}
	*us = start_us - first_us;
}

/* The batch in the middle counts, for the host disturbs a few. */
static double
rate(double us[BATCHES])
{
	double median_us = bench_median(us, BATCHES);

	return median_us > 0 ? BATCH / median_us * 1e6 : 0;
}

int
bench_factorial(struct bench *b)
{
	double bare_us[BATCHES] = { 0 }, bare, us[WAYS][BATCHES];
	int batch, status;
	size_t i;

	/* For the bare loop as well: the engine is not to interrupt. */
	if (edu_write(b->edu, EDU_STATUS, 4, 0) == -1)
		return fail_device(b->tool, NULL);
	for (batch = 0; batch < BATCHES; batch++) {
		for (i = 0; i < WAYS; i++)
			if ((status = compute(b, &ways[i],
			    &us[i][batch])) != 0)
				return status;
		if (b->bar0 != NULL)
			compute_bare(b, &bare_us[batch]);
	}
	bare = rate(bare_us);
	for (i = 0; i < WAYS; i++)
		bench_sample(b, &ways[i].row, rate(us[i]), bare);
	return 0;
}
