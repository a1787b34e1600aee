/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Linked into everything by tests/coverage: what ends by _exit(2) or becomes
 * another program counts what it has run, as what ends by exit(3) does.
 */

#include <errno.h>
#include <string.h>

void	__gcov_dump(void);
void	__gcov_reset(void);
int	__real_execv(const char *, char *const *);
int	__real_execvp(const char *, char *const *);
_Noreturn void __real__exit(int);
int	__wrap_execv(const char *, char *const *);
int	__wrap_execvp(const char *, char *const *);
_Noreturn void __wrap__exit(int);

static void
count(void)
{

	/* Where memory runs out on purpose, it would for this as well. */
	if (strcmp(program_invocation_short_name, "t_malloc") == 0)
		return;
	__gcov_dump();
	__gcov_reset();
}

int
__wrap_execv(const char *path, char *const *argv)
{

	count();
	return __real_execv(path, argv);
}

int
__wrap_execvp(const char *file, char *const *argv)
{

	count();
	return __real_execvp(file, argv);
}

void
__wrap__exit(int status)
{

	count();
	__real__exit(status);
}
