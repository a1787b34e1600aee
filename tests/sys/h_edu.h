/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef H_EDU_H
#define H_EDU_H

/*
 * For the tests of edu(4) through its node, on NetBSD.  They need root, and
 * the driver attached to a device.
 */

#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysctl.h>
#include <sys/wait.h>

#include <dev/pci/pciio.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "edureg.h"
#include "eduio.h"

#include "h_case.h"
#include "h_drvctl.h"

/* Long enough for everything that ought to happen. */
#define SOON_MS		20000
/* Long enough to believe that something does not. */
#define NEVER_MS	300

/* In configuration space. */
#define CSR		0x04
#define CSR_COMMAND	0xffffU
#define CSR_DECODING	0x0003U
#define CSR_MASTER	0x0004U
#define CSR_NO_INTX	0x0400U
#define BAR0		0x10

/* A case that drives nodes, and may take its time. */
#define NODE_TEST(name, descr, user)					\
	EDU_TEST(name, descr, "require.user", user, "timeout", "600")

#define CHECK_ERRNO(errnum, call)					\
	do {								\
		errno = 0;						\
		ATF_CHECK_EQ_MSG(-1, (call), "%s succeeded", #call);	\
		ATF_CHECK_EQ_MSG(errno, (errnum), "%s: %s, not %s",	\
		    #call, strerror(errno), strerror(errnum));		\
	} while (0)

struct device {
	int		fd;
	struct edu_info	info;
	volatile uint32_t *bar0;
	volatile uint8_t *dma;
};

static inline void
sleep_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&ts, &ts) == -1 && errno == EINTR)
		;
}

/* The major of a driver, or -1. */
static inline int
driver_major(const char *name)
{
	struct kinfo_drivers *drivers;
	size_t i, size = 0;
	int cmajor = -1;

	ATF_REQUIRE(sysctlbyname("kern.drivers", NULL, &size, NULL, 0) == 0);
	size += 10 * sizeof(*drivers);
	drivers = malloc(size);
	ATF_REQUIRE(drivers != NULL);
	ATF_REQUIRE(sysctlbyname("kern.drivers", drivers, &size, NULL, 0) ==
	    0);
	for (i = 0; i < size / sizeof(*drivers); i++)
		if (strcmp(drivers[i].d_name, name) == 0)
			cmajor = drivers[i].d_cmajor;
	free(drivers);
	return cmajor;
}

/* A node of our own, in the work directory. */
static inline const char *
node(unsigned unit)
{
	static char path[32];
	int cmajor = driver_major("edu");

	if (cmajor == -1)
		atf_tc_skip("edu(4) is not in this kernel");
	(void)snprintf(path, sizeof(path), "./edu%u", unit);
	if (mknod(path, S_IFCHR | 0600, makedev(cmajor, unit)) == -1)
		ATF_REQUIRE_EQ_MSG(errno, EEXIST, "%s: %s", path,
		    strerror(errno));
	return path;
}

static inline void
read_info(struct device *d)
{

	ATF_REQUIRE_MSG(ioctl(d->fd, EDU_IOC_INFO, &d->info) == 0,
	    "EDU_IOC_INFO: %s", strerror(errno));
}

static inline void *
map(struct device *d, uint64_t offset, uint64_t size, int prot)
{
	void *p;

	p = mmap(NULL, (size_t)size, prot, MAP_SHARED, d->fd, (off_t)offset);
	ATF_REQUIRE_MSG(p != MAP_FAILED, "mmap: %s", strerror(errno));
	return p;
}

/* 1, or 0 where there is no such unit. */
static inline int
try_open(struct device *d, unsigned unit, int flags)
{

	memset(d, 0, sizeof(*d));
	d->fd = open(node(unit), flags);
	if (d->fd == -1 && errno == ENXIO)
		return 0;
	ATF_REQUIRE_MSG(d->fd != -1, "unit %u: %s", unit, strerror(errno));
	return 1;
}

static inline void
discard(struct device *d)
{
	struct edu_event event;
	struct pollfd pfd = { .fd = d->fd, .events = POLLIN };

	while (poll(&pfd, 1, 0) == 1)
		ATF_REQUIRE(read(d->fd, &event, sizeof(event)) ==
		    (ssize_t)sizeof(event));
}

/* Everything that a test wants of a unit; nothing pending. */
static inline struct device
open_unit(unsigned unit)
{
	const int rw = PROT_READ | PROT_WRITE;
	struct device d;

	if (!try_open(&d, unit, O_RDWR))
		atf_tc_skip("there is no unit %u", unit);
	read_info(&d);
	d.bar0 = map(&d, d.info.bar0_offset, d.info.bar0_size, rw);
	d.dma = map(&d, d.info.dma_offset, d.info.dma_size, rw);
	ATF_REQUIRE_EQ(d.bar0[EDU_ID / 4] & EDU_ID_MAGIC, EDU_ID_MAGIC_EDU);
	discard(&d);
	return d;
}

static inline void
close_unit(struct device *d)
{

	(void)munmap(__UNVOLATILE(d->bar0), (size_t)d->info.bar0_size);
	(void)munmap(__UNVOLATILE(d->dma), (size_t)d->info.dma_size);
	ATF_REQUIRE(close(d->fd) == 0);
}

static inline void
raise_bits(const struct device *d, uint32_t bits)
{

	d->bar0[EDU_INTR_RAISE / 4] = bits;
}

static inline int
is_readable(const struct device *d, int timeout_ms)
{
	struct pollfd pfd = { .fd = d->fd, .events = POLLIN };
	int n = poll(&pfd, 1, timeout_ms);

	ATF_REQUIRE_MSG(n != -1, "poll: %s", strerror(errno));
	if (n == 1)
		ATF_CHECK_EQ_MSG(pfd.revents, POLLIN, "revents 0x%x",
		    (unsigned)pfd.revents);
	return n;
}

/* One record, soon. */
static inline struct edu_event
read_event(const struct device *d)
{
	struct edu_event event;
	ssize_t n;

	ATF_REQUIRE_MSG(is_readable(d, SOON_MS), "nothing to read");
	n = read(d->fd, &event, sizeof(event));
	ATF_REQUIRE_MSG(n == (ssize_t)sizeof(event), "read: %zd, %s", n,
	    strerror(errno));
	ATF_CHECK_EQ(event.reserved, 0);
	return event;
}

static inline void
check_event(const struct device *d, uint32_t bits)
{
	struct edu_event event = read_event(d);

	ATF_CHECK_EQ_MSG(event.status, bits, "0x%x, not 0x%x", event.status,
	    bits);
}

/* Another process raises bits, a while from now. */
static inline pid_t
raise_later(const struct device *d, long after_ms, uint32_t bits)
{
	pid_t pid = fork();

	ATF_REQUIRE(pid != -1);
	if (pid == 0) {
		sleep_ms(after_ms);
		raise_bits(d, bits);
		_exit(0);
	}
	return pid;
}

static inline int
wait_status(pid_t pid)
{
	int status;

	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	return status;
}

/* It must have exited with this code. */
static inline void
check_exit(pid_t pid, int code)
{
	int status = wait_status(pid);

	ATF_CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == code,
	    "wait status 0x%x instead of exit %d (%s)", status, code,
	    strerror(code));
}

/*
 * Configuration space.
 */

static inline void
config(const struct device *d, unsigned long request, unsigned reg,
    uint32_t *value)
{
	struct pciio_bdf_cfgreg access = {
		.bus = d->info.bus, .device = d->info.device,
		.function = d->info.function,
		.cfgreg = { .reg = reg, .val = *value }
	};
	static int fd = -1;	/* all devices are on the same bus */
	char path[32];

	if (fd == -1) {
		(void)snprintf(path, sizeof(path), "/dev/pci%u",
		    d->info.domain);
		fd = open(path, O_RDWR);
		ATF_REQUIRE_MSG(fd != -1, "%s: %s", path, strerror(errno));
	}
	ATF_REQUIRE_MSG(ioctl(fd, request, &access) == 0,
	    "configuration space: %s", strerror(errno));
	*value = access.cfgreg.val;
}

static inline uint32_t
config_read(const struct device *d, unsigned reg)
{
	uint32_t value = 0;

	config(d, PCI_IOC_BDF_CFGREAD, reg, &value);
	return value;
}

static inline void
config_write(const struct device *d, unsigned reg, uint32_t value)
{

	config(d, PCI_IOC_BDF_CFGWRITE, reg, &value);
}

static inline void
command(const struct device *d, uint32_t set, uint32_t clear)
{

	config_write(d, CSR,
	    (config_read(d, CSR) & CSR_COMMAND & ~clear) | set);
}

/*
 * Faults.
 */

static sigjmp_buf fault_env;

static void
on_fault(int signo)
{
	siglongjmp(fault_env, signo);
}

/* The signal that an access raises, or 0. */
static inline int
touch(volatile uint32_t *p, int is_write)
{
	struct sigaction sa, old_segv, old_bus;
	int signo;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_fault;
	ATF_REQUIRE(sigaction(SIGSEGV, &sa, &old_segv) == 0);
	ATF_REQUIRE(sigaction(SIGBUS, &sa, &old_bus) == 0);
	signo = sigsetjmp(fault_env, 1);
	if (signo == 0) {
		if (is_write)
			*p = 0;
		else
			(void)*p;
	}
	ATF_REQUIRE(sigaction(SIGSEGV, &old_segv, NULL) == 0);
	ATF_REQUIRE(sigaction(SIGBUS, &old_bus, NULL) == 0);
	return signo;
}

#endif /* H_EDU_H */
