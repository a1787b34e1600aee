/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* What NetBSD does with the machine and with the device. */

#include <sys/param.h>
#include <sys/module.h>
#include <sys/stat.h>
#include <sys/sysctl.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"

#define DRIVER		"edu"
#define MAX_UNITS	16

static int
has_driver(const struct patient *p)
{
	size_t length = strlen(DRIVER);

	return strncmp(p->driver, DRIVER, length) == 0 &&
	    p->driver[length] >= '0' && p->driver[length] <= '9';
}

static int
securelevel(void)
{
	size_t size = sizeof(int);
	int level = 0;

	(void)sysctlbyname("kern.securelevel", &level, &size, NULL, 0);
	return level;
}

/* pcictl(8) writes whole dwords; the status half is cleared by ones. */
void
doctor_write_config(const struct patient *p, const char *name,
    unsigned offset, unsigned width, uint32_t value, char *command,
    size_t size)
{
	unsigned bus, device, domain, function, shift = offset % 4 * 8;
	uint32_t dword = 0, mask;

	mask = (width == 4 ? UINT32_MAX : (1U << 8 * width) - 1) << shift;
	if (sscanf(name, "%x:%x:%x.%x", &domain, &bus, &device,
	    &function) != 4 ||
	    edu_config_read(p->edu, offset & ~3U, &dword) == -1)
		return;
	if (offset == 4)
		dword &= 0xffff;
	(void)snprintf(command, size, "pcictl pci%u write -b %u -d %u -f %u "
	    "0x%x 0x%x", domain, bus, device, function, offset & ~3U,
	    (dword & ~mask) | (value << shift & mask));
}

int
doctor_system_bar0(const struct patient *p, uint64_t *address)
{

	(void)p;
	(void)address;
	return 0;
}

/* Who may not see the bus may be given a node. */
void
doctor_absent(const struct patient *p, struct finding *f)
{
	char node[32];
	unsigned unit;

	if (p->errnum != EACCES)
		return;
	for (unit = 0; unit < MAX_UNITS; unit++) {
		(void)snprintf(node, sizeof(node), "/dev/edu%u", unit);
		if (faccessat(AT_FDCWD, node, R_OK | W_OK, AT_EACCESS) == -1 &&
		    errno == EACCES) {
			mend(f, "chown %lu %s", (unsigned long)geteuid(),
			    node);
			return;
		}
	}
}

int
doctor_wants_msi(const struct patient *p)
{

	return has_driver(p);
}

static int
text_of(const char *name, char *buf, size_t size)
{
	size_t length = size - 1;

	memset(buf, 0, size);
	return sysctlbyname(name, buf, &length, NULL, 0);
}

int
doctor_dmi(struct dmi *dmi)
{

	return text_of("machdep.dmi.system-vendor", dmi->vendor,
	    sizeof(dmi->vendor)) == -1 ||
	    text_of("machdep.dmi.system-version", dmi->version,
	    sizeof(dmi->version)) == -1 ? -1 : 0;
}

/* Of the list of modules: how many there are, and then each. */
static int
has_module(const char *list, const char *name)
{
	const char *at = list + sizeof(int);
	modstat_t module;
	int count, i;

	(void)memcpy(&count, list, sizeof(count));
	for (i = 0; i < count; i++, at += sizeof(module)) {
		(void)memcpy(&module, at, sizeof(module));
		if (strcmp(module.ms_name, name) == 0)
			return 1;
	}
	return 0;
}

/* Whether the kernel has edu(4), attached or not. */
static int
is_loaded(void)
{
	struct iovec iov = { NULL, 32768 };
	size_t size;
	int answer;

	do {
		free(iov.iov_base);
		size = iov.iov_len;
		iov.iov_base = calloc(1, size);
		if (iov.iov_base == NULL || modctl(MODCTL_STAT, &iov) == -1) {
			free(iov.iov_base);
			return 0;
		}
	} while (iov.iov_len > size);
	answer = has_module(iov.iov_base, DRIVER);
	free(iov.iov_base);
	return answer;
}

/* Above securelevel 0 no module can be loaded. */
static void
mend_driver(const struct patient *p, struct finding *f)
{

	if (is_loaded())
		mend(f, "drvctl -r pci%ld", strtol(p->name, NULL, 16));
	else if (securelevel() <= 0)
		mend(f, "modload edu");
}

static void
look_securelevel(const struct patient *p, struct finding *f)
{
	int level = securelevel();

	if (level <= 0)
		found(f, OK, "it is %d, which forbids nothing here", level);
	else if (p->edu == NULL)
		found(f, NOTE, "it is %d: edu(4) alone gives BAR0", level);
	else if (has_driver(p))
		found(f, OK, "it is %d: edu(4) gives BAR0", level);
	else {
		found(f, WRONG, "it is %d: edu(4) alone gives BAR0", level);
		because(f, is_loaded() ? "it is not attached" : "no module can "
		    "be loaded any more: have it loaded while booting, as "
		    "modules.conf(5) says");
		mend_driver(p, f);
	}
}

static void
look_driver(const struct patient *p, struct finding *f)
{

	if (has_driver(p)) {
		found(f, OK, "%s", p->driver);
		return;
	}
	if (strcmp(p->driver, "none") != 0)
		found(f, WRONG, "the driver attached is %s", p->driver);
	else
		found(f, WRONG, "edu(4) is not %s", is_loaded() ? "attached" :
		    "loaded");
	because(f, "nobody passes the device's interrupts on, and there is no "
	    "memory for DMA");
	mend_driver(p, f);
}

static long
name_node(const struct patient *p, char *node, size_t size)
{
	long unit = strtol(p->driver + strlen(DRIVER), NULL, 10);

	(void)snprintf(node, size, "/dev/edu%ld", unit);
	return unit;
}

/* To who would only write, the driver says EBUSY or EINVAL, and no more. */
int
doctor_unclaimed(const struct patient *p, struct finding *f)
{
	char node[32];
	int fd;

	if (p->is_node || !has_driver(p))
		return 0;
	(void)name_node(p, node, sizeof(node));
	if ((fd = open(node, O_WRONLY | O_NONBLOCK | O_CLOEXEC)) != -1)
		(void)close(fd);
	else if (errno == EBUSY) {
		found(f, WRONG, "a process has %s open, or has closed it and "
		    "still has it mapped", node);
		mend(f, "kill $(fstat %s | awk 'NR > 1 { print $3 }')", node);
		return 1;
	}
	return 0;
}

/* A major number that is given at boot may be another one at the next. */
static void
look_identity(const char *node, long unit, struct finding *f)
{
	struct stat st;

	if (stat(node, &st) == -1)
		found(f, WRONG, "%s: %s", node, strerror(errno));
	else if (!S_ISCHR(st.st_mode) || st.st_rdev !=
	    makedev(getdevmajor(DRIVER, S_IFCHR), unit))
		found(f, WRONG, "%s is not the driver's", node);
	else
		return;
	because(f, "interrupts and memory for DMA come from there");
	mend(f, "rm -rf %s && mknod -m 600 %s c %s %ld", node, node, DRIVER,
	    unit);
}

static void
look_node(const struct patient *p, struct finding *f)
{
	char node[32];
	long unit;

	if (!has_driver(p)) {
		found(f, OK, "without edu(4) there is none");
		return;
	}
	unit = name_node(p, node, sizeof(node));
	look_identity(node, unit, f);
	if (f->state != OK)
		return;
	if (faccessat(AT_FDCWD, node, R_OK | W_OK, AT_EACCESS) == 0) {
		found(f, OK, "this user may use %s", node);
		return;
	}
	found(f, WRONG, "%s: %s", node, strerror(errno));
	because(f, "try as root, or have root give it to this user, who is "
	    "worth root then where no IOMMU stands before the memory");
	mend(f, "chown %lu %s", (unsigned long)geteuid(), node);
}

const struct check doctor_system[] = {
	{ "machine", doctor_machine },
	{ "securelevel", look_securelevel },
	{ "libpciaccess", doctor_libpciaccess },
	{ NULL, NULL }
};

const struct check doctor_kernel[] = {
	{ "driver", look_driver },
	{ "node", look_node },
	{ NULL, NULL }
};
