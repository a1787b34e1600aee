/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* libedu over edu(4): nodes, interrupts, memory, and no driver. */

#include "h_libedu.h"

static struct edu_info
node_info(const char *path)
{
	struct edu_info info;
	int fd = open(path, O_RDONLY);

	ATF_REQUIRE_MSG(fd != -1, "%s: %s", path, strerror(errno));
	ATF_REQUIRE(ioctl(fd, EDU_IOC_INFO, &info) == 0);
	(void)close(fd);
	return info;
}

/*
 * Which node belongs to a device.
 */

/* Of all nodes the i-th, and it alone, is open. */
static void
check_busy(size_t i, size_t n)
{
	char path[32];
	size_t at;
	int fd;

	for (at = 0; at < n; at++) {
		(void)snprintf(path, sizeof(path), "/dev/edu%zu", at);
		errno = 0;
		fd = open(path, O_RDONLY);
		ATF_CHECK_MSG((fd == -1 && errno == EBUSY) == (at == i),
		    "%s: %s, while edu%zu is open", path, strerror(errno), i);
		(void)close(fd);
	}
}

LIBEDU_TEST(node_of_device, "each device's own node is opened, and says which "
    "it is")
{
	size_t i, n = need_edus(2);
	struct edu *edu;
	char side[32];

	for (i = 0; i < n; i++) {
		edu = open_device(names[i].text, 0);
		(void)snprintf(side, sizeof(side), "edu%zu (edu, ", i);
		ATF_CHECK_MSG(strncmp(edu_kernel_side(edu), side,
		    strlen(side)) == 0, "'%s'", edu_kernel_side(edu));
		check_busy(i, n);
		REQUIRE_EDU(edu, edu_irq_raise(edu, BIT_A << i));
		check_wait(edu, SOON_MS, BIT_A << i);
		edu_close(edu);
	}
}

LIBEDU_TEST(node_of_later_device, "a detached device does not shift the others")
{
	size_t n = need_edus(2);
	struct edu *edu;

	ATF_REQUIRE(detach(0) == 0);
	edu = open_device(names[0].text, 0);
	ATF_CHECK_STREQ(edu_kernel_side(edu), "none");
	edu_close(edu);
	edu = open_device(names[n - 1].text, 0);
	check_busy(n - 1, n);
	REQUIRE_EDU(edu, edu_irq_raise(edu, BIT_A));
	check_wait(edu, SOON_MS, BIT_A);
	edu_close(edu);
}

LIBEDU_TEST(node_missing, "a node that is missing is ENOENT, and edu(4) says "
    "more")
{

	(void)need_edus(1);
	replace_node(0, 0);
	CHECK_ERRNO(NULL, ENOENT, edu_open(names[0].text, 0) == NULL);
	CHECK_MESSAGE(NULL, NODE " is missing: edu(4)");
	/* Looking needs none. */
	edu_close(open_device(names[0].text, EDU_OPEN_READONLY));
}

LIBEDU_TEST(node_busy, "a node that somebody has open is EBUSY, and fstat(1) "
    "helps")
{
	struct edu *edu;
	uint32_t status;
	int fd;

	(void)need_edus(1);
	ATF_REQUIRE((fd = open(NODE, O_RDWR)) != -1);
	CHECK_ERRNO(NULL, EBUSY, edu_open(names[0].text, 0) == NULL);
	CHECK_MESSAGE(NULL, "(fstat " NODE ")");
	edu = open_device(names[0].text, EDU_OPEN_READONLY);
	REQUIRE_EDU(edu, edu_irq_status(edu, &status));
	edu_close(edu);
	(void)close(fd);
	edu_close(open_device(names[0].text, 0));
}

LIBEDU_TEST(node_mapped, "a handle that a child still has mapped is EBUSY")
{
	struct edu *edu;
	int go[2], ready[2];
	pid_t pid;
	char c;

	(void)need_edus(1);
	edu = open_device(names[0].text, 0);
	ATF_REQUIRE(edu_mem_alloc(edu, 4096) != NULL);
	ATF_REQUIRE(pipe(go) == 0 && pipe(ready) == 0);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		(void)close(go[1]);
		(void)close(edu_irq_fd(edu));
		(void)write(ready[1], "r", 1);
		(void)read(go[0], &c, 1);
		_exit(0);
	}
	ATF_REQUIRE_EQ(read(ready[0], &c, 1), 1);
	edu_close(edu);
	CHECK_ERRNO(NULL, EBUSY, edu_open(names[0].text, 0) == NULL);
	CHECK_MESSAGE(NULL, "still has it mapped");
	(void)close(go[1]);
	reap(pid);
	edu_close(open_device(names[0].text, 0));
}

/*
 * Interrupts.
 */

LIBEDU_TEST(event_loop, "edu_irq_fd() in poll(2) and kqueue(2), by level and "
    "edge")
{
	struct pollfd pfd = { .events = POLLIN };
	struct timespec soon = { SOON_MS / 1000, 0 }, now = { 0, 0 };
	struct kevent change[2], event;
	struct edu *edu;
	int i, kq;

	(void)need_edus(1);
	edu = open_device(names[0].text, 0);
	REQUIRE_EDU(edu, pfd.fd = edu_irq_fd(edu));
	ATF_CHECK(fcntl(pfd.fd, F_GETFL) & O_NONBLOCK);
	ATF_REQUIRE((kq = kqueue()) != -1);
	EV_SET(&change[0], (uintptr_t)pfd.fd, EVFILT_READ, EV_ADD, 0, 0, NULL);
	ATF_REQUIRE(kevent(kq, change, 1, NULL, 0, NULL) == 0);
	for (i = 0; i < 100; i++) {
		ATF_CHECK_EQ(kevent(kq, NULL, 0, &event, 1, &now), 0);
		ATF_CHECK_EQ(poll(&pfd, 1, 0), 0);
		REQUIRE_EDU(edu, edu_irq_raise(edu, 1U << i % 32));
		ATF_REQUIRE_EQ(kevent(kq, NULL, 0, &event, 1, &soon), 1);
		ATF_CHECK_EQ(event.data, (int64_t)sizeof(struct edu_event));
		ATF_CHECK_EQ(poll(&pfd, 1, 0), 1);
		check_wait(edu, SOON_MS, 1U << i % 32);
	}
	check_wait(edu, 0, 0);
	(void)close(kq);
	edu_close(edu);
}

LIBEDU_TEST(interrupt_before_sizing, "what was raised before sizing is there "
    "after")
{
	uint8_t before[CONFIG_SIZE];
	struct edu_bar *bar;
	struct edu *edu;
	uint32_t bit;
	int i;

	(void)need_edus(1);
	edu = open_device(names[0].text, 0);
	pci_config(names[0].text, before);
	for (i = 0; i < 200; i++) {
		bit = 1U << i % 32;
		REQUIRE_EDU(edu, edu_irq_raise(edu, bit));
		bar = edu_bar_size(edu, 0, 0);
		ATF_REQUIRE_MSG(bar != NULL, "%s", edu_errmsg(edu));
		ATF_CHECK_EQ(edu_bar_length(bar), EDU_BAR0_SIZE);
		edu_bar_free(bar);
		check_wait(edu, SOON_MS, bit);
		check_wait(edu, 0, 0);
	}
	pci_check_same(names[0].text, before, "after sizing");
	edu_close(edu);
}

LIBEDU_TEST(unannounced_before_sizing, "sizing looks for what nobody has "
    "announced")
{
	struct edu_bar *bar;
	struct edu *edu;
	struct edu_event event;
	uint32_t command;

	(void)need_edus(1);
	edu = open_device(names[0].text, 0);
	if (strstr(edu_kernel_side(edu), "MSI") == NULL)
		atf_tc_skip("INTx comes again by itself");
	command = pci_command(names[0].text);
	/* Neither a message nor a line gets through. */
	pci_set_command(names[0].text,
	    (command & ~COMMAND_MASTER) | COMMAND_NO_INTX);
	REQUIRE_EDU(edu, edu_irq_raise(edu, BIT_B));
	pci_set_command(names[0].text, command);
	ATF_REQUIRE((bar = edu_bar_size(edu, 0, 0)) != NULL);
	edu_bar_free(bar);
	/* The driver would find it in time as well; it has it already. */
	ATF_CHECK_EQ(read(edu_irq_fd(edu), &event, sizeof(event)),
	    (ssize_t)sizeof(event));
	ATF_CHECK_EQ(event.status, BIT_B);
	edu_close(edu);
}

static const struct edu_bus_ops *real_ops;
static unsigned windows;

/* While the BAR is being sized, nothing decodes and INTx is masked. */
static int
watched_write(struct edu_bus *bus, unsigned offset, uint32_t value)
{
	uint32_t command;

	if (offset == BAR(0) && value == UINT32_MAX) {
		command = pci_command(bus->name);
		ATF_CHECK_EQ(command & COMMAND_DECODING, 0);
		ATF_CHECK(command & COMMAND_NO_INTX);
		windows++;
	}
	return real_ops->config_write(bus, offset, value);
}

LIBEDU_TEST(masked_while_sizing, "INTx is masked, decoding off, while a BAR is "
    "sized")
{
	struct edu_bus_ops ops;
	struct edu_bar *bar;
	struct edu *edu;

	(void)need_edus(1);
	edu = open_device(names[0].text, 0);
	real_ops = edu->bus->ops;
	ops = *real_ops;
	ops.config_write = watched_write;
	edu->bus->ops = &ops;
	ATF_REQUIRE((bar = edu_bar_size(edu, 0, 0)) != NULL);
	edu_bar_free(bar);
	ATF_CHECK_EQ(windows, 1);
	edu->bus->ops = real_ops;
	edu_close(edu);
}

LIBEDU_TEST(sizing_opens_node, "a handle for sizing has the driver told, alone")
{
	struct edu_bar *bar;
	struct edu *edu;
	size_t n = need_edus(1);
	int fd;

	edu = open_device(names[0].text, EDU_OPEN_CONFIG);
	ATF_REQUIRE((bar = edu_bar_size(edu, 0, 0)) != NULL);
	edu_bar_free(bar);
	check_busy(0, n);
	edu_close(edu);
	ATF_REQUIRE((fd = open(NODE, O_RDWR)) != -1);
	edu = open_device(names[0].text, EDU_OPEN_CONFIG);
	CHECK_ERRNO(edu, EBUSY, edu_bar_size(edu, 0, 0) == NULL);
	CHECK_MESSAGE(edu, NODE);
	edu_close(edu);
	(void)close(fd);
}

LIBEDU_TEST(detach_during_wait, "detach and unload say busy; the wait goes on")
{
	char module[] = "edu";
	struct edu *edu;
	pid_t pid;

	(void)need_edus(1);
	edu = open_device(names[0].text, 0);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		sleep_ms(100);
		MUST_FAIL(NULL, EBUSY, "", detach(0) == -1);
		if (atf_tc_has_config_var(tc, "edu.module"))
			MUST_FAIL(NULL, EBUSY, "",
			    modctl(MODCTL_UNLOAD, module) == -1);
		MUST(edu, edu_irq_raise(edu, BIT_A) == 0);
		_exit(0);
	}
	check_wait(edu, SOON_MS, BIT_A);
	reap(pid);
	edu_close(edu);
}

LIBEDU_TEST(revoked_during_wait, "a wait ends with ENODEV when the node is "
    "revoked")
{
	struct edu *edu;
	uint32_t status;
	pid_t pid;

	(void)need_edus(1);
	edu = open_device(names[0].text, EDU_OPEN_KEEP);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		sleep_ms(100);
		_exit(revoke(NODE) == 0 ? 0 : 1);
	}
	CHECK_ERRNO(edu, ENODEV, edu_irq_wait(edu, SOON_MS, &status) == -1);
	CHECK_MESSAGE(edu, NODE " is detached or revoked");
	CHECK_ERRNO(edu, ENODEV, edu_irq_status(edu, &status) == -1);
	ATF_CHECK(edu_mem_alloc(edu, 1) == NULL);
	reap(pid);
	/* Its descriptor is still a descriptor, of nothing. */
	edu_close(edu);
	edu = open_device(names[0].text, 0);
	REQUIRE_EDU(edu, edu_irq_raise(edu, BIT_A));
	check_wait(edu, SOON_MS, BIT_A);
	edu_close(edu);
}

LIBEDU_TEST(no_answer, "a device that does not answer the driver is ENODEV")
{
	uint32_t bar, command;
	uint8_t moved[CONFIG_SIZE];

	(void)need_edus(1);
	bar = pci_read(names[0].text, BAR(0));
	command = pci_command(names[0].text);
	pci_set_command(names[0].text, command & ~COMMAND_DECODING);
	pci_write(names[0].text, BAR(0), bar ^ 0x100000);
	pci_set_command(names[0].text, command);
	pci_config(names[0].text, moved);
	CHECK_ERRNO(NULL, ENODEV, edu_open(names[0].text, 0) == NULL);
	CHECK_MESSAGE(NULL, "edu(4) gets no answer");
	pci_check_same(names[0].text, moved, "after the open");
	pci_set_command(names[0].text, command & ~COMMAND_DECODING);
	pci_write(names[0].text, BAR(0), bar);
	pci_set_command(names[0].text, command);
	edu_close(open_device(names[0].text, 0));
}

/*
 * Memory.
 */

LIBEDU_TEST(memory_bounded, "pieces are what edu(4) has, and no more than that")
{
	unsigned char *mems[256], *one;
	struct edu_info info;
	uint64_t address;
	struct edu *edu;
	char text[64];
	size_t i, n;

	(void)need_edus(1);
	info = node_info(NODE);
	n = (size_t)info.dma_size / 4096;
	edu = open_device(names[0].text, 0);
	CHECK_ERRNO(edu, ENOMEM, edu_mem_alloc(edu,
	    (size_t)info.dma_size + 1) == NULL);
	for (i = 0; i < n; i++) {
		ATF_REQUIRE((mems[i] = edu_mem_alloc(edu, 4000)) != NULL);
		address = bus_address(edu, mems[i]);
		ATF_CHECK_EQ(address, info.dma_address + i * 4096);
		memset(mems[i], 0xff, 4000);
	}
	CHECK_ERRNO(edu, ENOMEM, edu_mem_alloc(edu, 1) == NULL);
	(void)snprintf(text, sizeof(text), "no 1 bytes are left of the %zu",
	    (size_t)info.dma_size);
	CHECK_MESSAGE(edu, text);
	/* The room of two pieces is one piece, and it is zeroed. */
	edu_mem_free(edu, mems[5]);
	edu_mem_free(edu, mems[6]);
	ATF_CHECK(edu_mem_alloc(edu, 8193) == NULL);
	ATF_REQUIRE((one = edu_mem_alloc(edu, 8192)) != NULL);
	ATF_CHECK_EQ(bus_address(edu, one), info.dma_address + 5 * 4096);
	for (i = 0; i < 8192; i++)
		ATF_REQUIRE_EQ(((char *)one)[i], 0);
	/* The close frees what is left. */
	edu_close(edu);
	edu = open_device(names[0].text, 0);
	ATF_CHECK(edu_mem_alloc(edu, (size_t)info.dma_size) != NULL);
	edu_close(edu);
}

/*
 * Without the driver.
 */

LIBEDU_TEST(no_driver, "without edu(4) there is polling, and errors that help")
{
	unsigned char *mem;
	struct edu *edu;
	uint32_t result, status;

	(void)need_edus(1);
	ATF_REQUIRE(detach(0) == 0);
	edu = open_device(names[0].text, 0);
	ATF_CHECK_STREQ(edu_kernel_side(edu), "none");
	REQUIRE_EDU(edu, edu_factorial(edu, 12, 0, SOON_MS, &result));
	ATF_CHECK_EQ(result, 479001600);
	CHECK_ERRNO(edu, ENOTSUP, edu_factorial(edu, 12, EDU_INTERRUPT,
	    SOON_MS, &result) == -1);
	CHECK_MESSAGE(edu, "modload edu");
	CHECK_ERRNO(edu, ENOTSUP, edu_irq_wait(edu, 0, &status) == -1);
	CHECK_MESSAGE(edu, "modload edu");
	CHECK_ERRNO(edu, ENOTSUP, (mem = edu_mem_alloc(edu, 1)) == NULL);
	CHECK_MESSAGE(edu, "modload edu");
	CHECK_MESSAGE(edu, names[0].text);
	REQUIRE_EDU(edu, edu_irq_raise(edu, BIT_A));
	REQUIRE_EDU(edu, edu_irq_status(edu, &status));
	ATF_CHECK_EQ(status, BIT_A);
	edu_close(edu);
}
