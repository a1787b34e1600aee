#! /bin/sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# What the tests of tools/eduvm share; each case boots guests of its own.

. "$(atf_get_srcdir)/../../tests/h_case.sh"

MARK=EDUVM_TEST_MARK
QEMU_PROGS="${QEMU:-qemu-system-x86_64} busybox"

# Makes a command of eduvm that marks all its processes and has a temporary
# directory of ours.
setup()
{
	here=$(pwd)
	mkdir bin tmp
	cat >bin/eduvm <<-END
	#! /bin/sh
	TMPDIR='$here/tmp' $MARK='$here' \\
	    exec '$(atf_get_srcdir)/../../tools/eduvm' "\$@"
	END
	chmod +x bin/eduvm
	PATH=$here/bin:$PATH
}

# Fails unless all of eduvm's processes and files are gone.
check_nothing_left()
{
	atf_check -o empty ls -A "$here/tmp"
	for environ in /proc/[0-9]*/environ; do
		if grep -qazFx "$MARK=$here" "$environ" 2>/dev/null; then
			pid=${environ#/proc/}
			pid=${pid%/environ}
			atf_fail "still there: $(tr '\0' ' ' \
			    <"/proc/$pid/cmdline")"
		fi
	done
}

# A stand-in for QEMU that writes its arguments to the file "words", a line
# each, and fails.
record_qemu()
{
	cat >record <<-END
	#! /bin/sh
	printf '%s\n' "\$@" >'$here/words'
	exit 1
	END
	chmod +x record
	QEMU=$here/record
	export QEMU
}

# check_word PATTERN OPTION ...: does eduvm with these give QEMU such a word?
check_word()
{
	pattern=$1
	shift
	atf_check -s exit:69 -e ignore eduvm "$@" -- true
	atf_check -o ignore grep -Ex -e "$pattern" words
}

guest_case()
{
	test_case "$@" timeout=600 "require.progs=$QEMU_PROGS"
}
