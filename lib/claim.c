/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "claim.h"
#include "error.h"

#ifndef _PATH_VARRUN
#define _PATH_VARRUN	"/var/run/"
#endif

struct edu_claim {
	int		fd;
	struct edu_error *err;
	int		has_undo;	/* found when the claim was taken */
	struct edu_undo	undo;
};

/* One record, always written as a whole. */
#define RECORD_NONE	"pid %ld\n"
#define RECORD_UNDO	"pid %ld\n" \
			"undo command %x bar %x wide %d low %x high %x\n"

static int
refuse_busy(struct edu_error *err, int fd, const char *path)
{
	char text[64] = "";
	long pid = 0;

	if (pread(fd, text, sizeof(text) - 1, 0) > 0)
		(void)sscanf(text, RECORD_NONE, &pid);
	if (pid == (long)getpid())
		return edu_fail(err, EBUSY,
		    "this process has opened the device already");
	if (pid > 0)
		return edu_fail(err, EBUSY, "process %ld is using the device",
		    pid);
	return edu_fail(err, EBUSY, "another process is using the device "
	    "(it locks %s)", path);
}

static int
open_locked(const char *path, struct edu_error *err)
{
	int errnum, fd;

	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd == -1)
		return edu_fail_errno(err, errno, "cannot claim the device: %s",
		    path);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	if (errno == EWOULDBLOCK)
		(void)refuse_busy(err, fd, path);
	else
		(void)edu_fail_errno(err, errno, "cannot lock %s", path);
	errnum = errno;
	(void)close(fd);
	errno = errnum;
	return -1;
}

static void
read_undo(struct edu_claim *claim)
{
	char text[256] = "";
	struct edu_undo *u = &claim->undo;
	long pid;

	if (pread(claim->fd, text, sizeof(text) - 1, 0) <= 0)
		return;
	claim->has_undo = sscanf(text, RECORD_UNDO, &pid, &u->command,
	    &u->offset, &u->is_wide, &u->low, &u->high) == 6;
}

struct edu_claim *
edu_claim_take(const char *address, struct edu_error *err)
{
	struct edu_claim *claim;
	char path[64];

	if ((claim = calloc(1, sizeof(*claim))) == NULL) {
		(void)edu_fail_memory(err);
		return NULL;
	}
	claim->err = err;
	(void)snprintf(path, sizeof(path), _PATH_VARRUN "edu-%s.lock", address);
	if ((claim->fd = open_locked(path, err)) == -1) {
		free(claim);
		return NULL;
	}
	read_undo(claim);
	/* The pid goes in at once, what is left to undo stays. */
	if (edu_claim_remember(claim,
	    claim->has_undo ? &claim->undo : NULL) == -1) {
		edu_claim_drop(claim);
		return NULL;
	}
	return claim;
}

/*
 * Unlock: a child that was forked meanwhile has the descriptor as well.  The
 * file stays: removing it would let two processes hold locks on two files of
 * the same name.
 */
void
edu_claim_drop(struct edu_claim *claim)
{
	int errnum = errno;

	if (claim == NULL)
		return;
	(void)flock(claim->fd, LOCK_UN);
	(void)close(claim->fd);
	free(claim);
	errno = errnum;
}

int
edu_claim_remember(struct edu_claim *claim, const struct edu_undo *u)
{
	char text[256];
	int length;

	if (u == NULL)
		length = snprintf(text, sizeof(text), RECORD_NONE,
		    (long)getpid());
	else
		length = snprintf(text, sizeof(text), RECORD_UNDO,
		    (long)getpid(), u->command, u->offset, u->is_wide, u->low,
		    u->high);
	if (pwrite(claim->fd, text, (size_t)length, 0) != length ||
	    ftruncate(claim->fd, length) == -1)
		return edu_fail_errno(claim->err, errno, "cannot write the "
		    "claim's file in " _PATH_VARRUN);
	return 0;
}

int
edu_claim_recall(struct edu_claim *claim, struct edu_undo *undo)
{

	if (claim->has_undo)
		*undo = claim->undo;
	return claim->has_undo;
}
