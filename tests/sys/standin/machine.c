/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * A stand-in for an edu device and the kernel's ways to it, PCI, bus_space
 * and bus_dma: see standin.h.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "machine.h"
#include "edureg.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"

static atomic_int held[R_END];
_Thread_local int spin_held;

struct machine machine;
static pthread_mutex_t machine_mutex = PTHREAD_MUTEX_INITIALIZER;

void
standin_panic(const char *what)
{
	(void)fprintf(stderr, "panic: %s\n", what);
	abort();
}

void
hold(enum resource r)
{
	(void)atomic_fetch_add(&held[r], 1);
}

void
drop(enum resource r)
{
	if (atomic_fetch_sub(&held[r], 1) <= 0)
		standin_panic("release of what is not held");
}

int
is_held(enum resource r)
{
	return atomic_load(&held[r]);
}

int
machine_held(void)
{
	int i, sum = 0;

	for (i = 0; i < R_END; i++)
		sum += is_held((enum resource)i);
	return sum;
}

void
machine_lock(void)
{
	(void)pthread_mutex_lock(&machine_mutex);
}

void
machine_unlock(void)
{
	(void)pthread_mutex_unlock(&machine_mutex);
}

/* May this call fail?  Then this is the place where it does. */
bool
fails(void)
{
	bool result;

	machine_lock();
	result = ++machine.calls == machine.fail_at;
	machine_unlock();
	return result;
}

static int
acquire(enum resource r, int error)
{
	if (fails())
		return error;
	hold(r);
	return 0;
}

void
may_sleep(void)
{
	if (spin_held != 0)
		standin_panic("sleeping with a spin lock held");
}

#define RELEASE(resource, name, ...)					\
	void name(__VA_ARGS__) { drop(resource); }
RELEASE(R_BAR, bus_space_unmap, bus_space_tag_t t, bus_space_handle_t h,
    bus_size_t size)
RELEASE(R_DMATAG, bus_dmatag_destroy, bus_dma_tag_t t)
RELEASE(R_LOADED, bus_dmamap_unload, bus_dma_tag_t t, bus_dmamap_t map)
RELEASE(R_DMAMAP, bus_dmamap_destroy, bus_dma_tag_t t, bus_dmamap_t map)

/*
 * The device and its function.
 */

static bool
is_closed(void)
{
	return !machine.is_present || machine.is_moved ||
	    (machine.csr & PCI_COMMAND_MEM_ENABLE) == 0;
}

static bool
is_asserted(void)
{
	return machine.is_present && !machine.uses_msi && machine.status != 0;
}

static void
raise_locked(uint32_t bits)
{
	machine.status |= bits;
	if (bits != 0 && machine.uses_msi &&
	    (machine.csr & PCI_COMMAND_MASTER_ENABLE))
		machine.messages++;
}

void
machine_raise(uint32_t bits)
{
	machine_lock();
	raise_locked(bits);
	machine_unlock();
}

void
machine_close(void)
{
	if (machine.is_careful) {
		machine.saved_csr = machine.csr;
		machine.csr &= ~PCI_COMMAND_MEM_ENABLE;
		machine.csr |= PCI_COMMAND_INTERRUPT_DISABLE;
	} else
		machine.is_moved = true;
}

void
machine_open(void)
{
	if (machine.saved_csr != 0)
		machine.csr = machine.saved_csr;
	machine.saved_csr = 0;
	machine.is_moved = false;
}

/* What others do between two accesses of the driver. */
static void
meanwhile(void)
{
	int n = ++machine.accesses;

	if (n == machine.close_at)
		machine_close();
	if (n == machine.open_at)
		machine_open();
	if (n == machine.raise_at)
		raise_locked(machine.raise_bits);
	if (n == machine.vanish_at)
		machine.is_present = false;
}

uint32_t
bus_space_read_4(bus_space_tag_t t, bus_space_handle_t h, bus_size_t reg)
{
	uint32_t value = 0;

	machine_lock();
	if (is_held(R_BAR) == 0)
		standin_panic("BAR0 is not mapped");
	meanwhile();
	if (is_closed())
		value = machine.closed_value;
	else if (reg == EDU_ID)
		value = machine.id;
	else if (reg == EDU_INTR_STATUS)
		value = machine.status;
	else if (reg == EDU_DMA_CMD)
		value = machine.dma_cmd;
	else
		standin_panic("read of another register");
	machine_unlock();
	return value;
}

void
bus_space_write_4(bus_space_tag_t t, bus_space_handle_t h, bus_size_t reg,
    uint32_t value)
{
	machine_lock();
	meanwhile();
	if (reg != EDU_INTR_ACK)
		standin_panic("write to another register");
	if (!is_closed())
		machine.status &= ~value;
	machine_unlock();
}

pcireg_t
pci_conf_read(pci_chipset_tag_t pc, pcitag_t tag, int reg)
{
	pcireg_t value = 0xffffffff;

	machine_lock();
	meanwhile();
	if (machine.is_present && reg == PCI_COMMAND_STATUS_REG)
		value = machine.csr | (is_asserted() ? PCI_STATUS_INT_STATUS :
		    0);
	machine_unlock();
	return value;
}

void
pci_conf_write(pci_chipset_tag_t pc, pcitag_t tag, int reg, pcireg_t value)
{
	if (reg != PCI_COMMAND_STATUS_REG || (value & ~PCI_COMMAND_MASK) != 0)
		standin_panic("not the command register alone");
	machine_lock();
	meanwhile();
	if (machine.is_present)
		machine.csr = value;
	machine_unlock();
}

int
pci_mapreg_map(const struct pci_attach_args *pa, int reg, pcireg_t type,
    int flags, bus_space_tag_t *t, bus_space_handle_t *h, bus_addr_t *base,
    bus_size_t *size)
{
	if (reg != PCI_BAR(0))
		standin_panic("not BAR0");
	if (acquire(R_BAR, 1) != 0)
		return 1;
	*base = MACHINE_BAR0;
	*size = machine.bar_size;
	return 0;
}

/*
 * Its interrupt.
 */

static int (*handler)(void *);
static void *handler_arg;
static pthread_mutex_t handler_mutex = PTHREAD_MUTEX_INITIALIZER;

int
pci_intr_alloc(const struct pci_attach_args *pa, pci_intr_handle_t **ihp,
    int *counts, pci_intr_type_t type)
{
	bool is_msi = counts[PCI_INTR_TYPE_MSI] == 1 && machine.has_msi;

	if (fails())
		return ENXIO;
	*ihp = calloc(1, sizeof(**ihp));
	if (*ihp == NULL || type != PCI_INTR_TYPE_MSI)
		standin_panic("pci_intr_alloc");
	counts[PCI_INTR_TYPE_MSI] = is_msi;
	counts[PCI_INTR_TYPE_INTX] = !is_msi;
	**ihp = is_msi ? PCI_INTR_TYPE_MSI : PCI_INTR_TYPE_INTX;
	hold(R_INTR);
	return 0;
}

void *
pci_intr_establish_xname(pci_chipset_tag_t pc, pci_intr_handle_t ih, int ipl,
    int (*func)(void *), void *arg, const char *name)
{
	if (ipl != IPL_VM)
		standin_panic("not the lock's level");
	if (fails())
		return NULL;
	machine_lock();
	machine.uses_msi = ih == PCI_INTR_TYPE_MSI;
	machine_unlock();
	(void)pthread_mutex_lock(&handler_mutex);
	handler = func;
	handler_arg = arg;
	(void)pthread_mutex_unlock(&handler_mutex);
	hold(R_HANDLER);
	return &handler;
}

/* Waits until the handler has returned. */
void
pci_intr_disestablish(pci_chipset_tag_t pc, void *cookie)
{
	may_sleep();
	(void)pthread_mutex_lock(&handler_mutex);
	handler = NULL;
	(void)pthread_mutex_unlock(&handler_mutex);
	machine_lock();
	machine.uses_msi = false;
	machine.messages = 0;
	machine_unlock();
	drop(R_HANDLER);
}

void
pci_intr_release(pci_chipset_tag_t pc, pci_intr_handle_t *ih, int count)
{
	if (is_held(R_HANDLER) != 0)
		standin_panic("release before disestablish");
	free(ih);
	drop(R_INTR);
}

/* Is the processor to be interrupted? */
static bool
take_interrupt(void)
{
	bool result;

	machine_lock();
	result = machine.messages > 0 || (is_asserted() &&
	    (machine.csr & PCI_COMMAND_INTERRUPT_DISABLE) == 0);
	if (machine.messages > 0)
		machine.messages--;
	machine_unlock();
	return result;
}

bool
machine_deliver(void)
{
	int n;

	for (n = 0; take_interrupt(); n++) {
		if (n == 1000)
			return false;
		(void)pthread_mutex_lock(&handler_mutex);
		if (handler != NULL)
			(void)handler(handler_arg);
		(void)pthread_mutex_unlock(&handler_mutex);
	}
	return true;
}

/*
 * DMA memory.
 */

int
bus_dmatag_subregion(bus_dma_tag_t t, bus_addr_t min, bus_addr_t max,
    bus_dma_tag_t *new, int flags)
{
	if (min != 0)
		standin_panic("bus_dmatag_subregion");
	machine.dma_limit = max;
	return acquire(R_DMATAG, ENOMEM);
}

int
bus_dmamem_alloc(bus_dma_tag_t t, bus_size_t size, bus_size_t align,
    bus_size_t boundary, bus_dma_segment_t *segs, int nsegs, int *rsegs,
    int flags)
{
	if (size % PAGE_SIZE != 0 || nsegs != 1 || flags != BUS_DMA_NOWAIT)
		standin_panic("bus_dmamem_alloc");
	*rsegs = 1;
	return acquire(R_DMAMEM, ENOMEM);
}

void
bus_dmamem_free(bus_dma_tag_t t, bus_dma_segment_t *segs, int nsegs)
{
	machine_lock();
	if ((machine.dma_cmd & EDU_DMA_CMD_RUN) && machine.is_present &&
	    (machine.csr & PCI_COMMAND_MASTER_ENABLE))
		standin_panic("freeing memory that a DMA may write");
	machine_unlock();
	if (node_mappings() != 0)
		standin_panic("freeing memory that is mapped");
	drop(R_DMAMEM);
}

int
bus_dmamem_map(bus_dma_tag_t t, bus_dma_segment_t *segs, int nsegs,
    size_t size, void **kva, int flags)
{
	int error = acquire(R_KVA, ENOMEM);

	if (error == 0)
		*kva = machine.memory = calloc(1, size);
	return error;
}

void
bus_dmamem_unmap(bus_dma_tag_t t, void *kva, size_t size)
{
	free(kva);
	machine.memory = NULL;
	drop(R_KVA);
}

int
bus_dmamap_create(bus_dma_tag_t t, bus_size_t size, int nsegs,
    bus_size_t maxsegsz, bus_size_t boundary, int flags, bus_dmamap_t *map)
{
	static struct bus_dmamap the_map = { { { 0x100000 } } };

	*map = &the_map;
	return acquire(R_DMAMAP, ENOMEM);
}

int
bus_dmamap_load(bus_dma_tag_t t, bus_dmamap_t map, void *kva, bus_size_t size,
    void *proc, int flags)
{
	return acquire(R_LOADED, EINVAL);
}

void
machine_reset(void)
{
	if (machine_held() != 0 || node_mappings() != 0)
		standin_panic("something is left from before");
	memset(&machine, 0, sizeof(machine));
	machine.id = 0x010000ed;
	machine.csr = 0x0103;
	machine.bar_size = EDU_BAR0_SIZE;
	machine.is_present = machine.has_msi = true;
}
