/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

static _Thread_local struct edu_error thread_error;

__attribute__((__format__(__printf__, 3, 0)))
static int
vfail(struct edu_error *err, int errnum, const char *fmt, va_list ap)
{
	size_t used = 0;

	if (err->device[0] != '\0') {
		/* "qtest:" brings its own colon. */
		used = strlen(err->device);
		(void)snprintf(err->message, sizeof(err->message), "%s%s ",
		    err->device, err->device[used - 1] == ':' ? "" : ":");
		used = strlen(err->message);
	}
	(void)vsnprintf(err->message + used, sizeof(err->message) - used, fmt,
	    ap);
	errno = errnum;
	return -1;
}

int
edu_fail(struct edu_error *err, int errnum, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vfail(err, errnum, fmt, ap);
	va_end(ap);
	return -1;
}

int
edu_fail_pci(struct edu_error *err, int result, const char *fmt, ...)
{
	char what[256];
	int errnum = result;
	va_list ap;

	if (result == 0)
		return 0;
	if (result < 0)
		errnum = errno != 0 ? errno : EIO;
	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return edu_fail(err, errnum, "%s: %s%s", what, strerror(errnum),
	    errnum == EACCES || errnum == EPERM ? " (try as root)" : "");
}

void
edu_error_publish(const struct edu_error *err)
{

	thread_error = *err;
}

EDU_PUBLIC const char *
edu_errmsg(const struct edu *edu)
{

	return edu != NULL ? edu->err.message : thread_error.message;
}

EDU_PUBLIC const char *
edu_version(void)
{

	return EDU_VERSION;
}
