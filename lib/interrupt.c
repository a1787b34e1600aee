/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Status bits travel from the device's register to edu->pending, and from
 * there to whoever asked: the library's own engines take their bit, and
 * edu_irq_wait() takes all.  Either the kernel reads and acknowledges them in
 * the device (take), or we do; never both.
 */

#include <errno.h>

#include "internal.h"

#if defined(__linux__)
#define REMEDY	"bind it to uio_pci_generic (edutool -d %s bind uio)"
#elif defined(__NetBSD__)
#define REMEDY	"load edu(4), which attaches to %s (modload edu)"
#else
#define REMEDY	"this system has none for %s"
#endif

int
edu_fail_kernel(struct edu *edu, const char *what)
{

	return edu_fail(&edu->err, ENOTSUP, "no kernel side %s: " REMEDY, what,
	    edu->bus->name);
}

/* Somebody must wake us. */
int
edu_irq_need(struct edu *edu)
{

	if (edu->kernel->ops->wait != NULL)
		return 0;
	if (edu->flags & EDU_OPEN_POLL)
		return edu_fail(&edu->err, ENOTSUP, "no interrupts: it was "
		    "opened for polling only");
	return edu_fail_kernel(edu, "delivers its interrupts");
}

/* Take what is pending.  1 when something was. */
static int
gather(struct edu *edu)
{
	const struct edu_kernel_ops *ops = edu->kernel->ops;
	uint32_t id, status;

	if (ops->take != NULL)
		return ops->take(edu->kernel, &edu->pending);
	status = edu_read32(edu, EDU_INTR_STATUS);
	if (status == 0)
		return 0;
	if (status == UINT32_MAX && edu_identify(edu, &id) == -1)
		return -1;
	edu_write32(edu, EDU_INTR_ACK, status);
	edu->pending |= status;
	return 1;
}

static int
rearm(struct edu *edu)
{
	const struct edu_kernel_ops *ops = edu->kernel->ops;

	return ops->rearm != NULL ? ops->rearm(edu->kernel) : 0;
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
	if (edu->kernel->ops->wait(edu->kernel, 0) == -1)
		return -1;
	return rearm(edu);
}

/*
 * What is raised reaches the kernel a moment later; look() waits for that.
 * Afterwards nothing of mask is left anywhere.
 */
int
edu_irq_forget(struct edu *edu, uint32_t mask)
{
	const struct edu_kernel_ops *ops = edu->kernel->ops;
	uint32_t bits;

	edu_write32(edu, EDU_INTR_ACK, mask);
	if (ops->take != NULL && (ops->look(edu->kernel, &bits) == -1 ||
	    ops->take(edu->kernel, &edu->pending) == -1))
		return -1;
	edu->pending &= ~mask;
	return 0;
}

/* Wait for bits of mask and take them: 1, 0 timeout, -1. */
static int
consume(struct edu *edu, uint32_t mask, int64_t deadline_us,
    uint32_t *bits)
{
	const struct edu_kernel_ops *ops = edu->kernel->ops;
	int result;

	if ((edu->pending & mask) == 0 && gather_early(edu) == -1)
		return -1;
	while ((edu->pending & mask) == 0) {
		result = ops->wait(edu->kernel, edu_remaining_ms(deadline_us));
		if (result != 1)
			return result;
		/* Announced for nothing is possible; armed it must be. */
		if (gather(edu) == -1 || rearm(edu) == -1)
			return -1;
	}
	*bits = edu->pending & mask;
	edu->pending &= ~mask;
	return 1;
}

int
edu_irq_await(struct edu *edu, uint32_t mask, int64_t deadline_us,
    int (*is_done)(struct edu *), const char *what)
{
	uint32_t bits, id;
	int done, result;

	/* An earlier one's, late, is not ours: look whether we are done. */
	do {
		result = consume(edu, mask, deadline_us, &bits);
		if (result == -1)
			return -1;
		done = is_done(edu);
	} while (!done && result == 1);
	if (result == 1 || !done)
		return result;
	if (edu_identify(edu, &id) == -1)
		return -1;
	return edu_fail(&edu->err, ETIMEDOUT, "%s is done, but its interrupt "
	    "has not come", what);
}

EDU_PUBLIC int
edu_irq_wait(struct edu *edu, int timeout_ms, uint32_t *status)
{
	int64_t deadline_us = edu_deadline_us(timeout_ms);

	if (edu_need(edu, EDU_NEED_REGISTERS | EDU_NEED_CLAIM) == -1 ||
	    edu_irq_need(edu) == -1)
		return -1;
	if (deadline_us == -1)
		return edu_fail(&edu->err, EINVAL, "negative timeout");
	return consume(edu, UINT32_MAX, deadline_us, status);
}

EDU_PUBLIC int
edu_irq_fd(struct edu *edu)
{

	if (edu_need(edu, EDU_NEED_REGISTERS | EDU_NEED_CLAIM) == -1 ||
	    edu_irq_need(edu) == -1)
		return -1;
	return edu->kernel->ops->fd(edu->kernel);
}

EDU_PUBLIC int
edu_irq_raise(struct edu *edu, uint32_t mask)
{

	if (edu_need(edu, EDU_NEED_REGISTERS | EDU_NEED_CLAIM) == -1)
		return -1;
	edu_write32(edu, EDU_INTR_RAISE, mask);
	return 0;
}

EDU_PUBLIC int
edu_irq_status(struct edu *edu, uint32_t *status)
{
	uint32_t bits, id, taken = 0;

	if (edu_need(edu, EDU_NEED_REGISTERS) == -1)
		return -1;
	/* To look only, edu(4) was not opened; somebody else may have it. */
	if (edu->kernel == NULL && edu_has_driver(edu, "edu") &&
	    edu_kernel_attach(edu) == -1 && errno != EBUSY)
		return -1;
	bits = edu_read32(edu, EDU_INTR_STATUS);
	if ((bits == 0 || bits == UINT32_MAX) && edu_identify(edu, &id) == -1)
		return -1;
	if (edu->kernel != NULL && edu->kernel->ops->look != NULL &&
	    edu->kernel->ops->look(edu->kernel, &taken) == -1)
		return -1;
	*status = bits | taken | edu->pending;
	return 0;
}

EDU_PUBLIC int
edu_irq_ack(struct edu *edu, uint32_t mask)
{

	if (edu_need(edu, EDU_NEED_REGISTERS | EDU_NEED_CLAIM) == -1)
		return -1;
	return edu_irq_forget(edu, mask);
}
