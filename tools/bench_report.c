/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* What bench has found, as a table and histograms, and in the document. */

#include <stdio.h>
#include <string.h>

#include "bench.h"

#define BAR_WIDTH	26

struct spread {
	double	median;
	double	min;
	double	max;
};

static struct spread
spread_of(const double *values, int count)
{
	double sorted[BENCH_REPETITIONS];
	struct spread s;

	memcpy(sorted, values, (size_t)count * sizeof(*values));
	s.median = bench_median(sorted, (size_t)count);
	s.min = sorted[0];
	s.max = sorted[count - 1];
	return s;
}

/* Of each repetition, so that what disturbs both sides of one cancels out. */
static struct spread
ratio_of(const struct bench_samples *s)
{
	double ratios[BENCH_REPETITIONS] = { 0 };
	int i;

	for (i = 0; i < s->count; i++)
		ratios[i] = s->value[BENCH_LIBEDU][i] /
		    s->value[BENCH_BARE][i];
	return spread_of(ratios, s->count);
}

static int
has_bare(const struct bench_samples *s)
{
	int i;

	for (i = 0; i < s->count; i++)
		if (s->value[BENCH_BARE][i] <= 0)
			return 0;
	return 1;
}

/* Three digits, however large. */
static const char *
digits(double value, char text[16])
{

	(void)snprintf(text, 16, value >= 100 ? "%.0f" : value >= 9.95 ?
	    "%.1f" : value >= 0.1 ? "%.3f" : "%.4f", value);
	return text;
}

static void
print_row(struct tool *t, const struct bench_samples *s)
{
	const struct bench_row *row = s->row;
	char bare[16] = "-", libedu[16], low[16], high[16], median[16];
	struct spread ratio;

	say(t, "%-9s  %-36s  %8s", row->figure, row->what,
	    digits(spread_of(s->value[BENCH_LIBEDU], s->count).median,
	    libedu));
	if (has_bare(s)) {
		ratio = ratio_of(s);
		say(t, "  %8s  %-3s  %6s  %s..%s  %s",
		    digits(spread_of(s->value[BENCH_BARE], s->count).median,
		    bare), row->unit, digits(ratio.median, median),
		    digits(ratio.min, low), digits(ratio.max, high),
		    row->against);
	} else
		say(t, "  %8s  %s", bare, row->unit);
	say(t, "\n");
}

static void
describe_spread(struct json *doc, const char *key, const struct spread *s)
{
	char name[32];

	json_real(doc, key, s->median);
	(void)snprintf(name, sizeof(name), "%s_min", key);
	json_real(doc, name, s->min);
	(void)snprintf(name, sizeof(name), "%s_max", key);
	json_real(doc, name, s->max);
}

static void
describe_row(struct json *doc, const struct bench_samples *s)
{
	struct spread spread = spread_of(s->value[BENCH_LIBEDU], s->count);

	json_object(doc, NULL);
	json_string(doc, "figure", s->row->figure);
	json_string(doc, "what", s->row->what);
	json_string(doc, "unit", s->row->unit);
	describe_spread(doc, "libedu", &spread);
	if (has_bare(s)) {
		json_string(doc, "against", s->row->against);
		json_real(doc, "bare",
		    spread_of(s->value[BENCH_BARE], s->count).median);
		spread = ratio_of(s);
		describe_spread(doc, "ratio", &spread);
	}
	json_end(doc);
}

static void
print_bar(struct tool *t, unsigned count, unsigned most)
{
	char bar[BAR_WIDTH + 1] = "";

	memset(bar, '#', most == 0 ? 0 :
	    ((size_t)count * BAR_WIDTH + most - 1) / most);
	say(t, "  %5u %-*s", count, BAR_WIDTH, bar);
}

static unsigned
most_of(const unsigned *count)
{
	unsigned most = 0;
	size_t i;

	for (i = 0; i < BENCH_BUCKETS; i++)
		if (count[i] > most)
			most = count[i];
	return most;
}

static void
report_histogram(struct tool *t, const struct bench_histogram *h)
{
	unsigned most[BENCH_SIDES];
	size_t i, side;

	for (side = 0; side < BENCH_SIDES; side++)
		most[side] = most_of(h->count[side]);
	say(t, "\n%s: %s\n%9s  %-*s  %s\n", h->row->figure, h->row->what,
	    "us", BAR_WIDTH + 6, "libedu", h->row->against);
	json_object(&t->doc, NULL);
	json_string(&t->doc, "figure", h->row->figure);
	json_string(&t->doc, "what", h->row->what);
	json_array(&t->doc, "buckets");
	for (i = 0; i < BENCH_BUCKETS; i++) {
		if (h->count[BENCH_LIBEDU][i] + h->count[BENCH_BARE][i] == 0)
			continue;
		say(t, "%2s%7u", i < BENCH_BUCKETS - 1 ? "<=" : ">",
		    1U << (i < BENCH_BUCKETS - 1 ? i : i - 1));
		json_object(&t->doc, NULL);
		json_number(&t->doc, "us", 1U << i);
		json_number(&t->doc, "libedu", h->count[BENCH_LIBEDU][i]);
		json_number(&t->doc, "bare", h->count[BENCH_BARE][i]);
		json_end(&t->doc);
		for (side = 0; side < BENCH_SIDES; side++)
			print_bar(t, h->count[side][i], most[side]);
		say(t, "\n");
	}
	json_end(&t->doc);
	json_end(&t->doc);
}

void
bench_report(struct bench *b)
{
	struct tool *t = b->tool;
	size_t i;

	say(t, "%zu device%s, %d repetition%s; medians, and the least and the "
	    "most of the ratio\n\n%-9s  %-36s  %8s  %8s  %-3s  %6s\n",
	    b->count, b->count == 1 ? "" : "s", b->repetitions,
	    b->repetitions == 1 ? "" : "s", "figure", "", "libedu", "bare",
	    "", "ratio");
	json_number(&t->doc, "devices", b->count);
	json_number(&t->doc, "repetitions", (unsigned)b->repetitions);
	json_array(&t->doc, "rows");
	for (i = 0; i < b->nsamples; i++) {
		print_row(t, &b->samples[i]);
		describe_row(&t->doc, &b->samples[i]);
	}
	json_end(&t->doc);
	json_array(&t->doc, "histograms");
	for (i = 0; i < b->nhistograms; i++)
		report_histogram(t, &b->histograms[i]);
	json_end(&t->doc);
}
