/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef STANDIN_H
#define STANDIN_H

/*
 * A STAND-IN for those parts of the NetBSD kernel that edu(4)
 * uses, so that a change to the driver is checked where no NetBSD is at hand.
 * It imitates what the manual pages promise, in as few words as possible; it
 * is neither NetBSD nor written from it, and what passes here has yet to pass
 * in a kernel (t_edu and its sisters).
 *
 * edu.c is compiled freestanding against this header alone; standin.c and
 * t_standin.c include the host's headers as well.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if __STDC_HOSTED__
#include <sys/types.h>
#include <limits.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#else
typedef int64_t off_t;
typedef unsigned long dev_t;
typedef unsigned long u_long;
#define INT_MAX		__INT_MAX__
void *memset(void *, int, size_t);
#define POLLIN		0x01
#define POLLERR		0x08
#define POLLHUP		0x10
#define POLLRDNORM	0x40
#define ENXIO		6
#define EAGAIN		11
#define EIO		5
#define EBUSY		16
#define EINVAL		22
#define ENOTTY		25
#endif

/* The host's encoding, as the test has the host's <sys/ioctl.h>. */
#ifndef _IOR
#define _IOR(group, n, type)						\
	(2UL << 30 | sizeof(type) << 16 | (unsigned long)(group) << 8 | (n))
#endif
#define FIONBIO		0x5421
#define FIOASYNC	0x5452

/* Odds and ends. */
#define __KERNEL_RCSID(n, s)	struct standin_rcsid
#ifndef __BIT
#define __BIT(n)		(1U << (n))
#endif
#define KASSERT(e)		((e) ? (void)0 : standin_panic(#e))
#define PAGE_SIZE		4096
#define round_page(n)		(((n) + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE)
#define FREAD			1
#define FWRITE			2
#define IO_NDELAY		0x100
#define IPL_VM			6
#define hz			100
#define mstohz(ms)		((ms) / 10 + 1)

#define atomic_load_acquire(p)	__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define minor(dev)		dev_minor_unit(dev)

struct lwp {
	bool	l_recorded;		/* by selrecord() */
};
struct uio {
	size_t	uio_resid;
	void	*uio_buf;		/* NULL: a bad address */
};

void	standin_panic(const char *) __attribute__((__noreturn__));
int	kpause(const char *, bool, int, void *);
int	uiomove(void *, size_t, struct uio *);

/* Locks. */
typedef struct { void *impl; } kmutex_t, kcondvar_t;
enum { MUTEX_DEFAULT };

void	mutex_init(kmutex_t *, int, int);
void	mutex_destroy(kmutex_t *);
void	mutex_enter(kmutex_t *);
void	mutex_exit(kmutex_t *);
bool	mutex_owned(kmutex_t *);
void	cv_init(kcondvar_t *, const char *);
void	cv_destroy(kcondvar_t *);
void	cv_broadcast(kcondvar_t *);
int	cv_wait_sig(kcondvar_t *, kmutex_t *);

/* Callouts run when the test says that time passes. */
typedef struct {
	void	(*func)(void *);
	void	*arg;
	int	due;			/* -1: not scheduled */
} callout_t;
#define CALLOUT_MPSAFE	1

void	callout_init(callout_t *, int);
void	callout_destroy(callout_t *);
#define callout_setfunc(c, f, a)	((c)->func = (f), (c)->arg = (a))
void	callout_schedule(callout_t *, int);
bool	callout_halt(callout_t *, void *);

/* Event counters. */
struct evcnt { uint64_t ev_count; };
#define evcnt_attach_dynamic(ev, type, parent, group, name)		\
	((ev)->ev_count = 0, hold_evcnt(1))
#define evcnt_detach(ev)	hold_evcnt(-1)
void	hold_evcnt(int);


/* select, poll, kqueue. */
struct knote;
struct filterops {
	int	f_flags;
	void	(*f_detach)(struct knote *);
	int	(*f_event)(struct knote *, long);
};
struct knote {
	struct { struct knote *sle_next; } kn_selnext;
	const struct filterops *kn_fop;
	void	*kn_hook;
	uint32_t kn_filter, kn_flags;
	int64_t	kn_data;
	bool	kn_active;
};
struct klist { struct knote *slh_first; };
struct selinfo { struct klist sel_klist; };
#define SLIST_FOREACH(v, head, field)					\
	for ((v) = (head)->slh_first; (v) != NULL; (v) = (v)->field.sle_next)
enum { EVFILT_READ, EVFILT_WRITE };
#define EV_EOF			0x8000U
#define EV_ONESHOT		0x0010U
#define NOTE_SUBMIT		0x01000000
#define FILTEROP_ISFD		1
#define FILTEROP_MPSAFE		2

void	selinit(struct selinfo *);
void	seldestroy(struct selinfo *);
void	selrecord(struct lwp *, struct selinfo *);
void	selnotify(struct selinfo *, int, long);
void	selrecord_knote(struct selinfo *, struct knote *);
bool	selremove_knote(struct selinfo *, struct knote *);
void	knote_set_eof(struct knote *, uint32_t);

/* Autoconfiguration. */
struct cfdata { const char *cf_name; int cf_flags; };
struct cfdriver { const char *cd_name; int cd_ndevs; };
struct device;
typedef struct device *device_t;
typedef struct cfdata *cfdata_t;
struct cfattach {
	size_t	ca_devsize;
	int	(*ca_match)(device_t, cfdata_t, void *);
	void	(*ca_attach)(device_t, device_t, void *);
	int	(*ca_detach)(device_t, int);
};
#define CFATTACH_DECL_NEW(name, size, match, attach, detach, activate)	\
	struct cfattach name ## _ca = { size, match, attach, detach }
#define DETACH_FORCE		1
extern struct cfattach edu_ca;
extern struct cfdriver edu_cd;

void	*device_private(device_t);
#define device_unit(self)	0
device_t device_parent(device_t);
cfdata_t device_cfdata(device_t);
#define device_xname(self)	"edu0"
void	*device_lookup_private(struct cfdriver *, int);
device_t device_lookup_acquire(struct cfdriver *, int);
void	device_release(device_t);
void	aprint_normal_dev(device_t, const char *, ...)
	    __attribute__((__format__(__printf__, 2, 3)));
void	aprint_error_dev(device_t, const char *, ...)
	    __attribute__((__format__(__printf__, 2, 3)));

/* Character devices. */
typedef int devmajor_t;
#define NODEVMAJOR	(-1)
enum { VCHR };
typedef uint64_t paddr_t;
struct cdevsw {
	int	(*d_open)(dev_t, int, int, struct lwp *);
	int	(*d_cancel)(dev_t, int, int, struct lwp *);
	int	(*d_close)(dev_t, int, int, struct lwp *);
	int	(*d_read)(dev_t, struct uio *, int);
	int	(*d_ioctl)(dev_t, u_long, void *, int, struct lwp *);
	int	(*d_poll)(dev_t, int, struct lwp *);
	paddr_t	(*d_mmap)(dev_t, off_t, int);
	int	(*d_kqfilter)(dev_t, struct knote *);
	struct cfdriver *d_cfdriver;
	int	(*d_devtounit)(dev_t);
	int	d_write, d_stop, d_tty, d_discard, d_flag;
};
enum { nowrite, nostop, notty, nodiscard };
#define D_OTHER		0
#define D_MPSAFE	1
extern const struct cdevsw edu_cdevsw;

int	dev_minor_unit(dev_t);
#define cdevsw_lookup_major(cdev)	144
void	vdevgone(int, int, int, int);
int	devsw_attach(const char *, void *, devmajor_t *, const struct cdevsw *,
	    devmajor_t *);
void	devsw_detach(void *, const struct cdevsw *);

/* Modules. */
typedef enum { MODULE_CMD_INIT, MODULE_CMD_FINI, MODULE_CMD_STAT } modcmd_t;
struct prop_dictionary {
	int		flags;
	uint64_t	dma_mask;	/* 0: not there */
};
typedef const struct prop_dictionary *prop_dictionary_t;
#define MODULE(class, name, required)					\
	static int name ## _modcmd(modcmd_t, void *);			\
	int (*const name ## _module)(modcmd_t, void *) = name ## _modcmd
extern int (*const edu_module)(modcmd_t, void *);

bool	prop_dictionary_get_int(prop_dictionary_t, const char *, int *);
bool	prop_dictionary_get_uint64(prop_dictionary_t, const char *,
	    uint64_t *);
int	config_init_component(struct cfdriver *const *, const void *,
	    struct cfdata *);
int	config_fini_component(struct cfdriver *const *, const void *,
	    struct cfdata *);

/* Memory. */
struct uvm_object;
struct uvm_pagerops { void (*pgo_detach)(struct uvm_object *); };
struct uvm_object {
	const struct uvm_pagerops *pgops;
	unsigned uo_refs;
};
#define VM_PROT_READ	1
#define VM_PROT_WRITE	2

struct uvm_object *udv_attach(dev_t, int, off_t, size_t);

/* bus_space and bus_dma. */
typedef uint64_t bus_addr_t, bus_size_t;
typedef int bus_space_tag_t, bus_space_handle_t;
typedef struct { bus_addr_t ds_addr; } bus_dma_segment_t;
typedef struct bus_dmamap { bus_dma_segment_t dm_segs[1]; } *bus_dmamap_t;
typedef int bus_dma_tag_t;
enum { BUS_DMA_NOWAIT = 1, BUS_DMA_COHERENT = 4 };
enum { BUS_DMASYNC_PREREAD = 1, BUS_DMASYNC_PREWRITE = 4 };

uint32_t bus_space_read_4(bus_space_tag_t, bus_space_handle_t, bus_size_t);
void	bus_space_write_4(bus_space_tag_t, bus_space_handle_t, bus_size_t,
	    uint32_t);
void	bus_space_unmap(bus_space_tag_t, bus_space_handle_t, bus_size_t);
paddr_t	bus_space_mmap(bus_space_tag_t, bus_addr_t, off_t, int, int);
int	bus_dmatag_subregion(bus_dma_tag_t, bus_addr_t, bus_addr_t,
	    bus_dma_tag_t *, int);
void	bus_dmatag_destroy(bus_dma_tag_t);
int	bus_dmamem_alloc(bus_dma_tag_t, bus_size_t, bus_size_t, bus_size_t,
	    bus_dma_segment_t *, int, int *, int);
void	bus_dmamem_free(bus_dma_tag_t, bus_dma_segment_t *, int);
int	bus_dmamem_map(bus_dma_tag_t, bus_dma_segment_t *, int, size_t,
	    void **, int);
void	bus_dmamem_unmap(bus_dma_tag_t, void *, size_t);
paddr_t	bus_dmamem_mmap(bus_dma_tag_t, bus_dma_segment_t *, int, off_t, int,
	    int);
int	bus_dmamap_create(bus_dma_tag_t, bus_size_t, int, bus_size_t,
	    bus_size_t, int, bus_dmamap_t *);
int	bus_dmamap_load(bus_dma_tag_t, bus_dmamap_t, void *, bus_size_t,
	    void *, int);
#define bus_dmamap_sync(t, map, offset, length, operations)	((void)0)
void	bus_dmamap_unload(bus_dma_tag_t, bus_dmamap_t);
void	bus_dmamap_destroy(bus_dma_tag_t, bus_dmamap_t);

/* PCI. */
typedef uint32_t pcireg_t;
typedef int pci_chipset_tag_t, pcitag_t;
typedef int pci_intr_handle_t;
typedef enum {
	PCI_INTR_TYPE_INTX, PCI_INTR_TYPE_MSI, PCI_INTR_TYPE_SIZE
} pci_intr_type_t;
struct pci_attach_args {
	pci_chipset_tag_t pa_pc;
	pcitag_t	pa_tag;
	pcireg_t	pa_id;
	bus_dma_tag_t	pa_dmat;
};
#define PCI_VENDOR(id)			((id) & 0xffff)
#define PCI_PRODUCT(id)			((id) >> 16)
#define PCI_ID_CODE(vendor, product)	((pcireg_t)(product) << 16 | (vendor))
#define PCI_COMMAND_STATUS_REG		0x04
#define PCI_COMMAND_MASK		0xffffU
#define PCI_COMMAND_MEM_ENABLE		0x0002U
#define PCI_COMMAND_MASTER_ENABLE	0x0004U
#define PCI_COMMAND_INTERRUPT_DISABLE	0x0400U
#define PCI_STATUS_INT_STATUS		0x00080000U
#define PCI_BAR(n)			(0x10 + 4 * (n))
#define PCI_MAPREG_TYPE_MEM		0
#define pci_aprint_devinfo_fancy(pa, naive, known, addrev)	((void)0)
#define pci_intr_string(pc, ih, buf, size)	(*(buf) = '\0', (buf))
#define pci_intr_setattr(pc, ih, attr, data)	((void)0)
#define PCI_INTRSTR_LEN			64
#define PCI_INTR_MPSAFE			1

pcireg_t pci_conf_read(pci_chipset_tag_t, pcitag_t, int);
void	pci_conf_write(pci_chipset_tag_t, pcitag_t, int, pcireg_t);
#define pci_decompose_tag(pc, tag, bus, device, function)		\
	(*(bus) = *(function) = 0, *(device) = 10)
int	pci_mapreg_map(const struct pci_attach_args *, int, pcireg_t, int,
	    bus_space_tag_t *, bus_space_handle_t *, bus_addr_t *,
	    bus_size_t *);
int	pci_intr_alloc(const struct pci_attach_args *, pci_intr_handle_t **,
	    int *, pci_intr_type_t);
void	*pci_intr_establish_xname(pci_chipset_tag_t, pci_intr_handle_t, int,
	    int (*)(void *), void *, const char *);
void	pci_intr_disestablish(pci_chipset_tag_t, void *);
void	pci_intr_release(pci_chipset_tag_t, pci_intr_handle_t *, int);

#endif /* STANDIN_H */
