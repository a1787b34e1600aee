#! /usr/bin/env atf-sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# An interrupt line that Linux has switched off, and polls.
#
# shellcheck disable=SC2016	# the guest's variables

. "$(atf_get_srcdir)/../../tests/h_case.sh"

test_case switched_off \
    'a shared line that Linux has switched off: selftest says so, while it is' \
    timeout=120
switched_off_body()
{
	root=$(cd "$(atf_get_srcdir)/../.." && pwd)
	"$root/tools/eduvm" -t 100 -q -device -q edu,addr=0xe -- sh -c '
		cd "$1"
		echo 8 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
		export EDU_DEVICE=0000:00:0a.0
		build/edutool bind uio
		build/edutool selftest
		echo "on: $?"
		# The other one, without a driver: raise, and unmask INTx (QEMU
		# looks at it when both bytes are written at once).
		other=/sys/bus/pci/devices/0000:00:0e.0
		[ "$(cat $other/irq)" = \
		    "$(cat /sys/bus/pci/devices/$EDU_DEVICE/irq)" ]
		echo "shared: $?"
		build/edutool -d 0:e.0 irq raise 1
		printf "\003\001" |
		    dd of=$other/config bs=2 seek=2 conv=notrunc 2>/dev/null
		until dmesg | grep "Disabling IRQ"; do sleep 1; done
		build/edutool selftest
		echo "off: $?"
		build/edutool irq raise 4
		build/edutool irq wait
		printf "\000\004" |
		    dd of=$other/config bs=2 seek=2 conv=notrunc 2>/dev/null
		build/edutool bind none
		build/edutool bind uio
		build/edutool selftest
		echo "on: $?"' \
	    sh "$root" >out 2>err
	status=$?
	[ $status -ne 69 ] || atf_skip "$(cat err)"
	[ $status -eq 0 ] || atf_fail "exit status $status: $(cat out err)"
	atf_check -o inline:"on: 0\nshared: 0\noff: 70\non: 0\n" \
	    grep -E '^(on|off|shared): ' out
	printf 'not ok %s (edu.rst, IRQ controller)\n' \
	    '7 - factorial by interrupt' '9 - interrupt wait' >expected
	atf_check -o file:expected grep '^not ok' out
	atf_check_equal "$(grep -c '^# .*interrupts come late.*nobody cared' \
	    out)" 2
	atf_check -o ignore grep -x 0x00000004 out
}

atf_init_test_cases()
{
	atf_add_test_case switched_off
}
