/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Capabilities go first, all that the command has no use for.  Then system
 * calls that no command makes are refused: to run programs, to look into other
 * processes, to change the system.  That is a list of what is refused and not
 * of what is allowed, and it refuses with EPERM and kills nobody: what a libc
 * calls differs by version and machine, but none calls these in our place.
 */

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sysexits.h>

#ifdef HAVE_LIBCAP_NG
#include <cap-ng.h>
#endif
#ifdef HAVE_LIBSECCOMP
#include <seccomp.h>
#include <sys/socket.h>
#endif

#include "edutool.h"
#include "refusal.h"

#ifdef HAVE_LIBCAP_NG
#define MAY_OPEN	(NEED_OPEN | NEED_OPENS)

/* libedu(3) says what for. */
static const struct {
	unsigned	capability;
	unsigned	needs;		/* any of these */
} kept[] = {
	{ CAP_CHOWN,		MAY_OPEN },	/* the claim's file */
	{ CAP_FOWNER,		MAY_OPEN },	/* likewise */
	{ CAP_DAC_OVERRIDE,	MAY_OPEN | NEED_FILES },
	{ CAP_DAC_READ_SEARCH,	MAY_OPEN | NEED_FILES },
	{ CAP_SYS_PTRACE,	MAY_OPEN },
	{ CAP_SYS_ADMIN,	MAY_OPEN | NEED_MEMORY },
	{ CAP_IPC_LOCK,		NEED_MEMORY },
	{ CAP_SYS_MODULE,	NEED_MODULES },
	{ CAP_SYSLOG,		NEED_LOG }
};
#define KEPT	(sizeof(kept) / sizeof(kept[0]))

/* In which sets of ours the capability is. */
static capng_type_t
sets_with(unsigned capability)
{
	static const capng_type_t sets[] = {
		CAPNG_EFFECTIVE, CAPNG_PERMITTED, CAPNG_INHERITABLE
	};
	unsigned found = 0;
	size_t i;

	for (i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		if (capng_have_capability(sets[i], capability))
			found |= (unsigned)sets[i];
	return (capng_type_t)found;
}

/* Out of no set into another, and a program that is run keeps none either. */
static int
drop_capabilities(struct tool *t, unsigned needs)
{
	capng_type_t sets[KEPT];
	uint64_t dropped = UINT64_MAX;
	size_t i;

	if (capng_get_caps_process() == -1)
		return fail_errno(t, EX_OSERR, "asking for capabilities");
	for (i = 0; i < KEPT; i++)
		sets[i] = sets_with(kept[i].capability);
	capng_clear(CAPNG_SELECT_CAPS);
	for (i = 0; i < KEPT; i++)
		if ((kept[i].needs & needs) != 0) {
			dropped &= ~((uint64_t)1 << kept[i].capability);
			if (sets[i] != 0)
				(void)capng_update(CAPNG_ADD, sets[i],
				    kept[i].capability);
		}
	if (capng_apply(CAPNG_SELECT_CAPS) != 0)
		return fail_errno(t, EX_OSERR, "dropping capabilities");
	edu_forgo_capabilities(dropped);
	return 0;
}
#else
static int
drop_capabilities(struct tool *t, unsigned needs)
{

	(void)t;
	(void)needs;
	return 0;
}
#endif

#ifdef HAVE_LIBSECCOMP
static const char * const refused[] = {
	/* Programs, and what is of other processes. */
	"execve", "execveat", "pidfd_getfd", "process_madvise",
	"process_vm_readv", "process_vm_writev",
#ifndef __SANITIZE_ADDRESS__	/* it looks for leaks by this */
	"ptrace",
#endif
	/* Code for the kernel. */
	"bpf", "create_module", "delete_module", "finit_module",
	"init_module", "kexec_file_load", "kexec_load",
	/* What shows the kernel's attack surface, and is of no use here. */
	"add_key", "io_uring_enter", "io_uring_register", "io_uring_setup",
	"keyctl", "modify_ldt", "perf_event_open", "personality",
	"request_key", "userfaultfd",
	/* The machine. */
	"acct", "adjtimex", "clock_adjtime", "clock_settime", "ioperm",
	"iopl", "quotactl", "quotactl_fd", "reboot", "setdomainname",
	"sethostname", "settimeofday", "swapoff", "swapon", "syslog",
	"vhangup",
	/* Places and namespaces. */
	"chroot", "fsconfig", "fsmount", "fsopen", "fspick", "mount",
	"mount_setattr", "move_mount", "name_to_handle_at",
	"open_by_handle_at", "open_tree", "pivot_root", "setns", "umount",
	"umount2", "unshare"
};

/* What this kernel, or this libseccomp, does not know needs no refusal. */
static int
add_rules(scmp_filter_ctx filter)
{
	const uint32_t refuse = SCMP_ACT_ERRNO(EPERM);
	const struct scmp_arg_cmp is_far = {
		.arg = 0, .op = SCMP_CMP_NE, .datum_a = AF_UNIX
	};
	size_t i;
	int number;

	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		number = seccomp_syscall_resolve_name(refused[i]);
		if (number != __NR_SCMP_ERROR &&
		    seccomp_rule_add(filter, refuse, number, 0) != 0)
			return -1;
	}
	return seccomp_rule_add(filter, refuse, SCMP_SYS(socket), 1, is_far);
}

/* A kernel without seccomp(2) is none that the command could not run on. */
static void
refuse_calls(void)
{
	static int is_done;
	scmp_filter_ctx filter;

	if (is_done || (filter = seccomp_init(SCMP_ACT_ALLOW)) == NULL)
		return;
	is_done = 1;
	if (seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH,
	    SCMP_ACT_ERRNO(EPERM)) == 0 && add_rules(filter) == 0 &&
	    seccomp_load(filter) == 0)
		edu_forgo_calls();
	seccomp_release(filter);
}
#else
static void
refuse_calls(void)
{
}
#endif

int
privilege_drop(struct tool *t, unsigned needs)
{
	int status;

	if ((status = drop_capabilities(t, needs)) != 0)
		return status;
	if (!(needs & (NEED_MODULES | NEED_QEMU)))
		refuse_calls();
	return 0;
}

const char *
privilege_dropped(void)
{

#if defined(HAVE_LIBCAP_NG) && defined(HAVE_LIBSECCOMP)
	return "capabilities and system calls";
#elif defined(HAVE_LIBCAP_NG)
	return "capabilities";
#elif defined(HAVE_LIBSECCOMP)
	return "system calls";
#else
	return "nothing";
#endif
}
