/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "edutool.h"

static int
is_standard(const struct args *a)
{

	return a->noperands == 0 || strcmp(a->operand[0], "-") == 0;
}

/* What may be used of the device's buffer. */
static size_t
usable(const struct tool *t, const struct args *a)
{

	return a->flags & EDU_DMA_LAST_BYTE ? EDU_DMA_BUF_SIZE :
	    edu_dma_limit(t->edu);
}

/* Refused before a device is opened: no edu has so much room. */
static int
check_room(struct tool *t, const struct args *a, uint64_t count)
{

	if (a->offset < EDU_DMA_BUF_SIZE &&
	    count <= EDU_DMA_BUF_SIZE - a->offset)
		return 0;
	return fail(t, EX_DATAERR, ERANGE, "%s%" PRIu64 " bytes at offset "
	    "%" PRIu32 " do not fit in the device's buffer of %d bytes",
	    count > EDU_DMA_BUF_SIZE ? "more than " : "",
	    count > EDU_DMA_BUF_SIZE ? (uint64_t)EDU_DMA_BUF_SIZE : count,
	    a->offset, EDU_DMA_BUF_SIZE);
}

static int
fail_transfer(struct tool *t, const struct args *a, size_t count)
{
	size_t end = a->offset + count;

	return fail_device(t, errno == ERANGE && end == EDU_DMA_BUF_SIZE &&
	    usable(t, a) < end ? "--last-byte uses it all the same" : NULL);
}

/* At most one byte more than fits is read, to tell that it is too much. */
static int
read_input(struct tool *t, const struct args *a, unsigned char *data,
    size_t size, size_t *count)
{
	const char *name = is_standard(a) ? "standard input" : a->operand[0];
	FILE *file = is_standard(a) ? stdin : fopen(name, "rb");
	int status = 0;

	if (file == NULL)
		return fail_errno(t, EX_NOINPUT, "%s", name);
	*count = fread(data, 1, size, file);
	if (ferror(file))
		status = fail_errno(t, EX_IOERR, "%s", name);
	else if (*count == 0)
		status = fail(t, EX_DATAERR, ERANGE, "%s: it is empty", name);
	(void)fclose(file);
	return status != 0 ? status : check_room(t, a, *count);
}

static void
describe(struct tool *t, const struct args *a, size_t count)
{

	json_number(&t->doc, "offset", a->offset);
	json_number(&t->doc, "bytes", count);
}

int
cmd_dma_put(struct tool *t, const struct args *a)
{
	unsigned char data[EDU_DMA_BUF_SIZE + 1];
	size_t count = 0;
	void *mem;
	int status;

	if ((status = read_input(t, a, data, sizeof(data), &count)) != 0 ||
	    (status = device_open(t, 0)) != 0)
		return status;
	if ((mem = edu_mem_alloc(t->edu, count)) == NULL)
		return fail_device(t, NULL);
	memcpy(mem, data, count);
	if (edu_dma_put(t->edu, a->offset, mem, count, a->flags,
	    device_timeout(t)) == -1)
		return fail_transfer(t, a, count);
	describe(t, a, count);
	return 0;
}

static int
write_file(struct tool *t, const char *name, const void *data, size_t count)
{
	int errnum;
	FILE *file;
	size_t n;

	if ((file = fopen(name, "wb")) == NULL)
		return fail_errno(t, EX_CANTCREAT, "%s", name);
	n = fwrite(data, 1, count, file);
	errnum = errno;
	/* What was not written yet is written here. */
	if (fclose(file) == 0 && n == count)
		return 0;
	if (n != count)
		errno = errnum;
	return fail_errno(t, EX_IOERR, "%s", name);
}

/* A file gets raw bytes; in a document they are hexadecimal. */
static int
write_output(struct tool *t, const struct args *a, const unsigned char *data,
    size_t count)
{
	char hex[2 * EDU_DMA_BUF_SIZE + 1];
	size_t i;

	if (!is_standard(a))
		return write_file(t, a->operand[0], data, count);
	if (!t->is_json)
		return fwrite(data, 1, count, stdout) == count ? 0 :
		    fail_errno(t, EX_IOERR, "standard output");
	for (i = 0; i < count; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", data[i]);
	json_string(&t->doc, "data", hex);
	return 0;
}

int
cmd_dma_get(struct tool *t, const struct args *a)
{
	size_t count;
	void *mem;
	int status;

	if (a->count == 0)
		return fail_usage(t, "-n: how many bytes?");
	if ((status = check_room(t, a, a->count)) != 0 ||
	    (status = device_open(t, 0)) != 0)
		return status;
	count = (size_t)a->count;
	if ((mem = edu_mem_alloc(t->edu, count)) == NULL)
		return fail_device(t, NULL);
	if (edu_dma_get(t->edu, a->offset, mem, count, a->flags,
	    device_timeout(t)) == -1)
		return fail_transfer(t, a, count);
	describe(t, a, count);
	return write_output(t, a, mem, count);
}

/* Data that goes out and comes back, chunk by chunk. */
struct round_trip {
	const struct args *args;
	unsigned char *out;
	unsigned char *back;
	size_t	chunk;		/* the most that goes at once */
	uint64_t done;
	uint64_t chunks;
	int	differs;	/* at done */
};

static int
fill_random(struct tool *t, FILE *source, void *data, size_t count)
{

	if (fread(data, 1, count, source) == count)
		return 0;
	if (!ferror(source))
		errno = EIO;		/* it has an end */
	return fail_errno(t, EX_OSERR, "/dev/urandom");
}

static int
send_chunk(struct tool *t, struct round_trip *r, size_t count)
{
	unsigned flags = r->args->flags;
	size_t i;

	if (edu_dma_put(t->edu, 0, r->out, count, flags,
	    device_timeout(t)) == -1 ||
	    edu_dma_get(t->edu, 0, r->back, count, flags,
	    device_timeout(t)) == -1)
		return fail_device(t, NULL);
	r->chunks++;
	for (i = 0; i < count && r->out[i] == r->back[i]; i++)
		;
	r->done += i;
	r->differs = i != count;
	return 0;
}

static int
send_all(struct tool *t, struct round_trip *r, FILE *source)
{
	uint64_t left, total = r->args->count;
	struct progress progress;
	size_t count;
	int status = 0;

	progress_start(&progress, "dma test", total);
	while (status == 0 && !r->differs && (left = total - r->done) > 0) {
		count = left < r->chunk ? (size_t)left : r->chunk;
		if (signal_caught() != 0)
			break;
		status = fill_random(t, source, r->out, count);
		if (status == 0)
			status = send_chunk(t, r, count);
		progress_update(&progress, r->done);
	}
	progress_end(&progress);
	if (status == 0 && signal_caught() != 0)
		status = fail_signal(t);
	return status;
}

static int
round_trip(struct tool *t, struct round_trip *r)
{
	FILE *source;
	int status;

	r->chunk = usable(t, r->args);
	if ((r->out = edu_mem_alloc(t->edu, r->chunk)) == NULL ||
	    (r->back = edu_mem_alloc(t->edu, r->chunk)) == NULL)
		return fail_device(t, NULL);
	if ((source = fopen("/dev/urandom", "rb")) == NULL)
		return fail_errno(t, EX_OSERR, "/dev/urandom");
	status = send_all(t, r, source);
	(void)fclose(source);
	return status;
}

int
cmd_dma_test(struct tool *t, const struct args *a)
{
	struct args args = *a;
	struct round_trip r;
	int status;

	if (args.count == 0)
		args.count = EDU_DMA_BUF_SIZE;
	if ((status = device_open(t, 0)) != 0)
		return status;
	memset(&r, 0, sizeof(r));
	r.args = &args;
	status = round_trip(t, &r);
	json_number(&t->doc, "bytes", r.done);
	json_number(&t->doc, "chunks", r.chunks);
	if (r.differs)
		json_number(&t->doc, "mismatch", r.done);
	else
		json_null(&t->doc, "mismatch");
	if (status != 0)
		return status;
	if (r.differs)
		return fail(t, EX_DATAERR, 0, "%s: what came back differs "
		    "from byte %" PRIu64 " on", edu_name(t->edu), r.done);
	say(t, "%" PRIu64 " bytes out and back in %" PRIu64 " chunk%s: no "
	    "difference\n", r.done, r.chunks, r.chunks == 1 ? "" : "s");
	return 0;
}
