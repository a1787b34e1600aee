/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* The qtest protocol: commands, their answers, and data. */

#include <sys/socket.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "edu.h"
#include "error.h"
#include "qtest.h"

/* The ports of PCI configuration mechanism 1. */
#define CONFIG_ADDRESS	0xcf8U
#define CONFIG_DATA	0xcfcU
#define CONFIG_ENABLE	0x80000000U

/* The reset control register of PIIX3 and ICH9. */
#define RESET_CONTROL	0xcf9U

#define LINES		32

/* How much later than a caller wants an answer it may come: QEMU is busy. */
#define GRACE_US	1000000

/* As it may go to a terminal: whoever sent it is a stranger. */
static void
escape(char *to, size_t size, const char *from)
{
	size_t used = 0;

	for (; *from != '\0' && used + 5 <= size; from++)
		if (*from >= ' ' && *from <= '~')
			to[used++] = *from;
		else
			used += (size_t)snprintf(to + used, size - used,
			    "\\x%02x", (unsigned char)*from);
	to[used] = '\0';
}

/*
 * The session is over; the first reason is the one that counts.  Whoever
 * waits for irq_fd learns of it.
 */
static int __attribute__((__format__(__printf__, 3, 4)))
over(struct qtest *q, int errnum, const char *fmt, ...)
{
	char why[sizeof(q->why)];
	va_list ap;

	if (q->errnum == 0) {
		q->errnum = errnum;
		va_start(ap, fmt);
		(void)vsnprintf(why, sizeof(why), fmt, ap);
		va_end(ap);
		escape(q->why, sizeof(q->why), why);
		(void)shutdown(q->fd, SHUT_RDWR);
	}
	errno = q->errnum;
	return -1;
}

/*
 * What QEMU has said that explains its end: the first line which is no mere
 * warning.  Empty where there is none.
 */
static const char *
complaint(char *said)
{
	char *line, *rest;

	for (line = strtok_r(said, "\n", &rest); line != NULL;
	    line = strtok_r(NULL, "\n", &rest))
		if (strstr(line, "warning:") == NULL)
			return line;
	return "";
}

/* QEMU, or whoever it was, has gone. */
static int
ended(struct qtest *q)
{
	char said[2048];
	const char *line;
	int errnum;
	ssize_t n;

	n = read(q->said_fd, said, sizeof(said) - 1);
	if (n > (ssize_t)sizeof(errnum) && said[0] == '\0') {
		memcpy(&errnum, said + 1, sizeof(errnum));
		return over(q, errnum, "%s", strerror(errnum));
	}
	said[n > 0 ? n : 0] = '\0';
	line = complaint(said);
	return over(q, ENODEV, "%s%s%.200s", q->gone, line[0] != '\0' ?
	    ": " : "", line);
}

void
qtest_begin(struct qtest *q, int64_t deadline_us)
{

	q->wanted_us = deadline_us;
	/* It was in time once, and is never again. */
	if (q->errnum == ETIMEDOUT)
		q->errnum = ENODEV;
}

static void
start_call(struct qtest *q, int timeout_ms)
{
	int64_t now_us = edu_now_us();
	int64_t wanted_us = q->wanted_us > now_us ? q->wanted_us : now_us;

	q->deadline_us = now_us + (int64_t)timeout_ms * 1000;
	q->is_wanted = wanted_us < q->deadline_us - GRACE_US;
	if (q->is_wanted)
		q->deadline_us = wanted_us + GRACE_US;
}

static int
over_silent(struct qtest *q, const char *why)
{

	return over(q, q->is_wanted ? ETIMEDOUT : q->silence, "%s", why);
}

/* 1 when the connection is, 0 when the time is over, -1 with errno. */
static int
ready(struct qtest *q, short events, int64_t deadline_us)
{
	struct pollfd pfd;

	pfd.fd = q->fd;
	pfd.events = events;
	return poll(&pfd, 1, edu_remaining_ms(deadline_us));
}

static int
send_all(struct qtest *q, const char *buf, size_t length)
{
	ssize_t n;

	if (q->errnum != 0) {
		errno = q->errnum;
		return -1;
	}
	while (length > 0) {
		n = send(q->fd, buf, length, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0) {
			buf += n;
			length -= (size_t)n;
		} else if (n == -1 && errno != EAGAIN && errno != EINTR)
			return ended(q);
		else if (ready(q, POLLOUT, q->deadline_us) == 0)
			return over_silent(q, "it does not listen");
	}
	return 0;
}

/* Get what has come. */
static int
receive(struct qtest *q)
{
	ssize_t n;

	if (q->in_next > 0) {
		q->in_used -= q->in_next;
		memmove(q->in, q->in + q->in_next, q->in_used);
		q->in_next = 0;
	}
	if (q->in_used == sizeof(q->in))
		return over(q, ENODEV, "it answered with an endless line: "
		    "that is not qtest");
	n = recv(q->fd, q->in + q->in_used, sizeof(q->in) - q->in_used,
	    MSG_DONTWAIT);
	if (n == 0 || (n == -1 && errno != EINTR && errno != EAGAIN))
		return ended(q);
	if (n > 0)
		q->in_used += (size_t)n;
	return 0;
}

/*
 * Have more come: 1, 0 when the time is over, -1 with errno: EINTR, or the
 * session is over.  Looks once when it is late, and not again.
 */
static int
more(struct qtest *q, int64_t deadline_us, int *is_late)
{
	int result;

	if (*is_late)
		return 0;
	*is_late = edu_now_us() >= deadline_us;
	if ((result = ready(q, POLLIN, deadline_us)) == 1)
		return receive(q) == -1 ? -1 : 1;
	return result;
}

/* The next line, without its end; NULL where it is not whole yet. */
static char *
take_line(struct qtest *q)
{
	char *end, *line = q->in + q->in_next;

	if ((end = memchr(line, '\n', q->in_used - q->in_next)) == NULL)
		return NULL;
	*end = '\0';
	q->in_next = (size_t)(end + 1 - q->in);
	return line;
}

/* Take the lines that QEMU has sent by itself, up to an answer. */
static void
hear(struct qtest *q)
{
	static const char irq[] = "IRQ raise ";
	unsigned long number;
	char *end, *line;

	while (q->in_used - q->in_next >= 4 &&
	    memcmp(q->in + q->in_next, irq, 4) == 0 &&
	    (line = take_line(q)) != NULL) {
		if (strncmp(line, irq, sizeof(irq) - 1) != 0)
			continue;
		line += sizeof(irq) - 1;
		number = strtoul(line, &end, 10);
		if (end != line && *end == '\0' && number < LINES &&
		    (q->watched >> number & 1))
			qtest_ring(q, 1);
	}
}

/* The line of an answer; valid until the next call. */
static char *
next_line(struct qtest *q)
{
	int is_late = 0;
	char *line;

	for (;;) {
		hear(q);
		if ((line = take_line(q)) != NULL)
			break;
		switch (more(q, q->deadline_us, &is_late)) {
		case -1:
			if (q->errnum != 0)
				return NULL;
			break;
		case 0:
			(void)over_silent(q, "it does not answer");
			return NULL;
		}
	}
	/* What has come behind it is where irq_fd does not see it any more. */
	hear(q);
	return line;
}

int
qtest_wait(struct qtest *q, int timeout_ms)
{
	int64_t deadline_us = edu_deadline_us(edu_now_us(), timeout_ms);
	int is_late = 0, result = 1;

	if (q->errnum != 0) {
		errno = q->errnum;
		return -1;
	}
	for (hear(q); !q->is_ringing && result == 1; hear(q))
		result = more(q, deadline_us, &is_late);
	if (!q->is_ringing)
		return result;
	qtest_ring(q, 0);
	return 1;
}

/* What follows the "OK" of an answer. */
static char *
answer(struct qtest *q)
{
	char *line;

	if ((line = next_line(q)) == NULL)
		return NULL;
	if (strcmp(line, "OK") == 0)
		return line + 2;
	if (strncmp(line, "OK ", 3) == 0)
		return line + 3;
	if (strncmp(line, "FAIL", 4) == 0 || strncmp(line, "ERR", 3) == 0)
		errno = EIO;
	else
		(void)over(q, ENODEV, "it answered '%.60s', which is not "
		    "qtest", line);
	return NULL;
}

static int
answer_number(struct qtest *q, uint64_t *value)
{
	char *end, *text;

	if ((text = answer(q)) == NULL)
		return -1;
	if (value == NULL)
		return 0;
	*value = strtoull(text, &end, 0);
	if (end == text || *end != '\0')
		return over(q, ENODEV, "it answered 'OK %.60s', which is no "
		    "number", text);
	return 0;
}

/*
 * An unknown command first: a former client may have been killed in the
 * middle of a line, which QEMU still holds, and this ends it.  (QEMU would
 * abort on an empty line; it does not on a blank.)
 */
int
qtest_greet(struct qtest *q, int timeout_ms)
{
	const char *line;

	start_call(q, timeout_ms);
	if (send_all(q, " \n", 2) == -1 || (line = next_line(q)) == NULL)
		return -1;
	if (strncmp(line, "FAIL", 4) != 0 && strncmp(line, "OK", 2) != 0)
		return over(q, ENODEV, "it says '%.60s', which is not qtest",
		    line);
	return qtest_command(q, NULL, "endianness");
}

int
qtest_command(struct qtest *q, uint64_t *value, const char *fmt, ...)
{
	va_list ap;
	int length;

	va_start(ap, fmt);
	length = vsnprintf(q->out, sizeof(q->out) - 1, fmt, ap);
	va_end(ap);
	q->out[length++] = '\n';
	start_call(q, q->limit_ms);
	if (send_all(q, q->out, (size_t)length) == -1)
		return -1;
	return answer_number(q, value);
}

/* A hard reset of the processor, and of all that the host bridge resets. */
int
qtest_reset(struct qtest *q)
{

	return qtest_command(q, NULL, "outb 0x%x 0x6", RESET_CONTROL);
}

/* Two commands in one message; that saves a third of the time. */
int
qtest_config_read(struct qtest *q, unsigned devfn, unsigned offset,
    uint32_t *value)
{
	uint64_t wide;

	if (qtest_command(q, NULL, "outl 0x%x 0x%x\ninl 0x%x", CONFIG_ADDRESS,
	    CONFIG_ENABLE | devfn << 8 | offset, CONFIG_DATA) == -1 ||
	    answer_number(q, &wide) == -1)
		return over(q, ENODEV, "it has no PCI configuration ports");
	*value = (uint32_t)wide;
	return 0;
}

int
qtest_config_write(struct qtest *q, unsigned devfn, unsigned offset,
    uint32_t value)
{

	if (qtest_command(q, NULL, "outl 0x%x 0x%x\noutl 0x%x 0x%" PRIx32,
	    CONFIG_ADDRESS, CONFIG_ENABLE | devfn << 8 | offset, CONFIG_DATA,
	    value) == -1 || answer_number(q, NULL) == -1)
		return over(q, ENODEV, "it has no PCI configuration ports");
	return 0;
}

/* Base64, RFC 4648. */
static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Returns the end of what it has written. */
static char *
encode(char *to, const unsigned char *from, size_t length)
{
	unsigned char three[3];
	size_t n;

	for (; length > 0; from += n, length -= n) {
		n = length < 3 ? length : 3;
		memset(three, 0, sizeof(three));
		memcpy(three, from, n);
		*to++ = digits[three[0] >> 2];
		*to++ = digits[(three[0] & 0x3) << 4 | three[1] >> 4];
		*to++ = n < 2 ? '=' :
		    digits[(three[1] & 0xf) << 2 | three[2] >> 6];
		*to++ = n < 3 ? '=' : digits[three[2] & 0x3f];
	}
	return to;
}

static int
digit_value(char c)
{

	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Exactly length bytes, or -1. */
static int
decode(unsigned char *to, size_t length, const char *from)
{
	uint32_t bits = 0;
	unsigned have = 0;
	int value;

	while (length > 0) {
		if ((value = digit_value(*from++)) == -1)
			return -1;
		bits = bits << 6 | (uint32_t)value;
		if ((have += 6) < 8)
			continue;
		have -= 8;
		*to++ = (unsigned char)(bits >> have & 0xff);
		length--;
	}
	return 0;
}

int
qtest_store(struct qtest *q, uint64_t address, const void *data, size_t length)
{
	const unsigned char *from = data;
	char *end;
	size_t n;
	int used;

	start_call(q, q->limit_ms);
	for (; length > 0; from += n, address += n, length -= n) {
		n = length < QTEST_PIECE ? length : QTEST_PIECE;
		used = snprintf(q->out, sizeof(q->out), "b64write 0x%" PRIx64
		    " 0x%zx ", address, n);
		end = encode(q->out + used, from, n);
		*end++ = '\n';
		if (send_all(q, q->out, (size_t)(end - q->out)) == -1 ||
		    answer_number(q, NULL) == -1)
			return -1;
	}
	return 0;
}

int
qtest_load(struct qtest *q, uint64_t address, void *data, size_t length)
{
	unsigned char *to = data;
	char *text;
	size_t n;
	int used;

	start_call(q, q->limit_ms);
	for (; length > 0; to += n, address += n, length -= n) {
		n = length < QTEST_PIECE ? length : QTEST_PIECE;
		used = snprintf(q->out, sizeof(q->out), "b64read 0x%" PRIx64
		    " 0x%zx\n", address, n);
		if (send_all(q, q->out, (size_t)used) == -1 ||
		    (text = answer(q)) == NULL)
			return -1;
		if (decode(to, n, text) == -1)
			return over(q, ENODEV, "it answered garbage for data");
	}
	return 0;
}

/* The address port reads back what was written; elsewhere there is nothing. */
int
qtest_has_config(struct qtest *q)
{
	uint64_t value;

	return qtest_command(q, NULL, "outl 0x%x 0x%x\ninl 0x%x",
	    CONFIG_ADDRESS, CONFIG_ENABLE, CONFIG_ADDRESS) == 0 &&
	    answer_number(q, &value) == 0 && value == CONFIG_ENABLE;
}

/*
 * QEMU tells of every input, and the PC's interval timer is one that ticks: 18
 * times a second, until QEMU stands still because nobody reads it.  So have
 * the timer end (counter 0, mode 0, a count of 1).
 */
int
qtest_listen(struct qtest *q)
{

	if (qtest_command(q, NULL, "irq_intercept_in ioapic") == -1)
		return -1;
	return qtest_command(q, NULL, "outb 0x43 0x30\noutb 0x40 0x1\n"
	    "outb 0x40 0x0") == -1 || answer_number(q, NULL) == -1 ||
	    answer_number(q, NULL) == -1 ? -1 : 0;
}

/* What the interval timer's counter 0 has come to, a byte after the other. */
static int
read_counter(struct qtest *q, uint64_t *count)
{
	uint64_t high;

	if (qtest_command(q, NULL, "outb 0x43 0x0\ninb 0x40\ninb 0x40") == -1 ||
	    answer_number(q, count) == -1 || answer_number(q, &high) == -1)
		return -1;
	*count |= high << 8;
	return 0;
}

/* It counts at 1.2 MHz in every mode.  Its status is never all ones. */
int
qtest_stands_still(struct qtest *q)
{
	uint64_t first, later, status;
	int i;

	if (qtest_command(q, NULL, "outb 0x43 0xe2\ninb 0x40") == -1 ||
	    answer_number(q, &status) == -1 || status == 0xff ||
	    read_counter(q, &first) == -1)
		return 0;
	for (i = 0; i < 3; i++) {
		edu_sleep_until(edu_now_us() + 2000);
		if (read_counter(q, &later) == -1 || later != first)
			return 0;
	}
	return 1;
}

void
qtest_watch(struct qtest *q, unsigned line)
{

	q->watched |= UINT32_C(1) << line;
}

void
qtest_give_up(struct qtest *q, const char *why)
{

	(void)over(q, ENODEV, "%s", why);
}

int
qtest_fail(const struct qtest *q, struct edu_error *err, const char *what)
{

	if (q->errnum == 0)
		return edu_fail(err, EIO, "%s: %s refuses", what, q->peer);
	return edu_fail(err, q->errnum, "%s: %s: %s", what, q->peer, q->why);
}
