/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * What other processes have open, or mapped and closed again, of the files that
 * PCI functions are used by from user space: the nodes of drivers, and, for
 * writing, the files of BARs and configuration space.  Who only reads those is
 * no user.
 */

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/types.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "linux.h"

#define PROC		"/proc"
#define THREADS		1024

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* A look at everybody. */
struct look {
	edu_processes_match *match;
	void		*arg;
	int		is_found;	/* one that matches: it ends */
	int		errnum;		/* what there was too little of */
};

/*
 * The kernel's own, most of all that /proc shows: they run no program.  An
 * entry there keeps its inode as long as its process lives, if not shorter, and
 * no other gets that: so who was one is not asked again.
 */
static struct {
	long		pid;
	ino_t		inode;
} threads[THREADS];

static int
begins_with(const char *path, const char *start)
{

	return strncmp(path, start, strlen(start)) == 0;
}

static void
missed(struct look *l)
{

	if (errno == ENOMEM || errno == EMFILE || errno == ENFILE)
		l->errnum = errno;
}

static void
found(struct look *l, long pid, const char *path, const char *how,
    dev_t number)
{
	const struct edu_use use = { pid, number, how, path };

	if (l->match(&use, l->arg))
		l->is_found = 1;
}

static int
is_file(const char *path)
{
	const char *name = strrchr(path, '/');

	return begins_with(path, "/sys/devices/") &&
	    (strcmp(name, "/config") == 0 || begins_with(name, "/resource"));
}

/* What most of what is open in /dev is. */
static int
is_common(const char *path)
{

	return begins_with(path, "/dev/null") ||
	    begins_with(path, "/dev/pts/") || begins_with(path, "/dev/tty") ||
	    begins_with(path, "/dev/console");
}

/* It may have another name, in a container, say: so by its number. */
static int
is_node(int dir, const char *fd, dev_t *number)
{
	char link[PATH_MAX], path[64];
	struct stat st;
	ssize_t n;

	*number = 0;
	if (fstatat(dir, fd, &st, 0) == -1)
		return 1;
	if (!S_ISCHR(st.st_mode))
		return 0;
	*number = st.st_rdev;
	(void)snprintf(path, sizeof(path), "/sys/dev/char/%u:%u",
	    major(st.st_rdev), minor(st.st_rdev));
	if ((n = readlink(path, link, sizeof(link) - 1)) == -1)
		return 1;
	link[n] = '\0';
	return strstr(link, "/uio/") != NULL || strstr(link, "/vfio") != NULL;
}

static void
check_descriptor(struct look *l, int dir, const char *fd, long pid)
{
	char path[PATH_MAX];
	dev_t number;
	struct stat st;
	ssize_t n;

	n = readlinkat(dir, fd, path, sizeof(path) - 1);
	if (n <= 0 || path[0] != '/')
		return;
	path[n] = '\0';
	if (is_file(path)) {
		/* The link's mode tells what it was opened for. */
		if (fstatat(dir, fd, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    (st.st_mode & S_IWUSR))
			found(l, pid, path, "open", 0);
	} else if (begins_with(path, "/dev/") && !is_common(path) &&
	    is_node(dir, fd, &number))
		found(l, pid, path, "open", number);
}

static void
check_descriptors(struct look *l, long pid)
{
	struct dirent *entry;
	char path[64];
	DIR *dir;

	(void)snprintf(path, sizeof(path), PROC "/%ld/fd", pid);
	if ((dir = opendir(path)) == NULL) {
		missed(l);
		return;
	}
	while (!l->is_found && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			check_descriptor(l, dirfd(dir), entry->d_name, pid);
	(void)closedir(dir);
}

/* "7f0c-7f0d rw-s 00000000 00:16 1234    /sys/devices/.../resource0" */
static void
check_mapping(struct look *l, char *line, long pid)
{
	char *path = strchr(line, '/'), *mode = strchr(line, ' ');

	if (path == NULL || mode == NULL || mode > path)
		return;
	path[strcspn(path, "\n")] = '\0';
	if (begins_with(path, "/dev/uio") || begins_with(path, "/dev/vfio/") ||
	    (is_file(path) && mode[2] == 'w' && mode[4] == 's'))
		found(l, pid, path, "mapped", 0);
}

static void
check_mappings(struct look *l, long pid)
{
	char buffer[8192], *line = NULL, path[64];
	size_t size = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), PROC "/%ld/maps", pid);
	if ((f = fopen(path, "re")) == NULL) {
		missed(l);
		return;
	}
	(void)setvbuf(f, buffer, _IOFBF, sizeof(buffer));
	errno = 0;
	while (!l->is_found && getline(&line, &size, f) > 0)
		check_mapping(l, line, pid);
	missed(l);
	free(line);
	(void)fclose(f);
}

static int
runs_program(int proc, long pid, ino_t inode)
{
	char path[64], unused[1];
	size_t i = (size_t)pid % THREADS;

	if (threads[i].pid == pid && threads[i].inode == inode)
		return 0;
	(void)snprintf(path, sizeof(path), "%ld/exe", pid);
	if (readlinkat(proc, path, unused, sizeof(unused)) != -1)
		return 1;
	if (errno == ENOENT) {
		threads[i].pid = pid;
		threads[i].inode = inode;
	}
	return 0;
}

static void
look(struct look *l)
{
	struct dirent *entry;
	pid_t self = getpid();
	long pid;
	DIR *dir;

	if ((dir = opendir(PROC)) == NULL) {
		missed(l);
		return;
	}
	while (!l->is_found && (entry = readdir(dir)) != NULL) {
		pid = strtol(entry->d_name, NULL, 10);
		if (pid <= 0 || pid == (long)self ||
		    !runs_program(dirfd(dir), pid, entry->d_ino))
			continue;
		check_descriptors(l, pid);
		if (!l->is_found)
			check_mappings(l, pid);
	}
	(void)closedir(dir);
}

int
edu_processes_find(edu_processes_match *match, void *arg)
{
	struct look l = { match, arg, 0, 0 };

	(void)pthread_mutex_lock(&lock);
	look(&l);
	(void)pthread_mutex_unlock(&lock);
	errno = l.errnum;
	return l.errnum != 0 ? -1 : l.is_found;
}
