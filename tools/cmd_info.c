/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* The fields that "pcictl dump" shows, and edu's own. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "edutool.h"
#include "printable.h"

/* Configuration space (PCI Local Bus Specification 3.0, chapter 6). */
#define CFG_ID			0x00
#define CFG_COMMAND		0x04	/* and the status above it */
#define CFG_CLASS		0x08
#define CFG_HEADER		0x0c
#define CFG_BAR0		0x10
#define CFG_SUBSYSTEM		0x2c
#define CFG_CAPABILITIES	0x34
#define CFG_INTERRUPT		0x3c
#define CFG_HEADER_END		0x40
#define STATUS_CAPABILITIES	__BIT(4)
#define CAP_MSI			0x05
#define MSI_ENABLE		__BIT(0)
#define MSI_CAPABLE		__BITS(3, 1)
#define MSI_ENABLED		__BITS(6, 4)
#define MSI_64BIT		__BIT(7)
#define MSI_MASKABLE		__BIT(8)

/* The longest list that fits: 4 bytes an entry. */
#define MAX_CAPABILITIES	48

struct bit {
	uint32_t mask;
	const char *key;
	const char *name;
};

static const struct bit command_bits[] = {
	{ __BIT(0), "io", "I/O space accesses" },
	{ __BIT(1), "memory", "memory space accesses" },
	{ __BIT(2), "bus_master", "bus mastering" },
	{ __BIT(3), "special_cycles", "special cycles" },
	{ __BIT(4), "mwi", "memory write and invalidate" },
	{ __BIT(5), "palette_snooping", "palette snooping" },
	{ __BIT(6), "parity_response", "parity error response" },
	{ __BIT(8), "serr", "system error (SERR#)" },
	{ __BIT(9), "fast_back_to_back", "fast back-to-back" },
	{ __BIT(10), "intx_disable", "INTx disable" },
	{ 0, NULL, NULL }
};

static const struct bit status_bits[] = {
	{ __BIT(3), "intx_pending", "INTx pending" },
	{ STATUS_CAPABILITIES, "capabilities", "capability list" },
	{ __BIT(5), "66mhz", "66 MHz capable" },
	{ __BIT(7), "fast_back_to_back", "fast back-to-back capable" },
	{ __BIT(8), "master_parity_error", "master data parity error" },
	{ __BIT(11), "signaled_target_abort", "signaled target abort" },
	{ __BIT(12), "received_target_abort", "received target abort" },
	{ __BIT(13), "received_master_abort", "received master abort" },
	{ __BIT(14), "signaled_system_error", "signaled system error" },
	{ __BIT(15), "parity_error", "detected parity error" },
	{ 0, NULL, NULL }
};

struct config {
	uint32_t dword[CFG_HEADER_END / 4];
};

static uint32_t
dword(const struct config *c, unsigned offset)
{

	return c->dword[offset / 4];
}

static int
read_header(struct tool *t, struct config *c)
{
	unsigned i;

	for (i = 0; i < CFG_HEADER_END / 4; i++)
		if (edu_config_read(t->edu, i * 4, &c->dword[i]) == -1)
			return fail_device(t, NULL);
	return 0;
}

/* A line of the text; the document's members are written beside it. */
static void
title(const struct tool *t, const char *name)
{

	say(t, "%-22s ", name);
}

static void
print_bits(struct tool *t, const char *name, const char *key,
    const struct bit *bits, uint32_t value)
{

	title(t, name);
	say(t, "0x%04" PRIx32 "\n", value);
	json_object(&t->doc, key);
	json_number(&t->doc, "value", value);
	for (; bits->mask != 0; bits++) {
		say(t, "  %-28s %s\n", bits->name,
		    value & bits->mask ? "on" : "off");
		json_bool(&t->doc, bits->key, (value & bits->mask) != 0);
	}
	json_end(&t->doc);
}

static void
print_pair(struct tool *t, const char *name, const char *first,
    const char *second, uint32_t value)
{

	title(t, name);
	say(t, "0x%04" PRIx32 " 0x%04" PRIx32 "\n", value & 0xffff,
	    value >> 16);
	json_number(&t->doc, first, value & 0xffff);
	json_number(&t->doc, second, value >> 16);
}

static void
print_identity(struct tool *t, const struct config *c)
{
	uint32_t class = dword(c, CFG_CLASS) >> 8;
	uint32_t header = dword(c, CFG_HEADER) >> 16 & 0xff;

	print_pair(t, "vendor, product:", "vendor", "product",
	    dword(c, CFG_ID));
	print_pair(t, "subsystem:", "subsystem_vendor", "subsystem_product",
	    dword(c, CFG_SUBSYSTEM));
	title(t, "revision:");
	say(t, "0x%02" PRIx32 "\n", dword(c, CFG_CLASS) & 0xff);
	json_number(&t->doc, "revision", dword(c, CFG_CLASS) & 0xff);
	title(t, "class:");
	say(t, "0x%06" PRIx32 " (class 0x%02" PRIx32 ", subclass 0x%02" PRIx32
	    ", interface 0x%02" PRIx32 ")\n", class, class >> 16,
	    class >> 8 & 0xff, class & 0xff);
	json_number(&t->doc, "class", class);
	title(t, "header type:");
	say(t, "0x%02" PRIx32 "%s\n", header, header & 0x80 ?
	    " (one of several functions)" : "");
	json_number(&t->doc, "header_type", header);
}

/* An edu has no other; it is memory, of 32 bits as the device stands. */
static void
print_bar0(struct tool *t, uint32_t bar)
{
	static const char * const type[] = {
		"32-bit memory", "memory below 1 MiB", "64-bit memory",
		"memory of a reserved type"
	};
	uint32_t address = bar & (bar & 1 ? ~3U : ~15U);

	title(t, "BAR0:");
	say(t, "0x%08" PRIx32 " (%s%s, at 0x%08" PRIx32 ")\n", bar,
	    bar & 1 ? "I/O" : type[bar >> 1 & 3],
	    bar & 1 ? "" : bar & 8 ? ", prefetchable" : ", not prefetchable",
	    address);
	json_object(&t->doc, "bar0");
	json_number(&t->doc, "value", bar);
	json_number(&t->doc, "address", address);
	json_string(&t->doc, "type", bar & 1 ? "io" :
	    (bar >> 1 & 3) == 2 ? "mem64" : "mem32");
	json_bool(&t->doc, "prefetchable", (bar & 9) == 8);
	json_end(&t->doc);
}

static void
print_interrupt(struct tool *t, uint32_t value)
{
	unsigned line = value & 0xff, pin = value >> 8 & 0xff;

	title(t, "interrupt line:");
	say(t, "%u%s\n", line, line == 0xff ? " (none)" : "");
	title(t, "interrupt pin:");
	if (pin >= 1 && pin <= 4)
		say(t, "%u (INT%c)\n", pin, "ABCD"[pin - 1]);
	else
		say(t, "%u%s\n", pin, pin == 0 ? " (none)" : "");
	json_number(&t->doc, "interrupt_line", line);
	json_number(&t->doc, "interrupt_pin", pin);
}

/* The MSI capability's offset, 0 when there is none, or -1. */
static int
find_msi(struct tool *t, const struct config *c)
{
	unsigned i, offset;
	uint32_t value;

	if (!(dword(c, CFG_COMMAND) >> 16 & STATUS_CAPABILITIES))
		return 0;
	offset = dword(c, CFG_CAPABILITIES) & 0xfc;
	for (i = 0; offset >= CFG_HEADER_END && i < MAX_CAPABILITIES; i++) {
		if (edu_config_read(t->edu, offset, &value) == -1)
			return -1;
		if ((value & 0xff) == CAP_MSI)
			return (int)offset;
		offset = value >> 8 & 0xfc;
	}
	return 0;
}

struct msi {
	unsigned offset;
	uint32_t control;
	uint64_t address;
	uint32_t data;
};

static int
read_msi(struct tool *t, struct msi *m)
{
	uint32_t low, high = 0, value;
	unsigned data;

	if (edu_config_read(t->edu, m->offset, &value) == -1)
		return -1;
	m->control = value >> 16;
	data = m->offset + (m->control & MSI_64BIT ? 12 : 8);
	if (edu_config_read(t->edu, m->offset + 4, &low) == -1 ||
	    ((m->control & MSI_64BIT) &&
	    edu_config_read(t->edu, m->offset + 8, &high) == -1) ||
	    edu_config_read(t->edu, data, &value) == -1)
		return -1;
	m->address = (uint64_t)high << 32 | low;
	m->data = value & 0xffff;
	return 0;
}

static void
print_msi(struct tool *t, const struct msi *m)
{
	struct json *j = &t->doc;
	unsigned capable = 1U << __SHIFTOUT(m->control, MSI_CAPABLE);
	unsigned enabled = 1U << __SHIFTOUT(m->control, MSI_ENABLED);

	say(t, "at 0x%02x, %s, %s, vectors: %u of %u\n", m->offset,
	    m->control & MSI_ENABLE ? "enabled" : "disabled",
	    m->control & MSI_64BIT ? "64-bit" : "32-bit", enabled, capable);
	say(t, "  address 0x%" PRIx64 ", data 0x%04" PRIx32 "%s\n", m->address,
	    m->data, m->control & MSI_MASKABLE ? ", maskable" : "");
	json_object(j, "msi");
	json_number(j, "offset", m->offset);
	json_bool(j, "enabled", (m->control & MSI_ENABLE) != 0);
	json_bool(j, "64bit", (m->control & MSI_64BIT) != 0);
	json_bool(j, "maskable", (m->control & MSI_MASKABLE) != 0);
	json_number(j, "vectors", capable);
	json_number(j, "vectors_enabled", enabled);
	json_number(j, "address", m->address);
	json_number(j, "data", m->data);
	json_end(j);
}

/* Where only root may read so far, the rest is shown all the same. */
static int
show_msi(struct tool *t, const struct config *c)
{
	struct msi m = { 0, 0, 0, 0 };
	int offset;

	title(t, "MSI capability:");
	offset = find_msi(t, c);
	m.offset = (unsigned)offset;
	if (offset == -1 || (offset != 0 && read_msi(t, &m) == -1)) {
		say(t, "not readable\n");
		json_null(&t->doc, "msi");
		return fail_device(t, NULL);
	}
	if (offset != 0)
		print_msi(t, &m);
	else {
		say(t, "none\n");
		json_null(&t->doc, "msi");
	}
	return 0;
}

static void
print_raw(struct tool *t, const struct config *c)
{
	unsigned i;

	title(t, "configuration space:");
	for (i = 0; i < CFG_HEADER_END / 4; i++) {
		if (i % 4 == 0)
			say(t, "\n  0x%02x:", i * 4);
		say(t, " 0x%08" PRIx32, c->dword[i]);
	}
	say(t, "\n");
}

static int
show_config(struct tool *t)
{
	struct config c;
	uint32_t command;
	int status;

	if ((status = read_header(t, &c)) != 0)
		return status;
	command = dword(&c, CFG_COMMAND);
	print_identity(t, &c);
	print_bits(t, "command register:", "command", command_bits,
	    command & 0xffff);
	print_bits(t, "status register:", "status", status_bits,
	    command >> 16);
	print_bar0(t, dword(&c, CFG_BAR0));
	print_interrupt(t, dword(&c, CFG_INTERRUPT));
	status = show_msi(t, &c);
	if (t->is_verbose)
		print_raw(t, &c);
	return status;
}

/* What the device itself says. */
static int
show_registers(struct tool *t)
{
	uint32_t id;

	if (edu_identify(t->edu, &id) == -1)
		return fail_device(t, NULL);
	title(t, "identification:");
	say(t, "0x%08" PRIx32 " (edu version %u.%u)\n", id,
	    id_major(id), id_minor(id));
	json_number(&t->doc, "identification", id);
	json_object(&t->doc, "version");
	json_number(&t->doc, "major", id_major(id));
	json_number(&t->doc, "minor", id_minor(id));
	json_end(&t->doc);
	return 0;
}

/*
 * Where the registers cannot be read, configuration space may be: then that
 * is shown, and what failed decides the exit status.
 */
static int
open_for_info(struct tool *t, int *failure)
{

	*failure = 0;
	if ((t->edu = edu_open(t->device, EDU_OPEN_READONLY)) != NULL)
		return 0;
	*failure = fail_device(t, NULL);
	t->edu = edu_open(t->device, EDU_OPEN_READONLY | EDU_OPEN_CONFIG);
	return t->edu != NULL && device_is_edu(t->edu) ? 0 : *failure;
}

static void
show_name(struct tool *t, const char *name, const char *key, const char *value)
{
	char plain[PRINTABLE_SIZE];

	json_string(&t->doc, key, value);
	title(t, name);
	say(t, "%s\n", edu_printable(value, plain, sizeof(plain)));
}

int
cmd_info(struct tool *t, const struct args *a)
{
	uint32_t id;
	int failure, status;

	(void)a;
	if ((status = open_for_info(t, &failure)) != 0)
		return status;
	show_name(t, "device:", "device", edu_name(t->edu));
	show_name(t, "kernel side:", "kernel_side", edu_kernel_side(t->edu));
	if (failure == 0)
		failure = show_registers(t);
	/* Who was given the device alone may not see this, and need not. */
	if (failure == 0 && edu_config_read(t->edu, 0, &id) == -1 &&
	    errno == EACCES) {
		title(t, "configuration space:");
		say(t, "not for this user\n");
		return 0;
	}
	status = show_config(t);
	return failure != 0 ? failure : status;
}
