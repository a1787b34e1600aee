/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* The DMA engine, and what stands between it and the memory. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "exam.h"

#define PAGE		((size_t)4096)
#define NBYTES		((size_t)64)
#define UNTOUCHED	0x5a
#define MARK		8U

/* One transfer: from memory at from to the device, and back to memory at to. */
struct trip {
	size_t	from;
	size_t	to;
	size_t	dev_offset;
	size_t	length;
	unsigned flags;
};

static void
fill(unsigned char *data, size_t length, unsigned seed)
{
	size_t i;

	for (i = 0; i < length; i++)
		data[i] = (unsigned char)(i * 37 + seed + 1);
}

/* All that is not to be written is as it was: NULL, or where it is not. */
static const unsigned char *
touched(const unsigned char *data, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		if (data[i] != UNTOUCHED)
			return data + i;
	return NULL;
}

static int
move(struct tool *t, unsigned char *mem, const struct trip *trip)
{

	return edu_dma_put(t->edu, trip->dev_offset, mem + trip->from,
	    trip->length, trip->flags, device_timeout(t)) == -1 ||
	    edu_dma_get(t->edu, trip->dev_offset, mem + trip->to, trip->length,
	    trip->flags, device_timeout(t)) == -1 ? -1 : 0;
}

/* The first half of size bytes is what goes out, the second what comes back. */
static enum exam_result
travel(struct tool *t, struct exam_verdict *v, unsigned char *mem, size_t size,
    const struct trip *trip)
{
	const unsigned char *half = mem + size / 2, *end = mem + size;
	const unsigned char *to = mem + trip->to;

	fill(mem, size / 2, exam_random());
	memset(mem + size / 2, UNTOUCHED, size / 2);
	if (move(t, mem, trip) == -1)
		return exam_failed(t, v);
	if (memcmp(mem + trip->from, to, trip->length) != 0)
		return exam_differs(v, "other bytes came back than went out");
	return touched(half, (size_t)(to - half)) == NULL &&
	    touched(to + trip->length, (size_t)(end - to) - trip->length) ==
	    NULL ? EXAM_OK : exam_differs(v, "memory beside the %zu bytes at "
	    "%zu was written", trip->length, trip->to);
}

static enum exam_result
check_trip(struct tool *t, struct exam_verdict *v, size_t size,
    const struct trip *trip)
{
	enum exam_result result;
	unsigned char *mem;

	if ((mem = edu_mem_alloc(t->edu, size)) == NULL)
		return exam_failed(t, v);
	result = travel(t, v, mem, size, trip);
	edu_mem_free(t->edu, mem);
	return result;
}

enum exam_result
exam_dma(struct tool *t, struct exam_verdict *v)
{
	const struct trip trip = { 0, NBYTES, 128, NBYTES, 0 };

	return check_trip(t, v, 2 * NBYTES, &trip);
}

enum exam_result
exam_dma_irq(struct tool *t, struct exam_verdict *v)
{
	const struct trip trip = { 0, NBYTES, 128, NBYTES, EDU_INTERRUPT };

	return check_trip(t, v, 2 * NBYTES, &trip);
}

/* In memory at both ends and in the device, each another one. */
enum exam_result
exam_dma_offsets(struct tool *t, struct exam_verdict *v)
{
	enum exam_result result = EXAM_OK;
	struct trip trip = { 0, 0, 0, 61, 0 };
	unsigned i;

	for (i = 0; i < 64 && result == EXAM_OK && signal_caught() == 0; i++) {
		trip.from = i;
		trip.to = 256 + i * 5 % 64;
		trip.dev_offset = i * 11 % 64;
		result = check_trip(t, v, 512, &trip);
	}
	if (result == EXAM_OK && i < 64)
		return exam_skip(v, "ended by a signal");
	return result;
}

enum exam_result
exam_dma_pages(struct tool *t, struct exam_verdict *v)
{
	const struct trip trip = { PAGE - 100, 3 * PAGE - 50, 0, 200, 0 };

	return check_trip(t, v, 4 * PAGE, &trip);
}

enum exam_result
exam_dma_whole(struct tool *t, struct exam_verdict *v)
{
	const struct trip trip = { 0, EDU_DMA_BUF_SIZE, 0, EDU_DMA_BUF_SIZE,
	    0 };

	if (edu_dma_limit(t->edu) < EDU_DMA_BUF_SIZE)
		return exam_skip(v, "its last byte ends QEMU 8.2.0 and older, "
		    "and this machine does not say that it is newer");
	return check_trip(t, v, 2 * (size_t)EDU_DMA_BUF_SIZE, &trip);
}

/* What goes to the device's buffer, and memory behind it, untouched. */
static enum exam_result
with_memory(struct tool *t, struct exam_verdict *v, enum exam_result
    (*check)(struct tool *, struct exam_verdict *, unsigned char *))
{
	enum exam_result result;
	unsigned char *mem;

	if ((mem = edu_mem_alloc(t->edu, 2 * NBYTES)) == NULL)
		return exam_failed(t, v);
	fill(mem, NBYTES, exam_random());
	memset(mem + NBYTES, UNTOUCHED, NBYTES);
	result = edu_dma_put(t->edu, 0, mem, NBYTES, 0,
	    device_timeout(t)) == -1 ? exam_failed(t, v) : check(t, v, mem);
	edu_mem_free(t->edu, mem);
	return result;
}

/* It must not write to memory then, and does so again afterwards. */
static enum exam_result
check_master(struct tool *t, struct exam_verdict *v, unsigned char *mem)
{
	unsigned char *to = mem + NBYTES;

	if (edu_try_get(t->edu, 0, to, NBYTES, EDU_TRY_UNMASTERED,
	    device_timeout(t)) == -1)
		return exam_failed(t, v);
	if (touched(to, NBYTES) != NULL)
		return exam_differs(v, "it has written memory with bus "
		    "mastering off");
	if (edu_dma_get(t->edu, 0, to, NBYTES, 0, device_timeout(t)) == -1)
		return exam_failed(t, v);
	return memcmp(mem, to, NBYTES) == 0 ? EXAM_OK : exam_differs(v,
	    "with bus mastering on again, other bytes came back");
}

enum exam_result
exam_dma_master(struct tool *t, struct exam_verdict *v)
{

	return with_memory(t, v, check_master);
}

static enum exam_result
check_mask(struct tool *t, struct exam_verdict *v, unsigned char *mem)
{
	unsigned char *to = mem + NBYTES;

	if (edu_try_get(t->edu, 0, to, NBYTES, EDU_TRY_BEYOND,
	    device_timeout(t)) == -1)
		return exam_failed(t, v);
	return memcmp(mem, to, NBYTES) == 0 ? EXAM_OK : exam_differs(v,
	    "an address beyond 0x%" PRIx64 " is not cut to that",
	    edu_dma_mask(t->edu));
}

enum exam_result
exam_dma_mask(struct tool *t, struct exam_verdict *v)
{

	return with_memory(t, v, check_mask);
}

/*
 * A transfer that has begun, 100 ms before it writes, to memory that is
 * unmapped meanwhile: only the IOMMU knows.  The next waits for its end.  Of
 * the last bytes, the library makes a mark to know by whether they have come.
 */
static enum exam_result
check_unmapped(struct tool *t, struct exam_verdict *v, unsigned char *data,
    unsigned char *mem)
{

	if (edu_mem_map(t->edu, data, PAGE) == -1)
		return exam_failed(t, v);
	if (edu_dma_get(t->edu, 0, data, NBYTES, 0, 1) == 0 ||
	    errno != ETIMEDOUT) {
		(void)edu_mem_unmap(t->edu, data);
		return exam_differs(v, "a transfer did not last 1 ms");
	}
	if (edu_mem_unmap(t->edu, data) == -1 ||
	    edu_dma_get(t->edu, 0, mem, NBYTES, 0, device_timeout(t)) == -1)
		return exam_failed(t, v);
	return touched(data, NBYTES - MARK) == NULL &&
	    touched(data + NBYTES, PAGE - NBYTES) == NULL ? EXAM_OK :
	    exam_differs(v, "the device has written memory that was unmapped");
}

static enum exam_result
check_iommu(struct tool *t, struct exam_verdict *v, unsigned char *data)
{
	enum exam_result result;
	unsigned char *mem;

	memset(data, UNTOUCHED, PAGE);
	if ((mem = edu_mem_alloc(t->edu, NBYTES)) == NULL)
		return exam_failed(t, v);
	fill(mem, NBYTES, 0);
	result = edu_dma_put(t->edu, 0, mem, NBYTES, 0,
	    device_timeout(t)) == -1 ? exam_failed(t, v) :
	    check_unmapped(t, v, data, mem);
	edu_mem_free(t->edu, mem);
	return result;
}

enum exam_result
exam_dma_iommu(struct tool *t, struct exam_verdict *v)
{
	enum exam_result result;
	void *data;

	if ((errno = posix_memalign(&data, PAGE, PAGE)) != 0)
		return exam_differs(v, "%s", strerror(errno));
	result = check_iommu(t, v, data);
	free(data);
	return result;
}
