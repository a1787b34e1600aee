/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * DMA memory on Linux without an IOMMU: pieces of 2 MiB huge pages.
 *
 * The device is told physical addresses, so the memory must never move.
 * Ordinary pages may be migrated even when they are locked.  A huge page is
 * neither swapped nor compacted, and as a shared mapping a fork does not
 * replace it by a copy.  Nothing promises that it lies low enough for the
 * device, though: take one, look where it is, hold those that lie too high
 * until one does not, and then give these back.
 *
 * The huge pages belong to the process, not to a handle: there are 128 below
 * the device's mask of 28 bits, and a process may drive more devices than
 * that.  Handles may be used by different threads, hence the lock; it
 * protects the list of huge pages and everything in it.  A piece belongs to
 * one handle, which one thread uses at a time.
 */

#include <sys/file.h>
#include <sys/mman.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "linux.h"
#include "range.h"
#include "refusal.h"

#define HUGE_SHIFT	21
#define HUGE_SIZE	((size_t)1 << HUGE_SHIFT)
#define SYSFS_HUGE	"/sys/kernel/mm/hugepages/hugepages-2048kB"
/* vm.nr_hugepages is for the default size, which may be another. */
#define NR_HUGEPAGES	SYSFS_HUGE "/nr_hugepages"

/* Huge pages are handed out in units of this size. */
#define UNIT		((size_t)4096)
#define UNITS		(HUGE_SIZE / UNIT)

/* An entry of /proc/self/pagemap; one per ordinary page. */
#define PAGEMAP_PRESENT	((uint64_t)1 << 63)
#define PAGEMAP_FRAME	(((uint64_t)1 << 55) - 1)

/* How long to wait while another process looks for a page: 10 seconds. */
#define LOCK_TRIES	2000
#define LOCK_PAUSE_US	5000

struct huge {
	struct huge	*next;
	unsigned char	*data;
	uint64_t	bus_address;
	struct edu_range *used;			/* by pieces */
	unsigned	visitors;		/* pieces of others' memory */
};

struct piece {
	struct huge	*huge;
	struct edu_range *range;		/* NULL: it is another's */
};

static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;
static struct huge *pool;
static pid_t pool_owner;

/* A number from a file of SYSFS_HUGE; -1 with errno. */
static long
huge_pages(const char *file)
{
	char line[32], path[sizeof(SYSFS_HUGE) + 32];
	long count;

	(void)snprintf(path, sizeof(path), SYSFS_HUGE "/%s", file);
	if (edu_sysfs_line(path, line, sizeof(line)) == -1)
		return -1;
	count = strtol(line, NULL, 10);
	if (count >= 0 && count <= INT_MAX / 4)
		return count;
	errno = ERANGE;
	return -1;
}

/* Linux hides addresses by zeros, or, after a setuid(2), the whole file. */
static int
fail_hidden(struct edu_error *err)
{
	char refusal[256];

	/* Lockdown, whose errno is EPERM, hides none. */
	edu_refusal(EACCES, refusal, sizeof(refusal));
	return edu_fail(err, EPERM, "no DMA memory: this process may not learn "
	    "physical addresses from /proc/self/pagemap, which takes "
	    "CAP_SYS_ADMIN%s", refusal);
}

/* Reads what /proc/self/pagemap says of count ordinary pages. */
static int
read_pagemap(struct edu_error *err, const void *data, size_t page_size,
    uint64_t *entries, size_t count)
{
	ssize_t n;
	off_t offset;
	int errnum, fd;

	n = -1;
	offset = (off_t)((uintptr_t)data / page_size * sizeof(*entries));
	fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (fd != -1)
		n = pread(fd, entries, count * sizeof(*entries), offset);
	errnum = errno;
	if (fd != -1)
		(void)close(fd);
	if (n == -1 && (errnum == EACCES || errnum == EPERM))
		return fail_hidden(err);
	if (n == -1)
		return edu_fail_errno(err, errnum, "/proc/self/pagemap");
	if (n != (ssize_t)(count * sizeof(*entries)))
		return edu_fail(err, EIO,
		    "/proc/self/pagemap: %zd of %zu bytes came", n,
		    count * sizeof(*entries));
	return 0;
}

/*
 * Find a huge page's physical address, and check that it is one: every
 * ordinary page of it is there, each behind the one before.
 */
static int
find_address(struct edu_error *err, const void *data, uint64_t *address)
{
	uint64_t entries[UNITS], frame;
	size_t count, i, page_size;

	page_size = (size_t)sysconf(_SC_PAGESIZE);
	count = HUGE_SIZE / page_size;
	if (page_size < UNIT || count == 0)
		return edu_fail(err, ENOTSUP,
		    "pages of %zu bytes are not supported", page_size);
	if (read_pagemap(err, data, page_size, entries, count) == -1)
		return -1;
	frame = entries[0] & PAGEMAP_FRAME;
	for (i = 0; i < count; i++) {
		if ((entries[i] & PAGEMAP_PRESENT) == 0)
			return edu_fail(err, ENOMEM,
			    "the system gave a huge page without memory "
			    "behind it (a cgroup's hugetlb limit?)");
		if ((entries[i] & PAGEMAP_FRAME) == 0)
			return fail_hidden(err);
		if ((entries[i] & PAGEMAP_FRAME) != frame + i)
			return edu_fail(err, EIO, "a huge page is not "
			    "contiguous in physical memory");
	}
	*address = frame * page_size;
	if (*address % HUGE_SIZE != 0)
		return edu_fail(err, EIO,
		    "a huge page is not aligned in physical memory");
	return 0;
}

/*
 * Any free huge page.  Not MAP_LOCKED: a huge page is never swapped, and the
 * flag would only bring in RLIMIT_MEMLOCK.  The child of a fork does not get
 * it, so that nobody's memory is in use after our munmap(2).  The memory must
 * not be touched before find_address() has seen it present.
 */
static void *
map_huge_page(void)
{
	void *data;

	data = mmap(NULL, HUGE_SIZE, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE | MAP_HUGETLB |
	    (HUGE_SHIFT << MAP_HUGE_SHIFT), -1, 0);
	if (data == MAP_FAILED)
		return NULL;
	if (madvise(data, HUGE_SIZE, MADV_DONTFORK) == -1) {
		(void)munmap(data, HUGE_SIZE);
		return NULL;
	}
	return data;
}

/* The files of SYSFS_HUGE cannot be read. */
static int
fail_unread(struct edu_error *err, int errnum)
{

	if (errnum == ENOENT)
		return edu_fail(err, ENOTSUP,
		    "this kernel has no huge pages of 2 MiB for DMA memory");
	return edu_fail_errno(err, errnum, SYSFS_HUGE);
}

/* Of available huge pages, seen were looked at: none lies below limit. */
static int
fail_no_page(struct edu_error *err, long available, long seen, uint64_t limit)
{
	long total;

	total = huge_pages("nr_hugepages");
	if (total == -1)
		return fail_unread(err, errno);
	if (seen > 0)
		return edu_fail(err, ENOMEM,
		    "no DMA memory: none of the %ld free huge pages lies below "
		    "0x%" PRIx64 ", the end of what the device reaches; "
		    "\"echo %ld >" NR_HUGEPAGES "\" gives more of them, a "
		    "guest with less memory gives lower ones", seen, limit,
		    total * 2);
	if (total == 0)
		return edu_fail(err, ENOMEM,
		    "no DMA memory: no huge page of 2 MiB is configured; "
		    "\"echo 8 >" NR_HUGEPAGES "\" helps");
	if (available > 0)
		return edu_fail(err, ENOMEM,
		    "no DMA memory: of %ld free huge pages of 2 MiB none can "
		    "be mapped: others have reserved them, or there is a limit "
		    "(ulimit -v)", available);
	return edu_fail(err, ENOMEM,
	    "no DMA memory: all of the %ld huge pages of 2 MiB are in use; "
	    "\"echo %ld >" NR_HUGEPAGES "\" helps", total, total + 8);
}

/* Pages that lie too high are chained through their own first bytes. */
static void
give_back(void *held)
{
	void *next;

	for (; held != NULL; held = next) {
		next = *(void **)held;
		(void)munmap(held, HUGE_SIZE);
	}
}

/*
 * One process looks at a time: else each might hold the page that the other
 * needs.  The lock ends with the descriptor, -1 if there is none.  Every user
 * can take it, so do not wait for it for ever; without it we may still be
 * lucky.
 */
static int
lock_search(void)
{
	int fd, i;

	fd = open(NR_HUGEPAGES, O_RDONLY | O_CLOEXEC);
	for (i = 0; fd != -1 && i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			break;
		(void)usleep(LOCK_PAUSE_US);
	}
	return fd;
}

/*
 * A huge page that lies below limit.  Looks at no more of them than were free
 * in the beginning.
 */
static void *
take_low_page(struct edu_error *err, uint64_t limit, uint64_t *address)
{
	void *data, *held;
	long seen, tries;
	int errnum = ENOMEM;

	if ((tries = huge_pages("free_hugepages")) == -1) {
		(void)fail_unread(err, errno);
		return NULL;
	}
	held = NULL;
	for (seen = 0; seen < tries; seen++) {
		data = map_huge_page();
		if (data == NULL) {
			errnum = errno;
			break;
		}
		if (find_address(err, data, address) == -1) {
			errnum = errno;
			(void)munmap(data, HUGE_SIZE);
			give_back(held);
			errno = errnum;
			return NULL;
		}
		if (*address + HUGE_SIZE <= limit) {
			give_back(held);
			return data;
		}
		*(void **)data = held;
		held = data;
	}
	give_back(held);
	if (errnum != ENOMEM)
		(void)edu_fail_errno(err, errnum,
		    "mapping a huge page for DMA memory");
	else
		(void)fail_no_page(err, tries, seen, limit);
	return NULL;
}

static int
add_huge(struct edu_error *err, uint64_t limit)
{
	struct huge *huge;
	int lock;

	huge = calloc(1, sizeof(*huge));
	if (huge == NULL)
		return edu_fail_memory(err);
	lock = lock_search();
	huge->data = take_low_page(err, limit, &huge->bus_address);
	if (lock != -1)
		(void)close(lock);
	if (huge->data == NULL) {
		free(huge);
		return -1;
	}
	huge->next = pool;
	pool = huge;
	return 0;
}

static void
drop_huge(struct huge *huge)
{
	struct huge **link;

	for (link = &pool; *link != NULL && *link != huge;)
		link = &(*link)->next;
	*link = huge->next;
	(void)munmap(huge->data, HUGE_SIZE);
	free(huge);
}

/* Gives the piece a place in a huge page that the process has.  ENOSPC. */
static int
place(struct edu_error *err, struct piece *piece, size_t size,
    uint64_t limit)
{
	struct huge *huge;

	for (huge = pool; huge != NULL; huge = huge->next) {
		if (huge->bus_address + HUGE_SIZE > limit)
			continue;
		piece->huge = huge;
		piece->range = edu_range_take(&huge->used, 0, HUGE_SIZE, size);
		if (piece->range != NULL)
			return 0;
		if (errno != ENOSPC)
			return edu_fail_memory(err);
	}
	errno = ENOSPC;
	return -1;
}

/*
 * The child of a fork does not have its parent's huge pages.  What it sees of
 * the list is a memory of them.
 */
static void
pool_enter(void)
{
	(void)pthread_mutex_lock(&pool_lock);
	if (pool_owner != getpid()) {
		pool_owner = getpid();
		pool = NULL;
	}
}

/* The piece has no range where this fails. */
static void
take_piece(struct edu_error *err, struct piece *piece, size_t size,
    uint64_t limit)
{
	int errnum;

	pool_enter();
	if (place(err, piece, size, limit) == -1 && errno == ENOSPC &&
	    add_huge(err, limit) == 0 &&
	    place(err, piece, size, limit) == -1) {
		errnum = errno;
		drop_huge(pool);
		errno = errnum;
	}
	(void)pthread_mutex_unlock(&pool_lock);
}

static void
release_piece(struct piece *piece)
{
	struct huge *huge = piece->huge;

	pool_enter();
	if (piece->range != NULL)
		edu_range_free(&huge->used, piece->range);
	else
		huge->visitors--;
	if (huge->used == NULL && huge->visitors == 0)
		drop_huge(huge);
	(void)pthread_mutex_unlock(&pool_lock);
	free(piece);
}

static int
check_untranslated(struct edu_kernel *kernel)
{

	if (!edu_linux_of(kernel)->translated)
		return 0;
	return edu_fail(kernel->err, ENOTSUP, "no DMA memory: an IOMMU "
	    "translates the device's addresses; bind it to vfio-pci (edutool "
	    "bind vfio), or boot with \"iommu=pt\"");
}

int
edu_memory_alloc(struct edu_kernel *kernel, size_t length, uint64_t limit,
    struct edu_segment *segment)
{
	size_t size = (length + UNIT - 1) / UNIT * UNIT;
	struct piece *piece;

	if (length == 0 || length > HUGE_SIZE)
		return edu_fail(kernel->err, EINVAL,
		    "%zu bytes of DMA memory: from 1 to %zu can be had",
		    length, HUGE_SIZE);
	if (check_untranslated(kernel) == -1)
		return -1;
	if ((piece = calloc(1, sizeof(*piece))) == NULL)
		return edu_fail_memory(kernel->err);
	take_piece(kernel->err, piece, size, limit);
	if (piece->range == NULL) {
		free(piece);
		return -1;
	}
	segment->data = piece->huge->data + piece->range->start;
	segment->length = size;
	segment->bus_address = piece->huge->bus_address + piece->range->start;
	segment->cookie = piece;
	memset(segment->data, 0, segment->length);
	return 0;
}

void
edu_memory_free(struct edu_kernel *kernel, struct edu_segment *segment)
{

	(void)kernel;
	release_piece(segment->cookie);
}

/* The huge page of this process that holds the range, with one more visitor. */
static struct huge *
visit(const void *data, size_t length, uint64_t limit)
{
	uintptr_t start = (uintptr_t)data, offset;
	struct huge *huge;

	pool_enter();
	for (huge = pool; huge != NULL; huge = huge->next) {
		offset = start - (uintptr_t)huge->data;
		if (offset < HUGE_SIZE && length <= HUGE_SIZE - offset &&
		    huge->bus_address + HUGE_SIZE <= limit)
			break;
	}
	if (huge != NULL)
		huge->visitors++;
	(void)pthread_mutex_unlock(&pool_lock);
	return huge;
}

int
edu_memory_map(struct edu_kernel *kernel, void *data, size_t length,
    uint64_t limit, struct edu_segment *segment)
{
	struct piece *piece;

	if (check_untranslated(kernel) == -1)
		return -1;
	if ((piece = calloc(1, sizeof(*piece))) == NULL)
		return edu_fail_memory(kernel->err);
	if ((piece->huge = visit(data, length, limit)) == NULL) {
		free(piece);
		return edu_fail(kernel->err, ENOTSUP, "the device reaches no "
		    "memory of the caller's own without an IOMMU and vfio-pci "
		    "(edutool bind vfio), but what edu_mem_alloc() has given "
		    "this process");
	}
	segment->data = data;
	segment->length = length;
	segment->bus_address = piece->huge->bus_address +
	    ((uintptr_t)data - (uintptr_t)piece->huge->data);
	segment->cookie = piece;
	return 0;
}

/* Nothing can keep the device from it. */
void
edu_memory_unmap(struct edu_kernel *kernel, struct edu_segment *segment)
{

	(void)kernel;
	(void)segment;
}
