#! /usr/bin/env atf-sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# edutool --trace and --chart over the qtest bus.  QEMU's own trace of the same
# run is the other witness.
#
# shellcheck disable=SC2016	# the script of another shell

. "$(atf_get_srcdir)/../../tests/h_edutool.sh"

# A QEMU that traces every access to the edu device, in the file "qemu.trace".
tracing_qemu()
{
	qemu=${QEMU:-qemu-system-x86_64}
	for event in memory_region_ops_read memory_region_ops_write \
	    pci_cfg_read pci_cfg_write; do
		"$qemu" -trace help 2>/dev/null | grep -q "^$event\$" ||
		    atf_skip "$qemu has no trace event $event"
	done
	cat >qemu-tracing <<-END
	#! /bin/sh
	exec $qemu "\$@" -D $PWD/qemu.trace -trace 'memory_region_ops_*' \
	    -trace 'pci_cfg_*'
	END
	chmod +x qemu-tracing
	export QEMU="$PWD/qemu-tracing"
}

# What QEMU has seen, as --trace shows it without names: "w 0x20 = 0x80".  To
# find the device is no access of its own: qtest's search ends where it has read
# its ids.
seen()
{
	awk '
	/pci_cfg_/ && / edu / {
		if (!found) { found = 1; next }
		sub(/.*@0x/, "")
		split($0, f, " ")
		print (f[2] == "->" ? "cr" : "cw"), f[1], f[3]
	}
	/edu-mmio/ {
		for (i = 1; i < NF; i++) {
			if ($i == "addr") offset = $(i + 1)
			if ($i == "value") value = $(i + 1)
		}
		print ($0 ~ /ops_read/ ? "r" : "w"), \
		    substr(offset, length(offset) - 1), value
	}' qemu.trace | while read -r access offset value; do
		printf '%s 0x%02x = 0x%x\n' "$access" "0x$offset" "$value"
	done
}

# traced: what --trace has written to the file "trace" alike.
traced()
{
	sed -n -E -e 's/ \([^)]*\)$//' \
	    -e 's/^(c?[rw] 0x[0-9a-f]*)( [A-Z_0-9]*)? = /\1 = /p' trace
}

# is_complete ARGUMENT ...: the run's trace is QEMU's.
is_complete()
{
	rm -f qemu.trace
	atf_check -s ignore -o ignore -e ignore "$EDUTOOL" --trace=trace "$@"
	traced >ours
	seen >theirs
	atf_check test -s theirs
	atf_check -o file:theirs cat ours
}

qemu_case complete "--trace has every access that QEMU sees, in its order, \
with the open and the close" timeout=120
complete_body()
{
	tracing_qemu
	is_complete live 0x12345678
	is_complete factorial 12
	is_complete factorial --irq 0
	is_complete dma test -n 5000
	is_complete dma test --irq -n 5000
	is_complete irq raise 0x40
	is_complete irq wait -t 1
	is_complete bar
	is_complete info
	is_complete regs
}

qemu_case text "--trace names registers and bits, to standard error or a file, \
before the command's name and behind it"
text_body()
{
	"$EDUTOOL" factorial 5 --irq --trace >out 2>err ||
	    atf_fail "$(cat err)"
	atf_check -o inline:'120\n' cat out
	# How long a wait may be is cut short by what is left.
	sed -n '/STATUS = 0x80/,/FACTORIAL = 0x78/p' err |
	    sed 's/^wait .*/wait/' >part
	cat >expected <<-END
	w 0x20 STATUS = 0x80 (IRQFACT)
	w 0x08 FACTORIAL = 0x5
	wait
	wake by interrupt
	r 0x24 INTR_STATUS = 0x1 (FACTORIAL)
	w 0x64 INTR_ACK = 0x1 (FACTORIAL)
	rearm
	cr 0x04 COMMAND = 0x100006 (MEMORY MASTER CAPS)
	r 0x20 STATUS = 0x80 (IRQFACT)
	r 0x08 FACTORIAL = 0x78
	END
	atf_check -o file:expected cat part
	atf_check -o inline:'120\n' "$EDUTOOL" --trace=trace factorial 5 --irq
	atf_check -o match:'^w 0x08 FACTORIAL = 0x5$' cat trace
	atf_check -o inline:'120\n' "$EDUTOOL" -v --trace=trace factorial 5
	atf_check -o match:'^  [0-9]\.[0-9]{6} w 0x08 FACTORIAL = 0x5$' \
	    grep -E FACTORIAL trace
	head -c 16 /dev/zero >zeroes
	atf_check "$EDUTOOL" --trace=trace dma put -o 16 zeroes
	atf_check -o match:'^w 0x88 DMA_DST = 0x40010 \(BUFFER\+0x10\)$' \
	    -o match:'^sleep [0-9]+\.[0-9]{3} ms$' -o match:'^wake$' \
	    -o match:'^w 0x98 DMA_CMD = 0x1 \(RUN\)$' cat trace
	atf_check -o ignore "$EDUTOOL" --trace=trace info
	atf_check -o match:'^cr 0x[0-9a-f]+ MSI = 0x[0-9a-f]+ \(64BIT\)$' \
	    -o match:'^cr 0x10 BAR0 = 0xfe000000$' cat trace
	# The name of -v bar.
	atf_check -o match:'  write  0x10 BAR0     0xffffffff  ' \
	    "$EDUTOOL" -v bar
}

qemu_case json "--trace with -j: each line is a JSON document"
json_body()
{
	atf_check -o save:document "$EDUTOOL" -j --trace=trace factorial 5 --irq
	holds "d['factorial'] == 120"
	atf_check python3 -c '
import json
lines = [json.loads(line) for line in open("trace")]
times = [d["time_ns"] for d in lines]
assert times == sorted(times) and times[0] > 0
assert all(d["device"] == "qtest:" for d in lines)
found = [d for d in lines if d.get("name") == "STATUS" and d["value"] == 128]
del found[0]["time_ns"]
assert found[0] == {"device": "qtest:", "access": "write", "offset": 32,
    "width": 4, "name": "STATUS", "value": 128, "bits": ["IRQFACT"]}, found
[wait] = [i for i, d in enumerate(lines) if d["access"] == "wait"]
assert "offset" not in lines[wait]
assert lines[wait + 1]["access"] == "wake" and lines[wait + 1]["value"] == 1
'
}

qemu_case chart "--chart is what the command does, for mscgen to draw"
chart_body()
{
	head -c 16 /dev/zero >zeroes
	atf_check "$EDUTOOL" --chart=chart dma put --irq zeroes
	sed 's/wait [0-9.]*/wait 1000.000/' chart >shown
	sed -n '/^msc/,/^}/p' "$(atf_get_srcdir)/../../tools/edutool.8" |
	    tr -d '\\&' >expected
	atf_check -o file:expected cat shown
	command -v mscgen >/dev/null || return 0
	atf_check mscgen -T svg -i chart -o chart.svg
	# README's picture is this.
	atf_check mscgen -T svg -i shown -o shown.svg
	atf_check cmp shown.svg "$(atf_get_srcdir)/../../tools/trace.svg"
	# All that was repeated is there.
	atf_check -o ignore "$EDUTOOL" -v --chart=chart factorial --irq 5
	atf_check -o match:'INTX CAPS\), 2 times' cat chart
	atf_check mscgen -T svg -i chart -o chart.svg
}

qemu_case failures "a file that cannot be written, and one that is full"
failures_body()
{
	atf_check -s exit:66 -o empty -e match:'nowhere/trace' \
	    "$EDUTOOL" --trace=nowhere/trace factorial 5
	[ -c /dev/full ] || return 0
	atf_check -s exit:74 -o inline:'120\n' \
	    -e match:'trace is not complete' \
	    "$EDUTOOL" --trace=/dev/full factorial 5
	atf_check -s exit:74 -o inline:'120\n' \
	    sh -c "'$EDUTOOL' --trace factorial 5 2>/dev/full"
}
