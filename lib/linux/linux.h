/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef EDU_LINUX_H
#define EDU_LINUX_H

/* What the files of Linux share. */

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include "kernel.h"

struct edu_bus;
struct edu_driver;
struct edu_error;
struct edu_range;

#define EDU_SYSFS_PCI	"/sys/bus/pci/devices"

struct edu_linux {
	struct edu_kernel kernel;	/* first: the two are cast */
	struct edu_bus	*bus;		/* uio.c traces its accesses there */
	int		translated;	/* an IOMMU stands before the memory */
	int		uio_fd;		/* /dev/uioN, or -1 */
	int		config_fd;	/* configuration space, or -1 */
	uint16_t	command;	/* as rearm() has read it */
	long		line;		/* the number of its interrupt */
	/* Interrupts that came since uio.c counts, and the line's then. */
	int		is_counting;
	uint64_t	announced;
	uint64_t	line_count;
	int		is_unsure;	/* one may be in both */
};

static inline struct edu_linux *
edu_linux_of(struct edu_kernel *kernel)
{

	return (struct edu_linux *)(void *)kernel;
}

static inline size_t
edu_page_size(void)
{

	return (size_t)sysconf(_SC_PAGESIZE);
}

/*
 * The first line of a small file, without its newline.  -1 with errno;
 * ERANGE when buf is too small: it has the beginning then.
 */
int edu_sysfs_line(const char *path, char *buf, size_t size);
int edu_sysfs_line_at(int sysfs, const char *path, char *buf, size_t size);
/* The function's directory, for openat(2) and its like; -1 with errno. */
int edu_sysfs_open(const char *address);
/* See system.h. */
int edu_linux_config(const char *address, int writable);
int edu_linux_instance(int config_fd, char *buf, size_t size);
int edu_linux_reset(const char *address, int config_fd);
int edu_linux_driver(const char *address, struct edu_driver *);
/* The same in its directory, where no driver and no function look alike. */
int edu_sysfs_driver(int sysfs, struct edu_driver *);
/* The number of its IOMMU group; -1 with errno: it has none. */
int edu_sysfs_group(const char *address, char *number, size_t size);

/*
 * group.c: an IOMMU group that this process has opened, for all of its
 * handles.
 */
struct edu_group;
/* The group of the function at an address. */
struct edu_group *edu_group_open(const char *address, struct edu_error *);
const char *edu_group_name(const struct edu_group *);
/*
 * VFIO's descriptor of a function goes to *device_fd: -1 with errno alone.
 * The child of a fork has -1 there, for it would hold the device.
 */
int edu_group_device(struct edu_group *, const char *address, int *device_fd);
void edu_group_close(struct edu_group *, int *device_fd);
/* Whether this process has the group of that number open. */
int edu_group_is_ours(const char *name);
/*
 * Have the group's functions reach whole pages of memory at addresses below
 * limit, until edu_group_unmap(); edu_group_free() gives up the addresses.
 */
struct edu_range *edu_group_map(struct edu_group *, void *data, size_t length,
    uint64_t limit, struct edu_error *);
void edu_group_unmap(struct edu_group *, const struct edu_range *);
void edu_group_free(struct edu_group *, struct edu_range *);

/*
 * processes.c: by what other processes use PCI functions.  Whether one uses any
 * by something that match() knows: 1 or 0, or -1 with errno: ENOMEM, EMFILE,
 * ENFILE.
 */
struct edu_use {
	long		pid;
	dev_t		number;		/* of an open device node, or 0 */
	const char	*how;		/* "open", "mapped" */
	const char	*path;
};
typedef int edu_processes_match(const struct edu_use *, void *arg);
int edu_processes_find(edu_processes_match *, void *);

/* lease.c.  See system.h. */
int edu_linux_is_unused(const char *address, int config_fd);

/* holder.c.  See system.h. */
int edu_linux_holder(const char *address, char *buf, size_t size);

/* kernel.c */
struct edu_kernel *edu_linux_kernel(struct edu_bus *, int poll_only);

/*
 * uio.c.  edu_uio_open() finds the function's /dev/uioN in its directory and
 * fills in name and descriptors; edu_uio_close() masks the interrupt and closes
 * them.
 */
int edu_uio_open(struct edu_linux *, struct edu_bus *, int sysfs);
void edu_uio_close(struct edu_linux *);
int edu_uio_rearm(struct edu_kernel *);
int edu_uio_wait(struct edu_kernel *, int timeout_ms);
int edu_uio_fd(struct edu_kernel *);
int edu_uio_is_polled(struct edu_kernel *);
/* How many nodes of uio_pci_generic this process has opened. */
long edu_uio_count(void);

/* vfio.c */
struct edu_kernel *edu_vfio_open(struct edu_bus *, int poll_only);

/* hugepages.c */
int edu_memory_alloc(struct edu_kernel *, size_t length, uint64_t limit,
    struct edu_segment *);
void edu_memory_free(struct edu_kernel *, struct edu_segment *);
int edu_memory_map(struct edu_kernel *, void *data, size_t length,
    uint64_t limit, struct edu_segment *);
void edu_memory_unmap(struct edu_kernel *, struct edu_segment *);

#endif /* EDU_LINUX_H */
