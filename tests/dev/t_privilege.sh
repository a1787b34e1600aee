#! /usr/bin/env atf-sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# Least privilege, as libedu(3) has it in its table: with what is listed there
# an ordinary user's call succeeds, and with each of it taken away it fails as
# the row says.
#
# shellcheck disable=SC2154	# what h_edutool.sh sets

# shellcheck source=tests/dev/h_edutool.sh
. "$(atf_get_srcdir)/../../../tests/dev/h_edutool.sh"
# shellcheck source=tests/h_privilege.sh
. "$(atf_get_srcdir)/../../../tests/h_privilege.sh"

TOP=$(atf_get_srcdir)/../../..
HELPER=$(cd "$(atf_get_srcdir)" && pwd -P)/h_privilege
CLAIMS=/var/run/edu
NOBODY=$(id -u nobody)
GROUP=$(id -g nobody)

# path_of NAME: of a file as the table calls it.
path_of()
{
	case $1 in
	config|resource0|driver_override)
			echo "$SYSFS/$device/$1" ;;
	driver/unbind)	readlink -f "$SYSFS/$device/driver/unbind" ;;
	drivers_probe)	echo /sys/bus/pci/drivers_probe ;;
	/dev/uioN)	echo "/dev/$(ls "$SYSFS/$device/uio")" ;;
	/dev/vfio/N)	readlink "$SYSFS/$device/iommu_group" |
			    sed 's|.*/|/dev/vfio/|' ;;
	/dev/eduN)	attached | sed -n "s|^$device |/dev/edu|p" ;;
	*)		echo "$1" ;;
	esac
}

# The files that this kernel side has, and their modes.
list_files()
{
	names='config resource0 driver_override drivers_probe'
	[ $netbsd = no ] || names=/dev/pci0
	case $side in
	uio)	names="$names driver/unbind /dev/uioN" ;;
	vfio)	names="$names driver/unbind /dev/vfio/N /dev/vfio/vfio" ;;
	edu)	names="$names /dev/eduN" ;;
	esac
	paths=$(for name in $names; do path_of "$name"; done)
	# shellcheck disable=SC2086	# a list
	if [ $netbsd = yes ]; then
		stat -f '%Lp %N' $paths
	else
		stat -c '%a %n' $paths
	fi >modes
}

# Some of them have gone with their driver.
restore_modes()
{
	[ ! -f modes ] || while read -r mode path; do
		[ ! -e "$path" ] || chmod "$mode" "$path"
	done <modes
	rm -rf $CLAIMS
}

# An ordinary user's: nothing.
take_all()
{
	# shellcheck disable=SC2086	# a list
	chmod o= $paths
	rm -rf $CLAIMS
	mkdir -m 700 $CLAIMS
	chown "0:$GROUP" $CLAIMS
	as_root=no caps=-all locked=0
	[ $netbsd = no ] || return 0
	echo 0 >$PAGES
	[ "$side" != none ] || [ ! -d /sys/module/uio_pci_generic ] ||
	    rmmod uio_pci_generic || atf_skip "uio_pci_generic stays loaded"
}

# give_right RIGHT: one of the table, or all that is not root's alone.
#
# shellcheck disable=SC2086	# a list
give_right()
{
	case $1 in
	nothing|'')	;;
	root)		as_root=yes ;;
	modes)		chmod o+rw $paths; chmod g+wx $CLAIMS ;;
	CAP_*)		caps=$caps,+$(echo "${1#CAP_}" |
			    tr '[:upper:]' '[:lower:]') ;;
	nr_hugepages)	echo 4 >$PAGES ;;
	ulimit*)	locked=65536 ;;
	$CLAIMS' '*)	chmod "g+${1#* }" $CLAIMS ;;
	*' '*)		chmod "o+${1#* }" "$(path_of "${1% *}")" ;;
	*)		atf_fail "the table has an unknown right: $1" ;;
	esac
}

# give_rights FILE: those of its lines.
give_rights()
{
	take_all
	while read -r right; do
		give_right "$right"
	done <"$1"
}

as_user()
{
	if [ "$as_root" = yes ]; then
		"$@"
	elif [ $netbsd = yes ]; then
		su -m nobody -c "$*"
	else
		prlimit "--memlock=$locked" setpriv "--reuid=$NOBODY" \
		    "--regid=$GROUP" --clear-groups --inh-caps="$caps" \
		    --ambient-caps="$caps" --bounding-set="$caps" "$@"
	fi
}

bind_as_user()
{
	to=none
	[ "$side" != none ] || to=uio
	if as_user "$EDUTOOL" -j -d "$device" bind $to >document 2>message
	then
		echo ok
		"$EDUTOOL" -d "$device" bind "$side" >/dev/null
	else
		sed 's/.*"errno": "*\([A-Za-z]*\).*/\1/; s/null/-/' document |
		    tr '\n' ' '
		cat message
	fi
}

# call FUNCTION: what an ordinary user gets, in "got".
call()
{
	case $1 in
	recovery)
		"$HELPER" "$device" be_killed 2>/dev/null
		as_user "$HELPER" "$device" "$1" >got
		"$HELPER" "$device" edu_bar_size >/dev/null ;;
	edu_holder)
		as_user "$HELPER" "$device" "$1" >got 9<&- ;;
	'edutool bind')
		bind_as_user >got ;;
	*)
		# shellcheck disable=SC2086	# a function and a flag
		as_user "$HELPER" "$device" $1 >got ;;
	esac
	got=$(cat got)
}

# lesser RIGHT: what is left of it when one thing is taken away, a line each.
lesser()
{
	case $1 in
	*' rw')	echo "${1% *} r"; echo "${1% *} w" ;;
	*' wx')	echo "${1% *} w"; echo "${1% *} x" ;;
	root)	echo modes ;;
	*)	echo ;;
	esac
}

# Takes away, one by one, what the row says; the function's rights are in
# "rights".
check_row()
{
	lesser "$takes" >smaller
	while read -r left; do
		grep -vxF "$takes" rights >less
		echo "$left" >>less
		give_rights less
		call "$function"
		case $got in
		"$errno"*"$message"*)	echo "$row, left '$left': $got" ;;
		*)	atf_fail "$row: with '$left' it says: $got" ;;
		esac
	done <smaller
}

# With all that it takes, and with each of it taken away.
check_function()
{
	function=$1
	[ "$function" != edu_holder ] || exec 9<>"$(path_of config)"
	block=$(sed -n "s/|$function|.*//p" rows | sed 1q)
	awk -F '|' -v f="$function" -v b="$block" \
	    '$2 == f || $2 == b { print $4 }' rows | sort -u >rights
	give_rights rights
	call "$function"
	atf_check_equal "$function: ok" "$function: $got"
	awk -F '|' -v f="$function" '$2 == f' rows >own
	while IFS='|' read -r _ _ _ takes errno message; do
		row="$function, $side: $takes"
		[ "$takes" = nothing ] || check_row
	done <own
	exec 9<&-
}

# CAP_DAC_OVERRIDE stands for every mode, CAP_IPC_LOCK for what may be locked.
check_instead()
{
	take_all
	caps=-all,+dac_override
	call edu_open
	atf_check_equal "edu_open: ok" "edu_open: $got"
	[ "$side" = vfio ] || return 0
	caps=$caps,+ipc_lock
	call edu_mem_map
	atf_check_equal "edu_mem_map: ok" "edu_mem_map: $got"
}

# What a boot decides, and who resets, is in t_machines.
check_table()
{
	list_files
	rows "$TOP/lib/libedu.3" "$(uname)" >table
	awk -F '|' -v side="$side" '$2 != "edu_reset" &&
	    $4 !~ /lockdown|remapping|securelevel/ &&
	    ($3 == "any" || index(", " $3 ",", ", " side ","))' table >rows
	atf_check test -s rows
	cut -d '|' -f 2 rows | awk '!seen[$0]++' >functions
	while read -r name; do
		check_function "$name"
	done <functions
	[ $netbsd = yes ] || check_instead
}

# table_case SIDE
table_case()
{
	test_case "$1" "with what libedu(3) lists an ordinary user does it \
all, and without one thing of it he does not: $1" \
	    cleanup require.user=root timeout=600
	eval "$1_cleanup()
	{
		[ ! -f driver ] || put_back
		restore_modes
	}"
}

table_case none
none_body()
{
	side=none
	prepare none
	check_table
}

table_case driver
driver_body()
{
	side=uio
	[ $netbsd = no ] || side=edu
	prepare uio
	check_table
}

table_case vfio
vfio_body()
{
	side=vfio
	linux_only vfio-pci
	"$EDUTOOL" list | grep -q 'vfio-pci$' ||
	    atf_skip "no vfio-pci (tests/guest -v)"
	prepare vfio
	check_table
}

# It cannot be lowered again: only where edu.securelevel allows it.
device_case securelevel "at securelevel 1 root fails as libedu(3) says"
securelevel_body()
{
	[ $netbsd = yes ] || atf_skip "this is for NetBSD"
	prepare none
	if [ "$(sysctl -n kern.securelevel)" -lt 1 ]; then
		[ "$(atf_config_get edu.securelevel false)" = true ] ||
		    atf_skip "the securelevel is below 1: edu.securelevel=true \
lets this test raise it for good"
		sysctl -w kern.securelevel=1
	fi
	rows "$TOP/lib/libedu.3" NetBSD | grep securelevel >table
	atf_check test -s table
	while IFS='|' read -r _ function _ _ errno message; do
		# shellcheck disable=SC2086	# a function and a flag
		"$HELPER" "$device" $function >got
		atf_check -o match:"^$errno .*$message" cat got
	done <table
}

# words_of COMMAND: one use of it, which prints something.
words_of()
{
	case $1 in
	irq)		echo irq status ;;
	factorial)	echo factorial 5 ;;
	'dma put')	echo dma put wanted ;;
	'dma get')	echo dma get -n 5 gotten ;;
	peek)		echo peek 0 ;;
	poke)		echo poke 4 1 ;;
	bench)		echo bench -n 1 read ;;
	bind)		echo bind none ;;
	*)		echo "$1" ;;
	esac
}

device_case dropped "edutool as root has at its end, or while it waits, what \
edutool(8) says, and bind alone may run programs"
dropped_body()
{
	linux_only capabilities
	"$EDUTOOL" version | grep -q 'capabilities and system calls$' ||
	    atf_skip "edutool was built without: $("$EDUTOOL" version)"
	prepare none
	kept "$TOP/tools/edutool.8" >table
	atf_check_equal 18 "$(grep -c . table)"
	while IFS='|' read -r command names; do
		filter=2
		[ "$command" != bind ] || filter=0
		# shellcheck disable=SC2046,SC2086	# words
		frozen $(words_of "$command")
		# shellcheck disable=SC2086	# names
		check_status "$command" "$(capability_set $names)" $filter
	done <table
	give uio
	hold_device
	cat "/proc/$holder/status" >status
	check_status 'irq wait' "$(capability_set none)" 2
	release_device || :
}
