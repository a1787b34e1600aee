/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef EDU_MMIO_H
#define EDU_MMIO_H

/*
 * Accesses to mapped registers: PCI is little-endian, each access is one bus
 * access of its width.  A write comes after all earlier stores to memory (a
 * DMA command after the data), a read before all later loads (the data after
 * the status).
 */

#include <stdint.h>

/*
 * x86 orders stores before an uncached store, and an uncached load before
 * later loads; only the compiler has to be told.  Elsewhere the CPU has to.
 */
static inline void
edu_mmio_barrier(void)
{

#if defined(__x86_64__) || defined(__i386__)
	__asm volatile("" ::: "memory");
#elif defined(__aarch64__)
	__asm volatile("dmb osh" ::: "memory");
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define EDU_LE32(x)	__builtin_bswap32(x)
#define EDU_LE64(x)	__builtin_bswap64(x)
#else
#define EDU_LE32(x)	(x)
#define EDU_LE64(x)	(x)
#endif

static inline volatile void *
edu_mmio_at(void *base, unsigned offset)
{

	return (volatile char *)base + offset;
}

static inline uint32_t
edu_mmio_read32(void *base, unsigned offset)
{
	uint32_t value = *(volatile uint32_t *)edu_mmio_at(base, offset);

	edu_mmio_barrier();
	return EDU_LE32(value);
}

static inline void
edu_mmio_write32(void *base, unsigned offset, uint32_t value)
{

	edu_mmio_barrier();
	*(volatile uint32_t *)edu_mmio_at(base, offset) = EDU_LE32(value);
}

/*
 * A 32-bit CPU has no single 64-bit access, and two halves lose the upper
 * one; it accesses the lower half, and the device clears the upper.  Bus
 * addresses below EDU_DMA_MASK fit.
 */
#if UINTPTR_MAX > UINT32_MAX
static inline uint64_t
edu_mmio_read64(void *base, unsigned offset)
{
	uint64_t value = *(volatile uint64_t *)edu_mmio_at(base, offset);

	edu_mmio_barrier();
	return EDU_LE64(value);
}

static inline void
edu_mmio_write64(void *base, unsigned offset, uint64_t value)
{

	edu_mmio_barrier();
	*(volatile uint64_t *)edu_mmio_at(base, offset) = EDU_LE64(value);
}
#else
static inline uint64_t
edu_mmio_read64(void *base, unsigned offset)
{

	return edu_mmio_read32(base, offset);
}

static inline void
edu_mmio_write64(void *base, unsigned offset, uint64_t value)
{

	edu_mmio_write32(base, offset, (uint32_t)value);
}
#endif

#endif /* EDU_MMIO_H */
