/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef EDU_ADDRESS_H
#define EDU_ADDRESS_H

/* The address of a PCI function, and how people write it. */

#include <stddef.h>
#include <stdint.h>

struct edu_error;

struct edu_address {
	uint32_t	domain;
	uint32_t	bus;
	uint32_t	device;
	uint32_t	function;
};

/* The domain, the bus and leading zeros may be missing.  EINVAL. */
int	edu_address_parse(const char *text, struct edu_address *,
	    struct edu_error *);
/* "0000:00:0a.0" */
void	edu_address_format(const struct edu_address *, char *text,
	    size_t size);

#endif /* EDU_ADDRESS_H */
