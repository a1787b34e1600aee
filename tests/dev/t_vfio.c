/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* vfio-pci as the kernel side: what is its own. */

#include "h_case.h"

#ifndef __linux__
EDU_TEST(none, "VFIO is Linux's")
{

	atf_tc_skip("this system has no VFIO");
}
#else

#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/vfio.h>

#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>

#include "h_memory.h"
#include "h_need.h"
#include "h_pci.h"

#define NOBODY		65534
#define PAGE		4096U
#define BIT_A		0x10U
#define BIT_B		0x20000U
/* Two functions of one group, the second with a mask of 16 bits. */
#define PAIR		"0000:00:1e."

/* The library's next call of this request fails, so. */
static unsigned long refused;
static int refused_index = -1, refused_errno;

int
ioctl(int fd, unsigned long request, ...)
{
	const struct vfio_irq_set *set;
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	set = arg;
	if (request == refused && (refused_index == -1 ||
	    set->index == (unsigned)refused_index)) {
		refused = 0;
		errno = refused_errno;
		return -1;
	}
	return (int)syscall(SYS_ioctl, fd, request, arg);
}

static void
refuse(unsigned long request, int index, int errnum)
{

	refused = request;
	refused_index = index;
	refused_errno = errnum;
}

static const char *
need_vfio(void)
{
	const char *name = need_device(1, 0);

	if (!pci_has_vfio(name))
		atf_tc_skip("%s is not bound to vfio-pci (tests/guest -v)",
		    name);
	return name;
}

static void
write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	ATF_REQUIRE_MSG(fd != -1, "%s: %s", path, strerror(errno));
	ATF_REQUIRE_EQ_MSG(write(fd, text, strlen(text)),
	    (ssize_t)strlen(text), "%s", path);
	(void)close(fd);
}

static const char *
file_of(const char *name, const char *file)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", name,
	    file);
	return path;
}

/* Bind it, to nothing for "". */
static void
bind_to(const char *name, const char *driver)
{
	char line[64];

	(void)snprintf(line, sizeof(line), "%s\n", driver);
	if (access(file_of(name, "driver"), F_OK) == 0)
		write_file(file_of(name, "driver/unbind"), name);
	write_file(file_of(name, "driver_override"), line);
	if (driver[0] != '\0')
		write_file("/sys/bus/pci/drivers_probe", name);
}

static int
is_readable(struct edu *edu, int timeout_ms)
{
	struct pollfd pfd = { edu_irq_fd(edu), POLLIN, 0 };

	ATF_REQUIRE_MSG(pfd.fd != -1, "%s", edu_errmsg(edu));
	ATF_REQUIRE(poll(&pfd, 1, timeout_ms) != -1);
	return pfd.revents != 0;
}

/* The bytes of a mapping that somebody else takes away. */
static void
take_away(uint64_t address, size_t size)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = address, .size = size
	};
	char path[64], target[64];
	ssize_t n;
	int fd;

	for (fd = 3; fd < 64; fd++) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		if (strcmp(target, "/dev/vfio/vfio") != 0)
			continue;
		ATF_REQUIRE_EQ(ioctl(fd, VFIO_IOMMU_UNMAP_DMA, &unmap), 0);
		ATF_REQUIRE_EQ(unmap.size, size);
		return;
	}
	atf_tc_fail("no container is open");
}

DEVICE_TEST(names, "The kernel side is called by its group and kind of "
    "interrupt, and by none for polling only")
{
	const char *name = need_vfio();
	char expected[64];
	struct edu *edu;

	(void)snprintf(expected, sizeof(expected), "group %s (vfio-pci, MSI)",
	    pci_vfio_node(name) + strlen("/dev/vfio/"));
	edu = open_device(name, 0);
	ATF_CHECK_STREQ(edu_kernel_side(edu), expected);
	edu_close(edu);
	edu = open_device(name, EDU_OPEN_POLL);
	ATF_CHECK_STREQ(edu_kernel_side(edu), "none");
	ATF_CHECK(edu_mem_alloc(edu, 1) != NULL);
	edu_close(edu);
	edu = open_device(name, EDU_OPEN_READONLY);
	ATF_CHECK_STREQ(edu_kernel_side(edu), "vfio-pci");
	edu_close(edu);
}

DEVICE_TEST(map, "The device reads and writes exactly the bytes of the "
    "caller's own memory, however it is aligned")
{
	struct edu *edu = open_device(need_vfio(), 0);
	size_t length = 3 * PAGE, skip = 123;
	unsigned char *all = malloc(length), *data = all + skip;
	uint64_t first, last;

	ATF_REQUIRE(all != NULL);
	fill(all, length, 1);
	REQUIRE_EDU(edu, edu_mem_map(edu, data, length - 2 * skip));
	REQUIRE_EDU(edu, edu_mem_address(edu, data, &first));
	REQUIRE_EDU(edu, edu_mem_address(edu, data + length - 2 * skip - 1,
	    &last));
	ATF_CHECK_EQ(last - first, length - 2 * skip - 1);
	ATF_CHECK_EQ(first % PAGE, (uintptr_t)data % PAGE);
	ATF_CHECK(first >= PAGE && last <= EDU_DMA_MASK);
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, data + 5, 4000, 0, SOON_MS));
	REQUIRE_EDU(edu, edu_dma_get(edu, 0, data + 5001, 4000, 0, SOON_MS));
	ATF_CHECK_EQ(memcmp(data + 5, data + 5001, 4000), 0);
	ATF_CHECK_EQ(differences(all, skip + 5001, 1), 0);
	fill(all, length, 1);
	REQUIRE_EDU(edu, edu_dma_copy(edu, data + 100, data + 6000, 5000, 0,
	    SOON_MS));
	ATF_CHECK_EQ(memcmp(data + 100, data + 6000, 5000), 0);
	ATF_CHECK_EQ(differences(all, skip + 100, 1), 0);
	REQUIRE_EDU(edu, edu_mem_prove(edu, data, length - 2 * skip));
	REQUIRE_EDU(edu, edu_mem_unmap(edu, data));
	CHECK_ERRNO(edu, EFAULT, edu_mem_address(edu, data, &first) == -1);
	CHECK_ERRNO(edu, EFAULT, edu_mem_unmap(edu, data) == -1);
	edu_close(edu);
	free(all);
}

DEVICE_TEST(map_refused, "What cannot be mapped is an error of its own, and "
    "changes nothing")
{
	struct edu *edu = open_device(need_vfio(), 0);
	unsigned char *data = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANON, -1, 0), *mem = alloc(edu, PAGE);
	uint64_t address, again;

	ATF_REQUIRE(data != MAP_FAILED);
	CHECK_ERRNO(edu, EINVAL, edu_mem_map(edu, data, 0) == -1);
	CHECK_ERRNO(edu, EINVAL, edu_mem_map(edu, NULL, 1) == -1);
	CHECK_ERRNO(edu, EINVAL, edu_mem_map(edu, data, SIZE_MAX) == -1);
	CHECK_ERRNO(edu, EEXIST, edu_mem_map(edu, mem + 1, 1) == -1);
	CHECK_ERRNO(edu, EFAULT, edu_mem_unmap(edu, mem) == -1);
	REQUIRE_EDU(edu, edu_mem_map(edu, data + 100, 100));
	CHECK_ERRNO(edu, EEXIST, edu_mem_map(edu, data, 101) == -1);
	CHECK_ERRNO(edu, EEXIST, edu_mem_map(edu, data + 199, 1) == -1);
	/* Of the same page, but no byte. */
	REQUIRE_EDU(edu, edu_mem_map(edu, data, 100));
	REQUIRE_EDU(edu, edu_mem_map(edu, data + 200, 100));
	REQUIRE_EDU(edu, edu_mem_address(edu, data + 200, &address));
	/* Not what edu_mem_alloc() has given. */
	edu_mem_free(edu, data + 200);
	REQUIRE_EDU(edu, edu_mem_address(edu, data + 200, &again));
	ATF_CHECK_EQ(address, again);
	ATF_REQUIRE_EQ(mprotect(data + PAGE, PAGE, PROT_READ), 0);
	CHECK_ERRNO(edu, EFAULT, edu_mem_map(edu, data + PAGE, 1) == -1);
	ATF_REQUIRE_EQ(munmap(data + PAGE, PAGE), 0);
	CHECK_ERRNO(edu, EFAULT, edu_mem_map(edu, data + PAGE, 1) == -1);
	CHECK_MESSAGE(edu, "may write to");
	refuse(VFIO_IOMMU_MAP_DMA, -1, ENOSPC);
	CHECK_ERRNO(edu, ENOSPC, edu_mem_map(edu, data + 2 * PAGE, 1) == -1);
	REQUIRE_EDU(edu, edu_mem_map(edu, data + 2 * PAGE, 1));
	edu_close(edu);
}

DEVICE_TEST(below_stated_mask, "Addresses lie below the mask that was stated, "
    "and when there are none left it is ENOMEM")
{
	struct edu *edu = open_device(need_vfio(), 0);
	unsigned char *data = malloc(65536);
	uint64_t address;
	int i;

	REQUIRE_EDU(edu, edu_dma_set_mask(edu, 0xffff));
	/* The first page is nobody's. */
	for (i = 1; i < 16; i++) {
		REQUIRE_EDU(edu, edu_mem_address(edu, alloc(edu, 1),
		    &address));
		ATF_CHECK_EQ(address, (unsigned)i * PAGE);
	}
	CHECK_ERRNO(edu, ENOMEM, edu_mem_alloc(edu, 1) == NULL);
	CHECK_MESSAGE(edu, "below 0x10000");
	CHECK_ERRNO(edu, ENOMEM, edu_mem_map(edu, data, 1) == -1);
	edu_close(edu);
	free(data);
}

DEVICE_TEST(unmap_cuts_off, "Memory that is unmapped while a transfer runs is "
    "the caller's at once, and its address nobody's until that is over")
{
	struct edu *edu = open_device(need_vfio(), 0);
	unsigned char *data = malloc(PAGE), *other = malloc(PAGE);
	uint64_t address, next;

	fill(data, PAGE, 1);
	REQUIRE_EDU(edu, edu_mem_map(edu, data, PAGE));
	REQUIRE_EDU(edu, edu_mem_address(edu, data, &address));
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, data, 4000, 0, SOON_MS));
	fill(data, PAGE, 2);
	CHECK_ERRNO(edu, ETIMEDOUT, edu_dma_get(edu, 0, data, 4000, 0, 0) ==
	    -1);
	REQUIRE_EDU(edu, edu_mem_unmap(edu, data));
	REQUIRE_EDU(edu, edu_mem_map(edu, other, PAGE));
	REQUIRE_EDU(edu, edu_mem_address(edu, other, &next));
	ATF_CHECK(address / PAGE != next / PAGE);
	/* This waits for the first. */
	REQUIRE_EDU(edu, edu_dma_get(edu, 0, other, 4000, 0, SOON_MS));
	ATF_CHECK_EQ(differences(data, PAGE, 2), 0);
	ATF_CHECK_EQ(differences(other, 4000, 1), 0);
	/* Free again. */
	REQUIRE_EDU(edu, edu_mem_map(edu, data, PAGE));
	REQUIRE_EDU(edu, edu_mem_address(edu, data, &next));
	ATF_CHECK_EQ(address, next);
	edu_close(edu);
	free(data);
	free(other);
}

DEVICE_TEST(mapping_taken_away, "A transfer that the IOMMU stops moves "
    "nothing: to memory, and in a copy either way, that is EIO")
{
	struct edu *edu = open_device(need_vfio(), 0);
	unsigned char *mem = alloc(edu, PAGE), *good = alloc(edu, PAGE);
	uint64_t address;
	size_t i;

	fill(mem, PAGE, 1);
	REQUIRE_EDU(edu, edu_mem_prove(edu, mem, PAGE));
	REQUIRE_EDU(edu, edu_mem_prove(edu, mem, 3));
	ATF_CHECK_EQ(differences(mem, PAGE, 1), 0);
	CHECK_ERRNO(edu, EINVAL, edu_mem_prove(edu, mem, 0) == -1);
	CHECK_ERRNO(edu, EFAULT, edu_mem_prove(edu, mem, PAGE + 1) == -1);
	REQUIRE_EDU(edu, edu_mem_address(edu, mem, &address));
	take_away(address, PAGE);
	for (i = 4; i < 4000; i = i * 3 + 1)
		CHECK_ERRNO(edu, EIO, edu_dma_get(edu, 0, mem, i, 0,
		    SOON_MS) == -1);
	CHECK_ERRNO(edu, EIO, edu_dma_copy(edu, mem, good, 9, 0, SOON_MS) ==
	    -1);
	CHECK_ERRNO(edu, EIO, edu_dma_copy(edu, good, mem, 9, 0, -1) == -1);
	CHECK_ERRNO(edu, EIO, edu_mem_prove(edu, mem, PAGE) == -1);
	CHECK_MESSAGE(edu, "does not reach");
	ATF_CHECK_EQ(differences(mem, PAGE, 1), 0);
	edu_close(edu);
}

/* Enter both functions of the pair into VFIO, or skip. */
static void
need_pair(void)
{

	(void)need_vfio();
	if (access(file_of(PAIR "1", ""), F_OK) == -1)
		atf_tc_skip("no two edu functions in one IOMMU group at "
		    PAIR "0");
	bind_to(PAIR "0", "vfio-pci");
	bind_to(PAIR "1", "vfio-pci");
}

DEVICE_TEST(narrow_mask, "A device whose mask is narrower than was stated: "
    "what it gets is EIO, and edu_mem_prove() tells")
{
	unsigned char *high, *low;
	struct edu *edu;

	need_pair();
	edu = open_device(PAIR "1", 0);
	low = alloc(edu, 0xf000);
	high = alloc(edu, PAGE);
	fill(low, 0xf000, 1);
	REQUIRE_EDU(edu, edu_mem_prove(edu, low, 0xf000));
	CHECK_ERRNO(edu, EIO, edu_dma_get(edu, 0, high, 9, 0, SOON_MS) == -1);
	CHECK_ERRNO(edu, EIO, edu_mem_prove(edu, high, 1) == -1);
	CHECK_MESSAGE(edu, "address 0x10000: its DMA mask is narrower than "
	    "0xfffffff");
	ATF_CHECK_EQ(differences(low, 0xf000, 1), 0);
	edu_close(edu);
	bind_to(PAIR "0", "");
	bind_to(PAIR "1", "");
}

DEVICE_TEST(one_group, "Handles of two functions of one group work side by "
    "side, with addresses apart, and in any order of closing")
{
	uint64_t first, second;
	struct edu *a, *b;

	need_pair();
	a = open_device(PAIR "0", 0);
	b = open_device(PAIR "1", 0);
	REQUIRE_EDU(a, edu_mem_address(a, alloc(a, 1), &first));
	REQUIRE_EDU(b, edu_mem_address(b, alloc(b, 1), &second));
	ATF_CHECK(first != second);
	ATF_CHECK(edu_holder(a) == NULL);
	REQUIRE_EDU(b, edu_irq_raise(b, BIT_A));
	check_wait(b, SOON_MS, BIT_A);
	edu_close(a);
	REQUIRE_EDU(b, edu_irq_raise(b, BIT_B));
	check_wait(b, SOON_MS, BIT_B);
	edu_close(b);
	a = open_device(PAIR "0", 0);
	edu_close(a);
	bind_to(PAIR "0", "");
	bind_to(PAIR "1", "");
}

DEVICE_TEST(not_viable, "A group that another driver has a function of is "
    "EBUSY, with that function's name")
{

	need_pair();
	if (system("modprobe uio_pci_generic") != 0)
		atf_tc_skip("no uio_pci_generic");
	bind_to(PAIR "1", "uio_pci_generic");
	CHECK_ERRNO(NULL, EBUSY, edu_open(PAIR "0", 0) == NULL);
	CHECK_MESSAGE(NULL, ": " PAIR "1 (uio_pci_generic);");
	bind_to(PAIR "1", "");
	edu_close(open_device(PAIR "0", 0));
	bind_to(PAIR "0", "");
}

DEVICE_TEST(not_bound, "Without vfio-pci, memory of the caller's own is "
    "ENOTSUP, and where the IOMMU translates all is")
{
	const char *name = need_vfio();
	struct edu *edu;
	char own[16];

	bind_to(name, "");
	edu = open_device(name, 0);
	CHECK_ERRNO(edu, ENOTSUP, edu_mem_map(edu, own, sizeof(own)) == -1);
	CHECK_MESSAGE(edu, "bind vfio");
	edu_close(edu);
	write_file(file_of(name, "iommu_group/type"), "DMA");
	edu = open_device(name, 0);
	CHECK_ERRNO(edu, ENOTSUP, edu_mem_alloc(edu, 1) == NULL);
	CHECK_MESSAGE(edu, "bind vfio");
	CHECK_ERRNO(edu, ENOTSUP, edu_irq_fd(edu) == -1);
	CHECK_MESSAGE(edu, "bind vfio, or bind uio");
	edu_close(edu);
	write_file(file_of(name, "iommu_group/type"), "auto");
	bind_to(name, "vfio-pci");
	edu_close(open_device(name, 0));
}

DEVICE_TEST(refused, "What VFIO refuses is told in words")
{
	const char *name = need_vfio();

	refuse(VFIO_SET_IOMMU, -1, EPERM);
	CHECK_ERRNO(NULL, EPERM, edu_open(name, 0) == NULL);
	CHECK_MESSAGE(NULL, "allow_unsafe_interrupts");
	refuse(VFIO_DEVICE_SET_IRQS, VFIO_PCI_MSI_IRQ_INDEX, ENOSPC);
	CHECK_ERRNO(NULL, ENOSPC, edu_open(name, 0) == NULL);
	CHECK_MESSAGE(NULL, "no interrupt vector left");
	edu_close(open_device(name, 0));
}

DEVICE_TEST(intx, "Where the kernel keeps MSI from the device INTx does, and "
    "no interrupt is lost")
{
	const char *name = need_vfio();
	struct edu *edu;
	unsigned i;

	write_file(file_of(name, "msi_bus"), "0");
	edu = open_device(name, 0);
	ATF_CHECK(strstr(edu_kernel_side(edu), "(vfio-pci, INTx)") != NULL);
	ATF_CHECK(!is_readable(edu, 0));
	for (i = 0; i < 1000; i++) {
		REQUIRE_EDU(edu, edu_irq_raise(edu, 1U << i % 32));
		ATF_REQUIRE_MSG(is_readable(edu, SOON_MS), "round %u", i);
		check_wait(edu, 0, 1U << i % 32);
	}
	check_wait(edu, 0, 0);
	edu_close(edu);
	edu = open_device(name, EDU_OPEN_KEEP);
	REQUIRE_EDU(edu, edu_irq_raise(edu, BIT_A));
	edu_close(edu);
	edu = open_device(name, EDU_OPEN_KEEP);
	ATF_CHECK(is_readable(edu, SOON_MS));
	check_wait(edu, 0, BIT_A);
	edu_close(edu);
	write_file(file_of(name, "msi_bus"), "1");
}

DEVICE_TEST(obstacles, "MSI or bus mastering that somebody switched off ends a "
    "wait with EIO and the reason")
{
	const char *name = need_vfio();
	struct edu *edu = open_device(name, 0);
	uint32_t msi = pci_read(name, 0x40), command, status;

	ATF_CHECK(msi & 0x10000);
	pci_write(name, 0x40, msi & ~0x10000U);
	CHECK_ERRNO(edu, EIO, edu_irq_wait(edu, SOON_MS, &status) == -1);
	CHECK_MESSAGE(edu, "MSI is disabled");
	pci_write(name, 0x40, msi);
	command = pci_command(name);
	pci_set_command(name, command & ~COMMAND_MASTER);
	CHECK_ERRNO(edu, EIO, edu_irq_wait(edu, SOON_MS, &status) == -1);
	CHECK_MESSAGE(edu, "bus mastering is off");
	pci_set_command(name, command);
	REQUIRE_EDU(edu, edu_irq_raise(edu, BIT_A));
	check_wait(edu, SOON_MS, BIT_A);
	edu_close(edu);
}

DEVICE_TEST(asked_back, "When the system wants the device back, waits say so, "
    "the descriptor is ready, and closing gives it")
{
	const char *name = need_vfio();
	struct edu *edu = open_device(name, 0);
	uint32_t bits;
	int status;
	pid_t pid;

	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		write_file(file_of(name, "driver/unbind"), name);
		_exit(0);
	}
	ATF_CHECK(is_readable(edu, SOON_MS));
	CHECK_ERRNO(edu, ENODEV, edu_irq_wait(edu, SOON_MS, &bits) == -1);
	CHECK_MESSAGE(edu, "wants the device back");
	ATF_CHECK(is_readable(edu, 0));
	/* It is there until then. */
	REQUIRE_EDU(edu, edu_live(edu, 5, NULL));
	ATF_CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	edu_close(edu);
	ATF_REQUIRE(waitpid(pid, &status, 0) == pid);
	ATF_CHECK_EQ(status, 0);
	ATF_CHECK(!pci_has_vfio(name));
	bind_to(name, "vfio-pci");
	edu_close(open_device(name, 0));
}

static void
give(const char *path, gid_t group)
{

	ATF_REQUIRE(chown(path, 0, group) == 0 && chmod(path, 0660) == 0);
}

/*
 * The main job, with so much memory to be locked at most.  Of a child only what
 * is required counts.
 */
static void
drive(const char *name, rlim_t locked)
{
	const struct rlimit limit = { locked, locked };
	gid_t group = NOBODY;
	unsigned char *mem;
	struct edu_bar *bar;
	struct edu *edu;
	uint32_t result;

	ATF_REQUIRE(setrlimit(RLIMIT_MEMLOCK, &limit) == 0);
	ATF_REQUIRE(setgroups(1, &group) == 0 && setgid(NOBODY) == 0 &&
	    setuid(NOBODY) == 0);
	edu = open_device(name, 0);
	REQUIRE_EDU(edu, edu_factorial(edu, 5, EDU_INTERRUPT, SOON_MS,
	    &result));
	ATF_REQUIRE_EQ(result, 120);
	mem = alloc(edu, 2 * PAGE);
	fill(mem, PAGE, 1);
	REQUIRE_EDU(edu, edu_dma_put(edu, 0, mem, 4000, 0, SOON_MS));
	REQUIRE_EDU(edu, edu_dma_get(edu, 0, mem + PAGE, 4000, EDU_INTERRUPT,
	    SOON_MS));
	ATF_REQUIRE_EQ(differences(mem + PAGE, 4000, 1), 0);
	ATF_REQUIRE((bar = edu_bar_size(edu, 0, 0)) != NULL);
	edu_bar_free(bar);
	ATF_REQUIRE(edu_mem_alloc(edu, EDU_MEM_MAX) == NULL);
	ATF_REQUIRE_EQ(errno, ENOMEM);
	ATF_REQUIRE(strstr(edu_errmsg(edu), "ulimit -l") != NULL);
	edu_close(edu);
	exit(0);
}

DEVICE_TEST(ordinary_user, "A user who has been given the function's files and "
    "its group's node does all, as far as his memory may be locked")
{
	const char *name = need_vfio(), *node = pci_vfio_node(name);
	int status;
	pid_t pid;

	give(file_of(name, "config"), NOBODY);
	give(file_of(name, "resource0"), NOBODY);
	ATF_REQUIRE(mkdir("/run/edu", 0700) == 0);
	ATF_REQUIRE(chown("/run/edu", 0, NOBODY) == 0 &&
	    chmod("/run/edu", 02770) == 0);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		gid_t group = NOBODY;

		if (setgroups(1, &group) != 0 || setgid(NOBODY) != 0 ||
		    setuid(NOBODY) != 0)
			_exit(1);
		ATF_REQUIRE(edu_open(name, 0) == NULL && errno == EACCES);
		ATF_REQUIRE(strstr(edu_errmsg(NULL), "belongs to user 0 and "
		    "group 0, mode 600") != NULL);
		exit(0);
	}
	ATF_REQUIRE(waitpid(pid, &status, 0) == pid && status == 0);
	give(node, NOBODY);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0)
		drive(name, 64 << 10);
	ATF_REQUIRE(waitpid(pid, &status, 0) == pid);
	ATF_CHECK_EQ(status, 0);
	ATF_REQUIRE(chown(node, 0, 0) == 0 && chmod(node, 0600) == 0);
	ATF_REQUIRE(chown(file_of(name, "config"), 0, 0) == 0 &&
	    chmod(file_of(name, "config"), 0644) == 0);
	ATF_REQUIRE(chown(file_of(name, "resource0"), 0, 0) == 0 &&
	    chmod(file_of(name, "resource0"), 0600) == 0);
	ATF_REQUIRE(system("rm -r /run/edu") == 0);
}
#endif
