#! /bin/sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# What the tests of edutool over the qtest bus share: a real edu device, no
# guest, no root.  What needs a machine with the device stands in dev/.

. "$(atf_get_srcdir)/../../tests/h_case.sh"

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
	export EDU_DEVICE="qtest:$PWD/socket"
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

write_liar()
{
	cat >liar.py <<-'END'
	import collections, os, socket, threading
	def ask(client, qemu, asked):
	    place = 0
	    for line in client.makefile("rb"):
	        words = line.split()
	        if words[:2] == [b"outl", b"0xcf8"]:
	            place = int(words[2], 16)
	        asked.append(place if words[:1] == [b"inl"] else None)
	        qemu.send(line)
	    qemu.shutdown(socket.SHUT_RDWR)
	def answer(client, qemu, asked):
	    edu = None
	    lies = dict(map(str.split, open("lies")))
	    for line in qemu.makefile("rb"):
	        if not line.startswith(b"IRQ "):
	            place = asked.popleft()
	            if place and int(line.split()[1], 16) == 0x11e81234:
	                edu = place
	            elif place and edu:
	                lie = lies.get(f"{place - edu:02x}")
	                line = f"OK 0x{lie}\n".encode() if lie else line
	        client.send(line)
	s = socket.socket(socket.AF_UNIX)
	s.bind("liar.new")
	s.listen()
	os.rename("liar.new", "liar")
	while True:
	    client = s.accept()[0]
	    qemu = socket.socket(socket.AF_UNIX)
	    qemu.connect("socket")
	    asked = collections.deque()
	    threading.Thread(target=ask, args=(client, qemu, asked)).start()
	    answer(client, qemu, asked)
	    client.close()
	END
}

# After start_qemu, at the socket "liar", the same device with other dwords of
# configuration space: those of the file "lies", "OFFSET VALUE", in hexadecimal.
start_liar()
{
	write_liar
	: >lies
	# Its threads complain of clients that have gone.
	timeout 120 python3 liar.py >/dev/null 2>&1 &
	echo $! >>qemu.pid
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		[ ! -S liar ] || break
		sleep 0.1
	done
	export EDU_DEVICE=qtest:liar
}

# lies OFFSET VALUE ...
lies()
{
	printf '%s %s\n' "$@" >lies
}

# qemu_case NAME DESCRIPTION [cleanup]: one that wants QEMU and Python.
qemu_case()
{
	test_case "$@" "require.progs=${QEMU:-qemu-system-x86_64} python3"
}

# kept_case NAME DESCRIPTION: one that begins with start_qemu.
kept_case()
{
	qemu_case "$@" cleanup
	eval "$1_cleanup()
	{
		[ ! -f qemu.pid ] || kill \$(cat qemu.pid)
	}"
}
