/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * edutool with any arguments, any files and any device: what it prints with -j
 * is JSON, and with --junit XML.
 */

#include <unistd.h>

#include "../../tools/edutool.h"
#include "files.h"
#include "printable.h"
#include "world.h"

#define MAX_ARGS	12

int	edutool_main(int, char **);

/* The real one measures, by the real clock, on devices that are mapped. */
int
cmd_bench(struct tool *t, const struct args *a)
{

	(void)t;
	return (int)(a->count % 2);
}

/* A string of JSON, or NULL: where it ends. */
static const char *
json_string_end(const char *c)
{

	if (*c++ != '"')
		return NULL;
	for (; *c != '"'; c++)
		if ((unsigned char)*c < ' ' || (*c == '\\' && *++c == '\0'))
			return NULL;
	return c + 1;
}

static const char *json_end_of(const char *, unsigned);

/* What follows a '{' or '['. */
static const char *
json_level_end(const char *c, char closer, unsigned depth)
{

	if (*c == closer)
		return c + 1;
	for (;; c += 2) {
		if (closer == '}' && ((c = json_string_end(c)) == NULL ||
		    *c++ != ':' || *c++ != ' '))
			return NULL;
		if ((c = json_end_of(c, depth + 1)) == NULL)
			return NULL;
		if (*c == closer)
			return c + 1;
		if (strncmp(c, ", ", 2) != 0)
			return NULL;
	}
}

/* Any value. */
static const char *
json_end_of(const char *c, unsigned depth)
{
	size_t length;

	if (depth == 8)
		return NULL;
	if (*c == '{' || *c == '[')
		return json_level_end(c + 1, *c == '{' ? '}' : ']', depth);
	if (*c == '"')
		return json_string_end(c);
	length = strspn(c, "-+.0123456789abcdefghijklmnopqrstuvwxyz");
	return length > 0 ? c + length : NULL;
}

static void
must_be_utf8(const char *text)
{

	for (; *text != '\0'; text += edu_utf8_length(text))
		MUST(edu_utf8_length(text) != 0);
}

static void
must_be_json(const char *text)
{
	const char *end = json_end_of(text, 0);

	must_be_utf8(text);
	MUST(*text == '{' && end != NULL && (*end == '\0' ||
	    strcmp(end, "\n") == 0));
}

/* Every element ends, and there is nothing that would have to be escaped. */
static void
must_be_xml(const char *text)
{
	unsigned depth = 0;
	const char *c;

	must_be_utf8(text);
	for (c = text; *c != '\0'; c++) {
		MUST(*c != '&' || strncmp(c, "&amp;", 5) == 0 ||
		    strncmp(c, "&lt;", 4) == 0 || strncmp(c, "&gt;", 4) == 0 ||
		    strncmp(c, "&quot;", 6) == 0);
		MUST((unsigned char)*c >= ' ' || *c == '\n');
		if (*c != '<')
			continue;
		if (c[1] == '/')
			MUST(depth-- > 0);
		else if (c[1] != '?')
			depth++;
		c += 1 + strcspn(c + 1, "<>");
		MUST(*c == '>');
		if (c[-1] == '/')
			depth--;
	}
	MUST(depth == 0);
}

static int
has(int argc, char **argv, const char *option)
{

	while (--argc > 0)
		if (strcmp(argv[argc], option) == 0)
			return 1;
	return 0;
}

/* What it prints, to either: it may end before it knows how it is to. */
static void
check_output(int argc, char **argv, const char *text)
{

	if (*text == '{' && has(argc, argv, "-j"))
		must_be_json(text);
	if (strncmp(text, "<?xml", 5) == 0)
		must_be_xml(text);
}

static void
check_errors(char *text)
{
	char *line, *rest;

	for (line = strtok_r(text, "\n", &rest); line != NULL;
	    line = strtok_r(NULL, "\n", &rest)) {
		must_be_plain(line);
		if (*line == '{')
			must_be_json(line);
	}
}

static void
run(int argc, char **argv)
{
	FILE *saved_errors = stderr, *saved_output = stdout;
	char *errors, *output;
	size_t size;
	int status;

	MUST((stdout = open_memstream(&output, &size)) != NULL);
	MUST((stderr = open_memstream(&errors, &size)) != NULL);
	status = edutool_main(argc, argv);
	edu_trace_opens(NULL, NULL);
	(void)fclose(stdout);
	(void)fclose(stderr);
	stdout = saved_output;
	stderr = saved_errors;
	MUST(status >= 0 && status < 256);
	check_output(argc, argv, output);
	check_errors(errors);
	free(output);
	free(errors);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{

	(void)argc;
	(void)argv;
	MUST(freopen("/dev/null", "r", stdin) != NULL);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *argv[MAX_ARGS + 1], text[MAX_ARGS][64];
	int argc = 1;

	if (size == 0)
		return 0;
	world_begin(data, size);
	world.tries_beyond = world.uses_last_byte = 1;
	files = &world.in;
	argv[0] = strcpy(text[0], "edutool");
	while (argc < MAX_ARGS && world.in.left > 0 &&
	    *take_text(&world.in, text[argc], sizeof(text[argc])) != '\0') {
		argv[argc] = text[argc];
		argc++;
	}
	argv[argc] = NULL;
	run(argc, argv);
	world_end();
	return 0;
}
