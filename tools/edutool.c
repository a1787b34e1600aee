/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* edutool: drive an edu device from the command line. */

#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "edutool.h"

/* Long options that have no letter. */
enum {
	OPT_ALL = 'a',
	OPT_IRQ = 'i',
	OPT_WRAP = 'r',
	OPT_LAST_BYTE = 'l',
	OPT_TRACE = 'T',
	OPT_CHART = 'C',
	OPT_JUNIT = 'J',
	OPT_EXPECT = 'e',
	OPT_UNPLUG = 'u',
	OPT_HELP = 'H',
	OPT_VERSION = 'V'
};

/*
 * A descriptor below 3 that the caller has closed would become the device's,
 * and what we print would go there.
 */
static int
guard_descriptors(void)
{
	int fd;

	do
		if ((fd = open("/dev/null", O_RDONLY)) == -1)
			return -1;
	while (fd <= STDERR_FILENO);
	(void)close(fd);
	return 0;
}

/* getopt(3) starts over, on another argument vector. */
static void
restart_options(void)
{

	opterr = 0;
#ifdef __GLIBC__
	optind = 0;
#else
	optreset = 1;
	optind = 1;
#endif
}

static int
bad_option(struct tool *t, char **argv, const char *letters)
{
	const char *letter;

	letter = optopt > 0 && optopt < 128 ? strchr(letters, optopt) : NULL;
	if (letter != NULL && letter[0] != '\0' && letter[1] == ':')
		return fail_usage(t, "-%c needs a value", optopt);
	if (optopt > 0 && optopt < 128)
		return fail_usage(t, "there is no option -%c here", optopt);
	return fail_usage(t, "there is no option %s here", argv[optind - 1]);
}

/* Long options that are taken before the command's name and after it. */
#define GLOBAL_LONGS							\
	{ "trace", optional_argument, NULL, OPT_TRACE },		\
	{ "chart", optional_argument, NULL, OPT_CHART }

/* Taken before the command's name and after it. */
static int
global_option(struct tool *t, int option)
{
	uint64_t value = 0;
	int status;

	switch (option) {
	case 'd':
		t->device = optarg;
		break;
	case 'j':
		t->is_json = 1;
		break;
	case 'm':
		status = parse_number(t, "-m", optarg, UINT64_MAX, &value);
		if (status == 0 && value == 0)
			status = fail_usage(t, "-m: 0 is no mask");
		t->dma_mask = value;
		return status;
	case 't':
		if ((status = parse_number(t, "-t", optarg, INT_MAX,
		    &value)) != 0)
			return status;
		t->timeout_ms = (int)value;
		break;
	case 'v':
		t->is_verbose = 1;
		break;
	case OPT_TRACE:
	case OPT_CHART:
		t->tracer.is_wanted = 1;
		t->tracer.is_chart = option == OPT_CHART;
		t->tracer.path = optarg;
		break;
	}
	return 0;
}

/* *instead: the command that --help and --version stand for, or NULL. */
static int
global_options(struct tool *t, int argc, char **argv, const char **instead)
{
	static const char letters[] = "+d:jm:t:v";
	static const struct option longs[] = {
		GLOBAL_LONGS,
		{ "help", no_argument, NULL, OPT_HELP },
		{ "version", no_argument, NULL, OPT_VERSION },
		{ NULL, 0, NULL, 0 }
	};
	int option, status;

	restart_options();
	while ((option = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		if (option == OPT_HELP)
			*instead = "help";
		else if (option == OPT_VERSION)
			*instead = "version";
		else if (option == '?')
			return bad_option(t, argv, letters);
		else if ((status = global_option(t, option)) != 0)
			return status;
	}
	return 0;
}

/* The command of argc words, "dma put" among them, and how many it took. */
static const struct command *
find_command(int argc, char **argv, int *words)
{
	const struct command *c;
	size_t length;

	for (c = commands; c->name != NULL; c++) {
		*words = 1;
		if (strcmp(argv[0], c->name) == 0)
			return c;
		length = strlen(argv[0]);
		*words = 2;
		if (argc > 1 && strncmp(argv[0], c->name, length) == 0 &&
		    c->name[length] == ' ' &&
		    strcmp(argv[1], c->name + length + 1) == 0)
			return c;
	}
	return NULL;
}

static int
unplug_option(struct tool *t)
{
	uint64_t value;
	int status;

	status = parse_number(t, "--unplug", optarg, INT_MAX / 1000, &value);
	if (status == 0 && value == 0)
		status = fail_usage(t, "--unplug: nobody does so in 0 s");
	if (status == 0)
		t->unplug_s = (unsigned)value;
	return status;
}

static int
command_option(struct tool *t, struct args *a, int option)
{
	uint64_t width;
	int status;

	switch (option) {
	case 'f':
		a->bar_flags |= EDU_BAR_FORCE;
		break;
	case 'n':
		status = parse_number(t, "-n", optarg, UINT64_MAX, &a->count);
		if (status == 0 && a->count == 0)
			status = fail_usage(t, "-n: 0 is not enough");
		return status;
	case 'o':
		return parse_u32(t, "-o", optarg, &a->offset);
	case 'w':
		if ((status = parse_number(t, "-w", optarg, 8, &width)) != 0)
			return status;
		a->width = (unsigned)width;
		break;
	case OPT_ALL:
		a->is_all = 1;
		break;
	case OPT_IRQ:
		a->flags |= EDU_INTERRUPT;
		break;
	case OPT_WRAP:
		a->flags |= EDU_WRAP;
		break;
	case OPT_JUNIT:
		a->is_junit = 1;
		break;
	case OPT_EXPECT:
		a->expect = optarg;
		break;
	case OPT_UNPLUG:
		return unplug_option(t);
	case OPT_LAST_BYTE:
		a->flags |= EDU_DMA_LAST_BYTE;
		break;
	}
	return 0;
}

static int
add_operand(struct tool *t, struct args *a, const char *operand)
{

	if (a->noperands == t->command->max)
		return fail_usage(t, "unexpected argument '%s'", operand);
	a->operand[a->noperands++] = operand;
	return 0;
}

/*
 * Options may follow operands, in every getopt_long(3) and whatever the
 * environment says: "-" hands out operands in their order, as option 1.
 */
static int
command_arguments(struct tool *t, struct args *a, int argc, char **argv)
{
	static const char letters[] = "-d:fjm:n:o:t:vw:";
	static const struct option longs[] = {
		GLOBAL_LONGS,
		{ "all", no_argument, NULL, OPT_ALL },
		{ "irq", no_argument, NULL, OPT_IRQ },
		{ "wrap", no_argument, NULL, OPT_WRAP },
		{ "last-byte", no_argument, NULL, OPT_LAST_BYTE },
		{ "junit", no_argument, NULL, OPT_JUNIT },
		{ "expect", required_argument, NULL, OPT_EXPECT },
		{ "unplug", required_argument, NULL, OPT_UNPLUG },
		{ NULL, 0, NULL, 0 }
	};
	int option, status = 0;

	restart_options();
	while (status == 0 &&
	    (option = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		if (option == 1)
			status = add_operand(t, a, optarg);
		else if (option == '?')
			status = bad_option(t, argv, letters);
		else if (strchr("djmtvTC", option) != NULL)
			status = global_option(t, option);
		else if (strchr(t->command->options, option) == NULL)
			status = strchr(letters, option) != NULL ?
			    fail_usage(t, "there is no option -%c here",
			    option) : fail_usage(t, "there is no option %s "
			    "here", argv[optind - 1]);
		else
			status = command_option(t, a, option);
	}
	while (status == 0 && optind < argc)
		status = add_operand(t, a, argv[optind++]);
	if (status == 0 && a->noperands < t->command->min)
		status = fail_usage(t, "an argument is missing");
	return status;
}

/* Before anything is opened; "bar" has its device as an operand. */
static int
drop_needless(struct tool *t, const struct args *a)
{
	unsigned needs = t->command->needs;

	if (device_is_qtest(t->device) ||
	    (a->noperands > 0 && device_is_qtest(a->operand[0])))
		needs |= NEED_QEMU;
	return privilege_drop(t, needs);
}

static int
run(struct tool *t, int argc, char **argv)
{
	const char *instead = NULL;
	struct args a;
	int status, words;

	if ((status = global_options(t, argc, argv, &instead)) != 0)
		return status;
	argc -= optind;
	argv += optind;
	memset(&a, 0, sizeof(a));
	a.width = 4;
	if (instead != NULL)
		return strcmp(instead, "help") == 0 ? cmd_help(t, &a) :
		    cmd_version(t, &a);
	if (argc == 0)
		return fail_usage(t, "which command?");
	if ((t->command = find_command(argc, argv, &words)) == NULL)
		return fail_usage(t, "there is no command '%s%s%s'", argv[0],
		    argc > 1 ? " " : "", argc > 1 ? argv[1] : "");
	status = command_arguments(t, &a, argc - words + 1, argv + words - 1);
	if (status == 0)
		status = trace_start(t);
	if (status == 0)
		status = drop_needless(t, &a);
	return status != 0 ? status : t->command->run(t, &a);
}

int
main(int argc, char **argv)
{
	struct tool t;
	int status;

	if (guard_descriptors() == -1) {
		perror("edutool: /dev/null");
		return EX_OSERR;
	}
	/* A reader that has gone is an error of the write, not our end. */
	(void)signal(SIGPIPE, SIG_IGN);
	memset(&t, 0, sizeof(t));
	t.timeout_ms = EDU_FOREVER;
	t.device = getenv("EDU_DEVICE");
	if (t.device != NULL && *t.device == '\0')
		t.device = NULL;
	status = run(&t, argc, argv);
	if (status != 0 && signal_caught() != 0)
		status = 128 + signal_caught();
	device_close(&t);
	return report_end(&t, trace_end(&t, status));
}
