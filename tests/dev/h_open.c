/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * For t_counts: an open and a close, between marks that QEMU's trace of
 * configuration space shows.  A mark is a read of its last dword, whose number
 * in the trace says what comes next.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <edu.h>

#define LAST		0xfc

static void
mark(int fd)
{
	char bytes[4];

	if (pread(fd, bytes, sizeof(bytes), LAST) != (ssize_t)sizeof(bytes))
		exit(1);
}

static struct edu *
need_open(void)
{
	struct edu *edu = edu_open(NULL, 0);

	if (edu == NULL) {
		(void)fprintf(stderr, "%s\n", edu_errmsg(NULL));
		exit(1);
	}
	return edu;
}

int
main(void)
{
	struct edu *edu = need_open();
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config",
	    edu_name(edu));
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return 1;
	edu_close(edu);
	mark(fd);
	edu = need_open();
	mark(fd);
	edu_close(edu);
	mark(fd);
	return 0;
}
