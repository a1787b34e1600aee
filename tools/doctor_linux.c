/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* What Linux does with the machine and with the device. */

#include <sys/stat.h>

#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"
#include "doctor_linux.h"
#include "refusal.h"

int
sysfs_line(char *line, size_t size, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;
	FILE *file;
	int has_line;

	va_start(ap, fmt);
	(void)vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	line[0] = '\0';
	if ((file = fopen(path, "re")) == NULL)
		return -1;
	has_line = fgets(line, (int)size, file) != NULL;
	(void)fclose(file);
	line[strcspn(line, "\n")] = '\0';
	return has_line ? 0 : -1;
}

/* The last component of what a link of the device's leads to; or -1. */
static int
link_name(const char *name, const char *link, char *to, size_t size)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t n;

	(void)snprintf(path, sizeof(path), SYSFS_DEVICES "/%.64s/%s", name,
	    link);
	if ((n = readlink(path, target, sizeof(target) - 1)) == -1)
		return -1;
	target[n] = '\0';
	(void)snprintf(to, size, "%.31s", strrchr(target, '/') != NULL ?
	    strrchr(target, '/') + 1 : target);
	return 0;
}

int
is_vfio(const struct patient *p)
{

	return strcmp(p->driver, "vfio-pci") == 0;
}

int
has_group(const struct patient *p)
{
	char group[32];

	return link_name(p->name, "iommu_group", group, sizeof(group)) == 0;
}

/* Octal, as every printf(1) has it. */
void
doctor_write_config(const struct patient *p, const char *name,
    unsigned offset, unsigned width, uint32_t value, char *command,
    size_t size)
{
	char bytes[4 * 4 + 1] = "";
	size_t i;

	(void)p;
	for (i = 0; i < width; i++)
		(void)snprintf(bytes + 4 * i, sizeof(bytes) - 4 * i,
		    "\\%03o", value >> 8 * i & 0xff);
	(void)snprintf(command, size, "printf '%s' | dd of=" SYSFS_DEVICES
	    "/%.64s/config bs=%u seek=%u conv=notrunc status=none", bytes,
	    name, width, offset / width);	/* NOLINT: it is 2 or 4 */
}

int
doctor_system_bar0(const struct patient *p, uint64_t *address)
{
	char line[128];

	return sysfs_line(line, sizeof(line), SYSFS_DEVICES "/%.64s/resource",
	    p->name) == 0 && sscanf(line, "%" SCNx64, address) == 1;
}

void
doctor_absent(const struct patient *p, struct finding *f)
{

	if (p->errnum == ENOENT && access(SYSFS_PCI "/rescan", W_OK) == 0)
		mend(f, "echo 1 >" SYSFS_PCI "/rescan");
}

/* vfio-pci has MSI on while somebody has the device. */
int
doctor_wants_msi(const struct patient *p)
{

	return is_vfio(p) && edu_holder(p->edu) != NULL;
}

/* edu_holder() tells of all. */
int
doctor_unclaimed(const struct patient *p, struct finding *f)
{

	(void)p;
	(void)f;
	return 0;
}

int
doctor_dmi(struct dmi *dmi)
{

	return sysfs_line(dmi->vendor, sizeof(dmi->vendor),
	    "/sys/class/dmi/id/sys_vendor") == -1 ||
	    sysfs_line(dmi->version, sizeof(dmi->version),
	    "/sys/class/dmi/id/product_version") == -1 ? -1 : 0;
}

static void
look_rights(const struct patient *p, struct finding *f)
{
	char text[512];

	(void)p;
	if (geteuid() != 0) {
		found(f, NOTE, "user %lu, who is not told of physical "
		    "addresses: DMA takes root, or vfio-pci",
		    (unsigned long)geteuid());
		return;
	}
	edu_restrictions(EPERM, text, sizeof(text));
	if (text[0] != '\0')
		found(f, WRONG, "root, but %s", text);
	else
		found(f, OK, "root, with all capabilities, no lockdown and no "
		    "confinement that shows");
}

static void
look_driver(const struct patient *p, struct finding *f)
{

	if (strcmp(p->driver, "uio_pci_generic") == 0 || is_vfio(p)) {
		found(f, OK, "%s", p->driver);
		return;
	}
	if (strcmp(p->driver, "none") == 0)
		found(f, WRONG, "no driver is bound");
	else
		found(f, WRONG, "the driver bound is %s", p->driver);
	because(f, "nobody passes the device's interrupts on; without them "
	    "everything is polled");
	mend(f, "edutool -d %s bind %s", p->name, has_group(p) ? "vfio" :
	    "uio");
}

void
doctor_node(const struct patient *p, char *node, size_t size)
{
	char group[32], path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	node[0] = '\0';
	if (is_vfio(p)) {
		if (link_name(p->name, "iommu_group", group,
		    sizeof(group)) == 0)
			(void)snprintf(node, size, "/dev/vfio/%s", group);
		return;
	}
	(void)snprintf(path, sizeof(path), SYSFS_DEVICES "/%.64s/uio",
	    p->name);
	if ((dir = opendir(path)) == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, "uio", 3) == 0)
			(void)snprintf(node, size, "/dev/%.32s",
			    entry->d_name);
	(void)closedir(dir);
}

/* Appends a file that this user may not use. */
static void
add_refused(const char *file, int mode, char *list, size_t size)
{
	size_t used = strlen(list);

	if (*file != '\0' &&
	    faccessat(AT_FDCWD, file, mode, AT_EACCESS) == -1)
		(void)snprintf(list + used, size - used, " %.128s", file);
}

static void
look_nodes(const struct patient *p, struct finding *f)
{
	char file[PATH_MAX], list[256] = "", node[64];
	struct stat st;

	doctor_node(p, node, sizeof(node));
	if (node[0] != '\0' && stat(node, &st) == -1) {
		found(f, WRONG, "%s: %s", node, strerror(errno));
		because(f, "the driver's interrupts are read there");
		mend(f, "mount -t devtmpfs none /dev");
		return;
	}
	(void)snprintf(file, sizeof(file), SYSFS_DEVICES "/%.64s/config",
	    p->name);
	add_refused(file, R_OK | W_OK, list, sizeof(list));
	(void)snprintf(file, sizeof(file), SYSFS_DEVICES "/%.64s/resource0",
	    p->name);
	add_refused(file, R_OK | W_OK, list, sizeof(list));
	add_refused(node, is_vfio(p) ? R_OK | W_OK : R_OK, list,
	    sizeof(list));
	if (list[0] == '\0') {
		found(f, OK, "this user may use the device's files%s%s",
		    node[0] != '\0' ? ", " : "", node);
		return;
	}
	found(f, WRONG, "this user may not use%s", list);
	because(f, "try as root, or have root give them to this user, who is "
	    "worth root then where no IOMMU stands before the memory");
	mend(f, "chown %lu%s", (unsigned long)geteuid(), list);
}

/* A function of the group, not ours, that a driver has; bridges may. */
static int
is_in_the_way(const struct patient *p, const char *address, char *driver,
    size_t size)
{
	char class[16];

	return strcmp(address, p->name) != 0 &&
	    link_name(address, "driver", driver, size) == 0 &&
	    strcmp(driver, "vfio-pci") != 0 &&
	    strcmp(driver, "pci-stub") != 0 &&
	    (sysfs_line(class, sizeof(class), SYSFS_DEVICES "/%.64s/class",
	    address) == -1 || strncmp(class, "0x0604", 6) != 0);
}

static int
look_group(const struct patient *p, const char *group, struct finding *f)
{
	char driver[64], path[64];
	struct dirent *entry;
	int is_viable = 1;
	DIR *dir;

	(void)snprintf(path, sizeof(path),
	    "/sys/kernel/iommu_groups/%.16s/devices", group);
	if ((dir = opendir(path)) == NULL)
		return 1;
	while (is_viable && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.' || !is_in_the_way(p, entry->d_name,
		    driver, sizeof(driver)))
			continue;
		is_viable = 0;
		found(f, WRONG, "group %s has %.64s as well, which the driver "
		    "%s has", group, entry->d_name, driver);
		because(f, "VFIO gives all of a group to one process");
		mend(f, "echo %.64s >" SYSFS_PCI "/drivers/%s/unbind",
		    entry->d_name, driver);
	}
	(void)closedir(dir);
	return is_viable;
}

static void
look_iommu(const struct patient *p, struct finding *f)
{
	char group[32], type[32];

	if (link_name(p->name, "iommu_group", group, sizeof(group)) == -1) {
		found(f, OK, "there is none: the device reaches all memory "
		    "below its mask");
		return;
	}
	if (sysfs_line(type, sizeof(type), SYSFS_DEVICES
	    "/%.64s/iommu_group/type", p->name) == -1)
		(void)snprintf(type, sizeof(type), "unknown");
	if (is_vfio(p) && !look_group(p, group, f))
		return;
	if (is_vfio(p) || strcmp(type, "identity") == 0) {
		found(f, OK, "group %s, %s", group, is_vfio(p) ?
		    "for VFIO" : "which translates nothing");
		return;
	}
	found(f, WRONG, "group %s translates addresses (%s)", group, type);
	because(f, "there is no memory for DMA but by vfio-pci");
	mend(f, "edutool -d %s bind vfio", p->name);
}

const struct check doctor_system[] = {
	{ "machine", doctor_machine },
	{ "rights", look_rights },
	{ "libpciaccess", doctor_libpciaccess },
	{ NULL, NULL }
};

const struct check doctor_kernel[] = {
	{ "driver", look_driver },
	{ "nodes", look_nodes },
	{ "bar0 claim", doctor_bar0_claim },
	{ "line", doctor_line },
	{ "iommu", look_iommu },
	{ "remapping", doctor_remapping },
	{ "memory", doctor_memory },
	{ "huge pages", doctor_huge_pages },
	{ NULL, NULL }
};
