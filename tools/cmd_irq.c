/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * All of these leave pending bits pending, so that one run can raise what
 * the next one waits for.
 */

#include <errno.h>
#include <inttypes.h>

#include "edutool.h"

/* How long a signal that comes just before the wait may go unseen. */
#define SLICE_MS	500

static void
print_status(struct tool *t, uint32_t status)
{

	say(t, "0x%08" PRIx32, status);
	if (t->is_verbose && (status & EDU_INTR_FACTORIAL))
		say(t, " factorial");
	if (t->is_verbose && (status & EDU_INTR_DMA))
		say(t, " dma");
	say(t, "\n");
	json_number(&t->doc, "status", status);
}

int
cmd_irq_raise(struct tool *t, const struct args *a)
{
	uint32_t mask;
	int status;

	if ((status = parse_u32(t, "MASK", a->operand[0], &mask)) != 0 ||
	    (status = device_open(t, EDU_OPEN_KEEP)) != 0)
		return status;
	if (edu_irq_raise(t->edu, mask) == -1)
		return fail_device(t, NULL);
	json_number(&t->doc, "mask", mask);
	return 0;
}

int
cmd_irq_ack(struct tool *t, const struct args *a)
{
	uint32_t mask;
	int status;

	if ((status = parse_u32(t, "MASK", a->operand[0], &mask)) != 0 ||
	    (status = device_open(t, EDU_OPEN_KEEP)) != 0)
		return status;
	if (edu_irq_ack(t->edu, mask) == -1)
		return fail_device(t, NULL);
	json_number(&t->doc, "mask", mask);
	return 0;
}

int
cmd_irq_status(struct tool *t, const struct args *a)
{
	uint32_t bits;
	int status;

	(void)a;
	if ((status = device_open(t, EDU_OPEN_READONLY)) != 0)
		return status;
	if (edu_irq_status(t->edu, &bits) == -1)
		return fail_device(t, NULL);
	print_status(t, bits);
	return 0;
}

/*
 * In slices, for a signal that is caught before the library sleeps would not
 * wake it.
 */
static int
wait_sliced(struct tool *t, uint32_t *bits)
{
	int64_t end = t->timeout_ms, left = SLICE_MS;
	int result;

	if (end != EDU_FOREVER)
		end += now_ms();
	for (;;) {
		if (end != EDU_FOREVER) {
			left = end - now_ms();
			left = left < 0 ? 0 : left > SLICE_MS ? SLICE_MS : left;
		}
		result = edu_irq_wait(t->edu, (int)left, bits);
		if (result == 1 || signal_caught() != 0)
			return result;
		if (result == -1 && errno != EINTR)
			return -1;
		if (end != EDU_FOREVER && now_ms() >= end)
			return 0;
	}
}

int
cmd_irq_wait(struct tool *t, const struct args *a)
{
	uint32_t bits;
	int result, status;

	(void)a;
	if ((status = device_open(t, EDU_OPEN_KEEP)) != 0)
		return status;
	result = wait_sliced(t, &bits);
	if (result != 1 && signal_caught() != 0)
		return fail_signal(t);
	if (result == -1)
		return fail_device(t, NULL);
	if (result == 0)
		return fail(t, EXIT_NOTHING, ETIMEDOUT, "%s: no interrupt "
		    "came in %d ms", edu_name(t->edu), t->timeout_ms);
	print_status(t, bits);
	return 0;
}
