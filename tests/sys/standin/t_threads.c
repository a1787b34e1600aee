/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* edu(4) in a stand-in for the kernel: what races. */

#include "h_standin.h"

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

EDU_TEST(waits_end, "revoke and forced detach end every kind of wait")
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
			(void)node_ioctl(EDU_IOC_RECHECK, &event);
		sleep_ms(i % 2);
	}
	return NULL;
}

/*
 * Where one processor acknowledges just as another sizes, the acknowledge is
 * lost, and the bit comes twice.
 */
static void
storm(int flags, int roles_used)
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
	atomic_store(&twice, 0);
	for (i = 0; i < roles_used; i++)
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
	if (roles_used == 4)
		ATF_CHECK_EQ(atomic_load(&twice), 0);
	atomic_store(&is_over, 1);
	ATF_CHECK_EQ(node_revoke(), 0);
	for (i = 0; i < roles_used; i++)
		ATF_REQUIRE(pthread_join(threads[i], NULL) == 0);
	ATF_REQUIRE_EQ(edu_do_detach(0), 0);
	ATF_CHECK_EQ(machine_held(), 0);
}

EDU_TEST(threads, "2,000 interrupts, readers, sizing: no bit is lost")
{
	storm(0, 4);
	storm(INTX, 4);
	storm(0, 5);
	storm(INTX, 5);
}

/* One opens, maps and closes without end; the other detaches. */
static void *
user(void *arg)
{
	struct edu_info info;
	int i;

	(void)arg;
	while (!atomic_load(&is_over)) {
		if (node_open(FREAD) != 0)
			continue;
		if (node_ioctl(EDU_IOC_INFO, &info) == 0 &&
		    node_mmap((off_t)info.dma_offset)) {
			(void)node_close();
			for (i = 0; i < 50; i++)
				(void)node_fault((off_t)info.dma_offset);
			node_munmap();
		}
		(void)node_close();
	}
	return NULL;
}

EDU_TEST(detach_races, "detach while others open, map, fault and close")
{
	pthread_t thread, timer;
	int i, detached = 0, busy = 0;

	machine_reset();
	ATF_REQUIRE(edu_do_attach(0));
	atomic_store(&is_over, 0);
	ATF_REQUIRE(pthread_create(&thread, NULL, user, NULL) == 0);
	ATF_REQUIRE(pthread_create(&timer, NULL, clock_thread, NULL) == 0);
	for (i = 0; i < 200000 && (detached < 50 || busy < 50); i++) {
		if (edu_do_detach(0) == 0) {
			detached++;
			ATF_REQUIRE(edu_do_attach(i % 2));
		} else
			busy++;
		if (i % 4 == 0)
			sleep_ms(1);
	}
	atomic_store(&is_over, 1);
	ATF_REQUIRE(pthread_join(thread, NULL) == 0);
	ATF_REQUIRE(pthread_join(timer, NULL) == 0);
	printf("%d detached, %d busy\n", detached, busy);
	ATF_CHECK(detached >= 50 && busy >= 50);
	stop();
}
