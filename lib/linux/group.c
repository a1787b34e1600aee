/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * IOMMU groups: the functions that the IOMMU cannot tell apart.  VFIO gives a
 * whole group, with one space of addresses, to the one process that opens its
 * node; there all handles of the group's functions share it.
 */

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <linux/vfio.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "linux.h"
#include "range.h"
#include "system.h"

#define CONTAINER	"/dev/vfio/vfio"
/* Messages to here are interrupts, whatever the IOMMU is told. */
#define MSI_START	0xfee00000U
#define MSI_END		0xfef00000U

struct device {
	struct device	*next;
	int		*fd;		/* the handle's */
};

struct edu_group {
	struct edu_group *next;
	unsigned	handles;
	char		name[16];
	int		fd;
	int		container_fd;
	struct device	*devices;
	struct edu_range *used;		/* of the addresses */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct edu_group *groups;

static void
drop(int *fd)
{

	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
}

static void
before_fork(void)
{

	(void)pthread_mutex_lock(&lock);
}

static void
leave(void)
{

	(void)pthread_mutex_unlock(&lock);
}

/*
 * A group and its devices are open until the last descriptor goes: a child
 * that has no use for them would keep them.
 */
static void
in_child(void)
{
	struct edu_group *group;
	struct device *device;

	for (group = groups; group != NULL; group = group->next) {
		for (device = group->devices; device != NULL;
		    device = device->next)
			drop(device->fd);
		drop(&group->fd);
		drop(&group->container_fd);
	}
	groups = NULL;
	leave();
}

static void
watch_forks(void)
{

	(void)pthread_atfork(before_fork, leave, in_child);
}

static void
enter(void)
{

	(void)pthread_once(&once, watch_forks);
	(void)pthread_mutex_lock(&lock);
}

static struct edu_group *
find(const char *name)
{
	struct edu_group *group = groups;

	while (group != NULL && strcmp(group->name, name) != 0)
		group = group->next;
	return group;
}

const char *
edu_group_name(const struct edu_group *group)
{

	return group->name;
}

int
edu_group_is_ours(const char *name)
{
	int is_ours;

	enter();
	is_ours = find(name) != NULL;
	leave();
	return is_ours;
}

/* Why a node does not open, and whose it is. */
static int
fail_node(struct edu_error *err, const char *path)
{
	int errnum = errno;
	struct stat st;

	if (errnum == ENOENT)
		return edu_fail(err, errnum, "%s is not there: is the module "
		    "vfio-pci loaded, and an IOMMU in use?", path);
	if (errnum == EBUSY)
		return edu_fail(err, errnum, "another process has %s open",
		    path);
	if (errnum == EACCES && stat(path, &st) == 0)
		return edu_fail(err, errnum, "%s belongs to user %ju and group "
		    "%ju, mode %03o, and not to this user; libedu(3), FILES, "
		    "says how to give it", path, (uintmax_t)st.st_uid,
		    (uintmax_t)st.st_gid, (unsigned)st.st_mode & 0777);
	return edu_fail_errno(err, errnum, "%s", path);
}

/* A driver that VFIO does not accept beside it; a bridge may have any. */
static int
is_in_the_way(const char *address, struct edu_driver *driver)
{
	char path[sizeof(EDU_SYSFS_PCI) + 160], class[16];

	(void)snprintf(path, sizeof(path), EDU_SYSFS_PCI "/%.128s/class",
	    address);
	return edu_linux_driver(address, driver) == 0 &&
	    driver->name[0] != '\0' && strcmp(driver->name, "vfio-pci") != 0 &&
	    strcmp(driver->name, "pci-stub") != 0 &&
	    (edu_sysfs_line(path, class, sizeof(class)) == -1 ||
	    strncmp(class, "0x0604", 6) != 0);
}

/* Name the functions of the group that keep it from us. */
static int
fail_unviable(struct edu_error *err, const struct edu_group *group)
{
	char list[256] = "", path[64];
	struct edu_driver driver;
	struct dirent *entry;
	size_t used = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%.15s"
	    "/devices", group->name);
	if ((dir = opendir(path)) == NULL)
		return edu_fail_errno(err, errno, "%s", path);
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' && used < sizeof(list) - 100 &&
		    is_in_the_way(entry->d_name, &driver))
			used += (size_t)snprintf(list + used,
			    sizeof(list) - used, "%s%.20s (%.64s)",
			    used > 0 ? ", " : "", entry->d_name, driver.name);
	(void)closedir(dir);
	return edu_fail(err, EBUSY, "IOMMU group %s is in use by other "
	    "drivers: %s; each function of a group has to be bound to vfio-pci "
	    "or to nothing", group->name, list);
}

static int
set_iommu(struct edu_group *group, struct edu_error *err)
{

	if (ioctl(group->container_fd, VFIO_CHECK_EXTENSION,
	    VFIO_TYPE1v2_IOMMU) != 1)
		return edu_fail(err, ENOTSUP, "VFIO has no driver for this "
		    "machine's IOMMU (modprobe vfio_iommu_type1)");
	if (ioctl(group->fd, VFIO_GROUP_SET_CONTAINER,
	    &group->container_fd) == -1)
		return edu_fail_errno(err, errno, "IOMMU group %s",
		    group->name);
	if (ioctl(group->container_fd, VFIO_SET_IOMMU,
	    VFIO_TYPE1v2_IOMMU) == 0)
		return 0;
	if (errno == EPERM)
		return edu_fail(err, EPERM, "the IOMMU does not remap "
		    "interrupts, so a device could send any; where all of them "
		    "are trusted, \"echo 1 >/sys/module/vfio_iommu_type1/"
		    "parameters/allow_unsafe_interrupts\"");
	return edu_fail_errno(err, errno, "setting up the IOMMU");
}

/*
 * The addresses from start up to end are not to be had, nor ever the first
 * page: it is what a device asks for that was told nothing.
 */
static int
reserve(struct edu_group *group, uint64_t start, uint64_t end,
    struct edu_error *err)
{

	if (start < edu_page_size())
		start = edu_page_size();
	if (start >= end || edu_range_take(&group->used, start, end,
	    end - start) != NULL)
		return 0;
	return edu_fail_memory(err);
}

/* The ranges of the IOMMU, ascending: what lies between them is reserved. */
static int
reserve_gaps(struct edu_group *group,
    const struct vfio_iommu_type1_info_cap_iova_range *cap,
    struct edu_error *err)
{
	const struct vfio_iova_range *r = cap->iova_ranges;
	uint64_t start = 0;
	uint32_t i;

	for (i = 0; i < cap->nr_iovas; i++) {
		if (reserve(group, start, r[i].start, err) == -1)
			return -1;
		start = r[i].end + 1;
	}
	/* 0: the last one ends where all addresses do. */
	return start == 0 ? 0 : reserve(group, start, UINT64_MAX, err);
}

static const struct vfio_iommu_type1_info_cap_iova_range *
find_ranges(const struct vfio_iommu_type1_info *info)
{
	const struct vfio_info_cap_header *cap;
	uint32_t at;

	if (!(info->flags & VFIO_IOMMU_INFO_CAPS))
		return NULL;
	for (at = info->cap_offset; at != 0; at = cap->next) {
		cap = (const void *)((const char *)info + at);
		if (cap->id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)
			return (const void *)cap;
	}
	return NULL;
}

static int
reserve_addresses(struct edu_group *group, struct edu_error *err)
{
	const struct vfio_iommu_type1_info_cap_iova_range *ranges;
	/* One page has room for 200 ranges. */
	union {
		struct vfio_iommu_type1_info info;
		char	room[4096];
	} u = { .info = { .argsz = sizeof(u) } };

	if (ioctl(group->container_fd, VFIO_IOMMU_GET_INFO, &u.info) == -1)
		return edu_fail_errno(err, errno, "asking the IOMMU");
	/* A kernel that does not say has no other. */
	if (u.info.argsz > sizeof(u) ||
	    (ranges = find_ranges(&u.info)) == NULL)
		return reserve(group, MSI_START, MSI_END, err);
	return reserve_gaps(group, ranges, err);
}

static int
open_group(struct edu_group *group, struct edu_error *err)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char path[32];

	(void)snprintf(path, sizeof(path), "/dev/vfio/%.15s", group->name);
	if ((group->fd = open(path, O_RDWR | O_CLOEXEC)) == -1)
		return fail_node(err, path);
	group->container_fd = open(CONTAINER, O_RDWR | O_CLOEXEC);
	if (group->container_fd == -1)
		return fail_node(err, CONTAINER);
	if (ioctl(group->fd, VFIO_GROUP_GET_STATUS, &status) == -1)
		return edu_fail_errno(err, errno, "%s", path);
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		return fail_unviable(err, group);
	if (set_iommu(group, err) == -1)
		return -1;
	return reserve_addresses(group, err);
}

static void
destroy(struct edu_group *group)
{

	while (group->used != NULL)
		edu_range_free(&group->used, group->used);
	drop(&group->fd);
	drop(&group->container_fd);
	free(group);
}

static struct edu_group *
create(const char *name, struct edu_error *err)
{
	struct edu_first_error first;
	struct edu_group *group;

	if ((group = calloc(1, sizeof(*group))) == NULL) {
		(void)edu_fail_memory(err);
		return NULL;
	}
	(void)snprintf(group->name, sizeof(group->name), "%s", name);
	group->fd = group->container_fd = -1;
	if (open_group(group, err) == 0) {
		group->next = groups;
		groups = group;
		return group;
	}
	edu_error_save(&first, err);
	destroy(group);
	(void)edu_error_restore(&first, err);
	return NULL;
}

struct edu_group *
edu_group_open(const char *address, struct edu_error *err)
{
	struct edu_group *group;
	char name[16];

	if (edu_sysfs_group(address, name, sizeof(name)) == -1) {
		(void)edu_fail_errno(err, errno,
		    "there is no IOMMU before the device");
		return NULL;
	}
	enter();
	if ((group = find(name)) != NULL ||
	    (group = create(name, err)) != NULL)
		group->handles++;
	leave();
	return group;
}

int
edu_group_device(struct edu_group *group, const char *address, int *device_fd)
{
	struct device *device;

	if ((device = malloc(sizeof(*device))) == NULL)
		return -1;
	device->fd = device_fd;
	enter();
	*device_fd = ioctl(group->fd, VFIO_GROUP_GET_DEVICE_FD, address);
	device->next = group->devices;
	group->devices = device;
	leave();
	return *device_fd == -1 ? -1 : 0;
}

static void
forget_device(struct edu_group *group, const int *device_fd)
{
	struct device **link = &group->devices, *device;

	while (*link != NULL && (*link)->fd != device_fd)
		link = &(*link)->next;
	if ((device = *link) == NULL)
		return;
	*link = device->next;
	free(device);
}

void
edu_group_close(struct edu_group *group, int *device_fd)
{
	struct edu_group **link = &groups;

	enter();
	forget_device(group, device_fd);
	drop(device_fd);
	if (--group->handles == 0) {
		while (*link != NULL && *link != group)
			link = &(*link)->next;
		if (*link == group)
			*link = group->next;
		destroy(group);
	}
	leave();
}

static int
fail_map(struct edu_error *err, size_t length, int errnum)
{

	switch (errnum) {
	case ENOMEM:
		return edu_fail(err, ENOMEM, "%zu bytes more than this user "
		    "may lock (ulimit -l), or the machine has", length);
	case EFAULT:
		return edu_fail(err, EFAULT, "not all of the %zu bytes are "
		    "memory that this process may write to", length);
	case ENOSPC:
		return edu_fail(err, ENOSPC, "the kernel maps no more pieces "
		    "of memory for one IOMMU group (its parameter "
		    "vfio_iommu_type1.dma_entry_limit)");
	default:
		return edu_fail_errno(err, errnum, "mapping %zu bytes for the "
		    "device", length);
	}
}

static struct edu_range *
map(struct edu_group *group, void *data, size_t length, uint64_t limit,
    struct edu_error *err)
{
	struct vfio_iommu_type1_dma_map m = {
		.argsz = sizeof(m),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)data,
		.size = length
	};
	struct edu_range *range;

	range = edu_range_take(&group->used, edu_page_size(), limit, length);
	if (range == NULL) {
		(void)edu_fail(err, ENOMEM, "the IOMMU has no %zu free "
		    "addresses below 0x%" PRIx64 ", the end of what the "
		    "device reaches", length, limit);
		return NULL;
	}
	m.iova = range->start;
	if (ioctl(group->container_fd, VFIO_IOMMU_MAP_DMA, &m) == 0)
		return range;
	(void)fail_map(err, length, errno);
	edu_range_free(&group->used, range);
	return NULL;
}

struct edu_range *
edu_group_map(struct edu_group *group, void *data, size_t length,
    uint64_t limit, struct edu_error *err)
{
	struct edu_range *range;

	enter();
	range = map(group, data, length, limit, err);
	leave();
	return range;
}

void
edu_group_unmap(struct edu_group *group, const struct edu_range *range)
{
	struct vfio_iommu_type1_dma_unmap m = {
		.argsz = sizeof(m),
		.iova = range->start,
		.size = range->end - range->start
	};

	(void)ioctl(group->container_fd, VFIO_IOMMU_UNMAP_DMA, &m);
}

void
edu_group_free(struct edu_group *group, struct edu_range *range)
{

	enter();
	edu_range_free(&group->used, range);
	leave();
}
