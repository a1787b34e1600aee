/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* The clock, the system, and what all of it comes of: see world.h. */

#include <errno.h>
#include <poll.h>
#include <time.h>

#include "pci.h"
#include "refusal.h"
#include "world.h"

int	__wrap_clock_gettime(clockid_t, struct timespec *);
int	__wrap_clock_nanosleep(clockid_t, int, const struct timespec *,
	    struct timespec *);
int	__wrap_poll(struct pollfd *, nfds_t, int);

/* An answer of each tells that time goes on. */
#define HONEST_STEP_US	20
#define HOSTILE_STEP_US	250

#define ANSWERS		20000

struct world world;

/* So many answers are enough for any execution. */
int
world_is_over(void)
{

	if (world.answers > ANSWERS)
		world.is_hostile = 1;
	return world.is_hostile &&
	    (world.in.left == 0 || world.answers > ANSWERS);
}

uint64_t
world_answer(uint64_t truth, int *fails)
{
	unsigned c;

	*fails = 0;
	world.answers++;
	if (world_is_over())
		return world.reads_ones ? UINT64_MAX : 0;
	if (!world.is_hostile)
		return truth;
	if ((c = take_byte(&world.in)) < 0xd0)
		return truth;
	/* Unplugged. */
	if (c == 0xff) {
		world.in.left = 0;
		return world.reads_ones ? UINT64_MAX : 0;
	}
	switch (c % 8) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX;
	case 2:
		return truth ^ UINT64_C(1) << take_byte(&world.in) % 64;
	case 3:
		return take(&world.in, 4);
	case 4:
		return ~truth;
	case 5:
		return truth + EDU_BAR0_SIZE;
	case 6:
		return truth | 1;
	}
	*fails = 1;
	return truth;
}

/* The clock: who looks at it often waits for something. */
int
__wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{

	(void)clock;
	world.now_us += world.is_hostile ? HOSTILE_STEP_US : HONEST_STEP_US;
	device_advance();
	ts->tv_sec = (time_t)(world.now_us / 1000000);
	ts->tv_nsec = (long)(world.now_us % 1000000) * 1000;
	return 0;
}

int
__wrap_clock_nanosleep(clockid_t clock, int flags, const struct timespec *ts,
    struct timespec *left)
{
	int64_t due_us = (int64_t)ts->tv_sec * 1000000 + ts->tv_nsec / 1000;

	(void)clock;
	(void)left;
	if (!(flags & TIMER_ABSTIME))
		due_us += world.now_us;
	/* Nothing is waited for without end, in silence. */
	MUST(due_us < INT64_MAX / 2);
	if (due_us > world.now_us)
		world.now_us = due_us;
	device_advance();
	return 0;
}

/* Of kernel sides alone; who waits for ever for nothing gets a signal. */
int
__wrap_poll(struct pollfd *pfds, nfds_t n, int timeout_ms)
{
	int64_t end_us = timeout_ms < 0 ? INT64_MAX :
	    world.now_us + (int64_t)timeout_ms * 1000;
	int count = 0, fails;
	nfds_t i;

	if (world_answer(0, &fails) != 0) {
		errno = EINTR;
		return -1;
	}
	for (;;) {
		device_advance();
		for (i = 0; i < n; i++) {
			MUST(pfds[i].fd >= FIRST_FD &&
			    pfds[i].fd < FIRST_FD + DEVICES);
			pfds[i].revents = world.devices[pfds[i].fd -
			    FIRST_FD].has_fired ? POLLIN : 0;
			count += pfds[i].revents != 0;
		}
		if (count > 0 || device_next() > end_us)
			break;
		if (device_next() == INT64_MAX) {
			errno = EINTR;
			return -1;
		}
		world.now_us = device_next();
	}
	if (count == 0)
		world.now_us = end_us;
	return count;
}

static int
driver(const char *address, struct edu_driver *driver)
{

	(void)address;
	(void)snprintf(driver->name, sizeof(driver->name), "edu0");
	driver->role = world.kind == KERNEL_SERVES ? EDU_DRIVER_SERVES :
	    world.kind == KERNEL_NONE ? EDU_DRIVER_NONE : EDU_DRIVER_STANDBY;
	return 0;
}

static int
holder(const char *address, char *buf, size_t size)
{

	(void)snprintf(buf, size, "process 12 (x) has %s open", address);
	return world.is_held;
}

static void
remedy(const char *address, char *buf, size_t size)
{

	(void)snprintf(buf, size, "bind %s to something", address);
}

static int
machine(char *buf, size_t size)
{

	(void)snprintf(buf, size, "pc-q35-%s", world.is_new ? "10.0" : "7.2");
	return 0;
}

static char *
environment(const char *name)
{

	MUST(strcmp(name, "EDU_DMA_MASK") == 0);
	return world.mask_text;
}

static int
memory_start(uint64_t *address)
{

	*address = 0x1000;
	return 0;
}

const struct edu_system edu_system = {
	.driver		= driver,
	.holder		= holder,
	.kernel		= world_kernel,
	.remedy		= remedy,
	.bus		= world_bus,
	.machine	= machine,
	.environment	= environment,
	.memory_start	= memory_start,
};

void
edu_refusal(int errnum, char *buf, size_t size)
{

	(void)snprintf(buf, size, "%s", errnum == EACCES ? " (as root)" : "");
}

void
edu_restrictions(int errnum, char *buf, size_t size)
{

	(void)errnum;
	(void)size;
	buf[0] = '\0';
}

/* What kind of world it is, and what former owners have left in it. */
static void
choose(struct input *in)
{
	unsigned bits = (unsigned)take(in, 3);

	world.is_hostile = bits & 1;
	world.kind = (enum kernel_kind)(bits >> 1 & 3);
	world.is_private = (bits >> 3 & 3) != 0;
	world.is_alone = (bits >> 3 & 3) == 3;
	world.is_driven = (bits >> 5 & 7) == 7;
	if (world.is_private && world.kind == KERNEL_SERVES)
		world.kind = KERNEL_INTX;
	if (world.is_driven) {
		world.kind = KERNEL_SERVES;
		world.is_private = world.is_alone = 0;
	}
	world.is_refused = world.kind == KERNEL_SERVES && (bits >> 8 & 1);
	world.translates = bits >> 9 & 1;
	world.reads_ones = bits >> 10 & 1;
	world.is_new = bits >> 11 & 1;
	world.has_present = (bits >> 12 & 3) == 3;
	world.has_region = bits >> 14 & 1;
	world.has_instance = bits >> 15 & 1;
	world.is_held = (bits >> 16 & 15) == 15;
	if (bits >> 20 & 1)
		(void)take_text(in, world.mask_text, sizeof(world.mask_text));
	if (bits >> 21 & 1)
		(void)take_text(in, world.record, sizeof(world.record));
	if (bits >> 22 & 1)
		(void)take_text(in, world.link, sizeof(world.link));
}

/* A command register of any kind; interrupts, and a transfer. */
static void
make_dirty(struct input *in, struct device *d)
{
	unsigned bits = take_byte(in);

	if (world.kind == KERNEL_SERVES)
		d->config[PCI_COMMAND / 4] |= PCI_COMMAND_MASTER;
	else if (bits & 1)
		d->config[PCI_COMMAND / 4] ^= (bits & 0x6) | (bits & 8) << 7;
	if (bits & 0x10)
		d->interrupts = take_byte(in);
	if ((bits & 0x20) && world.kind != KERNEL_SERVES) {
		d->is_stranger = 1;
		d->dma_us = world.now_us + EDU_DMA_TIME_MS * 500;
	}
}

void
world_begin(const uint8_t *data, size_t size)
{
	unsigned i;

	memset(&world, 0, sizeof(world));
	world.in.next = data;
	world.in.left = size;
	world.now_us = 1000000;
	world.next_address = 0x100000;
	choose(&world.in);
	for (i = 0; i < DEVICES; i++) {
		device_init(&world.devices[i], i);
		make_dirty(&world.in, &world.devices[i]);
	}
}

void
world_end(void)
{
	unsigned i;

	for (i = 0; i < DEVICES; i++)
		MUST(world.devices[i].bus == NULL);
	MUST(world.claims == 0 && world.memory == NULL);
}
