/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <errno.h>
#include <stdlib.h>

#include "range.h"

struct edu_range *
edu_range_take(struct edu_range **link, uint64_t start, uint64_t end,
    uint64_t size)
{
	struct edu_range *r;

	while (*link != NULL &&
	    ((*link)->start < start || (*link)->start - start < size)) {
		if ((*link)->end > start)
			start = (*link)->end;
		link = &(*link)->next;
	}
	if (start > end || end - start < size) {
		errno = ENOSPC;
		return NULL;
	}
	if ((r = malloc(sizeof(*r))) == NULL)
		return NULL;
	r->start = start;
	r->end = start + size;
	r->next = *link;
	*link = r;
	return r;
}

void
edu_range_free(struct edu_range **link, struct edu_range *r)
{

	while (*link != r)
		link = &(*link)->next;
	*link = r->next;
	free(r);
}
