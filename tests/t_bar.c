/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Sizing the BARs of real functions in a QEMU without a guest. */

#include <errno.h>
#include <limits.h>
#include <stdint.h>

#include "h_bar.h"
#include "h_case.h"

static void
check_bar(struct edu *edu, unsigned index, enum edu_bar_type type,
    uint64_t address, uint64_t length, int is_prefetchable)
{
	struct state before = get_state(PCI_BAR(index)), after;
	struct edu_bar *bar = size_bar(edu, index);

	ATF_CHECK_EQ_MSG(edu_bar_type(bar), type, "BAR%u has type %d", index,
	    (int)edu_bar_type(bar));
	ATF_CHECK_EQ_MSG(edu_bar_address(bar), address, "BAR%u is at 0x%jx",
	    index, (uintmax_t)edu_bar_address(bar));
	ATF_CHECK_EQ_MSG(edu_bar_length(bar), length, "BAR%u has 0x%jx bytes",
	    index, (uintmax_t)edu_bar_length(bar));
	ATF_CHECK_EQ(edu_bar_is_prefetchable(bar) != 0, is_prefetchable);
	edu_bar_free(bar);
	after = get_state(PCI_BAR(index));
	ATF_CHECK_MSG(is_same(&before, &after), "BAR%u: 0x%x, 0x%x 0x%x "
	    "became 0x%x, 0x%x 0x%x", index, before.command, before.low,
	    before.high, after.command, after.low, after.high);
}

struct expected_step {
	int		is_write;
	unsigned	offset;
	uint32_t	value;
};

/*
 * The steps are those expected, and they are what the bus has seen: the last
 * accesses.  Before them there are only reads.
 */
static void
check_steps(const struct edu_bar *bar, const struct expected_step *expected,
    size_t count)
{
	struct tap_access *access;
	unsigned offset = 77;
	uint32_t value = 77;
	int is_write = 77;
	const char *what;
	size_t i;

	ATF_REQUIRE(tap.count >= count);
	for (i = 0; i < tap.count - count; i++)
		ATF_CHECK_MSG(!tap.log[i].is_write, "a write before the "
		    "first step");
	for (i = 0; i < count; i++) {
		access = &tap.log[tap.count - count + i];
		what = edu_bar_step(bar, i, &is_write, &offset, &value);
		ATF_REQUIRE_MSG(what != NULL, "no step %zu", i);
		ATF_CHECK(what[0] != '\0');
		ATF_CHECK_MSG(is_write == expected[i].is_write &&
		    offset == expected[i].offset &&
		    (value & 0xffff) == (expected[i].value & 0xffff) &&
		    (offset == PCI_COMMAND || value == expected[i].value),
		    "step %zu is %d 0x%02x 0x%08x: %s", i, is_write, offset,
		    value, what);
		/* The status register is cleared by ones. */
		ATF_CHECK_MSG(!is_write || offset != PCI_COMMAND ||
		    value >> 16 == 0, "step %zu writes status bits", i);
		ATF_CHECK_MSG(access->is_write == is_write &&
		    access->offset == offset && access->value == value,
		    "step %zu is not what was done: %d 0x%02x 0x%08jx", i,
		    access->is_write, access->offset,
		    (uintmax_t)access->value);
	}
	is_write = 77;
	offset = value = 77;
	ATF_CHECK(edu_bar_step(bar, count, &is_write, &offset, &value) ==
	    NULL);
	ATF_CHECK(edu_bar_step(bar, SIZE_MAX, &is_write, &offset, &value) ==
	    NULL);
	ATF_CHECK(is_write == 77 && offset == 77 && value == 77);
}

EDU_TEST(edu_bar0, "edu's BAR0 is 1 MiB of 32-bit memory, and its address is "
    "the one that works")
{
	struct edu *edu = open_device("qtest:", 0);
	uint32_t address;

	tap_attach(edu);
	address = real_read(BAR0);
	ATF_REQUIRE(address != 0);
	check_bar(edu, 0, EDU_BAR_MEM32, address, EDU_BAR0_SIZE, 0);
	REQUIRE_EDU(edu, edu_live(edu, 0xdeadbeef, NULL));
	edu_close(edu);
	edu = open_tapped();
	check_bar(edu, 0, EDU_BAR_MEM32, address, EDU_BAR0_SIZE, 0);
	edu_close(edu);
}

EDU_TEST(steps, "the exact sequence of configuration accesses, as told and as "
    "done")
{
	static const uint32_t command = 0x0106;
	const struct expected_step expected[] = {
		{ 0, PCI_COMMAND, command },
		{ 1, PCI_COMMAND, (command & ~DECODING) | NO_INTX },
		{ 0, PCI_COMMAND, (command & ~DECODING) | NO_INTX },
		{ 0, BAR0, 0xfe000000 },
		{ 1, BAR0, ONES },
		{ 0, BAR0, MASK0 },
		{ 1, BAR0, 0xfe000000 },
		{ 0, BAR0, 0xfe000000 },
		{ 1, PCI_COMMAND, command },
		{ 0, PCI_COMMAND, command },
	};
	struct edu *edu = open_tapped();
	struct edu_bar *bar;

	real_write(PCI_COMMAND, command);
	ATF_REQUIRE_EQ(real_read(PCI_COMMAND) & 0xffff, command);
	ATF_REQUIRE_EQ(real_read(BAR0), 0xfe000000);
	bar = size_bar(edu, 0);
	check_steps(bar, expected, sizeof(expected) / sizeof(expected[0]));
	ATF_CHECK_EQ(tap_count(1, 1), 4);
	edu_bar_free(bar);
	edu_close(edu);
}

EDU_TEST(steps_wide, "the exact sequence for a 64-bit BAR: both halves are "
    "saved before one is written")
{
	static const struct state state = { 0x0003, 0x8000000c, 0x12 };
	static const struct expected_step expected[] = {
		{ 0, PCI_COMMAND, 0x0003 },
		{ 1, PCI_COMMAND, NO_INTX },
		{ 0, PCI_COMMAND, NO_INTX },
		{ 0, 0x18, 0x8000000c },
		{ 0, 0x1c, 0x12 },
		{ 1, 0x18, ONES },
		{ 1, 0x1c, ONES },
		{ 0, 0x18, 0xffff000c },
		{ 0, 0x1c, ONES },
		{ 1, 0x1c, 0x12 },
		{ 0, 0x1c, 0x12 },
		{ 1, 0x18, 0x8000000c },
		{ 0, 0x18, 0x8000000c },
		{ 1, PCI_COMMAND, 0x0003 },
		{ 0, PCI_COMMAND, 0x0003 },
	};
	struct edu *edu = open_other("q35", TESTDEV, TESTDEV_DEVFN);
	struct edu_bar *bar;

	set_state(0x18, &state);
	bar = size_bar(edu, 2);
	check_steps(bar, expected, sizeof(expected) / sizeof(expected[0]));
	edu_bar_free(bar);
	edu_close(edu);
}

EDU_TEST(command_kept, "whatever the command register holds, all 256 bytes of "
    "configuration space are as before")
{
	static const uint32_t commands[] = {
		0x0000, 0x0001, 0x0002, 0x0003, 0x0004, 0x0007, 0x0100,
		0x0106, 0x0400, 0x0402, 0x0507
	};
	uint32_t after, before[PCI_CONFIG_SIZE / 4];
	struct edu *edu = open_tapped();
	unsigned offset;
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		real_write(PCI_COMMAND, commands[i]);
		ATF_REQUIRE_EQ(real_read(PCI_COMMAND) & 0xffff, commands[i]);
		for (offset = 0; offset < PCI_CONFIG_SIZE; offset += 4)
			before[offset / 4] = real_read(offset);
		tap_reset();
		edu_bar_free(size_bar(edu, 0));
		ATF_CHECK_EQ(tap_count(1, 1), 4);
		for (offset = 0; offset < PCI_CONFIG_SIZE; offset += 4) {
			after = real_read(offset);
			ATF_CHECK_EQ_MSG(after, before[offset / 4], "command "
			    "0x%04x: at 0x%02x 0x%08x became 0x%08x",
			    commands[i], offset, before[offset / 4], after);
		}
	}
	edu_close(edu);
}

EDU_TEST(status_kept, "a pending interrupt stays pending, and INTx is masked "
    "while the function is silent")
{
	struct edu *edu = open_device("qtest:", 0);

	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x20));
	tap_attach(edu);
	edu_bar_free(size_bar(edu, 0));
	check_status(edu, 0x20);
	check_wait(edu, SOON_MS, 0x20);
	edu_close(edu);
}

EDU_TEST(absent, "BARs that a function has not got are absent, which is no "
    "error")
{
	struct edu *edu = open_tapped();
	unsigned index;

	for (index = 1; index < 6; index++)
		check_bar(edu, index, EDU_BAR_ABSENT, 0, 0, 0);
	edu_close(edu);
}

EDU_TEST(bad_arguments, "no such BAR, unknown flags: EINVAL, and nothing is "
    "written")
{
	static const unsigned bad_indices[] = { 6, 7, 64, UINT_MAX };
	struct edu *edu = open_tapped();
	unsigned flag;
	size_t i;

	for (i = 0; i < sizeof(bad_indices) / sizeof(bad_indices[0]); i++) {
		CHECK_ERRNO(edu, EINVAL, edu_bar_size(edu, bad_indices[i],
		    0) == NULL);
		CHECK_ERRNO(edu, EINVAL, edu_bar_size(edu, bad_indices[i],
		    EDU_BAR_FORCE) == NULL);
		CHECK_MESSAGE(edu, "0 to 5");
	}
	for (flag = EDU_BAR_FORCE << 1; flag != 0; flag <<= 1) {
		CHECK_ERRNO(edu, EINVAL, edu_bar_size(edu, 0, flag) == NULL);
		CHECK_MESSAGE(edu, "flags");
		CHECK_ERRNO(edu, EINVAL, edu_bar_size(edu, 0,
		    flag | EDU_BAR_FORCE) == NULL);
	}
	ATF_CHECK_EQ(tap_count(1, 1), 0);
	edu_close(edu);
}

EDU_TEST(testdev, "memory, I/O, 64-bit and absent BARs of a pci-testdev, with "
    "and without an address")
{
	struct edu *edu = open_other("q35", TESTDEV, TESTDEV_DEVFN);

	check_bar(edu, 0, EDU_BAR_MEM32, 0, 4096, 0);
	check_bar(edu, 1, EDU_BAR_IO, 0, 256, 0);
	check_bar(edu, 2, EDU_BAR_MEM64, 0, 65536, 1);
	check_bar(edu, 4, EDU_BAR_ABSENT, 0, 0, 0);
	check_bar(edu, 5, EDU_BAR_ABSENT, 0, 0, 0);
	real_write(PCI_BAR(0), 0xfd123000);
	real_write(PCI_BAR(1), 0xc100);
	real_write(PCI_BAR(2), 0xabcd0000);
	real_write(PCI_BAR(3), 0x00000087);
	real_write(PCI_COMMAND, DECODING);
	check_bar(edu, 0, EDU_BAR_MEM32, 0xfd123000, 4096, 0);
	check_bar(edu, 1, EDU_BAR_IO, 0xc100, 256, 0);
	check_bar(edu, 2, EDU_BAR_MEM64, 0x87abcd0000, 65536, 1);
	/* edu's own BAR, for which nobody asked, is as it was. */
	tap.devfn = 0;
	check_bar(edu, 0, EDU_BAR_MEM32, 0xfe000000, EDU_BAR0_SIZE, 0);
	edu_close(edu);
}

EDU_TEST(wide_beyond_4g, "a 64-bit BAR of 8 GiB, whose lower half has no size "
    "bits")
{
	struct edu *edu = open_other("q35", "-S "
	    "-device pci-testdev,addr=5,membar=8G", TESTDEV_DEVFN);

	check_bar(edu, 2, EDU_BAR_MEM64, 0, 0x200000000, 1);
	real_write(PCI_BAR(3), 0x40);
	check_bar(edu, 2, EDU_BAR_MEM64, 0x4000000000, 0x200000000, 1);
	edu_close(edu);
}

EDU_TEST(upper_half, "the upper half of a 64-bit BAR is EINVAL, and nothing is "
    "written")
{
	struct edu *edu = open_other("q35", TESTDEV, TESTDEV_DEVFN);

	CHECK_ERRNO(edu, EINVAL, edu_bar_size(edu, 3, 0) == NULL);
	CHECK_MESSAGE(edu, "upper half of BAR2");
	ATF_CHECK_EQ(tap_count(1, 1), 0);
	edu_close(edu);
}

EDU_TEST(disk_controller, "the last BARs of an AHCI controller: 32 bytes of "
    "I/O and 4096 of memory")
{
	struct edu *edu = open_other("q35", "-S -device ahci,addr=5",
	    TESTDEV_DEVFN);

	check_bar(edu, 3, EDU_BAR_ABSENT, 0, 0, 0);
	check_bar(edu, 4, EDU_BAR_IO, 0, 32, 0);
	check_bar(edu, 5, EDU_BAR_MEM32, 0, 4096, 0);
	edu_close(edu);
}

EDU_TEST(serial_port, "the least of I/O BARs: a serial port's 8 bytes")
{
	struct edu *edu = open_other("q35", "-S -device pci-serial,addr=5",
	    TESTDEV_DEVFN);

	check_bar(edu, 0, EDU_BAR_IO, 0, 8, 0);
	real_write(PCI_BAR(0), 0xc008);
	check_bar(edu, 0, EDU_BAR_IO, 0xc008, 8, 0);
	edu_close(edu);
}

/* An I/O BAR of which only 16 bits exist. */
static enum tap_verdict
narrow_io(size_t i, struct tap_access *a)
{

	(void)i;
	if (!a->is_write && a->offset == PCI_BAR(1))
		a->value &= 0xffff;
	return TAP_PASS;
}

EDU_TEST(narrow_io_bar, "an I/O BAR whose upper 16 bits are hardwired to 0, as "
    "the specification allows")
{
	struct edu *edu = open_other("q35", TESTDEV, TESTDEV_DEVFN);

	tap.hook = narrow_io;
	check_bar(edu, 1, EDU_BAR_IO, 0, 256, 0);
	edu_close(edu);
}

EDU_TEST(bridge, "a bridge is refused but by force, and has no more than two "
    "BARs")
{
	struct edu *edu = open_other("q35", "-S -device pci-bridge,addr=5,"
	    "chassis_nr=1,shpc=on", TESTDEV_DEVFN);
	struct state after, before;
	struct edu_bar *bar;

	CHECK_ERRNO(edu, EBUSY, edu_bar_size(edu, 0, 0) == NULL);
	CHECK_MESSAGE(edu, "bridge");
	CHECK_ERRNO(edu, EINVAL, edu_bar_size(edu, 1, EDU_BAR_FORCE) == NULL);
	CHECK_ERRNO(edu, EINVAL, edu_bar_size(edu, 2, EDU_BAR_FORCE) == NULL);
	CHECK_MESSAGE(edu, "0 to 1");
	ATF_CHECK_EQ(tap_count(1, 1), 0);
	before = get_state(BAR0);
	bar = edu_bar_size(edu, 0, EDU_BAR_FORCE);
	ATF_REQUIRE_MSG(bar != NULL, "%s", edu_errmsg(edu));
	ATF_CHECK_EQ(edu_bar_type(bar), EDU_BAR_MEM64);
	ATF_CHECK_EQ(edu_bar_length(bar), 256);
	edu_bar_free(bar);
	after = get_state(BAR0);
	ATF_CHECK(is_same(&before, &after));
	edu_close(edu);
}

static uint32_t header;

static enum tap_verdict
other_header(size_t i, struct tap_access *a)
{

	(void)i;
	if (a->offset == PCI_HEADER)
		a->value = header;
	return TAP_PASS;
}

EDU_TEST(header_types, "a CardBus bridge has one BAR; unknown header types are "
    "EINVAL; several functions are no type")
{
	struct edu *edu = open_tapped();

	tap.hook = other_header;
	header = 0x00020000;
	CHECK_ERRNO(edu, EBUSY, edu_bar_size(edu, 0, 0) == NULL);
	CHECK_ERRNO(edu, EINVAL, edu_bar_size(edu, 1, EDU_BAR_FORCE) == NULL);
	CHECK_MESSAGE(edu, "BAR1");
	header = 0x00030000;
	CHECK_ERRNO(edu, EINVAL, edu_bar_size(edu, 0, EDU_BAR_FORCE) == NULL);
	CHECK_MESSAGE(edu, "0x03");
	header = 0x007f0000;
	CHECK_ERRNO(edu, EINVAL, edu_bar_size(edu, 0, EDU_BAR_FORCE) == NULL);
	ATF_CHECK_EQ(tap_count(1, 1), 0);
	header = 0xff80ffff;
	edu_bar_free(size_bar(edu, 5));
	edu_close(edu);
}

/* The last BAR says that it is 64 bits wide. */
static enum tap_verdict
wide_last_bar(size_t i, struct tap_access *a)
{

	(void)i;
	if (a->offset == PCI_BAR(5))
		a->value = 0xfd000004;
	return TAP_PASS;
}

EDU_TEST(last_bar_wide, "a last BAR that claims an upper half is refused, and "
    "what follows the BARs is left alone")
{
	struct edu *edu = open_tapped();

	tap.hook = wide_last_bar;
	CHECK_ERRNO(edu, EIO, edu_bar_size(edu, 5, 0) == NULL);
	ATF_CHECK_EQ(tap_count(1, 1), 0);
	edu_close(edu);
}

/* A BAR whose size is as expected, and an operating system that says this. */
static void
check_disagreement(struct edu *edu, unsigned index, struct edu_region says,
    const char *ours, const char *theirs)
{
	struct state after, before = get_state(PCI_BAR(index));

	region = says;
	CHECK_ERRNO(edu, EIO, edu_bar_size(edu, index, 0) == NULL);
	CHECK_MESSAGE(edu, ours);
	CHECK_MESSAGE(edu, theirs);
	after = get_state(PCI_BAR(index));
	ATF_CHECK(is_same(&before, &after));
}

/* A testdev at known addresses, of which the test says what the system says. */
static struct edu *
open_with_opinion(void)
{
	struct edu *edu = open_other("q35", TESTDEV, TESTDEV_DEVFN);

	real_write(PCI_BAR(0), 0xfd123000);
	real_write(PCI_BAR(1), 0xc100);
	real_write(PCI_BAR(3), 0x87);
	tap.edu->bus->tracer.ops.region = say_region;
	return edu;
}

EDU_TEST(system_agrees, "the operating system's opinion is compared; the same "
    "is no error")
{
	struct edu *edu = open_with_opinion();

	region = (struct edu_region){ 0xfd123000, 4096, 0 };
	edu_bar_free(size_bar(edu, 0));
	region = (struct edu_region){ 0xc100, 256, 1 };
	edu_bar_free(size_bar(edu, 1));
	region = (struct edu_region){ 0x8700000000, 65536, 0 };
	edu_bar_free(size_bar(edu, 2));
	/* What is absent has no address, whatever stands there. */
	region = (struct edu_region){ 0xfd123000, 0, 0 };
	edu_bar_free(size_bar(edu, 4));
	edu_close(edu);
}

/* What the system says of a BAR is no error, and is handed on. */
static void
check_both_true(struct edu *edu, unsigned index, struct edu_region says)
{
	struct edu_bar *bar;
	uint64_t address = 1, length = 1;

	region = says;
	bar = size_bar(edu, index);
	ATF_CHECK_EQ(edu_bar_system(bar, &address, &length), 1);
	ATF_CHECK_EQ(address, says.address);
	ATF_CHECK_EQ(length, says.length);
	edu_bar_free(bar);
}

EDU_TEST(both_true, "a BAR without an address, what stands in no BAR, and more "
    "room than the device asks for, are no disagreement")
{
	struct edu *edu = open_with_opinion();

	check_both_true(edu, 0, (struct edu_region){ 0, 0, 0 });
	check_both_true(edu, 0, (struct edu_region){ 0xfd123000, 8192, 0 });
	check_both_true(edu, 4, (struct edu_region){ 0x1f0, 8, 0 });
	edu_close(edu);
}

/* A function of another class. */
static uint32_t class_code;

static enum tap_verdict
another_class(size_t i, struct tap_access *a)
{

	(void)i;
	if (a->offset == PCI_CLASS)
		a->value = class_code << 8;
	return TAP_PASS;
}

EDU_TEST(needed_by_machine, "bridges, displays and system peripherals are "
    "refused with EBUSY before anything is written; force sizes them")
{
	static const uint32_t needed[] = { 0x060000, 0x060100, 0x068000,
	    0x030000, 0x038000, 0x080020, 0x080300 };
	static const uint32_t others[] = { 0x000000, 0x00ff00, 0x010185,
	    0x020000, 0x0c0330, 0xff0000 };
	struct edu *edu = open_tapped();
	size_t i;

	tap.hook = another_class;
	for (i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		class_code = needed[i];
		CHECK_ERRNO(edu, EBUSY, edu_bar_size(edu, 0, 0) == NULL);
		CHECK_MESSAGE(edu, "(class 0");
	}
	ATF_CHECK_EQ(tap_count(1, 1), 0);
	edu_bar_free(edu_bar_size(edu, 0, EDU_BAR_FORCE));
	ATF_CHECK(tap_count(1, 1) > 0);
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		class_code = others[i];
		edu_bar_free(size_bar(edu, 0));
	}
	edu_close(edu);
}

/* A BAR that keeps its ones, in a function that answers. */
static enum tap_verdict
stuck_bar(size_t i, struct tap_access *a)
{

	static int is_stuck;

	(void)i;
	if (a->offset != PCI_BAR(0))
		return TAP_PASS;
	if (a->is_write)
		is_stuck = 1;
	else if (is_stuck)
		a->value = UINT32_MAX;
	return TAP_PASS;
}

EDU_TEST(stuck_bar, "a BAR that reads all ones in a function that answers does "
    "not make it gone: EIO")
{
	struct edu *edu = open_tapped();

	tap.hook = stuck_bar;
	CHECK_ERRNO(edu, EIO, edu_bar_size(edu, 0, 0) == NULL);
	tap.hook = NULL;
	edu_close(edu);
}

EDU_TEST(system_disagrees, "another size, address or kind in the operating "
    "system: EIO, with both in the message")
{
	struct edu *edu = open_with_opinion();

	check_disagreement(edu, 0, (struct edu_region){ 0xfd123000, 2048, 0 },
	    "0x1000 ", "0x800");
	check_disagreement(edu, 0, (struct edu_region){ 0xfd124000, 4096, 0 },
	    "0xfd123000", "0xfd124000");
	check_disagreement(edu, 0, (struct edu_region){ 0xfd123000, 4096, 1 },
	    "is memory 0xfd123000", "says I/O 0xfd123000");
	check_disagreement(edu, 1, (struct edu_region){ 0xc100, 256, 0 },
	    "is I/O 0xc100", "says memory 0xc100");
	check_disagreement(edu, 2, (struct edu_region){ 0, 65536, 0 },
	    "0x8700000000", "memory 0x0 of 0x10000");
	region_result = -1;
	check_disagreement(edu, 0, (struct edu_region){ 0xfd123000, 4096, 0 },
	    TAP_MESSAGE, "");
	edu_close(edu);
}

EDU_TEST(free_null, "edu_bar_free() accepts NULL and leaves errno alone")
{

	errno = ELOOP;
	edu_bar_free(NULL);
	ATF_CHECK_EQ(errno, ELOOP);
}
