/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * sys/dev/pci/edu.c, the very file, in a STAND-IN for the NetBSD kernel: see
 * standin/standin.h.  What is found here needs no NetBSD to be found; what is
 * not found here may still be wrong in one.  Timing is all but free of chance:
 * where two things race, every order is tried in turn.
 */

#include <sys/ioctl.h>

#include <atf-c.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "machine.h"
#include "edureg.h"
#include "eduio.h"

#define INTX		1	/* flags: no MSI */
#define BIT_A		0x10U
#define BIT_B		0x20000U
#define SECOND		100	/* in ticks */

#define STANDIN_CASE(name, descr_)					\
	ATF_TC(name);							\
	ATF_TC_HEAD(name, tc)						\
	{								\
		atf_tc_set_md_var(tc, "descr", "%s", descr_);		\
	}								\
	ATF_TC_BODY(name, tc)

static void
sleep_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&ts, NULL);
}

static void
start(int flags)
{

	machine_reset();
	ATF_REQUIRE(edu_do_attach(flags));
	ATF_REQUIRE_EQ(node_open(FREAD | FWRITE), 0);
}

/* Nothing may be left. */
static void
stop(void)
{

	(void)node_close();
	ATF_REQUIRE_EQ(edu_do_detach(0), 0);
	ATF_REQUIRE_EQ(machine_held(), 0);
	ATF_REQUIRE_EQ(node_mapped(), 0);
}

static int
read_now(struct edu_event *event)
{
	return node_read(event, sizeof(*event), IO_NDELAY);
}

static void
check_event(uint32_t bits)
{
	struct edu_event event;

	ATF_REQUIRE_EQ(read_now(&event), 0);
	ATF_CHECK_EQ_MSG(event.status, bits, "0x%x, not 0x%x", event.status,
	    bits);
}

static void
check_nothing(void)
{
	struct edu_event event;

	ATF_CHECK_EQ(read_now(&event), EAGAIN);
	ATF_CHECK_EQ(node_poll(POLLIN, 0), 0);
}

static void
raise_and_deliver(uint32_t bits)
{

	machine_raise(bits);
	ATF_REQUIRE_MSG(machine_deliver(), "the machine hangs");
}

STANDIN_CASE(attach, "attach enables, acknowledges, identifies; detach undoes")
{
	struct edu_info info;
	int flags;

	for (flags = 0; flags <= INTX; flags++) {
		machine_reset();
		machine_raise(BIT_A);
		ATF_REQUIRE(edu_do_attach(flags));
		ATF_CHECK_EQ(machine.status, 0);
		ATF_CHECK(machine.csr & PCI_COMMAND_MASTER_ENABLE);
		ATF_CHECK_EQ((machine.csr & PCI_COMMAND_INTERRUPT_DISABLE) ==
		    0, flags == INTX);
		ATF_REQUIRE_EQ(node_open(FREAD), 0);
		ATF_REQUIRE_EQ(node_ioctl(EDU_IOC_INFO, &info), 0);
		ATF_CHECK_EQ(info.interrupt, flags == INTX ? EDU_IO_INTX :
		    EDU_IO_MSI);
		ATF_CHECK_EQ(info.device, 10);
		ATF_CHECK_EQ(info.dma_size, 65536);
		ATF_CHECK_EQ(info.bar0_size, EDU_BAR0_SIZE);
		check_nothing();
		stop();
		ATF_CHECK_EQ(machine.csr & PCI_COMMAND_MASTER_ENABLE, 0);
		ATF_CHECK(machine.csr & PCI_COMMAND_INTERRUPT_DISABLE);
	}
}

STANDIN_CASE(attach_fails, "each step of attach fails in turn, all is undone")
{
	int i, failed = 0;

	for (i = 1; i < 30; i++) {
		machine_reset();
		machine.fail_at = i;
		if (edu_do_attach(0)) {
			machine.fail_at = 0;
			ATF_REQUIRE_EQ(node_open(FREAD), 0);
			raise_and_deliver(BIT_A);
			check_event(BIT_A);
			stop();
			continue;
		}
		failed++;
		/* What is left belongs to the unit, not to the device. */
		ATF_CHECK_EQ(is_held(R_BAR) + is_held(R_DMAMEM) +
		    is_held(R_DMATAG) + is_held(R_DMAMAP) + is_held(R_INTR) +
		    is_held(R_KVA) + is_held(R_LOADED), 0);
		ATF_CHECK_EQ(node_open(FREAD), ENXIO);
		ATF_CHECK_EQ(edu_do_detach(0), 0);
		ATF_CHECK_EQ(machine_held(), 0);
	}
	/* BAR0, four of DMA; without MSI there is INTx. */
	ATF_CHECK_EQ_MSG(failed, 5, "%d steps failed", failed);
}

STANDIN_CASE(attach_refuses, "attach refuses what is no edu device")
{
	static const uint32_t ids[] = { 0, UINT32_MAX, 0xed000001, 0x10000ee };
	size_t i;

	for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		machine_reset();
		machine.id = ids[i];
		ATF_CHECK(!edu_do_attach(0));
		ATF_CHECK_EQ(edu_do_detach(0), 0);
		ATF_CHECK_EQ(machine_held(), 0);
	}
	machine_reset();
	machine.bar_size = 4096;
	ATF_CHECK(!edu_do_attach(0));
	ATF_CHECK_EQ(edu_do_detach(0), 0);
	/* No interrupt of either kind. */
	machine_reset();
	machine.has_msi = false;
	machine.fail_at = 7;
	ATF_CHECK(!edu_do_attach(0));
	ATF_CHECK_EQ(edu_do_detach(0), 0);
	ATF_CHECK_EQ(machine_held(), 0);
}

STANDIN_CASE(dma_size, "the flags set the size of the DMA memory, in bounds")
{
	static const struct { int kib; uint64_t size; } sizes[] = {
		{ 0, 65536 }, { 1, 4096 }, { 4, 4096 }, { 6, 8192 },
		{ 1024, 1 << 20 }, { 1025, 1 << 20 }, { 0x7fff, 1 << 20 }
	};
	struct edu_info info;
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		start(sizes[i].kib << 16);
		ATF_REQUIRE_EQ(node_ioctl(EDU_IOC_INFO, &info), 0);
		ATF_CHECK_EQ(info.dma_size, sizes[i].size);
		stop();
	}
}

STANDIN_CASE(module, "each step of loading fails in turn; unload says busy")
{
	const uint32_t flags = INTX;
	struct edu_info info;
	int i, error;

	for (i = 0; i < 6; i++) {
		machine_reset();
		machine.fail_at = i;
		error = edu_module(MODULE_CMD_INIT, NULL);
		/* A taken major is no failure: another one is assigned. */
		if (error != 0) {
			ATF_CHECK_EQ(i, 2);
			ATF_CHECK_EQ(machine_held(), 0);
			continue;
		}
		ATF_CHECK_EQ(edu_module(MODULE_CMD_FINI, NULL), 0);
		ATF_CHECK_EQ(machine_held(), 0);
	}
	machine_reset();
	ATF_CHECK_EQ(edu_module(MODULE_CMD_INIT, __builtin_assume_aligned(
	    (void *)(uintptr_t)&flags, 4)), 0);
	ATF_CHECK_EQ(edu_module(MODULE_CMD_STAT, NULL), ENOTTY);
	ATF_REQUIRE_EQ(node_open(FREAD), 0);
	ATF_REQUIRE_EQ(node_ioctl(EDU_IOC_INFO, &info), 0);
	ATF_CHECK_EQ(info.interrupt, EDU_IO_INTX);
	ATF_CHECK_EQ(edu_module(MODULE_CMD_FINI, NULL), EBUSY);
	ATF_CHECK_EQ(node_close(), 0);
	ATF_CHECK_EQ(edu_module(MODULE_CMD_FINI, NULL), 0);
	ATF_CHECK_EQ(machine_held(), 0);
}

STANDIN_CASE(open_close, "one opens at a time; every step of it fails in turn")
{

	start(0);
	ATF_CHECK_EQ(node_open(FREAD), EBUSY);
	ATF_CHECK_EQ(edu_do_detach(0), EBUSY);
	ATF_CHECK_EQ(node_close(), 0);
	ATF_CHECK_EQ(node_open(FWRITE), EINVAL);
	machine.calls = 0;
	machine.fail_at = 1;
	ATF_CHECK_EQ(node_open(FREAD), ENOMEM);
	ATF_CHECK_EQ(node_open(FREAD), 0);
	stop();
}

STANDIN_CASE(interrupt, "the handler takes what is ours and nothing else")
{
	struct edu_event event;
	int flags;

	for (flags = 0; flags <= INTX; flags++) {
		start(flags);
		raise_and_deliver(BIT_A);
		ATF_CHECK_EQ(machine.status, 0);
		raise_and_deliver(BIT_B);
		check_event(BIT_A | BIT_B);
		check_nothing();
		raise_and_deliver(UINT32_MAX);
		ATF_REQUIRE_EQ(read_now(&event), 0);
		ATF_CHECK_EQ(event.status, UINT32_MAX);
		ATF_CHECK_EQ(event.count, 3);
		ATF_CHECK_EQ(event.reserved, 0);
		/* A neighbour's: nothing is masked. */
		machine.is_moved = true;
		machine.messages = 1;
		ATF_CHECK(machine_deliver());
		ATF_CHECK_EQ(machine.csr & PCI_COMMAND_INTERRUPT_DISABLE,
		    flags == INTX ? 0 : PCI_COMMAND_INTERRUPT_DISABLE);
		machine.is_moved = false;
		machine_tick(2 * SECOND);
		check_nothing();
		stop();
	}
}

STANDIN_CASE(read_errors, "a read that fails takes nothing")
{
	struct edu_event event;

	start(0);
	raise_and_deliver(BIT_A);
	ATF_CHECK_EQ(node_read(&event, sizeof(event) - 1, 0), EINVAL);
	ATF_CHECK_EQ(node_read(NULL, sizeof(event), 0), EFAULT);
	check_event(BIT_A);
	machine.signal = 1;
	ATF_CHECK_EQ(node_read(&event, sizeof(event), 0), EINTR);
	stop();
}

STANDIN_CASE(ioctls, "ioctls, good and bad")
{
	struct edu_event event;
	int on = 1;

	start(INTX);
	ATF_CHECK_EQ(node_ioctl(FIONBIO, &on), 0);
	ATF_CHECK_EQ(node_ioctl(FIOASYNC, &on), 0);
	ATF_CHECK_EQ(node_ioctl(0, &on), ENOTTY);
	ATF_CHECK_EQ(node_ioctl(_IOR('E', 3, int), &on), ENOTTY);
	/* Masked by somebody: look finds it, unmasks, and takes nothing. */
	machine.csr |= PCI_COMMAND_INTERRUPT_DISABLE;
	raise_and_deliver(BIT_A);
	check_nothing();
	ATF_CHECK_EQ(node_ioctl(EDU_IOC_LOOK, &event), 0);
	ATF_CHECK_EQ(event.status, BIT_A);
	ATF_CHECK_EQ(machine.csr & PCI_COMMAND_INTERRUPT_DISABLE, 0);
	ATF_CHECK_EQ(node_ioctl(EDU_IOC_LOOK, &event), 0);
	check_event(BIT_A);
	machine.is_moved = true;
	ATF_CHECK_EQ(node_ioctl(EDU_IOC_LOOK, &event), EAGAIN);
	machine.is_moved = false;
	stop();
}

/*
 * Windows.  For each pair of accesses, BAR0 moves away before the one and
 * back before the other, or only seconds later.
 */

static int
times_reported(uint32_t bit, uint32_t others)
{
	struct edu_event event;
	int n = 0;

	while (read_now(&event) == 0) {
		n += (event.status & bit) != 0;
		ATF_CHECK_EQ_MSG(event.status & ~(bit | others), 0,
		    "0x%x was never raised", event.status);
	}
	return n;
}

struct window {
	int		flags;
	bool		is_careful;
	bool		is_raised;		/* another, within */
	int		close_at, open_at;	/* NEVER: ticks later */
	uint32_t	value;			/* what it reads as */
};
#define NEVER		INT_MAX

/* BIT_A is raised before it, or in it, and must be read once, and soon. */
static void
check_window(const struct window *w)
{
	int n;

	start(w->flags);
	machine.accesses = 0;
	machine.is_careful = w->is_careful;
	machine.close_at = w->close_at;
	machine.open_at = w->open_at;
	machine.closed_value = w->value;
	machine.raise_bits = BIT_B;
	machine.raise_at = w->is_raised ? w->close_at + 1 : 0;
	raise_and_deliver(BIT_A);
	n = times_reported(BIT_A, BIT_B);
	machine_tick(3);
	ATF_REQUIRE_MSG(machine_deliver(), "the machine hangs");
	n += times_reported(BIT_A, BIT_B);
	machine.close_at = machine.open_at = machine.raise_at = 0;
	machine_open();
	machine_tick(5);
	ATF_REQUIRE_MSG(machine_deliver(), "the machine hangs");
	n += times_reported(BIT_A, BIT_B);
	ATF_CHECK_EQ_MSG(n, 1, "flags %d, %s, %d raised, closed %d to %d as "
	    "0x%x: reported %d times", w->flags, w->is_careful ? "careful" :
	    "careless", 1 + w->is_raised, w->close_at, w->open_at, w->value,
	    n);
	machine_tick(2 * SECOND);
	ATF_REQUIRE_MSG(machine_deliver(), "the machine hangs");
	ATF_CHECK_EQ(times_reported(BIT_A, BIT_B), 0);
	ATF_CHECK_EQ(machine.status, 0);
	ATF_CHECK(machine.csr & PCI_COMMAND_MEM_ENABLE);
	if (w->flags == INTX)
		ATF_CHECK_EQ(machine.csr & PCI_COMMAND_INTERRUPT_DISABLE, 0);
	stop();
}

static void
check_windows(struct window *w)
{

	for (w->close_at = 1; w->close_at < 16; w->close_at++) {
		for (w->open_at = w->close_at + 1; w->open_at < 20;
		    w->open_at++)
			check_window(w);
		w->open_at = NEVER;
		check_window(w);
	}
}

STANDIN_CASE(windows, "an interrupt at any point of a window: once, no hang")
{
	static const uint32_t values[] = { 0, UINT32_MAX, 0x12345678 };
	struct window w;
	size_t i;
	int kind;

	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		for (kind = 0; kind < 8; kind++) {
			w.value = values[i];
			w.flags = kind & 1 ? INTX : 0;
			w.is_careful = (kind & 2) != 0;
			w.is_raised = (kind & 4) != 0;
			check_windows(&w);
		}
}

/*
 * The driver writes the command register while somebody sizes: it must not
 * undo the end of that, or nothing would ever answer again.
 */
STANDIN_CASE(unmasked_within, "unmasking never leaves decoding disabled")
{
	int close_at, open_at;

	for (close_at = 1; close_at < 10; close_at++)
		for (open_at = close_at + 1; open_at < 12; open_at++) {
			start(INTX);
			machine.csr |= PCI_COMMAND_INTERRUPT_DISABLE;
			machine_raise(BIT_A);
			machine.is_careful = true;
			machine.accesses = 0;
			machine.close_at = close_at;
			machine.open_at = open_at;
			machine_tick(2 * SECOND);
			ATF_CHECK_MSG(machine.csr & PCI_COMMAND_MEM_ENABLE,
			    "lost at %d to %d", close_at, open_at);
			ATF_REQUIRE(machine_deliver());
			machine_tick(2 * SECOND);
			ATF_CHECK_EQ(times_reported(BIT_A, 0), 1);
			ATF_CHECK_EQ(machine.csr &
			    PCI_COMMAND_INTERRUPT_DISABLE, 0);
			stop();
		}
}

STANDIN_CASE(raised_within, "raised again at any point of the handler: once")
{
	int at, flags, n;

	for (flags = 0; flags <= INTX; flags++)
		for (at = 1; at < 12; at++) {
			start(flags);
			machine.accesses = 0;
			machine.raise_at = at;
			machine.raise_bits = BIT_B;
			raise_and_deliver(BIT_A);
			while (machine.accesses < at)
				machine_tick(SECOND);
			ATF_REQUIRE(machine_deliver());
			machine_tick(SECOND);
			n = times_reported(BIT_B, BIT_A);
			ATF_CHECK_EQ_MSG(n, 1, "at %d: %d times", at, n);
			stop();
		}
}

STANDIN_CASE(message_lost, "an MSI lost to bus mastering is made up for")
{

	start(0);
	machine.csr &= ~PCI_COMMAND_MASTER_ENABLE;
	raise_and_deliver(BIT_A);
	check_nothing();
	machine_tick(2 * SECOND);
	check_event(BIT_A);
	/* Once closed, nobody looks any more; the next open does. */
	ATF_CHECK_EQ(node_close(), 0);
	machine_tick(2 * SECOND);
	machine.csr &= ~PCI_COMMAND_MASTER_ENABLE;
	raise_and_deliver(BIT_B);
	machine_tick(3 * SECOND);
	ATF_CHECK_EQ(machine.status, BIT_B);
	ATF_CHECK_EQ(node_open(FREAD), 0);
	ATF_CHECK(machine.csr & PCI_COMMAND_MASTER_ENABLE);
	check_event(BIT_B);
	stop();
}

STANDIN_CASE(storm_of_one, "a status that is never 0 does not hold the handler")
{
	int i;

	start(INTX);
	for (i = 1; i <= 40; i++) {
		machine.accesses = 0;
		machine.raise_at = i;
		machine.raise_bits = BIT_A;
		raise_and_deliver(BIT_A);
	}
	ATF_CHECK(times_reported(BIT_A, 0) >= 1);
	stop();
}

/*
 * Unplugged before any access, with readers of all kinds.
 */

STANDIN_CASE(vanish, "unplugged at any point: everybody is told, no hang")
{
	static const uint32_t values[] = { 0, UINT32_MAX };
	struct edu_event event;
	struct knote kn;
	int at, flags;

	for (at = 1; at < 40; at++) {
		flags = at % 2;
		start(flags);
		memset(&kn, 0, sizeof(kn));
		ATF_REQUIRE_EQ(node_kqfilter(&kn), 0);
		machine.accesses = 0;
		machine.vanish_at = at;
		machine.closed_value = values[at / 2 % 2];
		raise_and_deliver(BIT_A);
		while (machine.accesses < at)
			machine_tick(SECOND);
		machine_tick(2 * SECOND);
		ATF_CHECK_EQ(read_now(&event), ENXIO);
		ATF_CHECK_EQ(node_poll(POLLIN, 0), POLLIN | POLLERR | POLLHUP);
		ATF_CHECK(kn.kn_active && node_scan(&kn));
		ATF_CHECK(kn.kn_flags & EV_EOF);
		ATF_CHECK_EQ(node_ioctl(EDU_IOC_LOOK, &event), ENXIO);
		ATF_CHECK(!node_fault((off_t)0, VM_PROT_READ));
		node_remove(&kn);
		ATF_CHECK_EQ(node_close(), 0);
		ATF_CHECK_EQ(node_open(FREAD), ENXIO);
		if (flags != INTX) {
			/* The kernel could not take the MSI down. */
			ATF_CHECK_EQ(edu_do_detach(0), ENXIO);
			machine.is_present = true;
			machine.vanish_at = 0;
		}
		ATF_CHECK_EQ(edu_do_detach(0), 0);
		ATF_CHECK_EQ(machine_held(), 0);
	}
}

STANDIN_CASE(kqueue, "notes: readable, end of file, of an earlier open")
{
	struct knote kn, bad;
	int i;

	start(0);
	memset(&bad, 0, sizeof(bad));
	bad.kn_filter = EVFILT_WRITE;
	ATF_CHECK_EQ(node_kqfilter(&bad), EINVAL);
	for (i = 0; i < 3; i++) {
		memset(&kn, 0, sizeof(kn));
		ATF_REQUIRE_EQ(node_kqfilter(&kn), 0);
		ATF_CHECK(!node_scan(&kn));
		raise_and_deliver(BIT_A);
		ATF_CHECK(kn.kn_active && node_scan(&kn));
		ATF_CHECK_EQ(kn.kn_data, (int64_t)sizeof(struct edu_event));
		ATF_CHECK_EQ(kn.kn_flags & EV_EOF, 0);
		check_event(BIT_A);
		ATF_CHECK(!node_scan(&kn));
		kn.kn_active = false;
		ATF_CHECK_EQ(node_revoke(), 0);
		ATF_CHECK(kn.kn_active && node_scan(&kn));
		ATF_CHECK(kn.kn_flags & EV_EOF);
		ATF_REQUIRE_EQ(node_open(FREAD), 0);
		node_remove(&kn);
	}
	/* One that is fetched only after the detach. */
	memset(&kn, 0, sizeof(kn));
	ATF_REQUIRE_EQ(node_kqfilter(&kn), 0);
	stop();
	ATF_CHECK(kn.kn_active && node_scan(&kn));
	ATF_CHECK(kn.kn_flags & EV_EOF);
	node_remove(&kn);
}

STANDIN_CASE(mappings, "pages: bounds, protection, the end of the open")
{
	struct edu_info info;
	off_t bar0, dma;

	start(0);
	ATF_REQUIRE_EQ(node_ioctl(EDU_IOC_INFO, &info), 0);
	bar0 = (off_t)info.bar0_offset;
	dma = (off_t)info.dma_offset;
	ATF_CHECK(node_fault(bar0, VM_PROT_READ));
	ATF_CHECK(node_fault(bar0 + EDU_BAR0_SIZE - 4096, VM_PROT_WRITE));
	ATF_CHECK(node_fault(dma, VM_PROT_READ));
	ATF_CHECK(node_fault(dma + (off_t)info.dma_size - 4096, VM_PROT_READ));
	ATF_CHECK(!node_fault(bar0 - 4096, VM_PROT_READ));
	ATF_CHECK(!node_fault(bar0 + EDU_BAR0_SIZE, VM_PROT_READ));
	ATF_CHECK(!node_fault(dma - 4096, VM_PROT_READ));
	ATF_CHECK(!node_fault(dma + (off_t)info.dma_size, VM_PROT_READ));
	ATF_CHECK(!node_fault(bar0, VM_PROT_READ | VM_PROT_EXECUTE));
	ATF_CHECK_EQ(node_mapped(), 4);
	ATF_CHECK_EQ(node_close(), 0);
	ATF_CHECK_EQ(node_mapped(), 0);
	ATF_CHECK(!node_fault(bar0, VM_PROT_READ));
	ATF_REQUIRE_EQ(node_open(FREAD), 0);
	ATF_CHECK(!node_fault_stale(bar0, VM_PROT_READ));
	ATF_CHECK(!node_fault_stale(dma, VM_PROT_READ));
	ATF_CHECK(node_fault(dma, VM_PROT_READ));
	ATF_CHECK_EQ(node_close(), 0);
	/* Somebody has got the next object before this open. */
	machine.strays = 1;
	ATF_REQUIRE_EQ(node_open(FREAD), 0);
	ATF_CHECK_EQ(node_strays(), 0);
	ATF_CHECK(node_fault(dma, VM_PROT_READ));
	stop();
}

STANDIN_CASE(engine, "close and detach wait for a DMA, and end one that hangs")
{

	start(0);
	machine.dma_cmd = EDU_DMA_CMD_RUN;
	machine.dma_ticks = 10;
	ATF_CHECK_EQ(node_close(), 0);
	ATF_CHECK_EQ(machine.dma_cmd, 0);
	ATF_CHECK(machine.csr & PCI_COMMAND_MASTER_ENABLE);

	ATF_REQUIRE_EQ(node_open(FREAD), 0);
	machine.dma_cmd = EDU_DMA_CMD_RUN;
	machine.dma_ticks = -1;
	ATF_CHECK_EQ(node_close(), 0);
	ATF_CHECK_EQ(machine.csr & PCI_COMMAND_MASTER_ENABLE, 0);
	ATF_REQUIRE_EQ(node_open(FREAD), 0);
	ATF_CHECK(machine.csr & PCI_COMMAND_MASTER_ENABLE);
	ATF_CHECK_EQ(node_close(), 0);
	ATF_CHECK_EQ(edu_do_detach(0), 0);
	ATF_CHECK_EQ(machine_held(), 0);
	machine.dma_cmd = 0;

	/* Not even so: then its memory must not be freed. */
	start(0);
	ATF_CHECK_EQ(node_close(), 0);
	machine.dma_cmd = EDU_DMA_CMD_RUN;
	machine.dma_ticks = -1;
	machine.is_master_stuck = true;
	ATF_CHECK_EQ(edu_do_detach(0), 0);
	ATF_CHECK_EQ(is_held(R_DMAMEM), 1);
	ATF_CHECK_EQ(is_held(R_BAR) + is_held(R_HANDLER) + is_held(R_MUTEX),
	    0);
}

STANDIN_CASE(power, "suspend, resume and shutdown")
{
	struct edu_event event;
	int flags;

	for (flags = 0; flags <= INTX; flags++) {
		start(flags);
		raise_and_deliver(BIT_A);
		ATF_REQUIRE(edu_do_power(false));
		raise_and_deliver(BIT_B);
		machine_tick(2 * SECOND);
		ATF_CHECK_EQ(node_ioctl(EDU_IOC_LOOK, &event), EAGAIN);
		check_event(BIT_A);
		check_nothing();
		/* As after a loss of power. */
		machine.csr = PCI_COMMAND_INTERRUPT_DISABLE;
		ATF_REQUIRE(edu_do_power(true));
		check_event(BIT_B);
		raise_and_deliver(BIT_A);
		check_event(BIT_A);
		ATF_CHECK(edu_do_shutdown());
		ATF_CHECK_EQ(machine.csr & (PCI_COMMAND_MASTER_ENABLE |
		    PCI_COMMAND_INTERRUPT_DISABLE),
		    PCI_COMMAND_INTERRUPT_DISABLE);
		stop();
	}
	start(0);
	machine.dma_cmd = EDU_DMA_CMD_RUN;
	machine.dma_ticks = -1;
	machine.is_master_stuck = true;
	ATF_CHECK(!edu_do_power(false));
	machine.is_master_stuck = false;
	stop();
}

/*
 * Threads.
 */

static atomic_uint in_flight, twice;
static atomic_int is_over, ended;

static void *
blocked_reader(void *arg)
{
	struct edu_event event;

	(void)arg;
	if (node_read(&event, sizeof(event), 0) == ENXIO)
		(void)atomic_fetch_add(&ended, 1);
	return NULL;
}

static void *
blocked_poller(void *arg)
{

	(void)arg;
	if (node_poll(POLLIN, 20000) & (POLLERR | POLLHUP))
		(void)atomic_fetch_add(&ended, 1);
	return NULL;
}

static void *
fetcher(void *arg)
{
	struct knote *kn = arg;
	int i;

	for (i = 0; i < 20000 && !node_scan(kn); i++)
		sleep_ms(1);
	(void)atomic_fetch_add(&ended, 1);
	return NULL;
}

static void
end_waits(int force)
{
	pthread_t threads[5];
	struct knote kn;
	int i;

	start(0);
	memset(&kn, 0, sizeof(kn));
	ATF_REQUIRE_EQ(node_kqfilter(&kn), 0);
	atomic_store(&ended, 0);
	for (i = 0; i < 4; i++)
		ATF_REQUIRE(pthread_create(&threads[i], NULL, i % 2 ?
		    blocked_poller : blocked_reader, NULL) == 0);
	ATF_REQUIRE(pthread_create(&threads[4], NULL, fetcher, &kn) == 0);
	sleep_ms(30);
	ATF_CHECK_EQ(atomic_load(&ended), 0);
	if (force)
		ATF_CHECK_EQ(edu_do_detach(DETACH_FORCE), 0);
	else
		ATF_CHECK_EQ(node_revoke(), 0);
	for (i = 0; i < 5; i++)
		ATF_REQUIRE(pthread_join(threads[i], NULL) == 0);
	ATF_CHECK_EQ(atomic_load(&ended), 5);
	node_remove(&kn);
	if (!force)
		stop();
	ATF_CHECK_EQ(machine_held(), 0);
}

STANDIN_CASE(waits_end, "revoke and forced detach end every kind of wait")
{
	int i;

	for (i = 0; i < 20; i++)
		end_waits(i % 2);
}

static void *
deliverer(void *arg)
{

	(void)arg;
	while (!atomic_load(&is_over)) {
		ATF_REQUIRE_MSG(machine_deliver(), "the machine hangs");
		sched_yield();
	}
	return NULL;
}

static void *
clock_thread(void *arg)
{

	(void)arg;
	while (!atomic_load(&is_over)) {
		machine_tick(1);
		sleep_ms(1);
	}
	return NULL;
}

static void *
consumer(void *arg)
{
	struct edu_event event;
	uint32_t before;

	(void)arg;
	while (!atomic_load(&is_over)) {
		if (node_read(&event, sizeof(event), 0) != 0)
			continue;
		before = atomic_fetch_and(&in_flight, ~event.status);
		(void)atomic_fetch_or(&twice, event.status & ~before);
		(void)node_poll(POLLIN, 1);
	}
	return NULL;
}

/* As libedu sizes: what it restores it has read, sooner or later. */
static void
close_decoding(long ms)
{
	pcireg_t csr;

	csr = pci_conf_read(0, 0, PCI_COMMAND_STATUS_REG) & PCI_COMMAND_MASK;
	pci_conf_write(0, 0, PCI_COMMAND_STATUS_REG,
	    (csr & ~PCI_COMMAND_MEM_ENABLE) | PCI_COMMAND_INTERRUPT_DISABLE);
	sleep_ms(ms);
	pci_conf_write(0, 0, PCI_COMMAND_STATUS_REG, csr);
}

/* As libpciaccess does. */
static void
move_away(long ms)
{

	machine_lock();
	machine.is_moved = true;
	machine_unlock();
	sleep_ms(ms);
	machine_lock();
	machine.is_moved = false;
	machine_unlock();
}

static void *
sizer(void *arg)
{
	struct edu_event event;
	unsigned i;

	(void)arg;
	for (i = 0; !atomic_load(&is_over); i++) {
		if (i / 16 % 2 == 0)
			close_decoding(i % 3);
		else
			move_away(i % 3);
		if (i % 4 == 0)
			(void)node_ioctl(EDU_IOC_LOOK, &event);
		sleep_ms(i % 2);
	}
	return NULL;
}

static void
storm(int flags)
{
	static void *(*const roles[])(void *) = {
		deliverer, clock_thread, consumer, consumer, sizer
	};
	pthread_t threads[5];
	uint32_t bit;
	int i, wait;

	start(flags);
	atomic_store(&is_over, 0);
	atomic_store(&in_flight, 0);
	for (i = 0; i < 5; i++)
		ATF_REQUIRE(pthread_create(&threads[i], NULL, roles[i],
		    NULL) == 0);
	for (i = 0; i < 2000; i++) {
		bit = 1U << i % 32;
		for (wait = 0; atomic_load(&in_flight) & bit; wait++) {
			ATF_REQUIRE_MSG(wait < 10000, "0x%x was lost; "
			    "command register 0x%x", bit, machine.csr);
			sleep_ms(1);
		}
		(void)atomic_fetch_or(&in_flight, bit);
		machine_raise(bit);
	}
	for (wait = 0; atomic_load(&in_flight) != 0 && wait < 10000; wait++)
		sleep_ms(1);
	ATF_CHECK_EQ(atomic_load(&in_flight), 0);
	ATF_CHECK_EQ(atomic_load(&twice), 0);
	atomic_store(&is_over, 1);
	ATF_CHECK_EQ(node_revoke(), 0);
	for (i = 0; i < 5; i++)
		ATF_REQUIRE(pthread_join(threads[i], NULL) == 0);
	ATF_REQUIRE_EQ(edu_do_detach(0), 0);
	ATF_CHECK_EQ(machine_held(), 0);
}

STANDIN_CASE(threads, "2,000 interrupts, readers, sizing: each bit once")
{

	storm(0);
	storm(INTX);
}

/* One opens, faults and closes without end; the other detaches. */
static void *
user(void *arg)
{
	struct edu_event event;
	struct edu_info info;

	(void)arg;
	while (!atomic_load(&is_over)) {
		if (node_open(FREAD) != 0)
			continue;
		if (node_ioctl(EDU_IOC_INFO, &info) == 0) {
			(void)node_fault((off_t)info.bar0_offset,
			    VM_PROT_READ);
			(void)node_fault((off_t)info.dma_offset, VM_PROT_READ);
		}
		(void)read_now(&event);
		(void)node_close();
		(void)node_fault((off_t)info.dma_offset, VM_PROT_READ);
	}
	return NULL;
}

STANDIN_CASE(detach_races, "detach while others open, fault and close")
{
	pthread_t thread, timer;
	int i, detached = 0;

	machine_reset();
	ATF_REQUIRE(edu_do_attach(0));
	atomic_store(&is_over, 0);
	ATF_REQUIRE(pthread_create(&thread, NULL, user, NULL) == 0);
	ATF_REQUIRE(pthread_create(&timer, NULL, clock_thread, NULL) == 0);
	for (i = 0; i < 300; i++) {
		if (edu_do_detach(i % 3 == 0 ? DETACH_FORCE : 0) == 0) {
			detached++;
			ATF_REQUIRE_EQ(node_mapped(), 0);
			ATF_REQUIRE(edu_do_attach(i % 2));
		}
		sleep_ms(1);
	}
	atomic_store(&is_over, 1);
	ATF_REQUIRE(pthread_join(thread, NULL) == 0);
	ATF_REQUIRE(pthread_join(timer, NULL) == 0);
	ATF_CHECK(detached >= 100);
	stop();
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, attach);
	ATF_TP_ADD_TC(tp, attach_fails);
	ATF_TP_ADD_TC(tp, attach_refuses);
	ATF_TP_ADD_TC(tp, dma_size);
	ATF_TP_ADD_TC(tp, module);
	ATF_TP_ADD_TC(tp, open_close);
	ATF_TP_ADD_TC(tp, interrupt);
	ATF_TP_ADD_TC(tp, read_errors);
	ATF_TP_ADD_TC(tp, ioctls);
	ATF_TP_ADD_TC(tp, windows);
	ATF_TP_ADD_TC(tp, unmasked_within);
	ATF_TP_ADD_TC(tp, raised_within);
	ATF_TP_ADD_TC(tp, message_lost);
	ATF_TP_ADD_TC(tp, storm_of_one);
	ATF_TP_ADD_TC(tp, vanish);
	ATF_TP_ADD_TC(tp, kqueue);
	ATF_TP_ADD_TC(tp, mappings);
	ATF_TP_ADD_TC(tp, engine);
	ATF_TP_ADD_TC(tp, power);
	ATF_TP_ADD_TC(tp, waits_end);
	ATF_TP_ADD_TC(tp, threads);
	ATF_TP_ADD_TC(tp, detach_races);
	return atf_no_error();
}
