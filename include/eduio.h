/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef EDUIO_H
#define EDUIO_H

/*
 * What edu(4), NetBSD's driver for QEMU's edu device, and its users say to
 * each other over /dev/eduN.  This is the only copy: the driver and the
 * library share it.  The same layout on every port and for 32-bit programs
 * on 64-bit kernels: fixed widths, no implicit padding.
 */

#ifdef _KERNEL
#include <sys/types.h>
#include <sys/ioccom.h>
#else
#include <stdint.h>
#include <sys/ioctl.h>
#endif

/* Changes whenever the meaning of anything here does. */
#define EDU_IO_VERSION		2

/*
 * What read(2) gives, one record a call; a shorter buffer is EINVAL.
 * Reading takes the bits: each that was raised is in exactly one record, but
 * for one that a processor acknowledges just as another begins to size a BAR.
 * That one may be in two.
 */
struct edu_event {
	uint32_t	status;		/* EDU_INTR_* and whatever was raised */
	uint32_t	reserved;	/* 0 */
	/*
	 * How many times the driver has taken bits from the device since it
	 * attached.  Bits raised close together are taken at once.
	 */
	uint64_t	count;
};

/* How the function interrupts. */
#define EDU_IO_INTX		0
#define EDU_IO_MSI		1

struct edu_info {
	uint32_t	version;	/* EDU_IO_VERSION */
	uint32_t	unit;		/* the N of /dev/eduN */
	/*
	 * The function's address, as libpciaccess gives it on NetBSD: its
	 * domain is the N of the /dev/pciN above the function.
	 */
	uint32_t	domain;
	uint32_t	bus;
	uint32_t	device;
	uint32_t	function;
	uint32_t	interrupt;	/* EDU_IO_INTX, EDU_IO_MSI */
	uint32_t	reserved;	/* 0 */
	/*
	 * Offset for mmap(2) and size in bytes, multiples of the page size.
	 * A mapping does not end with the open that it was made in: until its
	 * holder unmaps it or exits, the next open is EBUSY.  So unmap first,
	 * then close.
	 */
	uint64_t	bar0_offset;
	uint64_t	bar0_size;
	uint64_t	dma_offset;
	uint64_t	dma_size;
	/* The DMA memory's bus address; one piece, zeroed at open. */
	uint64_t	dma_address;
};

#define EDU_IOC_INFO	_IOR('E', 1, struct edu_info)

/*
 * Check the device again, now: take what is pending in the status register,
 * enable the interrupt if its INTx is disabled in the command register, and
 * say what the next read(2) would return, without taking it.  status is 0
 * when there is nothing to read.
 *
 * To be called whenever the function did not answer for a while or its
 * command register was written, sizing a BAR above all, once everything is
 * back in place: the one message of an MSI may have come and gone meanwhile.
 * EAGAIN: the function does not answer; something is still not in place.  To
 * be called again once it is.
 * ENXIO: it has been unplugged.
 */
#define EDU_IOC_RECHECK	_IOR('E', 2, struct edu_event)

#ifdef __cplusplus
#define EDU_IO_ASSERT(x)	static_assert(x, #x)
#else
#define EDU_IO_ASSERT(x)	_Static_assert(x, #x)
#endif
EDU_IO_ASSERT(sizeof(struct edu_event) == 16);
EDU_IO_ASSERT(sizeof(struct edu_info) == 72);
#undef EDU_IO_ASSERT

#endif /* EDUIO_H */
