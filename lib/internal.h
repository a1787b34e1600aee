/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef EDU_INTERNAL_H
#define EDU_INTERNAL_H

/* What the files of the library share, device logic only. */

#include <stdint.h>

#include "edu.h"
#include "edureg.h"

#include "bus.h"
#include "error.h"
#include "kernel.h"
#include "pci.h"

#define EDU_PUBLIC	__attribute__((__visibility__("default")))

struct edu_claim;

struct edu_mem {
	struct edu	*edu;
	struct edu_mem	*next;
	struct edu_segment segment;
	size_t		length;		/* what the caller asked for */
	int		is_freed;	/* by the caller, while in use */
};

/* What is known of the DMA engine. */
struct edu_engine {
	int		is_running;
	int64_t		due_us;		/* worth looking from then on */
	const struct edu_mem *mem;	/* what a running transfer touches */
};

struct edu {
	struct edu_error err;
	struct edu_bus	*bus;
	struct edu_kernel *kernel;	/* NULL until the device is ours */
	struct edu_claim *claim;	/* NULL: read-only, or private bus */
	unsigned	flags;		/* EDU_OPEN_* */
	int		is_ours;	/* the command register is changed */
	int		is_mapped;	/* and the registers answer */
	uint32_t	command;	/* command register as found */
	size_t		dma_limit;
	struct edu_engine dma;
	int		is_computing;	/* a factorial was left running */
	uint32_t	status;		/* last written to EDU_STATUS */
	uint32_t	pending;	/* acknowledged, not yet reported */
	struct edu_mem	*mems;
	char		driver[64];	/* see edu_has_driver() */
};

static inline uint32_t
edu_read32(struct edu *edu, unsigned offset)
{

	return edu->bus->ops->read32(edu->bus, offset);
}

static inline void
edu_write32(struct edu *edu, unsigned offset, uint32_t value)
{

	edu->bus->ops->write32(edu->bus, offset, value);
}

/* What a call needs: EBADF on a handle that was opened without it. */
#define EDU_NEED_REGISTERS	0x1
#define EDU_NEED_CLAIM		0x2
int	edu_need(struct edu *, int needs);

/* device.c: open the kernel side. */
int	edu_kernel_attach(struct edu *);
/*
 * Whether the kernel driver of this name, with or without a unit number, is
 * bound to the function.  Leaves the driver's name in edu->driver; empty: none,
 * or unknown.
 */
int	edu_has_driver(struct edu *, const char *name);

/* config.c */
int	edu_command_read(struct edu *, uint32_t *command);
/* Set some bits, clear others, and verify. */
int	edu_command_change(struct edu *, uint32_t set, uint32_t clear);

/* bar.c: put right what a process killed in edu_bar_size() left. */
int	edu_bar_recover(struct edu *);

/* dma.c: 1 when the engine rests, 0 not before the deadline. */
int	edu_dma_rest(struct edu *, int64_t deadline_us);

/* interrupt.c: wait by interrupt until is_done(): 1, 0 timeout, -1. */
int	edu_irq_await(struct edu *, uint32_t mask, int64_t deadline_us,
	    int (*is_done)(struct edu *), const char *what);
/* ENOTSUP: none does this; the message says how to get one that does. */
int	edu_fail_kernel(struct edu *, const char *what);
/* Whether somebody can wake us; ENOTSUP. */
int	edu_irq_need(struct edu *);
/* Acknowledge, and drop what has been taken. */
int	edu_irq_forget(struct edu *, uint32_t mask);

/* memory.c: free what the caller has freed and no transfer uses; all. */
void	edu_mem_reap(struct edu *);
void	edu_mem_release_all(struct edu *);

/* clock.c: CLOCK_MONOTONIC in microseconds. */
#define EDU_NEVER	INT64_MAX
int64_t	edu_now_us(void);
/* When a timeout that starts now is over; EINVAL is -1. */
int64_t	edu_deadline_us(int timeout_ms);
/* Rounded up for poll(2), EDU_FOREVER for EDU_NEVER. */
int	edu_remaining_ms(int64_t deadline_us);
void	edu_sleep_until(int64_t due_us);

#endif /* EDU_INTERNAL_H */
