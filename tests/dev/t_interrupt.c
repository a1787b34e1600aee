/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Interrupts of a device of this machine, through its kernel side. */

#include <sys/time.h>
#include <sys/wait.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>

#include "h_need.h"
#include "h_pci.h"

#define ROUNDS		1000

/* Bits that no engine of the device sets. */
#define BIT_A		0x10U
#define BIT_B		0x20000U

static int
is_readable(struct edu *edu, int timeout_ms)
{
	struct pollfd pfd = { edu_irq_fd(edu), POLLIN, 0 };

	ATF_REQUIRE_MSG(pfd.fd != -1, "%s", edu_errmsg(edu));
	ATF_REQUIRE(poll(&pfd, 1, timeout_ms) != -1);
	ATF_CHECK_EQ(pfd.revents & ~POLLIN, 0);
	return pfd.revents != 0;
}

/* Another process raises mask, a while from now. */
static pid_t
raise_later(const char *name, long after_ms, uint32_t mask)
{
	volatile uint32_t *registers = map_registers(name);
	pid_t pid;

	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		sleep_ms(after_ms);
		registers[EDU_INTR_RAISE / 4] = mask;
		_exit(0);
	}
	return pid;
}

static void
reap(pid_t pid)
{
	int status;

	ATF_REQUIRE(waitpid(pid, &status, 0) == pid);
	ATF_CHECK_EQ(status, 0);
}

DEVICE_TEST(none_lost, "Each of 1000 interrupts arrives once, with its bit")
{
	struct edu *edu = open_device(need_device(1, 0), 0);
	unsigned i;

	for (i = 0; i < ROUNDS; i++) {
		REQUIRE_EDU(edu, edu_irq_raise(edu, 1U << i % 32));
		/* A wait alone would see the bit without an interrupt. */
		ATF_REQUIRE_MSG(is_readable(edu, SOON_MS), "round %u", i);
		check_wait(edu, 0, 1U << i % 32);
	}
	check_wait(edu, 0, 0);
	edu_close(edu);
}

/*
 * Raises the next bit the moment that the one before is acknowledged, but
 * none that the kernel may still have.
 */
static void
raise_behind_back(volatile uint32_t *registers, volatile unsigned *total)
{
	unsigned i;

	(void)alarm(60);
	for (i = 0; i < ROUNDS; i++) {
		registers[EDU_INTR_RAISE / 4] = 1U << i % 32;
		while (registers[EDU_INTR_STATUS / 4] != 0 || i - *total == 31)
			continue;
	}
	_exit(0);
}

DEVICE_TEST(none_lost_when_raised_between, "An interrupt that another process "
    "raises right after an acknowledge is not lost, 1000 times")
{
	const char *name = need_device(1, 0);
	volatile uint32_t *registers = map_registers(name);
	struct edu *edu = open_device(name, 0);
	uint32_t status;
	unsigned count[32] = { 0 }, i;
	volatile unsigned *total;
	pid_t pid;

	total = mmap(NULL, sizeof(*total), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANON, -1, 0);
	ATF_REQUIRE(total != MAP_FAILED);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0)
		raise_behind_back(registers, total);
	while (*total < ROUNDS && edu_irq_wait(edu, SOON_MS, &status) == 1)
		for (i = 0; i < 32; i++)
			if (status & 1U << i) {
				count[i]++;
				(*total)++;
			}
	ATF_CHECK_EQ_MSG(*total, ROUNDS, "%u of %u came", *total, ROUNDS);
	for (i = 0; i < 32; i++)
		ATF_CHECK_EQ(count[i], (ROUNDS + 31 - i) / 32);
	if (*total < ROUNDS)
		(void)kill(pid, SIGKILL);
	reap(pid);
	check_wait(edu, 0, 0);
	edu_close(edu);
}

DEVICE_TEST(wakes_sleeper, "An interrupt ends a wait without limit, and gives "
    "every bit that is set")
{
	const char *name = need_device(1, 0);
	struct edu *edu = open_device(name, 0);
	pid_t pid;

	pid = raise_later(name, 100, BIT_A | BIT_B | 1);
	check_wait(edu, EDU_FOREVER, BIT_A | BIT_B | 1);
	reap(pid);
	check_status(edu, 0);
	edu_close(edu);
}

DEVICE_TEST(timeout, "A wait for nothing gives 0 when its time is over, and "
    "negative times are EINVAL")
{
	struct edu *edu = open_device(need_device(1, 0), 0);
	struct timespec begin, end;
	uint32_t status;
	double ms;

	check_wait(edu, 0, 0);
	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	check_wait(edu, 50, 0);
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	ms = (double)(end.tv_sec - begin.tv_sec) * 1e3 +
	    (double)(end.tv_nsec - begin.tv_nsec) / 1e6;
	ATF_CHECK_MSG(ms >= 49, "50 ms were over after %f ms", ms);
	CHECK_ERRNO(edu, EINVAL, edu_irq_wait(edu, -2, &status) == -1);
	REQUIRE_EDU(edu, edu_irq_raise(edu, BIT_A));
	check_wait(edu, SOON_MS, BIT_A);
	edu_close(edu);
}

static volatile sig_atomic_t signals;

static void
on_signal(int number)
{

	(void)number;
	signals++;
}

DEVICE_TEST(signal_ends_wait, "A caught signal ends a wait with EINTR, whether "
    "it restarts system calls or not, and costs no interrupt")
{
	static const int flags[] = { 0, SA_RESTART };
	struct edu *edu = open_device(need_device(1, 0), 0);
	struct itimerval timer = { { 0, 0 }, { 0, 50000 } };
	struct sigaction action;
	uint32_t status;
	int i;

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_signal;
	for (i = 0; i < 2; i++) {
		action.sa_flags = flags[i];
		ATF_REQUIRE(sigaction(SIGALRM, &action, NULL) == 0);
		ATF_REQUIRE(setitimer(ITIMER_REAL, &timer, NULL) == 0);
		CHECK_ERRNO(edu, EINTR,
		    edu_irq_wait(edu, SOON_MS, &status) == -1);
		ATF_CHECK_EQ(signals, i + 1);
		REQUIRE_EDU(edu, edu_irq_raise(edu, BIT_B));
		check_wait(edu, SOON_MS, BIT_B);
	}
	edu_close(edu);
}

DEVICE_TEST(descriptor, "The descriptor is readable when there is something, "
    "and not when it was fetched")
{
	struct edu *edu = open_device(need_device(1, 0), 0);
	int i, j;

	for (i = 0; i < 50; i++) {
		ATF_CHECK(!is_readable(edu, 0));
		REQUIRE_EDU(edu, edu_irq_raise(edu, BIT_A));
		ATF_REQUIRE(is_readable(edu, SOON_MS));
		check_wait(edu, 0, BIT_A);
		/* On a shared line it may be ready for nothing, once. */
		for (j = 0; j < 3 && is_readable(edu, 0); j++)
			check_wait(edu, 0, 0);
		ATF_CHECK(j < 3);
	}
	ATF_CHECK(!is_readable(edu, 50));
	ATF_CHECK_EQ(fcntl(edu_irq_fd(edu), F_GETFD), FD_CLOEXEC);
	edu_close(edu);
}

DEVICE_TEST(acknowledged_by_caller, "What the caller has acknowledged is not "
    "reported, and the next interrupt is")
{
	struct edu *edu = open_device(need_device(1, 0), 0);

	REQUIRE_EDU(edu, edu_irq_raise(edu, BIT_A | BIT_B));
	check_status(edu, BIT_A | BIT_B);
	REQUIRE_EDU(edu, edu_irq_ack(edu, BIT_A));
	check_status(edu, BIT_B);
	check_wait(edu, SOON_MS, BIT_B);
	REQUIRE_EDU(edu, edu_irq_raise(edu, BIT_A));
	ATF_CHECK(is_readable(edu, SOON_MS));
	REQUIRE_EDU(edu, edu_irq_ack(edu, BIT_A));
	check_wait(edu, 50, 0);
	REQUIRE_EDU(edu, edu_irq_raise(edu, BIT_A));
	ATF_CHECK(is_readable(edu, SOON_MS));
	check_wait(edu, SOON_MS, BIT_A);
	edu_close(edu);
}

DEVICE_TEST(kept_between_opens, "With EDU_OPEN_KEEP pending bits outlive the "
    "close and wake the next owner; without, the open clears them")
{
	const char *name = need_device(1, 0);
	uint32_t result;
	struct edu *edu;

	edu = open_device(name, EDU_OPEN_KEEP);
	REQUIRE_EDU(edu, edu_irq_raise(edu, BIT_A));
	edu_close(edu);
	/* Nobody listens now, and the line may be somebody else's as well. */
	ATF_CHECK(ON_NETBSD || (pci_command(name) & COMMAND_NO_INTX));
	edu = open_device(name, EDU_OPEN_KEEP);
	check_status(edu, BIT_A);
	ATF_CHECK(is_readable(edu, SOON_MS));
	check_wait(edu, SOON_MS, BIT_A);
	/* One that the library has seen in passing is the caller's still. */
	REQUIRE_EDU(edu, edu_irq_raise(edu, BIT_B));
	REQUIRE_EDU(edu, edu_factorial(edu, 5, EDU_INTERRUPT, SOON_MS,
	    &result));
	edu_close(edu);
	edu = open_device(name, EDU_OPEN_KEEP);
	check_status(edu, BIT_B);
	edu_close(edu);
	edu = open_device(name, 0);
	check_status(edu, 0);
	check_wait(edu, 50, 0);
	edu_close(edu);
}

static void
check_put_back(const char *name)
{
	uint32_t before;
	struct edu *edu;

	edu = open_device(name, 0);
	edu_close(edu);
	pci_set_command(name, pci_command(name) & ~COMMAND_NO_INTX);
	before = pci_command(name);
	edu = open_device(name, EDU_OPEN_KEEP);
	edu_close(edu);
	ATF_CHECK_EQ(pci_command(name), before);
	edu = open_device(name, EDU_OPEN_KEEP);
	REQUIRE_EDU(edu, edu_irq_raise(edu, BIT_A | BIT_B));
	edu_close(edu);
	ATF_CHECK_EQ(pci_command(name), before | COMMAND_NO_INTX);
	edu = open_device(name, EDU_OPEN_KEEP);
	REQUIRE_EDU(edu, edu_irq_ack(edu, BIT_A));
	edu_close(edu);
	ATF_CHECK_EQ(pci_command(name), before | COMMAND_NO_INTX);
	edu = open_device(name, EDU_OPEN_KEEP);
	REQUIRE_EDU(edu, edu_irq_ack(edu, BIT_B));
	edu_close(edu);
	ATF_CHECK_EQ(pci_command(name), before);
	/* But somebody else's mask stays. */
	pci_set_command(name, before | COMMAND_NO_INTX);
	edu = open_device(name, EDU_OPEN_KEEP);
	REQUIRE_EDU(edu, edu_irq_raise(edu, BIT_A));
	REQUIRE_EDU(edu, edu_irq_ack(edu, BIT_A));
	edu_close(edu);
	ATF_CHECK_EQ(pci_command(name), before | COMMAND_NO_INTX);
	pci_set_command(name, before);
}

DEVICE_TEST(mask_put_back, "INTx that a close has left masked, for what is "
    "pending, is put back once nothing is, by whoever closes then")
{

	check_put_back(need_device(0, 0));
}

DEVICE_TEST(mask_put_back_with_driver, "The same where a driver stands by")
{
	const char *name = need_device(1, 0);

	if (ON_NETBSD)
		atf_tc_skip("edu(4) takes what is pending");
	check_put_back(name);
}

/* MSI enabled behind the kernel's back, which waits for INTx. */
DEVICE_TEST(msi_enabled, "Interrupts that cannot come end a wait with EIO and "
    "the reason: MSI is enabled, and uio_pci_generic waits for INTx")
{
	const char *name = need_device(1, 0);
	struct edu *edu;
	uint32_t msi, status;

	if (ON_NETBSD || pci_has_vfio(name))
		atf_tc_skip("this driver waits for MSI");
	edu = open_device(name, 0);
	REQUIRE_EDU(edu, edu_irq_check(edu));
	msi = pci_read(name, 0x40);
	pci_write(name, 0x40, msi | 0x10000);
	CHECK_ERRNO(edu, EIO, edu_irq_wait(edu, SOON_MS, &status) == -1);
	pci_write(name, 0x40, msi);
	CHECK_MESSAGE(edu, "MSI is enabled");
	REQUIRE_EDU(edu, edu_irq_check(edu));
	REQUIRE_EDU(edu, edu_irq_raise(edu, BIT_A));
	ATF_CHECK(is_readable(edu, SOON_MS));
	check_wait(edu, 0, BIT_A);
	edu_close(edu);
}

/* Starts a transfer, and has the command register known by an interrupt. */
static int
start_watched(struct edu *edu, unsigned char *mem)
{
	struct edu_done done;
	uint32_t result;
	int i;

	REQUIRE_EDU(edu, edu_submit_put(edu, 0, mem, 4095, 0, SOON_MS, NULL));
	REQUIRE_EDU(edu, edu_process(edu));
	for (i = 0; i < 2; i++)
		REQUIRE_EDU(edu, edu_factorial(edu, 5, EDU_INTERRUPT, SOON_MS,
		    &result));
	return edu_reap(edu, &done) == 0;
}

DEVICE_TEST(master_off, "Interrupts while a transfer runs do not hide that "
    "somebody has switched bus mastering off")
{
	struct edu *edu = open_device(need_device(1, 0), 0);
	unsigned char *mem = need_memory(edu, 4096);
	uint32_t command = pci_command(edu_name(edu)), result;
	struct edu_done done;
	int i;

	if (strstr(edu_kernel_side(edu), "uio") == NULL)
		atf_tc_skip("rearming writes no command register here");
	for (i = 0; i < 10 && !start_watched(edu, mem); i++)
		continue;
	ATF_REQUIRE_MSG(i < 10, "this machine is too slow");
	pci_set_command(edu_name(edu), command & ~COMMAND_MASTER);
	REQUIRE_EDU(edu, edu_factorial(edu, 5, EDU_INTERRUPT, SOON_MS,
	    &result));
	for (i = 0; i < SOON_MS && edu_reap(edu, &done) == 0; i++) {
		sleep_ms(1);
		REQUIRE_EDU(edu, edu_process(edu));
	}
	ATF_CHECK_EQ(done.error, EIO);
	CHECK_MESSAGE(edu, "bus mastering");
	pci_set_command(edu_name(edu), command);
	edu_close(edu);
}

DEVICE_TEST(no_kernel_side, "Without a kernel side a wait is ENOTSUP and says "
    "how to get one; the rest works")
{
	const char *name = need_device(0, 0);
	struct edu *edu = open_device(name, 0);
	uint32_t status;

	CHECK_ERRNO(edu, ENOTSUP, edu_irq_wait(edu, 0, &status) == -1);
	CHECK_MESSAGE(edu, name);
	CHECK_MESSAGE(edu, ON_NETBSD ? " (modload edu)" : " bind uio)");
	CHECK_ERRNO(edu, ENOTSUP, edu_irq_fd(edu) == -1);
	REQUIRE_EDU(edu, edu_irq_raise(edu, BIT_A));
	check_status(edu, BIT_A);
	/* With nobody to take it, the interrupt must not reach the line. */
	ATF_CHECK(pci_command(name) & COMMAND_NO_INTX);
	REQUIRE_EDU(edu, edu_irq_ack(edu, BIT_A));
	check_status(edu, 0);
	edu_close(edu);
}

DEVICE_TEST(polling_only, "EDU_OPEN_POLL uses no kernel side to wait, even "
    "where there is one")
{
	const char *name = need_device(1, 0);
	struct edu *edu = open_device(name, EDU_OPEN_POLL);
	uint32_t result, status;

	ATF_CHECK(ON_NETBSD || strcmp(edu_kernel_side(edu), "none") == 0);
	CHECK_ERRNO(edu, ENOTSUP, edu_irq_wait(edu, 0, &status) == -1);
	CHECK_MESSAGE(edu, "polling");
	CHECK_ERRNO(edu, ENOTSUP, edu_irq_fd(edu) == -1);
	CHECK_ERRNO(edu, ENOTSUP, edu_factorial(edu, 5, EDU_INTERRUPT,
	    SOON_MS, &result) == -1);
	REQUIRE_EDU(edu, edu_irq_raise(edu, BIT_A));
	check_status(edu, BIT_A);
	ATF_CHECK(ON_NETBSD || (pci_command(name) & COMMAND_NO_INTX));
	edu_close(edu);
	/* The kernel side is none the worse for it. */
	edu = open_device(name, 0);
	REQUIRE_EDU(edu, edu_irq_raise(edu, BIT_B));
	check_wait(edu, SOON_MS, BIT_B);
	edu_close(edu);
}

DEVICE_TEST(factorial_leaves_callers_bits, "A factorial by interrupt takes its "
    "own bit and no other")
{
	const char *name = need_device(1, 0);
	struct edu *edu = open_device(name, 0);
	uint32_t result;
	pid_t pid;
	int i;

	for (i = 0; i < 20; i++) {
		REQUIRE_EDU(edu, edu_irq_raise(edu, BIT_A));
		REQUIRE_EDU(edu, edu_factorial(edu, 12, EDU_INTERRUPT,
		    SOON_MS, &result));
		ATF_CHECK_EQ(result, 479001600);
		check_status(edu, BIT_A);
		check_wait(edu, 0, BIT_A);
	}
	/* One that takes long enough for another to be raised meanwhile. */
	pid = raise_later(name, 20, BIT_B);
	REQUIRE_EDU(edu, edu_factorial(edu, 200000000,
	    EDU_INTERRUPT | EDU_WRAP, SOON_MS, &result));
	reap(pid);
	check_wait(edu, SOON_MS, BIT_B);
	check_wait(edu, 0, 0);
	edu_close(edu);
}

DEVICE_TEST(dma_leaves_callers_bits, "A DMA by interrupt takes its own bit and "
    "no other")
{
	const char *name = need_device(1, 0);
	struct edu *edu = open_device(name, 0);
	unsigned char *mem;
	pid_t pid;

	if ((mem = edu_mem_alloc(edu, 4096)) == NULL)
		atf_tc_skip("%s", edu_errmsg(edu));
	REQUIRE_EDU(edu, edu_irq_raise(edu, BIT_A));
	pid = raise_later(name, 30, BIT_B);
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, mem, 4000, EDU_INTERRUPT,
	    SOON_MS));
	reap(pid);
	check_status(edu, BIT_A | BIT_B);
	check_wait(edu, 0, BIT_A | BIT_B);
	check_wait(edu, 0, 0);
	edu_close(edu);
}

/* Linux: the driver goes while we wait, as when the device is unplugged. */
static int
write_file(const char *path, const char *text)
{
	ssize_t n;
	int fd;

	if ((fd = open(path, O_WRONLY)) == -1)
		return -1;
	n = write(fd, text, strlen(text));
	(void)close(fd);
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

#define DRIVER		"/sys/bus/pci/drivers/uio_pci_generic"

DEVICE_TEST(driver_goes_during_wait, "A wait ends with ENODEV when the kernel "
    "driver is taken from the device, and so does what that has cut off")
{
	const char *name = need_device(1, 0);
	unsigned char *mem;
	struct edu *edu;
	uint32_t status;
	pid_t pid;

	if (access(DRIVER, F_OK) == -1)
		atf_tc_skip("this system has no " DRIVER);
	edu = open_device(name, 0);
	mem = need_memory(edu, 4096);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		sleep_ms(100);
		_exit(write_file(DRIVER "/unbind", name) != 0);
	}
	CHECK_ERRNO(edu, ENODEV, edu_irq_wait(edu, SOON_MS, &status) == -1);
	reap(pid);
	CHECK_ERRNO(edu, ENODEV, edu_dma_put(edu, 0, mem, 100, 0,
	    SOON_MS) == -1);
	CHECK_MESSAGE(edu, "unbound");
	edu_close(edu);
	ATF_REQUIRE(write_file(DRIVER "/bind", name) == 0);
	edu = open_device(name, 0);
	REQUIRE_EDU(edu, edu_irq_raise(edu, BIT_A));
	check_wait(edu, SOON_MS, BIT_A);
	edu_close(edu);
}
