#! /bin/sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# NetBSD: which devices edu(4) is attached to; for scripts to read in.

# The devices, and the units there.
attached()
{
	"${EDUTOOL:-build/edutool}" list |
	    sed -n 's/ .*kernel side: edu\([0-9][0-9]*\).*/ \1/p'
}

# attach [DEVICE ...]: edu(4) to these and to no others.
attach()
{
	for name; do
		attached | grep -q "^$name " ||
		    drvctl -r "pci$((0x${name%%:*}))"
	done
	attached | while read -r name unit; do
		case " $* " in
		*" $name "*)	;;
		*)		drvctl -d "edu$unit" ;;
		esac
	done
}
