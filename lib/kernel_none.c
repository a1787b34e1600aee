/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* The kernel side of systems that have none: no interrupts, no DMA memory. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "error.h"
#include "kernel.h"

static void
none_close(struct edu_kernel *kernel)
{
	free(kernel);
}

static const struct edu_kernel_ops none_ops = {
	.close = none_close,
};

struct edu_kernel *
edu_kernel_open(struct edu_bus *bus, int poll_only, struct edu_error *err)
{
	struct edu_kernel *kernel;

	(void)bus;
	(void)poll_only;
	kernel = calloc(1, sizeof(*kernel));
	if (kernel == NULL) {
		(void)edu_fail(err, ENOMEM, "no memory left");
		return NULL;
	}
	kernel->ops = &none_ops;
	(void)snprintf(kernel->name, sizeof(kernel->name), "none");
	return kernel;
}
