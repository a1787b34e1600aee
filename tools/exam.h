/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef EXAM_H
#define EXAM_H

/*
 * The examination: one table of checks, each a small function.  A check
 * leaves device and machine as it found them, whatever it finds; it touches
 * registers by the library alone, which proves what it does harmless.
 */

#include <stddef.h>
#include <stdint.h>

#include "edutool.h"

/* Neither engine's. */
#define EXAM_BITS	0x00abc000U

enum exam_result { EXAM_OK, EXAM_SKIP, EXAM_FAIL, EXAM_RESULTS };

struct exam_verdict {
	enum exam_result result;
	const char *known;	/* why it is no failure, or would be none */
	int	is_failure;	/* of the examination */
	char	text[640];	/* why it is not ok; empty otherwise */
};

struct exam_check {
	const char *name;
	const char *source;	/* which document asks for it, and where */
	enum exam_result (*run)(struct tool *, struct exam_verdict *);
	int	is_quick;	/* done without --all */
	const char *known;	/* what QEMU is known to do instead, or NULL */
};

/* exam.c: the table, ended by a NULL name; and what all checks use. */
extern const struct exam_check exam_checks[];

/* The library's call has failed; where it is not supported it is skipped. */
enum exam_result exam_failed(struct tool *, struct exam_verdict *);
enum exam_result exam_differs(struct exam_verdict *, const char *, ...)
    __attribute__((__format__(__printf__, 2, 3)));
enum exam_result exam_skip(struct exam_verdict *, const char *, ...)
    __attribute__((__format__(__printf__, 2, 3)));
/* A number that is different every time. */
uint32_t exam_random(void);

/* exam_report.c: as TAP and in the document, or as JUnit XML at the end. */
const char *exam_word(enum exam_result);
void exam_report(struct tool *, size_t number, const struct exam_check *,
    const struct exam_verdict *);
struct exam_count {
	size_t	tests;
	size_t	failures;
	size_t	skipped;
};
void exam_junit_start(const char *device, const char *kernel_side,
    const struct exam_count *);
void exam_junit_case(const struct exam_check *, const struct exam_verdict *);
void exam_junit_end(void);
/* The device could not be opened. */
void exam_junit_error(const char *message);

/*
 * exam_expect.c: the verdicts that FILE expects, one for each check, or
 * EXAM_RESULTS where it says nothing.
 */
int exam_expect(struct tool *, const char *file, enum exam_result *);

/* The checks, by subject. */
#define EXAM(name)							\
	enum exam_result exam_##name(struct tool *, struct exam_verdict *)
EXAM(ids);			/* exam_config.c */
EXAM(header);
EXAM(status);
EXAM(status_kept);
EXAM(capabilities);
EXAM(read_only);
EXAM(msi_capability);
EXAM(bar_size);			/* exam_bar.c */
EXAM(bar_others);
EXAM(bar_kept);
EXAM(decoding);
EXAM(relocation);
EXAM(identification);		/* exam_mmio.c */
EXAM(live);
EXAM(live_random);
EXAM(wide);
EXAM(halves);
EXAM(refused);
EXAM(mapped);
EXAM(factorial);		/* exam_engines.c */
EXAM(wrap);
EXAM(factorial_range);
EXAM(factorial_status);
EXAM(factorial_irq);
EXAM(irq);			/* exam_interrupt.c */
EXAM(irq_bits);
EXAM(irq_wait);
EXAM(intx_status);
EXAM(intx_disable);
EXAM(sharing);
EXAM(msi_memory);		/* exam_msi.c */
EXAM(msi_master);
EXAM(msi_intx);
EXAM(msi_after);
EXAM(dma);			/* exam_dma.c */
EXAM(dma_irq);
EXAM(dma_offsets);
EXAM(dma_pages);
EXAM(dma_whole);
EXAM(dma_master);
EXAM(dma_mask);
EXAM(dma_iommu);
EXAM(reset);			/* exam_reset.c */
EXAM(reset_registers);
EXAM(unplug);			/* exam_unplug.c */
#undef EXAM

/* exam_interrupt.c: what came before is nobody's, and the side is armed. */
int exam_drain(struct tool *);
/* What was raised by now wakes us, and is this. */
enum exam_result exam_woken(struct tool *, struct exam_verdict *,
    uint32_t wanted);
/* Nothing wakes us for a while. */
enum exam_result exam_silent(struct tool *, struct exam_verdict *,
    const char *when);
/* exam_engines.c */
enum exam_result exam_factorial_of(struct tool *, struct exam_verdict *,
    uint32_t n, unsigned flags, uint32_t wanted);
/* The kernel side waits for messages. */
int exam_is_msi(struct tool *);

#endif /* EXAM_H */
