/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * What a process that was killed while it sized BAR0 has left to undo: a record
 * that is true, old, damaged or forged, and a function that is as the record
 * says or is not.
 */

#include "edu.h"
#include "pci.h"
#include "world.h"

#define INSTANCE	"boot/0"
/* Nobody has written this, though it says the same. */
#define LOOSE		"undo command 103 bar 10 wide 0 low fea00000 high 0 " \
			"id 11e81234 class ff0010 of %s end"

static struct device *d = world.devices;

/* Mostly the truth. */
static uint32_t
perhaps(uint32_t truth)
{
	unsigned c = take_byte(&world.in);

	if (c < 0xc0)
		return truth;
	return c < 0xe0 ? truth ^ 1U << c % 32 : (uint32_t)take(&world.in, 4);
}

/* Its command register and BAR0. */
static void
make_function(void)
{
	static const uint32_t commands[] = { 0x0500, 0x0100, 0x0103, 0x0104 };
	static const uint32_t bars[] = { 0xfff00000, 0xfea00000, 0,
	    0xff000000 };
	unsigned c = take_byte(&world.in);

	d->config[PCI_COMMAND / 4] = PCI_STATUS_CAPABILITIES |
	    (perhaps(commands[c % 4]) & PCI_COMMAND_MASK);
	d->config[PCI_BAR(0) / 4] = perhaps(bars[c / 4 % 4]) & 0xfff00000;
	world.has_instance = c >> 4 & 1;
	world.has_region = c >> 5 & 1;
}

/* As claim.c writes it, or any text. */
static void
make_record(void)
{
	char name[32];
	const char *of = world.has_instance ? INSTANCE : "-";
	unsigned c = take_byte(&world.in);

	if (c % 8 == 7) {
		(void)take_text(&world.in, world.record, sizeof(world.record));
		return;
	}
	if (c % 8 == 6) {
		(void)snprintf(world.record, sizeof(world.record), LOOSE, of);
		return;
	}
	if (c % 8 == 5)
		of = take_text(&world.in, name, sizeof(name));
	(void)snprintf(world.record, sizeof(world.record), "undo command %04x "
	    "bar %02x wide %u low %08x high %08x id %08x class %08x of %s "
	    "end\n", perhaps(0x0103), perhaps(0x10), perhaps(0),
	    perhaps(d->address), perhaps(0), perhaps(0x11e81234),
	    perhaps(0x00ff0010), of);
}

/* It speaks of this very function. */
static int
is_ours(const char *record)
{
	char end[64];

	(void)snprintf(end, sizeof(end), " id 11e81234 class 00ff0010 of %s "
	    "end\n", world.has_instance ? INSTANCE : "-");
	return strncmp(record, "undo command ", 13) == 0 &&
	    strstr(record, end) != NULL;
}

static int
is_true(const char *record)
{

	return is_ours(record) && strstr(record, " command 0103 bar 10 wide 0 "
	    "low fea00000 high 00000000 ") != NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t after, before;
	char record[sizeof(world.record)];
	struct edu *edu;

	world_begin(NULL, 0);
	world.in.next = data;
	world.in.left = size;
	make_function();
	make_record();
	(void)strcpy(record, world.record);
	before = d->config[PCI_BAR(0) / 4];
	MUST((edu = edu_open(d->name, EDU_OPEN_CONFIG)) != NULL);
	after = d->config[PCI_BAR(0) / 4];
	MUST(d->config_writes == 0 || is_ours(record));
	/* Nothing is ever moved but from where sizing puts it: a mask. */
	MUST(after == before || (before | (before - 1)) == UINT32_MAX);
	MUST(after == before || !world.has_region || after == d->address);
	MUST(!is_true(record) || !world.has_instance ||
	    before != 0xfff00000 || after == d->address);
	d->old_bar0 = after;
	edu_close(edu);
	world_end();
	return 0;
}
