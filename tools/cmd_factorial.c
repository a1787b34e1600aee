/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <errno.h>
#include <inttypes.h>

#include "edutool.h"

int
cmd_factorial(struct tool *t, const struct args *a)
{
	uint32_t n, result;
	int status;

	if ((status = parse_u32(t, "N", a->operand[0], &n)) != 0 ||
	    (status = device_open(t, 0)) != 0)
		return status;
	json_number(&t->doc, "n", n);
	if (edu_factorial(t->edu, n, a->flags, device_timeout(t),
	    &result) == -1)
		return fail_device(t, errno == ERANGE ? "--wrap gives the "
		    "device's value modulo 2^32" : NULL);
	say(t, "%" PRIu32 "\n", result);
	json_number(&t->doc, "factorial", result);
	json_bool(&t->doc, "wrapped", n > 12);
	return 0;
}
