# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# For GNU make, bmake and NetBSD's make alike: suffix rules, != and computed
# names are in all of them; pattern rules, ifeq and .if are not.
#
#	make			the library and edutool, in build/
#	make demo		see it work in a guest
#	make install		DESTDIR, PREFIX
#	make dist		the source tarball
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

TOOL_Linux=	tools/cmd_bind_linux.c
TOOL_NetBSD=	tools/cmd_bind_other.c
TOOLSRCS=	tools/cmd_bar.c tools/cmd_dma.c tools/cmd_factorial.c \
		tools/cmd_info.c tools/cmd_irq.c tools/cmd_list.c \
		tools/cmd_live.c tools/cmd_reg.c tools/cmd_selftest.c \
		tools/commands.c tools/device.c tools/edutool.c tools/json.c \
		tools/number.c tools/progress.c tools/report.c $(TOOL_$(OS))
TOOLOBJS=	$(TOOLSRCS:.c=.o)

HDRS=		include/edu.h include/edureg.h lib/bus.h lib/claim.h \
		lib/address.h lib/error.h lib/internal.h lib/kernel.h \
		lib/kernel_linux.h lib/mmio.h lib/netbsd.h lib/os.h \
		lib/pci.h lib/qtest.h

PCEDIT=		-e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
		-e 's|@INCDIR@|$(INCDIR)|' -e 's|@VERSION@|$(VERSION)|'

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

deps:
	@tools/deps build

demo: demo-deps all
	@tools/demo

demo-deps:
	@tools/deps demo

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
	$(INSTALL) -m 644 tools/edutool.8 $(DESTDIR)$(MANDIR)/man8

# What git has, and so what a package builds from.
dist:
	git archive --format=tar.gz --prefix=libedu-$(VERSION)/ \
	    -o libedu-$(VERSION).tar.gz HEAD

clean:
	rm -rf build lib/*.o tools/*.o

.PHONY: all deps demo demo-deps install dist clean
