/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef EDUREG_H
#define EDUREG_H

/*
 * Registers of QEMU's edu device, as offsets into BAR0.
 *
 * Source: QEMU's docs/specs/edu.rst; where that is silent (access sizes,
 * the time of a transfer), QEMU's hw/misc/edu.c, versions 7.2 and 10.0.
 *
 * This is the only copy.  The kernel driver and the library share it, so it
 * includes nothing and speaks only in macros.
 *
 * Registers below EDU_DMA_SRC take 32-bit accesses only.  Those from
 * EDU_DMA_SRC on take 32 or 64 bits; a 64-bit value written as two halves
 * loses its upper half, so write them whole.
 */

#ifndef __BIT
#define __BIT(n)		(1U << (n))
#endif
#ifndef __BITS
#define __BITS(m, n)		((~0U >> (31 - ((m) > (n) ? (m) : (n)))) & \
				    (~0U << ((m) > (n) ? (n) : (m))))
#endif
#ifndef __LOWEST_SET_BIT
#define __LOWEST_SET_BIT(mask)	((((mask) - 1) & (mask)) ^ (mask))
#endif
#ifndef __SHIFTOUT
#define __SHIFTOUT(x, mask)	(((x) & (mask)) / __LOWEST_SET_BIT(mask))
#endif
#ifndef __SHIFTIN
#define __SHIFTIN(x, mask)	((x) * __LOWEST_SET_BIT(mask))
#endif

/* Configuration space: vendor, product, revision. */
#define EDU_PCI_VENDOR		0x1234		/* QEMU's own vendor id */
#define EDU_PCI_PRODUCT		0x11e8

#define EDU_BAR0_SIZE		0x100000	/* 1 MiB, 32-bit memory */

#define EDU_ID			0x00	/* RO 4: identification */
#define	 EDU_ID_MAJOR		__BITS(31, 24)
#define	 EDU_ID_MINOR		__BITS(23, 16)
#define	 EDU_ID_MAGIC		__BITS(15, 0)
#define	  EDU_ID_MAGIC_EDU	0x00ed
#define	  EDU_ID_SWAPPED	0xed00		/* bits 31-16, bytes swapped */

#define EDU_LIVE		0x04	/* RW 4: reads as ~(last write) */
#define EDU_FACTORIAL		0x08	/* RW 4: n in, n! mod 2^32 out */

#define EDU_STATUS		0x20	/* RW 4: factorial status */
#define	 EDU_STATUS_COMPUTING	__BIT(0)	/* RO */
#define	 EDU_STATUS_IRQFACT	__BIT(7)	/* raise EDU_INTR_FACTORIAL */

#define EDU_INTR_STATUS		0x24	/* RO 4: interrupt status */
#define EDU_INTR_RAISE		0x60	/* WO 4: ORed into the status */
#define EDU_INTR_ACK		0x64	/* WO 4: cleared from the status */
#define	 EDU_INTR_FACTORIAL	__BIT(0)
#define	 EDU_INTR_DMA		__BIT(8)

#define EDU_DMA_SRC		0x80	/* RW 4/8: source address */
#define EDU_DMA_DST		0x88	/* RW 4/8: destination address */
#define EDU_DMA_COUNT		0x90	/* RW 4/8: length in bytes */
#define EDU_DMA_CMD		0x98	/* RW 4/8: command */
#define	 EDU_DMA_CMD_RUN	__BIT(0)	/* write: start, read: busy */
#define	 EDU_DMA_CMD_FROM_DEV	__BIT(1)	/* 0: memory to device */
#define	 EDU_DMA_CMD_IRQ	__BIT(2)	/* raise EDU_INTR_DMA */

#define EDU_REG_END		0xa0	/* nothing answers from here on */

/*
 * The device's own memory, as the DMA engine addresses it.  It is not
 * readable through BAR0.
 */
#define EDU_DMA_BUF		0x40000
#define EDU_DMA_BUF_SIZE	4096

/*
 * Bus addresses are ANDed with this mask, silently, unless QEMU was started
 * with another dma_mask property.  The mask cannot be read from the device.
 */
#define EDU_DMA_MASK		0x0fffffffU

/* Every transfer takes this long, whatever its length. */
#define EDU_DMA_TIME_MS		100

/* For snprintb(3). */
#define EDU_STATUS_BITS		"\177\020" "b\0COMPUTING\0" "b\7IRQFACT\0"
#define EDU_INTR_BITS		"\177\020" "b\0FACTORIAL\0" "b\10DMA\0"
#define EDU_DMA_CMD_BITS	"\177\020" "b\0RUN\0" "b\1FROM_DEV\0" "b\2IRQ\0"

#endif /* EDUREG_H */
