/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Registers by their offsets, identification, liveness, configuration. */

#include <errno.h>
#include <limits.h>
#include <stdint.h>

#include <edu.h>
#include <edureg.h>

#include "h_case.h"
#include "h_qemu.h"
#include "h_tap.h"

/* The registers as QEMU's docs/specs/edu.rst lists them. */
static const struct {
	unsigned	offset;
	int		can_read;
	int		can_write;
	int		is_wide;
} registers[] = {
	{ 0x00, 1, 0, 0 },	/* identification */
	{ 0x04, 1, 1, 0 },	/* liveness */
	{ 0x08, 1, 1, 0 },	/* factorial */
	{ 0x20, 1, 1, 0 },	/* status */
	{ 0x24, 1, 0, 0 },	/* interrupt status */
	{ 0x60, 0, 1, 0 },	/* raise */
	{ 0x64, 0, 1, 0 },	/* acknowledge */
	{ 0x80, 1, 1, 1 },	/* DMA source */
	{ 0x88, 1, 1, 1 },	/* DMA destination */
	{ 0x90, 1, 1, 1 },	/* DMA count */
	{ 0x98, 1, 1, 1 },	/* DMA command */
};
#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))
#define DMA_COMMAND	0x98U

/* The errno that an access has to give; 0: it works. */
static int
expected_errno(unsigned offset, unsigned width, int is_write)
{
	size_t i;

	for (i = 0; i < COUNT(registers); i++)
		if (registers[i].offset == offset)
			break;
	if (i == COUNT(registers))
		return EINVAL;
	if (width != 4 && (width != 8 || !registers[i].is_wide))
		return EINVAL;
	if (is_write ? !registers[i].can_write : !registers[i].can_read)
		return EACCES;
	return is_write && offset == DMA_COMMAND ? EPERM : 0;
}

/*
 * One access of the library is one of the device, or none; and a look at who it
 * is where a device that is gone would answer the same.
 */
static void
check_access(struct edu *edu, unsigned offset, unsigned width, int is_write)
{
	int expected = expected_errno(offset, width, is_write), result;
	uint64_t value = 0;

	tap_reset();
	errno = 0;
	result = is_write ? edu_write(edu, offset, width, 0) :
	    edu_read(edu, offset, width, &value);
	ATF_CHECK_MSG(result == (expected == 0 ? 0 : -1) && errno == expected,
	    "%s of %u bytes at 0x%x: %d, errno %d", is_write ? "write" :
	    "read", width, offset, result, errno);
	ATF_REQUIRE_EQ(tap_count(1, 1), 0);
	ATF_REQUIRE_EQ(tap_count(1, 0), expected == 0 && is_write);
	ATF_CHECK_EQ(tap_count(0, is_write), expected != 0 ? 0 :
	    !is_write && (value == 0 || value == UINT32_MAX) ? 2 : 1);
	ATF_CHECK_EQ(tap_count(0, !is_write), 0);
	if (tap.count > 0)
		ATF_CHECK(tap.log[0].offset == offset &&
		    tap.log[0].width == width && tap.log[0].value == value);
}

EDU_TEST(every_access, "every offset, width and direction: done as asked, or "
    "refused without touching the device")
{
	static const unsigned widths[] = {
		0, 1, 2, 3, 4, 5, 7, 8, 16, 0x80000004, UINT_MAX
	};
	static const unsigned far[] = {
		0x180, 0x1000, 0x40000, 0x40004, 0xffffc, 0x100000, 0x100004,
		0x80000000, 0xfffffffc, UINT_MAX
	};
	struct edu *edu = open_device("qtest:", 0);
	unsigned offset;
	size_t i, j;

	tap_attach(edu);
	for (i = 0; i < COUNT(widths); i++) {
		for (offset = 0; offset <= 0x104; offset++) {
			check_access(edu, offset, widths[i], 0);
			check_access(edu, offset, widths[i], 1);
		}
		for (j = 0; j < COUNT(far); j++) {
			check_access(edu, far[j], widths[i], 0);
			check_access(edu, far[j], widths[i], 1);
		}
	}
	REQUIRE_EDU(edu, edu_live(edu, 1, NULL));
	edu_close(edu);
}

EDU_TEST(refusals_explained, "the message says what the register takes, and "
    "why the DMA command is not written")
{
	struct edu *edu = open_device("qtest:", 0);
	uint64_t value = 77;

	CHECK_ERRNO(edu, EINVAL, edu_read(edu, 0x0c, 4, &value) == -1);
	CHECK_MESSAGE(edu, "no register at 0xc");
	CHECK_ERRNO(edu, EINVAL, edu_read(edu, 0x04, 8, &value) == -1);
	CHECK_MESSAGE(edu, "of 4 bytes, not of 8");
	CHECK_ERRNO(edu, EINVAL, edu_read(edu, 0x80, 2, &value) == -1);
	CHECK_MESSAGE(edu, "of 4 bytes or 8, not of 2");
	CHECK_ERRNO(edu, EACCES, edu_read(edu, 0x60, 4, &value) == -1);
	CHECK_MESSAGE(edu, "write-only");
	CHECK_ERRNO(edu, EACCES, edu_write(edu, 0x00, 4, 1) == -1);
	CHECK_MESSAGE(edu, "read-only");
	CHECK_ERRNO(edu, EPERM, edu_write(edu, DMA_COMMAND, 8, 1) == -1);
	CHECK_MESSAGE(edu, "DMA");
	ATF_CHECK_EQ(value, 77);
	edu_close(edu);
}

static uint64_t
read_register(struct edu *edu, unsigned offset, unsigned width)
{
	uint64_t value;

	REQUIRE_EDU(edu, edu_read(edu, offset, width, &value));
	return value;
}

EDU_TEST(values, "what is written is what the device gets, in 4 bytes and in 8")
{
	static const uint64_t wide = 0x0123456789abcdef;
	struct edu *edu = open_device("qtest:", 0);
	unsigned offset;

	ATF_CHECK_EQ(read_register(edu, 0x00, 4), 0x010000ed);
	REQUIRE_EDU(edu, edu_write(edu, 0x04, 4, 0x12345678));
	ATF_CHECK_EQ(read_register(edu, 0x04, 4), 0xedcba987);
	REQUIRE_EDU(edu, edu_write(edu, 0x04, 4, UINT32_MAX));
	ATF_CHECK_EQ(read_register(edu, 0x04, 4), 0);
	REQUIRE_EDU(edu, edu_write(edu, 0x60, 4, 0x80000001));
	ATF_CHECK_EQ(read_register(edu, 0x24, 4), 0x80000001);
	REQUIRE_EDU(edu, edu_write(edu, 0x64, 4, 1));
	ATF_CHECK_EQ(read_register(edu, 0x24, 4), 0x80000000);
	for (offset = 0x80; offset <= 0x90; offset += 8) {
		REQUIRE_EDU(edu, edu_write(edu, offset, 8, wide + offset));
		ATF_CHECK_EQ(read_register(edu, offset, 8), wide + offset);
		ATF_CHECK_EQ(read_register(edu, offset, 4),
		    (wide + offset) & UINT32_MAX);
		/* The upper half is lost: that is the device. */
		REQUIRE_EDU(edu, edu_write(edu, offset, 4, offset));
		ATF_CHECK_EQ(read_register(edu, offset, 8), offset);
	}
	ATF_CHECK_EQ(read_register(edu, 0x80, 8), 0x80);
	edu_close(edu);
}

EDU_TEST(value_too_large, "a value beyond 4 bytes is EINVAL and not cut off")
{
	struct edu *edu = open_device("qtest:", 0);

	REQUIRE_EDU(edu, edu_write(edu, 0x04, 4, 0));
	CHECK_ERRNO(edu, EINVAL, edu_write(edu, 0x04, 4,
	    0x100000001) == -1);
	CHECK_MESSAGE(edu, "0x100000001");
	ATF_CHECK_EQ(read_register(edu, 0x04, 4), UINT32_MAX);
	CHECK_ERRNO(edu, EINVAL, edu_write(edu, 0x80, 4, UINT64_MAX) == -1);
	ATF_CHECK_EQ(read_register(edu, 0x80, 8), 0);
	REQUIRE_EDU(edu, edu_write(edu, 0x80, 8, UINT64_MAX));
	ATF_CHECK_EQ(read_register(edu, 0x80, 8), UINT64_MAX);
	edu_close(edu);
}

EDU_TEST(factorial_by_hand, "a factorial started by a register write: "
    "edu_factorial() waits for its end", "timeout", "120")
{
	struct edu *edu = open_device("qtest:", 0);
	uint32_t result = 77;

	REQUIRE_EDU(edu, edu_write(edu, 0x08, 4, 6));
	while (read_register(edu, 0x20, 4) & 1)
		continue;
	ATF_CHECK_EQ(read_register(edu, 0x08, 4), 720);
	/* This one takes a second. */
	REQUIRE_EDU(edu, edu_write(edu, 0x08, 4, 1000000000));
	CHECK_ERRNO(edu, ETIMEDOUT, edu_factorial(edu, 5, 0, 10,
	    &result) == -1);
	CHECK_MESSAGE(edu, "earlier");
	ATF_CHECK_EQ(result, 77);
	REQUIRE_EDU(edu, edu_factorial(edu, 5, 0, EDU_FOREVER, &result));
	ATF_CHECK_EQ(result, 120);
	edu_close(edu);
}

EDU_TEST(status_by_hand, "the interrupt of factorials switched on and off by "
    "hand: edu_factorial() knows")
{
	struct edu *edu = open_device("qtest:", 0);
	uint32_t result;

	REQUIRE_EDU(edu, edu_write(edu, 0x20, 4, 0x80));
	ATF_CHECK_EQ(read_register(edu, 0x20, 4), 0x80);
	REQUIRE_EDU(edu, edu_factorial(edu, 5, 0, SOON_MS, &result));
	ATF_CHECK_EQ(result, 120);
	ATF_CHECK_EQ(read_register(edu, 0x20, 4), 0);
	check_status(edu, 0);
	REQUIRE_EDU(edu, edu_factorial(edu, 6, EDU_INTERRUPT, SOON_MS,
	    &result));
	ATF_CHECK_EQ(read_register(edu, 0x20, 4), 0x80);
	REQUIRE_EDU(edu, edu_write(edu, 0x20, 4, 0));
	REQUIRE_EDU(edu, edu_factorial(edu, 7, EDU_INTERRUPT, SOON_MS,
	    &result));
	ATF_CHECK_EQ(result, 5040);
	edu_close(edu);
}

EDU_TEST(acknowledged_by_hand, "bits acknowledged by a register write are not "
    "delivered, others are")
{
	struct edu *edu = open_device("qtest:", 0);
	uint32_t result;

	/* The factorial's wait takes these into the library. */
	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x30));
	REQUIRE_EDU(edu, edu_factorial(edu, 12, EDU_INTERRUPT, SOON_MS,
	    &result));
	REQUIRE_EDU(edu, edu_write(edu, 0x64, 4, 0x10));
	check_status(edu, 0x20);
	check_wait(edu, 0, 0x20);
	edu_close(edu);
}

/* What a register reads, instead of what the device says. */
static unsigned odd_offset;
static uint32_t odd_value;
static int id_is_zero;

static enum tap_verdict
read_odd(size_t i, struct tap_access *a)
{

	(void)i;
	if (!a->is_config && !a->is_write && a->offset == odd_offset)
		a->value = odd_value;
	if (!a->is_config && !a->is_write && a->offset == 0 && id_is_zero)
		a->value = 0;
	return TAP_PASS;
}

EDU_TEST(identify, "the identification is read and checked: gone, "
    "byte-swapped, another device, another version")
{
	struct edu *edu = open_device("qtest:", 0);
	uint32_t id = 0;

	REQUIRE_EDU(edu, edu_identify(edu, &id));
	ATF_CHECK_EQ(id, 0x010000ed);
	ATF_CHECK_EQ(__SHIFTOUT(id, EDU_ID_MAJOR), 1);
	ATF_CHECK_EQ(__SHIFTOUT(id, EDU_ID_MINOR), 0);
	tap_attach(edu);
	tap.hook = read_odd;
	odd_offset = 0;
	odd_value = 0;
	CHECK_ERRNO(edu, ENODEV, edu_identify(edu, &id) == -1);
	odd_value = UINT32_MAX;
	CHECK_ERRNO(edu, ENODEV, edu_identify(edu, &id) == -1);
	CHECK_MESSAGE(edu, "0xffffffff");
	odd_value = 0xed000001;
	CHECK_ERRNO(edu, EPROTO, edu_identify(edu, &id) == -1);
	CHECK_MESSAGE(edu, "byte-swapped");
	odd_value = 0x010000ee;
	CHECK_ERRNO(edu, EPROTO, edu_identify(edu, &id) == -1);
	CHECK_MESSAGE(edu, "0x010000ee");
	ATF_CHECK(strstr(edu_errmsg(edu), "swapped") == NULL);
	odd_value = 0x020500ed;
	REQUIRE_EDU(edu, edu_identify(edu, &id));
	ATF_CHECK_EQ(id, 0x020500ed);
	edu_close(edu);
}

EDU_TEST(live, "liveness answers with the inverse of any value; the answer may "
    "be left out")
{
	static const uint32_t values[] = {
		0, 1, 0x80000000, 0x12345678, 0xa5a5a5a5, UINT32_MAX
	};
	struct edu *edu = open_device("qtest:", 0);
	uint32_t answer;
	size_t i;

	for (i = 0; i < COUNT(values); i++) {
		answer = values[i];
		REQUIRE_EDU(edu, edu_live(edu, values[i], &answer));
		ATF_CHECK_EQ(answer, ~values[i]);
		REQUIRE_EDU(edu, edu_live(edu, values[i], NULL));
	}
	edu_close(edu);
}

EDU_TEST(live_wrong, "a wrong answer is EIO and is handed out; of a device "
    "that is gone it is ENODEV")
{
	struct edu *edu = open_device("qtest:", 0);
	uint32_t answer = 77;

	tap_attach(edu);
	tap.hook = read_odd;
	odd_offset = EDU_LIVE;
	odd_value = 0x1234;
	CHECK_ERRNO(edu, EIO, edu_live(edu, 0x1234, &answer) == -1);
	CHECK_MESSAGE(edu, "0x00001234");
	ATF_CHECK_EQ(answer, 0x1234);
	odd_value = 0;
	id_is_zero = 1;
	CHECK_ERRNO(edu, ENODEV, edu_live(edu, 0x1234, &answer) == -1);
	ATF_CHECK_EQ(answer, 0);
	edu_close(edu);
}

EDU_TEST(config_read, "configuration space by whole dwords below 256; anything "
    "else is EINVAL")
{
	static const unsigned bad[] = {
		1, 2, 3, 5, 6, 7, 0x41, 253, 254, 255, 256, 260, 4096,
		0x80000000, UINT_MAX - 3, UINT_MAX
	};
	struct edu *edu = open_device("qtest:", EDU_OPEN_CONFIG);
	unsigned offset;
	uint32_t value;
	size_t i;

	REQUIRE_EDU(edu, edu_config_read(edu, 0x00, &value));
	ATF_CHECK_EQ(value, 0x11e81234);
	REQUIRE_EDU(edu, edu_config_read(edu, 0x08, &value));
	ATF_CHECK_EQ(value, 0x00ff0010);
	REQUIRE_EDU(edu, edu_config_read(edu, 0x2c, &value));
	ATF_CHECK_EQ(value, 0x11001af4);
	tap_attach(edu);
	for (offset = 0; offset < 256; offset += 4)
		REQUIRE_EDU(edu, edu_config_read(edu, offset, &value));
	ATF_CHECK_EQ(tap_count(1, 0), 64);
	value = 77;
	for (i = 0; i < COUNT(bad); i++)
		CHECK_ERRNO(edu, EINVAL, edu_config_read(edu, bad[i],
		    &value) == -1);
	ATF_CHECK_EQ(tap_count(1, 0), 64);
	ATF_CHECK_EQ(value, 77);
	edu_close(edu);
}

/* What a device that is gone does not answer, and what reads 0 there. */
static int
access_by(struct edu *edu, unsigned way)
{
	uint64_t value = 0;

	switch (way) {
	case 0:
		return edu_irq_raise(edu, 1);
	case 1:
		return edu_irq_ack(edu, 1);
	case 2:
		return edu_write(edu, EDU_LIVE, 4, 1);
	default:
		return edu_read(edu, EDU_FACTORIAL, 4, &value);
	}
}

EDU_TEST(replaced, "the first access after the device was unplugged is ENODEV, "
    "whichever it is; when another has its place, calls and close do not touch "
    "that")
{
	struct edu *edu;
	uint32_t value;
	unsigned way;

	start_qemu("pc", "");
	for (way = 0; way < 4; way++) {
		edu = open_device(DEVICE, 0);
		tap_attach(edu);
		unplug(edu_bus_qtest_session(edu->bus));
		CHECK_ERRNO(edu, ENODEV, access_by(edu, way) == -1);
		CHECK_ERRNO(edu, ENODEV, edu_config_read(edu, 0, &value) == -1);
		monitor("device_add edu,id=it,addr=0xa");
		tap_reset();
		CHECK_ERRNO(edu, ENODEV, access_by(edu, way) == -1);
		CHECK_ERRNO(edu, ENODEV, edu_config_read(edu, 0, &value) == -1);
		CHECK_ERRNO(edu, ENODEV, edu_bar_size(edu, 0, 0) == NULL);
		CHECK_MESSAGE(edu, "gone");
		edu_close(edu);
		ATF_CHECK_EQ(tap.count, 0);
	}
}
