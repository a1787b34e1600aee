/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* Finding the devices of this machine, and opening them by their addresses. */

#include <sys/types.h>
#include <sys/wait.h>

#include "h_need.h"
#include "h_pci.h"

#define MAX_FUNCTIONS	512
#define HEADER		(64 / 4)
#define NOBODY		65534

static struct pci_name names[MAX_FUNCTIONS];

static size_t
need_edus(void)
{
	size_t n = pci_find(ID_EDU, names, MAX_FUNCTIONS);

	if (n == 0)
		atf_tc_skip("no edu device on this machine");
	return n;
}

static struct edu_list *
new_list(void)
{
	struct edu_list *list = edu_list_new();

	ATF_REQUIRE_MSG(list != NULL, "%s", edu_errmsg(NULL));
	return list;
}

EDU_TEST(agrees_with_system, "the list has every edu that the system shows and "
    "nothing else, in the order of addresses")
{
	struct edu_list *list;
	size_t i, n = need_edus();

	list = new_list();
	ATF_REQUIRE_EQ_MSG(edu_list_count(list), n, "%zu, not %zu",
	    edu_list_count(list), n);
	for (i = 0; i < n; i++)
		ATF_CHECK_STREQ(edu_list_name(list, i), names[i].text);
	ATF_CHECK(edu_list_name(list, n) == NULL);
	ATF_CHECK(edu_list_name(list, (size_t)-1) == NULL);
	edu_list_free(list);
	edu_list_free(NULL);
}

DEVICE_TEST(touches_nothing, "listing, and looking at a device, change nothing "
    "in its configuration and its registers")
{
	uint8_t before[CONFIG_SIZE];
	volatile uint32_t *registers;
	struct edu *edu;
	uint32_t live, status, id = 0;

	(void)need_edus();
	registers = map_registers(names[0].text);
	registers[EDU_LIVE / 4] = 0x600df00d;
	registers[EDU_INTR_ACK / 4] = 0xffffffff;
	live = registers[EDU_LIVE / 4];
	status = registers[EDU_STATUS / 4];
	pci_config(names[0].text, before);
	edu_list_free(new_list());
	edu = open_device(names[0].text, EDU_OPEN_READONLY);
	REQUIRE_EDU(edu, edu_identify(edu, &id));
	edu_close(edu);
	edu_close(open_device(names[0].text, EDU_OPEN_CONFIG));
	pci_check_same(names[0].text, before, "after looking");
	ATF_CHECK_EQ(registers[EDU_LIVE / 4], live);
	ATF_CHECK_EQ(registers[EDU_STATUS / 4], status);
	ATF_CHECK_EQ(id & 0xffff, 0xed);
}

DEVICE_TEST(names_open, "every name in the list opens the device of that name, "
    "NULL opens the first")
{
	struct edu_list *list;
	struct edu *edu;
	uint32_t id;
	size_t i;

	(void)need_edus();
	list = new_list();
	for (i = 0; i < edu_list_count(list); i++) {
		edu = open_device(edu_list_name(list, i), 0);
		ATF_CHECK_STREQ(edu_name(edu), edu_list_name(list, i));
		REQUIRE_EDU(edu, edu_identify(edu, &id));
		edu_close(edu);
	}
	edu = open_device(NULL, 0);
	ATF_CHECK_STREQ(edu_name(edu), edu_list_name(list, 0));
	edu_close(edu);
	edu_list_free(list);
}

static void
check_form(const char *form, const char *name)
{
	struct edu *edu = edu_open(form, EDU_OPEN_READONLY);

	ATF_CHECK_MSG(edu != NULL, "'%s': %s", form, edu_errmsg(NULL));
	if (edu != NULL)
		ATF_CHECK_STREQ(edu_name(edu), name);
	edu_close(edu);
}

DEVICE_TEST(short_forms, "the domain, a bus of 0 and leading zeros may be left "
    "out, capitals are as good")
{
	static const char * const forms[] = {
		"%04x:%02x:%02x.%x", "%x:%x:%x.%x", "%04X:%02X:%02X.%X",
		"%08x:%02x:%02x.%x"
	};
	unsigned domain, bus, device, function;
	char form[64];
	size_t i, n, at;

	n = need_edus();
	for (at = 0; at < n; at++) {
		ATF_REQUIRE_EQ(sscanf(names[at].text, "%x:%x:%x.%x", &domain,
		    &bus, &device, &function), 4);
		for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			(void)snprintf(form, sizeof(form), forms[i], domain,
			    bus, device, function);
#pragma GCC diagnostic pop
			check_form(form, names[at].text);
		}
		if (domain != 0)
			continue;
		(void)snprintf(form, sizeof(form), "%02x:%02x.%x", bus, device,
		    function);
		check_form(form, names[at].text);
		(void)snprintf(form, sizeof(form), "%x:%x.%x", bus, device,
		    function);
		check_form(form, names[at].text);
		if (bus != 0)
			continue;
		(void)snprintf(form, sizeof(form), "%x.%x", device, function);
		check_form(form, names[at].text);
	}
}

EDU_TEST(malformed, "what is no PCI address is EINVAL, and the message repeats "
    "it")
{
	static const char * const wrong[] = {
		"", ".", ":", "a", "a.", ".0", "0", "edu", "a.8", "a.f",
		"a.00", "a.0x", "a.0 ", " a.0", "-a.0", "+a.0", "a.-0", "0xa.0",
		"20.0", "100.0", "100:a.0", "0:100:a.0", "g:a.0", "0:0:0:a.0",
		"0::a.0", ":a.0", "0:a:0", "0:a.0.0", "100000000:0:a.0",
		"0:000000000:a.0", "/dev/edu0",
		"0000:00:0a.0/../0000:00:0b.0",
	};
	size_t i;

	(void)pci_all(names, MAX_FUNCTIONS);
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		errno = 0;
		ATF_CHECK_MSG(edu_open(wrong[i], 0) == NULL, "'%s'", wrong[i]);
		ATF_CHECK_MSG(errno == EINVAL, "'%s': errno %d: %s", wrong[i],
		    errno, edu_errmsg(NULL));
		CHECK_MESSAGE(NULL, wrong[i]);
		CHECK_MESSAGE(NULL, "no PCI address");
	}
}

EDU_TEST(absent, "a good address without a function is ENOENT")
{
	static const char * const where[] = {
		"0000:fe:1f.7", "fe:1f.7", "ffff:00:00.0", "ffffffff:0:0.0"
	};
	size_t i;

	(void)pci_all(names, MAX_FUNCTIONS);
	for (i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
		CHECK_ERRNO(NULL, ENOENT, edu_open(where[i], 0) == NULL);
		CHECK_MESSAGE(NULL, where[i]);
		CHECK_ERRNO(NULL, ENOENT,
		    edu_open(where[i], EDU_OPEN_READONLY) == NULL);
	}
}

/*
 * All but the status register.  What is behind the header may change by
 * itself, and when it is read: virtio shows registers of a BAR there.
 */
static void
read_header(const char *name, uint32_t header[HEADER])
{
	unsigned i;

	for (i = 0; i < HEADER; i++)
		header[i] = pci_read(name, i * 4);
	header[COMMAND / 4] &= 0xffff;
}

DEVICE_TEST(no_edu, "another kind of function is ENODEV, and the message has "
    "its ids; nothing in it changes")
{
	uint32_t before[HEADER], now[HEADER];
	size_t i, n = pci_all(names, MAX_FUNCTIONS);
	char ids[16];
	uint32_t id;

	for (i = 0; i < n; i++) {
		id = pci_read(names[i].text, 0);
		if (id == ID_EDU)
			continue;
		read_header(names[i].text, before);
		CHECK_ERRNO(NULL, ENODEV, edu_open(names[i].text, 0) == NULL);
		(void)snprintf(ids, sizeof(ids), "%04x:%04x", id & 0xffff,
		    id >> 16);
		CHECK_MESSAGE(NULL, ids);
		CHECK_MESSAGE(NULL, names[i].text);
		CHECK_ERRNO(NULL, ENODEV, edu_open(names[i].text,
		    EDU_OPEN_READONLY) == NULL);
		read_header(names[i].text, now);
		ATF_CHECK_MSG(memcmp(before, now, sizeof(now)) == 0,
		    "%s has changed", names[i].text);
	}
}

EDU_TEST(unknown_flags, "unknown flags are EINVAL")
{

	(void)need_edus();
	CHECK_ERRNO(NULL, EINVAL, edu_open(names[0].text, 0x10) == NULL);
	CHECK_ERRNO(NULL, EINVAL, edu_open(names[0].text, 0x80000000U |
	    EDU_OPEN_READONLY) == NULL);
	CHECK_MESSAGE(NULL, "0x80000000");
}

/* What an ordinary user must not find; runs as one. */
static int
complains(const char *name)
{
	struct edu_list *list = edu_list_new();
	unsigned flags;

	if (ON_NETBSD ? list != NULL || errno != EACCES ||
	    strstr(edu_errmsg(NULL), "root") == NULL :
	    list == NULL || edu_list_count(list) == 0) {
		(void)fprintf(stderr, "listing: %s\n", edu_errmsg(NULL));
		return 1;
	}
	for (flags = 0; flags <= EDU_OPEN_READONLY; flags++) {
		if (edu_open(name, flags) != NULL || errno != EACCES ||
		    (strstr(edu_errmsg(NULL), "root") == NULL &&
		    strstr(edu_errmsg(NULL), "to a group") == NULL)) {
			(void)fprintf(stderr, "flags %u: errno %d: %s\n",
			    flags, errno, edu_errmsg(NULL));
			return 2;
		}
	}
	edu_list_free(list);
	return 0;
}

DEVICE_TEST(ordinary_user, "an ordinary user lists the devices, if the system "
    "lets him, and is told what opening one takes")
{
	int status;
	pid_t pid;

	(void)need_edus();
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		if (setgid(NOBODY) == -1 || setuid(NOBODY) == -1)
			_exit(3);
		_exit(complains(names[0].text));
	}
	ATF_REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	ATF_CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 0, "0x%x",
	    status);
}
