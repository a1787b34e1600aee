/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* What NetBSD does with the machine and with the device. */

#include <sys/param.h>
#include <sys/stat.h>
#include <sys/sysctl.h>

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

static void
look_machine(const struct patient *p, struct finding *f)
{
	char type[128], vendor[64];

	(void)p;
	if (text_of("machdep.dmi.system-vendor", vendor,
	    sizeof(vendor)) == -1 || text_of("machdep.dmi.system-version", type,
	    sizeof(type)) == -1)
		found(f, UNKNOWN, "no DMI tables say what this machine is");
	else if (strcmp(vendor, "QEMU") != 0)
		found(f, NOTE, "this is no QEMU by its DMI tables, but %s",
		    vendor);
	else
		found(f, OK, "%s, of a QEMU at least as new", type);
}

static void
look_securelevel(const struct patient *p, struct finding *f)
{
	int level = securelevel();

	if (level <= 0) {
		found(f, OK, "it is %d, which forbids nothing here", level);
		return;
	}
	found(f, p->edu != NULL && has_driver(p) ? OK : WRONG,
	    "it is %d%s", level, p->edu != NULL && has_driver(p) ?
	    ": edu(4) gives BAR0" : "");
	if (f->state == WRONG)
		because(f, "BAR0 is given through edu(4) alone, and no module "
		    "can be loaded any more: load it while booting, as "
		    "modules.conf(5) says");
}

static void
look_driver(const struct patient *p, struct finding *f)
{

	if (has_driver(p)) {
		found(f, OK, "%s", p->driver);
		return;
	}
	if (strcmp(p->driver, "none") == 0)
		found(f, WRONG, "edu(4) is not attached");
	else
		found(f, WRONG, "the driver attached is %s", p->driver);
	because(f, "nobody passes the device's interrupts on, and there is no "
	    "memory for DMA");
	/* Where it is loaded already, it has been detached. */
	mend(f, "modload edu || drvctl -r pci%ld", strtol(p->name, NULL, 16));
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
	unit = strtol(p->driver + strlen(DRIVER), NULL, 10);
	(void)snprintf(node, sizeof(node), "/dev/edu%ld", unit);
	if (faccessat(AT_FDCWD, node, R_OK | W_OK, AT_EACCESS) == 0) {
		found(f, OK, "this user may use %s", node);
		return;
	}
	if (errno == ENOENT) {
		found(f, WRONG, "%s is missing", node);
		because(f, "interrupts and memory for DMA come from there");
		mend(f, "mknod -m 600 %s c edu %ld", node, unit);
		return;
	}
	found(f, WRONG, "%s: %s", node, strerror(errno));
	because(f, "try as root, or have root give it to this user, who is "
	    "worth root then where no IOMMU stands before the memory");
	mend(f, "chown %lu %s", (unsigned long)geteuid(), node);
}

const struct check doctor_system[] = {
	{ "machine", look_machine },
	{ "securelevel", look_securelevel },
	{ "libpciaccess", doctor_libpciaccess },
	{ NULL, NULL }
};

const struct check doctor_kernel[] = {
	{ "driver", look_driver },
	{ "node", look_node },
	{ NULL, NULL }
};
