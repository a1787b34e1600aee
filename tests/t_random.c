/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Random requests, good and hostile, against a model. */

#include "h_case.h"

#define SEED		20261127U
#include "h_model.h"
#include "h_qtest.h"

EDU_TEST(dma, "2,000 random requests for DMA: result, errno, memory and the "
    "device's buffer are the model's", "timeout", "60")
{
	struct edu *edu = open_device("qtest:", 0);

	attack_dma(edu, 1, soak(2000));
	edu_close(edu);
}

EDU_TEST(factorials, "20,000 random factorials are the model's", "timeout",
    "60")
{
	struct edu *edu = open_device("qtest:", 0);

	attack_factorial(edu, 1, soak(20000));
	edu_close(edu);
}

EDU_TEST(interrupts, "2,000 interrupts, raised, acknowledged and waited for at "
    "random: the bits are the model's", "timeout", "60")
{
	struct edu *edu = open_device("qtest:", 0);

	attack_interrupts(edu, 1, soak(2000));
	edu_close(edu);
}
