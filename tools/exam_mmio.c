/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Registers, and how they may be accessed. */

#include <errno.h>
#include <inttypes.h>

#include "exam.h"

#define WIDE_VALUE	UINT64_C(0x0123456789abcdef)
#define ROUNDS		1000

enum exam_result
exam_identification(struct tool *t, struct exam_verdict *v)
{
	uint32_t id;

	return edu_identify(t->edu, &id) == -1 ? exam_failed(t, v) : EXAM_OK;
}

enum exam_result
exam_live(struct tool *t, struct exam_verdict *v)
{

	return edu_live(t->edu, 0x12345678, NULL) == -1 ||
	    edu_live(t->edu, 0, NULL) == -1 ||
	    edu_live(t->edu, UINT32_MAX, NULL) == -1 ? exam_failed(t, v) :
	    EXAM_OK;
}

enum exam_result
exam_live_random(struct tool *t, struct exam_verdict *v)
{
	unsigned i;

	for (i = 0; i < ROUNDS; i++)
		if (edu_live(t->edu, exam_random(), NULL) == -1)
			return exam_failed(t, v);
	return EXAM_OK;
}

/* The DMA registers keep what is written, all 64 bits of it. */
enum exam_result
exam_wide(struct tool *t, struct exam_verdict *v)
{
	uint64_t value;

	if (edu_write(t->edu, EDU_DMA_SRC, 8, WIDE_VALUE) == -1 ||
	    edu_read(t->edu, EDU_DMA_SRC, 8, &value) == -1)
		return exam_failed(t, v);
	return value == WIDE_VALUE ? EXAM_OK : exam_differs(v, "0x%016" PRIx64
	    " was written, 0x%016" PRIx64 " read", WIDE_VALUE, value);
}

enum exam_result
exam_halves(struct tool *t, struct exam_verdict *v)
{
	static const unsigned registers[] = { EDU_DMA_SRC, EDU_DMA_DST,
	    EDU_DMA_COUNT };
	uint64_t read, written;
	uint32_t value;
	size_t i;

	for (i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
		value = exam_random();
		if (edu_write(t->edu, registers[i], 8, WIDE_VALUE) == -1 ||
		    edu_read(t->edu, registers[i], 4, &read) == -1 ||
		    edu_write(t->edu, registers[i], 4, value) == -1 ||
		    edu_read(t->edu, registers[i], 4, &written) == -1)
			return exam_failed(t, v);
		if (read != (uint32_t)WIDE_VALUE || written != value)
			return exam_differs(v, "0x%02x has 0x%08" PRIx64
			    ", not 0x%08" PRIx32, registers[i],
			    written == value ? read : written,
			    written == value ? (uint32_t)WIDE_VALUE : value);
	}
	return EXAM_OK;
}

/* 0: the library refuses it, so that the device never sees it. */
static int
is_done(struct tool *t, int is_write, unsigned offset, unsigned width)
{
	uint64_t value = 0;
	int result;

	errno = 0;
	result = is_write ? edu_write(t->edu, offset, width, 0) :
	    edu_read(t->edu, offset, width, &value);
	return result == 0 || (errno != EINVAL && errno != EACCES &&
	    errno != EPERM);
}

enum exam_result
exam_refused(struct tool *t, struct exam_verdict *v)
{
	static const struct {
		unsigned	offset;
		unsigned	width;
	} accesses[] = {
		{ EDU_ID, 1 }, { EDU_ID, 2 }, { EDU_ID, 8 }, { EDU_LIVE, 8 },
		{ EDU_LIVE + 2, 4 }, { EDU_FACTORIAL, 8 }, { 0x0c, 4 },
		{ EDU_STATUS, 8 }, { EDU_DMA_SRC + 4, 4 }, { EDU_DMA_SRC, 2 },
		{ EDU_DMA_COUNT + 4, 8 }, { EDU_REG_END, 4 },
		{ EDU_DMA_BUF, 4 }, { EDU_BAR0_SIZE, 4 }
	};
	static const unsigned written[] = { EDU_ID, EDU_INTR_STATUS,
	    EDU_DMA_CMD };
	unsigned i;

	for (i = 0; i < 2 * sizeof(accesses) / sizeof(accesses[0]); i++)
		if (is_done(t, i % 2 == 0, accesses[i / 2].offset,
		    accesses[i / 2].width))
			return exam_differs(v, "%s of %u bytes at 0x%x is not "
			    "refused", i % 2 == 0 ? "a write" : "a read",
			    accesses[i / 2].width, accesses[i / 2].offset);
	for (i = 0; i < sizeof(written) / sizeof(written[0]); i++)
		if (is_done(t, 1, written[i], 4))
			return exam_differs(v, "a write at 0x%x is not "
			    "refused", written[i]);
	return is_done(t, 0, EDU_INTR_ACK, 4) ? exam_differs(v, "a read at "
	    "0x%x is not refused", EDU_INTR_ACK) : EXAM_OK;
}

/* Bare loads of the registers that only software changes. */
enum exam_result
exam_mapped(struct tool *t, struct exam_verdict *v)
{
	static const unsigned registers[] = { EDU_ID, EDU_LIVE, EDU_STATUS,
	    EDU_INTR_STATUS, EDU_DMA_SRC };
	const volatile void *bar0 = edu_bar0(t->edu);
	uint64_t value;
	uint32_t bare;
	size_t i;

	if (bar0 == NULL)
		return exam_skip(v, "BAR0 is not reached by a mapping here");
	for (i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
		bare = edu_bar0_read(bar0, registers[i]);
		if (edu_read(t->edu, registers[i], 4, &value) == -1)
			return exam_failed(t, v);
		if (bare != value)
			return exam_differs(v, "a load at 0x%02x gives 0x%08"
			    PRIx32 ", edu_read() 0x%08" PRIx64, registers[i],
			    bare, value);
	}
	return EXAM_OK;
}
