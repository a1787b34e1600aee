/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * The size of a BAR: PCI Local Bus Specification 3.0, section 6.2.5.1.
 *
 *	1. save the command register
 *	2. disable I/O and memory decoding in it, and INTx
 *	3. save the BAR
 *	4. write all ones to it
 *	5. read back: the bits that stayed 0 give the size
 *	6. restore the BAR, then the command register
 *
 * Decoding goes off first, for a BAR of all ones would answer to addresses
 * that belong to others.  INTx is masked because a handler could not reach
 * the device to acknowledge.  Between 2 and 6 the calling thread holds its
 * signals, and what has to be put back stands in the claim's file, in case the
 * process is killed all the same.
 */

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "claim.h"
#include "internal.h"

/* A 64-bit BAR: 3 to disable, 2 + 2 + 2 + 4 for the BAR, 2 to restore. */
#define MAX_STEPS	15

struct step {
	const char	*what;
	int		is_write;
	unsigned	offset;
	uint32_t	value;
};

struct edu_bar {
	enum edu_bar_type type;
	int		is_prefetchable;
	uint64_t	address;
	uint64_t	length;
	int		has_system;	/* the system says something of it */
	struct edu_region system;
	size_t		nsteps;
	struct step	steps[MAX_STEPS];
};

/* A BAR being sized: where it is and what was in it. */
struct sizing {
	struct edu	*edu;
	struct edu_bar	*bar;		/* NULL: something else is done */
	unsigned	offset;
	int		(*run)(struct edu *, void *);
	void		*arg;
	struct edu_undo	undo;
	int		is_saved;	/* undo.command is known */
	uint32_t	low;		/* read back */
	uint32_t	high;
};

static void
note(struct edu_bar *bar, const char *what, int is_write, unsigned offset,
    uint32_t value)
{
	struct step *step;

	if (bar == NULL || bar->nsteps == MAX_STEPS)
		return;
	step = &bar->steps[bar->nsteps++];
	step->what = what;
	step->is_write = is_write;
	step->offset = offset;
	step->value = value;
}

static int
get(struct sizing *s, const char *what, unsigned offset, uint32_t *value)
{
	struct edu_bus *bus = s->edu->bus;

	if (bus->ops->config_read(bus, offset, value) == -1)
		return -1;
	note(s->bar, what, 0, offset, *value);
	return 0;
}

static int
put(struct sizing *s, const char *what, unsigned offset, uint32_t value)
{
	struct edu_bus *bus = s->edu->bus;

	note(s->bar, what, 1, offset, value);
	return bus->ops->config_write(bus, offset, value);
}

/* Write, read back, compare the bits of mask. */
static int
put_verified(struct sizing *s, const char *what, unsigned offset,
    uint32_t value, uint32_t mask)
{
	uint32_t command, now = 0;

	if (put(s, what, offset, value) == -1 ||
	    get(s, "verify", offset, &now) == -1)
		return -1;
	if ((now & mask) == (value & mask))
		return 0;
	/* No command register reads all ones, unlike a BAR. */
	if ((now == UINT32_MAX && edu_command_read(s->edu, &command) == -1) ||
	    edu_require_bound(s->edu) == -1)
		return -1;
	return edu_fail(&s->edu->err, EIO, "cannot %s: wrote 0x%08" PRIx32
	    " at 0x%02x, reads 0x%08" PRIx32, what, value, offset, now);
}

/*
 * A kernel's interrupt handler may mask INTx at any moment (uio does), so
 * that bit is not compared.
 */
static int
restore_command(struct sizing *s)
{

	return put_verified(s, "restore the command register", PCI_COMMAND,
	    s->undo.command, PCI_COMMAND_MASK & ~PCI_COMMAND_NO_INTX);
}

static int
restore_bar(struct sizing *s)
{
	const struct edu_undo *u = &s->undo;
	int result = 0;

	if (u->offset == 0)
		return 0;
	if (u->is_wide)
		result = put_verified(s, "restore the BAR's upper half",
		    u->offset + 4, u->high, UINT32_MAX);
	if (put_verified(s, "restore the BAR", u->offset, u->low,
	    UINT32_MAX) == -1)
		result = -1;
	return result;
}

/* On a private bus nobody comes after us, and there is no claim. */
static int
remember(struct sizing *s, const struct edu_undo *undo)
{

	if (s->edu->claim == NULL)
		return 0;
	return edu_claim_remember(s->edu->claim, undo);
}

static int
disable(struct sizing *s)
{
	uint32_t dword = UINT32_MAX;

	if (get(s, "save the command register", PCI_COMMAND, &dword) == -1 ||
	    edu_config_answers(s->edu, dword) == -1)
		return -1;
	s->undo.command = dword & PCI_COMMAND_MASK;
	s->is_saved = 1;
	if (remember(s, &s->undo) == -1)
		return -1;
	return put_verified(s, "disable decoding and INTx", PCI_COMMAND,
	    (s->undo.command & ~PCI_COMMAND_DECODING) | PCI_COMMAND_NO_INTX,
	    PCI_COMMAND_DECODING);
}

static int
save_bar(struct sizing *s)
{
	struct edu_undo *u = &s->undo;
	unsigned offset = s->offset;

	if (get(s, "save the BAR", offset, &u->low) == -1)
		return -1;
	u->is_wide = (u->low & (PCI_BAR_IO | PCI_BAR_MEM_TYPE)) ==
	    PCI_BAR_MEM_TYPE_64;
	if (u->is_wide &&
	    get(s, "save its upper half", offset + 4, &u->high) == -1)
		return -1;
	u->offset = offset;
	return remember(s, u);
}

static int
probe_bar(struct sizing *s)
{
	const struct edu_undo *u = &s->undo;

	if (put(s, "write all ones", u->offset, UINT32_MAX) == -1 ||
	    (u->is_wide &&
	    put(s, "write all ones", u->offset + 4, UINT32_MAX) == -1))
		return -1;
	if (get(s, "read back the size mask", u->offset, &s->low) == -1 ||
	    (u->is_wide &&
	    get(s, "read back its upper half", u->offset + 4, &s->high) == -1))
		return -1;
	return 0;
}

/*
 * Decoding stays off, and the note in the claim's file stays there, when the
 * BAR cannot be restored: a wrong address must not answer.
 */
static int
restore(struct sizing *s)
{

	if (restore_bar(s) == -1 || restore_command(s) == -1)
		return -1;
	return remember(s, NULL);
}

static int
run(struct sizing *s)
{

	if (save_bar(s) == -1)
		return -1;
	return s->run != NULL ? s->run(s->edu, s->arg) : probe_bar(s);
}

/* Everything between the first access and the last. */
static int
run_disabled(struct sizing *s)
{
	struct edu_first_error first;

	if (disable(s) == 0 && run(s) == 0)
		return restore(s);
	if (!s->is_saved)
		return -1;
	edu_error_save(&first, &s->edu->err);
	(void)restore(s);
	return edu_error_restore(&first, &s->edu->err);
}

/* All but those that a fault of our own would raise. */
static int
hold_signals(struct edu *edu, sigset_t *saved)
{
	sigset_t held;
	int error;

	(void)sigfillset(&held);
	(void)sigdelset(&held, SIGSEGV);
	(void)sigdelset(&held, SIGBUS);
	(void)sigdelset(&held, SIGFPE);
	(void)sigdelset(&held, SIGILL);
	(void)sigdelset(&held, SIGTRAP);
	(void)sigdelset(&held, SIGABRT);
	if ((error = pthread_sigmask(SIG_BLOCK, &held, saved)) != 0)
		return edu_fail_errno(&edu->err, error, "cannot hold signals");
	return 0;
}

static int
run_held(struct sizing *s)
{
	struct edu *edu = s->edu;
	sigset_t saved;
	int errnum, result;

	if ((edu->claim != NULL && edu_undo_describe(edu, &s->undo) == -1) ||
	    hold_signals(edu, &saved) == -1)
		return -1;
	result = run_disabled(s);
	errnum = errno;
	(void)pthread_sigmask(SIG_SETMASK, &saved, NULL);
	errno = errnum;
	/* Where decoding was off, that is for whoever switches it on. */
	if (result == 0 && (s->undo.command & PCI_COMMAND_MEMORY))
		result = edu_irq_recheck(edu);
	return result;
}

int
edu_bar_disabled(struct edu *edu, int (*run_it)(struct edu *, void *),
    void *arg)
{
	struct sizing s = { .edu = edu, .offset = PCI_BAR(0), .run = run_it,
	    .arg = arg };

	return edu->bus->is_driven ? edu_fail_driven(edu) : run_held(&s);
}

static int
decode(struct sizing *s)
{
	struct edu_bar *bar = s->bar;
	const struct edu_undo *u = &s->undo;
	uint64_t mask;

	if (s->low == 0 && (!u->is_wide || s->high == 0)) {
		bar->type = EDU_BAR_ABSENT;
		return 0;
	}
	if (u->low & PCI_BAR_IO) {
		bar->type = EDU_BAR_IO;
		bar->address = u->low & ~PCI_BAR_IO_FLAGS;
		mask = s->low & ~PCI_BAR_IO_FLAGS;
		/* The upper 16 bits may be hardwired to 0. */
		if (mask >> 16 == 0)
			mask |= 0xffff0000U;
	} else {
		bar->type = u->is_wide ? EDU_BAR_MEM64 : EDU_BAR_MEM32;
		bar->is_prefetchable = (u->low & PCI_BAR_MEM_PREFETCH) != 0;
		bar->address = u->low & ~PCI_BAR_MEM_FLAGS;
		mask = s->low & ~PCI_BAR_MEM_FLAGS;
	}
	if (u->is_wide) {
		bar->address |= (uint64_t)u->high << 32;
		mask |= (uint64_t)s->high << 32;
	} else
		mask |= (uint64_t)UINT32_MAX << 32;
	bar->length = ~mask + 1;
	if (bar->length == 0 || (bar->length & (bar->length - 1)) != 0)
		return edu_fail(&s->edu->err, EIO, "the BAR at 0x%02x answers "
		    "all ones with 0x%016" PRIx64 ", which is no size mask",
		    u->offset, mask);
	return 0;
}

/*
 * A second opinion, where the operating system has one.  It may have given a
 * BAR no address, and so know nothing of it; it may know of what stands in no
 * BAR (the legacy ports of IDE, what belongs to a virtual function); and it
 * may keep more room than the device asks for.
 */
static int
compare(struct sizing *s, unsigned index)
{
	const struct edu_bus_ops *ops = s->edu->bus->ops;
	struct edu_bar *bar = s->bar;
	const struct edu_region *system = &bar->system;

	if (ops->region != NULL)
		bar->has_system = ops->region(s->edu->bus, index,
		    &bar->system);
	if (bar->has_system != 1)
		return bar->has_system;
	if (system->length == 0 || bar->length == 0 ||
	    (system->address == bar->address &&
	    system->length >= bar->length &&
	    system->is_io == (bar->type == EDU_BAR_IO)))
		return 0;
	return edu_fail(&s->edu->err, EIO, "BAR%u is %s 0x%" PRIx64 " of 0x%"
	    PRIx64 " bytes, but the operating system says %s 0x%" PRIx64
	    " of 0x%" PRIx64, index,
	    bar->type == EDU_BAR_IO ? "I/O" : "memory", bar->address,
	    bar->length, system->is_io ? "I/O" : "memory", system->address,
	    system->length);
}

/* Is there a BAR of this index, and does it start there? */
static int
check_index(struct edu *edu, unsigned index, uint32_t header)
{
	unsigned count = edu_bar_count(header), i;
	uint32_t value = 0;

	if (count == 0)
		return edu_fail(&edu->err, EINVAL,
		    "header type 0x%02x has no BARs that are known",
		    PCI_HEADER_TYPE(header));
	if (index >= count)
		return edu_fail(&edu->err, EINVAL, "there is no BAR%u: this "
		    "function has 0 to %u", index, count - 1);
	for (i = 0; i <= index; i++) {
		if (edu->bus->ops->config_read(edu->bus, PCI_BAR(i),
		    &value) == -1)
			return -1;
		if ((value & (PCI_BAR_IO | PCI_BAR_MEM_TYPE)) !=
		    PCI_BAR_MEM_TYPE_64)
			continue;
		if (++i == index)
			return edu_fail(&edu->err, EINVAL, "BAR%u is the upper "
			    "half of BAR%u, a 64-bit one", index, index - 1);
		if (i == count)
			return edu_fail(&edu->err, EIO, "BAR%u, the last, says "
			    "that it has an upper half", i - 1);
	}
	return 0;
}

/*
 * Functions that the machine itself needs, most of which no driver is bound
 * to: the host bridge, behind which its memory may be, and that to ISA; what
 * the screen shows; interrupt controllers, timers and their like.
 */
static int
check_kind(struct edu *edu, uint32_t header)
{
	uint32_t class = 0;

	if (PCI_HEADER_TYPE(header) != 0)
		return edu_fail(&edu->err, EBUSY, "this is a bridge: while its "
		    "BAR is sized, nothing behind it answers");
	if (edu->bus->ops->config_read(edu->bus, PCI_CLASS, &class) == -1)
		return -1;
	switch (PCI_CLASS_BASE(class)) {
	case PCI_CLASS_BRIDGE:
		return edu_fail(&edu->err, EBUSY, "this is a bridge (class "
		    "%04x): the machine itself may need it at any time",
		    PCI_CLASS_CODE(class));
	case PCI_CLASS_DISPLAY:
		return edu_fail(&edu->err, EBUSY, "this is a display (class "
		    "%04x): the console may be on it", PCI_CLASS_CODE(class));
	case PCI_CLASS_SYSTEM:
		return edu_fail(&edu->err, EBUSY, "this is a system peripheral "
		    "(class %04x): the machine itself may need it at any time",
		    PCI_CLASS_CODE(class));
	default:
		return 0;
	}
}

/*
 * A driver that stands by while user space drives the function does not mind.
 * One that serves us has to be told, so it is opened, which keeps others from
 * it, too.
 */
static int
check_unused(struct edu *edu, uint32_t header)
{

	if (check_kind(edu, header) == -1)
		return -1;
	if (edu->claim == NULL)
		return 0;
	if (edu_driver_find(edu) == -1)
		return -1;
	switch (edu->driver.role) {
	case EDU_DRIVER_NONE:
	case EDU_DRIVER_STANDBY:
		return edu_require_unheld(edu);
	case EDU_DRIVER_SERVES:
		return edu->kernel != NULL ? 0 : edu_kernel_open(edu);
	case EDU_DRIVER_OWNS:
		break;
	}
	return edu_fail(&edu->err, EBUSY, "the kernel's driver %s is using the "
	    "function", edu->driver.name);
}

static int
check(struct edu *edu, unsigned index, unsigned flags)
{
	uint32_t header = UINT32_MAX;

	if (edu_require_flags(edu, flags, EDU_BAR_FORCE) == -1 ||
	    edu_require(edu, EDU_CLAIM) == -1)
		return -1;
	if (edu->bus->is_driven)
		return edu_fail_driven(edu);
	if (edu->bus->ops->config_read(edu->bus, PCI_HEADER, &header) == -1 ||
	    edu_config_answers(edu, header) == -1)
		return -1;
	if (!(flags & EDU_BAR_FORCE) && check_unused(edu, header) == -1)
		return -1;
	return check_index(edu, index, header);
}

EDU_PUBLIC struct edu_bar *
edu_bar_size(struct edu *edu, unsigned index, unsigned flags)
{
	struct sizing s = { .edu = edu, .offset = PCI_BAR(index) };

	if (check(edu, index, flags) == -1)
		return NULL;
	if ((s.bar = calloc(1, sizeof(*s.bar))) == NULL) {
		(void)edu_fail_memory(&edu->err);
		return NULL;
	}
	if (run_held(&s) == -1 || decode(&s) == -1 ||
	    compare(&s, index) == -1) {
		edu_bar_free(s.bar);
		return NULL;
	}
	return s.bar;
}

/* A wrong address must not answer while it is changed. */
static int
recover(struct sizing *s)
{

	if (remember(s, &s->undo) == -1 ||
	    put_verified(s, "disable decoding", PCI_COMMAND,
	    (s->undo.command & ~PCI_COMMAND_DECODING) | PCI_COMMAND_NO_INTX,
	    PCI_COMMAND_DECODING) == -1)
		return -1;
	return restore(s);
}

int
edu_bar_recover(struct edu *edu)
{
	struct sizing s;
	sigset_t saved;
	int errnum, result;

	memset(&s, 0, sizeof(s));
	s.edu = edu;
	if (edu->claim == NULL || !edu_claim_recall(edu->claim, &s.undo))
		return 0;
	if ((result = edu_undo_check(edu, &s.undo)) == -1)
		return -1;
	if (result == 0)
		return remember(&s, NULL);
	if (hold_signals(edu, &saved) == -1)
		return -1;
	result = recover(&s);
	errnum = errno;
	(void)pthread_sigmask(SIG_SETMASK, &saved, NULL);
	errno = errnum;
	return result;
}

EDU_PUBLIC enum edu_bar_type
edu_bar_type(const struct edu_bar *bar)
{

	return bar->type;
}

EDU_PUBLIC int
edu_bar_is_prefetchable(const struct edu_bar *bar)
{

	return bar->is_prefetchable;
}

EDU_PUBLIC uint64_t
edu_bar_address(const struct edu_bar *bar)
{

	return bar->address;
}

EDU_PUBLIC uint64_t
edu_bar_length(const struct edu_bar *bar)
{

	return bar->length;
}

EDU_PUBLIC int
edu_bar_system(const struct edu_bar *bar, uint64_t *address, uint64_t *length)
{

	if (!bar->has_system)
		return 0;
	*address = bar->system.address;
	*length = bar->system.length;
	return 1;
}

EDU_PUBLIC const char *
edu_bar_step(const struct edu_bar *bar, size_t i, int *is_write,
    unsigned *offset, uint32_t *value)
{

	if (i >= bar->nsteps)
		return NULL;
	*is_write = bar->steps[i].is_write;
	*offset = bar->steps[i].offset;
	*value = bar->steps[i].value;
	return bar->steps[i].what;
}

EDU_PUBLIC void
edu_bar_free(struct edu_bar *bar)
{
	int errnum = errno;

	free(bar);
	errno = errnum;
}
