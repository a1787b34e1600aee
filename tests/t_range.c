/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* The allocator of addresses, against a table of which are in use. */

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "h_case.h"
#include "range.h"

#define SPACE		64
#define ROUNDS		20000
#define HELD		16

static char used[SPACE];

/* The first gap of this size, or SPACE. */
static unsigned
first_gap(unsigned start, unsigned end, unsigned size)
{
	unsigned at, length = 0;

	for (at = start; at < end; at++) {
		length = used[at] ? 0 : length + 1;
		if (length == size)
			return at + 1 - size;
	}
	return SPACE;
}

static void
mark(const struct edu_range *r, char value)
{
	uint64_t at;

	for (at = r->start; at < r->end; at++) {
		ATF_REQUIRE_EQ(used[at], !value);
		used[at] = value;
	}
}

static struct edu_range *
take(struct edu_range **all)
{
	unsigned start = (unsigned)rand() % SPACE, gap;
	unsigned end = (unsigned)rand() % (SPACE + 1);
	unsigned size = 1 + (unsigned)rand() % 12;
	struct edu_range *r;

	gap = first_gap(start, end, size);
	errno = 0;
	r = edu_range_take(all, start, end, size);
	if (gap == SPACE) {
		ATF_REQUIRE(r == NULL);
		ATF_REQUIRE_EQ(errno, ENOSPC);
		return NULL;
	}
	ATF_REQUIRE_MSG(r != NULL, "%u to %u, %u", start, end, size);
	ATF_REQUIRE_EQ(r->start, gap);
	ATF_REQUIRE_EQ(r->end, gap + size);
	mark(r, 1);
	return r;
}

EDU_TEST(model, "each is the first gap that is large enough, wherever it is "
    "looked for, and none is given twice")
{
	struct edu_range *all = NULL, *held[HELD] = { NULL };
	unsigned i;
	int round;

	srand(1);
	for (round = 0; round < ROUNDS; round++) {
		i = (unsigned)rand() % HELD;
		if (held[i] != NULL) {
			mark(held[i], 0);
			edu_range_free(&all, held[i]);
			held[i] = NULL;
		} else
			held[i] = take(&all);
	}
	for (i = 0; i < HELD; i++)
		if (held[i] != NULL)
			edu_range_free(&all, held[i]);
	ATF_CHECK(all == NULL);
}

EDU_TEST(edge, "the last address is one like others")
{
	struct edu_range *all = NULL, *high, *low;

	high = edu_range_take(&all, UINT64_MAX - 8, UINT64_MAX, 8);
	ATF_REQUIRE(high != NULL);
	low = edu_range_take(&all, 0, UINT64_MAX, UINT64_MAX - 8);
	ATF_REQUIRE(low != NULL);
	ATF_CHECK(edu_range_take(&all, 0, UINT64_MAX, 1) == NULL);
	edu_range_free(&all, high);
	edu_range_free(&all, low);
}
