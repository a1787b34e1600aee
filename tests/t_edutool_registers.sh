#! /usr/bin/env atf-sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# edutool's commands for the registers and for configuration space.

. "$(atf_get_srcdir)/../../tests/h_edutool.sh"

qemu_case list "list with -d prints address, version and kernel side"
list_body()
{
	atf_check -o inline:'qtest:  version 1.0, kernel side: none\n' \
	    "$EDUTOOL" list
	check_json "d == {'devices': [{'device': 'qtest:', 'version': \
	    {'major': 1, 'minor': 0}, 'kernel_side': 'none'}]}" list
	atf_check -s exit:66 -e match:'^edutool: ff:1f.7: ' \
	    "$EDUTOOL" -d ff:1f.7 list
}

qemu_case info "info decodes identification, registers, BAR0, MSI and line"
info_body()
{
	cat >expected.in <<-'END'
	device:                qtest:
	kernel side:           none
	identification:        0x010000ed (edu version 1.0)
	vendor, product:       0x1234 0x11e8
	subsystem:             0x1af4 0x1100
	revision:              0x10
	class:                 0x00ff00 (LONG)
	header type:           0x00
	command register:      0x0002
	  I/O space accesses           off
	  memory space accesses        on
	  bus mastering                off
	  special cycles               off
	  memory write and invalidate  off
	  palette snooping             off
	  parity error response        off
	  system error (SERR#)         off
	  fast back-to-back            off
	  INTx disable                 off
	status register:       0x0010
	  INTx pending                 off
	  capability list              on
	END
	atf_check -o save:output "$EDUTOOL" info
	long="class 0x00, subclass 0xff, interface 0x00"
	atf_check -o save:expected sed "s/LONG/$long/" expected.in
	atf_check -o file:expected head -n "$(wc -l <expected)" output
	atf_check -o match:'^0xfe000000 \(32-bit memory, not prefetchable, ' \
	    sed -n 's/^BAR0:  *//p' output
	atf_check -o inline:'1 (INTA)\n' sed -n 's/^interrupt pin:  *//p' output
	atf_check -o inline:'at 0x40, disabled, 64-bit, vectors: 1 of 1\n' \
	    sed -n 's/^MSI capability:  *//p' output
	atf_check -o match:'^  0x00: 0x11e81234 0x00100002 0x00ff0010 ' \
	    "$EDUTOOL" -v info
}

qemu_case info_json "the same as JSON"
info_json_body()
{
	check_json "d['version'] == {'major': 1, 'minor': 0}" info
	holds "(d['vendor'], d['product'], d['revision'], d['class']) == \
	    (0x1234, 0x11e8, 0x10, 0xff00)"
	holds "(d['subsystem_vendor'], d['subsystem_product']) == \
	    (0x1af4, 0x1100)"
	holds "d['identification'] == 0x010000ed"
	holds "d['command']['value'] == 2 and d['command']['memory'] and \
	    not d['command']['bus_master'] and \
	    not d['command']['intx_disable']"
	holds "d['status']['value'] == 0x10 and d['status']['capabilities']"
	holds "d['bar0'] == {'value': 0xfe000000, 'address': 0xfe000000, \
	    'type': 'mem32', 'prefetchable': False}"
	holds "d['msi'] == {'offset': 0x40, 'enabled': False, '64bit': True, \
	    'maskable': False, 'vectors': 1, 'vectors_enabled': 1, \
	    'address': 0, 'data': 0}"
	holds "d['interrupt_pin'] == 1 and d['kernel_side'] == 'none'"
}

# shown LINE ...: with the lies, these are lines of what info prints, but for
# the width of its columns.
shown()
{
	"$EDUTOOL" info 2>message | tr -s ' ' | sed 's/^ //' >output
	for line; do
		atf_check -o ignore grep -Fx "$line" output
	done
}

kept_case info_decoded 'info decodes what other devices than QEMU'\''s may have'
info_decoded_body()
{
	start_qemu
	start_liar
	shown 'interrupt pin: 1 (INTA)' 'header type: 0x00'
	lies 0c 00800000 3c 000000ff
	shown 'header type: 0x80 (one of several functions)' \
	    'interrupt line: 255 (none)' 'interrupt pin: 0 (none)'
	lies 3c 0000090b
	shown 'interrupt line: 11' 'interrupt pin: 9'
	lies 3c 00000400
	shown 'interrupt pin: 4 (INTD)'
	lies 04 ffff0406
	shown 'received master abort on' 'INTx disable on' \
	    'bus mastering on' 'I/O space accesses off'
	lies 10 fe000002
	where='not prefetchable, at 0xfe000000'
	shown "BAR0: 0xfe000002 (memory below 1 MiB, $where)"
	lies 10 fe00000c
	shown 'BAR0: 0xfe00000c (64-bit memory, prefetchable, at 0xfe000000)'
	check_json "d['bar0'] == {'value': 0xfe00000c, 'address': 0xfe000000, \
	    'type': 'mem64', 'prefetchable': True}" info
	# There are no registers, and yet this is shown.
	lies 10 0000c001
	shown 'BAR0: 0x0000c001 (I/O, at 0x0000c000)'
	atf_check -s exit:69 -o save:document -e ignore "$EDUTOOL" -j info
	holds "d['bar0'] == {'value': 0xc001, 'address': 0xc000, \
	    'type': 'io', 'prefetchable': False}"
}

kept_case info_msi 'info finds the MSI capability, or says that there is none'
info_msi_body()
{
	start_qemu
	start_liar
	lies 40 01275005 44 fee01000 48 00004022 4c 12345678
	shown 'MSI capability: at 0x40, enabled, 32-bit, vectors: 4 of 8' \
	    'address 0xfee01000, data 0x4022, maskable'
	check_json "d['msi'] == {'offset': 0x40, 'enabled': True, '64bit': \
	    False, 'maskable': True, 'vectors': 8, 'vectors_enabled': 4, \
	    'address': 0xfee01000, 'data': 0x4022}" info
	# The second in the list.
	lies 40 00005009 50 00800005 54 fee01000 58 1 5c 00004022
	shown 'MSI capability: at 0x50, disabled, 64-bit, vectors: 1 of 1' \
	    'address 0x1fee01000, data 0x4022'
	# None of the others is: and a list that never ends.
	for list in '34 00000000' '04 00000002' '34 0000003c 3c 00000005' \
	    '40 00000009' '40 00004009'; do
		# shellcheck disable=SC2086	# words
		lies $list
		shown 'MSI capability: none'
		check_json "d['msi'] is None" info
	done
}

qemu_case bar "bar sizes BAR0, and -v shows the steps in their order"
bar_body()
{
	result='BAR0: 32-bit memory, not prefetchable, 1 MiB (0x100000) at'
	result="$result 0xfe000000"
	atf_check -o inline:"$result\n" "$EDUTOOL" bar
	atf_check -o inline:"$result\n" "$EDUTOOL" bar qtest:
	atf_check -o inline:"$result\n" "$EDUTOOL" bar -f qtest: 0
	atf_check -o inline:'BAR1: absent\n' "$EDUTOOL" bar qtest: 1
	cat >expected <<-END
	step         offset        value       purpose
	   1  read   0x04 COMMAND  0x00100002  save the command register
	   2  write  0x04 COMMAND  0x00000400  disable decoding and INTx
	   3  read   0x04 COMMAND  0x00100400  verify
	   4  read   0x10 BAR0     0xfe000000  save the BAR
	   5  write  0x10 BAR0     0xffffffff  write all ones
	   6  read   0x10 BAR0     0xfff00000  read back the size mask
	   7  write  0x10 BAR0     0xfe000000  restore the BAR
	   8  read   0x10 BAR0     0xfe000000  verify
	   9  write  0x04 COMMAND  0x00000002  restore the command register
	  10  read   0x04 COMMAND  0x00100002  verify
	$result
	END
	atf_check -o file:expected "$EDUTOOL" -v bar
	atf_check -o file:expected "$EDUTOOL" bar qtest: -v
	check_json "(d['index'], d['type'], d['prefetchable'], d['address'], \
	    d['length']) == (0, 'mem32', False, 0xfe000000, 0x100000)" bar
	holds "len(d['steps']) == 10 and d['steps'][5] == {'access': 'read', \
	    'offset': 16, 'name': 'BAR0', 'value': 0xfff00000, \
	    'purpose': 'read back the size mask'}"
	check_json "(d['index'], d['type'], d['length']) == (1, 'absent', 0)" \
	    bar qtest: 1
	fails_json 64 "'EINVAL'" bar qtest: 6
}

qemu_case live "live prints the inverse"
live_body()
{
	atf_check -o inline:'0xedcba987\n' "$EDUTOOL" live
	atf_check -o inline:'0xffffffff\n' "$EDUTOOL" live 0
	check_json "d == {'device': 'qtest:', 'value': 1, \
	    'answer': 0xfffffffe}" live 1
}

qemu_case factorial "factorial prints the number alone"
factorial_body()
{
	n=0
	for result in 1 1 2 6 24 120 720 5040 40320 362880 3628800 39916800 \
	    479001600; do
		atf_check -o inline:"$result\n" "$EDUTOOL" factorial $n
		n=$((n + 1))
	done
	atf_check -o inline:'479001600\n' "$EDUTOOL" factorial 12 --irq
	check_json "d == {'device': 'qtest:', 'n': 5, 'factorial': 120, \
	    'wrapped': False}" factorial 5
}

qemu_case factorial_wrap "more than 12 is exit 65, or with --wrap modulo 2^32"
factorial_wrap_body()
{
	atf_check -s exit:65 -e match:'^edutool: .*--wrap' \
	    "$EDUTOOL" factorial 13
	fails_json 65 "'ERANGE'" factorial 13
	atf_check -o inline:'1932053504\n' "$EDUTOOL" factorial 13 --wrap
	atf_check -o inline:'0\n' "$EDUTOOL" factorial 34 --wrap --irq
	check_json "d['factorial'] == 1932053504 and d['wrapped']" \
	    factorial 13 --wrap
}

qemu_case timeout "what is not done within -t is exit 75"
timeout_body()
{
	atf_check -s exit:75 -e match:'^edutool: qtest:.*in time' \
	    "$EDUTOOL" -t 50 factorial --wrap 4294967295
	fails_json 75 "'ETIMEDOUT'" -t 50 factorial --wrap 4294967295
}

kept_case irq 'what one run raises, the next ones see and acknowledge'
irq_body()
{
	start_qemu
	atf_check "$EDUTOOL" irq raise 0x101
	atf_check -o inline:'0x00000101\n' "$EDUTOOL" irq status
	atf_check -o inline:'0x00000101 factorial dma\n' \
	    "$EDUTOOL" irq status -v
	atf_check "$EDUTOOL" irq ack 0x100
	atf_check -o inline:'0x00000001 factorial\n' "$EDUTOOL" -v irq status
	atf_check "$EDUTOOL" irq ack 1
	atf_check -o inline:'0x00000000\n' "$EDUTOOL" -v irq status
	atf_check "$EDUTOOL" irq raise 0x101
	atf_check -o inline:'0x00000101\n' "$EDUTOOL" peek 0x24
	atf_check -o inline:'0xedcba987\n' "$EDUTOOL" live
	atf_check "$EDUTOOL" irq ack 0x100
	atf_check "$EDUTOOL" irq raise 0x80000000
	atf_check -o inline:'0x80000001\n' "$EDUTOOL" irq status
	atf_check -o inline:'0x80000001\n' "$EDUTOOL" -t 20000 irq wait
	atf_check -o inline:'0x00000000\n' "$EDUTOOL" irq status
	atf_check "$EDUTOOL" poke 0x60 4
	atf_check -o inline:'0x00000004\n' "$EDUTOOL" irq wait
	atf_check -s exit:1 -e match:'no interrupt' "$EDUTOOL" -t 10 irq wait
}

qemu_case irq_json "the documents of the irq commands"
irq_json_body()
{
	check_json "d == {'device': 'qtest:', 'mask': 4}" irq raise 4
	check_json "d == {'device': 'qtest:', 'mask': 0xffffffff}" \
	    irq ack 0xffffffff
	check_json "d == {'device': 'qtest:', 'status': 0}" irq status
}

qemu_case irq_timeout "irq wait without an interrupt is exit 1"
irq_timeout_body()
{
	atf_check -s exit:1 -o empty \
	    -e inline:'edutool: qtest:: no interrupt came in 50 ms\n' \
	    "$EDUTOOL" -t 50 irq wait
	atf_check -s exit:1 -o empty -e match:' in 0 ms' \
	    "$EDUTOOL" -t 0 irq wait
	fails_json 1 "'ETIMEDOUT'" -t 1 irq wait
}

qemu_case registers "peek, poke and regs"
registers_body()
{
	atf_check -o inline:'0x010000ed\n' "$EDUTOOL" peek 0
	atf_check -o inline:'0x00000000\n' "$EDUTOOL" peek 0x20
	atf_check "$EDUTOOL" poke 4 0xffffffff
	atf_check "$EDUTOOL" poke -w 8 0x80 0xffffffffffffffff
	cat >expected <<-'END'
	0x00  0x010000ed          identification
	0x04  0x00000000          liveness
	0x08  0x00000000          factorial
	0x20  0x00000000          status
	0x24  0x00000000          interrupt status
	0x80  0x0000000000000000  DMA source address
	0x88  0x0000000000000000  DMA destination address
	0x90  0x0000000000000000  DMA byte count
	0x98  0x0000000000000000  DMA command
	END
	atf_check -o file:expected "$EDUTOOL" regs
	check_json "d == {'device': 'qtest:', 'offset': 0, 'width': 4, \
	    'value': 0x010000ed}" peek 0
	check_json "d == {'device': 'qtest:', 'offset': 0x80, 'width': 8, \
	    'value': 2**64 - 1}" poke -w 8 0x80 0xffffffffffffffff
	check_json "len(d['registers']) == 9 and d['registers'][0] == \
	    {'name': 'identification', 'offset': 0, 'width': 4, \
	    'value': 0x010000ed}" regs
}

qemu_case register_refused "what a register cannot do is exit 64 or 77"
register_refused_body()
{
	fails_json 64 "'EINVAL'" peek 2
	fails_json 64 "'EINVAL'" peek 0xa0
	fails_json 64 "'EINVAL'" peek 0x40000
	fails_json 64 "'EINVAL'" peek 4294967292
	fails_json 64 "'EINVAL'" peek -w 8 0
	fails_json 77 "'EACCES'" peek 0x60
	fails_json 77 "'EACCES'" poke 0 1
	fails_json 77 "'EPERM'" poke 0x98 1
	atf_check -s exit:77 -e match:'edutool dma' "$EDUTOOL" poke 0x98 1
}

kept_case poke 'what poke writes, peek reads, in both widths'
poke_body()
{
	start_qemu
	atf_check "$EDUTOOL" poke 4 0x0f0f0f0f
	atf_check -o inline:'0xf0f0f0f0\n' "$EDUTOOL" peek 4
	atf_check "$EDUTOOL" poke -w 8 0x80 0x123456789abcdef0
	atf_check -o inline:'0x123456789abcdef0\n' "$EDUTOOL" peek -w 8 0x80
	atf_check -o match:'^0x80  0x123456789abcdef0  DMA source address$' \
	    "$EDUTOOL" regs
	atf_check "$EDUTOOL" poke 0x80 5
	atf_check -o inline:'0x00000005\n' "$EDUTOOL" peek 0x80
}

# Somebody at the socket "peer" who sends control characters.
start_rude_peer()
{
	cat >peer.py <<-END
	import socket, sys
	s = socket.socket(socket.AF_UNIX)
	s.bind("peer")
	s.listen()
	kept = []
	while True:
	    c = s.accept()[0]
	    kept.append(c)
	    c.send(b"no \x1b[31m\x07\x7f\xc2\x9b\x9b\x0d\n")
	END
	python3 peer.py >/dev/null 2>&1 &
	echo $! >peer.pid
	until [ -S peer ]; do
		sleep 0.1
	done
}

kept_case escapes "no control character from outside reaches a terminal"
escapes_body()
{
	esc=$(printf '\033[31m\007\177\302\233\233')
	start_rude_peer
	mkdir "dir$esc"
	(cd "dir$esc" && start_qemu >/dev/null 2>&1 && mv qemu.pid ..)
	cat peer.pid >>qemu.pid
	socket="qtest:dir$esc/socket"
	for json in "" -j; do
		for device in qtest:peer "qtest:$esc" "$esc" "$socket"; do
			EDU_DEVICE=$device "$EDUTOOL" $json list
			EDU_DEVICE=$device "$EDUTOOL" $json info
			EDU_DEVICE=$device "$EDUTOOL" $json selftest
		done
		"$EDUTOOL" $json -d "$socket" bind none
		"$EDUTOOL" $json -d "$socket" bar "$esc"
		"$EDUTOOL" $json "$esc"
		"$EDUTOOL" $json -"$esc"
		"$EDUTOOL" $json --"$esc"
		"$EDUTOOL" $json help "$esc"
		"$EDUTOOL" $json factorial "$esc"
		"$EDUTOOL" $json dma put "$esc"
		"$EDUTOOL" $json dma get -n 1 "$esc/x"
	done >out 2>&1
	atf_check -o match:'\\x1b\[31m\\x07\\x7f\\xc2\\x9b\\x9b' \
	    -o match:'version 1.0, kernel' -o match:'which is not qtest' \
	    -o match:'\\u001b\[31m\\u0007\\u007f\\u009b\\ufffd' cat out
	atf_check python3 -c '
import re
print(*re.findall("[^\\n]*[\\0-\\x09\\x0b-\\x1f\\x7f-\\x9f][^\\n]*",
    open("out", encoding="utf-8").read()), sep="", end="")'
}
