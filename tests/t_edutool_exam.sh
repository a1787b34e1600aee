#! /usr/bin/env atf-sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# edutool selftest over the qtest bus: what it prints, and what it makes of
# expectations.  That each check notices a wrong device is in t_exam.

. "$(atf_get_srcdir)/../../tests/h_edutool.sh"

KNOWN='INTx of what is pending after MSI'
SURVIVES='registers after a reset'

qemu_case all "the whole examination of a device without a guest"
all_body()
{
	atf_check -o save:tap "$EDUTOOL" selftest --all
	atf_check -o file:"$(atf_get_srcdir)/../../tests/selftest.tap" \
	    sed 's/\( # [A-Z]*\) .*/\1/; s/^# liveness reads.*/# REGISTERS/' tap
	# Every skip and every deviation has a reason.
	atf_check -s exit:1 grep -Ex '.* # (SKIP|TODO) ?' tap
	if command -v prove >/dev/null; then
		atf_check -o match:'^All tests successful' -e empty \
		    prove -e cat tap
	fi
	check_json "len(d['tests']) == 45 and not any(x['failed'] for x in \
	    d['tests']) and all(x['source'] for x in d['tests'])" \
	    selftest --all
	holds "[x['name'] for x in d['tests'] if 'known' in x] == \
	    ['$KNOWN', '$SURVIVES']"
	holds "all(x['result'] == 'ok' or x['reason'] for x in d['tests'])"
}

# junit EXPRESSION: standard output was JUnit XML, of which this holds.
junit()
{
	if command -v xmllint >/dev/null; then
		atf_check xmllint --noout junit.xml
	fi
	atf_check python3 -c '
import sys
from xml.etree import ElementTree
s = ElementTree.parse("junit.xml").getroot().find("testsuite")
n = {k: int(s.get(k)) for k in ("tests", "failures", "errors", "skipped")}
cases = s.findall("testcase")
of = lambda kind: [c.get("name") for c in cases if c.find(kind) is not None]
if [n["tests"], n["failures"], n["errors"], n["skipped"]] != [len(cases),
    len(of("failure")), len(of("error")), len(of("skipped"))]:
    sys.exit(f"wrong counts: {n}")
if not eval(f"({sys.argv[1]})"):
    sys.exit(f"{sys.argv[1]} does not hold")' "$1"
}

qemu_case junit "the same as JUnit XML"
junit_body()
{
	atf_check -o save:junit.xml "$EDUTOOL" selftest --junit
	junit 'n["tests"] == 11 and n["failures"] + n["skipped"] == 0'
	atf_check -o save:junit.xml "$EDUTOOL" selftest --all --junit
	junit "n['tests'] == 45 and n['skipped'] == 7 and n['failures'] == 0 \
	    and '$KNOWN' in of('skipped') and \
	    '$SURVIVES' in of('skipped')"
	junit 'all(c.get("classname") for c in cases) and
	    all(c.find("skipped").get("message") for c in cases if
	    c.find("skipped") is not None)'
	wrong_mask
	QEMU=./qemu-wrong-mask atf_check -s exit:70 -o save:junit.xml \
	    -e ignore "$EDUTOOL" selftest --junit
	junit 'of("failure") == ["DMA out and back",
	    "DMA out and back by interrupt"]'
	QEMU='./<"&>' atf_check -s exit:66 -o save:junit.xml -e ignore \
	    "$EDUTOOL" selftest --junit
	junit "of('error') == ['open'] and \
	    './<\"&>' in cases[0].find('error').get('message')"
	atf_check -s exit:64 -o match:'exclude each other' -e ignore \
	    "$EDUTOOL" -j selftest --junit
}

qemu_case expect "a file of expected verdicts: differences are failures"
expect_body()
{
	# What is so, and a check that is not done.
	printf '# another emulator\n\nok liveness \nskip unplug\n' >file
	atf_check -o ignore "$EDUTOOL" selftest --expect file
	# It was known, and is expected now.
	echo "not ok $KNOWN" >file
	atf_check -o match:"^not ok 34 - $KNOWN .* # TODO expected" \
	    "$EDUTOOL" selftest --all --expect file
	# It is expected to be better.
	echo "ok $KNOWN" >file
	atf_check -s exit:70 -o save:tap -e match:'1 of 45 tests failed' \
	    "$EDUTOOL" selftest --all --expect file
	atf_check -o match:"^not ok 34 - $KNOWN [^#]*\$" \
	    -o match:'^# not ok, expected was ok: MSI is disabled' cat tap
	# Worse, and missing.
	printf 'not ok liveness\nskip identification\n' >file
	atf_check -s exit:70 -o save:tap -e match:'2 of 11 tests failed' \
	    "$EDUTOOL" selftest --expect file
	printf '# ok, expected was %s\n' skip 'not ok' >expected
	atf_check -o file:expected grep '^#' tap
	fails_json 70 None selftest --expect file
	holds "[x['name'] for x in d['tests'] if x['failed']] == \
	    ['identification', 'liveness']"
	echo 'ok unplug' >file
	atf_check -s exit:70 -o match:'^not ok 45 - unplug .*[^#]*$' -e ignore \
	    "$EDUTOOL" selftest --all --expect file
	for line in nonsense 'okay liveness' 'ok' 'ok nonsense'; do
		printf '#\n%s\n' "$line" >file
		atf_check -s exit:65 -o empty \
		    -e match:"file:2: .*'${line#ok }'" \
		    "$EDUTOOL" selftest --expect file
	done
	atf_check -s exit:66 -o empty -e match:'none: No such file' \
	    "$EDUTOOL" selftest --expect none
	usage_error selftest --expect
	usage_error live --expect file
	usage_error live --junit
	usage_error live --unplug 1
	usage_error selftest --unplug 0
	usage_error selftest --unplug soon
}

kept_case kept "the examination leaves the device as it was"
kept_body()
{
	start_qemu
	atf_check -o ignore "$EDUTOOL" live 0x12345678
	atf_check "$EDUTOOL" poke -w 8 0x80 0x123456789
	# Its answer is that of the last one, whoever asked.
	atf_check -o save:before "$EDUTOOL" regs
	sed -i /factorial/d before
	atf_check -o save:info "$EDUTOOL" -v info
	atf_check -o not-match:'^not ok' "$EDUTOOL" selftest --all
	atf_check -o save:after "$EDUTOOL" regs
	atf_check -o file:before sed /factorial/d after
	atf_check -o file:info "$EDUTOOL" -v info
}

qemu_case nobody "who asks for an unplug that nobody does sees it fail"
nobody_body()
{
	atf_check -s exit:70 -o save:tap -e save:message \
	    "$EDUTOOL" selftest --unplug 1
	atf_check -o match:'^1\.\.12$' -o match:'^ok 11 - ' \
	    -o match:'^not ok 12 - unplug \(PCI 3\.0, 6\.1\)$' \
	    -o match:'^# nobody unplugged it within 1 s$' cat tap
	atf_check -o match:'^edutool: qtest:: unplug it within 1 s, please' \
	    cat message
}

kept_case ended "a QEMU that ends while it waits is a device that is gone"
ended_body()
{
	start_qemu
	mkfifo asked
	"$EDUTOOL" selftest --unplug 60 >tap 2>asked &
	tool=$!
	sed '/unplug it/q' asked >message
	kill "$(cat qemu.pid)"
	rm qemu.pid
	wait $tool || atf_fail "exit status $?: $(cat tap)"
	atf_check -o match:'^ok 12 - unplug \(PCI 3\.0, 6\.1\)$' cat tap
	atf_check -s exit:1 grep '^not ok' tap
}
