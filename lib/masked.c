/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * INTx that a close leaves masked, for what is pending (EDU_OPEN_KEEP): a file
 * says that it was we who masked it, so that a later process puts back what the
 * first has found.  Those who cannot write there leave the mask behind; it does
 * no harm until a driver comes that does not expect it.
 */

#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <stdio.h>
#include <unistd.h>

#include "internal.h"

#ifndef _PATH_VARRUN
#define _PATH_VARRUN	"/var/run/"
#endif

/* A private bus has no claim, and its name is none for a file. */
static int
find_path(const struct edu *edu, char *path, size_t size)
{

	if (edu->claim == NULL)
		return -1;
	(void)snprintf(path, size, _PATH_VARRUN "edu-%s.masked",
	    edu->bus->name);
	return 0;
}

int
edu_masked_recall(const struct edu *edu)
{
	char path[192];

	return find_path(edu, path, sizeof(path)) == 0 &&
	    access(path, F_OK) == 0;
}

void
edu_masked_remember(const struct edu *edu, int is_masked)
{
	char path[192];
	int fd;

	if (find_path(edu, path, sizeof(path)) == -1)
		return;
	if (!is_masked) {
		(void)unlink(path);
		return;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd != -1)
		(void)close(fd);
}
