/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <errno.h>
#include <inttypes.h>

#include "internal.h"

#define READ	0x1
#define WRITE	0x2
#define WIDE	0x4	/* 64 bits as well as 32 */

/* By offset / 4; 0: there is none. */
static const unsigned char registers[] = {
	[EDU_ID / 4]		= READ,
	[EDU_LIVE / 4]		= READ | WRITE,
	[EDU_FACTORIAL / 4]	= READ | WRITE,
	[EDU_STATUS / 4]	= READ | WRITE,
	[EDU_INTR_STATUS / 4]	= READ,
	[EDU_INTR_RAISE / 4]	= WRITE,
	[EDU_INTR_ACK / 4]	= WRITE,
	[EDU_DMA_SRC / 4]	= READ | WRITE | WIDE,
	[EDU_DMA_DST / 4]	= READ | WRITE | WIDE,
	[EDU_DMA_COUNT / 4]	= READ | WRITE | WIDE,
	[EDU_DMA_CMD / 4]	= READ | WRITE | WIDE,
};

static int
check(struct edu *edu, unsigned offset, unsigned width, unsigned access)
{
	unsigned can = 0;

	if (offset % 4 == 0 && offset / 4 < sizeof(registers))
		can = registers[offset / 4];
	if (can == 0)
		return edu_fail(&edu->err, EINVAL,
		    "there is no register at 0x%x", offset);
	if (width != 4 && !(width == 8 && (can & WIDE)))
		return edu_fail(&edu->err, EINVAL, "the register at 0x%x takes "
		    "accesses of 4 bytes%s, not of %u", offset,
		    can & WIDE ? " or 8" : "", width);
	if (!(can & access))
		return edu_fail(&edu->err, EACCES, "the register at 0x%x is "
		    "%s-only", offset, access == READ ? "write" : "read");
	return 0;
}

EDU_PUBLIC int
edu_read(struct edu *edu, unsigned offset, unsigned width, uint64_t *value)
{
	uint64_t got;
	uint32_t id;

	if (edu_require(edu, EDU_REGISTERS) == -1 ||
	    check(edu, offset, width, READ) == -1)
		return -1;
	if (edu_observe(edu, offset, width, &got) == -1)
		return -1;
	if ((got == 0 || (uint32_t)got == UINT32_MAX) &&
	    edu_identify(edu, &id) == -1)
		return -1;
	*value = got;
	return 0;
}

/* What the library believes of the device has to stay true. */
static void
follow(struct edu *edu, unsigned offset, uint32_t value)
{

	switch (offset) {
	case EDU_FACTORIAL:
		edu_factorial_started(edu);
		break;
	case EDU_STATUS:
		edu_factorial_status_written(edu, value);
		break;
	case EDU_DMA_SRC:
	case EDU_DMA_DST:
	case EDU_DMA_COUNT:
		edu_dma_register_written(edu);
		break;
	case EDU_INTR_ACK:
		edu_irq_drop(edu, value);
		break;
	default:
		break;
	}
}

EDU_PUBLIC int
edu_write(struct edu *edu, unsigned offset, unsigned width, uint64_t value)
{

	if (edu_require(edu, EDU_REGISTERS | EDU_CLAIM) == -1 ||
	    check(edu, offset, width, WRITE) == -1)
		return -1;
	if (offset == EDU_DMA_CMD)
		return edu_fail(&edu->err, EPERM, "a DMA cannot be started "
		    "by writing its command register: nothing would prove its "
		    "addresses");
	if (width == 4 && value > UINT32_MAX)
		return edu_fail(&edu->err, EINVAL, "0x%" PRIx64
		    " does not fit in 4 bytes", value);
	if (offset == EDU_FACTORIAL &&
	    edu_queue_pass(edu, EDU_ENGINE_FACTORIAL) == -1)
		return -1;
	edu_bus_write(edu, offset, width, value);
	follow(edu, offset, (uint32_t)value);
	return edu_confirm_write(edu);
}
