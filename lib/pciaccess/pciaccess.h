/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef EDU_PCIACCESS_H
#define EDU_PCIACCESS_H

/*
 * libpciaccess keeps its state in the process and locks nothing, and what it
 * knows of the machine is what a scan has found.  So every call of it is made
 * under a lock of ours; the state lives from the first user to the last, and a
 * list, or an address that is not found, has the machine scanned again in
 * between.  A scan ends all that was had from the one before: a handle keeps
 * its address, and looks for its function anew.
 */

#include <pciaccess.h>

#include "address.h"

struct edu_error;

/* The errno of what went before stays. */
void	edu_pci_lock(void);
void	edu_pci_unlock(void);

/* Returns with the lock held: 1 after a scan, 0 when there was one before. */
int	edu_pci_acquire(struct edu_error *);
/* Called with the lock held, and gives it back. */
void	edu_pci_release(void);

/*
 * These are for whoever holds the lock.  How many scans there were; what was
 * plugged in since the last one is found by another.
 */
extern unsigned edu_pci_scans;
int	edu_pci_scan_again(struct edu_error *);
/* The function there, or NULL. */
struct pci_device *edu_pci_find_at(const struct edu_address *);
/*
 * The same, or for NULL the first edu device; ENOENT.  A scan that is not
 * fresh is made again before it is believed.
 */
struct pci_device *edu_pci_find(const struct edu_address *, int is_fresh,
    struct edu_error *);
struct edu_address edu_pci_address(const struct pci_device *);

#endif /* EDU_PCIACCESS_H */
