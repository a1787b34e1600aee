/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Memory and descriptors that run out at every point of a job: it fails with
 * the right errno and a message, and leaves nothing behind.
 */

#include "h_case.h"
#include "h_malloc.h"

static const struct job jobs[] = {
	{ "use", job_use }, { "look", job_look }, { "size", job_size }
};
#define JOBS	(sizeof(jobs) / sizeof(jobs[0]))

EDU_TEST(memory, "each call for memory fails in turn: ENOMEM", "timeout", "60")
{
	size_t i;

	for (i = 0; i < JOBS; i++)
		attack_malloc(&jobs[i], "qtest:", 0);
}

EDU_TEST(memory_for_good, "from each call on there is no memory: ENOMEM",
    "timeout", "60")
{
	size_t i;

	for (i = 0; i < JOBS; i++)
		attack_malloc(&jobs[i], "qtest:", 1);
}

EDU_TEST(descriptors, "each time one more descriptor is left: EMFILE, or "
    "ENODEV where QEMU is the one that has too few", "timeout", "60")
{
	size_t i;

	for (i = 0; i < JOBS; i++)
		attack_descriptors(&jobs[i], "qtest:", ENODEV);
}
