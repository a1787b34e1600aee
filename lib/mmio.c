/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "bus.h"
#include "mmio.h"

uint32_t
edu_bus_read32(struct edu_bus *bus, unsigned offset)
{

	return edu_mmio_read32(bus->bar0, offset);
}

uint64_t
edu_bus_read64(struct edu_bus *bus, unsigned offset)
{

	return edu_mmio_read64(bus->bar0, offset);
}

void
edu_bus_write32(struct edu_bus *bus, unsigned offset, uint32_t value)
{

	edu_mmio_write32(bus->bar0, offset, value);
}

void
edu_bus_write64(struct edu_bus *bus, unsigned offset, uint64_t value)
{

	edu_mmio_write64(bus->bar0, offset, value);
}
