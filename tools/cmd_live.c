/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <inttypes.h>

#include "edutool.h"

/* No two bytes alike, so that swapped ones show. */
#define DEFAULT_VALUE	0x12345678

int
cmd_live(struct tool *t, const struct args *a)
{
	uint32_t answer, value = DEFAULT_VALUE;
	int status;

	if (a->noperands > 0 && (status = parse_u32(t, "VALUE",
	    a->operand[0], &value)) != 0)
		return status;
	if ((status = device_open(t, EDU_OPEN_KEEP)) != 0)
		return status;
	if (edu_live(t->edu, value, &answer) == -1)
		return fail_device(t, NULL);
	say(t, "0x%08" PRIx32 "\n", answer);
	json_number(&t->doc, "value", value);
	json_number(&t->doc, "answer", answer);
	return 0;
}
