/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <errno.h>
#include <time.h>

#include "internal.h"

/* For what this thread opens. */
static _Thread_local struct {
	edu_trace_fn	*fn;
	void		*arg;
} opens;

static int64_t
now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static struct edu_trace_event
event(const struct edu_bus *bus, enum edu_trace_kind kind, unsigned offset,
    unsigned width)
{
	const struct edu_trace_event e = {
		.kind = kind,
		.offset = offset,
		.width = width,
		.time_ns = now_ns(),
		.device = bus->name,
	};

	return e;
}

static void
tell(struct edu_bus *bus, const struct edu_trace_event *e)
{
	int errnum = errno;

	bus->tracer.fn(bus->tracer.arg, e);
	errno = errnum;
}

static int
config_read(struct edu_bus *bus, unsigned offset, uint32_t *value)
{
	struct edu_trace_event e = event(bus, EDU_TRACE_CONFIG_READ, offset, 4);
	int result = bus->tracer.real->config_read(bus, offset, value);

	if (result == 0)
		e.value = *value;
	else
		e.error = errno;
	tell(bus, &e);
	return result;
}

static int
config_write(struct edu_bus *bus, unsigned offset, uint32_t value)
{
	struct edu_trace_event e = event(bus, EDU_TRACE_CONFIG_WRITE, offset,
	    4);
	int result = bus->tracer.real->config_write(bus, offset, value);

	e.value = value;
	if (result == -1)
		e.error = errno;
	tell(bus, &e);
	return result;
}

static uint64_t
read_register(struct edu_bus *bus, unsigned offset, unsigned width)
{
	struct edu_trace_event e = event(bus, EDU_TRACE_READ, offset, width);

	e.value = bus->tracer.real->read(bus, offset, width);
	tell(bus, &e);
	return e.value;
}

/* Told before it is done: it may be what ends the machine. */
static void
write_register(struct edu_bus *bus, unsigned offset, unsigned width,
    uint64_t value)
{
	struct edu_trace_event e = event(bus, EDU_TRACE_WRITE, offset, width);

	e.value = value;
	tell(bus, &e);
	bus->tracer.real->write(bus, offset, width, value);
}

static void
set(struct edu_bus *bus, edu_trace_fn *fn, void *arg)
{
	struct edu_tracer *t = &bus->tracer;

	if (t->fn == NULL && fn != NULL) {
		t->real = bus->ops;
		t->ops = *t->real;
		t->ops.config_read = config_read;
		t->ops.config_write = config_write;
		t->ops.read = read_register;
		t->ops.write = write_register;
		bus->ops = &t->ops;
	} else if (t->fn != NULL && fn == NULL)
		bus->ops = t->real;
	t->fn = fn;
	t->arg = arg;
}

void
edu_trace_bus(struct edu_bus *bus)
{

	set(bus, opens.fn, opens.arg);
}

void
edu_trace_note(struct edu_bus *bus, enum edu_trace_kind kind, unsigned offset,
    unsigned width, uint64_t value)
{
	struct edu_trace_event e;

	if (bus->tracer.fn == NULL)
		return;
	e = event(bus, kind, offset, width);
	e.value = value;
	tell(bus, &e);
}

void
edu_trace_sleep(struct edu_bus *bus, int64_t due_us)
{
	int64_t left_us = bus->tracer.fn == NULL ? 0 : due_us - edu_now_us();

	edu_trace_note(bus, EDU_TRACE_SLEEP, 0, 0,
	    left_us > 0 ? (uint64_t)left_us * 1000 : 0);
	edu_sleep_until(due_us);
	edu_trace_note(bus, EDU_TRACE_WAKE, 0, 0, 0);
}

void
edu_trace_wait(struct edu_bus *bus, int timeout_ms)
{

	edu_trace_note(bus, EDU_TRACE_WAIT, 0, 0, timeout_ms < 0 ? UINT64_MAX :
	    (uint64_t)timeout_ms * 1000000);
}

int
edu_trace_woken(struct edu_bus *bus, int result)
{
	struct edu_trace_event e;

	if (bus->tracer.fn == NULL)
		return result;
	e = event(bus, EDU_TRACE_WAKE, 0, 0);
	e.value = result > 0;
	e.error = result == -1 ? errno : 0;
	tell(bus, &e);
	return result;
}

EDU_PUBLIC void
edu_trace(struct edu *edu, edu_trace_fn *fn, void *arg)
{

	set(edu->bus, fn, arg);
}

EDU_PUBLIC void
edu_trace_opens(edu_trace_fn *fn, void *arg)
{

	opens.fn = fn;
	opens.arg = arg;
}
