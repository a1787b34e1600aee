/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef EDU_KERNEL_H
#define EDU_KERNEL_H

/*
 * The kernel side: interrupts and DMA memory.  One implementation per kernel
 * interface.  Errors as in bus.h.  A NULL member: this side cannot do it.
 */

#include <stddef.h>
#include <stdint.h>

struct edu_bus;
struct edu_error;

struct edu_kernel {
	const struct edu_kernel_ops *ops;
	/* "uio0 (uio_pci_generic)"; "none" */
	char		name[64];
	/* look() has failed since what map() and alloc() gave has ended. */
	int		is_gone;
};

/* One piece of DMA memory, contiguous for the CPU and for the device. */
struct edu_segment {
	void		*data;
	size_t		length;
	uint64_t	bus_address;
	void		*cookie;	/* the kernel side's own */
};

struct edu_kernel_ops {
	/*
	 * Make the interrupt deliverable again.  Called once after open, and
	 * then after every time that wait() has returned 1 and the status
	 * bits were acknowledged in the device.  Nothing raised before or
	 * meanwhile is lost: it makes wait() return 1.  NULL: the kernel keeps
	 * it armed.
	 */
	int	(*rearm)(struct edu_kernel *);
	/*
	 * Wait for an interrupt since the last: 1 when there was one (or may
	 * have been), 0 when timeout_ms is over, -1 with errno: EINTR,
	 * ENODEV.
	 */
	int	(*wait)(struct edu_kernel *, int timeout_ms);
	/*
	 * Where the kernel itself reads and acknowledges the status bits: add
	 * those that it has gathered to *status, 1 if there were any, 0 if
	 * not.  Never blocks.  NULL: that is left to us, in the device.
	 */
	int	(*take)(struct edu_kernel *, uint32_t *status);
	/*
	 * Let the kernel look at the status register: an interrupt may have
	 * met a device that did not answer, while a BAR was being sized.
	 * Gives the bits that take() would add.  NULL: it would come again by
	 * itself.
	 */
	int	(*look)(struct edu_kernel *, uint32_t *status);
	/* A descriptor that poll(2) finds readable when wait() returns 1. */
	int	(*fd)(struct edu_kernel *);
	/*
	 * BAR0, EDU_BAR0_SIZE bytes, for users whom the bus refuses; NULL
	 * with errno.  Belongs to the caller, who unmaps it.
	 */
	void	*(*map)(struct edu_kernel *, int writable);
	/*
	 * At least length bytes (at most EDU_MEM_MAX) of zeroed memory whose
	 * bus addresses are all below limit.
	 */
	int	(*alloc)(struct edu_kernel *, size_t length, uint64_t limit,
		    struct edu_segment *);
	void	(*free)(struct edu_kernel *, struct edu_segment *);
	/*
	 * Before a transfer reads (to_device) or after one has written the
	 * memory; as bus_dmamap_sync(9).  NULL: memory is coherent.
	 */
	int	(*sync)(struct edu_kernel *, struct edu_segment *,
		    size_t offset, size_t length, int to_device);
	/* Frees everything, segments included. */
	void	(*close)(struct edu_kernel *);
};

/*
 * The best kernel side of this operating system for the function at
 * bus->name, or "none" where there is none and where poll_only is set.  Fails
 * only where one is there and cannot be had (EACCES, EBUSY, ENOMEM).
 */
struct edu_kernel *edu_kernel_open(struct edu_bus *, int poll_only,
    struct edu_error *);

/* The kernel side that goes with a bus made by edu_bus_qtest(). */
struct edu_kernel *edu_kernel_qtest(struct edu_bus *, int poll_only,
    struct edu_error *);

#endif /* EDU_KERNEL_H */
