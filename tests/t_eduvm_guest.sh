#! /usr/bin/env atf-sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# tools/eduvm: what guests have: devices, files, kernels, other roots.

# shellcheck source=tests/h_eduvm.sh
. "$(atf_get_srcdir)/../../tests/h_eduvm.sh"

# count_devices DEVICES OPTION ...: has the guest so many edu devices, each with
# a BAR0 of 1 MiB, and one at 0a.0?
count_devices()
{
	devices=$1
	shift
	# shellcheck disable=SC2016 # the guest's shell expands it
	atf_check -o inline:"$devices yes\n" eduvm -n "$devices" "$@" -- sh -c '
		count=0
		first=no
		for device in /sys/bus/pci/devices/*; do
			read vendor <$device/vendor
			[ $vendor = 0x1234 ] || continue
			read start end flags <$device/resource
			[ $((start)) -gt 0 ] || continue
			[ $((end - start)) -eq 1048575 ] || continue
			count=$((count + 1))
			[ ${device##*/} != 0000:00:0a.0 ] || first=yes
		done
		echo $count $first'
}

guest_case devices_pc 'Up to 200 devices are found on i440fx'
devices_pc_body()
{
	setup
	count_devices 1 -M pc
	count_devices 200 -M pc
}

guest_case devices_q35 'Up to 200 devices are found on q35'
devices_q35_body()
{
	setup
	count_devices 27 -M q35
	count_devices 200 -M q35
}

guest_case buses 'Another bus does not attract the devices'
buses_body()
{
	setup
	count_devices 2 -q -device -q pxb,id=p,bus_nr=128 \
	    -q -device -q virtio-serial-pci,bus=pci.0
	count_devices 2 -M q35 -q -device -q pxb-pcie,id=p,bus_nr=128
	check_nothing_left
}

guest_case files 'The guest cannot write the files of the host'
files_body()
{
	setup
	echo host >file
	# shellcheck disable=SC2016 # the guest's shell expands it
	atf_check -s exit:1 -o inline:'host\nguest\n' \
	    -e match:'Read-only file system' -e not-match:written \
	    eduvm -- sh -c '
		cat file
		echo guest >file
		cat file
		mount -o remount,rw / 2>/dev/null
		# This may be below /tmp, which the guest has for itself.
		touch "$1/eduvm.test" 2>/dev/null
		shift
		for place do
			touch "$place/eduvm.test" && echo written >&2
		done
		exit 1
		' sh "$(atf_get_srcdir)" / /etc
	atf_check -o inline:'host\n' cat file
	for place in "$(atf_get_srcdir)" / /etc; do
		atf_check test ! -e "$place/eduvm.test"
	done
	check_nothing_left
}

guest_case write 'The guest can write one directory, if it is told which'
write_body()
{
	setup
	mkdir open
	export EDUVM_WRITE="$here/open"
	atf_check eduvm -- sh -c 'echo guest >open/file; echo guest >closed'
	atf_check -o inline:'guest\n' cat open/file
	atf_check test ! -e closed
	check_nothing_left
}

guest_case facilities 'Modules, huge pages and pseudo-terminals work'
facilities_body()
{
	setup
	atf_check -o inline:'/dev/uio0\n4\n/dev/pts/0\n' eduvm -- sh -ec '
		modprobe uio_pci_generic
		echo 1234 11e8 >/sys/bus/pci/drivers/uio_pci_generic/new_id
		ls /dev/uio0
		echo 4 >/proc/sys/vm/nr_hugepages
		cat /proc/sys/vm/nr_hugepages
		script -qc tty /dev/null | tr -d "\r"'
}

guest_case iommu 'With -I the devices are behind an IOMMU, for vfio-pci'
iommu_body()
{
	setup
	atf_check -o inline:'DMA-FQ\n/dev/vfio/3\n' eduvm -I -- sh -ec '
		cd /sys/bus/pci
		cat devices/0000:00:0a.0/iommu_group/type
		modprobe vfio-pci
		echo vfio-pci >devices/0000:00:0a.0/driver_override
		echo 0000:00:0a.0 >drivers_probe
		ls /dev/vfio/3'
}

guest_case processor 'Programs that are built for x86-64-v2 run'
processor_body()
{
	setup
	cat >program.c <<-'END'
	#include <stdio.h>
	#include <stdlib.h>

	int
	main(int argc, char **argv)
	{
		printf("%d\n", __builtin_popcountl(strtoul(argv[1], 0, 0)));
		return argc - 2;
	}
	END
	${CC:-cc} -O2 -mpopcnt -o program program.c
	atf_check -o inline:'8\n' eduvm -- ./program 0xff
	# shellcheck disable=SC2016 # the guest's shell expands it
	atf_check eduvm -- sh -c '
		for flag in ssse3 sse4_1 sse4_2 popcnt cx16 lahf_lm; do
			grep -qw $flag /proc/cpuinfo || exit
		done'
	check_nothing_left
}

# Makes the directory "$root", a system of busybox with the modules of the
# newest kernel that eduvm finds here.
make_root()
{
	root="$here/a, root; it's"
	version=$(eduvm -- uname -r)
	modules=lib/modules/$version
	mkdir -p "$root/$modules/kernel/drivers/uio" "$root/bin" "$root/dev" \
	    "$root/boot" "$root/proc" "$root/run" "$root/sys" "$root/tmp" \
	    "$root/var/tmp" "$root/home"
	cp "$(command -v busybox)" "$root/bin/busybox"
	for program in cat echo insmod ls pwd sh uname; do
		ln -s busybox "$root/bin/$program"
	done
	for module in virtio_pci virtio_console 9pnet_virtio 9p overlay; do
		PATH=$PATH:/sbin:/usr/sbin modprobe -S "$version" \
		    --show-depends $module
	done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u >list
	while read -r module; do
		mkdir -p "$root/${module%/*}"
		cp "$module" "$root/$module"
	done <list
	cp "/$modules"/modules.[bo]* "$root/$modules"
}

# Makes modules.dep anew.
index_root()
{
	atf_check env PATH="$PATH:/sbin:/usr/sbin" \
	    depmod -b "$root" "$version"
}

guest_case root 'Another root has its own kernel, programs and files'
root_body()
{
	setup
	make_root
	index_root
	atf_check -s exit:69 -e match:'root.*/boot: no kernel to boot' \
	    eduvm -r "$root" -- true
	# Where Debian, and where other distributions put it.
	for place in "boot/vmlinuz-$version" "$modules/vmlinuz"; do
		cp "/boot/vmlinuz-$version" "$root/$place"
		echo "$place" >"$root/home/file"
		cat >expected <<-END
		/
		bin boot dev home lib proc run sys tmp var
		$place
		$version
		END
		# shellcheck disable=SC2016 # the guest's shell expands it
		atf_check -o file:expected eduvm -r "a, root; it's/" -- \
		    sh -c 'pwd; echo *; cat home/file; uname -r'
		rm "$root/$place"
	done
	cp "/boot/vmlinuz-$version" kernel
	cd "$root/home" || atf_fail cd
	echo pwd >"$here/script"
	atf_check -o inline:'/home\n' \
	    eduvm -r .. -k "$here/kernel" <"$here/script"
	atf_check -s exit:69 -e match:'nonesuch: no directory' \
	    eduvm -r nonesuch -- true
	atf_check -s exit:64 -e match:'not for -k netbsd' \
	    eduvm -r / -k netbsd -i image -- true
	check_nothing_left
}

test_case compressed 'Modules may be compressed' timeout=600 \
    "require.progs=$QEMU_PROGS gzip xz zstd"
compressed_body()
{
	setup
	make_root
	find "$root/$modules" -name '*.ko' >list
	while read -r module; do
		case $module in
		*/virtio*)	xz "$module" ;;
		*/9p*)		zstd -q --rm "$module" ;;
		esac
	done <list
	index_root
	# Not every depmod(8) knows the name overlay.ko.gz.
	gzip "$root/$modules/kernel/fs/overlayfs/overlay.ko"
	mv "$root/$modules/kernel/fs/overlayfs/overlay.ko.gz" \
	    "$root/$modules/kernel/fs/overlayfs/overlay.ko"
	cp "/boot/vmlinuz-$version" "$root/boot"
	atf_check -o inline:'x\n' eduvm -r "$root" -- \
	    sh -c 'echo x | cat >/tmp/file && cat /tmp/file'
	check_nothing_left
}

guest_case unreadable_kernel 'A kernel that only root may read is not missing'
unreadable_kernel_body()
{
	setup
	mkdir -p root/boot root/lib/modules/5.1/kernel/fs/9p \
	    root/lib/modules/5.1/kernel/drivers/uio
	echo kernel >root/boot/vmlinuz-5.1
	user=
	[ "$(id -u)" -ne 0 ] ||
	    user='setpriv --reuid=65534 --regid=65534 --clear-groups'
	# The project may be where only root can read.
	cp -R "$(atf_get_srcdir)/../../tools" .
	chmod -R a+rX .
	chmod 0 root/boot/vmlinuz-5.1
	# shellcheck disable=SC2086 # a list of words
	$user test -x tools/eduvm || atf_skip 'others cannot get here'
	for option in '-r root' '-k root/boot/vmlinuz-5.1'; do
		# shellcheck disable=SC2086 # lists of words
		atf_check -s exit:69 -e match:'vmlinuz-5.1: not readable' \
		    $user tools/eduvm $option -- true
	done
	atf_check -s exit:69 -e match:'nonesuch: no kernel to boot' \
	    eduvm -k nonesuch -- true
}

guest_case arm64 'A kernel for arm64 is booted by the machine for it'
arm64_body()
{
	setup
	record_qemu
	modules=root/lib/modules/5.1-arm64
	mkdir -p root/boot root/bin "$modules/kernel/fs/9p" \
	    "$modules/kernel/drivers/uio"
	for module in virtio_pci virtio_console 9pnet_virtio 9p overlay; do
		echo "kernel/$module.ko" >>"$modules/modules.builtin"
	done
	depmod=$(PATH=$PATH:/sbin:/usr/sbin command -v depmod)
	atf_check -e ignore "$depmod" -b root 5.1-arm64
	echo busybox >root/bin/busybox
	{ head -c 56 /dev/zero; printf 'ARMd\0Linux version 5.1-arm64 x'; } \
	    >root/boot/vmlinuz-5.1-arm64
	check_word 'virt,graphics=on' -r root
	check_word cortex-a72 -r root
	atf_check -o ignore grep -x 'edu,bus=pcie.0,addr=0x0a.*' words
	atf_check -s exit:64 -e match:'-M, -I: the kernel is for arm64' \
	    eduvm -r root -M q35 -- true
	ln -s "$QEMU" bin/qemu-system-aarch64
	unset QEMU
	check_word 'console=ttyAMA0 panic=-1' -r root
	check_nothing_left
}

# It needs a system for arm64: the configuration variable arm64_root names it.
test_case arm64_run 'A command runs in a system for arm64, with its devices' \
    timeout=600 require.config=arm64_root \
    'require.progs=qemu-system-aarch64 busybox'
arm64_run_body()
{
	setup
	unset QEMU
	# shellcheck disable=SC2016 # the guest's shell expands it
	atf_check -s exit:7 -o inline:'aarch64\n0x11e8\n0x11e8\n2\n' \
	    eduvm -r "$(atf_config_get arm64_root)" -c 2 -n 2 -- sh -c '
		uname -m
		for slot in 0a 0b; do
			cat /sys/bus/pci/devices/0000:00:$slot.0/device
		done
		nproc
		exit 7'
	check_nothing_left
}
