/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <stdio.h>
#include <string.h>

#include "printable.h"

/*
 * Overlong forms, surrogates and what lies beyond U+10FFFF are none; and U+FFFE
 * and U+FFFF, which XML must not have.
 */
size_t
edu_utf8_length(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t i, length;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	length = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	for (i = 1; i < length; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f) ||
	    (s[0] == 0xef && s[1] == 0xbf && s[2] > 0xbd))
		return 0;
	return length;
}

int
edu_is_control(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	return s[0] < 0x20 || s[0] == 0x7f ||
	    (s[0] == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0);
}

const char *
edu_printable(const char *text, char *buf, size_t size)
{
	size_t length, used = 0;
	int is_escaped;

	for (; *text != '\0'; text += length) {
		length = edu_utf8_length(text);
		is_escaped = length == 0 || edu_is_control(text);
		if (is_escaped)
			length = 1;
		if (used + (is_escaped ? 4 : length) >= size)
			break;
		if (is_escaped)
			used += (size_t)snprintf(buf + used, size - used,
			    "\\x%02x", (unsigned char)*text);
		else {
			memcpy(buf + used, text, length);
			used += length;
		}
	}
	buf[used] = '\0';
	return buf;
}
