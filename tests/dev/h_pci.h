/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef H_PCI_H
#define H_PCI_H

/*
 * PCI functions as the operating system shows them, past the library: what
 * the library says is compared with this, and what a stray program does to a
 * function is done by this.  Each system's header has
 *
 *	pci_all()	the names of all functions, sorted; returns how many
 *	pci_read(), pci_write()		a dword of configuration space
 *	pci_driver()	the driver's name, empty when there is none
 *	pci_resource()	a BAR as the system knows it
 *	map_registers()	BAR0, as another driver, or a stray program, has it;
 *			skips the test where there is no such way
 */

#include <sys/types.h>
#include <sys/mman.h>

#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <edureg.h>

#define CONFIG_SIZE	256

/* PCI ids as pci_find() takes them: product << 16 | vendor. */
#define ID_EDU		0x11e81234U
#define ID_TESTDEV	0x00051b36U

#define COMMAND		0x04
#define	 COMMAND_IO	0x0001U
#define	 COMMAND_MEMORY	0x0002U
#define	 COMMAND_DECODING (COMMAND_IO | COMMAND_MEMORY)
#define	 COMMAND_MASTER	0x0004U
#define	 COMMAND_NO_INTX 0x0400U
#define HEADER_TYPE	0x0e
#define BAR(i)		(0x10U + 4U * (unsigned)(i))

struct pci_name {
	char		text[32];
};

struct pci_resource {
	uint64_t	start;
	uint64_t	length;		/* 0: absent */
	int		is_io;
	int		is_64;
	int		is_prefetchable;
};

static inline int
pci_compare_names(const void *a, const void *b)
{
	const struct pci_name *left = a, *right = b;

	return strcmp(left->text, right->text);
}

#ifdef __NetBSD__
#include "h_pci_netbsd.h"
#else
#include "h_pci_linux.h"
#endif

static inline void
pci_config(const char *name, uint8_t config[CONFIG_SIZE])
{
	uint32_t value = 0;
	unsigned i;

	for (i = 0; i < CONFIG_SIZE; i++) {
		if (i % 4 == 0)
			value = pci_read(name, i);
		config[i] = (uint8_t)(value >> i % 4 * 8);
	}
}

static inline uint32_t
pci_command(const char *name)
{

	return pci_read(name, COMMAND) & 0xffff;
}

/* Zeroes change nothing in the status register above it. */
static inline void
pci_set_command(const char *name, uint32_t command)
{

	pci_write(name, COMMAND, command);
	ATF_REQUIRE_EQ(pci_command(name), command);
}

/* Everything but the status register is as it was. */
static inline void
pci_check_same(const char *name, const uint8_t before[CONFIG_SIZE],
    const char *when)
{
	/* Beyond the header of another kind its driver may be at work. */
	unsigned i, end = before[0] == 0x34 ? CONFIG_SIZE : 64;
	uint8_t now[CONFIG_SIZE];

	pci_config(name, now);
	for (i = 0; i < end; i++)
		ATF_CHECK_MSG(now[i] == before[i] || i == 6 || i == 7,
		    "%s: configuration byte 0x%02x was 0x%02x, is 0x%02x %s",
		    name, i, before[i], now[i], when);
}

/* Those of an id. */
static inline size_t
pci_find(uint32_t id, struct pci_name *names, size_t max)
{
	size_t all, count = 0, i;

	all = pci_all(names, max);
	for (i = 0; i < all; i++)
		if (pci_read(names[i].text, 0) == id)
			names[count++] = names[i];
	return count;
}

#endif /* H_PCI_H */
