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

#ifndef _DEV_PCI_EDUVAR_H_
#define _DEV_PCI_EDUVAR_H_

#include <sys/param.h>
#include <sys/systm.h>
#include <sys/bus.h>
#include <sys/callout.h>
#include <sys/condvar.h>
#include <sys/conf.h>
#include <sys/device.h>
#include <sys/evcnt.h>
#include <sys/kernel.h>
#include <sys/mutex.h>
#include <sys/select.h>

#include <uvm/uvm_extern.h>

#include <dev/pci/pcireg.h>
#include <dev/pci/pcivar.h>
#include <dev/pci/edureg.h>

#define EDU_MMAP_BAR0	0x0000000	/* offsets for mmap(2) */
#define EDU_MMAP_DMA	0x1000000
#define EDU_LATER_MS	10	/* between looks at what does not answer */

enum edu_state {
	EDU_GONE,		/* not attached, or about to be detached */
	EDU_FREE,
	EDU_OPENING,		/* an open is at work */
	EDU_OPEN
};

/*
 * (c) constant from attach to detach
 * (l) sc_lock
 * (o) written by an open while EDU_OPENING, and by detach
 */
struct edu_softc {
	device_t		sc_dev;		/* (c) */
	pci_chipset_tag_t	sc_pc;		/* (c) */
	pcitag_t		sc_tag;		/* (c) */
	bus_space_tag_t		sc_bst;		/* (c) BAR0 */
	bus_space_handle_t	sc_bsh;		/* (c) */
	bus_addr_t		sc_base;	/* (c) */
	bus_size_t		sc_size;	/* (c) 0: not mapped */
	bus_dma_tag_t		sc_dmat;	/* (c) DMA memory */
	bus_dma_segment_t	sc_segment;	/* (c) */
	bus_dmamap_t		sc_dmamap;	/* (c) */
	void			*sc_kva;	/* (c) */
	bus_size_t		sc_dmasize;	/* (c) 0: none */
	struct uvm_object	*sc_uobj;	/* (o) of all mappings */
	pci_intr_handle_t	*sc_pihp;	/* (c) */
	void			*sc_ih;		/* (c) */
	bool			sc_is_intx;	/* (c) */
	bool			sc_unmasks;	/* (l) INTx, once it can */
	kmutex_t		sc_lock;
	enum edu_state		sc_state;	/* (l) */
	kcondvar_t		sc_cv;		/* (l) readers */
	struct selinfo		sc_rsel;	/* (l) */
	callout_t		sc_later;	/* (l) */
	uint32_t		sc_bits;	/* (l) taken, not yet read */
	struct evcnt		sc_ev_taken;	/* (l) */
	struct evcnt		sc_ev_deferred;	/* (l) */
};

#define EDU_READ(sc, reg)						\
	bus_space_read_4((sc)->sc_bst, (sc)->sc_bsh, (reg))
#define EDU_WRITE(sc, reg, value)					\
	bus_space_write_4((sc)->sc_bst, (sc)->sc_bsh, (reg), (value))
#define EDU_CSR(sc)							\
	pci_conf_read((sc)->sc_pc, (sc)->sc_tag, PCI_COMMAND_STATUS_REG)

struct edu_info;
extern struct cfdriver edu_cd;
extern uint64_t edu_dma_limit;

bool	edu_answers(struct edu_softc *);
void	edu_command(struct edu_softc *, pcireg_t, pcireg_t, pcireg_t);
int	edumem_map(struct edu_softc *, const struct pci_attach_args *);
int	edumem_init(struct edu_softc *, const struct pci_attach_args *);
bool	edumem_quiet(struct edu_softc *);
void	edumem_fini(struct edu_softc *, bool);
int	edumem_own(struct edu_softc *, dev_t);
bool	edumem_is_mapped(struct edu_softc *);
void	edumem_tell(struct edu_softc *, struct edu_info *);
paddr_t	edummap(dev_t, off_t, int);

#endif /* _DEV_PCI_EDUVAR_H_ */
