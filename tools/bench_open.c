/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * What it takes to open devices, against libpciaccess alone: initialize it,
 * find them, probe them and map BAR0.  Each measurement is made by a child,
 * whose memory nobody has used before, and whose libpciaccess is its own.
 */

#include <sys/resource.h>
#include <sys/wait.h>

#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include <pciaccess.h>

#include "bench.h"

#define TIMES		5

static const struct bench_row one = {
	"open", "open and close, one device", "us", "libpciaccess"
}, all = {
	"open", "open all devices", "us", "libpciaccess"
}, memory = {
	"open", "memory of all devices", "kB", ""
};

struct result {
	double	us;
	double	kb;
};

static double
memory_kb(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_maxrss;
}

/* The child's answer comes by a pipe; none is a failure. */
static int
in_child(struct bench *b, int (*measure)(struct bench *, struct result *),
    struct result *result)
{
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	(void)fflush(NULL);
	if (pipe(fds) == -1)
		return fail_errno(b->tool, 0, "a pipe");
	if ((pid = fork()) == 0) {
		status = measure(b, result);
		n = write(fds[1], result, sizeof(*result));
		_exit(n == (ssize_t)sizeof(*result) ? status : EX_OSERR);
	}
	(void)close(fds[1]);
	n = pid == -1 ? -1 : read(fds[0], result, sizeof(*result));
	(void)close(fds[0]);
	if (pid == -1 || waitpid(pid, &status, 0) != pid)
		return fail_errno(b->tool, 0, "a child");
	if (n == (ssize_t)sizeof(*result) && WIFEXITED(status) &&
	    WEXITSTATUS(status) == 0)
		return 0;
	return fail(b->tool, WIFEXITED(status) && WEXITSTATUS(status) != 0 ?
	    WEXITSTATUS(status) : EX_SOFTWARE, 0, "open: a child has failed");
}

static int
one_lib(struct bench *b, struct result *r)
{
	double start_us = bench_now_us();
	struct edu *edu;
	int i;

	for (i = 0; i < TIMES; i++) {
		if ((edu = edu_open(bench_name(b, 0), 0)) == NULL)
			return fail_handle(b->tool, NULL, NULL);
		edu_close(edu);
	}
	r->us = (bench_now_us() - start_us) / TIMES;
	return 0;
}

static int
all_lib(struct bench *b, struct result *r)
{
	double kb = memory_kb(), start_us = bench_now_us();
	size_t i;

	for (i = 0; i < b->count; i++)
		if ((b->devices[i] = edu_open(bench_name(b, i), 0)) == NULL)
			return fail_handle(b->tool, NULL, NULL);
	r->us = bench_now_us() - start_us;
	r->kb = memory_kb() - kb;
	for (i = 0; i < b->count; i++)
		edu_close(b->devices[i]);
	return 0;
}

/* Probe and map the first of them, or all. */
static int
map(size_t count)
{
	struct pci_id_match match = { EDU_PCI_VENDOR, EDU_PCI_PRODUCT,
	    PCI_MATCH_ANY, PCI_MATCH_ANY, 0, 0, 0 };
	struct pci_device_iterator *iterator;
	struct pci_device *device;
	void *bar0;
	int result = 0;

	if ((iterator = pci_id_match_iterator_create(&match)) == NULL)
		return -1;
	while (count-- > 0 && result == 0) {
		device = pci_device_next(iterator);
		result = device == NULL ? -1 : pci_device_probe(device);
		if (result == 0)
			result = pci_device_map_range(device,
			    device->regions[0].base_addr, EDU_BAR0_SIZE,
			    PCI_DEV_MAP_FLAG_WRITABLE, &bar0);
		if (result == 0 && count == 0)
			(void)bench_load(bar0, EDU_ID);
	}
	pci_iterator_destroy(iterator);
	return result;
}

static int
one_bare(struct bench *b, struct result *r)
{
	double start_us = bench_now_us();
	int i;

	for (i = 0; i < TIMES; i++) {
		if (pci_system_init() != 0 || map(1) != 0)
			return fail(b->tool, EX_UNAVAILABLE, 0, "libpciaccess "
			    "could not map a device");
		/* It unmaps what was mapped. */
		pci_system_cleanup();
	}
	r->us = (bench_now_us() - start_us) / TIMES;
	return 0;
}

static int
all_bare(struct bench *b, struct result *r)
{
	double start_us = bench_now_us();

	if (pci_system_init() != 0 || map(b->count) != 0)
		return fail(b->tool, EX_UNAVAILABLE, 0, "libpciaccess could "
		    "not map all devices");
	r->us = bench_now_us() - start_us;
	pci_system_cleanup();
	return 0;
}

int
bench_open(struct bench *b)
{
	struct result bare_all = { 0, 0 }, bare_one = { 0, 0 };
	struct result lib_all = { 0, 0 }, lib_one = { 0, 0 };
	int is_pci = !device_is_qtest(bench_name(b, 0));
	int status;

	if ((status = in_child(b, one_lib, &lib_one)) != 0 ||
	    (is_pci && (status = in_child(b, one_bare, &bare_one)) != 0) ||
	    (status = in_child(b, all_lib, &lib_all)) != 0 ||
	    (is_pci && (status = in_child(b, all_bare, &bare_all)) != 0))
		return status;
	bench_sample(b, &one, lib_one.us, bare_one.us);
	bench_sample(b, &all, lib_all.us, bare_all.us);
	bench_sample(b, &memory, lib_all.kb, 0);
	return 0;
}
