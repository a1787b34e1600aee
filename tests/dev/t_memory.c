/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Memory that a device of this machine can reach. */

#include <sys/wait.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <inttypes.h>
#include <stdlib.h>
#include "h_memory.h"
#include "h_need.h"
#include "h_pci.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define NOBODY		65534

/* As much as there is in one piece, and sizes of which two and many fit. */
#define LARGEST		(ON_NETBSD ? 65536 : EDU_MEM_MAX)
#define LARGE		(ON_NETBSD ? 32768 : EDU_MEM_MAX)
#define PIECE		(ON_NETBSD ? 8192U : 65536U)
#define NPIECES		(ON_NETBSD ? 8U : 20U)

static void
check_below_mask(struct edu *edu, const unsigned char *mem, size_t length)
{
	uint64_t first = bus_address(edu, mem);
	uint64_t last = first + length - 1;

	ATF_CHECK_MSG(first != 0 && last <= EDU_DMA_MASK && first <= last,
	    "0x%" PRIx64 " to 0x%" PRIx64, first, last);
}

/*
 * Linux: huge pages are what the memory is made of.  hog_low() takes every
 * free one that lies below the device's mask, and spares one on demand;
 * hog_all() takes every free one.  They say how many above the mask, or how
 * many at all, are left; hog_low() 0 also when there is none to spare.
 */
#ifdef MAP_HUGETLB

#define HUGE_SIZE	((size_t)2 << 20)

static long
huge_pages(const char *which)
{
	char path[128];
	long n;
	FILE *f;

	(void)snprintf(path, sizeof(path),
	    "/sys/kernel/mm/hugepages/hugepages-2048kB/%s", which);
	if ((f = fopen(path, "r")) == NULL)
		atf_tc_skip("no huge pages on this system");
	ATF_REQUIRE(fscanf(f, "%ld", &n) == 1);
	(void)fclose(f);
	return n;
}

static void *
take_huge_page(void)
{
	void *page;

	page = mmap(NULL, HUGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE |
	    MAP_ANONYMOUS | MAP_HUGETLB | 21 << MAP_HUGE_SHIFT, -1, 0);
	if (page == MAP_FAILED)
		return NULL;
	memset(page, 0xff, HUGE_SIZE);
	return page;
}

static uint64_t
physical_address(const void *page)
{
	size_t page_size = (size_t)sysconf(_SC_PAGESIZE);
	uint64_t entry;
	int fd;

	ATF_REQUIRE((fd = open("/proc/self/pagemap", O_RDONLY)) != -1);
	ATF_REQUIRE(pread(fd, &entry, sizeof(entry),
	    (off_t)((uintptr_t)page / page_size * 8)) == sizeof(entry));
	(void)close(fd);
	ATF_REQUIRE(entry >> 63 == 1);
	return (entry & (((uint64_t)1 << 55) - 1)) * page_size;
}

static long
hog_low(int spare_one)
{
	void *page, *next, *high = NULL, *low = NULL;
	long left = 0;

	while ((page = take_huge_page()) != NULL)
		if (physical_address(page) > EDU_DMA_MASK) {
			*(void **)page = high;
			high = page;
		} else
			low = page;
	if (spare_one && low == NULL)
		return 0;
	/* Linux gives first what was freed last: the high ones. */
	if (spare_one)
		ATF_REQUIRE(munmap(low, HUGE_SIZE) == 0);
	for (; high != NULL; high = next, left++) {
		next = *(void **)high;
		ATF_REQUIRE(munmap(high, HUGE_SIZE) == 0);
	}
	return left;
}

static long
hog_all(void)
{

	while (take_huge_page() != NULL)
		continue;
	return huge_pages("free_hugepages");
}

#else

static long
huge_pages(const char *which)
{

	atf_tc_skip("no %s on this system", which);
}

static long
hog_low(int spare_one)
{

	(void)spare_one;
	return 0;
}

static long
hog_all(void)
{

	return 0;
}

#endif

DEVICE_TEST(below_mask, "Memory of every size is zeroed and lies below the "
    "device's mask")
{
	static const size_t lengths[] = { 1, 2, 4095, 4096, 4097, 65536,
	    65537, LARGEST - 1, LARGEST };
	struct edu *edu = open_any(0);
	unsigned char *mem;
	size_t i;

	edu_mem_free(edu, need_memory(edu, 1));
	for (i = 0; i < 2 * COUNT(lengths); i++) {
		if (lengths[i % COUNT(lengths)] > LARGEST)
			continue;
		mem = alloc(edu, lengths[i % COUNT(lengths)]);
		check_below_mask(edu, mem, lengths[i % COUNT(lengths)]);
		check_zeroed(mem, lengths[i % COUNT(lengths)]);
		fill(mem, lengths[i % COUNT(lengths)], 1);
		if (ON_NETBSD || i % 2 == 0)
			edu_mem_free(edu, mem);
	}
	edu_close(edu);
}

DEVICE_TEST(bounds, "No bytes, and more than EDU_MEM_MAX, are EINVAL")
{
	struct edu *edu = open_any(0);

	CHECK_ERRNO(edu, EINVAL, edu_mem_alloc(edu, 0) == NULL);
	CHECK_MESSAGE(edu, "1048576");
	CHECK_ERRNO(edu, EINVAL, edu_mem_alloc(edu, EDU_MEM_MAX + 1) == NULL);
	CHECK_ERRNO(edu, EINVAL, edu_mem_alloc(edu, SIZE_MAX) == NULL);
	edu_mem_free(edu, NULL);
	edu_close(edu);
}

DEVICE_TEST(apart, "Many pieces overlap nowhere, neither for the processor nor "
    "for the device, and their room can be had again")
{
	struct edu *edu = open_any(0);
	unsigned char *mems[NPIECES];
	uint64_t a, b;
	unsigned i, j;

	edu_mem_free(edu, need_memory(edu, 1));
	for (i = 0; i < COUNT(mems); i++)
		fill(mems[i] = alloc(edu, PIECE), PIECE, i);
	for (i = 0; i < COUNT(mems); i += 2) {
		edu_mem_free(edu, mems[i]);
		mems[i] = alloc(edu, PIECE - 500);
		check_zeroed(mems[i], PIECE - 500);
		fill(mems[i], PIECE - 500, i);
	}
	for (i = 0; i < COUNT(mems); i++) {
		check_below_mask(edu, mems[i], PIECE - 500);
		ATF_CHECK_EQ(differences(mems[i], PIECE - 500, i), 0);
		a = bus_address(edu, mems[i]);
		for (j = 0; j < i; j++) {
			b = bus_address(edu, mems[j]);
			ATF_CHECK(a >= b + PIECE || b >= a + PIECE);
		}
	}
	edu_close(edu);
}

DEVICE_TEST(reached_by_device, "The device reads and writes exactly the bytes "
    "it is told to, across the borders of pages")
{
	static const size_t offsets[] = { 0, 4096 - 100, LARGE / 16 - 1999,
	    LARGE / 2 - 2000, LARGE - 4000 };
	struct edu *edu = open_any(0);
	unsigned char *from, *to;
	unsigned char *in, *out;
	size_t i;

	from = need_memory(edu, LARGE);
	to = need_memory(edu, LARGE);
	in = from;
	out = to;
	for (i = 0; i < COUNT(offsets); i++) {
		fill(from, LARGE, 1);
		fill(to, LARGE, 2);
		REQUIRE_EDU(edu, edu_dma_put(edu, 0, from + offsets[i], 4000,
		    0, SOON_MS));
		REQUIRE_EDU(edu, edu_dma_get(edu, 0, to + offsets[i], 4000, 0,
		    SOON_MS));
		ATF_CHECK_EQ(differences(from, LARGE, 1), 0);
		ATF_CHECK_EQ(memcmp(in + offsets[i], out + offsets[i], 4000),
		    0);
		memset(in + offsets[i], 0, 4000);
		fill(from, LARGE, 2);
		memcpy(out + offsets[i], in + offsets[i], 4000);
		ATF_CHECK_EQ(differences(to, LARGE, 2), 0);
	}
	edu_close(edu);
}

DEVICE_TEST(stays_over_fork, "The device reaches the memory while a child of "
    "the process lives and after it")
{
	struct edu *edu = open_any(0);
	unsigned char *mem = need_memory(edu, 8192);
	unsigned char *data = mem;
	int i, pipes[2], status;
	pid_t pid;
	char c;

	ATF_REQUIRE(pipe(pipes) == 0);
	fill(mem, 8192, 1);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		(void)close(pipes[1]);
		(void)!read(pipes[0], &c, 1);
		_exit(0);
	}
	for (i = 0; i < 2; i++) {
		/* Were it copied on write, the device would see the old. */
		fill(mem, 8192, 2 + (unsigned)i);
		REQUIRE_EDU(edu, edu_dma_put(edu, 0, mem + 2000, 4000, 0,
		    SOON_MS));
		memset(data + 2000, 0, 4000);
		REQUIRE_EDU(edu, edu_dma_get(edu, 0, mem + 2000, 4000, 0,
		    SOON_MS));
		ATF_CHECK_EQ(differences(mem, 8192, 2 + (unsigned)i), 0);
		if (i == 0) {
			(void)close(pipes[1]);
			ATF_REQUIRE(waitpid(pid, &status, 0) == pid);
			ATF_CHECK_EQ(status, 0);
		}
	}
	edu_close(edu);
}

DEVICE_TEST(had_in_child, "The child of a process that has memory opens the "
    "next device and gets memory of its own")
{
	struct edu *edu = open_any(0), *other;
	unsigned char *mem = need_memory(edu, 65536);
	const char *name;
	int status;
	pid_t pid;

	other = open_any(1);
	edu_mem_free(other, need_memory(other, 1));
	name = strdup(edu_name(other));
	edu_close(other);
	fill(mem, 65536, 1);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		if ((edu = edu_open(name, 0)) == NULL ||
		    (mem = edu_mem_alloc(edu, 65536)) == NULL)
			_exit(1);
		fill(mem, 65536, 2);
		status = edu_dma_put(edu, 0, mem, 4000, 0, SOON_MS);
		if (status == 0)
			status = edu_dma_get(edu, 0, mem + 8000, 4000, 0,
			    SOON_MS);
		edu_close(edu);
		_exit(status == 0 ? 0 : 2);
	}
	ATF_REQUIRE(waitpid(pid, &status, 0) == pid);
	ATF_CHECK_EQ_MSG(status, 0, "status 0x%x", status);
	ATF_CHECK_EQ(differences(mem, 65536, 1), 0);
	edu_close(edu);
}

/* Of the first device: under VFIO it is no huge page. */
static struct edu *
open_for_huge_pages(void)
{
	struct edu *edu = open_any(0);

	if (pci_has_vfio(edu_name(edu)))
		atf_tc_skip("vfio-pci needs no huge pages");
	return edu;
}

DEVICE_TEST(shared_huge_page, "Small pieces, of two devices as well, need one "
    "huge page, which is free again when both are closed")
{
	long before = huge_pages("free_hugepages");
	struct edu *first = open_for_huge_pages(), *second = open_any(1);
	unsigned char *mem = need_memory(first, 4096);
	unsigned i;

	fill(mem, 4096, 1);
	for (i = 0; i < 16; i++)
		fill(alloc(second, 65536), 65536, 2);
	ATF_CHECK_EQ(huge_pages("free_hugepages"), before - 1);
	edu_close(second);
	ATF_CHECK_EQ(differences(mem, 4096, 1), 0);
	ATF_CHECK_EQ(huge_pages("free_hugepages"), before - 1);
	edu_mem_free(first, mem);
	ATF_CHECK_EQ(huge_pages("free_hugepages"), before);
	(void)alloc(first, EDU_MEM_MAX);
	(void)alloc(first, EDU_MEM_MAX);
	ATF_CHECK_EQ(huge_pages("free_hugepages"), before - 1);
	/* The close frees what is left. */
	edu_close(first);
	ATF_CHECK_EQ(huge_pages("free_hugepages"), before);
}

DEVICE_TEST(none_left, "Without a free huge page it is ENOMEM, and the message "
    "has the command that helps")
{
	long total = huge_pages("nr_hugepages");
	char expected[128];
	struct edu *edu;

	if (hog_all() != 0)
		atf_tc_skip("somebody else holds huge pages in reserve");
	edu = open_for_huge_pages();
	CHECK_ERRNO(edu, ENOMEM, edu_mem_alloc(edu, 1) == NULL);
	CHECK_MESSAGE(edu, edu_name(edu));
	CHECK_MESSAGE(edu, total == 0 ?
	    "no huge page of 2 MiB is configured" :
	    "huge pages of 2 MiB are in use");
	(void)snprintf(expected, sizeof(expected), "\"echo %ld "
	    ">/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages\"",
	    total + 8);
	CHECK_MESSAGE(edu, expected);
	edu_close(edu);
}

DEVICE_TEST(above_mask_refused, "Huge pages above the device's mask are not "
    "used but given back, and the message has their number")
{
	char expected[64];
	struct edu *edu;
	long left;
	int i;

	if ((left = hog_low(0)) == 0)
		atf_tc_skip("no free huge page above the mask on this machine");
	edu = open_for_huge_pages();
	(void)snprintf(expected, sizeof(expected),
	    "none of the %ld free huge pages", left);
	for (i = 0; i < 2; i++) {
		CHECK_ERRNO(edu, ENOMEM, edu_mem_alloc(edu, 1) == NULL);
		CHECK_MESSAGE(edu, expected);
		ATF_CHECK_EQ(huge_pages("free_hugepages"), left);
	}
	edu_close(edu);
}

DEVICE_TEST(low_found_among_high, "A huge page below the mask is found behind "
    "those above it")
{
	unsigned char *mem;
	struct edu *edu;
	long before;

	if (hog_low(1) == 0)
		atf_tc_skip("no free huge pages on both sides of the mask");
	edu = open_for_huge_pages();
	before = huge_pages("free_hugepages");
	mem = alloc(edu, 1);
	check_below_mask(edu, mem, 1);
	ATF_CHECK_EQ(huge_pages("free_hugepages"), before - 1);
	edu_close(edu);
	ATF_CHECK_EQ(huge_pages("free_hugepages"), before);
}

DEVICE_TEST(not_for_everybody, "A user who may not learn physical addresses "
    "gets EPERM, and no huge page stays in use")
{
	long before = huge_pages("free_hugepages");
	struct edu *edu = open_for_huge_pages();

	edu_mem_free(edu, need_memory(edu, 1));
	ATF_REQUIRE(seteuid(NOBODY) == 0);
	CHECK_ERRNO(edu, EPERM, edu_mem_alloc(edu, 1) == NULL);
	CHECK_MESSAGE(edu, "root");
#ifdef __linux__
	/* Now the addresses can be read, and are all 0. */
	ATF_REQUIRE(prctl(PR_SET_DUMPABLE, 1) == 0);
	CHECK_ERRNO(edu, EPERM, edu_mem_alloc(edu, 1) == NULL);
	CHECK_MESSAGE(edu, "root");
#endif
	ATF_REQUIRE(seteuid(0) == 0);
	ATF_CHECK_EQ(huge_pages("free_hugepages"), before);
	edu_mem_free(edu, alloc(edu, 1));
	edu_close(edu);
}
