/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "error.h"

/* A number of 1 to digits hexadecimal digits. */
static int
parse_hex(const char **text, int digits, uint32_t *value)
{
	static const char hex[] = "0123456789abcdef0123456789ABCDEF";
	const char *digit, *start = *text;

	for (*value = 0; **text != '\0'; (*text)++) {
		if ((digit = strchr(hex, **text)) == NULL)
			break;
		if (*text - start == digits)
			return 0;
		*value = *value << 4 | ((uint32_t)(digit - hex) & 0xf);
	}
	return *text != start;
}

/* [[domain:]bus:]device.function; PCI has 32 devices of 8 functions. */
static int
parse(const char *text, struct edu_address *a)
{
	uint32_t part[3];
	int n = 0;

	do {
		if (n == 3 || !parse_hex(&text, 8, &part[n++]))
			return 0;
	} while (*text++ == ':');
	a->device = part[n - 1];
	a->bus = n > 1 ? part[n - 2] : 0;
	a->domain = n > 2 ? part[0] : 0;
	return text[-1] == '.' && parse_hex(&text, 1, &a->function) &&
	    *text == '\0' && a->bus <= 0xff && a->device <= 0x1f &&
	    a->function <= 7;
}

int
edu_address_parse(const char *text, struct edu_address *a,
    struct edu_error *err)
{

	if (parse(text, a))
		return 0;
	return edu_fail(err, EINVAL, "this is no PCI address: expected "
	    "DOMAIN:BUS:DEVICE.FUNCTION in hexadecimal, such as 0000:00:0a.0");
}

void
edu_address_format(const struct edu_address *a, char *text, size_t size)
{

	(void)snprintf(text, size, "%04" PRIx32 ":%02" PRIx32 ":%02" PRIx32
	    ".%" PRIx32, a->domain, a->bus, a->device, a->function);
}
