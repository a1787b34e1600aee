/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * The whole library in a world of the fuzzer's making (world.h): the bytes say
 * which calls are made, with which arguments, good and bad, and what they meet.
 * Every call returns, and one that fails says why; and in an honest world what
 * it says to have done is done.
 */

#include <errno.h>

#include "edu.h"
#include "world.h"

#define PIECES		4
#define OWN_SIZE	10000U

struct piece {
	char		*data;		/* stays when it is freed */
	size_t		length;		/* 0: it is freed */
};

static struct handle {
	struct edu	*edu;
	struct device	*device;
	struct piece	pieces[PIECES];
} handles[DEVICES];
static char own[OWN_SIZE];
static struct edu_set *set;

static uint64_t
some(size_t n)
{

	return take(&world.in, n);
}

/* An honest device is never gone. */
static int
must_fail(const char *message)
{

	MUST(errno > 0 && message[0] != '\0');
	MUST(errno != ENODEV || world.is_hostile);
	must_be_plain(message);
	return -1;
}

/* What every call that returns int gives. */
static int
checked(const struct handle *h, int result)
{

	MUST(result >= -1);
	return result == -1 ? must_fail(edu_errmsg(h->edu)) : result;
}

/* It came out well, where that means that it is done. */
static int
honestly(const struct handle *h, int result)
{

	return checked(h, result) == 0 && !world.is_hostile;
}

/* And the next transfer, to the same memory perhaps, has not begun. */
static int
honestly_moved(const struct handle *h, int result)
{

	return honestly(h, result) && h->device->dma_us == 0;
}

/* For ever where something comes for certain, or the bytes end. */
static int
some_timeout(int may_last)
{
	static const int timeouts[] = { 1000, 10000, 150, 0, 1, 90, -7 };
	unsigned c = take_byte(&world.in) % 8;

	if (c == 7)
		return may_last || world.is_hostile ? EDU_FOREVER : 5000;
	return timeouts[c];
}

static unsigned
some_flags(void)
{
	unsigned c = take_byte(&world.in);
	unsigned flags = c < 0xf0 ? c & 0x3f : c << 8;

	world.uses_last_byte |= (flags & EDU_DMA_LAST_BYTE) != 0;
	return flags;
}

static size_t
some_length(void)
{
	uint64_t c = some(2);

	return c >= 0xff00 ? SIZE_MAX - (c & 0xff) : c % 9000;
}

/* Mostly into some memory; it need not be a handle's own, nor there. */
static char *
some_data(struct handle *h, size_t *length)
{
	unsigned c = take_byte(&world.in);
	struct piece *p = &h->pieces[c % PIECES];

	*length = some_length();
	if (c >= 0xf0)
		return own + c % 16;
	if (c >= 0xe0)
		return (char *)(uintptr_t)some(8);
	if (c >= 0x80 || p->length == 0)
		return (char *)((uintptr_t)p->data + c);
	*length = *length % p->length + 1;
	return p->data + some(2) % (p->length - *length + 1);
}

static void
call_factorial(struct handle *h)
{
	uint32_t n = (uint32_t)some(take_byte(&world.in) % 4), result = 0;
	uint32_t expected = 1, i;
	unsigned flags = some_flags();

	if (!honestly(h, edu_factorial(h->edu, n, flags, some_timeout(1),
	    &result)))
		return;
	for (i = 2; i <= n && i < 40; i++)
		expected *= i;
	MUST(result == expected);
}

static void
call_move(struct handle *h)
{
	size_t length, at = some(2) % 4200;
	char *data = some_data(h, &length);
	unsigned flags = some_flags();
	int timeout_ms = some_timeout(1);

	if (take_byte(&world.in) % 2)
		(void)checked(h, edu_dma_put(h->edu, at, data, length, flags,
		    timeout_ms));
	else if (honestly_moved(h, edu_dma_get(h->edu, at, data, length,
	    flags, timeout_ms)))
		MUST(memcmp(data, h->device->buffer + at, length) == 0);
}

static void
call_copy(struct handle *h)
{
	size_t length, other;
	char *to = some_data(h, &other), *from = some_data(h, &length);
	unsigned flags = some_flags();

	if (take_byte(&world.in) % 4)
		length = length < other ? length : other;
	if (honestly_moved(h, edu_dma_copy(h->edu, to, from, length, flags,
	    some_timeout(1))))
		MUST(memcmp(to, from, length) == 0);
}

static void
call_submit(struct handle *h)
{
	void *cookie = (void *)(uintptr_t)(take_byte(&world.in) % 4);
	size_t length, other, at = some(2) % 4200;
	char *data = some_data(h, &length);
	unsigned flags = some_flags();
	int timeout_ms = some_timeout(1);

	switch (take_byte(&world.in) % 4) {
	case 0:
		(void)checked(h, edu_submit_put(h->edu, at, data, length,
		    flags, timeout_ms, cookie));
		break;
	case 1:
		(void)checked(h, edu_submit_get(h->edu, at, data, length,
		    flags, timeout_ms, cookie));
		break;
	case 2:
		(void)checked(h, edu_submit_copy(h->edu, data,
		    some_data(h, &other), length, flags, timeout_ms, cookie));
		break;
	default:
		(void)checked(h, edu_submit_factorial(h->edu, (uint32_t)at,
		    flags, timeout_ms, cookie));
		break;
	}
}

/* Until n were reaped, or nothing is under way. */
static void
call_process(struct handle *h)
{
	unsigned n = take_byte(&world.in) % 32;
	struct edu_done done;
	struct timespec when;

	while (n-- > 0 && edu_due(h->edu, &when)) {
		MUST(when.tv_sec >= 0 && when.tv_nsec >= 0);
		if ((int64_t)when.tv_sec * 1000000 > world.now_us)
			world.now_us = (int64_t)when.tv_sec * 1000000 +
			    when.tv_nsec / 1000;
		if (checked(h, edu_process(h->edu)) == -1)
			return;
	}
	while (edu_reap(h->edu, &done) == 1)
		MUST(done.edu == h->edu && done.error >= 0);
	if (n % 4 == 0)
		MUST(edu_cancel(h->edu, (void *)(uintptr_t)(n % 3)) >= 0);
}

static void
call_interrupt(struct handle *h)
{
	uint32_t mask = (uint32_t)some(2), status;

	switch (take_byte(&world.in) % 6) {
	case 0:
		(void)checked(h, edu_irq_raise(h->edu, mask));
		break;
	case 1:
		(void)checked(h, edu_irq_ack(h->edu, mask));
		break;
	case 2:
		(void)checked(h, edu_irq_status(h->edu, &status));
		break;
	case 3:
		if (checked(h, edu_irq_wait(h->edu, some_timeout(0),
		    &status)) == 1)
			MUST(status != 0);
		break;
	case 4:
		(void)checked(h, edu_irq_check(h->edu));
		break;
	case 5:
		(void)checked(h, edu_irq_fd(h->edu));
		break;
	}
}

static void
call_alloc(struct handle *h)
{
	static const char zeroes[EDU_MEM_MAX];
	struct piece *p = &h->pieces[take_byte(&world.in) % PIECES];
	size_t length = some_length();
	char *data;

	if (p->length != 0)
		return;
	if ((data = edu_mem_alloc(h->edu, length)) == NULL) {
		(void)must_fail(edu_errmsg(h->edu));
		return;
	}
	p->data = data;
	p->length = length;
	MUST(length <= EDU_MEM_MAX && memcmp(data, zeroes, length) == 0);
	memset(data, (int)length, length);
}

static void
call_memory(struct handle *h)
{
	unsigned c = take_byte(&world.in);
	struct piece *p = &h->pieces[c / 16 % PIECES];
	uint64_t address;
	size_t length;
	char *data;

	switch (c % 6) {
	case 0:
		edu_mem_free(h->edu, p->data);
		p->length = 0;
		break;
	case 1:
		(void)checked(h, edu_mem_map(h->edu, own + c,
		    some(2) % (OWN_SIZE - c)));
		break;
	case 2:
		(void)checked(h, edu_mem_unmap(h->edu, own + c));
		break;
	case 3:
		data = some_data(h, &length);
		(void)checked(h, edu_mem_prove(h->edu, data, length));
		break;
	case 4:
		data = some_data(h, &length);
		if (honestly(h, edu_mem_address(h->edu, data, &address)))
			MUST(device_memory(address, 1) != NULL);
		break;
	case 5:
		address = some(1) % 2 ? some(8) : UINT64_MAX >> c % 64;
		(void)checked(h, edu_dma_set_mask(h->edu, address));
		break;
	}
}

static void
call_register(struct handle *h)
{
	unsigned c = take_byte(&world.in), offset = take_byte(&world.in);
	uint32_t answer = 0;
	uint64_t value;

	switch (c % 5) {
	case 0:
		(void)checked(h, edu_read(h->edu, offset, c & 0xc, &value));
		break;
	case 1:
		value = some(c & 8 ? 8 : 4);
		(void)checked(h, edu_write(h->edu, offset, c & 0xc, value));
		break;
	case 2:
		(void)checked(h, edu_config_read(h->edu, offset, &answer));
		break;
	case 3:
		(void)checked(h, edu_identify(h->edu, &answer));
		break;
	case 4:
		if (honestly(h, edu_live(h->edu, offset, &answer)))
			MUST(answer == ~offset);
		break;
	}
}

static void
call_reset(struct handle *h)
{
	uint64_t value;

	if (honestly(h, edu_reset(h->edu)) &&
	    checked(h, edu_read(h->edu, EDU_DMA_SRC, 8, &value)) == 0)
		MUST(value == 0);
}

/* What an edu has, where it is one. */
static void
call_bar(struct handle *h)
{
	unsigned c = take_byte(&world.in), offset;
	struct edu_bar *bar;
	uint64_t address, length;
	uint32_t value;
	int is_write;
	size_t i;

	if (c % 8 == 7) {
		call_reset(h);
		return;
	}
	bar = edu_bar_size(h->edu, c % 8, c >> 3 & 3);
	if (bar == NULL) {
		(void)must_fail(edu_errmsg(h->edu));
		return;
	}
	length = edu_bar_length(bar);
	address = edu_bar_address(bar);
	if (!world.is_hostile)
		MUST(c % 8 == 0 ? length == EDU_BAR0_SIZE &&
		    edu_bar_type(bar) == EDU_BAR_MEM32 &&
		    address == h->device->old_bar0 :
		    edu_bar_type(bar) == EDU_BAR_ABSENT && length == 0);
	MUST((length & (length - 1)) == 0);
	MUST(edu_bar_is_prefetchable(bar) <= 1);
	for (i = 0; edu_bar_step(bar, i, &is_write, &offset, &value) != NULL;
	    i++)
		MUST(offset % 4 == 0 && offset < 256);
	MUST(i >= 10 && edu_bar_system(bar, &address, &length) <= 1);
	edu_bar_free(bar);
}

static void
call_trial(struct handle *h)
{
	unsigned c = take_byte(&world.in), intx;
	uint32_t old = 0, now = 0;
	size_t length;
	char *data;

	switch (c % 6) {
	case 0:
		(void)checked(h, edu_try_command(h->edu,
		    c & 0x80 ? EDU_COMMAND_MASTER : 0, c & 0x40 ?
		    EDU_COMMAND_NO_INTX : (c & 0x20) >> 3));
		break;
	case 1:
		if (honestly(h, edu_try_config(h->edu, take_byte(&world.in),
		    &old, &now)))
			MUST(now == 0);
		break;
	case 2:
		if (honestly(h, edu_try_decoding(h->edu, c, &old)))
			MUST(old == 0);
		break;
	case 3:
		(void)checked(h, edu_try_move(h->edu, &old, &now));
		break;
	case 4:
		data = some_data(h, &length);
		world.tries_beyond = 1;
		(void)checked(h, edu_try_get(h->edu, some(2) % 4200, data,
		    length, (c & 0xc0U) << 24, some_timeout(1)));
		world.tries_beyond = 0;
		break;
	case 5:
		data = some_data(h, &length);
		(void)checked(h, edu_try_msi(h->edu,
		    (uint32_t *)(void *)((uintptr_t)data & ~(uintptr_t)3),
		    (uint16_t)c, &intx));
		break;
	}
}

static void
call_set(struct handle *h)
{
	unsigned c = take_byte(&world.in), flags;
	struct edu_done done;
	size_t length, other;
	char *from, *to;

	if (set == NULL)
		MUST((set = edu_set_new()) != NULL);
	switch (c % 5) {
	case 0:
	case 1:
		(void)checked(h, edu_set_add(set, h->edu));
		break;
	case 2:
		edu_set_remove(set, h->edu);
		break;
	case 3:
		if (edu_set_wait(set, some_timeout(1), &done) == -1)
			(void)must_fail(edu_errmsg(NULL));
		break;
	case 4:
		to = some_data(h, &other);
		from = some_data(h, &length);
		length = length < other ? length : other;
		flags = some_flags();
		if (edu_set_copy(set, to, from, length, flags,
		    some_timeout(1)) == -1)
			(void)must_fail(edu_errmsg(NULL));
		else if (!world.is_hostile)
			MUST(memcmp(to, from, length) == 0);
		break;
	}
}

static void
count(void *arg, const struct edu_trace_event *e)
{

	MUST(e->device != NULL);
	++*(unsigned *)arg;
}

static void
call_words(struct handle *h)
{
	static unsigned events;

	MUST(strcmp(edu_name(h->edu), h->device->name) == 0);
	MUST(edu_kernel_side(h->edu)[0] != '\0');
	(void)edu_holder(h->edu);
	MUST(edu_dma_limit(h->edu) <= EDU_DMA_BUF_SIZE);
	(void)edu_bar0(h->edu);
	edu_trace(h->edu, take_byte(&world.in) % 2 ? count : NULL, &events);
}

static void
call_close(struct handle *h)
{

	edu_close(h->edu);
	memset(h->pieces, 0, sizeof(h->pieces));
	h->edu = NULL;
}

static void
call_open(struct handle *h)
{
	static const unsigned known[] = { 0, 0, 0, EDU_OPEN_READONLY,
	    EDU_OPEN_CONFIG, EDU_OPEN_KEEP, EDU_OPEN_POLL,
	    EDU_OPEN_CONFIG | EDU_OPEN_READONLY };
	unsigned c = take_byte(&world.in);

	h->edu = edu_open(h->device->name, c < 0xf8 ? known[c % 8] : c);
	if (h->edu == NULL)
		(void)must_fail(edu_errmsg(NULL));
}

static void
call(struct handle *h)
{
	static void (*const calls[])(struct handle *) = {
		call_factorial, call_move, call_copy, call_submit,
		call_process, call_interrupt, call_alloc, call_memory,
		call_register, call_bar, call_trial, call_set, call_words,
		call_submit, call_alloc, call_close
	};

	if (h->edu == NULL)
		call_open(h);
	if (h->edu != NULL)
		calls[take_byte(&world.in) % 16](h);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned i;

	world_begin(data, size);
	for (i = 0; i < DEVICES; i++)
		handles[i].device = &world.devices[i];
	while (world.in.left > 0)
		call(&handles[take_byte(&world.in) % 8 == 7]);
	for (i = 0; i < DEVICES; i++)
		call_close(&handles[i]);
	edu_set_free(set);
	set = NULL;
	world_end();
	return 0;
}
