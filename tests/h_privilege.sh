#! /bin/sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# What libedu(3) says that each function takes, as the page has it.

# rows PAGE SYSTEM: the rows of that system's table, a line each,
#
#	BLOCK|FUNCTION|DRIVERS|TAKES|ERRNO|MESSAGE
#
# where BLOCK is the edu_open that the function stands below.
rows()
{
	awk -v name="$2" '
	/^\.S[hs] / { is_in = $2 == name }
	!is_in || !/^\.It / || /^\.It Sy/ { next }
	{
		gsub(/ (Fn|No|Pa|Dv|Er|Sy) /, " ")
		sub(/^\.It (Fn )?/, "")
		gsub(/ Ta (Fn |No |Pa |Dv |Er )?/, "|")
		sub(/ Qq /, "|")
		if ($1 ~ /^edu_(open|list)/) {
			block = $0
			sub(/\|.*/, "", block)
		}
		n = gsub(/\|/, "|")
		print block "|" $0 (n < 4 ? "|" : "")
	}' "$1"
}

# kept PAGE: of edutool(8), the commands and the capabilities that they keep, a
# line each,
#
#	COMMAND|CAPABILITY ...
kept()
{
	awk '
	/^\.S[hs] / { is_in = $2 == "SECURITY" }
	!is_in || !/^\.It Cm / { next }
	{
		gsub(/(^\.It| Dv| Cm) /, " ")
		split($0, half, / Ta /)
		n = split(half[1], command, / , /)
		for (i = 1; i <= n; i++) {
			sub(/^ *(Cm )?/, "", command[i])
			print command[i] "|" half[2]
		}
	}' "$1"
}

# capability_set NAME ...: as /proc has it.
capability_set()
{
	set=0
	for name; do
		case $name in
		none)			bit= ;;
		opening)		bit=; set=$((set | 0x28000f)) ;;
		CAP_DAC_OVERRIDE)	bit=1 ;;
		CAP_DAC_READ_SEARCH)	bit=2 ;;
		CAP_IPC_LOCK)		bit=14 ;;
		CAP_SYS_MODULE)		bit=16 ;;
		CAP_SYS_ADMIN)		bit=21 ;;
		CAP_SYSLOG)		bit=34 ;;
		*)			atf_fail "the page has $name" ;;
		esac
		[ -z "$bit" ] || set=$((set | 1 << bit))
	done
	printf '%016x\n' $set
}

# frozen ARGUMENT ...: of edutool, while it cannot print its document: what the
# process is allowed, in "status".
frozen()
{
	[ -p pipe ] || mkfifo pipe
	exec 8<>pipe
	head -c 65536 /dev/zero >&8
	"$EDUTOOL" -j "$@" >&8 2>message &
	until grep -q pipe_w "/proc/$!/wchan"; do
		kill -0 $! || atf_fail "$*: it ended: $(cat message)"
		sleep 0.1
	done
	cat "/proc/$!/status" >status
	kill -9 $!
	wait $! || :
	exec 8>&-
}

# check_status NAME CAPABILITIES FILTER: that of "status".
check_status()
{
	sed -n 's/^\(CapEff\|CapPrm\|CapInh\|Seccomp\|NoNewPrivs\):.//p' \
	    status | tr '\n' ' ' >got
	no_new=$(($3 > 0))
	printf '%s ' "$(capability_set none)" "$2" "$2" $no_new "$3" |
	    sed "s|^|$1: |" >wanted
	sed -i "s|^|$1: |" got
	atf_check_equal "$(cat wanted)" "$(cat got)"
}
