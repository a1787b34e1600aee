/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "edutool.h"

/*
 * Not strtoumax(3), which takes spaces, signs and octal numbers.  -1 when
 * the text is no number, or one beyond max.
 */
static int
convert(const char *text, uint64_t max, uint64_t *value)
{
	static const char digits[] = "0123456789abcdef";
	static const char upper[] = "0123456789ABCDEF";
	const char *digit;
	uint64_t base = 10, d, n = 0;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		base = 16;
		text += 2;
	}
	if (*text == '\0')
		return -1;
	for (; *text != '\0'; text++) {
		if ((digit = strchr(digits, *text)) != NULL)
			d = (uint64_t)(digit - digits);
		else if ((digit = strchr(upper, *text)) != NULL)
			d = (uint64_t)(digit - upper);
		else
			return -1;
		if (d >= base || d > max || n > (max - d) / base)
			return -1;
		n = n * base + d;
	}
	*value = n;
	return 0;
}

int
parse_number(struct tool *t, const char *what, const char *text, uint64_t max,
    uint64_t *value)
{

	if (convert(text, max, value) == 0)
		return 0;
	return fail_usage(t, "%s: '%s' is not a whole number from 0 to %"
	    PRIu64 " (decimal, or hexadecimal after 0x)", what, text, max);
}

int
parse_u32(struct tool *t, const char *what, const char *text, uint32_t *value)
{
	uint64_t wide = 0;
	int status;

	if ((status = parse_number(t, what, text, UINT32_MAX, &wide)) == 0)
		*value = (uint32_t)wide;
	return status;
}
