/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef EDU_NETBSD_H
#define EDU_NETBSD_H

/* What the files of NetBSD share: an open node of edu(4), /dev/eduN. */

#include <stddef.h>

#include "eduio.h"

struct edu_bus;
struct edu_bus_name;
struct edu_driver;
struct edu_error;
struct edu_kernel;

/* Its name, before the number of the unit. */
#define EDU_DRIVER	"edu"

struct edu_node {
	int		fd;
	struct edu_info	info;
};

/*
 * The unit of a function ("0000:00:0a.0"), or the first for NULL, opened.
 *
 * ENXIO	no edu(4) is attached to it
 * ENOENT	it is, but has no node
 * EACCES, EBUSY
 */
int	edu_node_open(struct edu_node *, const char *address,
	    struct edu_error *);
int	edu_node_open_unit(struct edu_node *, unsigned unit);
void	edu_node_close(struct edu_node *);

/* "0000:00:0a.0" */
void	edu_node_name(const struct edu_node *, char *name, size_t size);

/* BAR0, EDU_BAR0_SIZE bytes; NULL with errno. */
void	*edu_node_map_bar0(const struct edu_node *, int writable,
	    struct edu_error *);

/* bus.c: see system.h; and the node of such a bus, NULL for any other bus. */
struct edu_bus *edu_netbsd_bus(const char *address, struct edu_error *);
int	edu_netbsd_list(struct edu_bus_name **, size_t *count,
	    struct edu_error *);
const struct edu_node *edu_bus_node(struct edu_bus *);

/* driver.c: see system.h. */
int	edu_netbsd_driver(const char *address, struct edu_driver *);

/* kernel.c */
struct edu_kernel *edu_netbsd_kernel(struct edu_bus *, int poll_only);

/* Enough for anybody; units beyond are not looked for. */
#define EDU_NODE_MAX	256

#endif /* EDU_NETBSD_H */
