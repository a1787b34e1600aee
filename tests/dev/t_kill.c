/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Processes that are killed while they drive a device of this machine. */

#include "h_need.h"
#include "h_pci.h"

#define SEED		20261201U
#include "h_kill.h"

static int
use(struct edu *edu)
{

	return use_engines(edu, strcmp(edu_kernel_side(edu), "none") != 0);
}

/* Huge pages that nobody has; elsewhere it is edu(4) that keeps the memory. */
static int
count_pages(void)
{
	int count = 0;
	FILE *f;

	f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages",
	    "r");
	if (f != NULL) {
		ATF_REQUIRE_EQ(fscanf(f, "%d", &count), 1);
		(void)fclose(f);
	}
	return count;
}

/*
 * What it has set in the command register may stay set, but decoding is on, and
 * BAR0 in its place.
 */
static void
check_put_right(const char *name, const uint8_t before[CONFIG_SIZE])
{

	edu_close(open_device(name, EDU_OPEN_CONFIG));
	ATF_CHECK_EQ(pci_read(name, BAR(0)), pci_resource(name, 0).start);
	ATF_CHECK_EQ(pci_command(name) & COMMAND_DECODING,
	    before[COMMAND] & COMMAND_DECODING);
	check_heir(name, pci_resource(name, 0).start, use);
	/* Nothing is pending any more that would mask INTx at once. */
	pci_set_command(name, before[COMMAND] |
	    (uint32_t)before[COMMAND + 1] << 8);
	pci_check_same(name, before, "after a kill");
}

static void
check_kills(const char *name)
{
	uint8_t before[CONFIG_SIZE];
	unsigned entries, files, i;
	int fds, pages;

	random_begin();
	check_heir(name, pci_resource(name, 0).start, use);
	pci_set_command(name, pci_command(name) | COMMAND_MEMORY);
	pci_config(name, before);
	entries = count_entries(".");
	files = count_entries("/var/run");
	fds = count_fds();
	pages = count_pages();
	for (i = 0; i < soak(10); i++) {
		kill_one(name, 300000, use);
		check_put_right(name, before);
		ATF_CHECK_EQ(count_fds(), fds);
		ATF_CHECK_EQ(count_pages(), pages);
		ATF_CHECK_EQ(count_entries("."), entries);
		ATF_CHECK_EQ(count_entries("/var/run"), files);
	}
}

DEVICE_TEST(killed, "10 processes are killed that drive a device: the next "
    "finds it in order, and all memory", "timeout", "120")
{

	check_kills(need_device(0, 0));
}

DEVICE_TEST(killed_driven, "the same on a device with a kernel side", "timeout",
    "120")
{

	check_kills(need_device(1, 0));
}
