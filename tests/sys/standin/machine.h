/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef MACHINE_H
#define MACHINE_H

/* What t_standin.c sees of the stand-in: one device, one node, a clock. */

#include "standin.h"

#define MACHINE_BAR0	0xfc000000U

struct machine {
	/* The device. */
	uint32_t	id, status, dma_cmd, csr;
	uint64_t	bar_size;
	bool		is_present, is_moved;
	uint32_t	closed_value;	/* what a window reads as */
	int		dma_ticks;	/* of kpause(); -1: for ever */
	/* Its interrupt. */
	bool		has_msi, uses_msi;
	int		messages;	/* sent, not yet delivered */
	/* What happens at the n-th access from now; 0: nothing. */
	int		accesses, close_at, open_at, raise_at, vanish_at;
	uint32_t	raise_bits;
	/* A window as libedu makes it, not as libpciaccess does. */
	bool		is_careful;
	uint32_t	saved_csr;
	/* The n-th call that may fail does; 0: none. */
	int		calls, fail_at;
	uint64_t	dma_limit;	/* of the memory, as asked for */
	int		signal;		/* end a cv_wait_sig() */
	uint8_t		*memory;	/* for DMA */
};
extern struct machine machine;

/*
 * What the driver can hold, by kind.  To release what is not held is a panic.
 */
enum resource {
	R_MUTEX, R_CV, R_CALLOUT, R_SEL, R_EVCNT, R_UOBJ, R_BAR,
	R_DMATAG, R_DMAMEM, R_KVA, R_DMAMAP, R_LOADED, R_INTR, R_HANDLER,
	R_DEVSW, R_COMPONENT, R_END
};
void	hold(enum resource);
void	drop(enum resource);
int	is_held(enum resource);
/* May this call fail?  Then this is the place where it does. */
bool	fails(void);
/* Spin locks that this thread holds. */
extern _Thread_local int spin_held;
void	may_sleep(void);

void	machine_lock(void);
void	machine_unlock(void);
/* As at power on, with nothing attached. */
void	machine_reset(void);
/* How many resources the driver holds. */
int	machine_held(void);
void	machine_raise(uint32_t);
/*
 * Run the handler as long as the machine would, and stop at a hang: false.
 * One thread at a time.
 */
bool	machine_deliver(void);
/* BAR0 stops answering, and answers again. */
void	machine_close(void);
void	machine_open(void);
/* Time passes: callouts run. */
void	machine_tick(int ticks);

/* autoconf: 0 or an errno; attach gives false where the driver gave up. */
bool	edu_do_attach(int cf_flags);
int	edu_do_detach(int flags);

/* The node. */
int	node_open(int flag);
int	node_close(void);
int	node_revoke(void);
int	node_read(void *, size_t, int flag);
int	node_ioctl(u_long, void *);
/* Waits when ms is not 0. */
int	node_poll(int events, int ms);
int	node_kqfilter(struct knote *);
/* As kevent(2) looks at a note; and as it removes one. */
bool	node_scan(struct knote *);
void	node_remove(struct knote *);
/* mmap(2) and fork(2) make a mapping, munmap(2) ends one. */
bool	node_mmap(off_t);
void	node_fork(void);
void	node_munmap(void);
int	node_mappings(void);
/* Touch a page of a mapping: false is a signal. */
bool	node_fault(off_t);

/* For each other: the stand-in's own parts. */
void	sleep_us(long);
void	edu_commit(void);

#endif /* MACHINE_H */
