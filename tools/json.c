/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Writes JSON (RFC 8259) into memory. */

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edutool.h"
#include "printable.h"

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
 * JSON is UTF-8, and file names need not be.  Control characters, which all
 * are below U+0100, are escaped.
 */
static void
append_quoted(struct json *j, const char *s)
{
	char escape[8];
	size_t length;

	append(j, "\"", 1);
	for (; *s != '\0'; s += length) {
		if ((length = edu_utf8_length(s)) == 0) {
			append_string(j, "\\ufffd");
			length = 1;
		} else if (edu_is_control(s)) {
			(void)snprintf(escape, sizeof(escape), "\\u%04x",
			    (unsigned char)s[length - 1]);
			append_string(j, escape);
		} else {
			if (*s == '"' || *s == '\\')
				append(j, "\\", 1);
			append(j, s, length);
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
json_real(struct json *j, const char *key, double value)
{
	char text[32];

	if (!isfinite(value)) {
		json_null(j, key);
		return;
	}
	begin(j, key);
	(void)snprintf(text, sizeof(text), "%.6g", value);
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
