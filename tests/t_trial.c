/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* What examiners try is put back, and where it is not safe it is refused. */

#include "h_case.h"
#include "h_qemu.h"
#include "h_tap.h"

#define MEM_BYTES	64

/* Configuration space and the registers that a trial touches. */
struct state {
	uint32_t	config[PCI_CONFIG_SIZE / 4];
	uint32_t	live;
	uint32_t	irq;
};

static struct state
get_state(struct edu *edu)
{
	struct state s;
	unsigned i;

	for (i = 0; i < PCI_CONFIG_SIZE / 4; i++)
		ATF_REQUIRE(qtest_config_read(edu_bus_qtest_session(edu->bus),
		    EDU_DEVFN, 4 * i, &s.config[i]) == 0);
	s.live = edu_read32(edu, EDU_LIVE);
	s.irq = edu_read32(edu, EDU_INTR_STATUS);
	return s;
}

static void
check_state(struct edu *edu, const struct state *before, const char *when,
    size_t i)
{
	struct state after = get_state(edu);
	unsigned j;

	for (j = 0; j < PCI_CONFIG_SIZE / 4; j++)
		ATF_CHECK_MSG(before->config[j] == after.config[j], "%s %zu: 0x"
		    "%x was 0x%x, is 0x%x", when, i, 4 * j, before->config[j],
		    after.config[j]);
	ATF_CHECK_MSG(after.irq == 0, "%s %zu: 0x%x pending", when, i,
	    after.irq);
}

static unsigned char *mem;

/* The trials: 0, or -1 with errno. */
static int
try_config(struct edu *edu)
{
	uint32_t changed = 1, tried;
	int result;

	result = edu_try_config(edu, PCI_ID, &tried, &changed);
	ATF_CHECK(result == -1 || (changed == 0 && tried == UINT32_MAX));
	return result;
}

static int
try_decoding(struct edu *edu)
{
	uint32_t id = 1;
	int result;

	result = edu_try_decoding(edu, 0x1234, &id);
	ATF_CHECK(result == -1 || id == 0 || id == UINT32_MAX);
	return result;
}

static int
try_move(struct edu *edu)
{
	uint32_t new_id = 0, old_id = 1;
	int result;

	result = edu_try_move(edu, &old_id, &new_id);
	ATF_CHECK(result == -1 || ((old_id == 0 || old_id == UINT32_MAX) &&
	    new_id == 0x010000ed));
	return result;
}

static int
try_unmastered(struct edu *edu)
{
	int result;

	memset(mem, 1, MEM_BYTES);
	result = edu_try_get(edu, 0, mem, MEM_BYTES, EDU_TRY_UNMASTERED,
	    SOON_MS);
	ATF_CHECK(mem[0] == 1 && mem[MEM_BYTES - 1] == 1);
	return result;
}

static int
try_beyond(struct edu *edu)
{

	return edu_try_get(edu, 0, mem, MEM_BYTES, EDU_TRY_BEYOND, SOON_MS);
}

static int
try_msi(struct edu *edu)
{
	uint32_t data = 0;
	unsigned intx;
	int result;

	memset(mem, 0, MEM_BYTES);
	result = edu_try_msi(edu, (uint32_t *)(void *)mem, 0x1234, &intx);
	memcpy(&data, mem, sizeof(data));
	ATF_CHECK(result == -1 || (data == 0x1234 && intx == EDU_INTX_BEFORE));
	return result;
}

static const struct trial {
	const char *name;
	int	(*run)(struct edu *);
	size_t	restores;	/* at the end, the configuration accesses */
} trials[] = {
	{ "config", try_config, 0 },
	{ "decoding", try_decoding, 5 },
	{ "move", try_move, 5 },
	{ "unmastered", try_unmastered, 3 },
	{ "beyond", try_beyond, 0 },
	{ "msi", try_msi, 6 }
};
#define NTRIALS	(sizeof(trials) / sizeof(trials[0]))

static struct edu *
open_alone(void)
{
	struct edu *edu = open_device("qtest:", 0);

	ATF_REQUIRE((mem = edu_mem_alloc(edu, MEM_BYTES)) != NULL);
	REQUIRE_EDU(edu, edu_live(edu, 1, NULL));
	tap_attach(edu);
	return edu;
}

EDU_TEST(put_back, "after each trial all is as before")
{
	const struct trial *trial;
	struct edu *edu = open_alone();
	struct state before = get_state(edu);

	for (trial = trials; trial < trials + NTRIALS; trial++) {
		REQUIRE_EDU(edu, trial->run(edu));
		check_state(edu, &before, trial->name, 0);
		check_copy(edu, 5000, EDU_INTERRUPT);
	}
	edu_close(edu);
}

static size_t fault_at;
static size_t configs;

static enum tap_verdict
one_fault(size_t i, struct tap_access *a)
{

	(void)i;
	return a->is_config && configs++ == fault_at ? TAP_FAIL : TAP_PASS;
}

/* What could not be put back, MSI and decoding first. */
static void
repair(struct edu *edu, const struct state *s)
{
	static const unsigned offsets[] = { 0x40, PCI_COMMAND, PCI_BAR(0), 0x44,
	    0x48, 0x4c, PCI_COMMAND };
	size_t i;

	for (i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++)
		ATF_REQUIRE(qtest_config_write(edu_bus_qtest_session(edu->bus),
		    EDU_DEVFN, offsets[i], offsets[i] == PCI_COMMAND ?
		    (i > 1 ? s->config[1] & PCI_COMMAND_MASK : 0) :
		    s->config[offsets[i] / 4]) == 0);
	REQUIRE_EDU(edu, edu->bus->ops->map(edu->bus, 1));
	REQUIRE_EDU(edu, edu_irq_discard(edu, UINT32_MAX));
}

/* All but those that restore: what cannot be restored is said to be so. */
EDU_TEST(faults, "whatever fails in a trial, all is as before", "timeout",
    "120")
{
	const struct trial *trial;
	struct edu *edu = open_alone();
	struct state before = get_state(edu);
	size_t count;

	for (trial = trials; trial < trials + NTRIALS; trial++) {
		tap_reset();
		REQUIRE_EDU(edu, trial->run(edu));
		count = tap_count(1, 0) + tap_count(1, 1);
		for (fault_at = 0; fault_at < count; fault_at++) {
			configs = 0;
			tap_reset();
			tap.hook = one_fault;
			CHECK_ERRNO(edu, EIO, trial->run(edu) == -1);
			tap_reset();
			if (fault_at + trial->restores < count)
				check_state(edu, &before, trial->name,
				    fault_at);
			else
				repair(edu, &before);
		}
		REQUIRE_EDU(edu, trial->run(edu));
		check_state(edu, &before, trial->name, count);
	}
	edu_close(edu);
}

EDU_TEST(command, "bus mastering goes off and on, other bits are refused")
{
	struct edu *edu = open_alone();
	struct state before = get_state(edu);
	uint32_t value;

	REQUIRE_EDU(edu, edu_try_command(edu, EDU_COMMAND_NO_INTX,
	    EDU_COMMAND_MASTER));
	REQUIRE_EDU(edu, edu_config_read(edu, PCI_COMMAND, &value));
	ATF_CHECK_EQ(value & 0x407, 0x402);
	CHECK_ERRNO(edu, EIO, edu_dma_get(edu, 0, mem, 8, 0, SOON_MS) == -1);
	REQUIRE_EDU(edu, edu_try_command(edu, EDU_COMMAND_MASTER,
	    EDU_COMMAND_NO_INTX));
	check_state(edu, &before, "command", 0);
	CHECK_ERRNO(edu, EINVAL, edu_try_command(edu, 0x2, 0) == -1);
	CHECK_ERRNO(edu, EINVAL, edu_try_command(edu, 0, 0x2) == -1);
	CHECK_ERRNO(edu, EINVAL, edu_try_command(edu, 0x4, 0x4) == -1);
	check_state(edu, &before, "refused", 0);
	edu_close(edu);
}

EDU_TEST(invalid, "what is no read-only dword, memory or way is refused")
{
	struct edu *edu = open_alone();
	uint32_t changed, elsewhere = 0, tried;
	unsigned intx;

	CHECK_ERRNO(edu, EINVAL, edu_try_config(edu, PCI_BAR(0), &tried,
	    &changed) == -1);
	CHECK_ERRNO(edu, EINVAL, edu_try_config(edu, 0x44, &tried,
	    &changed) == -1);
	CHECK_ERRNO(edu, EINVAL, edu_try_config(edu, 2, &tried,
	    &changed) == -1);
	CHECK_ERRNO(edu, EFAULT, edu_try_msi(edu, &elsewhere, 1, &intx) == -1);
	CHECK_ERRNO(edu, EFAULT, edu_try_get(edu, 0, &elsewhere, 4,
	    EDU_TRY_BEYOND, SOON_MS) == -1);
	CHECK_ERRNO(edu, ERANGE, edu_try_get(edu, 4090, mem, 10,
	    EDU_TRY_BEYOND, SOON_MS) == -1);
	CHECK_ERRNO(edu, EINVAL, edu_try_get(edu, 0, mem, 8, 1,
	    SOON_MS) == -1);
	CHECK_ERRNO(edu, EINVAL, edu_dma_get(edu, 0, mem, 8, EDU_TRY_BEYOND,
	    SOON_MS) == -1);
	edu_close(edu);
}

/* The only capability is an MSI whose data would stand beyond the end. */
static enum tap_verdict
msi_at_end(size_t i, struct tap_access *a)
{

	(void)i;
	ATF_CHECK(!a->is_config || a->offset < PCI_CONFIG_SIZE);
	if (a->is_config && !a->is_write && a->offset == PCI_CAPABILITIES)
		a->value = 0xf4;
	if (a->is_config && !a->is_write && a->offset == 0xf4)
		a->value = PCI_MSI_64BIT | PCI_CAPABILITY_MSI;
	return TAP_PASS;
}

EDU_TEST(msi_unfit, "an MSI capability that configuration space has no room "
    "for is none")
{
	struct edu *edu = open_alone();

	tap.hook = msi_at_end;
	CHECK_ERRNO(edu, EIO, try_msi(edu) == -1);
	CHECK_MESSAGE(edu, "no MSI capability");
	edu_close(edu);
}

/* As on every machine that others share. */
EDU_TEST(shared, "a machine that is not ours is refused what is not safe")
{
	struct edu *edu;

	start_qemu("q35", "");
	edu = open_device(DEVICE, EDU_OPEN_POLL);
	ATF_REQUIRE((mem = edu_mem_alloc(edu, MEM_BYTES)) != NULL);
	tap_attach(edu);
	CHECK_ERRNO(edu, ENOTSUP, try_move(edu) == -1);
	CHECK_ERRNO(edu, ENOTSUP, try_msi(edu) == -1);
	CHECK_ERRNO(edu, ENOTSUP, try_beyond(edu) == -1);
	CHECK_ERRNO(edu, ENOTSUP, edu_try_command(edu, EDU_COMMAND_NO_INTX,
	    0) == -1);
	ATF_CHECK_EQ(tap_count(1, 1) + tap_count(0, 1), 0);
	edu_close(edu);
	edu = open_device(DEVICE, EDU_OPEN_READONLY);
	CHECK_ERRNO(edu, EBADF, try_config(edu) == -1);
	CHECK_ERRNO(edu, EBADF, try_decoding(edu) == -1);
	CHECK_ERRNO(edu, EBADF, edu_try_command(edu, 0, 0) == -1);
	edu_close(edu);
}
