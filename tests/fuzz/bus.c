/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* The bus: see world.h and the promises in bus.h. */

#include <errno.h>

#include "error.h"
#include "pci.h"
#include "trace.h"
#include "world.h"

static struct device *
device_of(const struct edu_bus *bus)
{
	struct device *d = world.devices;

	while (d->bus != bus)
		MUST(++d < world.devices + DEVICES);
	return d;
}

static int
fail_config(struct edu_bus *bus)
{

	if (bus->is_gone)
		return edu_fail(bus->err, ENODEV, "the device is gone");
	if (world.is_driven)
		return edu_fail(bus->err, EACCES, "configuration space is not "
		    "for this user");
	return edu_fail(bus->err, EIO, "configuration space is refused");
}

static int
config_read(struct edu_bus *bus, unsigned offset, uint32_t *value)
{
	int fails;

	MUST(offset % 4 == 0 && offset < PCI_CONFIG_SIZE);
	if (world.is_driven || bus->is_gone)
		return fail_config(bus);
	if (world_is_over()) {
		*value = UINT32_MAX;
		return 0;
	}
	*value = (uint32_t)world_answer(device_config_read(device_of(bus),
	    offset), &fails);
	return fails ? fail_config(bus) : 0;
}

/* What a read-only handle must not do. */
static int
config_write(struct edu_bus *bus, unsigned offset, uint32_t value)
{
	int fails;

	MUST(offset % 4 == 0 && offset < PCI_CONFIG_SIZE);
	MUST(device_of(bus)->is_writable);
	(void)world_answer(0, &fails);
	if (world.is_driven || bus->is_gone || fails)
		return fail_config(bus);
	device_config_write(device_of(bus), offset, value);
	return 0;
}

static int
region(struct edu_bus *bus, unsigned index, struct edu_region *r)
{
	int fails;

	MUST(index < 6);
	r->is_io = 0;
	r->address = world_answer(index != 0 ? 0 : device_of(bus)->address,
	    &fails) & ~UINT64_C(0xf);
	if (fails)
		return edu_fail(bus->err, EIO, "it does not say");
	r->length = world_answer(index == 0 ? EDU_BAR0_SIZE : 0, &fails);
	return 1;
}

static int
map(struct edu_bus *bus, int writable)
{
	int fails;

	MUST(!writable || device_of(bus)->is_writable);
	(void)world_answer(0, &fails);
	if (!fails && !world.is_refused)
		return 0;
	return edu_fail(bus->err, world.is_refused ? EPERM : EIO,
	    "BAR0 is not mapped");
}

static uint64_t
read_register(struct edu_bus *bus, unsigned offset, unsigned width)
{
	uint64_t value;
	int fails;

	MUST(width == 4 || (width == 8 && offset >= EDU_DMA_SRC));
	MUST(offset % 4 == 0 && offset < EDU_REG_END && !bus->is_gone);
	value = world_answer(device_read(device_of(bus), offset), &fails);
	return width == 4 ? (uint32_t)value : value;
}

static void
write_register(struct edu_bus *bus, unsigned offset, unsigned width,
    uint64_t value)
{

	MUST(width == 4 || (width == 8 && offset >= EDU_DMA_SRC));
	MUST(offset % 4 == 0 && offset < EDU_REG_END && !bus->is_gone);
	MUST(device_of(bus)->is_writable);
	if (!world_is_over())
		device_write(device_of(bus), offset, value);
}

static int
present(struct edu_bus *bus)
{
	int fails;

	if (!world_is_over() && (world_answer(1, &fails) != 0 || fails))
		return !fails;
	bus->is_gone = 1;
	return edu_fail(bus->err, ENODEV, "the device is gone");
}

static int
instance(struct edu_bus *bus, char *buf, size_t size)
{

	(void)snprintf(buf, size, "boot/%td", device_of(bus) - world.devices);
	return 0;
}

/* Unlike QEMU's edu, it forgets all. */
static int
reset(struct edu_bus *bus)
{
	int fails;

	MUST(device_of(bus)->is_writable && !bus->is_gone);
	(void)world_answer(0, &fails);
	if (!fails && !world_is_over()) {
		device_reset(device_of(bus));
		return 0;
	}
	return edu_fail(bus->err, fails ? ENOTSUP : EIO, "it is not reset");
}

/* An honest device is as it was, and touches nothing any more. */
static void
check_left(const struct device *d)
{
	uint32_t command = d->config[PCI_COMMAND / 4];
	uint32_t changed = command ^ d->old_command;

	MUST(d->config[PCI_BAR(0) / 4] == d->old_bar0);
	MUST(d->dma_us == 0 || d->is_stranger ||
	    !(command & PCI_COMMAND_MASTER));
	/* What a former owner has left to undo is another matter. */
	if (d->was_recorded)
		return;
	MUST((changed & PCI_COMMAND_DECODING) == 0);
	MUST((changed & PCI_COMMAND_MASTER) == 0 || d->dma_us != 0);
}

static void
bus_close(struct edu_bus *bus)
{
	struct device *d = device_of(bus);

	MUST(d->kernel == NULL);
	if (!world.is_hostile)
		check_left(d);
	d->bus = NULL;
	d->is_writable = 0;
	free(bus);
}

static const struct edu_bus_ops whole_ops = {
	.config_read	= config_read,
	.config_write	= config_write,
	.region		= region,
	.map		= map,
	.read		= read_register,
	.write		= write_register,
	.present	= present,
	.instance	= instance,
	.reset		= reset,
	.close		= bus_close,
};

/* Those of this world, for all that are open. */
static const struct edu_bus_ops *
choose_ops(void)
{
	static struct edu_bus_ops ops;

	ops = whole_ops;
	if (!world.has_present)
		ops.present = NULL;
	if (!world.has_region)
		ops.region = NULL;
	/* Both go by a descriptor, or not. */
	if (!world.has_instance) {
		ops.instance = NULL;
		ops.reset = NULL;
	}
	return &ops;
}

static struct edu_bus *
open_bus(const char *name, int writable, struct edu_error *err)
{
	struct device *d = world.devices;
	struct edu_bus *bus;

	while (name != NULL && strcmp(name, d->name) != 0)
		if (++d == world.devices + DEVICES) {
			(void)edu_fail(err, ENOENT, "there is no such device");
			return NULL;
		}
	if (d->bus != NULL) {
		(void)edu_fail(err, EBUSY, "it is open");
		return NULL;
	}
	MUST((bus = calloc(1, sizeof(*bus))) != NULL);
	bus->ops = choose_ops();
	bus->err = err;
	bus->is_private = world.is_private;
	bus->is_alone = world.is_alone;
	bus->is_driven = world.is_driven;
	bus->dma_time_us = EDU_DMA_TIME_MS * 1000;
	(void)snprintf(bus->name, sizeof(bus->name), "%s", d->name);
	d->bus = bus;
	d->is_writable = writable;
	d->was_recorded = world.record[0] != '\0';
	d->old_command = d->config[PCI_COMMAND / 4];
	d->old_bar0 = d->config[PCI_BAR(0) / 4];
	edu_trace_bus(bus);
	return bus;
}

struct edu_bus *
edu_bus_pciaccess(const char *name, int writable, struct edu_error *err)
{

	if (!world.is_driven)
		return open_bus(name, writable, err);
	(void)edu_fail(err, EACCES, "PCI is not for this user");
	return NULL;
}

/* The user has been given the node alone. */
struct edu_bus *
world_bus(const char *name, struct edu_error *err)
{

	if (world.is_driven)
		return open_bus(name, 1, err);
	errno = ENXIO;
	return NULL;
}

struct edu_bus *
edu_bus_qtest(const char *path, struct edu_error *err)
{

	(void)path;
	return open_bus(NULL, 1, err);
}

static int
list(struct edu_bus_name **names, size_t *count, struct edu_error *err)
{
	size_t i;

	(void)err;
	MUST((*names = calloc(DEVICES, sizeof(**names))) != NULL);
	for (i = 0; i < DEVICES; i++)
		(void)strcpy((*names)[i].text, world.devices[i].name);
	*count = DEVICES;
	return 0;
}

int
edu_bus_pciaccess_list(struct edu_bus_name **names, size_t *count,
    struct edu_error *err)
{

	return list(names, count, err);
}

int
edu_bus_pciaccess_all(struct edu_bus_name **names, size_t *count,
    struct edu_error *err)
{

	return list(names, count, err);
}
