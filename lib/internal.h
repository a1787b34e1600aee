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
#include "trace.h"

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
	uint32_t	owned;		/* bits that an engine waits for */
};

/* factorial.c */
struct edu_factorial {
	int		is_running;
	int		is_certain;	/* what said that it was done */
	uint32_t	status;		/* last written to EDU_STATUS */
	int64_t		start_us;
	int64_t		due_us;		/* the next look */
	int64_t		nap_us;		/* from there to the one after it */
	int64_t		usual_us;	/* how long one takes */
};

/* memory.c */
struct edu_memory {
	uint64_t	mask;		/* of bus addresses; 0: EDU_DMA_MASK */
	struct edu_mem	*first;
	/* What stands at the end of what the device is to write. */
	uint64_t	nonce;
	uint64_t	covered;	/* and what stood there */
	char		*mark;		/* where; NULL: nothing does */
	size_t		marked;		/* how many bytes */
};

/* dma.c */
struct edu_dma {
	size_t		limit;		/* of the device's buffer */
	int		is_running;
	int		is_certain;	/* what said that it was done */
	int64_t		due_us;		/* the next look */
	int64_t		nap_us;		/* from there to the one after it */
	int64_t		phase_us;	/* see aim() */
	struct edu_mem	*mem;		/* that a transfer may touch */
	/* Source, destination and count as they stand in the device. */
	struct {
		int		is_known;
		uint64_t	value;
	} registers[3];
};

/*
 * queue.c: operations, each for one of the two engines, which work at the same
 * time.
 */
enum edu_engine {
	EDU_ENGINE_DMA,
	EDU_ENGINE_FACTORIAL,
	EDU_ENGINES
};

/* Of an operation's flags: what edu_try_get() tries. */
#define EDU_TRIALS	(EDU_TRY_UNMASTERED | EDU_TRY_BEYOND)

struct edu_move {
	int		puts;		/* from memory to the device */
	int		gets;		/* and, or, from there to memory */
	struct edu_mem	*to;
	struct edu_mem	*from;
	size_t		to_offset;	/* in that memory */
	size_t		from_offset;
	size_t		dev_offset;
	size_t		length;
	size_t		limit;		/* of a chunk */
	size_t		done;
	int		is_out;		/* the chunk is in the device */
};

struct edu_op {
	/* What it is. */
	enum edu_engine	engine;
	unsigned	flags;
	int64_t		start_us;	/* asked for, and then begun */
	int64_t		deadline_us;
	void		*cookie;	/* the submitter's */
	struct edu_move	move;
	uint32_t	n;
	uint32_t	result;		/* the factorial of n */
	/* queue.c's own. */
	enum { EDU_OP_QUEUED, EDU_OP_BEGUN, EDU_OP_DONE } state;
	int		errnum;		/* how it has ended */
	int		interrupts;	/* the transfer that has begun does */
	int		is_polled;	/* and yet it is polled for */
	int		is_silent;	/* done, and no interrupt so far */
	int64_t		listen_us;	/* then nothing has come for long */
	struct edu_op	*next;
};

/* First in, first out. */
struct edu_fifo {
	struct edu_op	*first;
	struct edu_op	**end;
};

struct edu_queue {
	struct edu_fifo	waiting[EDU_ENGINES];
	struct edu_fifo	done;
	struct edu_op	*unused;
	struct edu_op	ops[EDU_QUEUE_MAX];
	struct edu_op	calls[EDU_ENGINES];	/* of those that block */
	struct edu_op	left[EDU_ENGINES];	/* begun, nobody waits */
	int		is_left[EDU_ENGINES];
	int		owes[EDU_ENGINES];	/* an interrupt, to nobody */
};

/* watch.c */
struct edu_watch {
	struct edu	**changed;	/* the list; NULL: unwatched */
	struct edu	*next;		/* in it */
	int		is_changed;	/* it is in it */
};

/* set.c */
struct edu_member {
	struct edu_set	*set;		/* NULL: in none */
	size_t		place;		/* in the heap */
	int64_t		due_us;
	int		listens;
	int		is_ready;	/* something is done */
	struct edu	*next_ready;
	/* Of a copy: what this device does of it. */
	size_t		start;
	size_t		length;
	struct edu_op	*part;
};

struct edu {
	struct edu_error err;
	struct edu_bus	*bus;
	struct edu_kernel *kernel;	/* NULL until the device is ours */
	struct edu_claim *claim;	/* NULL: read-only, or private bus */
	unsigned	flags;		/* EDU_OPEN_* */
	int64_t		present_us;	/* it was there then: handle.c */
	struct edu_driver driver;	/* as edu_driver_find() found it */
	int		had_driver;	/* when it was opened */
	char		holder[192];	/* as edu_holder() found it */
	struct edu_device device;
	struct edu_interrupt irq;
	struct edu_factorial factorial;
	struct edu_memory memory;
	struct edu_dma	dma;
	struct edu_queue queue;
	struct edu_watch watch;
	struct edu_member member;
};

/*
 * Registers, as the bus has them.  What is proven to be gone is not touched,
 * for another may have its address: it reads all ones.
 */
static inline uint64_t
edu_bus_read(struct edu *edu, unsigned offset, unsigned width)
{

	if (edu->bus->is_gone)
		return width == 8 ? UINT64_MAX : UINT32_MAX;
	return edu->bus->ops->read(edu->bus, offset, width);
}

static inline void
edu_bus_write(struct edu *edu, unsigned offset, unsigned width, uint64_t value)
{

	if (!edu->bus->is_gone)
		edu->bus->ops->write(edu->bus, offset, width, value);
}

static inline uint32_t
edu_read32(struct edu *edu, unsigned offset)
{

	return (uint32_t)edu_bus_read(edu, offset, 4);
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

	edu_bus_write(edu, offset, 4, value);
}

/*
 * handle.c: how a call begins.
 */

/* What the handle must have been opened for: EBADF. */
#define EDU_REGISTERS		0x1
#define EDU_CLAIM		0x2
int	edu_require(struct edu *, int what);
/* The same of a device that is not known to be gone, without a system call. */
int	edu_require_open(struct edu *, int what);
/* The same in the middle of a call, whose deadline stays. */
int	edu_require_still(struct edu *, int what);
/* The same by whom the clock has just been looked at. */
int	edu_require_at(struct edu *, int what, int64_t now_us);
/* A call begins that has no timeout. */
void	edu_begin(struct edu *);
/*
 * ENODEV when the device is known to be gone, without an access: 1 when it is
 * known to be there, else 0.  edu_require() asks this as well.
 */
int	edu_present(struct edu *);
/* Whether it was known to be there a moment ago. */
int	edu_was_present(const struct edu *);
/* EINVAL for flags that are not known, and for a negative timeout. */
int	edu_require_flags(struct edu *, unsigned flags, unsigned known);
int	edu_start_timeout(struct edu *, int64_t start_us, int timeout_ms,
	    int64_t *deadline_us);
/*
 * ETIMEDOUT, say, and "what", with the reason where the machine's clock stands
 * still, and otherwise with that.
 */
int	edu_fail_late(struct edu *, int errnum, const char *what,
	    const char *otherwise);
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
/* -1: the system does not tell, and it may be anybody's. */
int	edu_driver_find(struct edu *);
/*
 * Configuration space is not as we left it: ENODEV where that may be for the
 * driver which the function had is unbound, as it is to unplug a device.
 */
int	edu_require_bound(struct edu *);
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
/* ENOTSUP: a kernel driver alone has configuration space. */
int	edu_fail_driven(struct edu *);
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
int	edu_confirm_write(struct edu *);
/* And whatever was known a moment ago. */
int	edu_confirm(struct edu *);

/*
 * interrupt.c
 */
/* Nothing of mask stays pending, in the device or on its way to us. */
int	edu_irq_discard(struct edu *, uint32_t mask);
/* The same of one that may be on its way: that is waited for, not for long. */
int	edu_irq_flush(struct edu *, uint32_t mask);
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
/* Hear the kernel side until due_us, and take what came. */
int	edu_irq_listen(struct edu *, int64_t due_us);
/* Whether one of these bits was taken: it is reported herewith. */
int	edu_irq_take(struct edu *, uint32_t mask);
/* After a reset: what came before it is void. */
int	edu_irq_restart(struct edu *);
/* Bits that an engine waits for, and edu_irq_wait() must not take. */
void	edu_irq_own(struct edu *, uint32_t own, uint32_t disown);
/* What keeps interrupts from coming, without an access: EIO, or 0. */
int	edu_irq_obstacle(struct edu *);

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
 * Have something done with decoding off, INTx masked and signals held; these
 * and BAR0 are recorded and put back as in edu_bar_size().
 */
int	edu_bar_disabled(struct edu *, int (*run)(struct edu *, void *),
	    void *arg);

/*
 * factorial.c: the engine, see queue.c; at open, at close, and when edu_write()
 * went past it.
 */
int	edu_factorial_check(struct edu *, uint32_t n, unsigned flags);
int	edu_factorial_is_same(const struct edu_op *, const struct edu_op *);
int	edu_factorial_begin(struct edu *, struct edu_op *);
int	edu_factorial_look(struct edu *, int64_t now_us);
int64_t	edu_factorial_due(const struct edu *);
int	edu_factorial_advance(struct edu *, struct edu_op *);
/* A few looks at once: whether it is done. */
int	edu_factorial_glance(struct edu *);
/* Poll as long as is usual, or by EDU_SPIN to the end: 0 when that is over. */
int	edu_factorial_spin(struct edu *, const struct edu_op *);
void	edu_factorial_adopt(struct edu *);
void	edu_factorial_leave(struct edu *);
void	edu_factorial_started(struct edu *);
void	edu_factorial_status_written(struct edu *, uint32_t value);
/* EBUSY: it is computing, or nobody knows; and before a reset. */
int	edu_factorial_require_idle(struct edu *);
void	edu_factorial_forget(struct edu *);

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
/*
 * Before the device writes memory, and after it has said that it did: EIO when
 * nothing has come.  Where that was to be a copy of something, whether it is.
 */
void	edu_mem_mark(struct edu *, struct edu_mem *, size_t offset,
	    size_t length);
int	edu_mem_check(struct edu *, struct edu_mem *, size_t offset,
	    size_t length, const void *original);
/* EIO: the device does not reach this byte. */
int	edu_mem_unreached(struct edu *, struct edu_mem *, size_t offset);
/* A transfer begins and ends to touch it: freed meanwhile, it waits. */
void	edu_mem_hold(struct edu_mem *);
void	edu_mem_release(struct edu *, struct edu_mem *);
void	edu_mem_free_all(struct edu *);

/*
 * dma.c: the engine, see queue.c.
 */
void	edu_dma_find_limit(struct edu *);
/* How much of the device's buffer a call with these flags may use. */
size_t	edu_dma_buffer(const struct edu *, unsigned flags);
/* Both ranges are good, or EFAULT, ERANGE, EINVAL; nothing is touched. */
int	edu_dma_prove(struct edu *, struct edu_move *, void *to,
	    const void *from);
int	edu_dma_is_same(const struct edu_op *, const struct edu_op *);
/* Its memory is kept, from when it is queued to when it is dropped. */
void	edu_dma_hold(struct edu_op *);
void	edu_dma_drop(struct edu *, struct edu_op *);
int	edu_dma_begin(struct edu *, struct edu_op *);
int	edu_dma_look(struct edu *, int64_t now_us);
int64_t	edu_dma_due(const struct edu *);
int	edu_dma_advance(struct edu *, struct edu_op *);
/* edu_write() went past us, or a reset. */
void	edu_dma_register_written(struct edu *);
/* EBUSY: a transfer runs, or nobody knows. */
int	edu_dma_require_idle(struct edu *);
/*
 * A former owner may have left a transfer running, whose memory is somebody
 * else's by now: with bus mastering off, wait until the engine is idle.
 */
int	edu_dma_adopt(struct edu *);
/* At close: wait for a transfer, or cut it off from the memory. */
void	edu_dma_leave(struct edu *);
int	edu_dma_is_running(const struct edu *);

/*
 * watch.c: a handle whose due time may have changed enters a list.
 */
void	edu_watch_note(struct edu *);
void	edu_watch_start(struct edu *, struct edu **changed);
struct edu *edu_watch_next(struct edu **changed);

/*
 * queue.c
 */
void	edu_queue_open(struct edu *);
void	edu_queue_close(struct edu *);
/* For those who do not wait: EAGAIN; and what is done, 1 or 0. */
int	edu_queue_add(struct edu *, const struct edu_op *);
int	edu_queue_take(struct edu *, struct edu_done *);
int	edu_queue_has_done(const struct edu *);
/* How many of this cookie it were. */
int	edu_queue_cancel(struct edu *, const void *cookie);
/* Everything, as far as it gets without waiting; and when there is more. */
void	edu_queue_work(struct edu *);
int64_t	edu_queue_due(const struct edu *);
/* Whether something is waited for by interrupt. */
int	edu_queue_listens(const struct edu *);
/*
 * Somebody is to use an engine past its queue: EBUSY while that works for an
 * operation.  What was left cannot go on then.
 */
int	edu_queue_pass(struct edu *, enum edu_engine);
/* For those who wait: begin, or go on with what was left; and to its end. */
struct edu_op *edu_queue_call(struct edu *, const struct edu_op *);
/* -1 while it is under way, 0, or errno. */
int	edu_queue_result(const struct edu_op *);
void	edu_queue_leave(struct edu *, struct edu_op *, int errnum);
int	edu_queue_run(struct edu *, struct edu_op *, uint32_t *result);

/*
 * call.c: a copy, or a part of one, for set.c; proven.
 */
struct edu_copy {
	void		*to;
	const void	*from;
	unsigned	flags;
	int		timeout_ms;
};
int	edu_call_copy(struct edu *, struct edu_op *, const struct edu_copy *,
	    size_t start, size_t length);

/*
 * reset.c has edu_reset(), and no more.
 */

/*
 * trial.c has the edu_try_*() but edu_try_get(), and no more.
 */

/*
 * set.c: at close.
 */
void	edu_set_leave(struct edu *);

#endif /* EDU_INTERNAL_H */
