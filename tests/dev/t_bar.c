/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Sizing BARs on a real PCI bus: of edu, and of QEMU's pci-testdev, which has
 * a BAR of every kind and is used by nobody.
 */

#include <sys/types.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <limits.h>
#include <signal.h>

#include "internal.h"

#include "h_need.h"
#include "h_pci.h"

#define MAX_FUNCTIONS	512

/* pci-testdev's: 4 KiB of memory, 256 I/O ports, and what membar= says. */
#define TESTDEV_MEMORY	0
#define TESTDEV_IO	1
#define TESTDEV_MEMORY64 2

/* Configuration writes of a sizing. */
#define WRITES32	4
#define WRITES64	6

/*
 * In place of the library's.  Nobody else is here, and to look for him at each
 * open takes more system calls than all the rest.
 */
int	edu_linux_holder(const char *, char *, size_t);
int
edu_linux_holder(const char *address, char *buf, size_t size)
{

	(void)address;
	(void)buf;
	(void)size;
	return 0;
}

static struct pci_name names[MAX_FUNCTIONS];

/* The i-th function of an id, or the test is skipped. */
static const char *
need_function(uint32_t id, size_t i)
{
	size_t count = pci_find(id, names, MAX_FUNCTIONS);

	if (i >= count)
		atf_tc_skip("%zu function(s) %04x:%04x on this machine, %zu "
		    "needed%s", count, id & 0xffff, id >> 16, i + 1,
		    id == ID_TESTDEV ? " (qemu -device pci-testdev)" : "");
	return names[i].text;
}

static enum edu_bar_type
expected_type(const struct pci_resource *r)
{

	if (r->length == 0)
		return EDU_BAR_ABSENT;
	if (r->is_io)
		return EDU_BAR_IO;
	return r->is_64 ? EDU_BAR_MEM64 : EDU_BAR_MEM32;
}

/* Sizes a BAR and compares every answer with the system's. */
static uint64_t
check_bar(const char *name, unsigned index, enum edu_bar_type type)
{
	struct pci_resource r = pci_resource(name, index);
	uint8_t before[CONFIG_SIZE];
	struct edu_bar *bar;
	struct edu *edu;
	uint64_t length;

	pci_config(name, before);
	edu = open_device(name, EDU_OPEN_CONFIG);
	bar = edu_bar_size(edu, index, 0);
	ATF_REQUIRE_MSG(bar != NULL, "%s", edu_errmsg(edu));
	ATF_CHECK_EQ(expected_type(&r), type);
	ATF_CHECK_EQ(edu_bar_type(bar), type);
	ATF_CHECK_EQ(edu_bar_length(bar), r.length);
	ATF_CHECK_EQ(edu_bar_address(bar), r.start);
	ATF_CHECK_EQ(edu_bar_is_prefetchable(bar) != 0, r.is_prefetchable);
	length = edu_bar_length(bar);
	printf("%s BAR%u: 0x%" PRIx64 " bytes at 0x%" PRIx64 "\n", name,
	    index, length, edu_bar_address(bar));
	edu_bar_free(bar);
	edu_close(edu);
	pci_check_same(name, before, "after sizing");
	return length;
}

static void
check_refused(const char *name, unsigned index, int errnum, const char *text)
{
	uint8_t before[CONFIG_SIZE];
	struct edu *edu;

	pci_config(name, before);
	edu = open_device(name, EDU_OPEN_CONFIG);
	CHECK_ERRNO(edu, errnum, edu_bar_size(edu, index, 0) == NULL);
	CHECK_MESSAGE(edu, text);
	CHECK_MESSAGE(edu, name);
	edu_close(edu);
	pci_check_same(name, before, "after a refusal");
}

DEVICE_TEST(edu_bar0, "BAR0 of every edu is 1 MiB of memory where the system "
    "says, its other BARs are absent")
{
	unsigned index;
	size_t i, n;

	(void)need_function(ID_EDU, 0);
	n = pci_find(ID_EDU, names, MAX_FUNCTIONS);
	for (i = 0; i < n; i++) {
		ATF_CHECK_EQ(check_bar(names[i].text, 0, EDU_BAR_MEM32),
		    0x100000);
		for (index = 1; index < 6; index++)
			ATF_CHECK_EQ(check_bar(names[i].text, index,
			    EDU_BAR_ABSENT), 0);
	}
}

DEVICE_TEST(memory, "a 32-bit memory BAR")
{

	ATF_CHECK_EQ(check_bar(need_function(ID_TESTDEV, 0), TESTDEV_MEMORY,
	    EDU_BAR_MEM32), 4096);
}

DEVICE_TEST(io, "an I/O BAR")
{

	ATF_CHECK_EQ(check_bar(need_function(ID_TESTDEV, 0), TESTDEV_IO,
	    EDU_BAR_IO), 256);
}

/* The i-th testdev that was given a membar. */
static const char *
need_memory64(size_t i)
{
	size_t n;

	for (n = 0;; n++) {
		const char *name = need_function(ID_TESTDEV, n);

		if (pci_resource(name, TESTDEV_MEMORY64).length != 0 &&
		    i-- == 0)
			return name;
	}
}

DEVICE_TEST(memory64, "a 64-bit prefetchable BAR")
{

	(void)check_bar(need_memory64(0), TESTDEV_MEMORY64, EDU_BAR_MEM64);
}

DEVICE_TEST(memory64_above_4g, "a 64-bit BAR of more than 4 GiB, whose size "
    "stands in its upper half")
{
	const char *name;
	size_t i;

	for (i = 0;; i++) {
		name = need_memory64(i);
		if (pci_resource(name, TESTDEV_MEMORY64).length > UINT32_MAX)
			break;
	}
	ATF_CHECK(check_bar(name, TESTDEV_MEMORY64, EDU_BAR_MEM64) >
	    UINT32_MAX);
}

DEVICE_TEST(upper_half, "the upper half of a 64-bit BAR is no BAR of its own: "
    "EINVAL")
{

	check_refused(need_memory64(0), TESTDEV_MEMORY64 + 1, EINVAL,
	    "upper half of BAR2");
}

DEVICE_TEST(absent, "an absent BAR is no error: length 0")
{
	const char *name = need_function(ID_TESTDEV, 0);

	ATF_CHECK_EQ(check_bar(name, 4, EDU_BAR_ABSENT), 0);
	ATF_CHECK_EQ(check_bar(name, 5, EDU_BAR_ABSENT), 0);
}

DEVICE_TEST(no_such_bar, "an index beyond 5 is EINVAL")
{
	const char *name = need_function(ID_TESTDEV, 0);

	check_refused(name, 6, EINVAL, "no BAR6");
	check_refused(name, 0x40000000, EINVAL, "no BAR");
	check_refused(name, UINT_MAX, EINVAL, "no BAR");
}

/* Any function that is not for us to force, and its driver. */
static const char *
need_driven(char driver[64])
{
	size_t i, n = pci_all(names, MAX_FUNCTIONS);
	uint32_t class;

	for (i = 0; i < n; i++) {
		pci_driver(names[i].text, driver);
		class = pci_read(names[i].text, 0x08) >> 24;
		if (driver[0] != '\0' && pci_driver_minds(driver) &&
		    class != 0x03 && class != 0x06 && class != 0x08)
			return names[i].text;
	}
	atf_tc_skip("no PCI function of this machine has a kernel driver");
}

DEVICE_TEST(kernel_driver, "a function that a kernel driver uses is refused "
    "with EBUSY and the driver's name")
{
	char driver[64];
	const char *name = need_driven(driver);

	check_refused(name, 0, EBUSY, driver);
	check_refused(name, 5, EBUSY, driver);
}

DEVICE_TEST(own_driver, "edu(4), or uio_pci_generic, is no reason to refuse, "
    "and stays able to deliver interrupts")
{
	struct edu *edu;
	char name[128];

	(void)snprintf(name, sizeof(name), "%s", need_device(1, 0));
	(void)check_bar(name, 0, EDU_BAR_MEM32);
	edu = open_device(name, 0);
	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x20));
	check_wait(edu, SOON_MS, 0x20);
	edu_close(edu);
}

DEVICE_TEST(bridge, "a bridge is refused with EBUSY")
{
	size_t i, n = pci_all(names, MAX_FUNCTIONS);

	for (i = 0; i < n; i++) {
		if ((pci_read(names[i].text, HEADER_TYPE & ~3U) >> 16 & 0x7f)
		    == 1)
			break;
	}
	if (i == n)
		atf_tc_skip("no PCI bridge on this machine (qemu -device "
		    "pci-bridge,chassis_nr=1)");
	check_refused(names[i].text, 0, EBUSY, "bridge");
	check_refused(names[i].text, 1, EBUSY, "bridge");
}

/*
 * Someone has moved a BAR behind the system's back.  The handle is for
 * configuration space when is_edu is 0.
 */
static void
check_moved(const char *name, int is_edu)
{
	uint32_t address = pci_read(name, BAR(0));
	uint32_t command = pci_command(name);
	uint8_t moved[CONFIG_SIZE];
	struct edu *edu = NULL;
	char text[32];

	if (ON_NETBSD || (is_edu && pci_has_vfio(name)))
		atf_tc_skip("nobody has a list of BARs, or VFIO keeps to it");
	pci_set_command(name, command & ~COMMAND_DECODING);
	pci_write(name, BAR(0), address ^ 0x100000);
	pci_config(name, moved);
	if (is_edu)
		CHECK_ERRNO(NULL, EIO, edu_open(name, 0) == NULL);
	else if ((edu = edu_open(name, EDU_OPEN_CONFIG)) != NULL)
		CHECK_ERRNO(edu, EIO, edu_bar_size(edu, 0, 0) == NULL);
	ATF_CHECK(is_edu || edu != NULL);
	(void)snprintf(text, sizeof(text), "0x%x", address ^ 0x100000);
	CHECK_MESSAGE(edu, text);
	(void)snprintf(text, sizeof(text), "0x%x", address);
	CHECK_MESSAGE(edu, text);
	CHECK_MESSAGE(edu, "operating system");
	edu_close(edu);
	pci_check_same(name, moved, "after the disagreement");
	pci_write(name, BAR(0), address);
	pci_set_command(name, command);
}

DEVICE_TEST(disagreement, "a BAR that does not stand where the system says is "
    "EIO, the message shows both, all is put back")
{
	const char *name = need_function(ID_TESTDEV, 0);

	check_moved(name, 0);
	ATF_CHECK_EQ(check_bar(name, TESTDEV_MEMORY, EDU_BAR_MEM32), 4096);
}

DEVICE_TEST(disagreement_edu, "an edu whose BAR0 was moved is not opened, and "
    "not changed")
{
	const char *name = need_function(ID_EDU, 0);

	check_moved(name, 1);
	edu_close(open_device(name, 0));
}

/* What befalls a process at one of its configuration writes. */
static struct {
	unsigned	at;		/* the first is 1 */
	int		is_after;
	int		signum;
} ambush;
static unsigned writes;
static const struct edu_bus_ops *real_ops;

static int
ambushed_write(struct edu_bus *bus, unsigned offset, uint32_t value)
{
	int result, is_hit = ++writes == ambush.at;

	if (is_hit && !ambush.is_after)
		(void)kill(getpid(), ambush.signum);
	result = real_ops->config_write(bus, offset, value);
	if (is_hit && ambush.is_after)
		(void)kill(getpid(), ambush.signum);
	return result;
}

/*
 * Size a BAR in a process that walks into the ambush.  Returns its wait
 * status.
 */
static int
size_ambushed(const char *name, unsigned index)
{
	static struct edu_bus_ops ops;
	struct edu *edu;
	pid_t pid;
	int status;

	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		if ((edu = edu_open(name, EDU_OPEN_CONFIG)) == NULL)
			_exit(2);
		real_ops = edu->bus->ops;
		ops = *real_ops;
		ops.config_write = ambushed_write;
		edu->bus->ops = &ops;
		_exit(edu_bar_size(edu, index, 0) != NULL ? 0 : 3);
	}
	ATF_REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	return status;
}

/* While decoding is off a look at the device says so, and changes nothing. */
static void
check_look(const char *name)
{
	uint8_t before[CONFIG_SIZE];

	if (pci_read(name, 0) != ID_EDU ||
	    (pci_command(name) & COMMAND_MEMORY))
		return;
	pci_config(name, before);
	CHECK_ERRNO(NULL, EIO, edu_open(name, EDU_OPEN_READONLY) == NULL);
	CHECK_MESSAGE(NULL, "decoding is off");
	pci_check_same(name, before, "after a look");
}

/* The next open, of whatever kind, finds the function well. */
static void
check_put_right(const char *name, unsigned open_flags,
    const uint8_t before[CONFIG_SIZE])
{
	struct edu *edu = open_device(name, open_flags);
	uint32_t result = 0;

	if (open_flags & EDU_OPEN_CONFIG)
		pci_check_same(name, before, "after the next open");
	else {
		ATF_CHECK_EQ_MSG(edu_factorial(edu, 5, 0, SOON_MS, &result), 0,
		    "%s", edu_errmsg(edu));
		ATF_CHECK_EQ(result, 120);
	}
	edu_close(edu);
	pci_check_same(name, before, "after the next open and close");
}

/*
 * Kill before, or after, each configuration write in turn; there are
 * nwrites, and only before the first and after the last all is well.
 */
static void
check_killed(const char *name, unsigned index, int is_after, unsigned nwrites)
{
	unsigned damaged = 0, k, open_flags = EDU_OPEN_CONFIG;
	uint8_t before[CONFIG_SIZE], now[CONFIG_SIZE];
	int status;

	ambush.signum = SIGKILL;
	ambush.is_after = is_after;
	pci_config(name, before);
	for (k = 1; k <= nwrites; k++) {
		ambush.at = k;
		status = size_ambushed(name, index);
		ATF_REQUIRE(WIFSIGNALED(status) &&
		    WTERMSIG(status) == SIGKILL);
		pci_config(name, now);
		if (memcmp(now + 0x10, before + 0x10, 0x18) != 0 ||
		    now[COMMAND] != before[COMMAND])
			damaged++;
		check_look(name);
		/* The rescuer of an edu takes turns. */
		if (pci_read(name, 0) == ID_EDU)
			open_flags ^= EDU_OPEN_CONFIG;
		check_put_right(name, open_flags, before);
	}
	ATF_CHECK_EQ_MSG(damaged, nwrites - 1, "damaged %u times", damaged);
	ambush.at = nwrites + 1;
	status = size_ambushed(name, index);
	ATF_CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "there are more than %u writes, or sizing failed: 0x%x", nwrites,
	    status);
}

static void
check_killed_everywhere(int is_after)
{

	check_killed(need_function(ID_EDU, 0), 0, is_after, WRITES32);
	check_killed(need_function(ID_TESTDEV, 0), TESTDEV_MEMORY, is_after,
	    WRITES32);
	check_killed(need_function(ID_TESTDEV, 0), TESTDEV_IO, is_after,
	    WRITES32);
	check_killed(need_memory64(0), TESTDEV_MEMORY64, is_after, WRITES64);
}

DEVICE_TEST(killed_before_write, "kill -9 right before each of the "
    "configuration writes: the next open puts all right")
{

	check_killed_everywhere(0);
}

DEVICE_TEST(killed_after_write, "kill -9 right after each of the configuration "
    "writes: the next open puts all right")
{

	check_killed_everywhere(1);
}

DEVICE_TEST(killed_without_decoding, "the same in a function whose decoding "
    "was off before")
{
	const char *name = need_function(ID_TESTDEV, 0);
	uint32_t command = pci_command(name);
	uint8_t before[CONFIG_SIZE];
	unsigned k;
	int status;

	pci_set_command(name, command & ~COMMAND_DECODING);
	pci_config(name, before);
	ambush.signum = SIGKILL;
	ambush.is_after = 1;
	for (k = 1; k <= WRITES32; k++) {
		ambush.at = k;
		status = size_ambushed(name, TESTDEV_MEMORY);
		ATF_CHECK(WIFSIGNALED(status));
		check_put_right(name, EDU_OPEN_CONFIG, before);
	}
	pci_set_command(name, command);
}

/*
 * Stop a process at the n-th system call, or the return from it, of what it
 * does with the device, and kill it there.  0: it has ended before.
 */
static int
kill_at(const char *name, int n, void (*work)(const char *))
{
	int i, status;
	pid_t pid;

	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		(void)ptrace(PT_TRACE_ME, 0, NULL, 0);
		(void)raise(SIGSTOP);
		work(name);
		_exit(0);
	}
	ATF_REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	for (i = 0; i < n; i++) {
		/* 1: from where it stands. */
		ATF_REQUIRE(ptrace(PT_SYSCALL, pid, (void *)1, 0) != -1);
		ATF_REQUIRE_EQ(waitpid(pid, &status, 0), pid);
		if (!WIFSTOPPED(status)) {
			ATF_CHECK_MSG(WIFEXITED(status) &&
			    WEXITSTATUS(status) == 0, "ended with 0x%x",
			    status);
			return 0;
		}
	}
	ATF_REQUIRE_EQ(kill(pid, SIGKILL), 0);
	ATF_REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	return 1;
}

static void
open_and_close(const char *name)
{
	struct edu *edu = edu_open(name, 0);

	if (edu == NULL)
		_exit(1);
	edu_close(edu);
}

DEVICE_TEST(killed_anywhere, "kill -9 at every system call of opening and "
    "closing an edu: the next open finds BAR0 and decoding "
    "right", "timeout", "300")
{
	const char *name = need_function(ID_EDU, 0);
	uint32_t bar0 = pci_read(name, BAR(0)), command = pci_command(name);
	struct edu_error unused = { "", "" };
	struct edu_bus *bus;
	unsigned damaged = 0;
	struct edu *edu;
	int n;

	/* While this is open, nobody here looks at all the bus again. */
	ATF_REQUIRE((bus = edu_bus_pciaccess(name, 1, &unused)) != NULL);
	/* The return from a call leaves what the next call finds. */
	for (n = 1; kill_at(name, n, open_and_close); n += 2) {
		if (pci_read(name, BAR(0)) != bar0 ||
		    !(pci_command(name) & COMMAND_MEMORY))
			damaged++;
		edu = edu_open(name, 0);
		ATF_REQUIRE_MSG(edu != NULL, "killed at %d: %s", n,
		    edu_errmsg(NULL));
		ATF_CHECK_EQ(edu_live(edu, 0x12345678, NULL), 0);
		edu_close(edu);
		ATF_CHECK_EQ_MSG(pci_read(name, BAR(0)), bar0, "at %d", n);
		ATF_CHECK_EQ_MSG(pci_command(name) & COMMAND_DECODING,
		    command & COMMAND_DECODING, "at %d", n);
		/* The rest may be what the killed process had set. */
		pci_set_command(name, command);
	}
	printf("killed at %d points, %u of them with a damaged function\n",
	    n / 2, damaged);
	bus->ops->close(bus);
	ATF_CHECK_EQ(damaged >= 5, !pci_has_vfio(name));
}

DEVICE_TEST(held_signals, "signals that kill are delivered only when the BAR "
    "and the command register are back")
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT,
	    SIGPIPE, SIGALRM, SIGUSR1 };
	const char *name = need_function(ID_EDU, 0);
	uint8_t before[CONFIG_SIZE];
	unsigned k;
	int status;
	size_t i;

	pci_config(name, before);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		ambush.signum = signals[i];
		for (k = 1; k <= WRITES32; k++) {
			ambush.at = k;
			ambush.is_after = k % 2 != 0;
			status = size_ambushed(name, 0);
			ATF_CHECK_MSG(WIFSIGNALED(status) &&
			    WTERMSIG(status) == signals[i],
			    "signal %d at write %u: ended with 0x%x",
			    signals[i], k, status);
			pci_check_same(name, before, "after the signal");
		}
	}
}

EDU_TEST(unknown_address, "an address where no function is: ENOENT")
{

	(void)pci_all(names, MAX_FUNCTIONS);
	CHECK_ERRNO(NULL, ENOENT,
	    edu_open("0000:fe:1f.7", EDU_OPEN_CONFIG) == NULL);
	CHECK_MESSAGE(NULL, "0000:fe:1f.7");
}
