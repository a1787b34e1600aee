/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * What a program calls to have a factorial computed or bytes moved: prove what
 * it asks for, make an operation of it, and wait for that, or not.
 */

#include <errno.h>
#include <inttypes.h>

#include "internal.h"

#define ANY_FLAGS	EDU_INTERRUPT
#define CALL_FLAGS	(ANY_FLAGS | EDU_RESUME)
#define DMA_FLAGS	EDU_DMA_LAST_BYTE
#define FACTORIAL_FLAGS	EDU_WRAP

/* What every operation needs, with its deadline. */
static int
prepare(struct edu *edu, struct edu_op *op, unsigned known, int timeout_ms)
{

	if (edu_require_open(edu, EDU_REGISTERS | EDU_CLAIM) == -1 ||
	    edu_require_flags(edu, op->flags, known) == -1)
		return -1;
	if ((op->flags & EDU_SPIN) && (op->flags & EDU_SLEEP))
		return edu_fail(&edu->err, EINVAL, "to spin and to sleep "
		    "exclude each other");
	op->start_us = edu_now_us();
	if (edu_start_timeout(edu, op->start_us, timeout_ms,
	    &op->deadline_us) == -1)
		return -1;
	return op->flags & EDU_INTERRUPT ? edu_irq_require(edu) : 0;
}

static int
prepare_factorial(struct edu *edu, struct edu_op *op, unsigned known,
    int timeout_ms)
{

	if (prepare(edu, op, known | FACTORIAL_FLAGS, timeout_ms) == -1)
		return -1;
	return edu_factorial_check(edu, op->n, op->flags);
}

static int
prepare_dma(struct edu *edu, struct edu_op *op, unsigned known, void *to,
    const void *from, int timeout_ms)
{

	op->move.limit = edu_dma_buffer(edu, op->flags);
	if (prepare(edu, op, known | DMA_FLAGS, timeout_ms) == -1)
		return -1;
	return edu_dma_prove(edu, &op->move, to, from);
}

static struct edu_op
put(size_t dev_offset, size_t length, unsigned flags, void *cookie)
{

	return (struct edu_op){ .engine = EDU_ENGINE_DMA, .flags = flags,
	    .cookie = cookie, .move = { .puts = 1, .dev_offset = dev_offset,
	    .length = length } };
}

static struct edu_op
get(size_t dev_offset, size_t length, unsigned flags, void *cookie)
{

	return (struct edu_op){ .engine = EDU_ENGINE_DMA, .flags = flags,
	    .cookie = cookie, .move = { .gets = 1, .dev_offset = dev_offset,
	    .length = length } };
}

static struct edu_op
copy(size_t length, unsigned flags, void *cookie)
{

	return (struct edu_op){ .engine = EDU_ENGINE_DMA, .flags = flags,
	    .cookie = cookie, .move = { .puts = 1, .gets = 1,
	    .length = length } };
}

EDU_PUBLIC int
edu_factorial(struct edu *edu, uint32_t n, unsigned flags, int timeout_ms,
    uint32_t *result)
{
	struct edu_op op = { .engine = EDU_ENGINE_FACTORIAL, .n = n,
	    .flags = flags };

	if (prepare_factorial(edu, &op, CALL_FLAGS | EDU_SPIN | EDU_SLEEP,
	    timeout_ms) == -1)
		return -1;
	return edu_queue_run(edu, &op, result);
}

static int
move(struct edu *edu, struct edu_op op, void *to, const void *from,
    int timeout_ms)
{

	if (prepare_dma(edu, &op, CALL_FLAGS, to, from, timeout_ms) == -1)
		return -1;
	return edu_queue_run(edu, &op, NULL);
}

EDU_PUBLIC int
edu_dma_put(struct edu *edu, size_t dev_offset, const void *data,
    size_t length, unsigned flags, int timeout_ms)
{

	return move(edu, put(dev_offset, length, flags, NULL), NULL, data,
	    timeout_ms);
}

EDU_PUBLIC int
edu_dma_get(struct edu *edu, size_t dev_offset, void *data, size_t length,
    unsigned flags, int timeout_ms)
{

	return move(edu, get(dev_offset, length, flags, NULL), data, NULL,
	    timeout_ms);
}

EDU_PUBLIC int
edu_dma_copy(struct edu *edu, void *to, const void *from, size_t length,
    unsigned flags, int timeout_ms)
{

	return move(edu, copy(length, flags, NULL), to, from, timeout_ms);
}

/*
 * An address beyond the mask is nobody's where an IOMMU knows ours alone, and
 * where the machine is ours; but it must not be one that means an interrupt.
 */
static int
check_beyond(struct edu *edu)
{
	uint64_t mask = edu_dma_mask(edu);

	if (mask <= UINT32_MAX / 4 && (edu->bus->is_alone ||
	    edu->kernel->translates))
		return 0;
	return edu_fail(&edu->err, ENOTSUP, "an address beyond the mask 0x%"
	    PRIx64 " may be somebody else's: only an IOMMU (vfio-pci), or a "
	    "QEMU of its own (qtest:), is safe for this", mask);
}

/*
 * Whatever has become of it, bus mastering is on again.  Memory that is a copy
 * has to be as the caller's, for nothing is to overwrite it.
 */
EDU_PUBLIC int
edu_try_get(struct edu *edu, size_t dev_offset, void *data, size_t length,
    unsigned how, int timeout_ms)
{
	struct edu_op op = get(dev_offset, length, 0, NULL);
	struct edu_first_error first;
	int result;

	if (prepare_dma(edu, &op, 0, data, NULL, timeout_ms) == -1 ||
	    edu_require_flags(edu, how, EDU_TRIALS) == -1)
		return -1;
	if (edu->bus->is_driven)
		return edu_fail_driven(edu);
	if (((how & EDU_TRY_BEYOND) && check_beyond(edu) == -1) ||
	    edu_mem_sync(edu, op.move.to, op.move.to_offset, length, 1) == -1)
		return -1;
	op.flags = how;
	result = how & EDU_TRY_UNMASTERED ?
	    edu_command_change(edu, 0, PCI_COMMAND_MASTER) : 0;
	if (result == 0)
		result = edu_queue_run(edu, &op, NULL);
	if (result == 0)
		return edu_command_change(edu, PCI_COMMAND_MASTER, 0);
	edu_error_save(&first, &edu->err);
	(void)edu_command_change(edu, PCI_COMMAND_MASTER, 0);
	return edu_error_restore(&first, &edu->err);
}

/* An integer until it is proven: no pointer leads out of its object. */
static void *
at(const void *data, size_t offset)
{

	return (void *)((uintptr_t)data + offset);
}

int
edu_call_copy(struct edu *edu, struct edu_op *op, const struct edu_copy *c,
    size_t start, size_t length)
{

	*op = copy(length, c->flags, NULL);
	return prepare_dma(edu, op, CALL_FLAGS, at(c->to, start),
	    at(c->from, start), c->timeout_ms);
}

EDU_PUBLIC int
edu_submit_factorial(struct edu *edu, uint32_t n, unsigned flags,
    int timeout_ms, void *cookie)
{
	struct edu_op op = { .engine = EDU_ENGINE_FACTORIAL, .n = n,
	    .flags = flags, .cookie = cookie };

	if (prepare_factorial(edu, &op, ANY_FLAGS, timeout_ms) == -1)
		return -1;
	return edu_queue_add(edu, &op);
}

static int
submit(struct edu *edu, struct edu_op op, void *to, const void *from,
    int timeout_ms)
{

	if (prepare_dma(edu, &op, ANY_FLAGS, to, from, timeout_ms) == -1)
		return -1;
	return edu_queue_add(edu, &op);
}

EDU_PUBLIC int
edu_submit_put(struct edu *edu, size_t dev_offset, const void *data,
    size_t length, unsigned flags, int timeout_ms, void *cookie)
{

	return submit(edu, put(dev_offset, length, flags, cookie), NULL, data,
	    timeout_ms);
}

EDU_PUBLIC int
edu_submit_get(struct edu *edu, size_t dev_offset, void *data, size_t length,
    unsigned flags, int timeout_ms, void *cookie)
{

	return submit(edu, get(dev_offset, length, flags, cookie), data, NULL,
	    timeout_ms);
}

EDU_PUBLIC int
edu_submit_copy(struct edu *edu, void *to, const void *from, size_t length,
    unsigned flags, int timeout_ms, void *cookie)
{

	return submit(edu, copy(length, flags, cookie), to, from, timeout_ms);
}

EDU_PUBLIC int
edu_process(struct edu *edu)
{

	/* If the device is gone, that is for each of them to say. */
	if (edu_require_open(edu, EDU_REGISTERS | EDU_CLAIM) == -1 &&
	    errno != ENODEV)
		return -1;
	edu_queue_work(edu);
	return 0;
}

EDU_PUBLIC int
edu_due(const struct edu *edu, struct timespec *when)
{
	int64_t due_us = edu_queue_due(edu);

	if (due_us == EDU_NEVER)
		return 0;
	edu_timespec(due_us, when);
	return 1;
}

EDU_PUBLIC const volatile void *
edu_bar0(const struct edu *edu)
{

	return edu->bus->bar0;
}

EDU_PUBLIC int
edu_reap(struct edu *edu, struct edu_done *done)
{

	return edu_queue_take(edu, done);
}

EDU_PUBLIC int
edu_cancel(struct edu *edu, const void *cookie)
{

	return edu_queue_cancel(edu, cookie);
}
