/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* edu(4): what its node promises while it is open. */

#include <sys/event.h>
#include <sys/select.h>
#include <sys/time.h>

#include <stdatomic.h>

#include "h_edu.h"

NODE_TEST(info, "EDU_IOC_INFO tells the truth about the function", "root")
{
	struct device d = open_unit(0);
	const struct edu_info *i = &d.info;

	ATF_CHECK_EQ(i->version, EDU_IO_VERSION);
	ATF_CHECK_EQ(i->unit, 0);
	ATF_CHECK_EQ(i->reserved, 0);
	ATF_CHECK_EQ(config_read(&d, 0),
	    EDU_PCI_VENDOR | EDU_PCI_PRODUCT << 16);
	ATF_CHECK(i->interrupt == EDU_IO_INTX || i->interrupt == EDU_IO_MSI);
	ATF_CHECK_EQ(i->bar0_size, EDU_BAR0_SIZE);
	ATF_CHECK(i->dma_size >= 4096 && i->dma_size <= 1024 * 1024);
	ATF_CHECK_EQ(i->dma_size % (uint64_t)sysconf(_SC_PAGESIZE), 0);
	ATF_CHECK(i->dma_address + i->dma_size - 1 <= EDU_DMA_MASK);
	ATF_CHECK(i->bar0_offset + i->bar0_size <= i->dma_offset);
	ATF_CHECK_EQ(config_read(&d, CSR) & (CSR_MASTER | CSR_DECODING),
	    CSR_MASTER | CSR_DECODING);
	close_unit(&d);
}

NODE_TEST(ioctl_bad, "bad ioctls fail and change nothing", "root")
{
	struct device d = open_unit(0);
	struct edu_event event;

	raise_bits(&d, BIT_A);
	CHECK_ERRNO(ENOTTY, ioctl(d.fd, _IO('E', 0)));
	CHECK_ERRNO(ENOTTY, ioctl(d.fd, _IO('E', 1)));
	CHECK_ERRNO(ENOTTY, ioctl(d.fd, _IOR('E', 1, uint32_t), &event));
	CHECK_ERRNO(ENOTTY, ioctl(d.fd, _IOW('E', 2, struct edu_event),
	    &event));
	CHECK_ERRNO(ENOTTY, ioctl(d.fd, _IOR('E', 3, struct edu_event),
	    &event));
	CHECK_ERRNO(EFAULT, ioctl(d.fd, EDU_IOC_INFO, (void *)1));
	CHECK_ERRNO(EFAULT, ioctl(d.fd, EDU_IOC_RECHECK, (void *)1));
	check_event(&d, BIT_A);
	close_unit(&d);
}

NODE_TEST(open_exclusive, "one opens at a time, until the last close", "root")
{
	struct device d = open_unit(0);
	int copy;
	pid_t pid;

	CHECK_ERRNO(EBUSY, open(node(0), O_RDWR));
	CHECK_ERRNO(EBUSY, open(node(0), O_RDONLY));
	ATF_REQUIRE((copy = dup(d.fd)) != -1);
	close_unit(&d);
	CHECK_ERRNO(EBUSY, open(node(0), O_RDWR));
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		sleep_ms(100);
		_exit(0);
	}
	ATF_REQUIRE(close(copy) == 0);
	CHECK_ERRNO(EBUSY, open(node(0), O_RDWR));
	check_exit(pid, 0);
	d = open_unit(0);
	close_unit(&d);
}

/* Open and close all the time; exit with how often two had it. */
static void
compete(atomic_int *holders, atomic_int *opens)
{
	struct device d;
	int both = 0, i;

	for (i = 0; i < 2000; i++) {
		if ((d.fd = open(node(0), O_RDWR)) == -1) {
			if (errno != EBUSY)
				_exit(100);
			continue;
		}
		both += atomic_fetch_add(holders, 1) != 0;
		(void)atomic_fetch_add(opens, 1);
		read_info(&d);
		d.dma = map(&d, d.info.dma_offset, 4096, PROT_READ |
		    PROT_WRITE);
		both += d.dma[0] != 0;
		d.dma[0] = 0x5a;
		(void)atomic_fetch_sub(holders, 1);
		if (i % 2)
			(void)close(d.fd);
		(void)munmap(__UNVOLATILE(d.dma), 4096);
		if (i % 2 == 0)
			(void)close(d.fd);
	}
	_exit(both);
}

NODE_TEST(open_racing, "of many that open at once, one has it, and it is clean",
    "root")
{
	struct device d = open_unit(0);
	atomic_int *shared;
	pid_t pids[4];
	int i;

	close_unit(&d);
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_ANON | MAP_SHARED, -1, 0);
	ATF_REQUIRE(shared != MAP_FAILED);
	for (i = 0; i < 4; i++) {
		ATF_REQUIRE((pids[i] = fork()) != -1);
		if (pids[i] == 0)
			compete(&shared[0], &shared[1]);
	}
	for (i = 0; i < 4; i++)
		check_exit(pids[i], 0);
	printf("%d opens of 8000\n", atomic_load(&shared[1]));
	ATF_CHECK(atomic_load(&shared[1]) > 100);
	d = open_unit(0);
	close_unit(&d);
}

NODE_TEST(open_bad, "an open that cannot read, or of no unit, fails", "root")
{
	struct device d;

	CHECK_ERRNO(EINVAL, open(node(0), O_WRONLY));
	CHECK_ERRNO(ENXIO, open(node(200), O_RDWR));
	d = open_unit(0);
	CHECK_ERRNO(EBUSY, open(node(0), O_WRONLY));
	CHECK_ERRNO(ENODEV, write(d.fd, &d, 16));
	close_unit(&d);
}

NODE_TEST(read_blocking, "a read sleeps until something is raised", "root")
{
	struct device d = open_unit(0);
	struct edu_event event;
	uint64_t before;
	pid_t pid;

	ATF_REQUIRE(ioctl(d.fd, EDU_IOC_RECHECK, &event) == 0);
	before = event.count;
	pid = raise_later(&d, 50, BIT_A);
	ATF_REQUIRE_EQ(read(d.fd, &event, sizeof(event)),
	    (ssize_t)sizeof(event));
	ATF_CHECK_EQ(event.status, BIT_A);
	ATF_CHECK_EQ(event.reserved, 0);
	ATF_CHECK_EQ(event.count, before + 1);
	check_exit(pid, 0);
	/* It was acknowledged in the device. */
	ATF_CHECK_EQ(d.bar0[EDU_INTR_STATUS / 4], 0);
	close_unit(&d);
}

NODE_TEST(read_nonblocking, "O_NONBLOCK of open and of fcntl", "root")
{
	struct edu_event event;
	struct device d;
	pid_t pid;

	ATF_REQUIRE(try_open(&d, 0, O_RDONLY | O_NONBLOCK));
	discard(&d);
	CHECK_ERRNO(EAGAIN, read(d.fd, &event, sizeof(event)));
	ATF_REQUIRE(close(d.fd) == 0);

	d = open_unit(0);
	ATF_REQUIRE(fcntl(d.fd, F_SETFL, O_NONBLOCK) == 0);
	CHECK_ERRNO(EAGAIN, read(d.fd, &event, sizeof(event)));
	raise_bits(&d, BIT_A);
	check_event(&d, BIT_A);
	CHECK_ERRNO(EAGAIN, read(d.fd, &event, sizeof(event)));
	/* And back. */
	ATF_REQUIRE(fcntl(d.fd, F_SETFL, 0) == 0);
	pid = raise_later(&d, 50, BIT_B);
	ATF_CHECK_EQ(read(d.fd, &event, sizeof(event)),
	    (ssize_t)sizeof(event));
	ATF_CHECK_EQ(event.status, BIT_B);
	check_exit(pid, 0);
	close_unit(&d);
}

NODE_TEST(read_short, "a buffer too short is EINVAL and takes nothing", "root")
{
	struct device d = open_unit(0);
	char buffer[4096];

	CHECK_ERRNO(EINVAL, read(d.fd, buffer, 15));
	raise_bits(&d, BIT_A);
	ATF_REQUIRE(is_readable(&d, SOON_MS));
	ATF_CHECK_EQ(read(d.fd, buffer, 0), 0);
	CHECK_ERRNO(EINVAL, read(d.fd, buffer, 1));
	CHECK_ERRNO(EINVAL, read(d.fd, buffer, 15));
	CHECK_ERRNO(EFAULT, read(d.fd, (void *)1, 16));
	/* A longer one takes one record. */
	ATF_CHECK_EQ(read(d.fd, buffer, sizeof(buffer)), 16);
	ATF_CHECK_EQ(*(uint32_t *)(void *)buffer, BIT_A);
	ATF_CHECK(!is_readable(&d, 0));
	close_unit(&d);
}

NODE_TEST(read_merges, "what nobody reads becomes one record", "root")
{
	struct device d = open_unit(0);
	struct edu_event first, event;
	int i;

	raise_bits(&d, BIT_A);
	first = read_event(&d);
	for (i = 0; i < 32; i++)
		raise_bits(&d, 1U << i);
	/* All ones is as good a status as any. */
	for (i = 0; i < SOON_MS; i++) {
		ATF_REQUIRE(ioctl(d.fd, EDU_IOC_RECHECK, &event) == 0);
		if (event.status == UINT32_MAX)
			break;
		sleep_ms(1);
	}
	event = read_event(&d);
	ATF_CHECK_EQ_MSG(event.status, UINT32_MAX, "0x%x", event.status);
	ATF_CHECK(event.count > first.count && event.count <= first.count + 32);
	ATF_CHECK(!is_readable(&d, 0));
	raise_bits(&d, UINT32_MAX);
	check_event(&d, UINT32_MAX);
	close_unit(&d);
}

static volatile sig_atomic_t signals;

static void
on_signal(int signo)
{
	(void)signo;
	signals = signals + 1;
}

static void
alarm_in(long ms, int sa_flags)
{
	struct itimerval timer = {
		.it_value = { .tv_usec = (suseconds_t)(ms * 1000) }
	};
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	sa.sa_flags = sa_flags;
	signals = 0;
	ATF_REQUIRE(sigaction(SIGALRM, &sa, NULL) == 0);
	ATF_REQUIRE(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

NODE_TEST(read_signal, "a signal interrupts a read, or restarts it", "root")
{
	struct device d = open_unit(0);
	struct pollfd pfd = { .fd = d.fd, .events = POLLIN };
	struct edu_event event;
	pid_t pid;

	alarm_in(50, 0);
	CHECK_ERRNO(EINTR, read(d.fd, &event, sizeof(event)));
	alarm_in(50, 0);
	CHECK_ERRNO(EINTR, poll(&pfd, 1, SOON_MS));
	alarm_in(50, SA_RESTART);
	pid = raise_later(&d, 200, BIT_A);
	ATF_CHECK_EQ(read(d.fd, &event, sizeof(event)),
	    (ssize_t)sizeof(event));
	ATF_CHECK_EQ(event.status, BIT_A);
	ATF_CHECK_EQ(signals, 1);
	check_exit(pid, 0);
	close_unit(&d);
}

NODE_TEST(read_killed, "a reader can be killed, and the node opened again",
    "root")
{
	struct device d;
	int i, status;
	pid_t pid;

	for (i = 0; i < 20; i++) {
		ATF_REQUIRE((pid = fork()) != -1);
		if (pid == 0) {
			struct edu_event event;

			d = open_unit(0);
			(void)read(d.fd, &event, sizeof(event));
			_exit(1);
		}
		sleep_ms(i);
		ATF_REQUIRE(kill(pid, SIGKILL) == 0);
		status = wait_status(pid);
		ATF_CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
	d = open_unit(0);
	close_unit(&d);
}

NODE_TEST(kept_for_the_next, "what is raised is there for the next opener",
    "root")
{
	struct device d = open_unit(0);

	raise_bits(&d, BIT_A);
	close_unit(&d);
	ATF_REQUIRE(try_open(&d, 0, O_RDONLY));
	check_event(&d, BIT_A);
	ATF_CHECK(!is_readable(&d, 0));
	ATF_REQUIRE(close(d.fd) == 0);
}

NODE_TEST(poll_ready, "poll(2): readable until it has been read", "root")
{
	struct device d = open_unit(0);
	struct pollfd pfd[2] = {
		{ .fd = d.fd, .events = POLLIN | POLLRDNORM | POLLOUT },
		{ .fd = d.fd, .events = POLLOUT }
	};
	pid_t pid;

	ATF_CHECK_EQ(poll(pfd, 2, 0), 0);
	ATF_CHECK_EQ(poll(pfd, 2, 50), 0);
	pid = raise_later(&d, 50, BIT_A);
	ATF_CHECK_EQ(poll(pfd, 2, SOON_MS), 1);
	ATF_CHECK_EQ(pfd[0].revents, POLLIN | POLLRDNORM);
	ATF_CHECK_EQ(pfd[1].revents, 0);
	ATF_CHECK_EQ(poll(pfd, 1, 0), 1);
	check_event(&d, BIT_A);
	ATF_CHECK_EQ(poll(pfd, 1, 0), 0);
	check_exit(pid, 0);
	close_unit(&d);
}

NODE_TEST(select_ready, "select(2)", "root")
{
	struct timeval soon = { SOON_MS / 1000, 0 }, now = { 0, 0 };
	struct device d = open_unit(0);
	fd_set set;
	pid_t pid;

	pid = raise_later(&d, 50, BIT_A);
	FD_ZERO(&set);
	FD_SET(d.fd, &set);
	ATF_CHECK_EQ(select(d.fd + 1, &set, NULL, NULL, &soon), 1);
	ATF_CHECK(FD_ISSET(d.fd, &set));
	check_event(&d, BIT_A);
	ATF_CHECK_EQ(select(d.fd + 1, &set, NULL, NULL, &now), 0);
	check_exit(pid, 0);
	close_unit(&d);
}

NODE_TEST(poll_many, "an interrupt wakes every process that polls", "root")
{
	struct device d = open_unit(0);
	pid_t pids[8];
	size_t i;

	for (i = 0; i < 8; i++) {
		ATF_REQUIRE((pids[i] = fork()) != -1);
		if (pids[i] == 0)
			_exit(is_readable(&d, SOON_MS) ? 0 : 1);
	}
	sleep_ms(100);
	raise_bits(&d, BIT_A);
	for (i = 0; i < 8; i++)
		check_exit(pids[i], 0);
	check_event(&d, BIT_A);
	close_unit(&d);
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

static int
add_kevent(int fd, uint32_t filter, uint32_t flags)
{
	struct kevent event;
	int kq = kqueue();

	ATF_REQUIRE(kq != -1);
	EV_SET(&event, (uintptr_t)fd, filter, EV_ADD | flags, 0, 0, NULL);
	if (kevent(kq, &event, 1, NULL, 0, NULL) == 0)
		return kq;
	(void)close(kq);
	return -1;
}

NODE_TEST(kqueue_ready, "kqueue(2): EVFILT_READ, by level, edge, once", "root")
{
	struct device d = open_unit(0);
	int clear, kq, once;
	struct kevent event;
	pid_t pid;

	ATF_REQUIRE((kq = add_kevent(d.fd, EVFILT_READ, 0)) != -1);
	ATF_REQUIRE((clear = add_kevent(d.fd, EVFILT_READ, EV_CLEAR)) != -1);
	ATF_REQUIRE((once = add_kevent(d.fd, EVFILT_READ, EV_ONESHOT)) != -1);
	ATF_CHECK_EQ(next_kevent(kq, 0, &event), 0);
	pid = raise_later(&d, 50, BIT_A);
	ATF_CHECK_EQ(next_kevent(kq, SOON_MS, &event), 1);
	ATF_CHECK_EQ(event.ident, (uintptr_t)d.fd);
	ATF_CHECK_EQ(event.filter, EVFILT_READ);
	ATF_CHECK_EQ(event.data, (int64_t)sizeof(struct edu_event));
	ATF_CHECK_EQ(event.flags & (EV_EOF | EV_ERROR), 0);
	ATF_CHECK_EQ(next_kevent(kq, 0, &event), 1);
	ATF_CHECK_EQ(next_kevent(clear, SOON_MS, &event), 1);
	ATF_CHECK_EQ(next_kevent(clear, 0, &event), 0);
	ATF_CHECK_EQ(next_kevent(once, SOON_MS, &event), 1);
	check_event(&d, BIT_A);
	ATF_CHECK_EQ(next_kevent(kq, 0, &event), 0);
	raise_bits(&d, BIT_B);
	ATF_CHECK_EQ(next_kevent(clear, SOON_MS, &event), 1);
	ATF_CHECK_EQ(next_kevent(kq, SOON_MS, &event), 1);
	ATF_CHECK_EQ(next_kevent(once, 0, &event), 0);
	check_exit(pid, 0);
	ATF_CHECK(close(once) == 0 && close(clear) == 0 && close(kq) == 0);
	close_unit(&d);
}

NODE_TEST(kqueue_closed, "a descriptor may be closed under its kqueue", "root")
{
	struct device d = open_unit(0);
	struct kevent event;
	int kq;

	ATF_REQUIRE((kq = add_kevent(d.fd, EVFILT_READ, 0)) != -1);
	raise_bits(&d, BIT_A);
	close_unit(&d);
	ATF_CHECK_EQ(next_kevent(kq, 0, &event), 0);
	d = open_unit(0);
	raise_bits(&d, BIT_A);
	ATF_CHECK_EQ(next_kevent(kq, 0, &event), 0);
	check_event(&d, BIT_A);
	close_unit(&d);
	ATF_CHECK(close(kq) == 0);
}

NODE_TEST(recheck, "EDU_IOC_RECHECK finds what nothing has announced", "root")
{
	struct device d = open_unit(0);
	struct edu_event event;

	ATF_REQUIRE(ioctl(d.fd, EDU_IOC_RECHECK, &event) == 0);
	ATF_CHECK_EQ(event.status, 0);
	/* Keep INTx and MSI from being delivered. */
	command(&d, CSR_NO_INTX, CSR_MASTER);
	raise_bits(&d, BIT_A);
	command(&d, CSR_MASTER, 0);
	ATF_REQUIRE(ioctl(d.fd, EDU_IOC_RECHECK, &event) == 0);
	ATF_CHECK_EQ(event.status, BIT_A);
	if (d.info.interrupt == EDU_IO_INTX)
		ATF_CHECK_EQ(config_read(&d, CSR) & CSR_NO_INTX, 0);
	/* It took nothing. */
	ATF_REQUIRE(ioctl(d.fd, EDU_IOC_RECHECK, &event) == 0);
	ATF_CHECK_EQ(event.status, BIT_A);
	check_event(&d, BIT_A);
	command(&d, 0, CSR_NO_INTX);
	close_unit(&d);
}

NODE_TEST(recheck_closed, "EDU_IOC_RECHECK: EAGAIN without decoding", "root")
{
	struct device d = open_unit(0);
	struct edu_event event;

	raise_bits(&d, BIT_A);
	ATF_REQUIRE(is_readable(&d, SOON_MS));
	command(&d, 0, CSR_DECODING);
	CHECK_ERRNO(EAGAIN, ioctl(d.fd, EDU_IOC_RECHECK, &event));
	check_event(&d, BIT_A);
	command(&d, CSR_DECODING, 0);
	ATF_CHECK_EQ(ioctl(d.fd, EDU_IOC_RECHECK, &event), 0);
	ATF_CHECK_EQ(event.status, 0);
	close_unit(&d);
}

/* With INTx, units whose slots differ by 4 share a line. */
NODE_TEST(many_units, "each unit gets its own interrupts", "root")
{
	struct device d[8];
	unsigned i, n, round;

	for (n = 0; n < 8; n++) {
		if (!try_open(&d[n], n, O_RDWR))
			break;
		ATF_REQUIRE(close(d[n].fd) == 0);
		d[n] = open_unit(n);
		ATF_CHECK_EQ(d[n].info.unit, n);
	}
	if (n < 2)
		atf_tc_skip("there is no second unit");
	for (i = 1; i < n; i++)
		ATF_CHECK(d[i].info.dma_address != d[0].info.dma_address);
	for (round = 0; round < 1000; round++) {
		for (i = 0; i < n; i++)
			raise_bits(&d[i], 1U << (round + i) % 32);
		for (i = 0; i < n; i++)
			check_event(&d[i], 1U << (round + i) % 32);
	}
	for (i = 0; i < n; i++) {
		ATF_CHECK(!is_readable(&d[i], 0));
		close_unit(&d[i]);
	}
}
