/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Memory that the device can reach, allocated here or the caller's own and
 * mapped.  To callers it is a pointer; here each piece is a record, and every
 * range is looked up in them before a transfer is made of it.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* A page is the least that is allocated. */
#define MASK_MIN	0xfffU

struct edu_mem {
	struct edu_mem	*next;
	struct edu_segment segment;
	size_t		length;		/* what the caller asked for */
	unsigned	holds;		/* transfers that may touch it */
	int		is_freed;	/* by the caller, while held */
	int		is_callers;	/* mapped, and not allocated */
};

static uint64_t
mask_of(const struct edu *edu)
{

	return edu->memory.mask != 0 ? edu->memory.mask : EDU_DMA_MASK;
}

EDU_PUBLIC uint64_t
edu_dma_mask(const struct edu *edu)
{

	return mask_of(edu);
}

static int
set_mask(struct edu *edu, uint64_t mask)
{

	/* A CPU of 32 bits cannot write more to the device. */
	if (mask < MASK_MIN || (mask & (mask + 1)) != 0 ||
	    (uintptr_t)mask != mask)
		return edu_fail(&edu->err, EINVAL, "0x%" PRIx64 " is no DMA "
		    "mask: one is 2^n - 1, of 12 to %zu bits", mask,
		    sizeof(uintptr_t) * 8);
	edu->memory.mask = mask;
	return 0;
}

EDU_PUBLIC int
edu_dma_set_mask(struct edu *edu, uint64_t mask)
{

	if (edu_require(edu, EDU_REGISTERS | EDU_CLAIM) == -1)
		return -1;
	if (edu->memory.first != NULL)
		return edu_fail(&edu->err, EBUSY, "the DMA mask cannot change "
		    "while memory is allocated or mapped");
	return set_mask(edu, mask);
}

/* The whole of it, as a C constant. */
int
edu_mem_open(struct edu *edu)
{
	const char *text = edu_system.environment("EDU_DMA_MASK");
	char *end;
	uint64_t mask;

	if (text == NULL || *text == '\0')
		return 0;
	errno = 0;
	mask = strtoull(text, &end, 0);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0)
		return edu_fail(&edu->err, EINVAL, "EDU_DMA_MASK in the "
		    "environment is no mask: '%.64s'", text);
	return set_mask(edu, mask);
}

/* On some machines none of the memory is so low, but for an IOMMU. */
static int
check_reach(struct edu *edu)
{
	uint64_t start;

	if (edu->bus->is_private || edu->kernel->translates ||
	    edu_system.memory_start == NULL ||
	    edu_system.memory_start(&start) == -1 || start <= mask_of(edu))
		return 0;
	return edu_fail(&edu->err, ENOTSUP, "this machine's memory begins at "
	    "0x%" PRIx64 ", beyond the device's DMA mask 0x%" PRIx64
	    ": give QEMU a wider one (-global edu.dma_mask=0xffffffff), and "
	    "state the same as EDU_DMA_MASK in the environment", start,
	    mask_of(edu));
}

/* Of the kernel side's memory, or of the caller's at data. */
static int
get_segment(struct edu *edu, void *data, size_t length, struct edu_segment *s)
{
	const struct edu_kernel_ops *ops = edu->kernel->ops;
	uint64_t mask = mask_of(edu), limit;

	limit = mask < UINT64_MAX ? mask + 1 : mask;
	if ((data != NULL ? ops->map_memory(edu->kernel, data, length, limit,
	    s) : ops->alloc(edu->kernel, length, limit, s)) == -1)
		return -1;
	/* The device would wrap a higher address, and tell nobody. */
	if (s->length >= length && s->bus_address <= mask &&
	    s->length - 1 <= mask - s->bus_address)
		return 0;
	ops->free(edu->kernel, s);
	return edu_fail(&edu->err, ENOMEM, "the memory at bus address 0x%"
	    PRIx64 " is beyond the device's mask 0x%" PRIx64, s->bus_address,
	    mask);
}

static struct edu_mem *
add(struct edu *edu, void *data, size_t length)
{
	struct edu_mem *mem;
	int errnum;

	if ((mem = calloc(1, sizeof(*mem))) == NULL) {
		(void)edu_fail_memory(&edu->err);
		return NULL;
	}
	if (get_segment(edu, data, length, &mem->segment) == -1) {
		errnum = errno;
		free(mem);
		errno = errnum;
		return NULL;
	}
	mem->length = length;
	mem->is_callers = data != NULL;
	mem->next = edu->memory.first;
	edu->memory.first = mem;
	return mem;
}

EDU_PUBLIC void *
edu_mem_alloc(struct edu *edu, size_t length)
{
	struct edu_mem *mem;

	if (edu_require(edu, EDU_REGISTERS | EDU_CLAIM) == -1)
		return NULL;
	if (length == 0 || length > EDU_MEM_MAX) {
		(void)edu_fail(&edu->err, EINVAL, "cannot allocate %zu bytes: "
		    "1 to %zu are possible", length, EDU_MEM_MAX);
		return NULL;
	}
	if (edu->kernel->ops->alloc == NULL) {
		(void)edu_kernel_lacks(edu, "no kernel side gives memory that "
		    "the device can reach");
		return NULL;
	}
	if (check_reach(edu) == -1 || (mem = add(edu, NULL, length)) == NULL)
		return NULL;
	return mem->segment.data;
}

/* Which of two records would a pointer into both speak of? */
static int
check_apart(struct edu *edu, const void *data, size_t length)
{
	uintptr_t start = (uintptr_t)data, other;
	const struct edu_mem *mem;

	for (mem = edu->memory.first; mem != NULL; mem = mem->next) {
		other = (uintptr_t)mem->segment.data;
		if (!mem->is_freed && start < other + mem->length &&
		    other < start + length)
			return edu_fail(&edu->err, EEXIST, "some of the %zu "
			    "bytes at %p are mapped or allocated already",
			    length, data);
	}
	return 0;
}

EDU_PUBLIC int
edu_mem_map(struct edu *edu, void *data, size_t length)
{

	if (edu_require(edu, EDU_REGISTERS | EDU_CLAIM) == -1)
		return -1;
	if (edu->kernel->ops->map_memory == NULL)
		return edu_fail(&edu->err, ENOTSUP, "the device reaches no "
		    "other memory than edu_mem_alloc() gives on this handle");
	if (data == NULL || length == 0 || length > UINTPTR_MAX -
	    (uintptr_t)data)
		return edu_fail(&edu->err, EINVAL, "%zu bytes at %p are no "
		    "memory", length, data);
	if (check_apart(edu, data, length) == -1)
		return -1;
	return add(edu, data, length) != NULL ? 0 : -1;
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

static struct edu_mem *
find_start(struct edu *edu, const void *data, int is_callers)
{
	struct edu_mem *mem = edu->memory.first;

	while (mem != NULL && (mem->is_freed || mem->segment.data != data ||
	    mem->is_callers != is_callers))
		mem = mem->next;
	return mem;
}

/* What a transfer may still touch stays until edu_mem_release(). */
static void
retire(struct edu *edu, struct edu_mem *mem)
{

	mem->is_freed = 1;
	if (mem->holds == 0)
		destroy(edu, mem);
}

EDU_PUBLIC void
edu_mem_free(struct edu *edu, void *data)
{
	struct edu_mem *mem = find_start(edu, data, 0);
	int errnum = errno;

	if (mem == NULL || data == NULL)
		return;
	retire(edu, mem);
	errno = errnum;
}

/* If the mark still stands there, as where nothing has come, put that right. */
static int
unmark(struct edu *edu)
{
	struct edu_memory *m = &edu->memory;
	char *mark = m->mark;

	m->mark = NULL;
	if (mark == NULL || memcmp(mark, &m->nonce, m->marked) != 0)
		return 0;
	memcpy(mark, &m->covered, m->marked);
	return 1;
}

/* The caller's memory is the caller's again at once; its addresses are not. */
EDU_PUBLIC int
edu_mem_unmap(struct edu *edu, void *data)
{
	struct edu_mem *mem;

	if (edu_require(edu, EDU_REGISTERS | EDU_CLAIM) == -1)
		return -1;
	if ((mem = find_start(edu, data, 1)) == NULL)
		return edu_fail(&edu->err, EFAULT, "nothing that begins at %p "
		    "is mapped", data);
	edu->kernel->ops->unmap_memory(edu->kernel, &mem->segment);
	if ((uintptr_t)edu->memory.mark - (uintptr_t)data < mem->length)
		(void)unmark(edu);
	retire(edu, mem);
	return 0;
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
	    "piece of memory that edu_mem_alloc() has given or edu_mem_map() "
	    "has mapped", length, data);
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

int
edu_mem_unreached(struct edu *edu, struct edu_mem *mem, size_t offset)
{

	return edu_fail(&edu->err, EIO, "the device does not reach bus address "
	    "0x%" PRIx64 ": its DMA mask is narrower than 0x%" PRIx64
	    " (-device edu,dma_mask=), or an IOMMU has stopped it (dmesg)",
	    mem->segment.bus_address + offset, mask_of(edu));
}

/*
 * The device calls a transfer done that an IOMMU has stopped, or that went to
 * an address which its mask has cut.  Nothing but the data tells: so where it
 * is to write, something stands that it will not write.  What is too short to
 * be unlikely is not marked, nor is memory that has to be synchronized.
 */
void
edu_mem_mark(struct edu *edu, struct edu_mem *mem, size_t offset,
    size_t length)
{
	struct edu_memory *m = &edu->memory;

	m->mark = NULL;
	m->marked = length < sizeof(m->nonce) ? length : sizeof(m->nonce);
	if (m->marked < sizeof(uint32_t) || edu->kernel->ops->sync != NULL)
		return;
	if (m->nonce == 0)
		m->nonce = (uint64_t)edu_now_us();
	m->nonce = m->nonce * 6364136223846793005U + 1442695040888963407U;
	m->mark = (char *)mem->segment.data + offset + length - m->marked;
	memcpy(&m->covered, m->mark, m->marked);
	memcpy(m->mark, &m->nonce, m->marked);
}

int
edu_mem_check(struct edu *edu, struct edu_mem *mem, size_t offset,
    size_t length, const void *original)
{
	size_t n = edu->memory.marked;
	const char *mark = edu->memory.mark;

	if (mark == NULL)
		return 0;
	if (!unmark(edu) && (original == NULL ||
	    memcmp(mark, (const char *)original + length - n, n) == 0))
		return 0;
	return edu_mem_unreached(edu, mem, offset + length - n);
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
