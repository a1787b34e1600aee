/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* The factorial engine. */

#include <inttypes.h>

#include "exam.h"

enum exam_result
exam_factorial_of(struct tool *t, struct exam_verdict *v, uint32_t n,
    unsigned flags, uint32_t wanted)
{
	uint32_t result;

	if (edu_factorial(t->edu, n, flags, device_timeout(t), &result) == -1)
		return exam_failed(t, v);
	return result == wanted ? EXAM_OK : exam_differs(v, "%" PRIu32 "! is %"
	    PRIu32 ", the device says %" PRIu32, n, wanted, result);
}

/* Modulo 2^32, as the product is. */
static enum exam_result
check_range(struct tool *t, struct exam_verdict *v, uint32_t from, uint32_t to,
    unsigned flags)
{
	enum exam_result result = EXAM_OK;
	uint32_t n, wanted = 1;

	for (n = 0; n <= to && result == EXAM_OK; n++) {
		if (n > 1)
			wanted *= n;
		if (n >= from)
			result = exam_factorial_of(t, v, n, flags, wanted);
	}
	return result;
}

enum exam_result
exam_factorial(struct tool *t, struct exam_verdict *v)
{

	return check_range(t, v, 0, 12, 0);
}

enum exam_result
exam_wrap(struct tool *t, struct exam_verdict *v)
{

	return exam_factorial_of(t, v, 13, EDU_WRAP, 1932053504);
}

/* From 34 on it is 0. */
enum exam_result
exam_factorial_range(struct tool *t, struct exam_verdict *v)
{

	return check_range(t, v, 13, 40, EDU_WRAP);
}

enum exam_result
exam_factorial_status(struct tool *t, struct exam_verdict *v)
{
	uint64_t status = 0;

	if (edu_write(t->edu, EDU_STATUS, 4, EDU_STATUS_IRQFACT |
	    EDU_STATUS_COMPUTING) == -1 ||
	    edu_read(t->edu, EDU_STATUS, 4, &status) == -1 ||
	    edu_write(t->edu, EDU_STATUS, 4, 0) == -1)
		return exam_failed(t, v);
	if (status != EDU_STATUS_IRQFACT)
		return exam_differs(v, "0x81 was written, of which 0x80 can "
		    "be, and 0x%02" PRIx64 " read", status);
	if (edu_read(t->edu, EDU_STATUS, 4, &status) == -1)
		return exam_failed(t, v);
	return status == 0 ? EXAM_OK : exam_differs(v, "0 was written, 0x%02"
	    PRIx64 " read", status);
}

/* By hand first: the library takes a bit that is set when it looks. */
enum exam_result
exam_factorial_irq(struct tool *t, struct exam_verdict *v)
{
	enum exam_result result;
	uint32_t status;

	if (edu_irq_wait(t->edu, 0, &status) == -1 ||
	    edu_write(t->edu, EDU_STATUS, 4, EDU_STATUS_IRQFACT) == -1 ||
	    edu_write(t->edu, EDU_FACTORIAL, 4, 5) == -1)
		return exam_failed(t, v);
	result = exam_woken(t, v, EDU_INTR_FACTORIAL);
	if (edu_write(t->edu, EDU_STATUS, 4, 0) == -1)
		return exam_failed(t, v);
	return result == EXAM_OK ? exam_factorial_of(t, v, 5, EDU_INTERRUPT,
	    120) : result;
}
