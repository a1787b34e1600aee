/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <limits.h>
#include <time.h>

#include "clock.h"
#include "edu.h"

int64_t
edu_now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t
edu_deadline_us(int64_t start_us, int timeout_ms)
{

	if (timeout_ms == EDU_FOREVER)
		return EDU_NEVER;
	if (timeout_ms < 0)
		return -1;
	return start_us + (int64_t)timeout_ms * 1000;
}

int
edu_remaining_ms(int64_t deadline_us)
{
	int64_t left_ms;

	if (deadline_us == EDU_NEVER)
		return EDU_FOREVER;
	left_ms = (deadline_us - edu_now_us() + 999) / 1000;
	if (left_ms <= 0)
		return 0;
	return left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}

void
edu_timespec(int64_t us, struct timespec *ts)
{

	ts->tv_sec = (time_t)(us / 1000000);
	ts->tv_nsec = (long)(us % 1000000) * 1000;
}

void
edu_sleep_until(int64_t due_us)
{
	struct timespec ts;

	edu_timespec(due_us, &ts);
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) != 0)
		continue;
}
