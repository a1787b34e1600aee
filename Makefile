# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# For GNU make, bmake and NetBSD's make alike: suffix rules, != and computed
# names are in all of them; pattern rules, ifeq and .if are not.
#
#	make			the library and edutool, in build/
#	make demo		see it work in a guest
#	make check		every test; ends with "N passed, N failed"
#	make install		DESTDIR, PREFIX
#	make kmod		NetBSD's edu(4), in build/; SYSDIR
#	make install-kmod	DESTDIR, KMODDIR
#	make dist		the source tarball
#	make lint		warnings, manual pages, shell scripts
#	make clean
#
#	SAN=address,undefined	build with these sanitizers
#	CC, CFLAGS, LDFLAGS	as everywhere

# A folder called obj would capture bmake.
.OBJDIR: ./

.SUFFIXES:
.SUFFIXES: .c .o .sh

# The version stands in edu.h alone.
VERSION!=	sed -n 's/^.define EDU_VERSION.*"\(.*\)"/\1/p' include/edu.h
SOMAJOR=	0
OS!=		uname -s

CFLAGS=		-O2 -g
LDFLAGS=
SAN=
PREFIX=		/usr/local
LIBDIR=		$(PREFIX)/lib
INCDIR=		$(PREFIX)/include
BINDIR=		$(PREFIX)/sbin
MANDIR=		$(PREFIX)/share/man
PCDIR=		$(LIBDIR)/pkgconfig
PKG_CONFIG=	pkg-config
INSTALL=	install

# NetBSD's kernel sources, and where its modload(8) looks for modules.
SYSDIR=		/usr/src/sys
KMODDIR=	$$(sysctl -n kern.module.path)/edu

# NetBSD's base system has libpciaccess under /usr/X11R7 and no pkg-config.
PCI_CFLAGS!=	{ $(PKG_CONFIG) --cflags pciaccess; } 2>/dev/null || \
		    { test ! -d /usr/X11R7 || echo -I/usr/X11R7/include; }
PCI_LIBS!=	{ $(PKG_CONFIG) --libs pciaccess; } 2>/dev/null || \
		    { test ! -d /usr/X11R7 || \
		    echo -L/usr/X11R7/lib -Wl,-R/usr/X11R7/lib; \
		    echo -lpciaccess; }

WARN=		-Wall -Wextra -Wconversion -Wsign-conversion -Wshadow \
		-Wstrict-prototypes -Wmissing-prototypes \
		-Wold-style-definition -Wpointer-arith -Wcast-qual \
		-Wwrite-strings -Wundef -Wvla -Wformat=2
SANFLAG!=	test -z "$(SAN)" || echo "-fsanitize=$(SAN)" \
		    -fno-omit-frame-pointer -fno-sanitize-recover=all

# glibc hides POSIX and BSD names behind this; NetBSD shows all by default.
DEFS_Linux=	-D_GNU_SOURCE
STD=		-std=c11
CPPDEFS=	-Iinclude $(DEFS_$(OS)) $(PCI_CFLAGS)
ALLCFLAGS=	$(STD) $(WARN) $(CPPDEFS) -fPIC -fvisibility=hidden \
		$(SANFLAG) $(CFLAGS)
ALLLDFLAGS=	$(SANFLAG) $(LDFLAGS)

LIB_Linux=	lib/kernel_linux.c lib/kernel_uio.c lib/memory_linux.c \
		lib/os_linux.c
LIB_NetBSD=	lib/bus_netbsd.c lib/kernel_netbsd.c lib/node_netbsd.c
LIBSRCS=	lib/address.c lib/bar.c lib/bus_pciaccess.c lib/bus_qtest.c \
		lib/claim.c lib/clock.c lib/config.c lib/device.c lib/dma.c \
		lib/error.c lib/factorial.c lib/interrupt.c \
		lib/kernel_qtest.c lib/list.c lib/machine.c lib/memory.c \
		lib/mmio.c lib/qtest.c lib/qtest_helper.c lib/qtest_start.c \
		lib/register.c $(LIB_$(OS))
LIBOBJS=	$(LIBSRCS:.c=.o)

# Those called _dev need an edu device of this machine, and those in tests/sys
# edu(4); the others do not.
TESTS_DEV=	tests/t_bar_dev tests/t_claim_dev tests/t_dma_dev \
		tests/t_interrupt_dev tests/t_list_dev tests/t_memory_dev \
		tests/t_edutool_dev
TESTS_C=	tests/t_bar tests/t_bar_fault tests/t_dma tests/t_factorial \
		tests/t_interrupt tests/t_machine tests/t_memory \
		tests/t_open tests/t_qtest tests/t_qtest_socket \
		tests/t_register tests/h_counts tests/h_unplug
TESTS_SH=	tests/t_build tests/t_counts tests/t_edutool tests/t_eduvm \
		tests/t_eduvm_netbsd tests/t_header tests/t_pkgsrc \
		tests/t_unplug
TESTS_STANDIN=	tests/t_standin_asan tests/t_standin_tsan
TESTS_SYS=	tests/sys/t_edu tests/sys/t_edu_detach \
		tests/sys/t_edu_stress tests/sys/t_libedu
TESTS_Linux=	$(TESTS_DEV) $(TESTS_C) $(TESTS_SH) $(TESTS_STANDIN)
TESTS_NetBSD=	$(TESTS_DEV) $(TESTS_SYS)
TESTS=		$(TESTS_$(OS))

TOOL_Linux=	tools/cmd_bind_linux.c
TOOL_NetBSD=	tools/cmd_bind_other.c
TOOLSRCS=	tools/cmd_bar.c tools/cmd_dma.c tools/cmd_factorial.c \
		tools/cmd_info.c tools/cmd_irq.c tools/cmd_list.c \
		tools/cmd_live.c tools/cmd_reg.c tools/cmd_selftest.c \
		tools/commands.c tools/device.c tools/edutool.c tools/json.c \
		tools/number.c tools/progress.c tools/report.c $(TOOL_$(OS))
TOOLOBJS=	$(TOOLSRCS:.c=.o)

HDRS=		include/edu.h include/eduio.h include/edureg.h lib/bus.h \
		lib/claim.h lib/address.h lib/error.h lib/internal.h \
		lib/kernel.h lib/kernel_linux.h lib/mmio.h lib/netbsd.h \
		lib/os.h lib/pci.h lib/qtest.h

PCEDIT=		-e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
		-e 's|@INCDIR@|$(INCDIR)|' -e 's|@VERSION@|$(VERSION)|' \
		$(PCEDIT_$(OS))
# NetBSD has no cache of directories to look in: each program names its own.
PCEDIT_NetBSD=	-e 's|^Libs: -L|Libs: -Wl,-R$${libdir} -L|'

LIBA=		build/libedu.a
LIBSO=		build/libedu.so.$(VERSION)
TOOL=		build/edutool

all: $(LIBA) $(LIBSO) $(TOOL)

# Changed only when it differs, so that other flags build everything anew.
STAMP!=		mkdir -p build; \
		echo '$(CC) $(ALLCFLAGS) $(ALLLDFLAGS)' >build/flags.new; \
		cmp -s build/flags.new build/flags || \
		    cp build/flags.new build/flags; \
		rm build/flags.new; echo build/flags

.c.o:
	$(CC) $(ALLCFLAGS) -c -o $@ $<

$(LIBOBJS): $(HDRS) $(STAMP)
$(TOOLOBJS): include/edu.h include/edureg.h tools/edutool.h $(STAMP)

$(LIBA): $(LIBOBJS)
	rm -f $@
	$(AR) rcs $@ $(LIBOBJS)

$(LIBSO): $(LIBOBJS) lib/libedu.map
	$(CC) $(ALLLDFLAGS) -shared -Wl,-soname,libedu.so.$(SOMAJOR) \
	    -Wl,--version-script,lib/libedu.map -Wl,-z,defs -o $@ \
	    $(LIBOBJS) $(PCI_LIBS) -lpthread
	ln -sf libedu.so.$(VERSION) build/libedu.so.$(SOMAJOR)
	ln -sf libedu.so.$(SOMAJOR) build/libedu.so

# The static library: a tool that runs before anything is installed.
$(TOOL): $(TOOLOBJS) $(LIBA)
	$(CC) $(ALLLDFLAGS) -o $@ $(TOOLOBJS) $(LIBA) $(PCI_LIBS) -lpthread

# ATF's compilers and flags; the tests may look into the library.
ATF_CFLAGS!=	{ $(PKG_CONFIG) --cflags atf-c; } 2>/dev/null || true
ATF_LIBS!=	{ $(PKG_CONFIG) --libs atf-c; } 2>/dev/null || echo -latf-c
ATF_SH!=	command -v atf-sh || echo /usr/bin/atf-sh

.c:
	$(CC) $(ALLCFLAGS) $(ATF_CFLAGS) -Ilib $(ALLLDFLAGS) -o $@ $< \
	    $(LIBA) $(PCI_LIBS) $(ATF_LIBS) -lpthread

.sh:
	{ echo '#! $(ATF_SH)'; sed 1d $<; } >$@
	chmod +x $@

$(TESTS_DEV) $(TESTS_C) $(TESTS_SYS): $(LIBA)

# NetBSD's driver, in a stand-in for the kernel, under two sanitizers.
STANDIN=	sys/dev/pci/edu.c include/edureg.h include/eduio.h \
		tests/sys/t_standin.c tests/sys/standin/build \
		tests/sys/standin/headers tests/sys/standin/machine.c \
		tests/sys/standin/machine.h tests/sys/standin/standin.c \
		tests/sys/standin/standin.h

$(TESTS_STANDIN): $(STANDIN) $(STAMP)

tests/t_standin_asan:
	tests/sys/standin/build $@ address,undefined $(CC) $(WARN)

tests/t_standin_tsan:
	tests/sys/standin/build $@ thread $(CC) $(WARN)

tests: all $(TESTS)

deps:
	@tools/deps build

demo: demo-deps all
	@tools/demo

demo-deps:
	@tools/deps demo

check: check-deps tests
	@tests/run

check-deps:
	@tools/deps check

lint:
	@tools/deps lint
	@FLAGS='$(STD) $(WARN) $(CPPDEFS) $(ATF_CFLAGS)' tests/lint

install: all
	$(INSTALL) -d $(DESTDIR)$(LIBDIR) $(DESTDIR)$(INCDIR) \
	    $(DESTDIR)$(BINDIR) $(DESTDIR)$(PCDIR) \
	    $(DESTDIR)$(MANDIR)/man3 $(DESTDIR)$(MANDIR)/man8
	$(INSTALL) -m 644 include/edu.h include/edureg.h $(DESTDIR)$(INCDIR)
	$(INSTALL) -m 644 $(LIBA) $(DESTDIR)$(LIBDIR)
	$(INSTALL) -m 755 $(LIBSO) $(DESTDIR)$(LIBDIR)
	ln -sf libedu.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libedu.so.$(SOMAJOR)
	ln -sf libedu.so.$(SOMAJOR) $(DESTDIR)$(LIBDIR)/libedu.so
	sed $(PCEDIT) lib/libedu.pc.in >build/libedu.pc
	$(INSTALL) -m 644 build/libedu.pc $(DESTDIR)$(PCDIR)
	$(INSTALL) -m 755 $(TOOL) $(DESTDIR)$(BINDIR)
	$(INSTALL) -m 644 lib/libedu.3 $(DESTDIR)$(MANDIR)/man3
	$(INSTALL) -m 644 tools/edutool.8 $(DESTDIR)$(MANDIR)/man8
	for f in $$(sed -n 's/^\.Nm \(edu_[a-z_0-9]*\).*/\1/p' lib/libedu.3 | \
	    sort -u); do \
		ln -sf libedu.3 $(DESTDIR)$(MANDIR)/man3/$$f.3; \
	done

# NetBSD's edu(4).  sys/ is laid out as in the kernel's sources, but stands
# outside them: what modules there include says here where both are.
# Variables of this command line stay here: with another CFLAGS a module builds
# and loads, and panics the kernel.
kmod:
	@test -f $(SYSDIR)/modules/Makefile.inc || { \
	    echo "kmod: no kernel sources of NetBSD in $(SYSDIR):" \
	    "unpack its syssrc set, or set SYSDIR" >&2; exit 1; }
	rm -rf build/kmod
	mkdir -p build/kmod
	cp -RL sys build/kmod
	{ echo ".PATH: $$(pwd)/build/kmod/sys/dev/pci"; \
	    echo "CPPFLAGS+= -I$$(pwd)/build/kmod/sys"; \
	    echo '.include "$(SYSDIR)/modules/Makefile.inc"'; \
	    } >build/kmod/sys/modules/Makefile.inc
	cd build/kmod/sys/modules/edu && \
	    MAKEFLAGS= $(MAKE) NETBSDSRCDIR=$(SYSDIR)/..
	cp build/kmod/sys/modules/edu/edu.kmod build

install-kmod: kmod
	$(INSTALL) -d $(DESTDIR)$(KMODDIR) $(DESTDIR)$(INCDIR) \
	    $(DESTDIR)$(MANDIR)/man4
	$(INSTALL) -m 644 build/edu.kmod $(DESTDIR)$(KMODDIR)
	$(INSTALL) -m 644 include/eduio.h $(DESTDIR)$(INCDIR)
	$(INSTALL) -m 644 sys/man/edu.4 $(DESTDIR)$(MANDIR)/man4

# What git has, and so what a package builds from.
dist:
	git archive --format=tar.gz --prefix=libedu-$(VERSION)/ \
	    -o libedu-$(VERSION).tar.gz HEAD

clean:
	rm -rf build $(TESTS) lib/*.o tools/*.o

.PHONY: all tests deps demo demo-deps check check-deps lint install kmod \
	install-kmod dist clean
