/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* The machine, and the device by itself: configuration space, registers. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"
#include "pci.h"

#define EDU_CLASS	0x00ff00
#define DEFAULT_MASK	0x0fffffffU
/* The longest list that fits: 4 bytes an entry. */
#define MAX_CAPABILITIES 48

void
doctor_machine(const struct patient *p, struct finding *f)
{
	struct dmi dmi;

	(void)p;
	if (doctor_dmi(&dmi) == -1)
		found(f, UNKNOWN, "no DMI tables say what this machine is");
	else if (strcmp(dmi.vendor, "QEMU") != 0)
		found(f, NOTE, "this is no QEMU by its DMI tables, but %s",
		    dmi.vendor);
	else
		found(f, OK, "%s, of a QEMU at least as new", dmi.version);
}

static void
look_device(const struct patient *p, struct finding *f)
{
	uint32_t class, id;

	if (p->edu == NULL) {
		found(f, WRONG, "%s", p->why);
		if (!device_is_qtest(p->t->device))
			doctor_absent(p, f);
		return;
	}
	if (p->is_node) {
		found(f, OK, "%s is an edu, by the driver that gives it",
		    p->name);
		return;
	}
	if (doctor_config(p, f, PCI_ID, &id) == -1 ||
	    doctor_config(p, f, PCI_CLASS, &class) == -1)
		return;
	if (id != (EDU_PCI_PRODUCT << 16 | EDU_PCI_VENDOR))
		found(f, WRONG, "%s is %04x:%04x, not an edu (%04x:%04x)",
		    p->name, id & 0xffff, id >> 16, EDU_PCI_VENDOR,
		    EDU_PCI_PRODUCT);
	else
		found(f, class >> 8 == EDU_CLASS ? OK : NOTE, "%s is an edu "
		    "(%04x:%04x, class 0x%06x, revision 0x%02x)", p->name,
		    id & 0xffff, id >> 16, class >> 8, class & 0xff);
}

/*
 * What a killed process has left is put right as a whole; a device of qtest: by
 * the next that opens it.
 */
static void
mend_config(const struct patient *p, struct finding *f, unsigned offset,
    unsigned width, uint32_t value)
{

	if (p->undo[0] != '\0')
		mend(f, "%s", p->undo);
	else if (!device_is_qtest(p->name))
		doctor_write_config(p, p->name, offset, width, value,
		    f->command, sizeof(f->command));
}

static void
look_bar0(const struct patient *p, struct finding *f)
{
	uint64_t address = 0;
	uint32_t bar;
	int is_known;

	if (doctor_config(p, f, PCI_BAR(0), &bar) == -1)
		return;
	is_known = doctor_system_bar0(p, &address);
	bar &= ~PCI_BAR_MEM_FLAGS;
	if (is_known && address != 0 && bar != address) {
		found(f, WRONG, "BAR0 stands at 0x%x, but the operating "
		    "system says 0x%" PRIx64, bar, address);
		because(f, "the registers are not where they are looked for");
		mend_config(p, f, PCI_BAR(0), 4, (uint32_t)address);
	} else if (bar == 0) {
		found(f, WRONG, "BAR0 has no address");
		because(f, "neither the firmware nor the kernel found room for "
		    "the registers; another bus may have some");
	} else
		found(f, OK, "BAR0 stands at 0x%x", bar);
}

/* The MSI capability's offset and first dword: 1, or 0, or -1. */
static int
find_msi(const struct patient *p, struct finding *f, unsigned *offset,
    uint32_t *msi)
{
	uint32_t value;
	unsigned i;

	if (doctor_config(p, f, PCI_CAPABILITIES, &value) == -1)
		return -1;
	*offset = value & PCI_CAPABILITY_MASK;
	for (i = 0; *offset >= PCI_HEADER_END && i < MAX_CAPABILITIES; i++) {
		if (doctor_config(p, f, *offset, msi) == -1)
			return -1;
		if (PCI_CAPABILITY_ID(*msi) == PCI_CAPABILITY_MSI)
			return 1;
		*offset = PCI_CAPABILITY_NEXT(*msi);
	}
	found(f, NOTE, "the device has no MSI capability");
	return 0;
}

/* Whether messages are to come, and so bus mastering is to be on. */
static int
has_messages(const struct patient *p)
{
	struct finding unused;
	unsigned offset;
	uint32_t msi;

	return find_msi(p, &unused, &offset, &msi) == 1 &&
	    (msi & PCI_MSI_ENABLE) && doctor_wants_msi(p);
}

/* All that is to be on, so that commands for two of them agree. */
static void
mend_command(const struct patient *p, struct finding *f, uint32_t command)
{

	command |= PCI_COMMAND_MEMORY;
	if (has_messages(p))
		command |= PCI_COMMAND_MASTER;
	mend_config(p, f, PCI_COMMAND, 2, command & PCI_COMMAND_MASK);
}

static void
look_decoding(const struct patient *p, struct finding *f)
{
	uint32_t command;

	if (doctor_config(p, f, PCI_COMMAND, &command) == -1)
		return;
	if (command & PCI_COMMAND_MEMORY) {
		found(f, OK, "memory decoding is on (command register 0x%04x)",
		    command & PCI_COMMAND_MASK);
		return;
	}
	found(f, WRONG, "memory decoding is off (command register 0x%04x)",
	    command & PCI_COMMAND_MASK);
	because(f, "no register can be read but by a command that drives the "
	    "device, which switches it on meanwhile");
	mend_command(p, f, command);
}

static void
identify(struct edu *edu, struct finding *f)
{
	uint32_t id;

	if (edu_identify(edu, &id) == 0)
		found(f, OK, "identification 0x%08x, version %u.%u", id,
		    id_major(id), id_minor(id));
	else
		found(f, WRONG, "%s", edu_errmsg(edu));
}

/* Through a handle of its own: what opens one says best what is wrong. */
static void
look_registers(const struct patient *p, struct finding *f)
{
	struct edu *edu;

	if (device_is_qtest(p->name))
		found(f, OK, "they are reached by QEMU's qtest protocol");
	else if (p->is_node)
		identify(p->edu, f);
	else if ((edu = edu_open(p->name, EDU_OPEN_READONLY)) == NULL)
		found(f, WRONG, "%s", edu_errmsg(NULL));
	else {
		identify(edu, f);
		edu_close(edu);
	}
}

static void
look_msi(const struct patient *p, struct finding *f)
{
	unsigned offset;
	uint32_t msi;
	int is_on;

	if (find_msi(p, f, &offset, &msi) != 1)
		return;
	is_on = (msi & PCI_MSI_ENABLE) != 0;
	if (!is_on || doctor_wants_msi(p)) {
		found(f, OK, "MSI is %s", is_on ? "on, as the driver has it" :
		    "off");
		return;
	}
	found(f, WRONG, "MSI is enabled in the device");
	because(f, "its interrupts go to where nobody waits for them");
	mend_config(p, f, offset + 2, 1, (msi >> 16 & 0xff) & ~1U);
}

static void
look_mastering(const struct patient *p, struct finding *f)
{
	uint32_t command;

	if (doctor_config(p, f, PCI_COMMAND, &command) == -1)
		return;
	if (!(command & PCI_COMMAND_MASTER) && has_messages(p)) {
		found(f, WRONG, "bus mastering is off");
		because(f, "no message (MSI) comes without it");
		mend_command(p, f, command);
		return;
	}
	found(f, OK, "bus mastering is %s", command & PCI_COMMAND_MASTER ?
	    "on" : "off, as it is while nobody drives the device");
}

/* A handle that changes nothing has no use for the environment's. */
void
doctor_find_mask(struct patient *p)
{
	const char *text = getenv("EDU_DMA_MASK");
	char *end;

	p->mask = p->t->dma_mask;
	if (p->mask == 0 && text != NULL && *text != '\0') {
		p->mask = strtoull(text, &end, 0);
		if (*text < '0' || *end != '\0')
			p->mask = 0;
		p->is_stated = 1;
	} else
		p->is_stated = p->mask != 0;
	if (!p->is_stated)
		p->mask = DEFAULT_MASK;
}

static void
look_mask(const struct patient *p, struct finding *f)
{

	if (p->mask < 0xfff || (p->mask & (p->mask + 1)) != 0) {
		found(f, WRONG, "what is stated (EDU_DMA_MASK, -m) is no mask");
		because(f, "nothing opens the device; one is 2^n - 1, of 12 "
		    "bits at least");
		mend(f, "unset EDU_DMA_MASK");
	} else if (p->is_stated)
		found(f, NOTE, "0x%" PRIx64 ", as stated: where the device has "
		    "fewer bits it uses somebody else's memory, and \"edutool "
		    "dma test\" tells", p->mask);
	else
		found(f, OK, "0x%" PRIx64 ", the default", p->mask);
}

static void
look_limit(const struct patient *p, struct finding *f)
{
	size_t limit = edu_dma_limit(p->edu);

	if (limit == EDU_DMA_BUF_SIZE)
		found(f, OK, "all %zu bytes of the buffer are used: this QEMU "
		    "bears it", limit);
	else
		found(f, NOTE, "%zu bytes of the buffer are used of %u: this "
		    "QEMU may be 8.2.0 or older, which end the whole machine "
		    "on a transfer that touches the last one", limit,
		    EDU_DMA_BUF_SIZE);
}

const struct check doctor_presence[] = {
	{ "device", look_device },
	{ NULL, NULL }
};

const struct check doctor_device[] = {
	{ "bar0", look_bar0 },
	{ "decoding", look_decoding },
	{ "registers", look_registers },
	{ "msi", look_msi },
	{ "mastering", look_mastering },
	{ "dma mask", look_mask },
	{ "dma size", look_limit },
	{ NULL, NULL }
};
