/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef EDU_ERROR_H
#define EDU_ERROR_H

/* The message that a handle keeps. */
struct edu_error {
	char	device[128];	/* prefix of every message; may be empty */
	char	message[512];
};

/*
 * Set errno and the message, "DEVICE: " and the rest.  Returns -1, so that a
 * caller can return it.
 */
int edu_fail(struct edu_error *, int errnum, const char *fmt, ...)
    __attribute__((__format__(__printf__, 3, 4)));

/*
 * The one place that knows libpciaccess's results: a positive errno, or -1
 * with errno set.  Does nothing and returns 0 for 0, else as edu_fail().
 */
int edu_fail_pci(struct edu_error *, int result, const char *fmt, ...)
    __attribute__((__format__(__printf__, 3, 4)));

/* Make this the calling thread's message: edu_errmsg(NULL). */
void edu_error_publish(const struct edu_error *);

#endif /* EDU_ERROR_H */
