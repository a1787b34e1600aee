/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef EDU_RANGE_H
#define EDU_RANGE_H

/*
 * Ranges of a space of addresses that are in use, in the order of their
 * starts: the allocator of every kind of DMA memory.
 */

#include <stdint.h>

struct edu_range {
	struct edu_range *next;
	uint64_t	start;
	uint64_t	end;		/* the first address behind it */
};

/*
 * Take the first gap of this size that lies from start up to end.  NULL with
 * errno: ENOMEM, or ENOSPC where no gap is large enough.
 */
struct edu_range *edu_range_take(struct edu_range **, uint64_t start,
    uint64_t end, uint64_t size);
/* Give one back, and free it. */
void	edu_range_free(struct edu_range **, struct edu_range *);

#endif /* EDU_RANGE_H */
