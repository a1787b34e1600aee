/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Opening and closing: names, flags, errors, what is put back, threads. */

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <edu.h>
#include <edureg.h>

#include "h_case.h"
#include "h_qemu.h"
#include "h_tap.h"

#define SYSFS_PCI	"/sys/bus/pci/devices"
#define THREADS		4

EDU_TEST(first_open, "a fresh handle: name, kernel side, limit, no message, "
    "bus mastering and decoding on")
{
	struct edu *edu = open_device("qtest:", 0);
	uint32_t command;

	ATF_CHECK_STREQ(edu_name(edu), "qtest:");
	ATF_CHECK_STREQ(edu_kernel_side(edu), "qtest");
	ATF_CHECK_STREQ(edu_errmsg(edu), "");
	ATF_CHECK_STREQ(edu_errmsg(NULL), "");
	ATF_CHECK_EQ(edu_dma_limit(edu), 4095);
	REQUIRE_EDU(edu, edu_config_read(edu, PCI_COMMAND, &command));
	ATF_CHECK_EQ(command & 0x0406, 0x0006);
	check_status(edu, 0);
	edu_close(edu);
}

EDU_TEST(version, "the library's version is that of its header")
{

	ATF_CHECK_STREQ(edu_version(), EDU_VERSION);
}

EDU_TEST(close_null, "closing accepts NULL; errno survives every release")
{
	struct edu *edu = open_device("qtest:", 0);

	errno = ELOOP;
	edu_close(NULL);
	edu_list_free(NULL);
	ATF_CHECK_EQ(errno, ELOOP);
	edu_close(edu);
	ATF_CHECK_EQ(errno, ELOOP);
}

EDU_TEST(malformed_names, "what is no name of a device is EINVAL, on a machine "
    "without PCI as well")
{
	static const char *const names[] = {
		"", " ", ":", ".", "a", "0", "a.", ".0", ":a.0", "0:", "0:a",
		"0:a.", "0:a.8", "0:a.00", "0:20.0", "100:0.0", "0:0:0:a.0",
		"0::a.0", "g:a.0", "0:a.g", "0:a.0 ", " 0:a.0", "0:a.0x",
		"0x0:a.0", "-1:a.0", "+0:a.0", "0:a,0",
		"000000000:0:a.0", "fffffffff:0:a.0", "qtest", "qtest;",
		"QTEST:", " qtest:", "/dev/edu0"
	};
	char name[600];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check_open_fails(names[i], EINVAL, "DOMAIN:BUS:DEVICE.");
	CHECK_ERRNO(NULL, EINVAL, edu_open("0000:00:0a.0\n", 0) == NULL);
	CHECK_MESSAGE(NULL, "0a.0\\x0a: ");
	for (i = 100; i < sizeof(name); i += 13) {
		memset(name, '0', i);
		name[i] = '\0';
		CHECK_ERRNO(NULL, EINVAL, edu_open(name, 0) == NULL);
		memcpy(name, "qtest:", 6);
		if (i > 6 + 107)
			CHECK_ERRNO(NULL, EINVAL, edu_open(name, 0) == NULL);
	}
	/* An address that is well formed, and taken for what it is not. */
	CHECK_ERRNO(NULL, ENOENT, edu_open("ffff:ff:1f.7", 0) == NULL);
}

EDU_TEST(absent, "an address in every spelling at which there is nothing: "
    "ENOENT")
{
	static const char *const names[] = {
		"ffff:ff:1f.7", "FFFF:FF:1F.7", "ffffffff:ff:1f.7", "ff:1f.7",
		"fffe:0:0.0", "0000fffe:000000:00000.0"
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check_open_fails(names[i], ENOENT, "PCI");
	check_open_fails("qtest:/nonexistent/socket", ENOENT, "No such file");
}

EDU_TEST(first_absent, "on a machine without an edu device, the first is "
    "ENOENT, and the list is empty")
{
	struct edu_list *list = edu_list_new();

	if (list != NULL && edu_list_count(list) > 0)
		atf_tc_skip("this machine has an edu device");
	if (list == NULL)
		ATF_CHECK_MSG((errno == ENOENT || errno == EACCES ||
		    errno == EPERM) && edu_errmsg(NULL)[0] != '\0',
		    "errno %d: %s", errno, edu_errmsg(NULL));
	else
		ATF_CHECK(edu_list_name(list, 0) == NULL);
	edu_list_free(list);
	CHECK_ERRNO(NULL, ENOENT, edu_open(NULL, 0) == NULL);
	ATF_CHECK(edu_errmsg(NULL)[0] != '\0');
	CHECK_ERRNO(NULL, ENOENT, edu_open(NULL, EDU_OPEN_CONFIG |
	    EDU_OPEN_READONLY) == NULL);
}

EDU_TEST(no_edu_device, "any other PCI function is ENODEV, and the message "
    "says what it is")
{
	char found[5] = "", path[300], want[10];
	struct dirent *entry;
	struct edu *edu;
	uint32_t ids;
	DIR *dir;

	if ((dir = opendir(SYSFS_PCI)) == NULL)
		atf_tc_skip("no " SYSFS_PCI);
	while ((entry = readdir(dir)) != NULL) {
		if (strchr(entry->d_name, ':') == NULL)
			continue;
		(void)snprintf(path, sizeof(path), "%s", entry->d_name);
		edu = open_device(path, EDU_OPEN_CONFIG | EDU_OPEN_READONLY);
		ATF_CHECK_STREQ(edu_name(edu), path);
		REQUIRE_EDU(edu, edu_config_read(edu, 0, &ids));
		edu_close(edu);
		(void)snprintf(found, sizeof(found), "%04x", ids & 0xffff);
		if (ids != 0x11e81234)
			break;
	}
	(void)closedir(dir);
	if (entry == NULL)
		atf_tc_skip("no PCI function that is no edu");
	(void)snprintf(want, sizeof(want), "%.4s:%04x", found, ids >> 16);
	CHECK_ERRNO(NULL, ENODEV, edu_open(path, EDU_OPEN_READONLY) == NULL);
	CHECK_MESSAGE(NULL, "1234:11e8");
	CHECK_MESSAGE(NULL, want);
	CHECK_MESSAGE(NULL, path);
}

EDU_TEST(unknown_flags, "each unknown flag is EINVAL, alone and with others")
{
	char expected[32];
	unsigned flag;

	for (flag = EDU_OPEN_POLL << 1; flag != 0; flag <<= 1) {
		CHECK_ERRNO(NULL, EINVAL, edu_open("qtest:", flag) == NULL);
		(void)snprintf(expected, sizeof(expected), "flags 0x%x",
		    flag);
		CHECK_MESSAGE(NULL, expected);
		CHECK_ERRNO(NULL, EINVAL, edu_open("qtest:",
		    flag | EDU_OPEN_CONFIG) == NULL);
	}
}

/* Every call that changes something, on a handle that may not. */
static void
check_refusals(struct edu *edu, unsigned char *mem, const char *message)
{
	uint32_t value = 77;

	CHECK_ERRNO(edu, EBADF, edu_write(edu, EDU_LIVE, 4, 0) == -1);
	CHECK_MESSAGE(edu, message);
	/* The handle first: not even what is asked is looked at. */
	CHECK_ERRNO(edu, EBADF, edu_write(edu, 3, 3, 0) == -1);
	CHECK_ERRNO(edu, EBADF, edu_live(edu, 1, &value) == -1);
	CHECK_ERRNO(edu, EBADF, edu_factorial(edu, 5, 0, SOON_MS,
	    &value) == -1);
	CHECK_ERRNO(edu, EBADF, edu_factorial(edu, 5, EDU_INTERRUPT, SOON_MS,
	    &value) == -1);
	CHECK_ERRNO(edu, EBADF, edu_irq_raise(edu, 1) == -1);
	CHECK_ERRNO(edu, EBADF, edu_irq_ack(edu, 1) == -1);
	CHECK_ERRNO(edu, EBADF, edu_irq_wait(edu, 0, &value) == -1);
	CHECK_ERRNO(edu, EBADF, edu_irq_fd(edu) == -1);
	CHECK_ERRNO(edu, EBADF, edu_mem_alloc(edu, 1) == NULL);
	CHECK_ERRNO(edu, EBADF, edu_dma_put(edu, 0, mem, 1, 0, SOON_MS) == -1);
	CHECK_ERRNO(edu, EBADF, edu_dma_get(edu, 0, mem, 1, 0, SOON_MS) == -1);
	CHECK_ERRNO(edu, EBADF, edu_dma_copy(edu, mem, mem + 2, 1, 0,
	    SOON_MS) == -1);
	CHECK_MESSAGE(edu, message);
	ATF_CHECK_EQ(value, 77);
}

static unsigned char *
other_memory(struct edu **other)
{
	unsigned char *mem;

	*other = open_device("qtest:", 0);
	ATF_REQUIRE((mem = edu_mem_alloc(*other, 16)) != NULL);
	return mem;
}

EDU_TEST(readonly_refuses, "EDU_OPEN_READONLY: reading works, every call that "
    "changes something is EBADF and writes nothing")
{
	struct edu *edu = open_device("qtest:", EDU_OPEN_READONLY), *other;
	unsigned char *mem = other_memory(&other);
	uint64_t wide;
	uint32_t value;

	tap_attach(edu);
	check_refusals(edu, mem, "read-only");
	CHECK_ERRNO(edu, EBADF, edu_bar_size(edu, 0, 0) == NULL);
	CHECK_ERRNO(edu, EBADF, edu_bar_size(edu, 0, EDU_BAR_FORCE) == NULL);
	ATF_CHECK_EQ(tap.count, 0);
	REQUIRE_EDU(edu, edu_identify(edu, &value));
	ATF_CHECK_EQ(value, 0x010000ed);
	REQUIRE_EDU(edu, edu_read(edu, EDU_ID, 4, &wide));
	ATF_CHECK_EQ(wide, 0x010000ed);
	check_status(edu, 0);
	REQUIRE_EDU(edu, edu_config_read(edu, 0, &value));
	ATF_CHECK_EQ(value, 0x11e81234);
	ATF_CHECK_EQ(edu_dma_limit(edu), 4095);
	ATF_CHECK_STREQ(edu_name(edu), "qtest:");
	ATF_CHECK_STREQ(edu_kernel_side(edu), "none");
	tap_reset();
	tap.ops.close(edu->bus);
	ATF_CHECK_EQ(tap_count(0, 1) + tap_count(1, 1), 0);
	edu_close(other);
}

EDU_TEST(config_refuses, "EDU_OPEN_CONFIG: configuration space works, every "
    "other call is EBADF")
{
	struct edu *edu = open_device("qtest:", EDU_OPEN_CONFIG), *other;
	unsigned char *mem = other_memory(&other);
	uint64_t wide = 77;
	uint32_t value = 77;
	struct edu_bar *bar;

	tap_attach(edu);
	check_refusals(edu, mem, "configuration space alone");
	CHECK_ERRNO(edu, EBADF, edu_identify(edu, &value) == -1);
	CHECK_ERRNO(edu, EBADF, edu_read(edu, EDU_ID, 4, &wide) == -1);
	CHECK_ERRNO(edu, EBADF, edu_irq_status(edu, &value) == -1);
	ATF_CHECK(wide == 77 && value == 77);
	ATF_CHECK_EQ(tap.count, 0);
	REQUIRE_EDU(edu, edu_config_read(edu, 0, &value));
	ATF_CHECK((bar = edu_bar_size(edu, 0, 0)) != NULL);
	edu_bar_free(bar);
	ATF_CHECK_STREQ(edu_kernel_side(edu), "none");
	edu_close(edu);
	/* Both: to look at the configuration space of anything. */
	edu = open_device("qtest:", EDU_OPEN_CONFIG | EDU_OPEN_READONLY);
	CHECK_ERRNO(edu, EBADF, edu_bar_size(edu, 0, 0) == NULL);
	CHECK_ERRNO(edu, EBADF, edu_identify(edu, &value) == -1);
	REQUIRE_EDU(edu, edu_config_read(edu, 0, &value));
	edu_close(edu);
	edu_close(other);
}

/* Configuration space, and the registers whose reading changes nothing. */
struct snapshot {
	uint32_t	config[PCI_CONFIG_SIZE / 4];
	uint64_t	registers[0xa0 / 4];
};

static void
take_snapshot(struct qtest *q, struct snapshot *s)
{
	unsigned offset;
	uint32_t bar0;

	memset(s, 0, sizeof(*s));
	for (offset = 0; offset < PCI_CONFIG_SIZE; offset += 4)
		s->config[offset / 4] = session_config_read(q, EDU_DEVFN,
		    offset);
	bar0 = s->config[0x10 / 4] & ~0xfU;
	for (offset = 0; offset < 0xa0; offset += 4)
		ATF_REQUIRE(qtest_command(q, &s->registers[offset / 4],
		    "readl 0x%x", bar0 + offset) == 0);
}

static void
check_snapshot(const struct snapshot *before)
{
	struct qtest *q = session_open();
	struct snapshot after;
	size_t i;

	take_snapshot(q, &after);
	for (i = 0; i < sizeof(after.config) / 4; i++)
		ATF_CHECK_EQ_MSG(after.config[i], before->config[i],
		    "configuration space at 0x%02zx: 0x%08x became 0x%08x",
		    i * 4, before->config[i], after.config[i]);
	for (i = 0; i < sizeof(after.registers) / 8; i++)
		ATF_CHECK_EQ_MSG(after.registers[i], before->registers[i],
		    "register 0x%02zx: 0x%jx became 0x%jx", i * 4,
		    (uintmax_t)before->registers[i],
		    (uintmax_t)after.registers[i]);
	qtest_end(q);
}

EDU_TEST(readonly_changes_nothing, "EDU_OPEN_READONLY leaves every register "
    "and configuration space as they are, interrupts pending")
{
	struct snapshot before;
	uint32_t value;
	struct edu *edu;
	struct qtest *q;

	start_qemu("q35", "");
	edu = open_device(DEVICE, EDU_OPEN_KEEP);
	REQUIRE_EDU(edu, edu_irq_raise(edu, 0x1234));
	REQUIRE_EDU(edu, edu_live(edu, 0x55, NULL));
	REQUIRE_EDU(edu, edu_write(edu, EDU_DMA_SRC, 8, 0x777));
	edu_close(edu);
	q = session_open();
	session_config_write(q, EDU_DEVFN, PCI_COMMAND, 0x0502);
	take_snapshot(q, &before);
	qtest_end(q);
	edu = open_device(DEVICE, EDU_OPEN_READONLY);
	check_status(edu, 0x1234);
	REQUIRE_EDU(edu, edu_identify(edu, &value));
	edu_close(edu);
	check_snapshot(&before);
	edu = open_device(DEVICE, EDU_OPEN_READONLY | EDU_OPEN_CONFIG);
	edu_close(edu);
	check_snapshot(&before);
	edu = open_device(DEVICE, EDU_OPEN_CONFIG);
	edu_bar_free(edu_bar_size(edu, 0, 0));
	edu_close(edu);
	check_snapshot(&before);
}

EDU_TEST(command_restored, "decoding, bus mastering and INTx are on while "
    "open, and as they were found after the close")
{
	static const uint32_t commands[] = {
		0x0002, 0x0003, 0x0006, 0x0102, 0x0402, 0x0507
	};
	uint32_t command;
	struct edu *edu;
	struct qtest *q;
	size_t i;

	start_qemu("q35", "");
	edu_close(open_device(DEVICE, 0));
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		q = session_open();
		session_config_write(q, EDU_DEVFN, PCI_COMMAND, commands[i]);
		qtest_end(q);
		edu = open_device(DEVICE, 0);
		REQUIRE_EDU(edu, edu_config_read(edu, PCI_COMMAND, &command));
		/* Other bits are none of our business. */
		ATF_CHECK_EQ_MSG(command & 0xffff, (commands[i] | 0x0006) &
		    ~0x0400U, "0x%x", command);
		REQUIRE_EDU(edu, edu_live(edu, 1, NULL));
		edu_close(edu);
		q = session_open();
		command = session_config_read(q, EDU_DEVFN, PCI_COMMAND);
		ATF_CHECK_EQ_MSG(command & 0xffff, commands[i], "0x%04x "
		    "became 0x%04x", commands[i], command & 0xffff);
		qtest_end(q);
	}
}

EDU_TEST(interrupts_of_others, "the factorial's interrupt, switched on by "
    "somebody before us, is off when we are done")
{
	struct edu *edu;
	uint64_t status;
	uint32_t result;

	start_qemu("q35", "");
	edu = open_device(DEVICE, 0);
	REQUIRE_EDU(edu, edu_write(edu, EDU_STATUS, 4, EDU_STATUS_IRQFACT));
	edu->factorial.status = 0;	/* as if it were not our doing */
	edu_close(edu);
	edu = open_device(DEVICE, 0);
	REQUIRE_EDU(edu, edu_read(edu, EDU_STATUS, 4, &status));
	ATF_CHECK_EQ(status, 0);
	REQUIRE_EDU(edu, edu_factorial(edu, 12, EDU_INTERRUPT, SOON_MS,
	    &result));
	edu_close(edu);
	edu = open_device(DEVICE, EDU_OPEN_READONLY);
	REQUIRE_EDU(edu, edu_read(edu, EDU_STATUS, 4, &status));
	ATF_CHECK_EQ(status, 0);
	edu_close(edu);
}

EDU_TEST(messages, "a handle keeps its own last message, and the thread that "
    "of calls without a handle")
{
	struct edu *a = open_device("qtest:", 0), *b = open_device("qtest:", 0);
	uint32_t value;
	char text[512];

	CHECK_ERRNO(NULL, EINVAL, edu_open("nonsense", 0) == NULL);
	(void)snprintf(text, sizeof(text), "%s", edu_errmsg(NULL));
	ATF_CHECK(strstr(text, "nonsense: ") == text);
	CHECK_ERRNO(a, EINVAL, edu_config_read(a, 1, &value) == -1);
	CHECK_ERRNO(b, ERANGE, edu_factorial(b, 13, 0, 0, &value) == -1);
	ATF_CHECK(strstr(edu_errmsg(a), "qtest: cannot read conf") != NULL);
	ATF_CHECK(strstr(edu_errmsg(b), "qtest: 13! ") != NULL);
	ATF_CHECK_STREQ(edu_errmsg(NULL), text);
	/* The next one, and what succeeds is silent. */
	CHECK_ERRNO(a, EACCES, edu_write(a, EDU_ID, 4, 0) == -1);
	ATF_CHECK(strstr(edu_errmsg(a), "read-only") != NULL);
	REQUIRE_EDU(a, edu_live(a, 1, NULL));
	ATF_CHECK(strstr(edu_errmsg(a), "read-only") != NULL);
	edu_close(a);
	edu_close(b);
	ATF_CHECK_STREQ(edu_errmsg(NULL), text);
	/* A long name is cut in the message, which still has its reason. */
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	CHECK_ERRNO(NULL, EINVAL, edu_open(text, 0) == NULL);
	CHECK_MESSAGE(NULL, "DOMAIN:BUS:DEVICE.FUNCTION");
}

struct job {
	pthread_t	thread;
	int		number;
	char		problem[600];	/* empty: none */
};

/* ATF's own checks belong to the main thread. */
#define JOB_CHECK(job, condition) do {					\
	if (!(condition) && (job)->problem[0] == '\0')			\
		(void)snprintf((job)->problem, sizeof((job)->problem),	\
		    "thread %d, %s: errno %d: %s", (job)->number,	\
		    #condition, errno, edu_errmsg(NULL));		\
} while (0)

static void
use_device(struct job *job, struct edu *edu)
{
	unsigned char *mem = edu_mem_alloc(edu, 10000);
	uint32_t value = 0, mask = 0x10U << job->number;
	int i;

	JOB_CHECK(job, mem != NULL);
	for (i = 0; mem != NULL && i < 10; i++) {
		memset(mem, job->number + 1, 10000);
		JOB_CHECK(job, edu_dma_copy(edu, mem, mem + 5000, 5000,
		    i & 1 ? EDU_INTERRUPT : 0, SOON_MS) == 0);
		JOB_CHECK(job, ((char *)mem)[4999] ==
		    job->number + 1);
		JOB_CHECK(job, edu_factorial(edu, 12, i & 1 ?
		    EDU_INTERRUPT : 0, SOON_MS, &value) == 0 &&
		    value == 479001600);
		JOB_CHECK(job, edu_irq_raise(edu, mask) == 0);
		JOB_CHECK(job, edu_irq_wait(edu, SOON_MS, &value) == 1 &&
		    value == mask);
	}
}

static void *
work(void *arg)
{
	struct job *job = arg;
	char name[32];
	struct edu *edu;
	int i;

	JOB_CHECK(job, edu_errmsg(NULL)[0] == '\0');
	(void)snprintf(name, sizeof(name), "thread%d", job->number);
	for (i = 0; i < 3; i++) {
		JOB_CHECK(job, edu_open(name, 0) == NULL && errno == EINVAL);
		edu = edu_open("qtest:", 0);
		JOB_CHECK(job, edu != NULL);
		if (edu != NULL)
			use_device(job, edu);
		JOB_CHECK(job, strncmp(edu_errmsg(NULL), name,
		    strlen(name)) == 0);
		edu_close(edu);
		edu_list_free(edu_list_new());
	}
	return NULL;
}

EDU_TEST(threads, "four threads, each with a device of its own and messages of "
    "its own", "timeout", "120")
{
	struct job jobs[THREADS];
	int i;

	CHECK_ERRNO(NULL, EINVAL, edu_open("main", 0) == NULL);
	memset(jobs, 0, sizeof(jobs));
	for (i = 0; i < THREADS; i++) {
		jobs[i].number = i;
		ATF_REQUIRE(pthread_create(&jobs[i].thread, NULL, work,
		    &jobs[i]) == 0);
	}
	for (i = 0; i < THREADS; i++) {
		ATF_REQUIRE(pthread_join(jobs[i].thread, NULL) == 0);
		ATF_CHECK_STREQ(jobs[i].problem, "");
	}
	CHECK_MESSAGE(NULL, "main: ");
}

EDU_TEST(unplugged, "a device that was unplugged: ENODEV from what asks it, "
    "and it can be closed")
{
	unsigned char *mem;
	uint32_t value = 77;
	struct edu *edu;

	start_qemu("pc", "");
	edu = open_device(DEVICE, 0);
	ATF_REQUIRE((mem = edu_mem_alloc(edu, 100)) != NULL);
	unplug(edu_bus_qtest_session(edu->bus));
	CHECK_ERRNO(edu, ENODEV, edu_identify(edu, &value) == -1);
	CHECK_ERRNO(edu, ENODEV, edu_live(edu, 1, NULL) == -1);
	CHECK_ERRNO(edu, ENODEV, edu_live(edu, UINT32_MAX, NULL) == -1);
	CHECK_ERRNO(edu, ENODEV, edu_factorial(edu, 0, 0, EDU_FOREVER,
	    &value) == -1);
	CHECK_ERRNO(edu, ENODEV, edu_factorial(edu, 12, EDU_INTERRUPT, 50,
	    &value) == -1);
	CHECK_ERRNO(edu, ENODEV, edu_irq_status(edu, &value) == -1);
	CHECK_ERRNO(edu, ENODEV, edu_bar_size(edu, 0, 0) == NULL);
	CHECK_ERRNO(edu, ENODEV, edu_dma_put(edu, 0, mem, 100, 0,
	    EDU_FOREVER) == -1);
	CHECK_ERRNO(edu, ENODEV, edu_dma_get(edu, 0, mem, 100, EDU_INTERRUPT,
	    SOON_MS) == -1);
	ATF_CHECK_MSG(value == 77 || value == UINT32_MAX || value == 0,
	    "0x%x", value);
	edu_close(edu);
	check_open_fails(DEVICE, ENOENT, "-device edu");
	/* Plugged in again, it is as good as new. */
	monitor("device_add edu,id=it,addr=0xa");
	edu = open_device(DEVICE, 0);
	check_engines(edu);
	edu_close(edu);
}
