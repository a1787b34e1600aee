/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Processes that are killed while they drive the device of a QEMU. */

#include "h_case.h"

#define SEED		20261130U
#include "h_kill.h"
#include "h_qemu.h"

static int
use(struct edu *edu)
{

	edu->bus->dma_time_us = 500;
	return use_engines(edu, 1);
}

EDU_TEST(killed, "20 processes are killed that drive a QEMU at a socket: the "
    "next finds the device in order", "timeout", "60")
{
	unsigned entries, i;
	struct edu *edu;
	uint32_t bar;
	int fds;

	random_begin();
	start_qemu("q35,pit=off,hpet=off", "-icount shift=0,sleep=off");
	fds = count_fds();
	edu = open_device(DEVICE, 0);
	REQUIRE_EDU(edu, edu_config_read(edu, PCI_BAR(0), &bar));
	edu_close(edu);
	entries = count_entries(".");
	for (i = 0; i < soak(20); i++) {
		kill_one(DEVICE, 40000, use);
		check_heir(DEVICE, bar, use);
		ATF_CHECK_EQ(count_fds(), fds);
		ATF_CHECK_EQ(count_entries("."), entries);
	}
}

EDU_TEST(killed_with_qemu, "10 processes are killed that have a QEMU of their "
    "own: it ends, and leaves nothing", "timeout", "60")
{
	unsigned entries = count_entries("."), i;
	int processes = count_processes();

	random_begin();
	for (i = 0; i < soak(10); i++) {
		kill_one("qtest:", 200000, use);
		while (count_processes() != processes)
			sleep_ms(1);
		ATF_CHECK_EQ(count_entries("."), entries);
	}
}
