/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Base address registers, and what decoding does. */

#include <errno.h>
#include <inttypes.h>

#include "exam.h"
#include "pci.h"

enum exam_result
exam_bar_size(struct tool *t, struct exam_verdict *v)
{
	enum exam_result result = EXAM_OK;
	struct edu_bar *bar;

	if ((bar = edu_bar_size(t->edu, 0, 0)) == NULL)
		return exam_failed(t, v);
	if (edu_bar_length(bar) != EDU_BAR0_SIZE)
		result = exam_differs(v, "BAR0 has 0x%" PRIx64 " bytes, not "
		    "0x%x", edu_bar_length(bar), EDU_BAR0_SIZE);
	edu_bar_free(bar);
	return result;
}

enum exam_result
exam_bar_others(struct tool *t, struct exam_verdict *v)
{
	enum exam_result result = EXAM_OK;
	struct edu_bar *bar;
	unsigned i;

	for (i = 1; i < 6 && result == EXAM_OK; i++) {
		if ((bar = edu_bar_size(t->edu, i, 0)) == NULL)
			return exam_failed(t, v);
		if (edu_bar_type(bar) != EDU_BAR_ABSENT)
			result = exam_differs(v, "there is a BAR%u of 0x%"
			    PRIx64 " bytes, and an edu has none", i,
			    edu_bar_length(bar));
		edu_bar_free(bar);
	}
	return result;
}

/* A register beside it, and what the device remembers, stay as well. */
enum exam_result
exam_bar_kept(struct tool *t, struct exam_verdict *v)
{
	const uint32_t value = exam_random();
	uint32_t bar[2], command[2];
	uint64_t live = 0;
	unsigned i;

	if (edu_live(t->edu, value, NULL) == -1)
		return exam_failed(t, v);
	for (i = 0; i < 2; i++) {
		if (i > 0)
			edu_bar_free(edu_bar_size(t->edu, 0, 0));
		if (edu_config_read(t->edu, PCI_BAR(0), &bar[i]) == -1 ||
		    edu_config_read(t->edu, PCI_COMMAND, &command[i]) == -1)
			return exam_failed(t, v);
	}
	if (edu_read(t->edu, EDU_LIVE, 4, &live) == -1)
		return exam_failed(t, v);
	if (bar[0] != bar[1] || ((command[0] ^ command[1]) & 0xffff) != 0)
		return exam_differs(v, "BAR0 was 0x%08" PRIx32 " and is 0x%08"
		    PRIx32 ", the command register 0x%04" PRIx32 " and 0x%04"
		    PRIx32, bar[0], bar[1], command[0] & 0xffff,
		    command[1] & 0xffff);
	return (uint32_t)live == ~value ? EXAM_OK : exam_differs(v, "the "
	    "liveness register answered 0x%08" PRIx32 ", and now 0x%08" PRIx64,
	    ~value, live);
}

enum exam_result
exam_decoding(struct tool *t, struct exam_verdict *v)
{
	const uint32_t value = exam_random();
	uint64_t live = 0;
	uint32_t id;

	if (edu_live(t->edu, value, NULL) == -1 ||
	    edu_try_decoding(t->edu, ~value, &id) == -1 ||
	    edu_read(t->edu, EDU_LIVE, 4, &live) == -1)
		return exam_failed(t, v);
	if (id != 0 && id != UINT32_MAX)
		return exam_differs(v, "with decoding off the identification "
		    "reads 0x%08" PRIx32, id);
	return (uint32_t)live == ~value ? EXAM_OK : exam_differs(v, "with "
	    "decoding off a write has arrived");
}

enum exam_result
exam_relocation(struct tool *t, struct exam_verdict *v)
{
	uint32_t id, new_id, old_id;

	if (edu_identify(t->edu, &id) == -1 ||
	    edu_try_move(t->edu, &old_id, &new_id) == -1)
		return exam_failed(t, v);
	if (new_id != id)
		return exam_differs(v, "it does not answer at another address "
		    "in BAR0: 0x%08" PRIx32, new_id);
	if (old_id != 0 && old_id != UINT32_MAX)
		return exam_differs(v, "at the former address still answers 0x"
		    "%08" PRIx32, old_id);
	return edu_identify(t->edu, &id) == -1 ? exam_failed(t, v) : EXAM_OK;
}
