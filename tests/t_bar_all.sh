#! /usr/bin/env atf-sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# Every BAR of every function of a guest that has one of each, against what
# the guest's kernel says.  What has the guest's own root and terminal is left
# alone.
#
# shellcheck disable=SC2016	# the guest's variables

. "$(atf_get_srcdir)/../../tests/h_case.sh"

# In the guest: "ADDRESS BARn SIZE ADDRESS" of every BAR, as found (out) and as
# the system has it (expected).
compare='
cd "$1" || exit
dir=$(mktemp -d) pci=/sys/bus/pci/devices
build/edutool bar --all >$dir/all || exit
cat $dir/all
: >$dir/expected
for d in $pci/*; do
	a=${d##*/}
	driver=$(readlink $d/driver)
	if grep -q "^$a  not sized" $dir/all; then
		[ "${driver##*/}" != virtio-pci ] || continue
		for i in 0 1 2 3 4 5; do
			build/edutool bar -f $a $i >$dir/one 2>$dir/err
			case $? in
			0)	sed "s/^/$a  /" $dir/one >>$dir/all ;;
			64)	;;	# an upper half, or no BAR at all
			*)	cat $dir/err; exit 1 ;;
			esac
		done
	fi
	i=0
	head -n 6 $d/resource | while read -r start end flags; do
		[ $((start)) -eq 0 ] || printf "%s BAR%d 0x%x 0x%x\n" $a $i \
		    $((end - start + 1)) $((start)) >>$dir/expected
		i=$((i + 1))
	done
done
bar="^\([^ ]*\)  \(BAR.\)" hex="\(0x[0-9a-f]*\)"
sed -n -e "s/$bar: absent; .*says $hex bytes at /\1 \2 \3 /p" \
    -e "s/$bar: .*($hex) at 0x0*\([^;]*\)$/\1 \2 \3 0x\4/p" \
    $dir/all | sort >$dir/out
sort $dir/expected | diff -u - $dir/out || exit
echo $(wc -l <$dir/out) BARs agree'

# all_bars MACHINE ARG ...: with these arguments of QEMU.
all_bars()
{
	machine=$1
	shift
	root=$(cd "$(atf_get_srcdir)/../.." && pwd)
	for word; do
		shift
		set -- "$@" -q "$word"
	done
	"$root/tools/eduvm" -t 250 -M "$machine" "$@" -- \
	    sh -c "$compare" sh "$root" >out 2>err
	status=$?
	[ $status -ne 69 ] || atf_skip "$(cat err)"
	[ $status -eq 0 ] || atf_fail "exit status $status: $(cat out err)"
	cat out
}

# has TEXT ...: every one is in what was printed.
has()
{
	for text; do
		atf_check -o ignore grep -e "$text" out
	done
}

test_case q35 'every BAR behind the root ports of a q35'
q35_body()
{
	all_bars q35 -blockdev null-co,node-name=n,size=1048576 \
	    -device pcie-root-port,id=p1,chassis=1 \
	    -device pcie-root-port,id=p2,chassis=2 \
	    -device pcie-root-port,id=p3,chassis=3 \
	    -device pcie-pci-bridge,id=b,bus=p3 \
	    -device nvme,serial=1,drive=n,bus=p1 \
	    -device e1000e,bus=p2 -device e1000,bus=b,addr=1 \
	    -device pci-testdev,membar=8G,bus=b,addr=2 \
	    -device VGA,addr=10 -device qemu-xhci,addr=11 \
	    -device virtio-rng-pci,addr=12 \
	    -device ich9-usb-ehci1,id=e,addr=1d.7,multifunction=on \
	    -device ich9-usb-uhci1,masterbus=e.0,addr=1d.0,multifunction=on
	has '64-bit memory, prefetchable, 8 GiB' 'I/O, 32 bytes' \
	    'not sized: this is a display' 'not sized: this is a bridge' \
	    '64-bit memory, not prefetchable, 16 KiB'
}

test_case pc 'every BAR of a pc, with its legacy IDE'
pc_body()
{
	all_bars pc -device pci-bridge,id=b,chassis_nr=1 \
	    -device e1000,bus=b,addr=1 -device rtl8139,bus=b,addr=2 \
	    -device pci-testdev,membar=64k -device VGA -device ich9-ahci \
	    -device piix3-usb-uhci,addr=10 -device nec-usb-xhci,addr=11 \
	    -device virtio-rng-pci,addr=12
	has 'BAR0: absent; the operating system says 0x8 bytes at 0x1f0' \
	    'BAR4: I/O, 16 bytes'
}
