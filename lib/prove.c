/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Whether the device reaches memory.  It says "done" of a transfer that an
 * IOMMU has stopped, or that went to an address which its mask has cut, and no
 * register tells: only the data does.
 */

#include <errno.h>
#include <string.h>

#include "internal.h"

#define PROOF_MS	10000

/* What nobody else has there: no two calls on one device have the same. */
static uint64_t
nonce(void)
{

	return (uint64_t)edu_now_us() * 0x9e3779b97f4a7c15U;
}

/* Out and back: were the address wrong both ways, our complement would stay. */
static int
round_trip(struct edu *edu, void *data, size_t length, uint64_t value)
{
	uint64_t seen = ~value;

	memcpy(data, &value, length);
	if (edu_dma_put(edu, 0, data, length, 0, PROOF_MS) == -1)
		return -1;
	memcpy(data, &seen, length);
	if (edu_dma_get(edu, 0, data, length, 0, PROOF_MS) == -1)
		return -1;
	return memcmp(data, &value, length) == 0;
}

/* A mask cuts the last byte first, and an IOMMU is told of the whole. */
EDU_PUBLIC int
edu_mem_prove(struct edu *edu, void *data, size_t length)
{
	struct edu_mem *mem;
	size_t n = length < sizeof(uint64_t) ? length : sizeof(uint64_t);
	size_t offset;
	uint8_t saved[sizeof(uint64_t)];
	char *end;
	int result;

	if (edu_require(edu, EDU_REGISTERS | EDU_CLAIM) == -1)
		return -1;
	if (length == 0)
		return edu_fail(&edu->err, EINVAL, "there is nothing to prove");
	if ((mem = edu_mem_find(edu, data, length, &offset)) == NULL)
		return -1;
	end = (char *)data + length - n;
	memcpy(saved, end, n);
	result = round_trip(edu, end, n, nonce());
	memcpy(end, saved, n);
	if (result != 0)
		return result == 1 ? 0 : -1;
	return edu_mem_unreached(edu, mem, offset + length - n);
}
