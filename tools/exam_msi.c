/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Messages: a write to memory, which can be that of ours. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "exam.h"

#define MESSAGE		0x4d53
#define NOTHING		0xa5

struct message {
	unsigned char	data[4];	/* what stands in memory */
	unsigned	intx;
};

/* EXAM_OK with what has come of one. */
static enum exam_result
send(struct tool *t, struct exam_verdict *v, struct message *m)
{
	enum exam_result result = EXAM_OK;
	uint32_t status;
	void *mem;

	memset(m, 0, sizeof(*m));
	if ((mem = edu_mem_alloc(t->edu, sizeof(m->data))) == NULL)
		return exam_failed(t, v);
	memset(mem, NOTHING, sizeof(m->data));
	if (edu_try_msi(t->edu, mem, MESSAGE, &m->intx) == -1)
		result = exam_failed(t, v);
	memcpy(m->data, mem, sizeof(m->data));
	edu_mem_free(t->edu, mem);
	/* INTx has been heard, where there is somebody to hear. */
	if (edu_irq_wait(t->edu, 0, &status) == -1 && errno != ENOTSUP)
		result = exam_failed(t, v);
	return result;
}

enum exam_result
exam_msi_memory(struct tool *t, struct exam_verdict *v)
{
	static const unsigned char wanted[] = { MESSAGE & 0xff, MESSAGE >> 8,
	    0, 0 };
	enum exam_result result;
	struct message m;

	if ((result = send(t, v, &m)) != EXAM_OK)
		return result;
	return memcmp(m.data, wanted, sizeof(wanted)) == 0 ? EXAM_OK :
	    exam_differs(v, "at its address stands %02x %02x %02x %02x, not "
	    "%02x %02x 00 00", m.data[0], m.data[1], m.data[2], m.data[3],
	    wanted[0], wanted[1]);
}

/* Where a kernel side waits for them. */
static enum exam_result
check_kernel(struct tool *t, struct exam_verdict *v)
{
	enum exam_result result;

	if (edu_irq_raise(t->edu, EXAM_BITS) == -1)
		return exam_failed(t, v);
	result = exam_silent(t, v, "with bus mastering off");
	return edu_irq_ack(t->edu, EXAM_BITS) == -1 ? exam_failed(t, v) :
	    result;
}

static enum exam_result
check_memory(struct tool *t, struct exam_verdict *v)
{
	enum exam_result result;
	struct message m;
	unsigned i;

	result = send(t, v, &m);
	for (i = 0; i < sizeof(m.data) && result == EXAM_OK; i++)
		if (m.data[i] != NOTHING)
			result = exam_differs(v, "a message was written with "
			    "bus mastering off");
	return result;
}

enum exam_result
exam_msi_master(struct tool *t, struct exam_verdict *v)
{
	enum exam_result result;
	uint32_t status;

	if (exam_is_msi(t) && edu_irq_wait(t->edu, 0, &status) == -1)
		return exam_failed(t, v);
	if (edu_try_command(t->edu, 0, EDU_COMMAND_MASTER) == -1)
		return exam_failed(t, v);
	result = exam_is_msi(t) ? check_kernel(t, v) : check_memory(t, v);
	if (edu_try_command(t->edu, EDU_COMMAND_MASTER, 0) == -1)
		return exam_failed(t, v);
	if (result != EXAM_OK || !exam_is_msi(t))
		return result;
	return edu_irq_raise(t->edu, EXAM_BITS) == -1 ? exam_failed(t, v) :
	    exam_woken(t, v, EXAM_BITS);
}

enum exam_result
exam_msi_intx(struct tool *t, struct exam_verdict *v)
{
	enum exam_result result;
	struct message m;

	if ((result = send(t, v, &m)) != EXAM_OK)
		return result;
	if (!(m.intx & EDU_INTX_BEFORE))
		return exam_differs(v, "not even before is INTx asserted");
	return m.intx & EDU_INTX_DURING ? exam_differs(v, "INTx stays "
	    "asserted when MSI is enabled") : EXAM_OK;
}

enum exam_result
exam_msi_after(struct tool *t, struct exam_verdict *v)
{
	enum exam_result result;
	struct message m;

	if ((result = send(t, v, &m)) != EXAM_OK)
		return result;
	return m.intx & EDU_INTX_AFTER ? EXAM_OK : exam_differs(v, "MSI is "
	    "disabled and an interrupt pending, but INTx is not asserted");
}
