#! /usr/bin/env atf-sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# A device that is unplugged while it is driven, by QEMU's monitor.  Its
# registers read 0 then, which looks like "done, and the result is 0".
#
# shellcheck disable=SC2016	# the guest's variables

. "$(atf_get_srcdir)/../../tests/h_case.sh"

# unplug PATTERN N ID: when that has come N times, unplug the device of that id.
unplug()
{
	tries=0
	until [ "$(grep -c "$1" out)" -ge "$2" ]; do
		[ $tries -lt 600 ] || return
		tries=$((tries + 1))
		sleep 0.1
	done
	# Let the blocked wait block.
	sleep 0.5
	echo "device_del $3" >monitor.in
}

# guest PATTERN SCRIPT: a guest whose devices 4 and 5 are unplugged, one after
# the other, when the script's output has the pattern.
guest()
{
	root=$(cd "$(atf_get_srcdir)/../.." && pwd)
	mkfifo monitor.in monitor.out
	: >out
	# Opened both ways a FIFO never blocks.
	cat <>monitor.out >/dev/null &
	reader=$!
	{ unplug "$1" 1 first; unplug "$1" 2 second; } &
	unplugger=$!
	"$root/tools/eduvm" -t 100 -q -monitor -q "pipe:$(pwd)/monitor" \
	    -q -device -q edu,id=first,addr=4 \
	    -q -device -q edu,id=second,addr=5 -- sh -c '
		pages=/proc/sys/vm/nr_hugepages
		[ $(cat $pages) -gt 0 ] || echo 4 >$pages
		cd "$1" || exit
		'"$2" sh "$root" >out 2>err
	status=$?
	kill $reader $unplugger 2>/dev/null
	[ $status -ne 69 ] || atf_skip "$(cat err)"
	[ $status -eq 0 ] || atf_fail "exit status $status: $(cat out err)"
	# The others are still there.
	atf_check -o inline:"0000:00:0a.0\n" sed -n 's/ .*version.*//p' out
}

test_case unplugged \
    'every call on a device that is gone is ENODEV, and a blocked wait ends' \
    timeout=120
unplugged_body()
{
	guest '^ready' '
		build/tests/dev/h_unplug 0000:00:04.0 &&
		build/edutool -d 0000:00:05.0 bind uio &&
		build/tests/dev/h_unplug 0000:00:05.0 irq &&
		build/edutool list'
	atf_check_equal "$(grep -c '^0 failures' out)" 2
}

test_case examined \
    'the examination asks for it, and sees that nothing is left of the device' \
    timeout=120
examined_body()
{
	guest 'unplug it within 60 s' '
		exec 2>&1
		build/edutool -d 0000:00:04.0 selftest --unplug 60 &&
		build/edutool -d 0000:00:05.0 bind uio &&
		build/edutool -d 0000:00:05.0 selftest --unplug 60 &&
		build/edutool list'
	atf_check -o inline:'2\n' grep -cx 'ok 12 - unplug (PCI 3.0, 6.1)' out
	atf_check -s exit:1 grep '^not ok' out
}

# Have the monitor do what the guest asks for, behind "monitor ".
obey()
{
	while read -r word command; do
		[ "$word" != monitor ] ||
		    printf '%s\n' "$command" | tr -d '\r' >monitor.in
	done
}

# replace "EDUVM_ARG ..." NAME [DRIVER]: as h_successor has them.
replace()
{
	rounds=$((4 * ${EDU_SOAK:-1}))
	machine=$1
	shift
	root=$(cd "$(atf_get_srcdir)/../.." && pwd)
	mkfifo monitor.in monitor.out asked
	: >out
	cat <>monitor.out >/dev/null &
	reader=$!
	obey <asked &
	tail -f -n +1 out >asked &
	listener=$!
	# shellcheck disable=SC2086	# words
	"$root/tools/eduvm" -t $((100 + 60 * rounds)) -q -monitor \
	    -q "pipe:$(pwd)/monitor" $machine -- sh -c '
		pages=/proc/sys/vm/nr_hugepages
		[ $(cat $pages) -gt 0 ] || echo 4 >$pages
		cd "$1" && build/tests/dev/h_successor $3 $2 $4' \
	    sh "$root" $rounds "$@" >out 2>err
	status=$?
	kill $reader $listener
	[ $status -ne 69 ] || atf_skip "$(cat err)"
	[ $status -eq 0 ] || cat out err
	atf_check_equal $status 0
	atf_check -o match:"^$rounds rounds, 0 failures" grep rounds out
}

slot='-q -device -q edu,id=it,addr=4'
port='-q -device -q pcie-root-port,id=rp,chassis=1
    -q -device -q edu,id=it,bus=rp'

test_case successor \
    'a device that is driven is unplugged, and an edu or an e1000 gets its
     place: every call is ENODEV, and the other is not touched' \
    timeout=300
successor_body()
{
	replace "$slot" 0000:00:04.0
}

test_case successor_uio 'the same with a kernel side' timeout=300
successor_uio_body()
{
	replace "$slot" 0000:00:04.0 uio
}

test_case successor_vfio 'VFIO asks for the device, and gets it: a wait ends
     with ENODEV, and after the close another is there' timeout=300
successor_vfio_body()
{
	replace "-I -a iommu=pt $port" 0000:01:00.0 vfio
}
