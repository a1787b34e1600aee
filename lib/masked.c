/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * INTx that a close leaves masked, for what is pending (EDU_OPEN_KEEP): a link
 * says that it was we who masked it, so that a later process puts back what the
 * first has found.  Those who cannot write there leave the mask behind; it does
 * no harm until a driver comes that does not expect it.
 */

#include <string.h>
#include <unistd.h>

#include "claim.h"
#include "internal.h"

/* A private bus has no claim, and its name is none for a file. */
static int
find_path(const struct edu *edu, char *path, size_t size)
{

	if (edu->claim == NULL)
		return -1;
	edu_claim_path(edu->claim, ".masked", path, size);
	return 0;
}

/* Of this very function: another may have got its address. */
int
edu_masked_recall(struct edu *edu)
{
	char instance[EDU_INSTANCE_SIZE], path[192], text[EDU_INSTANCE_SIZE];
	ssize_t n;

	if (find_path(edu, path, sizeof(path)) == -1 ||
	    (n = readlink(path, text, sizeof(text) - 1)) == -1)
		return 0;
	text[n] = '\0';
	edu_instance(edu, instance);
	return strcmp(text, instance) == 0;
}

/* A link to nowhere: whole or not there, and no limit of files' sizes. */
void
edu_masked_remember(struct edu *edu, int is_masked)
{
	char instance[EDU_INSTANCE_SIZE], path[192];

	if (find_path(edu, path, sizeof(path)) == -1)
		return;
	(void)unlink(path);
	edu_instance(edu, instance);
	if (is_masked && symlink(instance, path) == -1)
		return;		/* then the mask is left: see above */
}
