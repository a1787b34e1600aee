/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* The kernel side of a handle, and the driver that stands behind it. */

#include <errno.h>

#include "internal.h"

/* A private bus has none that we could ask for. */
int
edu_driver_find(struct edu *edu)
{
	int errnum = 0;

	edu->driver.name[0] = '\0';
	edu->driver.role = EDU_DRIVER_NONE;
	if (!edu->bus->is_private &&
	    edu_system.driver(edu->bus->name, &edu->driver) == -1)
		errnum = errno;
	/* The driver of what has its address now is not its own. */
	if (edu_present(edu) == -1) {
		edu->driver.name[0] = '\0';
		edu->driver.role = EDU_DRIVER_NONE;
		return 0;
	}
	if (errnum == 0 || errnum == ENOENT || edu->bus->is_driven)
		return 0;
	return edu_fail_errno(&edu->err, errnum, "cannot see which driver has "
	    "the function");
}

int
edu_require_bound(struct edu *edu)
{

	if (!edu->had_driver || edu_driver_find(edu) == -1 ||
	    edu->driver.role != EDU_DRIVER_NONE)
		return 0;
	return edu_fail(&edu->err, ENODEV, "the driver that it had was unbound,"
	    " perhaps to unplug the device; open it again");
}

int
edu_kernel_open(struct edu *edu)
{
	int poll_only = (edu->flags & EDU_OPEN_POLL) != 0;

	if (edu->bus->ops->kernel != NULL)
		edu->kernel = edu->bus->ops->kernel(edu->bus, poll_only);
	else
		edu->kernel = edu_system.kernel(edu->bus, poll_only);
	return edu->kernel != NULL ? 0 : -1;
}

/*
 * As the system's holder().  A bus of its own, and a driver that opens once,
 * are nobody else's.
 */
static int
find_holder(struct edu *edu)
{
	const struct edu_bus_ops *ops = edu->bus->ops;

	if (edu->bus->is_private || edu->bus->is_driven ||
	    edu_system.holder == NULL ||
	    (ops->is_unused != NULL && ops->is_unused(edu->bus)))
		return 0;
	return edu_system.holder(edu->bus->name, edu->holder,
	    sizeof(edu->holder));
}

int
edu_require_unheld(struct edu *edu)
{

	switch (find_holder(edu)) {
	case 0:
		return 0;
	case 1:
		return edu_fail(&edu->err, EBUSY, "%s", edu->holder);
	}
	return edu_fail_errno(&edu->err, errno, "cannot see whether another "
	    "process uses the device");
}

int
edu_kernel_lacks(struct edu *edu, const char *what)
{
	char remedy[160];

	edu_system.remedy(edu->bus->name, remedy, sizeof(remedy));
	return edu_fail(&edu->err, ENOTSUP, "%s: %s", what, remedy);
}

EDU_PUBLIC const char *
edu_holder(struct edu *edu)
{

	return find_holder(edu) == 1 ? edu->holder : NULL;
}

EDU_PUBLIC const char *
edu_kernel_side(struct edu *edu)
{

	if (edu->kernel != NULL)
		return edu->kernel->name;
	(void)edu_driver_find(edu);
	return edu->driver.role != EDU_DRIVER_NONE ? edu->driver.name : "none";
}
