/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "edutool.h"

static void
print_steps(struct tool *t, const struct edu_bar *bar)
{
	struct namer namer = { 0, 0 };
	struct named named;
	const char *what;
	unsigned offset;
	uint32_t value;
	int is_write;
	size_t i;

	json_array(&t->doc, "steps");
	if (t->is_verbose)
		say(t, "step         offset        value       purpose\n");
	for (i = 0; (what = edu_bar_step(bar, i, &is_write, &offset,
	    &value)) != NULL; i++) {
		name_config(&namer, &named, offset, value);
		json_object(&t->doc, NULL);
		json_string(&t->doc, "access", is_write ? "write" : "read");
		json_number(&t->doc, "offset", offset);
		json_string(&t->doc, "name", named.name);
		json_number(&t->doc, "value", value);
		json_string(&t->doc, "purpose", what);
		json_end(&t->doc);
		if (t->is_verbose)
			say(t, "%4zu  %-5s  0x%02x %-7s  0x%08" PRIx32 "  %s\n",
			    i + 1, is_write ? "write" : "read", offset,
			    named.name, value, what);
	}
	json_end(&t->doc);
}

static const char *
size_text(uint64_t length, char *buffer, size_t size)
{
	static const char *units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	size_t i = 0;

	while (length % 1024 == 0 && length != 0 &&
	    i < sizeof(units) / sizeof(units[0]) - 1) {
		length /= 1024;
		i++;
	}
	(void)snprintf(buffer, size, "%" PRIu64 " %s", length, units[i]);
	return buffer;
}

/* What the system says, where it is not what was measured. */
static const char *
system_text(const struct edu_bar *bar, char *buffer, size_t size)
{
	uint64_t address = 0, length = 0;

	buffer[0] = '\0';
	if (!edu_bar_system(bar, &address, &length) ||
	    length == edu_bar_length(bar))
		return buffer;
	if (length == 0)
		(void)snprintf(buffer, size, "; the operating system has "
		    "given it no address");
	else
		(void)snprintf(buffer, size, "; the operating system says 0x%"
		    PRIx64 " bytes at 0x%" PRIx64, length, address);
	return buffer;
}

static void
json_bar(struct json *doc, const struct edu_bar *bar)
{
	static const char * const key[] = {
		[EDU_BAR_ABSENT] = "absent",
		[EDU_BAR_IO] = "io",
		[EDU_BAR_MEM32] = "mem32",
		[EDU_BAR_MEM64] = "mem64"
	};
	uint64_t address, length;

	if (edu_bar_system(bar, &address, &length)) {
		json_object(doc, "system");
		json_number(doc, "address", address);
		json_number(doc, "length", length);
		json_end(doc);
	} else
		json_null(doc, "system");
	json_string(doc, "type", key[edu_bar_type(bar)]);
	json_bool(doc, "prefetchable", edu_bar_is_prefetchable(bar));
	json_number(doc, "address", edu_bar_address(bar));
	json_number(doc, "length", edu_bar_length(bar));
}

static void
print_result(struct tool *t, const char *prefix, unsigned index,
    const struct edu_bar *bar)
{
	static const char * const text[] = {
		[EDU_BAR_ABSENT] = "absent",
		[EDU_BAR_IO] = "I/O",
		[EDU_BAR_MEM32] = "32-bit memory",
		[EDU_BAR_MEM64] = "64-bit memory"
	};
	enum edu_bar_type type = edu_bar_type(bar);
	char size[32], system[128];

	json_bar(&t->doc, bar);
	(void)system_text(bar, system, sizeof(system));
	if (type == EDU_BAR_ABSENT)
		say(t, "%sBAR%u: absent%s\n", prefix, index, system);
	else
		say(t, "%sBAR%u: %s%s, %s (0x%" PRIx64 ") at 0x%08" PRIx64
		    "%s\n", prefix, index, text[type],
		    type == EDU_BAR_IO ? "" : edu_bar_is_prefetchable(bar) ?
		    ", prefetchable" : ", not prefetchable",
		    size_text(edu_bar_length(bar), size, sizeof(size)),
		    edu_bar_length(bar), edu_bar_address(bar), system);
}

/* Of --all: what became of the functions and their BARs. */
struct tally {
	unsigned	functions;
	unsigned	bars;
	unsigned	refused;
	unsigned	wrong;
};

/* An absent BAR is worth a line where the system says otherwise. */
static void
all_print(struct tool *t, unsigned index, const struct edu_bar *bar,
    struct tally *tally)
{
	char prefix[64], system[128];

	if (edu_bar_type(bar) == EDU_BAR_ABSENT &&
	    *system_text(bar, system, sizeof(system)) == '\0')
		return;
	(void)snprintf(prefix, sizeof(prefix), "%.40s  ", edu_name(t->edu));
	json_object(&t->doc, NULL);
	json_number(&t->doc, "index", index);
	print_result(t, prefix, index, bar);
	json_end(&t->doc);
	tally->bars += edu_bar_type(bar) != EDU_BAR_ABSENT;
}

/* NULL when every BAR was sized, or why not. */
static const char *
all_bars(struct tool *t, unsigned flags, struct tally *tally)
{
	struct edu_bar *bar;
	unsigned index;

	for (index = 0; index < 6; index++) {
		bar = edu_bar_size(t->edu, index, flags);
		/* A bridge has less than six. */
		if (bar == NULL && errno == EINVAL && index > 0)
			break;
		if (bar == NULL) {
			if (errno == EBUSY)
				tally->refused++;
			else
				tally->wrong++;
			return edu_errmsg(t->edu);
		}
		all_print(t, index, bar, tally);
		/* The upper half is no BAR of its own. */
		index += edu_bar_type(bar) == EDU_BAR_MEM64;
		edu_bar_free(bar);
	}
	return NULL;
}

static void
all_function(struct tool *t, const char *name, unsigned flags,
    struct tally *tally)
{
	const char *reason;
	uint32_t class;

	json_object(&t->doc, NULL);
	json_string(&t->doc, "device", name);
	tally->functions++;
	if ((t->edu = edu_open(name, EDU_OPEN_CONFIG)) == NULL) {
		reason = edu_errmsg(NULL);
		if (errno == EBUSY)
			tally->refused++;
		else
			tally->wrong++;
	} else {
		if (edu_config_read(t->edu, 8, &class) == 0)
			json_number(&t->doc, "class", class >> 8);
		json_array(&t->doc, "bars");
		reason = all_bars(t, flags, tally);
		json_end(&t->doc);
	}
	if (reason != NULL) {
		say(t, "%.12s  not sized: %s\n", name, strstr(reason, ": ") !=
		    NULL ? strstr(reason, ": ") + 2 : reason);
		json_string(&t->doc, "reason", reason);
	} else
		json_null(&t->doc, "reason");
	json_end(&t->doc);
	device_close(t);
}

static int
bar_all(struct tool *t, const struct args *a)
{
	struct tally tally = { 0, 0, 0, 0 };
	struct edu_list *list;
	const char *name;
	size_t i;

	if (a->noperands > 0)
		return fail_usage(t, "--all leaves no choice of a device");
	if ((list = edu_list_functions()) == NULL)
		return fail_device(t, NULL);
	json_array(&t->doc, "functions");
	for (i = 0; (name = edu_list_name(list, i)) != NULL; i++)
		all_function(t, name, a->bar_flags, &tally);
	json_end(&t->doc);
	edu_list_free(list);
	say(t, "%u BARs of %u functions; %u functions refused, %u failed\n",
	    tally.bars, tally.functions, tally.refused, tally.wrong);
	if (tally.wrong == 0)
		return 0;
	return fail(t, EX_IOERR, EIO, "%u of %u functions could not be sized, "
	    "or are not what the operating system says", tally.wrong,
	    tally.functions);
}

int
cmd_bar(struct tool *t, const struct args *a)
{
	const char *name = a->noperands > 0 ? a->operand[0] : t->device;
	struct edu_bar *bar;
	uint64_t index = 0;
	int status;

	if (a->is_all)
		return bar_all(t, a);
	if (a->noperands > 1 && (status = parse_number(t, "INDEX",
	    a->operand[1], UINT_MAX, &index)) != 0)
		return status;
	if ((status = device_open_name(t, name, EDU_OPEN_CONFIG)) != 0)
		return status;
	json_number(&t->doc, "index", index);
	bar = edu_bar_size(t->edu, (unsigned)index, a->bar_flags);
	if (bar == NULL)
		return fail_device(t, errno == EBUSY ? "-f sizes it all the "
		    "same, if nothing can use it meanwhile" : NULL);
	print_steps(t, bar);
	print_result(t, "", (unsigned)index, bar);
	edu_bar_free(bar);
	return 0;
}
