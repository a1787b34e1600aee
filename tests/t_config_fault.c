/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Every access to configuration space that a call makes fails in turn: so does
 * the call, with that message, and it works again once what could not be put
 * back is.  (Sizing is t_bar_fault's.)
 */

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <edu.h>
#include <edureg.h>

#include "h_case.h"
#include "h_memory.h"
#include "h_tap.h"

static unsigned char *mem;

static int
put(struct edu *edu)
{

	return edu_dma_put(edu, 0, mem, 1000, 0, SOON_MS);
}

static int
get_by_interrupt(struct edu *edu)
{

	return edu_dma_get(edu, 0, mem, 1000, EDU_INTERRUPT, SOON_MS);
}

static int
get_unmastered(struct edu *edu)
{

	return edu_try_get(edu, 0, mem, 1000, EDU_TRY_UNMASTERED, SOON_MS);
}

static int
master(struct edu *edu)
{

	return edu_try_command(edu, 0, EDU_COMMAND_MASTER) == -1 ? -1 :
	    edu_try_command(edu, EDU_COMMAND_MASTER, 0);
}

static int
intx(struct edu *edu)
{

	return edu_try_command(edu, EDU_COMMAND_NO_INTX, 0) == -1 ? -1 :
	    edu_try_command(edu, 0, EDU_COMMAND_NO_INTX);
}

static int
config(struct edu *edu)
{
	uint32_t changed, tried;

	return edu_try_config(edu, PCI_ID, &tried, &changed);
}

static int
decoding(struct edu *edu)
{
	uint32_t id;

	return edu_try_decoding(edu, 1, &id);
}

static int
move(struct edu *edu)
{
	uint32_t after, before;

	return edu_try_move(edu, &before, &after);
}

static int
msi(struct edu *edu)
{
	unsigned when;

	return edu_try_msi(edu, (uint32_t *)(void *)mem, 7, &when);
}

static int
raise_and_wait(struct edu *edu)
{
	uint32_t status;

	return edu_irq_raise(edu, 0x40) == -1 ? -1 :
	    edu_irq_wait(edu, SOON_MS, &status);
}

static const struct call {
	const char	*name;
	int		(*run)(struct edu *);
} calls[] = {
	{ "dma_put", put }, { "dma_get", get_by_interrupt },
	{ "try_get", get_unmastered },
	{ "try_command: master", master }, { "try_command: INTx", intx },
	{ "try_config", config }, { "try_decoding", decoding },
	{ "try_move", move }, { "try_msi", msi },
	{ "irq_raise, irq_wait", raise_and_wait },
};

/* What a call may have left changed. */
static const unsigned offsets[] = { PCI_COMMAND, PCI_BAR(0) };
static uint32_t before[2];

static void
save(struct edu *edu)
{
	size_t i;

	for (i = 0; i < 2; i++)
		ATF_REQUIRE(tap.real->config_read(edu->bus, offsets[i],
		    &before[i]) == 0);
	before[0] &= PCI_COMMAND_MASK;
}

static void
put_back(struct edu *edu)
{
	size_t i = 2;

	while (i-- > 0)
		ATF_REQUIRE(tap.real->config_write(edu->bus, offsets[i],
		    before[i]) == 0);
}

static size_t fault_at;
static size_t seen;

static enum tap_verdict
fails(size_t i, struct tap_access *a)
{

	(void)i;
	return a->is_config && seen++ == fault_at ? TAP_FAIL : TAP_PASS;
}

static int
run(struct edu *edu, const struct call *c, size_t at)
{

	tap_reset();
	fault_at = at;
	seen = 0;
	tap.hook = fails;
	return c->run(edu);
}

static void
check_call(struct edu *edu, const struct call *c)
{
	size_t count, n;
	int result;

	ATF_REQUIRE_MSG(run(edu, c, SIZE_MAX) != -1, "%s: %s", c->name,
	    edu_errmsg(edu));
	count = seen;
	save(edu);
	for (n = 0; n < count; n++) {
		errno = 0;
		result = run(edu, c, n);
		ATF_CHECK_MSG(result == -1 && errno == EIO &&
		    strstr(edu_errmsg(edu), TAP_MESSAGE) != NULL,
		    "%s, access %zu of %zu: %d, errno %d, %s", c->name, n,
		    count, result, errno, edu_errmsg(edu));
		put_back(edu);
		ATF_REQUIRE_MSG(run(edu, c, SIZE_MAX) != -1,
		    "%s after access %zu of %zu: %s", c->name, n, count,
		    edu_errmsg(edu));
	}
}

EDU_TEST(calls, "every call that uses configuration space fails where one "
    "access does, and then works again", "timeout", "60")
{
	struct edu *edu = open_device("qtest:", 0);
	size_t i;

	mem = alloc(edu, 4096);
	tap_attach(edu);
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		check_call(edu, &calls[i]);
	edu_close(edu);
}
