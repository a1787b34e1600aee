/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef H_MODEL_H
#define H_MODEL_H

/*
 * A model of the device: what random requests, good and hostile, must give,
 * and what must be in memory after them.  SEED is the test's: see h_random.h.
 */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <edu.h>
#include <edureg.h>

#include "h_device.h"
#include "h_random.h"

#define MODEL_PIECES	4
#define MODEL_PIECE_MAX	9000U

/* Memory of the handle; freed, its address is kept to be tried. */
struct model_piece {
	unsigned char	*data;
	size_t		length;		/* 0: freed */
	unsigned char	copy[MODEL_PIECE_MAX];
};

static struct {
	struct edu	*edu;
	int		has_interrupts;
	size_t		limit;		/* of the device's buffer */
	unsigned char	buffer[EDU_DMA_BUF_SIZE];
	struct model_piece pieces[MODEL_PIECES];
	unsigned	good;
	unsigned	bad;
} model;

/* Below n, and small ones more often than not. */
static inline size_t
random_below(size_t n)
{
	size_t value = next_random() % n;

	return next_random() % 2 == 0 ? value : value % 64;
}

static inline void
model_alloc(struct model_piece *p)
{
	size_t i;

	p->length = 1 + next_random() % MODEL_PIECE_MAX;
	p->data = edu_mem_alloc(model.edu, p->length);
	ATF_REQUIRE_MSG(p->data != NULL, "%s", edu_errmsg(model.edu));
	for (i = 0; i < p->length; i++)
		ATF_REQUIRE_EQ(p->data[i], 0);
	fill_random(p->copy, p->length);
	memcpy(p->data, p->copy, p->length);
}

static inline void
model_free(struct model_piece *p)
{

	edu_mem_free(model.edu, p->data);
	p->length = 0;
}

/* The piece that holds this range, or NULL. */
static inline struct model_piece *
model_find(uintptr_t start, size_t length)
{
	struct model_piece *p;

	for (p = model.pieces; p < model.pieces + MODEL_PIECES; p++)
		if (start - (uintptr_t)p->data < p->length && length <=
		    p->length - (start - (uintptr_t)p->data))
			return p;
	return NULL;
}

static inline void
model_check(void)
{
	struct model_piece *p;

	for (p = model.pieces; p < model.pieces + MODEL_PIECES; p++)
		ATF_REQUIRE_MSG(p->length == 0 ||
		    memcmp(p->data, p->copy, p->length) == 0,
		    "piece %d is not as it ought to be",
		    (int)(p - model.pieces));
}

/* Mostly inside some piece, up to its end or past it; freed, foreign, wild. */
static inline uintptr_t
random_pointer(size_t length)
{
	static char foreign[4096];
	struct model_piece *p = &model.pieces[next_random() % MODEL_PIECES];

	switch (next_random() % 16) {
	case 0:
		return next_random() % 2 == 0 ? 0 : (uintptr_t)foreign;
	case 1:
		return (uintptr_t)p->data + next_random();
	case 2:
		return (uintptr_t)p->data - random_below(4096);
	case 3:
		return (uintptr_t)p->data + p->length - length +
		    next_random() % 2;
	default:
		return (uintptr_t)p->data + random_below(p->length + 1);
	}
}

static inline size_t
random_length(void)
{

	switch (next_random() % 16) {
	case 0:
		return SIZE_MAX - random_below(4096);
	case 1:
		return 0;
	default:
		return random_below(5000);
	}
}

/* Of a call: which errors it may give; none, and it must not fail. */
struct expected {
	int		errnums[5];
	unsigned	count;
};

static inline void
expect(struct expected *e, int is_wrong, int errnum)
{

	if (is_wrong)
		e->errnums[e->count++] = errnum;
}

/* 1 when the call was good. */
static inline int
check_expected(const struct expected *e, int result, int errnum,
    const char *what)
{
	unsigned i;

	if (e->count == 0) {
		ATF_REQUIRE_MSG(result != -1, "%s: %s", what,
		    edu_errmsg(model.edu));
		model.good++;
		return 1;
	}
	model.bad++;
	ATF_REQUIRE_MSG(result == -1, "%s did not fail with errno %d", what,
	    e->errnums[0]);
	ATF_REQUIRE(edu_errmsg(model.edu)[0] != '\0');
	for (i = 0; i < e->count; i++)
		if (e->errnums[i] == errnum)
			return 0;
	atf_tc_fail("%s: errno %d, not %d: %s", what, errnum, e->errnums[0],
	    edu_errmsg(model.edu));
}

/* Flags and a timeout that all calls have. */
static inline unsigned
random_flags(struct expected *e, unsigned also, int *timeout_ms)
{
	unsigned flags = also & next_random();

	if (model.has_interrupts)
		flags |= EDU_INTERRUPT & next_random();
	if (next_random() % 32 == 0)
		flags |= 0x10000U << next_random() % 16;
	expect(e, (flags & ~(EDU_INTERRUPT | also)) != 0, EINVAL);
	*timeout_ms = next_random() % 32 == 0 ? -7 : SOON_MS;
	expect(e, *timeout_ms < 0, EINVAL);
	return flags;
}

static inline void
random_move(void)
{
	size_t length = random_length();
	size_t dev_offset = next_random() % 8 == 0 ?
	    model.limit - length + next_random() % 2 :
	    random_below(EDU_DMA_BUF_SIZE + 8);
	uintptr_t start = random_pointer(length);
	int result, timeout_ms, to_device = next_random() % 2 == 0;
	struct model_piece *p = model_find(start, length);
	struct expected e = { { 0 }, 0 };
	unsigned flags = random_flags(&e, 0, &timeout_ms);
	unsigned char *copy, *end;

	expect(&e, length == 0 || dev_offset >= model.limit ||
	    length > model.limit - dev_offset, ERANGE);
	expect(&e, p == NULL, EFAULT);
	result = to_device ?
	    edu_dma_put(model.edu, dev_offset, (void *)start, length, flags,
	    timeout_ms) :
	    edu_dma_get(model.edu, dev_offset, (void *)start, length, flags,
	    timeout_ms);
	if (!check_expected(&e, result, errno, to_device ? "put" : "get"))
		return;
	copy = p->copy + (start - (uintptr_t)p->data);
	end = model.buffer + dev_offset;
	memcpy(to_device ? end : copy, to_device ? copy : end, length);
}

static inline void
random_copy(void)
{
	size_t chunk, done, length = next_random() % 2 == 0 ?
	    random_length() : next_random() % MODEL_PIECE_MAX;
	uintptr_t to = random_pointer(length), from = random_pointer(length);
	struct model_piece *in = model_find(to, length);
	struct model_piece *out = model_find(from, length);
	struct expected e = { { 0 }, 0 };
	int result, timeout_ms;
	unsigned flags = random_flags(&e, 0, &timeout_ms);

	expect(&e, length == 0, ERANGE);
	expect(&e, in == NULL || out == NULL, EFAULT);
	expect(&e, in != NULL && out != NULL && to < from + length &&
	    from < to + length, EINVAL);
	result = edu_dma_copy(model.edu, (void *)to, (void *)from, length,
	    flags, timeout_ms);
	if (!check_expected(&e, result, errno, "copy"))
		return;
	memcpy(in->copy + (to - (uintptr_t)in->data),
	    out->copy + (from - (uintptr_t)out->data), length);
	for (done = 0; done < length; done += chunk) {
		chunk = length - done < model.limit ? length - done :
		    model.limit;
		memcpy(model.buffer, out->copy + (from - (uintptr_t)out->data) +
		    done, chunk);
	}
}

static inline void
model_open(struct edu *edu, int has_interrupts)
{

	random_begin();
	memset(&model, 0, sizeof(model));
	model.edu = edu;
	model.has_interrupts = has_interrupts;
	model.limit = edu_dma_limit(edu);
}

/* What is in the device's buffer is known when it has been written. */
static inline void
model_fill(void)
{
	struct model_piece *p = model.pieces;

	p->length = model.limit;
	p->data = edu_mem_alloc(model.edu, p->length);
	ATF_REQUIRE_MSG(p->data != NULL, "%s", edu_errmsg(model.edu));
	fill_random(p->copy, p->length);
	memcpy(p->data, p->copy, p->length);
	REQUIRE_EDU(model.edu, edu_dma_put(model.edu, 0, p->data, p->length, 0,
	    SOON_MS));
	memcpy(model.buffer, p->copy, p->length);
	for (p++; p < model.pieces + MODEL_PIECES; p++)
		model_alloc(p);
}

static inline void
attack_dma(struct edu *edu, int has_interrupts, unsigned rounds)
{
	struct model_piece *p;
	unsigned i;

	model_open(edu, has_interrupts);
	model_fill();
	for (i = 0; i < rounds; i++) {
		p = &model.pieces[next_random() % MODEL_PIECES];
		if (next_random() % 16 == 0 && p->length != 0)
			model_free(p);
		else if (next_random() % 4 == 0 && p->length == 0)
			model_alloc(p);
		if (next_random() % 4 == 0)
			random_copy();
		else
			random_move();
		model_check();
	}
	printf("%u good, %u bad\n", model.good, model.bad);
	ATF_CHECK(model.good > rounds / 8 && model.bad > rounds / 8);
}

static inline void
attack_factorial(struct edu *edu, int has_interrupts, unsigned rounds)
{
	uint32_t expected, n, result;
	int timeout_ms, value;
	unsigned flags, i, k;

	model_open(edu, has_interrupts);
	for (i = 0; i < rounds; i++) {
		struct expected e = { { 0 }, 0 };

		n = next_random() % 40;
		flags = random_flags(&e, EDU_WRAP, &timeout_ms);
		expect(&e, n > 12 && !(flags & EDU_WRAP), ERANGE);
		for (expected = 1, k = 2; k <= n; k++)
			expected *= k;
		result = 0xdead;
		value = edu_factorial(edu, n, flags, timeout_ms, &result);
		if (!check_expected(&e, value, errno, "factorial"))
			expected = 0xdead;
		ATF_REQUIRE_MSG(result == expected, "%u! is %u, not %u", n,
		    result, expected);
	}
	printf("%u good, %u bad\n", model.good, model.bad);
}

/* One interrupt a round, where somebody delivers them. */
static inline void
attack_interrupts(struct edu *edu, int has_interrupts, unsigned rounds)
{
	uint32_t bits = 0, mask;
	unsigned i;

	model_open(edu, has_interrupts);
	for (i = 0; i < rounds; i++) {
		if ((mask = next_random() >> next_random() % 32) == 0)
			mask = UINT32_MAX;
		REQUIRE_EDU(edu, edu_irq_raise(edu, mask));
		bits |= mask;
		check_status(edu, bits);
		mask = next_random();
		if (next_random() % 4 == 0) {
			REQUIRE_EDU(edu, edu_irq_ack(edu, mask));
			bits &= ~mask;
		}
		if (next_random() % 4 == 0)
			check_status(edu, bits);
		if (!has_interrupts || bits == 0)
			continue;
		check_wait(edu, SOON_MS, bits);
		bits = 0;
		if (next_random() % 4 == 0)
			check_wait(edu, 0, 0);
	}
}

#endif /* H_MODEL_H */
