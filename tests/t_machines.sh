#! /usr/bin/env atf-sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# edutool on machines that are set up otherwise than most: what it says of
# them is true, and what it advises helps.
#
# shellcheck disable=SC2016	# the guest's variables

# shellcheck source=tests/h_guest.sh
. "$(atf_get_srcdir)/../../tests/h_guest.sh"
# shellcheck source=tests/h_privilege.sh
. "$(atf_get_srcdir)/../../tests/h_privilege.sh"

test_case lockdown "root is told of the kernel's lockdown" timeout=240
lockdown_body()
{
	in_guest -a lockdown=integrity -- '
		./edutool factorial 5; echo "= $?"
		./edutool list
		mount -t securityfs none /sys/kernel/security
		./edutool live; echo "= $?"
		setpriv --reuid=65534 --clear-groups ./edutool live
		true'
	says='Operation not permitted \(root, but .* lockdown is integrity: '
	atf_check -o inline:'3\n' grep -Ec "$says" out
	atf_check -o inline:'2\n' grep -c '^= 77' out
	atf_check -o match:'/edu-.*\(try as root, or ' grep 'try as root' out
	atf_check -o inline:'1\n' grep -c 'try as root' out
}

# check_boot RIGHT TEXT ARGUMENT ...: where eduvm's arguments take it away, the
# functions fail as libedu(3) says, and the messages have the text as well.
check_boot()
{
	text=$2
	cp "$(atf_get_srcdir)/dev/h_privilege" .
	rows "$(atf_get_srcdir)/../../lib/libedu.3" Linux |
	    grep "|$1|" >table
	atf_check test -s table
	shift 2
	in_guest "$@" -- '
		! grep -q "|vfio|" table || ./edutool bind vfio >/dev/null
		device=$(./edutool list | sed "s/ .*//")
		while IFS="|" read -r _ function _; do
			./h_privilege "$device" $function
		done <table
		true'
	while IFS='|' read -r _ function _ _ errno message; do
		read -r said <&3
		case $said in
		"$errno "*"$message"*"$text"*) ;;
		*)	atf_fail "$function: $said" ;;
		esac
	done <table 3<out
}

test_case lockdown_table "what libedu(3) says that lockdown refuses, it does" \
    timeout=240
lockdown_table_body()
{
	check_boot 'no lockdown' 'lockdown is integrity' -a lockdown=integrity
}

test_case remapping_table "and an IOMMU that does not remap interrupts" \
    timeout=240
remapping_table_body()
{
	check_boot remapping '' -M q35 -a intel_iommu=on \
	    -q -device -q intel-iommu,intremap=off
}

# Alone behind a bridge, as 0000:01:01.0.
BRIDGE='-q -device -q pci-bridge,id=br,chassis_nr=2
    -q -device -q edu,bus=br,addr=1'

test_case reset_table "and what it says that a reset takes" timeout=300
reset_table_body()
{
	check_boot 'a bridge of its own' ''
	# shellcheck disable=SC2086	# words
	in_guest $BRIDGE -- '
		device=0000:01:01.0
		cd /sys/bus/pci/devices/$device && chmod o+rw config resource0
		mkdir -m 770 /var/run/edu && chown 0:65534 /var/run/edu
		nobody="setpriv --reuid=65534 --regid=65534 --clear-groups"
		$nobody $1/h_privilege $device edu_reset
		chmod o+w reset
		$nobody $1/h_privilege $device edu_reset
		true'
	atf_check -o match:'^EACCES .*: its file reset' -o match:'^ok$' cat out
}

# examine DRIVERS ARGUMENT ...: of eduvm, whose last edu is behind a bridge.
examine()
{
	drivers=$1
	shift
	in_guest -q -D -q bridge.log -q -trace -q pci_cfg_write "$@" -- '
		drivers="'"$drivers"'"
		echo 8 >$PAGES
		device=$(./edutool list | sed -n "\$s/ .*//p")
		for driver in $drivers; do
			./edutool -d $device bind $driver
			./edutool -d $device selftest --all; echo "= $?"
			./edutool -d $device -v info >once
			./edutool -d $device selftest --all; echo "= $?"
			./edutool -d $device -v info >twice
			cmp once twice
		done
		true'
	echo "$drivers" | tr ' ' '\n' | sed 's/.*/= 0\n= 0/' >expected
	atf_check -o file:expected grep '^=' out
	count=$(grep -c . expected)
	# Bit 6 of its bridge control resets what is behind it, two times each
	# examination; vfio-pci does so when it is opened, too.
	resets=$(grep -c ' @0x3e <- 0x[0-9a-f]*[4-7c-f][0-9a-f]$' bridge.log)
	[ "$resets" -ge $((2 * count)) ] || atf_fail "$resets resets"
	atf_check -o inline:"$count\n" \
	    grep -cx 'ok 43 - reset (PCI 3.0, 2.2.1)' out
	atf_check -o inline:"$count\n" \
	    grep -c '^not ok 44 - registers after a reset .* # TODO ' out
	atf_check -s exit:1 grep differ out
}

test_case reset "the device is reset where it is alone behind a bridge, and is \
as it was but for its registers" timeout=300
reset_body()
{
	# shellcheck disable=SC2086	# words
	examine 'none uio' $BRIDGE
}

test_case reset_vfio "the same with vfio-pci, behind a port of PCI Express" \
    timeout=300
reset_vfio_body()
{
	examine 'vfio none' -I -q -device -q pcie-root-port,id=rp,slot=3 \
	    -q -device -q edu,bus=rp
}

test_case capabilities "root is told which capability is missing, or that it \
is the root of a user namespace" timeout=240
capabilities_body()
{
	in_guest -- '
		echo 4 >$PAGES
		without() { setpriv --bounding-set -$1 --inh-caps -$1 $2; }
		without sys_admin "./edutool dma test"; echo "= $?"
		without sys_admin "./edutool info" >info; echo "= $?"
		unshare -Ur ./edutool dma test; echo "= $?"
		for words in "dma test" info "bind uio" "bind none"; do
			without sys_rawio "./edutool $words" >/dev/null ||
			    echo bad
		done
		true'
	atf_check -o inline:'3\n' grep -c '^= 77$' out
	atf_check -o inline:'2\n' grep -c '(root, but without CAP_SYS_ADMIN)' \
	    out
	atf_check -o inline:'1\n' grep -c '(root, but of a user namespace)' out
	atf_check -s exit:1 grep -e 'try as root' -e bad out
}

test_case huge_pages "what is advised on huge pages works where they are 1 GiB \
by default" timeout=240
huge_pages_body()
{
	in_guest -a default_hugepagesz=1G -q -cpu \
	    -q qemu64,+rdrand,+pdpe1gb -- '
		./edutool dma test 2>message && echo bad
		cat message
		eval "$(sed "s/.*\"\(echo .*\)\".*/\1/" message)"
		cat $PAGES
		./edutool dma test'
	atf_check -o match:' no huge page of 2 MiB is configured; ' \
	    -o match:'^8$' -o match:'no difference$' cat out
	atf_check -s exit:1 grep bad out
}

test_case descriptors "with too few descriptors it is just that: exit 71" \
    timeout=240
descriptors_body()
{
	in_guest -- '
		echo 4 >$PAGES
		./edutool bind uio
		for n in 4 5 6 7 8 9 10 11 12; do
			for words in list live "dma test -n 9" \
			    "irq wait -t 0"; do
				prlimit --nofile=$n ./edutool $words \
				    >output 2>message
				echo "= $? $n $words: $(cat output message)"
			done
		done'
	atf_check -o match:'^= 71 4 ' -o match:'^= 0 12 ' \
	    -o match:'^= 71 .* dma test .*hugepages.*: Too many ' cat out
	atf_check -s exit:1 -o empty grep -v -e '^= 0 ' \
	    -e ': uio_pci_generic$' -e '^= 1 .*no interrupt' \
	    -e '^= 71 .*: Too many open files$' out
}
