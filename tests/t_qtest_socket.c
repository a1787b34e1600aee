/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* "qtest:SOCKET": a device in a QEMU that somebody else has started. */

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <edu.h>

#include "h_case.h"
#include "h_qtest.h"

#define SOCKET		"qtest.sock"
#define DEVICE		"qtest:" SOCKET

/*
 * A QEMU at SOCKET.  It ends when the descriptor returned is closed, with
 * this process at the latest: then the shell's read ends.
 */
static int
start_qemu(const char *machine, const char *more)
{
	char command[512];
	int fds[2];

	write_firmware();
	(void)snprintf(command, sizeof(command), "'%s' -machine %s -accel tcg "
	    "-nodefaults -display none -bios halt.bin -qtest-log none "
	    "-qtest unix:" SOCKET ",server=on,wait=off %s </dev/null & "
	    "read x; kill $!", real_qemu(), machine, more);
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
	return fds[1];
}

static int
try_connect(void)
{
	struct sockaddr_un sun;
	int fd;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", SOCKET);
	ATF_REQUIRE((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC,
	    0)) != -1);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

/* A plain client of QEMU; waits until QEMU listens. */
static int
raw_connect(void)
{
	int fd, ms;

	for (ms = 0; ms < SOON_MS; ms += 10) {
		if ((fd = try_connect()) != -1)
			return fd;
		sleep_ms(10);
	}
	atf_tc_fail("QEMU does not listen at " SOCKET);
}

static void
await_qemu(void)
{

	(void)close(raw_connect());
}

/* One command; the line that answers it. */
static void
raw(int fd, const char *command, char *line, size_t size)
{
	size_t n;

	ATF_REQUIRE(write(fd, command, strlen(command)) ==
	    (ssize_t)strlen(command) && write(fd, "\n", 1) == 1);
	do
		for (n = 0; n < size && read(fd, line + n, 1) == 1 &&
		    line[n] != '\n'; n++)
			continue;
	while (n < size && strncmp(line, "IRQ ", 4) == 0);
	ATF_REQUIRE(n < size && line[n] == '\n');
	line[n] = '\0';
}

static void
raw_ok(int fd, const char *command)
{
	char line[256];

	raw(fd, command, line, sizeof(line));
	ATF_REQUIRE_MSG(strncmp(line, "OK", 2) == 0, "%s: %s", command, line);
}

/* Configuration space of the device in SLOT_4. */
#define SLOT_4		"-m 16 -device edu,addr=4"
static void
raw_config_write(int fd, unsigned offset, uint32_t value)
{
	char command[64];

	(void)snprintf(command, sizeof(command), "outl 0xcf8 0x%x",
	    0x80002000U | offset);
	raw_ok(fd, command);
	(void)snprintf(command, sizeof(command), "outl 0xcfc 0x%x",
	    (unsigned)value);
	raw_ok(fd, command);
}

EDU_TEST(no_memory_there, "a QEMU with less memory than we count on: ENOMEM, "
    "not a lost transfer")
{
	struct edu *edu;

	(void)start_qemu("q35", "-m 2 -device edu");
	await_qemu();
	edu = open_device(DEVICE, 0);
	ATF_CHECK(edu_mem_alloc(edu, EDU_MEM_MAX / 2) != NULL);
	ATF_CHECK_ERRNO(ENOMEM, edu_mem_alloc(edu, EDU_MEM_MAX) == NULL);
	ATF_CHECK(strstr(edu_errmsg(edu), "-m 16") != NULL);
	edu_close(edu);
}

EDU_TEST(socket_missing, "no socket there, or nobody listening: ENOENT, and "
    "the message says how to start a QEMU")
{
	struct sockaddr_un sun;
	char name[200];
	int fd;

	check_open_fails(DEVICE, ENOENT, "-qtest unix:" SOCKET);
	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	(void)strcpy(sun.sun_path, SOCKET);
	ATF_REQUIRE((fd = socket(AF_UNIX, SOCK_STREAM, 0)) != -1);
	ATF_REQUIRE(bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0);
	check_open_fails(DEVICE, ENOENT, "-qtest unix:" SOCKET);
	ATF_REQUIRE(close(fd) == 0);
	check_open_fails(DEVICE, ENOENT, "-qtest unix:" SOCKET);
	memset(name, 'x', sizeof(name));
	(void)memcpy(name, "qtest:", 6);
	name[sizeof(name) - 1] = '\0';
	errno = 0;
	ATF_CHECK_ERRNO(EINVAL, edu_open(name, 0) == NULL);
}

EDU_TEST(peer_silent, "a QEMU that another process is using: EBUSY, not a hang")
{
	struct edu *edu;

	(void)start_qemu("q35", SLOT_4);
	await_qemu();
	edu = open_device(DEVICE, 0);
	check_open_fails(DEVICE, EBUSY, "another process");
	REQUIRE_EDU(edu, edu_live(edu, 1, NULL));
	edu_close(edu);
	edu_close(open_device(DEVICE, 0));
}

static void
check_socket(const char *machine)
{
	struct edu *edu;
	int i;

	(void)start_qemu(machine, "-m 16 -device edu");
	await_qemu();
	for (i = 0; i < 2; i++) {
		edu = open_device(DEVICE, 0);
		ATF_CHECK_STREQ(edu_name(edu), DEVICE);
		ATF_CHECK_STREQ(edu_kernel_side(edu), "qtest");
		check_engines(edu);
		check_interrupts(edu);
		edu_close(edu);
	}
}

EDU_TEST(socket_q35, "the caller's QEMU, machine q35: everything works, and "
    "works again for the next client")
{

	check_socket("q35");
}

EDU_TEST(socket_pc, "the caller's QEMU, machine pc: everything works, and "
    "works again for the next client")
{

	check_socket("pc");
}

EDU_TEST(socket_without_edu, "a QEMU without an edu device, or without PCI: "
    "ENOENT")
{
	int fd;

	fd = start_qemu("q35", "");
	await_qemu();
	check_open_fails(DEVICE, ENOENT, "-device edu");
	(void)close(fd);
	ATF_REQUIRE(wait(NULL) != -1);
	(void)unlink(SOCKET);
	fd = start_qemu("isapc", "-cpu 486");
	await_qemu();
	check_open_fails(DEVICE, ENOENT, "-device edu");
	check_open_fails(DEVICE, ENOENT, "no PCI configuration ports");
	(void)close(fd);
	ATF_REQUIRE(wait(NULL) != -1);
	(void)unlink(SOCKET);
	fd = start_qemu("microvm,pcie=on,rtc=on", "-m 16 -device edu");
	await_qemu();
	check_open_fails(DEVICE, ENOENT, "no PCI configuration ports");
	(void)close(fd);
}

EDU_TEST(socket_function, "a device that is not the first function of its slot "
    "is found")
{
	struct edu *edu;

	(void)start_qemu("pc", "-m 16 "
	    "-device pci-testdev,addr=6.0,multifunction=on "
	    "-device edu,addr=6.3");
	await_qemu();
	edu = open_device(DEVICE, 0);
	REQUIRE_EDU(edu, edu_live(edu, 1, NULL));
	edu_close(edu);
}

EDU_TEST(firmware_bar_kept, "a BAR0 that has an address keeps it; one without "
    "gets one")
{
	static const uint32_t odd[] = { 0, 0xffffffff };
	struct edu *edu;
	uint32_t bar;
	size_t i;
	int fd;

	(void)start_qemu("q35", SLOT_4);
	fd = raw_connect();
	raw_config_write(fd, 0x10, 0xfd300000);
	(void)close(fd);
	edu = open_device(DEVICE, 0);
	REQUIRE_EDU(edu, edu_config_read(edu, 0x10, &bar));
	ATF_CHECK_EQ(bar, 0xfd300000);
	REQUIRE_EDU(edu, edu_live(edu, 1, NULL));
	edu_close(edu);
	for (i = 0; i < 2; i++) {
		fd = raw_connect();
		raw_config_write(fd, 0x04, 0);
		raw_config_write(fd, 0x10, odd[i]);
		(void)close(fd);
		edu = open_device(DEVICE, 0);
		REQUIRE_EDU(edu, edu_config_read(edu, 0x10, &bar));
		ATF_CHECK(bar != 0 && bar != 0xfff00000);
		REQUIRE_EDU(edu, edu_live(edu, 1, NULL));
		edu_close(edu);
	}
}

EDU_TEST(killed_client, "half a command, a pending interrupt and a masked line "
    "left by a client that was killed")
{
	static const char half[] = "writel 0xfd300004 0x5";
	uint32_t status;
	struct edu *edu;
	int fd;

	(void)start_qemu("q35", SLOT_4);
	fd = raw_connect();
	raw_ok(fd, "irq_intercept_in ioapic");
	raw_config_write(fd, 0x10, 0xfd300000);
	raw_config_write(fd, 0x04, 0x0402);
	raw_ok(fd, "writel 0xfd300060 0x10");
	ATF_REQUIRE(write(fd, half, strlen(half)) == (ssize_t)strlen(half));
	sleep_ms(100);
	(void)close(fd);
	edu = open_device(DEVICE, EDU_OPEN_KEEP);
	ATF_CHECK(is_readable(edu_irq_fd(edu), 0));
	ATF_CHECK(edu_irq_wait(edu, 0, &status) == 1);
	ATF_CHECK_EQ(status, 0x10);
	check_interrupts(edu);
	edu_close(edu);
}

/*
 * QEMU listens to the interrupts of one device only, for its whole life: of
 * the first that has some.
 */
static void
intercept_another(int fd)
{
	char command[64], line[256];
	int i;

	for (i = 0; i < 64; i++) {
		(void)snprintf(command, sizeof(command),
		    "irq_intercept_in /machine/unattached/device[%d]", i);
		raw(fd, command, line, sizeof(line));
		if (strcmp(line, "OK") == 0)
			return;
	}
	atf_tc_fail("no device has interrupts: %s", line);
}

EDU_TEST(interrupts_unavailable, "where interrupts cannot be heard, the wait "
    "is ENOTSUP, and the rest works")
{
	unsigned char *mem;
	struct edu *edu;
	uint32_t status;
	int fd;

	(void)start_qemu("q35", "-m 16 -device edu");
	fd = raw_connect();
	intercept_another(fd);
	(void)close(fd);
	edu = open_device(DEVICE, 0);
	ATF_CHECK_STREQ(edu_kernel_side(edu), "qtest (memory only)");
	ATF_CHECK_ERRNO(ENOTSUP, edu_irq_wait(edu, 0, &status) == -1);
	ATF_CHECK_ERRNO(ENOTSUP, edu_irq_fd(edu) == -1);
	ATF_REQUIRE((mem = edu_mem_alloc(edu, 100)) != NULL);
	memset(mem, 'x', 100);
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, mem, 100, 0, SOON_MS));
	memset(mem, 0, 100);
	REQUIRE_EDU(edu, edu_dma_get(edu, 0, mem, 100, 0, SOON_MS));
	ATF_CHECK_EQ(((char *)mem)[99], 'x');
	edu_close(edu);
}

EDU_TEST(client_idle, "a QEMU whose client does nothing says nothing: else it "
    "would stand still in the end, unread")
{
	struct edu *edu;
	uint32_t status;
	int i;

	(void)start_qemu("pc", "-m 16 -device edu");
	await_qemu();
	edu = open_device(DEVICE, 0);
	/* What is left of a tick may still come. */
	for (i = 0; i < 2; i++) {
		sleep_ms(100);
		ATF_CHECK(edu_irq_wait(edu, 0, &status) == 0);
	}
	ATF_CHECK(!is_readable(edu_irq_fd(edu), 1000));
	edu_close(edu);
}
