/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * What a process leaves on disk for the next: lib/claim.c as it is, but for the
 * place of its file, which is none.
 */

#include <sys/mman.h>

#define take		real_take
#define edu_claim_take	real_claim_take
#define edu_claim_drop	real_claim_drop
#define edu_claim_file	real_claim_file
#include "../../lib/claim.c"
#undef take
#undef edu_claim_take
#undef edu_claim_drop
#undef edu_claim_file

#include "world.h"

struct edu_claim *edu_claim_take(const char *, const char *,
    struct edu_error *);
void	edu_claim_drop(struct edu_claim *);
int	edu_claim_file(const struct edu_claim *, const char *, char *, size_t);
ssize_t	__wrap_readlinkat(int, const char *, char *, size_t);
int	__wrap_symlinkat(const char *, int, const char *);
int	__wrap_unlinkat(int, const char *, int);

/* The file has what a former owner has left there. */
struct edu_claim *
edu_claim_take(const char *address, const char *name, struct edu_error *err)
{
	struct edu_claim *claim = calloc(1, sizeof(*claim));
	size_t length = strlen(world.record);

	MUST(claim != NULL && strlen(name) < EDU_INSTANCE_SIZE);
	(void)snprintf(claim->path, sizeof(claim->path),
	    _PATH_VARRUN "edu-%s" SUFFIX, address);
	claim->err = err;
	MUST((claim->fd = memfd_create("claim", MFD_CLOEXEC)) != -1);
	MUST(pwrite(claim->fd, world.record, length, 0) == (ssize_t)length);
	world.claims++;
	return claim;
}

/* What stands there now is the next one's. */
void
edu_claim_drop(struct edu_claim *claim)
{
	struct edu_undo undo;
	ssize_t n;

	if (claim == NULL)
		return;
	MUST(world.is_hostile || !edu_claim_recall(claim, &undo));
	n = pread(claim->fd, world.record, sizeof(world.record) - 1, 0);
	MUST(n >= 0);
	world.record[n] = '\0';
	(void)close(claim->fd);
	world.claims--;
	free(claim);
}

int
edu_claim_file(const struct edu_claim *claim, const char *suffix, char *name,
    size_t size)
{

	MUST(real_claim_file(claim, suffix, name, size) == -1);
	return AT_FDCWD;
}

ssize_t
__wrap_readlinkat(int dir, const char *name, char *buf, size_t size)
{
	size_t n = strlen(world.link);

	(void)dir;
	(void)name;
	MUST(n <= size);
	memcpy(buf, world.link, n);
	return n > 0 ? (ssize_t)n : -1;
}

int
__wrap_symlinkat(const char *to, int dir, const char *name)
{

	(void)dir;
	(void)name;
	(void)snprintf(world.link, sizeof(world.link), "%s", to);
	return 0;
}

int
__wrap_unlinkat(int dir, const char *name, int flags)
{

	(void)dir;
	(void)name;
	(void)flags;
	world.link[0] = '\0';
	return 0;
}
