/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * One string, as whatever the library takes for one: an address, a machine
 * type, something to print.
 */

#include <errno.h>

#include "address.h"
#include "error.h"
#include "fuzz.h"
#include "internal.h"
#include "printable.h"

/* What is an address is the same one when it is written by us. */
static void
try_address(const char *text)
{
	struct edu_error err = { "", "" };
	struct edu_address a, b;
	char again[64];

	if (edu_address_parse(text, &a, &err) == -1) {
		MUST(errno == EINVAL && err.message[0] != '\0');
		return;
	}
	MUST(a.bus <= 0xff && a.device <= 0x1f && a.function <= 7);
	edu_address_format(&a, again, sizeof(again));
	MUST(edu_address_parse(again, &b, &err) == 0);
	MUST(memcmp(&a, &b, sizeof(a)) == 0);
}

/* In exactly so much room, which a sanitizer watches. */
static void
try_printable(const char *text, size_t size)
{
	char *buf = malloc(size);
	const char *c;
	size_t length;

	MUST(buf != NULL && edu_printable(text, buf, size) == buf);
	MUST(strlen(buf) < size);
	for (c = buf; *c != '\0'; c += length) {
		length = edu_utf8_length(c);
		MUST(length != 0 && !edu_is_control(c));
	}
	free(buf);
}

static void
try_message(const char *device, const char *text)
{
	struct edu_error err;

	(void)snprintf(err.device, sizeof(err.device), "%s", device);
	MUST(edu_fail(&err, EIO, "%s", text) == -1 && errno == EIO);
	must_be_plain(err.message);
	MUST(edu_fail_errno(&err, EBUSY, "%s", text) == -1 && errno == EBUSY);
	must_be_plain(err.message);
	MUST(err.message[0] != '\0');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	size_t room = 1 + take_byte(&in);
	char device[200], text[700];

	(void)take_text(&in, text, sizeof(text));
	(void)take_text(&in, device, sizeof(device));
	try_address(text);
	(void)edu_machine_bears_last_byte(text);
	try_printable(text, room);
	try_message(device, text);
	return 0;
}
