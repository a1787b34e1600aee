/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef H_QEMU_H
#define H_QEMU_H

/*
 * A QEMU of the test's own, for what needs more than one open of a device, a
 * machine that stands still, or a device that is unplugged.  The edu device
 * is its function 0000:00:0a.0 and has the id "it".
 */

#include <sys/socket.h>
#include <sys/un.h>

#include <atf-c.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "h_qtest.h"
#include "internal.h"
#include "qtest/qtest.h"

#define SOCKET		"qtest.sock"
#define DEVICE		"qtest:" SOCKET
#define EDU_DEVFN	QTEST_DEVFN(0xa, 0)

#define MONITOR		"monitor.sock"
#define PROMPT		"(qemu) "

/* The hot-plug registers of the machine pc: QEMU's acpi_pci_hotplug.rst. */
#define ACPI_EJECT	0xae08U
#define ACPI_BUS	0xae10U

static inline int
try_monitor(void)
{
	struct sockaddr_un sun;
	int fd;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), MONITOR);
	ATF_REQUIRE((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC,
	    0)) != -1);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static inline void
await_prompt(int fd)
{
	const char *expected = PROMPT;
	char c;

	while (*expected != '\0') {
		ATF_REQUIRE_MSG(read(fd, &c, 1) == 1, "QEMU has ended");
		expected = c == *expected ? expected + 1 : PROMPT;
	}
}

/* Have a command of QEMU's monitor done; an empty one waits for QEMU. */
static inline void
monitor(const char *command)
{
	int fd, ms;

	for (ms = 0; (fd = try_monitor()) == -1; ms += 10) {
		ATF_REQUIRE_MSG(ms < SOON_MS, "QEMU does not come up");
		sleep_ms(10);
	}
	await_prompt(fd);
	ATF_REQUIRE(write(fd, command, strlen(command)) ==
	    (ssize_t)strlen(command) && write(fd, "\n", 1) == 1);
	await_prompt(fd);
	(void)close(fd);
}

/*
 * Returns when QEMU is up.  It ends with this process at the latest: then
 * the shell's read ends.  "-S" among the options stops its clock, so that a
 * transfer runs until monitor("cont").
 */
static inline void
start_qemu(const char *machine, const char *options)
{
	char command[512];
	int fds[2];

	write_firmware();
	(void)snprintf(command, sizeof(command), "'%s' -machine %s -accel tcg "
	    "-nodefaults -display none -bios halt.bin -m 32 -qtest-log none "
	    "-qtest unix:" SOCKET ",server=on,wait=off "
	    "-monitor unix:" MONITOR ",server=on,wait=off "
	    "-device edu,id=it,addr=0xa %s </dev/null & "
	    "read x; kill $!", real_qemu(), machine, options);
	ATF_REQUIRE(pipe2(fds, O_CLOEXEC) == 0);
	switch (fork()) {
	case -1:
		atf_tc_fail("fork");
	case 0:
		(void)dup2(fds[0], STDIN_FILENO);
		(void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	(void)close(fds[0]);
	monitor("");
}

/* Past the library, while it has nothing open at SOCKET. */
static inline struct qtest *
session_open(void)
{
	struct edu_error err = { "", "" };
	struct qtest *q = qtest_connect(SOCKET, &err);

	ATF_REQUIRE_MSG(q != NULL, "%s", err.message);
	return q;
}

static inline uint32_t
session_config_read(struct qtest *q, unsigned devfn, unsigned offset)
{
	uint32_t value;

	ATF_REQUIRE(qtest_config_read(q, devfn, offset, &value) == 0);
	return value;
}

static inline void
session_config_write(struct qtest *q, unsigned devfn, unsigned offset,
    uint32_t value)
{

	ATF_REQUIRE(qtest_config_write(q, devfn, offset, value) == 0);
}

/* The guest's memory, past the library: what the device really touches. */
static inline void
guest_load(struct edu *edu, uint64_t address, void *data, size_t length)
{

	ATF_REQUIRE(qtest_load(edu_bus_qtest_session(edu->bus), address, data,
	    length) == 0);
}

static inline void
guest_store(struct edu *edu, uint64_t address, const void *data,
    size_t length)
{

	ATF_REQUIRE(qtest_store(edu_bus_qtest_session(edu->bus), address,
	    data, length) == 0);
}

/*
 * Unplug the edu device of a machine pc: ask QEMU, and then do what a guest
 * does that agrees.
 */
static inline void
unplug(struct qtest *q)
{

	monitor("device_del it");
	ATF_REQUIRE(qtest_command(q, NULL, "outl 0x%x 0x0", ACPI_BUS) == 0);
	ATF_REQUIRE(qtest_command(q, NULL, "outl 0x%x 0x%x", ACPI_EJECT,
	    1U << 0xa) == 0);
	ATF_REQUIRE_EQ(session_config_read(q, EDU_DEVFN, PCI_ID), UINT32_MAX);
}

#endif /* H_QEMU_H */
