/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef DOCTOR_H
#define DOCTOR_H

/*
 * edutool doctor: a list of checks, each of which looks at one thing, changes
 * nothing, and says one line.
 */

#include <stdint.h>

#include "edutool.h"

enum state {
	OK,
	NOTE,		/* worth knowing, keeps nothing from working */
	WRONG,		/* some command of edutool fails by it */
	UNKNOWN		/* this user or this system does not tell */
};

struct finding {
	enum state state;
	char	text[640];	/* has room for a message of the library's */
	char	why[256];	/* it matters; empty: the text says it */
	char	command[512];	/* mends it; empty: none does */
};

struct patient {
	struct tool *t;
	/*
	 * A handle that has claimed nothing, for its configuration space where
	 * this user may see that.  NULL: there is no device.
	 */
	struct edu *edu;
	int	is_node;	/* it has registers, and nothing else */
	int	errnum;		/* why there is none */
	char	why[512];
	const char *name;	/* of the device */
	char	driver[64];	/* of the kernel's; "none" */
	uint64_t mask;		/* of the bus addresses that it reaches */
	int	is_stated;
	/* A process was killed while it sized a BAR: what puts that right. */
	char	undo[160];
};

/* What the DMI tables say of the machine. */
struct dmi {
	char	vendor[64];
	char	version[128];	/* QEMU's machine type */
};

struct check {
	const char *name;
	void	(*look)(const struct patient *, struct finding *);
};

/* Each is ended by a NULL name. */
extern const struct check doctor_presence[];	/* doctor_device.c */
extern const struct check doctor_device[];
extern const struct check doctor_claim[];	/* doctor_claim.c */
/* doctor_linux.c or doctor_netbsd.c: with any device or none; and of it. */
extern const struct check doctor_system[];
extern const struct check doctor_kernel[];

/*
 * The system's: a command that writes the low width (1, 2 or 4) bytes of value
 * at an offset of configuration space; and what it says of BAR0: 1, or 0 where
 * it says nothing.
 */
void doctor_write_config(const struct patient *, const char *name,
    unsigned offset, unsigned width, uint32_t value, char *command,
    size_t size);
int doctor_system_bar0(const struct patient *, uint64_t *address);
/* What may bring a device where this system finds none. */
void doctor_absent(const struct patient *, struct finding *);
/* How messages come, by its driver: whether MSI is to be on now, 0 or 1. */
int doctor_wants_msi(const struct patient *);
/* Who uses it without a claim, if the system knows: 1, and what is found. */
int doctor_unclaimed(const struct patient *, struct finding *);

/* -1: there are none, or this user may not see them. */
int doctor_dmi(struct dmi *);

/* doctor_device.c: sets the mask. */
void doctor_find_mask(struct patient *);
void doctor_machine(const struct patient *, struct finding *);
/* doctor_claim.c: sets undo. */
void doctor_find_undo(struct patient *);
/* doctor_library.c */
void doctor_libpciaccess(const struct patient *, struct finding *);

/* cmd_doctor.c: what a check finds. */
void found(struct finding *, enum state, const char *fmt, ...)
    __attribute__((__format__(__printf__, 3, 4)));
void because(struct finding *, const char *fmt, ...)
    __attribute__((__format__(__printf__, 2, 3)));
void mend(struct finding *, const char *fmt, ...)
    __attribute__((__format__(__printf__, 2, 3)));
/* A dword of configuration space; says itself that it cannot be read: -1. */
int doctor_config(const struct patient *, struct finding *, unsigned offset,
    uint32_t *value);

#endif /* DOCTOR_H */
