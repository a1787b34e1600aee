/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "edutool.h"
#include "printable.h"

/* The one place that knows which error is which exit status. */
static const struct {
	int	errnum;
	const char *name;
	int	status;
} errors[] = {
#define E(errnum, status)	{ errnum, #errnum, status }
	E(EINVAL, EX_USAGE),
	E(ERANGE, EX_DATAERR),
	E(EFAULT, EX_SOFTWARE),
	E(ENAMETOOLONG, EX_USAGE),
	E(ENOENT, EX_NOINPUT),
	E(ENOTDIR, EX_OSFILE),
	E(ELOOP, EX_NOINPUT),
	E(ENODEV, EX_UNAVAILABLE),
	E(ENXIO, EX_UNAVAILABLE),
	E(ENOTSUP, EX_UNAVAILABLE),
	E(ENOSYS, EX_UNAVAILABLE),
	E(ECONNREFUSED, EX_UNAVAILABLE),
	E(ECONNRESET, EX_UNAVAILABLE),
	E(EBADF, EX_SOFTWARE),
	E(ENOMEM, EX_OSERR),
	E(EMFILE, EX_OSERR),
	E(ENFILE, EX_OSERR),
	E(EIO, EX_IOERR),
	E(ENOSPC, EX_IOERR),
	E(EDQUOT, EX_IOERR),
	E(EFBIG, EX_IOERR),
	E(EPIPE, EX_IOERR),
	E(EISDIR, EX_IOERR),
	E(EBUSY, EX_TEMPFAIL),
	E(ETXTBSY, EX_TEMPFAIL),
	E(EAGAIN, EX_TEMPFAIL),
	E(EINTR, EX_TEMPFAIL),
	E(ETIMEDOUT, EX_TEMPFAIL),
	E(EPROTO, EX_PROTOCOL),
	E(EACCES, EX_NOPERM),
	E(EPERM, EX_NOPERM),
	E(EROFS, EX_NOPERM)
#undef E
};
#define NERRORS	(sizeof(errors) / sizeof(errors[0]))

static int
errno_status(int errnum)
{
	size_t i;

	for (i = 0; i < NERRORS; i++)
		if (errors[i].errnum == errnum)
			return errors[i].status;
	return EX_OSERR;
}

const char *
errno_name(int errnum)
{
	size_t i;

	for (i = 0; i < NERRORS; i++)
		if (errors[i].errnum == errnum)
			return errors[i].name;
	return NULL;
}

/* Why standard output was first refused: errno does not last until the end. */
static int output_errnum;

static void
lost_output(void)
{

	if (output_errnum == 0)
		output_errnum = errno;
}

void
say(const struct tool *t, const char *fmt, ...)
{
	va_list ap;

	if (t->is_json)
		return;
	va_start(ap, fmt);
	if (vprintf(fmt, ap) < 0)
		lost_output();
	va_end(ap);
}

/* The message may quote an argument, a file's name or the environment. */
static int
record(struct tool *t, int status, int errnum)
{
	char text[sizeof(t->error)];

	(void)memcpy(text, t->error, sizeof(text));
	(void)edu_printable(text, t->error, sizeof(t->error));
	t->errnum = errnum;
	(void)fprintf(stderr, "edutool: %s\n", t->error);
	return status;
}

int
fail(struct tool *t, int status, int errnum, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(t->error, sizeof(t->error), fmt, ap);
	va_end(ap);
	return record(t, status, errnum);
}

int
fail_errno(struct tool *t, int status, const char *fmt, ...)
{
	int errnum = errno;
	size_t length;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(t->error, sizeof(t->error), fmt, ap);
	va_end(ap);
	length = strlen(t->error);
	(void)snprintf(t->error + length, sizeof(t->error) - length, ": %s",
	    strerror(errnum));
	return record(t, status != 0 ? status : errno_status(errnum), errnum);
}

int
fail_usage(struct tool *t, const char *fmt, ...)
{
	const struct command *c = t->command;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(t->error, sizeof(t->error), fmt, ap);
	va_end(ap);
	(void)record(t, EX_USAGE, 0);
	if (c == NULL)
		(void)fprintf(stderr, "usage: edutool [-jv] [-d DEVICE] "
		    "[-t TIMEOUT_MS] COMMAND (see: edutool help)\n");
	else
		(void)fprintf(stderr, "usage: edutool %s%s%s\n", c->name,
		    *c->usage != '\0' ? " " : "", c->usage);
	return EX_USAGE;
}

/* What doctor finds of a machine, and not what a call was given. */
static int
doctor_knows(const struct tool *t, int errnum)
{

	if (device_is_qtest(t->device))
		return 0;
	if (t->edu != NULL)
		return errnum == ENOTSUP || errnum == ENOMEM;
	return errnum == EACCES || errnum == EPERM || errnum == EBUSY ||
	    errnum == EIO;
}

int
fail_device(struct tool *t, const char *hint)
{

	return fail_handle(t, t->edu, hint);
}

int
fail_handle(struct tool *t, struct edu *edu, const char *hint)
{
	int errnum = errno;

	if (hint == NULL && doctor_knows(t, errnum))
		hint = "edutool doctor says more";
	(void)snprintf(t->error, sizeof(t->error), "%s%s%s",
	    edu_errmsg(edu), hint != NULL ? "; " : "",
	    hint != NULL ? hint : "");
	return record(t, errno_status(errnum), errnum);
}

int
fail_signal(struct tool *t)
{
	int signo = signal_caught();

	return fail(t, 128 + signo, EINTR, "ended by signal %d", signo);
}

static void
print_document(struct tool *t, int status)
{
	struct json *j = &t->doc;
	const char *name;

	if (t->error[0] != '\0') {
		/* What was being listed is complete as far as it goes. */
		json_end_to(j, j->depth > 0);
		json_object(j, "error");
		json_string(j, "message", t->error);
		if ((name = errno_name(t->errnum)) != NULL)
			json_string(j, "errno", name);
		else
			json_null(j, "errno");
		json_number(j, "exit", (unsigned)status);
	}
	json_end_to(j, 0);
	if (puts(j->text != NULL && !j->is_lost ? j->text : "{}") == EOF)
		lost_output();
}

int
report_end(struct tool *t, int status)
{

	if (t->is_json)
		print_document(t, status);
	if (fflush(stdout) == EOF)
		lost_output();
	if (output_errnum != 0) {
		errno = output_errnum;
		status = fail_errno(t, EX_IOERR, "standard output");
	}
	if (t->doc.is_lost)
		status = fail(t, EX_OSERR, ENOMEM, "out of memory");
	free(t->doc.text);
	return status;
}
