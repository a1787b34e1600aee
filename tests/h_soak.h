/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef H_SOAK_H
#define H_SOAK_H

/*
 * The attacks are short in "make check".  EDU_SOAK in the environment says how
 * many times as long they are: 50 in "make soak".
 */

#include <stdlib.h>

static inline unsigned
soak(unsigned rounds)
{
	const char *text = getenv("EDU_SOAK");
	unsigned long times = text != NULL ? strtoul(text, NULL, 10) : 1;

	return rounds * (times > 0 ? (unsigned)times : 1);
}

#endif /* H_SOAK_H */
