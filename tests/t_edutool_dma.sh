#! /usr/bin/env atf-sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# edutool dma: files, ranges, and the comparison of what comes back.

. "$(atf_get_srcdir)/../../tests/h_edutool.sh"

kept_case files 'what dma put writes, dma get reads, byte for byte'
files_body()
{
	start_qemu
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

qemu_case json "with -j dma get gives hexadecimal, or fills a file"
json_body()
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

qemu_case range "a range that does not fit is exit 65, and told why"
range_body()
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

qemu_case endless "an endless input is refused, not read"
endless_body()
{
	atf_check -s exit:65 -e match:'do not fit' \
	    timeout 60 "$EDUTOOL" dma put /dev/zero
}

qemu_case test "dma test sends any length in chunks, and compares"
test_body()
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

qemu_case mismatch "data that comes back changed is exit 65, and where"
mismatch_body()
{
	wrong_mask
	export QEMU=./qemu-wrong-mask
	atf_check -s exit:65 -e match:'qtest:.*differs from byte [0-9]+ on$' \
	    "$EDUTOOL" dma test
	fails_json 65 None dma test
	holds "d['mismatch'] == d['bytes'] < 16 and d['chunks'] == 1"
}

qemu_case input_errors "an input that cannot be read is exit 66 or 74"
input_errors_body()
{
	atf_check -s exit:66 -e match:'^edutool: ./none: No such file' \
	    "$EDUTOOL" dma put ./none
	fails_json 66 "'ENOENT'" dma put ./none
	atf_check -s exit:74 -e match:'^edutool: \.: ' "$EDUTOOL" dma put .
}

qemu_case mask "-m states the device's mask, and no other number is one"
mask_body()
{
	atf_check -o inline:'120\n' "$EDUTOOL" -m 0xfffffff factorial 5
	atf_check -o match:'no difference' "$EDUTOOL" -m 0xfffffff \
	    dma test -n 100
	# Who only looks has no use for it.
	atf_check -o inline:'0x010000ed\n' "$EDUTOOL" -m 28 peek 0
	atf_check -s exit:64 -e match:'0x1c is no DMA mask' \
	    "$EDUTOOL" -m 28 dma test
	usage_error -m 0 factorial 5
	usage_error -m 28 factorial 5
	usage_error -m x factorial 5
	usage_error -m 0xffffffffffffffffff factorial 5
	# None of its memory is below this one.
	printf hello >hello
	atf_check -s exit:71 -e match:'no 5 bytes' \
	    "$EDUTOOL" -m 0xfff dma put hello
}
