/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Writes JSON (RFC 8259) into memory. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edutool.h"

static void
append(struct json *j, const char *text, size_t length)
{
	size_t size = j->size != 0 ? j->size : 256;
	char *grown;

	while (size <= j->length + length)
		size *= 2;
	if (size != j->size) {
		if ((grown = realloc(j->text, size)) == NULL) {
			j->is_lost = 1;
			return;
		}
		j->text = grown;
		j->size = size;
	}
	memcpy(j->text + j->length, text, length);
	j->length += length;
	j->text[j->length] = '\0';
}

static void
append_string(struct json *j, const char *text)
{

	append(j, text, strlen(text));
}

/*
 * The length of the UTF-8 sequence at s, or 0 when there is none: JSON is
 * UTF-8, and file names need not be.  Overlong forms, surrogates and what
 * lies beyond U+10FFFF are none.
 */
static size_t
utf8_length(const unsigned char *s)
{
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
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return length;
}

static void
append_quoted(struct json *j, const char *text)
{
	const unsigned char *s;
	char escape[8];
	size_t length;

	append(j, "\"", 1);
	for (s = (const unsigned char *)text; *s != '\0'; s += length) {
		if ((length = utf8_length(s)) == 0) {
			append_string(j, "\\ufffd");
			length = 1;
		} else if (*s < 0x20 || *s == 0x7f) {
			(void)snprintf(escape, sizeof(escape), "\\u%04x", *s);
			append_string(j, escape);
		} else {
			if (*s == '"' || *s == '\\')
				append(j, "\\", 1);
			append(j, (const char *)s, length);
		}
	}
	append(j, "\"", 1);
}

/* What stands before every value. */
static void
begin(struct json *j, const char *key)
{

	if (j->depth == 0) {
		append(j, "{", 1);
		j->closer[j->depth++] = '}';
	} else if (j->has_members)
		append(j, ", ", 2);
	j->has_members = 1;
	if (key != NULL) {
		append_quoted(j, key);
		append(j, ": ", 2);
	}
}

static void
open_level(struct json *j, const char *key, const char *opener, char closer)
{

	begin(j, key);
	append_string(j, opener);
	j->closer[j->depth++] = closer;
	j->has_members = 0;
}

void
json_object(struct json *j, const char *key)
{

	open_level(j, key, "{", '}');
}

void
json_array(struct json *j, const char *key)
{

	open_level(j, key, "[", ']');
}

void
json_end(struct json *j)
{

	append(j, &j->closer[--j->depth], 1);
	j->has_members = 1;
}

void
json_end_to(struct json *j, size_t depth)
{

	while (j->depth > depth)
		json_end(j);
}

void
json_string(struct json *j, const char *key, const char *value)
{

	begin(j, key);
	append_quoted(j, value);
}

void
json_number(struct json *j, const char *key, uint64_t value)
{
	char text[24];

	begin(j, key);
	(void)snprintf(text, sizeof(text), "%" PRIu64, value);
	append_string(j, text);
}

void
json_bool(struct json *j, const char *key, int value)
{

	begin(j, key);
	append_string(j, value ? "true" : "false");
}

void
json_null(struct json *j, const char *key)
{

	begin(j, key);
	append_string(j, "null");
}
