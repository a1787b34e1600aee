/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * The files of this system: whatever is opened, by whatever name, has what the
 * next bytes say, up to a 0, or is not there.  Nothing of the real ones is
 * touched, and no process is started.
 */

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

#include "files.h"

int	__real_open(const char *, int, ...);
int	__wrap_open(const char *, int, ...);
int	__wrap_openat(int, const char *, int, ...);
FILE	*__wrap_fopen(const char *, const char *);
DIR	*__wrap_opendir(const char *);
DIR	*__wrap_fdopendir(int);
struct dirent *__wrap_readdir(DIR *);
int	__wrap_closedir(DIR *);
int	__wrap_dirfd(DIR *);
ssize_t	__wrap_readlink(const char *, char *, size_t);
int	__wrap_stat(const char *, struct stat *);
int	__wrap_fstatat(int, const char *, struct stat *, int);
int	__wrap_access(const char *, int);
int	__wrap_faccessat(int, const char *, int, int);
char	*__wrap_realpath(const char *, char *);
uid_t	__wrap_geteuid(void);
pid_t	__wrap_fork(void);
int	__wrap_sigaction(int, const struct sigaction *, struct sigaction *);
void	(*__wrap_signal(int, void (*)(int)))(int);

struct input *files;

/* 0, or -1 with errno; at the end there is nothing. */
static int
there_is(void)
{
	static const int errnums[] = { ENOENT, EACCES, EPERM, EIO, EBUSY,
	    ENOMEM, EMFILE, ENOTDIR };
	unsigned c = files->left > 0 ? take_byte(files) : 0xe0;

	if (c < 0xe0)
		return 0;
	errno = errnums[c % 8];
	return -1;
}

static int
open_text(void)
{
	char text[4096];
	size_t length;
	int fd;

	if (there_is() == -1)
		return -1;
	length = strlen(take_text(files, text, sizeof(text)));
	MUST((fd = memfd_create("file", MFD_CLOEXEC)) != -1);
	MUST(pwrite(fd, text, length, 0) == (ssize_t)length);
	return fd;
}

int
__wrap_open(const char *path, int flags, ...)
{

	if (strcmp(path, "/dev/null") == 0)
		return __real_open(path, flags);
	return open_text();
}

int
__wrap_openat(int dir, const char *path, int flags, ...)
{

	(void)dir;
	(void)path;
	(void)flags;
	return open_text();
}

FILE *
__wrap_fopen(const char *path, const char *mode)
{
	int fd = open_text();
	FILE *file;

	(void)path;
	if (fd == -1)
		return NULL;
	MUST((file = fdopen(fd, mode[0] == 'r' ? "r" : "w")) != NULL);
	return file;
}

/* One is open at a time; it is none. */
static char directory;

DIR *
__wrap_opendir(const char *path)
{

	(void)path;
	return there_is() == -1 ? NULL : (DIR *)(void *)&directory;
}

DIR *
__wrap_fdopendir(int fd)
{

	(void)close(fd);
	return (DIR *)(void *)&directory;
}

struct dirent *
__wrap_readdir(DIR *dir)
{
	static struct dirent entry;

	(void)dir;
	if (files->left == 0)
		return NULL;
	(void)take_text(files, entry.d_name, sizeof(entry.d_name));
	return entry.d_name[0] != '\0' ? &entry : NULL;
}

int
__wrap_closedir(DIR *dir)
{

	(void)dir;
	return 0;
}

int
__wrap_dirfd(DIR *dir)
{

	(void)dir;
	return AT_FDCWD;
}

/* Without a 0 behind it. */
ssize_t
files_link(char *buf, size_t size)
{
	char text[4096];
	size_t length;

	if (there_is() == -1)
		return -1;
	length = strlen(take_text(files, text, sizeof(text)));
	memcpy(buf, text, length < size ? length : size);
	return (ssize_t)(length < size ? length : size);
}

ssize_t
__wrap_readlink(const char *path, char *buf, size_t size)
{

	(void)path;
	return files_link(buf, size);
}

static int
look(struct stat *st)
{

	memset(st, 0, sizeof(*st));
	st->st_mode = (mode_t)take(files, 2);
	st->st_rdev = (dev_t)take(files, 1);
	st->st_mtim.tv_sec = (time_t)take(files, 1);
	return there_is();
}

int
__wrap_stat(const char *path, struct stat *st)
{

	(void)path;
	return look(st);
}

int
__wrap_fstatat(int dir, const char *path, struct stat *st, int flags)
{

	(void)dir;
	(void)path;
	(void)flags;
	return look(st);
}

int
__wrap_access(const char *path, int mode)
{

	(void)path;
	(void)mode;
	return there_is();
}

int
__wrap_faccessat(int dir, const char *path, int mode, int flags)
{

	(void)dir;
	(void)path;
	(void)mode;
	(void)flags;
	return there_is();
}

char *
__wrap_realpath(const char *path, char *buf)
{

	(void)path;
	return there_is() == -1 ? NULL : take_text(files, buf, 4096);
}

uid_t
__wrap_geteuid(void)
{

	return 0;
}

pid_t
__wrap_fork(void)
{

	errno = EAGAIN;
	return -1;
}

/* The fuzzer has its own. */
int
__wrap_sigaction(int signo, const struct sigaction *action,
    struct sigaction *old)
{

	(void)signo;
	(void)action;
	if (old != NULL)
		memset(old, 0, sizeof(*old));
	return 0;
}

void
(*__wrap_signal(int signo, void (*handler)(int)))(int)
{

	(void)signo;
	(void)handler;
	return SIG_DFL;
}
