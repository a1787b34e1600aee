#! /usr/bin/env atf-sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# Tests of tools/eduvm, each in guests of its own.

MARK=EDUVM_TEST_MARK

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

# test_case NAME DESCRIPTION: the head that all the cases share.
test_case()
{
	atf_test_case "$1"
	eval "${1}_head()
	{
		atf_set descr '$2'
		atf_set timeout 600
		atf_set require.progs '${QEMU:-qemu-system-x86_64} busybox'
	}"
}

test_case exit_status 'The status is that of the command'
exit_status_body()
{
	setup
	atf_check -s exit:77 eduvm -- sh -c 'exit 77'
	# shellcheck disable=SC2016 # the guest's shell expands it
	atf_check -s exit:137 -e ignore eduvm -- sh -c 'kill -KILL $$'
	atf_check -s exit:127 -e match:nonesuch eduvm -- nonesuch
	check_nothing_left
}

test_case output 'Standard output and error arrive apart and byte for byte'
output_body()
{
	setup
	head -c 1000000 /dev/urandom >out
	{ printf 'a\r\nb\0\004\377'; head -c 500000 /dev/urandom; } >err
	atf_check -o file:out -e file:err eduvm -- sh -c 'cat out; cat err >&2'
	check_nothing_left
}

test_case slow_reader 'A slow reader gets all of the output'
slow_reader_body()
{
	setup
	head -c 1000000 /dev/urandom >data
	eduvm -- cat data |
	    { dd bs=1 count=1 2>/dev/null; sleep 5; cat; } >copy
	atf_check cmp data copy
	check_nothing_left
}

test_case no_reader 'The guest ends when nobody reads its output'
no_reader_body()
{
	setup
	{ eduvm -- yes || echo $? >status; } | head -n 1 >/dev/null
	atf_check -o inline:'141\n' cat status
	check_nothing_left
}

test_case full_disk 'Output that cannot be written is an error'
full_disk_body()
{
	setup
	{ eduvm -- echo hello || echo $? >status; } >/dev/full 2>error
	atf_check -o inline:'74\n' cat status
	atf_check -o match:'No space left' cat error
	check_nothing_left
}

test_case input 'Standard input reaches the command, its end as well'
input_body()
{
	setup
	head -c 1000000 /dev/urandom >data
	atf_check -o file:data eduvm -- cat <data
	atf_check -o inline:'0\n' eduvm -- wc -c <&-
	# What the command does not read does not keep the guest.
	atf_check -o inline:'1\n' eduvm -- sh -c 'head -c 1 | wc -c' </dev/zero
	check_nothing_left
}

test_case script_input 'Without a command a shell reads standard input'
script_input_body()
{
	setup
	# shellcheck disable=SC2016 # the guest's shell expands it
	echo 'echo $((6 * 7)); exit 5' >script
	atf_check -s exit:5 -o inline:'42\n' eduvm <script
	check_nothing_left
}

test_case streaming 'Output arrives while the guest still runs'
streaming_body()
{
	setup
	mkfifo answers output
	# shellcheck disable=SC2016 # the guest's shell expands it
	eduvm -- sh -c 'echo ready; read answer; echo "got $answer"' \
	    <answers >output &
	exec 3>answers 4<output
	read -r line <&4
	atf_check_equal ready "$line"
	echo yes >&3
	read -r line <&4
	atf_check_equal 'got yes' "$line"
	exec 3>&- 4<&-
	wait
	check_nothing_left
}

test_case arguments 'Arguments arrive as they are'
arguments_body()
{
	setup
	# shellcheck disable=SC2016 # nothing here is to be expanded
	set -- 'a b' "it's" '' '"$HOME" `id` \n' '*' -n 'two
lines
' "$(printf '\377\001x')"
	printf '<%s>' "$@" >expected
	atf_check -o file:expected eduvm -- printf '<%s>' "$@"
}

test_case environment 'Directory and PATH are the same, the user is root'
environment_body()
{
	setup
	mkdir 'a directory'
	cd 'a directory' || atf_fail cd
	echo hello >file
	# shellcheck disable=SC2016 # the guest's shell expands it
	atf_check -o inline:"$(pwd)\nhello\n0\nyes\nok\n" \
	    env PATH="$PATH:/a/path" LANG=C.UTF-8 TERM=vt100 \
	    eduvm -- sh -c '
		pwd; cat file; id -u
		case $PATH in *:/a/path*) echo yes ;; esac
		[ "$TERM $LANG" = "vt100 C.UTF-8" ] && touch "$HOME/x" &&
		    echo ok'
}

test_case busy_host 'A timer that comes late does not stop the kernel'
busy_host_body()
{
	setup
	atf_check -o match:' no_timer_check ' eduvm -- cat /proc/cmdline
	check_nothing_left
}

test_case long_arguments 'The kernel gets all of -a or eduvm ends'
long_arguments_body()
{
	setup
	# What eduvm says itself to a kernel that takes 2047 bytes has 37.
	long=$(printf 'x=%02007d' 0)
	atf_check -o inline:'2047\n' \
	    eduvm -a "$long" -- sh -c "tr -d '\\n' </proc/cmdline | wc -c"
	atf_check -s exit:64 -e match:'-a: 2 bytes too long' \
	    eduvm -a "${long%??????}" -a 1234567 -- true
	check_nothing_left
}

test_case removed_directory 'A working directory that was removed is an error'
removed_directory_body()
{
	setup
	mkdir gone
	atf_check -s exit:126 -e match:'working directory was removed' \
	    sh -c 'cd gone && rmdir ../gone && exec eduvm -- pwd'
	check_nothing_left
}

test_case usage 'Wrong options are usage errors'
usage_body()
{
	setup
	for number in 0 201 5x -1 '' ' 1' 0x1 99999999999999999999; do
		atf_check -s exit:64 -e match:'whole number from 1 to 200' \
		    eduvm -n "$number" -- true
	done
	atf_check -s exit:64 -e match:'whole number' eduvm -m 127 -- true
	atf_check -s exit:64 -e match:'whole number' eduvm -c 0 -- true
	atf_check -s exit:64 -e match:'whole number' eduvm -t 1s -- true
	atf_check -s exit:64 -e match:'neither pc nor q35' eduvm -M isa -- true
	atf_check -s exit:64 -e match:usage: eduvm -z -- true
	atf_check -s exit:64 -e match:usage: eduvm -n
	check_nothing_left
}

test_case link 'It may be started by a link, and be in any directory'
link_body()
{
	setup
	mkdir 'it is' bin2
	cp -R "$(atf_get_srcdir)/../../tools" "it is/to\\ols, 'here'"
	ln -s "../it is/to\\ols, 'here'/eduvm" bin2/first
	ln -s first bin2/vm
	atf_check -o inline:'x\n' env TMPDIR="$here/tmp" bin2/vm -- echo x
	atf_check -o inline:'y\n' \
	    env PATH="$here/bin2:$PATH" TMPDIR="$here/it is" vm -- echo y
	atf_check -s exit:69 -e match:'nonesuch: no image' \
	    bin2/vm -k netbsd -i nonesuch -- true
	check_nothing_left
}

test_case accelerator 'TCG has one thread, however many processors it runs'
accelerator_body()
{
	setup
	record_qemu
	printf '\177ELF NetBSD' >image
	for guest in '' '-k netbsd -i image'; do
		# shellcheck disable=SC2086 # a list of words
		check_word 'kvm|tcg' $guest
		# shellcheck disable=SC2086 # a list of words
		check_word 'kvm|tcg,thread=single' $guest -c 2
	done
	check_nothing_left
}

test_case time_limit 'A guest that runs too long is stopped'
time_limit_body()
{
	setup
	atf_check -s exit:124 -e match:'stopped after 5 seconds' \
	    eduvm -t 5 -- sleep 1000
	check_nothing_left
}

test_case panic 'A panic is told, with the end of the console'
panic_body()
{
	setup
	atf_check -s exit:70 -e match:'sysrq triggered crash' \
	    -e match:'the guest ended before the command did' \
	    eduvm -- sh -c 'echo c >/proc/sysrq-trigger; sleep 1000'
	check_nothing_left
}

test_case qemu_missing 'A QEMU that does not start is told'
qemu_missing_body()
{
	setup
	atf_check -s exit:69 -e match:'nonesuch: not found' \
	    env QEMU=nonesuch eduvm -- true
	atf_check -s exit:69 -e match:'-nonesuch: invalid option' \
	    -e match:'did not start' eduvm -q -nonesuch -- true
	atf_check -s exit:69 -e match:'no kernel to boot' \
	    eduvm -k nonesuch -- true
	check_nothing_left
}

test_case qemu_aborts 'A QEMU that aborts is told, with the signal'
qemu_aborts_body()
{
	setup
	cat >qemu <<-END
	#! /bin/sh
	${QEMU:-qemu-system-x86_64} "\$@" &
	sleep 3
	kill -ABRT \$!
	wait \$!
	END
	chmod +x qemu
	QEMU=$(pwd)/qemu
	export QEMU
	atf_check -s exit:70 -e match:'QEMU ended with signal 6' \
	    eduvm -- sleep 1000
	check_nothing_left
}

test_case signals 'A signal stops the guest and nothing remains'
signals_body()
{
	setup
	# During the preparations, and with the guest running.
	for seconds in 0.5 8; do
		atf_check -s exit:130 timeout --foreground \
		    --preserve-status -s INT $seconds eduvm -- sleep 1000
		check_nothing_left
	done
	atf_check -s exit:129 timeout --foreground \
	    --preserve-status -s HUP 8 eduvm -- sleep 1000
	check_nothing_left
}

test_case background 'A background job is stopped by SIGTERM'
background_body()
{
	setup
	eduvm -- sleep 1000 &
	sleep 8
	kill -TERM $!
	wait $! || echo $? >status
	atf_check -o inline:'143\n' cat status
	check_nothing_left
}

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

test_case devices_pc 'Up to 200 devices are found on i440fx'
devices_pc_body()
{
	setup
	count_devices 1 -M pc
	count_devices 200 -M pc
}

test_case devices_q35 'Up to 200 devices are found on q35'
devices_q35_body()
{
	setup
	count_devices 27 -M q35
	count_devices 200 -M q35
}

test_case buses 'Another bus does not attract the devices'
buses_body()
{
	setup
	count_devices 2 -q -device -q pxb,id=p,bus_nr=128 \
	    -q -device -q virtio-serial-pci,bus=pci.0
	count_devices 2 -M q35 -q -device -q pxb-pcie,id=p,bus_nr=128
	check_nothing_left
}

test_case files 'The guest cannot write the files of the host'
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

test_case facilities 'Modules, huge pages and pseudo-terminals work'
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

test_case processor 'Programs that are built for x86-64-v2 run'
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

test_case root 'Another root has its own kernel, programs and files'
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

test_case compressed 'Modules may be compressed'
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
compressed_head()
{
	atf_set descr 'Modules may be compressed'
	atf_set timeout 600
	atf_set require.progs \
	    "${QEMU:-qemu-system-x86_64} busybox gzip xz zstd"
}

test_case unreadable_kernel 'A kernel that only root may read is not missing'
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

test_case arm64 'A kernel for arm64 is booted by the machine for it'
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
	atf_check -s exit:64 -e match:'-M: the kernel is for arm64' \
	    eduvm -r root -M q35 -- true
	ln -s "$QEMU" bin/qemu-system-aarch64
	unset QEMU
	check_word 'console=ttyAMA0 panic=-1' -r root
	check_nothing_left
}

# It needs a system for arm64: the configuration variable arm64_root names it.
atf_test_case arm64_run
arm64_run_head()
{
	atf_set descr 'A command runs in a system for arm64, with its devices'
	atf_set timeout 600
	atf_set require.progs 'qemu-system-aarch64 busybox'
	atf_set require.config arm64_root
}
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

test_case options 'Memory, processors, and words for kernel and QEMU'
options_body()
{
	setup
	# shellcheck disable=SC2016 # the guest's shell expands it
	atf_check -o inline:'large\n2\nfound\nspare\n' eduvm -m 1024 -c 2 \
	    -a edu.one=1 -a 'edu.two=2 three' \
	    -q -device -q pci-testdev,addr=4 -- sh -c '
		read word kib unit </proc/meminfo
		[ $kib -gt 900000 ] && echo large
		nproc
		grep -q "edu.one=1 edu.two=2 three" /proc/cmdline && echo found
		[ -e /sys/bus/pci/devices/0000:00:04.0 ] && echo spare'
	atf_check -o inline:'x\n' -e match:'-nodefaults' \
	    -e match:'Linux version' eduvm -v -- echo x
	check_nothing_left
}

atf_init_test_cases()
{
	for name in exit_status output slow_reader no_reader full_disk \
	    input script_input streaming arguments environment busy_host \
	    long_arguments removed_directory usage link accelerator time_limit \
	    panic qemu_missing qemu_aborts signals background devices_pc \
	    devices_q35 buses files facilities processor root compressed \
	    unreadable_kernel arm64 arm64_run options; do
		atf_add_test_case $name
	done
}
