/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * edu(4): revoke(2), detach and unload, while somebody waits or has something
 * mapped.  Module cases need the variable edu.module, the module's
 * file, and the driver loaded from it.
 */

#include <sys/event.h>
#include <sys/module.h>
#include <sys/select.h>

#include <stdatomic.h>

#include "h_edu.h"

enum outcome { WOKEN, READY, ENDED, WRONG };

/* Each kind of wait, until there is something to read or never will be. */

static enum outcome
wait_read(int fd)
{
	struct edu_event event;
	ssize_t n = read(fd, &event, sizeof(event));

	if (n == (ssize_t)sizeof(event))
		return READY;
	return n == -1 && errno == ENXIO ? ENDED : WRONG;
}

static enum outcome
wait_poll(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	if (poll(&pfd, 1, SOON_MS) != 1)
		return WRONG;
	return pfd.revents & (POLLERR | POLLHUP) ? ENDED : READY;
}

/* It cannot tell one from the other. */
static enum outcome
wait_select(int fd)
{
	struct timeval tv = { SOON_MS / 1000, 0 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	return select(fd + 1, &set, NULL, NULL, &tv) == 1 ? WOKEN : WRONG;
}

static enum outcome
wait_kevent(int fd)
{
	struct timespec ts = { SOON_MS / 1000, 0 };
	struct kevent event;
	int kq = kqueue();

	EV_SET(&event, (uintptr_t)fd, EVFILT_READ, EV_ADD, 0, 0, NULL);
	if (kq == -1 || kevent(kq, &event, 1, &event, 1, &ts) != 1)
		return WRONG;
	return event.flags & EV_EOF ? ENDED : READY;
}

static const struct {
	const char	*name;
	enum outcome	(*wait)(int);
	enum outcome	ready, ended;
} waits[] = {
	{ "read", wait_read, READY, ENDED },
	{ "poll", wait_poll, READY, ENDED },
	{ "select", wait_select, WOKEN, WOKEN },
	{ "kevent", wait_kevent, READY, ENDED },
};
#define NWAITS	(sizeof(waits) / sizeof(waits[0]))

static pid_t
start_wait(size_t i, int fd)
{
	pid_t pid = fork();

	ATF_REQUIRE(pid != -1);
	if (pid == 0)
		_exit((int)waits[i].wait(fd));
	return pid;
}

static void
check_wait(size_t i, pid_t pid, enum outcome expected)
{
	int status = wait_status(pid);

	ATF_CHECK_MSG(WIFEXITED(status) &&
	    WEXITSTATUS(status) == (int)expected,
	    "%s: wait status 0x%x instead of exit %d", waits[i].name, status,
	    (int)expected);
}

/* The node is of no use any more; it must say so, and nothing worse. */
static void
check_dead(struct device *d)
{
	struct pollfd pfd = { .fd = d->fd, .events = POLLIN };
	struct edu_event event;
	struct edu_info info;
	void *p;

	ATF_CHECK_EQ(read(d->fd, &event, sizeof(event)), -1);
	ATF_CHECK_MSG(errno == ENXIO || errno == EIO, "%s", strerror(errno));
	ATF_CHECK_EQ(ioctl(d->fd, EDU_IOC_INFO, &info), -1);
	ATF_CHECK_EQ(ioctl(d->fd, EDU_IOC_RECHECK, &event), -1);
	ATF_CHECK_EQ(poll(&pfd, 1, 0), 1);
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, d->fd,
	    (off_t)d->info.bar0_offset);
	ATF_CHECK_EQ(p, MAP_FAILED);
	/* What was mapped before still is. */
	ATF_CHECK_EQ(touch(d->bar0, 0), 0);
}

NODE_TEST(revoke_waiting, "revoke(2) ends every kind of wait", "root")
{
	struct device d;
	pid_t pid;
	size_t i;

	for (i = 0; i < NWAITS; i++) {
		d = open_unit(0);
		pid = start_wait(i, d.fd);
		sleep_ms(100);
		ATF_REQUIRE(revoke(node(0)) == 0);
		check_wait(i, pid, waits[i].ended);
		check_dead(&d);
		close_unit(&d);
	}
}

static int
add_kevent(int fd, uint32_t flags)
{
	struct kevent event;
	int kq = kqueue();

	ATF_REQUIRE(kq != -1);
	EV_SET(&event, (uintptr_t)fd, EVFILT_READ, EV_ADD | flags, 0, 0, NULL);
	ATF_REQUIRE(kevent(kq, &event, 1, NULL, 0, NULL) == 0);
	return kq;
}

static int
next_kevent(int kq, int timeout_ms, struct kevent *event)
{
	struct timespec ts = {
		timeout_ms / 1000, timeout_ms % 1000 * 1000000
	};
	int n = kevent(kq, NULL, 0, event, 1, &ts);

	ATF_REQUIRE_MSG(n != -1, "kevent: %s", strerror(errno));
	return n;
}

/* All of them at once, at any moment. */
NODE_TEST(revoke_racing, "revoke(2) at any moment ends every wait", "root")
{
	struct kevent event;
	struct device d;
	int kq, round;
	pid_t pids[NWAITS];
	size_t i;

	for (round = 0; round < 40; round++) {
		d = open_unit(0);
		kq = add_kevent(d.fd, 0);
		for (i = 0; waits[i].wait != wait_kevent; i++)
			pids[i] = start_wait(i, d.fd);
		sleep_ms(round % 10);
		if (round % 3 == 0)
			raise_bits(&d, BIT_A);
		ATF_REQUIRE(revoke(node(0)) == 0);
		ATF_CHECK_EQ(next_kevent(kq, SOON_MS, &event), 1);
		ATF_CHECK(event.flags & EV_EOF);
		while (i-- > 0)
			(void)wait_status(pids[i]);
		close_unit(&d);
		ATF_CHECK(close(kq) == 0);
	}
	d = open_unit(0);
	close_unit(&d);
}

NODE_TEST(revoke_hangup, "who polls for no event is told of a revoke(2)",
    "root")
{
	struct device d = open_unit(0);
	struct pollfd pfd = { .fd = d.fd, .events = 0 };
	pid_t pid;

	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		sleep_ms(100);
		raise_bits(&d, BIT_A);
		sleep_ms(100);
		_exit(revoke(node(0)) == 0 ? 0 : errno);
	}
	ATF_CHECK_EQ(poll(&pfd, 1, SOON_MS), 1);
	ATF_CHECK_MSG(pfd.revents & (POLLERR | POLLHUP), "revents 0x%x",
	    (unsigned)pfd.revents);
	check_exit(pid, 0);
	close_unit(&d);
}

NODE_TEST(revoke_running, "revoke(2) with a DMA running", "root")
{
	struct device d = open_unit(0);
	volatile uint64_t *r = (volatile uint64_t *)(volatile void *)d.bar0;

	r[EDU_DMA_SRC / 8] = EDU_DMA_BUF;
	r[EDU_DMA_DST / 8] = d.info.dma_address;
	r[EDU_DMA_COUNT / 8] = 4000;
	r[EDU_DMA_CMD / 8] = EDU_DMA_CMD_RUN | EDU_DMA_CMD_FROM_DEV;
	ATF_REQUIRE(revoke(node(0)) == 0);
	check_dead(&d);
	close_unit(&d);
	d = open_unit(0);
	ATF_CHECK_EQ(d.bar0[EDU_DMA_CMD / 4] & EDU_DMA_CMD_RUN, 0);
	close_unit(&d);
}

NODE_TEST(detach_open, "detach says busy while it is open, and harms nobody",
    "root")
{
	struct device d;
	pid_t pid;
	size_t i;

	for (i = 0; i < NWAITS; i++) {
		d = open_unit(0);
		pid = start_wait(i, d.fd);
		sleep_ms(50);
		CHECK_ERRNO(EBUSY, detach(0));
		raise_bits(&d, BIT_A);
		check_wait(i, pid, waits[i].ready);
		ATF_CHECK_EQ(touch(d.bar0, 0), 0);
		close_unit(&d);
	}
}

NODE_TEST(detach_quiet, "a detach leaves the function quiet", "root")
{
	struct device d = open_unit(0);
	unsigned domain = d.info.domain;

	/* After a detach the kernel restores the configuration it found. */
	close_unit(&d);
	ATF_REQUIRE_MSG(detach(0) == 0, "%s", strerror(errno));
	command(&d, 0, CSR_MASTER);
	ATF_REQUIRE_MSG(rescan(domain) == 0, "%s", strerror(errno));
	d = open_unit(0);
	close_unit(&d);
	ATF_REQUIRE_MSG(detach(0) == 0, "%s", strerror(errno));
	CHECK_ERRNO(ENXIO, open(node(0), O_RDWR));
	ATF_CHECK_EQ(config_read(&d, CSR) & CSR_MASTER, 0);
	ATF_REQUIRE_MSG(rescan(domain) == 0, "%s", strerror(errno));
	d = open_unit(0);
	raise_bits(&d, BIT_A);
	check_event(&d, BIT_A);
	close_unit(&d);
}

/* A revoked descriptor keeps its notes until it is closed. */
static void
detach_noted_after(int ms)
{
	struct device d = open_unit(0);
	unsigned domain = d.info.domain;
	int again, once, unread;
	struct kevent event;
	pid_t pid;

	again = add_kevent(d.fd, EV_CLEAR);
	once = add_kevent(d.fd, EV_ONESHOT);
	unread = add_kevent(d.fd, 0);
	ATF_REQUIRE(revoke(node(0)) == 0);
	ATF_CHECK_EQ(next_kevent(again, SOON_MS, &event), 1);
	ATF_CHECK(event.flags & EV_EOF);
	ATF_CHECK_EQ(next_kevent(once, SOON_MS, &event), 1);
	ATF_CHECK(event.flags & EV_EOF);

	(void)munmap(__UNVOLATILE(d.bar0), (size_t)d.info.bar0_size);
	(void)munmap(__UNVOLATILE(d.dma), (size_t)d.info.dma_size);
	/* One of them is being waited for while the device goes. */
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		sleep_ms(ms);
		_exit(detach(0) == 0 ? 0 : errno);
	}
	(void)next_kevent(again, NEVER_MS, &event);
	check_exit(pid, 0);
	(void)next_kevent(unread, 0, &event);
	ATF_REQUIRE_MSG(rescan(domain) == 0, "%s", strerror(errno));
	ATF_CHECK_EQ(next_kevent(again, 0, &event), 0);
	ATF_CHECK_EQ(next_kevent(unread, 0, &event), 0);
	ATF_CHECK(close(unread) == 0);
	ATF_CHECK(close(d.fd) == 0);
	ATF_CHECK(close(once) == 0 && close(again) == 0);
}

NODE_TEST(detach_noted, "kqueues of a revoked descriptor survive a detach",
    "root")
{
	struct device d;
	int i;

	for (i = 0; i < 10; i++)
		detach_noted_after(i * i);
	d = open_unit(0);
	close_unit(&d);
}

/* Of an open node: what is mapped must not fault before it is unmapped. */
static void
hold_a_while(struct device *d)
{
	volatile uint8_t *p;
	int i;

	read_info(d);
	p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, d->fd,
	    (off_t)d->info.dma_offset);
	(void)close(d->fd);
	if (p == MAP_FAILED)
		return;
	for (i = 0; i < 16; i++) {
		p[i * 4096] = (uint8_t)i;
		if (i == 8)
			(void)munmap(__UNVOLATILE(p + 2 * 4096), 4096);
		if (i == 10)
			p[0] = 0x5a;
	}
	/* Nobody had it meanwhile: an open clears. */
	if (p[0] != 0x5a)
		_exit(1);
	(void)munmap(__UNVOLATILE(p), 2 * 4096);
	(void)munmap(__UNVOLATILE(p + 3 * 4096), 13 * 4096);
}

NODE_TEST(detach_racing, "detach while others open, read, map and close",
    "root")
{
	struct device d = open_unit(0);
	unsigned domain = d.info.domain;
	pid_t pids[3];
	int detached, i, round;

	close_unit(&d);
	for (i = 0; i < 3; i++) {
		ATF_REQUIRE((pids[i] = fork()) != -1);
		if (pids[i] != 0)
			continue;
		for (;;) {
			if ((d.fd = open(node(0), O_RDWR)) == -1)
				continue;
			(void)fcntl(d.fd, F_SETFL, O_NONBLOCK);
			(void)wait_read(d.fd);
			hold_a_while(&d);
		}
	}
	for (round = 0, detached = 0; round < 400; round++) {
		if (detach(0) != 0) {
			ATF_REQUIRE_EQ_MSG(errno, EBUSY, "%s",
			    strerror(errno));
			continue;
		}
		detached++;
		ATF_REQUIRE_MSG(rescan(domain) == 0, "%s", strerror(errno));
	}
	for (i = 0; i < 3; i++) {
		ATF_CHECK_EQ(waitpid(pids[i], NULL, WNOHANG), 0);
		ATF_CHECK(kill(pids[i], SIGKILL) == 0);
		(void)wait_status(pids[i]);
	}
	printf("detached %d times of %d\n", detached, round);
	d = open_unit(0);
	close_unit(&d);
}

NODE_TEST(suspend, "suspend is refused, and harms nobody", "root")
{
	struct device d = open_unit(0);

	ATF_CHECK_EQ(power(0, DRVSUSPENDDEV), -1);
	raise_bits(&d, BIT_A);
	check_event(&d, BIT_A);
	close_unit(&d);
}

/*
 * The module.
 */

static void
unload(void)
{
	char name[] = "edu";

	ATF_REQUIRE_MSG(modctl(MODCTL_UNLOAD, name) == 0, "unload: %s",
	    strerror(errno));
}

static void
load(const char *path, uint32_t interrupt)
{
	char props[512];
	modctl_load_t args;

	(void)snprintf(props, sizeof(props),
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	    "<!DOCTYPE plist PUBLIC \"-//Apple Computer//DTD PLIST 1.0//EN\" "
	    "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"
	    "<plist version=\"1.0\">\n<dict>\n<key>flags</key>\n"
	    "<integer>%d</integer>\n</dict>\n</plist>\n",
	    interrupt == EDU_IO_INTX);
	memset(&args, 0, sizeof(args));
	args.ml_filename = path;
	args.ml_props = props;
	args.ml_propslen = strlen(props) + 1;
	ATF_REQUIRE_MSG(modctl(MODCTL_LOAD, &args) == 0, "%s: %s", path,
	    strerror(errno));
}

static const char *
module_path(const atf_tc_t *tc)
{
	const char *path = atf_tc_get_config_var_wd(tc, "edu.module", "");

	if (path[0] == '\0')
		atf_tc_skip("edu.module is not set");
	return path;
}

static unsigned
count_units(void)
{
	struct device d;
	unsigned n;

	for (n = 0; try_open(&d, n, O_RDONLY); n++)
		ATF_REQUIRE(close(d.fd) == 0);
	return n;
}

/* Some units may be gone after an unload that failed. */
static void
check_unload_busy(unsigned domain)
{
	char name[] = "edu";

	CHECK_ERRNO(EBUSY, modctl(MODCTL_UNLOAD, name));
	ATF_REQUIRE_MSG(rescan(domain) == 0, "%s", strerror(errno));
	ATF_CHECK(driver_major("edu") != -1);
}

NODE_TEST(unload_open, "unload says busy while a unit is open or mapped",
    "root")
{
	const char *path = module_path(tc);
	unsigned n = count_units(), unit;
	struct device d;

	for (unit = 0; unit < n; unit++) {
		d = open_unit(unit);
		check_unload_busy(d.info.domain);
		raise_bits(&d, BIT_A);
		check_event(&d, BIT_A);
		ATF_REQUIRE(close(d.fd) == 0);
		check_unload_busy(d.info.domain);
		ATF_CHECK_EQ(touch(d.bar0 + 4096, 0), 0);
		(void)munmap(__UNVOLATILE(d.bar0), (size_t)d.info.bar0_size);
		check_unload_busy(d.info.domain);
		(void)munmap(__UNVOLATILE(d.dma), (size_t)d.info.dma_size);
		ATF_REQUIRE_EQ(count_units(), n);
	}
	unload();
	load(path, d.info.interrupt);
	ATF_CHECK_EQ(count_units(), n);
}

#define USERS	3

/* Open, map, fault, close and unmap, for ever. */
static void
use_for_ever(atomic_uint *rounds)
{
	struct device d;

	(void)alarm(500);	/* should nobody kill us */
	for (;; (void)atomic_fetch_add(rounds, 1))
		if ((d.fd = open("./edu0", O_RDWR)) != -1)
			hold_a_while(&d);
}

/*
 * Until who tried to open the node of no driver has failed: spec_open() waits
 * for the lock that an unload holds, whose vdevgone() would wait for it.
 */
static void
await_users(atomic_uint *rounds)
{
	unsigned before;
	int i, ms;

	for (i = 0; i < USERS; i++) {
		before = atomic_load(&rounds[i]);
		for (ms = 0; atomic_load(&rounds[i]) == before; ms++) {
			ATF_REQUIRE_MSG(ms < SOON_MS, "a user hangs");
			sleep_ms(1);
		}
	}
}

NODE_TEST(unload_racing, "unload while others open, map, fault and close",
    "root")
{
	const char *path = module_path(tc);
	struct device d = open_unit(0);
	int i;
	atomic_uint *rounds;
	char name[] = "edu";
	pid_t pids[USERS];

	close_unit(&d);
	rounds = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_ANON |
	    MAP_SHARED, -1, 0);
	ATF_REQUIRE(rounds != MAP_FAILED);
	for (i = 0; i < USERS; i++) {
		ATF_REQUIRE((pids[i] = fork()) != -1);
		if (pids[i] == 0)
			use_for_ever(&rounds[i]);
	}
	for (i = 0; i < 200; i++) {
		if (modctl(MODCTL_UNLOAD, name) == 0) {
			load(path, d.info.interrupt);
			await_users(rounds);
		} else
			ATF_REQUIRE_EQ_MSG(errno, EBUSY, "%s",
			    strerror(errno));
		(void)rescan(d.info.domain);
	}
	for (i = 0; i < USERS; i++) {
		ATF_CHECK_EQ(waitpid(pids[i], NULL, WNOHANG), 0);
		ATF_CHECK(kill(pids[i], SIGKILL) == 0);
		(void)wait_status(pids[i]);
	}
	d = open_unit(0);
	close_unit(&d);
}

NODE_TEST(reload, "a hundred loads, each with an interrupt and a mapping",
    "root")
{
	const char *path = module_path(tc);
	struct device d;
	uint32_t interrupt;
	int i;

	d = open_unit(0);
	interrupt = d.info.interrupt;
	close_unit(&d);
	for (i = 0; i < 100; i++) {
		unload();
		load(path, interrupt);
		d = open_unit(0);
		ATF_CHECK_EQ(d.info.interrupt, interrupt);
		raise_bits(&d, BIT_A);
		check_event(&d, BIT_A);
		close_unit(&d);
	}
}
