/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <string.h>

#include "internal.h"

/*
 * QEMU bears a transfer that touches the last byte since 8.2.1.  A machine
 * type is never newer than the QEMU that offers it, and names no third digit:
 * "8.2" may be 8.2.0, so 9.0 is the first that proves it.
 */
#define FIRST_MAJOR	9

/* A number of 1 to 3 digits without a leading zero; -1 if there is none. */
static int
number(const char **s)
{
	const char *start;
	int value;

	start = *s;
	for (value = 0; **s >= '0' && **s <= '9'; ++*s) {
		if (*s - start == 3)
			return -1;
		value = value * 10 + (**s - '0');
	}
	if (*s == start || (*start == '0' && *s - start > 1))
		return -1;
	return value;
}

int
edu_machine_bears_last_byte(const char *machine)
{
	static const char *const families[] = { "pc-i440fx-", "pc-q35-" };
	const char *s;
	size_t i, length;
	int major;

	if (machine == NULL)
		return 0;
	for (i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		length = strlen(families[i]);
		if (strncmp(machine, families[i], length) != 0)
			continue;
		s = machine + length;
		major = number(&s);
		return major >= FIRST_MAJOR && *s++ == '.' &&
		    number(&s) >= 0 && *s == '\0';
	}
	return 0;
}
