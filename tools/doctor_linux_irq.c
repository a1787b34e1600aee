/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * The interrupt line.  Linux switches off one on which something interrupts
 * that nobody takes, and says so in its log alone.  It switches it on again
 * when a driver comes to the line, and counts its interrupts from 0 after both.
 * So it is off where the log says so, nothing has been counted, and the
 * driver's node is older than that.
 */

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "doctor_linux.h"
#include "pci.h"

struct line {
	long	number;
	char	others[256];	/* functions that share it */
	/* One of them that interrupts, and its command register. */
	char	culprit[32];
	uint32_t command;
};

static long
line_of(const char *name)
{
	char text[32];

	if (sysfs_line(text, sizeof(text), SYSFS_DEVICES "/%.64s/irq",
	    name) == -1)
		return 0;
	return strtol(text, NULL, 10);
}

/* The command and status registers, which everybody may read. */
static uint32_t
status_of(const char *name)
{
	unsigned char bytes[4] = { 0, 0, 0, 0 };
	char path[PATH_MAX];
	int fd;

	(void)snprintf(path, sizeof(path), SYSFS_DEVICES "/%.64s/config",
	    name);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return 0;
	if (pread(fd, bytes, sizeof(bytes), PCI_COMMAND) == -1)
		bytes[2] = 0;
	(void)close(fd);
	return (uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 |
	    (uint32_t)bytes[1] << 8 | bytes[0];
}

static void
add_other(struct line *l, const char *name)
{
	size_t used = strlen(l->others);
	uint32_t status = status_of(name);

	(void)snprintf(l->others + used, sizeof(l->others) - used, "%s%.32s",
	    used > 0 ? ", " : "", name);
	if ((status & PCI_STATUS_INTX) && !(status & PCI_COMMAND_NO_INTX)) {
		(void)snprintf(l->culprit, sizeof(l->culprit), "%.31s", name);
		l->command = status & PCI_COMMAND_MASK;
	}
}

static void
find_line(const char *name, struct line *l)
{
	struct dirent *entry;
	DIR *dir;

	memset(l, 0, sizeof(*l));
	l->number = line_of(name);
	if (l->number == 0 || (dir = opendir(SYSFS_DEVICES)) == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' &&
		    strcmp(entry->d_name, name) != 0 &&
		    line_of(entry->d_name) == l->number)
			add_other(l, entry->d_name);
	(void)closedir(dir);
}

/* How often it has interrupted of late; -1: not known. */
static long
count_of(const struct line *l)
{
	char text[64];
	long count;

	if (sysfs_line(text, sizeof(text), "/proc/irq/%ld/spurious",
	    l->number) == 0 && sscanf(text, "count %ld", &count) == 1)
		return count;
	return -1;
}

static int64_t
clock_us(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/*
 * When the log says last that the line was switched off, by the clock of day:
 * 1, 0 when it does not, -1 when this user may not read it.
 */
static int
find_verdict(const struct line *l, int64_t *when_us)
{
	int64_t since_boot = 0;
	int fd, was_off = 0;
	char record[8192], text[64];
	ssize_t n;

	if ((fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC)) == -1)
		return -1;
	(void)snprintf(text, sizeof(text), ";Disabling IRQ #%ld\n", l->number);
	while ((n = read(fd, record, sizeof(record) - 1)) > 0 ||
	    (n == -1 && errno == EPIPE)) {
		record[n > 0 ? n : 0] = '\0';
		if (strstr(record, text) != NULL && sscanf(record,
		    "%*u,%*u,%" SCNd64, &since_boot) == 1)
			was_off = 1;
	}
	(void)close(fd);
	*when_us = clock_us(CLOCK_REALTIME) - clock_us(CLOCK_MONOTONIC) +
	    since_boot;
	return was_off;
}

/* 1: it is switched off, 0: it is not, -1: this user cannot see it. */
static int
is_off(const struct patient *p, const struct line *l)
{
	char node[64];
	struct stat st;
	int64_t when_us;
	int result;

	doctor_node(p, node, sizeof(node));
	if (node[0] == '\0' || count_of(l) > 0)
		return 0;
	if ((result = find_verdict(l, &when_us)) != 1)
		return result;
	return stat(node, &st) == -1 ||
	    (int64_t)st.st_mtim.tv_sec * 1000000 +
	    st.st_mtim.tv_nsec / 1000 < when_us;
}

static void
mend_line(const struct patient *p, const struct line *l, struct finding *f)
{
	char mask[256] = "";

	if (l->culprit[0] != '\0')
		doctor_write_config(p, l->culprit, PCI_COMMAND, 2,
		    l->command | PCI_COMMAND_NO_INTX, mask, sizeof(mask));
	mend(f, "%s%sedutool -d %s bind none; edutool -d %s bind uio", mask,
	    mask[0] != '\0' ? "; " : "", p->name, p->name);
}

void
doctor_line(const struct patient *p, struct finding *f)
{
	struct line l;
	int off;

	find_line(p->name, &l);
	if (is_vfio(p)) {
		found(f, OK, "vfio-pci has it");
		return;
	}
	if (l.number == 0) {
		found(f, NOTE, "the device has no interrupt line");
		return;
	}
	if ((off = is_off(p, &l)) == 1) {
		found(f, WRONG, "the kernel has switched off line %ld "
		    "(\"nobody cared\")%s%s", l.number,
		    l.culprit[0] != '\0' ? ", for nobody takes the "
		    "interrupts of " : "", l.culprit);
		because(f, "interrupts come late, when it happens to look");
		mend_line(p, &l, f);
		return;
	}
	found(f, off == 0 ? OK : UNKNOWN, "line %ld%s%s%s%s", l.number,
	    l.others[0] != '\0' ? ", shared with " : "", l.others,
	    status_of(p->name) & PCI_COMMAND_NO_INTX ? ", masked (bit 10) "
	    "until the next wait" : "", off == 0 ? "" : "; this user may not "
	    "read in the kernel's log whether it was switched off");
}

/* Who remaps is named before the controller: "IR-PCI-MSI", "ITS-MSI". */
static int
is_remapped(void)
{
	char row[1024];
	int is_found = 0;
	FILE *file;

	if ((file = fopen("/proc/interrupts", "re")) == NULL)
		return 0;
	while (!is_found && fgets(row, sizeof(row), file) != NULL)
		is_found = strstr(row, " IR-") != NULL ||
		    strstr(row, " ITS-") != NULL;
	(void)fclose(file);
	return is_found;
}

#define UNSAFE	"/sys/module/vfio_iommu_type1/parameters/" \
		"allow_unsafe_interrupts"

void
doctor_remapping(const struct patient *p, struct finding *f)
{
	char line[8];

	if (!has_group(p))
		found(f, OK, "there is no IOMMU that could remap interrupts");
	else if (is_remapped())
		found(f, OK, "the IOMMU remaps interrupts");
	else if (sysfs_line(line, sizeof(line), UNSAFE) == 0 &&
	    line[0] == 'Y')
		found(f, NOTE, "the IOMMU does not remap interrupts, and VFIO "
		    "is told to bear it");
	else {
		found(f, is_vfio(p) ? WRONG : NOTE, "the IOMMU does not remap "
		    "interrupts");
		because(f, "VFIO gives nobody a device that could send any; "
		    "where all devices are trusted, it may");
		if (access(UNSAFE, F_OK) == 0)
			mend(f, "echo 1 >" UNSAFE);
	}
}
