/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef H_DMA_H
#define H_DMA_H

/* What the DMA engine was told last: a refused call must not change it. */

#include <atf-c.h>
#include <stdint.h>
#include <string.h>

#include <edureg.h>

#include "h_device.h"

struct registers {
	uint64_t	source;
	uint64_t	destination;
	uint64_t	count;
	uint64_t	command;
};

static inline struct registers
get_registers(struct edu *edu)
{
	struct registers r;

	REQUIRE_EDU(edu, edu_read(edu, EDU_DMA_SRC, 8, &r.source));
	REQUIRE_EDU(edu, edu_read(edu, EDU_DMA_DST, 8, &r.destination));
	REQUIRE_EDU(edu, edu_read(edu, EDU_DMA_COUNT, 8, &r.count));
	REQUIRE_EDU(edu, edu_read(edu, EDU_DMA_CMD, 8, &r.command));
	return r;
}

static inline void
check_registers(struct edu *edu, const struct registers *before)
{
	struct registers after = get_registers(edu);

	ATF_CHECK_MSG(memcmp(before, &after, sizeof(after)) == 0,
	    "0x%jx to 0x%jx, 0x%jx bytes, command 0x%jx",
	    (uintmax_t)after.source, (uintmax_t)after.destination,
	    (uintmax_t)after.count, (uintmax_t)after.command);
}

#endif /* H_DMA_H */
