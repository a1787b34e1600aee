/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Another function comes into the slot of one that is held, or was being sized:
 * what was known by the address is true no more.  Linux takes functions out and
 * in by itself: the one that is removed and found again is another to it.
 */

#include <sys/wait.h>

#include <signal.h>

#include "claim.h"
#include "h_case.h"
#include "h_need.h"
#include "h_pci.h"
#include "internal.h"

static struct pci_name names[64];

static const char *
need_edu(void)
{

	if (ON_NETBSD)
		atf_tc_skip("no function is taken out of its slot here");
	if (pci_find(ID_EDU, names, 64) == 0)
		atf_tc_skip("no edu device on this machine");
	if (pci_has_vfio(names[0].text))
		atf_tc_skip("a removal waits until vfio-pci is closed");
	return names[0].text;
}

static void
tell(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	ATF_REQUIRE_MSG(fd != -1, "%s: %s", path, strerror(errno));
	ATF_REQUIRE_EQ(write(fd, "1", 1), 1);
	(void)close(fd);
}

static void
remove_function(const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/remove",
	    name);
	tell(path);
}

static void
replace(const char *name)
{

	remove_function(name);
	tell("/sys/bus/pci/rescan");
}

#define CHECK_GONE(call)	CHECK_ERRNO(edu, ENODEV, (call) == -1)

static void
check_all_gone(struct edu *edu, unsigned char *mem)
{
	uint64_t wide = 0;
	uint32_t value = 0;

	CHECK_GONE(edu_read(edu, EDU_ID, 4, &wide));
	CHECK_GONE(edu_read(edu, EDU_INTR_STATUS, 4, &wide));
	CHECK_GONE(edu_write(edu, EDU_LIVE, 4, 5));
	CHECK_GONE(edu_irq_raise(edu, 1));
	CHECK_GONE(edu_irq_ack(edu, 1));
	CHECK_GONE(edu_irq_status(edu, &value));
	CHECK_GONE(edu_identify(edu, &value));
	CHECK_GONE(edu_live(edu, 1, NULL));
	CHECK_GONE(edu_factorial(edu, 5, 0, SOON_MS, &value));
	CHECK_GONE(edu_config_read(edu, 0, &value));
	CHECK_ERRNO(edu, ENODEV, edu_bar_size(edu, 0, 0) == NULL);
	CHECK_ERRNO(edu, ENODEV, edu_mem_alloc(edu, 1) == NULL);
	if (mem == NULL)
		return;
	CHECK_GONE(edu_dma_put(edu, 0, mem, 10, 0, SOON_MS));
	CHECK_GONE(edu_dma_get(edu, 0, mem, 10, 0, SOON_MS));
}

DEVICE_TEST(gone, "every call on a function that was taken away is ENODEV")
{
	const char *name = need_edu();
	struct edu *edu = open_device(name, 0);

	remove_function(name);
	check_all_gone(edu, NULL);
	edu_close(edu);
	tell("/sys/bus/pci/rescan");
	edu_close(open_device(name, 0));
}

DEVICE_TEST(successor, "a handle whose function has another in its place: "
    "ENODEV, and neither the calls nor the close touch the other")
{
	static const uint32_t commands[] = { COMMAND_MEMORY, 0,
	    COMMAND_DECODING | COMMAND_MASTER };
	const char *name = need_edu();
	uint8_t before[CONFIG_SIZE];
	volatile uint32_t *registers;
	struct edu *edu;
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		edu = open_device(name, 0);
		replace(name);
		pci_set_command(name, commands[i] | COMMAND_MEMORY);
		registers = map_registers(name);
		registers[EDU_INTR_RAISE / 4] = 0x10;
		registers[EDU_LIVE / 4] = 77;
		pci_set_command(name, commands[i]);
		pci_config(name, before);
		check_all_gone(edu, NULL);
		edu_close(edu);
		pci_check_same(name, before, "after the other's close");
		pci_set_command(name, COMMAND_MEMORY);
		ATF_CHECK_EQ(registers[EDU_INTR_STATUS / 4], 0x10);
		ATF_CHECK_EQ(registers[EDU_LIVE / 4], ~77U);
		registers[EDU_INTR_ACK / 4] = 0x10;
		ATF_REQUIRE(munmap((void *)(uintptr_t)registers,
		    EDU_BAR0_SIZE) == 0);
	}
	edu_close(open_device(name, 0));
}

/*
 * 0 when another process can open it, else the errno.  For configuration space
 * alone: libpciaccess, whose state a child inherits, maps a BAR only once.
 */
static int
try_elsewhere(const char *name)
{
	int status;
	pid_t pid;

	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		struct edu *edu = edu_open(name, EDU_OPEN_CONFIG);
		int errnum = errno;

		if (edu == NULL)
			_exit(errnum);
		edu_close(edu);
		_exit(0);
	}
	ATF_REQUIRE(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

DEVICE_TEST(successor_claim, "a claim on a function that is gone keeps nobody "
    "from the next, and its end does not end another's")
{
	const char *name = need_edu();
	struct edu *former = open_device(name, 0), *edu;

	ATF_CHECK_EQ(try_elsewhere(name), EBUSY);
	replace(name);
	ATF_CHECK_EQ(try_elsewhere(name), 0);
	edu = open_device(name, EDU_OPEN_CONFIG);
	CHECK_ERRNO(NULL, EBUSY, edu_open(name, 0) == NULL);
	CHECK_MESSAGE(NULL, "this process");
	edu_close(former);
	ATF_CHECK_EQ(try_elsewhere(name), EBUSY);
	edu_bar_free(edu_bar_size(edu, 0, 0));
	edu_close(edu);
	ATF_CHECK_EQ(try_elsewhere(name), 0);
}

/* The process ends after this many configuration writes of its sizing. */
static unsigned writes_left;
static const struct edu_bus_ops *real;

static int
write_and_die(struct edu_bus *bus, unsigned offset, uint32_t value)
{

	if (real->config_write(bus, offset, value) == -1)
		_exit(1);
	if (--writes_left == 0)
		(void)kill(getpid(), SIGKILL);
	return 0;
}

/* Leaves BAR0 at its size mask. */
static void
size_and_die(const char *name)
{
	struct edu_bus_ops ops;
	struct edu *edu;
	int status;
	pid_t pid;

	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		if ((edu = edu_open(name, EDU_OPEN_CONFIG)) == NULL)
			_exit(1);
		real = edu->bus->ops;
		ops = *real;
		ops.config_write = write_and_die;
		edu->bus->ops = &ops;
		writes_left = 2;
		(void)edu_bar_size(edu, 0, 0);
		_exit(2);
	}
	ATF_REQUIRE(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	ATF_REQUIRE_EQ(pci_read(name, BAR(0)), 0xfff00000);
}

static void
check_bar0(const char *name)
{

	ATF_CHECK_EQ_MSG(pci_read(name, BAR(0)), pci_resource(name, 0).start,
	    "BAR0 is 0x%x, the system says 0x%" PRIx64, pci_read(name, BAR(0)),
	    pci_resource(name, 0).start);
}

DEVICE_TEST(undo_here, "a sizing that was killed is put right by the next open "
    "of the function, also when a driver has come meanwhile")
{
	const char *name = need_edu();
	uint32_t command;

	pci_set_command(name, COMMAND_MEMORY);
	command = pci_command(name);
	size_and_die(name);
	edu_close(open_device(name, EDU_OPEN_CONFIG));
	check_bar0(name);
	ATF_CHECK_EQ(pci_command(name), command);
	size_and_die(name);
	pci_set_command(name, COMMAND_DECODING | COMMAND_MASTER);
	edu_close(open_device(name, EDU_OPEN_CONFIG));
	check_bar0(name);
	ATF_CHECK_EQ(pci_command(name), COMMAND_DECODING | COMMAND_MASTER);
	edu_close(open_device(name, 0));
	pci_set_command(name, command);
}

DEVICE_TEST(undo_elsewhere, "what a killed process left is not put into the "
    "function that is found in its slot, which works")
{
	const char *name = need_edu();
	uint8_t before[CONFIG_SIZE];
	struct edu *edu;

	size_and_die(name);
	replace(name);
	pci_config(name, before);
	edu_close(open_device(name, EDU_OPEN_CONFIG));
	pci_check_same(name, before, "after an open");
	edu = open_device(name, 0);
	REQUIRE_EDU(edu, edu_live(edu, 1, NULL));
	edu_close(edu);
	check_bar0(name);
}
