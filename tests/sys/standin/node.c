/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* A stand-in for the file system of device nodes and for UVM: see standin.h. */

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "machine.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"

extern atomic_uint notified;

/*
 * The node: what the file system for device nodes sees to.
 */

static pthread_mutex_t node_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t node_cond = PTHREAD_COND_INITIALIZER;
static int node_calls, node_opens;
static bool node_closes;

/* An open waits for the close before it. */
static void
enter_call(void)
{
	(void)pthread_mutex_lock(&node_mutex);
	while (node_closes)
		(void)pthread_cond_wait(&node_cond, &node_mutex);
	node_calls++;
	(void)pthread_mutex_unlock(&node_mutex);
}

static void
exit_call(void)
{
	(void)pthread_mutex_lock(&node_mutex);
	node_calls--;
	(void)pthread_cond_broadcast(&node_cond);
	(void)pthread_mutex_unlock(&node_mutex);
}

/* Calls on a node that is not open fail before they reach the driver. */
static bool
enter_open_call(void)
{
	bool result;

	(void)pthread_mutex_lock(&node_mutex);
	result = node_opens > 0;
	if (result)
		node_calls++;
	(void)pthread_mutex_unlock(&node_mutex);
	return result;
}

/* It counts as open from the start: a revoke meanwhile has to close it. */
int
node_open(int flag)
{
	struct lwp l = { false };
	int error = ENXIO;
	device_t self;

	enter_call();
	(void)pthread_mutex_lock(&node_mutex);
	node_opens++;
	(void)pthread_mutex_unlock(&node_mutex);
	if ((self = device_lookup_acquire(&edu_cd, 0)) != NULL) {
		error = edu_cdevsw.d_open(0, flag, 0, &l);
		device_release(self);
	}
	(void)pthread_mutex_lock(&node_mutex);
	if (node_opens == 0 && error == 0)
		error = EBADF;
	else if (node_opens > 0 && error != 0)
		node_opens--;
	(void)pthread_mutex_unlock(&node_mutex);
	exit_call();
	return error;
}

/* Of those that try, one closes; the others wait until it has. */
int
node_close(void)
{
	struct lwp l = { false };
	bool is_mine;
	int error = ENXIO;

	(void)pthread_mutex_lock(&node_mutex);
	is_mine = node_opens > 0;
	node_closes |= is_mine;
	node_opens = 0;
	(void)pthread_mutex_unlock(&node_mutex);
	if (is_mine)
		(void)edu_cdevsw.d_cancel(0, 0, 0, &l);
	(void)pthread_mutex_lock(&node_mutex);
	while (node_calls > 0 || (!is_mine && node_closes))
		(void)pthread_cond_wait(&node_cond, &node_mutex);
	(void)pthread_mutex_unlock(&node_mutex);
	if (is_mine)
		error = edu_cdevsw.d_close(0, 0, 0, &l);
	(void)pthread_mutex_lock(&node_mutex);
	if (is_mine)
		node_closes = false;
	(void)pthread_cond_broadcast(&node_cond);
	(void)pthread_mutex_unlock(&node_mutex);
	return error;
}

int
node_revoke(void)
{
	return node_close();
}

int
node_read(void *buf, size_t size, int flag)
{
	struct uio uio = { size, buf };
	int error;

	if (!enter_open_call())
		return ENXIO;
	error = edu_cdevsw.d_read(0, &uio, flag);
	exit_call();
	return error;
}

int
node_ioctl(u_long cmd, void *data)
{
	struct lwp l = { false };
	int error;

	if (!enter_open_call())
		return ENXIO;
	error = edu_cdevsw.d_ioctl(0, cmd, data, FREAD, &l);
	exit_call();
	return error;
}

int
node_poll(int events, int ms)
{
	struct lwp l;
	int i, revents = 0;
	unsigned before;

	for (i = 0; revents == 0 && i <= ms * 10; i++) {
		before = atomic_load(&notified);
		l.l_recorded = false;
		if (!enter_open_call())
			return POLLERR;
		revents = edu_cdevsw.d_poll(0, events, &l);
		exit_call();
		if (revents == 0 && !l.l_recorded)
			standin_panic("poll without selrecord()");
		while (revents == 0 && i < ms * 10 &&
		    atomic_load(&notified) == before) {
			sleep_us(100);
			i++;
		}
	}
	return revents;
}

int
node_kqfilter(struct knote *kn)
{
	int error;

	if (!enter_open_call())
		return ENXIO;
	error = edu_cdevsw.d_kqfilter(0, kn);
	exit_call();
	return error;
}

void
vdevgone(int cmajor, int low, int high, int type)
{
	may_sleep();
	if (cmajor != 144 || low != 0 || high != 0)
		standin_panic("vdevgone");
	edu_commit();
	(void)node_revoke();
}

/*
 * Mappings.  The units of one device number share an object, found on a list
 * of one.  Its lock is held while a fault asks the driver, as UVM does.
 */

static struct uvm_object *the_object;
static pthread_mutex_t list_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t object_mutex = PTHREAD_MUTEX_INITIALIZER;
static atomic_int mappings;

static void
add_reference(struct uvm_object *object, int n)
{
	(void)pthread_mutex_lock(&object_mutex);
	(void)__atomic_add_fetch(&object->uo_refs, n, __ATOMIC_RELEASE);
	(void)pthread_mutex_unlock(&object_mutex);
}

static void
udv_detach(struct uvm_object *object)
{
	(void)pthread_mutex_lock(&list_mutex);
	add_reference(object, -1);
	if (object->uo_refs == 0) {
		the_object = NULL;
		free(object);
		drop(R_UOBJ);
	}
	(void)pthread_mutex_unlock(&list_mutex);
}

struct uvm_object *
udv_attach(dev_t dev, int prot, off_t offset, size_t size)
{
	static const struct uvm_pagerops ops = { udv_detach };
	struct uvm_object *object;

	may_sleep();
	if (edu_cdevsw.d_mmap(dev, offset, prot) == (paddr_t)-1)
		return NULL;
	(void)pthread_mutex_lock(&list_mutex);
	if (the_object == NULL) {
		the_object = calloc(1, sizeof(*the_object));
		the_object->pgops = &ops;
		hold(R_UOBJ);
	}
	object = the_object;
	add_reference(object, 1);
	(void)pthread_mutex_unlock(&list_mutex);
	return object;
}

bool
node_mmap(off_t offset)
{
	bool result = false;

	if (enter_open_call()) {
		result = udv_attach(0, VM_PROT_READ, offset, PAGE_SIZE) !=
		    NULL;
		exit_call();
	}
	if (result)
		(void)atomic_fetch_add(&mappings, 1);
	return result;
}

void
node_fork(void)
{
	add_reference(the_object, 1);
	(void)atomic_fetch_add(&mappings, 1);
}

void
node_munmap(void)
{
	(void)atomic_fetch_sub(&mappings, 1);
	udv_detach(the_object);
}

int
node_mappings(void)
{
	return atomic_load(&mappings);
}

bool
node_fault(off_t offset)
{
	bool result;

	(void)pthread_mutex_lock(&object_mutex);
	result = edu_cdevsw.d_mmap(0, offset, VM_PROT_READ) != (paddr_t)-1;
	(void)pthread_mutex_unlock(&object_mutex);
	return result;
}

/* Page n of BAR0 is number n, page n of the DMA memory number 1000 + n. */

paddr_t
bus_space_mmap(bus_space_tag_t t, bus_addr_t base, off_t offset, int prot,
    int flags)
{
	if (base != MACHINE_BAR0)
		standin_panic("not BAR0's address");
	return (paddr_t)offset / PAGE_SIZE;
}

paddr_t
bus_dmamem_mmap(bus_dma_tag_t t, bus_dma_segment_t *segs, int nsegs,
    off_t offset, int prot, int flags)
{
	return 1000 + (paddr_t)offset / PAGE_SIZE;
}
