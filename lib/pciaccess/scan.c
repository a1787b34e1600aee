/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* What libpciaccess finds, under one lock: see pciaccess.h. */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "bus.h"
#include "edureg.h"
#include "error.h"
#include "pciaccess.h"
#include "system.h"

/* How often a scan may meet a function that is just being unplugged. */
#define SCAN_TRIES	20

/* It protects all of libpciaccess, and what follows here. */
static pthread_mutex_t system_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned system_users;
unsigned edu_pci_scans;

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

void
edu_pci_lock(void)
{

	(void)pthread_mutex_lock(&system_lock);
}

void
edu_pci_unlock(void)
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
	edu_pci_scans++;
	if (edu_fail_pci(err, result, "cannot look at the PCI bus") == -1)
		return -1;
	if (check_scan(err) == 0)
		return 0;
	pci_system_cleanup();
	return -1;
}

/* What was plugged in since the last scan is found.  Under the lock. */
int
edu_pci_scan_again(struct edu_error *err)
{

	pci_system_cleanup();
	return scan(err);
}

/* Returns with the lock held: 1 after a scan, 0 when there was one before. */
int
edu_pci_acquire(struct edu_error *err)
{

	if (edu_system.pci_access != NULL && edu_system.pci_access(err) == -1)
		return -1;
	edu_pci_lock();
	if (system_users++ > 0)
		return 0;
	if (scan(err) == 0)
		return 1;
	system_users--;
	edu_pci_unlock();
	return -1;
}

/* Called with the lock held, and gives it back. */
void
edu_pci_release(void)
{
	int errnum = errno;

	if (--system_users == 0)
		pci_system_cleanup();
	errno = errnum;
	edu_pci_unlock();
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

struct edu_address
edu_pci_address(const struct pci_device *d)
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
			*found = NULL;
			*count = 0;
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

	if ((fresh = edu_pci_acquire(err)) == -1)
		return -1;
	if ((!fresh && edu_pci_scan_again(err) == -1) ||
	    find_all(match, &found, count, err) == -1) {
		edu_pci_release();
		return -1;
	}
	*names = calloc(*count + 1, sizeof(**names));
	for (i = 0; *names != NULL && i < *count; i++) {
		a = edu_pci_address(found[i]);
		edu_address_format(&a, (*names)[i].text,
		    sizeof((*names)[i].text));
	}
	free(found);
	edu_pci_release();
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

struct pci_device *
edu_pci_find_at(const struct edu_address *a)
{

	/* This domain stands for all of them there. */
	if (a->domain == PCI_MATCH_ANY)
		return NULL;
	return pci_device_find_by_slot(a->domain, a->bus, a->device,
	    a->function);
}

/* Under the lock.  A scan of old is asked again before it is believed. */
struct pci_device *
edu_pci_find(const struct edu_address *a, int fresh, struct edu_error *err)
{
	struct pci_device *device = NULL;

	if (a != NULL)
		device = edu_pci_find_at(a);
	if (device == NULL && !fresh && edu_pci_scan_again(err) == -1)
		return NULL;
	if (a == NULL)
		return find_first(err);
	if (device == NULL && (device = edu_pci_find_at(a)) == NULL)
		(void)edu_fail(err, ENOENT, "there is no such PCI function");
	return device;
}
