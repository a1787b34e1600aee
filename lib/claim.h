/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef EDU_CLAIM_H
#define EDU_CLAIM_H

/*
 * The claim on a PCI function: a lock of fcntl(2) in edu-ADDRESS.lock, below
 * /var/run, or below /var/run/edu where that directory is: it lets its group
 * drive devices.  The lock is the process's own: it ends with it, whatever
 * ends that, and no child inherits it.
 *
 * An address is a slot, and a slot may get another function while somebody
 * still holds a handle of the former.  So each locks a byte of its own, by
 * what the bus calls this very function (see instance in bus.h).
 *
 * The file also holds, while a BAR is being sized, what to put back should the
 * owner be killed: the next owner finds it there.
 */

#include <stddef.h>
#include <stdint.h>

struct edu_claim;
struct edu_error;

/* What names a function, its instance in bus.h, at most. */
#define EDU_INSTANCE_SIZE	64

/* What was in the function before sizing touched it, and which that was. */
struct edu_undo {
	uint32_t	command;
	unsigned	offset;		/* of the BAR; 0: not touched yet */
	unsigned	is_wide;	/* 64 bits: two dwords */
	uint32_t	low;
	uint32_t	high;
	uint32_t	id;		/* the dwords PCI_ID and PCI_CLASS */
	uint32_t	class;
	char		instance[EDU_INSTANCE_SIZE];	/* "-": not known */
};

/*
 * EBUSY names the process that has it.  ENOTDIR: there is no /var/run.
 */
struct edu_claim *edu_claim_take(const char *address, const char *instance,
    struct edu_error *);
void	edu_claim_drop(struct edu_claim *);	/* accepts NULL */

/*
 * The name of another file of the function, beside that of the claim, for
 * openat(2) and its like in the directory whose descriptor this is.
 */
int	edu_claim_file(const struct edu_claim *, const char *suffix,
	    char *name, size_t size);

/* Remember, before the function is touched; NULL: all is as it was. */
int	edu_claim_remember(struct edu_claim *, const struct edu_undo *);
/* 1 when a former owner left something to undo, 0 when not. */
int	edu_claim_recall(struct edu_claim *, struct edu_undo *);

#endif /* EDU_CLAIM_H */
