/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef EDU_CLAIM_H
#define EDU_CLAIM_H

/*
 * The claim on a PCI function: an advisory lock, flock(2), on
 * /var/run/edu-ADDRESS.lock.  It ends with the process, whatever ends that.
 *
 * The file also holds the owner's pid, and, while a BAR is being sized, what
 * to put back should the owner be killed: the next owner finds it there.
 */

#include <stdint.h>

struct edu_claim;
struct edu_error;

/* What was in the function before sizing touched it. */
struct edu_undo {
	uint32_t	command;
	unsigned	offset;		/* of the BAR; 0: not touched yet */
	int		is_wide;	/* 64 bits: two dwords */
	uint32_t	low;
	uint32_t	high;
};

/* EBUSY names the owner's pid. */
struct edu_claim *edu_claim_take(const char *address, struct edu_error *);
void	edu_claim_drop(struct edu_claim *);	/* accepts NULL */

/* Remember, before the function is touched; NULL: all is as it was. */
int	edu_claim_remember(struct edu_claim *, const struct edu_undo *);
/* 1 when a former owner left something to undo, 0 when not. */
int	edu_claim_recall(struct edu_claim *, struct edu_undo *);

#endif /* EDU_CLAIM_H */
