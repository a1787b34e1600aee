/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * For t_unplug: again and again, a device is unplugged while a process drives
 * it, and another gets its place while that one is still open.
 *
 *	h_successor NAME ROUNDS [uio | vfio]
 *
 * The device is QEMU's "it" in slot 4, or for VFIO in the port "rp"; VFIO asks
 * for it, and keeps it until it is closed.  What QEMU's monitor has to be told
 * is on standard output, behind "monitor ".
 */

#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <edu.h>
#include <edureg.h>

#define SOON_MS		20000
#define CONFIG_SIZE	64
#define STATUS		6
#define COMMAND		4

static const char *name;
static const char *driver;	/* NULL: none */
static int is_vfio;

static void __attribute__((__noreturn__))
die(const char *what)
{

	(void)printf("%s: errno %d: %s\n", what, errno, edu_errmsg(NULL));
	exit(1);
}

/* 1 when there is a function, with its configuration space. */
static int
get_config(unsigned char config[CONFIG_SIZE])
{
	char path[128];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config",
	    name);
	if ((fd = open(path, O_RDONLY)) == -1)
		return 0;
	n = read(fd, config, CONFIG_SIZE);
	(void)close(fd);
	return n == CONFIG_SIZE;
}

static void
set_command(unsigned char command)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config",
	    name);
	if ((fd = open(path, O_WRONLY)) == -1 ||
	    pwrite(fd, &command, 1, COMMAND) != 1)
		die("command register");
	(void)close(fd);
}

/*
 * Which it is, by the first byte of the vendor's id; 0: none.  Linux makes the
 * file of BAR0 when it has given the BARs their addresses.
 */
static int
is_there(unsigned char vendor)
{
	unsigned char config[CONFIG_SIZE];
	char path[128];

	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource0",
	    name);
	if (!get_config(config))
		return vendor == 0;
	return config[0] == vendor && access(path, F_OK) == 0;
}

/*
 * Until this is there.  QEMU refuses to plug in while it has not quite done
 * with what was unplugged: ask again every second.
 */
static void
ask(const char *command, unsigned char vendor)
{
	struct timespec nap = { 0, 10000000 };
	int i;

	for (i = 0; !is_there(vendor); i++) {
		if (i == 6000)
			die("the slot does not change");
		if (i % 100 == 0) {
			(void)printf("monitor %s\n", command);
			(void)fflush(stdout);
		}
		(void)nanosleep(&nap, NULL);
	}
}

static void
plug(const char *device, unsigned char vendor)
{
	char command[64];

	(void)snprintf(command, sizeof(command), "device_add %s,id=it,%s",
	    device, is_vfio ? "bus=rp" : "addr=4");
	ask(command, vendor);
}

static void
unplug(void)
{

	ask("device_del it", 0);
}

static int
drive(struct edu *edu, unsigned char *mem)
{
	unsigned flags = driver != NULL ? EDU_INTERRUPT : 0;
	uint32_t value = 0;
	struct edu_bar *bar;

	if ((bar = edu_bar_size(edu, 0, 0)) == NULL)
		return -1;
	edu_bar_free(bar);
	if (edu_factorial(edu, 10, flags, SOON_MS, &value) == -1)
		return -1;
	if (value != 3628800)
		exit(2);
	if (edu_dma_put(edu, 0, mem, 100, flags, SOON_MS) == -1 ||
	    edu_irq_raise(edu, 2) == -1)
		return -1;
	return edu_irq_ack(edu, 2);
}

static int failures;

static void
check(const struct edu *edu, int result, const char *what)
{

	if (result == -1 && errno == ENODEV)
		return;
	(void)printf("%s: result %d, errno %d: %s\n", what, result, errno,
	    result == -1 ? edu_errmsg(edu) : "");
	failures++;
}

/* Another has its place. */
static void
check_calls(struct edu *edu, unsigned char *mem)
{
	uint64_t wide = 0;
	uint32_t value = 0;
	struct edu_bar *bar = edu_bar_size(edu, 0, EDU_BAR_FORCE);

	check(edu, bar == NULL ? -1 : 0, "size");
	check(edu, edu_config_read(edu, 0, &value), "configuration");
	check(edu, edu_identify(edu, &value), "identify");
	check(edu, edu_write(edu, EDU_LIVE, 4, 5), "write");
	check(edu, edu_read(edu, EDU_LIVE, 4, &wide), "read");
	check(edu, edu_factorial(edu, 5, 0, SOON_MS, &value), "factorial");
	check(edu, edu_dma_get(edu, 0, mem, 100, 0, SOON_MS), "get");
	check(edu, edu_irq_raise(edu, 4), "raise");
	check(edu, edu_irq_status(edu, &value), "status");
}

/*
 * The process that has it: one byte when it has, one when it is gone, and it
 * waits for one when another has its place.  An idle one has not noticed.
 */
static void
own(int ready_fd, int go_fd, int is_idle)
{
	unsigned char *mem;
	struct edu *edu;
	char c = 'r';

	if ((edu = edu_open(name, 0)) == NULL ||
	    (mem = edu_mem_alloc(edu, 4096)) == NULL)
		die(edu != NULL ? edu_errmsg(edu) : "open");
	if (write(ready_fd, &c, 1) != 1)
		exit(1);
	if (!is_idle) {
		while (drive(edu, mem) == 0)
			continue;
		check(edu, -1, "work");
	}
	if (is_vfio)
		edu_close(edu);
	if (write(ready_fd, &c, 1) != 1 || read(go_fd, &c, 1) != 1)
		exit(1);
	if (!is_vfio) {
		check_calls(edu, mem);
		edu_close(edu);
	}
	(void)fflush(stdout);
	_exit(failures != 0);
}

static void
expect_byte(int fd)
{
	char c;

	if (read(fd, &c, 1) != 1)
		die("the owner has ended");
}

static void
bind_driver(void)
{
	char command[128];

	(void)snprintf(command, sizeof(command),
	    "build/edutool -d %s bind %s >/dev/null", name, driver);
	if (system(command) != 0)
		die("bind");
}

/* Neither the calls nor the close of the former owner have touched it. */
static void
compare(const unsigned char *before)
{
	unsigned char after[CONFIG_SIZE];
	int i;

	if (!get_config(after))
		die("the successor has gone");
	for (i = 0; i < CONFIG_SIZE; i++)
		if (i / 2 != STATUS / 2 && before[i] != after[i]) {
			(void)printf("byte 0x%02x was 0x%02x, is 0x%02x\n", i,
			    before[i], after[i]);
			failures++;
		}
}

static void
replace(const char *successor, unsigned char vendor, unsigned char command,
    int is_idle)
{
	unsigned char before[CONFIG_SIZE];
	int go[2], ready[2], status;
	pid_t pid;

	if (pipe(go) == -1 || pipe(ready) == -1 || (pid = fork()) == -1)
		die("fork");
	if (pid == 0)
		own(ready[1], go[0], is_idle);
	(void)close(ready[1]);
	expect_byte(ready[0]);
	unplug();
	expect_byte(ready[0]);
	plug(successor, vendor);
	set_command(command);
	if (!get_config(before) || write(go[1], "g", 1) != 1 ||
	    waitpid(pid, &status, 0) == -1)
		die("the owner");
	failures += status != 0;
	compare(before);
	(void)close(ready[0]);
	(void)close(go[0]);
	(void)close(go[1]);
}

int
main(int argc, char **argv)
{
	static const unsigned char commands[] = { 0, 2, 6 };
	long i, rounds;
	int is_idle;

	if (argc < 3)
		return 1;
	name = argv[1];
	rounds = strtol(argv[2], NULL, 10);
	driver = argc > 3 ? argv[3] : NULL;
	is_vfio = driver != NULL && strcmp(driver, "vfio") == 0;
	for (i = 0; i < rounds && failures == 0; i++) {
		is_idle = i / 2 % 2 != 0 && !is_vfio;
		if (driver != NULL)
			bind_driver();
		if (i % 2 == 0)
			replace("edu", 0x34, commands[i % 3], is_idle);
		else {
			replace("e1000", 0x86, 0, is_idle);
			unplug();
			plug("edu", 0x34);
		}
	}
	(void)printf("%ld rounds, %d failures\n", i, failures);
	return failures != 0;
}
