/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef H_RANDOM_H
#define H_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* From SEED, which the test defines; the low bits of such numbers are poor. */
static inline uint32_t
next_random(void)
{
	static uint32_t state = SEED;
	uint32_t high;

	state = state * 1664525 + 1013904223;
	high = state >> 16;
	state = state * 1664525 + 1013904223;
	return high << 16 | state >> 16;
}

static inline void
fill_random(unsigned char *data, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		data[i] = (unsigned char)next_random();
}

#endif /* H_RANDOM_H */
