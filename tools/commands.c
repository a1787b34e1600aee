/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* The command table, and the commands that speak of it. */

#include <stdio.h>
#include <string.h>

#include "edutool.h"

/*
 * Options: o offset, n count, w width, f force, a --all, i --irq, r --wrap,
 * l --last-byte, J --junit, e --expect, u --unplug.
 */
const struct command commands[] = {
	{ "list", "", "the edu devices of this machine",
	    "", NEED_OPENS, 0, 0, cmd_list },
	{ "info", "", "all about one device; changes nothing",
	    "", NEED_OPENS, 0, 0, cmd_info },
	{ "doctor", "", "what is wrong, and the command that mends it",
	    "", NEED_OPENS | NEED_LOG, 0, 0, cmd_doctor },
	{ "bar", "[-f] [--all | DEVICE [INDEX]]",
	    "find a BAR's size by the PCI sequence (-v: its steps)",
	    "af", NEED_OPENS, 0, 2, cmd_bar },
	{ "live", "[VALUE]", "print what the liveness register answers",
	    "", NEED_OPEN, 0, 1, cmd_live },
	{ "factorial", "[--irq] [--wrap] N", "compute N! in the device",
	    "ir", NEED_OPEN, 1, 1, cmd_factorial },
	{ "dma put", "[--irq] [--last-byte] [-o OFFSET] [FILE]",
	    "copy a file into the device's buffer",
	    "ilo", NEED_OPEN | NEED_MEMORY, 0, 1, cmd_dma_put },
	{ "dma get", "[--irq] [--last-byte] [-o OFFSET] -n COUNT [FILE]",
	    "copy the device's buffer into a file",
	    "ilon", NEED_OPEN | NEED_MEMORY | NEED_FILES, 0, 1,
	    cmd_dma_get },
	{ "dma test", "[--irq] [--last-byte] [-n BYTES]",
	    "send random data out and back and compare",
	    "iln", NEED_OPEN | NEED_MEMORY, 0, 0, cmd_dma_test },
	{ "irq raise", "MASK", "set interrupt status bits",
	    "", NEED_OPEN, 1, 1, cmd_irq_raise },
	{ "irq wait", "", "wait for an interrupt and acknowledge it",
	    "", NEED_OPEN, 0, 0, cmd_irq_wait },
	{ "irq status", "", "print the pending interrupt status bits",
	    "", NEED_OPEN, 0, 0, cmd_irq_status },
	{ "irq ack", "MASK", "clear interrupt status bits",
	    "", NEED_OPEN, 1, 1, cmd_irq_ack },
	{ "peek", "[-w WIDTH] OFFSET", "read a register",
	    "w", NEED_OPEN, 1, 1, cmd_peek },
	{ "poke", "[-w WIDTH] OFFSET VALUE", "write a register",
	    "w", NEED_OPEN, 2, 2, cmd_poke },
	{ "regs", "", "print every register that can be read",
	    "", NEED_OPEN, 0, 0, cmd_regs },
	{ "bench", "[-n REPETITIONS] [FIGURE ...]",
	    "measure, beside loops that do the same by hand",
	    "n", NEED_OPENS | NEED_MEMORY, 0, MAX_OPERANDS, cmd_bench },
	{ "bind", "uio|vfio|none", "give the device a kernel driver (Linux)",
	    "", NEED_OPENS | NEED_MODULES, 1, 1, cmd_bind },
	{ "selftest", "[--all] [--expect FILE] [--junit] [--unplug SECONDS]",
	    "examine the device and its machine (TAP)",
	    "aeJu", NEED_OPENS | NEED_MEMORY, 0, 0, cmd_selftest },
	{ "version", "", "print the version",
	    "", 0, 0, 0, cmd_version },
	{ "help", "[COMMAND]", "print this, or how a command is used",
	    "", 0, 0, 2, cmd_help },
	{ NULL, NULL, NULL, NULL, 0, 0, 0, NULL }
};

static void
help_global(const struct tool *t)
{

	say(t, "usage: edutool [-jv] [-d DEVICE] [-m MASK] [-t TIMEOUT_MS]\n"
	    "               [--trace[=FILE] | --chart[=FILE]] COMMAND\n\n"
	    "  -d DEVICE      a PCI address (0000:00:0a.0), or qtest: for a "
	    "device in\n"
	    "                 a QEMU of its own; default: $EDU_DEVICE, else "
	    "the first\n"
	    "  -j             print one JSON document\n"
	    "  -m MASK        the device's DMA mask, where QEMU has another "
	    "than 0x0fffffff\n"
	    "  -t TIMEOUT_MS  how long a wait may take (%d; irq wait: for "
	    "ever)\n"
	    "  -v             say more\n"
	    "  --trace        print every access, to FILE or standard error\n"
	    "  --chart        the same as a picture's text, for mscgen(1)\n\n",
	    DEFAULT_TIMEOUT_MS);
}

/* Does a command's name start with these words? */
static int
matches(const struct command *c, const struct args *a)
{
	size_t length;

	if (a->noperands == 0)
		return 1;
	length = strlen(a->operand[0]);
	if (strncmp(c->name, a->operand[0], length) != 0 || length == 0)
		return 0;
	if (a->noperands == 1)
		return c->name[length] == ' ' || c->name[length] == '\0';
	return c->name[length] == ' ' &&
	    strcmp(c->name + length + 1, a->operand[1]) == 0;
}

int
cmd_help(struct tool *t, const struct args *a)
{
	const struct command *c;
	int found = 0;

	if (a->noperands == 0)
		help_global(t);
	json_array(&t->doc, "commands");
	for (c = commands; c->name != NULL; c++) {
		if (!matches(c, a))
			continue;
		found = 1;
		json_object(&t->doc, NULL);
		json_string(&t->doc, "command", c->name);
		json_string(&t->doc, "usage", c->usage);
		json_string(&t->doc, "summary", c->summary);
		json_end(&t->doc);
		if (a->noperands == 0)
			say(t, "  %-11s %s\n", c->name, c->summary);
		else
			say(t, "usage: edutool %s%s%s\n       %s\n", c->name,
			    *c->usage != '\0' ? " " : "", c->usage, c->summary);
	}
	json_end(&t->doc);
	if (!found)
		return fail_usage(t, "there is no command '%s%s%s'",
		    a->operand[0], a->noperands > 1 ? " " : "",
		    a->noperands > 1 ? a->operand[1] : "");
	return 0;
}

int
cmd_version(struct tool *t, const struct args *a)
{

	(void)a;
	say(t, "edutool %s (libedu %s), drops %s\n", EDU_VERSION,
	    edu_version(), privilege_dropped());
	json_string(&t->doc, "edutool", EDU_VERSION);
	json_string(&t->doc, "libedu", edu_version());
	json_string(&t->doc, "drops", privilege_dropped());
	return 0;
}
