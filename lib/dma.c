/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * The DMA engine.  Silence is its danger: an address beyond the mask reaches
 * somebody else's memory, without bus mastering the data is lost, and a range
 * past the device's buffer ends the virtual machine or reads QEMU's own
 * memory, all without a word.  So a transfer is proven before any register is
 * written, and only this file writes EDU_DMA_CMD.
 *
 * One transfer moves a chunk.  It takes the device 100 ms whatever its length,
 * so nothing is done meanwhile: it gets its due time when it is started, and
 * one look at that time is enough, as a rule.
 */

#include <errno.h>

#include "internal.h"

/* A transfer that is late is looked at again after this, and twice this, ... */
#define NAP_MIN_US	250
#define NAP_MAX_US	32000

/* How much longer than its time a transfer may take at open and close. */
#define GRACE_US	1000000

#define MILLISECOND_US	1000

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

size_t
edu_dma_buffer(const struct edu *edu, unsigned flags)
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

int64_t
edu_dma_due(const struct edu *edu)
{

	return edu->dma.is_running ? edu->dma.due_us : 0;
}

/* Without it the engine says "done", and the data went nowhere. */
static int
check_master(struct edu *edu, const struct edu_op *op)
{
	uint32_t command = 0;

	if (edu->bus->is_driven || (op->flags & EDU_TRY_UNMASTERED))
		return 0;
	if (edu_command_read(edu, &command) == -1)
		return -1;
	if (command & PCI_COMMAND_MASTER)
		return 0;
	if (edu_require_bound(edu) == -1)
		return -1;
	return edu_fail(&edu->err, EIO, "somebody has switched bus mastering "
	    "off, so no DMA reaches the memory; open the device again");
}

/* Telling the device what it knows would cost an access. */
static void
set_register(struct edu *edu, unsigned offset, uint64_t value)
{
	unsigned i = (offset - EDU_DMA_SRC) / (EDU_DMA_DST - EDU_DMA_SRC);

	if (edu->dma.registers[i].is_known &&
	    edu->dma.registers[i].value == value)
		return;
	edu_bus_write(edu, offset, 8, value);
	edu->dma.registers[i].is_known = 1;
	edu->dma.registers[i].value = value;
}

void
edu_dma_register_written(struct edu *edu)
{
	size_t i;

	for (i = 0; i < 3; i++)
		edu->dma.registers[i].is_known = 0;
}

/*
 * When a transfer that was started now will be done.  The device counts in
 * whole milliseconds of QEMU's clock: it is done 100 of them after the last
 * edge before its start.  Where the edges are, the looks that came too early
 * tell (see edu_dma_look()); until one has, 100 ms after the start is right.
 * So the latency of a sleep, up to a millisecond, is not added to every chunk.
 */
static int64_t
aim(const struct edu *edu)
{
	int64_t now_us = edu_now_us(), due_us;

	due_us = now_us + edu->bus->dma_time_us;
	if (edu->dma.phase_us == 0 ||
	    edu->bus->dma_time_us < EDU_DMA_TIME_MS * 1000)
		return due_us;
	return due_us - (now_us - edu->dma.phase_us) % MILLISECOND_US;
}

static void
release(struct edu *edu)
{
	struct edu_mem *mem = edu->dma.mem;

	edu->dma.mem = NULL;
	if (edu->kernel != NULL)
		edu->kernel->is_mastering = 0;
	if (mem != NULL)
		edu_mem_release(edu, mem);
}

static void
program(struct edu *edu, struct edu_mem *mem, uint64_t address,
    uint64_t buffer, size_t length, int to_device, unsigned flags)
{

	release(edu);
	edu_irq_drop(edu, EDU_INTR_DMA);
	set_register(edu, EDU_DMA_SRC, to_device ? address : buffer);
	set_register(edu, EDU_DMA_DST, to_device ? buffer : address);
	set_register(edu, EDU_DMA_COUNT, length);
	edu->dma.mem = mem;
	edu_mem_hold(mem);
	edu->kernel->is_mastering = 1;
	edu->dma.is_running = 1;
	edu->dma.nap_us = NAP_MIN_US;
	edu_bus_write(edu, EDU_DMA_CMD, 8, EDU_DMA_CMD_RUN |
	    (to_device ? 0 : EDU_DMA_CMD_FROM_DEV) |
	    (flags & EDU_INTERRUPT ? EDU_DMA_CMD_IRQ : 0));
	edu->dma.due_us = aim(edu);
}

static size_t
chunk_length(const struct edu_move *m)
{
	size_t left = m->length - m->done;

	return left < m->limit ? left : m->limit;
}

/* Whether the chunk that comes, or runs, is one from memory to the device. */
static int
is_put(const struct edu_move *m)
{

	return m->puts && !m->is_out;
}

static int
start(struct edu *edu, struct edu_op *op)
{
	const struct edu_move *m = &op->move;
	int to_device = is_put(m);
	struct edu_mem *mem = to_device ? m->from : m->to;
	size_t offset = (to_device ? m->from_offset : m->to_offset) + m->done;
	size_t length = chunk_length(m);
	uint64_t address;

	if (!to_device && !(op->flags & EDU_TRIALS))
		edu_mem_mark(edu, mem, offset, length);
	else if (to_device && edu_mem_sync(edu, mem, offset, length, 1) == -1)
		return -1;
	address = edu_mem_segment(mem)->bus_address + offset;
	if (op->flags & EDU_TRY_BEYOND)
		address += edu_dma_mask(edu) + 1;
	program(edu, mem, address,
	    EDU_DMA_BUF + m->dev_offset, length, to_device, op->flags);
	return 0;
}

/*
 * What said "done" may have been nobody: a device that is gone, or whose memory
 * decoding is off.  The latter still transfers, so its memory is kept.
 */
static int
prove(struct edu *edu)
{
	uint32_t id;

	if (edu->dma.is_certain)
		return 0;
	id = edu_read32(edu, EDU_ID);
	if ((__SHIFTOUT(id, EDU_ID_MAGIC) == EDU_ID_MAGIC_EDU &&
	    id != UINT32_MAX) || edu_identify(edu, &id) == 0) {
		edu->dma.is_certain = 1;
		return 0;
	}
	edu->dma.is_running = !edu->bus->is_gone;
	return -1;
}

/* Nobody has seen the last one end; to program over it would be fatal. */
static int
prove_idle(struct edu *edu)
{

	if (edu->dma.is_certain)
		return 0;
	if (prove(edu) == -1)
		return -1;
	edu->dma.is_running =
	    (edu_read32(edu, EDU_DMA_CMD) & EDU_DMA_CMD_RUN) != 0;
	return !edu->dma.is_running ? 0 : edu_fail(&edu->err, EBUSY, "the "
	    "device did not answer for a moment, and is still busy with an "
	    "earlier transfer");
}

int
edu_dma_begin(struct edu *edu, struct edu_op *op)
{

	if (prove_idle(edu) == -1 || check_master(edu, op) == -1)
		return -1;
	return start(edu, op);
}

int
edu_dma_look(struct edu *edu, int64_t now_us)
{
	struct edu_dma *d = &edu->dma;
	uint32_t command, id;

	if (!d->is_running)
		return 1;
	if (now_us < d->due_us)
		return 0;
	command = edu_read32(edu, EDU_DMA_CMD);
	/* All ones: nobody answers, and so it is in vain to wait. */
	if (!(command & EDU_DMA_CMD_RUN) ||
	    (command == UINT32_MAX && edu_identify(edu, &id) == -1)) {
		d->is_running = 0;
		d->is_certain = command != 0 && command != UINT32_MAX;
		if (d->nap_us > NAP_MIN_US)
			d->phase_us = d->due_us;
		return 1;
	}
	now_us = edu_now_us();
	if (now_us >= d->due_us) {
		d->due_us += d->nap_us;
		if (d->due_us < now_us)
			d->due_us = now_us + d->nap_us;
		if (d->nap_us < NAP_MAX_US)
			d->nap_us *= 2;
	}
	return 0;
}

/* Whether what the device has written has come; if not, that may be why. */
static int
check_data(struct edu *edu, const struct edu_op *op, size_t length)
{
	const struct edu_move *m = &op->move;
	const char *from = NULL;

	if (op->flags & EDU_TRIALS)
		return 0;
	if (m->puts)
		from = (const char *)edu_mem_segment(m->from)->data +
		    m->from_offset + m->done;
	if (edu_mem_check(edu, m->to, m->to_offset + m->done, length,
	    from) == 0)
		return 0;
	(void)check_master(edu, op);
	errno = EIO;
	return -1;
}

int
edu_dma_advance(struct edu *edu, struct edu_op *op)
{
	struct edu_move *m = &op->move;
	size_t length = chunk_length(m);

	if (prove(edu) == -1)
		return -1;
	if (is_put(m)) {
		m->is_out = m->gets;
		m->done += m->gets ? 0 : length;
	} else {
		if (edu_mem_sync(edu, m->to, m->to_offset + m->done, length,
		    0) == -1 || check_data(edu, op, length) == -1)
			return -1;
		m->is_out = 0;
		m->done += length;
	}
	if (m->done < m->length)
		return start(edu, op);
	release(edu);
	return check_master(edu, op) == -1 ? -1 : 1;
}

int
edu_dma_require_idle(struct edu *edu)
{

	return edu_dma_look(edu, EDU_NEVER) ? prove_idle(edu) :
	    edu_fail(&edu->err, EBUSY, "the device is busy with a transfer");
}

/* Asleep until the engine is idle: 1, or 0 when it is not by the deadline. */
static int
wait_idle(struct edu *edu, int64_t deadline_us)
{
	int64_t now_us = edu_now_us();

	while (!edu_dma_look(edu, now_us)) {
		if (now_us >= deadline_us)
			return 0;
		edu_trace_sleep(edu->bus, edu->dma.due_us < deadline_us ?
		    edu->dma.due_us : deadline_us);
		now_us = edu_now_us();
	}
	return 1;
}

int
edu_dma_adopt(struct edu *edu)
{
	int64_t now_us = edu_now_us();

	edu->dma.is_running =
	    (edu_read32(edu, EDU_DMA_CMD) & EDU_DMA_CMD_RUN) != 0;
	edu->dma.due_us = now_us + edu->bus->dma_time_us;
	edu->dma.nap_us = NAP_MIN_US;
	if (wait_idle(edu, edu->dma.due_us + GRACE_US)) {
		edu->dma.is_certain = 1;
		return 0;
	}
	return edu_fail_late(edu, EBUSY, "a former owner's DMA does not end",
	    "");
}

void
edu_dma_leave(struct edu *edu)
{

	if (!wait_idle(edu, edu->dma.due_us + GRACE_US) || prove(edu) == -1)
		(void)edu_command_change(edu, 0, PCI_COMMAND_MASTER);
	release(edu);
}

static int
check_length(struct edu *edu, size_t length)
{

	return length != 0 ? 0 :
	    edu_fail(&edu->err, ERANGE, "there is nothing to transfer");
}

static int
check_buffer(struct edu *edu, const struct edu_move *m)
{

	if (m->dev_offset < m->limit && m->length <= m->limit - m->dev_offset)
		return 0;
	return edu_fail(&edu->err, ERANGE, "%zu bytes at %zu are not inside "
	    "the %zu bytes of the device's buffer that may be used%s",
	    m->length, m->dev_offset, m->limit, m->limit < EDU_DMA_BUF_SIZE ?
	    " (its last byte crashes QEMU 8.2.0 and older)" : "");
}

static int
check_overlap(struct edu *edu, const void *to, const void *from, size_t length)
{
	uintptr_t a = (uintptr_t)to, b = (uintptr_t)from;

	if (a < b + length && b < a + length)
		return edu_fail(&edu->err, EINVAL, "the ranges overlap");
	return 0;
}

int
edu_dma_prove(struct edu *edu, struct edu_move *m, void *to, const void *from)
{

	if (check_length(edu, m->length) == -1 ||
	    (m->puts && (m->from = edu_mem_find(edu, from, m->length,
	    &m->from_offset)) == NULL) ||
	    (m->gets && (m->to = edu_mem_find(edu, to, m->length,
	    &m->to_offset)) == NULL))
		return -1;
	if (m->puts && m->gets)
		return check_overlap(edu, to, from, m->length);
	return check_buffer(edu, m);
}

void
edu_dma_hold(struct edu_op *op)
{

	if (op->move.puts)
		edu_mem_hold(op->move.from);
	if (op->move.gets)
		edu_mem_hold(op->move.to);
}

void
edu_dma_drop(struct edu *edu, struct edu_op *op)
{

	if (op->move.puts)
		edu_mem_release(edu, op->move.from);
	if (op->move.gets)
		edu_mem_release(edu, op->move.to);
	if (!edu->dma.is_running)
		release(edu);
}

int
edu_dma_is_same(const struct edu_op *a, const struct edu_op *b)
{
	const struct edu_move *m = &a->move, *n = &b->move;

	return m->to == n->to && m->from == n->from &&
	    m->to_offset == n->to_offset && m->from_offset == n->from_offset &&
	    m->dev_offset == n->dev_offset && m->length == n->length &&
	    m->limit == n->limit;
}
