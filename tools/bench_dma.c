/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * DMA of all devices at once, by one thread: copies from memory of each to the
 * device and back, compared.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "bench.h"

#define CHUNK_US	(EDU_DMA_TIME_MS * 1e3)
#define CHUNKS		16	/* of a device, one half out and one back */
#define BARE_CHUNKS	3	/* of a device, by a bare loop */
#define NAP_NS		1000000

static const struct bench_row together = {
	"dma", "chunks of all devices together", "/s",
	"devices x chunk / 100 ms"
}, napping = {
	"dma", "processor time a chunk", "us", "a 1 ms poll loop"
}, naive = {
	"dma", "processor time a chunk", "us", "a naive poll loop"
}, looks = {
	"dma", "looks at a chunk", "", "one when it is done"
};

/* Copies of so many bytes: how fast, and the processor time of each. */
static const struct size {
	size_t	length;
	struct bench_row rate;
	struct bench_row processor;
} sizes[] = {
#define SIZE(length)	{ length, \
	{ "bytes", "copies of " #length " bytes", "B/s", "200 ms a chunk" }, \
	{ "bytes", "processor time of " #length " bytes", "us", "" } }
	SIZE(64), SIZE(512), SIZE(4095), SIZE(16380)
#undef SIZE
};

/* What a device copies, and how far a bare loop is with it. */
struct job {
	struct edu *edu;
	unsigned char *from;
	unsigned char *to;
	size_t	length;
	volatile char *bar0;
	uint64_t address;
	int	left;
};

struct cost {
	double	elapsed_us;
	double	processor_us;
};

static struct job *
jobs_new(struct bench *b, size_t length)
{
	struct job *jobs;
	size_t i, k;

	if ((jobs = calloc(b->count, sizeof(*jobs))) == NULL)
		return NULL;
	for (i = 0; i < b->count; i++) {
		jobs[i].edu = b->devices[i];
		jobs[i].length = length;
		jobs[i].from = edu_mem_alloc(b->devices[i], 2 * length);
		if (jobs[i].from == NULL)
			break;
		jobs[i].to = jobs[i].from + length;
		for (k = 0; k < length; k++)
			jobs[i].from[k] = (unsigned char)(rand() >> 4);
	}
	return jobs;
}

static void
jobs_free(struct bench *b, struct job *jobs)
{
	size_t i;

	for (i = 0; i < b->count; i++)
		edu_mem_free(b->devices[i], jobs[i].from);
	free(jobs);
}

/* What memory could not be had, if any. */
static int
jobs_check(struct bench *b, const struct job *jobs)
{
	size_t i;

	for (i = 0; i < b->count; i++)
		if (jobs[i].from == NULL)
			return fail_handle(b->tool, b->devices[i], NULL);
	return 0;
}

static int
submit(struct bench *b, struct job *jobs)
{
	size_t i;

	for (i = 0; i < b->count; i++)
		if (edu_submit_copy(jobs[i].edu, jobs[i].to, jobs[i].from,
		    jobs[i].length, 0, EDU_FOREVER, NULL) == -1)
			return fail_handle(b->tool, jobs[i].edu, NULL);
	return 0;
}

static int
await(struct bench *b, struct edu_set *set)
{
	struct edu_done done;
	size_t i;
	int n;

	for (i = 0; i < b->count; i++) {
		n = edu_set_wait(set, EDU_FOREVER, &done);
		if (n == -1)
			return fail_handle(b->tool, NULL, NULL);
		if (n == 0 || done.error != 0)
			return fail_handle(b->tool, done.edu, NULL);
	}
	return 0;
}

static int
verify(struct bench *b, const struct job *jobs)
{
	size_t i;

	for (i = 0; i < b->count; i++)
		if (memcmp(jobs[i].from, jobs[i].to, jobs[i].length) != 0)
			return fail(b->tool, EX_DATAERR, 0, "%s: what came "
			    "back differs", edu_name(jobs[i].edu));
	return 0;
}

static int
copy(struct bench *b, struct edu_set *set, struct job *jobs, struct cost *cost)
{
	double processor_us = bench_processor_us(), start_us = bench_now_us();
	int status;

	if ((status = submit(b, jobs)) != 0 || (status = await(b, set)) != 0)
		return status;
	cost->elapsed_us = bench_now_us() - start_us;
	cost->processor_us = bench_processor_us() - processor_us;
	return verify(b, jobs);
}

static int
copy_by_set(struct bench *b, struct job *jobs, struct cost *cost)
{
	struct edu_set *set;
	int status = 0;
	size_t i;

	if ((set = edu_set_new()) == NULL)
		return fail_handle(b->tool, NULL, NULL);
	for (i = 0; i < b->count && status == 0; i++)
		if (edu_set_add(set, jobs[i].edu) == -1)
			status = fail_handle(b->tool, jobs[i].edu, NULL);
	if (status == 0)
		status = copy(b, set, jobs, cost);
	edu_set_free(set);
	return status;
}

/* One chunk to the device, by hand. */
static void
start(struct job *job)
{

	bench_store64(job->bar0, EDU_DMA_SRC, job->address);
	bench_store64(job->bar0, EDU_DMA_DST, EDU_DMA_BUF);
	bench_store64(job->bar0, EDU_DMA_COUNT, EDU_DMA_BUF_SIZE - 1);
	bench_store64(job->bar0, EDU_DMA_CMD, EDU_DMA_CMD_RUN);
}

static int
prepare_bare(struct bench *b, struct job *jobs)
{
	size_t i;

	for (i = 0; i < b->count; i++) {
		jobs[i].bar0 = bench_bar0(jobs[i].edu);
		jobs[i].left = BARE_CHUNKS;
		if (edu_mem_address(jobs[i].edu, jobs[i].from,
		    &jobs[i].address) == -1)
			return fail_handle(b->tool, jobs[i].edu, NULL);
	}
	return 0;
}

/* Looks at each as often as it can, or with a nap between two rounds. */
static void
poll_all(struct bench *b, struct job *jobs, long nap_ns)
{
	const struct timespec nap = { 0, nap_ns };
	size_t busy = b->count, i;

	for (i = 0; i < b->count; i++)
		start(&jobs[i]);
	while (busy > 0) {
		if (nap_ns > 0)
			(void)nanosleep(&nap, NULL);
		for (i = 0; i < b->count; i++) {
			if (jobs[i].left == 0 || (bench_load(jobs[i].bar0,
			    EDU_DMA_CMD) & EDU_DMA_CMD_RUN))
				continue;
			if (--jobs[i].left > 0)
				start(&jobs[i]);
			else
				busy--;
		}
	}
}

/* And tell the library that its registers have been written to. */
static int
copy_bare(struct bench *b, struct job *jobs, long nap_ns, double *chunk_us)
{
	double processor_us;
	int status;
	size_t i;

	if ((status = prepare_bare(b, jobs)) != 0)
		return status;
	processor_us = bench_processor_us();
	poll_all(b, jobs, nap_ns);
	*chunk_us = (bench_processor_us() - processor_us) / BARE_CHUNKS /
	    (double)b->count;
	for (i = 0; i < b->count; i++)
		if (edu_write(jobs[i].edu, EDU_DMA_SRC, 8, 0) == -1)
			return fail_handle(b->tool, jobs[i].edu, NULL);
	return 0;
}

static int
measure_dma(struct bench *b, struct job *jobs)
{
	double chunk_us, naive_us = 0, napping_us = 0;
	double chunks = CHUNKS * (double)b->count;
	struct cost cost = { 0, 0 };
	int status;

	if ((status = copy_by_set(b, jobs, &cost)) != 0 ||
	    (b->bar0 != NULL &&
	    ((status = copy_bare(b, jobs, NAP_NS, &napping_us)) != 0 ||
	    (status = copy_bare(b, jobs, 0, &naive_us)) != 0)))
		return status;
	chunk_us = cost.processor_us / chunks;
	bench_sample(b, &together, chunks / cost.elapsed_us * 1e6,
	    1e6 / CHUNK_US * (double)b->count);
	bench_sample(b, &napping, chunk_us, napping_us);
	bench_sample(b, &naive, chunk_us, naive_us);
	return 0;
}

static void
count_look(void *arg, const struct edu_trace_event *e)
{
	double *count = arg;

	if (e->kind == EDU_TRACE_READ && e->offset == EDU_DMA_CMD)
		(*count)++;
}

/* By a copy of its own, for a trace takes time. */
static int
measure_looks(struct bench *b, struct job *jobs)
{
	double count = 0;
	struct cost cost;
	int status;
	size_t i;

	for (i = 0; i < b->count; i++)
		edu_trace(jobs[i].edu, count_look, &count);
	status = copy_by_set(b, jobs, &cost);
	for (i = 0; i < b->count; i++)
		edu_trace(jobs[i].edu, NULL, NULL);
	if (status == 0)
		bench_sample(b, &looks, count / (CHUNKS * (double)b->count),
		    1);
	return status;
}

int
bench_dma(struct bench *b)
{
	struct job *jobs;
	int status;

	jobs = jobs_new(b, CHUNKS / 2 * edu_dma_limit(b->edu));
	if (jobs == NULL)
		return fail(b->tool, EX_OSERR, ENOMEM, "out of memory");
	if ((status = jobs_check(b, jobs)) == 0 &&
	    (status = measure_dma(b, jobs)) == 0)
		status = measure_looks(b, jobs);
	jobs_free(b, jobs);
	return status;
}

static int
measure_size(struct bench *b, struct job *jobs, const struct size *size)
{
	size_t limit = edu_dma_limit(b->edu);
	size_t chunks = (size->length + limit - 1) / limit;
	double bytes = (double)(size->length * b->count);
	struct cost cost = { 0, 0 };
	int status;
	size_t i;

	for (i = 0; i < b->count; i++)
		jobs[i].length = size->length;
	if ((status = copy_by_set(b, jobs, &cost)) != 0)
		return status;
	bench_sample(b, &size->rate, bytes / cost.elapsed_us * 1e6,
	    bytes / (2 * (double)chunks * CHUNK_US) * 1e6);
	bench_sample(b, &size->processor, cost.processor_us /
	    (double)b->count, 0);
	return 0;
}

int
bench_bytes(struct bench *b)
{
	const size_t count = sizeof(sizes) / sizeof(sizes[0]);
	struct job *jobs = jobs_new(b, sizes[count - 1].length);
	int status;
	size_t i;

	if (jobs == NULL)
		return fail(b->tool, EX_OSERR, ENOMEM, "out of memory");
	status = jobs_check(b, jobs);
	for (i = 0; i < count && status == 0; i++)
		status = measure_size(b, jobs, &sizes[i]);
	jobs_free(b, jobs);
	return status;
}
