/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* A stand-in for the kernel around edu.c: see standin.h. */

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "machine.h"
#include "edureg.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"

static void
sleep_us(long us)
{
	struct timespec ts = { 0, us * 1000 };

	(void)nanosleep(&ts, NULL);
}

/*
 * Locks.
 */

struct lock {
	pthread_mutex_t	mutex;
	atomic_uintptr_t owner;
};
static _Thread_local char me;

static struct lock *
new_lock(void)
{
	struct lock *l = calloc(1, sizeof(*l));

	if (l == NULL || pthread_mutex_init(&l->mutex, NULL) != 0)
		standin_panic("out of memory");
	return l;
}

static void
free_lock(struct lock *l)
{

	if (pthread_mutex_destroy(&l->mutex) != 0)
		standin_panic("destroying a lock in use");
	free(l);
}

void
mutex_init(kmutex_t *m, int type, int ipl)
{

	if (ipl != IPL_VM)
		standin_panic("not the interrupt's level");
	m->impl = new_lock();
	hold(R_MUTEX);
}

void
mutex_destroy(kmutex_t *m)
{

	drop(R_MUTEX);
	free_lock(m->impl);
	m->impl = NULL;
}

void
mutex_enter(kmutex_t *m)
{
	struct lock *l = m->impl;

	if (mutex_owned(m))
		standin_panic("locking against myself");
	(void)pthread_mutex_lock(&l->mutex);
	atomic_store(&l->owner, (uintptr_t)&me);
	spin_held++;
}

void
mutex_exit(kmutex_t *m)
{
	struct lock *l = m->impl;

	if (!mutex_owned(m))
		standin_panic("not the owner");
	spin_held--;
	atomic_store(&l->owner, 0);
	(void)pthread_mutex_unlock(&l->mutex);
}

bool
mutex_owned(kmutex_t *m)
{
	struct lock *l = m->impl;

	return atomic_load(&l->owner) == (uintptr_t)&me;
}

void
cv_init(kcondvar_t *cv, const char *name)
{

	cv->impl = calloc(1, sizeof(pthread_cond_t));
	if (cv->impl == NULL || pthread_cond_init(cv->impl, NULL) != 0)
		standin_panic("out of memory");
	hold(R_CV);
}

void
cv_destroy(kcondvar_t *cv)
{

	drop(R_CV);
	(void)pthread_cond_destroy(cv->impl);
	free(cv->impl);
}

void
cv_broadcast(kcondvar_t *cv)
{
	(void)pthread_cond_broadcast(cv->impl);
}

/* Wakes without cause now and then, as it may. */
int
cv_wait_sig(kcondvar_t *cv, kmutex_t *m)
{
	struct lock *l = m->impl;
	struct timespec until;
	int error;

	if (spin_held != 1)
		standin_panic("sleeping with another spin lock held");
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 20000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	spin_held--;
	atomic_store(&l->owner, 0);
	(void)pthread_cond_timedwait(cv->impl, &l->mutex, &until);
	atomic_store(&l->owner, (uintptr_t)&me);
	spin_held++;
	machine_lock();
	error = machine.signal ? EINTR : 0;
	machine.signal = 0;
	machine_unlock();
	return error;
}

void
rw_enter(krwlock_t *rw, int op)
{
	struct lock *l = rw->impl;

	may_sleep();
	(void)pthread_mutex_lock(&l->mutex);
}

void
rw_exit(krwlock_t *rw)
{
	struct lock *l = rw->impl;

	(void)pthread_mutex_unlock(&l->mutex);
}

/*
 * Time.  One callout is all there is.
 */

static pthread_mutex_t time_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t time_cond = PTHREAD_COND_INITIALIZER;
static callout_t *callout;
static bool callout_runs;

void
callout_init(callout_t *c, int flags)
{

	if (flags != CALLOUT_MPSAFE)
		standin_panic("callout takes the kernel lock");
	(void)pthread_mutex_lock(&time_mutex);
	c->due = -1;
	callout = c;
	(void)pthread_mutex_unlock(&time_mutex);
	hold(R_CALLOUT);
}

void
callout_destroy(callout_t *c)
{

	(void)pthread_mutex_lock(&time_mutex);
	if (c->due != -1 || callout_runs)
		standin_panic("destroying a callout in use");
	callout = NULL;
	(void)pthread_mutex_unlock(&time_mutex);
	drop(R_CALLOUT);
}

void
callout_setfunc(callout_t *c, void (*func)(void *), void *arg)
{

	c->func = func;
	c->arg = arg;
}

void
callout_schedule(callout_t *c, int ticks)
{

	if (ticks <= 0)
		standin_panic("callout without delay");
	(void)pthread_mutex_lock(&time_mutex);
	if (callout != c)
		standin_panic("callout not initialized");
	c->due = ticks;
	(void)pthread_mutex_unlock(&time_mutex);
}

bool
callout_halt(callout_t *c, void *interlock)
{

	may_sleep();
	(void)pthread_mutex_lock(&time_mutex);
	c->due = -1;
	while (callout_runs)
		(void)pthread_cond_wait(&time_cond, &time_mutex);
	c->due = -1;
	(void)pthread_mutex_unlock(&time_mutex);
	return false;
}

static void
tick(void)
{
	callout_t *c;

	(void)pthread_mutex_lock(&time_mutex);
	c = callout;
	if (c != NULL && c->due > 0 && --c->due == 0 && !callout_runs) {
		c->due = -1;
		callout_runs = true;
		(void)pthread_mutex_unlock(&time_mutex);
		c->func(c->arg);
		(void)pthread_mutex_lock(&time_mutex);
		callout_runs = false;
		(void)pthread_cond_broadcast(&time_cond);
	}
	(void)pthread_mutex_unlock(&time_mutex);
}

void
machine_tick(int ticks)
{

	while (ticks-- > 0)
		tick();
}

int
kpause(const char *name, bool intr, int ticks, void *lock)
{

	may_sleep();
	machine_lock();
	if (machine.dma_ticks > 0 && --machine.dma_ticks == 0)
		machine.dma_cmd &= ~(uint32_t)EDU_DMA_CMD_RUN;
	machine_unlock();
	sleep_us(100);
	return 0;
}

uint32_t
cprng_fast32(void)
{
	static atomic_uint n;

	return atomic_fetch_add(&n, 1) + 1;
}

int
uiomove(void *data, size_t n, struct uio *uio)
{

	may_sleep();
	if (uio->uio_buf == NULL)
		return EFAULT;
	memcpy(uio->uio_buf, data, n);
	uio->uio_resid -= n;
	return 0;
}

void
evcnt_attach_dynamic(struct evcnt *ev, int type, const struct evcnt *parent,
    const char *group, const char *name)
{

	ev->ev_count = 0;
	hold(R_EVCNT);
}

void
evcnt_detach(struct evcnt *ev)
{

	drop(R_EVCNT);
}

/*
 * select and kqueue.
 */

static atomic_uint notified;
static pthread_mutex_t note_mutex = PTHREAD_MUTEX_INITIALIZER;

static int
no_event(struct knote *kn, long hint)
{

	return 0;
}

static void
no_detach(struct knote *kn)
{
}

static const struct filterops no_filtops = {
	FILTEROP_ISFD | FILTEROP_MPSAFE, no_detach, no_event
};

void
selinit(struct selinfo *sip)
{

	sip->sel_klist.slh_first = NULL;
	hold(R_SEL);
}

void
seldestroy(struct selinfo *sip)
{
	struct knote *kn;

	may_sleep();
	(void)pthread_mutex_lock(&note_mutex);
	SLIST_FOREACH(kn, &sip->sel_klist, kn_selnext)
		kn->kn_fop = &no_filtops;
	(void)pthread_mutex_unlock(&note_mutex);
	drop(R_SEL);
}

void
selrecord(struct lwp *l, struct selinfo *sip)
{

	l->l_recorded = true;
}

void
selnotify(struct selinfo *sip, int events, long hint)
{
	struct knote *kn;

	SLIST_FOREACH(kn, &sip->sel_klist, kn_selnext)
		if (kn->kn_fop->f_event(kn, hint))
			kn->kn_active = true;
	(void)atomic_fetch_add(&notified, 1);
}

void
selrecord_knote(struct selinfo *sip, struct knote *kn)
{

	kn->kn_selnext.sle_next = sip->sel_klist.slh_first;
	sip->sel_klist.slh_first = kn;
}

bool
selremove_knote(struct selinfo *sip, struct knote *kn)
{
	struct knote **p = &sip->sel_klist.slh_first;

	while (*p != kn) {
		if (*p == NULL)
			standin_panic("no such note");
		p = &(*p)->kn_selnext.sle_next;
	}
	*p = kn->kn_selnext.sle_next;
	return sip->sel_klist.slh_first == NULL;
}

void
knote_set_eof(struct knote *kn, uint32_t flags)
{

	/* Under kqueue's own lock. */
	(void)__atomic_or_fetch(&kn->kn_flags, EV_EOF | flags,
	    __ATOMIC_SEQ_CST);
}

bool
node_scan(struct knote *kn)
{
	bool result;

	(void)pthread_mutex_lock(&note_mutex);
	if (__atomic_load_n(&kn->kn_flags, __ATOMIC_SEQ_CST) & EV_ONESHOT)
		result = true;
	else
		result = kn->kn_fop->f_event(kn, 0);
	(void)pthread_mutex_unlock(&note_mutex);
	return result;
}

void
node_remove(struct knote *kn)
{

	(void)pthread_mutex_lock(&note_mutex);
	kn->kn_fop->f_detach(kn);
	(void)pthread_mutex_unlock(&note_mutex);
}

/*
 * Mappings: page n of BAR0 is number n, page n of the DMA memory number
 * 1000 + n.
 */

#define NPAGES	2000

/* The object of this open, or of the last, and the one before it. */
static struct udv {
	struct uvm_device device;
	krwlock_t	lock;
} udvs[2];
static atomic_int udv_now;
static atomic_bool mapped[NPAGES];
static bool is_tracked;

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

paddr_t
pmap_phys_address(paddr_t cookie)
{
	return cookie;
}

void *
pmap_pv_tracked(paddr_t pa)
{

	return is_tracked ? &is_tracked : NULL;
}

void
pmap_pv_track(paddr_t pa, size_t size)
{

	may_sleep();
	if (pa != 0 || size != EDU_BAR0_SIZE || is_tracked)
		standin_panic("pmap_pv_track");
	is_tracked = true;
}

void
pmap_pv_protect(paddr_t pa, int prot)
{

	if (!is_tracked || pa >= 1000 || prot != VM_PROT_NONE)
		standin_panic("pmap_pv_protect");
	atomic_store(&mapped[pa], false);
}

struct vm_page *
PHYS_TO_VM_PAGE(paddr_t pa)
{

	return pa >= 1000 ? (struct vm_page *)(uintptr_t)pa : NULL;
}

void
pmap_page_protect(struct vm_page *page, int prot)
{

	if (prot != VM_PROT_NONE)
		standin_panic("pmap_page_protect");
	atomic_store(&mapped[(uintptr_t)page], false);
}

int
node_mapped(void)
{
	int i, n = 0;

	for (i = 0; i < NPAGES; i++)
		n += atomic_load(&mapped[i]);
	return n;
}

static void
udv_detach(struct uvm_object *object)
{

	if (object != &udvs[atomic_load(&udv_now)].device.u_obj)
		standin_panic("another object");
	drop(R_UOBJ);
}

struct uvm_object *
udv_attach(dev_t dev, int prot, off_t offset, size_t size)
{
	static const struct uvm_pagerops ops = { udv_detach };
	struct udv *udv = &udvs[atomic_load(&udv_now)];

	may_sleep();
	if (size != PAGE_SIZE ||
	    edu_cdevsw.d_mmap(dev, offset, prot) == (paddr_t)-1)
		return NULL;
	if (udv->lock.impl == NULL || udv->device.u_device != dev) {
		atomic_store(&udv_now, !atomic_load(&udv_now));
		udv = &udvs[atomic_load(&udv_now)];
		if (udv->lock.impl == NULL)
			udv->lock.impl = new_lock();
		rw_enter(&udv->lock, RW_WRITER);
		udv->device.u_obj.vmobjlock = &udv->lock;
		udv->device.u_obj.pgops = &ops;
		udv->device.u_obj.uo_refs = 1 + (unsigned)machine.strays;
		machine.strays = 0;
		udv->device.u_device = dev;
		rw_exit(&udv->lock);
	}
	hold(R_UOBJ);
	return &udv->device.u_obj;
}

static bool
fault(struct udv *udv, off_t offset, int prot)
{
	paddr_t pa = (paddr_t)-1;

	if (udv->lock.impl == NULL)
		return false;
	rw_enter(&udv->lock, RW_WRITER);
	if (udv->device.u_device != NODEV)
		pa = edu_cdevsw.d_mmap(udv->device.u_device, offset, prot);
	if (pa != (paddr_t)-1) {
		sleep_us(10);
		atomic_store(&mapped[pa], true);
	}
	rw_exit(&udv->lock);
	return pa != (paddr_t)-1;
}

bool
node_fault(off_t offset, int prot)
{
	return fault(&udvs[atomic_load(&udv_now)], offset, prot);
}

int
node_strays(void)
{
	return (int)udvs[atomic_load(&udv_now)].device.u_obj.uo_refs - 1;
}

bool
node_fault_stale(off_t offset, int prot)
{
	return fault(&udvs[!atomic_load(&udv_now)], offset, prot);
}

/*
 * Autoconfiguration: one unit.
 */

struct device {
	void	*private;
	struct device *parent;
	struct cfdata cfdata;
	bool	is_attached, is_detaching, is_committed;
	int	references;
	bool	(*suspend)(device_t, const pmf_qual_t *);
	bool	(*resume)(device_t, const pmf_qual_t *);
	bool	(*shutdown)(device_t, int);
};
static struct device pci0, edu0;
static pthread_mutex_t config_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t config_cond = PTHREAD_COND_INITIALIZER;
static bool is_said;		/* the driver has complained */

void *
device_private(device_t self)
{
	return self->private;
}

int
device_unit(device_t self)
{

	return 0;
}

device_t
device_parent(device_t self)
{
	return self->parent;
}

cfdata_t
device_cfdata(device_t self)
{
	return &self->cfdata;
}

const char *
device_xname(device_t self)
{

	return "edu0";
}

int
dev_minor_unit(dev_t dev)
{
	return (int)(dev & 0xff);
}

void *
device_lookup_private(struct cfdriver *cd, int unit)
{
	void *result;

	if (cd != &edu_cd || unit != 0)
		return NULL;
	(void)pthread_mutex_lock(&config_mutex);
	result = edu0.private;
	(void)pthread_mutex_unlock(&config_mutex);
	return result;
}

device_t
device_lookup_acquire(struct cfdriver *cd, int unit)
{
	device_t result = NULL;

	may_sleep();
	(void)pthread_mutex_lock(&config_mutex);
	while (edu0.is_attached && edu0.is_detaching && !edu0.is_committed)
		(void)pthread_cond_wait(&config_cond, &config_mutex);
	if (cd == &edu_cd && unit == 0 && edu0.is_attached &&
	    !edu0.is_committed) {
		edu0.references++;
		result = &edu0;
	}
	(void)pthread_mutex_unlock(&config_mutex);
	return result;
}

void
device_release(device_t self)
{

	(void)pthread_mutex_lock(&config_mutex);
	self->references--;
	(void)pthread_cond_broadcast(&config_cond);
	(void)pthread_mutex_unlock(&config_mutex);
}

/* Formats are checked by the compiler. */
void
device_printf(device_t self, const char *format, ...)
{
}

void
aprint_normal_dev(device_t self, const char *format, ...)
{
}

void
aprint_error_dev(device_t self, const char *format, ...)
{
	is_said = true;
}

bool
pmf_device_register1(device_t self,
    bool (*suspend)(device_t, const pmf_qual_t *),
    bool (*resume)(device_t, const pmf_qual_t *),
    bool (*shutdown)(device_t, int))
{

	self->suspend = suspend;
	self->resume = resume;
	self->shutdown = shutdown;
	hold(R_PMF);
	return true;
}

void
pmf_device_deregister(device_t self)
{

	if (self->suspend != NULL)
		drop(R_PMF);
	self->suspend = NULL;
}

bool
edu_do_attach(int cf_flags)
{
	struct pci_attach_args pa = {
		.pa_id = PCI_ID_CODE(EDU_PCI_VENDOR, EDU_PCI_PRODUCT)
	};

	(void)pthread_mutex_lock(&config_mutex);
	memset(&edu0, 0, sizeof(edu0));
	edu0.parent = &pci0;
	edu0.cfdata.cf_flags = cf_flags;
	edu0.private = calloc(1, edu_ca.ca_devsize);
	(void)pthread_mutex_unlock(&config_mutex);
	is_said = false;
	if (edu_ca.ca_match(&pci0, &edu0.cfdata, &pa) != 1)
		standin_panic("no match");
	edu_ca.ca_attach(&pci0, &edu0, &pa);
	(void)pthread_mutex_lock(&config_mutex);
	edu0.is_attached = true;
	(void)pthread_mutex_unlock(&config_mutex);
	if ((edu0.suspend == NULL) != is_said)
		standin_panic("a failing attach and its message go together");
	return !is_said;
}

int
edu_do_detach(int flags)
{
	void *private = NULL;
	int error;

	(void)pthread_mutex_lock(&config_mutex);
	edu0.is_detaching = true;
	(void)pthread_mutex_unlock(&config_mutex);
	error = edu_ca.ca_detach(&edu0, flags);
	(void)pthread_mutex_lock(&config_mutex);
	if (error == 0) {
		edu0.is_committed = true;
		(void)pthread_cond_broadcast(&config_cond);
		while (edu0.references != 0)
			(void)pthread_cond_wait(&config_cond, &config_mutex);
		private = edu0.private;
		edu0.private = NULL;
		edu0.is_attached = false;
	}
	edu0.is_detaching = false;
	(void)pthread_cond_broadcast(&config_cond);
	(void)pthread_mutex_unlock(&config_mutex);
	free(private);
	return error;
}

bool
edu_do_power(bool resume)
{

	return resume ? edu0.resume(&edu0, NULL) : edu0.suspend(&edu0, NULL);
}

bool
edu_do_shutdown(void)
{
	return edu0.shutdown(&edu0, 0);
}

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

	enter_call();
	(void)pthread_mutex_lock(&node_mutex);
	node_opens++;
	(void)pthread_mutex_unlock(&node_mutex);
	if (device_lookup_acquire(&edu_cd, 0) != NULL) {
		error = edu_cdevsw.d_open(0, flag, 0, &l);
		device_release(&edu0);
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

devmajor_t
cdevsw_lookup_major(const struct cdevsw *cdev)
{

	return 144;
}

void
vdevgone(int cmajor, int low, int high, int type)
{

	may_sleep();
	if (cmajor != 144 || low != 0 || high != 0)
		standin_panic("vdevgone");
	(void)pthread_mutex_lock(&config_mutex);
	edu0.is_committed = true;
	(void)pthread_cond_broadcast(&config_cond);
	(void)pthread_mutex_unlock(&config_mutex);
	(void)node_revoke();
}

/*
 * Modules.
 */

int
devsw_attach(const char *name, void *bdev, devmajor_t *bmajor,
    const struct cdevsw *cdev, devmajor_t *cmajor)
{

	if (strcmp(name, "edu") != 0)
		standin_panic("devsw_attach");
	if (fails())
		return EEXIST;
	if (*cmajor == NODEVMAJOR)
		*cmajor = 367;
	hold(R_DEVSW);
	return 0;
}

void
devsw_detach(void *bdev, const struct cdevsw *cdev)
{

	if (is_held(R_COMPONENT) != 0)
		standin_panic("devsw_detach() with units left");
	drop(R_DEVSW);
}

bool
prop_dictionary_get_uint32(prop_dictionary_t d, const char *key,
    uint32_t *value)
{

	if (strcmp(key, "flags") != 0)
		return false;
	*value = *d;
	return true;
}

int
config_init_component(struct cfdriver *const *drivers, const void *attachs,
    struct cfdata *cf)
{

	if (fails())
		return ENOMEM;
	(void)edu_do_attach(cf[0].cf_flags);
	hold(R_COMPONENT);
	return 0;
}

int
config_fini_component(struct cfdriver *const *drivers, const void *attachs,
    struct cfdata *cf)
{
	int error;

	error = edu_do_detach(0);
	if (error == 0)
		drop(R_COMPONENT);
	return error;
}
