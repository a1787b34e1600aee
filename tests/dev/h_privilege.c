/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * For t_privilege: calls a function of the library on a device,
 *
 *	h_privilege DEVICE FUNCTION [FLAG]
 *
 * as the table of libedu(3) has it, and prints "ok", or errno's name and the
 * message.
 */

#include <sys/mman.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <edu.h>

#define SOON_MS		5000
#define LENGTH		4096
#define COMMAND		4

static const char *device;
static struct edu *edu;

static const char *
name_of(int errnum)
{
	static const struct {
		int	number;
		const char *name;
	} names[] = {
		{ EACCES, "EACCES" }, { EBUSY, "EBUSY" }, { ENOENT, "ENOENT" },
		{ ENOMEM, "ENOMEM" }, { ENOTSUP, "ENOTSUP" }, { EPERM, "EPERM" }
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].number == errnum)
			return names[i].name;
	return strerror(errnum);
}

static void
end(int is_ok)
{

	if (is_ok)
		(void)printf("ok\n");
	else
		(void)printf("%s %s\n", name_of(errno), edu_errmsg(edu));
	edu_close(edu);
	exit(is_ok ? 0 : 1);
}

static void
need(int is_ok)
{

	if (!is_ok)
		end(0);
}

static void
open_with(unsigned flags)
{

	need((edu = edu_open(device, flags)) != NULL);
}

static int
list(void)
{

	return edu_list_new() != NULL;
}

static int
open_readonly(void)
{

	open_with(EDU_OPEN_READONLY);
	return 1;
}

static int
open_config(void)
{

	open_with(EDU_OPEN_CONFIG);
	return 1;
}

static int
open_device(void)
{
	uint32_t result;

	open_with(0);
	return edu_factorial(edu, 5, 0, SOON_MS, &result) == 0;
}

/* Beyond the first 64 bytes. */
static int
config_read(void)
{
	uint32_t value;

	open_with(EDU_OPEN_CONFIG);
	return edu_config_read(edu, 0x40, &value) == 0;
}

static int
bar_size(void)
{

	open_with(EDU_OPEN_CONFIG);
	return edu_bar_size(edu, 0, 0) != NULL;
}

static int
reset(void)
{

	open_with(0);
	return edu_reset(edu) == 0;
}

/* That nobody is seen is no failure. */
static int
holder(void)
{

	open_with(EDU_OPEN_CONFIG);
	if (edu_holder(edu) != NULL)
		return 1;
	(void)printf("NULL\n");
	edu_close(edu);
	exit(1);
}

static int
irq_wait(void)
{
	uint32_t bits;

	open_with(0);
	need(edu_irq_raise(edu, 1) == 0);
	return edu_irq_wait(edu, SOON_MS, &bits) == 1 && bits == 1;
}

static int
mem_alloc(void)
{
	void *mem;

	open_with(0);
	need((mem = edu_mem_alloc(edu, LENGTH)) != NULL);
	return edu_dma_put(edu, 0, mem, 8, 0, SOON_MS) == 0;
}

static int
mem_map(void)
{
	static char mem[LENGTH];

	open_with(0);
	need(edu_mem_map(edu, mem, LENGTH) == 0);
	return edu_dma_put(edu, 0, mem, 8, 0, SOON_MS) == 0;
}

/* The first step of sizing, behind what it writes down to be undone. */
static void
die(void *unused, const struct edu_trace_event *event)
{

	(void)unused;
	if (event->kind == EDU_TRACE_CONFIG_WRITE && event->offset == COMMAND)
		(void)raise(SIGKILL);
}

static int
be_killed(void)
{

	open_with(EDU_OPEN_CONFIG);
	edu_trace(edu, die, NULL);
	return edu_bar_size(edu, 0, 0) != NULL;
}

static const struct {
	const char	*name;
	int		(*run)(void);
} functions[] = {
	{ "edu_list_new", list },
	{ "edu_open READONLY", open_readonly },
	{ "edu_open CONFIG", open_config },
	{ "recovery", open_config },
	{ "edu_open", open_device },
	{ "edu_config_read", config_read },
	{ "edu_bar_size", bar_size },
	{ "edu_reset", reset },
	{ "edu_holder", holder },
	{ "edu_irq_wait", irq_wait },
	{ "edu_mem_alloc", mem_alloc },
	{ "edu_mem_map", mem_map },
	{ "be_killed", be_killed },
};

int
main(int argc, char **argv)
{
	char name[64];
	size_t i;

	if (argc < 3)
		return 2;
	device = argv[1];
	(void)snprintf(name, sizeof(name), "%s%s%s", argv[2],
	    argc > 3 ? " " : "", argc > 3 ? argv[3] : "");
	for (i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (strcmp(functions[i].name, name) == 0)
			end(functions[i].run());
	(void)fprintf(stderr, "h_privilege: there is no %s\n", name);
	return 2;
}
