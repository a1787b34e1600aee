/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef H_ALARM_H
#define H_ALARM_H

#include <sys/time.h>

#include <atf-c.h>
#include <signal.h>
#include <string.h>

static volatile sig_atomic_t caught;

static inline void
catch_alarm(int sig)
{

	(void)sig;
	caught++;
}

/* SIGALRM soon, and then again and again. */
static inline void
alarm_often(void)
{
	static const struct itimerval often = { { 0, 10000 }, { 0, 10000 } };
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = catch_alarm;
	/* For the test's own reads; a poll(2) is never restarted. */
	action.sa_flags = SA_RESTART;
	ATF_REQUIRE(sigaction(SIGALRM, &action, NULL) == 0);
	ATF_REQUIRE(setitimer(ITIMER_REAL, &often, NULL) == 0);
}

#endif /* H_ALARM_H */
