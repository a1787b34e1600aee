/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* What a machine type proves about QEMU. */

#include <stddef.h>

#include "h_case.h"
#include "internal.h"

/* The list ends with NULL. */
static void
check(const char *const *machines, int proves)
{

	for (; *machines != NULL; machines++)
		ATF_CHECK_MSG(edu_machine_bears_last_byte(*machines) == proves,
		    "'%s'", *machines);
}

EDU_TEST(new_enough, "A machine type of QEMU 9.0 or newer proves that the last "
    "byte may be used")
{
	static const char *const machines[] = {
		"pc-i440fx-9.0", "pc-i440fx-9.1", "pc-i440fx-10.0",
		"pc-i440fx-10.2", "pc-i440fx-11.0", "pc-i440fx-100.0",
		"pc-q35-9.0", "pc-q35-9.2", "pc-q35-10.0", "pc-q35-10.10", NULL
	};

	check(machines, 1);
}

EDU_TEST(too_old, "An older machine type proves nothing: 8.2 may run under "
    "8.2.0")
{
	static const char *const machines[] = {
		"pc-i440fx-8.2", "pc-i440fx-7.2", "pc-i440fx-2.12",
		"pc-i440fx-0.9", "pc-i440fx-1.0", "pc-q35-8.2", "pc-q35-8.10",
		"pc-q35-8.99", "pc-q35-7.2", "pc-q35-4.0.1", "pc-q35-2.9", NULL
	};

	check(machines, 0);
}

EDU_TEST(unknown, "A name that is not wholly understood proves nothing")
{
	static const char *const machines[] = {
		"", "pc", "q35", "pc-", "pc-i440fx", "pc-q35", "pc-i440fx-",
		"pc-q35-", "pc-q35-noble", "pc-i440fx-noble-v2", "9.0",
		"-9.0", "pc-i440fx-9", "pc-i440fx-9.", "pc-i440fx-.0",
		"pc-i440fx-9.x", "pc-i440fx-x.9", "pc-i440fx-9.0x",
		"pc-i440fx-9x.0", "pc-i440fx-9.0.1", "pc-i440fx-9.0-rc1",
		"pc-i440fx-9,0", "pc-i440fx--9.0", "pc-i440fx-+9.0",
		"pc-i440fx- 9.0", "pc-i440fx-9.0 ", " pc-i440fx-9.0",
		"pc-i440fx-9.0\n", "pc-i440fx-09.0", "pc-i440fx-010.0",
		"pc-i440fx-0x9.0", "pc-i440fx-9.00", "pc-i440fx-9.-1",
		"PC-I440FX-9.0", "xpc-i440fx-9.0", "pc-q35-9.0pc-q35-9.0",
		"pc-i440fx-1000.0", "pc-i440fx-4294967305.0",
		"pc-i440fx-18446744073709551625.0", "pc-i440fx-9.4294967296",
		"pc-i440fx-99999999999999999999999999999999999999999999.0",
		"pc-q35-rhel9.0.0", "rhel-9.0", "virt-9.0", "microvm-9.0",
		"1.0", "Not Specified", NULL
	};

	check(machines, 0);
	ATF_CHECK_EQ(edu_machine_bears_last_byte(NULL), 0);
}
