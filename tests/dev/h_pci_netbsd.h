/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef H_PCI_NETBSD_H
#define H_PCI_NETBSD_H

/*
 * PCI functions by /dev/pciN: see h_pci.h.  NetBSD keeps no list of BARs:
 * what libpciaccess finds by its own probing stands for it.
 */

#include <sys/ioctl.h>

#include <dev/pci/pciio.h>
#include <pciaccess.h>

struct pci_place {
	unsigned	domain;		/* the N of /dev/pciN */
	unsigned	bus;
	unsigned	device;
	unsigned	function;
};

static inline struct pci_place
pci_place(const char *name)
{
	struct pci_place p;

	ATF_REQUIRE_EQ(sscanf(name, "%x:%x:%x.%x", &p.domain, &p.bus,
	    &p.device, &p.function), 4);
	return p;
}

/* -1: there is no such bus. */
static inline int
pci_open(unsigned domain)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/dev/pci%u", domain);
	return open(path, O_RDWR | O_CLOEXEC);
}

static inline uint32_t
pci_access(const struct pci_place *p, unsigned long request, unsigned offset,
    uint32_t value)
{
	struct pciio_bdf_cfgreg access = {
		.bus = p->bus, .device = p->device, .function = p->function,
		.cfgreg = { .reg = offset, .val = value }
	};
	int fd = pci_open(p->domain);

	ATF_REQUIRE_MSG(fd != -1 && ioctl(fd, request, &access) == 0,
	    "/dev/pci%u: %s", p->domain, strerror(errno));
	(void)close(fd);
	return access.cfgreg.val;
}

static inline uint32_t
pci_read(const char *name, unsigned offset)
{
	struct pci_place p = pci_place(name);

	return pci_access(&p, PCI_IOC_BDF_CFGREAD, offset, 0);
}

static inline void
pci_write(const char *name, unsigned offset, uint32_t value)
{
	struct pci_place p = pci_place(name);

	(void)pci_access(&p, PCI_IOC_BDF_CFGWRITE, offset, value);
}

static inline void
pci_driver(const char *name, char driver[64])
{
	struct pci_place p = pci_place(name);
	struct pciio_drvname info = {
		.device = p.device, .function = p.function
	};
	int fd = pci_open(p.domain);

	ATF_REQUIRE(fd != -1);
	if (ioctl(fd, PCI_IOC_DRVNAME, &info) == -1)
		info.name[0] = '\0';
	(void)close(fd);
	(void)snprintf(driver, 64, "%s", info.name);
}

/* A driver that leaves the function to user space. */
static inline int
pci_driver_minds(const char *driver)
{

	return strncmp(driver, "edu", 3) != 0;
}

/* Linux's. */
static inline int
pci_has_vfio(const char *name)
{

	(void)name;
	return 0;
}

static inline const char *
pci_vfio_node(const char *name)
{

	(void)name;
	return "";
}

static inline size_t
pci_all(struct pci_name *names, size_t max)
{
	struct pciio_businfo info;
	struct pci_place p;
	size_t count = 0;
	int fd;

	for (p.domain = 0; (fd = pci_open(p.domain)) != -1; p.domain++) {
		if (ioctl(fd, PCI_IOC_BUSINFO, &info) == -1) {
			(void)close(fd);
			break;
		}
		(void)close(fd);
		p.bus = info.busno;
		for (p.device = 0; p.device < info.maxdevs; p.device++)
			for (p.function = 0; p.function < 8; p.function++) {
				if (pci_access(&p, PCI_IOC_BDF_CFGREAD, 0,
				    0) == UINT32_MAX)
					continue;
				ATF_REQUIRE(count < max);
				(void)snprintf(names[count++].text,
				    sizeof(names->text), "%04x:%02x:%02x.%x",
				    p.domain, p.bus, p.device, p.function);
			}
	}
	if (p.domain == 0)
		atf_tc_skip("/dev/pci0: %s", strerror(errno));
	qsort(names, count, sizeof(*names), pci_compare_names);
	return count;
}

/*
 * Only while the library has nothing open in this process, for both use
 * libpciaccess.  Its probing changes the command register.
 */
static inline struct pci_resource
pci_resource(const char *name, unsigned index)
{
	struct pci_place p = pci_place(name);
	uint32_t command = pci_access(&p, PCI_IOC_BDF_CFGREAD, COMMAND, 0) &
	    0xffff;
	const struct pci_mem_region *known;
	struct pci_resource r;
	struct pci_device *d;

	ATF_REQUIRE_EQ(pci_system_init(), 0);
	d = pci_device_find_by_slot(p.domain, p.bus, p.device, p.function);
	ATF_REQUIRE(d != NULL && pci_device_probe(d) == 0);
	known = &d->regions[index];
	r.start = known->base_addr;
	r.length = known->size;
	r.is_io = known->is_IO;
	r.is_64 = known->is_64;
	r.is_prefetchable = known->is_prefetchable;
	pci_system_cleanup();
	pci_write(name, COMMAND, command);
	return r;
}

static inline volatile uint32_t *
map_registers(const char *name)
{
	struct pci_place p = pci_place(name);
	int fd = pci_open(p.domain);
	void *map;

	map = mmap(NULL, EDU_BAR0_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, (off_t)(pci_read(name, BAR(0)) & ~0xfU));
	(void)close(fd);
	if (map == MAP_FAILED)
		atf_tc_skip("/dev/pci%u: %s", p.domain, strerror(errno));
	return map;
}

#endif /* H_PCI_NETBSD_H */
