/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef EDU_PCI_H
#define EDU_PCI_H

/*
 * Configuration space, from the PCI Local Bus Specification 3.0, chapter 6.
 * Offsets are those of whole dwords, the only accesses that libpciaccess has
 * on NetBSD.
 */

#define PCI_ID			0x00	/* device << 16 | vendor */

/*
 * Command in the lower half, status in the upper.  Status bits are cleared
 * by writing ones, so write the upper half as zero.
 */
#define PCI_COMMAND		0x04
#define	 PCI_COMMAND_MASK	0xffffU
#define	 PCI_COMMAND_IO		0x0001U
#define	 PCI_COMMAND_MEMORY	0x0002U
#define	 PCI_COMMAND_DECODING	(PCI_COMMAND_IO | PCI_COMMAND_MEMORY)
#define	 PCI_COMMAND_MASTER	0x0004U
#define	 PCI_COMMAND_NO_INTX	0x0400U
#define	 PCI_STATUS_INTX	0x00080000U	/* asserted */
#define	 PCI_STATUS_CAPABILITIES 0x00100000U
#define	 PCI_STATUS_READONLY	0x06b80000U

#define PCI_CLASS		0x08	/* class << 8 | revision */

#define PCI_CLASS		0x08	/* appendix D */
#define	 PCI_CLASS_BASE(x)	((x) >> 24)
#define	  PCI_CLASS_DISPLAY	0x03U
#define	  PCI_CLASS_BRIDGE	0x06U
#define	  PCI_CLASS_SYSTEM	0x08U
#define	 PCI_CLASS_CODE(x)	((x) >> 16)

#define PCI_HEADER		0x0c	/* type in bits 22-16 */
#define	 PCI_HEADER_READONLY	0x00ff0000U
#define	 PCI_HEADER_TYPE(x)	(((x) >> 16) & 0x7fU)
#define	  PCI_HEADER_BRIDGE	1U
#define	  PCI_HEADER_CARDBUS	2U

#define PCI_BAR(i)		(0x10U + 4U * (i))	/* section 6.2.5.1 */
#define	 PCI_BAR_IO		0x1U
#define	 PCI_BAR_IO_FLAGS	0x3U
#define	 PCI_BAR_MEM_TYPE	0x6U
#define	  PCI_BAR_MEM_TYPE_64	0x4U
#define	 PCI_BAR_MEM_PREFETCH	0x8U
#define	 PCI_BAR_MEM_FLAGS	0xfU

#define PCI_SUBSYSTEM		0x2c	/* device << 16 | vendor */

/* Capabilities, section 6.7: an id, and the next one's offset. */
#define PCI_CAPABILITIES	0x34
#define	 PCI_CAPABILITIES_READONLY 0xffU
#define	 PCI_CAPABILITY_MASK	0xfcU
#define	 PCI_CAPABILITY_ID(x)	((x) & 0xffU)
#define	 PCI_CAPABILITY_NEXT(x)	(((x) >> 8) & PCI_CAPABILITY_MASK)
#define	 PCI_CAPABILITY_MSI	0x05U
#define	  PCI_MSI_ENABLE	0x00010000U	/* in its first dword */
#define	  PCI_MSI_64BIT		0x00800000U	/* likewise */
#define	  PCI_MSI_READONLY	0x018effffU	/* of that dword */
#define	  PCI_MSI_ADDRESS	0x04U		/* from its start */
#define	  PCI_MSI_ADDRESS_HIGH	0x08U
#define	  PCI_MSI_DATA		0x0cU		/* 64-bit addresses */
#define PCI_INTERRUPT		0x3c	/* pin << 8 | line */
#define	 PCI_INTERRUPT_READONLY	0xffffff00U
#define PCI_HEADER_END		0x40U

#define PCI_CONFIG_SIZE		256U

#endif /* EDU_PCI_H */
