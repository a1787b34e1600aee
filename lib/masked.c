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

/*
 * The link's directory.  A private bus has no claim, and its name is none for
 * a file.
 */
static int
find_link(const struct edu *edu, char *name, size_t size)
{

	if (edu->claim == NULL)
		return -1;
	return edu_claim_file(edu->claim, ".masked", name, size);
}

/* Of this very function: another may have got its address. */
int
edu_masked_recall(struct edu *edu)
{
	char instance[EDU_INSTANCE_SIZE], name[192], text[EDU_INSTANCE_SIZE];
	int directory = find_link(edu, name, sizeof(name));
	ssize_t n;

	if (directory == -1 ||
	    (n = readlinkat(directory, name, text, sizeof(text) - 1)) == -1)
		return 0;
	text[n] = '\0';
	edu_instance(edu, instance);
	return strcmp(text, instance) == 0;
}

/* A link to nowhere: whole or not there, and no limit of files' sizes. */
void
edu_masked_remember(struct edu *edu, int is_masked)
{
	char instance[EDU_INSTANCE_SIZE], name[192];
	int directory = find_link(edu, name, sizeof(name));

	if (directory == -1)
		return;
	(void)unlinkat(directory, name, 0);
	if (!is_masked)
		return;
	edu_instance(edu, instance);
	if (symlinkat(instance, directory, name) == -1)
		return;		/* then the mask is left: see above */
}
