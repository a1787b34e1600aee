/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Whether another process uses a function from user space, which no driver
 * tells.  What one can use it by are the node of uio_pci_generic, the nodes of
 * VFIO, and, for writing, the files of its BARs and its configuration space;
 * each of them open, or mapped and closed again.  Who only reads those files
 * is no user: such are our own read-only handles.  processes.c looks for them.
 */

#include <sys/stat.h>
#include <sys/types.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "linux.h"

#define PROC		"/proc"
#define MAX_NODES	3

struct search {
	const char	*address;
	int		is_prepared;
	/* The function's directory as the kernel has it, a slash behind. */
	char		directory[PATH_MAX + 1];
	size_t		length;
	struct {
		char	path[64];
		dev_t	number;		/* 0: there is no such node here */
	} nodes[MAX_NODES];
	size_t		nnodes;
	char		*buf;		/* for who was found */
	size_t		size;
	/* Or what there was too little of to look everywhere; 0. */
	int		errnum;
};

/* A file that could not be opened: one that is gone is none of ours. */
static void
missed(struct search *s)
{

	if (errno == ENOMEM || errno == EMFILE || errno == ENFILE)
		s->errnum = errno;
}

static void
add_node(struct search *s, const char *directory, const char *name)
{
	struct stat st;

	if (s->nnodes == MAX_NODES)
		return;
	(void)snprintf(s->nodes[s->nnodes].path,
	    sizeof(s->nodes[s->nnodes].path), "/dev/%s%.40s", directory, name);
	s->nodes[s->nnodes].number =
	    stat(s->nodes[s->nnodes].path, &st) == 0 ? st.st_rdev : 0;
	s->nnodes++;
}

/* Nodes that the function's driver has made: "uio/uio0". */
static void
add_children(struct search *s, const char *folder, const char *prefix,
    const char *directory)
{
	char path[PATH_MAX + 32];
	struct dirent *entry;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%s%s", s->directory, folder);
	if ((dir = opendir(path)) == NULL) {
		missed(s);
		return;
	}
	while ((entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
			add_node(s, directory, entry->d_name);
	(void)closedir(dir);
}

/* "vfio/12", below /dev. */
static void
name_group(const char *number, char *name, size_t size)
{
	char path[64];

	(void)snprintf(name, size, "%.20s", number);
	(void)snprintf(path, sizeof(path), "/dev/vfio/%s", name);
	if (access(path, F_OK) == -1)
		(void)snprintf(name, size, "noiommu-%.15s", number);
}

/* What it can be used by is asked for when somebody uses any function. */
static void
prepare(struct search *s)
{
	char name[32], number[32], path[sizeof(EDU_SYSFS_PCI) + 160];

	s->is_prepared = 1;
	(void)snprintf(path, sizeof(path), EDU_SYSFS_PCI "/%.128s", s->address);
	if (realpath(path, s->directory) == NULL) {
		missed(s);
		(void)strcpy(s->directory, "?");
	}
	(void)strcat(s->directory, "/");
	s->length = strlen(s->directory);
	add_children(s, "uio", "uio", "");
	add_children(s, "vfio-dev", "vfio", "vfio/devices/");
	if (edu_sysfs_group(s->address, number, sizeof(number)) == 0) {
		name_group(number, name, sizeof(name));
		add_node(s, "vfio/", name);
	}
}

/* By a node, or by what processes.c notes of the function's directory. */
static int
is_by(const struct search *s, const struct edu_use *use)
{
	size_t i;

	for (i = 0; i < s->nnodes; i++)
		if (strcmp(use->path, s->nodes[i].path) == 0 ||
		    (use->number != 0 && use->number == s->nodes[i].number))
			return 1;
	return strncmp(use->path, s->directory, s->length) == 0 &&
	    strchr(use->path + s->length, '/') == NULL;
}

static long
parent_of(struct search *s, long pid)
{
	char line[128], path[64];
	long parent = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), PROC "/%ld/status", pid);
	if ((f = fopen(path, "re")) == NULL) {
		missed(s);
		return 0;
	}
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "PPid: %ld", &parent) == 1)
			break;
	(void)fclose(f);
	return parent;
}

/*
 * A child that was forked while we had the function open, and runs our program
 * still: what it has it got from us.
 */
static int
is_our_child(struct search *s, long pid)
{
	char ours[PATH_MAX], path[64], theirs[PATH_MAX];
	ssize_t n = readlink(PROC "/self/exe", ours, sizeof(ours));
	long ancestor;

	(void)snprintf(path, sizeof(path), PROC "/%ld/exe", pid);
	if (n <= 0 || readlink(path, theirs, sizeof(theirs)) != n ||
	    memcmp(ours, theirs, (size_t)n) != 0)
		return 0;
	ancestor = pid;
	while (ancestor > 1 && ancestor != (long)getpid())
		ancestor = parent_of(s, ancestor);
	return ancestor == (long)getpid();
}

static int
check(const struct edu_use *use, void *arg)
{
	struct search *s = arg;
	char name[32] = "?", path[64];

	if (!s->is_prepared)
		prepare(s);
	if (!is_by(s, use) || is_our_child(s, use->pid))
		return 0;
	(void)snprintf(path, sizeof(path), PROC "/%ld/comm", use->pid);
	(void)edu_sysfs_line(path, name, sizeof(name));
	(void)snprintf(s->buf, s->size, "process %ld (%s) has %.100s %s",
	    use->pid, name, use->path, use->how);
	return 1;
}

/*
 * A group opens once, and stays open while a function of it is: this needs no
 * right to look at other processes.  What we have open nobody else has.
 */
static int
is_group_busy(struct search *s)
{
	char name[32], number[32], path[64];
	int fd;

	if (edu_sysfs_group(s->address, number, sizeof(number)) == -1 ||
	    edu_group_is_ours(number))
		return 0;
	name_group(number, name, sizeof(name));
	(void)snprintf(path, sizeof(path), "/dev/vfio/%s", name);
	if ((fd = open(path, O_RDWR | O_CLOEXEC)) != -1) {
		(void)close(fd);
		return 0;
	}
	missed(s);
	if (errno != EBUSY)
		return 0;
	(void)snprintf(s->buf, s->size, "another process is using %s", path);
	return 1;
}

int
edu_linux_holder(const char *address, char *buf, size_t size)
{
	struct search s;
	int result;

	memset(&s, 0, sizeof(s));
	s.address = address;
	s.buf = buf;
	s.size = size;
	if ((result = edu_processes_find(check, &s)) == -1)
		s.errnum = errno;
	if ((result == 1 && s.errnum == 0) || is_group_busy(&s))
		return 1;
	errno = s.errnum;
	return s.errnum != 0 ? -1 : 0;
}
