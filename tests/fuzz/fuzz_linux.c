/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * What Linux says in /proc and /sys, to whoever asks: other processes have a
 * say in some of it, by their names and by what they have open.
 */

#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "bus.h"
#include "error.h"
#include "files.h"
#include "linux/linux.h"
#include "refusal.h"
#include "system.h"

int	__wrap_clock_gettime(clockid_t, struct timespec *);
int	__wrap_poll(struct pollfd *, nfds_t, int);
ssize_t	__wrap_readlinkat(int, const char *, char *, size_t);

#define ADDRESS		"0000:00:0a.0"

static struct input in;
static struct edu_error err;

/* What was seen a second ago is not believed any more. */
int
__wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
	static time_t now;

	(void)clock;
	ts->tv_sec = ++now;
	ts->tv_nsec = 0;
	return 0;
}

int
__wrap_poll(struct pollfd *pfds, nfds_t n, int timeout_ms)
{

	(void)timeout_ms;
	pfds[0].revents = POLLIN;
	return n > 0 && take_byte(&in) % 2;
}

ssize_t
__wrap_readlinkat(int dir, const char *path, char *buf, size_t size)
{

	(void)dir;
	(void)path;
	return files_link(buf, size);
}

/* A piece of memory may be had, where the machine has huge pages. */
static void
use(struct edu_kernel *kernel)
{
	const struct edu_kernel_ops *ops = kernel->ops;
	struct edu_segment segment;
	unsigned i;

	for (i = 0; i < 3 && ops->wait != NULL; i++) {
		MUST(ops->wait(kernel, 0) <= 1);
		if (ops->rearm != NULL)
			(void)ops->rearm(kernel);
		if (ops->is_polled != NULL)
			MUST(ops->is_polled(kernel) <= 1);
	}
	if (ops->alloc(kernel, 100, UINT64_MAX, &segment) == 0)
		ops->free(kernel, &segment);
	else
		MUST(errno != 0 && err.message[0] != '\0');
}

static void
try_kernel(int poll_only)
{
	static const struct edu_bus_ops bus_ops = { .kernel = NULL };
	struct edu_bus bus = { .ops = &bus_ops, .err = &err,
	    .name = ADDRESS };
	struct edu_kernel *kernel = edu_system.kernel(&bus, poll_only);

	if (kernel == NULL) {
		MUST(errno != 0 && err.message[0] != '\0');
		return;
	}
	use(kernel);
	kernel->ops->close(kernel);
}

static void
ask(unsigned what, char *buf, size_t size)
{
	struct edu_driver driver;
	uint64_t address;
	int fd;

	switch (what % 9) {
	case 0:
		if (edu_system.driver(ADDRESS, &driver) == 0)
			MUST(strlen(driver.name) < sizeof(driver.name));
		break;
	case 1:
		if (edu_system.holder(ADDRESS, buf, size) == 1)
			MUST(buf[0] != '\0');
		break;
	case 2:
		try_kernel(what >= 128);
		break;
	case 3:
		edu_restrictions(EPERM, buf, size);
		break;
	case 4:
		edu_refusal(EACCES, buf, size);
		MUST(buf[0] != '\0');
		break;
	case 5:
		if (edu_system.memory_start(&address) == 0)
			MUST(address != 0);
		break;
	case 6:
		(void)edu_system.machine(buf, size);
		edu_system.remedy(ADDRESS, buf, size);
		break;
	case 7:
		MUST(edu_system.pci_is_empty() <= 1);
		break;
	case 8:
		if ((fd = edu_system.config(ADDRESS, 1)) == -1)
			break;
		(void)edu_system.instance(fd, buf, size);
		MUST(edu_system.is_unused(ADDRESS, fd) <= 1);
		(void)close(fd);
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *buf = malloc(192);

	MUST(buf != NULL);
	in = (struct input){ data, size };
	files = &in;
	while (in.left > 0) {
		buf[0] = '\0';
		ask(take_byte(&in), buf, 192);
		MUST(strlen(buf) < 192);
	}
	free(buf);
	return 0;
}
