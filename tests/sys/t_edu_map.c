/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* edu(4): what its node lends, and how long; DMA. */

#include "h_edu.h"

NODE_TEST(mmap_bounds, "nothing but BAR0 and the DMA memory can be mapped",
    "root")
{
	struct device d = open_unit(0);
	const uint64_t bar0 = d.info.bar0_offset, dma = d.info.dma_offset;
	const uint64_t bar0_end = bar0 + d.info.bar0_size;
	const uint64_t dma_end = dma + d.info.dma_size;
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const struct {
		uint64_t offset, size;
	} bad[] = {
		{ bar0_end, page }, { bar0_end - page, 2 * page },
		{ bar0, d.info.bar0_size + page },
		{ dma_end, page }, { dma_end - page, 2 * page },
		{ dma, d.info.dma_size + page }, { dma - page, page },
		{ dma - page, 2 * page },
		{ bar0 + (1ULL << 40), page }, { bar0 ^ (1ULL << 25), page },
		{ UINT64_MAX - page + 1, page }, { 1ULL << 62, page },
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		void *p = mmap(NULL, bad[i].size, PROT_READ, MAP_SHARED, d.fd,
		    (off_t)bad[i].offset);

		ATF_CHECK_EQ_MSG(p, MAP_FAILED, "0x%jx + 0x%jx was mapped",
		    (uintmax_t)bad[i].offset, (uintmax_t)bad[i].size);
		ATF_CHECK_EQ_MSG(errno, EINVAL, "%s", strerror(errno));
	}
	(void)map(&d, bar0_end - page, page, PROT_READ);
	(void)map(&d, dma_end - page, page, PROT_READ);
	close_unit(&d);
}

NODE_TEST(mmap_protection, "write access follows the descriptor", "root")
{
	volatile uint32_t *p;
	struct device d;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	ATF_REQUIRE(try_open(&d, 0, O_RDONLY));
	read_info(&d);
	ATF_CHECK_EQ(mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, d.fd,
	    (off_t)d.info.bar0_offset), MAP_FAILED);
	ATF_CHECK_EQ(errno, EACCES);
	ATF_CHECK_EQ(mmap(NULL, page, PROT_WRITE, MAP_SHARED, d.fd,
	    (off_t)d.info.dma_offset), MAP_FAILED);
	ATF_CHECK_EQ(errno, EACCES);
	p = map(&d, d.info.bar0_offset, page, PROT_READ);
	ATF_CHECK_EQ(p[EDU_ID / 4] & EDU_ID_MAGIC, EDU_ID_MAGIC_EDU);
	CHECK_ERRNO(EACCES, mprotect(__UNVOLATILE(p), page,
	    PROT_READ | PROT_WRITE));
	ATF_CHECK(touch(p + EDU_LIVE / 4, 1) != 0);
	ATF_REQUIRE(close(d.fd) == 0);
}

/* A page that was not touched before faults just as well. */
static void
check_alive(const struct device *d)
{
	ATF_CHECK_EQ(touch(d->bar0, 0), 0);
	ATF_CHECK_EQ(touch(d->bar0 + EDU_BAR0_SIZE / 8, 0), 0);
	ATF_CHECK_EQ(d->bar0[EDU_ID / 4] & EDU_ID_MAGIC, EDU_ID_MAGIC_EDU);
	ATF_CHECK_EQ(touch((volatile uint32_t *)(volatile void *)d->dma, 1),
	    0);
}

static void
unmap(volatile void *p, uint64_t size)
{
	ATF_REQUIRE(munmap(__UNVOLATILE(p), (size_t)size) == 0);
}

NODE_TEST(mmap_outlives_open, "what is still mapped keeps all others out",
    "root")
{
	struct device d = open_unit(0);
	const uint64_t half = d.info.dma_size / 2;

	d.dma[0] = 0x5a;
	ATF_REQUIRE(close(d.fd) == 0);
	check_alive(&d);
	CHECK_ERRNO(EBUSY, open(node(0), O_RDWR));
	CHECK_ERRNO(EBUSY, detach(0));
	unmap(d.bar0, d.info.bar0_size);
	CHECK_ERRNO(EBUSY, open(node(0), O_RDWR));
	CHECK_ERRNO(EBUSY, open(node(0), O_WRONLY));
	/* In the middle: two are left. */
	unmap(d.dma + half, 4096);
	CHECK_ERRNO(EBUSY, open(node(0), O_RDWR));
	unmap(d.dma, half);
	CHECK_ERRNO(EBUSY, open(node(0), O_RDONLY));
	CHECK_ERRNO(EBUSY, detach(0));
	unmap(d.dma + half + 4096, half - 4096);
	d = open_unit(0);
	ATF_CHECK_EQ(d.dma[0], 0);
	close_unit(&d);
}

NODE_TEST(mmap_revoked, "revoke(2) does not end a mapping", "root")
{
	struct device d = open_unit(0);

	ATF_REQUIRE(revoke(node(0)) == 0);
	check_alive(&d);
	CHECK_ERRNO(EBUSY, open(node(0), O_RDWR));
	unmap(d.bar0, d.info.bar0_size);
	unmap(d.dma, d.info.dma_size);
	ATF_REQUIRE(close(d.fd) == 0);
	d = open_unit(0);
	close_unit(&d);
}

NODE_TEST(mmap_moved, "a mapping that mremap(2) moved counts as one", "root")
{
	struct device d = open_unit(0);
	void *p;

	p = mremap(__UNVOLATILE(d.dma), (size_t)d.info.dma_size, NULL,
	    (size_t)d.info.dma_size, 0);
	ATF_REQUIRE(p != MAP_FAILED);
	unmap(d.bar0, d.info.bar0_size);
	ATF_REQUIRE(close(d.fd) == 0);
	((volatile uint8_t *)p)[0] = 1;
	CHECK_ERRNO(EBUSY, open(node(0), O_RDWR));
	unmap(p, d.info.dma_size);
	d = open_unit(0);
	close_unit(&d);
}

/* A child that has the mapping and no descriptor, until the pipe closes. */
static pid_t
start_holder(const struct device *d, int go[2], int execs)
{
	int ready[2];
	pid_t pid;
	char c;

	ATF_REQUIRE(pipe(go) == 0 && pipe(ready) == 0);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		(void)close(d->fd);
		(void)close(go[1]);
		(void)write(ready[1], "r", 1);
		(void)read(go[0], &c, 1);
		d->bar0[EDU_LIVE / 4] = 1;
		if (d->bar0[EDU_LIVE / 4] != ~1U)
			_exit(1);
		if (execs)
			(void)execl("/bin/sleep", "sleep", "5", (char *)NULL);
		_exit(0);
	}
	(void)close(go[0]);
	(void)close(ready[1]);
	ATF_REQUIRE_EQ(read(ready[0], &c, 1), 1);
	(void)close(ready[0]);
	return pid;
}

NODE_TEST(mmap_forked, "a child's mapping counts until it execs or exits",
    "root")
{
	struct device d = open_unit(0);
	int execs, go[2], i;
	pid_t pid;

	for (execs = 0; execs <= 1; execs++) {
		pid = start_holder(&d, go, execs);
		close_unit(&d);
		CHECK_ERRNO(EBUSY, open(node(0), O_RDWR));
		CHECK_ERRNO(EBUSY, detach(0));
		(void)close(go[1]);
		if (!execs)
			check_exit(pid, 0);
		for (i = 0; i < 300; i++) {
			if ((d.fd = open(node(0), O_RDWR)) != -1)
				break;
			sleep_ms(10);
		}
		ATF_REQUIRE(d.fd != -1 && close(d.fd) == 0);
		d = open_unit(0);
	}
	/* It sleeps still. */
	ATF_CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	check_exit(pid, 0);
	close_unit(&d);
}

NODE_TEST(mmap_inherited, "a child's copy keeps the node and mapping alive",
    "root")
{
	struct device d = open_unit(0);
	pid_t pid;

	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		sleep_ms(100);
		d.bar0[EDU_LIVE / 4] = 1;
		_exit(d.bar0[EDU_LIVE / 4] == ~1U ? 0 : 1);
	}
	close_unit(&d);
	check_exit(pid, 0);
}

static void
start_dma(const struct device *d, int is_put, uint64_t bus, uint64_t length,
    uint64_t flags)
{
	volatile uint64_t *r = (volatile uint64_t *)(volatile void *)d->bar0;

	r[EDU_DMA_SRC / 8] = is_put ? bus : EDU_DMA_BUF;
	r[EDU_DMA_DST / 8] = is_put ? EDU_DMA_BUF : bus;
	r[EDU_DMA_COUNT / 8] = length;
	r[EDU_DMA_CMD / 8] = EDU_DMA_CMD_RUN | flags |
	    (is_put ? 0 : EDU_DMA_CMD_FROM_DEV);
}

/* To the device and back to elsewhere, at the far end of the memory. */
NODE_TEST(dma_both_ways, "DMA reaches the memory, both ways", "root")
{
	struct device d = open_unit(0);
	const uint64_t end = d.info.dma_size - 2048;
	unsigned i, round;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < 2000; i++)
			d.dma[i] = (uint8_t)(i * 7 + round);
		start_dma(&d, 1, d.info.dma_address, 2000, EDU_DMA_CMD_IRQ);
		check_event(&d, EDU_INTR_DMA);
		start_dma(&d, 0, d.info.dma_address + end, 2000,
		    EDU_DMA_CMD_IRQ);
		check_event(&d, EDU_INTR_DMA);
		for (i = 0; i < 2000; i++)
			ATF_REQUIRE_EQ(d.dma[end + i],
			    (uint8_t)(i * 7 + round));
		ATF_REQUIRE_EQ(d.dma[end + 2000], 0);
		ATF_REQUIRE_EQ(d.dma[end - 1], 0);
	}
	close_unit(&d);
}

NODE_TEST(open_while_running, "an open ends a DMA, and clears the memory",
    "root")
{
	struct device d = open_unit(0);
	int at, i;

	/* Something to be seen, should it get through. */
	memset(__UNVOLATILE(d.dma), 0xff, 4096);
	start_dma(&d, 1, d.info.dma_address, 4000, EDU_DMA_CMD_IRQ);
	check_event(&d, EDU_INTR_DMA);
	close_unit(&d);
	for (i = 0; i < 5; i++) {
		d = open_unit(0);
		start_dma(&d, 0, d.info.dma_address, 4000,
		    i % 2 == 0 ? EDU_DMA_CMD_IRQ : 0);
		ATF_REQUIRE(d.bar0[EDU_DMA_CMD / 4] & EDU_DMA_CMD_RUN);
		close_unit(&d);
		ATF_REQUIRE(try_open(&d, 0, O_RDWR));
		read_info(&d);
		d.bar0 = map(&d, d.info.bar0_offset, 4096, PROT_READ);
		d.dma = map(&d, d.info.dma_offset, 4096, PROT_READ);
		ATF_CHECK_EQ(d.bar0[EDU_DMA_CMD / 4] & EDU_DMA_CMD_RUN, 0);
		ATF_CHECK_EQ(is_readable(&d, 0), i % 2 == 0);
		for (at = 0; at < 4000; at++)
			ATF_REQUIRE_EQ(d.dma[at], 0);
		unmap(d.bar0, 4096);
		unmap(d.dma, 4096);
		ATF_REQUIRE(close(d.fd) == 0);
	}
}

static void
unprivileged(const char *path)
{
	struct device d;

	if (setgid(1000) != 0 || setuid(1000) != 0)
		_exit(1);
	if ((d.fd = open(path, O_RDWR)) == -1)
		_exit(2);
	read_info(&d);
	d.bar0 = map(&d, d.info.bar0_offset, 4096, PROT_READ | PROT_WRITE);
	d.dma = map(&d, d.info.dma_offset, 4096, PROT_READ | PROT_WRITE);
	d.bar0[EDU_LIVE / 4] = 0x1234;
	if (d.bar0[EDU_LIVE / 4] != ~0x1234U)
		_exit(3);
	raise_bits(&d, BIT_A);
	check_event(&d, BIT_A);
	d.dma[0] = 0x5a;
	start_dma(&d, 1, d.info.dma_address, 1, EDU_DMA_CMD_IRQ);
	check_event(&d, EDU_INTR_DMA);
	start_dma(&d, 0, d.info.dma_address + 1, 1, EDU_DMA_CMD_IRQ);
	check_event(&d, EDU_INTR_DMA);
	_exit(d.dma[1] == 0x5a ? 0 : 4);
}

NODE_TEST(ordinary_user, "who has been given the node needs nothing else",
    "root")
{
	const char *path = node(0);
	struct device d = open_unit(0);
	pid_t pid;

	close_unit(&d);
	ATF_REQUIRE(chmod(".", 0755) == 0);
	ATF_REQUIRE(chown(path, 1000, 1000) == 0);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0)
		unprivileged(path);
	check_exit(pid, 0);
}
