/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "printable.h"
#include "refusal.h"

/* What is quoted may have come from anywhere. */
int
edu_fail(struct edu_error *err, int errnum, const char *fmt, ...)
{
	char text[sizeof(err->message)];
	size_t used = 0;
	va_list ap;

	if (err->device[0] != '\0') {
		/* "qtest:" brings its own colon. */
		used = strlen(err->device);
		(void)snprintf(text, sizeof(text), "%s%s ",
		    err->device, err->device[used - 1] == ':' ? "" : ":");
		used = strlen(text);
	}
	va_start(ap, fmt);
	(void)vsnprintf(text + used, sizeof(text) - used, fmt, ap);
	va_end(ap);
	(void)edu_printable(text, err->message, sizeof(err->message));
	errno = errnum;
	return -1;
}

__attribute__((__format__(__printf__, 3, 0)))
static int
fail_errno(struct edu_error *err, int errnum, const char *fmt, va_list ap)
{
	char refusal[256], what[256];

	(void)vsnprintf(what, sizeof(what), fmt, ap);
	edu_refusal(errnum, refusal, sizeof(refusal));
	return edu_fail(err, errnum, "%s: %s%s", what, strerror(errnum),
	    refusal);
}

int
edu_fail_errno(struct edu_error *err, int errnum, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fail_errno(err, errnum, fmt, ap);
	va_end(ap);
	return -1;
}

int
edu_fail_pci(struct edu_error *err, int result, const char *fmt, ...)
{
	int errnum = result;
	va_list ap;

	if (result == 0)
		return 0;
	if (result < 0)
		errnum = errno != 0 ? errno : EIO;
	va_start(ap, fmt);
	(void)fail_errno(err, errnum, fmt, ap);
	va_end(ap);
	return -1;
}

int
edu_fail_gone(struct edu_error *err, const char *how)
{

	return edu_fail(err, ENODEV, "%s: the device is gone", how);
}

int
edu_fail_memory(struct edu_error *err)
{

	return edu_fail(err, ENOMEM, "out of memory");
}

void
edu_error_save(struct edu_first_error *first, const struct edu_error *err)
{

	first->errnum = errno;
	first->error = *err;
}

int
edu_error_restore(const struct edu_first_error *first, struct edu_error *err)
{

	*err = first->error;
	errno = first->errnum;
	return -1;
}
