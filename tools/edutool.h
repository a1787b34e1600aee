/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef EDUTOOL_H
#define EDUTOOL_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "edu.h"
#include "edureg.h"

/* irq wait: the time is over and nothing came. */
#define EXIT_NOTHING		1

/* How long a wait may take without -t. */
#define DEFAULT_TIMEOUT_MS	10000

#define MAX_OPERANDS		6

/* Room for a device's or a driver's name, however much of it is escaped. */
#define PRINTABLE_SIZE		512

/*
 * The one JSON document of a run.  It is built while the command runs,
 * whether -j was given or not, and printed at the end.
 */
struct json {
	char	*text;
	size_t	length;
	size_t	size;
	size_t	depth;
	char	closer[8];	/* '}' or ']' of each open level */
	int	has_members;	/* a comma goes before the next one */
	int	is_lost;	/* there was no memory for it */
};

/* What stood behind the command's name. */
struct args {
	const char *operand[MAX_OPERANDS];
	int	noperands;
	uint32_t offset;	/* -o */
	uint64_t count;		/* -n, 0 without */
	unsigned width;		/* -w */
	unsigned flags;		/* --irq, --wrap, --last-byte */
	unsigned bar_flags;	/* -f */
	int	is_all;		/* --all */
	int	is_junit;	/* --junit */
	const char *expect;	/* --expect */
};

/* names.c: what an access is of, and which bits are set in its value. */
struct named {
	const char *name;	/* NULL: not known */
	char	bits[128];	/* "RUN IRQ" */
};
/* Where the capabilities are; all zeroes: not known yet. */
struct namer {
	unsigned capability;	/* the next in the list */
	unsigned msi;
};
void name_register(struct named *, unsigned offset, uint64_t value);
void name_config(struct namer *, struct named *, unsigned offset,
    uint32_t value);
/* Bits of the interrupt status, wherever they come from. */
void name_interrupts(struct named *, uint64_t value);

/* trace.c: --trace and --chart. */
struct tracer {
	int	is_wanted;
	int	is_chart;
	const char *path;	/* NULL: standard error */
	FILE	*file;		/* NULL: it has not begun */
	int	is_timed;
	int	is_lost;	/* there was no memory for a line */
	int64_t	start_ns;
	char	device[128];	/* of the last event */
	struct namer namer;
	struct json line;
	char	arc[320];	/* of the chart: not printed yet */
	unsigned count;		/* of that in a row */
	int	is_waiting;
};

struct tool {
	const char *device;	/* NULL: the first */
	int	timeout_ms;	/* EDU_FOREVER without -t */
	uint64_t dma_mask;	/* -m; 0 without */
	unsigned unplug_s;	/* --unplug; 0 without */
	int	is_json;
	int	is_verbose;
	const struct command *command;	/* NULL: not known yet */
	struct edu *edu;	/* closed by main() */
	struct json doc;
	struct tracer tracer;
	char	error[1024];	/* of the last failure; empty: none */
	int	errnum;		/* 0: none belongs to it */
};

/*
 * Whatever can fail returns the exit status: 0 or, having reported the
 * failure, another.
 */
struct command {
	const char *name;	/* "list", "dma put" */
	const char *usage;	/* what follows the name */
	const char *summary;
	const char *options;	/* the letters of those it takes */
	unsigned needs;		/* see privilege_drop() */
	int	min;		/* operands */
	int	max;
	int	(*run)(struct tool *, const struct args *);
};

/* cmd_*.c */
int cmd_bar(struct tool *, const struct args *);
int cmd_bench(struct tool *, const struct args *);
int cmd_bind(struct tool *, const struct args *);
int cmd_dma_get(struct tool *, const struct args *);
int cmd_dma_put(struct tool *, const struct args *);
int cmd_dma_test(struct tool *, const struct args *);
int cmd_doctor(struct tool *, const struct args *);
int cmd_factorial(struct tool *, const struct args *);
int cmd_help(struct tool *, const struct args *);
int cmd_info(struct tool *, const struct args *);
int cmd_irq_ack(struct tool *, const struct args *);
int cmd_irq_raise(struct tool *, const struct args *);
int cmd_irq_status(struct tool *, const struct args *);
int cmd_irq_wait(struct tool *, const struct args *);
int cmd_list(struct tool *, const struct args *);
int cmd_live(struct tool *, const struct args *);
int cmd_peek(struct tool *, const struct args *);
int cmd_poke(struct tool *, const struct args *);
int cmd_regs(struct tool *, const struct args *);
int cmd_selftest(struct tool *, const struct args *);
int cmd_version(struct tool *, const struct args *);

/* commands.c: the table, ended by a NULL name. */
extern const struct command commands[];

/*
 * privilege_*.c: keep what these take, and drop all other rights, for good.
 * What this build drops, in words.
 */
#define NEED_OPEN	0x01	/* to open one device */
#define NEED_OPENS	0x02	/* others after that, or to see who uses it */
#define NEED_MEMORY	0x04	/* DMA memory */
#define NEED_FILES	0x08	/* the user's files, once it is open */
#define NEED_LOG	0x10	/* the kernel's messages */
#define NEED_MODULES	0x20	/* modprobe, and drivers */
#define NEED_QEMU	0x40	/* to run a QEMU */
int privilege_drop(struct tool *, unsigned needs);
const char *privilege_dropped(void);

/*
 * device.c: open t->device into t->edu, and name it in the document.  From
 * then on the signals that end a program set a flag instead, so that the
 * device is given back; a second one ends it at once.
 */
int device_open(struct tool *, unsigned flags);
/* The same for a device other than t->device. */
int device_open_name(struct tool *, const char *name, unsigned flags);
void device_close(struct tool *);
/* Is it qtest's?  NULL: no. */
int device_is_qtest(const char *name);
/* The timeout for one piece of the device's work. */
int device_timeout(const struct tool *);
/* By its configuration space, however it was opened. */
int device_is_edu(struct edu *);
/* The signal that was caught, or 0. */
int signal_caught(void);

/* The version in the identification register. */
static inline unsigned
id_major(uint32_t id)
{

	return (unsigned)__SHIFTOUT(id, EDU_ID_MAJOR);
}

static inline unsigned
id_minor(uint32_t id)
{

	return (unsigned)__SHIFTOUT(id, EDU_ID_MINOR);
}

/* Trace what is opened from now on, if wanted; and after the last close. */
int trace_start(struct tool *);
int trace_end(struct tool *, int status);

/* report.c: standard output, and failures. */

/* As printf(3), but nothing with -j. */
void say(const struct tool *, const char *fmt, ...)
    __attribute__((__format__(__printf__, 2, 3)));
/* A failure with this exit status, and errnum if one belongs to it. */
int fail(struct tool *, int status, int errnum, const char *fmt, ...)
    __attribute__((__format__(__printf__, 4, 5)));
/* Likewise, with ": " and errno's text; a status of 0 is errno's. */
int fail_errno(struct tool *, int status, const char *fmt, ...)
    __attribute__((__format__(__printf__, 3, 4)));
/* A usage error; names the command's usage. */
int fail_usage(struct tool *, const char *fmt, ...)
    __attribute__((__format__(__printf__, 2, 3)));
/* The library call that has just failed; hint, if not NULL, is added. */
int fail_device(struct tool *, const char *hint);
/* Likewise on another handle than the tool's; NULL: of edu_errmsg(NULL). */
int fail_handle(struct tool *, struct edu *, const char *hint);
/* A signal has ended it. */
int fail_signal(struct tool *);
/* EACCES for its number, or NULL. */
const char *errno_name(int errnum);
/* Print the document, if wanted; make sure that all output arrived. */
int report_end(struct tool *, int status);

/*
 * number.c: the whole text is a decimal number or a 0x hexadecimal one, from
 * 0 to max; else a usage error that calls it what.
 */
int parse_number(struct tool *, const char *what, const char *text,
    uint64_t max, uint64_t *value);
int parse_u32(struct tool *, const char *what, const char *text,
    uint32_t *value);

/* json.c: key is NULL in an array. */
void json_object(struct json *, const char *key);
void json_array(struct json *, const char *key);
void json_end(struct json *);
/* The members of the outermost object may be followed by others. */
void json_end_to(struct json *, size_t depth);
void json_string(struct json *, const char *key, const char *value);
void json_number(struct json *, const char *key, uint64_t value);
/* Six digits; null where that is no number. */
void json_real(struct json *, const char *key, double value);
void json_bool(struct json *, const char *key, int value);
void json_null(struct json *, const char *key);

/*
 * progress.c: a bar on standard error, if that is a terminal, once the work
 * has lasted a second.
 */
struct progress {
	const char *what;
	uint64_t total;
	int64_t	start_ms;
	int64_t	shown_ms;
	int	is_terminal;
	int	is_shown;
};
void progress_start(struct progress *, const char *what, uint64_t total);
void progress_update(struct progress *, uint64_t done);
void progress_end(struct progress *);
/* Milliseconds of a clock that never jumps. */
int64_t now_ms(void);

#endif /* EDUTOOL_H */
