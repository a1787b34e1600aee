#! /usr/bin/env atf-sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# tools/eduvm: a command in a guest, its input, output and status.

# shellcheck source=tests/h_eduvm.sh
. "$(atf_get_srcdir)/../../tests/h_eduvm.sh"

guest_case exit_status 'The status is that of the command'
exit_status_body()
{
	setup
	atf_check -s exit:77 eduvm -- sh -c 'exit 77'
	# shellcheck disable=SC2016 # the guest's shell expands it
	atf_check -s exit:137 -e ignore eduvm -- sh -c 'kill -KILL $$'
	atf_check -s exit:127 -e match:nonesuch eduvm -- nonesuch
	check_nothing_left
}

guest_case output 'Standard output and error arrive apart and byte for byte'
output_body()
{
	setup
	head -c 1000000 /dev/urandom >out
	{ printf 'a\r\nb\0\004\377'; head -c 500000 /dev/urandom; } >err
	atf_check -o file:out -e file:err eduvm -- sh -c 'cat out; cat err >&2'
	check_nothing_left
}

guest_case slow_reader 'A slow reader gets all of the output'
slow_reader_body()
{
	setup
	head -c 1000000 /dev/urandom >data
	eduvm -- cat data |
	    { dd bs=1 count=1 2>/dev/null; sleep 5; cat; } >copy
	atf_check cmp data copy
	check_nothing_left
}

guest_case no_reader 'The guest ends when nobody reads its output'
no_reader_body()
{
	setup
	{ eduvm -- yes || echo $? >status; } | head -n 1 >/dev/null
	atf_check -o inline:'141\n' cat status
	check_nothing_left
}

guest_case full_disk 'Output that cannot be written is an error'
full_disk_body()
{
	setup
	{ eduvm -- echo hello || echo $? >status; } >/dev/full 2>error
	atf_check -o inline:'74\n' cat status
	atf_check -o match:'No space left' cat error
	check_nothing_left
}

guest_case input 'Standard input reaches the command, its end as well'
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

guest_case script_input 'Without a command a shell reads standard input'
script_input_body()
{
	setup
	# shellcheck disable=SC2016 # the guest's shell expands it
	echo 'echo $((6 * 7)); exit 5' >script
	atf_check -s exit:5 -o inline:'42\n' eduvm <script
	check_nothing_left
}

guest_case streaming 'Output arrives while the guest still runs'
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

guest_case arguments 'Arguments arrive as they are'
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

guest_case environment 'Directory and PATH are the same, the user is root'
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

guest_case busy_host 'A timer that comes late does not stop the kernel'
busy_host_body()
{
	setup
	atf_check -o match:' no_timer_check ' eduvm -- cat /proc/cmdline
	check_nothing_left
}

guest_case long_arguments 'The kernel gets all of -a or eduvm ends'
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

guest_case removed_directory 'A working directory that was removed is an error'
removed_directory_body()
{
	setup
	mkdir gone
	atf_check -s exit:126 -e match:'working directory was removed' \
	    sh -c 'cd gone && rmdir ../gone && exec eduvm -- pwd'
	check_nothing_left
}

guest_case usage 'Wrong options are usage errors'
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
	atf_check -s exit:64 -e match:'takes -M q35' eduvm -I -M pc -- true
	atf_check -s exit:64 -e match:'not for -k netbsd' \
	    eduvm -I -k netbsd -i none -- true
	atf_check -s exit:64 -e match:usage: eduvm -z -- true
	atf_check -s exit:64 -e match:usage: eduvm -n
	check_nothing_left
}

guest_case link 'It may be started by a link, and be in any directory'
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

guest_case accelerator 'TCG has one thread, however many processors it runs'
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
	check_word 'kvm,kernel-irqchip=split|tcg' -I
	check_word 'intel-iommu,intremap=on' -I
	check_nothing_left
}

guest_case time_limit 'A guest that runs too long is stopped'
time_limit_body()
{
	setup
	atf_check -s exit:124 -e match:'stopped after 5 seconds' \
	    eduvm -t 5 -- sleep 1000
	check_nothing_left
}

guest_case panic 'A panic is told, with the end of the console'
panic_body()
{
	setup
	atf_check -s exit:70 -e match:'sysrq triggered crash' \
	    -e match:'the guest ended before the command did' \
	    eduvm -- sh -c 'echo c >/proc/sysrq-trigger; sleep 1000'
	check_nothing_left
}

guest_case qemu_missing 'A QEMU that does not start is told'
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

guest_case qemu_aborts 'A QEMU that aborts is told, with the signal'
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

guest_case signals 'A signal stops the guest and nothing remains'
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

guest_case background 'A background job is stopped by SIGTERM'
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

guest_case options 'Memory, processors, and words for kernel and QEMU'
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
