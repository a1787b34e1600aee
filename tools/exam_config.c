/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Configuration space. */

#include <inttypes.h>
#include <string.h>

#include "exam.h"
#include "pci.h"

#define STATUS_ERRORS	0xf9000000U	/* a one clears them */
#define STATUS_RESERVED	0x00470000U

enum exam_result
exam_ids(struct tool *t, struct exam_verdict *v)
{
	uint32_t class, id, subsystem;

	if (edu_config_read(t->edu, PCI_ID, &id) == -1 ||
	    edu_config_read(t->edu, PCI_CLASS, &class) == -1 ||
	    edu_config_read(t->edu, PCI_SUBSYSTEM, &subsystem) == -1)
		return exam_failed(t, v);
	if (id != ((uint32_t)EDU_PCI_PRODUCT << 16 | EDU_PCI_VENDOR))
		return exam_differs(v, "device and vendor are 0x%08" PRIx32,
		    id);
	if (PCI_CLASS_CODE(class) != 0x00ff)
		return exam_differs(v, "the class is 0x%04" PRIx32 ", not "
		    "0x00ff, which no other class describes",
		    PCI_CLASS_CODE(class));
	return (subsystem & 0xffff) != 0 ? EXAM_OK :
	    exam_differs(v, "there is no subsystem vendor");
}

enum exam_result
exam_header(struct tool *t, struct exam_verdict *v)
{
	uint32_t header;

	if (edu_config_read(t->edu, PCI_HEADER, &header) == -1)
		return exam_failed(t, v);
	return PCI_HEADER_TYPE(header) == 0 ? EXAM_OK : exam_differs(v,
	    "the header has type 0x%02" PRIx32 ", that of a device is 0",
	    PCI_HEADER_TYPE(header));
}

enum exam_result
exam_status(struct tool *t, struct exam_verdict *v)
{
	uint32_t dword, pointer;

	if (edu_config_read(t->edu, PCI_COMMAND, &dword) == -1 ||
	    edu_config_read(t->edu, PCI_CAPABILITIES, &pointer) == -1)
		return exam_failed(t, v);
	if (dword & STATUS_RESERVED)
		return exam_differs(v, "status 0x%04" PRIx32 ": a reserved bit "
		    "is set", dword >> 16);
	if (dword & STATUS_ERRORS)
		return exam_differs(v, "status 0x%04" PRIx32 ": it tells of an "
		    "error", dword >> 16);
	if (!(dword & PCI_STATUS_CAPABILITIES))
		return exam_differs(v, "status 0x%04" PRIx32 ": there is no "
		    "capability list", dword >> 16);
	return EXAM_OK;
}

/* Writing the command register writes zeros to them. */
enum exam_result
exam_status_kept(struct tool *t, struct exam_verdict *v)
{
	uint32_t after, before, changed, tried;

	if (edu_config_read(t->edu, PCI_COMMAND, &before) == -1 ||
	    edu_try_config(t->edu, PCI_COMMAND, &tried, &changed) == -1 ||
	    edu_config_read(t->edu, PCI_COMMAND, &after) == -1)
		return exam_failed(t, v);
	return ((before ^ after) & STATUS_ERRORS) == 0 ? EXAM_OK :
	    exam_differs(v, "a write of zeros made status 0x%04" PRIx32
	    " 0x%04" PRIx32, before >> 16, after >> 16);
}

/* How one link of the chain is wrong. */
static const char *
bad_link(uint32_t pointer, const unsigned char *seen)
{

	if (pointer < PCI_HEADER_END)
		return "points into the header";
	if (pointer & ~PCI_CAPABILITY_MASK)
		return "is not a multiple of 4";
	return seen[pointer] ? "makes it a circle" : NULL;
}

enum exam_result
exam_capabilities(struct tool *t, struct exam_verdict *v)
{
	unsigned char seen[PCI_CONFIG_SIZE];
	int has_msi = 0;
	uint32_t dword, pointer;
	const char *bad;

	memset(seen, 0, sizeof(seen));
	if (edu_config_read(t->edu, PCI_CAPABILITIES, &pointer) == -1)
		return exam_failed(t, v);
	for (pointer &= 0xff; pointer != 0; pointer = dword >> 8 & 0xff) {
		if ((bad = bad_link(pointer, seen)) != NULL)
			return exam_differs(v, "0x%02" PRIx32 " in the list %s",
			    pointer, bad);
		seen[pointer] = 1;
		if (edu_config_read(t->edu, pointer, &dword) == -1)
			return exam_failed(t, v);
		has_msi |= PCI_CAPABILITY_ID(dword) == PCI_CAPABILITY_MSI;
	}
	return has_msi ? EXAM_OK : exam_differs(v, "no MSI is in the list");
}

/* The MSI capability's offset and first dword; 0: exam_failed() has why. */
static int
find_msi(struct tool *t, uint32_t *offset, uint32_t *dword)
{
	unsigned left = (PCI_CONFIG_SIZE - PCI_HEADER_END) / 4;

	if (edu_config_read(t->edu, PCI_CAPABILITIES, offset) == -1)
		return -1;
	for (*offset &= PCI_CAPABILITY_MASK; *offset >= PCI_HEADER_END &&
	    left > 0; left--) {
		if (edu_config_read(t->edu, *offset, dword) == -1)
			return -1;
		if (PCI_CAPABILITY_ID(*dword) == PCI_CAPABILITY_MSI)
			return 1;
		*offset = PCI_CAPABILITY_NEXT(*dword);
	}
	return 0;
}

static enum exam_result
check_read_only(struct tool *t, struct exam_verdict *v, unsigned offset)
{
	uint32_t changed, tried;

	if (edu_try_config(t->edu, offset, &tried, &changed) == -1)
		return exam_failed(t, v);
	return changed == 0 ? EXAM_OK : exam_differs(v, "a write to 0x%02x "
	    "changed 0x%08" PRIx32 " of the read-only 0x%08" PRIx32, offset,
	    changed, tried);
}

enum exam_result
exam_read_only(struct tool *t, struct exam_verdict *v)
{
	static const unsigned offsets[] = { PCI_ID, PCI_COMMAND, PCI_CLASS,
	    PCI_HEADER, PCI_SUBSYSTEM, PCI_CAPABILITIES, PCI_INTERRUPT };
	enum exam_result result = EXAM_OK;
	uint32_t dword, msi;
	size_t i;
	int found;

	for (i = 0; i < sizeof(offsets) / sizeof(offsets[0]) &&
	    result == EXAM_OK; i++)
		result = check_read_only(t, v, offsets[i]);
	if (result != EXAM_OK || (found = find_msi(t, &msi, &dword)) == 0)
		return result;
	return found == -1 ? exam_failed(t, v) : check_read_only(t, v, msi);
}

enum exam_result
exam_msi_capability(struct tool *t, struct exam_verdict *v)
{
	uint32_t dword, low = 0, msi;
	int found = find_msi(t, &msi, &dword);

	if (found == -1)
		return exam_failed(t, v);
	if (found == 0)
		return exam_differs(v, "there is none");
	if ((dword & 0xfe000000U) != 0)
		return exam_differs(v, "0x%08" PRIx32 ": a reserved bit is set",
		    dword);
	if ((dword >> 20 & 7) > (dword >> 17 & 7))
		return exam_differs(v, "0x%08" PRIx32 ": more messages are "
		    "enabled than it has", dword);
	if (!(dword & PCI_MSI_ENABLE) != !exam_is_msi(t))
		return exam_differs(v, "MSI is %s, and the kernel side is %s",
		    dword & PCI_MSI_ENABLE ? "enabled" : "disabled",
		    edu_kernel_side(t->edu));
	if (edu_config_read(t->edu, msi + PCI_MSI_ADDRESS, &low) == -1)
		return exam_failed(t, v);
	return (low & 3) == 0 && (low != 0 || !(dword & PCI_MSI_ENABLE)) ?
	    EXAM_OK : exam_differs(v, "its address is 0x%08" PRIx32, low);
}
