#! /usr/bin/env atf-sh
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause

# The build itself: both makes, both compilers, what is installed, and that
# the examples of the documentation compile and run.

. "$(atf_get_srcdir)/../../tests/h_case.sh"

top=$(atf_get_srcdir)/../..

# The sources alone, here.
copy_sources() {
	mkdir src
	(cd "$top" && tar -cf - --exclude=./build --exclude=.git .) |
	    tar -xf - -C src
}

build() {
	atf_check -o ignore -e empty "$@"
}

test_case gmake_gcc 'GNU make and gcc build everything without a warning' \
    timeout=600 'require.progs=gcc make'
gmake_gcc_body() {
	copy_sources
	build make -C src CC=gcc CFLAGS='-O3 -Werror' all
	atf_check -o match:'^edutool 0\.2\.0 ' src/build/edutool version
}

test_case bmake_clang 'bmake and clang build everything without a warning' \
    timeout=600 'require.progs=clang bmake'
bmake_clang_body() {
	copy_sources
	cd src || exit 1
	build bmake CC=clang CFLAGS='-O2 -Werror' all
	atf_check -o match:'^edutool 0\.2\.0 ' build/edutool version
}

test_case lint 'make lint finds nothing' timeout=600 \
    'require.progs=make git gcc clang clang-tidy cppcheck mandoc shellcheck'
lint_body() {
	copy_sources
	git -C src init -q
	export CFLAGS=-O0
	build make -C src
	atf_check -o ignore -e ignore make -s -C src lint
}

test_case rebuild 'other flags build everything anew, the same ones nothing' \
    timeout=600 require.progs=make
rebuild_body() {
	copy_sources
	build make -C src CFLAGS=-O1 build/libedu.a
	atf_check -o match:'up to date' make -C src CFLAGS=-O1 build/libedu.a
	atf_check -o match:'lib/bar\.c' make -C src CFLAGS=-O0 build/libedu.a
}

# compiled FILE: what make said that it compiled.
compiled() {
	sed -n 's/.* -c -o build\/\([a-z/_]*\)\.o .*/\1/p' "$1" | sort
}

test_case header 'a changed header rebuilds what includes it, no more' \
    timeout=600 'require.progs=make bmake'
header_body() {
	copy_sources
	grep -l '"claim.h"' src/lib/*.c | sed 's/^src.//; s/\.c$//' | sort \
	    >expected
	atf_check test -s expected
	export CFLAGS=-O0
	for make in make bmake; do
		build $make -C src
		sleep 1
		touch src/lib/claim.h
		$make -C src >out || atf_fail "$make again"
		compiled out >actual
		atf_check diff expected actual
	done
}

test_case clean_all \
    '"clean all" builds everything anew, and writes below build/ alone' \
    timeout=600 'require.progs=make bmake'
clean_all_body() {
	copy_sources
	(cd src && find . ! -path './build*' | sort) >before
	export CFLAGS=-O0
	for make in make bmake; do
		build $make -C src
		for jobs in '' -j4; do
			# shellcheck disable=SC2086	# nothing or a word
			build $make -C src $jobs clean all
			atf_check -o match:'^edutool ' src/build/edutool \
			    version
		done
		(cd src && find . ! -path './build*' | sort) >after
		atf_check diff before after
		build $make -C src clean
		atf_check test ! -e src/build
	done
}

test_case environment \
    'flags of environment and command line reach the compiler and the linker' \
    'require.progs=make bmake'
environment_body() {
	copy_sources
	cd src || exit 1
	for make in make bmake; do
		env CFLAGS=-DIN_C CPPFLAGS=-DIN_CPP LDFLAGS=-Wl,-O1 \
		    $make -n >../env || atf_fail $make
		$make -n CFLAGS=-DIN_C CPPFLAGS=-DIN_CPP LDFLAGS=-Wl,-O1 \
		    >../line || atf_fail $make
		for way in ../env ../line; do
			atf_check -o ignore grep -e \
			    '-DIN_CPP .*-DIN_C .*lib/bar.c' $way
			atf_check -o ignore grep -e '-Wl,-O1 .*edutool' $way
		done
	done
}

test_case spaces 'DESTDIR and the directory may have spaces in their names' \
    timeout=600 'require.progs=make bmake'
spaces_body() {
	copy_sources
	mv src 'a b'
	here=$PWD
	for make in make bmake; do
		(cd 'a b' && build $make install CFLAGS=-O0 \
		    "DESTDIR=$here/c d/$make") || atf_fail $make
		atf_check test -x "c d/$make/usr/local/sbin/edutool"
	done
}

# From a copy, for other flags would build what is being tested anew.
install_here() {
	copy_sources
	build make -C src install CFLAGS=-O0 DESTDIR="$PWD/root" PREFIX=/usr
}

test_case install_files 'install puts every file, link and page in its place' \
    timeout=300 require.progs=make
install_files_body() {
	install_here
	for f in include/edu.h include/edureg.h lib/libedu.a \
	    lib/libedu.so.1.0 lib/pkgconfig/libedu.pc sbin/edutool \
	    share/man/man3/libedu.3 share/man/man8/edutool.8; do
		atf_check test -s "root/usr/$f"
	done
	atf_check -o inline:'libedu.so.1.0\n' \
	    readlink root/usr/lib/libedu.so.1
	# One page a function, and no page without one.
	sed -n '/^typedef/!s/.*[ *]\(edu_[a-z_0-9]*\)(.*/\1/p' \
	    "$top/include/edu.h" |
	    sort -u >functions
	(cd root/usr/share/man/man3 && ls edu_*.3) | sed 's/\.3$//' |
	    sort >pages
	atf_check diff functions pages
}

# What stands between ```c and ``` in the README.
# shellcheck disable=SC2016
readme_program() {
	sed -n '/^```c$/,/^```$/p' "$top/README.md" | sed '/^```/d'
}

# manual_program NUMBER: of those that libedu(3) shows.
manual_program() {
	awk -v wanted="$1" '
		/^\.Bd/ { is_new = 1 }
		/^#include/ && is_new { is_new = 0; inside = 1; n++ }
		/^\.Ed/ { inside = 0 }
		inside && n == wanted' "$top/lib/libedu.3" |
	    sed 's/\\e/\\/g'
}

# compile_installed NAME: NAME.c against what is installed.
compile_installed() {
	root=$PWD/root
	PKG_CONFIG_PATH=$root/usr/lib/pkgconfig
	export PKG_CONFIG_PATH
	flags=$(pkg-config --define-variable=prefix="$root/usr" \
	    --define-variable=libdir="$root/usr/lib" \
	    --define-variable=includedir="$root/usr/include" \
	    --cflags --libs libedu) || atf_fail 'pkg-config'
	# shellcheck disable=SC2086
	build cc -std=gnu11 -Wall -Werror -o "$1" "$1.c" $flags
}

test_case readme_example \
    "the README's program compiles, and says what it says" \
    timeout=300 'require.progs=cc make pkg-config'
readme_example_body() {
	install_here
	readme_program >tour.c
	compile_installed tour
	# What the README shows after its command.
	sed -n '/^    \.\/tour qtest:$/,/^[^ ]/s/^    //p' "$top/README.md" |
	    sed -e 1d -e '/^$/d' >expected
	atf_check -s exit:0 -o save:actual env \
	    LD_LIBRARY_PATH="$root/usr/lib" ./tour qtest:
	atf_check test -s expected
	atf_check diff expected actual
}

test_case manual_example "libedu(3)'s programs compile and run" \
    timeout=300 'require.progs=cc make pkg-config'
manual_example_body() {
	install_here
	manual_program 1 >five.c
	compile_installed five
	atf_check -o inline:'120\n' env LD_LIBRARY_PATH="$root/usr/lib" \
	    ./five qtest:
	manual_program 2 >loop.c
	compile_installed loop
	atf_check -o save:out env LD_LIBRARY_PATH="$root/usr/lib" \
	    ./loop qtest: qtest: qtest:
	cat >expected <<-'END'
	   3 qtest:: copy: error 0, value 0
	   3 qtest:: factorial: error 0, value 3628800
	END
	sort out | uniq -c | sed 's/^ */   /' >summary
	atf_check diff expected summary
}

test_case dist 'the tarball holds what git has, and builds' \
    timeout=600 'require.progs=git make'
dist_body() {
	git -C "$top" rev-parse HEAD >/dev/null 2>&1 ||
	    atf_skip 'this is no git checkout'
	git clone -q "$top" clone || atf_fail 'git clone'
	build make -C clone dist
	tar -xzf clone/libedu-0.2.0.tar.gz
	build make -C libedu-0.2.0 all
	atf_check -o match:'^edutool 0\.2\.0 ' \
	    libedu-0.2.0/build/edutool version
}
