/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* libpciaccess does not tell its version; the name of its file does. */

#include <sys/types.h>

#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

static int
find_library(struct dl_phdr_info *info, size_t size, void *arg)
{
	const char **path = arg;

	(void)size;
	if (info->dlpi_name == NULL ||
	    strstr(info->dlpi_name, "libpciaccess") == NULL)
		return 0;
	*path = info->dlpi_name;
	return 1;
}

void
doctor_libpciaccess(const struct patient *p, struct finding *f)
{
	const char *path = NULL;
	char file[PATH_MAX];

	(void)p;
	(void)dl_iterate_phdr(find_library, &path);
	if (path == NULL)
		found(f, OK, "linked into edutool");
	else
		found(f, OK, "%.500s", realpath(path, file) != NULL ? file :
		    path);
}
