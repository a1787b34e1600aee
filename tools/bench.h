/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef BENCH_H
#define BENCH_H

/*
 * edutool bench: what the library takes, beside bare loops that do the same by
 * hand, on the same device at the same time.  A machine's speed is in both, so
 * their ratio is what counts.
 */

#include "edutool.h"

#define BENCH_REPETITIONS	100	/* at most */
#define BENCH_ROWS		40
#define BENCH_HISTOGRAMS	4
#define BENCH_BUCKETS		24	/* of 2^i microseconds and less */

/* The two sides of a comparison. */
enum bench_side {
	BENCH_LIBEDU,
	BENCH_BARE,
	BENCH_SIDES
};

/* What one row of the table compares. */
struct bench_row {
	const char *figure;	/* "dma" */
	const char *what;	/* "processor time a chunk" */
	const char *unit;	/* "us"; of a rate, "/s" at its end */
	const char *against;	/* "1 ms poll loop"; empty: nothing */
};

/* How long each of many operations of a row took. */
struct bench_histogram {
	const struct bench_row *row;
	unsigned count[BENCH_SIDES][BENCH_BUCKETS];
};

struct bench_samples {
	const struct bench_row *row;
	double	value[BENCH_SIDES][BENCH_REPETITIONS];
	int	count;
};

struct bench {
	struct tool *tool;
	struct edu *edu;	/* the first of the devices */
	const struct edu_list *list;	/* NULL: the one that -d names */
	size_t	count;		/* of devices */
	volatile char *bar0;	/* of the first, or NULL: not mapped */
	int	repetitions;
	struct bench_samples samples[BENCH_ROWS];
	size_t	nsamples;
	struct bench_histogram histograms[BENCH_HISTOGRAMS];
	size_t	nhistograms;
	struct edu *devices[];
};

/* bench.c */
/* A clock that never jumps, and this process's processor time. */
double bench_now_us(void);
double bench_processor_us(void);
/* Sorts them. */
double bench_median(double *values, size_t count);
/* What both sides took in a repetition; 0 for a bare one that there is not. */
void bench_sample(struct bench *, const struct bench_row *, double libedu,
    double bare);
void bench_latency(struct bench *, const struct bench_row *,
    enum bench_side, double us);

/* The device's, as edu_open() takes it. */
const char *bench_name(const struct bench *, size_t index);

/* bench_report.c: the table, the histograms, and both in the document. */
void bench_report(struct bench *);

/*
 * The bare loops know nothing of the library.  It maps BAR0 to write to it, but
 * hands it out to be read, lest somebody goes past what it believes of the
 * device: who does that, as we do, tells it by edu_write() afterwards.
 */
static inline volatile char *
bench_bar0(struct edu *edu)
{

	return (volatile char *)(uintptr_t)edu_bar0(edu);
}

static inline uint32_t
bench_load(volatile char *bar0, unsigned offset)
{

	return *(volatile uint32_t *)(volatile void *)(bar0 + offset);
}

static inline void
bench_store(volatile char *bar0, unsigned offset, uint32_t value)
{

	*(volatile uint32_t *)(volatile void *)(bar0 + offset) = value;
}

static inline void
bench_store64(volatile char *bar0, unsigned offset, uint64_t value)
{

	*(volatile uint64_t *)(volatile void *)(bar0 + offset) = value;
}

/* Each is one repetition of a figure: 0, or an exit status. */
int bench_bytes(struct bench *);	/* bench_dma.c */
int bench_dma(struct bench *);
int bench_factorial(struct bench *);
int bench_irq(struct bench *);
int bench_open(struct bench *);		/* with none of the devices open */
int bench_read(struct bench *);

#endif /* BENCH_H */
