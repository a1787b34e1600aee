#! /usr/bin/env atf-sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# How often the library accesses the device, counted by QEMU: its trace names
# every access to a register or to configuration space.  h_counts and h_open, in
# a guest, put marks around each operation.  The library's own trace has to be
# the same.
#
# shellcheck disable=SC2016	# the guest's variables

. "$(atf_get_srcdir)/../../tests/h_case.sh"

# run_traced COMMAND: in a guest, with uio, and in the file "trace" every access
# to a register.
run_traced()
{
	root=$(cd "$(atf_get_srcdir)/../.." && pwd)
	qemu=${QEMU:-qemu-system-x86_64}
	"$qemu" -trace help 2>/dev/null | grep -q '^memory_region_ops_read$' ||
	    atf_skip "$qemu cannot trace accesses"
	# A boot makes 18 MB of trace.  Opened both ways a FIFO never blocks,
	# and grep does not wait for a QEMU that has never opened it.
	mkfifo fifo
	grep -a -e edu-mmio -e '^pci_cfg_[a-z]* edu ' <fifo >trace &
	filter=$!
	"$root/tools/eduvm" -t 100 -q -D -q "$(pwd)/fifo" \
	    -q -trace -q memory_region_ops_read \
	    -q -trace -q memory_region_ops_write \
	    -q -trace -q 'pci_cfg_*' -- sh -c '
		pages=/proc/sys/vm/nr_hugepages
		[ $(cat $pages) -gt 0 ] || echo 4 >$pages
		cd "$1" && build/edutool --trace bind uio && eval "$2"' \
	    sh "$root" "$1" >out 2>err
	status=$?
	: <>fifo
	wait $filter
	[ $status -ne 69 ] || atf_skip "$(cat err)"
	[ $status -eq 0 ] || atf_fail "$1 exits $status: $(cat err)"
}

# summarize: "trace" as one line for each operation: reads (r) and writes (w)
# by their offsets, in their order, and how many of those that were repeated;
# those of configuration space as cr and cw.
# Access to BAR0: its size is 1 MiB, so the last five digits are the offset.
summarize()
{
	awk '
	function flush() {
		if (last != "")
			line = line " " last (n > 1 ? "*" n : "")
		last = ""; n = 0
	}
	BEGIN {
		split("nothing factorial put get copy interrupt " \
		    "factorial-irq put-irq interrupts", names, " ")
	}
	{
		for (i = 1; i < NF; i++) {
			if ($i == "addr")
				offset = substr($(i + 1), length($(i + 1)) - 1)
			if ($i == "value")
				value = $(i + 1)
		}
		access = ($0 ~ /ops_read/ ? "r" : "w") offset
		if ($1 ~ /^pci_cfg/) {
			access = ($1 ~ /read/ ? "cr" : "cw") substr($4, 4)
			value = ""
		}
		if (value ~ /^0xc0de00[0-9a-f][12]$/) {
			is_end = value ~ /2$/
			if (is_end) {
				flush()
				name = names[substr(value, 9, 1) + 0]
				print name ":" line
			}
			line = ""; inside = !is_end; answer = inside
			next
		}
		# The read of the mark itself.
		if (answer && access == "r04") { answer = 0; next }
		if (!inside)
			next
		if (access != last)
			flush()
		last = access; n++
	}' trace
}

test_case accesses 'each operation makes the accesses it needs and no more' \
    timeout=120
accesses_body()
{
	run_traced build/tests/dev/h_counts
	summarize >summary
	cat summary
	# As often as it takes: the polls of a factorial.  Once or twice: the
	# looks at a transfer, or at the interrupt status.  Ten times a second
	# or so: the reading of the command register before it is written.
	sed -e '/^factorial:/s/ r20\*[0-9]*/ r20/' \
	    -e '/^factorial-irq:/s/ w64 cr4 cw4/ w64 cw4/g' \
	    -e 's/ r98\*2 / r98 /g' -e 's/ r24\*2 / r24 /' \
	    -e '/^interrupts:/d' summary >counts
	# What stands in a register is not written again; the identification
	# is asked for where the command reads 0.  Bus mastering is read when a
	# copy begins and when it has ended, and never for a chunk.  After an
	# interrupt uio_pci_generic reads and writes the command register, and
	# to arm it again we do; but while no transfer runs we read it not
	# every time.
	out="w80 w88 w98 r98 r00"
	back="w80 w88 w98 r98"
	mask="cr4 cw4"
	arm="cr4 cw4"
	cat >expected <<-END
	nothing:
	factorial: w08 r20 r08
	put: cr4 w80 w88 w90 w98 r98 r00 cr4
	get: cr4 $back cr4
	copy: cr4 $out $back $out $back cr4
	interrupt: w60 $mask r24 w64 $arm
	factorial-irq: w20 w08 $mask r24 w64 cw4 r20 r08
	put-irq: cr4 w80 w88 w98 $mask r24 w64 $arm r98 cr4
	END
	atf_check -o file:expected cat counts
	# Ten in a row are armed by ten writes and some reads.
	atf_check -o inline:'10\n' sh -c "sed -n /^interrupts:/p summary |
	    grep -oE 'w60 cr4 cw4 r24 w64( cr4)? cw4' | grep -c ."
	atf_check -o not-empty grep '^interrupts:.* w64 cw4' summary
}

# What QEMU has seen, in the words of --trace, without names.
seen()
{
	awk '!/^pci_cfg/ {
		for (i = 1; i < NF; i++) {
			if ($i == "addr")
				offset = substr($(i + 1), length($(i + 1)) - 1)
			if ($i == "value")
				value = $(i + 1)
		}
		print ($0 ~ /ops_read/ ? "r" : "w") " 0x" offset " = " value
	}' trace
}

test_case trace 'the trace of edutool is what QEMU sees, in its order' \
    timeout=120
trace_body()
{
	run_traced 'exec 2>&1; edutool="build/edutool --trace"
	    $edutool live 0x12345678 && $edutool factorial 12 &&
	    $edutool factorial 5 --irq && $edutool dma test --irq -n 5000 &&
	    $edutool irq raise 4 && $edutool irq wait && $edutool info'
	cat out err | tr -d '\r' | sed -n -E -e 's/ \([^)]*\)$//' \
	    -e 's/^([rw] 0x[0-9a-f]*)( [A-Z_0-9]*)? = /\1 = /p' >ours
	seen >theirs
	atf_check -o not-empty cat theirs
	atf_check -o file:theirs cat ours
	# The kernel side's accesses are uio.c's own, beside the table.
	atf_check -o not-empty grep -A 2 '^rearm' out
	atf_check -o match:'^cr 0x04 COMMAND = 0x[0-9a-f]{1,4} ' \
	    sh -c 'tr -d "\r" <out | grep -A 1 ^rearm'
}

# summarize_config: likewise, by the marks of h_open; libpciaccess's reading of
# all of it, in pci_device_probe(), is "probe".
summarize_config()
{
	awk '
	/^pci_cfg/ {
		offset = $0
		sub(/.*@0x/, "", offset)
		sub(/ .*/, "", offset)
		access = ($0 ~ /cfg_read/ ? "r" : "w") offset
		list[++n] = access
		if (access == "rfc" && list[n - 1] != "rf8")
			mark[++marks] = n
	}
	END {
		name[1] = "open"; name[2] = "close"
		for (m = 1; m < marks; m++) {
			line = ""
			for (i = mark[m] + 1; i < mark[m + 1]; i++) {
				if (list[i] == "r0" && list[i + 1] == "r4" &&
				    list[i + 63] == "rfc") {
					line = line " probe"
					i += 63
				} else
					line = line " " list[i]
			}
			print name[m] ":" line
		}
	}' trace
}

test_case open 'an open makes the configuration accesses it needs, each write \
verified, and no more' timeout=120
open_body()
{
	run_traced build/tests/dev/h_open
	# Is it an edu, what stands in the command register, INTx off; is there
	# such a BAR, and which function is it, for the record.  Then the
	# sequence of bar.c: the command register and BAR0 as found, decoding
	# off, all ones, BAR0 and the command register put back.  Decoding is
	# on; bus mastering goes on, and INTx.
	tr -d '\t' >expected <<-END
	open: r0 r4 r4 w4 r4 rc r10 r0 r8 \
	r4 w4 r4 r10 w10 r10 w10 r10 w4 r4 probe \
	r4 r4 w4 r4 r4 w4
	close: r4 w4 r4 w4 r4 w4 r4
	END
	summarize_config >summary
	atf_check -o file:expected cat summary
}
