/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef WORLD_H
#define WORLD_H

/*
 * All that stands around the library, in this process: two devices, their bus,
 * their kernel side, the operating system, a clock on which nothing takes time.
 * What it is like the first bytes say.  Either all of it is honest, as QEMU and
 * a good kernel are, and then what the library does to it has to come out
 * right; or the bytes that follow decide, at every access, whether it answers
 * the truth, and where they end the device is gone.
 *
 * Honest or not: every address that a transfer is started with has to be the
 * library's own (see device.c).
 */

#include "bus.h"
#include "edureg.h"
#include "fuzz.h"
#include "kernel.h"
#include "system.h"

#define DEVICES		2
#define FIRST_FD	1000		/* of the kernel sides */

enum kernel_kind {
	KERNEL_NONE,		/* nobody wakes us */
	KERNEL_INTX,		/* as uio_pci_generic */
	KERNEL_MSI,		/* as vfio-pci */
	KERNEL_SERVES		/* acknowledges, as edu(4) */
};

/* Memory that a device reaches. */
struct memory {
	struct memory	*next;
	uint64_t	address;
	size_t		length;
	char		*data;
	int		is_mapped;	/* an IOMMU still lets it through */
	int		is_callers;
};

struct device {
	char		name[32];
	uint32_t	address;	/* of BAR0, by the system */
	uint32_t	config[64];
	unsigned	config_writes;
	uint32_t	live;
	uint32_t	n;
	uint32_t	status;
	uint32_t	interrupts;	/* the register */
	int64_t		factorial_us;	/* when it is done; 0: idle */
	uint64_t	source;
	uint64_t	destination;
	uint64_t	count;
	uint64_t	command;	/* of the DMA engine */
	int64_t		dma_us;		/* when it is done; 0: idle */
	int		is_stranger;	/* a former owner's transfer */
	char		buffer[EDU_DMA_BUF_SIZE];
	/* What the library has of it. */
	struct edu_bus	*bus;
	struct edu_kernel *kernel;
	int		is_writable;
	int		has_fired;	/* the kernel side has heard it */
	uint32_t	gathered;	/* and acknowledged these */
	/* Before the open. */
	int		was_recorded;	/* something to undo */
	uint32_t	old_command;
	uint32_t	old_bar0;
};

struct world {
	struct input	in;
	struct device	devices[DEVICES];
	int64_t		now_us;
	unsigned	answers;
	int		is_hostile;
	enum kernel_kind kind;
	int		is_private;
	int		is_alone;
	int		is_driven;	/* the library has no configuration */
	int		is_refused;	/* BAR0: the kernel side has it */
	int		translates;
	int		reads_ones;	/* what is gone */
	int		is_new;		/* QEMU: the last byte may be used */
	int		has_present;
	int		has_region;
	int		has_instance;
	int		is_held;	/* by another process */
	int		tries_beyond;	/* edu_try_get() runs */
	int		uses_last_byte;	/* a call was told to */
	char		mask_text[24];
	char		record[256];	/* in the claim's file */
	char		link[64];	/* what "masked" says */
	struct memory	*memory;
	uint64_t	next_address;
	unsigned	claims;
};

extern struct world world;

void	world_begin(const uint8_t *, size_t);
/* Nothing is left open. */
void	world_end(void);
/* The same number, if the bytes do not decide otherwise; *fails: no answer. */
uint64_t world_answer(uint64_t truth, int *fails);
/* The bytes have ended, and so has the device. */
int	world_is_over(void);

/* bus.c, kernel.c: see system.h. */
struct edu_bus *world_bus(const char *name, struct edu_error *);
struct edu_kernel *world_kernel(struct edu_bus *, int poll_only);

/* device.c */
void	device_init(struct device *, unsigned i);
void	device_reset(struct device *);
void	device_advance(void);
int64_t	device_next(void);
uint32_t device_config_read(struct device *, unsigned offset);
void	device_config_write(struct device *, unsigned offset, uint32_t);
uint64_t device_read(struct device *, unsigned offset);
void	device_write(struct device *, unsigned offset, uint64_t);
/* The kernel side reads and acknowledges. */
void	device_recheck(struct device *);
struct memory *device_memory(uint64_t address, uint64_t length);
/* That of a transfer which runs and is not cut off, or NULL. */
struct memory *device_uses(const struct device *);

#endif /* WORLD_H */
