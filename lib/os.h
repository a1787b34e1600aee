/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef EDU_OS_H
#define EDU_OS_H

/*
 * What the library asks the operating system, besides what a bus and a
 * kernel side do.  Functions that return int and can fail give -1 with
 * errno, and leave the message to the caller.
 */

#include <stddef.h>

/*
 * The name of the kernel driver that is bound to the PCI function at an
 * address ("0000:00:0a.0"); the empty string where there is none.
 *
 * ENOENT	there is no such function
 * ERANGE	buf is too small
 * ENOTSUP	this system does not tell
 */
int edu_os_driver(const char *address, char *buf, size_t size);

/*
 * The machine type that QEMU gives its guest in the DMI tables:
 * "pc-i440fx-7.2".
 *
 * ENOENT	the machine is no QEMU, or does not say
 * ERANGE	buf is too small
 */
int edu_os_machine(char *buf, size_t size);

/*
 * Whether a machine type proves that the QEMU under it bears a transfer that
 * touches the last byte of the device's buffer: 1 or 0.  Pure.
 */
int edu_machine_bears_last_byte(const char *machine);

#endif /* EDU_OS_H */
