#! /usr/bin/env atf-sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# edutool over the qtest bus: a real edu device, no guest, no root.  What
# needs a machine with the device stands in dev/t_edutool.sh.
#
# shellcheck shell=sh disable=SC2317	# the cases are called by ATF

EDUTOOL=${EDUTOOL:-$(atf_get_srcdir)/../edutool}
USAGE_ERROR="-s exit:64 -o empty -e match:^edutool:.*"

# A device of its own for every run.
export EDU_DEVICE=qtest:

# check_json EXPRESSION ARGUMENT ...: the run succeeds, standard output is one
# JSON document, and the Python expression holds for it, called d.
check_json()
{
	expression=$1
	shift
	atf_check -o save:document "$EDUTOOL" -j "$@"
	holds "$expression"
}

# fails_json STATUS ERRNO ARGUMENT ...: likewise for a run that fails.
fails_json()
{
	status=$1
	name=$2
	shift 2
	atf_check -s "exit:$status" -o save:document -e save:message \
	    "$EDUTOOL" -j "$@"
	holds "d['error']['exit'] == $status"
	holds "d['error']['errno'] == $name"
	holds "'edutool: ' + d['error']['message'] in open('message').read()"
}

holds()
{
	atf_check python3 -c '
import json, sys
d = json.load(open("document"), parse_constant=sys.exit)
if not eval(sys.argv[1]):
    sys.exit(f"{sys.argv[1]} does not hold for {d}")' "$1"
}

usage_error()
{
	# shellcheck disable=SC2086	# words of atf_check
	atf_check $USAGE_ERROR "$EDUTOOL" "$@"
}

# A QEMU whose device DMAs to the lowest 4096 bytes of memory only, wherever
# it is told to: every transfer goes wrong.
wrong_mask()
{
	cat >qemu-wrong-mask <<-END
	#! /bin/sh
	for word; do
		shift
		case \$word in
		edu,*)	word=\$word,dma_mask=0xfff ;;
		esac
		set -- "\$@" "\$word"
	done
	exec ${QEMU:-qemu-system-x86_64} "\$@"
	END
	chmod +x qemu-wrong-mask
}

# A QEMU that several runs talk to, one after the other.
start_qemu()
{
	head -c 65536 /dev/zero | tr '\0' '\364' >halt
	timeout 120 "${QEMU:-qemu-system-x86_64}" -nodefaults \
	    -no-user-config -display none -machine q35 -accel tcg \
	    -icount shift=0,sleep=off -m 16 -bios halt -device edu \
	    -qtest unix:socket,server=on,wait=off -qtest-log none &
	echo $! >qemu.pid
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		[ ! -S socket ] || return
		sleep 0.5
	done
	atf_fail "QEMU makes no socket"
}

stop_qemu()
{
	[ ! -f qemu.pid ] || kill "$(cat qemu.pid)"
}

# test_case NAME DESCRIPTION: a case that wants QEMU and Python.
test_case()
{
	atf_test_case "$1"
	eval "$1_head()
	{
		atf_set descr '$2'
		atf_set require.progs \
		    '${QEMU:-qemu-system-x86_64} python3'
	}"
}

# The command line.

test_case numbers "a number is checked as a whole, anything else is exit 64"
numbers_body()
{
	for bad in 5x x5 0x 0xg 0x5x 0X 5.0 1e3 '' ' 5' '5 ' +5 -1 - \
	    18446744073709551616 0x10000000000000000 \
	    99999999999999999999999 4294967296 0x100000000; do
		usage_error live -- "$bad"
		usage_error factorial -- "$bad"
		usage_error irq raise -- "$bad"
		usage_error irq ack -- "$bad"
		usage_error peek -- "$bad"
		usage_error poke -- "$bad" 0
		usage_error poke -- 4 "$bad"
		usage_error bar -- qtest: "$bad"
		usage_error dma put -o "$bad"
		usage_error dma get -n 5 -o "$bad"
		usage_error -t "$bad" live
		usage_error peek -w "$bad" 4
	done
	for bad in 5x '' -1 18446744073709551616 0; do
		usage_error dma get -n "$bad"
		usage_error dma test -n "$bad"
	done
	usage_error -t 2147483648 live
	usage_error poke -w 8 0x80 18446744073709551616
	usage_error live -1
}

test_case number_forms "decimal, 0x and 0X are understood; 010 is ten"
number_forms_body()
{
	atf_check -o inline:'0xfffffff5\n' "$EDUTOOL" live 10
	atf_check -o inline:'0xfffffff5\n' "$EDUTOOL" live 010
	atf_check -o inline:'0xffffffef\n' "$EDUTOOL" live 0x10
	atf_check -o inline:'0xffffff54\n' "$EDUTOOL" live 0XaB
	atf_check -o inline:'0x00000000\n' "$EDUTOOL" live 4294967295
	atf_check -o inline:'0x00000000\n' "$EDUTOOL" live 0xffffffff
	atf_check -o inline:'0xffffffff\n' "$EDUTOOL" live 00000000000000000000
}

test_case usage "what is no command, option or operand is exit 64"
usage_body()
{
	usage_error
	usage_error nonsense
	usage_error dma
	usage_error dma nonsense
	usage_error irq
	usage_error irq raises 4
	usage_error ''
	usage_error -z live
	usage_error --nonsense live
	usage_error live -z
	usage_error live --nonsense
	usage_error live --irq
	usage_error live -o 3
	usage_error live -n 3
	usage_error bar -w 8
	usage_error factorial 5 --last-byte
	usage_error dma test --wrap
	usage_error dma get
	usage_error dma put -o
	usage_error factorial
	usage_error factorial 5 6
	usage_error list all
	usage_error poke 4
	usage_error poke 4 5 6
	usage_error irq raise
	usage_error peek -w 2 4
	usage_error peek -w 0 4
	usage_error bind
	usage_error bind vfio
	usage_error help nonsense
	usage_error help dma nonsense
	usage_error help dm
	# shellcheck disable=SC2086
	atf_check $USAGE_ERROR "$EDUTOOL" -d
	# shellcheck disable=SC2086
	atf_check $USAGE_ERROR "$EDUTOOL" -d nonsense live
	# shellcheck disable=SC2086
	atf_check $USAGE_ERROR "$EDUTOOL" -d 0:0:0:0.0 live
	atf_check -s exit:64 -e match:'^usage: edutool factorial .*N$' \
	    "$EDUTOOL" factorial
	fails_json 64 None factorial 5x
	fails_json 64 None nonsense
	fails_json 64 "'EINVAL'" peek 2
}

test_case option_order "options stand before, behind and among the operands"
option_order_body()
{
	for posixly in no yes; do
		[ $posixly = no ] || export POSIXLY_CORRECT=1
		atf_check -o inline:'120\n' "$EDUTOOL" factorial --irq 5
		atf_check -o inline:'120\n' "$EDUTOOL" factorial 5 --irq
		atf_check -o inline:'120\n' "$EDUTOOL" factorial --irq -- 5
		atf_check -o inline:'1932053504\n' \
		    "$EDUTOOL" factorial 13 --wrap
		atf_check -o inline:'0x0000000000000000\n' \
		    "$EDUTOOL" peek 0x80 -w8
		atf_check -o inline:'0x0000000000000000\n' \
		    "$EDUTOOL" peek -w 8 128
		atf_check -o match:'^."device": "qtest:", ' \
		    "$EDUTOOL" factorial 5 -t 500 -j -d qtest:
	done
}

test_case device_default "EDU_DEVICE is the device unless -d names one"
device_default_body()
{
	atf_check -o inline:'120\n' "$EDUTOOL" factorial 5
	export EDU_DEVICE=qtest:/nonexistent
	atf_check -s exit:66 -e match:/nonexistent "$EDUTOOL" factorial 5
	atf_check -o inline:'120\n' "$EDUTOOL" -d qtest: factorial 5
	check_json "d['device'] == 'qtest:'" -d qtest: live
}

test_case help "help tells of every command, and JSON names them"
help_body()
{
	atf_check -o save:all "$EDUTOOL" help
	atf_check -o save:document "$EDUTOOL" -j help
	holds "len(d['commands']) == 19"
	atf_check -o save:names python3 -c '
import json
for c in json.load(open("document"))["commands"]:
    print(c["command"])'
	while read -r name; do
		atf_check -o ignore grep "^  $name  *[^ ]" all
		# shellcheck disable=SC2086	# two words
		atf_check -o match:"^usage: edutool $name" "$EDUTOOL" help $name
		# shellcheck disable=SC2086
		check_json "[c['command'] for c in d['commands']] == \
		    ['$name'] and len(d['commands'][0]) == 3" help $name
	done <names
	check_json "[c['command'] for c in d['commands']] == \
	    ['dma put', 'dma get', 'dma test']" help dma
	atf_check -o file:all "$EDUTOOL" --help
}

test_case manual "the manual page describes every command and every JSON key"
manual_body()
{
	page=$(atf_get_srcdir)/../../tools/edutool.8
	[ -r "$page" ] || atf_skip "no manual page here"
	atf_check -o save:document "$EDUTOOL" -j help
	atf_check -o save:names python3 -c '
import json
for c in json.load(open("document"))["commands"]:
    print(c["command"])'
	while read -r name; do
		atf_check -o ignore grep "Cm $name\$\|Cm $name [O|A]" "$page"
	done <names
	for words in list info "bar qtest:" live "factorial 5" \
	    "dma put $page" "dma get -n 5" "dma test" "irq raise 4" \
	    "irq status" "irq ack 4" "peek 4" "poke 4 5" regs selftest \
	    version help nonsense; do
		# shellcheck disable=SC2086
		"$EDUTOOL" -j $words >document 2>/dev/null
		atf_check python3 -c '
import json, sys
def check(d):
    if isinstance(d, list):
        for x in d:
            check(x)
    if isinstance(d, dict):
        for k in d:
            if f"Qq {k}" not in page:
                sys.exit(f"{k} is not described")
            check(d[k])
page = open(sys.argv[1]).read()
check(json.load(open("document")))' "$page"
	done
}

test_case version "version prints that of the tool and of the library"
version_body()
{
	atf_check -o match:'^edutool [0-9.]+ \(libedu [0-9.]+\)$' \
	    "$EDUTOOL" version
	atf_check -o match:'^edutool [0-9.]+ ' "$EDUTOOL" --version
	check_json "d['edutool'] == d['libedu']" version
}

# The commands.

test_case list "list with -d prints address, version and kernel side"
list_body()
{
	atf_check -o inline:'qtest:  version 1.0, kernel side: none\n' \
	    "$EDUTOOL" list
	check_json "d == {'devices': [{'device': 'qtest:', 'version': \
	    {'major': 1, 'minor': 0}, 'kernel_side': 'none'}]}" list
	atf_check -s exit:66 -e match:'^edutool: ff:1f.7: ' \
	    "$EDUTOOL" -d ff:1f.7 list
}

test_case info "info decodes identification, registers, BAR0, MSI and line"
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

test_case bar "bar sizes BAR0, and -v shows the steps in their order"
bar_body()
{
	result='BAR0: 32-bit memory, not prefetchable, 1 MiB (0x100000) at'
	result="$result 0xfe000000"
	atf_check -o inline:"$result\n" "$EDUTOOL" bar
	atf_check -o inline:"$result\n" "$EDUTOOL" bar qtest:
	atf_check -o inline:"$result\n" "$EDUTOOL" bar -f qtest: 0
	atf_check -o inline:'BAR1: absent\n' "$EDUTOOL" bar qtest: 1
	cat >expected <<-END
	step         offset  value       purpose
	   1  read   0x04    0x00100002  save the command register
	   2  write  0x04    0x00000400  disable decoding and INTx
	   3  read   0x04    0x00100400  verify
	   4  read   0x10    0xfe000000  save the BAR
	   5  write  0x10    0xffffffff  write all ones
	   6  read   0x10    0xfff00000  read back the size mask
	   7  write  0x10    0xfe000000  restore the BAR
	   8  read   0x10    0xfe000000  verify
	   9  write  0x04    0x00000002  restore the command register
	  10  read   0x04    0x00100002  verify
	$result
	END
	atf_check -o file:expected "$EDUTOOL" -v bar
	atf_check -o file:expected "$EDUTOOL" bar qtest: -v
	check_json "(d['index'], d['type'], d['prefetchable'], d['address'], \
	    d['length']) == (0, 'mem32', False, 0xfe000000, 0x100000)" bar
	holds "len(d['steps']) == 10 and d['steps'][5] == {'access': 'read', \
	    'offset': 16, 'value': 0xfff00000, \
	    'purpose': 'read back the size mask'}"
	check_json "(d['index'], d['type'], d['length']) == (1, 'absent', 0)" \
	    bar qtest: 1
	fails_json 64 "'EINVAL'" bar qtest: 6
}

test_case live "live prints the inverse"
live_body()
{
	atf_check -o inline:'0xedcba987\n' "$EDUTOOL" live
	atf_check -o inline:'0xffffffff\n' "$EDUTOOL" live 0
	check_json "d == {'device': 'qtest:', 'value': 1, \
	    'answer': 0xfffffffe}" live 1
}

test_case factorial "factorial prints the number alone"
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

test_case factorial_wrap "more than 12 is exit 65, or with --wrap modulo 2^32"
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

test_case timeout "what is not done within -t is exit 75"
timeout_body()
{
	atf_check -s exit:75 -e match:'^edutool: qtest:.*in time' \
	    "$EDUTOOL" -t 50 factorial --wrap 4294967295
	fails_json 75 "'ETIMEDOUT'" -t 50 factorial --wrap 4294967295
}

atf_test_case dma_files cleanup
dma_files_head()
{
	atf_set descr "what dma put writes, dma get reads, byte for byte"
	atf_set require.progs "${QEMU:-qemu-system-x86_64}"
}
dma_files_body()
{
	start_qemu
	export EDU_DEVICE="qtest:$PWD/socket"
	dd if=/dev/urandom of=in bs=4095 count=1 2>/dev/null
	atf_check "$EDUTOOL" dma put in
	atf_check "$EDUTOOL" dma get -n 4095 out
	atf_check cmp in out
	atf_check -o file:in "$EDUTOOL" dma get -n 4095
	atf_check -o file:in "$EDUTOOL" dma get -n 4095 -
	# An offset, standard input, and bytes that text would not survive.
	printf '\000\n\r\377\032a' >six
	atf_check "$EDUTOOL" dma put -o 4000 --irq <six
	atf_check -o file:six "$EDUTOOL" dma get --irq -o 0xfa0 -n 6
	atf_check "$EDUTOOL" dma put --irq -o 8 - <six
	{ head -c 8 in; cat six; tail -c +15 in | head -c 3986; cat six; \
	    tail -c +4007 in; } >expected
	atf_check "$EDUTOOL" dma get -n 4095 out
	atf_check cmp expected out
	# A file that was longer is cut.
	atf_check "$EDUTOOL" dma get -o 8 -n 6 out
	atf_check cmp six out
}
dma_files_cleanup()
{
	stop_qemu
}

test_case dma_json "with -j dma get gives hexadecimal, or fills a file"
dma_json_body()
{
	printf hello >hello
	check_json "d == {'device': 'qtest:', 'offset': 3, 'bytes': 5}" \
	    dma put -o 3 hello
	check_json "d == {'device': 'qtest:', 'offset': 7, 'bytes': 4095 - 7, \
	    'data': '00' * (4095 - 7)}" dma get -o 7 -n 4088
	check_json "d['data'] == '0000'" dma get -n 2 -
	check_json "d == {'device': 'qtest:', 'offset': 0, 'bytes': 5}" \
	    dma get -n 5 out
	head -c 5 /dev/zero >zeros
	atf_check cmp zeros out
}

test_case dma_range "a range that does not fit is exit 65, and told why"
dma_range_body()
{
	head -c 4096 /dev/zero >full
	head -c 4097 /dev/zero >oversize
	: >empty
	atf_check -s exit:65 -e match:'empty' "$EDUTOOL" dma put empty
	atf_check -s exit:65 -e match:'standard input.*empty' \
	    "$EDUTOOL" dma put </dev/null
	atf_check -s exit:65 -e match:'do not fit' "$EDUTOOL" dma put oversize
	atf_check -s exit:65 -e match:'do not fit' "$EDUTOOL" dma put -o 1 full
	atf_check -s exit:65 -e match:'do not fit' \
	    "$EDUTOOL" dma put -o 5000 full
	atf_check -s exit:65 -e match:'--last-byte' "$EDUTOOL" dma put full
	atf_check -s exit:65 -e match:'--last-byte' \
	    "$EDUTOOL" dma put -o 1 <<-END
	$(head -c 4094 /dev/zero | tr '\0' x)
	END
	atf_check -s exit:65 -o empty -e match:'--last-byte' \
	    "$EDUTOOL" dma get -o 4095 -n 1
	atf_check -s exit:65 -e match:'do not fit' "$EDUTOOL" dma get -n 4097
	atf_check -s exit:65 -e match:'do not fit' \
	    "$EDUTOOL" dma get -n 18446744073709551615
	atf_check -s exit:65 -e match:'do not fit' \
	    "$EDUTOOL" dma get -o 4096 -n 1
	fails_json 65 "'ERANGE'" dma put oversize
	fails_json 65 "'ERANGE'" dma put empty
	fails_json 65 "'ERANGE'" dma get -o 4095 -n 1
}

test_case dma_endless "an endless input is refused, not read"
dma_endless_body()
{
	atf_check -s exit:65 -e match:'do not fit' \
	    timeout 60 "$EDUTOOL" dma put /dev/zero
}

test_case dma_test "dma test sends any length in chunks, and compares"
dma_test_body()
{
	end='no difference\n'
	atf_check -o inline:"4096 bytes out and back in 2 chunks: $end" \
	    "$EDUTOOL" dma test
	atf_check -o inline:"1 bytes out and back in 1 chunk: $end" \
	    "$EDUTOOL" dma test -n 1
	atf_check -o inline:"4095 bytes out and back in 1 chunk: $end" \
	    "$EDUTOOL" dma test -n 4095 --irq
	atf_check -o inline:"100000 bytes out and back in 25 chunks: $end" \
	    "$EDUTOOL" dma test -n 100000
	check_json "d == {'device': 'qtest:', 'bytes': 12285, 'chunks': 3, \
	    'mismatch': None}" dma test -n 12285
}

test_case dma_mismatch "data that comes back changed is exit 65, and where"
dma_mismatch_body()
{
	wrong_mask
	export QEMU=./qemu-wrong-mask
	atf_check -s exit:65 -e match:'qtest:.*differs from byte [0-9]+ on$' \
	    "$EDUTOOL" dma test
	fails_json 65 None dma test
	holds "d['mismatch'] == d['bytes'] < 16 and d['chunks'] == 1"
}

test_case input_errors "an input that cannot be read is exit 66 or 74"
input_errors_body()
{
	atf_check -s exit:66 -e match:'^edutool: ./none: No such file' \
	    "$EDUTOOL" dma put ./none
	fails_json 66 "'ENOENT'" dma put ./none
	atf_check -s exit:74 -e match:'^edutool: \.: ' "$EDUTOOL" dma put .
}

test_case output_errors "output that does not arrive is exit 73 or 74"
output_errors_body()
{
	[ -c /dev/full ] || atf_skip "no /dev/full"
	full="-s exit:74 -e match:^edutool:.*No.space"
	# shellcheck disable=SC2086
	atf_check $full "$EDUTOOL" dma get -n 5 /dev/full
	for words in "dma get -n 4000" "dma get -n 5" info version help \
	    "-j regs" "-j version" "factorial 5"; do
		# shellcheck disable=SC2086
		atf_check $full sh -c "'$EDUTOOL' $words >/dev/full"
		# shellcheck disable=SC2086
		atf_check -s exit:74 -e match:^edutool: \
		    sh -c "'$EDUTOOL' $words >&-"
	done
	atf_check -s exit:73 -e match:'^edutool: ./none/out: ' \
	    "$EDUTOOL" dma get -n 5 ./none/out
	fails_json 73 "'ENOENT'" dma get -n 5 ./none/out
	fails_json 74 "'ENOSPC'" dma get -n 5 /dev/full
}

test_case broken_pipe "a reader that has gone is exit 74"
broken_pipe_body()
{
	mkfifo pipe
	for words in "dma get -n 4000" info; do
		: <pipe &
		exec 3>pipe
		wait
		# shellcheck disable=SC2086
		atf_check -s exit:74 -e match:'Broken pipe' \
		    sh -c "'$EDUTOOL' $words >&3"
		exec 3>&-
	done
}

test_case closed_descriptors "no device is opened as a standard descriptor"
closed_descriptors_body()
{
	atf_check -s exit:74 sh -c "'$EDUTOOL' live >&- 2>&-"
	atf_check -o inline:'0xedcba987\n' \
	    sh -c "'$EDUTOOL' live <&- 2>&-"
}

atf_test_case irq cleanup
irq_head()
{
	atf_set descr "what one run raises, the next ones see and acknowledge"
	atf_set require.progs "${QEMU:-qemu-system-x86_64} python3"
}
irq_body()
{
	start_qemu
	export EDU_DEVICE="qtest:$PWD/socket"
	atf_check "$EDUTOOL" irq raise 0x101
	atf_check -o inline:'0x00000101\n' "$EDUTOOL" irq status
	atf_check -o inline:'0x00000101 factorial dma\n' \
	    "$EDUTOOL" irq status -v
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
irq_cleanup()
{
	stop_qemu
}

test_case irq_json "the documents of the irq commands"
irq_json_body()
{
	check_json "d == {'device': 'qtest:', 'mask': 4}" irq raise 4
	check_json "d == {'device': 'qtest:', 'mask': 0xffffffff}" \
	    irq ack 0xffffffff
	check_json "d == {'device': 'qtest:', 'status': 0}" irq status
}

test_case irq_timeout "irq wait without an interrupt is exit 1"
irq_timeout_body()
{
	atf_check -s exit:1 -o empty \
	    -e inline:'edutool: qtest:: no interrupt came in 50 ms\n' \
	    "$EDUTOOL" -t 50 irq wait
	atf_check -s exit:1 -o empty -e match:' in 0 ms' \
	    "$EDUTOOL" -t 0 irq wait
	fails_json 1 "'ETIMEDOUT'" -t 1 irq wait
}

# signal_ends STATUS SIGNAL ARGUMENT ...
signal_ends()
{
	status=$1
	signal=$2
	shift 2
	# A background process of a shell ignores SIGINT, Python's does not.
	atf_check -o inline:"$status\n" python3 -c '
import signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
signo = getattr(signal, sys.argv[1])
p = subprocess.Popen(sys.argv[2:], stderr=open("message", "w"),
    stdout=open("document", "w"))
def is_caught():
    try:
        for line in open(f"/proc/{p.pid}/status"):
            if line.startswith("SigCgt:"):
                return int(line.split()[1], 16) & 1 << signo - 1
    except FileNotFoundError:
        time.sleep(5)
        return True
while p.poll() is None and not is_caught():
    time.sleep(0.1)
time.sleep(0.5)
p.send_signal(signo)
try:
    print(p.wait(60))
finally:
    p.kill()' "$signal" "$EDUTOOL" "$@"
	atf_check -o match:'^edutool: ' cat message
}

test_case signals "a signal gives the device back: exit 128 and its number"
signals_body()
{
	signal_ends 130 SIGINT irq wait
	signal_ends 143 SIGTERM -t 60000 irq wait
	signal_ends 129 SIGHUP irq wait
	signal_ends 130 SIGINT -j dma test -n 1000000000
	holds "d['error']['exit'] == 130"
	holds "d.get('bytes', 0) < 1000000000 and not d.get('mismatch')"
}

test_case registers "peek, poke and regs"
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

test_case register_refused "what a register cannot do is exit 64 or 77"
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

atf_test_case poke cleanup
poke_head()
{
	atf_set descr "what poke writes, peek reads, in both widths"
	atf_set require.progs "${QEMU:-qemu-system-x86_64}"
}
poke_body()
{
	start_qemu
	export EDU_DEVICE="qtest:$PWD/socket"
	atf_check "$EDUTOOL" poke 4 0x0f0f0f0f
	atf_check -o inline:'0xf0f0f0f0\n' "$EDUTOOL" peek 4
	atf_check "$EDUTOOL" poke -w 8 0x80 0x123456789abcdef0
	atf_check -o inline:'0x123456789abcdef0\n' "$EDUTOOL" peek -w 8 0x80
	atf_check -o match:'^0x80  0x123456789abcdef0  DMA source address$' \
	    "$EDUTOOL" regs
	atf_check "$EDUTOOL" poke 0x80 5
	atf_check -o inline:'0x00000005\n' "$EDUTOOL" peek 0x80
}
poke_cleanup()
{
	stop_qemu
}

test_case bind "bind says that there is no kernel here: exit 69"
bind_body()
{
	fails_json 69 None bind uio
	fails_json 69 None bind none
}

test_case selftest "selftest reports every function in TAP"
selftest_body()
{
	atf_check -o save:tap "$EDUTOOL" selftest
	atf_check -o inline:'1..11\n' head -n 1 tap
	atf_check -o inline:'11\n' grep -c '^ok [0-9]* - ' tap
	atf_check -s exit:1 grep -v '^ok [0-9]* - [^#]*$\|^1\.\.11$' tap
	check_json "len(d['tests']) == 11 and \
	    {x['result'] for x in d['tests']} == {'ok'}" selftest
}

test_case selftest_fails "a failing selftest is exit 70, and says why"
selftest_fails_body()
{
	wrong_mask
	export QEMU=./qemu-wrong-mask
	atf_check -s exit:70 -o save:tap -e match:'2 of 11 tests failed' \
	    "$EDUTOOL" selftest
	atf_check -o inline:'2\n' grep -c '^not ok' tap
	atf_check -o inline:'# other bytes came back than went out\n' \
	    sed -n '/^not ok 10 -/{n;p;}' tap
	fails_json 70 None selftest
	holds "d['tests'][9]['result'] == 'not ok' and d['tests'][9]['reason']"
	export QEMU=./none
	atf_check -s exit:66 -o match:'^Bail out! ' -e ignore \
	    "$EDUTOOL" selftest
}

test_case open_errors "a device that cannot be had is exit 64, 66 or 69"
open_errors_body()
{
	for words in info live "dma test" selftest bar "irq status"; do
		# shellcheck disable=SC2086
		QEMU=./none atf_check -s exit:66 -o ignore \
		    -e match:'^edutool: qtest:.*QEMU=' "$EDUTOOL" $words
	done
	QEMU=$(command -v true)
	export QEMU
	atf_check -s exit:69 -e match:'^edutool: qtest:' "$EDUTOOL" live
	fails_json 69 "'ENODEV'" live
	atf_check -s exit:66 -e match:'-qtest unix:' \
	    "$EDUTOOL" -d qtest:./socket live
	atf_check -s exit:66 -e match:'^edutool: ff:1f.7: ' \
	    "$EDUTOOL" -d ff:1f.7 live
}

test_case privileged "QEMU= and PATH are not obeyed with rights the user has not"
privileged_body()
{
	[ "$(id -u)" -eq 0 ] || atf_skip "needs root"
	printf '#! /bin/sh\ntouch ran\n' >qemu-system-x86_64
	chmod 755 . qemu-system-x86_64
	cat >su.py <<-'END'
	import os, sys
	os.setresuid(65534, 0, 0)
	os.execv(sys.argv[1], sys.argv[1:])
	END
	QEMU=$PWD/qemu-system-x86_64 atf_check -o ignore \
	    python3 su.py "$EDUTOOL" live
	unset QEMU
	PATH=$PWD:$PATH atf_check -o ignore python3 su.py "$EDUTOOL" live
	atf_check -s exit:1 test -e ran
}

test_case json_strings "what JSON cannot hold in a string is escaped"
json_strings_body()
{
	name=$(printf 'a"b\\c\td\001e\377f\303\251g\355\240\200h')
	atf_check -s exit:64 -o save:document -e ignore \
	    "$EDUTOOL" -j -d "$name" live
	holds "d['error']['message'].startswith('a\"b\\\\c\td\x01e\ufffdf\
\u00e9g\ufffd\ufffd\ufffdh: ')"
}

test_case progress "a bar on a terminal when it takes longer than a second"
progress_body()
{
	cat >terminal.py <<-'END'
	import os, pty, sys
	pid, fd = pty.fork()
	if pid == 0:
	    os.execv(sys.argv[1], sys.argv[1:])
	out = b""
	while True:
	    try:
	        data = os.read(fd, 4096)
	    except OSError:
	        break
	    if not data:
	        break
	    out += data
	sys.stdout.buffer.write(out)
	sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	END
	# As many bytes as take this machine some seconds.
	n=4095000
	while :; do
		begin=$(date +%s)
		atf_check -o match:'no difference$' "$EDUTOOL" dma test -n $n
		[ $(($(date +%s) - begin)) -lt 3 ] || break
		n=$((n * 2))
	done
	atf_check -o save:long python3 terminal.py "$EDUTOOL" \
	    dma test -n $n
	atf_check -o match:'[1-9]' grep -c 'dma test \[#* *\]  *[0-9]*%' long
	# The bar is wiped before the result is printed.
	atf_check -o match:" 	$n bytes out and back" sh -c \
	    "tr '\r' '\t' <long | grep 'bytes out'"
	atf_check -o save:short python3 terminal.py "$EDUTOOL" \
	    dma test -n 4095
	atf_check -s exit:1 grep '%' short
}

test_case progress_pipe "no bar, and nothing else, in a pipe"
progress_pipe_body()
{
	# Long enough to show a bar on a terminal: see the case before.
	n=8190000
	atf_check \
	    -o inline:"$n bytes out and back in 2000 chunks: no difference\n" \
	    sh -c "'$EDUTOOL' dma test -n $n 2>&1 | cat"
}

test_case examples "the example in the manual that needs no device is true"
examples_body()
{
	page=$(atf_get_srcdir)/../../tools/edutool.8
	[ -r "$page" ] || atf_skip "no manual page here"
	command=$(sed -n 's/^\$ edutool //p' "$page")
	sed -n '/^\$ edutool /{n;p;}' "$page" >expected
	# shellcheck disable=SC2086
	atf_check -o file:expected "$EDUTOOL" $command
}

atf_init_test_cases()
{
	for case in numbers number_forms usage option_order device_default \
	    help manual version list info bar live factorial factorial_wrap \
	    timeout dma_files dma_json dma_range dma_endless dma_test \
	    dma_mismatch input_errors output_errors broken_pipe \
	    closed_descriptors irq irq_json irq_timeout signals registers \
	    register_refused poke bind selftest selftest_fails open_errors \
	    privileged json_strings progress progress_pipe examples; do
		atf_add_test_case $case
	done
}
