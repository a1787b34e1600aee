/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Is it there, and is it an edu? */

#include <errno.h>
#include <inttypes.h>

#include "internal.h"

EDU_PUBLIC int
edu_identify(struct edu *edu, uint32_t *id)
{
	uint64_t value;

	if (edu_require_still(edu, EDU_REGISTERS) == -1)
		return -1;
	if (edu_observe(edu, EDU_ID, 4, &value) == -1)
		return -1;
	*id = (uint32_t)value;
	/* Configuration space knows which of the two it is. */
	if ((*id == 0 || *id == UINT32_MAX) && (edu_present(edu) == -1 ||
	    (!edu->bus->is_driven && edu_confirm(edu) == -1 &&
	    edu->bus->is_gone)))
		return -1;
	if (*id == 0 || *id == UINT32_MAX)
		return edu_fail(&edu->err, ENODEV, "the identification "
		    "register reads 0x%08" PRIx32 ": the device is gone, or "
		    "its memory decoding is off", *id);
	/* Another's, by now? */
	if (__SHIFTOUT(*id, EDU_ID_MAGIC) == EDU_ID_MAGIC_EDU)
		return edu_present(edu) == -1 ? -1 : 0;
	return edu_fail(&edu->err, EPROTO, "the identification register reads "
	    "0x%08" PRIx32 "%s", *id, *id >> 16 == EDU_ID_SWAPPED ?
	    ": byte-swapped, this host's byte order is not handled" :
	    ", an edu has 0x....00ed");
}

int
edu_confirm(struct edu *edu)
{
	uint32_t dword = UINT32_MAX;
	int known = edu_present(edu);

	if (known != 0)
		return known == -1 ? -1 : 0;
	if (edu->bus->is_driven)
		return edu_identify(edu, &dword);
	if (edu->bus->ops->config_read(edu->bus, PCI_ID, &dword) == -1)
		return -1;
	return edu_config_answers(edu, dword);
}

int
edu_confirm_write(struct edu *edu)
{

	return edu_was_present(edu) ? 0 : edu_confirm(edu);
}

EDU_PUBLIC int
edu_live(struct edu *edu, uint32_t value, uint32_t *answer)
{
	uint32_t got, id;

	if (edu_require(edu, EDU_REGISTERS | EDU_CLAIM) == -1)
		return -1;
	edu_write32(edu, EDU_LIVE, value);
	got = edu_read32(edu, EDU_LIVE);
	if (answer != NULL)
		*answer = got;
	/* A device that is gone reads 0 or all ones, right or wrong. */
	if (got != ~value || got == 0 || got == UINT32_MAX) {
		if (edu_identify(edu, &id) == -1)
			return -1;
	}
	if (got == ~value)
		return 0;
	return edu_fail(&edu->err, EIO, "the liveness register does not "
	    "answer 0x%08" PRIx32 " with its inverse", value);
}
