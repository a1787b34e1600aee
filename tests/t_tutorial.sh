#! /usr/bin/env atf-sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# edu-tutorial(7) is true: every command runs and prints what stands there,
# and every piece of C is compiled, and runs where the page says so.
#
# A display of the page is a session, of commands behind a prompt and what they
# print; or C: the frame, which has a main() with a comment for the step, the
# steps, and programs of their own.

. "$(atf_get_srcdir)/../../tests/h_case.sh"

ROOT=$(cd "$(atf_get_srcdir)/../.." && pwd)
EDUTOOL=$ROOT/build/edutool
PAGE=$ROOT/tools/edu-tutorial.7

# displays SECTION: each display of a section as a file, 01.txt and so on.
displays()
{
	[ -r "$PAGE" ] || atf_skip "no manual page here"
	sed -e 's/\\&//g' -e 's/\\e/\\/g' "$PAGE" | awk -v section="$1" '
		/^\.Sh / { inside = substr($0, 5) == section }
		/^\.Ed/ { close(file); file = "" }
		file != "" { print >file }
		/^\.Bd -literal/ && inside {
			file = sprintf("%02d.txt", ++count)
		}'
}

is_session()
{
	head -n 1 "$1" | grep -q '^[$#] '
}

# commands PROMPT FILE: a shell script that prints what the session shows.
commands()
{
	awk -v prompt="$1 " '
		function quoted(s) {
			gsub(/\047/, "\047\\\047\047", s)
			return "\047" s "\047"
		}
		more || index($0, prompt) == 1 {
			print "printf \"%s\\n\" " quoted($0)
			line = more ? $0 : substr($0, length(prompt) + 1)
			command = more ? command "\n" line : line
			if (!(more = command ~ /\|$/))
				print "{ " command "\n} 2>&1"
		}' "$2"
}

# As often as it takes, and as long.
normal()
{
	sed -E -e 's/[0-9]+\.[0-9]{3} ms/N ms/' | tr -d '\r' |
	    grep -v 'STATUS = 0x1 (COMPUTING)$'
}

# compile FILE: as a program of its own, or a step in the frame.
compile()
{
	if grep -q '^main(' "$1"; then
		cp "$1" step.c
	else
		sed -e 's/^./	&/' "$1" >body
		sed -e '/the step/{r body' -e 'd;}' frame >step.c
	fi
	# shellcheck disable=SC2046
	atf_check "${CC:-cc}" -std=c11 -Wall -Wextra -Werror \
	    -I"$ROOT/include" \
	    $(tr ' ' '\n' <"$ROOT/build/flags" | grep '^-fsanitize=') \
	    -o step step.c "$ROOT/build/libedu.a" \
	    $(pkg-config --libs pciaccess) -lpthread
}

test_case steps 'each of the seven steps prints what it shows' timeout=120 \
    "require.progs=${QEMU:-qemu-system-x86_64} pkg-config"
steps_body()
{
	displays DESCRIPTION
	cp 01.txt frame
	displays 'SEVEN STEPS'
	PATH=$(dirname "$EDUTOOL"):$PATH
	ran=0 compiled=0
	for file in [0-9]*.txt; do
		if is_session "$file"; then
			commands '$' "$file" >script
			normal <"$file" >expected
			sh script >raw
			normal <raw >printed
			atf_check -o file:expected cat printed
			ran=$((ran + 1))
		else
			compile "$file"
			compiled=$((compiled + 1))
		fi
	done
	atf_check_equal "$ran $compiled" "14 7"
	# README has the first of them.
	sed -n '/edutool -d qtest: --trace peek 0$/,/^$/s/^    //p' \
	    "$ROOT/README.md" | sed 1d >expected
	atf_check -o file:expected sed 1d 01.txt
	atf_check_equal "$(grep -c '^\.Ss [1-7]\. ' "$PAGE")" 7
}

test_case guest 'what it shows of a guest' timeout=120
guest_body()
{
	displays 'IN A GUEST'
	cat [0-9]*.txt >session
	commands '#' session >script
	"$ROOT/tools/eduvm" -t 100 -n 1 -- env \
	    PATH="$ROOT/build:/usr/sbin:/usr/bin:/sbin:/bin" \
	    sh -c "$(cat script)" >raw 2>err
	status=$?
	[ $status -ne 69 ] || atf_skip "$(cat err)"
	atf_check_equal "$(cat err)" ""
	normal <raw >printed
	normal <session >expected
	atf_check -o file:expected cat printed
}

test_case netbsd "of NetBSD: the C compiles, the sessions are README's" \
    require.progs=pkg-config
netbsd_body()
{
	displays 'ON NETBSD'
	for file in [0-9]*.txt; do
		if ! is_session "$file"; then
			compile "$file"
			continue
		fi
		while IFS= read -r line; do
			grep -qxF -- "    $line" "$ROOT/README.md" ||
			    atf_fail "README does not have: $line"
		done <"$file"
	done
}
