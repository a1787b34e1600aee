/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef H_PCI_LINUX_H
#define H_PCI_LINUX_H

/* PCI functions by sysfs: see h_pci.h. */

#include <dirent.h>
#include <limits.h>

#define SYSFS_PCI	"/sys/bus/pci/devices"

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

static inline void
pci_write(const char *name, unsigned offset, uint32_t value)
{
	const uint8_t bytes[4] = {
		(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
		(uint8_t)(value >> 24)
	};
	int fd = pci_open(name, "config", O_WRONLY);

	ATF_REQUIRE_EQ(pwrite(fd, bytes, sizeof(bytes), (off_t)offset),
	    sizeof(bytes));
	(void)close(fd);
}

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

/* A driver that leaves the function to user space. */
static inline int
pci_driver_minds(const char *driver)
{

	return strcmp(driver, "uio_pci_generic") != 0 &&
	    strcmp(driver, "vfio-pci") != 0;
}

/*
 * vfio-pci has put back the configuration space whenever a process has ended,
 * and gives DMA memory that is no huge page.
 */
static inline int
pci_has_vfio(const char *name)
{
	char driver[64];

	pci_driver(name, driver);
	return strcmp(driver, "vfio-pci") == 0;
}

/* The node of its IOMMU group. */
static inline const char *
pci_vfio_node(const char *name)
{
	static char node[PATH_MAX + 16];
	char path[128], target[PATH_MAX];
	ssize_t n;

	(void)snprintf(path, sizeof(path), SYSFS_PCI "/%.31s/iommu_group",
	    name);
	ATF_REQUIRE((n = readlink(path, target, sizeof(target) - 1)) != -1);
	target[n] = '\0';
	(void)snprintf(node, sizeof(node), "/dev/vfio/%s",
	    strrchr(target, '/') + 1);
	return node;
}

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

/* From the file "resource"; the flags are the kernel's own. */
static inline struct pci_resource
pci_resource(const char *name, unsigned index)
{
	uint64_t end = 0, flags = 0;
	struct pci_resource r;
	unsigned i;
	FILE *f;

	memset(&r, 0, sizeof(r));
	ATF_REQUIRE((f = fdopen(pci_open(name, "resource", O_RDONLY),
	    "r")) != NULL);
	for (i = 0; i <= index; i++)
		ATF_REQUIRE(fscanf(f, "%" SCNx64 " %" SCNx64 " %" SCNx64,
		    &r.start, &end, &flags) == 3);
	(void)fclose(f);
	r.length = flags == 0 ? 0 : end - r.start + 1;
	r.is_io = (flags & 0x100) != 0;
	r.is_64 = (flags & 0x100000) != 0;
	r.is_prefetchable = (flags & 0x2000) != 0;
	return r;
}

static inline volatile uint32_t *
map_registers(const char *name)
{
	char path[256];
	void *map;
	int fd;

	(void)snprintf(path, sizeof(path), SYSFS_PCI "/%s/resource0", name);
	if ((fd = open(path, O_RDWR)) == -1)
		atf_tc_skip("%s: %s", path, strerror(errno));
	map = mmap(NULL, EDU_BAR0_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, 0);
	(void)close(fd);
	ATF_REQUIRE(map != MAP_FAILED);
	return map;
}

#endif /* H_PCI_LINUX_H */
