#! /usr/bin/env atf-sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# Tests of "tools/eduvm -k netbsd".  The cases whose names begin with "image"
# need a NetBSD image: the configuration variable netbsd_image names it.

. "$(atf_get_srcdir)/../../tests/h_case.sh"

# Makes the command netbsd, with a temporary directory of ours: atf-check(1)
# runs programs, not functions.
setup()
{
	mkdir tmp bin
	cat >bin/netbsd <<-END
	#! /bin/sh
	TMPDIR=$PWD/tmp \\
	    exec "$(atf_get_srcdir)/../../tools/eduvm" -k netbsd "\$@"
	END
	chmod +x bin/netbsd
	export PATH="$PWD/bin:$PATH"
}

# sector FILE BYTES: a disk whose boot sector begins with these bytes.
sector()
{
	truncate -s 1M "$1"
	# shellcheck disable=SC2059 # the bytes are a format
	printf "$2" | dd of="$1" conv=notrunc 2>/dev/null
	printf '\125\252' | dd of="$1" bs=1 seek=510 conv=notrunc 2>/dev/null
}

netbsd_case()
{
	test_case "$@" timeout=120 \
	    "require.progs=${QEMU:-qemu-system-x86_64}"
}

netbsd_case no_image 'Without an image it says where one comes from'
no_image_body()
{
	setup
	atf_check -s exit:69 -e match:cdn.netbsd.org/pub/NetBSD/images/ \
	    -e match:amd64-live.img.gz netbsd -- true
	atf_check -o empty ls -A tmp
}

netbsd_case usage 'Wrong options are usage errors'
usage_body()
{
	setup
	eduvm=$(atf_get_srcdir)/../../tools/eduvm
	atf_check -s exit:64 -e match:usage: netbsd -z
	atf_check -s exit:64 -e match:usage: netbsd -i
	atf_check -s exit:64 -e match:'whole number' netbsd -n 0 -- true
	atf_check -s exit:64 -e match:'from 1 to 168' netbsd -n 169 -- true
	atf_check -s exit:64 -e match:'neither pc nor q35' \
	    netbsd -M isa -- true
	atf_check -s exit:64 -e match:'for -k netbsd only' \
	    "$eduvm" -i image -- true
	atf_check -o empty ls -A tmp
}

netbsd_case bad_image 'What cannot be a NetBSD image is told at once'
bad_image_body()
{
	setup
	atf_check -s exit:69 -e match:'no image' netbsd -i nonesuch -- true
	atf_check -s exit:69 -e match:'no image' netbsd -i . -- true
	echo hello >text
	atf_check -s exit:69 -e match:'no boot sector' \
	    netbsd -i text -- true
	gzip text
	atf_check -s exit:69 -e match:gunzip netbsd -i text.gz -- true
	printf '\177ELF' >elf
	atf_check -s exit:69 -e match:'not a NetBSD kernel' \
	    netbsd -i elf -- true
	printf ' NetBSD' >>elf
	atf_check -s exit:69 -e match:'did not start' \
	    netbsd -i elf -- true
	atf_check -o empty ls -A tmp
}

# "jmp ." in 16 bits.
netbsd_case silent_image 'An image that says nothing is stopped at the limit'
silent_image_body()
{
	setup
	sector image '\353\376'
	cp image copy
	atf_check -s exit:124 -e match:'stopped after 5 seconds' \
	    -e match:SeaBIOS netbsd -i image -t 5 -- true
	atf_check cmp image copy
	atf_check -o empty ls -A tmp
}

# "int 0x18" tells the BIOS that there is nothing to boot.
netbsd_case empty_image 'An image that does not boot is told'
empty_image_body()
{
	setup
	sector image '\315\030'
	atf_check -s exit:69 -e match:'nothing to boot' \
	    netbsd -i image -t 60 -- true
	atf_check -o empty ls -A tmp
}

# It writes "]=0x" as NetBSD's loader does at its end, and stops there.
netbsd_case other_console 'A kernel whose console is not com0 is told'
other_console_body()
{
	setup
	code='\264\016\260\135\315\020\260\075\315\020\260\060\315\020'
	sector image "$code"'\260\170\315\020\353\376'
	atf_check -s exit:70 -e match:'console is not com0' \
	    netbsd -i image -t 100 -- true
	atf_check -o empty ls -A tmp
}

netbsd_case signals 'Stopped by a signal it leaves nothing behind'
signals_body()
{
	setup
	sector image '\353\376'
	netbsd -i image -q -pidfile -q "$PWD/pid" -- true &
	while [ ! -s pid ]; do
		sleep 0.1
	done
	qemu=$(cat pid)
	kill -TERM $!
	wait $!
	atf_check_equal 143 $?
	atf_check -o empty ls -A tmp
	atf_check -s exit:1 -e ignore kill -0 "$qemu"
}

# A guest's console without a guest: loader, login, shell, and the script on
# the project's disk.
stand_in()
{
	cat >qemu <<-'END'
	#! /bin/bash
	for word; do
		case $word in
		pipe:*)	serial=${word#pipe:} ;;
		file=*id=project)
			disk=${word%,format*}
			disk=${disk#file=} ;;
		esac
	done
	exec >"${serial//,,/,}.out" <"${serial//,,/,}.in"
	hear()
	{
		IFS= read -r -d "$1" heard
		echo "$heard" >>"$OLDPWD/heard"
	}
	mkdir guest && cd guest || exit
	printf '4. Drop to boot prompt\n\033[1mOption: [1]:'
	hear $'\r'
	printf '\n> '
	hear $'\r'
	printf '%s\n[1+2]=0x3\nlogin: ' "$heard"
	hear $'\r'
	printf '\nguest# '
	hear $'\r'
	printf '\nguest# '
	hear $'\r'
	mkdir here && cd here && tar -xf "${disk//,,/,}" && set -- eduvm-* &&
	    sh "$1/run" 2>/dev/null
	END
	chmod +x qemu
	QEMU=$PWD/qemu
	export QEMU
}

netbsd_case console 'What the console says is answered, output comes out'
console_body()
{
	setup
	stand_in
	mkdir 'tmp/a, b'
	sed "s|tmp exec|'tmp/a, b' exec|" bin/netbsd >bin/other
	mv bin/other bin/netbsd
	chmod +x bin/netbsd
	sector image '\315\030'
	# shellcheck disable=SC2016 # the guest's shell expands it
	atf_check -s exit:7 -o inline:"it's\nlast line" \
	    netbsd -i image -t 60 -- sh -c '
		echo "$1"
		test -x ../here/tools/eduvm || exit 2
		printf "last line"
		exit 7' sh "it's"
	atf_check -o inline:'4\nconsdev com0\nroot\n' head -n 3 heard
	atf_check -o empty ls -A 'tmp/a, b'
}

netbsd_case console_end 'A console that says why it cannot go on is told'
console_end_body()
{
	setup
	stand_in
	sed -i "s/^printf .*/printf 'root device: '; sleep 50/" qemu
	sector image '\315\030'
	atf_check -s exit:70 -e match:'^root device' \
	    -e match:'kernel found no root' netbsd -i image -t 60 -- true
	rm -r guest
	sed -i "s/^printf .*/printf 'db> '; sleep 50/" qemu
	atf_check -s exit:70 -e match:'in its debugger' \
	    netbsd -v -i image -t 60 -- true
	atf_check -o empty ls -A tmp
}

# One that needs an image.
image_case()
{
	test_case "$@" timeout=900 require.config=netbsd_image \
	    "require.progs=${QEMU:-qemu-system-x86_64}"
}

image_case image_run 'A command runs in the project, with its devices'
image_run_body()
{
	setup
	image=$(atf_config_get netbsd_image)
	sum=$(cksum <"$image")
	cat >expected <<-END
	NetBSD
	0x11e81234
	0x11e81234
	tools/eduvm
	END
	# shellcheck disable=SC2016 # the guest's shell expands it
	atf_check -s exit:7 -o save:output -e match:'^eduvm: .*-snapshot' \
	    -e match:'NetBSD/amd64' netbsd -i "$image" -v -n 2 -- sh -c '
		uname -s
		for d in 10 11; do
			pcictl pci0 dump -d $d
		done | grep -o "0x11e81234"
		ls tools/eduvm
		exit 7'
	atf_check diff expected output
	atf_check_equal "$sum" "$(cksum <"$image")"
	atf_check -o empty ls -A tmp
}

image_case image_panic 'A panic is told, and what comes after it is not'
image_panic_body()
{
	setup
	atf_check -s exit:70 -o match:'^before$' -o not-match:SeaBIOS \
	    -e match:'panic: crashme' -e match:'ended before the command' \
	    netbsd -i "$(atf_config_get netbsd_image)" -M q35 -- sh -c '
		echo before
		sysctl -w ddb.onpanic=0 debug.crashme_enable=1
		sysctl -w debug.crashme.panic=1
		sleep 100'
	atf_check -o empty ls -A tmp
}

image_case image_unread 'It ends when nobody reads the output any more'
image_unread_body()
{
	setup
	{
		netbsd -i "$(atf_config_get netbsd_image)" -- \
		    sh -c 'while echo y; do sleep 1; done'
		echo $? >status
	} | head -n 1 >output
	atf_check -o inline:'141\n' cat status
	atf_check -o empty ls -A tmp
}
