/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Interrupts, against the least that a program can do by hand on the same
 * descriptor: wait for it and read it, read and acknowledge the status, and
 * where the kernel masks the interrupt (uio_pci_generic), unmask it by one
 * write of what the command register held at the start.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define ROUNDS		100
#define N		12
#define BIT		0x10U
#define ASLEEP_NS	300000	/* until then who waits is asleep */
#define COMMAND		0x04
#define COMMAND_NO_INTX	0x400U

static const struct bench_row factorial = {
	"irq", "12! by interrupt", "us", "by hand"
}, awake = {
	"irq", "raise and wait, in one thread", "us", "by hand"
}, asleep = {
	"irq", "raise to wait returned, asleep", "us", "by hand"
};

/* By hand: what it takes, or NULL where it is not known how. */
struct hand {
	volatile char *bar0;
	int	fd;
	size_t	size;		/* of what is read from it */
	int	config_fd;	/* or -1: nothing is to be unmasked */
	unsigned char command[2];
};

/* One that waits is woken by another thread. */
struct raiser {
	pthread_t thread;
	sem_t	go;
	volatile char *bar0;
	int	is_over;
	double	raised_us;
};

/* What is measured: some way to do it, which gives the microseconds. */
struct trial {
	struct bench *b;
	struct hand *hand;
	struct raiser *raiser;
	double	us[BENCH_SIDES][ROUNDS];
};

static int
open_uio(struct bench *b, struct hand *h)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config",
	    edu_name(b->edu));
	if ((h->config_fd = open(path, O_RDWR | O_CLOEXEC)) == -1)
		return fail_errno(b->tool, 0, "%s", path);
	if (pread(h->config_fd, h->command, 2, COMMAND) != 2)
		return fail_errno(b->tool, 0, "%s", path);
	h->command[1] &= (unsigned char)~(COMMAND_NO_INTX >> 8);
	h->size = sizeof(uint32_t);
	return 0;
}

/*
 * The library waits for two eventfds of VFIO's by epoll: by hand it is the
 * first of them alone, which counts the interrupts.
 */
static int
find_eventfd(int epoll_fd)
{
	char line[128], path[64];
	int fd, found = -1;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", epoll_fd);
	if ((f = fopen(path, "r")) == NULL)
		return -1;
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "tfd: %d", &fd) == 1 &&
		    (found == -1 || fd < found))
			found = fd;
	(void)fclose(f);
	return found;
}

/* 1: it is known how, 0: it is not; or an exit status as -status. */
static int
hand_open(struct bench *b, struct hand *h)
{
	const char *side = edu_kernel_side(b->edu);

	h->config_fd = -1;
	h->bar0 = b->bar0;
	h->fd = edu_irq_fd(b->edu);
	if (h->bar0 == NULL || h->fd == -1)
		return 0;
	if (strstr(side, "uio_pci_generic") != NULL)
		return open_uio(b, h) == 0 ? 1 : -EX_IOERR;
	/* An MSI is not masked. */
	if (strstr(side, "vfio-pci, MSI") == NULL)
		return 0;
	h->size = sizeof(uint64_t);
	h->fd = find_eventfd(h->fd);
	return h->fd != -1;
}

static void
hand_close(struct hand *h)
{

	if (h->config_fd != -1)
		(void)close(h->config_fd);
}

static int
hand_wait(struct hand *h)
{
	struct pollfd pfd = { h->fd, POLLIN, 0 };
	char count[sizeof(uint64_t)];
	uint32_t status;

	if (poll(&pfd, 1, DEFAULT_TIMEOUT_MS) != 1 ||
	    read(h->fd, count, h->size) != (ssize_t)h->size)
		return -1;
	status = bench_load(h->bar0, EDU_INTR_STATUS);
	bench_store(h->bar0, EDU_INTR_ACK, status);
	if (h->config_fd == -1)
		return 0;
	return pwrite(h->config_fd, h->command, 2, COMMAND) == 2 ? 0 : -1;
}

static int
lib_wait(struct trial *t)
{
	uint32_t status;

	return edu_irq_wait(t->b->edu, device_timeout(t->b->tool),
	    &status) == 1 ? 0 : -1;
}

static int
factorial_lib(struct trial *t)
{
	uint32_t result;

	return edu_factorial(t->b->edu, N, EDU_INTERRUPT,
	    device_timeout(t->b->tool), &result);
}

/* The status register says that it interrupts: see bench_irq(). */
static int
factorial_hand(struct trial *t)
{

	bench_store(t->hand->bar0, EDU_FACTORIAL, N);
	if (hand_wait(t->hand) == -1)
		return -1;
	return bench_load(t->hand->bar0, EDU_FACTORIAL) != 0 ? 0 : -1;
}

static int
awake_lib(struct trial *t)
{

	return edu_irq_raise(t->b->edu, BIT) == -1 ? -1 : lib_wait(t);
}

static int
awake_hand(struct trial *t)
{

	bench_store(t->hand->bar0, EDU_INTR_RAISE, BIT);
	return hand_wait(t->hand);
}

static void *
raise_later(void *cookie)
{
	const struct timespec nap = { 0, ASLEEP_NS };
	struct raiser *r = cookie;

	for (;;) {
		while (sem_wait(&r->go) == -1)
			continue;
		if (r->is_over)
			return NULL;
		(void)nanosleep(&nap, NULL);
		r->raised_us = bench_now_us();
		bench_store(r->bar0, EDU_INTR_RAISE, BIT);
	}
}

static int
asleep_lib(struct trial *t)
{

	(void)sem_post(&t->raiser->go);
	return lib_wait(t);
}

static int
asleep_hand(struct trial *t)
{

	(void)sem_post(&t->raiser->go);
	return hand_wait(t->hand);
}

static int
round_of(struct trial *t, int (*act)(struct trial *),
    const struct bench_row *row, enum bench_side side, int i)
{
	double start_us = bench_now_us(), us;

	if (act(t) == -1)
		return side == BENCH_LIBEDU ? fail_device(t->b->tool, NULL) :
		    fail(t->b->tool, EX_IOERR, 0, "waiting by hand failed");
	if (t->raiser != NULL)
		start_us = t->raiser->raised_us;
	us = bench_now_us() - start_us;
	t->us[side][i] = us;
	bench_latency(t->b, row, side, us);
	return 0;
}

/* In turns; what counts is the median, for the host disturbs a few. */
static int
run(struct trial *t, const struct bench_row *row, int (*lib)(struct trial *),
    int (*hand)(struct trial *))
{
	int i, status;

	for (i = 0; i < ROUNDS; i++)
		if ((status = round_of(t, lib, row, BENCH_LIBEDU, i)) != 0 ||
		    (t->hand != NULL && (status = round_of(t, hand, row,
		    BENCH_BARE, i)) != 0))
			return status;
	bench_sample(t->b, row, bench_median(t->us[BENCH_LIBEDU], ROUNDS),
	    t->hand != NULL ? bench_median(t->us[BENCH_BARE], ROUNDS) : 0);
	return 0;
}

static int
run_asleep(struct trial *t)
{
	struct raiser r = { .bar0 = t->b->bar0 };
	int status;

	if (t->b->bar0 == NULL)
		return 0;
	if (sem_init(&r.go, 0, 0) == -1 ||
	    (errno = pthread_create(&r.thread, NULL, raise_later, &r)) != 0)
		return fail_errno(t->b->tool, 0, "a thread");
	t->raiser = &r;
	status = run(t, &asleep, asleep_lib, asleep_hand);
	t->raiser = NULL;
	r.is_over = 1;
	(void)sem_post(&r.go);
	(void)pthread_join(r.thread, NULL);
	(void)sem_destroy(&r.go);
	return status;
}

static int
run_all(struct trial *t)
{
	int status;

	/* Interrupts of the factorial engine: known to the library, too. */
	if (edu_write(t->b->edu, EDU_STATUS, 4, EDU_STATUS_IRQFACT) == -1)
		return fail_device(t->b->tool, NULL);
	if ((status = run(t, &factorial, factorial_lib, factorial_hand)) != 0 ||
	    (status = run(t, &awake, awake_lib, awake_hand)) != 0)
		return status;
	return run_asleep(t);
}

int
bench_irq(struct bench *b)
{
	struct hand hand;
	struct trial t = { .b = b };
	int has_hand, status;

	if (edu_irq_fd(b->edu) == -1)
		return errno == ENOTSUP ? 0 : fail_device(b->tool, NULL);
	if ((has_hand = hand_open(b, &hand)) == 1)
		t.hand = &hand;
	status = has_hand < 0 ? -has_hand : run_all(&t);
	hand_close(&hand);
	return status;
}
