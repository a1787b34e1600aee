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
