/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* What a register read takes. */

#include "bench.h"

#define READS		20000
#define READS_UNMAPPED	1000

static const struct bench_row checked = {
	"read", "edu_read()", "ns", "a volatile load"
}, inlined = {
	"read", "edu_bar0_read()", "ns", "a volatile load"
};

/* Nanoseconds a read; 0 when it fails. */
static double
read_checked(struct bench *b, unsigned count)
{
	double start_us = bench_now_us();
	uint64_t value;
	unsigned i;

	for (i = 0; i < count; i++)
		if (edu_read(b->edu, EDU_ID, 4, &value) == -1)
			return 0;
	return (bench_now_us() - start_us) * 1e3 / count;
}

static double
read_inlined(struct bench *b, unsigned count)
{
	const volatile void *bar0 = edu_bar0(b->edu);
	double start_us = bench_now_us();
	unsigned i;

	for (i = 0; i < count; i++)
		(void)edu_bar0_read(bar0, EDU_ID);
	return (bench_now_us() - start_us) * 1e3 / count;
}

static double
load(struct bench *b, unsigned count)
{
	double start_us = bench_now_us();
	unsigned i;

	for (i = 0; i < count; i++)
		(void)bench_load(b->bar0, EDU_ID);
	return (bench_now_us() - start_us) * 1e3 / count;
}

int
bench_read(struct bench *b)
{
	unsigned count = b->bar0 != NULL ? READS : READS_UNMAPPED;
	double bare_ns = 0, checked_ns, inlined_ns = 0;

	if ((checked_ns = read_checked(b, count)) <= 0)
		return fail_device(b->tool, NULL);
	if (b->bar0 != NULL) {
		bare_ns = load(b, count);
		inlined_ns = read_inlined(b, count);
	}
	bench_sample(b, &checked, checked_ns, bare_ns);
	if (b->bar0 != NULL)
		bench_sample(b, &inlined, inlined_ns, bare_ns);
	return 0;
}
