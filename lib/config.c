/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <errno.h>

#include "internal.h"

int
edu_config_answers(struct edu *edu, uint32_t dword)
{

	if (dword != UINT32_MAX)
		return 0;
	edu->bus->is_gone = 1;
	return edu_fail_gone(&edu->err, "configuration space reads all ones");
}

int
edu_fail_driven(struct edu *edu)
{

	return edu_fail(&edu->err, ENOTSUP, "this needs configuration space, "
	    "which is not for this user");
}

int
edu_command_read(struct edu *edu, uint32_t *command)
{
	uint32_t dword = UINT32_MAX;

	if (edu->bus->ops->config_read(edu->bus, PCI_COMMAND, &dword) == -1 ||
	    edu_config_answers(edu, dword) == -1)
		return -1;
	*command = dword & PCI_COMMAND_MASK;
	return 0;
}

/* A list that is broken may be a circle, or end where a capability does not. */
int
edu_config_msi(struct edu *edu, unsigned *offset, uint32_t *dword)
{
	const struct edu_bus_ops *ops = edu->bus->ops;
	unsigned left = (PCI_CONFIG_SIZE - PCI_HEADER_END) / 4;
	uint32_t value = 0;

	if (ops->config_read(edu->bus, PCI_COMMAND, &value) == -1)
		return -1;
	if (!(value & PCI_STATUS_CAPABILITIES))
		return 0;
	if (ops->config_read(edu->bus, PCI_CAPABILITIES, &value) == -1)
		return -1;
	*offset = value & PCI_CAPABILITY_MASK;
	for (; *offset >= PCI_HEADER_END && left > 0; left--) {
		if (ops->config_read(edu->bus, *offset, dword) == -1)
			return -1;
		if (PCI_CAPABILITY_ID(*dword) == PCI_CAPABILITY_MSI)
			return *offset + PCI_MSI_DATA < PCI_CONFIG_SIZE;
		*offset = PCI_CAPABILITY_NEXT(*dword);
	}
	return 0;
}

int
edu_command_change(struct edu *edu, uint32_t set, uint32_t clear)
{
	uint32_t before = 0, after = 0;

	if (edu->bus->is_driven)
		return 0;
	if (edu_command_read(edu, &before) == -1)
		return -1;
	if ((before & (set | clear)) == set)
		return 0;
	if (edu->kernel != NULL)
		edu->kernel->command_us = 0;
	if (edu->bus->ops->config_write(edu->bus, PCI_COMMAND,
	    (before & ~clear) | set) == -1 ||
	    edu_command_read(edu, &after) == -1)
		return -1;
	if ((after & (set | clear)) == set)
		return 0;
	if (edu_require_bound(edu) == -1)
		return -1;
	return edu_fail(&edu->err, EIO, "the command register stays 0x%04x, "
	    "was to become 0x%04x", after, (before & ~clear) | set);
}
