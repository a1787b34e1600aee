/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Each check of edutool selftest passes and fails where the device is wrong. */

#include "h_case.h"
#include "h_exam.h"

#define CONFIG	1, 0		/* reads, and */
#define CONFIG_WRITE 1, 1
#define READ	0, 0
#define WRITE	0, 1

static const struct lie lies[] = {
	{ "identification", READ, EDU_ID, 1, 0, 0 },
	{ "vendor, device and class", CONFIG, PCI_CLASS, 0x10000, 0, 0 },
	{ "header type", CONFIG, PCI_HEADER, 0x10000, 0, 0 },
	{ "status register", CONFIG, PCI_COMMAND, 0x10000, 0, 0 },
	{ "error bits of the status stay unharmed", CONFIG, PCI_COMMAND,
	    0x80000000, 1, 0 },
	/* To itself. */
	{ "capability list", CONFIG, 0x40, 0x4000, 0, 0 },
	{ "read-only bits stay", CONFIG, PCI_SUBSYSTEM, 1, 1, 0 },
	/* The one that reads the size mask. */
	{ "BAR0 sizing", CONFIG, PCI_BAR(0), EDU_BAR0_SIZE, 2, 1 },
	{ "BAR0 is as before its sizing", CONFIG, PCI_BAR(0), EDU_BAR0_SIZE, 5,
	    0 },
	{ "BAR1 to BAR5 are absent", CONFIG, PCI_BAR(1), 0xfffff000, 2, 1 },
	{ "memory decoding off", READ, EDU_ID, 0x010000ed, 0, 1 },
	{ "BAR0 at another address", READ, EDU_ID, 0x010000ed, 1, 1 },
	{ "liveness", READ, EDU_LIVE, 1, 0, 0 },
	{ "liveness of random values", READ, EDU_LIVE, 1, 500, 0 },
	{ "64-bit registers", WRITE, EDU_DMA_SRC, (uint64_t)1 << 40, 0, 0 },
	{ "32-bit accesses to 64-bit registers", READ, EDU_DMA_COUNT, 1, 0,
	    0 },
	{ "factorial of 0 to 12", READ, EDU_FACTORIAL, 1, 11, 0 },
	{ "factorial modulo 2^32", READ, EDU_FACTORIAL, 1, 0, 0 },
	{ "factorial of 13 to 40", READ, EDU_FACTORIAL, 1, 25, 0 },
	{ "factorial status bits", READ, EDU_STATUS, EDU_STATUS_COMPUTING, 0,
	    1 },
	{ "factorial by interrupt", WRITE, EDU_STATUS, EDU_STATUS_IRQFACT, 0,
	    0 },
	{ "interrupt raise, status, acknowledge", READ, EDU_INTR_STATUS, 2, 0,
	    0 },
	{ "interrupt bits, each alone", WRITE, EDU_INTR_RAISE, 0x20, 3, 1 },
	{ "interrupt wait", WRITE, EDU_INTR_RAISE, 0, 0, 0 },
	{ "interrupt status bit", CONFIG, PCI_COMMAND, PCI_STATUS_INTX, 0, 0 },
	{ "MSI capability", CONFIG, 0x40, 0x02000000, 0, 0 },
	{ "MSI address and data", CONFIG_WRITE, 0x40 + PCI_MSI_DATA, 1, 0, 1 },
	/* After the capability, and before. */
	{ "no INTx while MSI is enabled", CONFIG, PCI_COMMAND, PCI_STATUS_INTX,
	    2, 1 },
	/* Inside the device's buffer they are harmless as well. */
	{ "DMA out and back", WRITE, EDU_DMA_SRC, 0x40, 0, 0 },
	{ "DMA out and back by interrupt", WRITE, EDU_DMA_SRC, 0x40, 0, 0 },
	{ "DMA at all offsets modulo 64", WRITE, EDU_DMA_DST, 1, 99, 0 },
	{ "DMA across pages", WRITE, EDU_DMA_SRC, 0x40, 0, 0 },
	{ "DMA addresses are cut to the mask", WRITE, EDU_DMA_DST, 0x1000, 1,
	    0 },
	/* When the library has believed it. */
	{ "reset", CONFIG, PCI_INTERRUPT, 1, 4, 1 },
};
#define NLIES	(sizeof(lies) / sizeof(lies[0]))

/* Those that a case of its own has, below, or in dev/, or nobody. */
static const char *const others[] = {
	"other accesses are refused", "mapped reads", "interrupt disable bit",
	"two devices keep apart", "MSI needs bus mastering",
	"INTx of what is pending after MSI", "DMA of the whole buffer",
	"DMA needs bus mastering", "DMA to memory that was unmapped",
	"registers after a reset", "unplug"
};
#define NOTHERS	(sizeof(others) / sizeof(others[0]))

EDU_TEST(lies, "every check passes, and fails on a device that is wrong there, "
    "whereafter it passes again", "timeout", "120")
{
	struct edu *edu = open_device("qtest:", 0);

	tap_attach(edu);
	for (lie = lies; lie < lies + NLIES; lie++) {
		check_result(edu, lie->name, NULL, EXAM_OK);
		check_result(edu, lie->name, lie_hook, EXAM_FAIL);
		check_result(edu, lie->name, NULL, EXAM_OK);
	}
	edu_close(edu);
}

EDU_TEST(complete, "no check is without a case")
{
	size_t found, i, j;

	for (i = 0; exam_checks[i].name != NULL; i++) {
		found = 0;
		for (j = 0; j < NLIES; j++)
			found += strcmp(lies[j].name, exam_checks[i].name) ==
			    0;
		for (j = 0; j < NOTHERS; j++)
			found += strcmp(others[j], exam_checks[i].name) == 0;
		ATF_CHECK_MSG(found == 1, "%s", exam_checks[i].name);
	}
}

static void
check_stuck(const char *name, uint32_t bit, uint32_t real)
{
	struct edu *edu = open_device("qtest:", 0);

	tap_attach(edu);
	check_result(edu, name, NULL, EXAM_OK);
	stuck = bit;
	stuck_real = real;
	stuck_shown = real;
	check_result(edu, name, stuck_hook, EXAM_FAIL);
	check_result(edu, name, NULL, EXAM_OK);
	edu_close(edu);
}

EDU_TEST(stuck, "a bit of the command register that does nothing is noticed")
{

	check_stuck("interrupt disable bit", PCI_COMMAND_NO_INTX, 0);
	check_stuck("MSI needs bus mastering", PCI_COMMAND_MASTER,
	    PCI_COMMAND_MASTER);
	check_stuck("DMA needs bus mastering", PCI_COMMAND_MASTER,
	    PCI_COMMAND_MASTER);
}

EDU_TEST(known, "what QEMU does wrong is seen, and its opposite")
{
	const struct lie right = { "", CONFIG, PCI_COMMAND, PCI_STATUS_INTX, 3,
	    1 };
	const char *name = "INTx of what is pending after MSI";
	struct edu *edu = open_device("qtest:", 0);

	tap_attach(edu);
	ATF_CHECK(exam_checks[find_check(name)].known != NULL);
	check_result(edu, name, NULL, EXAM_FAIL);
	lie = &right;
	check_result(edu, name, lie_hook, EXAM_OK);
	edu_close(edu);
}

/* QEMU's edu has no reset: so the registers are lied about. */
static enum tap_verdict
initial_hook(size_t i, struct tap_access *a)
{

	(void)i;
	if (!a->is_config && !a->is_write && (a->offset == EDU_LIVE ||
	    a->offset == EDU_STATUS || a->offset == EDU_INTR_STATUS) &&
	    tap.was_reset)
		a->value = 0;
	return TAP_PASS;
}

EDU_TEST(registers, "registers that survive a reset are seen, and such as do "
    "not")
{
	const char *name = "registers after a reset";
	struct edu *edu = open_device("qtest:", 0);

	tap_attach(edu);
	ATF_CHECK(exam_checks[find_check(name)].known != NULL);
	check_result(edu, name, NULL, EXAM_FAIL);
	check_result(edu, name, initial_hook, EXAM_OK);
	check_result(edu, name, NULL, EXAM_FAIL);
	ATF_CHECK_EQ(edu_read32(edu, EDU_INTR_STATUS), 0);
	ATF_CHECK_EQ(edu_read32(edu, EDU_STATUS), 0);
	edu_close(edu);
}

EDU_TEST(mapped, "a mapping that is none of BAR0 is noticed")
{
	static uint32_t elsewhere[EDU_REG_END / 4];
	struct edu *edu = open_device("qtest:", 0);

	tap_attach(edu);
	check_result(edu, "mapped reads", NULL, EXAM_SKIP);
	edu->bus->bar0 = elsewhere;
	check_result(edu, "mapped reads", NULL, EXAM_FAIL);
	edu->bus->bar0 = NULL;
	edu_close(edu);
}

/* A full transfer would end an old QEMU; one that is lost does not. */
EDU_TEST(whole, "a buffer that does not move is noticed")
{
	const struct lie lost = { "", WRITE, EDU_DMA_CMD, 0, 0, 0 };
	const char *name = "DMA of the whole buffer";
	struct edu *edu = open_device("qtest:", 0);

	tap_attach(edu);
	check_result(edu, name, NULL, EXAM_SKIP);
	edu->dma.limit = EDU_DMA_BUF_SIZE;
	lie = &lost;
	check_result(edu, name, lie_hook, EXAM_FAIL);
	edu_close(edu);
}

/* A handle that is of no use refuses for another reason. */
EDU_TEST(refused, "an access that is not refused is noticed")
{
	const char *name = "other accesses are refused";
	struct edu *edu = open_device("qtest:", 0);

	tap_attach(edu);
	check_result(edu, name, NULL, EXAM_OK);
	edu->bus->is_gone = 1;
	check_result(edu, name, NULL, EXAM_FAIL);
	edu->bus->is_gone = 0;
	edu_close(edu);
}

/* The access of one kind that meets something, counted from 0. */
static size_t fault_at;
static size_t fault_seen;

static enum tap_verdict
config_fails(size_t i, struct tap_access *a)
{

	(void)i;
	return a->is_config && fault_seen++ == fault_at ? TAP_FAIL : TAP_PASS;
}

/* From there on, as of a device that is gone. */
static enum tap_verdict
reads_ones(size_t i, struct tap_access *a)
{

	(void)i;
	if (!a->is_config && !a->is_write && fault_seen++ >= fault_at)
		a->value = UINT32_MAX;
	return TAP_PASS;
}

/* How often the check does it where nothing happens; 0: it does not pass. */
static size_t
count_faults(struct edu *edu, const char *name,
    enum tap_verdict (*hook)(size_t, struct tap_access *))
{
	char text[640];

	fault_at = SIZE_MAX;
	fault_seen = 0;
	return run_check(edu, name, hook, text, sizeof(text)) == EXAM_OK ?
	    fault_seen : 0;
}

static void
check_faults(struct edu *edu, const char *name,
    enum tap_verdict (*hook)(size_t, struct tap_access *), const char *why)
{
	size_t count = count_faults(edu, name, hook), step = count / 20 + 1, n;
	enum exam_result result;
	char text[640];

	for (n = 0; n < count; n += step) {
		fault_at = n;
		fault_seen = 0;
		result = run_check(edu, name, hook, text, sizeof(text));
		/* How often it looks is not the same every time. */
		ATF_CHECK_MSG(fault_seen <= n || (result == EXAM_FAIL &&
		    strstr(text, why) != NULL), "%s, at access %zu of %zu: "
		    "%s, %s", name, n, count, exam_word(result), text);
		check_result(edu, name, NULL, EXAM_OK);
	}
}

EDU_TEST(config_fails, "a configuration access that fails is the failure of "
    "the check, which passes again", "timeout", "120")
{
	struct edu *edu = open_device("qtest:", 0);
	size_t i;

	tap_attach(edu);
	for (i = 0; exam_checks[i].name != NULL; i++)
		check_faults(edu, exam_checks[i].name, config_fails,
		    TAP_MESSAGE);
	edu_close(edu);
}

EDU_TEST(gone, "a device that is gone in the middle of a check is its failure",
    "timeout", "120")
{
	struct edu *edu = open_device("qtest:", 0);
	size_t i;

	tap_attach(edu);
	for (i = 0; exam_checks[i].name != NULL; i++)
		check_faults(edu, exam_checks[i].name, reads_ones, "");
	edu_close(edu);
}
