/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Interrupts: the device's status, and INTx. */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>

#include "exam.h"
#include "pci.h"

/* Long for an interrupt: then it is asked what keeps it. */
#define FIRST_LOOK_MS	1000
/* As long is silence. */
#define SILENT_MS	100

/* What came before is nobody's; and the kernel side is armed. */
int
exam_drain(struct tool *t)
{
	uint32_t status;

	return edu_irq_wait(t->edu, 0, &status) == -1 && errno != ENOTSUP ?
	    -1 : 0;
}

/* A bit that is set proves nothing: somebody must be woken. */
static enum exam_result
check_wakeup(struct tool *t, struct exam_verdict *v)
{
	int timeout_ms = device_timeout(t);
	struct pollfd pfd;

	if ((pfd.fd = edu_irq_fd(t->edu)) == -1)
		return exam_failed(t, v);
	pfd.events = POLLIN;
	if (poll(&pfd, 1, timeout_ms < FIRST_LOOK_MS ? timeout_ms :
	    FIRST_LOOK_MS) == 1)
		timeout_ms = 0;
	/* What has come may have come late. */
	if (edu_irq_check(t->edu) == -1)
		return exam_failed(t, v);
	return poll(&pfd, 1, timeout_ms) == 1 ? EXAM_OK : exam_differs(v,
	    "the bit is set, but no interrupt came in %d ms", timeout_ms);
}

enum exam_result
exam_woken(struct tool *t, struct exam_verdict *v, uint32_t wanted)
{
	enum exam_result result = check_wakeup(t, v);
	uint32_t status = 0;

	if (result != EXAM_OK)
		(void)edu_irq_ack(t->edu, wanted);
	else if (edu_irq_wait(t->edu, 0, &status) == -1)
		return exam_failed(t, v);
	else if (status != wanted)
		return exam_differs(v, "0x%08" PRIx32 " came, not 0x%08"
		    PRIx32, status, wanted);
	return result;
}

enum exam_result
exam_silent(struct tool *t, struct exam_verdict *v, const char *when)
{
	struct pollfd pfd;

	if ((pfd.fd = edu_irq_fd(t->edu)) == -1)
		return exam_failed(t, v);
	pfd.events = POLLIN;
	return poll(&pfd, 1, SILENT_MS) == 0 ? EXAM_OK : exam_differs(v,
	    "an interrupt came %s", when);
}

static enum exam_result
check_status(struct tool *t, struct exam_verdict *v, uint32_t wanted)
{
	uint32_t status;

	if (edu_irq_status(t->edu, &status) == -1)
		return exam_failed(t, v);
	return status == wanted ? EXAM_OK : exam_differs(v, "the status is 0x"
	    "%08" PRIx32 ", not 0x%08" PRIx32, status, wanted);
}

enum exam_result
exam_irq(struct tool *t, struct exam_verdict *v)
{
	enum exam_result result;

	if (edu_irq_raise(t->edu, EXAM_BITS) == -1)
		return exam_failed(t, v);
	result = check_status(t, v, EXAM_BITS);
	if (edu_irq_ack(t->edu, EXAM_BITS) == -1)
		return exam_failed(t, v);
	return result == EXAM_OK ? check_status(t, v, 0) : result;
}

/* All are raised one by one, and then acknowledged likewise. */
enum exam_result
exam_irq_bits(struct tool *t, struct exam_verdict *v)
{
	enum exam_result result = EXAM_OK;
	uint32_t bits = 0;
	unsigned i;

	if (exam_drain(t) == -1)
		return exam_failed(t, v);
	for (i = 0; i < 64 && result == EXAM_OK; i++) {
		bits ^= (uint32_t)1 << i % 32;
		if ((i < 32 ? edu_irq_raise(t->edu, (uint32_t)1 << i) :
		    edu_irq_ack(t->edu, (uint32_t)1 << (i - 32))) == -1)
			return exam_failed(t, v);
		result = check_status(t, v, bits);
	}
	if (edu_irq_ack(t->edu, UINT32_MAX) == -1 || exam_drain(t) == -1)
		return exam_failed(t, v);
	return result;
}

enum exam_result
exam_irq_wait(struct tool *t, struct exam_verdict *v)
{
	enum exam_result result;
	uint32_t status;

	if (edu_irq_wait(t->edu, 0, &status) == -1 ||
	    edu_irq_raise(t->edu, EXAM_BITS) == -1)
		return exam_failed(t, v);
	result = exam_woken(t, v, EXAM_BITS);
	return result == EXAM_OK ? check_status(t, v, 0) : result;
}

/* It has to say so, and with MSI it must not. */
static enum exam_result
check_intx(struct tool *t, struct exam_verdict *v, int wanted,
    const char *when)
{
	uint32_t dword;

	if (edu_config_read(t->edu, PCI_COMMAND, &dword) == -1)
		return exam_failed(t, v);
	return !(dword & PCI_STATUS_INTX) == !wanted ? EXAM_OK :
	    exam_differs(v, "bit 3 of the status is %d %s", !wanted, when);
}

/* A driver that acknowledges does so before anybody can look. */
static int
is_acknowledged(struct tool *t)
{

	return strstr(edu_kernel_side(t->edu), "(edu") != NULL;
}

enum exam_result
exam_intx_status(struct tool *t, struct exam_verdict *v)
{
	enum exam_result result;

	if (is_acknowledged(t))
		return exam_skip(v, "the driver acknowledges at once");
	if (exam_drain(t) == -1 || edu_irq_raise(t->edu, EXAM_BITS) == -1)
		return exam_failed(t, v);
	result = check_intx(t, v, !exam_is_msi(t), exam_is_msi(t) ?
	    "though MSI is enabled" : "with an interrupt raised");
	if (edu_irq_ack(t->edu, EXAM_BITS) == -1 || exam_drain(t) == -1)
		return exam_failed(t, v);
	return result == EXAM_OK ? check_intx(t, v, 0,
	    "with none pending") : result;
}

/* With INTx disabled: the status bit is set all the same. */
static enum exam_result
check_disabled(struct tool *t, struct exam_verdict *v)
{
	enum exam_result result;

	if (edu_irq_raise(t->edu, EXAM_BITS) == -1)
		return exam_failed(t, v);
	result = check_intx(t, v, 1, "though disabling INTx has no effect on "
	    "it");
	return result == EXAM_OK ? exam_silent(t, v, "with INTx disabled") :
	    result;
}

enum exam_result
exam_intx_disable(struct tool *t, struct exam_verdict *v)
{
	enum exam_result result;

	if (exam_drain(t) == -1 ||
	    edu_try_command(t->edu, EDU_COMMAND_NO_INTX, 0) == -1)
		return exam_failed(t, v);
	result = check_disabled(t, v);
	if (edu_try_command(t->edu, 0, EDU_COMMAND_NO_INTX) == -1)
		return exam_failed(t, v);
	if (result == EXAM_OK)
		return exam_woken(t, v, EXAM_BITS);
	(void)edu_irq_ack(t->edu, EXAM_BITS);
	(void)exam_drain(t);
	return result;
}

/* Another edu that is free, pending interrupts and all; NULL: none is. */
static struct edu *
open_other(struct tool *t)
{
	const char *name;
	struct edu *other = NULL;
	struct edu_list *list;
	size_t i;

	if (strncmp(edu_name(t->edu), "qtest:", 6) == 0 ||
	    (list = edu_list_new()) == NULL)
		return NULL;
	for (i = 0; other == NULL && (name = edu_list_name(list, i)) != NULL;
	    i++)
		if (strcmp(name, edu_name(t->edu)) != 0)
			other = edu_open(name, EDU_OPEN_KEEP | EDU_OPEN_POLL);
	edu_list_free(list);
	return other;
}

/* What one of them does, the other one does not see. */
static enum exam_result
check_apart(struct tool *t, struct exam_verdict *v, struct edu *other)
{
	uint32_t before, mine = 0, theirs = 0;

	if (edu_irq_status(other, &before) == -1 ||
	    edu_irq_raise(t->edu, EXAM_BITS) == -1 ||
	    edu_irq_status(other, &theirs) == -1 ||
	    edu_irq_ack(t->edu, EXAM_BITS) == -1 || exam_drain(t) == -1)
		return exam_failed(t, v);
	if (theirs != before)
		return exam_differs(v, "0x%08" PRIx32 " of %s is set, which "
		    "was not raised there", theirs, edu_name(other));
	if (edu_irq_raise(other, EXAM_BITS & ~before) == -1 ||
	    edu_irq_status(t->edu, &mine) == -1 ||
	    edu_irq_status(other, &theirs) == -1 ||
	    edu_irq_ack(other, EXAM_BITS & ~before) == -1)
		return exam_failed(t, v);
	return mine == 0 && theirs == (before | EXAM_BITS) ? EXAM_OK :
	    exam_differs(v, "0x%08" PRIx32 " is set, and 0x%08" PRIx32 " of "
	    "%s, where 0x%08" PRIx32 " was raised", mine, theirs,
	    edu_name(other), EXAM_BITS);
}

enum exam_result
exam_sharing(struct tool *t, struct exam_verdict *v)
{
	enum exam_result result;
	struct edu *other;

	if ((other = open_other(t)) == NULL)
		return exam_skip(v, "this machine has no second edu that is "
		    "free");
	result = exam_drain(t) == -1 ? exam_failed(t, v) :
	    check_apart(t, v, other);
	edu_close(other);
	return result;
}
