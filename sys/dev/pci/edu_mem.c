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
 * edu(4): the registers and the memory that it lends, and their mappings.
 *
 * A mapping does not end with the open that it was made in: munmap(2), exec
 * and exit end it, nothing else does, and its holder can go on using the
 * device.  So mappings are counted, and while there are any the unit is
 * nobody else's: open, detach and unload say EBUSY.
 *
 * UVM does the counting.  All mappings of a unit share one object, which
 * udv_attach() finds by the device number.  The driver has a reference to it
 * from the first open to the detach; every other one is an entry of some map,
 * and UVM drops it after the entry's pages have left the pmap.
 *
 * The count is read without the object's lock.  A page fault holds that lock
 * while edummap() waits for a detach to succeed or fail; a detach that waited
 * for the lock would wait for ever.  Reading is enough: a reference comes from
 * another one or from mmap(2) of the open node.  (One that revoke(2) has
 * overtaken may come later: it counts, and finds no page during a detach.)
 *
 * Memory is never freed under a mapping.  Where a forced detach finds some,
 * the memory stays for good.  A page not touched before faults from then on.
 */

#include <sys/cdefs.h>
__KERNEL_RCSID(0, "$NetBSD$");

#include <sys/atomic.h>

#include <uvm/uvm_device.h>

#include <dev/pci/eduio.h>
#include <dev/pci/eduvar.h>

#define EDU_DMA_SIZE	(64 * 1024)
#ifndef EDU_DMA_LIMIT			/* options, where QEMU was told */
#define EDU_DMA_LIMIT	EDU_DMA_MASK
#endif
#define EDU_STOP_MS	500		/* for a DMA, which takes 100 */

uint64_t edu_dma_limit = EDU_DMA_LIMIT;	/* the highest address of it */

bool
edu_answers(struct edu_softc *sc)
{
	return __SHIFTOUT(EDU_READ(sc, EDU_ID), EDU_ID_MAGIC) ==
	    EDU_ID_MAGIC_EDU;
}

/*
 * User space writes the command register too, and no lock is for both: what
 * it has written since csr was read is undone.  So write only where need be.
 * Ones in the dword's other half would clear status bits.
 */
void
edu_command(struct edu_softc *sc, pcireg_t csr, pcireg_t set, pcireg_t clear)
{
	pcireg_t wanted = (csr & PCI_COMMAND_MASK & ~clear) | set;

	if (wanted != (csr & PCI_COMMAND_MASK))
		pci_conf_write(sc->sc_pc, sc->sc_tag, PCI_COMMAND_STATUS_REG,
		    wanted);
}

static bool
edu_is_idle(struct edu_softc *sc)
{
	return edu_answers(sc) &&
	    (EDU_READ(sc, EDU_DMA_CMD) & EDU_DMA_CMD_RUN) == 0 &&
	    edu_answers(sc);
}

/*
 * Cut a running DMA off from memory and wait for its end.  False: it is still
 * running.  What does not answer all that time has ended.
 */
static bool
edumem_stop(struct edu_softc *sc)
{
	int ms;

	if (edu_is_idle(sc))
		return true;
	mutex_enter(&sc->sc_lock);
	edu_command(sc, EDU_CSR(sc), 0, PCI_COMMAND_MASTER_ENABLE);
	mutex_exit(&sc->sc_lock);
	for (ms = 0; ms < EDU_STOP_MS && !edu_is_idle(sc); ms += EDU_LATER_MS)
		kpause("edustop", false, mstohz(EDU_LATER_MS), NULL);
	return edu_is_idle(sc) || !edu_answers(sc);
}

/* For a detach: no DMA and no interrupt any more.  False: a DMA still runs. */
bool
edumem_quiet(struct edu_softc *sc)
{
	bool is_idle;

	if (sc->sc_size == 0)
		return true;
	is_idle = edumem_stop(sc);
	mutex_enter(&sc->sc_lock);
	edu_command(sc, EDU_CSR(sc), PCI_COMMAND_INTERRUPT_DISABLE,
	    PCI_COMMAND_MASTER_ENABLE);
	EDU_WRITE(sc, EDU_INTR_ACK, UINT32_MAX);
	mutex_exit(&sc->sc_lock);
	return is_idle;
}

/* Map BAR0, let it onto the bus with INTx masked, and see what it is. */
int
edumem_map(struct edu_softc *sc, const struct pci_attach_args *pa)
{
	if (pci_mapreg_map(pa, PCI_BAR(0), PCI_MAPREG_TYPE_MEM, 0,
	    &sc->sc_bst, &sc->sc_bsh, &sc->sc_base, &sc->sc_size) == 0)
		edu_command(sc, EDU_CSR(sc), PCI_COMMAND_MEM_ENABLE |
		    PCI_COMMAND_MASTER_ENABLE | PCI_COMMAND_INTERRUPT_DISABLE,
		    0);
	if (sc->sc_size != EDU_BAR0_SIZE || !edu_answers(sc)) {
		aprint_error_dev(sc->sc_dev, "no BAR0 of an edu device\n");
		return ENXIO;
	}
	EDU_WRITE(sc, EDU_INTR_ACK, UINT32_MAX);
	return 0;
}

/*
 * One piece of memory that the DMA engine can reach.  Do not wait for it:
 * there is little so low, it could be for ever.
 */
int
edumem_init(struct edu_softc *sc, const struct pci_attach_args *pa)
{
	const bus_size_t size = round_page(EDU_DMA_SIZE);
	int error, nsegs;

	error = bus_dmatag_subregion(pa->pa_dmat, 0, edu_dma_limit,
	    &sc->sc_dmat, BUS_DMA_NOWAIT);
	if (error != 0)
		goto fail;
	error = bus_dmamem_alloc(sc->sc_dmat, size, PAGE_SIZE, 0,
	    &sc->sc_segment, 1, &nsegs, BUS_DMA_NOWAIT);
	if (error != 0)
		goto destroy_tag;
	error = bus_dmamem_map(sc->sc_dmat, &sc->sc_segment, 1, size,
	    &sc->sc_kva, BUS_DMA_NOWAIT | BUS_DMA_COHERENT);
	if (error != 0)
		goto free_memory;
	error = bus_dmamap_create(sc->sc_dmat, size, 1, size, 0,
	    BUS_DMA_NOWAIT, &sc->sc_dmamap);
	if (error != 0)
		goto unmap_memory;
	error = bus_dmamap_load(sc->sc_dmat, sc->sc_dmamap, sc->sc_kva, size,
	    NULL, BUS_DMA_NOWAIT);
	if (error != 0)
		goto destroy_map;
	sc->sc_dmasize = size;
	return 0;

destroy_map:
	bus_dmamap_destroy(sc->sc_dmat, sc->sc_dmamap);
unmap_memory:
	bus_dmamem_unmap(sc->sc_dmat, sc->sc_kva, size);
free_memory:
	bus_dmamem_free(sc->sc_dmat, &sc->sc_segment, 1);
destroy_tag:
	bus_dmatag_destroy(sc->sc_dmat);
fail:
	aprint_error_dev(sc->sc_dev, "no DMA memory: %d\n", error);
	return error;
}

/* After vdevgone(): no page is entered any more.  is_idle: no DMA runs. */
void
edumem_fini(struct edu_softc *sc, bool is_idle)
{
	const bool is_used = !is_idle || edumem_is_mapped(sc);

	if (sc->sc_uobj != NULL)
		sc->sc_uobj->pgops->pgo_detach(sc->sc_uobj);
	if (sc->sc_size != 0)
		bus_space_unmap(sc->sc_bst, sc->sc_bsh, sc->sc_size);
	if (is_used)
		aprint_error_dev(sc->sc_dev, "DMA memory is not freed\n");
	if (is_used || sc->sc_dmasize == 0)
		return;
	bus_dmamap_unload(sc->sc_dmat, sc->sc_dmamap);
	bus_dmamap_destroy(sc->sc_dmat, sc->sc_dmamap);
	bus_dmamem_unmap(sc->sc_dmat, sc->sc_kva, sc->sc_dmasize);
	bus_dmamem_free(sc->sc_dmat, &sc->sc_segment, 1);
	bus_dmatag_destroy(sc->sc_dmat);
}

/*
 * For an open: nobody else has the unit, no DMA runs, and the memory is as
 * new.  In this order: a holder of a mapping could start another DMA.
 */
int
edumem_own(struct edu_softc *sc, dev_t dev)
{
	if (sc->sc_uobj == NULL)
		sc->sc_uobj = udv_attach(dev, VM_PROT_READ, EDU_MMAP_BAR0,
		    PAGE_SIZE);
	if (sc->sc_uobj == NULL)
		return ENXIO;
	if (edumem_is_mapped(sc))
		return EBUSY;
	if (!edumem_stop(sc))
		return EIO;
	memset(sc->sc_kva, 0, sc->sc_dmasize);
	bus_dmamap_sync(sc->sc_dmat, sc->sc_dmamap, 0, sc->sc_dmasize,
	    BUS_DMASYNC_PREREAD | BUS_DMASYNC_PREWRITE);
	return 0;
}

/* When this says false, what was done through the last mapping is done. */
bool
edumem_is_mapped(struct edu_softc *sc)
{
	return sc->sc_uobj != NULL &&
	    atomic_load_acquire(&sc->sc_uobj->uo_refs) != 1;
}

void
edumem_tell(struct edu_softc *sc, struct edu_info *info)
{
	int bus, device, function;

	pci_decompose_tag(sc->sc_pc, sc->sc_tag, &bus, &device, &function);
	*info = (struct edu_info) {
		.version = EDU_IO_VERSION,
		.unit = device_unit(sc->sc_dev),
		.domain = device_unit(device_parent(sc->sc_dev)),
		.bus = bus, .device = device, .function = function,
		.interrupt = sc->sc_is_intx ? EDU_IO_INTX : EDU_IO_MSI,
		.bar0_offset = EDU_MMAP_BAR0, .bar0_size = sc->sc_size,
		.dma_offset = EDU_MMAP_DMA, .dma_size = sc->sc_dmasize,
		.dma_address = sc->sc_dmamap->dm_segs[0].ds_addr
	};
}

/*
 * For mmap(2), and for page faults, which come whether the node is open or
 * not: the reference that is taken here is all that holds the softc.  While a
 * detach is in progress, device_lookup_acquire() waits until that has given
 * up, or has got to vdevgone() and there is nothing to be found any more.
 */
paddr_t
edummap(dev_t dev, off_t offset, int prot)
{
	const int rw = VM_PROT_READ | VM_PROT_WRITE;
	struct edu_softc *sc;
	device_t self;
	paddr_t page = -1;

	self = device_lookup_acquire(&edu_cd, minor(dev));
	if (self == NULL)
		return -1;
	sc = device_private(self);
	if (offset >= EDU_MMAP_BAR0 &&
	    offset - EDU_MMAP_BAR0 < (off_t)sc->sc_size)
		page = bus_space_mmap(sc->sc_bst, sc->sc_base,
		    offset - EDU_MMAP_BAR0, rw, 0);
	else if (offset >= EDU_MMAP_DMA &&
	    offset - EDU_MMAP_DMA < (off_t)sc->sc_dmasize)
		page = bus_dmamem_mmap(sc->sc_dmat, &sc->sc_segment, 1,
		    offset - EDU_MMAP_DMA, rw, BUS_DMA_COHERENT);
	device_release(self);
	return page;
}
