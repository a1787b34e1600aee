/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef EDU_CLOCK_H
#define EDU_CLOCK_H

/* CLOCK_MONOTONIC in microseconds. */

#include <stdint.h>
#include <time.h>

#define EDU_NEVER	INT64_MAX

int64_t	edu_now_us(void);
/*
 * When a timeout of so many milliseconds that starts then is over: EDU_NEVER
 * for EDU_FOREVER, -1 for any other negative one.
 */
int64_t	edu_deadline_us(int64_t start_us, int timeout_ms);
/* What is left of it, rounded up for poll(2); EDU_FOREVER for EDU_NEVER. */
int	edu_remaining_ms(int64_t deadline_us);
void	edu_timespec(int64_t us, struct timespec *);
/* A signal does not shorten it: what we wait for is close. */
void	edu_sleep_until(int64_t due_us);

#endif /* EDU_CLOCK_H */
