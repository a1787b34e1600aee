/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* What a reset leaves. */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>

#include "exam.h"
#include "pci.h"

/* What a check has given up may be under way for a moment. */
static int
reset(struct tool *t)
{
	int64_t end_ms = now_ms() + device_timeout(t);
	int result;

	while ((result = edu_reset(t->edu)) == -1 && errno == EBUSY &&
	    now_ms() < end_ms)
		(void)poll(NULL, 0, 1);
	return result;
}

/* The library has verified what it needs itself; this is for all to see. */
static enum exam_result
check_config(struct tool *t, struct exam_verdict *v)
{
	static const unsigned offsets[] = { PCI_COMMAND, PCI_BAR(0),
	    PCI_INTERRUPT };
	uint32_t before[3], now;
	size_t i;

	for (i = 0; i < 3; i++)
		if (edu_config_read(t->edu, offsets[i], &before[i]) == -1)
			return exam_failed(t, v);
	before[0] &= PCI_COMMAND_MASK;
	if (reset(t) == -1)
		return exam_failed(t, v);
	for (i = 0; i < 3; i++) {
		if (edu_config_read(t->edu, offsets[i], &now) == -1)
			return exam_failed(t, v);
		if (i == 0)
			now &= PCI_COMMAND_MASK;
		if (now != before[i])
			return exam_differs(v, "at 0x%02x was 0x%08" PRIx32
			    ", and is 0x%08" PRIx32, offsets[i], before[i],
			    now);
	}
	return EXAM_OK;
}

/* As before, and it works, as far as there is what that takes. */
enum exam_result
exam_reset(struct tool *t, struct exam_verdict *v)
{
	enum exam_result result;

	if (exam_drain(t) == -1)
		return exam_failed(t, v);
	if ((result = check_config(t, v)) != EXAM_OK)
		return result;
	if (exam_factorial(t, v) == EXAM_FAIL ||
	    exam_irq_wait(t, v) == EXAM_FAIL || exam_dma(t, v) == EXAM_FAIL)
		return EXAM_FAIL;
	v->text[0] = '\0';
	return EXAM_OK;
}

/* They have other values now, and no engine works. */
static int
spoil(struct tool *t)
{

	return edu_irq_ack(t->edu, UINT32_MAX) == -1 ||
	    edu_live(t->edu, exam_random() & ~UINT32_C(1), NULL) == -1 ||
	    edu_write(t->edu, EDU_STATUS, 4, EDU_STATUS_IRQFACT) == -1 ||
	    edu_irq_raise(t->edu, EXAM_BITS) == -1 ? -1 : 0;
}

static int
tidy(struct tool *t)
{

	return edu_write(t->edu, EDU_STATUS, 4, 0) == -1 ||
	    edu_irq_ack(t->edu, UINT32_MAX) == -1 || exam_drain(t) == -1 ? -1 :
	    0;
}

/* Liveness reads as it has since QEMU's start: what 0xffffffff would give. */
static enum exam_result
check_initial(struct tool *t, struct exam_verdict *v)
{
	uint64_t live = 0, status = 0;
	uint32_t irq;

	if (reset(t) == -1 || edu_irq_status(t->edu, &irq) == -1 ||
	    edu_read(t->edu, EDU_LIVE, 4, &live) == -1 ||
	    edu_read(t->edu, EDU_STATUS, 4, &status) == -1)
		return exam_failed(t, v);
	return live == 0 && status == 0 && irq == 0 ? EXAM_OK :
	    exam_differs(v, "liveness reads 0x%08" PRIx64 ", the status 0x%02"
	    PRIx64 " and the interrupt status 0x%08" PRIx32, live, status,
	    irq);
}

enum exam_result
exam_reset_registers(struct tool *t, struct exam_verdict *v)
{
	enum exam_result result;

	if (exam_drain(t) == -1 || spoil(t) == -1)
		return exam_failed(t, v);
	result = check_initial(t, v);
	return tidy(t) == -1 ? exam_failed(t, v) : result;
}
