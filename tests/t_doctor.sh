#! /usr/bin/env atf-sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# edutool doctor: what is broken is found, and the command that it prints is
# run as it stands and mends it.
#
# shellcheck disable=SC2016	# the guest's variables

# shellcheck source=tests/h_guest.sh
. "$(atf_get_srcdir)/../../tests/h_guest.sh"

# in_ward ARGUMENT ... -- SCRIPT: as in_guest, in the words of h_ward.sh.
in_ward()
{
	for script; do :; done
	n=$#
	while [ $n -gt 1 ]; do
		set -- "$@" "$1"
		shift
		n=$((n - 1))
	done
	shift
	in_guest "$@" ". $(atf_get_srcdir)/../../tests/h_ward.sh
$script
echo complete"
	atf_check -o inline:'complete\n' grep -v '^0000:..:...[0-9]: ' out
}

test_case config 'decoding, BAR0 and MSI are put right; what is as a close \
leaves it is no fault' timeout=240
config_body()
{
	in_ward -- '
		echo 8 >$PAGES
		doctor
		is wrong driver "no driver is bound"
		cured driver
		is ok mastering "off"
		[ $status = 0 ] || bad "uio bound"
		edutool irq raise 4
		edutool irq wait >output
		poke 4 003 005
		doctor
		is ok line masked
		poke 4 000 001
		doctor
		is wrong decoding "off (command register 0x0100)"
		is wrong registers "memory decoding is off"
		cured decoding
		is ok registers
		poke 66 201
		doctor
		is wrong msi "MSI is enabled"
		cured msi
		for address in "000 000 000 000" "000 000 220 376"; do
			poke 16 $address
			doctor
			is wrong bar0 "the operating system says 0xfea00000"
			cured bar0
			is ok registers
		done
		[ $status = 0 ] || bad "in the end"
		doctor -d 0:0.0
		is wrong device "8086:1237, not an edu"
		echo 1 >$SYSFS/$device/remove
		doctor
		is wrong device "no edu device"
		cured device'
}

test_case memory 'huge pages: none, and all in use' timeout=240
memory_body()
{
	readme=$(cd "$(atf_get_srcdir)/../.." && pwd)/README.md
	in_ward -- "readme=$readme"'
		sed -n "/^    # edutool doctor/,/^$/s/^    //p" $readme |
		    sed 1d >expected
		edutool doctor | grep -v "^ok" >said
		cmp expected said || bad README
		edutool bind uio
		doctor
		is wrong "huge pages" "none of 2 MiB is configured"
		cured "huge pages"
		[ $status = 0 ] || bad "in order"
		echo 1 >$PAGES
		edutool dma test -n 40000 >moved &
		tries=0
		until [ "$(cat ${PAGES%/*}/free_hugepages)" = 0 ] ||
		    [ $tries = 50 ]; do
			sleep 0.1
			tries=$((tries + 1))
		done
		doctor
		is wrong "huge pages" "all of the 1 of 2 MiB are in use"
		cured "huge pages"
		wait
		grep -q "no difference" moved || bad "dma test"'
}

test_case above 'huge pages above the mask alone; a mask that is stated' \
    timeout=240
above_body()
{
	in_ward -m 1024 -- '
		edutool bind uio
		: >said
		# Most of the memory lies above the mask: more of them help.
		tries=0
		until grep -q "^wrong *huge pages .*none of these below" said ||
		    [ $tries = 9 ]; do
			echo 0 >$PAGES
			echo 1 >$PAGES
			doctor
			tries=$((tries + 1))
		done
		is wrong "huge pages" "none of these below 0x10000000 "
		edutool dma test -n 9 >output 2>&1 && bad "dma test"
		tries=0
		until grep -q "^ok *huge pages" said || [ $tries = 9 ]; do
			sh -c "$(prescribed "huge pages")"
			doctor
			tries=$((tries + 1))
		done
		is ok "huge pages"
		edutool dma test -n 9 >output || bad "dma test"
		export EDU_DMA_MASK=0x1fff
		doctor
		is wrong "huge pages" "none of these below 0x2000 "
		is note "dma mask" "0x1fff, as stated"
		export EDU_DMA_MASK=5
		doctor
		is wrong "dma mask" "is no mask"'
}

test_case default_size 'huge pages where they are 1 GiB by default' timeout=240
default_size_body()
{
	in_ward -a default_hugepagesz=1G -q -cpu -q qemu64,+rdrand,+pdpe1gb \
	    -- '
		edutool bind uio
		doctor
		is wrong "huge pages" "none of 2 MiB"
		cured "huge pages"
		edutool dma test -n 9 | grep -q "no difference" || bad dma'
}

test_case processes 'who holds the device is named; what a killed one left is \
put right' timeout=240
processes_body()
{
	in_ward -- '
		echo 8 >$PAGES
		edutool bind uio
		edutool irq wait 2>/dev/null &
		until sleep 1 && ! edutool live 1 >/dev/null 2>&1; do :; done
		doctor
		is wrong holder "process $! (edutool) has"
		is ok mastering "on"
		# Its processes are not seen there, but its lock is.
		as="unshare --pid --fork --mount-proc"
		doctor
		is wrong holder "a process of another container has claimed"
		[ -z "$(prescribed holder)" ] || bad "another container"
		is ok claim "the holder has it"
		as=
		doctor
		cured holder
		is ok claim "nobody has claimed"
		# As a kill between two of its writes leaves it.
		config=$SYSFS/$device/config
		printf "undo command 0103 bar 10 wide 0 low fea00000 high \
00000000 id 11e81234 class 00ff0010 of %s/%s end\n" \
		    "$(cat /proc/sys/kernel/random/boot_id)" \
		    "$(stat -c %i $config)" >/var/run/edu-$device.lock
		poke 4 000 005
		poke 16 000 000 360 377
		doctor
		is wrong undo "killed while it sized"
		is wrong bar0 "stands at 0xfff00000"
		is wrong decoding
		for check in bar0 decoding; do
			[ "$(prescribed $check)" = "$(prescribed undo)" ] ||
			    bad $check
		done
		cured undo
		is ok bar0
		is ok decoding
		[ $status = 0 ] || bad "put right"'
}

test_case claim 'a claim that is not to be trusted; a node that is missing' \
    timeout=240
claim_body()
{
	in_ward -- '
		edutool bind uio
		edutool live >output
		doctor
		is ok claim "nobody has claimed"
		ln /var/run/edu-$device.lock /var/run/another
		doctor
		is wrong claim "no file of its owner"
		cured claim
		mkdir /var/run/edu-$device.lock
		doctor
		is wrong claim "no file of its owner"
		cured claim
		edutool live >output
		chown 4242 /var/run/edu-$device.lock
		doctor
		is wrong claim "no file of its owner"
		cured claim
		mkdir -m 777 /var/run/edu
		doctor
		is wrong claim "not everybody may write"
		cured claim
		rmdir /var/run/edu
		touch /var/run/edu
		doctor
		is wrong claim
		cured claim
		mv /dev/uio0 /dev/kept
		doctor
		is wrong nodes "No such file"
		mv /dev/kept /dev/uio0
		doctor
		is ok nodes'
}

test_case rights 'an ordinary user is told what root has to give; root, \
which capability is missing' timeout=240
rights_body()
{
	in_ward -- '
		echo 8 >$PAGES
		edutool bind uio
		chmod 755 . edutool
		: >said
		as="setpriv --reuid=4242 --regid=4343 --clear-groups"
		doctor
		is note rights "user 4242"
		is wrong registers "try as root"
		is wrong nodes "config .*resource0 /dev/uio0"
		is wrong claim "may not claim the device"
		is unknown msi
		is unknown "huge pages" "8 of 8 of 2 MiB are free"
		cured nodes
		is ok registers
		cured claim
		[ $status = 0 ] || bad "given"
		[ "$($as edutool live 5)" = 0xfffffffa ] || bad live
		# It is not told what others have open, but who has the lock.
		edutool irq wait 2>/dev/null &
		until sleep 1 && ! edutool live 1 >/dev/null 2>&1; do :; done
		doctor
		is wrong holder "process $! has claimed the device"
		[ "$(prescribed holder)" = "kill $!" ] || bad "kill"
		kill $!
		wait
		: >empty
		mount --bind empty /dev/urandom
		edutool dma test >said 2>&1
		[ $? = 71 ] || bad "dma test without numbers"
		grep -q "/dev/urandom: Input/output error" said || bad urandom
		umount /dev/urandom
		as="setpriv --bounding-set -sys_admin --inh-caps -sys_admin"
		doctor
		is wrong rights "root, but without CAP_SYS_ADMIN"
		is unknown msi "without CAP_SYS_ADMIN"
		as=
		doctor
		is ok rights'
}

test_case lockdown 'lockdown is named' timeout=240
lockdown_body()
{
	in_ward -a lockdown=integrity -- '
		doctor
		is wrong rights "lockdown is integrity: boot without"
		is wrong registers "lockdown is integrity"'
}

test_case line 'a line that the kernel has switched off: the culprit is \
masked, and it is on again' timeout=240
line_body()
{
	in_ward -q -device -q edu,addr=0xe -- '
		echo 8 >$PAGES
		export EDU_DEVICE=$device
		edutool bind uio
		doctor
		is ok line "line 1[01], shared with 0000:00:0e.0"
		edutool -d 0:e.0 irq raise 1
		printf "\003\001" |
		    dd of=$SYSFS/0000:00:0e.0/config bs=2 seek=2 \
		    conv=notrunc status=none
		until dmesg | grep -q "Disabling IRQ"; do sleep 1; done
		doctor
		is wrong line "switched off line .*interrupts of 0000:00:0e.0"
		cured line
		edutool irq raise 4
		edutool -t 9000 irq wait >output || bad "irq wait"
		doctor
		is ok line
		as="setpriv --reuid=65534 --clear-groups"
		doctor
		is unknown line "this user may not read in the kernel.s log"'
}

test_case vfio 'an IOMMU: without vfio-pci, with it, and with a group that \
others use' timeout=240
vfio_body()
{
	in_ward -I -n 1 -q -device \
	    -q edu,bus=pcie.0,addr=0x1e.0,multifunction=on \
	    -q -device -q edu,bus=pcie.0,addr=0x1e.1 -- '
		device=$(edutool list | sed "s/ .*//; 1q")
		export EDU_DEVICE=$device
		doctor
		is wrong iommu "translates addresses"
		is wrong driver "none\|no driver"
		edutool bind uio
		doctor
		is ok driver uio
		cured iommu
		is ok driver vfio-pci
		is ok "huge pages" "needs none"
		is ok remapping "the IOMMU remaps"
		[ $status = 0 ] || bad vfio
		edutool bind none
		doctor
		cured driver
		edutool irq wait 2>/dev/null &
		until sleep 1 && ! edutool live 1 >/dev/null 2>&1; do :; done
		doctor
		is wrong holder "process $! (edutool) has"
		is ok msi on
		cured holder
		is ok msi off
		export EDU_DEVICE=0000:00:1e.0
		edutool bind vfio
		edutool -d 0:1e.1 bind uio
		doctor
		is wrong iommu "0000:00:1e.1 as well, .* uio_pci_generic"
		edutool live 5 >/dev/null 2>&1 && bad "live"
		cured iommu
		[ "$(edutool live 5)" = 0xfffffffa ] || bad "live again"'
}

test_case unmapped 'an IOMMU that remaps no interrupts' timeout=240
unmapped_body()
{
	in_ward -M q35 -q -device -q intel-iommu,intremap=off \
	    -a intel_iommu=on -- '
		export EDU_DEVICE=$(edutool list | sed "s/ .*//; 1q")
		edutool bind vfio
		doctor
		is wrong remapping
		edutool live 5 >/dev/null 2>&1 && bad "live"
		command=$(prescribed remapping)
		sh -c "$command"
		doctor
		is note remapping "told to bear it"
		[ "$(edutool live 5)" = 0xfffffffa ] || bad "live again"'
}

# A kernel that hides what it knows, or has something else to say.
hidden='
	modprobe pci-stub
	echo pci-stub >$SYSFS/$device/driver_override
	echo $device >/sys/bus/pci/drivers_probe
	doctor
	is wrong driver "the driver bound is pci-stub"
	cured driver
	echo 0 >line
	mount --bind line $SYSFS/$device/irq
	doctor
	is note line "the device has no interrupt line"
	umount $SYSFS/$device/irq
	doctor
	is ok line
	is ok machine "of a QEMU at least as new"
	mount -t tmpfs none /sys/class/dmi
	doctor
	is unknown machine "no DMI tables"
	mkdir /sys/class/dmi/id
	echo Somebody >/sys/class/dmi/id/sys_vendor
	echo 1 >/sys/class/dmi/id/product_version
	doctor
	is note machine "this is no QEMU by its DMI tables, but Somebody"
	# Another driver has mapped it.
	sed "/ : $device\$/{p; s/[^ ].* : .*/  fea00000-feafffff : nosy/}" \
	    /proc/iomem >iomem
	mount --bind iomem /proc/iomem
	doctor
	is wrong "bar0 claim" "nosy has claimed BAR0"
	: >iomem
	doctor
	is ok "bar0 claim"
	is unknown memory "may not see where memory is"
	echo "40000000-7fffffff : System RAM" >iomem
	doctor
	is wrong memory "begins at 0x40000000, beyond .* mask 0xfffffff"
	umount /proc/iomem
	doctor
	is ok memory
	mount -t tmpfs none /sys/kernel/mm/hugepages
	doctor
	is wrong "huge pages" "this kernel has none of 2 MiB"
	[ -z "$(prescribed "huge pages")" ] || bad "huge pages"
	edutool bind none
	rmmod uio_pci_generic
	mount -t tmpfs none /lib/modules/"$(uname -r)"
	edutool bind uio >said 2>&1
	[ $? = 69 ] || bad "bind without modules"
	grep -q "modprobe uio_pci_generic failed; is it in" said ||
	    bad "bind without modules"
	mount --bind iomem "$(readlink -f /sbin/modprobe)"
	edutool bind uio >said 2>&1
	[ $? = 69 ] || bad "bind without modprobe"
	grep -q "there is no modprobe; load the kernel module" said ||
	    bad "bind without modprobe"
'

test_case nothing 'a kernel that hides what it knows, no device, and no PCI' \
    timeout=240
nothing_body()
{
	in_ward -- "$hidden"'
		echo 1 >$SYSFS/$device/remove
		edutool bench -n 1 >said 2>&1
		[ $? = 66 ] || bad "bench without a device"
		grep -q "there is no edu device" said || bad bench
		doctor
		is wrong device "this machine has no edu device"
		is ok rights
		doctor -d 0:1f.7
		is wrong device "no such PCI function"
		mount -t tmpfs none /sys/bus/pci
		doctor
		is wrong device "cannot look at the PCI bus"
		[ -z "$(prescribed device)" ] || bad command'
}
