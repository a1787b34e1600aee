/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef EDU_TRACE_H
#define EDU_TRACE_H

/*
 * The trace: one layer over a bus's table of functions.  A bus that is traced
 * has another table, whose accesses call the real ones and tell of it; one that
 * is not knows nothing of this.
 */

#include <stdint.h>

#include "edu.h"

struct edu_bus;

/*
 * For whoever makes a bus, once it has its name and its table: trace it where
 * the thread traces what it opens.
 */
void	edu_trace_bus(struct edu_bus *);

/* Of what does not go through the table: before a write, after a read. */
void	edu_trace_note(struct edu_bus *, enum edu_trace_kind,
	    unsigned offset, unsigned width, uint64_t value);

/* Sleep, as edu_sleep_until(). */
void	edu_trace_sleep(struct edu_bus *, int64_t due_us);

/* A wait for the kernel side begins, and what it has returned. */
void	edu_trace_wait(struct edu_bus *, int timeout_ms);
int	edu_trace_woken(struct edu_bus *, int result);

#endif /* EDU_TRACE_H */
