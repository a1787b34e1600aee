/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Registers by their offset: peek, poke and regs. */

#include <errno.h>
#include <inttypes.h>
#include <limits.h>

#include "edutool.h"

static const struct {
	unsigned offset;
	unsigned width;
	const char *name;
} registers[] = {
	{ EDU_ID, 4, "identification" },
	{ EDU_LIVE, 4, "liveness" },
	{ EDU_FACTORIAL, 4, "factorial" },
	{ EDU_STATUS, 4, "status" },
	{ EDU_INTR_STATUS, 4, "interrupt status" },
	{ EDU_DMA_SRC, 8, "DMA source address" },
	{ EDU_DMA_DST, 8, "DMA destination address" },
	{ EDU_DMA_COUNT, 8, "DMA byte count" },
	{ EDU_DMA_CMD, 8, "DMA command" }
};
#define NREGISTERS	(sizeof(registers) / sizeof(registers[0]))

static void
describe(struct tool *t, unsigned offset, unsigned width, uint64_t value)
{

	json_number(&t->doc, "offset", offset);
	json_number(&t->doc, "width", width);
	json_number(&t->doc, "value", value);
}

static int
parse_place(struct tool *t, const struct args *a, unsigned *offset)
{
	uint64_t value;
	int status;

	if (a->width != 4 && a->width != 8)
		return fail_usage(t, "-w: the width is 4 or 8 bytes");
	status = parse_number(t, "OFFSET", a->operand[0], UINT_MAX, &value);
	if (status == 0)
		*offset = (unsigned)value;
	return status;
}

int
cmd_peek(struct tool *t, const struct args *a)
{
	unsigned offset = 0;
	uint64_t value = 0;
	int status;

	if ((status = parse_place(t, a, &offset)) != 0 ||
	    (status = device_open(t, EDU_OPEN_READONLY)) != 0)
		return status;
	if (edu_read(t->edu, offset, a->width, &value) == -1)
		return fail_device(t, NULL);
	say(t, "0x%0*" PRIx64 "\n", (int)a->width * 2, value);
	describe(t, offset, a->width, value);
	return 0;
}

int
cmd_poke(struct tool *t, const struct args *a)
{
	unsigned offset = 0;
	uint64_t value = 0;
	int status;

	if ((status = parse_place(t, a, &offset)) != 0 ||
	    (status = parse_number(t, "VALUE", a->operand[1],
	    a->width == 8 ? UINT64_MAX : UINT32_MAX, &value)) != 0 ||
	    (status = device_open(t, EDU_OPEN_KEEP)) != 0)
		return status;
	if (edu_write(t->edu, offset, a->width, value) == -1)
		return fail_device(t, errno == EPERM ? "edutool dma moves "
		    "data" : NULL);
	describe(t, offset, a->width, value);
	return 0;
}

int
cmd_regs(struct tool *t, const struct args *a)
{
	uint64_t value;
	int status;
	size_t i;

	(void)a;
	if ((status = device_open(t, EDU_OPEN_READONLY)) != 0)
		return status;
	json_array(&t->doc, "registers");
	for (i = 0; i < NREGISTERS; i++) {
		if (edu_read(t->edu, registers[i].offset, registers[i].width,
		    &value) == -1)
			return fail_device(t, NULL);
		json_object(&t->doc, NULL);
		json_string(&t->doc, "name", registers[i].name);
		describe(t, registers[i].offset, registers[i].width, value);
		json_end(&t->doc);
		say(t, "0x%02x  0x%0*" PRIx64 "%*s  %s\n", registers[i].offset,
		    (int)registers[i].width * 2, value,
		    16 - (int)registers[i].width * 2, "", registers[i].name);
	}
	json_end(&t->doc);
	return 0;
}
