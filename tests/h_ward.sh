#! /bin/sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# What the guests of t_doctor.sh read in: words to break something, and to hear
# what edutool doctor says of it.
#
# shellcheck disable=SC2034	# the guest's script uses what is set here

PATH=$PWD:$PATH
SYSFS=/sys/bus/pci/devices
device=0000:00:0a.0
bad()
{
	echo "bad: $*: $(cat said)"
}
# To doctor's words, as the user that $as makes.
as=
doctor()
{
	$as edutool doctor "$@" >said 2>&1
	status=$?
	[ $status = "$(grep -c -m 1 '^wrong' said)" ] ||
	    bad "exit status $status"
}
# is STATE CHECK [TEXT]
is()
{
	grep -q "^$1 *$2  *.*$3" said || bad "$@"
}
prescribed()
{
	sed -n "s/^[a-z]* *$1  .*; mend: //p" said
}
# cured CHECK [ARGUMENT ...]: by what it says, and by nothing else.
cured()
{
	check=$1
	shift
	command=$(prescribed "$check")
	[ -n "$command" ] || bad "no command for $check"
	sh -c "$command" >output 2>&1 ||
	    bad "$command: $(cat output)"
	doctor "$@"
	is ok "$check"
}
# poke OFFSET BYTE ...: octal, into configuration space, at once.
poke()
{
	at=$1
	shift
	for byte; do
		# shellcheck disable=SC2059	# it is the format
		printf "\\$byte"
	done | dd of=$SYSFS/$device/config bs=$# seek=$((at / $#)) \
	    conv=notrunc status=none
}
