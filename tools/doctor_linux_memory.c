/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* The memory of the machine: where it is, and what of it DMA can have. */

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor_linux.h"

#define HUGE_SIZE	((uint64_t)2 << 20)
#define SYSFS_HUGE	"/sys/kernel/mm/hugepages/hugepages-2048kB"

/* Flags of /proc/kpageflags: linux/kernel-page-flags.h. */
#define KPF_HEAD	((uint64_t)1 << 15)
#define KPF_TAIL	((uint64_t)1 << 16)
#define KPF_HUGE	((uint64_t)1 << 17)

static uint64_t
page_size(void)
{

	return (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Where its driver claims BAR0, the kernel has nobody else map it. */
void
doctor_bar0_claim(const struct patient *p, struct finding *f)
{
	char line[256], *name;
	int is_next = 0;
	size_t depth = 0;
	FILE *file;

	found(f, OK, "no driver of the kernel has claimed BAR0");
	if ((file = fopen("/proc/iomem", "re")) == NULL)
		return;
	while (fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if ((name = strstr(line, " : ")) == NULL)
			continue;
		if (is_next && strspn(line, " ") > depth) {
			found(f, WRONG, "%.64s has claimed BAR0", name + 3);
			because(f, "the kernel has nobody else map it");
		}
		is_next = strcmp(name + 3, p->name) == 0;
		depth = strspn(line, " ");
	}
	(void)fclose(file);
}

/* Whoever may not know gets 0 for every address. */
void
doctor_memory(const struct patient *p, struct finding *f)
{
	char line[256];
	uint64_t start = 0;
	FILE *file;

	if ((file = fopen("/proc/iomem", "re")) == NULL) {
		found(f, UNKNOWN, "/proc/iomem cannot be read");
		return;
	}
	while (start == 0 && fgets(line, sizeof(line), file) != NULL)
		if (strstr(line, " : System RAM") != NULL)
			start = strtoull(line, NULL, 16);
	(void)fclose(file);
	if (start == 0)
		found(f, UNKNOWN, "this user may not see where memory is");
	else if (start <= p->mask || is_vfio(p))
		found(f, OK, "it begins at 0x%" PRIx64, start);
	else {
		found(f, WRONG, "it begins at 0x%" PRIx64 ", beyond the "
		    "device's DMA mask 0x%" PRIx64, start, p->mask);
		because(f, "no DMA reaches it; give QEMU a wider mask (-global "
		    "edu.dma_mask=0xffffffff), and state it");
		mend(f, "export EDU_DMA_MASK=0xffffffff");
	}
}

static long
huge_pages(const char *file)
{
	char line[32];
	long count;

	if (sysfs_line(line, sizeof(line), SYSFS_HUGE "/%s", file) == -1)
		return -1;
	count = strtol(line, NULL, 10);
	return count >= 0 && count <= INT_MAX / 4 ? count : -1;
}

/* 0: there is no such page. */
static int
read_word(int fd, uint64_t frame, uint64_t *word)
{

	*word = 0;
	return pread(fd, word, sizeof(*word),
	    (off_t)(frame * sizeof(*word))) == (ssize_t)sizeof(*word);
}

/* The first page of a huge one of 2 MiB, and of no larger one. */
static int
is_huge(int flags, uint64_t frame, uint64_t word)
{
	uint64_t next;

	(void)read_word(flags, frame + HUGE_SIZE / page_size(), &next);
	return (word & KPF_HUGE) && (word & KPF_HEAD) && !(next & KPF_TAIL);
}

/*
 * How many huge pages of 2 MiB lie below the mask, and how many of these
 * nobody has mapped.  -1: this user may not know.
 */
static int
count_low(uint64_t mask, long *low, long *low_free)
{
	int counts = open("/proc/kpagecount", O_RDONLY | O_CLOEXEC);
	int flags = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	int is_known = counts != -1 && flags != -1;
	uint64_t address, mapped, word;

	*low = *low_free = 0;
	for (address = 0; is_known && address < mask &&
	    read_word(flags, address / page_size(), &word);
	    address += HUGE_SIZE) {
		if (!is_huge(flags, address / page_size(), word))
			continue;
		(*low)++;
		*low_free += read_word(counts, address / page_size(),
		    &mapped) && mapped == 0;
	}
	if (counts != -1)
		(void)close(counts);
	if (flags != -1)
		(void)close(flags);
	return is_known ? 0 : -1;
}

static void
judge(struct finding *f, long total, long unused, uint64_t mask)
{
	long low, low_free;

	if (count_low(mask, &low, &low_free) == -1) {
		found(f, UNKNOWN, "%ld of %ld of 2 MiB are free; this user may "
		    "not see where they are", unused, total);
		return;
	}
	if (low_free > 0) {
		found(f, OK, "%ld of %ld of 2 MiB are free, %ld of these below "
		    "the mask", unused, total,
		    low_free < unused ? low_free : unused);
		return;
	}
	found(f, WRONG, "%ld of %ld of 2 MiB are free, none of these below "
	    "0x%" PRIx64 " (%ld are in use there)", unused, total, mask + 1,
	    low);
	because(f, "DMA memory is made of them, and the device reaches no "
	    "others; early after the boot, more of them help");
	mend(f, "echo %ld >" SYSFS_HUGE "/nr_hugepages", total * 2);
}

void
doctor_huge_pages(const struct patient *p, struct finding *f)
{
	long total = huge_pages("nr_hugepages");
	long unused = huge_pages("free_hugepages");

	if (is_vfio(p)) {
		found(f, OK, "vfio-pci needs none");
		return;
	}
	if (total == -1)
		found(f, WRONG, "this kernel has none of 2 MiB");
	else if (total == 0)
		found(f, WRONG, "none of 2 MiB is configured");
	else if (unused == 0)
		found(f, WRONG, "all of the %ld of 2 MiB are in use", total);
	else {
		judge(f, total, unused, p->mask);
		return;
	}
	because(f, "DMA memory is made of them");
	if (total != -1)
		mend(f, "echo %ld >" SYSFS_HUGE "/nr_hugepages", total + 8);
}
