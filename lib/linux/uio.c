/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Interrupts by Linux's uio_pci_generic.  Its handler sees an interrupt, sets
 * the INTx-disable bit of the command register, adds one to a count and wakes
 * those who wait for the count to change.  It never clears the bit: that is
 * for us, once the device has been told.
 *
 * Why nothing is lost.  INTx is a level: the device holds the line while a
 * status bit is set, whatever the disable bit says, and the handler runs
 * whenever a set status bit meets a clear disable bit.  So
 *  - what was raised before the open, or while the bit was set, fires when
 *    rearm() clears the bit;
 *  - what is raised between the acknowledge and rearm() sets a status bit
 *    again, and fires likewise;
 *  - what fires after rearm(), or inside of it, changes the count after the
 *    last read of it, since rearm() reads no count, and so wait() returns 1.
 * wait() consumes the count and returns before the caller acknowledges.  Were
 * the count drained after the acknowledge, the interrupt of a new raise could
 * go with it, and its mask would stay.  The price is a wait() that returns 1
 * without a cause now and then: on a shared line the handler counts a
 * neighbour's interrupt as well, while a bit of ours is pending.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus.h"
#include "clock.h"
#include "error.h"
#include "linux.h"
#include "pci.h"
#include "trace.h"

/*
 * The command register alone, 16 bits wide.  The other half of its dword is
 * the status register, whose bits are cleared by writing ones; an access that
 * leaves that half out cannot touch them.  Linux takes any width here.
 *
 * The upper byte alone, where the disable bit is, would leave decoding and bus
 * mastering alone, too.  But QEMU looks at that bit when the lower byte is
 * written, and (7.2 is one such) at no other time: what is pending then does
 * not fire, and its acknowledge asserts the line for good.  So both are
 * written.  What another process does to them meanwhile is undone by that, so
 * they are read before; while no transfer runs, which it would harm, a few
 * times in a second are enough.
 */
#define KNOWN_US	100000

static int
command_read(struct edu_linux *self, uint16_t *command)
{
	uint8_t bytes[2];
	ssize_t n;

	n = pread(self->config_fd, bytes, sizeof(bytes), PCI_COMMAND);
	if (n == -1)
		return edu_fail(self->kernel.err,
		    errno == ENODEV ? ENODEV : EIO,
		    "reading the command register: %s", strerror(errno));
	if (n != (ssize_t)sizeof(bytes))
		return edu_fail(self->kernel.err, EIO,
		    "reading the command register: %zd of 2 bytes came", n);
	*command = (uint16_t)(bytes[0] | bytes[1] << 8);
	edu_trace_note(self->bus, EDU_TRACE_CONFIG_READ, PCI_COMMAND, 2,
	    *command);
	if (*command == 0xffff)
		return edu_fail_gone(self->kernel.err,
		    "configuration space reads all ones");
	return 0;
}

static int
command_write(struct edu_linux *self, uint16_t command)
{
	uint8_t bytes[2];
	ssize_t n;

	bytes[0] = (uint8_t)command;
	bytes[1] = (uint8_t)(command >> 8);
	edu_trace_note(self->bus, EDU_TRACE_CONFIG_WRITE, PCI_COMMAND, 2,
	    command);
	n = pwrite(self->config_fd, bytes, sizeof(bytes), PCI_COMMAND);
	if (n == -1)
		return edu_fail(self->kernel.err,
		    errno == ENODEV ? ENODEV : EIO,
		    "writing the command register: %s", strerror(errno));
	if (n != (ssize_t)sizeof(bytes))
		return edu_fail(self->kernel.err, EIO,
		    "writing the command register: %zd of 2 bytes went", n);
	return 0;
}

/* The name of the function's UIO device: "uio0". */
static int
find_uio(struct edu_linux *self, int sysfs, char *name, size_t size)
{
	struct dirent *entry;
	DIR *directory = NULL;
	int errnum, fd, length = 0;

	fd = openat(sysfs, "uio", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || (directory = fdopendir(fd)) == NULL) {
		errnum = errno;
		if (fd != -1)
			(void)close(fd);
		return edu_fail_errno(self->kernel.err, errnum,
		    "its directory uio in " EDU_SYSFS_PCI);
	}
	do {
		errno = 0;
		if ((entry = readdir(directory)) != NULL &&
		    strncmp(entry->d_name, "uio", 3) == 0)
			length = snprintf(name, size, "%s", entry->d_name);
	} while (length == 0 && entry != NULL);
	errnum = errno;
	(void)closedir(directory);
	if (length == 0 && errnum != 0)
		return edu_fail_errno(self->kernel.err, errnum,
		    "its directory uio in " EDU_SYSFS_PCI);
	if (length <= 0 || (size_t)length >= size)
		return edu_fail(self->kernel.err, ENOENT, "its directory uio "
		    "in " EDU_SYSFS_PCI " holds no uio device");
	return 0;
}

static int
open_config(struct edu_linux *self, int sysfs)
{

	self->config_fd = openat(sysfs, "config", O_RDWR | O_CLOEXEC);
	if (self->config_fd != -1)
		return 0;
	return edu_fail_errno(self->kernel.err, errno, "its file config in "
	    EDU_SYSFS_PCI);
}

/* The number of its interrupt line; -1: not known. */
static long
find_line(int sysfs)
{
	char text[32];

	if (edu_sysfs_line_at(sysfs, "irq", text, sizeof(text)) == -1)
		return -1;
	return strtol(text, NULL, 10);
}

/* How often the line has interrupted, on all processors; 0: not known. */
static uint64_t
read_line_count(const struct edu_linux *self)
{
	char *end, *next, path[64], text[4096];
	uint64_t count = 0;

	(void)snprintf(path, sizeof(path), "/sys/kernel/irq/%ld/per_cpu_count",
	    self->line);
	if (edu_sysfs_line(path, text, sizeof(text)) == -1)
		return 0;
	for (next = text; ; next = end + 1) {
		count += strtoull(next, &end, 10);
		if (*end != ',')
			return count;
	}
}

static atomic_long opened;

long
edu_uio_count(void)
{

	return opened;
}

/*
 * Not blocking, so that a read never waits longer than poll(2) was told to.
 * Reading the count is all we do, so read access will do.
 */
static int
open_uio(struct edu_linux *self, const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/dev/%s", name);
	self->uio_fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (self->uio_fd != -1) {
		opened++;
		return 0;
	}
	return edu_fail_errno(self->kernel.err, errno, "%s%s", path,
	    errno == ENOENT ? " (mount a devtmpfs on /dev, or make the node)" :
	    "");
}

/*
 * A new descriptor starts at the present count: there is nothing to drain.
 * All was found by the address, which is the function's own until it is gone.
 */
int
edu_uio_open(struct edu_linux *self, struct edu_bus *bus, int sysfs)
{
	char name[32];

	self->bus = bus;
	if (find_uio(self, sysfs, name, sizeof(name)) == -1 ||
	    open_config(self, sysfs) == -1 || open_uio(self, name) == -1)
		return -1;
	self->line = find_line(sysfs);
	if (bus->ops->present != NULL && bus->ops->present(bus) == -1)
		return -1;
	(void)snprintf(self->kernel.name, sizeof(self->kernel.name),
	    "%s (uio_pci_generic)", name);
	return 0;
}

/*
 * Leave the interrupt masked, whatever it was before, where we could have
 * unmasked it: an open that has failed changes nothing.  From now on nobody
 * acknowledges the device.  While uio_pci_generic stays bound, its handler
 * would mask the next interrupt anyway; once it is unbound there would be no
 * handler at all, and a level that nobody clears makes Linux switch off the
 * whole line, under everybody who shares it.  The mask harms nobody: Linux
 * clears it when the next driver enables the function, and we when we open it
 * again.
 */
void
edu_uio_close(struct edu_linux *self)
{
	uint16_t command = 0;

	if (self->uio_fd != -1 && command_read(self, &command) == 0 &&
	    (command & PCI_COMMAND_NO_INTX) == 0)
		(void)command_write(self,
		    (uint16_t)(command | PCI_COMMAND_NO_INTX));
	if (self->uio_fd != -1) {
		(void)close(self->uio_fd);
		opened--;
	}
	if (self->config_fd != -1)
		(void)close(self->config_fd);
}

static int
is_known(const struct edu_linux *self, int64_t now_us)
{

	return self->is_counting && !self->kernel.is_mastering &&
	    now_us - self->kernel.command_us < KNOWN_US;
}

/* Not verified: an interrupt may have come at once, and set the bit again. */
int
edu_uio_rearm(struct edu_kernel *kernel)
{
	struct edu_linux *self = edu_linux_of(kernel);
	int64_t now_us = edu_now_us();

	if (!is_known(self, now_us)) {
		if (command_read(self, &self->command) == -1)
			return -1;
		kernel->command_us = now_us;
		if ((self->command & PCI_COMMAND_NO_INTX) == 0)
			return 0;
	}
	/* Nothing is under way. */
	if (!self->is_counting) {
		self->is_counting = 1;
		self->line_count = read_line_count(self);
	}
	return command_write(self,
	    self->command & (uint16_t)~PCI_COMMAND_NO_INTX);
}

/* Whether the count has changed: 1, 0, -1. */
static int
take_count(struct edu_linux *self)
{
	uint32_t count;
	ssize_t n;

	n = read(self->uio_fd, &count, sizeof(count));
	if (n == (ssize_t)sizeof(count)) {
		self->announced++;
		return 1;
	}
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n == -1 && errno == EIO)
		return edu_fail(self->kernel.err, ENODEV,
		    "waiting for an interrupt: the device was unplugged, or "
		    "its driver unbound, or it has no interrupt line");
	if (n == -1)
		return edu_fail_errno(self->kernel.err, errno,
		    "waiting for an interrupt");
	return edu_fail(self->kernel.err, EIO,
	    "waiting for an interrupt: %zd of 4 bytes came", n);
}

/* One that is there already is had by one system call. */
int
edu_uio_wait(struct edu_kernel *kernel, int timeout_ms)
{
	struct edu_linux *self = edu_linux_of(kernel);
	struct pollfd pfd = { .fd = self->uio_fd, .events = POLLIN };
	int ready;

	if ((ready = take_count(self)) != 0 || timeout_ms == 0)
		return ready;
	if ((ready = poll(&pfd, 1, timeout_ms)) == 0)
		return 0;
	if (ready == -1)
		return edu_fail_errno(self->kernel.err, errno,
		    "waiting for an interrupt");
	/* May have been one: let the caller look. */
	return take_count(self) == -1 ? -1 : 1;
}

int
edu_uio_fd(struct edu_kernel *kernel)
{

	return edu_linux_of(kernel)->uio_fd;
}

/*
 * Linux switches off a line on which something interrupts that nobody takes,
 * and then calls its handlers every 100 ms: such a call counts for us, and not
 * as an interrupt of the line.  Every other one counts there first; it may have
 * been on its way when we began to count, but not a second one, for the first
 * has INTx masked until rearm().
 */
int
edu_uio_is_polled(struct edu_kernel *kernel)
{
	struct edu_linux *self = edu_linux_of(kernel);
	struct pollfd pfd = { .fd = self->uio_fd, .events = POLLIN };
	int is_readable = poll(&pfd, 1, 0) == 1;
	uint64_t count = read_line_count(self);

	if (count == 0 || !self->is_counting)
		return 0;
	if (self->announced + (unsigned)is_readable > count -
	    self->line_count + (unsigned)self->is_unsure)
		return 1;
	if (!is_readable) {
		self->line_count = count;
		self->announced = 0;
		self->is_unsure = 1;
	}
	return 0;
}
