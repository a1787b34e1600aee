#! /usr/bin/env atf-sh
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause

# The two packages, checked without pkgsrc: what they name is what there is.
# What stands in for pkgsrc's own makefiles below is empty, so this says
# nothing of what pkgsrc makes of them.
#
# shellcheck disable=SC2016		# variables of make's

. "$(atf_get_srcdir)/../../tests/h_case.sh"

top=$(cd "$(atf_get_srcdir)/../.." && pwd)

# NetBSD's make is bmake.
bmake=$(command -v bmake || command -v make)

# The packages where pkgsrc would have them, and the files that they include.
lay_out() {
	mkdir -p tree/mk tree/sysutils/libpciaccess
	cp -R "$top/pkgsrc/libedu" "$top/pkgsrc/edu-kmod" tree/sysutils
	for f in mk/bsd.pkg.mk mk/bsd.prefs.mk mk/pthread.buildlink3.mk \
	    sysutils/libpciaccess/buildlink3.mk; do
		: >"tree/$f"
	done
	mkdir -p kernel/sys/modules
	: >kernel/sys/modules/Makefile.inc
}

# in_package NAME ARGUMENT ...: bmake, with what pkgsrc would set.
in_package() {
	package=$1
	shift
	(cd "tree/sysutils/$package" && "$bmake" PREFIX=/usr/pkg \
	    PKGMANDIR=man CFLAGS=-O0 LDFLAGS= OS_VERSION=10.99.12 \
	    MACHINE=amd64 BSDSRCDIR="$OLDPWD/kernel" "$@")
}

# value PACKAGE VARIABLE: what make makes of it.
value() {
	in_package "$1" -V "\${$2}"
}

# A package's files as its PLIST has them, variables replaced.
plist() {
	version=$("$bmake" -C "$top" -V '${VERSION}')
	sed -e 1d -e 's/\${MACHINE}/amd64/' -e 's/\${OS_VERSION}/10.99.12/' \
	    -e "s/\${PKGVERSION}/$version/" "$top/pkgsrc/$1/PLIST"
}

files_in() {
	(cd "$1" && find . ! -type d) | sed 's,^\./,,' | LC_ALL=C sort
}

package_case() {
	test_case "$@" timeout=300 "require.progs=$(basename "$bmake")"
}

package_case library_plist "libedu's PLIST is what its flags make install"
library_plist_body() {
	lay_out
	mkdir src
	(cd "$top" && tar -cf - --exclude=./build --exclude=.git .) |
	    tar -xf - -C src
	flags=$(value libedu MAKE_FLAGS) || atf_fail "no flags"
	eval "set -- $flags"
	atf_check -o ignore -e empty "$bmake" -C src install \
	    DESTDIR="$PWD/root" "$@"
	files_in root/usr/pkg >installed
	plist libedu >listed
	atf_check diff listed installed
	atf_check -o inline:'prefix=/usr/pkg\n' \
	    grep ^prefix= root/usr/pkg/lib/pkgconfig/libedu.pc
}

# The module is an empty file here: its place is what counts.
package_case module_plist "edu-kmod's PLIST is what it installs"
module_plist_body() {
	lay_out
	mkdir -p src/build
	: >src/build/edu.kmod
	cp -R "$top/include" "$top/sys" src
	for d in $(value edu-kmod INSTALLATION_DIRS); do
		mkdir -p "root/usr/pkg/$d"
	done
	in_package edu-kmod WRKSRC="$PWD/src" DESTDIR="$PWD/root" \
	    INSTALL_DATA='install -m 644' INSTALL_MAN='install -m 644' \
	    do-install || atf_fail "do-install"
	files_in root/usr/pkg >installed
	plist edu-kmod >listed
	atf_check diff listed installed
}

package_case module_target "what edu-kmod builds says what it lacks"
module_target_body() {
	lay_out
	target=$(value edu-kmod BUILD_TARGET)
	atf_check -s not-exit:0 -o ignore -e match:'kernel sources' \
	    "$bmake" -C "$top" SYSDIR=/nonexistent "$target"
	atf_check_equal '' "$(value edu-kmod PKG_FAIL_REASON)"
	rm kernel/sys/modules/Makefile.inc
	value edu-kmod PKG_FAIL_REASON >reason
	atf_check -o ignore grep 'kernel sources' reason
}

package_case version "both packages take the tarball that make dist makes"
version_body() {
	lay_out
	version=$("$bmake" -C "$top" -V '${VERSION}')
	atf_check_equal "libedu-$version" "$(value libedu DISTNAME)"
	atf_check_equal "libedu-$version" "$(value edu-kmod DISTNAME)"
	atf_check_equal "edu-kmod-$version" "$(value edu-kmod PKGNAME)"
}

package_case buildlink3 "buildlink3.mk counts once, however often it is read"
buildlink3_body() {
	lay_out
	cat >tree/sysutils/libedu/Makefile <<-'END'
	.include "buildlink3.mk"
	.include "buildlink3.mk"
	END
	atf_check_equal 'libedu -libedu libedu -libedu' \
	    "$(value libedu BUILDLINK_TREE)"
	version=$("$bmake" -C "$top" -V '${VERSION}')
	atf_check_equal "libedu>=$version" \
	    "$(value libedu BUILDLINK_API_DEPENDS.libedu)"
}

package_case form "DESCR, COMMENT and PLIST have the form that pkgsrc asks for"
form_body() {
	lay_out
	for package in libedu edu-kmod; do
		dir=$top/pkgsrc/$package
		atf_check -o inline:'2\n' awk 'END { print NR }' "$dir/DESCR"
		atf_check awk 'length > 80 || /[ \t]$/' "$dir/DESCR"
		atf_check -o inline:'@comment $NetBSD$\n' sed 1q "$dir/PLIST"
		plist "$package" >lines
		atf_check env LC_ALL=C sort -cu lines
		value "$package" COMMENT >comment
		atf_check -o match:. cat comment
		atf_check -s exit:1 grep -E '.{71}|\.$|^(An?|The) ' comment
	done
}
