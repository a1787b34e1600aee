/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * edu(4): QEMU's edu device for user space.  The driver takes interrupts and
 * lends memory; everything else about the device is its user's business.
 * <dev/pci/eduio.h> says what the two agree on.
 *
 * Locks.  sc_lock, a spin lock at the interrupt's level, protects the fields
 * marked (l) and every look at the interrupt registers.  It is a leaf but
 * for the locks of select, kqueue, condition variables and callouts.  Fields
 * marked (c) are constant from attach to detach, those marked (o) from open
 * to close.  (a) is written under the lock and read atomically without.
 * autoconf(9) serializes attach, detach and the pmf(9) handlers.
 *
 * Who may run when.  read, poll, kqfilter and ioctl run while the node is
 * open.  The last close, revoke(2) and the vdevgone() of detach end them all,
 * edu_cancel() waking who sleeps, before edu_close() runs.  Page faults come
 * whenever something is mapped, descriptor or not: see edu_mmap().
 *
 * Mappings end with the open they were made in: whoever opens the node next
 * is to have the device alone.  All mappings of an open belong to one object;
 * edu_close() takes the device away from it, and the pages from everybody.
 *
 * Windows.  User space owns the configuration registers, and while it sizes
 * BAR0 the registers do not answer: they read as 0, or as something else's.
 * Reading the identification tells.  An interrupt in such a window can be
 * neither read nor acknowledged:
 *  - INTx is a level: the handler would be called again at once, for ever.
 *    If the PCI status register says that it is this function's, the handler
 *    masks it in the command register, which always answers.
 *  - An MSI is one message, and it has been spent.
 * Either way the cause stays in the device.  A callout looks again until the
 * window is over, then unmasks.  While the node is open it looks once a
 * second in any case: messages are also lost where nobody can see it, with
 * bus mastering off for instance.
 * On another processor a window can open or close between any two accesses:
 * see edu_look().
 */

#include <sys/cdefs.h>
__KERNEL_RCSID(0, "$NetBSD$");

#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/bus.h>
#include <sys/callout.h>
#include <sys/condvar.h>
#include <sys/conf.h>
#include <sys/device.h>
#include <sys/event.h>
#include <sys/evcnt.h>
#include <sys/fcntl.h>
#include <sys/filio.h>
#include <sys/kernel.h>
#include <sys/module.h>
#include <sys/mutex.h>
#include <sys/poll.h>
#include <sys/proc.h>
#include <sys/rwlock.h>
#include <sys/select.h>
#include <sys/uio.h>
#include <sys/vnode.h>

#include <uvm/uvm_extern.h>
#include <uvm/uvm_device.h>
#include <uvm/uvm_page.h>

#include <dev/pci/pcireg.h>
#include <dev/pci/pcivar.h>

#include <dev/pci/edureg.h>
#include <dev/pci/eduio.h>

#include "ioconf.h"

#ifndef __HAVE_PMAP_PV_TRACK
#error "edu(4) cannot take mappings back on this port: see pmap_pv(9)"
#endif

#define EDU_MAJOR	144	/* the first of conf/majors' local range */

/* The flags in the kernel configuration file. */
#define EDU_CF_INTX	__BIT(0)	/* do not use MSI */
#define EDU_CF_DMA_KIB	__BITS(31, 16)	/* DMA memory; 0: the default */

#define EDU_DMA_KIB	64
#define EDU_DMA_KIB_MIN	4
#define EDU_DMA_KIB_MAX	1024

/* mmap(2) offsets. */
#define EDU_MMAP_BAR0	0x0000000
#define EDU_MMAP_DMA	0x1000000

#define EDU_ROUNDS	8	/* looks at a status that is never 0 */
#define EDU_RETRY_MS	10	/* between looks while it does not answer */
#define EDU_STOP_MS	1000	/* for a DMA, which takes 100 */

enum edu_answer { EDU_SILENT, EDU_IDLE, EDU_RAISED };

struct edu_softc {
	device_t		sc_dev;		/* (c) */
	pci_chipset_tag_t	sc_pc;		/* (c) */
	pcitag_t		sc_tag;		/* (c) */
	uint32_t		sc_id;		/* (c) 0: unknown */

	bus_space_tag_t		sc_bst;		/* (c) BAR0 */
	bus_space_handle_t	sc_bsh;		/* (c) */
	bus_addr_t		sc_base;	/* (c) */
	bus_size_t		sc_size;	/* (c) 0: not mapped */

	bus_dma_tag_t		sc_dmat;	/* (c) DMA memory */
	bus_dma_segment_t	sc_segment;	/* (c) */
	bus_dmamap_t		sc_dmamap;	/* (c) */
	bus_size_t		sc_dmasize;	/* (c) 0: none */

	pci_intr_handle_t	*sc_pihp;	/* (c) */
	void			*sc_ih;		/* (c) */
	bool			sc_is_intx;	/* (c) */

	struct uvm_object	*sc_uobj;	/* (o) of every mapping */

	kmutex_t		sc_lock;
	kcondvar_t		sc_cv;		/* (l) readers */
	struct selinfo		sc_rsel;	/* (l) */
	callout_t		sc_tick;
	bool			sc_open;	/* (l) until all is closed */
	bool			sc_live;	/* (a) open, and usable */
	bool			sc_gone;	/* (l) or never attached */
	bool			sc_suspended;	/* (l) */
	uint32_t		sc_acked;	/* (l) taken, maybe lost */
	uint32_t		sc_bits;	/* (l) taken, not yet read */
	uint64_t		sc_count;	/* (l) takings */

	struct evcnt		sc_ev_intr;	/* (l) */
	struct evcnt		sc_ev_other;	/* (l) */
	struct evcnt		sc_ev_merged;	/* (l) */
	struct evcnt		sc_ev_deferred;	/* (l) */
};

extern const struct cdevsw edu_cdevsw;

/*
 * The device.
 */

static uint32_t
edu_get(struct edu_softc *sc, bus_size_t reg)
{

	return bus_space_read_4(sc->sc_bst, sc->sc_bsh, reg);
}

static void
edu_put(struct edu_softc *sc, bus_size_t reg, uint32_t value)
{

	bus_space_write_4(sc->sc_bst, sc->sc_bsh, reg, value);
	bus_space_barrier(sc->sc_bst, sc->sc_bsh, 0, EDU_REG_END,
	    BUS_SPACE_BARRIER_READ | BUS_SPACE_BARRIER_WRITE);
}

static bool
edu_answers(struct edu_softc *sc)
{

	return edu_get(sc, EDU_ID) == sc->sc_id;
}

/* Unplugged: nothing is in its place, or no edu. */
static bool
edu_absent(struct edu_softc *sc)
{

	return pci_conf_read(sc->sc_pc, sc->sc_tag, PCI_ID_REG) !=
	    PCI_ID_CODE(EDU_PCI_VENDOR, EDU_PCI_PRODUCT);
}

static pcireg_t
edu_csr(struct edu_softc *sc)
{

	return pci_conf_read(sc->sc_pc, sc->sc_tag, PCI_COMMAND_STATUS_REG);
}

/*
 * User space writes the command register too, and no lock is for both: what
 * it has written since csr was read is undone.  So write only where need be.
 * Ones in the dword's other half would clear status bits.
 */
static void
edu_command(struct edu_softc *sc, pcireg_t csr, pcireg_t set, pcireg_t clear)
{
	pcireg_t wanted = (csr & PCI_COMMAND_MASK & ~clear) | set;

	if (wanted != (csr & PCI_COMMAND_MASK))
		pci_conf_write(sc->sc_pc, sc->sc_tag, PCI_COMMAND_STATUS_REG,
		    wanted);
}

/*
 * Wait until no DMA is running; else cut it off from memory.  False: it may
 * still write.
 */
static bool
edu_stop(struct edu_softc *sc)
{
	uint32_t cmd;
	pcireg_t csr;
	int ms;

	for (ms = 0; ms < EDU_STOP_MS; ms += EDU_RETRY_MS) {
		if (edu_answers(sc)) {
			cmd = edu_get(sc, EDU_DMA_CMD);
			if ((cmd & EDU_DMA_CMD_RUN) == 0 && edu_answers(sc))
				return true;
		} else if (edu_absent(sc))
			return true;
		kpause("edustop", false, mstohz(EDU_RETRY_MS), NULL);
	}
	mutex_enter(&sc->sc_lock);
	edu_command(sc, edu_csr(sc), 0, PCI_COMMAND_MASTER_ENABLE);
	csr = edu_csr(sc);
	mutex_exit(&sc->sc_lock);
	return (csr & PCI_COMMAND_MASTER_ENABLE) == 0;
}

/*
 * Interrupts.
 */

/* There is something to read, or never will be. */
static void
edu_wake(struct edu_softc *sc)
{

	KASSERT(mutex_owned(&sc->sc_lock));
	cv_broadcast(&sc->sc_cv);
	selnotify(&sc->sc_rsel, 0, NOTE_SUBMIT);
}

/* The open is over, for those who wait and for those who map. */
static void
edu_hang_up(struct edu_softc *sc)
{

	atomic_store_relaxed(&sc->sc_live, false);
	edu_wake(sc);
}

/*
 * Take what is pending.  A window that covers both readings of the status
 * covers the identification between them too.  So a bit that both show is
 * real, and when both show none, none is left: what was acknowledged before
 * has been taken.  Until then it stays in sc_acked, to join what a later look
 * finds, which is the same again where the acknowledge was lost.
 */
static enum edu_answer
edu_look(struct edu_softc *sc)
{
	uint32_t first, second;
	int round;

	KASSERT(mutex_owned(&sc->sc_lock));

	for (round = 0; round < EDU_ROUNDS; round++) {
		first = edu_get(sc, EDU_INTR_STATUS);
		if (!edu_answers(sc))
			return EDU_SILENT;
		second = edu_get(sc, EDU_INTR_STATUS);
		if ((first | second) == 0)
			break;
		edu_put(sc, EDU_INTR_ACK, first & second);
		sc->sc_acked |= first & second;
	}
	if (sc->sc_acked == 0)
		return EDU_IDLE;

	if (sc->sc_bits != 0)
		sc->sc_ev_merged.ev_count++;
	sc->sc_bits |= sc->sc_acked;
	sc->sc_acked = 0;
	sc->sc_count++;
	edu_wake(sc);
	return EDU_RAISED;
}

/* Look, put the interrupt in order, and see when to look again. */
static enum edu_answer
edu_attend(struct edu_softc *sc)
{
	enum edu_answer answer;
	pcireg_t csr;

	KASSERT(mutex_owned(&sc->sc_lock));

	if (sc->sc_gone || sc->sc_suspended)
		return EDU_SILENT;
	answer = edu_look(sc);
	if (answer == EDU_SILENT && edu_absent(sc)) {
		device_printf(sc->sc_dev, "gone\n");
		sc->sc_gone = true;
		edu_hang_up(sc);
	} else if (answer == EDU_SILENT) {
		callout_schedule(&sc->sc_tick, mstohz(EDU_RETRY_MS));
	} else {
		/* Should a window begin right now, the mask is its own. */
		csr = edu_csr(sc);
		if (sc->sc_is_intx && (csr & PCI_COMMAND_MEM_ENABLE))
			edu_command(sc, csr, 0, PCI_COMMAND_INTERRUPT_DISABLE);
		if (sc->sc_live)
			callout_schedule(&sc->sc_tick, hz);
	}
	return answer;
}

static void
edu_tick(void *cookie)
{
	struct edu_softc *sc = cookie;

	mutex_enter(&sc->sc_lock);
	(void)edu_attend(sc);
	mutex_exit(&sc->sc_lock);
}

/*
 * An interrupt while the registers do not answer.  Still silent afterwards:
 * it is ours, and cannot come again before somebody has looked.
 */
static enum edu_answer
edu_mask(struct edu_softc *sc)
{
	enum edu_answer answer;
	pcireg_t csr;

	KASSERT(mutex_owned(&sc->sc_lock));

	if (!sc->sc_is_intx)
		return EDU_SILENT;
	csr = edu_csr(sc);
	if (csr == 0xffffffff || (csr & PCI_STATUS_INT_STATUS) == 0 ||
	    (csr & PCI_COMMAND_INTERRUPT_DISABLE) != 0)
		return sc->sc_acked != 0 ? EDU_SILENT : EDU_IDLE;
	/* Is the window over already?  Then leave the register alone. */
	if (csr & PCI_COMMAND_MEM_ENABLE) {
		answer = edu_look(sc);
		if (answer != EDU_SILENT)
			return answer;
	}
	edu_command(sc, csr, PCI_COMMAND_INTERRUPT_DISABLE, 0);
	return EDU_SILENT;
}

static int
edu_intr(void *cookie)
{
	struct edu_softc *sc = cookie;
	enum edu_answer answer = EDU_IDLE;

	mutex_enter(&sc->sc_lock);
	if (!sc->sc_suspended) {
		answer = edu_look(sc);
		if (answer == EDU_SILENT)
			answer = edu_mask(sc);
	}
	switch (answer) {
	case EDU_RAISED:
		sc->sc_ev_intr.ev_count++;
		break;
	case EDU_IDLE:
		sc->sc_ev_other.ev_count++;
		break;
	case EDU_SILENT:
		sc->sc_ev_deferred.ev_count++;
		if (!sc->sc_gone)
			callout_schedule(&sc->sc_tick, mstohz(EDU_RETRY_MS));
		break;
	}
	mutex_exit(&sc->sc_lock);
	return answer != EDU_IDLE;
}

/*
 * Mappings.
 */

static paddr_t
edu_page(struct edu_softc *sc, off_t offset)
{
	int prot = VM_PROT_READ | VM_PROT_WRITE;

	if (offset >= EDU_MMAP_BAR0 &&
	    offset - EDU_MMAP_BAR0 < (off_t)sc->sc_size)
		return bus_space_mmap(sc->sc_bst, sc->sc_base,
		    offset - EDU_MMAP_BAR0, prot, 0);
	if (offset >= EDU_MMAP_DMA &&
	    offset - EDU_MMAP_DMA < (off_t)sc->sc_dmasize)
		return bus_dmamem_mmap(sc->sc_dmat, &sc->sc_segment, 1,
		    offset - EDU_MMAP_DMA, prot, BUS_DMA_COHERENT);
	return -1;
}

/*
 * Called by mmap(2), when the node may just be closed or detached, and by
 * page faults.  Only the reference that is taken here holds the softc.  While
 * a detach is in progress, device_lookup_acquire() waits until that has given
 * up, or has got to vdevgone() and there is nothing to be found any more.
 */
static paddr_t
edu_mmap(dev_t dev, off_t offset, int prot)
{
	struct edu_softc *sc;
	paddr_t page = -1;
	device_t self;

	self = device_lookup_acquire(&edu_cd, dev_minor_unit(dev));
	if (self == NULL)
		return -1;
	sc = device_private(self);
	if (atomic_load_relaxed(&sc->sc_live) &&
	    (prot & VM_PROT_EXECUTE) == 0)
		page = edu_page(sc, offset);
	device_release(self);
	return page;
}

static void
edu_unmap(struct edu_softc *sc, off_t offset, bus_size_t size)
{
	off_t end = offset + size;
	struct vm_page *page;
	paddr_t pa;

	for (; offset < end; offset += PAGE_SIZE) {
		pa = pmap_phys_address(edu_page(sc, offset));
		page = PHYS_TO_VM_PAGE(pa);
		if (page != NULL)
			pmap_page_protect(page, VM_PROT_NONE);
		else
			pmap_pv_protect(pa, VM_PROT_NONE);
	}
}

/*
 * udv_fault() asks the object for its device, and enters what edu_mmap()
 * says, under vmobjlock.  An object without a device faults, and is not found
 * by the next udv_attach(): whoever still has it mapped does not reach us any
 * more, not even when the module is gone.
 */
static void
edu_disown(struct uvm_object *uobj)
{

	rw_enter(uobj->vmobjlock, RW_WRITER);
	((struct uvm_device *)uobj)->u_device = NODEV;
	rw_exit(uobj->vmobjlock);
	uobj->pgops->pgo_detach(uobj);
}

static void
edu_unmap_all(struct edu_softc *sc)
{

	edu_disown(sc->sc_uobj);
	sc->sc_uobj = NULL;
	edu_unmap(sc, EDU_MMAP_BAR0, sc->sc_size);
	edu_unmap(sc, EDU_MMAP_DMA, sc->sc_dmasize);
}

/* Not the object of an mmap(2) that the last close has overtaken. */
static int
edu_own(struct edu_softc *sc, dev_t dev)
{
	struct uvm_object *uobj;

	while ((uobj = udv_attach(dev, VM_PROT_READ, EDU_MMAP_BAR0,
	    PAGE_SIZE)) != NULL && uobj->uo_refs != 1)
		edu_disown(uobj);
	sc->sc_uobj = uobj;
	return uobj != NULL ? 0 : ENXIO;
}

/*
 * The node.
 */

static struct edu_softc *
edu_lookup(dev_t dev)
{

	return device_lookup_private(&edu_cd, dev_minor_unit(dev));
}

/*
 * The kernel does not keep the DMA memory mapped: edu_unmap() spares nobody.
 */
static int
edu_clear(struct edu_softc *sc)
{
	void *kva;
	int error;

	error = bus_dmamem_map(sc->sc_dmat, &sc->sc_segment, 1, sc->sc_dmasize,
	    &kva, BUS_DMA_NOWAIT | BUS_DMA_COHERENT);
	if (error != 0)
		return error;
	memset(kva, 0, sc->sc_dmasize);
	bus_dmamap_sync(sc->sc_dmat, sc->sc_dmamap, 0, sc->sc_dmasize,
	    BUS_DMASYNC_PREREAD | BUS_DMASYNC_PREWRITE);
	bus_dmamem_unmap(sc->sc_dmat, kva, sc->sc_dmasize);
	return 0;
}

static int
edu_open(dev_t dev, int flag, int mode, struct lwp *l)
{
	struct edu_softc *sc = edu_lookup(dev);
	int error;

	if ((flag & FREAD) == 0)
		return EINVAL;

	mutex_enter(&sc->sc_lock);
	error = sc->sc_gone ? ENXIO : sc->sc_open ? EBUSY : 0;
	if (error == 0) {
		sc->sc_open = true;
		/* Already, since udv_attach() asks edu_mmap(). */
		atomic_store_relaxed(&sc->sc_live, true);
	}
	mutex_exit(&sc->sc_lock);
	if (error != 0)
		return error;

	error = edu_clear(sc);
	if (error == 0)
		error = edu_own(sc, dev);

	mutex_enter(&sc->sc_lock);
	if (error != 0) {
		sc->sc_open = false;
		atomic_store_relaxed(&sc->sc_live, false);
	} else {
		if (!sc->sc_suspended)
			edu_command(sc, edu_csr(sc),
			    PCI_COMMAND_MASTER_ENABLE, 0);
		(void)edu_attend(sc);
	}
	mutex_exit(&sc->sc_lock);
	return error;
}

/* The last close, revoke(2) or detach: nobody may go on sleeping. */
static int
edu_cancel(dev_t dev, int flag, int mode, struct lwp *l)
{
	struct edu_softc *sc = edu_lookup(dev);

	if (sc == NULL)		/* it may be no unit that is closed */
		return 0;
	mutex_enter(&sc->sc_lock);
	edu_hang_up(sc);
	mutex_exit(&sc->sc_lock);
	return 0;
}

/*
 * Every other call has returned.  edu_open() may have failed, or may have
 * succeeded only after edu_cancel().
 */
static int
edu_close(dev_t dev, int flag, int mode, struct lwp *l)
{
	struct edu_softc *sc = edu_lookup(dev);
	bool is_open;

	if (sc == NULL)
		return 0;
	mutex_enter(&sc->sc_lock);
	is_open = sc->sc_open;
	edu_hang_up(sc);
	mutex_exit(&sc->sc_lock);
	if (!is_open)
		return 0;

	edu_unmap_all(sc);
	(void)edu_stop(sc);

	mutex_enter(&sc->sc_lock);
	sc->sc_open = false;
	mutex_exit(&sc->sc_lock);
	return 0;
}

static int
edu_read(dev_t dev, struct uio *uio, int flag)
{
	struct edu_softc *sc = edu_lookup(dev);
	struct edu_event event = { .reserved = 0 };
	int error = 0;

	if (uio->uio_resid < sizeof(event))
		return EINVAL;

	mutex_enter(&sc->sc_lock);
	while (error == 0 && sc->sc_live && sc->sc_bits == 0)
		error = (flag & IO_NDELAY) ? EAGAIN :
		    cv_wait_sig(&sc->sc_cv, &sc->sc_lock);
	if (!sc->sc_live)
		error = ENXIO;
	if (error == 0) {
		event.status = sc->sc_bits;
		event.count = sc->sc_count;
		sc->sc_bits = 0;
	}
	mutex_exit(&sc->sc_lock);
	if (error != 0)
		return error;

	error = uiomove(&event, sizeof(event), uio);
	if (error != 0) {
		mutex_enter(&sc->sc_lock);
		sc->sc_bits |= event.status;
		edu_wake(sc);
		mutex_exit(&sc->sc_lock);
	}
	return error;
}

static int
edu_ioctl_info(struct edu_softc *sc, struct edu_info *info)
{
	int bus, device, function;

	if (!atomic_load_relaxed(&sc->sc_live))
		return ENXIO;
	pci_decompose_tag(sc->sc_pc, sc->sc_tag, &bus, &device, &function);
	memset(info, 0, sizeof(*info));
	info->version = EDU_IO_VERSION;
	info->unit = device_unit(sc->sc_dev);
	info->domain = device_unit(device_parent(sc->sc_dev));
	info->bus = bus;
	info->device = device;
	info->function = function;
	info->interrupt = sc->sc_is_intx ? EDU_IO_INTX : EDU_IO_MSI;
	info->bar0_offset = EDU_MMAP_BAR0;
	info->bar0_size = sc->sc_size;
	info->dma_offset = EDU_MMAP_DMA;
	info->dma_size = sc->sc_dmasize;
	info->dma_address = sc->sc_dmamap->dm_segs[0].ds_addr;
	return 0;
}

static int
edu_ioctl_look(struct edu_softc *sc, struct edu_event *event)
{
	enum edu_answer answer;
	int error = 0;

	mutex_enter(&sc->sc_lock);
	answer = edu_attend(sc);
	if (!sc->sc_live)
		error = ENXIO;
	else if (answer == EDU_SILENT)
		error = EAGAIN;
	event->status = sc->sc_bits;
	event->reserved = 0;
	event->count = sc->sc_count;
	mutex_exit(&sc->sc_lock);
	return error;
}

static int
edu_ioctl(dev_t dev, u_long cmd, void *data, int flag, struct lwp *l)
{
	struct edu_softc *sc = edu_lookup(dev);

	switch (cmd) {
	case FIONBIO:		/* fcntl(2) has set the flag, read sees it */
	case FIOASYNC:
		return 0;
	case EDU_IOC_INFO:
		return edu_ioctl_info(sc, data);
	case EDU_IOC_LOOK:
		return edu_ioctl_look(sc, data);
	default:
		return ENOTTY;
	}
}

static int
edu_poll(dev_t dev, int events, struct lwp *l)
{
	struct edu_softc *sc = edu_lookup(dev);
	int revents = 0;

	mutex_enter(&sc->sc_lock);
	if (!sc->sc_live)
		revents = POLLERR | POLLHUP | (events & (POLLIN | POLLRDNORM));
	else if (sc->sc_bits != 0)
		revents = events & (POLLIN | POLLRDNORM);
	if (revents == 0)
		selrecord(l, &sc->sc_rsel);
	mutex_exit(&sc->sc_lock);
	return revents;
}

static void
edu_filt_detach(struct knote *kn)
{
	struct edu_softc *sc = kn->kn_hook;

	mutex_enter(&sc->sc_lock);
	selremove_knote(&sc->sc_rsel, kn);
	mutex_exit(&sc->sc_lock);
}

/*
 * A note lives as long as its descriptor, which revoke(2) makes useless but
 * does not close.  EV_ONESHOT: the end of the open is reported without asking
 * again, for there may be nobody to ask by then.
 */
static int
edu_filt_event(struct knote *kn, long hint)
{
	struct edu_softc *sc = kn->kn_hook;
	bool is_ready = true;

	if (hint != NOTE_SUBMIT)
		mutex_enter(&sc->sc_lock);
	KASSERT(mutex_owned(&sc->sc_lock));
	kn->kn_data = 0;
	if (!sc->sc_live)
		knote_set_eof(kn, EV_ONESHOT);
	else if (sc->sc_bits != 0)
		kn->kn_data = sizeof(struct edu_event);
	else
		is_ready = false;
	if (hint != NOTE_SUBMIT)
		mutex_exit(&sc->sc_lock);
	return is_ready;
}

static const struct filterops edu_filtops = {
	.f_flags = FILTEROP_ISFD | FILTEROP_MPSAFE,
	.f_detach = edu_filt_detach,
	.f_event = edu_filt_event,
};

static int
edu_kqfilter(dev_t dev, struct knote *kn)
{
	struct edu_softc *sc = edu_lookup(dev);
	int error = 0;

	if (kn->kn_filter != EVFILT_READ)
		return EINVAL;
	mutex_enter(&sc->sc_lock);
	if (sc->sc_live) {
		kn->kn_fop = &edu_filtops;
		kn->kn_hook = sc;
		selrecord_knote(&sc->sc_rsel, kn);
	} else
		error = ENXIO;
	mutex_exit(&sc->sc_lock);
	return error;
}

const struct cdevsw edu_cdevsw = {
	.d_open = edu_open,
	.d_cancel = edu_cancel,
	.d_close = edu_close,
	.d_read = edu_read,
	.d_write = nowrite,
	.d_ioctl = edu_ioctl,
	.d_stop = nostop,
	.d_tty = notty,
	.d_poll = edu_poll,
	.d_mmap = edu_mmap,
	.d_kqfilter = edu_kqfilter,
	.d_discard = nodiscard,
	.d_cfdriver = &edu_cd,
	.d_devtounit = dev_minor_unit,
	.d_flag = D_OTHER | D_MPSAFE,
};

/*
 * Attach.
 */

static int
edu_match(device_t parent, cfdata_t match, void *aux)
{
	const struct pci_attach_args *pa = aux;

	return PCI_VENDOR(pa->pa_id) == EDU_PCI_VENDOR &&
	    PCI_PRODUCT(pa->pa_id) == EDU_PCI_PRODUCT;
}

/*
 * Map the registers and let pmap(9) keep track of who else does.  That is
 * never undone: BAR0 may be mapped through pci(4) or mem(4) at any time, and
 * pmap(9) panics when a mapping outlives the tracking of its page.  It costs
 * 20 KB, once for each address that BAR0 has had.
 */
static int
edu_bar_init(struct edu_softc *sc, const struct pci_attach_args *pa)
{
	paddr_t base;

	if (pci_mapreg_map(pa, PCI_BAR(0), PCI_MAPREG_TYPE_MEM, 0,
	    &sc->sc_bst, &sc->sc_bsh, &sc->sc_base, &sc->sc_size) != 0) {
		sc->sc_size = 0;
		aprint_error_dev(sc->sc_dev, "cannot map BAR0\n");
		return ENXIO;
	}
	if (sc->sc_size != EDU_BAR0_SIZE) {
		aprint_error_dev(sc->sc_dev, "BAR0 has %#jx bytes, not %#x\n",
		    (uintmax_t)sc->sc_size, EDU_BAR0_SIZE);
		return ENXIO;
	}
	base = pmap_phys_address(edu_page(sc, EDU_MMAP_BAR0));
	if (pmap_pv_tracked(base) == NULL)
		pmap_pv_track(base, sc->sc_size);
	return 0;
}

/* Let it onto the bus, its INTx masked, and see what it is. */
static int
edu_identify(struct edu_softc *sc)
{
	uint32_t id;

	edu_command(sc, edu_csr(sc), PCI_COMMAND_MEM_ENABLE |
	    PCI_COMMAND_MASTER_ENABLE | PCI_COMMAND_INTERRUPT_DISABLE, 0);
	id = edu_get(sc, EDU_ID);
	if (__SHIFTOUT(id, EDU_ID_MAGIC) != EDU_ID_MAGIC_EDU) {
		aprint_error_dev(sc->sc_dev, "identification %#x is %s\n", id,
		    __SHIFTOUT(id, __BITS(31, 16)) == EDU_ID_SWAPPED ?
		    "byte-swapped" : "not an edu's");
		return ENXIO;
	}
	sc->sc_id = id;
	edu_put(sc, EDU_INTR_ACK, UINT32_MAX);
	return 0;
}

/* Do not wait for memory: there is little so low, it could be for ever. */
static int
edu_dma_init(struct edu_softc *sc, const struct pci_attach_args *pa)
{
	bus_size_t size;
	int error, kib, nsegs;

	kib = __SHIFTOUT((uint32_t)device_cfdata(sc->sc_dev)->cf_flags,
	    EDU_CF_DMA_KIB);
	if (kib == 0)
		kib = EDU_DMA_KIB;
	kib = MIN(MAX(kib, EDU_DMA_KIB_MIN), EDU_DMA_KIB_MAX);
	size = round_page((bus_size_t)kib * 1024);

	error = bus_dmatag_subregion(pa->pa_dmat, 0, EDU_DMA_MASK,
	    &sc->sc_dmat, BUS_DMA_NOWAIT);
	if (error != 0)
		goto fail;
	error = bus_dmamem_alloc(sc->sc_dmat, size, PAGE_SIZE, 0,
	    &sc->sc_segment, 1, &nsegs, BUS_DMA_NOWAIT);
	if (error != 0)
		goto destroy_tag;
	error = bus_dmamap_create(sc->sc_dmat, size, 1, size, 0,
	    BUS_DMA_NOWAIT, &sc->sc_dmamap);
	if (error != 0)
		goto free_memory;
	error = bus_dmamap_load_raw(sc->sc_dmat, sc->sc_dmamap,
	    &sc->sc_segment, nsegs, size, BUS_DMA_NOWAIT);
	if (error != 0)
		goto destroy_map;
	sc->sc_dmasize = size;
	return 0;

destroy_map:
	bus_dmamap_destroy(sc->sc_dmat, sc->sc_dmamap);
free_memory:
	bus_dmamem_free(sc->sc_dmat, &sc->sc_segment, 1);
destroy_tag:
	bus_dmatag_destroy(sc->sc_dmat);
fail:
	aprint_error_dev(sc->sc_dev, "no %d KiB of DMA memory: %d\n", kib,
	    error);
	return error;
}

static int
edu_establish(struct edu_softc *sc, const struct pci_attach_args *pa,
    pci_intr_type_t type)
{
	int counts[PCI_INTR_TYPE_SIZE] = { 0 };
	char buf[PCI_INTRSTR_LEN];
	const char *where;

	counts[type] = 1;
	if (pci_intr_alloc(pa, &sc->sc_pihp, counts, type) != 0) {
		sc->sc_pihp = NULL;
		return ENXIO;
	}
	where = pci_intr_string(sc->sc_pc, sc->sc_pihp[0], buf, sizeof(buf));
	pci_intr_setattr(sc->sc_pc, &sc->sc_pihp[0], PCI_INTR_MPSAFE, true);
	sc->sc_is_intx = type == PCI_INTR_TYPE_INTX;
	sc->sc_ih = pci_intr_establish_xname(sc->sc_pc, sc->sc_pihp[0],
	    IPL_VM, edu_intr, sc, device_xname(sc->sc_dev));
	if (sc->sc_ih == NULL) {
		pci_intr_release(sc->sc_pc, sc->sc_pihp, 1);
		sc->sc_pihp = NULL;
		return ENXIO;
	}
	aprint_normal_dev(sc->sc_dev, "interrupting at %s\n", where);
	return 0;
}

/* By MSI, unless the flags say no or it cannot be had. */
static int
edu_intr_init(struct edu_softc *sc, const struct pci_attach_args *pa)
{
	int flags = device_cfdata(sc->sc_dev)->cf_flags;

	if ((flags & EDU_CF_INTX) == 0 &&
	    edu_establish(sc, pa, PCI_INTR_TYPE_MSI) == 0)
		return 0;
	if (edu_establish(sc, pa, PCI_INTR_TYPE_INTX) == 0)
		return 0;
	aprint_error_dev(sc->sc_dev, "cannot establish an interrupt\n");
	return ENXIO;
}

/* No DMA and no interrupt any more.  False: it may still write to memory. */
static bool
edu_quiet(struct edu_softc *sc)
{
	bool is_stopped;

	is_stopped = edu_stop(sc);
	mutex_enter(&sc->sc_lock);
	if (!edu_absent(sc)) {
		edu_command(sc, edu_csr(sc), PCI_COMMAND_INTERRUPT_DISABLE,
		    PCI_COMMAND_MASTER_ENABLE);
		edu_put(sc, EDU_INTR_ACK, UINT32_MAX);
	}
	mutex_exit(&sc->sc_lock);
	return is_stopped;
}

/* Undo as much of attach as has been done. */
static void
edu_release(struct edu_softc *sc)
{
	bool is_stopped = true;

	if (sc->sc_id != 0)
		is_stopped = edu_quiet(sc);
	if (sc->sc_ih != NULL) {
		pci_intr_disestablish(sc->sc_pc, sc->sc_ih);
		pci_intr_release(sc->sc_pc, sc->sc_pihp, 1);
		sc->sc_ih = NULL;
	}
	callout_halt(&sc->sc_tick, NULL);
	if (is_stopped && sc->sc_dmasize != 0) {
		bus_dmamap_unload(sc->sc_dmat, sc->sc_dmamap);
		bus_dmamap_destroy(sc->sc_dmat, sc->sc_dmamap);
		bus_dmamem_free(sc->sc_dmat, &sc->sc_segment, 1);
		bus_dmatag_destroy(sc->sc_dmat);
	} else if (!is_stopped)
		device_printf(sc->sc_dev, "still running: its DMA memory "
		    "is not freed\n");
	sc->sc_dmasize = 0;
	if (sc->sc_size != 0)
		bus_space_unmap(sc->sc_bst, sc->sc_bsh, sc->sc_size);
	sc->sc_size = 0;
	sc->sc_id = 0;
}

static void
edu_init(struct edu_softc *sc)
{
	const char *name = device_xname(sc->sc_dev);

	mutex_init(&sc->sc_lock, MUTEX_DEFAULT, IPL_VM);
	cv_init(&sc->sc_cv, "eduread");
	selinit(&sc->sc_rsel);
	callout_init(&sc->sc_tick, CALLOUT_MPSAFE);
	callout_setfunc(&sc->sc_tick, edu_tick, sc);
	evcnt_attach_dynamic(&sc->sc_ev_intr, EVCNT_TYPE_INTR, NULL, name,
	    "interrupts");
	evcnt_attach_dynamic(&sc->sc_ev_other, EVCNT_TYPE_INTR, NULL, name,
	    "not ours");
	evcnt_attach_dynamic(&sc->sc_ev_merged, EVCNT_TYPE_MISC, NULL, name,
	    "coalesced");
	evcnt_attach_dynamic(&sc->sc_ev_deferred, EVCNT_TYPE_MISC, NULL, name,
	    "deferred");
}

static void
edu_fini(struct edu_softc *sc)
{

	evcnt_detach(&sc->sc_ev_deferred);
	evcnt_detach(&sc->sc_ev_merged);
	evcnt_detach(&sc->sc_ev_other);
	evcnt_detach(&sc->sc_ev_intr);
	callout_destroy(&sc->sc_tick);
	seldestroy(&sc->sc_rsel);
	cv_destroy(&sc->sc_cv);
	mutex_destroy(&sc->sc_lock);
}

static bool
edu_suspend(device_t self, const pmf_qual_t *qual)
{
	struct edu_softc *sc = device_private(self);

	if (!edu_stop(sc))
		return false;
	mutex_enter(&sc->sc_lock);
	(void)edu_look(sc);
	sc->sc_suspended = true;
	edu_command(sc, edu_csr(sc), PCI_COMMAND_INTERRUPT_DISABLE, 0);
	mutex_exit(&sc->sc_lock);
	callout_halt(&sc->sc_tick, NULL);
	return true;
}

static bool
edu_resume(device_t self, const pmf_qual_t *qual)
{
	struct edu_softc *sc = device_private(self);

	mutex_enter(&sc->sc_lock);
	sc->sc_suspended = false;
	edu_command(sc, edu_csr(sc),
	    PCI_COMMAND_MEM_ENABLE | PCI_COMMAND_MASTER_ENABLE, 0);
	(void)edu_attend(sc);
	mutex_exit(&sc->sc_lock);
	return true;
}

static bool
edu_shutdown(device_t self, int how)
{
	struct edu_softc *sc = device_private(self);

	mutex_enter(&sc->sc_lock);
	sc->sc_suspended = true;
	mutex_exit(&sc->sc_lock);
	return edu_quiet(sc);
}

/* A unit that fails here stays, unusable, until it is detached. */
static void
edu_attach(device_t parent, device_t self, void *aux)
{
	struct edu_softc *sc = device_private(self);
	const struct pci_attach_args *pa = aux;

	sc->sc_dev = self;
	sc->sc_pc = pa->pa_pc;
	sc->sc_tag = pa->pa_tag;
	sc->sc_gone = true;
	pci_aprint_devinfo_fancy(pa, "QEMU edu", "QEMU edu", 1);
	edu_init(sc);

	if (edu_bar_init(sc, pa) != 0 || edu_identify(sc) != 0 ||
	    edu_dma_init(sc, pa) != 0 || edu_intr_init(sc, pa) != 0) {
		edu_release(sc);
		return;
	}
	pmf_device_register1(self, edu_suspend, edu_resume, edu_shutdown);
	aprint_normal_dev(self, "%ju KiB of DMA memory at %#jx\n",
	    (uintmax_t)sc->sc_dmasize / 1024,
	    (uintmax_t)sc->sc_dmamap->dm_segs[0].ds_addr);

	mutex_enter(&sc->sc_lock);
	sc->sc_gone = false;
	(void)edu_attend(sc);
	mutex_exit(&sc->sc_lock);
}

/*
 * Detach.
 */

static int
edu_may_detach(struct edu_softc *sc, int flags)
{

	if (flags & DETACH_FORCE)
		return 0;
	if (sc->sc_open)
		return EBUSY;
	/*
	 * The kernel takes an MSI down in the function's own configuration
	 * space, and does not bear its absence.
	 */
	if (sc->sc_ih != NULL && !sc->sc_is_intx && edu_absent(sc)) {
		device_printf(sc->sc_dev, "gone: plug an edu in at the "
		    "same place before detaching this one\n");
		return ENXIO;
	}
	return 0;
}

static int
edu_detach(device_t self, int flags)
{
	struct edu_softc *sc = device_private(self);
	int cmajor, error;

	mutex_enter(&sc->sc_lock);
	error = edu_may_detach(sc, flags);
	if (error == 0) {
		sc->sc_gone = true;
		edu_hang_up(sc);
	}
	mutex_exit(&sc->sc_lock);
	if (error != 0)
		return error;

	pmf_device_deregister(self);
	cmajor = cdevsw_lookup_major(&edu_cdevsw);
	vdevgone(cmajor, device_unit(self), device_unit(self), VCHR);
	edu_release(sc);
	edu_fini(sc);
	return 0;
}

CFATTACH_DECL_NEW(edu, sizeof(struct edu_softc), edu_match, edu_attach,
    edu_detach, NULL);

/*
 * The module.
 */

MODULE(MODULE_CLASS_DRIVER, edu, "pci");

#ifdef _MODULE
#include "ioconf.c"

static int
edu_module_init(prop_dictionary_t properties)
{
	devmajor_t bmajor = NODEVMAJOR, cmajor = EDU_MAJOR;
	uint32_t flags;
	int error;

	/* modload -i flags=N: as flags in the kernel configuration file. */
	if (properties != NULL &&
	    prop_dictionary_get_uint32(properties, "flags", &flags))
		cfdata_ioconf_edu[0].cf_flags = flags;
	error = devsw_attach(edu_cd.cd_name, NULL, &bmajor, &edu_cdevsw,
	    &cmajor);
	if (error != 0) {
		/* Another driver has it: kern.drivers tells what we get. */
		cmajor = NODEVMAJOR;
		error = devsw_attach(edu_cd.cd_name, NULL, &bmajor,
		    &edu_cdevsw, &cmajor);
	}
	if (error != 0)
		return error;
	error = config_init_component(cfdriver_ioconf_edu,
	    cfattach_ioconf_edu, cfdata_ioconf_edu);
	if (error != 0)
		devsw_detach(NULL, &edu_cdevsw);
	return error;
}

static int
edu_module_fini(void)
{
	struct edu_softc *sc;
	device_t self;
	int error, unit;

	/* Unless asked first, units before a busy one would be detached. */
	for (unit = 0; unit < edu_cd.cd_ndevs; unit++) {
		self = device_lookup_acquire(&edu_cd, unit);
		if (self == NULL)
			continue;
		sc = device_private(self);
		mutex_enter(&sc->sc_lock);
		error = edu_may_detach(sc, 0);
		mutex_exit(&sc->sc_lock);
		device_release(self);
		if (error != 0)
			return error;
	}
	error = config_fini_component(cfdriver_ioconf_edu,
	    cfattach_ioconf_edu, cfdata_ioconf_edu);
	if (error == 0)
		devsw_detach(NULL, &edu_cdevsw);
	return error;
}
#endif

static int
edu_modcmd(modcmd_t cmd, void *arg)
{

	switch (cmd) {
#ifdef _MODULE
	case MODULE_CMD_INIT:
		return edu_module_init(arg);
	case MODULE_CMD_FINI:
		return edu_module_fini();
#else
	case MODULE_CMD_INIT:
	case MODULE_CMD_FINI:
		return 0;
#endif
	default:
		return ENOTTY;
	}
}
