/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "internal.h"

static int
allocate(struct edu_mem *mem, size_t length)
{
	const struct edu_kernel_ops *ops = mem->edu->kernel->ops;
	struct edu_segment *s = &mem->segment;
	struct edu_error *err = &mem->edu->err;

	if (ops->alloc == NULL)
		return edu_fail_kernel(mem->edu, "gives memory that the device "
		    "can reach");
	if (ops->alloc(mem->edu->kernel, length, EDU_DMA_MASK + 1ULL, s) == -1)
		return -1;
	/* The device would wrap a higher address, and tell nobody. */
	if (s->length >= length && s->bus_address <= EDU_DMA_MASK &&
	    s->length - 1 <= EDU_DMA_MASK - s->bus_address)
		return 0;
	(void)edu_fail(err, ENOMEM, "the memory at bus address 0x%" PRIx64
	    " is beyond the device's mask 0x%x", s->bus_address, EDU_DMA_MASK);
	ops->free(mem->edu->kernel, s);
	return -1;
}

EDU_PUBLIC struct edu_mem *
edu_mem_alloc(struct edu *edu, size_t length)
{
	struct edu_mem *mem;

	if (edu_need(edu, EDU_NEED_REGISTERS | EDU_NEED_CLAIM) == -1)
		return NULL;
	if (length == 0 || length > EDU_MEM_MAX) {
		(void)edu_fail(&edu->err, EINVAL, "cannot allocate %zu bytes: "
		    "1 to %zu are possible", length, EDU_MEM_MAX);
		return NULL;
	}
	if ((mem = calloc(1, sizeof(*mem))) == NULL) {
		(void)edu_fail(&edu->err, ENOMEM, "out of memory");
		return NULL;
	}
	mem->edu = edu;
	mem->length = length;
	if (allocate(mem, length) == -1) {
		int errnum = errno;

		free(mem);
		errno = errnum;
		return NULL;
	}
	mem->next = edu->mems;
	edu->mems = mem;
	return mem;
}

static void
release(struct edu_mem **link)
{
	struct edu_mem *mem = *link;
	struct edu_kernel *kernel = mem->edu->kernel;

	*link = mem->next;
	kernel->ops->free(kernel, &mem->segment);
	free(mem);
}

void
edu_mem_reap(struct edu *edu)
{
	struct edu_mem **link = &edu->mems;

	while (*link != NULL) {
		if ((*link)->is_freed && *link != edu->dma.mem)
			release(link);
		else
			link = &(*link)->next;
	}
}

void
edu_mem_release_all(struct edu *edu)
{

	while (edu->mems != NULL)
		release(&edu->mems);
}

EDU_PUBLIC void
edu_mem_free(struct edu_mem *mem)
{
	int errnum = errno;

	if (mem == NULL)
		return;
	mem->is_freed = 1;
	edu_mem_reap(mem->edu);
	errno = errnum;
}

EDU_PUBLIC void *
edu_mem_data(const struct edu_mem *mem)
{

	return mem->segment.data;
}

EDU_PUBLIC size_t
edu_mem_length(const struct edu_mem *mem)
{

	return mem->length;
}

EDU_PUBLIC uint64_t
edu_mem_bus_address(const struct edu_mem *mem)
{

	return mem->segment.bus_address;
}
