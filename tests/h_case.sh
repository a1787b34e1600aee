#! /bin/sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# For the scripts of atf-sh(1) to read in: a test case is one line and its body,
#
#	test_case NAME DESCRIPTION [cleanup] [VARIABLE=VALUE ...]
#	NAME_body()
#	{
#		...
#	}
#
# where the variables are ATF's, "cleanup" says that there is NAME_cleanup, and
# no value has a single quote.  A case that is written runs: each enters itself
# in the list.

test_cases=

test_case()
{
	case_name=$1
	case_cleanup=
	eval "${1}_descr=\$2"
	case_head="atf_set descr \"\$${1}_descr\""
	shift 2
	for case_word; do
		case $case_word in
		cleanup)
			case_cleanup=cleanup ;;
		timeout=*)
			case_word=$((${case_word#*=} * ${EDU_SOAK:-1}))
			case_head="$case_head; atf_set timeout $case_word" ;;
		*)
			case_head="$case_head; atf_set '${case_word%%=*}'"
			case_head="$case_head '${case_word#*=}'" ;;
		esac
	done
	atf_test_case "$case_name" $case_cleanup
	eval "${case_name}_head() { $case_head; }"
	test_cases="$test_cases $case_name"
}

atf_init_test_cases()
{
	for case_name in $test_cases; do
		atf_add_test_case "$case_name"
	done
}
