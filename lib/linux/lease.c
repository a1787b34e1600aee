/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Whether the kernel itself knows that nobody else has a function open, so that
 * not every process has to be looked at.  It gives a lease (see fcntl(2)) for a
 * file that only the lease's descriptor has open, or for reading where nobody
 * has it open for writing, be it in another container, or mapped and closed.
 * Of nodes it gives none, but a module counts those of its nodes that are open.
 *
 * A lease is given back at once.  Whoever opens the file in between waits that
 * long, and we are told by a signal: by one that is ignored as a rule.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "linux.h"
#include "system.h"

#define BARS	6
#define UIO	"uio_pci_generic"

static int
has_lease(int fd, int type)
{

	if (fcntl(fd, F_SETSIG, SIGURG) == -1 ||
	    fcntl(fd, F_SETLEASE, type) == -1)
		return 0;
	(void)fcntl(fd, F_SETLEASE, F_UNLCK);
	return 1;
}

/* Nobody has it open for writing; 1 as well where there is none. */
static int
is_bar_unused(int sysfs, unsigned i, const char *end)
{
	char name[32];
	int fd, is_unused;

	(void)snprintf(name, sizeof(name), "resource%u%s", i, end);
	if ((fd = openat(sysfs, name, O_RDONLY | O_CLOEXEC)) == -1)
		return errno == ENOENT;
	is_unused = has_lease(fd, F_RDLCK);
	(void)close(fd);
	return is_unused;
}

/* By nobody but us: the nodes of all functions count. */
static int
is_node_unused(int sysfs)
{
	struct edu_driver driver;
	char count[32];

	if (edu_sysfs_driver(sysfs, &driver) == -1)
		return 0;
	if (driver.name[0] == '\0')
		return 1;
	return strcmp(driver.name, UIO) == 0 &&
	    edu_sysfs_line("/sys/module/" UIO "/refcnt", count,
	    sizeof(count)) == 0 && strtol(count, NULL, 10) == edu_uio_count();
}

int
edu_linux_is_unused(const char *address, int config_fd)
{
	int is_unused, sysfs;
	unsigned i;

	if ((sysfs = edu_sysfs_open(address)) == -1)
		return 0;
	is_unused = is_node_unused(sysfs) && has_lease(config_fd, F_WRLCK);
	for (i = 0; i < BARS && is_unused; i++)
		is_unused = is_bar_unused(sysfs, i, "") &&
		    is_bar_unused(sysfs, i, "_wc");
	(void)close(sysfs);
	return is_unused;
}
