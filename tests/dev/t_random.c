/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Random requests, good and hostile, against a model. */

#include "h_need.h"

#define SEED		20261128U
#include "h_model.h"

static struct edu *
need_any(int *has_interrupts)
{
	struct edu *edu = open_any(0);

	*has_interrupts = strcmp(edu_kernel_side(edu), "none") != 0;
	return edu;
}

DEVICE_TEST(dma, "60 random requests for DMA, 100 ms each: result, errno, "
    "memory and the device's buffer are the model's", "timeout", "60")
{
	int has_interrupts;
	struct edu *edu = need_any(&has_interrupts);

	edu_mem_free(edu, need_memory(edu, 1));
	attack_dma(edu, has_interrupts, soak(60));
	edu_close(edu);
}

DEVICE_TEST(factorials, "20,000 random factorials are the model's", "timeout",
    "60")
{
	int has_interrupts;
	struct edu *edu = need_any(&has_interrupts);

	attack_factorial(edu, has_interrupts, soak(20000));
	edu_close(edu);
}

DEVICE_TEST(interrupts, "2,000 interrupts, raised, acknowledged and waited for "
    "at random: the bits are the model's", "timeout", "60")
{
	int has_interrupts;
	struct edu *edu = need_any(&has_interrupts);

	attack_interrupts(edu, has_interrupts, soak(2000));
	edu_close(edu);
}
