/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef H_PCI_H
#define H_PCI_H

/*
 * PCI functions as the operating system shows them, past the library: what
 * the library says is compared with this, and what a stray program does to a
 * function is done by this.
 */

#include <sys/types.h>

#include <atf-c.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SYSFS_PCI	"/sys/bus/pci/devices"
#define CONFIG_SIZE	256

/* PCI ids as pci_find() takes them: product << 16 | vendor. */
#define ID_EDU		0x11e81234U
#define ID_TESTDEV	0x00051b36U

#define COMMAND		0x04
#define	 COMMAND_IO	0x0001U
#define	 COMMAND_MEMORY	0x0002U
#define	 COMMAND_DECODING (COMMAND_IO | COMMAND_MEMORY)
#define	 COMMAND_MASTER	0x0004U
#define	 COMMAND_NO_INTX 0x0400U
#define HEADER_TYPE	0x0e
#define BAR(i)		(0x10U + 4U * (unsigned)(i))

struct pci_name {
	char		text[32];
};

static inline int
pci_open(const char *name, const char *file, int flags)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), SYSFS_PCI "/%.31s/%s", name, file);
	fd = open(path, flags | O_CLOEXEC);
	ATF_REQUIRE_MSG(fd != -1, "%s: %s", path, strerror(errno));
	return fd;
}

static inline void
pci_config(const char *name, uint8_t config[CONFIG_SIZE])
{
	int fd = pci_open(name, "config", O_RDONLY);

	ATF_REQUIRE_EQ(pread(fd, config, CONFIG_SIZE, 0), CONFIG_SIZE);
	(void)close(fd);
}

static inline uint32_t
pci_read(const char *name, unsigned offset)
{
	int fd = pci_open(name, "config", O_RDONLY);
	uint8_t c[4];

	ATF_REQUIRE_EQ(pread(fd, c, sizeof(c), (off_t)offset), sizeof(c));
	(void)close(fd);
	return (uint32_t)c[0] | (uint32_t)c[1] << 8 | (uint32_t)c[2] << 16 |
	    (uint32_t)c[3] << 24;
}

/* width bytes, so that the status register can be left alone. */
static inline void
pci_write(const char *name, unsigned offset, size_t width, uint32_t value)
{
	const uint8_t bytes[4] = {
		(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
		(uint8_t)(value >> 24)
	};
	int fd = pci_open(name, "config", O_WRONLY);

	ATF_REQUIRE_EQ(pwrite(fd, bytes, width, (off_t)offset),
	    (ssize_t)width);
	(void)close(fd);
}

static inline uint32_t
pci_command(const char *name)
{

	return pci_read(name, COMMAND) & 0xffff;
}

static inline void
pci_set_command(const char *name, uint32_t command)
{

	pci_write(name, COMMAND, 2, command);
	ATF_REQUIRE_EQ(pci_command(name), command);
}

/* Everything but the status register is as it was. */
static inline void
pci_check_same(const char *name, const uint8_t before[CONFIG_SIZE],
    const char *when)
{
	uint8_t now[CONFIG_SIZE];
	unsigned i;

	pci_config(name, now);
	for (i = 0; i < CONFIG_SIZE; i++)
		ATF_CHECK_MSG(now[i] == before[i] || i == 6 || i == 7,
		    "%s: configuration byte 0x%02x was 0x%02x, is 0x%02x %s",
		    name, i, before[i], now[i], when);
}

/* The driver's name, empty when there is none. */
static inline void
pci_driver(const char *name, char driver[64])
{
	char path[128], target[PATH_MAX];
	ssize_t n;

	driver[0] = '\0';
	(void)snprintf(path, sizeof(path), SYSFS_PCI "/%.31s/driver", name);
	if ((n = readlink(path, target, sizeof(target) - 1)) == -1)
		return;
	target[n] = '\0';
	(void)snprintf(driver, 64, "%.63s", strrchr(target, '/') + 1);
}

static inline int
pci_compare_names(const void *a, const void *b)
{
	const struct pci_name *left = a, *right = b;

	return strcmp(left->text, right->text);
}

/* The names of all functions, sorted; returns how many. */
static inline size_t
pci_all(struct pci_name *names, size_t max)
{
	struct dirent *entry;
	size_t count = 0;
	DIR *dir;

	if ((dir = opendir(SYSFS_PCI)) == NULL)
		atf_tc_skip(SYSFS_PCI ": %s", strerror(errno));
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		ATF_REQUIRE(count < max);
		(void)snprintf(names[count++].text, sizeof(names->text),
		    "%.31s", entry->d_name);
	}
	(void)closedir(dir);
	qsort(names, count, sizeof(*names), pci_compare_names);
	return count;
}

/* Those of an id. */
static inline size_t
pci_find(uint32_t id, struct pci_name *names, size_t max)
{
	size_t all, count = 0, i;

	all = pci_all(names, max);
	for (i = 0; i < all; i++)
		if (pci_read(names[i].text, 0) == id)
			names[count++] = names[i];
	return count;
}

/* A BAR as the system knows it, from the file "resource". */
struct pci_resource {
	uint64_t	start;
	uint64_t	length;		/* 0: absent */
	uint64_t	flags;
#define RESOURCE_IO		0x100U
#define RESOURCE_MEM		0x200U
#define RESOURCE_PREFETCH	0x2000U
#define RESOURCE_MEM64		0x100000U
};

static inline struct pci_resource
pci_resource(const char *name, unsigned index)
{
	struct pci_resource r;
	uint64_t end = 0;
	unsigned i;
	FILE *f;

	ATF_REQUIRE((f = fdopen(pci_open(name, "resource", O_RDONLY),
	    "r")) != NULL);
	for (i = 0; i <= index; i++)
		ATF_REQUIRE(fscanf(f, "%" SCNx64 " %" SCNx64 " %" SCNx64,
		    &r.start, &end, &r.flags) == 3);
	(void)fclose(f);
	r.length = r.flags == 0 ? 0 : end - r.start + 1;
	return r;
}

#endif /* H_PCI_H */
