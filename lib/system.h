/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef EDU_SYSTEM_H
#define EDU_SYSTEM_H

/*
 * What an operating system supplies.  There is one, the one that the library
 * was built for: edu_system.  Errors as in bus.h where a struct edu_error is
 * passed; the others leave the message to the caller.
 */

#include <stddef.h>
#include <stdint.h>

struct edu_bus;
struct edu_bus_name;
struct edu_error;
struct edu_kernel;

/* What the kernel driver that is bound to a function means to us. */
enum edu_driver_role {
	EDU_DRIVER_NONE,	/* there is none, or the system does not tell */
	EDU_DRIVER_STANDBY,	/* stands by while user space drives it */
	/*
	 * Takes the interrupts itself, gives BAR0, and has to be told when
	 * the function did not answer for a while: so it has to be open.
	 */
	EDU_DRIVER_SERVES,
	EDU_DRIVER_OWNS		/* drives the function itself */
};

struct edu_driver {
	char		name[64];	/* "edu0"; empty: none */
	enum edu_driver_role role;
};

struct edu_system {
	/*
	 * libpciaccess on this system.  pci_access: whether this user may look
	 * at the bus at all; NULL: libpciaccess says so itself.
	 * pci_probe_asks: pci_device_probe() asks the kernel for the BARs, and
	 * touches no device.  pci_map_refused: why a mapping fails with EINVAL.
	 * pci_is_empty: whether the system has no PCI function, where
	 * libpciaccess finds none, or -1 with errno; NULL: it is believed.
	 */
	int	(*pci_access)(struct edu_error *);
	int	(*pci_is_empty)(void);
	int	pci_probe_asks;
	const char *pci_map_refused;
	/*
	 * A descriptor for the configuration space of the function at an
	 * address, for pread(2) and pwrite(2), which speaks of that function
	 * alone: ENODEV once it is gone.  A read of no bytes tells as well.
	 * NULL: there is none, libpciaccess goes by the address.  Who is not
	 * going to write must not seem to others as if he were.
	 *
	 * instance: of the function behind such a descriptor, as in bus.h.
	 */
	int	(*config)(const char *address, int writable);
	int	(*instance)(int config_fd, char *buf, size_t size);
	/*
	 * Reset the function behind such a descriptor, which is at that
	 * address, and no other; configuration space is as before.  ENODEV:
	 * it is gone.  ENOENT, ENOTTY: it cannot be reset alone.  NULL: the
	 * system knows no way.
	 */
	int	(*reset)(const char *address, int config_fd);
	/*
	 * Whether nobody but this descriptor has the function open by anything
	 * that holder() looks for: 1, or 0 where that is not certain.  NULL:
	 * it never is.
	 */
	int	(*is_unused)(const char *address, int config_fd);
	/*
	 * The kernel driver bound to the function at an address
	 * ("0000:00:0a.0").  ENOENT: there is no such function.
	 */
	int	(*driver)(const char *address, struct edu_driver *);
	/*
	 * A process other than this one that uses the function, by whatever
	 * the system has for user space: 1, and in buf "process 12 (name) has
	 * /dev/uio0 open"; 0: none is seen, which for a user who may not look
	 * at other processes proves little; -1 with errno: too little memory,
	 * or descriptors, to look.  NULL: the system cannot tell.
	 */
	int	(*holder)(const char *address, char *buf, size_t size);
	/*
	 * The best kernel side for the function at bus->name, or one called
	 * "none" where there is none.  poll_only: one without wait().  Fails
	 * only where one is there and cannot be had (EACCES, EBUSY, ENOMEM).
	 */
	struct edu_kernel *(*kernel)(struct edu_bus *, int poll_only);
	/* How to get one, for a message: "load edu(4) (modload edu)". */
	void	(*remedy)(const char *address, char *buf, size_t size);
	/*
	 * For users who may not use PCI, and have been given the nodes of a
	 * kernel driver: a bus on them, and their list, as those of
	 * libpciaccess in bus.h.  NULL, both: there is nothing of the kind.
	 * ENXIO: no such driver is attached.
	 */
	struct edu_bus *(*bus)(const char *address, struct edu_error *);
	int	(*list)(struct edu_bus_name **, size_t *count,
		    struct edu_error *);
	/*
	 * The machine type that QEMU gives its guest in the DMI tables:
	 * "pc-i440fx-7.2".  ENOENT: the machine is no QEMU, or does not say.
	 * ERANGE: buf is too small.
	 */
	int	(*machine)(char *buf, size_t size);
	/*
	 * Of the environment, but NULL in a program that has more rights than
	 * its user.
	 */
	char	*(*environment)(const char *name);
	/*
	 * The lowest physical address of memory; -1 where that is not known.
	 * NULL: it never is.
	 */
	int	(*memory_start)(uint64_t *address);
};

extern const struct edu_system edu_system;

#endif /* EDU_SYSTEM_H */
