/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * edutool's commands, each in a child, whose QEMU refuses or hangs up, or that
 * has no memory, at any point of it: it prints what it always does, or fails
 * with a status and a message that belong together, in text and as JSON.
 */

#include <sys/stat.h>
#include <sys/wait.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../tools/edutool.h"
#include "h_case.h"

#define SEED		20261128U
#include "h_malloc.h"
#include "h_proxy.h"

/* What each may end with, besides 0. */
static const int failures[] = {
	EXIT_NOTHING, EX_NOINPUT, EX_UNAVAILABLE, EX_OSERR, EX_IOERR,
	EX_TEMPFAIL
};
#define FAILURES	(sizeof(failures) / sizeof(failures[0]))

static const struct trial {
	const char *command;
	struct args args;
	/*
	 * Where what it prints without a failure may differ: what is in it all
	 * the same, as text and as JSON.
	 */
	const char *says[2];
	unsigned long points;	/* of the attack; 0: all */
} trials[] = {
	/* A failed one may leave INTx off, which shows in the steps. */
	{ "bar", { .width = 4 }, { "1 MiB", "\"length\": 1048576" }, 0 },
	{ "bench", { .operand = { "factorial" }, .noperands = 1, .count = 1 },
	    { "12!, EDU_SPIN", "12!, EDU_SPIN" }, 4 },
	{ "bench", { .operand = { "irq" }, .noperands = 1, .count = 1 },
	    { "12! by interrupt", "12! by interrupt" }, 8 },
	{ "bench", { .operand = { "open" }, .noperands = 1, .count = 1 },
	    { "open all", "open all" }, 4 },
	{ "bench", { .operand = { "read" }, .noperands = 1, .count = 1 },
	    { "edu_read()", "edu_read()" }, 4 },
	{ "dma get", { .count = 5 }, { NULL, NULL }, 50 },
	{ "dma put", { .operand = { "hello" }, .noperands = 1 },
	    { NULL, NULL }, 50 },
	{ "dma test", { .count = 20 }, { NULL, NULL }, 50 },
	{ "doctor", { .width = 4 }, { "wrong  ", "\"state\": \"wrong\"" },
	    0 },
	{ "factorial", { .operand = { "5" }, .noperands = 1 },
	    { NULL, NULL }, 0 },
	{ "info", { .width = 4 }, { NULL, NULL }, 0 },
	{ "irq ack", { .operand = { "4" }, .noperands = 1 }, { NULL, NULL },
	    0 },
	{ "irq raise", { .operand = { "0" }, .noperands = 1 }, { NULL, NULL },
	    0 },
	{ "irq status", { .width = 4 }, { NULL, NULL }, 0 },
	{ "irq wait", { .width = 4 }, { NULL, NULL }, 0 },
	{ "list", { .width = 4 }, { "not readable", "\"version\": null" }, 0 },
	{ "live", { .width = 4 }, { NULL, NULL }, 0 },
	{ "peek", { .operand = { "0" }, .noperands = 1, .width = 4 },
	    { NULL, NULL }, 0 },
	{ "poke", { .operand = { "4", "5" }, .noperands = 2, .width = 4 },
	    { NULL, NULL }, 0 },
	{ "regs", { .width = 4 }, { NULL, NULL }, 0 },
};
#define TRIALS	(sizeof(trials) / sizeof(trials[0]))

/* How a command is run, and what became of it. */
static struct {
	int	is_json;	/* with a trace as well */
	unsigned long failing;	/* call for memory; 0: none */
	int	status;
	char	out[65536];
	char	err[4096];
} run;

/* The same without an attack. */
static struct {
	int	status;
	char	out[sizeof(run.out)];
} honest;

/* How often the child has called for memory. */
static volatile unsigned long *calls;

static void
read_back(const char *name, char *text, size_t size)
{
	FILE *file;

	ATF_REQUIRE((file = fopen(name, "r")) != NULL);
	text[fread(text, 1, size - 1, file)] = '\0';
	(void)fclose(file);
}

static const struct command *
find(const char *name)
{
	const struct command *c;

	for (c = commands; c->name != NULL; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	atf_tc_fail("there is no command %s", name);
}

/* As main() does, once it has understood the command line. */
static int
act(const struct trial *trial, const char *device)
{
	struct tool t;
	int status;

	memset(&t, 0, sizeof(t));
	t.device = device;
	t.timeout_ms = strcmp(trial->command, "irq wait") == 0 ? 0 : SOON_MS;
	t.is_json = t.tracer.is_wanted = run.is_json;
	t.tracer.path = "trace";
	t.command = find(trial->command);
	if ((status = trace_start(&t)) == 0)
		status = t.command->run(&t, &trial->args);
	device_close(&t);
	return report_end(&t, trace_end(&t, status));
}

static void
run_child(const struct trial *trial, const char *device)
{
	struct tool t;
	int status;
	pid_t pid;

	(void)fflush(NULL);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		if (freopen("out", "w", stdout) == NULL ||
		    freopen("err", "w", stderr) == NULL)
			_exit(EX_SOFTWARE);
		/* Without memory libseccomp crashes. */
		memset(&t, 0, sizeof(t));
		(void)privilege_drop(&t, ~(unsigned)(NEED_MODULES |
		    NEED_QEMU));
		begin_malloc(run.failing);
		status = act(trial, device);
		*calls = heap.calls;
		(void)end_malloc();
		exit(status);
	}
	ATF_REQUIRE(waitpid(pid, &status, 0) == pid);
	ATF_REQUIRE_MSG(WIFEXITED(status), "%s: status 0x%x", trial->command,
	    (unsigned)status);
	run.status = WEXITSTATUS(status);
	read_back("out", run.out, sizeof(run.out));
	read_back("err", run.err, sizeof(run.err));
}

/* Every level is closed, and nothing stands outside. */
static int
is_document(const char *text)
{
	int depth = 0, is_string = 0;

	for (; *text != '\0' && *text != '\n'; text++) {
		if (*text == '\\')
			text++;
		else if (*text == '"')
			is_string = !is_string;
		else if (!is_string && strchr("{[", *text) != NULL)
			depth++;
		else if (!is_string && strchr("}]", *text) != NULL &&
		    --depth == 0)
			return strcmp(text, "}\n") == 0;
	}
	return 0;
}

/* Standard error says why, and the document ends with the status. */
static void
check_failure(const struct trial *trial)
{
	char end[32];
	size_t i, length = strlen(run.out), used;

	for (i = 0; i < FAILURES && failures[i] != run.status; i++)
		;
	ATF_CHECK_MSG(i < FAILURES, "%s: status %d", trial->command,
	    run.status);
	ATF_CHECK_MSG(strncmp(run.err, "edutool: ", 9) == 0, "%s: '%s'",
	    trial->command, run.err);
	used = (size_t)snprintf(end, sizeof(end), ", \"exit\": %d}}\n",
	    run.status);
	/* Without memory for it there is none. */
	if (run.is_json && (run.failing == 0 || strcmp(run.out, "{}\n") != 0))
		ATF_CHECK_MSG(length > used && strcmp(run.out + length - used,
		    end) == 0, "%s: '%s'", trial->command, run.out);
}

/* 1 when it has ended as it does without an attack. */
static int
check_run(const struct trial *trial)
{
	const char *says = trial->says[run.is_json];

	ATF_CHECK_MSG(!run.is_json || is_document(run.out), "%s: '%s'",
	    trial->command, run.out);
	if (run.status == honest.status && strcmp(run.out, honest.out) == 0)
		return 1;
	if (says == NULL || run.status > EXIT_NOTHING || run.err[0] != '\0') {
		check_failure(trial);
		return 0;
	}
	ATF_CHECK_MSG(strstr(run.out, says) != NULL, "%s: '%s'",
	    trial->command, run.out);
	return 1;
}

static void
run_honest(const struct trial *trial, const char *device)
{

	run_child(trial, device);
	honest.status = run.status;
	(void)snprintf(honest.out, sizeof(honest.out), "%s", run.out);
	ATF_CHECK_MSG(run.status <= EXIT_NOTHING, "%s: %s", trial->command,
	    run.err);
}

static void
prepare(void)
{
	FILE *file;

	ATF_REQUIRE((file = fopen("hello", "w")) != NULL);
	ATF_REQUIRE(fputs("hello", file) != EOF && fclose(file) == 0);
	calls = mmap(NULL, sizeof(*calls), PROT_READ | PROT_WRITE, MAP_SHARED |
	    MAP_ANONYMOUS, -1, 0);
	ATF_REQUIRE((const volatile void *)calls != MAP_FAILED);
}

/* At QEMU's answers to each command, or at bytes of them, by a step. */
static void
attack(enum proxy_mode mode, unsigned long least_step)
{
	unsigned long end, n, passed, step;
	const struct trial *trial;

	prepare();
	start_proxy();
	for (trial = trials; trial < trials + TRIALS; trial++) {
		proxy->mode = PROXY_HONEST;
		run_honest(trial, PROXY);
		end = mode == PROXY_CUT ? proxy->bytes - 1 : proxy->answers;
		step = trial->points != 0 ? end / trial->points : least_step;
		for (n = step, passed = 0; n <= end; n += step) {
			proxy->n = n;
			proxy->mode = mode;
			run_child(trial, PROXY);
			passed += (unsigned long)check_run(trial);
		}
		printf("%s: %lu points, %lu without harm\n", trial->command,
		    end / step, passed);
	}
}

EDU_TEST(refusals, "QEMU refuses what it is told", "timeout", "60")
{

	attack(PROXY_REFUSE, 2);
}

EDU_TEST(cuts, "QEMU goes in the middle of its answers; as JSON, with a trace",
    "timeout", "60")
{

	run.is_json = 1;
	attack(PROXY_CUT, 37);
}

EDU_TEST(memory, "each call for memory fails in turn; as JSON, with a trace",
    "timeout", "60")
{
	const struct trial *trial;
	unsigned long passed;

#ifdef HEAP_IS_FOREIGN
	atf_tc_skip("this allocator is not ours");
#endif
	prepare();
	start_qemu("q35,pit=off,hpet=off", "-icount shift=0,sleep=off");
	run.is_json = 1;
	for (trial = trials; trial < trials + TRIALS; trial++) {
		/* Too slow. */
		if (strcmp(trial->command, "bench") == 0)
			continue;
		run.failing = 0;
		run_honest(trial, DEVICE);
		passed = 0;
		do {
			run.failing++;
			run_child(trial, DEVICE);
			passed += (unsigned long)check_run(trial);
		} while (*calls >= run.failing);
		printf("%s: %lu calls failed, %lu without harm\n",
		    trial->command, run.failing - 1, passed - 1);
	}
}
