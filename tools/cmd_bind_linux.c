/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Binds through driver_override, which concerns one device: the "new_id" of
 * a driver would draw in every other edu as well.
 */

#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "edutool.h"
#include "refusal.h"

#define SYSFS_PCI	"/sys/bus/pci"

/* A driver, which is its module's name as well. */
static const struct kernel_driver {
	const char	*word;
	const char	*name;
	const char	*need;
} drivers[] = {
	{ "uio", "uio_pci_generic", "an interrupt line" },
	{ "vfio", "vfio-pci", "an IOMMU: boot with \"intel_iommu=on\" or its "
	    "like" },
	{ "none", NULL, NULL }
};

/* Long enough for a path of ours: addresses have 12 characters. */
#define PATH_SIZE	256

static const char *
device_path(const struct tool *t, const char *file, char *path)
{

	(void)snprintf(path, PATH_SIZE, SYSFS_PCI "/devices/%.32s/%s",
	    edu_name(t->edu), file);
	return path;
}

static int
write_sysfs(struct tool *t, const char *path, const char *text)
{
	char help[256];
	ssize_t n = -1;
	int errnum, fd;

	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) != -1) {
		n = write(fd, text, strlen(text));
		errnum = n == -1 ? errno : EIO;
		(void)close(fd);
		errno = errnum;
	}
	if (n == (ssize_t)strlen(text))
		return 0;
	errnum = errno;
	edu_refusal(errnum, help, sizeof(help));
	errno = errnum;
	return fail_errno(t, 0, "%s: cannot write %s%s", edu_name(t->edu),
	    path, help);
}

/* Signals and PATH as a system tool expects them. */
static void
exec_modprobe(const char *module)
{
	static const char * const places[] = {
		"/sbin/modprobe", "/usr/sbin/modprobe", "/bin/modprobe"
	};
	size_t i;

	(void)signal(SIGPIPE, SIG_DFL);
	(void)dup2(STDERR_FILENO, STDOUT_FILENO);
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		(void)execl(places[i], "modprobe", module, (char *)NULL);
	(void)execlp("modprobe", "modprobe", module, (char *)NULL);
	_exit(127);
}

static int
load_module(struct tool *t, const char *module)
{
	char path[PATH_SIZE];
	int status;
	pid_t pid;

	(void)snprintf(path, sizeof(path), SYSFS_PCI "/drivers/%s", module);
	if (access(path, F_OK) == 0)
		return 0;
	if ((pid = fork()) == -1)
		return fail_errno(t, EX_OSERR, "cannot start modprobe");
	if (pid == 0)
		exec_modprobe(module);
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return fail_errno(t, EX_OSERR, "modprobe");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return fail(t, EX_UNAVAILABLE, 0, "there is no modprobe; load "
		    "the kernel module %s by hand", module);
	return fail(t, EX_UNAVAILABLE, 0, "modprobe %s failed%s", module,
	    geteuid() != 0 ? " (try as root)" :
	    "; is it in /lib/modules?");
}

static int
unbind(struct tool *t, const char *driver)
{
	char path[PATH_SIZE];

	if (strcmp(driver, "none") == 0)
		return 0;
	return write_sysfs(t, device_path(t, "driver/unbind", path),
	    edu_name(t->edu));
}

/* An override of one newline is none. */
static int
override(struct tool *t, const char *driver)
{
	char path[PATH_SIZE];

	return write_sysfs(t, device_path(t, "driver_override", path), driver);
}

static int
bind_none(struct tool *t, const char *driver)
{
	int status;

	if ((status = override(t, "\n")) == 0)
		status = unbind(t, driver);
	return status;
}

/* The kernel's answer to a probe does not say whether a driver was found. */
static int
bind_driver(struct tool *t, const char *driver, const struct kernel_driver *to)
{
	char line[64];
	int status;

	if (strcmp(driver, to->name) == 0)
		return 0;
	(void)snprintf(line, sizeof(line), "%s\n", to->name);
	if ((status = load_module(t, to->name)) != 0 ||
	    (status = override(t, line)) != 0 ||
	    (status = unbind(t, driver)) != 0 ||
	    (status = write_sysfs(t, SYSFS_PCI "/drivers_probe",
	    edu_name(t->edu))) != 0)
		return status;
	if (strcmp(edu_kernel_side(t->edu), to->name) == 0)
		return 0;
	(void)override(t, "\n");
	return fail(t, EX_UNAVAILABLE, 0, "%s: %s did not take the device; "
	    "dmesg says why (it needs %s)", edu_name(t->edu), to->name,
	    to->need);
}

/* Opening claims the device: no process drives it while its driver goes. */
static int
open_edu(struct tool *t)
{
	int status;

	if (device_is_qtest(t->device))
		return fail(t, EX_UNAVAILABLE, 0, "%s: there is no kernel "
		    "here that could have a driver", t->device);
	if ((status = device_open(t, EDU_OPEN_CONFIG)) != 0)
		return status;
	if (device_is_edu(t->edu))
		return 0;
	return fail(t, EX_UNAVAILABLE, ENODEV, "%s: this is not an edu "
	    "device; it keeps its driver", edu_name(t->edu));
}

/*
 * For a process that has the device by its driver, and not by this library,
 * the kernel may wait, and we with it, deaf to every signal.
 */
static int
require_unheld(struct tool *t)
{
	const char *holder = edu_holder(t->edu);

	if (holder == NULL)
		return 0;
	return fail(t, EX_TEMPFAIL, EBUSY, "%s: %s: its driver stays until "
	    "that ends", edu_name(t->edu), holder);
}

int
cmd_bind(struct tool *t, const struct args *a)
{
	const struct kernel_driver *to = drivers;
	char driver[64];
	int status;

	while (strcmp(a->operand[0], to->word) != 0)
		if ((to++)->name == NULL)
			return fail_usage(t, "'%s' is neither uio nor vfio nor "
			    "none", a->operand[0]);
	if ((status = open_edu(t)) != 0)
		return status;
	(void)snprintf(driver, sizeof(driver), "%s", edu_kernel_side(t->edu));
	if (strcmp(driver, to->name != NULL ? to->name : "none") != 0 &&
	    (status = require_unheld(t)) != 0)
		return status;
	if ((status = to->name != NULL ? bind_driver(t, driver, to) :
	    bind_none(t, driver)) != 0)
		return status;
	say(t, "%s: %s\n", edu_name(t->edu),
	    to->name != NULL ? to->name : "no driver");
	if (to->name != NULL)
		json_string(&t->doc, "driver", to->name);
	else
		json_null(&t->doc, "driver");
	return 0;
}
