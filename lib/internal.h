/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef EDU_INTERNAL_H
#define EDU_INTERNAL_H

/*
 * The device: what the files of lib/ itself share, and no world below it sees.
 *
 * A handle is made of nouns.  Each has a struct here and a file of its name,
 * and only that file touches the struct; the others call a function.  Files
 * call only those that stand above them in this header.
 */

#include <stdint.h>

#include "edu.h"
#include "edureg.h"

#include "bus.h"
#include "clock.h"
#include "error.h"
#include "kernel.h"
#include "pci.h"
#include "system.h"

#define EDU_PUBLIC	__attribute__((__visibility__("default")))

struct edu_claim;
struct edu_mem;

/* device.c */
struct edu_device {
	int		is_ours;	/* the command register is changed */
	int		is_mapped;	/* and the registers answer */
	int		is_lent;	/* BAR0 is mapped by the kernel side */
	int		is_quiet;	/* nothing was pending at the end */
	uint32_t	command;	/* as found */
};

/* interrupt.c */
struct edu_interrupt {
	uint32_t	pending;	/* acknowledged, not yet reported */
};

/* factorial.c */
struct edu_factorial {
	int		is_running;
	uint32_t	status;		/* last written to EDU_STATUS */
	uint32_t	n;		/* of the last that was started here */
	int		is_owed;	/* whose result nobody was given */
};

/* memory.c */
struct edu_memory {
	uint64_t	mask;		/* of bus addresses; 0: EDU_DMA_MASK */
	struct edu_mem	*first;
};

/* dma.c */

/* One chunk: memory that is proven, and a range of the device's buffer. */
struct edu_transfer {
	struct edu_mem	*mem;
	size_t		mem_offset;
	size_t		dev_offset;
	size_t		length;
	int		to_device;
	unsigned	flags;
	int64_t		deadline_us;
};

/* How far a copy has come. */
struct edu_copy {
	const void	*to;
	const void	*from;
	size_t		length;		/* 0: there is none */
	size_t		limit;		/* of a chunk */
	size_t		left;
	int		is_out;		/* the chunk is in the device */
};

struct edu_dma {
	size_t		limit;		/* of the device's buffer */
	int		is_running;
	int64_t		due_us;		/* worth a look from then on */
	struct edu_transfer last;	/* not reported; mem NULL: none */
	struct edu_copy	copy;		/* to be resumed */
};

struct edu {
	struct edu_error err;
	struct edu_bus	*bus;
	struct edu_kernel *kernel;	/* NULL until the device is ours */
	struct edu_claim *claim;	/* NULL: read-only, or private bus */
	unsigned	flags;		/* EDU_OPEN_* */
	struct edu_driver driver;	/* as edu_driver_find() found it */
	char		holder[192];	/* as edu_holder() found it */
	struct edu_device device;
	struct edu_interrupt irq;
	struct edu_factorial factorial;
	struct edu_memory memory;
	struct edu_dma	dma;
};

static inline uint32_t
edu_read32(struct edu *edu, unsigned offset)
{

	return (uint32_t)edu->bus->ops->read(edu->bus, offset, 4);
}

/* Nobody else may be sizing it meanwhile. */
static inline int
edu_is_claimed(const struct edu *edu)
{

	return !(edu->flags & EDU_OPEN_READONLY) || edu->bus->is_private ||
	    edu->bus->is_driven;
}

static inline void
edu_write32(struct edu *edu, unsigned offset, uint32_t value)
{

	edu->bus->ops->write(edu->bus, offset, 4, value);
}

/*
 * handle.c: how a call begins.
 */

/* What the handle must have been opened for: EBADF. */
#define EDU_REGISTERS		0x1
#define EDU_CLAIM		0x2
int	edu_require(struct edu *, int what);
/*
 * ENODEV when the device is known to be gone, without an access: 1 when it is
 * known to be there, else 0.  edu_require() asks this as well.
 */
int	edu_present(struct edu *);
/* EINVAL for flags that are not known, and for a negative timeout. */
int	edu_require_flags(struct edu *, unsigned flags, unsigned known);
int	edu_start_timeout(struct edu *, int timeout_ms, int64_t *deadline_us);
/* Make this the calling thread's message: edu_errmsg(NULL). */
void	edu_error_publish(const struct edu_error *);

/*
 * machine.c: whether a machine type proves that the QEMU under it bears a
 * transfer that touches the last byte of the device's buffer.
 */
int	edu_machine_bears_last_byte(const char *machine);

/*
 * kernel.c: which driver has the function, and the kernel side.
 */
void	edu_driver_find(struct edu *);
int	edu_kernel_open(struct edu *);
/* EBUSY, and who: another process uses the function past its claim. */
int	edu_require_unheld(struct edu *);
/* ENOTSUP: no kernel side does this; the message says how to get one. */
int	edu_kernel_lacks(struct edu *, const char *what);

/*
 * config.c: the command register, and the MSI capability.
 */
int	edu_command_read(struct edu *, uint32_t *command);
/* Set some bits, clear others, and verify. */
int	edu_command_change(struct edu *, uint32_t set, uint32_t clear);
/* The MSI capability, its offset and first dword: 1, 0 when there is none. */
int	edu_config_msi(struct edu *, unsigned *offset, uint32_t *dword);
/* ENODEV for what configuration space reads where nobody answers. */
int	edu_config_answers(struct edu *, uint32_t dword);

/*
 * masked.c: whether INTx is masked because a close has left it so.
 */
int	edu_masked_recall(struct edu *);
void	edu_masked_remember(struct edu *, int is_masked);

/*
 * observe.c: for handles that are read-only, beside somebody who may be sizing
 * BAR0.
 */
/* The command register, once memory decoding is on, or stays off. */
int	edu_decoding_await(struct edu *, uint32_t *command);
/* As the bus's read(); 0 and all ones are believed when the device answers. */
int	edu_observe(struct edu *, unsigned offset, unsigned width,
	    uint64_t *value);

/*
 * identify.c has edu_identify(): ask it wherever 0 or all ones may be an
 * answer, or a device that is gone.
 */
/* The same after writes, which answer nothing; no register is accessed. */
int	edu_confirm(struct edu *);

/*
 * interrupt.c
 */
/* Nothing of mask stays pending, in the device or on its way to us. */
int	edu_irq_discard(struct edu *, uint32_t mask);
/* Bits that were taken and not reported: an older one's, no longer wanted. */
void	edu_irq_drop(struct edu *, uint32_t mask);
/* Have them interrupt, with bus mastering on; and, at the end, put back. */
int	edu_irq_enable(struct edu *);
void	edu_irq_put_back(struct edu *);
/* Whether a bit is set in the device, or a device is gone that may have one. */
int	edu_irq_is_pending(struct edu *);
/* The function did not answer for a while: nothing that came is lost. */
int	edu_irq_recheck(struct edu *);
/* Whether somebody wakes us: ENOTSUP. */
int	edu_irq_require(struct edu *);
/* Wait by interrupt until is_done(): 1, 0 timeout, -1. */
int	edu_irq_await(struct edu *, uint32_t mask, int64_t deadline_us,
	    int (*is_done)(struct edu *), const char *what);

/*
 * undo.c: what a process killed in edu_bar_size() left.
 */
struct edu_undo;
/* How many BARs a header of this type has; 0: not known. */
unsigned edu_bar_count(uint32_t header);
/* What the bus calls this very function, EDU_INSTANCE_SIZE bytes. */
void	edu_instance(struct edu *, char *instance);
/* Say in the record which function it is. */
int	edu_undo_describe(struct edu *, struct edu_undo *);
/*
 * 1: it is still there, and the record has the command register that has to
 * stand there in the end.  0: the record speaks of something else.
 */
int	edu_undo_check(struct edu *, struct edu_undo *);

/*
 * bar.c: put right what a process killed in edu_bar_size() left.
 */
int	edu_bar_recover(struct edu *);

/*
 * factorial.c: at open, at close, and when edu_write() went past it.
 */
void	edu_factorial_adopt(struct edu *);
void	edu_factorial_leave(struct edu *);
void	edu_factorial_started(struct edu *);
void	edu_factorial_status_written(struct edu *, uint32_t value);

/*
 * memory.c
 */
/* At open: what mask the environment states. */
int	edu_mem_open(struct edu *);
/* The allocation that holds this range, or NULL; and where in it. */
struct edu_mem *edu_mem_find(struct edu *, const void *data, size_t length,
    size_t *offset);
const struct edu_segment *edu_mem_segment(const struct edu_mem *);
/* As bus_dmamap_sync(9): see sync in kernel.h. */
int	edu_mem_sync(struct edu *, struct edu_mem *, size_t offset,
	    size_t length, int to_device);
/* A transfer begins and ends to touch it: freed meanwhile, it waits. */
void	edu_mem_hold(struct edu_mem *);
void	edu_mem_release(struct edu *, struct edu_mem *);
void	edu_mem_free_all(struct edu *);

/*
 * dma.c
 */
void	edu_dma_find_limit(struct edu *);
/*
 * A former owner may have left a transfer running, whose memory is somebody
 * else's by now: with bus mastering off, wait until the engine is idle.
 */
int	edu_dma_adopt(struct edu *);
/* At close: wait for a transfer, or cut it off from the memory. */
void	edu_dma_leave(struct edu *);
int	edu_dma_is_running(const struct edu *);

#endif /* EDU_INTERNAL_H */
