#! /usr/bin/env atf-sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# edutool: its command line, its documents, and what stops it.

. "$(atf_get_srcdir)/../../tests/h_edutool.sh"

qemu_case numbers "a number is checked as a whole, anything else is exit 64"
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

qemu_case number_forms "decimal, 0x and 0X are understood; 010 is ten"
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

qemu_case usage "what is no command, option or operand is exit 64"
usage_body()
{
	for words in '' nonsense dma "dma nonsense" irq "irq raises 4" \
	    "-z live" "--nonsense live" "live -z" "live --nonsense" \
	    "live --irq" "live -o 3" "live -n 3" "bar -w 8" \
	    "factorial 5 --last-byte" "dma test --wrap" "dma get" "dma put -o" \
	    factorial "factorial 5 6" "list all" "poke 4" "poke 4 5 6" \
	    "irq raise" "peek -w 2 4" "peek -w 0 4" bind "bind pci-stub" \
	    "help nonsense" "help dma nonsense" "help dm" -d \
	    "-d nonsense live" "-d 0:0:0:0.0 live"; do
		# shellcheck disable=SC2086	# words
		usage_error $words
	done
	usage_error ''
	atf_check -s exit:64 -e match:'^usage: edutool factorial .*N$' \
	    "$EDUTOOL" factorial
	fails_json 64 None factorial 5x
	fails_json 64 None nonsense
	fails_json 64 "'EINVAL'" peek 2
}

qemu_case option_order "options stand before, behind and among the operands"
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

qemu_case device_default "EDU_DEVICE is the device unless -d names one"
device_default_body()
{
	atf_check -o inline:'120\n' "$EDUTOOL" factorial 5
	export EDU_DEVICE=qtest:/nonexistent
	atf_check -s exit:66 -e match:/nonexistent "$EDUTOOL" factorial 5
	atf_check -o inline:'120\n' "$EDUTOOL" -d qtest: factorial 5
	check_json "d['device'] == 'qtest:'" -d qtest: live
	# An empty one is none.
	env -u EDU_DEVICE "$EDUTOOL" info >without 2>&1
	status=$?
	EDU_DEVICE='' atf_check -s exit:$status -o save:empty -e save:message \
	    "$EDUTOOL" info
	atf_check -o file:without cat empty message
}

qemu_case help "help tells of every command, and JSON names them"
help_body()
{
	atf_check -o save:all "$EDUTOOL" help
	atf_check -o save:document "$EDUTOOL" -j help
	holds "len(d['commands']) == 21"
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

qemu_case manual "the manual page describes every command and every JSON key"
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
	    "bench -n 1" version help nonsense; do
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

test_case messages "every message that the manual explains is in the sources"
messages_body()
{
	top=$(atf_get_srcdir)/../..
	[ -r "$top/tools/edutool.8" ] || atf_skip "no manual page here"
	cd "$top" || atf_fail "$top"
	atf_check -o match:'^[5-9][0-9] messages' python3 -c '
import glob, re, sys
text = " ".join(open(f).read() for d in ("lib/*.[ch]", "lib/*/*.[ch]",
    "tools/*.[ch]") for f in sorted(glob.glob(d)))
# Strings that are written in pieces; an escaped quote ends none.
text = text.replace("\\\"", "\1")
text = re.sub(r"\"[\s\\]*(PRI\w+)?[\s\\]*\"", "", text)
text = re.sub(r"(\" )?NODE\s*\"", "/dev/edu%u", text).replace("\1", "\"")
page = open("tools/edutool.8").read().split(".Sh DIAGNOSTICS")[1]
rows = re.findall(r"^\.It \"(.*)\"$", page, re.M)
for row in rows:
    for part in re.split(r"%[a-z]|\.\.\.", row):
        if part not in text:
            sys.exit(f"{row!r}: no {part!r}")
print(len(rows), "messages")' <"$top/tools/edutool.8"
}

qemu_case version "version prints that of the tool and of the library"
version_body()
{
	drops=', drops [a-z ]+$'
	atf_check -o match:"^edutool [0-9.]+ \(libedu [0-9.]+\)$drops" \
	    "$EDUTOOL" version
	atf_check -o match:'^edutool [0-9.]+ ' "$EDUTOOL" --version
	check_json "d['edutool'] == d['libedu'] and d['drops']" version
}

qemu_case open_errors "a device that cannot be had is exit 64, 66 or 69"
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

qemu_case json_strings "what a message must not hold is escaped, in JSON twice"
json_strings_body()
{
	name=$(printf 'a"b\\c\td\001e\377f\303\251g\355\240\200h\357\277\276')
	atf_check -s exit:64 -o save:document -e ignore \
	    "$EDUTOOL" -j -d "$name" live
	# Messages are printable already.
	holds "d['error']['message'].startswith('a\"b\\\\c\\\\x09d\\\\x01e' \
'\\\\xfff\u00e9g\\\\xed\\\\xa0\\\\x80h\\\\xef\\\\xbf\\\\xbe: ')"
}

qemu_case output_errors "output that does not arrive is exit 73 or 74"
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

qemu_case broken_pipe "a reader that has gone is exit 74"
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

qemu_case closed_descriptors "no device is opened as a standard descriptor"
closed_descriptors_body()
{
	atf_check -s exit:74 sh -c "'$EDUTOOL' live >&- 2>&-"
	atf_check -o inline:'0xedcba987\n' \
	    sh -c "'$EDUTOOL' live <&- 2>&-"
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

qemu_case signals "a signal gives the device back: exit 128 and its number"
signals_body()
{
	signal_ends 130 SIGINT irq wait
	signal_ends 143 SIGTERM -t 60000 irq wait
	signal_ends 129 SIGHUP irq wait
	signal_ends 130 SIGINT bench -n 100 irq
	signal_ends 130 SIGINT -j dma test -n 1000000000
	holds "d['error']['exit'] == 130"
	holds "d.get('bytes', 0) < 1000000000 and not d.get('mismatch')"
}

qemu_case ignored "a signal that is ignored ends nothing: nohup"
ignored_body()
{
	(
		trap '' HUP
		exec "$EDUTOOL" -t 2000 irq wait >out 2>err
	) &
	sleep 1
	kill -HUP $!
	wait $!
	atf_check_equal $? 1
	atf_check -o match:'no interrupt came in 2000 ms' cat err
}

qemu_case selftest "selftest reports every function in TAP"
selftest_body()
{
	atf_check -o save:tap "$EDUTOOL" selftest
	atf_check -o inline:'1..11\n' head -n 1 tap
	atf_check -o inline:'11\n' grep -c '^ok [0-9]* - ' tap
	atf_check -s exit:1 grep -v '^ok [0-9]* - [^#]*$\|^1\.\.11$' tap
	check_json "len(d['tests']) == 11 and \
	    {x['result'] for x in d['tests']} == {'ok'}" selftest
}

qemu_case selftest_fails "a failing selftest is exit 70, and says why"
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

qemu_case doctor "doctor finds nothing wrong with a device by itself"
doctor_body()
{
	check_json "(d['device'] == 'qtest:' and
	    {f['state'] for f in d['findings']} <= {'ok', 'note'} and
	    [f['check'] for f in d['findings']] == ['device', 'bar0',
	    'decoding', 'registers', 'msi', 'mastering', 'dma mask',
	    'dma size'] and not any('command' in f for f in d['findings']))" \
	    doctor
	atf_check -o match:'^note    dma mask      0xfff, as stated' \
	    -o match:'^ok      decoding      memory decoding is on' \
	    env EDU_DMA_MASK=0xfff "$EDUTOOL" doctor
	atf_check -s exit:1 -o match:'^wrong   device        qtest:/nowhere: ' \
	    -o not-match:mend: \
	    "$EDUTOOL" -d qtest:/nowhere doctor
	usage_error doctor 1
}

# finds STATE CHECK TEXT: with the lies, and no command mends a QEMU's device.
finds()
{
	"$EDUTOOL" doctor >said 2>&1
	atf_check_equal $? "$(grep -c -m 1 '^wrong' said)"
	atf_check -o match:"^$1 *$2  *.*$3" cat said
	atf_check -s exit:1 grep mend: said
}

kept_case doctor_wrong "doctor finds what is wrong in configuration space"
doctor_wrong_body()
{
	start_qemu
	start_liar
	finds ok msi 'MSI is off'
	lies 08 02000010
	finds note device 'is an edu .1234:11e8, class 0x020000, revision 0x10'
	lies 10 00000000
	finds wrong bar0 'BAR0 has no address: neither the firmware'
	lies 04 00100104
	finds wrong decoding 'decoding is off .command register 0x0104.'
	lies 40 00810005
	finds wrong msi 'MSI is enabled in the device: .*nobody waits'
	for list in '34 00000000' '34 0000003c 3c 00000005' '40 00000009' \
	    '40 00004009'; do
		# shellcheck disable=SC2086	# words
		lies $list
		finds note msi 'the device has no MSI capability'
	done
	lies 04 00100006
	finds ok mastering 'bus mastering is on'
	for mask in 5 0xfff0 abc -1 +0xfff ' 0xfff' 0xfffz 0x7ff; do
		EDU_DMA_MASK=$mask
		export EDU_DMA_MASK
		"$EDUTOOL" doctor >said 2>&1
		atf_check -o match:'^wrong *dma mask .* is no mask: .*unset' \
		    cat said
	done
	EDU_DMA_MASK='' finds ok 'dma mask' '0xfffffff, the default'
	unset EDU_DMA_MASK
	atf_check -o match:'^note *dma mask  *0xffff, as stated' \
	    "$EDUTOOL" -m 0xffff doctor
}

qemu_case bind "bind says that there is no kernel here: exit 69"
bind_body()
{
	fails_json 69 None bind uio
	fails_json 69 None bind none
}

qemu_case privileged \
    "QEMU= and PATH are not obeyed with rights the user has not"
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

qemu_case progress "a bar on a terminal when it takes longer than a second"
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

qemu_case progress_pipe "no bar, and nothing else, in a pipe"
progress_pipe_body()
{
	# Long enough to show a bar on a terminal: see the case before.
	n=8190000
	atf_check \
	    -o inline:"$n bytes out and back in 2000 chunks: no difference\n" \
	    sh -c "'$EDUTOOL' dma test -n $n 2>&1 | cat"
}

qemu_case examples "the example in the manual that needs no device is true"
examples_body()
{
	page=$(atf_get_srcdir)/../../tools/edutool.8
	[ -r "$page" ] || atf_skip "no manual page here"
	command=$(sed -n 's/^\$ edutool -j /-j /p' "$page")
	sed -n '/^\$ edutool -j /{n;p;}' "$page" >expected
	# shellcheck disable=SC2086
	atf_check -o file:expected "$EDUTOOL" $command
}
