/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <signal.h>
#include <string.h>

#include "edutool.h"

static volatile sig_atomic_t caught;

static void
catch(int signo)
{

	caught = signo;
}

int
signal_caught(void)
{

	return caught;
}

/*
 * Without SA_RESTART, so that a wait ends; with SA_RESETHAND, so that a
 * second one ends the program.  A signal that is ignored stays so (nohup).
 */
static void
catch_signals(void)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGTERM };
	struct sigaction action, old;
	size_t i;

	memset(&action, 0, sizeof(action));
	action.sa_handler = catch;
	/* The flag is of unsigned type in some systems, sa_flags is not. */
	action.sa_flags = (int)SA_RESETHAND;
	(void)sigemptyset(&action.sa_mask);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], NULL, &old) == 0 &&
		    old.sa_handler != SIG_IGN)
			(void)sigaction(signals[i], &action, NULL);
}

int
device_is_qtest(const char *name)
{

	return name != NULL && strncmp(name, "qtest:", 6) == 0;
}

/* It is open: what that took is needed no more. */
static int
drop_open(struct tool *t, const char *name)
{
	unsigned needs = t->command->needs & ~(unsigned)NEED_OPEN;

	if ((needs & NEED_OPENS) && device_is_qtest(name))
		needs |= NEED_QEMU;
	return privilege_drop(t, needs);
}

int
device_open_name(struct tool *t, const char *name, unsigned flags)
{

	catch_signals();
	if ((t->edu = edu_open(name, flags)) == NULL)
		return fail_device(t, NULL);
	json_string(&t->doc, "device", edu_name(t->edu));
	if (t->dma_mask != 0 &&
	    !(flags & (EDU_OPEN_READONLY | EDU_OPEN_CONFIG)) &&
	    edu_dma_set_mask(t->edu, t->dma_mask) == -1)
		return fail_device(t, NULL);
	return drop_open(t, name);
}

int
device_open(struct tool *t, unsigned flags)
{

	return device_open_name(t, t->device, flags);
}

void
device_close(struct tool *t)
{
	struct edu *edu = t->edu;

	t->edu = NULL;
	edu_close(edu);
}

int
device_timeout(const struct tool *t)
{

	return t->timeout_ms != EDU_FOREVER ? t->timeout_ms :
	    DEFAULT_TIMEOUT_MS;
}

int
device_is_edu(struct edu *edu)
{
	uint32_t id;

	return edu_config_read(edu, 0, &id) == 0 &&
	    id == (EDU_PCI_PRODUCT << 16 | EDU_PCI_VENDOR);
}
