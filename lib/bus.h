/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef EDU_BUS_H
#define EDU_BUS_H

/*
 * The bus: how configuration space and the registers of one PCI function are
 * reached.  One implementation per transport.  Functions that return int
 * return 0, or -1 with errno and a message left by edu_fail() in err.
 */

#include <stddef.h>
#include <stdint.h>

struct edu_bus;
struct edu_error;
struct edu_kernel;
struct edu_trace_event;

/* A BAR as the operating system knows it. */
struct edu_region {
	uint64_t	address;
	uint64_t	length;		/* 0: absent */
	int		is_io;
};

/*
 * Every member is there but those that say what NULL means.  A bus that has its
 * name and its table calls edu_trace_bus(), and reaches the function by that
 * table alone from then on, so that a trace misses nothing.
 */
struct edu_bus_ops {
	/* Read or write one dword of configuration space. */
	int	(*config_read)(struct edu_bus *, unsigned offset,
		    uint32_t *value);
	int	(*config_write)(struct edu_bus *, unsigned offset,
		    uint32_t value);
	/*
	 * What the operating system says of a BAR: 1, or 0 where nobody but us
	 * has ever asked the device.  NULL: it is always so.
	 */
	int	(*region)(struct edu_bus *, unsigned index,
		    struct edu_region *);
	/*
	 * Map BAR0, EDU_BAR0_SIZE bytes, uncached.  Called with memory
	 * decoding on, before the first register access.  EPERM: the system
	 * refuses; another mapping may be put into bar0 then.
	 */
	int	(*map)(struct edu_bus *, int writable);
	/*
	 * Access a register: exactly width bytes (4 or 8), not combined and
	 * not reordered among each other; a write is ordered after earlier
	 * stores to DMA memory, a read before later loads from it.  They
	 * cannot fail: a device that is gone reads 0 or all ones.
	 */
	uint64_t (*read)(struct edu_bus *, unsigned offset, unsigned width);
	void	(*write)(struct edu_bus *, unsigned offset, unsigned width,
		    uint64_t value);
	/*
	 * Whether this very function is still there, without asking it: 1, or
	 * 0 where only asking would tell, or -1, ENODEV, for good, though
	 * another may have its address by now.  NULL: it is always 0.
	 */
	int	(*present)(struct edu_bus *);
	/*
	 * A call of the library's begins, which has to end by then (EDU_NEVER:
	 * it has no timeout), or a little later where whoever answers for the
	 * function does not.  present() says so then: -1, ETIMEDOUT.  NULL:
	 * accesses take no time.
	 */
	void	(*begin)(struct edu_bus *, int64_t deadline_us);
	/*
	 * Whether the machine's clock is seen to stand still, so that what
	 * takes time does not end.  NULL: it never does.
	 */
	int	(*stands_still)(struct edu_bus *);
	/*
	 * Whether it is certain that no other process uses the function: 1,
	 * or 0 where it has to be looked for.  NULL: it is always 0.
	 */
	int	(*is_unused)(struct edu_bus *);
	/*
	 * A word that names this very function: another that gets its address,
	 * or the same after the system was started anew, has another.  NULL:
	 * this bus knows none.
	 */
	int	(*instance)(struct edu_bus *, char *buf, size_t size);
	/*
	 * Reset the function, and nothing else that matters to anybody: done
	 * when it answers again, and configuration space is as before.
	 * ENOTSUP: it cannot be done here, and nothing was touched.  NULL:
	 * this bus knows no way.
	 */
	int	(*reset)(struct edu_bus *);
	/* The kernel side that goes with this bus.  NULL: the system's. */
	struct edu_kernel *(*kernel)(struct edu_bus *, int poll_only);
	/* Unmap and free.  Changes nothing in the device. */
	void	(*close)(struct edu_bus *);
};

/* Whom trace.c tells of every access, and by which table. */
struct edu_tracer {
	void		(*fn)(void *arg, const struct edu_trace_event *);
	void		*arg;
	const struct edu_bus_ops *real;
	struct edu_bus_ops ops;
};

struct edu_bus {
	const struct edu_bus_ops *ops;
	struct edu_error *err;		/* the handle's */
	/* Canonical name of the function: "0000:00:0a.0", "qtest:". */
	char		name[128];
	/* How long this bus's clock lets a transfer take, in microseconds. */
	unsigned	dma_time_us;
	/* Nobody else can reach the function; it is not this machine's. */
	int		is_private;
	/* Nor can anybody its machine, whose addresses are free. */
	int		is_alone;
	/*
	 * A kernel driver looks after configuration space, and it cannot be
	 * reached: no claim, no sizing, no command register.
	 */
	int		is_driven;
	/* It is proven to be gone for good: it must not be touched. */
	int		is_gone;
	/* BAR0 once it is mapped; NULL where it is not reached by mapping. */
	void		*bar0;
	struct edu_tracer tracer;	/* fn is NULL: nobody is told */
};

/*
 * The function at an address ("0:a.0"), or the first edu device for NULL.
 * Errors as of edu_open().  Touches nothing.
 */
struct edu_bus *edu_bus_pciaccess(const char *address, int writable,
    struct edu_error *);

/*
 * The addresses of all edu devices, or of all functions, sorted, in an array
 * to be freed.
 */
struct edu_bus_name {
	char		text[32];
};
int	edu_bus_pciaccess_list(struct edu_bus_name **, size_t *count,
	    struct edu_error *);
int	edu_bus_pciaccess_all(struct edu_bus_name **, size_t *count,
	    struct edu_error *);

/* Register accesses through bar0, for the tables of buses that map. */
uint64_t edu_bus_mapped_read(struct edu_bus *, unsigned offset,
    unsigned width);
void	edu_bus_mapped_write(struct edu_bus *, unsigned offset,
	    unsigned width, uint64_t value);

/*
 * The edu device of a QEMU driven through qtest: at a UNIX socket, or in a
 * QEMU of our own for an empty path.  Plays the firmware: gives BAR0 an
 * address and switches decoding on, if nobody has.
 */
struct edu_bus *edu_bus_qtest(const char *socket, struct edu_error *);

#endif /* EDU_BUS_H */
