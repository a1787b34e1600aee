/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Opening, and undoing all of it. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claim.h"
#include "internal.h"

#define KNOWN_FLAGS	(EDU_OPEN_READONLY | EDU_OPEN_CONFIG | EDU_OPEN_KEEP | \
			    EDU_OPEN_POLL)
#define QTEST		"qtest:"
#define NO_ADDRESS	"BAR0 has no address, as where the firmware and the " \
			"kernel found no room for it; another bus may have some"

/* Users without PCI may have been given the device alone: see list.c. */
static struct edu_bus *
open_pci(struct edu *edu, const char *name)
{
	struct edu_first_error first;
	struct edu_bus *bus;

	bus = edu_bus_pciaccess(name, !(edu->flags & EDU_OPEN_READONLY),
	    &edu->err);
	if (bus != NULL || (errno != EACCES && errno != EPERM) ||
	    (edu->flags & EDU_OPEN_CONFIG) || edu_system.bus == NULL)
		return bus;
	edu_error_save(&first, &edu->err);
	bus = edu_system.bus(name, &edu->err);
	if (bus == NULL && errno == ENXIO)
		(void)edu_error_restore(&first, &edu->err);
	return bus;
}

static int
open_bus(struct edu *edu, const char *name)
{
	struct edu_error *err = &edu->err;

	if (name != NULL)
		(void)snprintf(err->device, sizeof(err->device), "%s", name);
	if (edu_require_flags(edu, edu->flags, KNOWN_FLAGS) == -1)
		return -1;
	if (name != NULL && strncmp(name, QTEST, strlen(QTEST)) == 0)
		edu->bus = edu_bus_qtest(name + strlen(QTEST), err);
	else
		edu->bus = open_pci(edu, name);
	if (edu->bus == NULL)
		return -1;
	(void)snprintf(err->device, sizeof(err->device), "%s", edu->bus->name);
	return 0;
}

static int
check_ids(struct edu *edu)
{
	uint32_t command, ids = UINT32_MAX;

	if (edu->bus->is_driven)
		return 0;
	if (edu->bus->ops->config_read(edu->bus, PCI_ID, &ids) == -1)
		return -1;
	/* A virtual function has all ones here, no command register has. */
	if (ids == UINT32_MAX && edu_command_read(edu, &command) == -1)
		return -1;
	if ((edu->flags & EDU_OPEN_CONFIG) ||
	    ids == ((uint32_t)EDU_PCI_PRODUCT << 16 | EDU_PCI_VENDOR))
		return 0;
	return edu_fail(&edu->err, ENODEV, "this is %04x:%04x, not an edu "
	    "(%04x:%04x)", ids & 0xffff, ids >> 16, EDU_PCI_VENDOR,
	    EDU_PCI_PRODUCT);
}

/* Nobody else can reach a private bus, and a driver claims what it has. */
static int
take_claim(struct edu *edu)
{
	char instance[EDU_INSTANCE_SIZE];

	if (edu->bus->is_private || edu->bus->is_driven)
		return 0;
	edu_instance(edu, instance);
	edu->claim = edu_claim_take(edu->bus->name, instance, &edu->err);
	if (edu->claim == NULL)
		return -1;
	return edu_bar_recover(edu);
}

/*
 * Where the system refuses the mapping, a driver that serves us may give it.
 * A read-only handle has not opened that yet.
 */
static int
map_registers(struct edu *edu, int writable)
{
	struct edu_first_error first;

	if (edu->bus->ops->map(edu->bus, writable) == 0)
		return 0;
	if (errno != EPERM)
		return -1;
	edu_error_save(&first, &edu->err);
	if (edu->kernel == NULL && edu->driver.role == EDU_DRIVER_SERVES &&
	    edu_kernel_open(edu) == -1)
		return -1;
	if (edu->kernel == NULL || edu->kernel->ops->map == NULL)
		return edu_error_restore(&first, &edu->err);
	edu->bus->bar0 = edu->kernel->ops->map(edu->kernel, writable);
	edu->device.is_lent = edu->bus->bar0 != NULL;
	return edu->device.is_lent ? 0 : -1;
}

/* To open it for use helps where BAR0 has an address alone. */
static int
fail_undecoded(struct edu *edu, uint32_t command)
{
	uint32_t bar = 0;

	if (edu->bus->ops->config_read(edu->bus, PCI_BAR(0), &bar) == -1)
		return -1;
	if ((bar & ~PCI_BAR_MEM_FLAGS) == 0)
		return edu_fail(&edu->err, EIO, NO_ADDRESS);
	return edu_fail(&edu->err, EIO, "memory decoding is off (command "
	    "register 0x%04x), so no register can be read; opening the device "
	    "for use switches it on (edutool live)", command);
}

static int
open_readonly(struct edu *edu)
{
	uint32_t command = PCI_COMMAND_MEMORY, id;

	if (edu->bus->is_driven) {
		if (edu_kernel_open(edu) == -1)
			return -1;
	} else if (edu_decoding_await(edu, &command) == -1)
		return -1;
	if (!(command & PCI_COMMAND_MEMORY))
		return fail_undecoded(edu, command);
	if (map_registers(edu, 0) == -1)
		return -1;
	return edu_identify(edu, &id);
}

static int
check_bar0(struct edu *edu)
{
	struct edu_bar *bar;
	int result = 0;

	if ((bar = edu_bar_size(edu, 0, EDU_BAR_FORCE)) == NULL)
		return -1;
	if (edu_bar_type(bar) != EDU_BAR_MEM32 ||
	    edu_bar_length(bar) != EDU_BAR0_SIZE)
		result = edu_fail(&edu->err, EIO, "BAR0 has 0x%" PRIx64
		    " bytes and type %d, an edu has 0x%x bytes of memory",
		    edu_bar_length(bar), (int)edu_bar_type(bar),
		    EDU_BAR0_SIZE);
	else if (edu_bar_address(bar) == 0)
		result = edu_fail(&edu->err, EIO, NO_ADDRESS);
	edu_bar_free(bar);
	return result;
}

static int
note_command(struct edu *edu)
{

	if (edu->bus->is_driven)
		return 0;
	if (edu_command_read(edu, &edu->device.command) == -1)
		return -1;
	if (edu_masked_recall(edu))
		edu->device.command &= ~PCI_COMMAND_NO_INTX;
	return 0;
}

/*
 * The kernel side may change the command register: a driver that serves us
 * does so for itself, and it stays; any other, until it is closed.
 */
static int
open_kernel(struct edu *edu)
{
	int serves = edu->driver.role == EDU_DRIVER_SERVES;

	if (!serves && note_command(edu) == -1)
		return -1;
	if (edu_kernel_open(edu) == -1)
		return -1;
	return serves ? note_command(edu) : 0;
}

/* Where a driver keeps the function in order, it has done this. */
static int
prepare(struct edu *edu)
{

	if (edu->bus->is_driven)
		return 0;
	edu->device.is_ours = 1;
	if (edu_command_change(edu, PCI_COMMAND_NO_INTX,
	    PCI_COMMAND_MASTER) == -1 || check_bar0(edu) == -1)
		return -1;
	return edu_command_change(edu, PCI_COMMAND_MEMORY, 0);
}

/* What a former owner has left: running engines, pending interrupts. */
static int
adopt(struct edu *edu)
{

	if (edu_dma_adopt(edu) == -1)
		return -1;
	edu_factorial_adopt(edu);
	if (!(edu->flags & EDU_OPEN_KEEP) &&
	    edu_irq_discard(edu, UINT32_MAX) == -1)
		return -1;
	return edu_irq_enable(edu);
}

/* The kernel side first: where it is exclusive, it is a claim as well. */
static int
open_for_use(struct edu *edu)
{
	uint32_t id;

	if (edu_mem_open(edu) == -1 || edu_require_unheld(edu) == -1 ||
	    open_kernel(edu) == -1 || prepare(edu) == -1 ||
	    map_registers(edu, 1) == -1 || edu_identify(edu, &id) == -1)
		return -1;
	edu->device.is_mapped = 1;
	return adopt(edu);
}

static int
open_as_asked(struct edu *edu, const char *name)
{

	if (open_bus(edu, name) == -1 || check_ids(edu) == -1)
		return -1;
	if (edu_driver_find(edu) == -1 && !(edu->flags & EDU_OPEN_READONLY))
		return -1;
	edu->had_driver = edu->driver.role != EDU_DRIVER_NONE;
	edu_dma_find_limit(edu);
	if (!(edu->flags & EDU_OPEN_READONLY) && take_claim(edu) == -1)
		return -1;
	if (edu->flags & EDU_OPEN_CONFIG)
		return 0;
	return edu->flags & EDU_OPEN_READONLY ? open_readonly(edu) :
	    open_for_use(edu);
}

EDU_PUBLIC struct edu *
edu_open(const char *name, unsigned flags)
{
	struct edu_error err = { "", "" };
	struct edu *edu;
	int errnum;

	if ((edu = calloc(1, sizeof(*edu))) == NULL) {
		(void)edu_fail_memory(&err);
		edu_error_publish(&err);
		return NULL;
	}
	edu->flags = flags;
	edu_queue_open(edu);
	if (open_as_asked(edu, name) == 0)
		return edu;
	errnum = errno;
	edu_error_publish(&edu->err);
	edu_close(edu);
	errno = errnum;
	return NULL;
}

/* Nothing may interrupt, or touch memory, once we are gone. */
static void
leave(struct edu *edu)
{

	edu_dma_leave(edu);
	edu_factorial_leave(edu);
	if (edu->flags & EDU_OPEN_KEEP)
		edu_irq_put_back(edu);
	else
		(void)edu_irq_discard(edu, UINT32_MAX);
	edu->device.is_quiet = !edu_irq_is_pending(edu);
}

/*
 * As found; but once we have had its registers, INTx is masked unless nothing
 * is pending, for the system would switch off the line (see edu_irq_enable()),
 * and a transfer that still runs stays cut off.
 */
static void
restore_command(struct edu *edu)
{
	uint32_t command = edu->device.command, mask = PCI_COMMAND_DECODING |
	    PCI_COMMAND_MASTER | PCI_COMMAND_NO_INTX;

	if (edu->device.is_mapped && !edu->device.is_quiet) {
		if (!(command & PCI_COMMAND_NO_INTX))
			edu_masked_remember(edu, 1);
		command |= PCI_COMMAND_NO_INTX;
		/* A driver that takes interrupts sees to its own. */
		if (edu->driver.role == EDU_DRIVER_SERVES)
			mask &= ~PCI_COMMAND_NO_INTX;
	} else
		edu_masked_remember(edu, 0);
	if (edu_dma_is_running(edu))
		mask &= ~PCI_COMMAND_MASTER;
	(void)edu_command_change(edu, command & mask, ~command & mask);
}

EDU_PUBLIC void
edu_close(struct edu *edu)
{
	int errnum = errno;

	if (edu == NULL)
		return;
	if (edu->bus != NULL)
		edu_begin(edu);
	/* What has its place by now is not ours to touch. */
	if (edu->bus != NULL && edu_confirm(edu) == -1 && edu->bus->is_gone)
		edu->device.is_mapped = edu->device.is_ours = 0;
	edu_set_leave(edu);
	edu_queue_close(edu);
	if (edu->device.is_mapped)
		leave(edu);
	if (edu->kernel != NULL) {
		edu_mem_free_all(edu);
		edu->kernel->ops->close(edu->kernel);
		edu->kernel = NULL;
	}
	if (edu->device.is_lent)
		edu->bus->bar0 = NULL;
	if (edu->device.is_ours)
		restore_command(edu);
	if (edu->bus != NULL)
		edu->bus->ops->close(edu->bus);
	edu_claim_drop(edu->claim);
	free(edu);
	errno = errnum;
}
