/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Transfers between memory and the device's buffer. */

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <edu.h>
#include <edureg.h>

#include "h_case.h"
#include "h_dma.h"
#include "h_memory.h"
#include "h_qemu.h"
#include "h_tap.h"

#define LIMIT		4095U
#define BUFFER		0x40000U
#define RANGES		200
#define SEED		19790807U
#include "h_random.h"

/* There and back, elsewhere in memory. */
static void
check_length(struct edu *edu, unsigned char *mem, size_t length,
    unsigned flags)
{

	fill_random(mem, length);
	memset(mem + 8192, 0x55, 8192);
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, mem, length, flags, SOON_MS));
	REQUIRE_EDU(edu, edu_dma_get(edu, 0, mem + 8192, length, flags,
	    SOON_MS));
	ATF_CHECK_MSG(memcmp(mem, mem + 8192, length) == 0, "%zu bytes",
	    length);
	ATF_CHECK_EQ(mem[8192 + length], 0x55);
}

static void
check_lengths(unsigned flags)
{
	static const size_t lengths[] = {
		1, 2, 3, 4, 5, 7, 8, 9, 63, 511, 512, 513, 4093, 4094, 4095
	};
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *mem = alloc(edu, 16384);
	size_t i;

	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		check_length(edu, mem, lengths[i], flags);
	check_status(edu, 0);
	check_wait(edu, 0, 0);
	edu_close(edu);
}

EDU_TEST(lengths, "1 to 4095 bytes there and back, and no interrupt is left")
{

	check_lengths(0);
}

EDU_TEST(lengths_by_interrupt, "the same by interrupt, which is consumed each "
    "time")
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

EDU_TEST(accesses, "a transfer is four register writes at most, the polls, and "
    "the identification where those read 0; all in 64 bits")
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
	check_write(i++, EDU_DMA_CMD, EDU_DMA_CMD_RUN);
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
	/* The count stands there. */
	check_write(i++, EDU_DMA_CMD, EDU_DMA_CMD_RUN | EDU_DMA_CMD_FROM_DEV |
	    EDU_DMA_CMD_IRQ);
	edu_close(edu);
}

EDU_TEST(nothing_else_touched, "the bytes before and after the target stay, in "
    "the guest's memory and in the device's buffer")
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
	size_t i, length, offset;

	for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		offset = pieces[i].offset;
		length = pieces[i].length;
		fill_random(mem, 16384);
		memcpy(buffer, mem, LIMIT);
		REQUIRE_EDU(edu, edu_dma_put(edu, 0, mem, LIMIT, 0, SOON_MS));
		REQUIRE_EDU(edu, edu_dma_put(edu, offset, mem + 5000, length,
		    0, SOON_MS));
		memcpy(buffer + offset, mem + 5000, length);
		REQUIRE_EDU(edu, edu_dma_get(edu, 0, mem + 10000, LIMIT, 0,
		    SOON_MS));
		ATF_CHECK(memcmp(mem + 10000, buffer, LIMIT) == 0);
		fill_random(guest, sizeof(guest));
		guest_store(edu, address, guest, sizeof(guest));
		memcpy(expected, guest, sizeof(guest));
		memcpy(expected + 3333, buffer + offset, length);
		REQUIRE_EDU(edu, edu_dma_get(edu, offset, mem + 3333, length,
		    0, SOON_MS));
		guest_load(edu, address, guest, sizeof(guest));
		ATF_CHECK(memcmp(guest, expected, sizeof(guest)) == 0);
		ATF_CHECK(memcmp(mem + 3333, buffer + offset, length) == 0);
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

/* One transfer of any kind; model is what the device's buffer holds. */
static int
try_range(struct edu *edu, unsigned char *mem, unsigned char *model,
    size_t dev_offset, size_t mem_offset, size_t length)
{
	int good = is_good(dev_offset, length, LIMIT) &&
	    is_good(mem_offset, length, 6000);
	struct registers before = get_registers(edu);
	int result, to_device = next_random() % 2 == 0;

	if (good && to_device)
		memcpy(model + dev_offset, mem + mem_offset, length);
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
		ATF_CHECK(memcmp(mem + mem_offset, model + dev_offset,
		    length) == 0);
	return good;
}

EDU_TEST(random_ranges, "200 random ranges: the good move their bytes, the bad "
    "are ERANGE and touch no register")
{
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *mem = alloc(edu, 6000);
	unsigned char model[LIMIT];
	int good = 0, i;

	random_begin();
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

EDU_TEST(edges, "the last range that fits and the first that does not, on "
    "every side")
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

EDU_TEST(bad_arguments, "unknown flags, negative timeouts: EINVAL; another "
    "device's memory: EFAULT; and no access")
{
	struct edu *edu = open_device("qtest:", 0), *other;
	unsigned char *mem = alloc(edu, 100), *theirs;
	unsigned flag;

	other = open_device("qtest:", 0);
	theirs = alloc(other, 100);
	tap_attach(edu);
	for (flag = EDU_RESUME << 1; flag != 0; flag <<= 1) {
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

EDU_TEST(copies, "copies of every length around the chunks, and of 100,000 "
    "bytes; what is around them stays")
{
	static const size_t lengths[] = {
		1, 4094, 4095, 4096, 4097, 8189, 8190, 8191, 100000
	};
	struct edu *edu = open_device("qtest:", 0);
	unsigned char *from = alloc(edu, 100003), *to = alloc(edu, 100010);
	unsigned char *guest;
	size_t i, j, n;

	ATF_REQUIRE((guest = malloc(100010)) != NULL);
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		n = lengths[i];
		fill_random(from, 100003);
		memset(to, 0x5a, 100010);
		memset(guest, 0x5a, 100010);
		guest_store(edu, bus_address(edu, to), guest, 100010);
		REQUIRE_EDU(edu, edu_dma_copy(edu, to + 7, from + 3, n,
		    i % 2 == 0 ? 0 : EDU_INTERRUPT, SOON_MS));
		ATF_CHECK(memcmp(to + 7, from + 3, n) == 0);
		guest_load(edu, bus_address(edu, to), guest, 100010);
		ATF_CHECK(memcmp(to, guest, 100010) == 0);
		for (j = 0; j < 7; j++)
			ATF_CHECK_EQ(to[j], 0x5a);
		for (j = n + 7; j < 100010; j++)
			ATF_REQUIRE_EQ(to[j], 0x5a);
	}
	free(guest);
	edu_close(edu);
}

EDU_TEST(copy_within, "within one piece of memory, ranges may touch, and must "
    "not overlap; nor leave their memory")
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

EDU_TEST(last_byte, "all 4096 bytes there and back, on a QEMU that bears it")
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
	/* Two chunks, there and back, from where the last came. */
	ATF_CHECK_EQ(tap_count(0, 1), 4 * 3);
	ATF_CHECK(memcmp(mem, (char *)mem + 10000,
	    8192) == 0);
	edu_close(edu);
}
