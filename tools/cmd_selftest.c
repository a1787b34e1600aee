/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Every function of the device once, reported in the Test Anything Protocol. */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "edutool.h"

#define IRQ_BITS	0x00abc000U	/* neither engine's */
#define NBYTES		64

/* Long for an interrupt: then it is asked what keeps it. */
#define FIRST_LOOK_MS	1000

/* Why a test did not pass. */
struct verdict {
	char	text[640];
};

enum result { PASS, SKIP, FAIL };

struct test {
	const char *name;
	enum result (*run)(struct tool *, struct verdict *);
};

static enum result differs(struct verdict *, const char *, ...)
    __attribute__((__format__(__printf__, 2, 3)));

/* A call failed; where there is no kernel side that is no fault. */
static enum result
call_failed(struct tool *t, struct verdict *v)
{
	int errnum = errno;

	(void)snprintf(v->text, sizeof(v->text), "%s", edu_errmsg(t->edu));
	return errnum == ENOTSUP ? SKIP : FAIL;
}

static enum result
differs(struct verdict *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(v->text, sizeof(v->text), fmt, ap);
	va_end(ap);
	return FAIL;
}

static enum result
test_identification(struct tool *t, struct verdict *v)
{
	uint32_t id;

	return edu_identify(t->edu, &id) == -1 ? call_failed(t, v) : PASS;
}

static enum result
test_bar(struct tool *t, struct verdict *v)
{
	struct edu_bar *bar;
	enum result result = PASS;

	if ((bar = edu_bar_size(t->edu, 0, 0)) == NULL)
		return call_failed(t, v);
	if (edu_bar_length(bar) != EDU_BAR0_SIZE)
		result = differs(v, "BAR0 has 0x%" PRIx64 " bytes, not 0x%x",
		    edu_bar_length(bar), EDU_BAR0_SIZE);
	edu_bar_free(bar);
	return result;
}

static enum result
test_live(struct tool *t, struct verdict *v)
{

	return edu_live(t->edu, 0x12345678, NULL) == -1 ||
	    edu_live(t->edu, 0, NULL) == -1 ||
	    edu_live(t->edu, UINT32_MAX, NULL) == -1 ? call_failed(t, v) :
	    PASS;
}

/* The DMA registers keep what is written, all 64 bits of it. */
static enum result
test_wide(struct tool *t, struct verdict *v)
{
	const uint64_t wanted = 0x0123456789abcdef;
	uint64_t value;

	if (edu_write(t->edu, EDU_DMA_SRC, 8, wanted) == -1 ||
	    edu_read(t->edu, EDU_DMA_SRC, 8, &value) == -1)
		return call_failed(t, v);
	return value == wanted ? PASS : differs(v, "0x%016" PRIx64
	    " was written, 0x%016" PRIx64 " read", wanted, value);
}

static enum result
check_factorial(struct tool *t, struct verdict *v, uint32_t n, unsigned flags,
    uint32_t wanted)
{
	uint32_t result;

	if (edu_factorial(t->edu, n, flags, device_timeout(t), &result) == -1)
		return call_failed(t, v);
	return result == wanted ? PASS : differs(v, "%" PRIu32 "! is %" PRIu32
	    ", the device says %" PRIu32, n, wanted, result);
}

static enum result
test_factorial(struct tool *t, struct verdict *v)
{
	uint32_t n, wanted = 1;
	enum result result = PASS;

	for (n = 0; n <= 12 && result == PASS; n++) {
		if (n > 1)
			wanted *= n;
		result = check_factorial(t, v, n, 0, wanted);
	}
	return result;
}

static enum result
test_wrap(struct tool *t, struct verdict *v)
{

	return check_factorial(t, v, 13, EDU_WRAP, 1932053504);
}

/* A bit that is set proves nothing: somebody must be woken. */
static enum result
check_wakeup(struct tool *t, struct verdict *v)
{
	int timeout_ms = device_timeout(t);
	struct pollfd pfd;

	if ((pfd.fd = edu_irq_fd(t->edu)) == -1)
		return call_failed(t, v);
	pfd.events = POLLIN;
	if (poll(&pfd, 1, timeout_ms < FIRST_LOOK_MS ? timeout_ms :
	    FIRST_LOOK_MS) == 1)
		timeout_ms = 0;
	/* What has come may have come late. */
	if (edu_irq_check(t->edu) == -1)
		return call_failed(t, v);
	return poll(&pfd, 1, timeout_ms) == 1 ? PASS : differs(v, "the bit is "
	    "set, but no interrupt came in %d ms", timeout_ms);
}

/* What was raised by now wakes us, and is this. */
static enum result
check_interrupt(struct tool *t, struct verdict *v, uint32_t wanted)
{
	enum result result = check_wakeup(t, v);
	uint32_t status = 0;

	if (result != PASS)
		(void)edu_irq_ack(t->edu, wanted);
	else if (edu_irq_wait(t->edu, 0, &status) == -1)
		return call_failed(t, v);
	else if (status != wanted)
		return differs(v, "0x%08" PRIx32 " came, not 0x%08" PRIx32,
		    status, wanted);
	return result;
}

/* By hand first: the library takes a bit that is set when it looks. */
static enum result
test_factorial_irq(struct tool *t, struct verdict *v)
{
	enum result result;
	uint32_t status;

	if (edu_irq_wait(t->edu, 0, &status) == -1 ||
	    edu_write(t->edu, EDU_STATUS, 4, EDU_STATUS_IRQFACT) == -1 ||
	    edu_write(t->edu, EDU_FACTORIAL, 4, 5) == -1)
		return call_failed(t, v);
	result = check_interrupt(t, v, EDU_INTR_FACTORIAL);
	if (edu_write(t->edu, EDU_STATUS, 4, 0) == -1)
		return call_failed(t, v);
	return result == PASS ? check_factorial(t, v, 5, EDU_INTERRUPT, 120) :
	    result;
}

static enum result
check_status(struct tool *t, struct verdict *v, uint32_t wanted)
{
	uint32_t status;

	if (edu_irq_status(t->edu, &status) == -1)
		return call_failed(t, v);
	return status == wanted ? PASS : differs(v, "the status is 0x%08"
	    PRIx32 ", not 0x%08" PRIx32, status, wanted);
}

static enum result
test_irq(struct tool *t, struct verdict *v)
{
	enum result result;

	if (edu_irq_raise(t->edu, IRQ_BITS) == -1)
		return call_failed(t, v);
	result = check_status(t, v, IRQ_BITS);
	if (edu_irq_ack(t->edu, IRQ_BITS) == -1)
		return call_failed(t, v);
	return result == PASS ? check_status(t, v, 0) : result;
}

static enum result
test_irq_wait(struct tool *t, struct verdict *v)
{
	enum result result;
	uint32_t status;

	if (edu_irq_wait(t->edu, 0, &status) == -1 ||
	    edu_irq_raise(t->edu, IRQ_BITS) == -1)
		return call_failed(t, v);
	result = check_interrupt(t, v, IRQ_BITS);
	return result == PASS ? check_status(t, v, 0) : result;
}

/* Out from one half of the memory, back into the other. */
static enum result
there_and_back(struct tool *t, struct verdict *v, unsigned char *data,
    unsigned flags)
{
	unsigned i;

	for (i = 0; i < NBYTES; i++)
		data[i] = (unsigned char)(i * 37 + 1);
	memset(data + NBYTES, 0, NBYTES);
	if (edu_dma_put(t->edu, 128, data, NBYTES, flags,
	    device_timeout(t)) == -1 ||
	    edu_dma_get(t->edu, 128, data + NBYTES, NBYTES, flags,
	    device_timeout(t)) == -1)
		return call_failed(t, v);
	return memcmp(data, data + NBYTES, NBYTES) == 0 ? PASS :
	    differs(v, "other bytes came back than went out");
}

static enum result
check_dma(struct tool *t, struct verdict *v, unsigned flags)
{
	unsigned char *mem;
	enum result result;

	if ((mem = edu_mem_alloc(t->edu, 2 * NBYTES)) == NULL)
		return call_failed(t, v);
	result = there_and_back(t, v, mem, flags);
	edu_mem_free(t->edu, mem);
	return result;
}

static enum result
test_dma(struct tool *t, struct verdict *v)
{

	return check_dma(t, v, 0);
}

static enum result
test_dma_irq(struct tool *t, struct verdict *v)
{

	return check_dma(t, v, EDU_INTERRUPT);
}

static const struct test tests[] = {
	{ "identification", test_identification },
	{ "BAR0 sizing", test_bar },
	{ "liveness", test_live },
	{ "64-bit registers", test_wide },
	{ "factorial of 0 to 12", test_factorial },
	{ "factorial modulo 2^32", test_wrap },
	{ "factorial by interrupt", test_factorial_irq },
	{ "interrupt raise, status, acknowledge", test_irq },
	{ "interrupt wait", test_irq_wait },
	{ "DMA out and back", test_dma },
	{ "DMA out and back by interrupt", test_dma_irq }
};
#define NTESTS	(sizeof(tests) / sizeof(tests[0]))

static void
report(struct tool *t, size_t i, enum result result, const struct verdict *v)
{
	static const char * const words[] = {
		[PASS] = "ok", [SKIP] = "skip", [FAIL] = "not ok"
	};
	struct json *j = &t->doc;

	say(t, "%sok %zu - %s%s%s\n", result == FAIL ? "not " : "", i + 1,
	    tests[i].name, result == SKIP ? " # SKIP " : "",
	    result == SKIP ? v->text : "");
	if (result == FAIL)
		say(t, "# %s\n", v->text);
	json_object(j, NULL);
	json_string(j, "name", tests[i].name);
	json_string(j, "result", words[result]);
	if (result != PASS)
		json_string(j, "reason", v->text);
	json_end(j);
}

int
cmd_selftest(struct tool *t, const struct args *a)
{
	struct verdict v;
	unsigned failed = 0;
	enum result result;
	int status;
	size_t i;

	(void)a;
	say(t, "1..%zu\n", NTESTS);
	if ((status = device_open(t, 0)) != 0) {
		say(t, "Bail out! %s\n", t->error);
		return status;
	}
	json_array(&t->doc, "tests");
	for (i = 0; i < NTESTS && signal_caught() == 0; i++) {
		result = tests[i].run(t, &v);
		failed += result == FAIL;
		report(t, i, result, &v);
	}
	json_end(&t->doc);
	if (signal_caught() != 0)
		return fail_signal(t);
	if (failed != 0)
		return fail(t, EX_SOFTWARE, 0, "%s: %u of %zu tests failed",
		    edu_name(t->edu), failed, NTESTS);
	return 0;
}
