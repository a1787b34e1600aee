/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "edutool.h"

#define PATIENCE_MS	1000	/* work shorter than this shows nothing */
#define REFRESH_MS	100
#define BAR_WIDTH	30
#define LINE_WIDTH	72

int64_t
now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
progress_start(struct progress *p, const char *what, uint64_t total)
{

	memset(p, 0, sizeof(*p));
	p->what = what;
	p->total = total;
	p->start_ms = now_ms();
	p->is_terminal = isatty(STDERR_FILENO);
}

static void
draw(const struct progress *p, uint64_t done, int64_t elapsed_ms)
{
	char bar[BAR_WIDTH + 1], line[LINE_WIDTH + 1];
	double share = (double)done / (double)p->total;
	double left_s = 0;

	memset(bar, ' ', BAR_WIDTH);
	memset(bar, '#', (size_t)(share * BAR_WIDTH));
	bar[BAR_WIDTH] = '\0';
	if (done != 0)
		left_s = (double)elapsed_ms / 1000 * (1 - share) / share;
	(void)snprintf(line, sizeof(line), "%s [%s] %3d%%, %.0f s left",
	    p->what, bar, (int)(share * 100), left_s);
	(void)fprintf(stderr, "\r%-*s", LINE_WIDTH, line);
	(void)fflush(stderr);
}

void
progress_update(struct progress *p, uint64_t done)
{
	int64_t now;

	if (!p->is_terminal)
		return;
	now = now_ms();
	if (now - p->start_ms < PATIENCE_MS ||
	    (p->is_shown && now - p->shown_ms < REFRESH_MS))
		return;
	p->is_shown = 1;
	p->shown_ms = now;
	draw(p, done, now - p->start_ms);
}

void
progress_end(struct progress *p)
{

	if (p->is_shown)
		(void)fprintf(stderr, "\r%*s\r", LINE_WIDTH, "");
	p->is_shown = 0;
}
