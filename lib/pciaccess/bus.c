/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * The bus through libpciaccess.
 *
 * libpciaccess keeps its state in the process and locks nothing: it is
 * initialised for the first user and cleaned up after the last, under a lock
 * of ours.  Cleaning up is what lets a later list see devices that were
 * plugged in meanwhile.
 */

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <pciaccess.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "address.h"
#include "bus.h"
#include "edureg.h"
#include "error.h"
#include "pci.h"
#include "system.h"

struct pci_bus {
	struct edu_bus	bus;		/* first: the two are cast */
	struct pci_device *device;
	int		config_fd;	/* see config in system.h; or -1 */
};

static pthread_mutex_t system_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned system_users;

/*
 * On Linux a scan that could not open or hold the list of the functions
 * succeeds and has found none.
 */
static int
check_scan(struct edu_error *err)
{
	struct pci_device_iterator *iterator;
	struct pci_device *first;

	if (edu_system.pci_is_empty == NULL)
		return 0;
	if ((iterator = pci_slot_match_iterator_create(NULL)) == NULL)
		return edu_fail_memory(err);
	first = pci_device_next(iterator);
	pci_iterator_destroy(iterator);
	if (first != NULL)
		return 0;
	switch (edu_system.pci_is_empty()) {
	case 1:
		return 0;
	case 0:
		return edu_fail_memory(err);
	}
	return edu_fail_errno(err, errno, "cannot look at the PCI bus");
}

static int
scan(struct edu_error *err)
{
	int errnum;

	errno = 0;
	if (edu_fail_pci(err, pci_system_init(),
	    "cannot look at the PCI bus") == 0 && check_scan(err) == 0)
		return 0;
	/* A scan that fails leaves what it began with. */
	errnum = errno;
	pci_system_cleanup();
	errno = errnum;
	return -1;
}

static int
system_acquire(struct edu_error *err)
{
	int result = 0;

	if (edu_system.pci_access != NULL && edu_system.pci_access(err) == -1)
		return -1;
	(void)pthread_mutex_lock(&system_lock);
	if (system_users == 0)
		result = scan(err);
	if (result == 0)
		system_users++;
	(void)pthread_mutex_unlock(&system_lock);
	return result;
}

static void
system_release(void)
{

	(void)pthread_mutex_lock(&system_lock);
	if (--system_users == 0)
		pci_system_cleanup();
	(void)pthread_mutex_unlock(&system_lock);
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

static void
format_name(char *name, size_t size, const struct pci_device *d)
{
	const struct edu_address a = { d->domain, d->bus, d->dev, d->func };

	edu_address_format(&a, name, size);
}

/* Every edu device, sorted; the caller frees the array. */
static int
find_all(struct pci_device ***found, size_t *count, struct edu_error *err)
{
	static const struct pci_id_match edu = {
		EDU_PCI_VENDOR, EDU_PCI_PRODUCT, PCI_MATCH_ANY, PCI_MATCH_ANY,
		0, 0, 0
	};
	struct pci_device_iterator *iterator;
	struct pci_device *device, **more;

	*found = NULL;
	*count = 0;
	if ((iterator = pci_id_match_iterator_create(&edu)) == NULL)
		return edu_fail_memory(err);
	while ((device = pci_device_next(iterator)) != NULL) {
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

int
edu_bus_pciaccess_list(struct edu_bus_name **names, size_t *count,
    struct edu_error *err)
{
	struct pci_device **found;
	size_t i;

	if (system_acquire(err) == -1)
		return -1;
	if (find_all(&found, count, err) == -1) {
		system_release();
		return -1;
	}
	*names = calloc(*count + 1, sizeof(**names));
	for (i = 0; *names != NULL && i < *count; i++)
		format_name((*names)[i].text, sizeof((*names)[i].text),
		    found[i]);
	free(found);
	system_release();
	return *names != NULL ? 0 : edu_fail_memory(err);
}

static struct pci_device *
find_first(struct edu_error *err)
{
	struct pci_device *device, **found;
	size_t count;

	if (find_all(&found, &count, err) == -1)
		return NULL;
	device = count > 0 ? found[0] : NULL;
	free(found);
	if (device == NULL)
		(void)edu_fail(err, ENOENT, "this machine has no edu device "
		    "(QEMU has one with -device edu)");
	return device;
}

static struct pci_device *
find(const struct edu_address *a, struct edu_error *err)
{
	struct pci_device *device;

	/* This domain stands for all of them there. */
	device = a->domain == PCI_MATCH_ANY ? NULL :
	    pci_device_find_by_slot(a->domain, a->bus, a->device,
	    a->function);
	if (device == NULL)
		(void)edu_fail(err, ENOENT, "there is no such PCI function");
	return device;
}

static struct pci_bus *
pci_bus_of(struct edu_bus *bus)
{

	return (struct pci_bus *)(void *)bus;
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

/* Not by the address, where it can be: that may be another's by now. */
static int
transfer_in(struct pci_bus *p, uint8_t bytes[4], unsigned offset,
    pciaddr_t *got)
{
	ssize_t n;

	errno = 0;
	if (p->config_fd == -1)
		return pci_device_cfg_read(p->device, bytes, offset, 4, got);
	n = pread(p->config_fd, bytes, 4, (off_t)offset);
	*got = n == -1 ? 0 : (pciaddr_t)n;
	return n == -1 ? -1 : 0;
}

static int
transfer_out(struct pci_bus *p, const uint8_t bytes[4], unsigned offset,
    pciaddr_t *put)
{
	ssize_t n;

	errno = 0;
	if (p->config_fd == -1)
		return pci_device_cfg_write(p->device, bytes, offset, 4, put);
	n = pwrite(p->config_fd, bytes, 4, (off_t)offset);
	*put = n == -1 ? 0 : (pciaddr_t)n;
	/* This user could open it for reading alone. */
	return n != -1 ? 0 : errno == EBADF ? EACCES : -1;
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

/*
 * pci_device_map_range() maps what a probe has found.  Where
 * pci_device_probe() asks nobody, it switches decoding and bus mastering on
 * and writes all ones to every BAR, under a kernel driver that may be using
 * the function; but to look at a device must not change it.  What it would
 * fill in for BAR0 is the address in the BAR, and a size that edu_bar_size()
 * has verified, or that every edu has.
 */
static int
probe_bar0(struct pci_bus *p)
{
	struct pci_mem_region *r = &p->device->regions[0];
	uint32_t bar = 0;

	if (config_read(&p->bus, PCI_BAR(0), &bar) == -1)
		return -1;
	if (bar & (PCI_BAR_IO | PCI_BAR_MEM_TYPE))
		return edu_fail(p->bus.err, EIO, "BAR0 reads 0x%08" PRIx32
		    ", an edu has 32-bit memory", bar);
	r->base_addr = r->bus_addr = bar & ~PCI_BAR_MEM_FLAGS;
	r->size = EDU_BAR0_SIZE;
	return 0;
}

static int
probe(struct pci_bus *p)
{

	if (!edu_system.pci_probe_asks)
		return probe_bar0(p);
	errno = 0;
	return edu_fail_pci(p->bus.err, pci_device_probe(p->device),
	    "cannot ask for the BARs");
}

static int
region(struct edu_bus *bus, unsigned index, struct edu_region *r)
{
	struct pci_bus *p = pci_bus_of(bus);
	const struct pci_mem_region *known = &p->device->regions[index];

	if (!edu_system.pci_probe_asks)
		return 0;
	if (probe(p) == -1)
		return -1;
	r->address = known->base_addr;
	r->length = known->size;
	r->is_io = known->is_IO;
	return 1;
}

static int
map_failed(struct pci_bus *p, int result)
{

	if (result == EINVAL)
		return edu_fail(p->bus.err, EPERM, "cannot map BAR0: this "
		    "process has mapped it already, or %s",
		    edu_system.pci_map_refused);
	return edu_fail_pci(p->bus.err, result, "cannot map BAR0");
}

static int
map(struct edu_bus *bus, int writable)
{
	struct pci_bus *p = pci_bus_of(bus);
	struct pci_mem_region *r = &p->device->regions[0];
	int result;

	if (probe(p) == -1)
		return -1;
	if (r->size != EDU_BAR0_SIZE || r->is_IO)
		return edu_fail(p->bus.err, EIO, "BAR0 has 0x%" PRIx64 " bytes"
		    ", an edu has 0x%x of memory", (uint64_t)r->size,
		    EDU_BAR0_SIZE);
	/* No caching flags: registers are not memory. */
	errno = 0;
	result = pci_device_map_range(p->device, r->base_addr, r->size,
	    writable ? PCI_DEV_MAP_FLAG_WRITABLE : 0, &bus->bar0);
	if (result == 0)
		return 0;
	bus->bar0 = NULL;
	return map_failed(p, result);
}

static void
bus_close(struct edu_bus *bus)
{
	struct pci_bus *p = pci_bus_of(bus);

	if (bus->bar0 != NULL)
		(void)pci_device_unmap_range(p->device, bus->bar0,
		    EDU_BAR0_SIZE);
	if (p->config_fd != -1)
		(void)close(p->config_fd);
	system_release();
	free(p);
}

static const struct edu_bus_ops ops = {
	.config_read	= config_read,
	.config_write	= config_write,
	.present	= present,
	.instance	= instance,
	.region		= region,
	.map		= map,
	.read		= edu_bus_mapped_read,
	.write		= edu_bus_mapped_write,
	.close		= bus_close,
};

static int
open_config(struct pci_bus *p, struct edu_error *err)
{

	format_name(p->bus.name, sizeof(p->bus.name), p->device);
	p->config_fd = -1;
	if (edu_system.config == NULL)
		return 0;
	p->config_fd = edu_system.config(p->bus.name);
	if (p->config_fd != -1)
		return 0;
	if (errno == ENOENT)
		return edu_fail_gone(err, "its configuration space is not "
		    "there");
	return edu_fail_errno(err, errno, "cannot open configuration space");
}

struct edu_bus *
edu_bus_pciaccess(const char *address, struct edu_error *err)
{
	struct edu_address a;
	struct pci_bus *p;

	/* First, for it is wrong on a machine without PCI as well. */
	if (address != NULL && edu_address_parse(address, &a, err) == -1)
		return NULL;
	if (system_acquire(err) == -1)
		return NULL;
	if ((p = calloc(1, sizeof(*p))) == NULL)
		(void)edu_fail_memory(err);
	else if ((p->device = address != NULL ? find(&a, err) :
	    find_first(err)) != NULL && open_config(p, err) == 0) {
		p->bus.err = err;
		p->bus.ops = &ops;
		p->bus.dma_time_us = EDU_DMA_TIME_MS * 1000;
		return &p->bus;
	}
	free(p);
	system_release();
	return NULL;
}
