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

#define KNOWN_FLAGS	(EDU_INTERRUPT | EDU_DMA_LAST_BYTE)

/* Between the looks at an engine that is late. */
#define NAP_MIN_US	4000
#define NAP_MAX_US	32000

struct transfer {
	struct edu_mem	*mem;
	size_t		mem_offset;
	size_t		dev_offset;
	size_t		length;
	int		to_device;
	unsigned	flags;
	int64_t		deadline_us;
};

static size_t
buffer_limit(const struct edu *edu, unsigned flags)
{

	return flags & EDU_DMA_LAST_BYTE ? EDU_DMA_BUF_SIZE : edu->dma_limit;
}

EDU_PUBLIC size_t
edu_dma_limit(const struct edu *edu)
{

	return edu->dma_limit;
}

static int
is_inside(size_t offset, size_t length, size_t size)
{

	return length != 0 && offset < size && length <= size - offset;
}

static int
check_call(struct edu *edu, unsigned flags, int64_t deadline_us)
{

	if (edu_need(edu, EDU_NEED_REGISTERS | EDU_NEED_CLAIM) == -1)
		return -1;
	if (flags & ~KNOWN_FLAGS)
		return edu_fail(&edu->err, EINVAL, "unknown flags 0x%x", flags);
	if (deadline_us == -1)
		return edu_fail(&edu->err, EINVAL, "negative timeout");
	return flags & EDU_INTERRUPT ? edu_irq_need(edu) : 0;
}

static int
check_mem(struct edu *edu, const struct edu_mem *mem, size_t offset,
    size_t length)
{

	if (mem->edu != edu)
		return edu_fail(&edu->err, EINVAL,
		    "the memory belongs to another device");
	if (!is_inside(offset, length, mem->length))
		return edu_fail(&edu->err, ERANGE, "%zu bytes at %zu are not "
		    "inside the memory of %zu bytes", length, offset,
		    mem->length);
	return 0;
}

static int
check_transfer(struct edu *edu, const struct transfer *t)
{
	size_t limit = buffer_limit(edu, t->flags);

	if (check_mem(edu, t->mem, t->mem_offset, t->length) == -1)
		return -1;
	if (is_inside(t->dev_offset, t->length, limit))
		return 0;
	return edu_fail(&edu->err, ERANGE, "%zu bytes at %zu are not inside "
	    "the %zu bytes of the device's buffer that may be used%s",
	    t->length, t->dev_offset, limit, limit < EDU_DMA_BUF_SIZE ?
	    " (its last byte crashes QEMU 8.2.0 and older)" : "");
}

/* Without it the engine says "done", and the data went nowhere. */
static int
check_master(struct edu *edu)
{
	uint32_t command;

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
start(struct edu *edu, const struct transfer *t)
{
	const struct edu_bus_ops *ops = edu->bus->ops;
	uint64_t mem = t->mem->segment.bus_address + t->mem_offset;
	uint64_t buf = EDU_DMA_BUF + t->dev_offset;

	ops->write64(edu->bus, EDU_DMA_SRC, t->to_device ? mem : buf);
	ops->write64(edu->bus, EDU_DMA_DST, t->to_device ? buf : mem);
	ops->write64(edu->bus, EDU_DMA_COUNT, t->length);
	edu->dma.is_running = 1;
	edu->dma.mem = t->mem;
	ops->write64(edu->bus, EDU_DMA_CMD, EDU_DMA_CMD_RUN |
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
	edu->dma.mem = NULL;
	edu_mem_reap(edu);
	return 1;
}

/* Sleep until it is due: then one look is enough, as a rule. */
int
edu_dma_rest(struct edu *edu, int64_t deadline_us)
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

/* A device that is gone has not moved anything, whatever it answered. */
static int
finish(struct edu *edu, const struct transfer *t, int result)
{
	const struct edu_kernel_ops *ops = edu->kernel->ops;
	uint32_t id;

	if (edu_identify(edu, &id) == -1)
		return -1;
	if (result == 0)
		return edu_fail(&edu->err, ETIMEDOUT, "the transfer was not "
		    "done in time; the device goes on with it");
	if (check_master(edu) == -1)
		return -1;
	if (t->to_device || ops->sync == NULL)
		return 0;
	return ops->sync(edu->kernel, &t->mem->segment, t->mem_offset,
	    t->length, 0);
}

static int
transfer(struct edu *edu, const struct transfer *t)
{
	const struct edu_kernel_ops *ops = edu->kernel->ops;
	int result;

	if (check_transfer(edu, t) == -1)
		return -1;
	/* The device would ignore us while an earlier one runs. */
	if (edu_dma_rest(edu, t->deadline_us) == 0)
		return edu_fail(&edu->err, ETIMEDOUT, "the device is still "
		    "busy with an earlier transfer");
	if (check_master(edu) == -1)
		return -1;
	if (t->to_device && ops->sync != NULL && ops->sync(edu->kernel,
	    &t->mem->segment, t->mem_offset, t->length, 1) == -1)
		return -1;
	edu->pending &= (uint32_t)~EDU_INTR_DMA;
	start(edu, t);
	if (t->flags & EDU_INTERRUPT)
		result = edu_irq_await(edu, EDU_INTR_DMA, t->deadline_us,
		    is_done, "the transfer");
	else
		result = edu_dma_rest(edu, t->deadline_us);
	return result == -1 ? -1 : finish(edu, t, result);
}

static int
move(struct edu *edu, struct transfer *t, int timeout_ms)
{

	t->deadline_us = edu_deadline_us(timeout_ms);
	if (check_call(edu, t->flags, t->deadline_us) == -1)
		return -1;
	return transfer(edu, t);
}

EDU_PUBLIC int
edu_dma_put(struct edu *edu, size_t dev_offset, struct edu_mem *mem,
    size_t mem_offset, size_t length, unsigned flags, int timeout_ms)
{
	struct transfer t = { mem, mem_offset, dev_offset, length, 1, flags,
	    0 };

	return move(edu, &t, timeout_ms);
}

EDU_PUBLIC int
edu_dma_get(struct edu *edu, size_t dev_offset, struct edu_mem *mem,
    size_t mem_offset, size_t length, unsigned flags, int timeout_ms)
{
	struct transfer t = { mem, mem_offset, dev_offset, length, 0, flags,
	    0 };

	return move(edu, &t, timeout_ms);
}

static int
check_copy(struct edu *edu, const struct transfer *in,
    const struct transfer *out)
{
	size_t length = in->length;

	if (check_call(edu, in->flags, in->deadline_us) == -1 ||
	    check_mem(edu, in->mem, in->mem_offset, length) == -1 ||
	    check_mem(edu, out->mem, out->mem_offset, length) == -1)
		return -1;
	if (in->mem == out->mem && in->mem_offset < out->mem_offset + length &&
	    out->mem_offset < in->mem_offset + length)
		return edu_fail(&edu->err, EINVAL, "the ranges overlap");
	return 0;
}

EDU_PUBLIC int
edu_dma_copy(struct edu *edu, struct edu_mem *to, size_t to_offset,
    struct edu_mem *from, size_t from_offset, size_t length, unsigned flags,
    int timeout_ms)
{
	int64_t deadline_us = edu_deadline_us(timeout_ms);
	struct transfer in = { from, from_offset, 0, length, 1, flags,
	    deadline_us };
	struct transfer out = { to, to_offset, 0, length, 0, flags,
	    deadline_us };
	size_t left, limit = buffer_limit(edu, flags);

	if (check_copy(edu, &in, &out) == -1)
		return -1;
	for (left = length; left > 0; left -= in.length) {
		in.length = out.length = left < limit ? left : limit;
		if (transfer(edu, &in) == -1 || transfer(edu, &out) == -1)
			return -1;
		in.mem_offset += in.length;
		out.mem_offset += in.length;
	}
	return 0;
}
