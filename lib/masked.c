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
#include <string.h>
#include <unistd.h>

#include "claim.h"
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

/* Of this very function: another may have got its address. */
int
edu_masked_recall(struct edu *edu)
{
	char instance[EDU_INSTANCE_SIZE], path[192], text[EDU_INSTANCE_SIZE];
	ssize_t n;
	int fd;

	if (find_path(edu, path, sizeof(path)) == -1 ||
	    (fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) == -1)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	edu_instance(edu, instance);
	return n > 0 && strcmp(text, instance) == 0;
}

void
edu_masked_remember(struct edu *edu, int is_masked)
{
	char instance[EDU_INSTANCE_SIZE], path[192];
	int fd;

	if (find_path(edu, path, sizeof(path)) == -1)
		return;
	if (!is_masked) {
		(void)unlink(path);
		return;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
	    0600);
	if (fd == -1)
		return;
	edu_instance(edu, instance);
	/* Half of it is not it, and the mask is left. */
	if (write(fd, instance, strlen(instance)) == -1)
		(void)unlink(path);
	(void)close(fd);
}
