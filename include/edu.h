/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef EDU_H
#define EDU_H

/*
 * libedu: drive QEMU's edu device (PCI 1234:11e8) from user space.
 *
 * Errors.  A function that returns a pointer fails with NULL, one that
 * returns int fails with -1; both set errno and leave a message that says
 * what failed, on which device, why and what helps: see edu_errmsg().
 * Nothing here prints, exits or aborts.  Besides those listed with a
 * function, every call on an open device can fail with
 *	ENODEV	the device does not answer any more (unplugged).  The handle
 *		is of no use then, and touches nothing, whatever device gets
 *		the place; only its close is left;
 *	EIO	the operating system refused a configuration access.
 * and one with a timeout, on a device of "qtest:", with
 *	ETIMEDOUT QEMU itself does not answer, a second after the time was
 *		over (it is stopped, say): ENODEV from then on.
 *
 * Threads.  A handle, and everything made from it, belongs to one thread at
 * a time.  Different handles may be used by different threads at once.
 *
 * Fork.  A handle belongs to the process that opened it.  A child must not
 * use it, edu_close() included.  The QEMU of "qtest:" ends with that process,
 * its children by fork(2) notwithstanding; a child made past the handlers of
 * fork(2), by _Fork() or clone(2), keeps it alive until it ends or executes.
 *
 * Time.  A timeout_ms of 0 looks once, EDU_FOREVER waits without limit; any
 * other negative value is EINVAL.
 */

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EDU_VERSION	"0.2.0"
#define EDU_FOREVER	(-1)

struct edu;		/* an open device */
struct edu_list;	/* the devices found */
struct edu_bar;		/* what sizing a BAR has found */

/*
 * The library's version, which is EDU_VERSION of the header it was built
 * with.  Never NULL; static storage.
 */
const char *edu_version(void);

/*
 * The message of the last call that failed on this handle.  With NULL: that
 * of the calling thread's last failure of a call that takes no open handle
 * (edu_open(), edu_list_new()).  Never NULL; empty when nothing has failed.
 * Valid until the next call on the handle, or of the thread.  It is one line
 * without control characters, whatever it quotes ("\x1b").
 */
const char *edu_errmsg(const struct edu *);

/*
 * Find every edu device of this machine, in the order of their addresses.
 * Reads configuration space only, touches no device.  An empty list is no
 * error.  The caller owns the list.
 *
 * EACCES, EPERM	PCI cannot be enumerated by this user
 * ENOENT		this machine shows no PCI bus
 * ENOMEM, EMFILE, ENFILE
 */
struct edu_list *edu_list_new(void);
/* The same for every PCI function, for EDU_OPEN_CONFIG to open. */
struct edu_list *edu_list_functions(void);
size_t edu_list_count(const struct edu_list *);
/* The i-th device's address, as edu_open() takes it; NULL past the end. */
const char *edu_list_name(const struct edu_list *, size_t i);
/* Accepts NULL. */
void edu_list_free(struct edu_list *);

/*
 * Open a device.  name is one of
 *	NULL			the first edu device
 *	"0000:00:0a.0"		a PCI address in hexadecimal; the domain and
 *				leading zeros may be left out ("0:a.0")
 *	"qtest:"		a device of its own, in a QEMU without a
 *				guest that the library starts and ends (the
 *				program that QEMU= in the environment names,
 *				else qemu-system-x86_64); needs no root
 *	"qtest:SOCKET"		the same, in a QEMU that the caller has
 *				started with -qtest unix:SOCKET
 *
 * Opening claims the device: one process at a time drives it, and the claim
 * ends with the process, though children of it live on.  It then puts right
 * what a process killed in the middle of edu_bar_size() left behind in this
 * very device, sizes BAR0, maps it, checks the
 * identification, waits for a running transfer, acknowledges every pending
 * interrupt (see EDU_OPEN_KEEP), and sets and verifies bus mastering.
 * edu_close() undoes all of it.
 *
 * EINVAL	name is malformed, or flags are unknown
 * ENOENT	there is no such device
 * ENODEV	that is no edu device, or it does not answer
 * EBUSY	another process drives it, by this library or in another way
 *		(the message names its pid, or the node that it has open), or
 *		its engine does not become idle, or other drivers use its
 *		IOMMU group (vfio-pci; the message names the functions)
 * EACCES	this user may not open it, or the claim's file is not to be
 *		trusted (see FILES in libedu(3))
 * ENOTDIR	there is no /var/run for the claim
 * EPERM	the system does not allow the mapping (securelevel), or VFIO a
 *		device whose interrupts the IOMMU does not remap
 * EIO		BAR0 is not the 1 MiB of memory that it must be, or does not
 *		stand where the operating system says
 * EPROTO	the identification is byte-swapped or not edu's
 * ENOSPC	the machine has no interrupt vector left (vfio-pci)
 * ENOMEM, EMFILE, ENFILE
 */
struct edu *edu_open(const char *name, unsigned flags);

/*
 * Change nothing: no claim, nothing written to the device or its
 * configuration, whoever drives it.  Every call that would is EBADF.  Where
 * NetBSD gives BAR0 through edu(4) alone, that is opened, and may be EBUSY.
 * While another process sizes BAR0 the device does not answer: calls wait until
 * it does.
 */
#define EDU_OPEN_READONLY	0x1U
/*
 * Any PCI function, not edu alone, and its configuration space only: for
 * edu_config_read() and edu_bar_size().  Every other call is EBADF.
 */
#define EDU_OPEN_CONFIG		0x2U
/*
 * Leave pending interrupts pending, at open and at close, so that the next
 * process finds them.
 */
#define EDU_OPEN_KEEP		0x4U
/* Have no kernel side to wait by, even where there is one: polling only. */
#define EDU_OPEN_POLL		0x8U

/*
 * Give a device back: wait for a running transfer or cut it off from the
 * memory, restore the command register, unmap, end the claim.  Frees what is
 * left of the handle's memory.  Cannot fail.  Accepts NULL.
 */
void edu_close(struct edu *);

/* The device's address, "0000:00:0a.0" or "qtest:"; valid until the close. */
const char *edu_name(const struct edu *);

/*
 * What waits for interrupts: "uio0 (uio_pci_generic)", "group 3 (vfio-pci,
 * MSI)", "edu0 (edu, MSI)", "qtest", or "none"; followed by ", gives BAR0"
 * where that comes from there as well.  On a handle that is read-only or for
 * configuration space: the kernel driver that the function is bound to now, or
 * "none".  Valid until the next call of this, or the close.
 */
const char *edu_kernel_side(struct edu *);

/*
 * Another process that uses the function now, whether by this library or not:
 * "process 12 (qemu) has /dev/vfio/3 open", or NULL when there is none.  On
 * Linux that is whoever has its UIO or VFIO node, or may write to its BARs or
 * configuration space by sysfs; processes at which this user may not look are
 * not seen, and on NetBSD none is.  Valid until the next call of this, or the
 * close.
 */
const char *edu_holder(struct edu *);

/*
 * Read the identification register and check it again (EDU_ID_* of
 * edureg.h).  A device opened with EDU_OPEN_READONLY answers this as well.
 *
 * ENODEV	reads 0 or all ones: gone, or its decoding is off
 * EPROTO	byte-swapped, or not edu's
 */
int edu_identify(struct edu *, uint32_t *id);

/*
 * Read a dword of configuration space at a multiple of 4, below 256.
 *
 * EINVAL	offset is not one
 */
int edu_config_read(struct edu *, unsigned offset, uint32_t *value);

/*
 * Access a register by its offset into BAR0 (edureg.h).  width is 4, or 8
 * for the DMA registers.  A write to a register of a running engine is
 * ignored by the device.  Writing EDU_DMA_CMD is refused: only the DMA
 * functions below can prove a transfer harmless.
 *
 * EINVAL	the device cannot do this: width, alignment, no such register
 * EACCES	the register is read-only (write) or write-only (read)
 * EPERM	a write to EDU_DMA_CMD
 * EBUSY	a write to EDU_FACTORIAL while a factorial that was submitted is
 *		computed, whose result it would change
 * EBADF	a write on a handle opened with EDU_OPEN_READONLY
 */
int edu_read(struct edu *, unsigned offset, unsigned width, uint64_t *value);
int edu_write(struct edu *, unsigned offset, unsigned width, uint64_t value);

/*
 * BAR0, to read a register with one load, as by edu_bar0_read(): NULL where
 * it is reached in another way (qtest:).  Valid until the close.  Nothing is
 * checked: a device that is gone reads 0 or all ones, see edu_identify().
 */
const volatile void *edu_bar0(const struct edu *);

static inline uint32_t
edu_bar0_read(const volatile void *bar0, unsigned offset)
{
	uint32_t value;

	value = *(const volatile uint32_t *)((const volatile char *)bar0 +
	    offset);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	value = __builtin_bswap32(value);
#endif
	return value;
}

/*
 * Write value to the liveness register and check that its inverse comes
 * back, which *answer receives (may be NULL).
 *
 * EIO		something else came back; *answer says what
 */
int edu_live(struct edu *, uint32_t value, uint32_t *answer);

/*
 * Compute n! in the device.  Without EDU_INTERRUPT the status is polled.
 *
 * ERANGE	n > 12, whose factorial does not fit, without EDU_WRAP
 * ETIMEDOUT	not done in time; the device goes on computing
 * EBUSY	an earlier one goes on, which could not be seen for a moment
 * EINTR	a signal was caught (EDU_INTERRUPT only); the same: see
 *		EDU_RESUME
 * ENOTSUP	EDU_INTERRUPT without a kernel side
 * EIO		its interrupt cannot come: see edu_irq_check()
 * EINVAL	unknown flags
 */
int edu_factorial(struct edu *, uint32_t n, unsigned flags, int timeout_ms,
    uint32_t *result);

/* Wait by interrupt instead of polling (factorial, DMA). */
#define EDU_INTERRUPT		0x1U
/* Give the device's value modulo 2^32 for n > 12 (factorial). */
#define EDU_WRAP		0x2U
/*
 * Use the last byte of the device's buffer even where edu_dma_limit() stays
 * clear of it (DMA).  QEMU 8.2.0 and older end the whole virtual machine on
 * a transfer that touches it.
 */
#define EDU_DMA_LAST_BYTE	0x4U
/*
 * Go on with the same call, of the same arguments, that EINTR or ETIMEDOUT
 * has ended, instead of starting anew (factorial, DMA).  Where there is none,
 * it starts.  So this lasts through signals, however often they come:
 *
 *	while ((r = edu_dma_put(edu, 0, data, n, flags, EDU_FOREVER)) == -1 &&
 *	    errno == EINTR)
 *		flags |= EDU_RESUME;
 *
 * Between the two, the memory must not have been written to; what was moved
 * is as it was when each transfer started.  A factorial does not go on when
 * another was started by edu_write(), nor anything after edu_reset().
 */
#define EDU_RESUME		0x8U

/*
 * How a factorial is polled for: by default as long as one usually takes, and
 * with sleeps in between only after that.  Never sleep; or from the start.
 */
#define EDU_SPIN		0x10U
#define EDU_SLEEP		0x20U

/*
 * Interrupts.  The status register holds 32 bits; raising sets some,
 * acknowledging clears them.  EDU_INTR_FACTORIAL and EDU_INTR_DMA are the
 * engines' own, the rest is for anybody.
 *
 * edu_irq_status() gives the bits that were raised and neither acknowledged
 * nor returned by edu_irq_wait().
 */
int edu_irq_raise(struct edu *, uint32_t mask);
int edu_irq_status(struct edu *, uint32_t *status);
int edu_irq_ack(struct edu *, uint32_t mask);

/*
 * Wait until some interrupt status bit is set; acknowledge those set, and
 * give them in *status.  Returns 1, or 0 when the time is over, or -1:
 *
 * ENOTSUP	no kernel side (the message says how to get one)
 * EINTR	a signal was caught
 * EIO		none came, and none can: see edu_irq_check()
 * ENODEV	the device is gone, or the system waits for its close (vfio-pci)
 *
 * A bit that is set at the call is given at once, whether it has interrupted
 * or not; a timeout of 0 never looks for what keeps interrupts from coming.
 */
int edu_irq_wait(struct edu *, int timeout_ms, uint32_t *status);

/*
 * A descriptor that poll(2) finds readable when edu_irq_wait() has something
 * to do; for event loops.  Do not read or close it.  It can be ready without
 * need: call edu_irq_wait() with a timeout of 0, which never blocks.  Bits
 * that an EDU_INTERRUPT call saw in passing do not make it ready: call
 * edu_irq_wait() with 0 after such a call, before polling.
 *
 * ENOTSUP	no kernel side
 */
int edu_irq_fd(struct edu *);

/*
 * Ask whether interrupts can come, for event loops whose descriptor stays
 * silent.  0: nothing speaks against it.
 *
 * ENOTSUP	no kernel side
 * EIO		none can come, or they come late; the message says why: MSI is
 *		enabled where the kernel waits for INTx, or the other way
 *		round; INTx is disabled; the kernel has switched the line off
 *		(Linux then looks at it every 100 ms); bus mastering, which
 *		MSI needs, is off
 */
int edu_irq_check(struct edu *);

/*
 * Allocate memory that the device can reach: locked, physically contiguous
 * and below the device's address mask.  length is at least 1 and at most
 * EDU_MEM_MAX.  The memory is zeroed and aligned to 4096 bytes.  It belongs to
 * the handle: edu_close() frees what is left.
 *
 * EINVAL	length is 0 or too large
 * ENOMEM	no such memory is left; the message says how to get more
 * EPERM	this user may not learn bus addresses (vfio-pci needs none)
 * ENOTSUP	this system gives no such memory, or all of its memory lies
 *		beyond the mask (as on QEMU's arm64 machine): see
 *		edu_dma_set_mask()
 */
void *edu_mem_alloc(struct edu *, size_t length);
#define EDU_MEM_MAX		((size_t)1 << 20)
/*
 * Free what edu_mem_alloc() has given on this handle; anything else, NULL
 * among it, is left alone.  While a transfer may still touch it that timed out,
 * or was ENODEV with memory decoding off, the memory is kept from others.
 */
void edu_mem_free(struct edu *, void *data);
/*
 * Have the device reach memory of the caller's own, of any alignment, by an
 * IOMMU (vfio-pci on Linux); then it is as memory of edu_mem_alloc().  So is
 * the rest of its first and last page to the device.  It is locked, and has to
 * stay until edu_mem_unmap() or edu_close(); a fork's child has but a copy.
 *
 * Without an IOMMU this is for memory that edu_mem_alloc() has given on another
 * handle of this process (Linux), so that several devices share it: 192 of
 * them fit in one huge page.  edu_mem_unmap() cannot keep a transfer from it.
 *
 * EINVAL	length is 0, or data is NULL
 * EEXIST	some of these bytes are mapped or allocated on this handle
 * EFAULT	not all of it is memory that this process may write to
 * ENOMEM, ENOSPC  more than may be locked (ulimit -l), or no address is left
 * ENOTSUP	there is no IOMMU, and it is no such memory; the message says
 *		how to get one
 */
int edu_mem_map(struct edu *, void *data, size_t length);
/*
 * End it for what was mapped at data.  The device does not reach it from then
 * on, not even by a transfer that was timed out, whose rest is lost.
 *
 * EFAULT	nothing that begins at data is mapped
 */
int edu_mem_unmap(struct edu *, void *data);
/*
 * Have the device prove that it reaches memory of either kind: it moves the
 * last bytes, 8 at most, to the start of its buffer and back, in 200 ms.  What
 * an IOMMU stops, or the device's mask cuts, it calls done like any other.
 *
 * EINVAL	length is 0
 * EIO		other bytes came back; those in memory are as before
 * and those of edu_dma_put(); after ETIMEDOUT these bytes are undefined
 */
int edu_mem_prove(struct edu *, void *data, size_t length);
/*
 * The address that the device knows this byte by.
 *
 * EFAULT	data does not point into memory of this handle
 */
int edu_mem_address(struct edu *, const void *data, uint64_t *bus_address);

/*
 * Bus addresses that the device reaches: 28 bits, 0x0fffffff, unless its QEMU
 * was started with another mask (-device edu,dma_mask=0xffffffff).  The device
 * cannot be asked for it, so it has to be stated: here, or for every open of a
 * program as EDU_DMA_MASK in the environment, which is ignored in a set-user-ID
 * program, and EINVAL of edu_open() when it is malformed.  A mask is 2^n - 1,
 * of 12 bits to as many as a pointer has.
 *
 * Stating more bits than the device has makes it read and write somebody
 * else's memory, without a word: it clears the bits that are too high.
 * Stating fewer is harmless.
 *
 * EINVAL	that is no mask
 * EBUSY	memory is allocated or mapped on this handle
 */
int edu_dma_set_mask(struct edu *, uint64_t mask);
uint64_t edu_dma_mask(const struct edu *);

/*
 * How many bytes of the device's 4096-byte buffer may be used, from its
 * start: 4095, or 4096 where the machine is known to be a QEMU that bears a
 * transfer touching the last byte (8.2.1 or newer).
 */
size_t edu_dma_limit(const struct edu *);

/*
 * Move length bytes between memory, at data, and the device's buffer, at
 * dev_offset: edu_dma_put() to the device, edu_dma_get() from it.  data points
 * anywhere into memory of edu_mem_alloc() or edu_mem_map(), and the range lies
 * in one piece of it.  Both ranges are proven before the device is touched.
 * Each transfer takes the device 100 ms; without EDU_INTERRUPT the caller
 * sleeps until it is due and then polls.
 *
 * EFAULT	the memory is not this handle's
 * ERANGE	length is 0, or the range is not inside the first
 *		edu_dma_limit() bytes of the buffer (all 4096 with
 *		EDU_DMA_LAST_BYTE)
 * EINVAL	unknown flags
 * EBUSY	an earlier one goes on, which could not be seen for a moment
 * ETIMEDOUT	not done in time; the device goes on, and the memory stays in
 *		use, and what it gets undefined, until it has finished
 * EINTR	a signal was caught (EDU_INTERRUPT only); the same: see
 *		EDU_RESUME
 * ENOTSUP	EDU_INTERRUPT without a kernel side
 * EIO		bus mastering is off: the transfer's data was lost; or its
 *		interrupt cannot come: see edu_irq_check(); or nothing has
 *		come from the device, which called that done: an IOMMU has
 *		stopped it, or its mask is narrower than was stated (of 4 bytes
 *		or more, to memory; a put tells nothing: see edu_mem_prove())
 */
int edu_dma_put(struct edu *, size_t dev_offset, const void *data,
    size_t length, unsigned flags, int timeout_ms);
int edu_dma_get(struct edu *, size_t dev_offset, void *data, size_t length,
    unsigned flags, int timeout_ms);

/*
 * Copy any length from memory to memory through the device, in chunks of
 * edu_dma_limit() bytes, each put and got.  The ranges must not overlap
 * (EINVAL).  Errors as above; timeout_ms is for the whole.
 */
int edu_dma_copy(struct edu *, void *to, const void *from, size_t length,
    unsigned flags, int timeout_ms);

/*
 * The same without waiting: submit an operation and go on.  Each engine of a
 * device works its operations off in the order of their submission; the two,
 * and several devices, work at the same time.  The program calls
 *	edu_process()	at the time that edu_due() gives, or later, and when
 *			edu_irq_fd() is readable, if EDU_INTERRUPT is used
 *	edu_reap()	for each operation that is done, until there is none.
 * Nothing is allocated for an operation, and none of these blocks.  The calls
 * that block may be used in between: they take their turn.
 *
 * timeout_ms begins with the submission.  An operation whose time is over, or
 * that is cancelled, is done; what the device does for it goes on, keeps its
 * memory, and delays the next.  cookie comes back with what has become of it.
 * Flags are those above, but for EDU_RESUME, EDU_SPIN and EDU_SLEEP (EINVAL).
 *
 * Errors as of edu_factorial(), edu_dma_put(), edu_dma_get(), edu_dma_copy()
 * that can be told at once; and
 * EAGAIN	EDU_QUEUE_MAX operations of this handle are not reaped yet
 */
#define EDU_QUEUE_MAX		16
int edu_submit_factorial(struct edu *, uint32_t n, unsigned flags,
    int timeout_ms, void *cookie);
int edu_submit_put(struct edu *, size_t dev_offset, const void *data,
    size_t length, unsigned flags, int timeout_ms, void *cookie);
int edu_submit_get(struct edu *, size_t dev_offset, void *data,
    size_t length, unsigned flags, int timeout_ms, void *cookie);
int edu_submit_copy(struct edu *, void *to, const void *from, size_t length,
    unsigned flags, int timeout_ms, void *cookie);

/* Do all that can be done now.  Errors of operations come with edu_reap(). */
int edu_process(struct edu *);

/*
 * When edu_process() has something to do next, by CLOCK_MONOTONIC: 1, or 0 and
 * no time when nothing is under way.  A time that is past means at once.
 */
int edu_due(const struct edu *, struct timespec *when);

/*
 * What has become of the operation that was done first: 1, or 0 when none is
 * done.  error is 0 or what errno is after the call that blocks; ECANCELED
 * after edu_cancel().  edu_errmsg() has the message of the last that failed.
 */
struct edu_done {
	struct edu	*edu;
	void		*cookie;
	int		error;
	uint32_t	value;		/* of a factorial */
};
int edu_reap(struct edu *, struct edu_done *);

/*
 * Cancel every operation submitted with this cookie that is not done: how many
 * there were.  Each is to be reaped.
 */
int edu_cancel(struct edu *, const void *cookie);

/*
 * Many devices on one thread.  A set knows when each of its handles is due,
 * sleeps until then, and processes it.  Operations are submitted to the
 * handles, which stay the caller's; a set and the handles in it belong to one
 * thread at a time.  Closing a handle takes it out of its set.  The message of
 * a set's failure is that of the thread: edu_errmsg(NULL).
 *
 * ENOMEM
 */
struct edu_set;
struct edu_set *edu_set_new(void);
/*
 * EBUSY	it is in a set
 * ENOMEM
 */
int edu_set_add(struct edu_set *, struct edu *);
/* What is under way goes on, for edu_process(). */
void edu_set_remove(struct edu_set *, struct edu *);
/* The handles stay open.  Accepts NULL. */
void edu_set_free(struct edu_set *);

/*
 * Wait for an operation of any of them and reap it: 1, or 0 when the time is
 * over or nothing is under way, or -1:
 *
 * EINTR	a signal was caught (where something waits by EDU_INTERRUPT)
 */
int edu_set_wait(struct edu_set *, int timeout_ms, struct edu_done *);

/*
 * As edu_dma_copy(), by all of them at once, each a part of whole chunks.  All
 * of them must reach both ranges: see edu_mem_map().  It blocks; operations
 * that were submitted before go on.  Errors of any of them, when the others are
 * done.
 *
 * EINVAL	the set is empty
 * EFAULT	the memory is not known to every one of the handles
 */
int edu_set_copy(struct edu_set *, void *to, const void *from, size_t length,
    unsigned flags, int timeout_ms);

/*
 * Find the size and type of base address register index (0 to 5; 0 and 1 on
 * a bridge), by the sequence of the PCI Local Bus Specification 3.0, section
 * 6.2.5.1: save the command register, disable decoding and INTx, save the
 * BAR, write all ones, read back, restore the BAR, restore the command
 * register.  Every write is verified by reading back; signals are held
 * meanwhile; should the process be killed all the same, the next open of the
 * function puts it right.  The result is compared with what the operating
 * system says.  Works on every PCI function: see EDU_OPEN_CONFIG.
 *
 * The function does not answer while it is being sized.  A function that a
 * kernel driver is using (other than those that edu_kernel_side() names), or
 * another process (see edu_holder()), and one that the machine itself may need
 * (bridges, displays, system peripherals), is refused, unless flags has
 * EDU_BAR_FORCE.
 *
 * EINVAL	there is no such BAR, or it is the upper half of a 64-bit one;
 *		unknown flags
 * EBUSY	a kernel driver, another process or the machine is using the
 *		function
 * ENOTSUP	this user has no configuration space
 * EIO		a write did not take, or the operating system says what cannot
 *		be true as well (the message shows both); everything has been
 *		put back
 * EFBIG, ENOSPC  what to put back could not be noted in the claim's file;
 *		nothing was touched (of edu_open() as well)
 * ENOMEM
 */
struct edu_bar *edu_bar_size(struct edu *, unsigned index, unsigned flags);
#define EDU_BAR_FORCE		0x1U

enum edu_bar_type {
	EDU_BAR_ABSENT,
	EDU_BAR_IO,
	EDU_BAR_MEM32,
	EDU_BAR_MEM64
};
enum edu_bar_type edu_bar_type(const struct edu_bar *);
int edu_bar_is_prefetchable(const struct edu_bar *);
uint64_t edu_bar_address(const struct edu_bar *);
uint64_t edu_bar_length(const struct edu_bar *);	/* 0 when absent */
/*
 * What the operating system says of the BAR: 1, or 0 where it says nothing at
 * all.  A length of 0: it has given the BAR no address.  A BAR that is absent
 * may have a length here: the system also reports what stands in no BAR.
 */
int edu_bar_system(const struct edu_bar *, uint64_t *address,
    uint64_t *length);

/*
 * The configuration accesses of the sequence in their order, for people to
 * read: what each is for, and its offset and value.  NULL past the end.
 */
const char *edu_bar_step(const struct edu_bar *, size_t i, int *is_write,
    unsigned *offset, uint32_t *value);
/* Accepts NULL. */
void edu_bar_free(struct edu_bar *);

/*
 * Reset the function, alone, as by RST# of PCI, where that touches nothing
 * else: on "qtest:", whose machine is ours and is reset as a whole, and on
 * Linux where the kernel knows how (for an edu: alone behind a bridge), which
 * takes it up to seconds.  Afterwards the registers are what the reset has made
 * of them: all of them may have changed, and none need to (those of QEMU's edu
 * stay as they were).  What this handle needs of configuration space is as
 * before: BAR0, the command register, interrupt line and MSI.  Memory stays
 * allocated.  Interrupts that had come and nobody has waited for are lost, and
 * an operation that was given up can no longer be resumed (EDU_RESUME).
 *
 * EBUSY	operations are under way, here or in the device; or another
 *		process uses the function past its claim
 * ENOTSUP	it cannot be reset alone; nothing was touched, and the message
 *		says where it can
 * EACCES	Linux: this user may not write to its file "reset"
 * EBADF	read-only, or opened for its configuration space alone
 * EIO		it did not come back as it was: open the device again
 * ENODEV	gone, or it does not answer any more
 */
int edu_reset(struct edu *);

/*
 * The trace: everything that the library does to a device, in its order, as it
 * happens.  The device is as fast as ever when nobody listens: an access costs
 * nothing more then.
 *
 * Not among it: loads of the program's own (edu_bar0()), what finds a device on
 * its bus, and what a kernel does: edu(4) of NetBSD acknowledges interrupts
 * itself, uio_pci_generic and vfio-pci mask INTx.
 */
enum edu_trace_kind {
	EDU_TRACE_CONFIG_READ,	/* of configuration space, done */
	EDU_TRACE_CONFIG_WRITE,
	EDU_TRACE_READ,		/* of a register, done */
	EDU_TRACE_WRITE,	/* about to be done */
	EDU_TRACE_SLEEP,	/* for so many nanoseconds */
	EDU_TRACE_WAIT,		/* for the kernel side, so long at most */
	EDU_TRACE_WAKE,		/* of either; 1: the kernel side says so */
	EDU_TRACE_REARM,	/* the kernel side is told to interrupt again */
	EDU_TRACE_TAKE,		/* these bits came from the kernel side */
	EDU_TRACE_RESET		/* the function was reset */
};

struct edu_trace_event {
	enum edu_trace_kind kind;
	unsigned	offset;		/* of an access */
	unsigned	width;		/* in bytes; 0 where it is none */
	int		error;		/* errno where it failed, else 0 */
	uint64_t	value;		/* UINT64_MAX: no limit (a wait) */
	int64_t		time_ns;	/* it began, by CLOCK_MONOTONIC */
	const char	*device;	/* as edu_name(); during the call */
};

/*
 * It is called by the thread that uses the handle, with arg, and must not use
 * the handle, nor leave by longjmp(3).  The library waits for it, in
 * edu_bar_size() with decoding off and signals blocked.
 */
typedef void edu_trace_fn(void *arg, const struct edu_trace_event *);

/* Trace this handle from now on; with a NULL fn, no more. */
void edu_trace(struct edu *, edu_trace_fn *fn, void *arg);
/*
 * Trace every handle that the calling thread opens from now on, its open and,
 * unless edu_trace() ends it, its close included; with a NULL fn, none.
 * Several handles may share arg; where threads do, fn sees to it.
 *
 * Of handles in a set, which sleep together, the one that is due next tells of
 * it.
 */
void edu_trace_opens(edu_trace_fn *fn, void *arg);

/*
 * For examiners of a device, a hypervisor or an IOMMU (edutool selftest): each
 * of these tries what drivers leave alone, on a device that is ours, and puts
 * back what it has changed, whatever has become of it.  All can fail with
 *
 * ENOTSUP	this user has no configuration space, or it would not be safe on
 *		this machine; nothing was touched
 * EIO		something could not be put back
 *
 * edu_try_command() lasts until its next call or the close: it sets and clears
 * bits of the command register, of these two.  While bus mastering is off, DMA
 * is EIO and an MSI is lost.  INTx needs a kernel side that takes it.
 *
 * EINVAL	those are other bits
 */
#define EDU_COMMAND_MASTER	0x004U
#define EDU_COMMAND_NO_INTX	0x400U
int edu_try_command(struct edu *, uint32_t set, uint32_t clear);

/*
 * Invert the read-only bits of a dword of the header or of the MSI capability,
 * by a write that leaves the others as they are: *tried says which those were,
 * *changed which of them have changed.
 *
 * EINVAL	no bit at this offset is known to be read-only
 */
int edu_try_config(struct edu *, unsigned offset, uint32_t *tried,
    uint32_t *changed);

/*
 * With memory decoding off, write live to the liveness register and read the
 * identification, which then is 0 or all ones.  A process killed meanwhile is
 * made up for as in edu_bar_size(); the same errors.
 */
int edu_try_decoding(struct edu *, uint32_t live, uint32_t *id);

/*
 * Put BAR0 at another address and back.  Meanwhile the identification was read
 * at the old address, and at the new one.  On "qtest:" alone: the addresses of
 * other machines belong to others.
 */
int edu_try_move(struct edu *, uint32_t *old_id, uint32_t *new_id);

/*
 * As edu_dma_get() without flags, but in this way:
 *	EDU_TRY_UNMASTERED	bus mastering is off from before its start to
 *				its end: no byte of data may change
 *	EDU_TRY_BEYOND		the address that the device is told is too high
 *				by the mask and 1, so that a device which cuts
 *				it to the mask writes to data.  By an IOMMU
 *				(vfio-pci) and on "qtest:" alone: elsewhere what
 *				does not cut it would write to others' memory
 */
#define EDU_TRY_UNMASTERED	0x40000000U
#define EDU_TRY_BEYOND		0x80000000U
int edu_try_get(struct edu *, size_t dev_offset, void *data, size_t length,
    unsigned how, int timeout_ms);

/*
 * Raise an interrupt by INTx; enable MSI, its message meant for data, which is
 * in memory of this handle, aligned to 4 bytes; raise it again; disable MSI.
 * *intx tells at which time the function says that it asserts INTx, and *data
 * what has arrived, in little-endian order.  On "qtest:" alone.
 *
 * EFAULT	data is not in memory of this handle
 */
#define EDU_INTX_BEFORE		0x1U	/* raised, MSI disabled */
#define EDU_INTX_DURING		0x2U	/* MSI enabled */
#define EDU_INTX_AFTER		0x4U	/* disabled, still raised */
int edu_try_msi(struct edu *, uint32_t *data, uint16_t message,
    unsigned *intx);

#ifdef __cplusplus
}
#endif

#endif /* EDU_H */
