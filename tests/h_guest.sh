#! /bin/sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# What the tests share that look at edutool in guests of their own.
#
# shellcheck disable=SC2016	# the guest's variables

. "$(atf_get_srcdir)/../../tests/h_case.sh"

EDUTOOL=${EDUTOOL:-$(cd "$(atf_get_srcdir)/.." && pwd -P)/edutool}

# in_guest ARGUMENT ... -- SCRIPT: of eduvm; the output goes to "out".
in_guest()
{
	cp "$EDUTOOL" edutool
	for script; do :; done
	{
		echo 'cd "$1" || exit'
		echo 'PAGES=/sys/kernel/mm/hugepages/hugepages-2048kB'
		echo 'PAGES=$PAGES/nr_hugepages'
		echo "$script"
	} >script
	n=$#
	while [ $n -gt 1 ]; do
		set -- "$@" "$1"
		shift
		n=$((n - 1))
	done
	shift
	"$(atf_get_srcdir)/../../tools/eduvm" -t 200 "$@" \
	    sh "$PWD/script" "$PWD" >out 2>&1
	status=$?
	[ $status -ne 69 ] || atf_skip "$(cat out)"
	[ $status -eq 0 ] || atf_fail "exit status $status: $(cat out)"
}
