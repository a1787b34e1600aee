/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * The bus of a user who has been given /dev/eduN and nothing else: registers
 * through the driver's mmap(2), no configuration space.
 */

#include <sys/mman.h>

#include <errno.h>
#include <stdlib.h>

#include "address.h"
#include "bus.h"
#include "edureg.h"
#include "error.h"
#include "netbsd.h"
#include "trace.h"

struct node_bus {
	struct edu_bus	bus;		/* first: the two are cast */
	struct edu_node	node;
};

static struct node_bus *
self(struct edu_bus *bus)
{

	return (struct node_bus *)(void *)bus;
}

static int
config_read(struct edu_bus *bus, unsigned offset, uint32_t *value)
{

	(void)value;
	return edu_fail_errno(bus->err, EACCES, "cannot read configuration "
	    "space at 0x%02x, which needs /dev/pciN", offset);
}

static int
config_write(struct edu_bus *bus, unsigned offset, uint32_t value)
{

	(void)value;
	return edu_fail_errno(bus->err, EACCES, "cannot write configuration "
	    "space at 0x%02x, which needs /dev/pciN", offset);
}

static int
map(struct edu_bus *bus, int writable)
{
	struct node_bus *b = self(bus);

	bus->bar0 = edu_node_map_bar0(&b->node, writable, bus->err);
	return bus->bar0 != NULL ? 0 : -1;
}

static void
bus_close(struct edu_bus *bus)
{
	struct node_bus *b = self(bus);

	if (bus->bar0 != NULL)
		(void)munmap(bus->bar0, EDU_BAR0_SIZE);
	edu_node_close(&b->node);
	free(b);
}

static const struct edu_bus_ops ops = {
	.config_read	= config_read,
	.config_write	= config_write,
	.map		= map,
	.read		= edu_bus_mapped_read,
	.write		= edu_bus_mapped_write,
	.close		= bus_close,
};

const struct edu_node *
edu_bus_node(struct edu_bus *bus)
{

	return bus->ops->map == map ? &self(bus)->node : NULL;
}

/* A unit that somebody has open does not tell its address. */
int
edu_netbsd_list(struct edu_bus_name **names, size_t *count,
    struct edu_error *err)
{
	struct edu_node node;
	unsigned unit;

	*count = 0;
	if ((*names = calloc(EDU_NODE_MAX, sizeof(**names))) == NULL)
		return edu_fail_memory(err);
	for (unit = 0; unit < EDU_NODE_MAX; unit++) {
		if (edu_node_open_unit(&node, unit) == -1)
			continue;
		edu_node_name(&node, (*names)[*count].text,
		    sizeof((*names)[*count].text));
		(*count)++;
		edu_node_close(&node);
	}
	if (*count > 0)
		return 0;
	free(*names);
	errno = ENXIO;
	return -1;
}

struct edu_bus *
edu_netbsd_bus(const char *address, struct edu_error *err)
{
	struct edu_address a;
	struct node_bus *b;
	char name[32];

	if (address != NULL) {
		if (edu_address_parse(address, &a, err) == -1)
			return NULL;
		edu_address_format(&a, name, sizeof(name));
		address = name;
	}
	if ((b = calloc(1, sizeof(*b))) == NULL) {
		(void)edu_fail_memory(err);
		return NULL;
	}
	if (edu_node_open(&b->node, address, err) == -1) {
		free(b);
		return NULL;
	}
	b->bus.err = err;
	b->bus.ops = &ops;
	b->bus.dma_time_us = EDU_DMA_TIME_MS * 1000;
	b->bus.is_driven = 1;
	edu_node_name(&b->node, b->bus.name, sizeof(b->bus.name));
	edu_trace_bus(&b->bus);
	return &b->bus;
}
