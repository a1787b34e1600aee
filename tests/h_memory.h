/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef H_MEMORY_H
#define H_MEMORY_H

#include <atf-c.h>
#include <stddef.h>
#include <stdint.h>

#include <edu.h>

static inline unsigned char *
alloc(struct edu *edu, size_t length)
{
	unsigned char *mem = edu_mem_alloc(edu, length);

	ATF_REQUIRE_MSG(mem != NULL, "%zu bytes: %s", length,
	    edu_errmsg(edu));
	return mem;
}

static inline void
check_zeroed(const unsigned char *data, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		ATF_REQUIRE_MSG(data[i] == 0, "byte %zu is 0x%02x", i,
		    data[i]);
}

/* The address of this byte on the bus. */
static inline uint64_t
bus_address(struct edu *edu, const void *data)
{
	uint64_t address;

	ATF_REQUIRE_MSG(edu_mem_address(edu, data, &address) == 0, "%s",
	    edu_errmsg(edu));
	return address;
}

/* No two bytes next to each other, nor in places a power of 2 apart. */
static inline unsigned char
pattern(size_t i, unsigned seed)
{
	uint32_t x = (uint32_t)(i + 1) * 2654435761U + seed * 40503U;

	return (unsigned char)(x >> 24 ^ x >> 11);
}

static inline void
fill(unsigned char *data, size_t length, unsigned seed)
{
	size_t i;

	for (i = 0; i < length; i++)
		data[i] = pattern(i, seed);
}

/* How many bytes differ from what fill() has put there. */
static inline size_t
differences(const unsigned char *data, size_t length, unsigned seed)
{
	size_t count = 0, i;

	for (i = 0; i < length; i++)
		count += data[i] != pattern(i, seed);
	return count;
}

/* Far beyond an object no pointer may point, and these tests want it to. */
static inline void *
at(const void *data, size_t offset)
{

	return (void *)((uintptr_t)data + offset);
}

#endif /* H_MEMORY_H */
