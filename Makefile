# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# For GNU make, bmake and NetBSD's make alike: include, != and computed names
# are in all of them; pattern rules, ifeq and .if are not.  All that is built
# is below build/.
#
#	make			the library and edutool, in build/
#	make demo		see it work in a guest
#	make check		every test; ends with "N passed, N failed"
#	make soak		the attacks among them, for hours; EDU_SOAK
#	make fuzz		the fuzz targets among them alone (Linux)
#	make coverage		how much of lib and tools runs in the tests
#	make check-aarch64	the main job in a guest for arm64
#	make bench		the figures of README.md, in guests
#	make install		DESTDIR, PREFIX
#	make kmod		NetBSD's edu(4), in build/; SYSDIR
#	make install-kmod	DESTDIR, KMODDIR
#	make dist		the source tarball
#	make lint		warnings, manual pages, shell scripts
#	make clean
#
#	SAN=address,undefined	build with these sanitizers
#	CC, CFLAGS, CPPFLAGS, LDFLAGS	as everywhere

# A folder called obj would capture bmake.
.OBJDIR: ./

.SUFFIXES:

# The version stands in edu.h alone.  What programs are linked with has a
# number of its own: it changes when they have to be built anew.
VERSION!=	sed -n 's/^.define EDU_VERSION.*"\(.*\)"/\1/p' include/edu.h
SOMAJOR=	1
SOVERSION=	1.0
OS!=		uname -s

# As the command line or the environment has them.  (bmake brings values of
# its own for them, which look for headers below DESTDIR.)
CFLAGS!=	echo "$${CFLAGS--O2 -g}"
CPPFLAGS!=	echo "$${CPPFLAGS-}"
LDFLAGS!=	echo "$${LDFLAGS-}"
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
# Where they are, edutool drops by them what rights its command does not need.
DROP_CFLAGS_Linux!= { ! $(PKG_CONFIG) --cflags libcap-ng || \
		    echo -DHAVE_LIBCAP_NG; \
		    ! $(PKG_CONFIG) --cflags libseccomp || \
		    echo -DHAVE_LIBSECCOMP; } 2>/dev/null
DROP_LIBS_Linux!= { $(PKG_CONFIG) --libs libcap-ng; \
		    $(PKG_CONFIG) --libs libseccomp; } 2>/dev/null || true
# ATF's flags and interpreter, for the tests.
ATF_CFLAGS!=	{ $(PKG_CONFIG) --cflags atf-c; } 2>/dev/null || true
ATF_LIBS!=	{ $(PKG_CONFIG) --libs atf-c; } 2>/dev/null || echo -latf-c
ATF_SH!=	command -v atf-sh || echo /usr/bin/atf-sh

WARN=		-Wall -Wextra -Wconversion -Wsign-conversion -Wshadow \
		-Wstrict-prototypes -Wmissing-prototypes \
		-Wold-style-definition -Wpointer-arith -Wcast-qual \
		-Wwrite-strings -Wundef -Wvla -Wformat=2
SANFLAG!=	test -z "$(SAN)" || echo "-fsanitize=$(SAN)" \
		    -fno-omit-frame-pointer -fno-sanitize-recover=all

# glibc hides POSIX and BSD names behind this; NetBSD shows all by default.
DEFS_Linux=	-D_GNU_SOURCE
STD=		-std=c11
CPPDEFS=	-Iinclude -Ilib $(DEFS_$(OS)) $(PCI_CFLAGS) $(DROP_CFLAGS_$(OS))
ALLCFLAGS=	$(STD) $(WARN) $(CPPDEFS) $(CPPFLAGS) -fPIC \
		-fvisibility=hidden $(SANFLAG) $(CFLAGS)
ALLLDFLAGS=	$(SANFLAG) $(LDFLAGS)

# lib/ is the device; its folders are worlds, and each system has one.
WORLD_Linux=	linux
WORLD_NetBSD=	netbsd
LIBSRCS!=	ls lib/*.c lib/pciaccess/*.c lib/qtest/*.c \
		    lib/$(WORLD_$(OS))/*.c

TOOLS_Linux=	tools/*_linux*.c
TOOLS_NetBSD=	tools/*_other.c tools/*_netbsd.c
TOOLSRCS!=	ls tools/*.c | grep -v -e _linux -e _other -e _netbsd; \
		    ls $(TOOLS_$(OS))

# Those in tests/dev need an edu device of this machine, those in tests/sys
# edu(4), and the others neither.
TESTS_Linux=	tests/t_*.* tests/dev/t_*.* tests/dev/h_*.c
TESTS_NetBSD=	tests/dev/t_*.* tests/dev/h_p*.c tests/sys/t_[del]*.*
TESTSRCS!=	ls $(TESTS_$(OS))
STANDIN_Linux=	build/tests/t_standin_asan build/tests/t_standin_tsan
FUZZ_Linux=	build/tests/fuzz/built build/tests/t_fuzz

PCEDIT=		-e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
		-e 's|@INCDIR@|$(INCDIR)|' -e 's|@VERSION@|$(VERSION)|' \
		$(PCEDIT_$(OS))
# NetBSD has no cache of directories to look in: each program names its own.
PCEDIT_NetBSD=	-e 's|^Libs: -L|Libs: -Wl,-R$${libdir} -L|'
# Linux has one, which has to learn of a new library.
LDCONFIG_Linux=	tools/ldconfig

LIBA=		build/libedu.a
LIBSO=		build/libedu.so.$(SOVERSION)
TOOL=		build/edutool
TOOLA=		build/edutool.a

all: $(LIBA) $(LIBSO) $(TOOL)

# build/rules.mk: how each source is built, the headers that the compiler saw
# it include, and LIBOBJS, TOOLOBJS and TESTS.  build/flags changes only when
# the flags do, so that others build everything anew.
FLAGS=		$(CC) $(ALLCFLAGS) $(ALLLDFLAGS)
RULES!=		GOALS='$(MAKECMDGOALS) $(.TARGETS)' FLAGS='$(FLAGS)' \
		    LIB='$(LIBSRCS)' TOOL='$(TOOLSRCS)' \
		    TEST='$(TESTSRCS)' tools/rules
include build/rules.mk

$(LIBA): $(LIBOBJS)
	rm -f $@
	$(AR) rcs $@ $(LIBOBJS)

$(LIBSO): $(LIBOBJS) lib/libedu.map
	$(CC) $(ALLLDFLAGS) -shared -Wl,-soname,libedu.so.$(SOMAJOR) \
	    -Wl,--version-script,lib/libedu.map -Wl,-z,defs -o $@ \
	    $(LIBOBJS) $(PCI_LIBS) -lpthread
	ln -sf libedu.so.$(SOVERSION) build/libedu.so.$(SOMAJOR)
	ln -sf libedu.so.$(SOMAJOR) build/libedu.so

# The static library: a tool that runs before anything is installed.
$(TOOL): $(TOOLOBJS) $(LIBA)
	$(CC) $(ALLLDFLAGS) -o $@ $(TOOLOBJS) $(LIBA) $(PCI_LIBS) \
	    $(DROP_LIBS_$(OS)) -lpthread

# For tests.
$(TOOLA): $(TOOLOBJS)
	rm -f $@
	$(AR) rcs $@ $(TOOLOBJS)

# NetBSD's driver, in a stand-in for the kernel, under two sanitizers.
STANDIN!=	ls sys/dev/pci/*.[ch] include/*.h tests/h_case.h \
		    tests/sys/t_standin*.c tests/sys/standin/*

build/tests/t_standin_asan: $(STANDIN) build/flags
	tests/sys/standin/build $@ address,undefined $(CC) $(WARN)

build/tests/t_standin_tsan: $(STANDIN) build/flags
	tests/sys/standin/build $@ thread $(CC) $(WARN)

# Library and tool anew, under two sanitizers and libFuzzer.
FUZZ!=		ls lib/*.[ch] lib/*/*.[ch] tools/*.[ch] include/*.h \
		    tests/fuzz/*.[ch] tests/fuzz/build

build/tests/fuzz/built: $(FUZZ) build/flags
	tests/fuzz/build build/tests/fuzz $(STD) $(WARN) $(CPPDEFS)

tests: all $(TESTS) $(STANDIN_$(OS)) $(FUZZ_$(OS))

deps:
	@tools/deps build

demo: demo-deps all
	@tools/demo

demo-deps:
	@tools/deps demo

check: check-deps tests
	@tests/run

soak: check-deps tests
	@tests/soak

fuzz: fuzz-deps $(FUZZ_$(OS))
	@tests/run t_fuzz

fuzz-deps:
	@tools/deps fuzz

check-deps:
	@tools/deps check

coverage: check-deps
	@tests/coverage

check-aarch64:
	@tests/aarch64

bench: bench-deps all
	@tests/bench

bench-deps:
	@tools/deps bench

lint: all
	@tools/deps lint
	@tests/walls
	@FLAGS='$(STD) $(WARN) $(CPPDEFS) $(ATF_CFLAGS)' tests/lint

install: all
	$(INSTALL) -d "$(DESTDIR)$(LIBDIR)" "$(DESTDIR)$(INCDIR)" \
	    "$(DESTDIR)$(BINDIR)" "$(DESTDIR)$(PCDIR)" \
	    "$(DESTDIR)$(MANDIR)/man3" "$(DESTDIR)$(MANDIR)/man7" \
	    "$(DESTDIR)$(MANDIR)/man8"
	$(INSTALL) -m 644 include/edu.h include/edureg.h "$(DESTDIR)$(INCDIR)"
	$(INSTALL) -m 644 $(LIBA) "$(DESTDIR)$(LIBDIR)"
	$(INSTALL) -m 755 $(LIBSO) "$(DESTDIR)$(LIBDIR)"
	ln -sf libedu.so.$(SOVERSION) "$(DESTDIR)$(LIBDIR)/libedu.so.$(SOMAJOR)"
	ln -sf libedu.so.$(SOMAJOR) "$(DESTDIR)$(LIBDIR)/libedu.so"
	sed $(PCEDIT) lib/libedu.pc.in >build/libedu.pc
	$(INSTALL) -m 644 build/libedu.pc "$(DESTDIR)$(PCDIR)"
	$(INSTALL) -m 755 $(TOOL) "$(DESTDIR)$(BINDIR)"
	$(INSTALL) -m 644 lib/libedu.3 "$(DESTDIR)$(MANDIR)/man3"
	$(INSTALL) -m 644 tools/edu-tutorial.7 "$(DESTDIR)$(MANDIR)/man7"
	$(INSTALL) -m 644 tools/edutool.8 "$(DESTDIR)$(MANDIR)/man8"
	for f in $$(sed -n 's/^\.Nm \(edu_[a-z_0-9]*\).*/\1/p' lib/libedu.3 | \
	    sort -u); do \
		ln -sf libedu.3 "$(DESTDIR)$(MANDIR)/man3/$$f.3"; \
	done
	@test -n "$(DESTDIR)" -o -z "$(LDCONFIG_$(OS))" || \
	    $(LDCONFIG_$(OS)) "$(LIBDIR)" libedu.so.$(SOMAJOR)

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
	{ echo ".PATH: ../../dev/pci"; \
	    echo "CPPFLAGS+= -I../.."; \
	    echo '.include "$(SYSDIR)/modules/Makefile.inc"'; \
	    } >build/kmod/sys/modules/Makefile.inc
	cd build/kmod/sys/modules/edu && \
	    MAKEFLAGS= $(MAKE) NETBSDSRCDIR=$(SYSDIR)/..
	cp build/kmod/sys/modules/edu/edu.kmod build

install-kmod: kmod
	$(INSTALL) -d "$(DESTDIR)$(KMODDIR)" "$(DESTDIR)$(INCDIR)" \
	    "$(DESTDIR)$(MANDIR)/man4"
	$(INSTALL) -m 644 build/edu.kmod "$(DESTDIR)$(KMODDIR)"
	$(INSTALL) -m 644 include/eduio.h "$(DESTDIR)$(INCDIR)"
	$(INSTALL) -m 644 sys/man/edu.4 "$(DESTDIR)$(MANDIR)/man4"

# What git has, and so what a package builds from.
dist:
	git archive --format=tar.gz --prefix=libedu-$(VERSION)/ \
	    -o libedu-$(VERSION).tar.gz HEAD

clean:
	rm -rf build

.PHONY: all tests deps demo demo-deps check soak check-deps fuzz fuzz-deps \
	coverage check-aarch64 bench bench-deps lint install kmod install-kmod \
	dist clean
