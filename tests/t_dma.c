/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Transfers between memory and the device's buffer. */

#include <sys/time.h>

#include <atf-c.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <edu.h>
#include <edureg.h>

#include "h_alarm.h"
#include "h_memory.h"
#include "h_qemu.h"
#include "h_tap.h"

#define LIMIT		4095U
#define BUFFER		0x40000U
#define RANGES		200
#define SEED		19790807U
#include "h_random.h"

#define CMD_RUN		0x1U
#define CMD_FROM_DEV	0x2U
#define CMD_IRQ		0x4U

static unsigned char *
alloc(struct edu *edu, size_t length)
{
	unsigned char *mem = edu_mem_alloc(edu, length);

	ATF_REQUIRE_MSG(mem != NULL, "%s", edu_errmsg(edu));
	return mem;
}

static void
fill_random(unsigned char *data, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		data[i] = (unsigned char)next_random();
}

/* The guest's memory, past the library: what the device really touches. */
static void
guest_load(struct edu *edu, uint64_t address, void *data, size_t length)
{

	ATF_REQUIRE(qtest_load(edu_bus_qtest_session(edu->bus), address, data,
	    length) == 0);
}

static void
guest_store(struct edu *edu, uint64_t address, const void *data,
    size_t length)
{

	ATF_REQUIRE(qtest_store(edu_bus_qtest_session(edu->bus), address,
	    data, length) == 0);
}

/* There and back, elsewhere in memory. */
static void
check_length(struct edu *edu, unsigned char *mem, size_t length,
    unsigned flags)
{
	unsigned char *data = mem;

	fill_random(data, length);
	memset(data + 8192, 0x55, 8192);
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, mem, length, flags, SOON_MS));
	REQUIRE_EDU(edu, edu_dma_get(edu, 0, mem + 8192, length, flags,
	    SOON_MS));
	ATF_CHECK_MSG(memcmp(data, data + 8192, length) == 0, "%zu bytes",
	    length);
	ATF_CHECK_EQ(data[8192 + length], 0x55);
}

static void
check_lengths(unsigned flags)
{
	static const size_t lengths[] = {
		1, 2, 3, 4, 5, 7, 8, 9, 63, 511, 512, 513, 4093, 4094, 4095
	};
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *mem = alloc(edu, 16384);
	uint32_t status;
	size_t i;

	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		check_length(edu, mem, lengths[i], flags);
	REQUIRE_EDU(edu, edu_irq_status(edu, &status));
	ATF_CHECK_EQ_MSG(status, 0, "0x%x", status);
	ATF_CHECK_EQ(edu_irq_wait(edu, 0, &status), 0);
	edu_close(edu);
}

ATF_TC(lengths);
ATF_TC_HEAD(lengths, tc)
{

	atf_tc_set_md_var(tc, "descr", "1 to 4095 bytes there and back, and no "
	    "interrupt is left");
}
ATF_TC_BODY(lengths, tc)
{

	check_lengths(0);
}

ATF_TC(lengths_by_interrupt);
ATF_TC_HEAD(lengths_by_interrupt, tc)
{

	atf_tc_set_md_var(tc, "descr", "the same by interrupt, which is "
	    "consumed each time");
}
ATF_TC_BODY(lengths_by_interrupt, tc)
{

	check_lengths(EDU_INTERRUPT);
}

static void
check_write(size_t i, unsigned offset, uint64_t value)
{

	ATF_CHECK_MSG(tap.log[i].is_write && tap.log[i].width == 8 &&
	    tap.log[i].offset == offset && tap.log[i].value == value,
	    "access %zu: %d 0x%x 0x%jx", i, tap.log[i].is_write,
	    tap.log[i].offset, (uintmax_t)tap.log[i].value);
}

ATF_TC(accesses);
ATF_TC_HEAD(accesses, tc)
{

	atf_tc_set_md_var(tc, "descr", "a transfer is four register writes, "
	    "the polls and the identification; all in 64 bits");
}
ATF_TC_BODY(accesses, tc)
{
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *mem = alloc(edu, 8192);
	uint64_t address = bus_address(edu, mem);
	size_t i, polls;

	tap_attach(edu);
	REQUIRE_EDU(edu, edu_dma_put(edu, 0x123, mem + 0x1001, 0x42, 0,
	    SOON_MS));
	ATF_CHECK_EQ(tap_count(0, 1), 4);
	ATF_CHECK_EQ(tap_count(1, 1), 0);
	for (i = 0; tap.log[i].is_config; i++)
		continue;
	check_write(i++, EDU_DMA_SRC, address + 0x1001);
	check_write(i++, EDU_DMA_DST, BUFFER + 0x123);
	check_write(i++, EDU_DMA_COUNT, 0x42);
	check_write(i++, EDU_DMA_CMD, CMD_RUN);
	for (polls = 0; tap.log[i].offset == EDU_DMA_CMD; i++)
		polls++;
	ATF_CHECK(polls >= 1);
	ATF_CHECK(!tap.log[i].is_config && tap.log[i].offset == EDU_ID);
	ATF_CHECK_EQ(tap_count(0, 0), polls + 1);
	tap_reset();
	REQUIRE_EDU(edu, edu_dma_get(edu, 0x123, mem + 0x1001, 0x42,
	    EDU_INTERRUPT, SOON_MS));
	for (i = 0; tap.log[i].is_config; i++)
		continue;
	check_write(i++, EDU_DMA_SRC, BUFFER + 0x123);
	check_write(i++, EDU_DMA_DST, address + 0x1001);
	check_write(i++, EDU_DMA_COUNT, 0x42);
	check_write(i++, EDU_DMA_CMD, CMD_RUN | CMD_FROM_DEV | CMD_IRQ);
	edu_close(edu);
}

ATF_TC(nothing_else_touched);
ATF_TC_HEAD(nothing_else_touched, tc)
{

	atf_tc_set_md_var(tc, "descr", "the bytes before and after the target "
	    "stay, in the guest's memory and in the device's buffer");
}
ATF_TC_BODY(nothing_else_touched, tc)
{
	static const struct {
		size_t		offset;
		size_t		length;
	} pieces[] = {
		{ 0, 1 }, { 1, 1 }, { 1000, 1234 }, { 1, 4093 }, { 4094, 1 },
		{ 4093, 2 }, { 0, 4094 }
	};
	unsigned char buffer[LIMIT], guest[16384], expected[16384];
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *mem = alloc(edu, 16384);
	uint64_t address = bus_address(edu, mem);
	unsigned char *data = mem;
	size_t i, length, offset;

	for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		offset = pieces[i].offset;
		length = pieces[i].length;
		fill_random(data, 16384);
		memcpy(buffer, data, LIMIT);
		REQUIRE_EDU(edu, edu_dma_put(edu, 0, mem, LIMIT, 0, SOON_MS));
		REQUIRE_EDU(edu, edu_dma_put(edu, offset, mem + 5000, length,
		    0, SOON_MS));
		memcpy(buffer + offset, data + 5000, length);
		REQUIRE_EDU(edu, edu_dma_get(edu, 0, mem + 10000, LIMIT, 0,
		    SOON_MS));
		ATF_CHECK(memcmp(data + 10000, buffer, LIMIT) == 0);
		fill_random(guest, sizeof(guest));
		guest_store(edu, address, guest, sizeof(guest));
		memcpy(expected, guest, sizeof(guest));
		memcpy(expected + 3333, buffer + offset, length);
		REQUIRE_EDU(edu, edu_dma_get(edu, offset, mem + 3333, length,
		    0, SOON_MS));
		guest_load(edu, address, guest, sizeof(guest));
		ATF_CHECK(memcmp(guest, expected, sizeof(guest)) == 0);
		ATF_CHECK(memcmp(data + 3333, buffer + offset, length) == 0);
	}
	edu_close(edu);
}

/* Sizes and offsets around the places where things go wrong. */
static size_t
random_size(size_t end)
{
	static const size_t odd[] = {
		0, 1, SIZE_MAX, SIZE_MAX / 2 + 1, SIZE_MAX - 4095,
		(size_t)1 << 32, ((size_t)1 << 32) + 1, 4096, 8192
	};
	uint32_t r = next_random();

	switch (r % 8) {
	case 0:
		return odd[r / 8 % (sizeof(odd) / sizeof(odd[0]))];
	case 1:
		return end + r / 8 % 5 - 2;
	case 2:
		return r / 8 % (2 * end);
	case 3:
		return r / 8 % 4;
	default:
		return r / 8 % (end / 2);
	}
}

static int
is_good(size_t offset, size_t length, size_t end)
{
	size_t i;

	/* Counted, and not calculated: this is not to be the same mistake. */
	if (length == 0 || length > end)
		return 0;
	for (i = 0; i < length; i++)
		if (offset >= end || i >= end - offset)
			return 0;
	return 1;
}

struct registers {
	uint64_t	source;
	uint64_t	destination;
	uint64_t	count;
	uint64_t	command;
};

static struct registers
get_registers(struct edu *edu)
{
	struct registers r;

	REQUIRE_EDU(edu, edu_read(edu, EDU_DMA_SRC, 8, &r.source));
	REQUIRE_EDU(edu, edu_read(edu, EDU_DMA_DST, 8, &r.destination));
	REQUIRE_EDU(edu, edu_read(edu, EDU_DMA_COUNT, 8, &r.count));
	REQUIRE_EDU(edu, edu_read(edu, EDU_DMA_CMD, 8, &r.command));
	return r;
}

static void
check_registers(struct edu *edu, const struct registers *before)
{
	struct registers after = get_registers(edu);

	ATF_CHECK_MSG(memcmp(before, &after, sizeof(after)) == 0,
	    "0x%jx to 0x%jx, 0x%jx bytes, command 0x%jx",
	    (uintmax_t)after.source, (uintmax_t)after.destination,
	    (uintmax_t)after.count, (uintmax_t)after.command);
}

/* One transfer of any kind; model is what the device's buffer holds. */
static int
try_range(struct edu *edu, unsigned char *mem, unsigned char *model,
    size_t dev_offset, size_t mem_offset, size_t length)
{
	int good = is_good(dev_offset, length, LIMIT) &&
	    is_good(mem_offset, length, 6000);
	struct registers before = get_registers(edu);
	unsigned char *data = mem;
	int result, to_device = next_random() % 2 == 0;

	if (good && to_device)
		memcpy(model + dev_offset, data + mem_offset, length);
	errno = 0;
	if (to_device)
		result = edu_dma_put(edu, dev_offset, at(mem, mem_offset),
		    length, 0, SOON_MS);
	else
		result = edu_dma_get(edu, dev_offset, at(mem, mem_offset),
		    length, 0, SOON_MS);
	ATF_CHECK_MSG(good ? result == 0 : result == -1 &&
	    (errno == ERANGE || errno == EFAULT),
	    "%s %zu, memory %zu, %zu bytes: %d, errno %d: %s", to_device ?
	    "put" : "get", dev_offset, mem_offset, length, result, errno,
	    edu_errmsg(edu));
	if (!good)
		check_registers(edu, &before);
	else if (!to_device)
		ATF_CHECK(memcmp(data + mem_offset, model + dev_offset,
		    length) == 0);
	return good;
}

ATF_TC(random_ranges);
ATF_TC_HEAD(random_ranges, tc)
{

	atf_tc_set_md_var(tc, "descr", "200 random ranges: the good move their "
	    "bytes, the bad are ERANGE and touch no register");
}
ATF_TC_BODY(random_ranges, tc)
{
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *mem = alloc(edu, 6000);
	unsigned char model[LIMIT];
	int good = 0, i;

	(void)printf("seed %u\n", SEED);
	fill_random(mem, 6000);
	memcpy(model, mem, LIMIT);
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, mem, LIMIT, 0, SOON_MS));
	for (i = 0; i < RANGES; i++)
		good += try_range(edu, mem, model, random_size(LIMIT),
		    random_size(6000), random_size(LIMIT));
	(void)printf("%d good, %d bad\n", good, RANGES - good);
	ATF_CHECK(good >= RANGES / 5 && good <= RANGES * 4 / 5);
	REQUIRE_EDU(edu, edu_dma_get(edu, 0, mem, LIMIT, 0, SOON_MS));
	ATF_CHECK(memcmp(mem, model, LIMIT) == 0);
	REQUIRE_EDU(edu, edu_live(edu, 1, NULL));
	edu_close(edu);
}

ATF_TC(edges);
ATF_TC_HEAD(edges, tc)
{

	atf_tc_set_md_var(tc, "descr", "the last range that fits and the first "
	    "that does not, on every side");
}
ATF_TC_BODY(edges, tc)
{
	static const struct {
		size_t		dev;
		size_t		mem;
		size_t		length;
		int		errnum;
	} cases[] = {
		{ 0, 0, LIMIT, 0 }, { 0, 0, LIMIT + 1, ERANGE },
		{ 1, 0, LIMIT, ERANGE }, { LIMIT - 1, 0, 1, 0 },
		{ LIMIT, 0, 1, ERANGE }, { LIMIT - 1, 0, 2, ERANGE },
		{ 4096, 0, 1, ERANGE }, { 0, 0, 0, ERANGE },
		{ LIMIT, 0, 0, ERANGE }, { 0, 5000, 0, ERANGE },
		{ 0, 4999, 1, 0 }, { 0, 5000, 1, EFAULT },
		{ 0, 4999, 2, EFAULT }, { 0, 1000, 4000, 0 },
		{ 0, 1000, 4001, EFAULT }, { SIZE_MAX, 0, 1, ERANGE },
		{ 0, SIZE_MAX, 1, EFAULT }, { 2, 0, SIZE_MAX, EFAULT },
		{ 1, 1, SIZE_MAX, EFAULT }, { SIZE_MAX - 1, 0, 4, ERANGE },
		{ 0, SIZE_MAX - 1, 4, EFAULT }
	};
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *mem = alloc(edu, 5000);
	int result;
	size_t i;

	ATF_CHECK_EQ(edu_dma_limit(edu), LIMIT);
	tap_attach(edu);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tap_reset();
		errno = 0;
		result = edu_dma_put(edu, cases[i].dev, at(mem, cases[i].mem),
		    cases[i].length, 0, SOON_MS);
		ATF_CHECK_MSG(result == (cases[i].errnum == 0 ? 0 : -1) &&
		    errno == cases[i].errnum, "case %zu: %d, errno %d", i,
		    result, errno);
		ATF_CHECK(result == 0 || tap.count == 0);
	}
	CHECK_ERRNO(edu, ERANGE, edu_dma_put(edu, 0, mem, 4096, 0,
	    SOON_MS) == -1);
	CHECK_MESSAGE(edu, "8.2.0");
	edu_close(edu);
}

ATF_TC(bad_arguments);
ATF_TC_HEAD(bad_arguments, tc)
{

	atf_tc_set_md_var(tc, "descr", "unknown flags, negative timeouts: "
	    "EINVAL; another device's memory: EFAULT; and no access");
}
ATF_TC_BODY(bad_arguments, tc)
{
	struct edu *edu = open_device("qtest:", 0), *other;
	unsigned char *mem = alloc(edu, 100), *theirs;
	unsigned flag;

	other = open_device("qtest:", 0);
	theirs = alloc(other, 100);
	tap_attach(edu);
	for (flag = 0x8; flag != 0; flag <<= 1) {
		CHECK_ERRNO(edu, EINVAL, edu_dma_put(edu, 0, mem, 1, flag,
		    SOON_MS) == -1);
		CHECK_ERRNO(edu, EINVAL, edu_dma_get(edu, 0, mem, 1, flag,
		    SOON_MS) == -1);
		CHECK_ERRNO(edu, EINVAL, edu_dma_copy(edu, mem + 50, mem, 1,
		    flag, SOON_MS) == -1);
	}
	/* A flag of another function. */
	CHECK_ERRNO(edu, EINVAL, edu_dma_put(edu, 0, mem, 1, EDU_WRAP,
	    SOON_MS) == -1);
	CHECK_MESSAGE(edu, "flags");
	CHECK_ERRNO(edu, EINVAL, edu_dma_put(edu, 0, mem, 1, 0, -2) == -1);
	CHECK_MESSAGE(edu, "timeout");
	CHECK_ERRNO(edu, EINVAL, edu_dma_get(edu, 0, mem, 1, 0,
	    INT_MIN) == -1);
	CHECK_ERRNO(edu, EINVAL, edu_dma_copy(edu, mem + 50, mem, 1, 0,
	    -2) == -1);
	CHECK_ERRNO(edu, EFAULT, edu_dma_put(edu, 0, theirs, 1, 0,
	    SOON_MS) == -1);
	CHECK_MESSAGE(edu, "edu_mem_alloc()");
	CHECK_ERRNO(edu, EFAULT, edu_dma_get(edu, 0, theirs, 1, 0,
	    SOON_MS) == -1);
	CHECK_ERRNO(edu, EFAULT, edu_dma_copy(edu, mem, theirs, 1, 0,
	    SOON_MS) == -1);
	CHECK_ERRNO(edu, EFAULT, edu_dma_copy(edu, theirs, mem, 1, 0,
	    SOON_MS) == -1);
	ATF_CHECK_EQ(tap.count, 0);
	edu_close(other);
	edu_close(edu);
}

ATF_TC(copies);
ATF_TC_HEAD(copies, tc)
{

	atf_tc_set_md_var(tc, "descr", "copies of every length around the "
	    "chunks, and of 100,000 bytes; what is around them stays");
}
ATF_TC_BODY(copies, tc)
{
	static const size_t lengths[] = {
		1, 4094, 4095, 4096, 4097, 8189, 8190, 8191, 100000
	};
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *from = alloc(edu, 100003), *to = alloc(edu, 100010);
	unsigned char *source = from, *target;
	unsigned char *guest;
	size_t i, j, n;

	ATF_REQUIRE((guest = malloc(100010)) != NULL);
	target = to;
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		n = lengths[i];
		fill_random(source, 100003);
		memset(target, 0x5a, 100010);
		memset(guest, 0x5a, 100010);
		guest_store(edu, bus_address(edu, to), guest, 100010);
		REQUIRE_EDU(edu, edu_dma_copy(edu, to + 7, from + 3, n,
		    i % 2 == 0 ? 0 : EDU_INTERRUPT, SOON_MS));
		ATF_CHECK(memcmp(target + 7, source + 3, n) == 0);
		guest_load(edu, bus_address(edu, to), guest, 100010);
		ATF_CHECK(memcmp(target, guest, 100010) == 0);
		for (j = 0; j < 7; j++)
			ATF_CHECK_EQ(target[j], 0x5a);
		for (j = n + 7; j < 100010; j++)
			ATF_REQUIRE_EQ(target[j], 0x5a);
	}
	free(guest);
	edu_close(edu);
}

ATF_TC(copy_within);
ATF_TC_HEAD(copy_within, tc)
{

	atf_tc_set_md_var(tc, "descr", "within one piece of memory, ranges may "
	    "touch, and must not overlap; nor leave their memory");
}
ATF_TC_BODY(copy_within, tc)
{
	static const struct {
		size_t		to;
		size_t		from;
		size_t		length;
		int		errnum;
	} cases[] = {
		{ 0, 0, 1, EINVAL }, { 0, 1, 1, 0 }, { 1, 0, 1, 0 },
		{ 100, 0, 100, 0 }, { 0, 100, 100, 0 },
		{ 99, 0, 100, EINVAL }, { 0, 99, 100, EINVAL },
		{ 10, 0, 5000, EINVAL }, { 5000, 0, 5000, 0 },
		{ 5001, 0, 5000, EFAULT }, { 0, 5001, 5000, EFAULT },
		{ 0, 10, 0, ERANGE }, { 10000, 0, 1, EFAULT },
		{ SIZE_MAX, 0, 2, EFAULT }, { 0, SIZE_MAX, 2, EFAULT },
		{ 0, 1, SIZE_MAX, EFAULT }
	};
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *data = alloc(edu, 10000);
	int result;
	size_t i;

	tap_attach(edu);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fill_random(data, 10000);
		tap_reset();
		errno = 0;
		result = edu_dma_copy(edu, at(data, cases[i].to),
		    at(data, cases[i].from), cases[i].length, 0, SOON_MS);
		ATF_CHECK_MSG(result == (cases[i].errnum == 0 ? 0 : -1) &&
		    errno == cases[i].errnum, "case %zu: %d, errno %d", i,
		    result, errno);
		if (result == 0)
			ATF_CHECK(memcmp(data + cases[i].to, data +
			    cases[i].from, cases[i].length) == 0);
		else
			ATF_CHECK_EQ(tap.count, 0);
	}
	edu_close(edu);
}

/* Transfers run as long as we like in a machine whose clock stands still. */
static struct edu *
open_stopped(const char *machine)
{

	start_qemu(machine, "-S");
	return open_device(DEVICE, 0);
}

ATF_TC(timeout);
ATF_TC_HEAD(timeout, tc)
{

	atf_tc_set_md_var(tc, "descr", "ETIMEDOUT; while it runs, another is "
	    "ETIMEDOUT and touches nothing, and its memory is not given away");
}
ATF_TC_BODY(timeout, tc)
{
	static const char text[] = "from memory that was freed in between";
	struct edu *edu = open_stopped("q35");
	unsigned char *mem = alloc(edu, 4096), *other;
	uint64_t address = bus_address(edu, mem);
	struct registers before;

	memcpy(mem, text, sizeof(text));
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_put(edu, 9, mem, sizeof(text), 0,
	    0) == -1);
	CHECK_MESSAGE(edu, "goes on");
	before = get_registers(edu);
	ATF_CHECK_EQ(before.command & CMD_RUN, CMD_RUN);
	other = alloc(edu, 4096);
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_get(edu, 0, other, 1, 0, 0) == -1);
	CHECK_MESSAGE(edu, "earlier");
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_get(edu, 0, other, 1,
	    EDU_INTERRUPT, 30) == -1);
	check_registers(edu, &before);
	edu_mem_free(edu, mem);
	edu_mem_free(edu, other);
	other = alloc(edu, 4096);
	ATF_CHECK(bus_address(edu, other) != address);
	monitor("cont");
	REQUIRE_EDU(edu, edu_dma_get(edu, 9, other, sizeof(text), 0, SOON_MS));
	ATF_CHECK(memcmp(other, text, sizeof(text)) == 0);
	/* Now it has been freed. */
	ATF_CHECK_EQ(bus_address(edu, alloc(edu, 4096)), address);
	edu_close(edu);
}

ATF_TC(timeout_by_interrupt);
ATF_TC_HEAD(timeout_by_interrupt, tc)
{

	atf_tc_set_md_var(tc, "descr", "by interrupt: ETIMEDOUT, and the late "
	    "interrupt is neither lost nor taken for another's");
}
ATF_TC_BODY(timeout_by_interrupt, tc)
{
	struct edu *edu = open_stopped("q35");
	unsigned char *mem = alloc(edu, 4096);
	uint32_t status = 0;

	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_put(edu, 0, mem, 100,
	    EDU_INTERRUPT, 30) == -1);
	CHECK_MESSAGE(edu, "goes on");
	monitor("cont");
	ATF_CHECK_EQ(edu_irq_wait(edu, SOON_MS, &status), 1);
	ATF_CHECK_EQ(status, EDU_INTR_DMA);
	/* Now it comes in the middle of the next call. */
	monitor("stop");
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_put(edu, 0, mem, 100,
	    EDU_INTERRUPT, 0) == -1);
	monitor("cont");
	memset(mem, 7, 100);
	REQUIRE_EDU(edu, edu_dma_get(edu, 0, mem, 100, EDU_INTERRUPT,
	    SOON_MS));
	ATF_CHECK_EQ(((char *)mem)[99], 0);
	edu_close(edu);
}

ATF_TC(copy_times_out);
ATF_TC_HEAD(copy_times_out, tc)
{

	atf_tc_set_md_var(tc, "descr", "a copy's timeout is for the whole of "
	    "it");
}
ATF_TC_BODY(copy_times_out, tc)
{
	struct edu *edu;
	unsigned char *mem;

	/* A chunk takes 200 ms here, and this has 20. */
	start_qemu("q35", "");
	edu = open_device(DEVICE, 0);
	mem = alloc(edu, 200000);
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_copy(edu, mem + 100000, mem,
	    20 * LIMIT, 0, 500) == -1);
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_copy(edu, mem + 100000, mem,
	    20 * LIMIT, EDU_INTERRUPT, 500) == -1);
	REQUIRE_EDU(edu, edu_dma_copy(edu, mem + 100000, mem, 1, 0, SOON_MS));
	edu_close(edu);
}

ATF_TC(signals);
ATF_TC_HEAD(signals, tc)
{

	atf_tc_set_md_var(tc, "descr", "a signal ends a wait by interrupt with "
	    "EINTR, the transfer goes on; one by polling is not disturbed");
}
ATF_TC_BODY(signals, tc)
{
	struct edu *edu = open_stopped("q35");
	unsigned char *mem = alloc(edu, 4096), *other = alloc(edu, 4096);

	memset(mem, 'x', 4096);
	alarm_often();
	CHECK_ERRNO(edu, EINTR, edu_dma_put(edu, 0, mem, 1000, EDU_INTERRUPT,
	    EDU_FOREVER) == -1);
	ATF_CHECK(caught > 0);
	edu_mem_free(edu, mem);
	monitor("cont");
	caught = 0;
	REQUIRE_EDU(edu, edu_dma_get(edu, 0, other, 1000, 0, EDU_FOREVER));
	ATF_CHECK_EQ(((char *)other)[999], 'x');
	ATF_CHECK(caught > 0);
	edu_close(edu);
}

/* The bus master bit, while nobody has the device open. */
static uint32_t
master_bit(void)
{
	struct qtest *q = session_open();
	uint32_t command = session_config_read(q, EDU_DEVFN, PCI_COMMAND);

	qtest_end(q);
	return command & PCI_COMMAND_MASTER;
}

ATF_TC(closed_while_running);
ATF_TC_HEAD(closed_while_running, tc)
{

	atf_tc_set_md_var(tc, "descr", "a transfer that does not end is cut "
	    "off from the memory at close; open is EBUSY until it ends");
}
ATF_TC_BODY(closed_while_running, tc)
{
	unsigned char guest[4096], zeroes[4096] = { 0 };
	unsigned char *mem;
	struct edu *edu;
	uint64_t address;
	struct qtest *q;

	start_qemu("q35", "");
	/* As firmware may leave it, so that a close would put that back. */
	q = session_open();
	session_config_write(q, EDU_DEVFN, PCI_COMMAND, 0x0006);
	qtest_end(q);
	edu = open_device(DEVICE, 0);
	mem = alloc(edu, 4096);
	address = bus_address(edu, mem);
	memset(mem, 'x', 4096);
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, mem, 1000, 0, SOON_MS));
	guest_store(edu, address, zeroes, sizeof(zeroes));
	monitor("stop");
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_get(edu, 0, mem, 1000, 0,
	    0) == -1);
	edu_close(edu);
	ATF_CHECK_EQ(master_bit(), 0);
	check_open_fails(DEVICE, EBUSY, "DMA does not end");
	ATF_CHECK_EQ(master_bit(), 0);
	monitor("cont");
	edu = open_device(DEVICE, 0);
	ATF_CHECK_EQ(get_registers(edu).command & CMD_RUN, 0);
	guest_load(edu, address, guest, sizeof(guest));
	ATF_CHECK(memcmp(guest, zeroes, sizeof(guest)) == 0);
	check_copy(edu, 5000, 0);
	edu_close(edu);
}

ATF_TC(closed_soon_done);
ATF_TC_HEAD(closed_soon_done, tc)
{

	atf_tc_set_md_var(tc, "descr", "edu_close() waits for a transfer that "
	    "is about to end");
}
ATF_TC_BODY(closed_soon_done, tc)
{
	unsigned char *mem;
	struct edu *edu;

	start_qemu("q35", "");
	edu = open_device(DEVICE, 0);
	mem = alloc(edu, 4096);
	memset(mem, 'x', 4096);
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_put(edu, 0, mem, 1000, 0,
	    0) == -1);
	edu_close(edu);
	edu = open_device(DEVICE, 0);
	mem = alloc(edu, 4096);
	REQUIRE_EDU(edu, edu_dma_get(edu, 0, mem, 1000, 0, SOON_MS));
	ATF_CHECK_EQ(((char *)mem)[999], 'x');
	edu_close(edu);
}

static void
set_master(struct edu *edu, uint32_t bit)
{
	uint32_t command;

	REQUIRE_EDU(edu, edu_config_read(edu, PCI_COMMAND, &command));
	command = (command & 0xffff & ~PCI_COMMAND_MASTER) | bit;
	ATF_REQUIRE(tap.real->config_write(edu->bus, PCI_COMMAND,
	    command) == 0);
}

static enum tap_verdict
master_off_at_start(size_t i, struct tap_access *a)
{

	(void)i;
	if (a->is_write && !a->is_config && a->offset == EDU_DMA_CMD)
		set_master(tap.edu, 0);
	return TAP_PASS;
}

ATF_TC(master_off);
ATF_TC_HEAD(master_off, tc)
{

	atf_tc_set_md_var(tc, "descr", "bus mastering switched off behind our "
	    "back, before or during a transfer: EIO");
}
ATF_TC_BODY(master_off, tc)
{
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *mem = alloc(edu, 4096);
	struct registers before;

	memset(mem, 'x', 4096);
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, mem, 1000, 0, SOON_MS));
	before = get_registers(edu);
	tap_attach(edu);
	set_master(edu, 0);
	CHECK_ERRNO(edu, EIO, edu_dma_get(edu, 0, mem + 2000, 99, 0,
	    SOON_MS) == -1);
	CHECK_MESSAGE(edu, "bus mastering");
	CHECK_ERRNO(edu, EIO, edu_dma_put(edu, 0, mem + 2000, 99,
	    EDU_INTERRUPT, SOON_MS) == -1);
	CHECK_ERRNO(edu, EIO, edu_dma_copy(edu, mem, mem + 2000, 99, 0,
	    SOON_MS) == -1);
	check_registers(edu, &before);
	set_master(edu, PCI_COMMAND_MASTER);
	tap.hook = master_off_at_start;
	CHECK_ERRNO(edu, EIO, edu_dma_get(edu, 0, mem + 2000, 99, 0,
	    SOON_MS) == -1);
	CHECK_MESSAGE(edu, "bus mastering");
	set_master(edu, PCI_COMMAND_MASTER);
	CHECK_ERRNO(edu, EIO, edu_dma_put(edu, 0, mem + 2000, 99, 0,
	    SOON_MS) == -1);
	tap.hook = NULL;
	set_master(edu, PCI_COMMAND_MASTER);
	check_length(edu, alloc(edu, 16384), 1000, 0);
	edu_close(edu);
}

static enum tap_verdict
unplug_at_poll(size_t i, struct tap_access *a)
{

	(void)i;
	if (a->is_write || a->is_config || a->offset != EDU_DMA_CMD)
		return TAP_PASS;
	tap.hook = NULL;
	ATF_CHECK(a->value & CMD_RUN);
	unplug(edu_bus_qtest_session(tap.edu->bus));
	return TAP_PASS;
}

ATF_TC(unplugged);
ATF_TC_HEAD(unplugged, tc)
{

	atf_tc_set_md_var(tc, "descr", "unplugged in the middle of a transfer: "
	    "ENODEV, and not success");
}
ATF_TC_BODY(unplugged, tc)
{
	unsigned char *mem;
	struct edu *edu;

	start_qemu("pc", "");
	edu = open_device(DEVICE, 0);
	mem = alloc(edu, 4096);
	tap_attach(edu);
	edu->bus->dma_time_us = 1;
	tap.hook = unplug_at_poll;
	CHECK_ERRNO(edu, ENODEV, edu_dma_get(edu, 0, mem, 100, 0,
	    EDU_FOREVER) == -1);
	ATF_CHECK(tap.hook == NULL);
	CHECK_ERRNO(edu, ENODEV, edu_dma_put(edu, 0, mem, 100, EDU_INTERRUPT,
	    SOON_MS) == -1);
	edu_mem_free(edu, mem);
	edu_close(edu);
}

static enum tap_verdict
unplug_at_start(size_t i, struct tap_access *a)
{

	(void)i;
	if (a->is_write && !a->is_config && a->offset == EDU_DMA_CMD)
		unplug(edu_bus_qtest_session(tap.edu->bus));
	return TAP_PASS;
}

ATF_TC(unplugged_by_interrupt);
ATF_TC_HEAD(unplugged_by_interrupt, tc)
{

	atf_tc_set_md_var(tc, "descr", "unplugged while the interrupt is "
	    "waited for: ENODEV when the time is over");
}
ATF_TC_BODY(unplugged_by_interrupt, tc)
{
	unsigned char *mem;
	struct edu *edu;

	start_qemu("pc", "");
	edu = open_device(DEVICE, 0);
	mem = alloc(edu, 4096);
	tap_attach(edu);
	tap.hook = unplug_at_start;
	CHECK_ERRNO(edu, ENODEV, edu_dma_get(edu, 0, mem, 100, EDU_INTERRUPT,
	    200) == -1);
	edu_close(edu);
}

static enum tap_verdict
read_ones(size_t i, struct tap_access *a)
{

	(void)i;
	if (!a->is_config && !a->is_write)
		a->value = UINT32_MAX;
	return TAP_PASS;
}

ATF_TC(gone_reads_ones);
ATF_TC_HEAD(gone_reads_ones, tc)
{

	atf_tc_set_md_var(tc, "descr", "a device that reads all ones, as on a "
	    "real bus: ENODEV, and no endless wait");
}
ATF_TC_BODY(gone_reads_ones, tc)
{
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *mem = alloc(edu, 4096);

	tap_attach(edu);
	tap.hook = read_ones;
	CHECK_ERRNO(edu, ENODEV, edu_dma_put(edu, 0, mem, 100, 0,
	    EDU_FOREVER) == -1);
	CHECK_ERRNO(edu, ENODEV, edu_dma_put(edu, 0, mem, 100, EDU_INTERRUPT,
	    EDU_FOREVER) == -1);
	edu_close(edu);
}

/* Whether this QEMU bears a transfer that touches the buffer's last byte. */
static int
qemu_bears_last_byte(void)
{
	char command[512], line[256] = "";
	int major = 0, micro = 0, minor = 0;
	FILE *f;

	(void)snprintf(command, sizeof(command), "'%s' --version",
	    real_qemu());
	ATF_REQUIRE((f = popen(command, "r")) != NULL);
	ATF_REQUIRE(fgets(line, sizeof(line), f) != NULL);
	(void)pclose(f);
	(void)printf("%s", line);
	ATF_REQUIRE(sscanf(line, "QEMU emulator version %d.%d.%d", &major,
	    &minor, &micro) == 3);
	return major * 10000 + minor * 100 + micro >= 80201;
}

ATF_TC(last_byte_allowed);
ATF_TC_HEAD(last_byte_allowed, tc)
{

	atf_tc_set_md_var(tc, "descr", "EDU_DMA_LAST_BYTE allows 4096 bytes "
	    "and no more; the transfer is started and never gets to run");
}
ATF_TC_BODY(last_byte_allowed, tc)
{
	struct edu *edu = open_stopped("q35");
	unsigned char *mem = alloc(edu, 8192);

	CHECK_ERRNO(edu, ERANGE, edu_dma_put(edu, 0, mem, 4096, 0, 0) == -1);
	CHECK_ERRNO(edu, ERANGE, edu_dma_put(edu, 0, mem, 4097,
	    EDU_DMA_LAST_BYTE, 0) == -1);
	CHECK_ERRNO(edu, ERANGE, edu_dma_put(edu, 4096, mem, 1,
	    EDU_DMA_LAST_BYTE, 0) == -1);
	CHECK_ERRNO(edu, ERANGE, edu_dma_put(edu, 1, mem, 4096,
	    EDU_DMA_LAST_BYTE, 0) == -1);
	CHECK_ERRNO(edu, ERANGE, edu_dma_put(edu, 0, mem, 0, EDU_DMA_LAST_BYTE,
	    0) == -1);
	ATF_CHECK_EQ(get_registers(edu).count, 0);
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_put(edu, 0, mem, 4096,
	    EDU_DMA_LAST_BYTE, 0) == -1);
	ATF_CHECK_EQ(get_registers(edu).count, 4096);
	/* The limit stays, and so does everybody else's caution. */
	ATF_CHECK_EQ(edu_dma_limit(edu), LIMIT);
	edu_close(edu);
}

ATF_TC(last_byte);
ATF_TC_HEAD(last_byte, tc)
{

	atf_tc_set_md_var(tc, "descr", "all 4096 bytes there and back, on a "
	    "QEMU that bears it");
}
ATF_TC_BODY(last_byte, tc)
{
	unsigned char *mem;
	struct edu *edu;

	if (!qemu_bears_last_byte())
		atf_tc_skip("a QEMU before 8.2.1 would abort");
	edu = open_device("qtest:", 0);
	mem = alloc(edu, 20000);
	check_length(edu, mem, 4096, EDU_DMA_LAST_BYTE);
	REQUIRE_EDU(edu, edu_dma_put(edu, 4095, mem, 1, EDU_DMA_LAST_BYTE,
	    SOON_MS));
	fill_random(mem, 10000);
	tap_attach(edu);
	REQUIRE_EDU(edu, edu_dma_copy(edu, mem + 10000, mem, 8192,
	    EDU_DMA_LAST_BYTE, SOON_MS));
	/* Two chunks, there and back. */
	ATF_CHECK_EQ(tap_count(0, 1), 4 * 4);
	ATF_CHECK(memcmp(mem, (char *)mem + 10000,
	    8192) == 0);
	edu_close(edu);
}

ATF_TP_ADD_TCS(tp)
{

	ATF_TP_ADD_TC(tp, lengths);
	ATF_TP_ADD_TC(tp, lengths_by_interrupt);
	ATF_TP_ADD_TC(tp, accesses);
	ATF_TP_ADD_TC(tp, nothing_else_touched);
	ATF_TP_ADD_TC(tp, random_ranges);
	ATF_TP_ADD_TC(tp, edges);
	ATF_TP_ADD_TC(tp, bad_arguments);
	ATF_TP_ADD_TC(tp, copies);
	ATF_TP_ADD_TC(tp, copy_within);
	ATF_TP_ADD_TC(tp, timeout);
	ATF_TP_ADD_TC(tp, timeout_by_interrupt);
	ATF_TP_ADD_TC(tp, copy_times_out);
	ATF_TP_ADD_TC(tp, signals);
	ATF_TP_ADD_TC(tp, closed_while_running);
	ATF_TP_ADD_TC(tp, closed_soon_done);
	ATF_TP_ADD_TC(tp, master_off);
	ATF_TP_ADD_TC(tp, unplugged);
	ATF_TP_ADD_TC(tp, unplugged_by_interrupt);
	ATF_TP_ADD_TC(tp, gone_reads_ones);
	ATF_TP_ADD_TC(tp, last_byte_allowed);
	ATF_TP_ADD_TC(tp, last_byte);
	return atf_no_error();
}
