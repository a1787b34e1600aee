/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bus.h"
#include "linux.h"
#include "os.h"

int
edu_sysfs_line(const char *path, char *buf, size_t size)
{
	ssize_t n;
	int errnum, fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	n = read(fd, buf, size);
	errnum = errno;
	(void)close(fd);
	if (n < 0) {
		errno = errnum;
		return -1;
	}
	if ((size_t)n == size && buf[n - 1] != '\n') {
		errno = ERANGE;
		return -1;
	}
	buf[n > 0 && buf[n - 1] == '\n' ? n - 1 : n] = '\0';
	return 0;
}

int
edu_os_driver(const char *address, char *buf, size_t size)
{
	char link[PATH_MAX], path[sizeof(EDU_SYSFS_PCI) + 160];
	const char *name;
	ssize_t n;

	(void)snprintf(path, sizeof(path), EDU_SYSFS_PCI "/%.128s/driver",
	    address);
	n = readlink(path, link, sizeof(link) - 1);
	if (n == -1 && errno == ENOENT) {
		/* No driver, or no function at all? */
		*strrchr(path, '/') = '\0';
		if (access(path, F_OK) == 0)
			n = 0;
	}
	if (n == -1)
		return -1;
	link[n] = '\0';
	name = strrchr(link, '/');
	name = name != NULL ? name + 1 : link;
	if ((size_t)snprintf(buf, size, "%s", name) >= size) {
		errno = ERANGE;
		return -1;
	}
	return 0;
}

int
edu_os_machine(char *buf, size_t size)
{
	char vendor[64];

	if (edu_sysfs_line("/sys/class/dmi/id/sys_vendor", vendor,
	    sizeof(vendor)) == -1 || strcmp(vendor, "QEMU") != 0) {
		errno = ENOENT;
		return -1;
	}
	return edu_sysfs_line("/sys/class/dmi/id/product_version", buf, size);
}

struct edu_bus *
edu_bus_system(const char *address, struct edu_error *err)
{
	(void)address;
	(void)err;
	errno = ENOTSUP;
	return NULL;
}

int
edu_bus_system_list(struct edu_bus_name **names, size_t *count,
    struct edu_error *err)
{
	(void)names;
	(void)count;
	(void)err;
	errno = ENOTSUP;
	return -1;
}
