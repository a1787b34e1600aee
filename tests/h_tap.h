/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef H_TAP_H
#define H_TAP_H

/*
 * A tap on the bus between an open handle and the real device: the library's
 * own trace records every access, and a hook below it may change what happens
 * to one.
 */

#include <atf-c.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "h_qtest.h"
#include "internal.h"
#include "qtest/qtest.h"

#define TAP_MAX		1024

/* What a configuration access that the hook fails leaves as its message. */
#define TAP_MESSAGE	"the tap refuses"

enum tap_verdict {
	TAP_PASS,
	TAP_LOSE,	/* the write does not reach the device */
	TAP_FAIL	/* the same, and an error (configuration space only) */
};

struct tap_access {
	int		is_config;
	int		is_write;
	unsigned	width;
	unsigned	offset;
	uint64_t	value;		/* read: the device's, after the hook */
};

static struct {
	struct edu	*edu;
	const struct edu_bus_ops *real;
	struct edu_bus_ops ops;
	/* Configuration space of this function instead; 0: the handle's. */
	unsigned	devfn;
	/*
	 * Before the write of number i reaches the device, and after the read
	 * of number i has.  May change the value.
	 */
	enum tap_verdict (*hook)(size_t i, struct tap_access *);
	size_t		hooked;
	size_t		starts;		/* of transfers: tap_count_starts() */
	/* As traced: a value that the hook has changed shows in reads. */
	size_t		count;
	int		was_reset;
	struct tap_access log[TAP_MAX];
} tap;

static inline enum tap_verdict
tap_hook(struct tap_access *a)
{
	size_t i = tap.hooked++;

	return tap.hook != NULL ? tap.hook(i, a) : TAP_PASS;
}

static inline void
tap_record(void *arg, const struct edu_trace_event *e)
{
	struct tap_access a = {
		e->kind <= EDU_TRACE_CONFIG_WRITE,
		e->kind == EDU_TRACE_CONFIG_WRITE || e->kind == EDU_TRACE_WRITE,
		e->width, e->offset, e->value
	};

	(void)arg;
	tap.was_reset |= e->kind == EDU_TRACE_RESET;
	if (e->width == 0)
		return;
	if (tap.count < TAP_MAX)
		tap.log[tap.count] = a;
	tap.count++;
}

static inline int
tap_fail(void)
{

	return edu_fail(&tap.edu->err, EIO, TAP_MESSAGE);
}

static inline int
tap_config_read(struct edu_bus *bus, unsigned offset, uint32_t *value)
{
	struct tap_access a = { 1, 0, 4, offset, 0 };
	int result;

	if (tap.devfn != 0)
		result = qtest_config_read(edu_bus_qtest_session(bus),
		    tap.devfn, offset, value);
	else
		result = tap.real->config_read(bus, offset, value);
	if (result == -1)
		return -1;
	a.value = *value;
	if (tap_hook(&a) == TAP_FAIL)
		return tap_fail();
	*value = (uint32_t)a.value;
	return 0;
}

static inline int
tap_config_write(struct edu_bus *bus, unsigned offset, uint32_t value)
{
	struct tap_access a = { 1, 1, 4, offset, value };

	switch (tap_hook(&a)) {
	case TAP_FAIL:
		return tap_fail();
	case TAP_LOSE:
		return 0;
	case TAP_PASS:
		break;
	}
	if (tap.devfn != 0)
		return qtest_config_write(edu_bus_qtest_session(bus),
		    tap.devfn, offset, (uint32_t)a.value);
	return tap.real->config_write(bus, offset, (uint32_t)a.value);
}

static inline uint64_t
tap_read(struct edu_bus *bus, unsigned offset, unsigned width)
{
	struct tap_access a = { 0, 0, width, offset, 0 };

	a.value = tap.real->read(bus, offset, width);
	(void)tap_hook(&a);
	return a.value;
}

static inline void
tap_write(struct edu_bus *bus, unsigned offset, unsigned width,
    uint64_t value)
{
	struct tap_access a = { 0, 1, width, offset, value };

	if (tap_hook(&a) == TAP_PASS)
		tap.real->write(bus, offset, width, a.value);
}

/* Tap this handle, until its close, and nothing else. */
static inline void
tap_attach(struct edu *edu)
{

	memset(&tap, 0, sizeof(tap));
	tap.edu = edu;
	edu_trace(edu, tap_record, NULL);
	tap.real = edu->bus->tracer.real;
	tap.ops = *tap.real;
	tap.ops.config_read = tap_config_read;
	tap.ops.config_write = tap_config_write;
	tap.ops.read = tap_read;
	tap.ops.write = tap_write;
	edu->bus->tracer.real = &tap.ops;
}

static inline void
tap_reset(void)
{

	tap.count = tap.hooked = tap.starts = 0;
	tap.was_reset = 0;
	tap.hook = NULL;
}

/* How many accesses of a kind were recorded since. */
static inline size_t
tap_count(int is_config, int is_write)
{
	size_t count = 0, i;

	ATF_REQUIRE_MSG(tap.count <= TAP_MAX, "%zu accesses", tap.count);
	for (i = 0; i < tap.count; i++)
		if (tap.log[i].is_config == is_config &&
		    tap.log[i].is_write == is_write)
			count++;
	return count;
}

/* A hook: a device that is gone, as a real bus shows it. */
static inline enum tap_verdict
tap_read_ones(size_t i, struct tap_access *a)
{

	(void)i;
	if (!a->is_config && !a->is_write)
		a->value = UINT32_MAX;
	return TAP_PASS;
}

/* A hook: how many transfers are started. */
static inline enum tap_verdict
tap_count_starts(size_t i, struct tap_access *a)
{

	(void)i;
	tap.starts += a->is_write && !a->is_config && a->offset == EDU_DMA_CMD;
	return TAP_PASS;
}

#endif /* H_TAP_H */
