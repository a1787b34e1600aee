/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * For t_unplug: drives the device of an address until it is gone, and then
 * checks that every call says so, and that none takes long or crashes.
 *
 *	h_unplug NAME [irq]
 *
 * "ready" on standard output asks for the device to be unplugged; with irq
 * that happens while an interrupt is awaited.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <edu.h>
#include <edureg.h>

#define SOON_MS		20000

static struct edu *edu;
static int failures;

static void
check(int result, const char *what)
{

	if (result == -1 && errno == ENODEV)
		return;
	(void)printf("%s: result %d, errno %d: %s\n", what, result, errno,
	    result == -1 ? edu_errmsg(edu) : "");
	failures++;
}

static int
is_gone(void)
{
	struct timespec nap = { 0, 10000000 };
	uint32_t id;
	int i;

	for (i = 0; i < SOON_MS / 10; i++) {
		if (edu_identify(edu, &id) == -1)
			return 1;
		(void)nanosleep(&nap, NULL);
	}
	return 0;
}

static void
check_calls(unsigned char *mem)
{
	uint64_t wide = 0;
	uint32_t value = 0;
	struct edu_bar *bar;

	check(edu_read(edu, EDU_FACTORIAL, 4, &wide), "read");
	check(edu_write(edu, EDU_LIVE, 4, 1), "write");
	check(edu_irq_raise(edu, 1), "raise");
	check(edu_irq_ack(edu, 1), "acknowledge");
	check(edu_mem_alloc(edu, 1) == NULL ? -1 : 0, "memory");
	check(edu_identify(edu, &value), "identify");
	check(edu_live(edu, 1, NULL), "live");
	check(edu_factorial(edu, 5, 0, SOON_MS, &value), "factorial");
	check(edu_dma_put(edu, 0, mem, 100, 0, SOON_MS), "put");
	check(edu_dma_get(edu, 0, mem, 100, 0, SOON_MS), "get");
	check(edu_irq_status(edu, &value), "status");
	bar = edu_bar_size(edu, 0, 0);
	check(bar == NULL ? -1 : 0, "size");
	check(edu_config_read(edu, 0, &value), "configuration");
}

static void
check_irq(unsigned char *mem)
{
	uint32_t value = 0;

	check(edu_factorial(edu, 5, EDU_INTERRUPT, SOON_MS, &value),
	    "factorial by interrupt");
	check(edu_dma_put(edu, 0, mem, 100, EDU_INTERRUPT, SOON_MS),
	    "put by interrupt");
	check(edu_irq_wait(edu, SOON_MS, &value), "wait");
	check(edu_irq_fd(edu), "descriptor");
}

int
main(int argc, char **argv)
{
	int is_irq = argc > 2 && strcmp(argv[2], "irq") == 0;
	unsigned char *mem;
	uint32_t value;

	if (argc < 2 || (edu = edu_open(argv[1], 0)) == NULL ||
	    (mem = edu_mem_alloc(edu, 4096)) == NULL) {
		(void)printf("%s\n", edu_errmsg(edu));
		return 1;
	}
	(void)printf("ready\n");
	(void)fflush(stdout);
	if (is_irq)
		check(edu_irq_wait(edu, SOON_MS, &value), "blocked wait");
	if (!is_gone()) {
		(void)printf("the device is still there\n");
		return 1;
	}
	check_calls(mem);
	if (is_irq)
		check_irq(mem);
	edu_close(edu);
	(void)printf("%d failures\n", failures);
	return failures != 0;
}
