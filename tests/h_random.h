/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef H_RANDOM_H
#define H_RANDOM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* From SEED, which the test defines; the low bits of such numbers are poor. */
static uint32_t random_state = SEED;

/* Print the seed; EDU_SEED in the environment is one that was printed. */
static inline void
random_begin(void)
{
	const char *text = getenv("EDU_SEED");

	if (text != NULL)
		random_state = (uint32_t)strtoul(text, NULL, 0);
	(void)printf("EDU_SEED=%u\n", random_state);
}

static inline uint32_t
next_random(void)
{
	uint32_t high;

	random_state = random_state * 1664525 + 1013904223;
	high = random_state >> 16;
	random_state = random_state * 1664525 + 1013904223;
	return high << 16 | random_state >> 16;
}

static inline void
fill_random(unsigned char *data, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		data[i] = (unsigned char)next_random();
}

#endif /* H_RANDOM_H */
