#! /usr/bin/env atf-sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# edutool bench: what it prints.  How long anything takes is nobody's promise.

. "$(atf_get_srcdir)/../../tests/h_edutool.sh"

qemu_case table "bench prints a row for each figure, and histograms"
table_body()
{
	atf_check -o save:text "$EDUTOOL" bench -n 1
	atf_check -o match:'^1 device, 1 repetition; ' cat text
	for figure in open read factorial irq dma bytes; do
		atf_check -o match:"^$figure  .* [0-9.]+ .*(ns|us|/s|kB|B/s)" \
		    cat text
	done
	# Each as wide as the widest, and no bar for none.
	atf_check -o match:'^factorial: 12!' -o match:' {5}us  libedu ' \
	    -o match:'^<= +[0-9]+ +[0-9]+ #{26} +0 *$' cat text
	atf_check -s exit:1 grep -i -e nan -e inf text
}

qemu_case figures "bench measures the figures that are asked for"
figures_body()
{
	for figure in open read factorial irq dma bytes; do
		check_json "{r['figure'] for r in d['rows']} == {'$figure'}" \
		    bench -n 1 $figure
	done
	check_json "{r['figure'] for r in d['rows']} == {'irq', 'read'}" \
	    bench irq -n 1 read
	usage_error bench nonesuch
	usage_error bench dma dm
	usage_error bench -n 0
	usage_error bench -n 101
}

qemu_case document "in JSON bench has medians with their least and most"
document_body()
{
	check_json "d['device'] == 'qtest:' and d['devices'] == 1 and \
	    d['repetitions'] == 3 and len(d['rows']) == 9" \
	    bench -n 3 factorial irq dma
	holds "all(0 < r['libedu_min'] <= r['libedu'] <= r['libedu_max'] \
	    for r in d['rows'])"
	# In a QEMU without a guest nothing is mapped: no loop by hand.
	holds "[r['against'] for r in d['rows'] if 'ratio' in r] == \
	    ['devices x chunk / 100 ms', 'one when it is done']"
	holds "all(r['ratio_min'] <= r['ratio'] <= r['ratio_max'] and \
	    r['bare'] > 0 for r in d['rows'] if 'ratio' in r)"
	holds "all(sum(b['libedu'] for b in h['buckets']) % 300 == 0 and \
	    [b['us'] for b in h['buckets']] == \
	    sorted(b['us'] for b in h['buckets']) for h in d['histograms'])"
	holds "[h['figure'] for h in d['histograms']] == \
	    ['factorial', 'irq', 'irq']"
}

qemu_case wrong_data "data that comes back wrong is exit 65, and no figure"
wrong_data_body()
{
	wrong_mask
	export QEMU="$PWD/qemu-wrong-mask"
	for figure in dma bytes; do
		atf_check -s exit:65 -o empty -e match:'differs' \
		    "$EDUTOOL" bench -n 1 $figure
	done
}

qemu_case gone "a device that goes meanwhile is exit 69, and no figure"
gone_body()
{
	cat >qemu-mortal <<-END
	#! /bin/sh
	exec timeout 0.4 ${QEMU:-qemu-system-x86_64} "\$@"
	END
	chmod +x qemu-mortal
	export QEMU="$PWD/qemu-mortal"
	for figure in read factorial irq dma bytes; do
		atf_check -s exit:69 -o empty -e match:'^edutool: qtest: .*' \
		    "$EDUTOOL" bench -n 100 $figure
	done
}
