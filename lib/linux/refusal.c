/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Why Linux refuses something to root.  It does not say; so this names all
 * that restricts this process or this machine.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "refusal.h"

/* Capabilities of linux/capability.h that what we do may take. */
#define CAP_DAC_OVERRIDE	((uint64_t)1 << 1)
#define CAP_SYS_ADMIN		((uint64_t)1 << 21)

/* By the program itself: capabilities, and filters of system calls. */
static uint64_t forgone;
static unsigned own_filters;

struct reasons {
	char	*buf;
	size_t	size;
	size_t	used;
};

static void add(struct reasons *, const char *, ...)
    __attribute__((__format__(__printf__, 2, 3)));

static void
add(struct reasons *r, const char *fmt, ...)
{
	va_list ap;
	int n;

	n = snprintf(r->buf + r->used, r->size - r->used, "%s",
	    r->used == 0 ? "" : "; ");
	if (n > 0 && (size_t)n < r->size - r->used)
		r->used += (size_t)n;
	va_start(ap, fmt);
	n = vsnprintf(r->buf + r->used, r->size - r->used, fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < r->size - r->used)
		r->used += (size_t)n;
}

/* The first line of a file that begins with this, and what follows it. */
static int
find_line(const char *path, const char *start, char *buf, size_t size)
{
	char line[4096];
	int is_found = 0;
	FILE *file;

	if ((file = fopen(path, "re")) == NULL)
		return 0;
	while (!is_found && fgets(line, sizeof(line), file) != NULL)
		is_found = strncmp(line, start, strlen(start)) == 0;
	(void)fclose(file);
	if (!is_found)
		return 0;
	line[strcspn(line, "\n")] = '\0';
	(void)snprintf(buf, size, "%s", line + strlen(start));
	return 1;
}

/* The root of a user namespace is not the machine's. */
static void
add_namespace(struct reasons *r)
{
	unsigned long inside, outside, count;
	char line[128];

	if (find_line("/proc/self/uid_map", "", line, sizeof(line)) &&
	    sscanf(line, "%lu %lu %lu", &inside, &outside, &count) == 3 &&
	    (inside != 0 || outside != 0 || count != UINT32_MAX))
		add(r, "of a user namespace");
}

static void
add_capabilities(struct reasons *r)
{
	char line[64];
	uint64_t has;

	if (!find_line("/proc/self/status", "CapEff:", line, sizeof(line)))
		return;
	has = strtoull(line, NULL, 16) | forgone;
	if (!(has & CAP_SYS_ADMIN))
		add(r, "without CAP_SYS_ADMIN");
	if (!(has & CAP_DAC_OVERRIDE))
		add(r, "without CAP_DAC_OVERRIDE");
}

/* securityfs tells, where it is mounted; else there is how it was booted. */
static void
add_lockdown(struct reasons *r)
{
	static const char * const modes[] = { "integrity", "confidentiality" };
	char line[4096], word[32];
	int is_told;
	size_t i;

	is_told = find_line("/sys/kernel/security/lockdown", "", line,
	    sizeof(line));
	if (!is_told && !find_line("/proc/cmdline", "", line, sizeof(line)))
		return;
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		(void)snprintf(word, sizeof(word), is_told ? "[%s]" :
		    "lockdown=%s", modes[i]);
		if (strstr(line, word) != NULL)
			add(r, "the kernel's lockdown is %s: boot without "
			    "\"lockdown=\" and without Secure Boot", modes[i]);
	}
}

/* A Linux older than 5.9 does not count them: ours may not be the only one. */
static int
is_filtered(void)
{
	char line[32];

	if (find_line("/proc/self/status", "Seccomp_filters:\t", line,
	    sizeof(line)))
		return strtoul(line, NULL, 10) > own_filters;
	return own_filters == 0 && find_line("/proc/self/status", "Seccomp:\t",
	    line, sizeof(line)) && strcmp(line, "0") != 0;
}

/* Filters of system calls, AppArmor and SELinux. */
static void
add_confinement(struct reasons *r)
{
	char enforce[8], line[128];

	if (is_filtered())
		add(r, "under a seccomp filter");
	if (!find_line("/proc/self/attr/current", "", line, sizeof(line)))
		return;
	if (strstr(line, " (enforce)") != NULL)
		add(r, "under AppArmor's profile %s", line);
	else if (find_line("/sys/fs/selinux/enforce", "1", enforce,
	    sizeof(enforce)) && strstr(line, "unconfined") == NULL)
		add(r, "under SELinux as %s", line);
}

/* Lockdown's refusals are all EPERM. */
void
edu_restrictions(int errnum, char *buf, size_t size)
{
	struct reasons r = { buf, size, 0 };

	buf[0] = '\0';
	add_namespace(&r);
	add_capabilities(&r);
	if (errnum == EPERM)
		add_lockdown(&r);
	add_confinement(&r);
}

void
edu_refusal(int errnum, char *buf, size_t size)
{
	char restrictions[512];

	buf[0] = '\0';
	if (errnum != EACCES && errnum != EPERM)
		return;
	if (geteuid() != 0) {
		(void)snprintf(buf, size, " (try as root)");
		return;
	}
	edu_restrictions(errnum, restrictions, sizeof(restrictions));
	(void)snprintf(buf, size, " (root, but %s)", restrictions[0] != '\0' ?
	    restrictions : "lockdown, a security module or a container may "
	    "refuse it all the same; dmesg may say");
}

void
edu_forgo_capabilities(uint64_t capabilities)
{

	forgone |= capabilities;
}

void
edu_forgo_calls(void)
{

	own_filters++;
}
