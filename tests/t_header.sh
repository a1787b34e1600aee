#! /usr/bin/env atf-sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# The public headers, alone; what the libraries export and need; and whether a
# program builds by the pkg-config file against an installed copy.

. "$(atf_get_srcdir)/../../tests/h_case.sh"

ROOT=$(atf_get_srcdir)/../..
# The compiler that has built the library.
CC=$(cut -d ' ' -f 1 "$ROOT/build/flags")
WARNINGS="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Werror"

# The sanitizers that the library was built with, if any: whoever links it
# needs them, too.
sanitizers()
{
	tr ' ' '\n' <"$ROOT/build/flags" | grep '^-fsanitize=' | sort -u
}

compilers()
{
	for name in "$@"; do
		command -v "$name" || :
	done
}

# compiles LANGUAGE STANDARD COMPILER ...: each public header, twice, and
# nothing before it.
compiles()
{
	language=$1
	standard=$2
	shift 2
	atf_check test $# -gt 0
	for header in "$ROOT"/include/*.h; do
		name=${header##*/}
		printf '#include <%s>\n#include <%s>\nextern int alone;\n' \
		    "$name" "$name" >alone
		for compiler in "$@"; do
			# shellcheck disable=SC2086	# words
			atf_check "$compiler" -x "$language" \
			    -std="$standard" $WARNINGS -I"$ROOT/include" \
			    -fsyntax-only alone
		done
	done
}

# The functions that the header declares: names before a parenthesis, once
# the comments and macros are gone.
declared()
{
	"$CC" -E -P "$ROOT/include/edu.h" | tr '\n' ' ' |
	    sed -e 's/static inline [a-z0-9_]* edu_[a-z0-9_]*//g' \
	    -e 's/typedef void edu_[a-z0-9_]*//g' |
	    grep -o 'edu_[a-z0-9_]* *(' | tr -d ' (' | sort -u
}

library()
{
	readlink -f "$ROOT/build/libedu.so"
}

# skip_sanitized WHY
skip_sanitized()
{
	[ -z "$(sanitizers)" ] || atf_skip "built with sanitizers: $1"
}

test_case c11 'each public header compiles alone as C11'
c11_body()
{
	# shellcheck disable=SC2046	# words
	compiles c c11 $(compilers gcc clang)
}

test_case cxx11 'each public header compiles alone as C++11'
cxx11_body()
{
	found=$(compilers g++ clang++)
	[ -n "$found" ] || atf_skip "no C++ compiler"
	# shellcheck disable=SC2086	# words
	compiles c++ c++11 $found
}

test_case cxx_links 'a C++ program links: the functions have C linkage'
cxx_links_body()
{
	skip_sanitized "by one compiler, and this tries all"
	found=$(compilers g++ clang++)
	[ -n "$found" ] || atf_skip "no C++ compiler"
	cat >program.cc <<-END
	#include <edu.h>
	int
	main()
	{
		return edu_version()[0] == '0' && edu_open("", 0) == NULL ?
		    0 : 1;
	}
	END
	for compiler in $found; do
		atf_check "$compiler" -I"$ROOT/include" -o program \
		    program.cc "$(library)"
		LD_LIBRARY_PATH=$ROOT/build atf_check ./program
	done
}

test_case register_map \
    'the register map needs nothing, and its macros give what the device has'
register_map_body()
{
	atf_check -s exit:1 grep '^#[[:space:]]*include' \
	    "$ROOT/include/edureg.h"
	cat >program.c <<-END
	#include <edureg.h>
	_Static_assert(EDU_STATUS_COMPUTING == 1 && EDU_STATUS_IRQFACT == 128 &&
	    EDU_INTR_DMA == 256 && EDU_DMA_CMD_FROM_DEV == 2, "bits");
	_Static_assert(__SHIFTOUT(0x123400edU, EDU_ID_MAJOR) == 0x12 &&
	    __SHIFTOUT(0x123400edU, EDU_ID_MINOR) == 0x34 &&
	    __SHIFTOUT(0x123400edU, EDU_ID_MAGIC) == EDU_ID_MAGIC_EDU &&
	    __SHIFTIN(0x12U, EDU_ID_MAJOR) == 0x12000000, "fields");
	_Static_assert(EDU_ID == 0 && EDU_LIVE == 4 && EDU_FACTORIAL == 8 &&
	    EDU_STATUS == 0x20 && EDU_INTR_STATUS == 0x24 &&
	    EDU_INTR_RAISE == 0x60 && EDU_INTR_ACK == 0x64 &&
	    EDU_DMA_SRC == 0x80 && EDU_DMA_DST == 0x88 &&
	    EDU_DMA_COUNT == 0x90 && EDU_DMA_CMD == 0x98, "offsets");
	_Static_assert(EDU_DMA_BUF == 0x40000 && EDU_DMA_BUF_SIZE == 4096 &&
	    EDU_DMA_MASK == 0x0fffffff && EDU_BAR0_SIZE == 1 << 20, "sizes");
	END
	# shellcheck disable=SC2086	# words
	atf_check "$CC" -std=c11 $WARNINGS -I"$ROOT/include" -fsyntax-only \
	    program.c
}

test_case exports \
    'the shared library exports the functions of edu.h, versioned, no more'
exports_body()
{
	declared >expected
	atf_check test "$(wc -l <expected)" -ge 30
	nm -D --defined-only "$(library)" | awk '$2 != "A" { print $3 }' |
	    sort >exported
	sed 's/@.*//' exported >names
	atf_check diff -u expected names
	atf_check -s exit:1 grep -v '@@EDU_0\.2$' exported
}

test_case soname \
    "the shared library's name is libedu.so.1, and the links lead to it"
soname_body()
{
	atf_check -o match:'SONAME.*\[libedu\.so\.1\]' readelf -d "$(library)"
	for name in libedu.so libedu.so.1; do
		atf_check test "$ROOT/build/$name" -ef "$(library)"
	done
}

test_case well_behaved \
    'the shared library calls nothing that prints, exits or aborts'
well_behaved_body()
{
	skip_sanitized "they print and abort"
	nm -D --undefined-only "$(library)" | awk '{ sub("@.*", "", $2);
	    print $2 }' | sort >needed
	atf_check -o match:'^calloc$' cat needed
	atf_check -s exit:1 grep -E -e \
	    '^(exit|abort|atexit|__assert.*|(__)?v?printf(_chk)?)$' -e \
	    '^(puts|putchar|perror|stdout|stderr|psignal|v?(err|warn)x?)$' \
	    needed
}

test_case static_library \
    'all of the static library links, and defines no name that is not ours' \
    require.progs=pkg-config
static_library_body()
{
	nm -g --defined-only "$ROOT/build/libedu.a" |
	    awk 'NF == 3 && $3 !~ /^(edu|qtest)_/ { print $3 }' |
	    grep -v '^__\(asan\|odr_asan\|ubsan\)' >foreign
	atf_check cat foreign
	echo 'int main(void) { return 0; }' >program.c
	# shellcheck disable=SC2046	# words
	atf_check "$CC" $(sanitizers) -o program program.c \
	    -Wl,--whole-archive "$ROOT/build/libedu.a" \
	    -Wl,--no-whole-archive $(pkg-config --libs pciaccess) -lpthread
	atf_check ./program
}

# Lay out what "make install" installs for programs, below ./dest.
install_copy()
{
	prefix=/usr/local
	libdir=$prefix/lib
	incdir=$prefix/include
	version=$(sed -n 's/^.define EDU_VERSION.*"\(.*\)"/\1/p' \
	    "$ROOT/include/edu.h")
	mkdir -p "dest$incdir" "dest$libdir/pkgconfig"
	cp "$ROOT"/include/*.h "dest$incdir"
	cp -P "$ROOT"/build/libedu.so* "$ROOT"/build/libedu.a "dest$libdir"
	sed -e "s|@PREFIX@|$prefix|" -e "s|@LIBDIR@|$libdir|" \
	    -e "s|@INCDIR@|$incdir|" -e "s|@VERSION@|$version|" \
	    "$ROOT/lib/libedu.pc.in" >"dest$libdir/pkgconfig/libedu.pc"
	export PKG_CONFIG_PATH="$PWD/dest$libdir/pkgconfig"
}

# flags OPTION ...: from the pkg-config file, with its paths below ./dest.
# PKG_CONFIG_SYSROOT_DIR would move libpciaccess there as well.
flags()
{
	pkg-config "$@" libedu |
	    sed "s|\(-[IL]\)\($prefix\)|\1$PWD/dest\2|g"
}

test_case pkg_config \
    'the flags of the pkg-config file build programs, shared and static' \
    require.progs=pkg-config
pkg_config_body()
{
	install_copy
	atf_check -o inline:"$version\n" pkg-config --modversion libedu
	cat >program.c <<-END
	#include <edu.h>
	#include <stdio.h>
	int
	main(void)
	{
		uint32_t result;
		struct edu *edu = edu_open("qtest:", 0);

		if (edu == NULL ||
		    edu_factorial(edu, 5, 0, 10000, &result) == -1) {
			puts(edu_errmsg(edu));
			return 1;
		}
		edu_close(edu);
		printf("%u\n", (unsigned)result);
		return 0;
	}
	END
	# shellcheck disable=SC2046	# words
	atf_check "$CC" $(sanitizers) $(flags --cflags) -o shared program.c \
	    $(flags --libs)
	atf_check -o match:'libedu\.so\.1' ldd ./shared
	LD_LIBRARY_PATH=dest$libdir atf_check -o inline:'120\n' ./shared
	# Who uses the shared library need not have libpciaccess's headers.
	atf_check -o not-match:pciaccess pkg-config --libs libedu
	rm "dest$libdir"/libedu.so*
	# shellcheck disable=SC2046	# words
	atf_check "$CC" $(sanitizers) $(flags --cflags) -o static program.c \
	    $(flags --static --libs)
	atf_check -o not-match:'libedu\.so' ldd ./static
	atf_check -o inline:'120\n' ./static
}
