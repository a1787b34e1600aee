/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Who watches a handle hears that its due time may have changed: by a list. */

#include <stddef.h>

#include "internal.h"

void
edu_watch_note(struct edu *edu)
{
	struct edu_watch *w = &edu->watch;

	if (w->changed == NULL || w->is_changed)
		return;
	w->is_changed = 1;
	w->next = *w->changed;
	*w->changed = edu;
}

void
edu_watch_start(struct edu *edu, struct edu **changed)
{

	edu->watch.changed = changed;
	edu->watch.is_changed = 0;
	edu_watch_note(edu);
}

struct edu *
edu_watch_next(struct edu **changed)
{
	struct edu *edu = *changed;

	if (edu != NULL) {
		*changed = edu->watch.next;
		edu->watch.is_changed = 0;
	}
	return edu;
}
