#! /usr/bin/env atf-sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# The fuzz targets of tests/fuzz: each is given its corpus, and then what
# libFuzzer makes of that, so many executions, from a seed that is always the
# same or EDU_SEED.  In "make soak" it is 10,000,000.  An input that fails is
# printed as base64; a target with its name as the argument repeats it.

. "$(atf_get_srcdir)/../../tests/h_case.sh"

# fuzz TARGET EXECUTIONS
fuzz()
{
	root=$(cd "$(atf_get_srcdir)/../.." && pwd)
	program=$root/build/tests/fuzz/fuzz_$1
	[ -x "$program" ] || atf_skip "there is no clang with libFuzzer"
	runs=$2
	[ "${EDU_SOAK:-1}" -eq 1 ] || runs=$((EDU_SOAK * 200000))
	seed=${EDU_SEED:-20261127}
	echo "EDU_SEED=$seed"
	mkdir found
	export ASAN_OPTIONS=quarantine_size_mb=8
	"$program" -runs="$runs" -seed="$seed" -max_len=1024 -timeout=30 \
	    -print_final_stats=1 found "$root/tests/fuzz/corpus/$1" \
	    -artifact_prefix=input. </dev/null >out 2>&1 || {
		grep -v -e '^#[0-9]' -e '^INFO' out
		base64 -w 0 input.*
		atf_fail "it stopped after $(sed -n \
		    's/.*executed_units: *//p' out) executions"
	}
	atf_check -o inline:"stat::number_of_executed_units: $runs\n" \
	    grep executed_units out
	grep -e executed_units -e average_exec out
}

test_case text 'strings: addresses, machine types, messages' timeout=300
text_body()
{
	fuzz text 20000
}

test_case qtest 'the answers of whoever sits at a qtest socket' timeout=300
qtest_body()
{
	fuzz qtest 20000
}

test_case record 'what a process that was killed has left to undo' timeout=300
record_body()
{
	fuzz record 50000
}

test_case linux 'what Linux says in /proc and /sys' timeout=300
linux_body()
{
	fuzz linux 20000
}

test_case library 'every call, on devices that are honest or lie' timeout=600
library_body()
{
	fuzz library 20000
}

test_case tool 'edutool, with any arguments, files and devices' timeout=600
tool_body()
{
	fuzz tool 20000
}
