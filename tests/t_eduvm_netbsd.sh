#! /usr/bin/env atf-sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# Tests of "tools/eduvm -k netbsd", as far as they need no NetBSD.
#
# shellcheck shell=sh disable=SC2317	# the cases are called by ATF

# Makes the command netbsd, with a temporary directory of ours.
# The command netbsd: atf-check(1) runs programs, not functions.
setup()
{
	mkdir tmp bin
	cat >bin/netbsd <<-END
	#! /bin/sh
	TMPDIR=$PWD/tmp exec "$(atf_get_srcdir)/../tools/eduvm" -k netbsd "\$@"
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

# test_case NAME DESCRIPTION: the head that all the cases share.
test_case()
{
	atf_test_case "$1"
	eval "${1}_head()
	{
		atf_set descr '$2'
		atf_set timeout 120
		atf_set require.progs '${QEMU:-qemu-system-x86_64}'
	}"
}

test_case no_image 'Without an image it says where one comes from'
no_image_body()
{
	setup
	atf_check -s exit:69 -e match:cdn.netbsd.org/pub/NetBSD/images/ \
	    -e match:amd64-live.img.gz netbsd -- true
	atf_check -o empty ls -A tmp
}

test_case usage 'Wrong options are usage errors'
usage_body()
{
	setup
	eduvm=$(atf_get_srcdir)/../tools/eduvm
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

test_case bad_image 'What cannot be a NetBSD image is told at once'
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
test_case silent_image 'An image that says nothing is stopped at the limit'
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
test_case empty_image 'An image that does not boot is told'
empty_image_body()
{
	setup
	sector image '\315\030'
	atf_check -s exit:69 -e match:'nothing to boot' \
	    netbsd -i image -t 60 -- true
	atf_check -o empty ls -A tmp
}

test_case signals 'Stopped by a signal it leaves nothing behind'
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

atf_init_test_cases()
{
	for name in no_image usage bad_image silent_image empty_image \
	    signals; do
		atf_add_test_case $name
	done
}
