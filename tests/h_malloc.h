/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef H_MALLOC_H
#define H_MALLOC_H

/*
 * An allocator that fails when it is told to, and counts: glibc's, whose names
 * the program takes over, so that all of the process uses it, libc and
 * libpciaccess among it.  A sanitizer brings its own; other systems' are not
 * taken over.
 */

#include <sys/resource.h>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <edu.h>
#include <edureg.h>

#include "h_qtest.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HEAP_IS_FOREIGN	1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    !defined(__GLIBC__)
#define HEAP_IS_FOREIGN	1
#endif

static struct {
	unsigned long	calls;
	unsigned long	fail_at;	/* this call; 0: none */
	int		is_for_good;	/* and all later ones */
	long		live;		/* blocks */
} heap;

#ifndef HEAP_IS_FOREIGN
void	*__libc_malloc(size_t);
void	*__libc_calloc(size_t, size_t);
void	*__libc_realloc(void *, size_t);
void	*__libc_memalign(size_t, size_t);
void	__libc_free(void *);

/* Tests are built with their symbols hidden from libraries. */
#define TAKEN_OVER	__attribute__((__visibility__("default")))

/* Whether this call is to fail. */
static int
heap_fails(void)
{

	if (heap.fail_at == 0)
		return 0;
	heap.calls++;
	if (heap.calls != heap.fail_at &&
	    (heap.calls < heap.fail_at || !heap.is_for_good))
		return 0;
	errno = ENOMEM;
	return 1;
}

static void *
heap_count(void *data)
{

	heap.live += data != NULL;
	return data;
}

TAKEN_OVER void *
malloc(size_t size)
{

	return heap_fails() ? NULL : heap_count(__libc_malloc(size));
}

TAKEN_OVER void *
calloc(size_t n, size_t size)
{

	return heap_fails() ? NULL : heap_count(__libc_calloc(n, size));
}

TAKEN_OVER void *
realloc(void *data, size_t size)
{

	/* A block can always be made smaller, and libraries count on it. */
	if (size != 0 && heap_fails())
		return NULL;
	heap.live -= data != NULL;
	return heap_count(__libc_realloc(data, size));
}

TAKEN_OVER int
posix_memalign(void **data, size_t alignment, size_t size)
{

	if (heap_fails())
		return ENOMEM;
	*data = heap_count(__libc_memalign(alignment, size));
	return *data != NULL ? 0 : ENOMEM;
}

TAKEN_OVER void
free(void *data)
{

	heap.live -= data != NULL;
	__libc_free(data);
}
#endif /* HEAP_IS_FOREIGN */

/* Processes whose working directory is ours: this one, and its QEMUs. */
static inline int
count_processes(void)
{
	char link[PATH_MAX], ours[PATH_MAX], path[300];
	struct dirent *entry;
	int count = 0;
	ssize_t n;
	DIR *dir;

	ATF_REQUIRE(getcwd(ours, sizeof(ours)) != NULL);
	if ((dir = opendir("/proc")) == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL) {
		(void)snprintf(path, sizeof(path), "/proc/%s/cwd",
		    entry->d_name);
		n = readlink(path, link, sizeof(link) - 1);
		link[n > 0 ? n : 0] = '\0';
		count += n > 0 && strcmp(link, ours) == 0;
	}
	(void)closedir(dir);
	return count;
}

/* One line that says something, of printable characters alone. */
static inline void
check_text(const char *text)
{
	const char *c;

	ATF_CHECK_MSG(text[0] != '\0', "there is no message");
	for (c = text; *c != '\0'; c++)
		ATF_CHECK_MSG((unsigned char)*c >= ' ' && *c != '\177',
		    "the message has 0x%02x", (unsigned char)*c);
}

/*
 * A job does all of what it is for with a device that it opens: 0, or -1 with
 * errno and the message.
 */
struct job {
	const char	*name;
	int		(*run)(const char *device);
};

static char job_message[1024];

/* After each job, whatever became of it: the device is as it was. */
static void (*check_device)(const char *device);

/* Of a job: what the handle says of its failure, and the end of it. */
static inline int
end_job(struct edu *edu, int result)
{

	(void)snprintf(job_message, sizeof(job_message), "%s",
	    result == -1 ? edu_errmsg(edu) : "");
	edu_close(edu);
	return result;
}

struct attack {
	const struct job *job;
	const char	*device;
	int		errnums[4];	/* of a job that fails; or 0 */
};

/* Run it: 1 when it has passed.  Nothing may be left of it. */
static inline int
run_attacked(const struct attack *a, void (*begin)(unsigned long),
    int (*end)(void), unsigned long n)
{
	int errnum, fds = count_fds(), i, processes = count_processes(), result;
	int was_hit, was_right = 0;
	long live = heap.live;

	job_message[0] = '\0';
	begin(n);
	result = a->job->run(a->device);
	errnum = errno;
	was_hit = end();
	ATF_CHECK_EQ_MSG(count_fds(), fds, "%s %lu: %d descriptors, were %d: "
	    "%s", a->job->name, n, count_fds(), fds, job_message);
	ATF_CHECK_EQ_MSG(heap.live, live, "%s %lu: %ld blocks are left: %s",
	    a->job->name, n, heap.live - live, job_message);
	/* One that was killed takes a moment. */
	while (count_processes() != processes)
		sleep_ms(1);
	if (check_device != NULL)
		check_device(a->device);
	if (result == -1) {
		check_text(job_message);
		for (i = 0; i < 4; i++)
			was_right |= errnum == a->errnums[i];
		ATF_CHECK_MSG(was_hit && was_right, "%s %lu: errno %d (%s): %s",
		    a->job->name, n, errnum, strerror(errnum), job_message);
	}
	ATF_REQUIRE_MSG(was_hit || result == 0, "%s: %s", a->job->name,
	    job_message);
	return result == 0;
}

static int heap_for_good;

static inline void
begin_malloc(unsigned long n)
{

	heap.calls = 0;
	heap.is_for_good = heap_for_good;
	heap.fail_at = n;
}

static inline int
end_malloc(void)
{
	int was_hit = heap.calls >= heap.fail_at;

	heap.fail_at = 0;
	return was_hit;
}

/* Every call for memory fails in turn; or it and all that follow. */
static inline void
attack_malloc(const struct job *job, const char *device, int for_good)
{
	const struct attack a = { job, device, { ENOMEM } };
	unsigned long n, passed = 0;

#ifdef HEAP_IS_FOREIGN
	atf_tc_skip("this allocator is not ours");
#endif
	heap_for_good = for_good;
	/* What libraries keep for good. */
	ATF_REQUIRE_EQ_MSG(job->run(device), 0, "%s: %s", job->name,
	    job_message);
	for (n = 1; ; n++) {
		passed += (unsigned long)run_attacked(&a, begin_malloc,
		    end_malloc, n);
		if (heap.calls < n)
			break;
	}
	printf("%s: %lu calls failed, %lu of them without harm\n", job->name,
	    n - 1, passed - 1);
}

static struct rlimit fd_limit;

/* n descriptors may be opened. */
static inline void
begin_descriptors(unsigned long n)
{
	struct rlimit limit = fd_limit;
	unsigned long left = n;
	int fd;

	for (fd = 0; left > 0; fd++)
		if (fcntl(fd, F_GETFD) == -1)
			left--;
	limit.rlim_cur = (rlim_t)fd;
	ATF_REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

static inline int
end_descriptors(void)
{

	ATF_REQUIRE(setrlimit(RLIMIT_NOFILE, &fd_limit) == 0);
	return 1;
}

/* No descriptor is left, then one, and so on until there are enough. */
static inline void
attack_descriptors(const struct job *job, const char *device, int errnum)
{
	const struct attack a = { job, device, { EMFILE, errnum } };
	unsigned long n;

	ATF_REQUIRE(getrlimit(RLIMIT_NOFILE, &fd_limit) == 0);
	ATF_REQUIRE_EQ_MSG(job->run(device), 0, "%s: %s", job->name,
	    job_message);
	for (n = 0; !run_attacked(&a, begin_descriptors, end_descriptors, n);
	    n++)
		ATF_REQUIRE(n < FDS);
	printf("%s: %lu descriptors are enough\n", job->name, n);
}

/* The main job. */
static inline int
use_engines(struct edu *edu, int has_interrupts)
{
	unsigned flags = has_interrupts ? EDU_INTERRUPT : 0;
	unsigned char *from, *to;
	uint32_t value = 0;

	if (edu_factorial(edu, 10, 0, SOON_MS, &value) == -1)
		return -1;
	ATF_CHECK_EQ(value, 3628800);
	if (edu_factorial(edu, 12, flags, SOON_MS, &value) == -1)
		return -1;
	ATF_CHECK_EQ(value, 479001600);
	if ((from = edu_mem_alloc(edu, 500)) == NULL ||
	    (to = edu_mem_alloc(edu, 500)) == NULL)
		return -1;
	memset(from, 0x5a, 500);
	if (edu_dma_copy(edu, to, from, 500, flags, SOON_MS) == -1)
		return -1;
	ATF_CHECK(memcmp(from, to, 500) == 0);
	edu_mem_free(edu, to);
	if (edu_irq_raise(edu, 0x20) == -1 ||
	    (has_interrupts && edu_irq_wait(edu, SOON_MS, &value) != 1))
		return -1;
	ATF_CHECK(!has_interrupts || value == 0x20);
	return edu_irq_ack(edu, 0x20);
}

static inline int
job_use(const char *device)
{
	struct edu *edu = edu_open(device, 0);
	int has_interrupts;

	if (edu == NULL)
		return end_job(NULL, -1);
	has_interrupts = strcmp(edu_kernel_side(edu), "none") != 0;
	return end_job(edu, use_engines(edu, has_interrupts));
}

static inline int
job_look(const char *device)
{
	struct edu *edu = edu_open(device, EDU_OPEN_READONLY);
	uint32_t id = 0;

	if (edu == NULL)
		return end_job(NULL, -1);
	return end_job(edu, edu_identify(edu, &id));
}

static inline int
job_size(const char *device)
{
	struct edu *edu = edu_open(device, EDU_OPEN_CONFIG);
	struct edu_bar *bar;
	int result;

	if (edu == NULL)
		return end_job(NULL, -1);
	bar = edu_bar_size(edu, 0, EDU_BAR_FORCE);
	ATF_CHECK(bar == NULL || edu_bar_length(bar) == EDU_BAR0_SIZE);
	result = end_job(edu, bar != NULL ? 0 : -1);
	edu_bar_free(bar);
	return result;
}

#endif /* H_MALLOC_H */
