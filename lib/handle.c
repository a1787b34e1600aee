/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* How a call on a handle begins, and what it leaves behind. */

#include <errno.h>

#include "internal.h"

/*
 * How long a device that was there may be believed to be: to ask takes a system
 * call, and nobody unplugs one and gives its place to another in less.
 */
#define PRESENT_US	1000

static _Thread_local struct edu_error thread_error;

static int
check_gone(struct edu *edu)
{

	return edu->bus->is_gone ?
	    edu_fail(&edu->err, ENODEV, "the device is gone") : 0;
}

int
edu_present(struct edu *edu)
{
	struct edu_bus *bus = edu->bus;
	int known;

	if (check_gone(edu) == -1)
		return -1;
	if (bus->ops->present == NULL)
		return 0;
	if ((known = bus->ops->present(bus)) == 1)
		edu->present_us = edu_now_us();
	return known;
}

static int
was_present(const struct edu *edu, int64_t now_us)
{

	return edu->present_us != 0 && now_us - edu->present_us < PRESENT_US;
}

int
edu_was_present(const struct edu *edu)
{

	return was_present(edu, edu_now_us());
}

static void
begin(struct edu *edu, int64_t deadline_us)
{

	if (edu->bus->ops->begin != NULL)
		edu->bus->ops->begin(edu->bus, deadline_us);
}

void
edu_begin(struct edu *edu)
{

	begin(edu, EDU_NEVER);
}

static int
check_open(struct edu *edu, int what)
{

	if ((what & EDU_REGISTERS) && (edu->flags & EDU_OPEN_CONFIG))
		return edu_fail(&edu->err, EBADF, "it was opened for its "
		    "configuration space alone");
	if ((what & EDU_CLAIM) && (edu->flags & EDU_OPEN_READONLY))
		return edu_fail(&edu->err, EBADF, "it was opened read-only");
	return check_gone(edu);
}

int
edu_require_open(struct edu *edu, int what)
{

	edu_begin(edu);
	return check_open(edu, what);
}

int
edu_require(struct edu *edu, int what)
{

	edu_begin(edu);
	return edu_require_still(edu, what);
}

int
edu_require_at(struct edu *edu, int what, int64_t now_us)
{

	if (check_open(edu, what) == -1)
		return -1;
	if (edu->bus->ops->present == NULL || was_present(edu, now_us))
		return 0;
	return edu_present(edu) == -1 ? -1 : 0;
}

int
edu_require_still(struct edu *edu, int what)
{

	return edu_require_at(edu, what, edu_now_us());
}

int
edu_require_flags(struct edu *edu, unsigned flags, unsigned known)
{

	if ((flags & ~known) == 0)
		return 0;
	return edu_fail(&edu->err, EINVAL, "unknown flags 0x%x",
	    flags & ~known);
}

int
edu_start_timeout(struct edu *edu, int64_t start_us, int timeout_ms,
    int64_t *deadline_us)
{

	if ((*deadline_us = edu_deadline_us(start_us, timeout_ms)) != -1) {
		begin(edu, *deadline_us);
		return 0;
	}
	return edu_fail(&edu->err, EINVAL, "a timeout of %d ms: 0 or more, or "
	    "EDU_FOREVER, are possible", timeout_ms);
}

int
edu_fail_late(struct edu *edu, int errnum, const char *what,
    const char *otherwise)
{
	const struct edu_bus_ops *ops = edu->bus->ops;

	return edu_fail(&edu->err, errnum, "%s%s", what,
	    ops->stands_still != NULL && ops->stands_still(edu->bus) ?
	    ": the clock of its machine stands still, for QEMU was started "
	    "with -S or has been stopped (\"cont\" in its monitor lets it go "
	    "on)" : otherwise);
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
edu_name(const struct edu *edu)
{

	return edu->bus->name;
}

EDU_PUBLIC const char *
edu_version(void)
{

	return EDU_VERSION;
}
