/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Memory that the device can reach.  To callers it is a pointer; here each
 * allocation is a record, and every range is looked up in them before a
 * transfer is made of it.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "internal.h"

struct edu_mem {
	struct edu_mem	*next;
	struct edu_segment segment;
	size_t		length;		/* what the caller asked for */
	unsigned	holds;		/* transfers that may touch it */
	int		is_freed;	/* by the caller, while held */
};

static int
allocate(struct edu *edu, size_t length, struct edu_segment *s)
{
	const struct edu_kernel_ops *ops = edu->kernel->ops;

	if (ops->alloc == NULL)
		return edu_kernel_lacks(edu, "gives memory that the device "
		    "can reach");
	if (ops->alloc(edu->kernel, length, EDU_DMA_MASK + 1ULL, s) == -1)
		return -1;
	/* The device would wrap a higher address, and tell nobody. */
	if (s->length >= length && s->bus_address <= EDU_DMA_MASK &&
	    s->length - 1 <= EDU_DMA_MASK - s->bus_address)
		return 0;
	ops->free(edu->kernel, s);
	return edu_fail(&edu->err, ENOMEM, "the memory at bus address 0x%"
	    PRIx64 " is beyond the device's mask 0x%x", s->bus_address,
	    EDU_DMA_MASK);
}

EDU_PUBLIC void *
edu_mem_alloc(struct edu *edu, size_t length)
{
	struct edu_mem *mem;
	int errnum;

	if (edu_require(edu, EDU_REGISTERS | EDU_CLAIM) == -1)
		return NULL;
	if (length == 0 || length > EDU_MEM_MAX) {
		(void)edu_fail(&edu->err, EINVAL, "cannot allocate %zu bytes: "
		    "1 to %zu are possible", length, EDU_MEM_MAX);
		return NULL;
	}
	if ((mem = calloc(1, sizeof(*mem))) == NULL) {
		(void)edu_fail_memory(&edu->err);
		return NULL;
	}
	if (allocate(edu, length, &mem->segment) == -1) {
		errnum = errno;
		free(mem);
		errno = errnum;
		return NULL;
	}
	mem->length = length;
	mem->next = edu->memory.first;
	edu->memory.first = mem;
	return mem->segment.data;
}

static void
destroy(struct edu *edu, struct edu_mem *mem)
{
	struct edu_mem **link = &edu->memory.first;

	while (*link != mem)
		link = &(*link)->next;
	*link = mem->next;
	edu->kernel->ops->free(edu->kernel, &mem->segment);
	free(mem);
}

void
edu_mem_free_all(struct edu *edu)
{

	while (edu->memory.first != NULL)
		destroy(edu, edu->memory.first);
}

EDU_PUBLIC void
edu_mem_free(struct edu *edu, void *data)
{
	struct edu_mem *mem = edu->memory.first;
	int errnum = errno;

	while (mem != NULL && (mem->is_freed || mem->segment.data != data))
		mem = mem->next;
	if (mem == NULL || data == NULL)
		return;
	mem->is_freed = 1;
	if (mem->holds == 0)
		destroy(edu, mem);
	errno = errnum;
}

void
edu_mem_hold(struct edu_mem *mem)
{

	mem->holds++;
}

void
edu_mem_release(struct edu *edu, struct edu_mem *mem)
{

	if (--mem->holds == 0 && mem->is_freed)
		destroy(edu, mem);
}

/* As integers: pointers into different objects do not compare. */
struct edu_mem *
edu_mem_find(struct edu *edu, const void *data, size_t length, size_t *offset)
{
	uintptr_t start = (uintptr_t)data;
	struct edu_mem *mem;

	for (mem = edu->memory.first; mem != NULL; mem = mem->next) {
		*offset = start - (uintptr_t)mem->segment.data;
		if (!mem->is_freed && *offset < mem->length &&
		    length <= mem->length - *offset)
			return mem;
	}
	(void)edu_fail(&edu->err, EFAULT, "%zu bytes at %p are not inside one "
	    "piece of memory that edu_mem_alloc() has given", length, data);
	return NULL;
}

const struct edu_segment *
edu_mem_segment(const struct edu_mem *mem)
{

	return &mem->segment;
}

int
edu_mem_sync(struct edu *edu, struct edu_mem *mem, size_t offset,
    size_t length, int to_device)
{
	const struct edu_kernel_ops *ops = edu->kernel->ops;

	if (ops->sync == NULL)
		return 0;
	return ops->sync(edu->kernel, &mem->segment, offset, length,
	    to_device);
}

EDU_PUBLIC int
edu_mem_address(struct edu *edu, const void *data, uint64_t *bus_address)
{
	struct edu_mem *mem;
	size_t offset;

	if (edu_require(edu, EDU_REGISTERS | EDU_CLAIM) == -1 ||
	    (mem = edu_mem_find(edu, data, 1, &offset)) == NULL)
		return -1;
	*bus_address = mem->segment.bus_address + offset;
	return 0;
}
