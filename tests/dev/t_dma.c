/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * DMA between the device and memory of this machine.  A transfer that the
 * library lets through wrongly ends the whole virtual machine on QEMU 8.2.0
 * and older, so that surviving is a part of the result.
 */

#include <sys/types.h>
#include <sys/wait.h>

#include <stdlib.h>
#include "internal.h"

#include "h_dma.h"
#include "h_memory.h"
#include "h_need.h"
#include "h_pci.h"

#define MEM_SIZE	20000U
#define GUARD		0xa5
#define SEED		20260113U
#include "h_random.h"

static uint32_t
random_below(uint32_t limit)
{

	return next_random() % limit;
}

static void
check_bytes(const uint8_t *data, size_t length, uint8_t value,
    const char *where)
{
	size_t i;

	for (i = 0; i < length; i++)
		if (data[i] != value) {
			atf_tc_fail_nonfatal("byte %zu %s is 0x%02x, was "
			    "0x%02x", i, where, data[i], value);
			return;
		}
}

/* Move random bytes there and back, and look at all bytes around them. */
static void
check_round_trip(struct edu *edu, unsigned char *mem, size_t size,
    size_t dev_offset, size_t mem_offset, size_t length, unsigned flags)
{
	static uint8_t sent[EDU_DMA_BUF_SIZE];
	uint8_t *data = mem;
	size_t end = mem_offset + length;

	/* Other bytes than below: too many moved must not look like none. */
	memset(data, ~GUARD & 0xff, size);
	fill_random(data + mem_offset, length);
	memcpy(sent, data + mem_offset, length);
	REQUIRE_EDU(edu, edu_dma_put(edu, dev_offset, mem + mem_offset, length,
	    flags, SOON_MS));
	ATF_CHECK_MSG(memcmp(data + mem_offset, sent, length) == 0,
	    "a transfer to the device changed the memory");
	memset(data, GUARD, size);
	REQUIRE_EDU(edu, edu_dma_get(edu, dev_offset, mem + mem_offset, length,
	    flags, SOON_MS));
	ATF_CHECK_MSG(memcmp(data + mem_offset, sent, length) == 0,
	    "%zu bytes at %zu came back wrong", length, dev_offset);
	check_bytes(data, mem_offset, GUARD, "before the range");
	check_bytes(data + end, size - end, GUARD,
	    "after the range");
}

static void
check_both_ways(const char *name, unsigned flags)
{
	static const struct {
		size_t	dev_offset;
		size_t	mem_offset;
		size_t	length;
	} ranges[] = {
		{ 0, 0, 1 }, { 0, 0, 4095 }, { 4094, 1, 1 }, { 1, 3, 2 },
		{ 100, 4090, 1000 }, { 7, 8191, 2 }, { 0, MEM_SIZE - 4, 4 }
	};
	struct edu *edu = open_device(name, 0);
	unsigned char *mem = need_memory(edu, MEM_SIZE);
	size_t i;

	for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		check_round_trip(edu, mem, MEM_SIZE, ranges[i].dev_offset,
		    ranges[i].mem_offset, ranges[i].length, flags);
	edu_mem_free(edu, mem);
	edu_close(edu);
}

DEVICE_TEST(both_ways, "data to the device and back is the same, and no byte "
    "around it changes")
{

	check_both_ways(need_device(0, 0), 0);
}

DEVICE_TEST(both_ways_interrupt, "the same with its ends awaited by interrupt")
{

	check_both_ways(need_device(1, 0), EDU_INTERRUPT);
}

DEVICE_TEST(buffer_untouched, "a transfer to the device changes no byte of its "
    "buffer outside of the range")
{
	struct edu *edu = open_any(0);
	unsigned char *mem = need_memory(edu, EDU_DMA_BUF_SIZE);
	uint8_t *data = mem;
	size_t limit = edu_dma_limit(edu);

	memset(data, 1, limit);
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, mem, limit, 0, SOON_MS));
	memset(data, 2, limit);
	REQUIRE_EDU(edu, edu_dma_put(edu, 1000, mem, 500, 0, SOON_MS));
	memset(data, 0, limit);
	REQUIRE_EDU(edu, edu_dma_get(edu, 0, mem, limit, 0, SOON_MS));
	check_bytes(data, 1000, 1, "before the range");
	check_bytes(data + 1000, 500, 2, "of the range");
	check_bytes(data + 1500, limit - 1500, 1, "after the range");
	edu_close(edu);
}

static void
check_copy(struct edu *edu, unsigned char *to, size_t to_offset,
    unsigned char *from, size_t from_offset, size_t length, unsigned flags)
{
	const uint8_t *source = (uint8_t *)from + from_offset;
	uint8_t *data = to;
	size_t end = to_offset + length;

	memset(data, GUARD, MEM_SIZE);
	REQUIRE_EDU(edu, edu_dma_copy(edu, to + to_offset, from + from_offset,
	    length, flags, SOON_MS));
	ATF_CHECK_MSG(memcmp(data + to_offset, source, length) == 0,
	    "%zu bytes were copied wrongly", length);
	check_bytes(data, to_offset, GUARD, "before the copy");
	check_bytes(data + end, MEM_SIZE - end, GUARD,
	    "after the copy");
}

DEVICE_TEST(chunk_boundaries, "copies of one byte less, as much and one more "
    "than 1 to 4 chunks, at odd offsets")
{
	struct edu *edu = open_any(0);
	unsigned char *from = need_memory(edu, MEM_SIZE);
	unsigned char *to = need_memory(edu, MEM_SIZE);
	size_t chunk = edu_dma_limit(edu), length, n;

	fill_random(from, MEM_SIZE);
	check_copy(edu, to, 0, from, 0, 1, 0);
	for (n = 1; n <= 4; n++)
		for (length = n * chunk - 1; length <= n * chunk + 1; length++)
			check_copy(edu, to, 3 * n, from, 5 + n, length, 0);
	check_copy(edu, to, 0, from, 0, MEM_SIZE, 0);
	edu_close(edu);
}

DEVICE_TEST(copy_within, "a copy inside one memory; ranges that touch are "
    "good, ranges that overlap are EINVAL")
{
	struct edu *edu = open_any(0);
	unsigned char *mem = need_memory(edu, MEM_SIZE);
	uint8_t *data = mem;

	fill_random(data, MEM_SIZE);
	REQUIRE_EDU(edu, edu_dma_copy(edu, mem + 5000, mem, 5000, 0, SOON_MS));
	ATF_CHECK(memcmp(data, data + 5000, 5000) == 0);
	CHECK_ERRNO(edu, EINVAL, edu_dma_copy(edu, mem + 4999, mem, 5000, 0,
	    SOON_MS) == -1);
	CHECK_ERRNO(edu, EINVAL, edu_dma_copy(edu, mem, mem + 4999, 5000, 0,
	    SOON_MS) == -1);
	CHECK_MESSAGE(edu, "overlap");
	edu_close(edu);
}

/* Half of what it draws is good; every kind of bad one comes up. */
struct range {
	size_t		dev_offset;
	size_t		mem_offset;
	size_t		length;
	int		is_good;
};

static size_t
random_edge(size_t edge)
{
	size_t power;

	switch (random_below(6)) {
	case 0:
		return edge;
	case 1:
		return edge + 1;
	case 2:
		return SIZE_MAX - random_below(8);
	case 3:
		return (size_t)UINT32_MAX + random_below(4096);
	case 4:
		power = (size_t)1 << (12 + random_below(52));
		return power < edge ? edge : power;
	default:
		return edge + random_below(100000);
	}
}

static struct range
random_range(size_t limit)
{
	struct range r;

	r.dev_offset = random_below((uint32_t)limit);
	r.length = 1 + random_below((uint32_t)(limit - r.dev_offset));
	r.mem_offset = random_below(MEM_SIZE + 1 - (uint32_t)r.length);
	r.is_good = random_below(2) == 0;
	if (r.is_good)
		return r;
	switch (random_below(5)) {
	case 0:
		r.length = 0;
		break;
	case 1:
		r.length = random_edge(limit - r.dev_offset + 1);
		break;
	case 2:
		r.dev_offset = random_edge(limit - r.length + 1);
		break;
	case 3:
		r.mem_offset = random_edge(MEM_SIZE - r.length + 1);
		break;
	default:
		r.dev_offset = random_edge(limit);
		r.length = random_edge(1);
		break;
	}
	return r;
}

static void
check_refused(struct edu *edu, unsigned char *mem, const struct range *r)
{
	struct registers before = get_registers(edu);

	ATF_CHECK(edu_dma_put(edu, r->dev_offset, at(mem, r->mem_offset),
	    r->length, 0, SOON_MS) == -1);
	ATF_CHECK(errno == ERANGE || errno == EFAULT);
	ATF_CHECK(edu_dma_get(edu, r->dev_offset, at(mem, r->mem_offset),
	    r->length, 0, SOON_MS) == -1);
	ATF_CHECK(errno == ERANGE || errno == EFAULT);
	check_registers(edu, &before);
}

DEVICE_TEST(random_ranges, "200 random ranges: the good are moved right, the "
    "bad are refused and never reach the device", "timeout", "300")
{
	struct edu *edu = open_any(0);
	unsigned char *mem = need_memory(edu, MEM_SIZE);
	struct range r;
	int i, ngood = 0;

	random_begin();
	for (i = 0; i < 200; i++) {
		r = random_range(edu_dma_limit(edu));
		if (r.is_good) {
			ngood++;
			check_round_trip(edu, mem, MEM_SIZE, r.dev_offset,
			    r.mem_offset, r.length, 0);
		} else
			check_refused(edu, mem, &r);
	}
	printf("%d good, %d bad\n", ngood, 200 - ngood);
	ATF_CHECK(ngood > 50 && ngood < 150);
	edu_close(edu);
}

DEVICE_TEST(last_byte, "the buffer's last byte is refused with ERANGE where it "
    "may crash QEMU, and works where it does not")
{
	struct edu *edu = open_any(0);
	unsigned char *mem = need_memory(edu, 2 * EDU_DMA_BUF_SIZE);
	struct range all = { 0, 0, EDU_DMA_BUF_SIZE, 0 };
	struct range last = { EDU_DMA_BUF_SIZE - 1, 0, 1, 0 };
	struct range beyond = { 1, 0, EDU_DMA_BUF_SIZE, 0 };
	struct range behind = { EDU_DMA_BUF_SIZE, 0, 1, 0 };

	check_refused(edu, mem, &beyond);
	check_refused(edu, mem, &behind);
	CHECK_ERRNO(edu, ERANGE, edu_dma_put(edu, 1, mem, EDU_DMA_BUF_SIZE,
	    EDU_DMA_LAST_BYTE, SOON_MS) == -1);
	CHECK_ERRNO(edu, ERANGE, edu_dma_put(edu, 0, mem, EDU_DMA_BUF_SIZE + 1,
	    EDU_DMA_LAST_BYTE, SOON_MS) == -1);
	if (edu_dma_limit(edu) < EDU_DMA_BUF_SIZE) {
		ATF_CHECK_EQ(edu_dma_limit(edu), EDU_DMA_BUF_SIZE - 1);
		check_refused(edu, mem, &all);
		check_refused(edu, mem, &last);
		CHECK_MESSAGE(edu, "8.2.0");
	} else {
		check_round_trip(edu, mem, 2 * EDU_DMA_BUF_SIZE, 0, 1,
		    EDU_DMA_BUF_SIZE, 0);
		check_round_trip(edu, mem, 2 * EDU_DMA_BUF_SIZE,
		    EDU_DMA_BUF_SIZE - 1, 1, 1,
		    EDU_DMA_LAST_BYTE);
	}
	edu_close(edu);
}

/* Takes bits from the command register after a transfer has been started. */
static const struct edu_bus_ops *real_ops;
static uint32_t bits_to_clear;
static const char *device_name;

static void
clear_bits(void)
{

	pci_set_command(device_name, pci_command(device_name) &
	    ~bits_to_clear);
}

static void
ambushed_write(struct edu_bus *bus, unsigned offset, unsigned width,
    uint64_t value)
{

	real_ops->write(bus, offset, width, value);
	if (offset == EDU_DMA_CMD)
		clear_bits();
}

/*
 * A transfer fails with this error when somebody clears bits of the command
 * register, before it or while it runs; the next open makes it work again.
 */
static void
check_cleared(uint32_t bits, int is_running, int errnum, const char *text)
{
	struct edu *edu = open_any(0);
	unsigned char *mem = need_memory(edu, 4096);
	uint32_t command = pci_command(edu_name(edu));
	struct edu_bus_ops ops;
	char name[128];
	int i;

	(void)snprintf(name, sizeof(name), "%s", edu_name(edu));
	device_name = name;
	bits_to_clear = bits;
	real_ops = edu->bus->ops;
	ops = *real_ops;
	ops.write = ambushed_write;
	if (is_running)
		edu->bus->ops = &ops;
	for (i = 0; i < 2; i++) {
		if (!is_running)
			clear_bits();
		CHECK_ERRNO(edu, errnum, (i == 0 ?
		    edu_dma_put(edu, 0, mem, 4095, 0, SOON_MS) :
		    edu_dma_get(edu, 0, mem, 4095, 0, SOON_MS)) == -1);
		CHECK_MESSAGE(edu, text);
		pci_set_command(name, command);
	}
	edu_close(edu);
	edu = open_device(name, 0);
	mem = need_memory(edu, 4096);
	check_round_trip(edu, mem, 4096, 0, 0, 4095, 0);
	edu_close(edu);
}

DEVICE_TEST(master_off_before, "bus mastering switched off by somebody is EIO, "
    "not a transfer that moves nothing")
{

	check_cleared(COMMAND_MASTER, 0, EIO, "bus mastering");
}

DEVICE_TEST(master_off_meanwhile, "the same while a transfer runs")
{

	check_cleared(COMMAND_MASTER, 1, EIO, "bus mastering");
}

DEVICE_TEST(decoding_off_before, "memory decoding switched off by somebody is "
    "ENODEV, not a success")
{

	check_cleared(COMMAND_MEMORY, 0, ENODEV, "decoding is off");
}

DEVICE_TEST(decoding_off_meanwhile, "the same while a transfer runs")
{

	check_cleared(COMMAND_MEMORY, 1, ENODEV, "decoding is off");
}

DEVICE_TEST(decoding_off_registers, "with decoding off every other call is "
    "ENODEV as well")
{
	struct edu *edu = open_any(0);
	uint32_t command = pci_command(edu_name(edu)), value = 7;

	pci_set_command(edu_name(edu), command & ~COMMAND_MEMORY);
	CHECK_ERRNO(edu, ENODEV, edu_factorial(edu, 5, 0, SOON_MS,
	    &value) == -1);
	ATF_CHECK_EQ(value, 7);
	CHECK_ERRNO(edu, ENODEV, edu_live(edu, 5, NULL) == -1);
	CHECK_ERRNO(edu, ENODEV, edu_identify(edu, &value) == -1);
	CHECK_ERRNO(edu, ENODEV, edu_irq_status(edu, &value) == -1);
	CHECK_MESSAGE(edu, "decoding is off");
	pci_set_command(edu_name(edu), command);
	REQUIRE_EDU(edu, edu_factorial(edu, 5, 0, SOON_MS, &value));
	ATF_CHECK_EQ(value, 120);
	edu_close(edu);
}

DEVICE_TEST(timed_out, "after ETIMEDOUT the device goes on: its memory is kept "
    "when it is freed, and the next transfer waits")
{
	struct edu *edu = open_any(0);
	unsigned char *mem = need_memory(edu, 4096), *other;
	uint64_t address = bus_address(edu, mem);
	uint8_t *data = mem;

	memset(data, 0x11, 4095);
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, mem, 4095, 0, SOON_MS));
	memset(data, 0, 4095);
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_get(edu, 0, mem, 4095, 0,
	    0) == -1);
	edu_mem_free(edu, mem);
	other = need_memory(edu, 4096);
	ATF_CHECK(bus_address(edu, other) != address);
	data = other;
	memset(data, GUARD, 4096);
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_get(edu, 0, other, 10, 0,
	    0) == -1);
	check_bytes(data, 4096, GUARD, "of memory that nothing moved to");
	REQUIRE_EDU(edu, edu_dma_get(edu, 0, other, 10, 0, SOON_MS));
	check_bytes(data, 10, 0x11, "of the transfer");
	check_bytes(data + 10, 4086, GUARD, "after the transfer");
	/* Nothing uses it now. */
	mem = need_memory(edu, 4096);
	ATF_CHECK_EQ(bus_address(edu, mem), address);
	edu_close(edu);
}

DEVICE_TEST(closed_meanwhile, "closing waits for a transfer that is running, "
    "so that no memory is freed under it")
{
	struct edu *edu = open_any(0);
	unsigned char *mem = need_memory(edu, 4096);
	volatile uint32_t *registers = map_registers(edu_name(edu));

	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_get(edu, 0, mem, 4095, 0,
	    0) == -1);
	ATF_CHECK(registers[EDU_DMA_CMD / 4] & EDU_DMA_CMD_RUN);
	edu_close(edu);
	ATF_CHECK_EQ(registers[EDU_DMA_CMD / 4] & EDU_DMA_CMD_RUN, 0);
}

DEVICE_TEST(foreign_memory, "memory of another handle is EINVAL")
{
	struct edu *second = open_any(1);
	unsigned char *mem = need_memory(second, 4096);
	struct edu *first = open_any(0);
	unsigned char *own = need_memory(first, 4096);

	CHECK_ERRNO(first, EFAULT, edu_dma_put(first, 0, mem, 1, 0,
	    SOON_MS) == -1);
	CHECK_ERRNO(first, EFAULT, edu_dma_get(first, 0, mem, 1, 0,
	    SOON_MS) == -1);
	CHECK_ERRNO(first, EFAULT, edu_dma_copy(first, mem, own, 1, 0,
	    SOON_MS) == -1);
	CHECK_ERRNO(first, EFAULT, edu_dma_copy(first, own, mem, 1, 0,
	    SOON_MS) == -1);
	CHECK_MESSAGE(first, "edu_mem_alloc()");
	edu_close(second);
	edu_close(first);
}

DEVICE_TEST(two_devices, "two processes move different data through two "
    "devices at once, and each gets its own back")
{
	int i, round, status;
	unsigned char *mem;
	struct edu *edu;
	pid_t pid[2];
	uint8_t *data;

	edu = open_any(1);
	edu_mem_free(edu, need_memory(edu, 1));
	edu_close(edu);
	for (i = 0; i < 2; i++) {
		ATF_REQUIRE((pid[i] = fork()) != -1);
		if (pid[i] != 0)
			continue;
		edu = open_any((size_t)i);
		if ((mem = edu_mem_alloc(edu, 4096)) == NULL)
			_exit(errno == ENOMEM ? 1 : 2);
		data = mem;
		for (round = 0; round < 5; round++) {
			memset(data, 16 * i + round, 4095);
			if (edu_dma_put(edu, 0, mem, 4095, 0, SOON_MS) == -1)
				_exit(3);
			memset(data, 0xff, 4095);
			if (edu_dma_get(edu, 0, mem, 4095, 0, SOON_MS) == -1
			    || data[0] != 16 * i + round ||
			    memcmp(data, data + 1, 4094) != 0)
				_exit(4);
		}
		edu_close(edu);
		_exit(0);
	}
	for (i = 0; i < 2; i++) {
		ATF_REQUIRE_EQ(waitpid(pid[i], &status, 0), pid[i]);
		ATF_CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 0,
		    "process %d ended with 0x%x", i, status);
	}
}
