/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef FUZZ_H
#define FUZZ_H

/*
 * What a fuzz target takes its decisions from: the bytes of one execution, of
 * which there are as many zeroes as one likes behind the end.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);
int LLVMFuzzerInitialize(int *, char ***);

struct input {
	const uint8_t	*next;
	size_t		left;
};

/* What has to hold, whatever the bytes are. */
#define MUST(what)							\
	do {								\
		if (!(what)) {						\
			(void)dprintf(2, "%s:%d: it must be that %s\n",	\
			    __FILE__, __LINE__, #what);			\
			abort();					\
		}							\
	} while (0)

/* A number of so many bytes, the lowest first. */
static inline uint64_t
take(struct input *in, size_t n)
{
	uint64_t value = 0;
	size_t i;

	for (i = 0; i < n && in->left > 0; i++, in->left--)
		value |= (uint64_t)*in->next++ << 8 * i;
	return value;
}

static inline unsigned
take_byte(struct input *in)
{

	return (unsigned)take(in, 1);
}

/* A string: what comes up to a byte of 0, as far as buf has room. */
static inline char *
take_text(struct input *in, char *buf, size_t size)
{
	size_t n = 0;
	unsigned c;

	while (n + 1 < size && in->left > 0 && (c = take_byte(in)) != 0)
		buf[n++] = (char)c;
	buf[n] = '\0';
	return buf;
}

/* One line that a terminal may see. */
static inline void
must_be_plain(const char *text)
{

	for (; *text != '\0'; text++)
		MUST((unsigned char)*text >= ' ' && *text != 0x7f);
}

#endif /* FUZZ_H */
