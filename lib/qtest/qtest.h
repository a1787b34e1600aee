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
 * Those lines are read on the way to an answer, and while somebody waits for
 * an interrupt.  QEMU sends them before the answer to the command that has
 * raised the interrupt: when a command has been answered, irq_fd is readable
 * if that command has raised one.
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
	int		fd;		/* the connection to QEMU */
	int		irq_fd;		/* bell.c's; watches fd */
	int		said_fd;	/* stdout and stderr of our own QEMU */
	int		tty_fd;		/* process.c's */
	struct qtest	*next;		/* likewise */
	int		is_ringing;	/* an interrupt was heard */
	uint32_t	watched;	/* lines */
	int		limit_ms;	/* for a whole call of protocol.c */
	int64_t		deadline_us;	/* of the call that is going on */
	int64_t		wanted_us;	/* the library's caller's; EDU_NEVER */
	int		is_wanted;	/* that is what the former comes of */
	/* 0, or why the session is over: nothing more is sent then. */
	int		errnum;
	char		why[256];
	int		silence;	/* the errno of no answer */
	/* For messages: who is at the other end, and how that one goes. */
	char		peer[160];
	const char	*gone;
	/* What has come from QEMU and where its next line starts. */
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
 * Where QEMU neither reads nor answers for limit_ms, the session is over.
 */

/*
 * The calls that follow belong to one that is to end by then (EDU_NEVER: they
 * have limit_ms): ETIMEDOUT if QEMU lets that pass, and ENODEV from the next
 * on.
 */
void	qtest_begin(struct qtest *, int64_t deadline_us);
/* Wait until QEMU answers, and make sure that it speaks qtest. */
int	qtest_greet(struct qtest *, int timeout_ms);
/* One command and, where value is not NULL, the number that it answers. */
int	qtest_command(struct qtest *, uint64_t *value, const char *fmt, ...)
	    __attribute__((__format__(__printf__, 3, 4)));
/* Have the machine reset, which it is a moment later. */
int	qtest_reset(struct qtest *);
/* Configuration space of a function of bus 0. */
int	qtest_config_read(struct qtest *, unsigned devfn, unsigned offset,
	    uint32_t *value);
int	qtest_config_write(struct qtest *, unsigned devfn, unsigned offset,
	    uint32_t value);
#define QTEST_DEVFN(slot, function)	((slot) << 3 | (function))
/* The guest's memory. */
int	qtest_store(struct qtest *, uint64_t address, const void *, size_t);
int	qtest_load(struct qtest *, uint64_t address, void *, size_t);
/* 1, or 0 where QEMU's machine has no ports for configuration space. */
int	qtest_has_config(struct qtest *);
/* 1 where the machine has an interval timer, which stands still; or 0. */
int	qtest_stands_still(struct qtest *);
/*
 * Let the machine's I/O APIC tell of its inputs; EIO where there is none.
 * Then let one of them (0 to 31) be heard on irq_fd.
 */
int	qtest_listen(struct qtest *);
void	qtest_watch(struct qtest *, unsigned line);
/* 1 for an interrupt since the last time, 0 when the time is over; EINTR. */
int	qtest_wait(struct qtest *, int timeout_ms);
/* The session is over, unless it is already. */
void	qtest_give_up(struct qtest *, const char *why);
/* As edu_fail(): what failed, and what is known of the reason. */
int	qtest_fail(const struct qtest *, struct edu_error *, const char *what);

/* bell.c: make irq_fd; make it readable, or no longer so. */
int	qtest_bell(struct qtest *);
void	qtest_ring(struct qtest *, int is_ringing);

/*
 * process.c: start argv[0], with server as its descriptor 3 and said for its
 * messages, of which none is closed here.  0, or -1 with errno.
 */
int	qtest_run(struct qtest *, char *const argv[], int server, int said);
/* End it; does nothing where there is none. */
void	qtest_kill(struct qtest *);

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
