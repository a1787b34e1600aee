/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Memory that the device can reach. */

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <edu.h>
#include <edureg.h>

#include "h_case.h"
#include "h_memory.h"
#include "h_tap.h"

#define MANY		200

EDU_TEST(lengths, "1 byte to EDU_MEM_MAX: zeroed, below the mask, writable to "
    "the last byte")
{
	static const size_t lengths[] = {
		1, 2, 3, 4095, 4096, 4097, 8192, 100000, EDU_MEM_MAX - 1,
		EDU_MEM_MAX
	};
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *mem;
	size_t i;

	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		mem = alloc(edu, lengths[i]);
		ATF_CHECK(bus_address(edu, mem) != 0);
		ATF_CHECK(bus_address(edu, mem) + lengths[i] - 1 <=
		    0x0fffffff);
		check_zeroed(mem, lengths[i]);
		memset(mem, 0xa5, lengths[i]);
		/* Dirty for the next one. */
		edu_mem_free(edu, mem);
	}
	edu_close(edu);
}

EDU_TEST(bad_lengths, "0 and more than EDU_MEM_MAX: EINVAL, and the message "
    "says what is possible")
{
	static const size_t lengths[] = {
		0, EDU_MEM_MAX + 1, EDU_MEM_MAX * 2, SIZE_MAX - 4095, SIZE_MAX
	};
	struct edu *edu = open_device("qtest:", 0);
	size_t i;

	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		CHECK_ERRNO(edu, EINVAL, edu_mem_alloc(edu, lengths[i]) ==
		    NULL);
		CHECK_MESSAGE(edu, "1048576");
	}
	edu_mem_free(edu, alloc(edu, 1));
	edu_close(edu);
}

EDU_TEST(many, "200 pieces at once overlap nowhere, neither here nor in the "
    "device's eyes")
{
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *mems[MANY];
	uint64_t a, b;
	size_t i, j, length[MANY];

	for (i = 0; i < MANY; i++) {
		length[i] = i * 37 % 9000 + 1;
		mems[i] = alloc(edu, length[i]);
		memset(mems[i], (int)i, length[i]);
	}
	/* Half of them anew, into the gaps. */
	for (i = 0; i < MANY; i += 2)
		edu_mem_free(edu, mems[i]);
	for (i = 0; i < MANY; i += 2) {
		mems[i] = alloc(edu, length[i]);
		memset(mems[i], (int)i, length[i]);
	}
	for (i = 0; i < MANY; i++) {
		a = bus_address(edu, mems[i]);
		for (j = 0; j < i; j++) {
			b = bus_address(edu, mems[j]);
			ATF_CHECK(a + length[i] <= b || b + length[j] <= a);
		}
		for (j = 0; j < length[i]; j++)
			ATF_REQUIRE(mems[i][j] == i);
	}
	for (i = 0; i < MANY; i++)
		edu_mem_free(edu, mems[i]);
	edu_close(edu);
}

static size_t allocs, frees;
static struct edu_kernel_ops counting;
static const struct edu_kernel_ops *real_kernel;

static int
count_alloc(struct edu_kernel *kernel, size_t length, uint64_t limit,
    struct edu_segment *segment)
{

	allocs++;
	return real_kernel->alloc(kernel, length, limit, segment);
}

static void
count_free(struct edu_kernel *kernel, struct edu_segment *segment)
{

	frees++;
	real_kernel->free(kernel, segment);
}

static void
count_memory(struct edu *edu)
{

	real_kernel = edu->kernel->ops;
	counting = *real_kernel;
	counting.alloc = count_alloc;
	counting.free = count_free;
	edu->kernel->ops = &counting;
}

EDU_TEST(freed_by_close, "edu_close() frees what is left, each piece once")
{
	struct edu *edu = open_device("qtest:", 0);
	int i;

	count_memory(edu);
	for (i = 0; i < 10; i++) {
		(void)alloc(edu, 5000);
		edu_mem_free(edu, alloc(edu, 1));
	}
	ATF_CHECK_EQ(allocs, 20);
	ATF_CHECK_EQ(frees, 10);
	edu_close(edu);
	ATF_CHECK_EQ(frees, 20);
}

EDU_TEST(free_null, "edu_mem_free() accepts NULL and leaves errno alone")
{
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *mem = alloc(edu, 1);

	errno = ELOOP;
	edu_mem_free(edu, NULL);
	edu_mem_free(edu, mem);
	ATF_CHECK_EQ(errno, ELOOP);
	edu_close(edu);
}

/* The segment that a kernel side gives, instead of the real one's. */
static uint64_t odd_address;
static size_t odd_length;

static int
alloc_odd(struct edu_kernel *kernel, size_t length, uint64_t limit,
    struct edu_segment *segment)
{

	ATF_CHECK_EQ(limit, 0x10000000);
	if (count_alloc(kernel, length, limit, segment) == -1)
		return -1;
	segment->bus_address = odd_address;
	segment->length = odd_length;
	return 0;
}

static void
check_segment(struct edu *edu, uint64_t address, size_t length, int is_good)
{
	unsigned char *mem;
	size_t frees_before = frees;

	odd_address = address;
	odd_length = length;
	if (is_good) {
		mem = alloc(edu, 4096);
		ATF_CHECK_EQ(bus_address(edu, mem), address);
		edu_mem_free(edu, mem);
	} else {
		CHECK_ERRNO(edu, ENOMEM, edu_mem_alloc(edu, 4096) == NULL);
		CHECK_MESSAGE(edu, "mask 0xfffffff");
	}
	ATF_CHECK_EQ(frees, frees_before + 1);
}

EDU_TEST(beyond_the_mask, "memory that the device cannot reach with its last "
    "byte is refused, whatever a kernel side says")
{
	struct edu *edu = open_device("qtest:", 0);

	count_memory(edu);
	counting.alloc = alloc_odd;
	check_segment(edu, 0x0ffff000, 4096, 1);
	check_segment(edu, 0x0ffff001, 4096, 0);
	check_segment(edu, 0x0fffffff, 4096, 0);
	check_segment(edu, 0x10000000, 4096, 0);
	check_segment(edu, 0x100100000, 4096, 0);
	check_segment(edu, UINT64_MAX - 4095, 4096, 0);
	check_segment(edu, UINT64_MAX, 4096, 0);
	/* All of the segment has to be in reach. */
	check_segment(edu, 0x0ffff000, 8192, 0);
	check_segment(edu, 0x0fffe000, 8192, 1);
	check_segment(edu, 0x00100000, 4095, 0);
	edu_close(edu);
}

static int
alloc_fails(struct edu_kernel *kernel, size_t length, uint64_t limit,
    struct edu_segment *segment)
{

	(void)kernel;
	(void)length;
	(void)limit;
	(void)segment;
	return edu_fail(&tap.edu->err, EPERM, TAP_MESSAGE);
}

EDU_TEST(no_memory_at_all, "a kernel side without memory: ENOTSUP; one that "
    "fails: its errno and its message")
{
	struct edu *edu = open_device("qtest:", 0);

	tap_attach(edu);
	count_memory(edu);
	counting.alloc = NULL;
	CHECK_ERRNO(edu, ENOTSUP, edu_mem_alloc(edu, 1) == NULL);
	counting.alloc = alloc_fails;
	CHECK_ERRNO(edu, EPERM, edu_mem_alloc(edu, 1) == NULL);
	CHECK_MESSAGE(edu, TAP_MESSAGE);
	ATF_CHECK_EQ(frees, 0);
	ATF_CHECK(edu->memory.first == NULL);
	edu_close(edu);
}

EDU_TEST(map_needs_iommu, "the caller's own memory is ENOTSUP without an "
    "IOMMU, and edu_mem_prove() is for every kind")
{
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *mem = alloc(edu, 4096);
	char own[16];

	CHECK_ERRNO(edu, ENOTSUP, edu_mem_map(edu, own, sizeof(own)) == -1);
	CHECK_MESSAGE(edu, "edu_mem_alloc()");
	CHECK_ERRNO(edu, EFAULT, edu_mem_unmap(edu, own) == -1);
	CHECK_ERRNO(edu, EFAULT, edu_mem_unmap(edu, mem) == -1);
	memset(mem, 0x5a, 4096);
	REQUIRE_EDU(edu, edu_mem_prove(edu, mem, 4096));
	ATF_CHECK_EQ(mem[4095], 0x5a);
	CHECK_ERRNO(edu, EFAULT, edu_mem_prove(edu, own, 1) == -1);
	edu_close(edu);
}

EDU_TEST(mask, "the mask that is stated holds: memory is below it, and nothing "
    "else is a mask")
{
	static const uint64_t bad[] = {
		0, 1, 0xffe, 0x7ff, 0x1000, 0x0ffffffe, 0xf0000000,
		UINT64_MAX - 1, 0x8000000000000000
	};
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *mem;
	size_t i, pieces;

	ATF_CHECK_EQ(edu_dma_mask(edu), EDU_DMA_MASK);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_ERRNO(edu, EINVAL, edu_dma_set_mask(edu, bad[i]) == -1);
	CHECK_MESSAGE(edu, "mask");
	ATF_CHECK_EQ(edu_dma_mask(edu), EDU_DMA_MASK);
	REQUIRE_EDU(edu, edu_dma_set_mask(edu, UINTPTR_MAX));
	mem = alloc(edu, 1);
	CHECK_ERRNO(edu, EBUSY, edu_dma_set_mask(edu, 0xffff) == -1);
	edu_mem_free(edu, mem);
	REQUIRE_EDU(edu, edu_dma_set_mask(edu, 0x3fffff));
	for (pieces = 0; (mem = edu_mem_alloc(edu, 65536)) != NULL; pieces++)
		ATF_CHECK(bus_address(edu, mem) + 65535 <= 0x3fffff);
	ATF_CHECK(pieces > 0 && errno == ENOMEM);
	edu_close(edu);
	edu = open_device("qtest:", EDU_OPEN_READONLY);
	CHECK_ERRNO(edu, EBADF, edu_dma_set_mask(edu, 0xffff) == -1);
	edu_close(edu);
}

EDU_TEST(mask_in_environment, "EDU_DMA_MASK states it for every open, and a "
    "malformed one is EINVAL")
{
	static const char *const bad[] = {
		"x", "-1", " 0xfff", "0xfff ", "0x", "4096", "0", "0xffe",
		"0x1ffffffffffffffff"
	};
	struct edu *edu;
	size_t i;

	ATF_REQUIRE(setenv("EDU_DMA_MASK", "0xffffffff", 1) == 0);
	edu = open_device("qtest:", 0);
	ATF_CHECK_EQ(edu_dma_mask(edu), 0xffffffff);
	check_copy(edu, 5000, 0);
	edu_close(edu);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ATF_REQUIRE(setenv("EDU_DMA_MASK", bad[i], 1) == 0);
		check_open_fails("qtest:", EINVAL, "mask");
	}
	ATF_REQUIRE(setenv("EDU_DMA_MASK", "", 1) == 0);
	edu = open_device("qtest:", 0);
	ATF_CHECK_EQ(edu_dma_mask(edu), EDU_DMA_MASK);
	edu_close(edu);
}
