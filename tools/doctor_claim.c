/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Who has the device.  Of the claim, by its file, as libedu(3) has it under
 * FILES; nothing is locked for that.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"

#ifndef _PATH_VARRUN
#define _PATH_VARRUN	"/var/run/"
#endif
#define SHARED		_PATH_VARRUN "edu"

struct claim {
	char	path[128];
	int	is_shared;
	struct stat st;
	int	errnum;		/* why there is no st, or no fd; 0 */
	int	fd;		/* -1: there is none */
	pid_t	owner;		/* 0: nobody; -1: of another container */
};

static void
find_owner(struct claim *c)
{
	struct flock l;

	memset(&l, 0, sizeof(l));
	l.l_type = F_WRLCK;
	l.l_whence = SEEK_SET;
	if (fcntl(c->fd, F_GETLK, &l) == 0 && l.l_type != F_UNLCK)
		c->owner = l.l_pid > 0 ? l.l_pid : -1;
}

/* The descriptor is the caller's to close. */
static void
open_claim(const struct patient *p, struct claim *c)
{
	struct stat st;

	memset(c, 0, sizeof(*c));
	c->fd = -1;
	c->is_shared = lstat(SHARED, &st) == 0;
	(void)snprintf(c->path, sizeof(c->path), "%sedu-%.64s.lock",
	    c->is_shared ? SHARED "/" : _PATH_VARRUN, p->name);
	if (lstat(c->path, &c->st) == -1) {
		c->errnum = errno;
		return;
	}
	if (!S_ISREG(c->st.st_mode))
		return;
	c->fd = open(c->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	c->errnum = c->fd == -1 ? errno : 0;
	if (c->fd != -1)
		find_owner(c);
}

static void
close_claim(const struct claim *c)
{

	if (c->fd != -1)
		(void)close(c->fd);
}

void
doctor_find_undo(struct patient *p)
{
	struct claim c;

	open_claim(p, &c);
	if (c.errnum == 0 && c.st.st_size > 0 && c.fd != -1 && c.owner == 0)
		(void)snprintf(p->undo, sizeof(p->undo), "edutool -d %.64s "
		    "live", p->name);
	close_claim(&c);
}

/* Where the claim is kept: 1 when there is nothing to say. */
static int
look_directory(const struct claim *c, struct finding *f)
{
	struct stat st;

	if (stat(_PATH_VARRUN, &st) == -1) {
		found(f, WRONG, _PATH_VARRUN ": %s", strerror(errno));
		because(f, "the claim on a device is kept there");
		mend(f, "mkdir -p " _PATH_VARRUN);
		return 0;
	}
	if (!c->is_shared || (lstat(SHARED, &st) == 0 &&
	    S_ISDIR(st.st_mode) && st.st_uid == 0 &&
	    (st.st_mode & S_IWOTH) == 0))
		return 1;
	found(f, WRONG, SHARED " is no directory of root's that not everybody "
	    "may write");
	because(f, "anybody could keep others from the device by it");
	if (S_ISDIR(st.st_mode))
		mend(f, "chown root " SHARED " && chmod o-w " SHARED);
	else
		mend(f, "rm -f " SHARED);
	return 0;
}

/* May this user write there? */
static int
look_access(const struct claim *c, struct finding *f)
{
	const char *place = c->is_shared ? SHARED : _PATH_VARRUN;
	int at = c->errnum == ENOENT ?
	    faccessat(AT_FDCWD, place, W_OK | X_OK, AT_EACCESS) :
	    faccessat(AT_FDCWD, c->path, R_OK | W_OK, AT_EACCESS);

	if (at == 0)
		return 1;
	found(f, WRONG, "this user may not claim the device (%s: %s)",
	    c->errnum == ENOENT ? place : c->path, strerror(errno));
	because(f, "try as root, or have root give the claims' place to this "
	    "user's group");
	mend(f, "install -d -o root -g %lu -m 2770 " SHARED,
	    (unsigned long)getegid());
	return 0;
}

static void
look_claim(const struct patient *p, struct finding *f)
{
	struct claim c;

	if (p->is_node) {
		found(f, OK, "the driver's node opens once, and is a claim");
		return;
	}
	open_claim(p, &c);
	if (!look_directory(&c, f))
		;
	else if (c.errnum == 0 && (!S_ISREG(c.st.st_mode) ||
	    c.st.st_nlink != 1 || (!c.is_shared && c.st.st_uid != 0 &&
	    c.st.st_uid != geteuid()))) {
		found(f, WRONG, "%s is no file of its owner's alone", c.path);
		because(f, "anybody could keep others from the device by it");
		mend(f, "rm -rf %s", c.path);
	} else if (c.owner != 0)
		found(f, OK, "the holder has it (%s)", c.path);
	else if (look_access(&c, f))
		found(f, OK, "nobody has claimed the device (%s)", c.path);
	close_claim(&c);
}

static void
look_undo(const struct patient *p, struct finding *f)
{

	if (p->undo[0] == '\0') {
		found(f, OK, "nothing is left to put back");
		return;
	}
	found(f, WRONG, "a process was killed while it sized a BAR");
	because(f, "the device may not answer until the next command that "
	    "drives it has put that right");
	mend(f, "%s", p->undo);
}

/* The system tells who uses it, or, of those who have claimed it, the lock. */
static long
find_holder(const struct patient *p, char *text, size_t size)
{
	const char *holder = edu_holder(p->edu);
	struct claim c;
	long pid = 0;

	open_claim(p, &c);
	close_claim(&c);
	text[0] = '\0';
	if (holder != NULL) {
		(void)snprintf(text, size, "%s", holder);
		(void)sscanf(holder, "process %ld ", &pid);
	} else if (c.owner != 0) {
		pid = c.owner > 0 ? (long)c.owner : 0;
		(void)snprintf(text, size, pid != 0 ? "process %ld has claimed "
		    "the device" : "a process of another container has claimed "
		    "the device", pid);
	}
	return pid;
}

static void
look_holder(const struct patient *p, struct finding *f)
{
	char text[256];
	long pid = find_holder(p, text, sizeof(text));

	if (text[0] == '\0' && !doctor_unclaimed(p, f)) {
		found(f, OK, "no other process uses the device%s",
		    geteuid() != 0 ? ", of those that this user sees" : "");
		return;
	}
	if (text[0] != '\0')
		found(f, WRONG, "%s", text);
	because(f, "one process at a time drives a device");
	if (pid != 0)
		mend(f, "kill %ld", pid);
}

const struct check doctor_claim[] = {
	{ "holder", look_holder },
	{ "claim", look_claim },
	{ "undo", look_undo },
	{ NULL, NULL }
};
