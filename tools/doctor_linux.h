/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef DOCTOR_LINUX_H
#define DOCTOR_LINUX_H

/* What the checks of Linux share. */

#include <stddef.h>

#include "doctor.h"

#define SYSFS_PCI	"/sys/bus/pci"
#define SYSFS_DEVICES	SYSFS_PCI "/devices"

/* doctor_linux.c: the first line of the file of this name; -1: none. */
int sysfs_line(char *line, size_t size, const char *fmt, ...)
    __attribute__((__format__(__printf__, 3, 4)));
int is_vfio(const struct patient *);
/* Whether an IOMMU stands before the device. */
int has_group(const struct patient *);
/* The node that the driver has for user space; empty: none. */
void doctor_node(const struct patient *, char *node, size_t size);

/* doctor_linux_memory.c */
void doctor_bar0_claim(const struct patient *, struct finding *);
void doctor_memory(const struct patient *, struct finding *);
void doctor_huge_pages(const struct patient *, struct finding *);

/* doctor_linux_irq.c */
void doctor_line(const struct patient *, struct finding *);
void doctor_remapping(const struct patient *, struct finding *);

#endif /* DOCTOR_LINUX_H */
