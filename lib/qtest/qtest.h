/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef EDU_QTEST_H
#define EDU_QTEST_H

/*
 * A session with a QEMU that has no guest, over its qtest protocol (QEMU's
 * docs/devel/testing/qtest.rst): lines of text, one answer to each command,
 * and at any time a line "IRQ raise N" or "IRQ lower N" in between.
 *
 *	this process		helper process		QEMU
 *
 *	command_fd -------------------------------------> commands
 *	reply_fd   <---- replies ---- reads <------------ replies, IRQ lines
 *	reply_fd   ---- requests ---> watch, inject
 *	irq_fd     <---- a byte for each watched "IRQ raise"
 *	said_fd    <------------------------------------- stdout, stderr
 *
 * The helper is there because somebody must read QEMU's lines while this
 * process does something else: only so is irq_fd readable at the right time
 * for poll(2).  And because somebody must end QEMU when this process dies,
 * whatever it dies of: the helper ends with reply_fd, and a QEMU of our own
 * ends with the helper.  It is no child of this process, which therefore
 * finds no stranger in wait(2); and in a session of its own, so that neither
 * a ^C nor a SIGKILL for this process's group reaches the helper or QEMU.
 *
 * The helper passes an interrupt on before it passes on the answer that QEMU
 * sent after it: when a command has been answered, irq_fd is readable if that
 * command has raised an interrupt.
 */

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "bus.h"

struct edu_error;
struct edu_kernel;

/* Data is moved in pieces of so many bytes; a multiple of 3, for base64. */
#define QTEST_PIECE	12288

struct qtest {
	int		command_fd;
	int		reply_fd;
	int		irq_fd;
	int		said_fd;
	/* 0, or why the session is over: nothing more is sent then. */
	int		errnum;
	char		why[256];
	int		silence;	/* the errno of no answer */
	/* For messages: who is at the other end, and how that one goes. */
	char		peer[160];
	const char	*gone;
	/* What has come from reply_fd and where its next line starts. */
	size_t		in_used;
	size_t		in_next;
	char		in[QTEST_PIECE / 3 * 4 + 64];
	char		out[QTEST_PIECE / 3 * 4 + 64];
};

/* start.c: with a QEMU of our own, or with one at a socket. */
struct qtest *qtest_start(struct edu_error *);
struct qtest *qtest_connect(const char *path, struct edu_error *);
/* Ends a QEMU of our own, too.  Accepts NULL. */
void	qtest_end(struct qtest *);

/*
 * protocol.c.  Functions that return int return 0, or -1 with errno: EIO when
 * QEMU refused, else the session is over.  qtest_fail() makes an error of it.
 */

/* Wait until QEMU answers, and make sure that it speaks qtest. */
int	qtest_greet(struct qtest *, int timeout_ms);
/* One command and, where value is not NULL, the number that it answers. */
int	qtest_command(struct qtest *, uint64_t *value, const char *fmt, ...)
	    __attribute__((__format__(__printf__, 3, 4)));
/* Configuration space of a function of bus 0. */
int	qtest_config_read(struct qtest *, unsigned devfn, unsigned offset,
	    uint32_t *value);
int	qtest_config_write(struct qtest *, unsigned devfn, unsigned offset,
	    uint32_t value);
#define QTEST_DEVFN(slot, function)	((slot) << 3 | (function))
/* The guest's memory. */
int	qtest_store(struct qtest *, uint64_t address, const void *, size_t);
int	qtest_load(struct qtest *, uint64_t address, void *, size_t);
/* Let this interrupt line (0 to 31) be heard on irq_fd. */
int	qtest_watch(struct qtest *, unsigned line);
/* Make irq_fd readable. */
int	qtest_inject(struct qtest *);
/* As edu_fail(): what failed, and what is known of the reason. */
int	qtest_fail(const struct qtest *, struct edu_error *, const char *what);

/* helper.c: what the helper is made of; -1 where there is none. */
struct qtest_ends {
	int		qemu;		/* the connection to QEMU */
	int		owner;		/* the other end of reply_fd */
	int		irq;		/* the other end of irq_fd */
	int		said;		/* the other end of said_fd */
	int		null;		/* /dev/null */
	/* For a QEMU of our own: its end of the connection, and firmware. */
	int		server;
	int		firmware;
	const char	*program;	/* NULL: there is a QEMU already */
	char *const	*argv;
};
/* Descriptors of the QEMU that the helper starts. */
#define QTEST_SERVER_FD		"3"
#define QTEST_FIRMWARE_FD	"4"

/* Requests, one byte each, to the helper: a line to watch, or this. */
#define QTEST_INJECT		'i'
#define QTEST_LINES		32

/* Start it; it closes none of these here.  0, or -1 with errno. */
int	qtest_help(const struct qtest_ends *);

/* bus.c: a bus made by edu_bus_qtest(), and its session. */
struct qtest_bus {
	struct edu_bus	bus;		/* first: the two are cast */
	struct qtest	*q;
	unsigned	devfn;
	uint32_t	bar0;
};

static inline struct qtest *
edu_bus_qtest_session(struct edu_bus *bus)
{

	return ((struct qtest_bus *)(void *)bus)->q;
}

/* kernel.c: its kernel side. */
struct edu_kernel *edu_qtest_kernel(struct edu_bus *, int poll_only);

#endif /* EDU_QTEST_H */
