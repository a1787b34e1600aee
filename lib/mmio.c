/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "bus.h"
#include "mmio.h"

uint64_t
edu_bus_mapped_read(struct edu_bus *bus, unsigned offset, unsigned width)
{

	return width == 8 ? edu_mmio_read64(bus->bar0, offset) :
	    edu_mmio_read32(bus->bar0, offset);
}

void
edu_bus_mapped_write(struct edu_bus *bus, unsigned offset, unsigned width,
    uint64_t value)
{

	if (width == 8)
		edu_mmio_write64(bus->bar0, offset, value);
	else
		edu_mmio_write32(bus->bar0, offset, (uint32_t)value);
}
