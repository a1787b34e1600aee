/*	$NetBSD$	*/

/*-
 * Copyright (c) 2026 The libedu authors
 *
 * Redistribution and use in source and binary forms, with or without
 * modification, are permitted provided that the following conditions are met:
 * 1. Redistributions of source code must retain the above copyright notice,
 *    this list of conditions and the following disclaimer.
 * 2. Redistributions in binary form must reproduce the above copyright notice,
 *    this list of conditions and the following disclaimer in the documentation
 *    and/or other materials provided with the distribution.
 *
 * THIS SOFTWARE IS PROVIDED BY THE AUTHOR AND CONTRIBUTORS ``AS IS'' AND ANY
 * EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE IMPLIED
 * WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE
 * DISCLAIMED.  IN NO EVENT SHALL THE AUTHOR OR CONTRIBUTORS BE LIABLE FOR ANY
 * DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES
 * (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES;
 * LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND
 * ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT
 * (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF
 * THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.
 */

/*
 * edu(4): QEMU's edu device for user space.  The driver turns interrupts into
 * something to read and lends the registers and a piece of memory; all else
 * about the device is its user's business.  <dev/pci/eduio.h> says what the
 * two agree on, edu_mem.c how long a mapping lives.
 *
 * sc_lock, a spin lock at the interrupt's level, protects what eduvar.h marks
 * (l) and every look at the interrupt registers.  It is a leaf but for the
 * locks of select, kqueue, condition variables and callouts.
 *
 * autoconf(9) serializes attach and detach.  An open makes the unit
 * EDU_OPENING, then works without the lock: nobody else opens or detaches.
 * read, poll, kqfilter and ioctl run until the last close, revoke(2) or the
 * vdevgone() of a detach.  These call educlose() twice, to wake who sleeps,
 * and when all have returned; no open begins between.
 *
 * User space sizes BAR0 when it likes.  Meanwhile the registers read as 0 or
 * all ones, and writes are lost.  An INTx is a level: the handler would be
 * called again at once, for ever.  So where the PCI status register says that
 * the interrupt is this function's, the handler masks it in the command
 * register, and looks again later.  An MSI has been spent: just look again.
 */

#include <sys/cdefs.h>
__KERNEL_RCSID(0, "$NetBSD$");

#include <sys/event.h>
#include <sys/fcntl.h>
#include <sys/filio.h>
#include <sys/module.h>
#include <sys/poll.h>
#include <sys/uio.h>
#include <sys/vnode.h>

#include <dev/pci/eduio.h>
#include <dev/pci/eduvar.h>

#include "ioconf.h"

#define EDU_MAJOR	144	/* the first of conf/majors' local range */
#define EDU_CF_INTX	__BIT(0)	/* flags: do not use MSI */

/* There is something to read, or never will be. */
static void
edu_wake(struct edu_softc *sc)
{
	cv_broadcast(&sc->sc_cv);
	selnotify(&sc->sc_rsel, 0, NOTE_SUBMIT);
}

static void
edu_take(struct edu_softc *sc, uint32_t status)
{
	EDU_WRITE(sc, EDU_INTR_ACK, status);
	sc->sc_ev_taken.ev_count++;
	sc->sc_bits |= status;
	edu_wake(sc);
}

/*
 * Take what is pending.  Unmask INTx; where others have masked it only if told
 * to.  Should BAR0 be away for both readings, then for that between as well.
 */
static int
edu_look(struct edu_softc *sc, bool unmask)
{
	const uint32_t first = EDU_READ(sc, EDU_INTR_STATUS);
	const bool answers = edu_answers(sc);
	const uint32_t second = EDU_READ(sc, EDU_INTR_STATUS);
	const pcireg_t csr = EDU_CSR(sc);

	if (!answers && csr == 0xffffffff)	/* unplugged */
		return ENXIO;
	if (answers && (first & second) != 0)
		edu_take(sc, first & second);
	/* Without decoding the mask may be of who is sizing. */
	if (answers && (csr & PCI_COMMAND_MEM_ENABLE) != 0) {
		if ((csr & PCI_COMMAND_INTERRUPT_DISABLE) == 0)
			sc->sc_unmasks = false;
		else if ((sc->sc_unmasks || (unmask && sc->sc_is_intx)) &&
		    sc->sc_state != EDU_GONE)
			edu_command(sc, csr, 0, PCI_COMMAND_INTERRUPT_DISABLE);
	}
	/* Until everything has been seen in its place. */
	if (!answers || first != second || sc->sc_unmasks)
		callout_schedule(&sc->sc_later, mstohz(EDU_LATER_MS));
	return answers ? 0 : EAGAIN;
}

static void
edu_later(void *cookie)
{
	struct edu_softc *sc = cookie;

	mutex_enter(&sc->sc_lock);
	(void)edu_look(sc, false);
	mutex_exit(&sc->sc_lock);
}

/* Nothing to take: the interrupt is a neighbour's, or BAR0 is being sized. */
static int
edu_defer(struct edu_softc *sc)
{
	pcireg_t csr;

	if (sc->sc_is_intx) {
		csr = EDU_CSR(sc);
		if (csr == 0xffffffff || (csr & PCI_STATUS_INT_STATUS) == 0 ||
		    (csr & PCI_COMMAND_INTERRUPT_DISABLE) != 0)
			return 0;
		edu_command(sc, csr, PCI_COMMAND_INTERRUPT_DISABLE, 0);
		sc->sc_unmasks = true;
	}
	sc->sc_ev_deferred.ev_count++;
	callout_schedule(&sc->sc_later, mstohz(EDU_LATER_MS));
	return 1;
}

static int
edu_intr(void *cookie)
{
	struct edu_softc *sc = cookie;
	int is_ours = 1;
	uint32_t status;

	mutex_enter(&sc->sc_lock);
	status = EDU_READ(sc, EDU_INTR_STATUS);
	if (status != 0 && status != UINT32_MAX)
		edu_take(sc, status);
	else
		is_ours = edu_defer(sc);
	mutex_exit(&sc->sc_lock);
	return is_ours;
}

static int
eduopen(dev_t dev, int flag, int mode, struct lwp *l)
{
	struct edu_softc *sc = device_lookup_private(&edu_cd, minor(dev));
	int error;

	/* Who would not read asks whether the unit is free, no more. */
	mutex_enter(&sc->sc_lock);
	if (sc->sc_state == EDU_GONE)
		error = ENXIO;
	else if (sc->sc_state != EDU_FREE || edumem_is_mapped(sc))
		error = EBUSY;
	else
		error = (flag & FREAD) == 0 ? EINVAL : 0;
	if (error == 0)
		sc->sc_state = EDU_OPENING;
	mutex_exit(&sc->sc_lock);
	if (error != 0)
		return error;
	error = edumem_own(sc, dev);
	mutex_enter(&sc->sc_lock);
	if (sc->sc_state == EDU_GONE)
		error = ENXIO;
	else
		sc->sc_state = error == 0 ? EDU_OPEN : EDU_FREE;
	if (error == 0) {
		edu_command(sc, EDU_CSR(sc), PCI_COMMAND_MASTER_ENABLE, 0);
		(void)edu_look(sc, true);
	}
	mutex_exit(&sc->sc_lock);
	return error;
}

/* As cancel and as close.  The open may succeed only between the two. */
static int
educlose(dev_t dev, int flag, int mode, struct lwp *l)
{
	struct edu_softc *sc = device_lookup_private(&edu_cd, minor(dev));

	if (sc == NULL)		/* it may be no unit that is closed */
		return 0;
	mutex_enter(&sc->sc_lock);
	if (sc->sc_state == EDU_OPEN)
		sc->sc_state = EDU_FREE;
	edu_wake(sc);
	mutex_exit(&sc->sc_lock);
	return 0;
}

static int
eduread(dev_t dev, struct uio *uio, int flag)
{
	struct edu_softc *sc = device_lookup_private(&edu_cd, minor(dev));
	struct edu_event event = { .reserved = 0 };
	int error = 0;

	if (uio->uio_resid < sizeof(event))
		return EINVAL;
	mutex_enter(&sc->sc_lock);
	while (error == 0 && sc->sc_state == EDU_OPEN && sc->sc_bits == 0)
		error = (flag & IO_NDELAY) ? EAGAIN :
		    cv_wait_sig(&sc->sc_cv, &sc->sc_lock);
	if (sc->sc_state != EDU_OPEN)
		error = ENXIO;
	if (error == 0) {
		event.status = sc->sc_bits;
		event.count = sc->sc_ev_taken.ev_count;
		sc->sc_bits = 0;
	}
	mutex_exit(&sc->sc_lock);
	if (error != 0)
		return error;

	error = uiomove(&event, sizeof(event), uio);
	if (error != 0) {		/* then it has not been read */
		mutex_enter(&sc->sc_lock);
		sc->sc_bits |= event.status;
		edu_wake(sc);
		mutex_exit(&sc->sc_lock);
	}
	return error;
}

static int
eduioctl(dev_t dev, u_long cmd, void *data, int flag, struct lwp *l)
{
	struct edu_softc *sc = device_lookup_private(&edu_cd, minor(dev));
	int error;

	switch (cmd) {
	case FIONBIO:		/* fcntl(2) has set the flag, read sees it */
	case FIOASYNC:
		return 0;
	case EDU_IOC_INFO:
		edumem_tell(sc, data);
		return 0;
	case EDU_IOC_RECHECK:
		mutex_enter(&sc->sc_lock);
		error = edu_look(sc, true);
		*(struct edu_event *)data = (struct edu_event) {
			.status = sc->sc_bits, .count = sc->sc_ev_taken.ev_count
		};
		mutex_exit(&sc->sc_lock);
		return error;
	default:
		return ENOTTY;
	}
}

static int
edupoll(dev_t dev, int events, struct lwp *l)
{
	struct edu_softc *sc = device_lookup_private(&edu_cd, minor(dev));
	int revents = 0;

	mutex_enter(&sc->sc_lock);
	if (sc->sc_state != EDU_OPEN)
		revents = POLLERR | POLLHUP | (events & (POLLIN | POLLRDNORM));
	else if (sc->sc_bits != 0)
		revents = events & (POLLIN | POLLRDNORM);
	if (revents == 0)
		selrecord(l, &sc->sc_rsel);
	mutex_exit(&sc->sc_lock);
	return revents;
}

static void
filt_edudetach(struct knote *kn)
{
	struct edu_softc *sc = kn->kn_hook;

	mutex_enter(&sc->sc_lock);
	selremove_knote(&sc->sc_rsel, kn);
	mutex_exit(&sc->sc_lock);
}

/*
 * A note lives as long as its descriptor, which revoke(2) does not close.
 * EV_ONESHOT: its end is reported without asking here again.
 */
static int
filt_eduread(struct knote *kn, long hint)
{
	struct edu_softc *sc = kn->kn_hook;
	bool is_ready;

	if (hint != NOTE_SUBMIT)
		mutex_enter(&sc->sc_lock);
	if (sc->sc_state != EDU_OPEN)
		knote_set_eof(kn, EV_ONESHOT);
	is_ready = sc->sc_state != EDU_OPEN || sc->sc_bits != 0;
	kn->kn_data = sc->sc_bits != 0 ? sizeof(struct edu_event) : 0;
	if (hint != NOTE_SUBMIT)
		mutex_exit(&sc->sc_lock);
	return is_ready;
}

static const struct filterops eduread_filtops = {
	.f_flags = FILTEROP_ISFD | FILTEROP_MPSAFE,
	.f_detach = filt_edudetach,
	.f_event = filt_eduread,
};

static int
edukqfilter(dev_t dev, struct knote *kn)
{
	struct edu_softc *sc = device_lookup_private(&edu_cd, minor(dev));

	if (kn->kn_filter != EVFILT_READ)
		return EINVAL;
	kn->kn_fop = &eduread_filtops;
	kn->kn_hook = sc;
	mutex_enter(&sc->sc_lock);
	selrecord_knote(&sc->sc_rsel, kn);
	mutex_exit(&sc->sc_lock);
	return 0;
}

const struct cdevsw edu_cdevsw = {
	.d_open = eduopen,
	.d_cancel = educlose,
	.d_close = educlose,
	.d_read = eduread,
	.d_write = nowrite,
	.d_ioctl = eduioctl,
	.d_stop = nostop,
	.d_tty = notty,
	.d_poll = edupoll,
	.d_mmap = edummap,
	.d_kqfilter = edukqfilter,
	.d_discard = nodiscard,
	.d_cfdriver = &edu_cd,
	.d_devtounit = dev_minor_unit,
	.d_flag = D_OTHER | D_MPSAFE,
};

static int
edu_match(device_t parent, cfdata_t match, void *aux)
{
	const struct pci_attach_args *pa = aux;

	return PCI_VENDOR(pa->pa_id) == EDU_PCI_VENDOR &&
	    PCI_PRODUCT(pa->pa_id) == EDU_PCI_PRODUCT;
}

/* By MSI, unless the flags say no or it cannot be had. */
static int
edu_intr_init(struct edu_softc *sc, const struct pci_attach_args *pa)
{
	const int flags = device_cfdata(sc->sc_dev)->cf_flags;
	int counts[PCI_INTR_TYPE_SIZE] = {
		[PCI_INTR_TYPE_INTX] = 1,
		[PCI_INTR_TYPE_MSI] = (flags & EDU_CF_INTX) == 0
	};
	char buf[PCI_INTRSTR_LEN];

	if (pci_intr_alloc(pa, &sc->sc_pihp, counts, PCI_INTR_TYPE_MSI) == 0) {
		pci_intr_setattr(sc->sc_pc, sc->sc_pihp, PCI_INTR_MPSAFE,
		    true);
		sc->sc_is_intx = counts[PCI_INTR_TYPE_INTX] != 0;
		sc->sc_ih = pci_intr_establish_xname(sc->sc_pc,
		    sc->sc_pihp[0], IPL_VM, edu_intr, sc,
		    device_xname(sc->sc_dev));
	}
	if (sc->sc_ih == NULL) {
		aprint_error_dev(sc->sc_dev, "cannot establish an interrupt\n");
		return ENXIO;
	}
	aprint_normal_dev(sc->sc_dev, "interrupting at %s\n",
	    pci_intr_string(sc->sc_pc, sc->sc_pihp[0], buf, sizeof(buf)));
	return 0;
}

/*
 * A unit that fails here stays, unusable, until it is detached.  There are no
 * pmf(9) handlers: with this device attached the machine refuses to sleep.
 */
static void
edu_attach(device_t parent, device_t self, void *aux)
{
	struct edu_softc *sc = device_private(self);
	const struct pci_attach_args *pa = aux;

	sc->sc_dev = self;
	sc->sc_pc = pa->pa_pc;
	sc->sc_tag = pa->pa_tag;
	sc->sc_state = EDU_GONE;
	mutex_init(&sc->sc_lock, MUTEX_DEFAULT, IPL_VM);
	cv_init(&sc->sc_cv, "eduread");
	selinit(&sc->sc_rsel);
	callout_init(&sc->sc_later, CALLOUT_MPSAFE);
	callout_setfunc(&sc->sc_later, edu_later, sc);
	evcnt_attach_dynamic(&sc->sc_ev_taken, EVCNT_TYPE_INTR, NULL,
	    device_xname(self), "taken");
	evcnt_attach_dynamic(&sc->sc_ev_deferred, EVCNT_TYPE_INTR, NULL,
	    device_xname(self), "deferred");
	pci_aprint_devinfo_fancy(pa, "QEMU edu", "QEMU edu", 1);

	if (edumem_map(sc, pa) != 0 || edumem_init(sc, pa) != 0 ||
	    edu_intr_init(sc, pa) != 0)
		return;
	mutex_enter(&sc->sc_lock);
	sc->sc_state = EDU_FREE;
	(void)edu_look(sc, true);
	mutex_exit(&sc->sc_lock);
}

static int
edu_detach(device_t self, int flags)
{
	struct edu_softc *sc = device_private(self);
	const int unit = device_unit(self);
	bool is_idle;

	mutex_enter(&sc->sc_lock);
	if ((flags & DETACH_FORCE) == 0 &&
	    (sc->sc_state > EDU_FREE || edumem_is_mapped(sc))) {
		mutex_exit(&sc->sc_lock);
		return EBUSY;
	}
	sc->sc_state = EDU_GONE;
	edu_wake(sc);
	mutex_exit(&sc->sc_lock);
	vdevgone(cdevsw_lookup_major(&edu_cdevsw), unit, unit, VCHR);
	is_idle = edumem_quiet(sc);
	if (sc->sc_ih != NULL)
		pci_intr_disestablish(sc->sc_pc, sc->sc_ih);
	if (sc->sc_pihp != NULL)
		pci_intr_release(sc->sc_pc, sc->sc_pihp, 1);
	callout_halt(&sc->sc_later, NULL);
	edumem_fini(sc, is_idle);
	evcnt_detach(&sc->sc_ev_deferred);
	evcnt_detach(&sc->sc_ev_taken);
	callout_destroy(&sc->sc_later);
	seldestroy(&sc->sc_rsel);
	cv_destroy(&sc->sc_cv);
	mutex_destroy(&sc->sc_lock);
	return 0;
}

CFATTACH_DECL_NEW(edu, sizeof(struct edu_softc), edu_match, edu_attach,
    edu_detach, NULL);

MODULE(MODULE_CLASS_DRIVER, edu, "pci");

#ifdef _MODULE
#include "ioconf.c"
#endif

static int
edu_modcmd(modcmd_t cmd, void *arg)
{
#ifdef _MODULE
	devmajor_t bmajor = NODEVMAJOR, cmajor = EDU_MAJOR;
	int error;

	switch (cmd) {
	case MODULE_CMD_INIT:
		(void)prop_dictionary_get_int(arg, "flags",
		    &cfdata_ioconf_edu[0].cf_flags);
		(void)prop_dictionary_get_uint64(arg, "dma_mask",
		    &edu_dma_limit);
		error = devsw_attach(edu_cd.cd_name, NULL, &bmajor,
		    &edu_cdevsw, &cmajor);
		if (error != 0)
			return error;
		error = config_init_component(cfdriver_ioconf_edu,
		    cfattach_ioconf_edu, cfdata_ioconf_edu);
		if (error != 0)
			devsw_detach(NULL, &edu_cdevsw);
		return error;
	case MODULE_CMD_FINI:
		error = config_fini_component(cfdriver_ioconf_edu,
		    cfattach_ioconf_edu, cfdata_ioconf_edu);
		if (error == 0)
			devsw_detach(NULL, &edu_cdevsw);
		return error;
	default:
		return ENOTTY;
	}
#else
	return cmd == MODULE_CMD_INIT || cmd == MODULE_CMD_FINI ? 0 : ENOTTY;
#endif
}
