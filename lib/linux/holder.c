/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Whether another process uses a function from user space, which no driver
 * tells.  What one can use it by are the node of uio_pci_generic, the nodes of
 * VFIO, and, for writing, the files of its BARs and its configuration space;
 * each of them open, or mapped and closed again.  Who only reads those files
 * is no user: such are our own read-only handles.
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
	/* The function's directory as the kernel has it, a slash behind. */
	char		directory[PATH_MAX + 1];
	size_t		length;
	struct {
		char	path[64];
		dev_t	number;		/* 0: there is no such node here */
	} nodes[MAX_NODES];
	size_t		nnodes;
	char		group[64];	/* VFIO's, of the function, not ours */
	/* What was found, and whether it is open or mapped. */
	char		what[128];
	const char	*how;
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

static void
add_group(struct search *s)
{
	char link[PATH_MAX], name[32], path[PATH_MAX + 32];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%siommu_group", s->directory);
	if ((n = readlink(path, link, sizeof(link) - 1)) == -1)
		return;
	link[n] = '\0';
	(void)snprintf(name, sizeof(name), "%.20s", strrchr(link, '/') + 1);
	(void)snprintf(path, sizeof(path), "/dev/vfio/%s", name);
	if (access(path, F_OK) == -1)
		(void)snprintf(name, sizeof(name), "noiommu-%.15s",
		    strrchr(link, '/') + 1);
	add_node(s, "vfio/", name);
	if (!edu_group_is_ours(strrchr(link, '/') + 1))
		(void)snprintf(s->group, sizeof(s->group), "/dev/vfio/%.40s",
		    name);
}

static int
prepare(struct search *s, const char *address)
{
	char path[sizeof(EDU_SYSFS_PCI) + 160];

	memset(s, 0, sizeof(*s));
	(void)snprintf(path, sizeof(path), EDU_SYSFS_PCI "/%.128s", address);
	if (realpath(path, s->directory) == NULL)
		return -1;
	(void)strcat(s->directory, "/");
	s->length = strlen(s->directory);
	add_children(s, "uio", "uio", "");
	add_children(s, "vfio-dev", "vfio", "vfio/devices/");
	add_group(s);
	return 0;
}

/* Whether a path, as /proc shows it, is one to use the function by. */
static int
is_ours(const struct search *s, const char *path, int is_writable)
{
	const char *file;
	size_t i;

	for (i = 0; i < s->nnodes; i++)
		if (strcmp(path, s->nodes[i].path) == 0)
			return 1;
	if (!is_writable || strncmp(path, s->directory, s->length) != 0)
		return 0;
	file = path + s->length;
	return strncmp(file, "resource", 8) == 0 || strcmp(file, "config") == 0;
}

/* A node by another name, in a container, say. */
static int
is_our_node(const struct search *s, int dir, const char *fd)
{
	struct stat st;
	size_t i;

	if (fstatat(dir, fd, &st, 0) == -1 || !S_ISCHR(st.st_mode))
		return 0;
	for (i = 0; i < s->nnodes; i++)
		if (s->nodes[i].number != 0 &&
		    s->nodes[i].number == st.st_rdev)
			return 1;
	return 0;
}

static int
check_descriptor(struct search *s, int dir, const char *fd)
{
	char path[PATH_MAX];
	struct stat st;
	ssize_t n;

	n = readlinkat(dir, fd, path, sizeof(path) - 1);
	if (n <= 0 || path[0] != '/')
		return 0;
	path[n] = '\0';
	/* The link's own mode tells what the descriptor was opened for. */
	if (!is_ours(s, path, fstatat(dir, fd, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    (st.st_mode & S_IWUSR)) &&
	    (strncmp(path, "/dev/", 5) != 0 || !is_our_node(s, dir, fd)))
		return 0;
	(void)snprintf(s->what, sizeof(s->what), "%.100s", path);
	s->how = "open";
	return 1;
}

static int
check_descriptors(struct search *s, const char *pid)
{
	struct dirent *entry;
	char path[64];
	int found = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), PROC "/%.20s/fd", pid);
	if ((dir = opendir(path)) == NULL) {
		missed(s);
		return 0;
	}
	while (!found && (entry = readdir(dir)) != NULL)
		found = check_descriptor(s, dirfd(dir), entry->d_name);
	(void)closedir(dir);
	return found;
}

/* "7f0c-7f0d rw-s 00000000 00:16 1234    /sys/devices/.../resource0" */
static int
check_mapping(struct search *s, char *line)
{
	char *path = strchr(line, '/'), *mode = strchr(line, ' ');

	if (path == NULL || mode == NULL || mode > path)
		return 0;
	path[strcspn(path, "\n")] = '\0';
	if (!is_ours(s, path, mode[2] == 'w' && mode[4] == 's'))
		return 0;
	(void)snprintf(s->what, sizeof(s->what), "%.100s", path);
	s->how = "mapped";
	return 1;
}

static int
check_mappings(struct search *s, const char *pid)
{
	char *line = NULL, path[64];
	size_t size = 0;
	int found = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), PROC "/%.20s/maps", pid);
	if ((f = fopen(path, "re")) == NULL) {
		missed(s);
		return 0;
	}
	errno = 0;
	while (!found && getline(&line, &size, f) > 0)
		found = check_mapping(s, line);
	missed(s);
	free(line);
	(void)fclose(f);
	return found;
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
is_our_child(struct search *s, const char *pid)
{
	char ours[PATH_MAX], path[64], theirs[PATH_MAX];
	ssize_t n = readlink(PROC "/self/exe", ours, sizeof(ours));
	long ancestor;

	(void)snprintf(path, sizeof(path), PROC "/%.20s/exe", pid);
	if (n <= 0 || readlink(path, theirs, sizeof(theirs)) != n ||
	    memcmp(ours, theirs, (size_t)n) != 0)
		return 0;
	ancestor = strtol(pid, NULL, 10);
	while (ancestor > 1 && ancestor != (long)getpid())
		ancestor = parent_of(s, ancestor);
	return ancestor == (long)getpid();
}

static void
describe(const struct search *s, const char *pid, char *buf, size_t size)
{
	char name[32] = "?", path[64];

	(void)snprintf(path, sizeof(path), PROC "/%.20s/comm", pid);
	(void)edu_sysfs_line(path, name, sizeof(name));
	(void)snprintf(buf, size, "process %s (%s) has %s %s", pid, name,
	    s->what, s->how);
}

/* The kernel's own, most of them all, run no program: not to be looked at. */
static int
runs_program(const char *pid)
{
	char path[64], unused[1];

	(void)snprintf(path, sizeof(path), PROC "/%.20s/exe", pid);
	return readlink(path, unused, sizeof(unused)) != -1;
}

static int
search_processes(struct search *s, char *buf, size_t size)
{
	struct dirent *entry;
	int found = 0;
	DIR *dir;

	if ((dir = opendir(PROC)) == NULL) {
		missed(s);
		return 0;
	}
	while (!found && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
		    strtol(entry->d_name, NULL, 10) == (long)getpid() ||
		    !runs_program(entry->d_name))
			continue;
		found = (check_descriptors(s, entry->d_name) ||
		    check_mappings(s, entry->d_name)) &&
		    !is_our_child(s, entry->d_name);
		if (found)
			describe(s, entry->d_name, buf, size);
	}
	(void)closedir(dir);
	return found;
}

/*
 * A group opens once, and stays open while a function of it is: this needs no
 * right to look at other processes.  What we have open nobody else has.
 */
static int
is_group_busy(struct search *s)
{
	int fd;

	if (s->group[0] == '\0')
		return 0;
	if ((fd = open(s->group, O_RDWR | O_CLOEXEC)) == -1) {
		missed(s);
		return errno == EBUSY;
	}
	(void)close(fd);
	return 0;
}

int
edu_linux_holder(const char *address, char *buf, size_t size)
{
	struct search s;

	if (prepare(&s, address) == -1)
		return errno == ENOMEM ? -1 : 0;
	if (search_processes(&s, buf, size) && s.errnum == 0)
		return 1;
	if (!is_group_busy(&s)) {
		errno = s.errnum;
		return s.errnum != 0 ? -1 : 0;
	}
	(void)snprintf(buf, size, "another process is using %s", s.group);
	return 1;
}
