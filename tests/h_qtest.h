/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef H_QTEST_H
#define H_QTEST_H

/* What the tests of the qtest bus share. */

#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <edu.h>

#include "h_device.h"

/* A test looks at descriptors up to this one. */
#define FDS		256

static inline const char *
real_qemu(void)
{
	const char *qemu = getenv("QEMU");

	return qemu != NULL && qemu[0] != '\0' ? qemu : "qemu-system-x86_64";
}

/*
 * Firmware that only halts, as that of "qtest:": a real one would set up the
 * devices at the same time as we do.
 */
static inline void
write_firmware(void)
{
	static const unsigned char halt[] = { 0xfa, 0xf4, 0xeb, 0xfd };
	int fd;

	ATF_REQUIRE((fd = open("halt.bin", O_RDWR | O_CREAT | O_TRUNC,
	    0600)) != -1);
	ATF_REQUIRE(ftruncate(fd, 65536) == 0);
	ATF_REQUIRE(pwrite(fd, halt, sizeof(halt), 65536 - 16) ==
	    (ssize_t)sizeof(halt));
	(void)close(fd);
}

static inline void
check_open_fails(const char *name, int errnum, const char *text)
{

	errno = 0;
	ATF_REQUIRE(edu_open(name, 0) == NULL);
	ATF_CHECK_MSG(errno == errnum, "errno %d (%s), not %d: %s", errno,
	    strerror(errno), errnum, edu_errmsg(NULL));
	ATF_CHECK_MSG(strstr(edu_errmsg(NULL), text) != NULL,
	    "no '%s' in '%s'", text, edu_errmsg(NULL));
	ATF_CHECK_MSG(strncmp(edu_errmsg(NULL), name, strlen(name)) == 0,
	    "message does not name the device: %s", edu_errmsg(NULL));
}

static inline int
is_readable(int fd, int timeout_ms)
{
	struct pollfd pfd;

	pfd.fd = fd;
	pfd.events = POLLIN;
	return poll(&pfd, 1, timeout_ms) == 1;
}

static inline int
count_fds(void)
{
	int count = 0, fd;

	for (fd = 0; fd < FDS; fd++)
		if (fcntl(fd, F_GETFD) != -1)
			count++;
	return count;
}

/* Data there and back. */
static inline void
check_copy(struct edu *edu, size_t length, unsigned flags)
{
	unsigned char *from, *to;
	size_t i;

	ATF_REQUIRE((from = edu_mem_alloc(edu, length)) != NULL);
	ATF_REQUIRE((to = edu_mem_alloc(edu, length)) != NULL);
	for (i = 0; i < length; i++)
		from[i] = (unsigned char)(i * 7 + i / 256);
	REQUIRE_EDU(edu, edu_dma_copy(edu, to, from, length, flags, SOON_MS));
	ATF_CHECK(memcmp(to, from, length) == 0);
	edu_mem_free(edu, from);
	edu_mem_free(edu, to);
}

/* Every engine of the device once. */
static inline void
check_engines(struct edu *edu)
{
	uint32_t value;

	REQUIRE_EDU(edu, edu_live(edu, 0x12345678, NULL));
	REQUIRE_EDU(edu, edu_factorial(edu, 10, 0, SOON_MS, &value));
	ATF_CHECK_EQ(value, 3628800);
	REQUIRE_EDU(edu, edu_factorial(edu, 12, EDU_INTERRUPT, SOON_MS,
	    &value));
	ATF_CHECK_EQ(value, 479001600);
	check_copy(edu, 5000, 0);
	check_copy(edu, 5000, EDU_INTERRUPT);
}

/* The descriptor is readable at the right times, and at no other. */
static inline void
check_interrupts(struct edu *edu)
{
	int fd = edu_irq_fd(edu), i;
	uint32_t value;

	ATF_REQUIRE(fd != -1);
	while (edu_irq_wait(edu, 0, &value) == 1)
		continue;
	for (i = 0; i < 100; i++) {
		ATF_REQUIRE(!is_readable(fd, 0));
		REQUIRE_EDU(edu, edu_irq_raise(edu, 0x40));
		ATF_REQUIRE_MSG(is_readable(fd, 0), "interrupt %d", i);
		ATF_REQUIRE(edu_irq_wait(edu, 0, &value) == 1);
		ATF_REQUIRE_EQ(value, 0x40);
		ATF_REQUIRE(edu_irq_wait(edu, 0, &value) == 0);
	}
}

#endif /* H_QTEST_H */
