/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef EDU_KERNEL_H
#define EDU_KERNEL_H

/*
 * The kernel side: interrupts and DMA memory.  One implementation per kernel
 * interface.  Errors as in bus.h.
 */

#include <stddef.h>
#include <stdint.h>

struct edu_error;

struct edu_kernel {
	const struct edu_kernel_ops *ops;
	struct edu_error *err;		/* the handle's */
	/* "uio0 (uio_pci_generic)"; "none" */
	char		name[64];
	/*
	 * Who reads and acknowledges the status bits in the device when it
	 * interrupts: the kernel, which then keeps its interrupt enabled and
	 * has take() and recheck(); or else we do, and rearm() afterwards.
	 */
	int		acknowledges;
	/* It is woken by messages (MSI), and not by INTx. */
	int		is_msi;
	/* The addresses that it gives are an IOMMU's. */
	int		translates;
	/*
	 * When rearm() read the command register, and whoever has changed it
	 * since has put 0 here.  A transfer runs, and bus mastering is proven
	 * to have been on all the time: rearm() must not switch it on unread.
	 */
	int64_t		command_us;
	int		is_mastering;
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
	 * Wait for an interrupt since the last: 1 when there was one (or may
	 * have been), 0 when timeout_ms is over, -1 with errno: EINTR,
	 * ENODEV.  NULL, and fd too: nobody wakes us, there is only polling.
	 */
	int	(*wait)(struct edu_kernel *, int timeout_ms);
	/* A descriptor that poll(2) finds readable when wait() returns 1. */
	int	(*fd)(struct edu_kernel *);
	/*
	 * Whether an interrupt has come because the kernel looks for it now
	 * and then, having switched off the line.  NULL: it never does.
	 */
	int	(*is_polled)(struct edu_kernel *);
	/*
	 * Make the interrupt deliverable again.  Called once after open, and
	 * then after every time that wait() has returned 1 and the status
	 * bits were acknowledged in the device.  Nothing raised before or
	 * meanwhile is lost: it makes wait() return 1.  NULL where the kernel
	 * acknowledges, or there is no wait(), or each raise sends a message,
	 * once: with is_msi, to be lost where nobody takes it.
	 */
	int	(*rearm)(struct edu_kernel *);
	/*
	 * Where the kernel acknowledges, and NULL elsewhere: add the bits that
	 * it has gathered to *status, 1 if there were any, 0 if not.  Never
	 * blocks.
	 */
	int	(*take)(struct edu_kernel *, uint32_t *status);
	/*
	 * Likewise: have the kernel read the status register now, for an
	 * interrupt may have met a device that did not answer while a BAR was
	 * being sized.  Gives the bits that take() would add.
	 */
	int	(*recheck)(struct edu_kernel *, uint32_t *status);
	/*
	 * BAR0, EDU_BAR0_SIZE bytes, for users whom the bus refuses; NULL
	 * with errno.  close() unmaps it.  A NULL member: it is had from the
	 * bus alone.
	 */
	void	*(*map)(struct edu_kernel *, int writable);
	/*
	 * At least length bytes (at most EDU_MEM_MAX) of zeroed memory whose
	 * bus addresses are all below limit.  NULL, and free too: this side
	 * has no such memory.
	 */
	int	(*alloc)(struct edu_kernel *, size_t length, uint64_t limit,
		    struct edu_segment *);
	void	(*free)(struct edu_kernel *, struct edu_segment *);
	/*
	 * Have the device reach the caller's own length bytes at data, as
	 * alloc() does, where there is an IOMMU; else those alone that another
	 * handle's alloc() has given.  ENOTSUP: these it cannot.
	 * unmap_memory() ends that, where it can even for a transfer that
	 * runs, and free() gives the addresses away.  NULL, both: there is
	 * nothing of the kind.
	 */
	int	(*map_memory)(struct edu_kernel *, void *data, size_t length,
		    uint64_t limit, struct edu_segment *);
	void	(*unmap_memory)(struct edu_kernel *, struct edu_segment *);
	/*
	 * Before a transfer reads (to_device) or after one has written the
	 * memory; as bus_dmamap_sync(9).  NULL: memory is coherent.
	 */
	int	(*sync)(struct edu_kernel *, struct edu_segment *,
		    size_t offset, size_t length, int to_device);
	/* Always there.  Every segment has been freed before. */
	void	(*close)(struct edu_kernel *);
};

#endif /* EDU_KERNEL_H */
