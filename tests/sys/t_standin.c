/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * edu(4), its very files, in a STAND-IN for the NetBSD kernel: see
 * standin/standin.h.  What is found here needs no NetBSD to be found; what is
 * not found here may still be wrong in one.  Timing is all but free of chance:
 * where two things race, every order is tried in turn.
 */

#include "h_standin.h"

EDU_TEST(attach, "attach enables, acknowledges, identifies; detach undoes")
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

EDU_TEST(attach_fails, "each step of attach fails in turn, detach undoes")
{
	int i, failed = 0;

	for (i = 1; i < 20; i++) {
		machine_reset();
		machine.fail_at = i;
		if (edu_do_attach(0)) {
			machine.fail_at = 0;
			ATF_REQUIRE_EQ(node_open(FREAD), 0);
			raise_and_deliver(BIT_A);
			check_event(BIT_A);
			(void)node_close();
		} else {
			failed++;
			ATF_CHECK_EQ(node_open(FREAD), ENXIO);
		}
		ATF_CHECK_EQ(edu_do_detach(0), 0);
		ATF_CHECK_EQ(machine_held(), 0);
	}
	/* BAR0, five of DMA, two of the interrupt. */
	ATF_CHECK_EQ_MSG(failed, 8, "%d steps failed", failed);
}

EDU_TEST(attach_refuses, "attach refuses what is no edu device")
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
	/* INTx where there is no MSI. */
	machine_reset();
	machine.has_msi = false;
	ATF_CHECK(edu_do_attach(0));
	ATF_CHECK(!machine.uses_msi);
	ATF_CHECK_EQ(edu_do_detach(0), 0);
	ATF_CHECK_EQ(machine_held(), 0);
}

EDU_TEST(module, "each step of loading fails in turn; unload says busy")
{
	struct prop_dictionary properties = { .flags = INTX };
	struct edu_info info;
	int i, failed = 0;

	for (i = 0; i < 4; i++) {
		machine_reset();
		machine.fail_at = i;
		if (edu_module(MODULE_CMD_INIT, NULL) != 0)
			failed++;
		else
			ATF_CHECK_EQ(edu_module(MODULE_CMD_FINI, NULL), 0);
		ATF_CHECK_EQ(machine_held(), 0);
	}
	ATF_CHECK_EQ(failed, 2);
	machine_reset();
	ATF_CHECK_EQ(edu_module(MODULE_CMD_INIT, &properties), 0);
	ATF_CHECK_EQ(edu_module(MODULE_CMD_STAT, NULL), ENOTTY);
	ATF_REQUIRE_EQ(node_open(FREAD), 0);
	ATF_REQUIRE_EQ(node_ioctl(EDU_IOC_INFO, &info), 0);
	ATF_CHECK_EQ(info.interrupt, EDU_IO_INTX);
	ATF_CHECK_EQ(edu_module(MODULE_CMD_FINI, NULL), EBUSY);
	ATF_REQUIRE(node_mmap((off_t)info.dma_offset));
	ATF_CHECK_EQ(node_close(), 0);
	ATF_CHECK_EQ(edu_module(MODULE_CMD_FINI, NULL), EBUSY);
	node_munmap();
	ATF_CHECK_EQ(edu_module(MODULE_CMD_FINI, NULL), 0);
	ATF_CHECK_EQ(machine_held(), 0);
}

EDU_TEST(dma_mask, "memory lies within 28 bits, or the module's mask")
{
	struct prop_dictionary properties = { .dma_mask = UINT32_MAX };

	start(0);
	ATF_CHECK_EQ(machine.dma_limit, 0x0fffffff);
	stop();
	machine_reset();
	ATF_CHECK_EQ(edu_module(MODULE_CMD_INIT, &properties), 0);
	ATF_CHECK_EQ(machine.dma_limit, UINT32_MAX);
	ATF_CHECK_EQ(edu_module(MODULE_CMD_FINI, NULL), 0);
	ATF_CHECK_EQ(machine_held(), 0);
}

EDU_TEST(open_close, "one opens at a time, and for reading")
{
	start(0);
	ATF_CHECK_EQ(node_open(FREAD), EBUSY);
	ATF_CHECK_EQ(node_open(FWRITE), EBUSY);
	ATF_CHECK_EQ(edu_do_detach(0), EBUSY);
	ATF_CHECK_EQ(node_close(), 0);
	ATF_CHECK_EQ(node_open(FWRITE), EINVAL);
	ATF_CHECK_EQ(node_open(FREAD), 0);
	stop();
}

EDU_TEST(interrupt, "the handler takes what is ours and nothing else")
{
	struct edu_event event;
	int flags;

	for (flags = 0; flags <= INTX; flags++) {
		start(flags);
		machine.accesses = 0;
		raise_and_deliver(BIT_A);
		ATF_CHECK_EQ(machine.accesses, 2);
		ATF_CHECK_EQ(machine.status, 0);
		raise_and_deliver(BIT_B);
		check_event(BIT_A | BIT_B);
		check_nothing();
		/* All ones may be as well that nothing answers. */
		raise_and_deliver(UINT32_MAX);
		machine_tick(LATER);
		ATF_REQUIRE_EQ(read_now(&event), 0);
		ATF_CHECK_EQ(event.status, UINT32_MAX);
		ATF_CHECK_EQ(event.count, 3);
		ATF_CHECK_EQ(event.reserved, 0);
		machine_tick(LATER);
		/* A neighbour's: nothing is masked. */
		machine.is_moved = true;
		machine.messages = 1;
		ATF_CHECK(machine_deliver());
		ATF_CHECK_EQ(machine.csr & PCI_COMMAND_INTERRUPT_DISABLE,
		    flags == INTX ? 0 : PCI_COMMAND_INTERRUPT_DISABLE);
		machine.is_moved = false;
		machine_tick(LATER);
		check_nothing();
		stop();
	}
}

EDU_TEST(read_errors, "a read that fails takes nothing")
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

EDU_TEST(ioctls, "ioctls, good and bad")
{
	struct edu_event event;
	int on = 1;

	start(INTX);
	ATF_CHECK_EQ(node_ioctl(FIONBIO, &on), 0);
	ATF_CHECK_EQ(node_ioctl(FIOASYNC, &on), 0);
	ATF_CHECK_EQ(node_ioctl(0, &on), ENOTTY);
	ATF_CHECK_EQ(node_ioctl(_IOR('E', 3, int), &on), ENOTTY);
	/* Masked by somebody: it is found, unmasked, and not taken. */
	machine.csr |= PCI_COMMAND_INTERRUPT_DISABLE;
	raise_and_deliver(BIT_A);
	check_nothing();
	ATF_CHECK_EQ(node_ioctl(EDU_IOC_RECHECK, &event), 0);
	ATF_CHECK_EQ(event.status, BIT_A);
	ATF_CHECK_EQ(machine.csr & PCI_COMMAND_INTERRUPT_DISABLE, 0);
	ATF_CHECK_EQ(node_ioctl(EDU_IOC_RECHECK, &event), 0);
	check_event(BIT_A);
	machine.is_moved = true;
	ATF_CHECK_EQ(node_ioctl(EDU_IOC_RECHECK, &event), EAGAIN);
	/* What somebody masks meanwhile stays so until the next one. */
	machine.csr |= PCI_COMMAND_INTERRUPT_DISABLE;
	machine.is_moved = false;
	machine_tick(LATER);
	ATF_CHECK(machine.csr & PCI_COMMAND_INTERRUPT_DISABLE);
	stop();
}

/*
 * Windows.  For each pair of accesses, BAR0 moves away before the one and
 * back before the other, or only later, as with several processors.
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

/*
 * BIT_A is raised before the window, and must be read soon after it.  Where
 * the acknowledge is lost, it is read again once the sizer has the driver
 * check again.
 */
static void
check_window(const struct window *w)
{
	struct edu_event event;
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
	machine_tick(LATER);
	ATF_REQUIRE_MSG(machine_deliver(), "the machine hangs");
	machine.close_at = machine.open_at = machine.raise_at = 0;
	machine_open();
	machine_tick(LATER);
	ATF_REQUIRE_MSG(machine_deliver(), "the machine hangs");
	n = times_reported(BIT_A, BIT_B);
	ATF_CHECK_MSG(n >= 1, "closed %d to %d: not looked for again",
	    w->close_at, w->open_at);
	if (w->flags == INTX)
		ATF_CHECK_EQ(machine.csr & PCI_COMMAND_INTERRUPT_DISABLE, 0);
	ATF_CHECK_EQ(node_ioctl(EDU_IOC_RECHECK, &event), 0);
	ATF_CHECK_EQ(machine.status, 0);
	n += times_reported(BIT_A, BIT_B);
	ATF_CHECK_MSG(n == 1 || (n == 2 && w->close_at <= 2), "flags %d, %s, "
	    "%d raised, closed %d to %d as 0x%x: reported %d times", w->flags,
	    w->is_careful ? "careful" : "careless", 1 + w->is_raised,
	    w->close_at, w->open_at, w->value, n);
	machine_tick(2 * LATER);
	ATF_REQUIRE_MSG(machine_deliver(), "the machine hangs");
	ATF_CHECK_EQ(times_reported(BIT_A, BIT_B), 0);
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

EDU_TEST(windows, "an interrupt at any point of a window: read, no hang")
{
	static const uint32_t values[] = { 0, UINT32_MAX };
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
EDU_TEST(unmasked_within, "the driver's own mask goes, decoding stays")
{
	int close_at, open_at;

	for (close_at = 1; close_at < 10; close_at++)
		for (open_at = close_at + 1; open_at < 12; open_at++) {
			start(INTX);
			machine.is_moved = true;
			raise_and_deliver(BIT_A);
			machine.is_moved = false;
			ATF_REQUIRE(machine.csr &
			    PCI_COMMAND_INTERRUPT_DISABLE);
			machine.is_careful = true;
			machine.accesses = 0;
			machine.close_at = close_at;
			machine.open_at = open_at;
			machine_tick(2);
			machine.close_at = machine.open_at = 0;
			machine_open();
			machine_tick(2 * LATER);
			ATF_CHECK_MSG(machine.csr & PCI_COMMAND_MEM_ENABLE,
			    "lost at %d to %d", close_at, open_at);
			ATF_REQUIRE(machine_deliver());
			ATF_CHECK(times_reported(BIT_A, 0) >= 1);
			ATF_CHECK_EQ_MSG(machine.csr &
			    PCI_COMMAND_INTERRUPT_DISABLE, 0,
			    "masked at %d to %d", close_at, open_at);
			stop();
		}
}

EDU_TEST(raised_within, "raised again at any point of the handler: once")
{
	int at, flags, n;

	for (flags = 0; flags <= INTX; flags++)
		for (at = 1; at < 6; at++) {
			start(flags);
			machine.accesses = 0;
			machine.raise_at = at;
			machine.raise_bits = BIT_B;
			raise_and_deliver(BIT_A);
			if (machine.accesses < at)
				machine_raise(BIT_B);
			ATF_REQUIRE(machine_deliver());
			machine_tick(LATER);
			n = times_reported(BIT_B, BIT_A);
			ATF_CHECK_EQ_MSG(n, 1, "at %d: %d times", at, n);
			stop();
		}
}

EDU_TEST(message_lost, "an MSI lost to bus mastering waits for a recheck")
{
	struct edu_event event;

	start(0);
	machine.csr &= ~PCI_COMMAND_MASTER_ENABLE;
	raise_and_deliver(BIT_A);
	check_nothing();
	ATF_CHECK_EQ(node_ioctl(EDU_IOC_RECHECK, &event), 0);
	check_event(BIT_A);
	/* An open looks as well. */
	ATF_CHECK_EQ(node_close(), 0);
	raise_and_deliver(BIT_B);
	ATF_CHECK_EQ(node_open(FREAD), 0);
	ATF_CHECK(machine.csr & PCI_COMMAND_MASTER_ENABLE);
	check_event(BIT_B);
	stop();
}

EDU_TEST(vanish, "unplugged at any point: a recheck tells, no hang")
{
	static const uint32_t values[] = { 0, UINT32_MAX };
	struct edu_event event;
	int at;

	for (at = 1; at < 12; at++) {
		start(at % 2);
		machine.accesses = 0;
		machine.vanish_at = at;
		machine.closed_value = values[at / 2 % 2];
		raise_and_deliver(BIT_A);
		while (machine.accesses < at)
			(void)node_ioctl(EDU_IOC_RECHECK, &event);
		machine_tick(LATER);
		ATF_REQUIRE(machine_deliver());
		ATF_CHECK_EQ(node_ioctl(EDU_IOC_RECHECK, &event), ENXIO);
		/* Nobody looks again and again. */
		machine_tick(LATER);
		machine.accesses = 0;
		machine_tick(100);
		ATF_CHECK_EQ(machine.accesses, 0);
		stop();
	}
}

EDU_TEST(kqueue, "notes: readable, end of file, of an earlier open")
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

EDU_TEST(mappings, "what is mapped, and that it makes the unit busy")
{
	struct edu_info info;
	off_t bar0, dma;

	start(0);
	ATF_REQUIRE_EQ(node_ioctl(EDU_IOC_INFO, &info), 0);
	bar0 = (off_t)info.bar0_offset;
	dma = (off_t)info.dma_offset;
	ATF_CHECK(!node_mmap(bar0 - 4096));
	ATF_CHECK(!node_mmap(bar0 + EDU_BAR0_SIZE));
	ATF_CHECK(!node_mmap(dma - 4096));
	ATF_CHECK(!node_mmap(dma + (off_t)info.dma_size));
	ATF_CHECK(node_mmap(bar0 + EDU_BAR0_SIZE - 4096));
	ATF_CHECK(node_mmap(dma + (off_t)info.dma_size - 4096));
	/* It outlives the open, revoked or not, and is good as long. */
	ATF_CHECK_EQ(node_revoke(), 0);
	ATF_CHECK(node_fault(bar0) && node_fault(dma));
	ATF_CHECK_EQ(node_open(FREAD), EBUSY);
	ATF_CHECK_EQ(edu_do_detach(0), EBUSY);
	node_munmap();
	ATF_CHECK_EQ(node_open(FREAD), EBUSY);
	node_fork();
	node_munmap();
	ATF_CHECK_EQ(node_open(FREAD), EBUSY);
	ATF_CHECK_EQ(edu_do_detach(0), EBUSY);
	node_munmap();
	ATF_CHECK_EQ(node_open(FREAD), 0);
	stop();
}

EDU_TEST(forced, "a forced detach leaves memory that is mapped alone")
{
	off_t dma;
	struct edu_info info;

	start(0);
	ATF_REQUIRE_EQ(node_ioctl(EDU_IOC_INFO, &info), 0);
	dma = (off_t)info.dma_offset;
	ATF_REQUIRE(node_mmap(dma));
	ATF_CHECK_EQ(edu_do_detach(DETACH_FORCE), 0);
	ATF_CHECK_EQ(is_held(R_DMAMEM), 1);
	ATF_CHECK_EQ(is_held(R_BAR) + is_held(R_HANDLER) + is_held(R_MUTEX),
	    0);
	ATF_CHECK(!node_fault(dma));
	/* The next unit of this name is not to be had before it ends. */
	ATF_REQUIRE(edu_do_attach(0));
	ATF_CHECK_EQ(node_open(FREAD), EBUSY);
	node_munmap();
	ATF_CHECK_EQ(node_open(FREAD), 0);
	ATF_CHECK_EQ(node_close(), 0);
	ATF_CHECK_EQ(edu_do_detach(0), 0);
	ATF_CHECK_EQ(is_held(R_DMAMEM), 1);
	ATF_CHECK_EQ(is_held(R_UOBJ), 0);
}

EDU_TEST(engine, "open and detach end a DMA; the memory is as new")
{
	start(0);
	memset(machine.memory, 0x5a, 65536);
	machine.dma_cmd = EDU_DMA_CMD_RUN;
	machine.dma_ticks = 10;
	ATF_CHECK_EQ(node_close(), 0);
	ATF_CHECK_EQ(node_open(FREAD), 0);
	ATF_CHECK_EQ(machine.dma_cmd, 0);
	ATF_CHECK(machine.csr & PCI_COMMAND_MASTER_ENABLE);
	ATF_CHECK_EQ(machine.memory[0], 0);
	ATF_CHECK_EQ(machine.memory[65535], 0);
	ATF_CHECK_EQ(node_close(), 0);

	/* One that does not end: nobody gets the unit, nothing is freed. */
	machine.dma_cmd = EDU_DMA_CMD_RUN;
	machine.dma_ticks = -1;
	ATF_CHECK_EQ(node_open(FREAD), EIO);
	ATF_CHECK_EQ(machine.csr & PCI_COMMAND_MASTER_ENABLE, 0);
	ATF_CHECK_EQ(edu_do_detach(0), 0);
	ATF_CHECK_EQ(is_held(R_DMAMEM), 1);
	ATF_CHECK_EQ(is_held(R_BAR) + is_held(R_HANDLER) + is_held(R_MUTEX),
	    0);
}
