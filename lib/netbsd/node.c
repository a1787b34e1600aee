/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* The nodes of edu(4). */

#include <sys/ioctl.h>
#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "error.h"
#include "netbsd.h"
#include "system.h"

#define NODE		"/dev/edu%u"

int
edu_node_open_unit(struct edu_node *node, unsigned unit)
{
	char path[32];

	(void)snprintf(path, sizeof(path), NODE, unit);
	node->fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (node->fd == -1)
		return -1;
	if (ioctl(node->fd, EDU_IOC_INFO, &node->info) == 0 &&
	    node->info.version == EDU_IO_VERSION)
		return 0;
	edu_node_close(node);
	errno = EPROTO;
	return -1;
}

static int
fail_unit(struct edu_error *err, unsigned unit)
{

	switch (errno) {
	case EBUSY:
		return edu_fail(err, EBUSY, "another process has " NODE
		    " open (fstat " NODE "), or has closed it and still has "
		    "it mapped", unit, unit);
	case EPROTO:
		return edu_fail(err, EPROTO, NODE " speaks another version "
		    "of edu(4) than this library", unit);
	case EACCES:
		return edu_fail(err, EACCES, NODE " is not for this user; "
		    "edu(4) says how to give it to a group", unit);
	case ENOENT:
		return edu_fail(err, ENOENT, "edu(4) is attached, but " NODE
		    " is missing: edu(4) says how to make it", unit);
	default:
		return edu_fail_errno(err, errno, NODE, unit);
	}
}

void
edu_node_name(const struct edu_node *node, char *name, size_t size)
{
	const struct edu_address a = { node->info.domain, node->info.bus,
	    node->info.device, node->info.function };

	edu_address_format(&a, name, size);
}

/*
 * A user who may not ask /dev/pciN has to look at every node.  EBUSY rather
 * than ENOENT when one of those that could not be seen may be the one.
 */
static int
search(struct edu_node *node, const char *address, struct edu_error *err)
{
	char name[32];
	unsigned failed = 0, unit;
	int errnum = 0;

	for (unit = 0; unit < EDU_NODE_MAX; unit++) {
		if (edu_node_open_unit(node, unit) == 0) {
			edu_node_name(node, name, sizeof(name));
			if (address == NULL || strcmp(name, address) == 0)
				return 0;
			edu_node_close(node);
		} else if (errno != ENOENT && errno != ENXIO && errnum == 0) {
			errnum = errno;
			failed = unit;
		}
	}
	if (errnum == 0)
		return edu_fail(err, ENXIO, "no edu(4) is attached to it");
	errno = errnum;
	return fail_unit(err, failed);
}

int
edu_node_open(struct edu_node *node, const char *address,
    struct edu_error *err)
{
	struct edu_driver driver;
	unsigned long unit;

	if (address == NULL || edu_netbsd_driver(address, &driver) == -1)
		return search(node, address, err);
	if (driver.role != EDU_DRIVER_SERVES)
		return edu_fail(err, ENXIO, "no edu(4) is attached to it");
	unit = strtoul(driver.name + strlen(EDU_DRIVER), NULL, 10);
	if (edu_node_open_unit(node, (unsigned)unit) == -1)
		return fail_unit(err, (unsigned)unit);
	return 0;
}

void
edu_node_close(struct edu_node *node)
{
	int errnum = errno;

	(void)close(node->fd);
	node->fd = -1;
	errno = errnum;
}

void *
edu_node_map_bar0(const struct edu_node *node, int writable,
    struct edu_error *err)
{
	void *bar0;

	bar0 = mmap(NULL, (size_t)node->info.bar0_size,
	    PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, node->fd,
	    (off_t)node->info.bar0_offset);
	if (bar0 != MAP_FAILED)
		return bar0;
	(void)edu_fail_errno(err, errno, "cannot map BAR0 through " NODE,
	    node->info.unit);
	return NULL;
}
