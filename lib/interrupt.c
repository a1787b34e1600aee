/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Status bits travel from the device's register to pending, and from there to
 * whoever asked: the library's own engines take their bit, and edu_irq_wait()
 * takes all.  Where the kernel acknowledges them in the device, it gathers them
 * and take() fetches them from there; elsewhere gather() reads and acknowledges
 * them itself.  (Discarding acknowledges in the device either way.)
 */

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "internal.h"

#define SWITCHED_OFF	"the kernel has switched that line off (\"nobody " \
			"cared\" in its log), for something on it " \
			"interrupts that has no driver; binding one anew " \
			"switches it on again"

/* How long nothing may come until we look for a reason. */
#define SILENCE_MS	1000
/* What looks like one may be an interrupt that is on its way to us. */
#define CONFIRM_MS	200
/* How much later than "done" an engine may interrupt, and how often we look. */
#define LATE_US		20000
#define NAP_US		200

/* Somebody must wake us. */
int
edu_irq_require(struct edu *edu)
{

	if (edu->kernel->ops->wait != NULL)
		return 0;
	if (edu->flags & EDU_OPEN_POLL)
		return edu_fail(&edu->err, ENOTSUP, "no interrupts: it was "
		    "opened for polling only");
	return edu_kernel_lacks(edu, "no kernel side delivers its interrupts");
}

static int
await(struct edu *edu, int timeout_ms)
{

	edu_trace_wait(edu->bus, timeout_ms);
	return edu_trace_woken(edu->bus,
	    edu->kernel->ops->wait(edu->kernel, timeout_ms));
}

/* What the kernel has gathered. */
static int
take(struct edu *edu)
{
	uint32_t bits = 0;
	int result = edu->kernel->ops->take(edu->kernel, &bits);

	if (result != -1)
		edu_trace_note(edu->bus, EDU_TRACE_TAKE, 0, 0, bits);
	edu->irq.pending |= bits;
	return result;
}

/* Take what is pending.  1 when something was. */
static int
gather(struct edu *edu)
{
	uint32_t id, status;

	if (edu->kernel->acknowledges)
		return take(edu);
	status = edu_read32(edu, EDU_INTR_STATUS);
	if (status == 0)
		return 0;
	if (status == UINT32_MAX && edu_identify(edu, &id) == -1)
		return -1;
	edu_write32(edu, EDU_INTR_ACK, status);
	edu->irq.pending |= status;
	return 1;
}

static int
rearm(struct edu *edu)
{
	const struct edu_kernel_ops *ops = edu->kernel->ops;

	if (ops->rearm == NULL)
		return 0;
	edu_trace_note(edu->bus, EDU_TRACE_REARM, 0, 0, 0);
	return ops->rearm(edu->kernel);
}

/*
 * The same where a message may have been lost: the device repeats that of the
 * bits which are set when none is added to them.
 */
static int
rearm_anew(struct edu *edu)
{

	if (edu->kernel->is_msi && !edu->kernel->acknowledges)
		edu_write32(edu, EDU_INTR_RAISE, 0);
	return rearm(edu);
}

/*
 * Before we sleep, something may be pending that the kernel has already
 * announced, or never will.  Having taken it, swallow the announcement, so
 * that the descriptor is not readable for nothing.
 */
static int
gather_early(struct edu *edu)
{
	int result;

	if ((result = gather(edu)) != 1)
		return result;
	if (await(edu, 0) == -1)
		return -1;
	return rearm_anew(edu);
}

int
edu_irq_recheck(struct edu *edu)
{
	struct edu_kernel *kernel = edu->kernel;
	uint32_t bits;

	if (kernel == NULL || !kernel->acknowledges)
		return 0;
	return kernel->ops->recheck(kernel, &bits);
}

/* What is raised reaches the kernel a moment later; a recheck waits for it. */
int
edu_irq_discard(struct edu *edu, uint32_t mask)
{
	struct edu_kernel *kernel = edu->kernel;

	edu_write32(edu, EDU_INTR_ACK, mask);
	if (kernel->acknowledges && (edu_irq_recheck(edu) == -1 ||
	    take(edu) == -1))
		return -1;
	edu_irq_drop(edu, mask);
	return 0;
}

/*
 * An engine is done before it interrupts.  What nobody has waited for is not
 * to be taken for the next one's.
 */
int
edu_irq_flush(struct edu *edu, uint32_t mask)
{
	int64_t end_us = edu_now_us() + LATE_US;

	while ((edu->irq.pending & mask) == 0 && edu_now_us() < end_us) {
		if (gather(edu) == -1)
			return -1;
		if ((edu->irq.pending & mask) == 0)
			edu_sleep_until(edu_now_us() + NAP_US);
	}
	return edu_irq_discard(edu, mask);
}

void
edu_irq_drop(struct edu *edu, uint32_t mask)
{

	edu->irq.pending &= ~mask;
}

/*
 * An interrupt that nobody takes makes the system switch off the whole,
 * shared, line: INTx stays masked where no kernel side takes it, and rearm()
 * unmasks it where one is told when to.
 */
int
edu_irq_enable(struct edu *edu)
{

	if (edu_command_change(edu, PCI_COMMAND_MASTER,
	    edu->kernel->acknowledges ? PCI_COMMAND_NO_INTX : 0) == -1 ||
	    edu_irq_recheck(edu) == -1)
		return -1;
	return rearm_anew(edu);
}

/*
 * Of what was announced or gathered before, nothing is left that it was for.
 * Bits that the reset has not cleared are still in the device.
 */
int
edu_irq_restart(struct edu *edu)
{

	if ((edu->kernel->acknowledges && take(edu) == -1) ||
	    (edu->kernel->ops->wait != NULL && await(edu, 0) == -1))
		return -1;
	edu_irq_drop(edu, UINT32_MAX);
	return rearm_anew(edu);
}

/* For the next process: see EDU_OPEN_KEEP. */
void
edu_irq_put_back(struct edu *edu)
{

	if (edu->irq.pending != 0)
		edu_write32(edu, EDU_INTR_RAISE, edu->irq.pending);
}

int
edu_irq_is_pending(struct edu *edu)
{

	return edu_read32(edu, EDU_INTR_STATUS) != 0;
}

/* What keeps messages from coming; empty: nothing that we know. */
static void
name_msi_obstacle(uint32_t command, int has_msi, uint32_t msi, char *text,
    size_t size)
{

	if (!has_msi || !(msi & PCI_MSI_ENABLE))
		(void)snprintf(text, size, "MSI is disabled in the device, and "
		    "its driver waits for it; open the device again, or attach "
		    "the driver again");
	else if (!(command & PCI_COMMAND_MASTER))
		(void)snprintf(text, size, "bus mastering is off, and an MSI "
		    "needs it; open the device again");
}

/*
 * Likewise for INTx.  A device that asserts it unmasked is heard at once, but
 * where the system has switched off the line.
 */
static void
name_intx_obstacle(uint32_t command, int has_msi, uint32_t msi,
    unsigned offset, char *text, size_t size)
{

	if (has_msi && (msi & PCI_MSI_ENABLE))
		(void)snprintf(text, size, "MSI is enabled in the device, and "
		    "its driver waits for INTx; clear bit 0 at 0x%02x of "
		    "configuration space", offset + 2);
	else if (command & PCI_COMMAND_NO_INTX)
		(void)snprintf(text, size, "somebody has disabled INTx in the "
		    "command register (bit 10); the next wait enables it");
	else if (command & PCI_STATUS_INTX)
		(void)snprintf(text, size, "the device asserts INTx, and "
		    SWITCHED_OFF);
}

/*
 * Find what keeps interrupts from coming.  Where configuration space cannot be
 * read we know of nothing.
 */
static int
find_obstacle(struct edu *edu, char *text, size_t size)
{
	uint32_t command = UINT32_MAX, msi = 0;
	unsigned offset = 0;
	int has_msi;

	text[0] = '\0';
	if (edu->bus->is_driven)
		return 0;
	if (edu->bus->ops->config_read(edu->bus, PCI_COMMAND, &command) == -1 ||
	    edu_config_answers(edu, command) == -1 ||
	    (has_msi = edu_config_msi(edu, &offset, &msi)) == -1)
		return errno == ENODEV ? -1 : 0;
	if (edu->kernel->is_msi)
		name_msi_obstacle(command, has_msi, msi, text, size);
	else
		name_intx_obstacle(command, has_msi, msi, offset, text, size);
	return 0;
}

int
edu_irq_obstacle(struct edu *edu)
{
	char text[256];

	if (find_obstacle(edu, text, sizeof(text)) == -1)
		return -1;
	if (text[0] == '\0')
		return 0;
	return edu_fail(&edu->err, EIO, "no interrupt can come: %s", text);
}

/* Nothing has come: EIO with the reason, if there is one; or it is gone. */
static int
check_delivery(struct edu *edu)
{
	struct pollfd pfd;
	int errnum;

	if (edu_irq_obstacle(edu) == 0)
		return 0;
	if (edu->bus->is_gone)
		return -1;
	errnum = errno;
	pfd.fd = edu->kernel->ops->fd(edu->kernel);
	pfd.events = POLLIN;
	if (poll(&pfd, 1, CONFIRM_MS) != 0)
		return 0;
	errno = errnum;
	return -1;
}

/* What comes late has come: a wait goes on. */
static int
check_punctual(struct edu *edu)
{
	const struct edu_kernel_ops *ops = edu->kernel->ops;

	if (ops->is_polled == NULL || !ops->is_polled(edu->kernel))
		return 0;
	return edu_fail(&edu->err, EIO, "interrupts come late, when the kernel "
	    "happens to look: " SWITCHED_OFF);
}

/* Wait for the kernel side, but not for what cannot come: 1, 0, -1. */
static int
await_kernel(struct edu *edu, int64_t deadline_us)
{
	int left_ms, result;

	for (;;) {
		left_ms = edu_remaining_ms(deadline_us);
		if (left_ms == EDU_FOREVER || left_ms > SILENCE_MS)
			left_ms = SILENCE_MS;
		result = await(edu, left_ms);
		/* A look, and not a wait, has to be short. */
		if (result != 0 || left_ms == 0)
			return result;
		if (check_delivery(edu) == -1)
			return -1;
	}
}

/* Wait for bits of mask and take them: 1, 0 timeout, -1. */
static int
consume(struct edu *edu, uint32_t mask, int64_t deadline_us,
    uint32_t *bits)
{
	int is_late = 0, result;

	if ((edu->irq.pending & mask) == 0 && gather_early(edu) == -1)
		return -1;
	while ((edu->irq.pending & mask) == 0) {
		if (is_late)
			return 0;
		if ((result = await_kernel(edu, deadline_us)) != 1)
			return result;
		/* Even if it was for nothing: it has to be armed again. */
		if (gather(edu) == -1 || rearm(edu) == -1)
			return -1;
		is_late = edu_now_us() >= deadline_us;
	}
	*bits = edu->irq.pending & mask;
	edu->irq.pending &= ~mask;
	return 1;
}

int
edu_irq_listen(struct edu *edu, int64_t due_us)
{
	int result = await(edu, edu_remaining_ms(due_us));

	if (result != 1)
		return result;
	return gather(edu) == -1 || rearm(edu) == -1 ? -1 : 0;
}

int
edu_irq_take(struct edu *edu, uint32_t mask)
{
	int was_pending = (edu->irq.pending & mask) != 0;

	edu->irq.pending &= ~mask;
	return was_pending;
}

void
edu_irq_own(struct edu *edu, uint32_t own, uint32_t disown)
{

	edu->irq.owned = (edu->irq.owned & ~disown) | own;
}

EDU_PUBLIC int
edu_irq_wait(struct edu *edu, int timeout_ms, uint32_t *status)
{
	int64_t deadline_us;

	if (edu_require(edu, EDU_REGISTERS | EDU_CLAIM) == -1 ||
	    edu_irq_require(edu) == -1 ||
	    edu_start_timeout(edu, edu_now_us(), timeout_ms,
	    &deadline_us) == -1)
		return -1;
	return consume(edu, ~edu->irq.owned, deadline_us, status);
}

EDU_PUBLIC int
edu_irq_fd(struct edu *edu)
{

	if (edu_require(edu, EDU_REGISTERS | EDU_CLAIM) == -1 ||
	    edu_irq_require(edu) == -1)
		return -1;
	return edu->kernel->ops->fd(edu->kernel);
}

EDU_PUBLIC int
edu_irq_check(struct edu *edu)
{

	if (edu_require(edu, EDU_REGISTERS | EDU_CLAIM) == -1 ||
	    edu_irq_require(edu) == -1)
		return -1;
	return check_punctual(edu) == -1 ? -1 : check_delivery(edu);
}

EDU_PUBLIC int
edu_irq_raise(struct edu *edu, uint32_t mask)
{

	if (edu_require(edu, EDU_REGISTERS | EDU_CLAIM) == -1)
		return -1;
	edu_write32(edu, EDU_INTR_RAISE, mask);
	return edu_confirm_write(edu);
}

EDU_PUBLIC int
edu_irq_status(struct edu *edu, uint32_t *status)
{
	uint32_t bits, id, taken = 0;
	uint64_t value;

	if (edu_require(edu, EDU_REGISTERS) == -1)
		return -1;
	/*
	 * A read-only handle has not opened the driver that may hold the bits;
	 * somebody else may have.
	 */
	if (edu->kernel == NULL && edu->driver.role == EDU_DRIVER_SERVES &&
	    edu_kernel_open(edu) == -1 && errno != EBUSY)
		return -1;
	if (edu_observe(edu, EDU_INTR_STATUS, 4, &value) == -1)
		return -1;
	bits = (uint32_t)value;
	if ((bits == 0 || bits == UINT32_MAX) && edu_identify(edu, &id) == -1)
		return -1;
	if (edu->kernel != NULL && edu->kernel->acknowledges &&
	    edu->kernel->ops->recheck(edu->kernel, &taken) == -1)
		return -1;
	*status = bits | taken | edu->irq.pending;
	return 0;
}

EDU_PUBLIC int
edu_irq_ack(struct edu *edu, uint32_t mask)
{

	if (edu_require(edu, EDU_REGISTERS | EDU_CLAIM) == -1)
		return -1;
	if (edu_irq_discard(edu, mask) == -1)
		return -1;
	return edu_confirm_write(edu);
}
