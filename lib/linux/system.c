/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "linux.h"
#include "system.h"

static void
remedy(const char *address, char *buf, size_t size)
{
	char path[sizeof(EDU_SYSFS_PCI) + 160];
	int has_iommu;

	(void)snprintf(path, sizeof(path), EDU_SYSFS_PCI "/%.128s/iommu_group",
	    address);
	has_iommu = access(path, F_OK) == 0;
	(void)snprintf(buf, size, "bind it to %suio_pci_generic (edutool -d %s "
	    "%sbind uio)", has_iommu ? "vfio-pci or " : "", address,
	    has_iommu ? "bind vfio, or " : "");
}

static int
read_machine(char *buf, size_t size)
{
	char vendor[64];

	if (edu_sysfs_line("/sys/class/dmi/id/sys_vendor", vendor,
	    sizeof(vendor)) == -1 || strcmp(vendor, "QEMU") != 0) {
		errno = ENOENT;
		return -1;
	}
	return edu_sysfs_line("/sys/class/dmi/id/product_version", buf, size);
}

/* It stays what it is: once is enough. */
static int
machine(char *buf, size_t size)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static char known[64];
	int result = 0;

	(void)pthread_mutex_lock(&lock);
	if (known[0] == '\0')
		result = read_machine(known, sizeof(known));
	if (result == -1)
		known[0] = '\0';
	else if (strlen(known) < size)
		(void)strcpy(buf, known);
	else {
		errno = ERANGE;
		result = -1;
	}
	(void)pthread_mutex_unlock(&lock);
	return result;
}

static int
pci_is_empty(void)
{
	struct dirent *entry;
	DIR *directory;
	int errnum, is_empty = 1;

	if ((directory = opendir(EDU_SYSFS_PCI)) == NULL)
		return -1;
	do {
		errno = 0;
		if ((entry = readdir(directory)) == NULL)
			break;
		is_empty = entry->d_name[0] == '.';
	} while (is_empty);
	errnum = errno;
	(void)closedir(directory);
	errno = errnum;
	return errnum != 0 ? -1 : is_empty;
}

/* Whoever may not know gets 0 for every address. */
static int
memory_start(uint64_t *address)
{
	char line[128], what[32];
	int result = -1;
	FILE *file;

	if ((file = fopen("/proc/iomem", "re")) == NULL)
		return -1;
	while (result == -1 && fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "%" SCNx64 "-%*x : %31[^\n]", address,
		    what) == 2 && strcmp(what, "System RAM") == 0)
			result = *address != 0 ? 0 : -1;
	(void)fclose(file);
	return result;
}

const struct edu_system edu_system = {
	.pci_is_empty		= pci_is_empty,
	.pci_probe_asks		= 1,
	.pci_map_refused	= "a kernel driver has claimed it",
	.config			= edu_linux_config,
	.instance		= edu_linux_instance,
	.reset			= edu_linux_reset,
	.is_unused		= edu_linux_is_unused,
	.driver			= edu_linux_driver,
	.holder			= edu_linux_holder,
	.kernel			= edu_linux_kernel,
	.remedy			= remedy,
	.machine		= machine,
	.environment		= secure_getenv,
	.memory_start		= memory_start,
};
