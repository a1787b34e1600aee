/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef FILES_H
#define FILES_H

/* See files.c. */

#include <sys/types.h>

#include "fuzz.h"

extern struct input *files;	/* where they come from */

/* As readlink(2), of any link. */
ssize_t	files_link(char *buf, size_t size);

#endif /* FILES_H */
