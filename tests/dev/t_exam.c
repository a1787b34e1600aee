/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * The checks of edutool selftest on this machine: what it is, they do not mind,
 * and those notice that have nothing to look at where there is no guest.
 */

#include "h_need.h"
#include "h_pci.h"
#include "../h_exam.h"

static struct edu *
open_first(void)
{
	struct edu *edu = edu_open(NULL, 0);

	if (edu == NULL && (errno == ENOENT || errno == EACCES))
		atf_tc_skip("%s", edu_errmsg(NULL));
	ATF_REQUIRE_MSG(edu != NULL, "%s", edu_errmsg(NULL));
	return edu;
}

/* Open and tapped, or the case is skipped where the check is. */
static struct edu *
open_for(const char *name)
{
	enum exam_result result;
	struct edu *edu = open_first();
	char text[640];

	tap_attach(edu);
	result = run_check(edu, name, NULL, text, sizeof(text));
	if (result == EXAM_SKIP) {
		edu_close(edu);
		atf_tc_skip("%s", text);
	}
	ATF_REQUIRE_MSG(result == EXAM_OK, "%s", text);
	return edu;
}

DEVICE_TEST(all, "no check fails that is not known to, and all is as before",
    "timeout", "120")
{
	struct edu *edu = open_first();
	uint8_t before[CONFIG_SIZE];
	enum exam_result result;
	char name[128], text[640];
	size_t i;

	(void)snprintf(name, sizeof(name), "%s", edu_name(edu));
	edu_close(edu);
	pci_config(name, before);
	edu = open_device(name, 0);
	tap_attach(edu);
	for (i = 0; exam_checks[i].name != NULL; i++) {
		result = run_check(edu, exam_checks[i].name, NULL, text,
		    sizeof(text));
		ATF_CHECK_MSG(result != EXAM_FAIL ||
		    exam_checks[i].known != NULL, "%s: %s",
		    exam_checks[i].name, text);
	}
	edu_close(edu);
	pci_check_same(name, before, "after the examination");
}

DEVICE_TEST(sharing, "bits of another device are noticed")
{
	const struct lie mixed = { "", 0, 0, EDU_INTR_STATUS, 0x8000, 0, 0 };
	const char *name = "two devices keep apart";
	struct edu *edu = open_for(name);

	lie = &mixed;
	check_result(edu, name, lie_hook, EXAM_FAIL);
	check_result(edu, name, NULL, EXAM_OK);
	edu_close(edu);
}

DEVICE_TEST(mapped, "a mapping that reads something else is noticed")
{
	const struct lie other = { "", 0, 0, EDU_LIVE, 1, 0, 0 };
	const char *name = "mapped reads";
	struct edu *edu = open_for(name);

	lie = &other;
	check_result(edu, name, lie_hook, EXAM_FAIL);
	check_result(edu, name, NULL, EXAM_OK);
	edu_close(edu);
}

/* The bit does nothing: 0 and clear, or 1 and set. */
static void
check_stuck(const char *name, uint32_t bit, uint32_t real)
{
	struct edu *edu = open_for(name);

	stuck = bit;
	stuck_real = stuck_shown = real;
	check_result(edu, name, stuck_hook, EXAM_FAIL);
	check_result(edu, name, NULL, EXAM_OK);
	edu_close(edu);
}

DEVICE_TEST(intx_disable, "INTx that cannot be disabled is noticed")
{

	check_stuck("interrupt disable bit", COMMAND_NO_INTX, 0);
}

DEVICE_TEST(msi_master, "messages without bus mastering are noticed")
{

	check_stuck("MSI needs bus mastering", COMMAND_MASTER, COMMAND_MASTER);
}

DEVICE_TEST(dma_master, "DMA without bus mastering is noticed")
{

	check_stuck("DMA needs bus mastering", COMMAND_MASTER, COMMAND_MASTER);
}

/* Address bits: it writes to a page that nothing is mapped at. */
DEVICE_TEST(mask, "an address that is not cut is noticed")
{
	const struct lie far = { "", 0, 1, EDU_DMA_DST, 0x08000000, 1, 0 };
	const char *name = "DMA addresses are cut to the mask";
	struct edu *edu = open_first();

	/* Where there is no IOMMU, this must not even be tried. */
	if (!edu->kernel->translates) {
		tap_attach(edu);
		check_result(edu, name, NULL, EXAM_SKIP);
		edu_close(edu);
		return;
	}
	edu_close(edu);
	edu = open_for(name);
	lie = &far;
	check_result(edu, name, lie_hook, EXAM_FAIL);
	check_result(edu, name, NULL, EXAM_OK);
	edu_close(edu);
}

static void
unmap_nothing(struct edu_kernel *kernel, struct edu_segment *segment)
{

	(void)kernel;
	(void)segment;
}

DEVICE_TEST(unmapped, "an IOMMU that keeps what was unmapped is noticed")
{
	const char *name = "DMA to memory that was unmapped";
	struct edu *edu = open_for(name);
	struct edu_kernel_ops ops = *edu->kernel->ops;
	const struct edu_kernel_ops *real = edu->kernel->ops;

	ops.unmap_memory = unmap_nothing;
	edu->kernel->ops = &ops;
	check_result(edu, name, NULL, EXAM_FAIL);
	edu->kernel->ops = real;
	check_result(edu, name, NULL, EXAM_OK);
	edu_close(edu);
}
