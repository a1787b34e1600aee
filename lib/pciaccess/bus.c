/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * The bus through libpciaccess.
 *
 * libpciaccess keeps its state in the process and locks nothing, and what it
 * knows of the machine is what a scan has found.  So every call of it is made
 * under a lock of ours; the state lives from the first user to the last, and a
 * list, or an address that is not found, has the machine scanned again in
 * between.  A scan ends all that was had from the one before: a handle keeps
 * its address, and looks for its function anew.
 *
 * A mapping outlives its scan.  libpciaccess would map a BAR once in a
 * process; after a scan it knows nothing of that and maps it for another
 * handle.
 */

#include <sys/mman.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <pciaccess.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "bus.h"
#include "edureg.h"
#include "error.h"
#include "pci.h"
#include "system.h"

/* How often a scan may meet a function that is just being unplugged. */
#define SCAN_TRIES	20

struct pci_bus {
	struct edu_bus	bus;		/* first: the two are cast */
	struct edu_address where;
	struct pci_device *device;	/* of the scan: see find_again() */
	unsigned	scan;
	unsigned	map_scan;	/* that BAR0 was mapped in */
};

/* It protects all of libpciaccess, and what follows here. */
static pthread_mutex_t system_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned system_users;
static unsigned scan_count;

static void
lock(void)
{

	(void)pthread_mutex_lock(&system_lock);
}

static void
unlock(void)
{
	int errnum = errno;

	(void)pthread_mutex_unlock(&system_lock);
	errno = errnum;
}

/*
 * A function that is unplugged while Linux's are being read ends the scan with
 * ENOENT.
 */
static int
scan(struct edu_error *err)
{
	int i, result;

	for (i = 0; i < SCAN_TRIES; i++) {
		errno = 0;
		if ((result = pci_system_init()) == 0)
			break;
		if (result < 0)
			result = errno != 0 ? errno : EIO;
		/* What a failure leaves behind. */
		pci_system_cleanup();
		if (result != ENOENT)
			break;
	}
	scan_count++;
	return edu_fail_pci(err, result, "cannot look at the PCI bus");
}

/* What was plugged in since the last scan is found.  Under the lock. */
static int
scan_again(struct edu_error *err)
{

	pci_system_cleanup();
	return scan(err);
}

/* Returns with the lock held: 1 after a scan, 0 when there was one before. */
static int
system_acquire(struct edu_error *err)
{

	if (edu_system.pci_access != NULL && edu_system.pci_access(err) == -1)
		return -1;
	lock();
	if (system_users++ > 0)
		return 0;
	if (scan(err) == 0)
		return 1;
	system_users--;
	unlock();
	return -1;
}

/* Called with the lock held, and gives it back. */
static void
system_release(void)
{
	int errnum = errno;

	if (--system_users == 0)
		pci_system_cleanup();
	errno = errnum;
	unlock();
}

static int
compare(const void *left, const void *right)
{
	const struct pci_device *a = *(struct pci_device * const *)left;
	const struct pci_device *b = *(struct pci_device * const *)right;

	if (a->domain != b->domain)
		return a->domain < b->domain ? -1 : 1;
	if (a->bus != b->bus)
		return a->bus - b->bus;
	if (a->dev != b->dev)
		return a->dev - b->dev;
	return a->func - b->func;
}

static struct edu_address
address_of(const struct pci_device *d)
{
	const struct edu_address a = { d->domain, d->bus, d->dev, d->func };

	return a;
}

static const struct pci_id_match match_edu = {
	EDU_PCI_VENDOR, EDU_PCI_PRODUCT, PCI_MATCH_ANY, PCI_MATCH_ANY, 0, 0, 0
};
static const struct pci_id_match match_all = {
	PCI_MATCH_ANY, PCI_MATCH_ANY, PCI_MATCH_ANY, PCI_MATCH_ANY, 0, 0, 0
};

/* Every function that matches, sorted; the caller frees the array. */
static int
find_all(const struct pci_id_match *match, struct pci_device ***found,
    size_t *count, struct edu_error *err)
{
	struct pci_device_iterator *iterator;
	struct pci_device *device, **more;

	*found = NULL;
	*count = 0;
	if ((iterator = pci_id_match_iterator_create(match)) == NULL)
		return edu_fail_memory(err);
	while ((device = pci_device_next(iterator)) != NULL) {
		/* One that went during the scan may have left its place. */
		if (device->vendor_id == 0)
			continue;
		more = realloc(*found, (*count + 1) * sizeof(*more));
		if (more == NULL) {
			pci_iterator_destroy(iterator);
			free(*found);
			return edu_fail_memory(err);
		}
		*found = more;
		more[(*count)++] = device;
	}
	pci_iterator_destroy(iterator);
	if (*count > 1)
		qsort(*found, *count, sizeof(**found), compare);
	return 0;
}

static int
list(const struct pci_id_match *match, struct edu_bus_name **names,
    size_t *count, struct edu_error *err)
{
	struct pci_device **found;
	struct edu_address a;
	int fresh;
	size_t i;

	if ((fresh = system_acquire(err)) == -1)
		return -1;
	if ((!fresh && scan_again(err) == -1) ||
	    find_all(match, &found, count, err) == -1) {
		system_release();
		return -1;
	}
	*names = calloc(*count + 1, sizeof(**names));
	for (i = 0; *names != NULL && i < *count; i++) {
		a = address_of(found[i]);
		edu_address_format(&a, (*names)[i].text,
		    sizeof((*names)[i].text));
	}
	free(found);
	system_release();
	return *names != NULL ? 0 : edu_fail_memory(err);
}

int
edu_bus_pciaccess_list(struct edu_bus_name **names, size_t *count,
    struct edu_error *err)
{

	return list(&match_edu, names, count, err);
}

int
edu_bus_pciaccess_all(struct edu_bus_name **names, size_t *count,
    struct edu_error *err)
{

	return list(&match_all, names, count, err);
}

static struct pci_device *
find_first(struct edu_error *err)
{
	struct pci_device *device, **found;
	size_t count;

	if (find_all(&match_edu, &found, &count, err) == -1)
		return NULL;
	device = count > 0 ? found[0] : NULL;
	free(found);
	if (device == NULL)
		(void)edu_fail(err, ENOENT, "this machine has no edu device "
		    "(QEMU has one with -device edu)");
	return device;
}

static struct pci_device *
find_at(const struct edu_address *a)
{

	/* This domain stands for all of them there. */
	if (a->domain == PCI_MATCH_ANY)
		return NULL;
	return pci_device_find_by_slot(a->domain, a->bus, a->device,
	    a->function);
}

/* Under the lock.  A scan of old is asked again before it is believed. */
static struct pci_device *
find(const struct edu_address *a, int fresh, struct edu_error *err)
{
	struct pci_device *device = NULL;

	if (a != NULL)
		device = find_at(a);
	if (device == NULL && !fresh && scan_again(err) == -1)
		return NULL;
	if (a == NULL)
		return find_first(err);
	if (device == NULL && (device = find_at(a)) == NULL)
		(void)edu_fail(err, ENOENT, "there is no such PCI function");
	return device;
}

static struct pci_bus *
pci_bus_of(struct edu_bus *bus)
{

	return (struct pci_bus *)(void *)bus;
}

/* Called with the lock held: the function as the present scan has it. */
static int
find_again(struct pci_bus *p)
{

	if (p->scan != scan_count) {
		p->device = find_at(&p->where);
		p->scan = scan_count;
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

	if ((result < 0 ? errno : result) == ENOENT)
		return edu_fail(p->bus.err, ENODEV, "cannot %s configuration "
		    "space at 0x%02x: the device is gone", what, offset);
	return edu_fail_pci(p->bus.err, result, "cannot %s configuration space "
	    "at 0x%02x", what, offset);
}

/* Unprivileged users see 64 bytes; reading beyond succeeds with none. */
static int
config_read(struct edu_bus *bus, unsigned offset, uint32_t *value)
{
	struct pci_bus *p = pci_bus_of(bus);
	uint8_t bytes[4];
	pciaddr_t got = 0;
	int result;

	lock();
	if (find_again(p) == -1) {
		unlock();
		return -1;
	}
	errno = 0;
	result = pci_device_cfg_read(p->device, bytes, offset, sizeof(bytes),
	    &got);
	unlock();
	if (result == 0 && got != sizeof(bytes))
		return edu_fail(p->bus.err, EACCES, "cannot read configuration "
		    "space at 0x%02x: only root may read beyond 0x40", offset);
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

	lock();
	if (find_again(p) == -1) {
		unlock();
		return -1;
	}
	errno = 0;
	result = pci_device_cfg_write(p->device, bytes, offset, sizeof(bytes),
	    &put);
	unlock();
	if (result == 0 && put != sizeof(bytes))
		result = EIO;
	return result == 0 ? 0 : config_failed(p, result, "write", offset);
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

	if (config_read(&p->bus, PCI_BAR(0), &bar) == -1)
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
	lock();
	if (find_again(p) == 0) {
		errno = 0;
		result = edu_fail_pci(p->bus.err, pci_device_probe(p->device),
		    "cannot ask for the BARs");
		*r = p->device->regions[index];
	}
	unlock();
	return result;
}

static int
region(struct edu_bus *bus, unsigned index, struct edu_region *r)
{
	struct pci_mem_region known;

	if (!edu_system.pci_probe_asks)
		return 0;
	if (probe(pci_bus_of(bus), index, &known) == -1)
		return -1;
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
	p->map_scan = scan_count;
	errno = 0;
	return pci_device_map_range(p->device, r->base_addr, r->size,
	    writable ? PCI_DEV_MAP_FLAG_WRITABLE : 0, &p->bus.bar0);
}

static int
map(struct edu_bus *bus, int writable)
{
	struct pci_bus *p = pci_bus_of(bus);
	struct pci_mem_region r;
	int result;

	if (probe(p, 0, &r) == -1)
		return -1;
	if (r.size != EDU_BAR0_SIZE || r.is_IO)
		return edu_fail(p->bus.err, EIO, "BAR0 has 0x%" PRIx64 " bytes"
		    ", an edu has 0x%x of memory", (uint64_t)r.size,
		    EDU_BAR0_SIZE);
	lock();
	/* EINVAL: another handle has it mapped, or the system refuses. */
	if ((result = map_range(p, &r, writable)) == EINVAL &&
	    scan_again(bus->err) == 0)
		result = map_range(p, &r, writable);
	unlock();
	if (result == 0)
		return 0;
	bus->bar0 = NULL;
	return map_failed(p, result);
}

static void
bus_close(struct edu_bus *bus)
{
	struct pci_bus *p = pci_bus_of(bus);

	lock();
	if (bus->bar0 != NULL && (p->map_scan != scan_count ||
	    find_again(p) == -1 || pci_device_unmap_range(p->device,
	    bus->bar0, EDU_BAR0_SIZE) != 0))
		(void)munmap(bus->bar0, EDU_BAR0_SIZE);
	system_release();
	free(p);
}

static const struct edu_bus_ops ops = {
	.config_read	= config_read,
	.config_write	= config_write,
	.region		= region,
	.map		= map,
	.read		= edu_bus_mapped_read,
	.write		= edu_bus_mapped_write,
	.close		= bus_close,
};

struct edu_bus *
edu_bus_pciaccess(const char *address, struct edu_error *err)
{
	struct edu_address a;
	struct pci_bus *p;
	int fresh;

	/* First, for it is wrong on a machine without PCI as well. */
	if (address != NULL && edu_address_parse(address, &a, err) == -1)
		return NULL;
	if ((fresh = system_acquire(err)) == -1)
		return NULL;
	if ((p = calloc(1, sizeof(*p))) == NULL)
		(void)edu_fail_memory(err);
	else if ((p->device = find(address != NULL ? &a : NULL, fresh,
	    err)) != NULL) {
		p->scan = scan_count;
		p->where = address_of(p->device);
		p->bus.err = err;
		p->bus.ops = &ops;
		p->bus.dma_time_us = EDU_DMA_TIME_MS * 1000;
		edu_address_format(&p->where, p->bus.name,
		    sizeof(p->bus.name));
		unlock();
		return &p->bus;
	}
	free(p);
	system_release();
	return NULL;
}
