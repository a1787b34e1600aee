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
#include "os.h"

#define KNOWN_FLAGS	(EDU_OPEN_READONLY | EDU_OPEN_CONFIG | EDU_OPEN_KEEP | \
			    EDU_OPEN_POLL)
#define QTEST		"qtest:"

/* How much longer than its time a transfer may take at open and close. */
#define DMA_GRACE_US	1000000

int
edu_need(struct edu *edu, int needs)
{

	if ((needs & EDU_NEED_REGISTERS) && (edu->flags & EDU_OPEN_CONFIG))
		return edu_fail(&edu->err, EBADF, "it was opened for its "
		    "configuration space alone");
	if ((needs & EDU_NEED_CLAIM) && (edu->flags & EDU_OPEN_READONLY))
		return edu_fail(&edu->err, EBADF, "it was opened read-only");
	return 0;
}

/*
 * Who may not use PCI may have been given the device alone.  Where not, what
 * PCI said is the better message.
 */
static struct edu_bus *
open_pci(struct edu *edu, const char *name)
{
	struct edu_error first;
	struct edu_bus *bus;
	int errnum;

	bus = edu_bus_pciaccess(name, &edu->err);
	if (bus != NULL || (errno != EACCES && errno != EPERM) ||
	    (edu->flags & EDU_OPEN_CONFIG))
		return bus;
	errnum = errno;
	first = edu->err;
	bus = edu_bus_system(name, &edu->err);
	if (bus == NULL && (errno == ENOTSUP || errno == ENXIO)) {
		edu->err = first;
		errno = errnum;
	}
	return bus;
}

static int
open_bus(struct edu *edu, const char *name)
{
	struct edu_error *err = &edu->err;

	if (name != NULL)
		(void)snprintf(err->device, sizeof(err->device), "%s", name);
	if (edu->flags & ~KNOWN_FLAGS)
		return edu_fail(err, EINVAL, "unknown flags 0x%x", edu->flags);
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
	uint32_t ids;

	if (edu->bus->is_driven)
		return 0;
	if (edu->bus->ops->config_read(edu->bus, PCI_ID, &ids) == -1)
		return -1;
	if (ids == UINT32_MAX)
		return edu_fail(&edu->err, ENODEV, "configuration space reads "
		    "all ones: the device is gone");
	if ((edu->flags & EDU_OPEN_CONFIG) ||
	    ids == ((uint32_t)EDU_PCI_PRODUCT << 16 | EDU_PCI_VENDOR))
		return 0;
	return edu_fail(&edu->err, ENODEV, "this is %04x:%04x, not an edu "
	    "(%04x:%04x)", ids & 0xffff, ids >> 16, EDU_PCI_VENDOR,
	    EDU_PCI_PRODUCT);
}

static int
take_claim(struct edu *edu)
{

	if (edu->bus->is_private || edu->bus->is_driven)
		return 0;
	if ((edu->claim = edu_claim_take(edu->bus->name, &edu->err)) == NULL)
		return -1;
	return edu_bar_recover(edu);
}

/* "edu0" on NetBSD, "uio_pci_generic" on Linux. */
int
edu_has_driver(struct edu *edu, const char *name)
{
	size_t length = strlen(name);
	const char *driver = edu->driver;

	if (edu_os_driver(edu->bus->name, edu->driver,
	    sizeof(edu->driver)) == -1)
		edu->driver[0] = '\0';
	return strncmp(driver, name, length) == 0 &&
	    driver[length + strspn(driver + length, "0123456789")] == '\0';
}

/*
 * Where the system refuses the mapping, edu(4) may give it.  To look only, we
 * have not opened that yet.
 */
static int
map_registers(struct edu *edu, int writable)
{
	struct edu_error first;

	if (edu->bus->ops->map(edu->bus, writable) == 0)
		return 0;
	if (errno != EPERM)
		return -1;
	first = edu->err;
	if (edu->kernel == NULL && edu_has_driver(edu, "edu") &&
	    edu_kernel_attach(edu) == -1)
		return -1;
	if (edu->kernel == NULL || edu->kernel->ops->map == NULL) {
		edu->err = first;
		errno = EPERM;
		return -1;
	}
	edu->bus->bar0 = edu->kernel->ops->map(edu->kernel, writable);
	return edu->bus->bar0 != NULL ? 0 : -1;
}

static int
look_only(struct edu *edu)
{
	uint32_t command = PCI_COMMAND_MEMORY, id;

	if (edu->bus->is_driven) {
		if (edu_kernel_attach(edu) == -1)
			return -1;
	} else if (edu_command_read(edu, &command) == -1)
		return -1;
	if (!(command & PCI_COMMAND_MEMORY))
		return edu_fail(&edu->err, EIO, "memory decoding is off "
		    "(command register 0x%04x), so no register can be read; "
		    "opening the device for use switches it on (edutool live)",
		    command);
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
		result = edu_fail(&edu->err, EIO, "BAR0 has no address: "
		    "the firmware and the kernel have given it none");
	edu_bar_free(bar);
	return result;
}

/*
 * A former owner may have left a transfer running, whose memory is somebody
 * else's by now: bus mastering stays off until the engine rests.
 */
static int
quiet(struct edu *edu)
{

	edu->dma.is_running =
	    (edu_read32(edu, EDU_DMA_CMD) & EDU_DMA_CMD_RUN) != 0;
	edu->dma.due_us = edu_now_us() + edu->bus->dma_time_us;
	if (!edu_dma_rest(edu, edu->dma.due_us + DMA_GRACE_US))
		return edu_fail(&edu->err, EBUSY, "a former owner's DMA does "
		    "not end");
	edu->is_computing =
	    (edu_read32(edu, EDU_STATUS) & EDU_STATUS_COMPUTING) != 0;
	edu_write32(edu, EDU_STATUS, 0);
	return edu->flags & EDU_OPEN_KEEP ? 0 :
	    edu_irq_forget(edu, UINT32_MAX);
}

int
edu_kernel_attach(struct edu *edu)
{
	int poll_only = (edu->flags & EDU_OPEN_POLL) != 0;

	if (edu->bus->is_private)
		edu->kernel = edu_kernel_qtest(edu->bus, poll_only, &edu->err);
	else
		edu->kernel = edu_kernel_open(edu->bus, poll_only, &edu->err);
	return edu->kernel != NULL ? 0 : -1;
}

/* Where a driver keeps the function in order, it has done this. */
static int
prepare(struct edu *edu)
{

	if (edu->bus->is_driven)
		return 0;
	if (edu_command_read(edu, &edu->command) == -1)
		return -1;
	edu->is_ours = 1;
	if (edu_command_change(edu, PCI_COMMAND_NO_INTX,
	    PCI_COMMAND_MASTER) == -1 || check_bar0(edu) == -1)
		return -1;
	return edu_command_change(edu, PCI_COMMAND_MEMORY, 0);
}

/*
 * An interrupt that nobody takes makes the system switch off the whole,
 * shared, line: INTx stays masked where no kernel side takes it.
 */
static int
arm(struct edu *edu)
{
	const struct edu_kernel_ops *ops = edu->kernel->ops;
	uint32_t bits, unmask = 0;

	if (ops->rearm == NULL && (ops->wait != NULL || ops->take != NULL))
		unmask = PCI_COMMAND_NO_INTX;
	if (edu_command_change(edu, PCI_COMMAND_MASTER, unmask) == -1)
		return -1;
	if (ops->look != NULL && ops->look(edu->kernel, &bits) == -1)
		return -1;
	return ops->rearm != NULL ? ops->rearm(edu->kernel) : 0;
}

/* The kernel side first: where it is exclusive, it is a claim as well. */
static int
take_over(struct edu *edu)
{
	uint32_t id;

	if (edu_kernel_attach(edu) == -1 || prepare(edu) == -1 ||
	    map_registers(edu, 1) == -1 || edu_identify(edu, &id) == -1)
		return -1;
	edu->is_mapped = 1;
	return quiet(edu) == -1 ? -1 : arm(edu);
}

static void
find_limit(struct edu *edu)
{
	char machine[64];

	edu->dma_limit = EDU_DMA_BUF_SIZE - 1;
	if (!edu->bus->is_private &&
	    edu_os_machine(machine, sizeof(machine)) == 0 &&
	    edu_machine_bears_last_byte(machine))
		edu->dma_limit = EDU_DMA_BUF_SIZE;
}

EDU_PUBLIC struct edu *
edu_open(const char *name, unsigned flags)
{
	struct edu_error oom = { "", "out of memory" };
	struct edu *edu;
	int errnum, result;

	if ((edu = calloc(1, sizeof(*edu))) == NULL) {
		edu_error_publish(&oom);
		return NULL;
	}
	edu->flags = flags;
	result = open_bus(edu, name) == -1 || check_ids(edu) == -1 ? -1 : 0;
	if (result == 0) {
		find_limit(edu);
		if (!(flags & EDU_OPEN_READONLY))
			result = take_claim(edu);
	}
	if (result == 0 && !(flags & EDU_OPEN_CONFIG))
		result = flags & EDU_OPEN_READONLY ? look_only(edu) :
		    take_over(edu);
	if (result == 0)
		return edu;
	errnum = errno;
	edu_error_publish(&edu->err);
	edu_close(edu);
	errno = errnum;
	return NULL;
}

/* What edu(4) maps ends with its node; to touch it then is a fault. */
static int
is_gone(struct edu *edu)
{
	const struct edu_kernel_ops *ops = edu->kernel->ops;
	uint32_t bits;

	return ops->look != NULL && ops->look(edu->kernel, &bits) == -1 &&
	    edu->kernel->is_gone;
}

/* Nothing may interrupt, or touch memory, once we are gone. */
static void
calm(struct edu *edu)
{

	if (!edu_dma_rest(edu, edu->dma.due_us + DMA_GRACE_US))
		(void)edu_command_change(edu, 0, PCI_COMMAND_MASTER);
	if (edu->status != 0)
		edu_write32(edu, EDU_STATUS, 0);
	if (!(edu->flags & EDU_OPEN_KEEP))
		(void)edu_irq_forget(edu, UINT32_MAX);
	else if (edu->pending != 0)
		edu_write32(edu, EDU_INTR_RAISE, edu->pending);
}

/*
 * As found; but INTx stays masked while something is pending, for the system
 * would switch off the line (see arm()), and a transfer that still runs stays
 * cut off.
 */
static void
restore_command(struct edu *edu)
{
	uint32_t mask = PCI_COMMAND_DECODING | PCI_COMMAND_MASTER |
	    PCI_COMMAND_NO_INTX;

	if (edu->flags & EDU_OPEN_KEEP)
		mask &= ~PCI_COMMAND_NO_INTX;
	if (edu->dma.is_running)
		mask &= ~PCI_COMMAND_MASTER;
	(void)edu_command_change(edu, edu->command & mask,
	    ~edu->command & mask);
}

EDU_PUBLIC void
edu_close(struct edu *edu)
{
	int errnum = errno;

	if (edu == NULL)
		return;
	if (edu->is_mapped && !is_gone(edu))
		calm(edu);
	if (edu->kernel != NULL) {
		edu_mem_release_all(edu);
		edu->kernel->ops->close(edu->kernel);
	}
	if (edu->is_ours)
		restore_command(edu);
	if (edu->bus != NULL)
		edu->bus->ops->close(edu->bus);
	edu_claim_drop(edu->claim);
	free(edu);
	errno = errnum;
}

EDU_PUBLIC const char *
edu_name(const struct edu *edu)
{

	return edu->bus->name;
}

EDU_PUBLIC const char *
edu_kernel_side(struct edu *edu)
{

	if (edu->kernel != NULL)
		return edu->kernel->name;
	return edu_has_driver(edu, "") ? "none" : edu->driver;
}
