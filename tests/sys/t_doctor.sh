#! /usr/bin/env atf-sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# edutool doctor on NetBSD: what is broken is found, and the command that it
# prints is run as it stands and mends it.  tests/t_doctor.sh is Linux's.

# shellcheck source=tests/dev/h_edutool.sh
. "$(atf_get_srcdir)/../../../tests/dev/h_edutool.sh"
# shellcheck source=tests/h_ward.sh
. "$(atf_get_srcdir)/../../../tests/h_ward.sh"

PATH=${EDUTOOL%/*}:$PATH
NODE=/dev/edu0
INSTALLED=$(sysctl -n kern.module.path)/edu/edu.kmod

bad()
{
	atf_fail "$*: $(cat said)"
}

# doctor_case NAME DESCRIPTION: one that has edu(4) and its node.
doctor_case()
{
	device_case "$1" "$2"
	eval "$1_cleanup()
	{
		[ ! -f sleeper.pid ] || kill \$(cat sleeper.pid)
		[ ! -e $NODE.kept ] || { rm -rf $NODE; mv $NODE.kept $NODE; }
		[ ! -f installed ] || rm -rf \"\$(cat installed)\"
		[ ! -f edu.kmod ] || load_again
		[ ! -f driver ] || put_back
	}"
}

# Without the flags that it was loaded with, edu(4) would use MSI.
load_again()
{
	modunload edu 2>/dev/null
	# shellcheck disable=SC2046	# none or two words
	modload $(cat flags) ./edu.kmod
}

# The first device, in order.
healthy()
{
	prepare uio
	export EDU_DEVICE="$device"
	doctor
	[ "$status" = 0 ] || bad "in order"
}

# Somebody who knows nothing of claims.
sleeper()
{
	sleep 1000 <>$NODE &
	echo $! >sleeper.pid
	until fstat $NODE | grep -q " $! "; do sleep 0.1; done
}

# For a driver that is loaded: what can be done at any securelevel.
rounds()
{
	give none
	doctor
	is wrong driver "edu(4) is not attached"
	cured driver
	mv $NODE $NODE.kept
	doctor
	is wrong node "$NODE: No such file"
	cured node
	rm $NODE
	mv $NODE.kept $NODE
	sleeper
	doctor
	is wrong holder "a process has $NODE open"
	cured holder
	wait
	rm sleeper.pid
	hold_device
	doctor
	is wrong holder "process $holder has claimed"
	cured holder
	wait
	rm holder.pid
	set_command_register $(($(command_register) & ~6))
	doctor
	is wrong decoding
	cured decoding
	[ "$status" = 0 ] || bad "in the end"
	atf_check -o inline:'120\n' edutool factorial 5 --irq
}

doctor_case driver "the driver, its node, who has them, and decoding"
driver_body()
{
	healthy
	rounds
}

doctor_case node "a node that is of another device, or no device"
node_body()
{
	healthy
	mv $NODE $NODE.kept
	mknod $NODE c edu 63
	doctor
	is wrong node "is not the driver's"
	cured node
	rm $NODE
	echo text >$NODE
	doctor
	is wrong node "is not the driver's"
	cured node
	atf_check -o inline:'0xfffffffa\n' edutool live 5
}

doctor_case rights "an ordinary user is told what root has to give"
rights_body()
{
	healthy
	unset EDU_DEVICE
	mv $NODE $NODE.kept
	mknod -m 600 $NODE c edu 0
	as=as_nobody
	doctor
	is wrong device "$NODE is not for this user"
	cured device
	is ok node "may use $NODE"
	is ok registers
	[ "$status" = 0 ] || bad "given"
	[ "$(as_nobody edutool live 5)" = 0xfffffffa ] || bad live
}

doctor_case mastering "messages without bus mastering"
mastering_body()
{
	healthy
	grep -q '^ok *msi *MSI is on' said || atf_skip "edu(4) uses INTx"
	set_command_register $(($(command_register) & ~4))
	doctor
	is wrong mastering
	cured mastering
	atf_check -o inline:'120\n' edutool factorial 5 --irq
}

doctor_case claim "a claim that is not to be trusted"
claim_body()
{
	healthy
	atf_check -o ignore edutool live
	doctor
	is ok claim "nobody has claimed"
	[ ! -e /var/run/edu ] || atf_skip "this machine has a /var/run/edu"
	ln "/var/run/edu-$device.lock" /var/run/another
	doctor
	is wrong claim "no file of its owner"
	cured claim
	rm /var/run/another
	echo /var/run/edu >installed
	mkdir -m 777 /var/run/edu
	doctor
	is wrong claim "not everybody may write"
	cured claim
	rmdir /var/run/edu
	: >/var/run/edu
	doctor
	is wrong claim "no directory of root's"
	cured claim
}

doctor_case undo "what a killed process has left is put right"
undo_body()
{
	healthy
	bar=$(config_dword 16)
	command=$(command_register)
	# As a kill between two of its writes leaves it.
	printf "undo command %04x bar 10 wide 0 low %08x high 00000000 \
id 11e81234 class 00ff0010 of - end\n" "$command" "$bar" \
	    >"/var/run/edu-$device.lock"
	set_command_register $(((command & ~7) | 0x400))
	set_bar0 $((0xfff00000))
	doctor
	is wrong undo "killed while it sized"
	is wrong decoding
	[ "$(prescribed decoding)" = "$(prescribed undo)" ] || bad decoding
	cured undo
	is ok decoding
	[ "$status" = 0 ] || bad "put right"
	atf_check_equal "$(config_dword 16)" "$bar"
	atf_check -o inline:'120\n' edutool factorial 5 --irq
}

# Unloads edu(4), and keeps its module.
unload()
{
	module=$(atf_config_get edu.module '')
	[ -n "$module" ] || atf_skip "edu.module is not set: the driver was" \
	    "not loaded by tests/guest"
	: >flags
	grep -q '^ok *msi *MSI is on' said || echo -i flags=1 >flags
	cp "$module" edu.kmod
	modunload edu
}

doctor_case unloaded "a driver that is not loaded"
unloaded_body()
{
	healthy
	unload
	if [ ! -e "$INSTALLED" ]; then
		mkdir -p "${INSTALLED%/*}" || atf_skip "no place for a module"
		echo "${INSTALLED%/*}" >installed
		cp edu.kmod "$INSTALLED"
	fi
	doctor
	is wrong driver "edu(4) is not loaded"
	cured driver
	# Its number may be another one now.
	[ "$status" = 0 ] || cured node
	atf_check -o inline:'120\n' edutool factorial 5 --irq
}

# raise LEVEL: for good, and so only where edu.securelevel says so.
raise()
{
	atf_check -o ignore sysctl -w "kern.securelevel=$1"
	doctor
}

wanted()
{
	[ "$(atf_config_get edu.securelevel '')" = "$1" ] ||
	    atf_skip "edu.securelevel=$1 raises it until the next boot"
}

doctor_case securelevel "the same at securelevel 1, and at 2"
securelevel_body()
{
	wanted yes
	healthy
	for level in 1 2; do
		raise $level
		is ok securelevel "it is $level: edu(4) gives BAR0"
		rounds
		give none
		doctor
		is wrong securelevel "it is not attached"
		cured securelevel
		[ "$status" = 0 ] || bad "at $level"
	done
}

doctor_case securelevel_unloaded "without the driver nothing helps at \
securelevel 1 and 2, and nothing is advised"
securelevel_unloaded_body()
{
	wanted unloaded
	healthy
	unload
	for level in 1 2; do
		raise $level
		is wrong securelevel "have it loaded while booting"
		is wrong driver "edu(4) is not loaded"
		is wrong registers "the securelevel is above 0"
		for check in securelevel driver; do
			[ -z "$(prescribed $check)" ] || bad "$check's command"
		done
	done
}
