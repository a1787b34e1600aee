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

void
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
	if (machine.dma_ticks > 0 && --machine.dma_ticks == 0) {
		machine.dma_cmd &= ~(uint32_t)EDU_DMA_CMD_RUN;
		if (machine.csr & PCI_COMMAND_MASTER_ENABLE)
			machine.memory[0] = 0xaa;
	}
	machine_unlock();
	sleep_us(100);
	return 0;
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
hold_evcnt(int n)
{
	if (n > 0)
		hold(R_EVCNT);
	else
		drop(R_EVCNT);
}

/*
 * select and kqueue.
 */

atomic_uint notified;
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
 * Autoconfiguration: one unit.
 */

struct device {
	void	*private;
	struct device *parent;
	struct cfdata cfdata;
	bool	is_attached, is_detaching, is_committed;
	int	references;
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
aprint_normal_dev(device_t self, const char *format, ...)
{
}

void
aprint_error_dev(device_t self, const char *format, ...)
{
	is_said = true;
}

/* Nobody finds it any more. */
void
edu_commit(void)
{
	(void)pthread_mutex_lock(&config_mutex);
	edu0.is_committed = true;
	(void)pthread_cond_broadcast(&config_cond);
	(void)pthread_mutex_unlock(&config_mutex);
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
