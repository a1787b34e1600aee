#! /bin/sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# What the tests of edutool on a machine that has an edu device share.  The
# drivers and the huge pages are put back as they were found.
#
# shellcheck disable=SC2034	# the cases use what is set here

. "$(atf_get_srcdir)/../../../tests/h_case.sh"

EDUTOOL=${EDUTOOL:-$(cd "$(atf_get_srcdir)/../.." && pwd -P)/edutool}
SYSFS=/sys/bus/pci/devices
PAGES=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages

unset EDU_DEVICE

case $(uname) in
NetBSD)
	netbsd=yes
	. "$(atf_get_srcdir)/../../../tests/h_attach.sh"
	driver_name='edu[0-9]*'
	remedy='modload edu'
	for_dma=uio
	;;
*)
	netbsd=no
	driver_name=uio_pci_generic
	remedy='bind uio'
	for_dma=none
	;;
esac

# contains TEXT ...: every TEXT stands in the document.  It is parsed in
# t_edutool.sh: here a parser would take longer than all of the rest.
contains()
{
	for text; do
		atf_check -o ignore grep -F -e "$text" document
	done
}

# The first device gets its driver, or loses it: give uio|none.  "uio" stands
# for edu(4) on NetBSD.
give()
{
	if [ $netbsd = no ]; then
		atf_check -o ignore "$EDUTOOL" bind "$1"
		return
	fi
	others=$(attached | sed "s/ .*//; /^$device\$/d")
	wanted=$others
	if [ "$1" = uio ]; then
		modstat | grep -q '^edu ' ||
		    atf_skip "edu(4) is not in the kernel (tests/guest -u)"
		wanted="$device $others"
	fi
	# shellcheck disable=SC2086	# any number of words
	attach $wanted
}

# The first device, with the given driver (uio or none), and huge pages.
prepare()
{
	"$EDUTOOL" list >listed 2>message
	status=$?
	# 66 is a machine without a PCI bus.
	[ $status = 0 ] || [ $status = 66 ] ||
	    atf_fail "edutool list exits $status: $(cat message)"
	device=$(sed -n '1s/ .*//p' listed)
	[ -n "$device" ] || atf_skip "this machine has no edu device"
	if [ $netbsd = yes ]; then
		attached | sed 's/ .*//' >driver
	else
		basename "$(readlink "$SYSFS/$device/driver")" >driver
		cat $PAGES >pages
		[ "$(cat pages)" -ge 4 ] || echo 4 >$PAGES
	fi
	give "$1"
}

put_back()
{
	if [ $netbsd = yes ]; then
		[ ! -e /dev/edu0.kept ] || reload
		# shellcheck disable=SC2046	# any number of words
		attach $(cat driver)
		return
	fi
	if [ -s pages ]; then
		cat pages >$PAGES
	fi
	case $(cat driver) in
	uio_pci_generic)	"$EDUTOOL" bind uio ;;
	vfio-pci)		"$EDUTOOL" bind vfio ;;
	*)			"$EDUTOOL" bind none ;;
	esac
}

# device_case NAME DESCRIPTION: one that changes drivers and huge pages.
device_case()
{
	test_case "$1" "$2" cleanup require.user=root
	eval "$1_cleanup()
	{
		[ ! -f holder.pid ] || kill \$(cat holder.pid)
		[ ! -f driver ] || put_back
	}"
}

linux_only()
{
	[ $netbsd = no ] || atf_skip "$1 is for Linux"
}

# pci read|write OFFSET [VALUE]: a dword of the device's configuration space.
pci()
{
	address=${device#*:}
	bus=0x${address%%:*}
	address=${address#*:}
	command=$1
	shift
	pcictl "pci$((0x${device%%:*}))" "$command" -b $((bus)) \
	    -d $((0x${address%.*})) -f $((0x${address#*.})) "$@"
}

# All of configuration space, a dword a line.
config()
{
	if [ $netbsd = yes ]; then
		offset=0
		while [ $offset -lt 256 ]; do
			pci read $offset
			offset=$((offset + 4))
		done
	else
		od -An -tx4 -v -w4 "$SYSFS/$device/config" | tr -d ' '
	fi
}

# config_dword OFFSET: as a number.
config_dword()
{
	if [ $netbsd = yes ]; then
		echo $((0x$(pci read "$1")))
	else
		od -An -tu4 -j"$1" -N4 "$SYSFS/$device/config" | tr -d ' '
	fi
}

# The address of every edu device; on NetBSD, of those on the first bus.
all_edus()
{
	if [ $netbsd = no ]; then
		for d in "$SYSFS"/*; do
			if [ "$(cat "$d/vendor" "$d/device" |
			    tr -d '\n')" = 0x12340x11e8 ]; then
				echo "${d##*/}"
			fi
		done
		return
	fi
	pcictl pci0 list -b 0 -n | awk -F '[: ]' '/ 0x11e81234 / {
		printf "0000:%02x:%02x.%x\n", $1, $2, $3
	}'
}

# The address of some function that has a kernel driver, not one of ours.
driven()
{
	if [ $netbsd = no ]; then
		for d in "$SYSFS"/*; do
			case $(readlink "$d/driver") in
			''|*/uio_pci_generic|*/vfio-pci)	;;
			*)	echo "${d##*/}" ;;
			esac
		done
	else
		pcictl pci0 list -b 0 -N | awk -F '[: ]' '
			/\]$/ && !/\[edu/ {
				printf "0000:%02x:%02x.%x\n", $1, $2, $3
			}'
	fi | head -n 1
}

as_nobody()
{
	if [ $netbsd = yes ]; then
		su -m nobody -c "$*"
	else
		setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
	fi
}

# Linux: while a process drives the device, bus mastering (bit 2) is on.
is_held()
{
	if [ $netbsd = yes ]; then
		ps -o wchan= -p "$holder" | grep -Eq 'poll|select'
	else
		[ $(($(command_register) & 4)) != 0 ]
	fi
}

# A process that drives the device until it is told to stop.
hold_device()
{
	"$EDUTOOL" irq wait >holder.out 2>&1 &
	holder=$!
	echo $holder >holder.pid
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		! is_held || return 0
		sleep 0.5
	done
	atf_fail "irq wait does not open the device: $(cat holder.out)"
}

release_device()
{
	rm holder.pid
	kill "$holder"
	wait "$holder"
}

# The command register as a number.
command_register()
{
	echo $(($(config_dword 4) & 0xffff))
}

set_bar0()
{
	if [ $netbsd = yes ]; then
		pci write 16 "$(printf '0x%x' "$1")"
		return
	fi
	# shellcheck disable=SC2059	# four bytes
	printf "$(printf '\\%03o\\%03o\\%03o\\%03o' $(($1 & 255)) \
	    $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24)))" |
	    dd of="$SYSFS/$device/config" bs=4 seek=4 conv=notrunc 2>/dev/null
}

set_command_register()
{
	if [ $netbsd = yes ]; then
		pci write 4 "$(printf '0x%x' "$1")"
		return
	fi
	# shellcheck disable=SC2059	# two bytes
	printf "$(printf '\\%03o\\%03o' $(($1 & 255)) $(($1 >> 8)))" |
	    dd of="$SYSFS/$device/config" bs=2 seek=2 conv=notrunc 2>/dev/null
}
