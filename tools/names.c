/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* What registers, and their bits, are called: as in edureg.h, and in PCI. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "edutool.h"

/* As edureg.h has those of the device, for snprintb(3). */
#define COMMAND_BITS	"\177\020" "b\0IO\0" "b\1MEMORY\0" "b\2MASTER\0" \
			"b\10SERR\0" "b\12NO_INTX\0" "b\23INTX\0" "b\24CAPS\0"
#define MEMORY_BITS	"\177\020" "b\0IO\0" "b\2" "64BIT\0" "b\3PREFETCH\0"
#define MSI_BITS	"\177\020" "b\20ENABLE\0" "b\27" "64BIT\0"

struct name {
	unsigned offset;
	const char *name;
	const char *bits;	/* NULL: it has none */
};

static const struct name registers[] = {
	{ EDU_ID, "ID", NULL },
	{ EDU_LIVE, "LIVE", NULL },
	{ EDU_FACTORIAL, "FACTORIAL", NULL },
	{ EDU_STATUS, "STATUS", EDU_STATUS_BITS },
	{ EDU_INTR_STATUS, "INTR_STATUS", EDU_INTR_BITS },
	{ EDU_INTR_RAISE, "INTR_RAISE", EDU_INTR_BITS },
	{ EDU_INTR_ACK, "INTR_ACK", EDU_INTR_BITS },
	{ EDU_DMA_SRC, "DMA_SRC", NULL },
	{ EDU_DMA_DST, "DMA_DST", NULL },
	{ EDU_DMA_COUNT, "DMA_COUNT", NULL },
	{ EDU_DMA_CMD, "DMA_CMD", EDU_DMA_CMD_BITS },
	{ 0, NULL, NULL }
};

static const struct name config[] = {
	{ 0x00, "ID", NULL },
	{ 0x04, "COMMAND", COMMAND_BITS },
	{ 0x08, "CLASS", NULL },
	{ 0x0c, "HEADER", NULL },
	{ 0x10, "BAR0", MEMORY_BITS },
	{ 0x14, "BAR1", MEMORY_BITS },
	{ 0x18, "BAR2", MEMORY_BITS },
	{ 0x1c, "BAR3", MEMORY_BITS },
	{ 0x20, "BAR4", MEMORY_BITS },
	{ 0x24, "BAR5", MEMORY_BITS },
	{ 0x2c, "SUBSYSTEM", NULL },
	{ 0x34, "CAPABILITIES", NULL },
	{ 0x3c, "INTERRUPT", NULL },
	{ 0, NULL, NULL }
};

static const struct name msi = { 0, "MSI", MSI_BITS };

static const struct name *
find(const struct name *n, unsigned offset)
{

	for (; n->name != NULL; n++)
		if (n->offset == offset)
			return n;
	return NULL;
}

/* The capabilities are found as whoever reads them finds them. */
static const struct name *
find_capability(struct namer *namer, unsigned offset, uint32_t value)
{
	static const struct name other = { 0, "CAPABILITY", NULL };

	if (offset == 0x34)
		namer->capability = value & 0xfc;
	else if (offset != 0 && offset == namer->capability) {
		if ((value & 0xff) == 0x05)
			namer->msi = offset;
		namer->capability = value >> 8 & 0xfc;
		return offset == namer->msi ? &msi : &other;
	}
	return offset != 0 && offset == namer->msi ? &msi : NULL;
}

static void
add(struct named *n, const char *text)
{
	size_t used = strlen(n->bits);

	(void)snprintf(n->bits + used, sizeof(n->bits) - used, "%s%s",
	    used > 0 ? " " : "", text);
}

static void
add_bits(struct named *n, const char *format, uint64_t value)
{

	for (format += 2; *format == 'b'; format += strlen(format) + 1) {
		if (value >> format[1] & 1)
			add(n, format + 2);
		format += 2;
	}
}

/* The device's own memory is an address for its DMA engine alone. */
static void
add_buffer(struct named *n, uint64_t address)
{
	char text[32];

	if (address < EDU_DMA_BUF || address >= EDU_DMA_BUF + EDU_DMA_BUF_SIZE)
		return;
	(void)snprintf(text, sizeof(text), "BUFFER+0x%" PRIx64,
	    address - EDU_DMA_BUF);
	add(n, address == EDU_DMA_BUF ? "BUFFER" : text);
}

static void
put(struct named *n, const struct name *name, uint64_t value)
{

	n->bits[0] = '\0';
	n->name = name != NULL ? name->name : NULL;
	if (name != NULL && name->bits != NULL)
		add_bits(n, name->bits, value);
}

void
name_register(struct named *n, unsigned offset, uint64_t value)
{

	put(n, find(registers, offset), value);
	if (offset == EDU_DMA_SRC || offset == EDU_DMA_DST)
		add_buffer(n, value);
}

void
name_interrupts(struct named *n, uint64_t value)
{

	name_register(n, EDU_INTR_STATUS, value);
}

void
name_config(struct namer *namer, struct named *n, unsigned offset,
    uint32_t value)
{
	const struct name *capability = find_capability(namer, offset, value);

	put(n, capability != NULL ? capability : find(config, offset), value);
	/* A BAR that reads or is to be all ones has an address at most. */
	if (offset >= 0x10 && offset <= 0x24 && value == UINT32_MAX)
		n->bits[0] = '\0';
}
