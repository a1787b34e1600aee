/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef EDU_ERROR_H
#define EDU_ERROR_H

/*
 * Errors: errno, and a message.  Every function here returns -1, so that a
 * caller can return it.
 */

/* The message that a handle keeps. */
struct edu_error {
	char	device[128];	/* prefix of every message; may be empty */
	char	message[512];
};

/*
 * Set errno and the message, "DEVICE: " and the rest.  It becomes one line
 * that a terminal may see: see printable.h.
 */
int edu_fail(struct edu_error *, int errnum, const char *fmt, ...)
    __attribute__((__format__(__printf__, 3, 4)));

/*
 * The same with what the system says of errnum behind it, and where that is a
 * refusal, with what helps: see refusal.h.
 */
int edu_fail_errno(struct edu_error *, int errnum, const char *fmt, ...)
    __attribute__((__format__(__printf__, 3, 4)));

/*
 * The one place that knows libpciaccess's results: a positive errno, or -1
 * with errno set.  Does nothing and returns 0 for 0, else as edu_fail_errno().
 */
int edu_fail_pci(struct edu_error *, int result, const char *fmt, ...)
    __attribute__((__format__(__printf__, 3, 4)));

/* ENODEV: how we know it, and that the device is gone. */
int edu_fail_gone(struct edu_error *, const char *how);
/* ENOMEM: this process's own memory. */
int edu_fail_memory(struct edu_error *);

/*
 * The first error is the one that counts: what undoes the rest, or tries
 * another way, must not change it.
 */
struct edu_first_error {
	struct edu_error error;
	int		errnum;
};
void edu_error_save(struct edu_first_error *, const struct edu_error *);
int edu_error_restore(const struct edu_first_error *, struct edu_error *);

#endif /* EDU_ERROR_H */
