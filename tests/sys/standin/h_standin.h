/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef H_STANDIN_H
#define H_STANDIN_H

/* What the tests of edu(4) in a stand-in for the kernel share. */

#include <sys/ioctl.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "h_case.h"
#include "machine.h"
#include "edureg.h"
#include "eduio.h"

#define INTX		1	/* flags: no MSI */
#define BIT_A		0x10U
#define BIT_B		0x20000U
#define LATER		4	/* ticks, and what was deferred is done */

static inline void
sleep_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&ts, NULL);
}

static inline void
start(int flags)
{

	machine_reset();
	ATF_REQUIRE(edu_do_attach(flags));
	ATF_REQUIRE_EQ(node_open(FREAD | FWRITE), 0);
}

/* Nothing may be left. */
static inline void
stop(void)
{

	(void)node_close();
	ATF_REQUIRE_EQ(edu_do_detach(0), 0);
	ATF_REQUIRE_EQ(machine_held(), 0);
	ATF_REQUIRE_EQ(node_mappings(), 0);
}

static inline int
read_now(struct edu_event *event)
{
	return node_read(event, sizeof(*event), IO_NDELAY);
}

static inline void
check_event(uint32_t bits)
{
	struct edu_event event;

	ATF_REQUIRE_EQ(read_now(&event), 0);
	ATF_CHECK_EQ_MSG(event.status, bits, "0x%x, not 0x%x", event.status,
	    bits);
}

static inline void
check_nothing(void)
{
	struct edu_event event;

	ATF_CHECK_EQ(read_now(&event), EAGAIN);
	ATF_CHECK_EQ(node_poll(POLLIN, 0), 0);
}

static inline void
raise_and_deliver(uint32_t bits)
{

	machine_raise(bits);
	ATF_REQUIRE_MSG(machine_deliver(), "the machine hangs");
}

#endif /* H_STANDIN_H */
