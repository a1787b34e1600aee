/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Threads with handles of their own: opened, used and closed all at once. */

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <edu.h>

#include "h_case.h"
#include "h_qtest.h"

#define THREADS		4
#define LENGTH		5000

/* What is in *value and in memory after this is this thread's own. */
static int
work(struct edu *edu, uint32_t seed, uint32_t *value)
{
	unsigned char *from = edu_mem_alloc(edu, LENGTH);
	unsigned char *to = edu_mem_alloc(edu, LENGTH);
	uint32_t i;

	if (from == NULL || to == NULL)
		return -1;
	for (i = 0; i < LENGTH; i++)
		from[i] = (unsigned char)(seed * 31 + i);
	if (edu_dma_copy(edu, to, from, LENGTH, EDU_INTERRUPT, SOON_MS) == -1 ||
	    edu_factorial(edu, seed % 13, EDU_INTERRUPT, SOON_MS, value) == -1)
		return -1;
	for (i = 2; i <= seed % 13; i++)
		*value /= i;
	*value -= 1;
	if (memcmp(from, to, LENGTH) != 0)
		*value = UINT32_MAX;
	return 0;
}

struct worker {
	pthread_t	thread;
	uint32_t	number;
	uint32_t	done;
	char		message[512];
};

static void *
run(void *cookie)
{
	struct worker *w = cookie;
	struct edu *edu;
	uint32_t value;

	for (w->done = 0; w->done < soak(10); w->done++) {
		value = 0;
		edu = edu_open("qtest:", 0);
		if (edu == NULL ||
		    work(edu, w->number * 100 + w->done, &value) == -1)
			(void)snprintf(w->message, sizeof(w->message), "%s",
			    edu_errmsg(edu));
		else if (value != 0)
			(void)snprintf(w->message, sizeof(w->message),
			    "wrong by %u", value);
		edu_close(edu);
		if (w->message[0] != '\0')
			break;
	}
	return NULL;
}

EDU_TEST(threads, "4 threads open, use and close devices of their own, 10 "
    "times each: every result is theirs, and nothing is left", "timeout", "60")
{
	static struct worker workers[THREADS];
	int fds = count_fds();
	uint32_t i;

	for (i = 0; i < THREADS; i++) {
		workers[i].number = i;
		ATF_REQUIRE_EQ(pthread_create(&workers[i].thread, NULL, run,
		    &workers[i]), 0);
	}
	for (i = 0; i < THREADS; i++) {
		ATF_REQUIRE_EQ(pthread_join(workers[i].thread, NULL), 0);
		ATF_CHECK_MSG(workers[i].message[0] == '\0', "thread %u: %s", i,
		    workers[i].message);
		ATF_CHECK_EQ(workers[i].done, soak(10));
	}
	ATF_CHECK_EQ(count_fds(), fds);
}
