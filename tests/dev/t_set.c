/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Several real devices on one thread, and memory that they share. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "h_case.h"
#include "h_need.h"
#include "h_pci.h"

#define MAX	256
#define SIZE	20000U

static struct edu *edu[MAX];
static size_t count;

/* A set of all devices that this machine has. */
static struct edu_set *
open_all(void)
{
	static struct pci_name names[MAX];
	struct edu_set *set = edu_set_new();
	size_t i;

	count = pci_find(ID_EDU, names, MAX);
	if (count < 2)
		atf_tc_skip("%zu edu devices on this machine, 2 needed",
		    count);
	for (i = 0; i < count; i++) {
		edu[i] = open_device(names[i].text, 0);
		REQUIRE_EDU(edu[i], edu_set_add(set, edu[i]));
	}
	return set;
}

static void
close_all(struct edu_set *set)
{
	size_t i;

	edu_set_free(set);
	for (i = 0; i < count; i++)
		edu_close(edu[i]);
}

static unsigned char *
alloc_own(size_t i, size_t length)
{
	unsigned char *mem = edu_mem_alloc(edu[i], length);

	if (mem == NULL && errno == ENOTSUP)
		atf_tc_skip("%s", edu_errmsg(edu[i]));
	ATF_REQUIRE_MSG(mem != NULL, "%s", edu_errmsg(edu[i]));
	return mem;
}

/* Memory of the first that all the others reach as well; or a skip. */
static unsigned char *
alloc_shared(size_t length)
{
	unsigned char *mem = alloc_own(0, length);
	size_t i;

	for (i = 1; i < count; i++) {
		if (edu_mem_map(edu[i], mem, length) == 0)
			continue;
		ATF_REQUIRE_EQ(errno, ENOTSUP);
		atf_tc_skip("%s", edu_errmsg(edu[i]));
	}
	return mem;
}

static void
fill(unsigned char *data, size_t length, unsigned seed)
{
	size_t i;

	for (i = 0; i < length; i++)
		data[i] = (unsigned char)((seed = seed * 69069 + 1) >> 16);
}

DEVICE_TEST(copy, "a copy by all devices together is right, whatever its "
    "length; what is around it stays", "timeout", "120")
{
	static const size_t lengths[] = { 1, 4095, 4096, 8191, SIZE };
	struct edu_set *set = open_all();
	unsigned char *mem = alloc_shared(2 * SIZE + 200), *to;
	size_t i;

	to = mem + SIZE + 100;
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		fill(mem, SIZE, (unsigned)i);
		memset(to - 100, 0x5a, SIZE + 200);
		ATF_REQUIRE_MSG(edu_set_copy(set, to, mem, lengths[i], 0,
		    SOON_MS) == 0, "%s", edu_errmsg(NULL));
		ATF_CHECK(memcmp(to, mem, lengths[i]) == 0);
		ATF_CHECK(to[-1] == 0x5a && to[lengths[i]] == 0x5a);
	}
	close_all(set);
}

DEVICE_TEST(many, "operations on all devices, of both engines, come back once "
    "each, and are right", "timeout", "120")
{
	struct edu_set *set = open_all();
	unsigned char *mem[MAX];
	struct edu_done done;
	size_t copies = 0, factorials = 0, i;

	for (i = 0; i < count; i++) {
		mem[i] = alloc_own(i, 2 * 8000);
		fill(mem[i], 8000, (unsigned)i);
		REQUIRE_EDU(edu[i], edu_submit_copy(edu[i], mem[i] + 8000,
		    mem[i], 8000, 0, SOON_MS, mem[i]));
		REQUIRE_EDU(edu[i], edu_submit_factorial(edu[i], 12, 0,
		    SOON_MS, NULL));
	}
	while (edu_set_wait(set, SOON_MS, &done) == 1) {
		ATF_CHECK_MSG(done.error == 0, "%s", edu_errmsg(done.edu));
		if (done.cookie == NULL) {
			ATF_CHECK_EQ(done.value, 479001600);
			factorials++;
		} else
			copies++;
	}
	ATF_CHECK_EQ(copies, count);
	ATF_CHECK_EQ(factorials, count);
	for (i = 0; i < count; i++)
		ATF_CHECK(memcmp(mem[i], mem[i] + 8000, 8000) == 0);
	close_all(set);
}

DEVICE_TEST(shared, "a piece of a huge page stays while another handle has it "
    "mapped, and is not the other's to free", "timeout", "60")
{
	struct edu_set *set = open_all();
	unsigned char *mem = alloc_shared(4096);
	uint64_t address, other;

	if (strstr(edu_kernel_side(edu[0]), "vfio") != NULL)
		atf_tc_skip("there it is an IOMMU's mapping");
	REQUIRE_EDU(edu[0], edu_mem_address(edu[0], mem, &address));
	REQUIRE_EDU(edu[1], edu_mem_address(edu[1], mem, &other));
	ATF_CHECK_EQ(address, other);
	edu_mem_free(edu[1], mem);
	memset(mem, 's', 4096);
	REQUIRE_EDU(edu[1], edu_dma_put(edu[1], 0, mem, 100, 0, SOON_MS));
	CHECK_ERRNO(edu[1], EEXIST, edu_mem_map(edu[1], mem + 5, 1) == -1);
	edu_mem_free(edu[0], mem);
	memset(mem, 't', 4096);
	REQUIRE_EDU(edu[1], edu_dma_get(edu[1], 0, mem, 100, 0, SOON_MS));
	ATF_CHECK(mem[99] == 's' && mem[100] == 't');
	REQUIRE_EDU(edu[1], edu_mem_unmap(edu[1], mem));
	CHECK_ERRNO(edu[1], EFAULT, edu_dma_put(edu[1], 0, mem, 1, 0,
	    SOON_MS) == -1);
	close_all(set);
}

/* Kilobytes of this process that are in memory; 0 where that is not told. */
static long
resident(void)
{
	char line[128];
	long size = 0;
	FILE *file;

	if ((file = fopen("/proc/self/status", "r")) == NULL)
		return 0;
	while (size == 0 && fgets(line, sizeof(line), file) != NULL)
		(void)sscanf(line, "VmRSS: %ld", &size);
	(void)fclose(file);
	return size;
}

/* Each device copies its memory to and fro so many times, all at once. */
static void
keep_busy(struct edu_set *set, unsigned char **mem, unsigned *left)
{
	size_t i, index[MAX];
	struct edu_done done;

	for (i = 0; i < count; i++) {
		index[i] = i;
		REQUIRE_EDU(edu[i], edu_submit_copy(edu[i], mem[i] + 4000,
		    mem[i], 4000, 0, SOON_MS, &index[i]));
	}
	while (edu_set_wait(set, SOON_MS, &done) == 1) {
		i = *(size_t *)done.cookie;
		ATF_REQUIRE_MSG(done.error == 0, "%s", edu_errmsg(done.edu));
		if (--left[i] > 0)
			REQUIRE_EDU(edu[i], edu_submit_copy(edu[i], left[i] %
			    2 ? mem[i] : mem[i] + 4000, left[i] % 2 ?
			    mem[i] + 4000 : mem[i], 4000, 0, SOON_MS,
			    &index[i]));
	}
}

DEVICE_TEST(busy, "all devices at once for long: no error, every byte right, "
    "and no more memory than before", "timeout", "120")
{
	struct edu_set *set = open_all();
	unsigned char *mem[MAX];
	unsigned left[MAX];
	unsigned char expected[4000];
	long before;
	size_t i;
	int round;

	for (i = 0; i < count; i++) {
		mem[i] = alloc_own(i, 8000);
		fill(mem[i], 4000, (unsigned)i);
	}
	for (round = 0, before = 0; round < 2; round++) {
		for (i = 0; i < count; i++)
			left[i] = round == 0 ? 2 : soak(10);
		keep_busy(set, mem, left);
		for (i = 0; i < count; i++) {
			fill(expected, 4000, (unsigned)i);
			ATF_CHECK_EQ(left[i], 0);
			ATF_CHECK(memcmp(mem[i], expected, 4000) == 0);
			ATF_CHECK(memcmp(mem[i] + 4000, expected, 4000) == 0);
		}
		if (round == 0)
			before = resident();
	}
	ATF_CHECK_MSG(resident() <= before + 64, "%ld KB, were %ld",
	    resident(), before);
	close_all(set);
}
