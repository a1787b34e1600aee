/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "exam.h"

#define QUICK	1
#define EDU	"edu.rst, "
#define PCI	"PCI 3.0, "
#define MMIO	EDU "MMIO area spec"
#define DMA	EDU "DMA controller"
#define IRQ	EDU "IRQ controller"

/* By subject; those that are quick stand in the order of their age as well. */
const struct exam_check exam_checks[] = {
	{ "identification", MMIO, exam_identification, QUICK, NULL },
	{ "vendor, device and class", PCI "6.2.1", exam_ids, 0, NULL },
	{ "header type", PCI "6.2.1", exam_header, 0, NULL },
	{ "status register", PCI "6.2.3", exam_status, 0, NULL },
	{ "error bits of the status stay unharmed", PCI "6.2.3",
	    exam_status_kept, 0, NULL },
	{ "capability list", PCI "6.7", exam_capabilities, 0, NULL },
	{ "read-only bits stay", PCI "6.1", exam_read_only, 0, NULL },
	{ "BAR0 sizing", PCI "6.2.5.1", exam_bar_size, QUICK, NULL },
	{ "BAR0 is as before its sizing", PCI "6.2.5.1", exam_bar_kept, 0,
	    NULL },
	{ "BAR1 to BAR5 are absent", PCI "6.2.5.1", exam_bar_others, 0, NULL },
	{ "memory decoding off", PCI "6.2.2", exam_decoding, 0, NULL },
	{ "BAR0 at another address", PCI "6.2.5.1", exam_relocation, 0, NULL },
	{ "liveness", MMIO, exam_live, QUICK, NULL },
	{ "liveness of random values", MMIO, exam_live_random, 0, NULL },
	{ "64-bit registers", MMIO, exam_wide, QUICK, NULL },
	{ "32-bit accesses to 64-bit registers", MMIO, exam_halves, 0, NULL },
	{ "other accesses are refused", MMIO, exam_refused, 0, NULL },
	{ "mapped reads", MMIO, exam_mapped, 0, NULL },
	{ "factorial of 0 to 12", MMIO, exam_factorial, QUICK, NULL },
	{ "factorial modulo 2^32", MMIO, exam_wrap, QUICK, NULL },
	{ "factorial of 13 to 40", MMIO, exam_factorial_range, 0, NULL },
	{ "factorial status bits", MMIO, exam_factorial_status, 0, NULL },
	{ "factorial by interrupt", IRQ, exam_factorial_irq, QUICK, NULL },
	{ "interrupt raise, status, acknowledge", IRQ, exam_irq, QUICK, NULL },
	{ "interrupt bits, each alone", IRQ, exam_irq_bits, 0, NULL },
	{ "interrupt wait", IRQ, exam_irq_wait, QUICK, NULL },
	{ "interrupt status bit", PCI "6.2.3", exam_intx_status, 0, NULL },
	{ "interrupt disable bit", PCI "6.2.2", exam_intx_disable, 0, NULL },
	{ "two devices keep apart", PCI "2.2.6", exam_sharing, 0, NULL },
	{ "MSI capability", PCI "6.8.1", exam_msi_capability, 0, NULL },
	{ "MSI address and data", PCI "6.8.3.4", exam_msi_memory, 0, NULL },
	{ "MSI needs bus mastering", PCI "6.2.2", exam_msi_master, 0, NULL },
	{ "no INTx while MSI is enabled", PCI "6.8.1.3", exam_msi_intx, 0,
	    NULL },
	{ "INTx of what is pending after MSI", PCI "6.2.3", exam_msi_after, 0,
	    "QEMU's edu signals when bits are raised, and not when MSI is "
	    "disabled" },
	{ "DMA out and back", DMA, exam_dma, QUICK, NULL },
	{ "DMA out and back by interrupt", DMA, exam_dma_irq, QUICK, NULL },
	{ "DMA at all offsets modulo 64", DMA, exam_dma_offsets, 0, NULL },
	{ "DMA across pages", DMA, exam_dma_pages, 0, NULL },
	{ "DMA of the whole buffer", DMA, exam_dma_whole, 0, NULL },
	{ "DMA needs bus mastering", PCI "6.2.2", exam_dma_master, 0, NULL },
	{ "DMA addresses are cut to the mask", EDU "command line switches",
	    exam_dma_mask, 0, NULL },
	{ "DMA to memory that was unmapped", "VT-d, 3", exam_dma_iommu, 0,
	    NULL },
	{ "reset", PCI "2.2.1", exam_reset, 0, NULL },
	{ "registers after a reset", "reset.rst, Triggering reset",
	    exam_reset_registers, 0,
	    "QEMU's edu has no reset: its registers survive it" },
	/* The last: nothing is left then. */
	{ "unplug", PCI "6.1", exam_unplug, 0, NULL },
	{ NULL, NULL, NULL, 0, NULL }
};

enum exam_result
exam_failed(struct tool *t, struct exam_verdict *v)
{
	int errnum = errno;

	(void)snprintf(v->text, sizeof(v->text), "%s", edu_errmsg(t->edu));
	return errnum == ENOTSUP ? EXAM_SKIP : EXAM_FAIL;
}

enum exam_result
exam_differs(struct exam_verdict *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(v->text, sizeof(v->text), fmt, ap);
	va_end(ap);
	return EXAM_FAIL;
}

enum exam_result
exam_skip(struct exam_verdict *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(v->text, sizeof(v->text), fmt, ap);
	va_end(ap);
	return EXAM_SKIP;
}

/* xorshift32 (Marsaglia, 2003). */
uint32_t
exam_random(void)
{
	static uint32_t state;

	if (state == 0)
		state = (uint32_t)now_ms() | 1;
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

int
exam_is_msi(struct tool *t)
{

	return strstr(edu_kernel_side(t->edu), "MSI") != NULL;
}
