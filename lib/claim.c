/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "claim.h"
#include "error.h"

#ifndef _PATH_VARRUN
#define _PATH_VARRUN	"/var/run/"
#endif

/* To look at what is in there, and no more. */
#if defined(O_PATH)
#define DIRECTORY	(O_PATH | O_DIRECTORY | O_CLOEXEC)
#elif defined(O_SEARCH)
#define DIRECTORY	(O_SEARCH | O_DIRECTORY | O_CLOEXEC)
#else
#define DIRECTORY	(O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#endif

#define SHARED		"edu"
#define SUFFIX		".lock"

struct edu_claim {
	struct edu_claim *next;
	pid_t		pid;		/* a child's copy holds no lock */
	int		fd;
	off_t		byte;		/* the locked one */
	char		path[64];	/* see name_of() */
	struct edu_error *err;
};

/*
 * Those of this process: it never collides with its own locks.  All on one
 * file share a descriptor, for closing any would end the locks of all.
 */
static pthread_mutex_t claims_lock = PTHREAD_MUTEX_INITIALIZER;
static struct edu_claim *claims;
/* _PATH_VARRUN while there are any: to find it may mean to follow links. */
static int directory = -1;

/* Where the file is, and who may use it there. */
struct place {
	int		is_shared;
	gid_t		group;
	mode_t		mode;
};

static int
open_directory(struct edu_error *err)
{

	if (directory != -1)
		return 0;
	if ((directory = open(_PATH_VARRUN, DIRECTORY)) != -1)
		return 0;
	return edu_fail(err, errno == ENOENT ? ENOTDIR : errno, "cannot claim "
	    "the device: the directory " _PATH_VARRUN ", where the claim is "
	    "kept: %s", strerror(errno));
}

static void
close_directory(void)
{

	if (claims != NULL || directory == -1)
		return;
	(void)close(directory);
	directory = -1;
}

/* Of a file, from the directory. */
static const char *
name_of(const char *path)
{

	return path + strlen(_PATH_VARRUN);
}

static int
find_place(struct place *place, struct edu_error *err)
{
	struct stat st;

	place->is_shared = 0;
	place->group = 0;
	place->mode = S_IRUSR | S_IWUSR;
	if (open_directory(err) == -1)
		return -1;
	if (fstatat(directory, SHARED, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return 0;
	if (!S_ISDIR(st.st_mode) || st.st_uid != 0 ||
	    (st.st_mode & S_IWOTH) != 0)
		return edu_fail(err, EACCES, "cannot claim the device: "
		    _PATH_VARRUN SHARED " must be a directory of root's that "
		    "not everybody may write");
	place->is_shared = 1;
	place->group = st.st_gid;
	place->mode |= S_IRGRP | S_IWGRP;
	return 0;
}

/*
 * Whoever can open the file can lock it: that must be nobody but those who may
 * drive the device.
 */
static int
check_file(int fd, const char *path, const struct place *place,
    struct edu_error *err)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return edu_fail_errno(err, errno, "%s", path);
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return edu_fail(err, EACCES, "cannot claim the device: %s is "
		    "no file of its own: remove it", path);
	if (!place->is_shared && st.st_uid != 0 && st.st_uid != geteuid())
		return edu_fail(err, EACCES, "cannot claim the device: %s "
		    "belongs to user %lu, who could keep everybody away: "
		    "remove it", path, (unsigned long)st.st_uid);
	if (geteuid() != 0 && st.st_uid != geteuid())
		return 0;
	if (place->is_shared && st.st_gid != place->group &&
	    fchown(fd, (uid_t)-1, place->group) == -1)
		return edu_fail_errno(err, errno, "%s", path);
	if ((st.st_mode & ALLPERMS) != place->mode &&
	    fchmod(fd, place->mode) == -1)
		return edu_fail_errno(err, errno, "%s", path);
	return 0;
}

static int
open_file(const char *path, const struct place *place, struct edu_error *err)
{
	int errnum, fd;

	fd = openat(directory, name_of(path), O_RDWR | O_CREAT | O_CLOEXEC |
	    O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, place->mode);
	if (fd == -1 && errno == EACCES)
		return edu_fail(err, EACCES, "cannot claim the device: %s: "
		    "this user may not write there (try as root, or see how "
		    "libedu(3), FILES, lets a group drive devices)", path);
	if (fd == -1)
		return edu_fail_errno(err, errno, "cannot claim the device: %s",
		    path);
	if (check_file(fd, path, place, err) == 0)
		return fd;
	errnum = errno;
	(void)close(fd);
	errno = errnum;
	return -1;
}

static off_t
byte_of(const char *instance)
{
	uint64_t hash = 0xcbf29ce484222325U;	/* FNV-1a */

	for (; *instance != '\0'; instance++)
		hash = (hash ^ (unsigned char)*instance) * 0x100000001b3U;
	return (off_t)(hash & 0x3fffffff);
}

static int
control(const struct edu_claim *claim, int command, struct flock *l, int type)
{

	memset(l, 0, sizeof(*l));
	l->l_type = (short)type;
	l->l_whence = SEEK_SET;
	l->l_start = claim->byte;
	l->l_len = 1;
	return fcntl(claim->fd, command, l);
}

static int
refuse_self(struct edu_error *err)
{

	return edu_fail(err, EBUSY,
	    "this process has opened the device already");
}

static int
lock(struct edu_claim *claim)
{
	struct flock l;

	if (control(claim, F_SETLK, &l, F_WRLCK) == 0)
		return 0;
	if (errno != EAGAIN && errno != EACCES)
		return edu_fail_errno(claim->err, errno, "cannot lock %s",
		    claim->path);
	/* It may have ended meanwhile; another namespace's has no pid here. */
	if (control(claim, F_GETLK, &l, F_WRLCK) == 0 &&
	    l.l_type != F_UNLCK && l.l_pid > 0)
		return edu_fail(claim->err, EBUSY, "process %ld is using the "
		    "device", (long)l.l_pid);
	return edu_fail(claim->err, EBUSY, "another process is using the "
	    "device (it locks %s)", claim->path);
}

/* This process's other claim on that file, in the list. */
static struct edu_claim *
find_other(const struct edu_claim *claim)
{
	struct edu_claim *other;

	for (other = claims; other != NULL; other = other->next)
		if (other != claim && other->pid == claim->pid &&
		    strcmp(other->path, claim->path) == 0)
			break;
	return other;
}

/* With the list locked: the claim's descriptor, locked. */
static int
lock_file(struct edu_claim *claim, const struct place *place)
{
	struct edu_claim *other;
	int errnum;

	for (other = claims; other != NULL; other = other->next)
		if (other->pid == claim->pid && other->byte == claim->byte &&
		    strcmp(other->path, claim->path) == 0)
			return refuse_self(claim->err);
	if ((other = find_other(claim)) != NULL)
		claim->fd = other->fd;
	else
		claim->fd = open_file(claim->path, place, claim->err);
	if (claim->fd == -1)
		return -1;
	if (lock(claim) == 0)
		return 0;
	errnum = errno;
	if (other == NULL)
		(void)close(claim->fd);
	errno = errnum;
	return -1;
}

/* Likewise: it enters the list. */
static int
take(struct edu_claim *claim, const char *address)
{
	struct place place;

	if (find_place(&place, claim->err) == -1)
		return -1;
	(void)snprintf(claim->path, sizeof(claim->path),
	    _PATH_VARRUN "%sedu-%s" SUFFIX,
	    place.is_shared ? SHARED "/" : "", address);
	if (lock_file(claim, &place) == -1)
		return -1;
	claim->next = claims;
	claims = claim;
	return 0;
}

struct edu_claim *
edu_claim_take(const char *address, const char *instance,
    struct edu_error *err)
{
	struct edu_claim *claim;
	int errnum, result;

	if ((claim = calloc(1, sizeof(*claim))) == NULL) {
		(void)edu_fail_memory(err);
		return NULL;
	}
	claim->err = err;
	claim->pid = getpid();
	claim->byte = byte_of(instance);
	(void)pthread_mutex_lock(&claims_lock);
	result = take(claim, address);
	errnum = errno;
	close_directory();
	(void)pthread_mutex_unlock(&claims_lock);
	if (result == 0)
		return claim;
	free(claim);
	errno = errnum;
	return NULL;
}

/*
 * The file stays: removing it would let two processes hold locks on two files
 * of the same name.
 */
void
edu_claim_drop(struct edu_claim *claim)
{
	struct edu_claim **at;
	struct flock l;
	int errnum = errno;

	if (claim == NULL)
		return;
	(void)pthread_mutex_lock(&claims_lock);
	for (at = &claims; *at != NULL; at = &(*at)->next)
		if (*at == claim) {
			*at = claim->next;
			break;
		}
	(void)control(claim, F_SETLK, &l, F_UNLCK);
	if (find_other(claim) == NULL)
		(void)close(claim->fd);
	close_directory();
	(void)pthread_mutex_unlock(&claims_lock);
	free(claim);
	errno = errnum;
}

int
edu_claim_file(const struct edu_claim *claim, const char *suffix, char *name,
    size_t size)
{
	const char *own = name_of(claim->path);

	(void)snprintf(name, size, "%.*s%s",
	    (int)(strlen(own) - strlen(SUFFIX)), own, suffix);
	return directory;
}

/* All of one function's have the same length: each overwrites the last. */
static int
format_undo(char *text, size_t size, const struct edu_undo *u)
{

	return snprintf(text, size, "undo command %04x bar %02x wide %u low "
	    "%08x high %08x id %08x class %08x of %s end\n", u->command,
	    u->offset, u->is_wide, u->low, u->high, u->id, u->class,
	    u->instance);
}

/* A file that may not grow that far would be a signal, SIGXFSZ. */
static int
check_limit(struct edu_claim *claim, size_t length)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_FSIZE, &limit) == -1 || limit.rlim_cur >= length)
		return 0;
	return edu_fail(claim->err, EFBIG, "cannot write the claim's file %s: "
	    "this process may write no file of %zu bytes (ulimit -f)",
	    claim->path, length);
}

int
edu_claim_remember(struct edu_claim *claim, const struct edu_undo *u)
{
	char text[256];
	int length = 0;
	ssize_t n;

	if (u != NULL) {
		length = format_undo(text, sizeof(text), u);
		if (check_limit(claim, (size_t)length) == -1)
			return -1;
		n = pwrite(claim->fd, text, (size_t)length, 0);
		/* What is cut off had no room. */
		if (n != length)
			return edu_fail_errno(claim->err,
			    n == -1 ? errno : ENOSPC, "cannot write the "
			    "claim's file %s", claim->path);
	}
	if (ftruncate(claim->fd, length) == -1)
		return edu_fail_errno(claim->err, errno, "cannot write the "
		    "claim's file %s", claim->path);
	return 0;
}

/* Only what we would have written, to the letter. */
int
edu_claim_recall(struct edu_claim *claim, struct edu_undo *u)
{
	char again[256], text[256] = "";
	int length;

	memset(u, 0, sizeof(*u));
	if (pread(claim->fd, text, sizeof(text) - 1, 0) <= 0)
		return 0;
	if (sscanf(text, "undo command %x bar %x wide %u low %x high %x id %x "
	    "class %x of %63s end", &u->command, &u->offset, &u->is_wide,
	    &u->low, &u->high, &u->id, &u->class, u->instance) != 8)
		return 0;
	length = format_undo(again, sizeof(again), u);
	return strncmp(text, again, (size_t)length) == 0;
}
