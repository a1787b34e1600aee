/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * For t_counts: does what the library is for, each operation between two
 * marks that QEMU's trace of the registers shows.  A mark is a value written
 * to the liveness register: operation << 4 | 1 before, | 2 after.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <edu.h>

#define MARK		0xc0de0000U
#define SOON_MS		20000
#define BIT		0x40U

static struct edu *edu;
static unsigned char *mem;
static size_t limit;		/* of a transfer */

static void
need(int result, const char *what)
{

	if (result != -1)
		return;
	(void)fprintf(stderr, "%s: %s\n", what, edu_errmsg(edu));
	exit(1);
}

static void
factorial(void)
{
	uint32_t result = 0;

	need(edu_factorial(edu, 10, 0, SOON_MS, &result), "factorial");
	if (result != 3628800)
		exit(2);
}

static void
factorial_interrupt(void)
{
	uint32_t result = 0;

	need(edu_factorial(edu, 10, EDU_INTERRUPT, SOON_MS, &result),
	    "factorial by interrupt");
	if (result != 3628800)
		exit(2);
}

static void
dma_put(void)
{

	need(edu_dma_put(edu, 0, mem, limit, 0, SOON_MS), "put");
}

static void
dma_get(void)
{

	need(edu_dma_get(edu, 0, mem + 4096, limit, 0, SOON_MS), "get");
	if (memcmp(mem, (char *)mem + 4096,
	    limit) != 0)
		exit(2);
}

static void
dma_interrupt(void)
{

	need(edu_dma_put(edu, 0, mem, limit, EDU_INTERRUPT, SOON_MS),
	    "put by interrupt");
}

static void
dma_copy(void)
{

	need(edu_dma_copy(edu, mem + 8192, mem, 2 * limit, 0,
	    SOON_MS), "copy");
}

/* Raised before the wait. */
static void
interrupt(void)
{
	uint32_t status = 0;
	int result;

	need(edu_irq_raise(edu, BIT), "raise");
	need(result = edu_irq_wait(edu, SOON_MS, &status), "wait");
	if (result != 1 || status != BIT)
		exit(2);
}

static void
interrupts(void)
{
	int i;

	for (i = 0; i < 10; i++)
		interrupt();
}

static void
nothing(void)
{
}

/* In the order of their numbers in the marks, from 1. */
static void (*const operations[])(void) = {
	nothing, factorial, dma_put, dma_get, dma_copy, interrupt,
	factorial_interrupt, dma_interrupt, interrupts
};

int
main(int argc, char **argv)
{
	size_t i;

	edu = edu_open(argc > 1 ? argv[1] : NULL, 0);
	need(edu == NULL ? -1 : 0, "open");
	mem = edu_mem_alloc(edu, 32768);
	limit = edu_dma_limit(edu);
	need(mem == NULL ? -1 : 0, "memory");
	memset(mem, 'm', 4096);
	for (i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		need(edu_live(edu, MARK | (uint32_t)(i + 1) << 4 | 1, NULL),
		    "mark");
		operations[i]();
		need(edu_live(edu, MARK | (uint32_t)(i + 1) << 4 | 2, NULL),
		    "mark");
	}
	edu_close(edu);
	return 0;
}
