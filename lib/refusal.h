/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef EDU_REFUSAL_H
#define EDU_REFUSAL_H

/*
 * Why the system refuses.  An operating system supplies it, as it does what
 * stands in system.h; but errors stand under all of that, and so does this.
 */

#include <stddef.h>
#include <stdint.h>

/*
 * What goes behind a message of EACCES or EPERM: " (try as root)", and for
 * root, what it is that restricts it.  Empty for any other errnum.
 */
void	edu_refusal(int errnum, char *buf, size_t size);

/* What restricts this process, though it be root; empty: nothing that shows. */
void	edu_restrictions(int errnum, char *buf, size_t size);

/*
 * Linux alone.  What this program has dropped by itself restricts it in nothing
 * that it does: these capabilities, a bit each; some system calls, by a filter.
 */
void	edu_forgo_capabilities(uint64_t capabilities);
void	edu_forgo_calls(void);

#endif /* EDU_REFUSAL_H */
