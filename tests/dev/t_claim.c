/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * The claim on a device: one process at a time, what a killed owner leaves
 * behind, and what an owner that closes leaves as it was.
 */

#include <sys/types.h>
#include <sys/wait.h>

#include <signal.h>

#include "h_need.h"
#include "h_pci.h"

#define MAX_FUNCTIONS	512

/* Status bits that no engine of the device sets. */
#define BITS		0x12340U

static struct pci_name names[MAX_FUNCTIONS];

/* The i-th edu device, kernel side or not. */
static const char *
need_edu(size_t i)
{
	size_t n = pci_find(ID_EDU, names, MAX_FUNCTIONS);

	if (i >= n)
		atf_tc_skip("%zu edu device(s) on this machine, %zu needed", n,
		    i + 1);
	return names[i].text;
}

/* A process that has a device open until it is told to end, or killed. */
struct owner {
	pid_t		pid;
	int		wake_fd;
};

static void
own(const char *name, unsigned flags, void (*work)(struct edu *), int ready_fd,
    int wake_fd)
{
	struct edu *edu = edu_open(name, flags);
	char c = 'r';

	if (edu == NULL) {
		(void)fprintf(stderr, "%s\n", edu_errmsg(NULL));
		_exit(1);
	}
	if (work != NULL)
		work(edu);
	if (write(ready_fd, &c, 1) != 1 || read(wake_fd, &c, 1) != 1)
		_exit(2);
	edu_close(edu);
	_exit(0);
}

static struct owner
start_owner(const char *name, unsigned flags, void (*work)(struct edu *))
{
	struct owner o;
	int ready[2], wake[2];
	char c;

	ATF_REQUIRE(pipe(ready) == 0 && pipe(wake) == 0);
	ATF_REQUIRE((o.pid = fork()) != -1);
	if (o.pid == 0) {
		(void)close(wake[1]);
		own(name, flags, work, ready[1], wake[0]);
	}
	(void)close(ready[1]);
	(void)close(wake[0]);
	o.wake_fd = wake[1];
	ATF_REQUIRE_EQ_MSG(read(ready[0], &c, 1), 1, "the owner has no device");
	(void)close(ready[0]);
	return o;
}

static void
end_owner(struct owner o)
{
	int status;

	ATF_REQUIRE_EQ(write(o.wake_fd, "e", 1), 1);
	(void)close(o.wake_fd);
	ATF_REQUIRE_EQ(waitpid(o.pid, &status, 0), o.pid);
	ATF_CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "the owner ended with 0x%x", status);
}

/* What it has set in the command register stays set: put it back at last. */
static void
kill_owner(struct owner o)
{
	int status;

	ATF_REQUIRE_EQ(kill(o.pid, SIGKILL), 0);
	ATF_REQUIRE_EQ(waitpid(o.pid, &status, 0), o.pid);
	(void)close(o.wake_fd);
}

static void
check_busy(const char *name, unsigned flags, pid_t pid)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "process %ld ", (long)pid);
	CHECK_ERRNO(NULL, EBUSY, edu_open(name, flags) == NULL);
	CHECK_MESSAGE(NULL, text);
	CHECK_MESSAGE(NULL, name);
}

DEVICE_TEST(two_processes, "while one process has a device, another gets EBUSY "
    "and the first one's pid, for sizing as well")
{
	const char *name = need_edu(0);
	struct owner o = start_owner(name, 0, NULL);

	check_busy(name, 0, o.pid);
	check_busy(name, EDU_OPEN_POLL | EDU_OPEN_KEEP, o.pid);
	check_busy(name, EDU_OPEN_CONFIG, o.pid);
	end_owner(o);
	edu_close(open_device(name, 0));
}

DEVICE_TEST(sizing_claims, "a process that may size the BARs of a function "
    "keeps others away from it")
{
	const char *name = need_edu(0);
	struct owner o = start_owner(name, EDU_OPEN_CONFIG, NULL);

	check_busy(name, 0, o.pid);
	check_busy(name, EDU_OPEN_CONFIG, o.pid);
	end_owner(o);
	edu_close(open_device(name, EDU_OPEN_CONFIG));
}

DEVICE_TEST(every_name, "the claim is on the device, however its address was "
    "written")
{
	unsigned domain, bus, device, function;
	const char *name = need_edu(0);
	struct owner o;
	char form[64];

	ATF_REQUIRE_EQ(sscanf(name, "%x:%x:%x.%x", &domain, &bus, &device,
	    &function), 4);
	(void)snprintf(form, sizeof(form), "%X:%X:%X.%X", domain, bus, device,
	    function);
	o = start_owner(form, 0, NULL);
	check_busy(name, 0, o.pid);
	CHECK_ERRNO(NULL, EBUSY, edu_open(NULL, 0) == NULL);
	end_owner(o);
}

DEVICE_TEST(same_process, "a process cannot open a device twice, and is told "
    "that it is itself; the first handle stays good")
{
	const char *name = need_edu(0);
	struct edu *edu = open_device(name, 0);

	CHECK_ERRNO(NULL, EBUSY, edu_open(name, 0) == NULL);
	CHECK_MESSAGE(NULL, "this process");
	CHECK_ERRNO(NULL, EBUSY, edu_open(name, EDU_OPEN_CONFIG) == NULL);
	REQUIRE_EDU(edu, edu_live(edu, 1, NULL));
	edu_close(edu);
	edu_close(open_device(name, 0));
}

DEVICE_TEST(killed_owner, "the claim dies with its owner")
{
	const char *name = need_edu(0);
	uint32_t command = pci_command(name);
	struct edu *edu;

	kill_owner(start_owner(name, 0, NULL));
	edu = open_device(name, 0);
	REQUIRE_EDU(edu, edu_live(edu, 1, NULL));
	edu_close(edu);
	kill_owner(start_owner(name, EDU_OPEN_CONFIG, NULL));
	edu_close(open_device(name, 0));
	pci_set_command(name, command);
}

DEVICE_TEST(close_ends_claim, "closing ends the claim, though a child that was "
    "forked meanwhile lives on")
{
	/* edu(4) counts as open while the child has its descriptor. */
	const char *name = ON_NETBSD ? need_device(0, 0) : need_edu(0);
	struct edu *edu = open_device(name, 0);
	pid_t pid;

	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		(void)pause();
		_exit(0);
	}
	edu_close(edu);
	edu = edu_open(name, 0);
	ATF_CHECK_MSG(edu != NULL, "%s", edu_errmsg(NULL));
	edu_close(edu);
	ATF_REQUIRE_EQ(kill(pid, SIGKILL), 0);
	ATF_REQUIRE_EQ(waitpid(pid, NULL, 0), pid);
}

DEVICE_TEST(readonly_needs_no_claim, "looking at a device works while another "
    "process drives it")
{
	const char *name = need_edu(0);
	struct owner o = start_owner(name, 0, NULL);
	struct edu *edu, *second;
	uint32_t id = 0;

	edu = open_device(name, EDU_OPEN_READONLY);
	REQUIRE_EDU(edu, edu_identify(edu, &id));
	ATF_CHECK_EQ(id & 0xffff, 0xed);
	second = open_device(name, EDU_OPEN_READONLY | EDU_OPEN_CONFIG);
	REQUIRE_EDU(second, edu_config_read(second, 0, &id));
	ATF_CHECK_EQ(id, ID_EDU);
	edu_close(second);
	edu_close(edu);
	end_owner(o);
	/* And it keeps nobody away. */
	o = start_owner(name, EDU_OPEN_READONLY, NULL);
	edu_close(open_device(name, 0));
	end_owner(o);
}

/* 100 factorials, every answer checked. */
static void
compute(struct edu *edu)
{
	static const uint32_t factorial[] = { 1, 1, 2, 6, 24, 120, 720, 5040,
	    40320, 362880, 3628800, 39916800, 479001600 };
	uint32_t i, result;

	for (i = 0; i < 100; i++)
		if (edu_factorial(edu, i % 13, 0, SOON_MS, &result) == -1 ||
		    result != factorial[i % 13])
			_exit(3);
}

DEVICE_TEST(two_devices, "two processes drive two devices at once")
{
	struct owner first, second;

	(void)need_edu(1);
	first = start_owner(names[0].text, 0, compute);
	second = start_owner(names[1].text, 0, compute);
	check_busy(names[0].text, 0, first.pid);
	check_busy(names[1].text, 0, second.pid);
	end_owner(first);
	check_busy(names[1].text, 0, second.pid);
	edu_close(open_device(names[0].text, 0));
	end_owner(second);
}

static void
raise_bits(struct edu *edu)
{

	if (edu_irq_raise(edu, BITS) == -1)
		_exit(3);
}

/* What is pending, as one sees it who changes nothing. */
static uint32_t
pending(const char *name)
{
	struct edu *edu = open_device(name, EDU_OPEN_READONLY);
	uint32_t status = 0;

	REQUIRE_EDU(edu, edu_irq_status(edu, &status));
	edu_close(edu);
	return status;
}

static void
check_pending(const char *name)
{
	uint32_t command = pci_command(name);
	struct edu *edu;

	kill_owner(start_owner(name, 0, raise_bits));
	ATF_REQUIRE_EQ(pending(name), BITS);
	edu = open_device(name, EDU_OPEN_KEEP);
	check_status(edu, BITS);
	edu_close(edu);
	ATF_CHECK_EQ(pending(name), BITS);
	edu = open_device(name, 0);
	check_status(edu, 0);
	edu_close(edu);
	ATF_CHECK_EQ(pending(name), 0);
	pci_set_command(name, command);
}

DEVICE_TEST(pending_interrupt, "what a killed owner left pending is "
    "acknowledged by the next open, and left by EDU_OPEN_KEEP")
{

	check_pending(need_device(0, 0));
}

DEVICE_TEST(pending_interrupt_driven, "the same on a device with a kernel "
    "side; with EDU_OPEN_KEEP a wait gets it")
{
	const char *name = need_device(1, 0);
	uint32_t command = pci_command(name);
	struct edu *edu;

	check_pending(name);
	kill_owner(start_owner(name, 0, raise_bits));
	edu = open_device(name, EDU_OPEN_KEEP);
	check_wait(edu, SOON_MS, BITS);
	edu_close(edu);
	ATF_CHECK_EQ(pending(name), 0);
	pci_set_command(name, command);
}

/* Starts a transfer and does not wait for its end. */
static void
start_dma(struct edu *edu)
{
	unsigned char *mem = edu_mem_alloc(edu, 4095);

	if (mem == NULL) {
		(void)fprintf(stderr, "%s\n", edu_errmsg(edu));
		_exit(3);
	}
	memset(mem, 'x', 4095);
	if (edu_dma_put(edu, 0, mem, 4095, 0, 0) != -1 ||
	    errno != ETIMEDOUT)
		_exit(4);
}

static void
check_running_dma(const char *name)
{
	const char text[] = "the next owner's own";
	uint32_t command = pci_command(name);
	unsigned char *mem;
	struct edu *edu;
	char *data;

	kill_owner(start_owner(name, 0, start_dma));
	edu = open_device(name, 0);
	mem = edu_mem_alloc(edu, 64);
	ATF_REQUIRE_MSG(mem != NULL, "%s", edu_errmsg(edu));
	data = (char *)mem;
	memcpy(data, text, sizeof(text));
	REQUIRE_EDU(edu, edu_dma_put(edu, 100, mem, sizeof(text), 0, SOON_MS));
	memset(data, 0, 64);
	REQUIRE_EDU(edu, edu_dma_get(edu, 100, mem, sizeof(text), 0, SOON_MS));
	ATF_CHECK_STREQ(data, text);
	edu_close(edu);
	pci_set_command(name, command);
}

DEVICE_TEST(running_dma, "a transfer that a killed owner left running is "
    "waited for, and the next one works")
{

	if (ON_NETBSD)
		atf_tc_skip("edu(4) alone gives memory for DMA");
	check_running_dma(need_device(0, 0));
}

DEVICE_TEST(running_dma_driven, "the same on a device with a kernel side")
{

	check_running_dma(need_device(1, 0));
}

/* n with a big answer keeps the engine busy for a while. */
static void
start_factorial(struct edu *edu)
{
	uint32_t result;

	if (edu_factorial(edu, 100000000, EDU_WRAP, 0, &result) != -1 ||
	    errno != ETIMEDOUT)
		_exit(3);
}

DEVICE_TEST(running_factorial, "a factorial that a killed owner left running "
    "does not spoil the next owner's")
{
	const char *name = need_edu(0);
	uint32_t command = pci_command(name), result = 0;
	struct edu *edu;

	kill_owner(start_owner(name, 0, start_factorial));
	edu = open_device(name, 0);
	REQUIRE_EDU(edu, edu_factorial(edu, 6, 0, SOON_MS, &result));
	ATF_CHECK_EQ(result, 720);
	edu_close(edu);
	pci_set_command(name, command);
}

/* Open and close in each state that somebody may have left. */
static void
check_command(const char *name, unsigned flags)
{
	static const uint32_t states[] = {
		0, COMMAND_MEMORY, COMMAND_DECODING,
		COMMAND_DECODING | COMMAND_MASTER,
		COMMAND_DECODING | COMMAND_NO_INTX,
		COMMAND_MASTER | COMMAND_NO_INTX
	};
	uint32_t command = pci_command(name), other, result, state;
	uint8_t before[CONFIG_SIZE];
	struct edu *edu;
	int is_driven, is_intx;
	size_t i;

	other = command & ~(COMMAND_DECODING | COMMAND_MASTER |
	    COMMAND_NO_INTX);
	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		state = states[i] | other;
		pci_set_command(name, state);
		pci_config(name, before);
		edu = open_device(name, flags);
		is_driven = strcmp(edu_kernel_side(edu), "none") != 0;
		is_intx = strstr(edu_kernel_side(edu), "INTx") != NULL;
		if (!(flags & EDU_OPEN_CONFIG)) {
			ATF_CHECK_EQ(pci_command(name) & (COMMAND_MEMORY |
			    COMMAND_MASTER), COMMAND_MEMORY | COMMAND_MASTER);
			REQUIRE_EDU(edu, edu_factorial(edu, 5, 0, SOON_MS,
			    &result));
		}
		edu_close(edu);
		/* edu(4) keeps what it needs for itself. */
		if (ON_NETBSD && is_driven && !(flags & EDU_OPEN_CONFIG)) {
			state |= COMMAND_MASTER;
			if (is_intx)	/* unmasked within a second */
				state = (state & ~COMMAND_NO_INTX) |
				    (pci_command(name) & COMMAND_NO_INTX);
			before[COMMAND] = (uint8_t)state;
			before[COMMAND + 1] = (uint8_t)(state >> 8);
		}
		ATF_CHECK_EQ_MSG(pci_command(name), state,
		    "0x%04x, not 0x%04x", pci_command(name), state);
		pci_check_same(name, before, "after the close");
	}
	pci_set_command(name, command);
}

DEVICE_TEST(command_restored, "opening sets what it needs in the command "
    "register, closing restores what was there")
{
	const char *name = need_device(0, 0);

	check_command(name, 0);
	check_command(name, EDU_OPEN_CONFIG);
}

DEVICE_TEST(command_restored_driven, "the same on a device with a kernel side")
{
	const char *name = need_device(1, 0);

	check_command(name, 0);
	check_command(name, EDU_OPEN_POLL);
	check_command(name, EDU_OPEN_CONFIG);
}
