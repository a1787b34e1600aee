/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* What sysfs tells of a function. */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "linux.h"
#include "system.h"

int
edu_sysfs_line(const char *path, char *buf, size_t size)
{

	return edu_sysfs_line_at(AT_FDCWD, path, buf, size);
}

int
edu_sysfs_line_at(int sysfs, const char *path, char *buf, size_t size)
{
	ssize_t n;
	int errnum, fd;

	fd = openat(sysfs, path, O_RDONLY | O_CLOEXEC);
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
		buf[n - 1] = '\0';
		errno = ERANGE;
		return -1;
	}
	buf[n > 0 && buf[n - 1] == '\n' ? n - 1 : n] = '\0';
	return 0;
}

int
edu_sysfs_open(const char *address)
{
	char path[sizeof(EDU_SYSFS_PCI) + 160];

	(void)snprintf(path, sizeof(path), EDU_SYSFS_PCI "/%.128s", address);
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Who may not write may still look. */
int
edu_linux_config(const char *address, int writable)
{
	char path[sizeof(EDU_SYSFS_PCI) + 160];
	int fd;

	(void)snprintf(path, sizeof(path), EDU_SYSFS_PCI "/%.128s/config",
	    address);
	fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (fd == -1 && (errno == EACCES || errno == EPERM || errno == EROFS))
		fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd;
}

/* What names this run of the system: it is read once. */
static int
read_boot(char boot[40])
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static char known[40];
	int result = 0;

	(void)pthread_mutex_lock(&lock);
	if (known[0] == '\0' &&
	    edu_sysfs_line("/proc/sys/kernel/random/boot_id", boot, 40) == 0)
		(void)strcpy(known, boot);
	if (known[0] == '\0')
		result = -1;
	else
		(void)strcpy(boot, known);
	(void)pthread_mutex_unlock(&lock);
	return result;
}

/* sysfs gives each function's files inodes of their own, in turn. */
int
edu_linux_instance(int config_fd, char *buf, size_t size)
{
	char boot[40];
	struct stat st;
	int length;

	if (fstat(config_fd, &st) == -1 || read_boot(boot) == -1)
		return -1;
	length = snprintf(buf, size, "%s/%ju", boot, (uintmax_t)st.st_ino);
	if (length < 0 || (size_t)length >= size) {
		errno = ERANGE;
		return -1;
	}
	return 0;
}

/*
 * The file is there where the kernel knows how to reset the function, which for
 * an edu is by the bridge that it is alone behind.  It saves and restores
 * configuration space.  Opened by the address, it is the function's own if that
 * is there afterwards, as its configuration space tells.
 */
int
edu_linux_reset(const char *address, int config_fd)
{
	char none, path[sizeof(EDU_SYSFS_PCI) + 160];
	int errnum, fd;
	ssize_t n;

	(void)snprintf(path, sizeof(path), EDU_SYSFS_PCI "/%.128s/reset",
	    address);
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) == -1)
		return -1;
	n = pread(config_fd, &none, 0, 0) == -1 ? -1 : write(fd, "1", 1);
	errnum = errno;
	(void)close(fd);
	errno = errnum;
	return n == 1 ? 0 : -1;
}

/*
 * uio_pci_generic, vfio-pci and pci-stub are there for user space's sake; any
 * other driver drives the function.
 */
static enum edu_driver_role
role_of(const char *name)
{

	if (name[0] == '\0')
		return EDU_DRIVER_NONE;
	if (strcmp(name, "uio_pci_generic") == 0 ||
	    strcmp(name, "vfio-pci") == 0 || strcmp(name, "pci-stub") == 0)
		return EDU_DRIVER_STANDBY;
	return EDU_DRIVER_OWNS;
}

/* Where a link leads to, without the way: n bytes. */
static const char *
end_of(char *link, size_t n)
{
	const char *slash;

	link[n] = '\0';
	slash = strrchr(link, '/');
	return slash != NULL ? slash + 1 : link;
}

/* Of what the link "driver" says, n bytes; none: there is no such link. */
static void
set_driver(struct edu_driver *driver, char *link, size_t n)
{

	/* cppcheck-suppress ctuuninitvar	; an array, to be written */
	(void)snprintf(driver->name, sizeof(driver->name), "%.63s",
	    end_of(link, n));
	driver->role = role_of(driver->name);
}

int
edu_sysfs_driver(int sysfs, struct edu_driver *driver)
{
	char link[PATH_MAX];
	ssize_t n = readlinkat(sysfs, "driver", link, sizeof(link) - 1);

	if (n == -1 && errno != ENOENT)
		return -1;
	set_driver(driver, link, n == -1 ? 0 : (size_t)n);
	return 0;
}

int
edu_linux_driver(const char *address, struct edu_driver *driver)
{
	char link[PATH_MAX], path[sizeof(EDU_SYSFS_PCI) + 160];
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
	set_driver(driver, link, (size_t)n);
	return 0;
}

int
edu_sysfs_group(const char *address, char *number, size_t size)
{
	char link[PATH_MAX], path[sizeof(EDU_SYSFS_PCI) + 160];
	ssize_t n;

	(void)snprintf(path, sizeof(path), EDU_SYSFS_PCI "/%.128s/iommu_group",
	    address);
	if ((n = readlink(path, link, sizeof(link) - 1)) == -1)
		return -1;
	(void)snprintf(number, size, "%s", end_of(link, (size_t)n));
	return 0;
}
