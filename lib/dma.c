/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * The engine takes an address as it comes: one beyond its mask hits another
 * page, one beyond its buffer ends the virtual machine or reads QEMU's own
 * memory, all without a word.  So a transfer is proven before any register is
 * written, and only this file writes EDU_DMA_CMD.
 */

#include <errno.h>

#include "internal.h"

#define KNOWN_FLAGS	(EDU_INTERRUPT | EDU_DMA_LAST_BYTE | EDU_RESUME)

/* Between the polls of an engine that is late. */
#define NAP_MIN_US	4000
#define NAP_MAX_US	32000

/* How much longer than its time a transfer may take at open and close. */
#define GRACE_US	1000000

void
edu_dma_find_limit(struct edu *edu)
{
	char machine[64];

	edu->dma.limit = EDU_DMA_BUF_SIZE - 1;
	if (!edu->bus->is_private &&
	    edu_system.machine(machine, sizeof(machine)) == 0 &&
	    edu_machine_bears_last_byte(machine))
		edu->dma.limit = EDU_DMA_BUF_SIZE;
}

static size_t
buffer_limit(const struct edu *edu, unsigned flags)
{

	return flags & EDU_DMA_LAST_BYTE ? EDU_DMA_BUF_SIZE : edu->dma.limit;
}

EDU_PUBLIC size_t
edu_dma_limit(const struct edu *edu)
{

	return edu->dma.limit;
}

int
edu_dma_is_running(const struct edu *edu)
{

	return edu->dma.is_running;
}

static int
check_call(struct edu *edu, unsigned flags, int timeout_ms,
    int64_t *deadline_us)
{

	if (edu_require(edu, EDU_REGISTERS | EDU_CLAIM) == -1 ||
	    edu_require_flags(edu, flags, KNOWN_FLAGS) == -1 ||
	    edu_start_timeout(edu, timeout_ms, deadline_us) == -1)
		return -1;
	return flags & EDU_INTERRUPT ? edu_irq_require(edu) : 0;
}

/* Without it the engine says "done", and the data went nowhere. */
static int
check_master(struct edu *edu)
{
	uint32_t command = 0;

	if (edu->bus->is_driven)
		return 0;
	if (edu_command_read(edu, &command) == -1)
		return -1;
	if (command & PCI_COMMAND_MASTER)
		return 0;
	return edu_fail(&edu->err, EIO, "somebody has switched bus mastering "
	    "off, so no DMA reaches the memory; open the device again");
}

static void
start(struct edu *edu, const struct edu_transfer *t)
{
	const struct edu_bus_ops *ops = edu->bus->ops;
	uint64_t mem = edu_mem_segment(t->mem)->bus_address + t->mem_offset;
	uint64_t buf = EDU_DMA_BUF + t->dev_offset;

	ops->write(edu->bus, EDU_DMA_SRC, 8, t->to_device ? mem : buf);
	ops->write(edu->bus, EDU_DMA_DST, 8, t->to_device ? buf : mem);
	ops->write(edu->bus, EDU_DMA_COUNT, 8, t->length);
	edu->dma.is_running = 1;
	edu->dma.last = *t;
	edu_mem_hold(t->mem);
	ops->write(edu->bus, EDU_DMA_CMD, 8, EDU_DMA_CMD_RUN |
	    (t->to_device ? 0 : EDU_DMA_CMD_FROM_DEV) |
	    (t->flags & EDU_INTERRUPT ? EDU_DMA_CMD_IRQ : 0));
	edu->dma.due_us = edu_now_us() + edu->bus->dma_time_us;
}

static int
is_done(struct edu *edu)
{
	uint32_t command;

	if (!edu->dma.is_running)
		return 1;
	/* All ones: the device is gone, and moves nothing any more. */
	command = edu_read32(edu, EDU_DMA_CMD);
	if ((command & EDU_DMA_CMD_RUN) && command != UINT32_MAX)
		return 0;
	edu->dma.is_running = 0;
	return 1;
}

/* It is over and nobody asks for it: its memory may be given away. */
static void
forget(struct edu *edu)
{
	struct edu_mem *mem = edu->dma.last.mem;

	edu->dma.last.mem = NULL;
	if (mem != NULL)
		edu_mem_release(edu, mem);
}

/*
 * 1 when the engine is idle, 0 when it is not by the deadline.  Asleep until
 * the transfer is due: then one poll is enough, as a rule.
 */
static int
wait_idle(struct edu *edu, int64_t deadline_us)
{
	int64_t next_us = edu->dma.due_us, nap_us = NAP_MIN_US;

	while (edu->dma.is_running) {
		edu_sleep_until(next_us < deadline_us ? next_us : deadline_us);
		if (is_done(edu))
			break;
		next_us = edu_now_us();
		if (next_us >= deadline_us)
			return 0;
		next_us += nap_us;
		if (nap_us < NAP_MAX_US)
			nap_us *= 2;
	}
	return 1;
}

int
edu_dma_adopt(struct edu *edu)
{

	edu->dma.is_running =
	    (edu_read32(edu, EDU_DMA_CMD) & EDU_DMA_CMD_RUN) != 0;
	edu->dma.due_us = edu_now_us() + edu->bus->dma_time_us;
	if (wait_idle(edu, edu->dma.due_us + GRACE_US))
		return 0;
	return edu_fail(&edu->err, EBUSY, "a former owner's DMA does not end");
}

void
edu_dma_leave(struct edu *edu)
{

	if (!wait_idle(edu, edu->dma.due_us + GRACE_US))
		(void)edu_command_change(edu, 0, PCI_COMMAND_MASTER);
}

/* A device that is gone has not moved anything, whatever it answered. */
static int
finish(struct edu *edu, const struct edu_transfer *t, int result)
{
	uint32_t id;

	if (edu_identify(edu, &id) == -1)
		return -1;
	if (result == 0)
		return edu_fail(&edu->err, ETIMEDOUT, "the transfer was not "
		    "done in time; the device goes on with it");
	result = check_master(edu);
	if (result == 0 && !t->to_device)
		result = edu_mem_sync(edu, t->mem, t->mem_offset, t->length,
		    0);
	forget(edu);
	return result;
}

static int
await(struct edu *edu, const struct edu_transfer *t)
{
	int result;

	if (t->flags & EDU_INTERRUPT)
		result = edu_irq_await(edu, EDU_INTR_DMA, t->deadline_us,
		    is_done, "the transfer");
	else
		result = wait_idle(edu, t->deadline_us);
	return result == -1 ? -1 : finish(edu, t, result);
}

/* Whether this one was started already, and nobody was told of its end. */
static int
is_last(const struct edu *edu, const struct edu_transfer *t)
{
	const struct edu_transfer *last = &edu->dma.last;

	return (t->flags & EDU_RESUME) && t->mem == last->mem &&
	    t->mem_offset == last->mem_offset &&
	    t->dev_offset == last->dev_offset && t->length == last->length &&
	    t->to_device == last->to_device;
}

/*
 * It interrupts if it was started so, and may be done by now; then the bit may
 * have been taken by the caller, or nobody has waited for it.
 */
static int
resume(struct edu *edu, struct edu_transfer t)
{
	int interrupts = (edu->dma.last.flags & EDU_INTERRUPT) != 0;

	if (!interrupts || is_done(edu))
		t.flags &= ~EDU_INTERRUPT;
	if (await(edu, &t) == -1)
		return -1;
	if (interrupts && !(t.flags & EDU_INTERRUPT))
		return edu_irq_discard(edu, EDU_INTR_DMA);
	return 0;
}

static int
transfer(struct edu *edu, const struct edu_transfer *t)
{

	if (is_last(edu, t))
		return resume(edu, *t);
	/* The device would ignore us while an earlier one runs. */
	if (!wait_idle(edu, t->deadline_us))
		return edu_fail(&edu->err, ETIMEDOUT, "the device is still "
		    "busy with an earlier transfer");
	forget(edu);
	if (check_master(edu) == -1)
		return -1;
	if (t->to_device && edu_mem_sync(edu, t->mem, t->mem_offset, t->length,
	    1) == -1)
		return -1;
	edu_irq_drop(edu, EDU_INTR_DMA);
	start(edu, t);
	return await(edu, t);
}

static int
check_length(struct edu *edu, size_t length)
{

	return length != 0 ? 0 :
	    edu_fail(&edu->err, ERANGE, "there is nothing to transfer");
}

static int
check_buffer(struct edu *edu, const struct edu_transfer *t)
{
	size_t limit = buffer_limit(edu, t->flags);

	if (t->dev_offset < limit && t->length <= limit - t->dev_offset)
		return 0;
	return edu_fail(&edu->err, ERANGE, "%zu bytes at %zu are not inside "
	    "the %zu bytes of the device's buffer that may be used%s",
	    t->length, t->dev_offset, limit, limit < EDU_DMA_BUF_SIZE ?
	    " (its last byte crashes QEMU 8.2.0 and older)" : "");
}

/* Everything is proven before the device is touched. */
static int
move(struct edu *edu, struct edu_transfer *t, const void *data, int timeout_ms)
{

	if (check_call(edu, t->flags, timeout_ms, &t->deadline_us) == -1 ||
	    check_length(edu, t->length) == -1 ||
	    (t->mem = edu_mem_find(edu, data, t->length,
	    &t->mem_offset)) == NULL || check_buffer(edu, t) == -1)
		return -1;
	/* The device's buffer is another's from now on. */
	edu->dma.copy.length = 0;
	return transfer(edu, t);
}

EDU_PUBLIC int
edu_dma_put(struct edu *edu, size_t dev_offset, const void *data,
    size_t length, unsigned flags, int timeout_ms)
{
	struct edu_transfer t = { NULL, 0, dev_offset, length, 1, flags, 0 };

	return move(edu, &t, data, timeout_ms);
}

EDU_PUBLIC int
edu_dma_get(struct edu *edu, size_t dev_offset, void *data, size_t length,
    unsigned flags, int timeout_ms)
{
	struct edu_transfer t = { NULL, 0, dev_offset, length, 0, flags, 0 };

	return move(edu, &t, data, timeout_ms);
}

static int
check_copy(struct edu *edu, struct edu_transfer *out, struct edu_transfer *in,
    const void *to, const void *from)
{
	uintptr_t a = (uintptr_t)to, b = (uintptr_t)from;
	size_t length = out->length;

	if (check_length(edu, length) == -1 ||
	    (out->mem = edu_mem_find(edu, from, length,
	    &out->mem_offset)) == NULL ||
	    (in->mem = edu_mem_find(edu, to, length, &in->mem_offset)) == NULL)
		return -1;
	if (a < b + length && b < a + length)
		return edu_fail(&edu->err, EINVAL, "the ranges overlap");
	return 0;
}

/* Where to go on: at the start, or where the same copy was interrupted. */
static void
find_place(struct edu *edu, unsigned *flags, const struct edu_copy *wanted)
{
	struct edu_copy *c = &edu->dma.copy;

	if ((*flags & EDU_RESUME) && c->length == wanted->length &&
	    c->to == wanted->to && c->from == wanted->from &&
	    c->limit == wanted->limit)
		return;
	*flags &= ~EDU_RESUME;
	*c = *wanted;
}

static int
copy_chunk(struct edu *edu, struct edu_transfer out, struct edu_transfer in)
{
	struct edu_copy *c = &edu->dma.copy;
	size_t done = c->length - c->left;

	out.length = in.length = c->left < c->limit ? c->left : c->limit;
	out.mem_offset += done;
	in.mem_offset += done;
	if (!c->is_out && transfer(edu, &out) == -1)
		return -1;
	c->is_out = 1;
	if (transfer(edu, &in) == -1)
		return -1;
	c->is_out = 0;
	c->left -= in.length;
	return 0;
}

EDU_PUBLIC int
edu_dma_copy(struct edu *edu, void *to, const void *from, size_t length,
    unsigned flags, int timeout_ms)
{
	struct edu_transfer out = { NULL, 0, 0, length, 1, flags, 0 };
	struct edu_transfer in = { NULL, 0, 0, length, 0, flags, 0 };
	const struct edu_copy wanted = { to, from, length,
	    buffer_limit(edu, flags), length, 0 };

	if (check_call(edu, flags, timeout_ms, &out.deadline_us) == -1 ||
	    check_copy(edu, &out, &in, to, from) == -1)
		return -1;
	find_place(edu, &flags, &wanted);
	out.flags = in.flags = flags;
	in.deadline_us = out.deadline_us;
	while (edu->dma.copy.left > 0)
		if (copy_chunk(edu, out, in) == -1)
			return -1;
	edu->dma.copy.length = 0;
	return 0;
}
