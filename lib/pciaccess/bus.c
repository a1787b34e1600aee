/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * The bus through libpciaccess: one function.
 *
 * A mapping outlives its scan.  libpciaccess would map a BAR once in a
 * process; after a scan it knows nothing of that and maps it for another
 * handle.
 */

#include <sys/mman.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus.h"
#include "edureg.h"
#include "error.h"
#include "pci.h"
#include "pciaccess.h"
#include "system.h"
#include "trace.h"

struct pci_bus {
	struct edu_bus	bus;		/* first: the two are cast */
	struct edu_address where;
	struct pci_device *device;	/* of the scan: see find_again() */
	unsigned	scan;
	unsigned	map_scan;	/* that BAR0 was mapped in */
	int		config_fd;	/* see config in system.h; or -1 */
	/* BAR0, when it has just been asked for, to be sized: see map(). */
	int		is_bar0_known;
	struct pci_mem_region bar0;
};

static struct pci_bus *
pci_bus_of(struct edu_bus *bus)
{

	return (struct pci_bus *)(void *)bus;
}

/* Called with the lock held: the function as the present scan has it. */
static int
find_again(struct pci_bus *p)
{

	if (p->scan != edu_pci_scans) {
		p->device = edu_pci_find_at(&p->where);
		p->scan = edu_pci_scans;
	}
	if (p->device != NULL)
		return 0;
	return edu_fail_gone(p->bus.err, "the PCI bus does not show it");
}

/* Linux takes the file away from under a device that is unplugged. */
static int
config_failed(struct pci_bus *p, int result, const char *what,
    unsigned offset)
{
	int errnum = result < 0 ? errno : result;

	if (errnum == ENOENT || errnum == ENODEV) {
		p->bus.is_gone = 1;
		return edu_fail(p->bus.err, ENODEV, "cannot %s configuration "
		    "space at 0x%02x: the device is gone", what, offset);
	}
	return edu_fail_pci(p->bus.err, result, "cannot %s configuration space "
	    "at 0x%02x", what, offset);
}

/* By libpciaccess, which goes by the address. */
static int
transfer_by_scan(struct pci_bus *p, void *in, const void *out, unsigned offset,
    pciaddr_t *count)
{
	int result = ENODEV;

	edu_pci_lock();
	errno = 0;
	if (find_again(p) == 0)
		result = in != NULL ?
		    pci_device_cfg_read(p->device, in, offset, 4, count) :
		    pci_device_cfg_write(p->device, out, offset, 4, count);
	edu_pci_unlock();
	return result;
}

/* Not by the address, where it can be: that may be another's by now. */
static int
transfer_in(struct pci_bus *p, uint8_t bytes[4], unsigned offset,
    pciaddr_t *got)
{
	ssize_t n;

	if (p->config_fd == -1)
		return transfer_by_scan(p, bytes, NULL, offset, got);
	errno = 0;
	n = pread(p->config_fd, bytes, 4, (off_t)offset);
	*got = n == -1 ? 0 : (pciaddr_t)n;
	return n == -1 ? -1 : 0;
}

static int
transfer_out(struct pci_bus *p, const uint8_t bytes[4], unsigned offset,
    pciaddr_t *put)
{
	ssize_t n;

	if (p->config_fd == -1)
		return transfer_by_scan(p, NULL, bytes, offset, put);
	errno = 0;
	n = pwrite(p->config_fd, bytes, 4, (off_t)offset);
	*put = n == -1 ? 0 : (pciaddr_t)n;
	/* Open for reading alone, which sysfs says by ESPIPE. */
	if (n == -1 && (errno == EBADF || errno == ESPIPE))
		return EACCES;
	return n == -1 ? -1 : 0;
}

/* Unprivileged users see 64 bytes; reading beyond succeeds with none. */
static int
config_read(struct edu_bus *bus, unsigned offset, uint32_t *value)
{
	struct pci_bus *p = pci_bus_of(bus);
	uint8_t bytes[4] = { 0, 0, 0, 0 };
	pciaddr_t got = 0;
	int result;

	result = transfer_in(p, bytes, offset, &got);
	if (result == 0 && got != sizeof(bytes))
		return edu_fail_errno(p->bus.err, EACCES, "cannot read "
		    "configuration space at 0x%02x", offset);
	*value = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 |
	    (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
	return result == 0 ? 0 : config_failed(p, result, "read", offset);
}

static int
config_write(struct edu_bus *bus, unsigned offset, uint32_t value)
{
	struct pci_bus *p = pci_bus_of(bus);
	const uint8_t bytes[4] = {
		(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
		(uint8_t)(value >> 24)
	};
	pciaddr_t put = 0;
	int result;

	result = transfer_out(p, bytes, offset, &put);
	if (result == 0 && put != sizeof(bytes))
		result = EIO;
	return result == 0 ? 0 : config_failed(p, result, "write", offset);
}

static int
present(struct edu_bus *bus)
{
	struct pci_bus *p = pci_bus_of(bus);
	char none;

	if (p->config_fd == -1)
		return 0;
	if (pread(p->config_fd, &none, 0, 0) == 0)
		return 1;
	if (errno != ENODEV)
		return 0;
	bus->is_gone = 1;
	return edu_fail_gone(bus->err, "its configuration space was taken "
	    "away");
}

static int
instance(struct edu_bus *bus, char *buf, size_t size)
{
	struct pci_bus *p = pci_bus_of(bus);

	return p->config_fd == -1 || edu_system.instance == NULL ? -1 :
	    edu_system.instance(p->config_fd, buf, size);
}

/* A kernel older than the file, or a bridge that has others behind it too. */
static int
reset(struct edu_bus *bus)
{
	struct pci_bus *p = pci_bus_of(bus);

	if (edu_system.reset == NULL || p->config_fd == -1)
		return edu_fail(bus->err, ENOTSUP, "this system does not reset "
		    "a function alone");
	if (edu_system.reset(bus->name, p->config_fd) == 0)
		return 0;
	switch (errno) {
	case ENODEV:
		bus->is_gone = 1;
		return edu_fail_gone(bus->err, "it cannot be reset");
	case ENOENT:
	case ENOTTY:
		return present(bus) == -1 ? -1 : edu_fail(bus->err, ENOTSUP,
		    "the kernel can reset it only where it is alone behind a "
		    "bridge (QEMU: -device pci-bridge,id=b,chassis_nr=9 "
		    "-device edu,bus=b,addr=1)");
	}
	return edu_fail_errno(bus->err, errno, "its file reset in sysfs");
}

static int
is_unused(struct edu_bus *bus)
{
	struct pci_bus *p = pci_bus_of(bus);

	return p->config_fd != -1 && edu_system.is_unused != NULL &&
	    edu_system.is_unused(bus->name, p->config_fd);
}

/*
 * pci_device_map_range() maps what a probe has found.  Where
 * pci_device_probe() asks nobody, it switches decoding and bus mastering on
 * and writes all ones to every BAR, under a kernel driver that may be using
 * the function; but to look at a device must not change it.  What it would
 * fill in for BAR0 is the address in the BAR, and a size that edu_bar_size()
 * has verified, or that every edu has.
 */
static int
probe_bar0(struct pci_bus *p, struct pci_mem_region *r)
{
	uint32_t bar = 0;

	if (p->bus.ops->config_read(&p->bus, PCI_BAR(0), &bar) == -1)
		return -1;
	if (bar & (PCI_BAR_IO | PCI_BAR_MEM_TYPE))
		return edu_fail(p->bus.err, EIO, "BAR0 reads 0x%08" PRIx32
		    ", an edu has 32-bit memory", bar);
	memset(r, 0, sizeof(*r));
	r->base_addr = r->bus_addr = bar & ~PCI_BAR_MEM_FLAGS;
	r->size = EDU_BAR0_SIZE;
	return 0;
}

/* A copy of what is known of a BAR; on the way out, nothing is locked. */
static int
probe(struct pci_bus *p, unsigned index, struct pci_mem_region *r)
{
	int result = -1;

	if (!edu_system.pci_probe_asks)
		return probe_bar0(p, r);
	edu_pci_lock();
	if (find_again(p) == 0) {
		errno = 0;
		result = edu_fail_pci(p->bus.err, pci_device_probe(p->device),
		    "cannot ask for the BARs");
		*r = p->device->regions[index];
	}
	edu_pci_unlock();
	return result;
}

static int
region(struct edu_bus *bus, unsigned index, struct edu_region *r)
{
	struct pci_bus *p = pci_bus_of(bus);
	struct pci_mem_region known;

	if (!edu_system.pci_probe_asks)
		return 0;
	if (probe(p, index, &known) == -1)
		return -1;
	if (index == 0) {
		p->bar0 = known;
		p->is_bar0_known = 1;
	}
	r->address = known.base_addr;
	r->length = known.size;
	r->is_io = known.is_IO;
	return 1;
}

static int
map_failed(struct pci_bus *p, int result)
{

	if (result == EINVAL)
		return edu_fail(p->bus.err, EPERM, "cannot map BAR0: %s",
		    edu_system.pci_map_refused);
	return edu_fail_pci(p->bus.err, result, "cannot map BAR0");
}

/* Under the lock.  No caching flags: registers are not memory. */
static int
map_range(struct pci_bus *p, const struct pci_mem_region *r, int writable)
{

	if (find_again(p) == -1)
		return ENODEV;
	p->device->regions[0] = *r;
	p->map_scan = edu_pci_scans;
	errno = 0;
	return pci_device_map_range(p->device, r->base_addr, r->size,
	    writable ? PCI_DEV_MAP_FLAG_WRITABLE : 0, &p->bus.bar0);
}

static int
map(struct edu_bus *bus, int writable)
{
	struct pci_bus *p = pci_bus_of(bus);
	struct pci_mem_region r = p->bar0;
	int is_known = p->is_bar0_known, result;

	/* Once: it may be another one later. */
	p->is_bar0_known = 0;
	if (!is_known && probe(p, 0, &r) == -1)
		return -1;
	if (r.size != EDU_BAR0_SIZE || r.is_IO)
		return edu_fail(p->bus.err, EIO, "BAR0 has 0x%" PRIx64 " bytes"
		    ", an edu has 0x%x of memory", (uint64_t)r.size,
		    EDU_BAR0_SIZE);
	edu_pci_lock();
	/* EINVAL: another handle has it mapped, or the system refuses. */
	if ((result = map_range(p, &r, writable)) == EINVAL &&
	    edu_pci_scan_again(bus->err) == 0)
		result = map_range(p, &r, writable);
	edu_pci_unlock();
	if (result == 0)
		return 0;
	bus->bar0 = NULL;
	return map_failed(p, result);
}

static void
bus_close(struct edu_bus *bus)
{
	struct pci_bus *p = pci_bus_of(bus);

	if (p->config_fd != -1)
		(void)close(p->config_fd);
	edu_pci_lock();
	if (bus->bar0 != NULL && (p->map_scan != edu_pci_scans ||
	    find_again(p) == -1 || pci_device_unmap_range(p->device,
	    bus->bar0, EDU_BAR0_SIZE) != 0))
		(void)munmap(bus->bar0, EDU_BAR0_SIZE);
	edu_pci_release();
	free(p);
}

static const struct edu_bus_ops ops = {
	.config_read	= config_read,
	.config_write	= config_write,
	.present	= present,
	.instance	= instance,
	.reset		= reset,
	.is_unused	= is_unused,
	.region		= region,
	.map		= map,
	.read		= edu_bus_mapped_read,
	.write		= edu_bus_mapped_write,
	.close		= bus_close,
};

static int
open_config(struct pci_bus *p, int writable, struct edu_error *err)
{

	p->where = edu_pci_address(p->device);
	edu_address_format(&p->where, p->bus.name, sizeof(p->bus.name));
	p->config_fd = -1;
	if (edu_system.config == NULL)
		return 0;
	p->config_fd = edu_system.config(p->bus.name, writable);
	if (p->config_fd != -1)
		return 0;
	if (errno == ENOENT)
		return edu_fail_gone(err, "its configuration space is not "
		    "there");
	return edu_fail_errno(err, errno, "cannot open configuration space");
}

struct edu_bus *
edu_bus_pciaccess(const char *address, int writable, struct edu_error *err)
{
	struct edu_address a;
	struct pci_bus *p;
	int fresh;

	/* First, for it is wrong on a machine without PCI as well. */
	if (address != NULL && edu_address_parse(address, &a, err) == -1)
		return NULL;
	if ((fresh = edu_pci_acquire(err)) == -1)
		return NULL;
	if ((p = calloc(1, sizeof(*p))) == NULL)
		(void)edu_fail_memory(err);
	else if ((p->device = edu_pci_find(address != NULL ? &a : NULL, fresh,
	    err)) != NULL && open_config(p, writable, err) == 0) {
		p->scan = edu_pci_scans;
		p->bus.err = err;
		p->bus.ops = &ops;
		p->bus.dma_time_us = EDU_DMA_TIME_MS * 1000;
		edu_trace_bus(&p->bus);
		edu_pci_unlock();
		return &p->bus;
	}
	free(p);
	edu_pci_release();
	return NULL;
}
