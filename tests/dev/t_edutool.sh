#! /usr/bin/env atf-sh
#
# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# edutool on a machine that has an edu device.

# shellcheck source=tests/dev/h_edutool.sh
. "$(atf_get_srcdir)/../../../tests/dev/h_edutool.sh"

device_case list "list names every edu device that the system has"
list_body()
{
	prepare none
	all_edus | sort >expected
	atf_check -o save:output "$EDUTOOL" list
	atf_check -o file:expected sed 's/ .*//' output
	atf_check -s exit:1 grep -v ' version [0-9.]*, kernel side: ' output
	atf_check -o save:document "$EDUTOOL" -j list
	tr '{' '\n' <document >objects
	atf_check -o file:expected \
	    sed -n 's/^"device": "\([^"]*\).*/\1/p' objects
	contains '"kernel_side": "none"}'
	# Each has its part of a trace.
	atf_check -o ignore "$EDUTOOL" --trace=trace list
	sed 1d expected >others
	atf_check -o file:others -x "sed -n 's/^-- //p' trace | sort"
	# The trace says whose an access is, where that changes.
	atf_check -o file:output "$EDUTOOL" --trace=trace list
	sed 1d expected >others
	atf_check -o file:others sed -n 's/^-- //p' trace
	give uio
	atf_check -o match:"^$device .* kernel side: $driver_name$" \
	    "$EDUTOOL" list
}

device_case info "info agrees with the system about BAR0 and the registers"
info_body()
{
	prepare none
	atf_check -o save:document "$EDUTOOL" -j info
	bar0=$(config_dword 16)
	contains "{\"device\": \"$device\", \"kernel_side\": \"none\", " \
	    "\"bar0\": {\"value\": $bar0, \"address\": $bar0, " \
	    "\"command\": {\"value\": $(command_register), " \
	    '"version": {"major": 1, "minor": 0}, "vendor": 4660, ' \
	    '"product": 4584, ' '"interrupt_pin": 1, ' '"64bit": true, '
	atf_check -o match:"^device: *$device$" -o match:'^MSI capability: ' \
	    "$EDUTOOL" -d "$device" info
}

device_case decoding_off "info without decoding shows the rest; live works"
decoding_off_body()
{
	prepare none
	was=$(command_register)
	set_command_register $((was & ~3))
	off=$(command_register)
	"$EDUTOOL" info >output 2>message
	info=$?
	"$EDUTOOL" -j info >document 2>/dev/null
	"$EDUTOOL" list >listed
	live=$("$EDUTOOL" live 5)
	after=$(command_register)
	set_command_register "$was"
	atf_check_equal $((was & ~3)) "$off"
	atf_check_equal 74 $info
	atf_check -o match:'memory decoding is off' cat message
	atf_check -o match:'memory space accesses *off' \
	    -o match:'^MSI capability: *at ' cat output
	contains '"memory": false' '"64bit": true' '"errno": "EIO", "exit": 74}'
	atf_check -s exit:1 grep identification document
	atf_check -o match:"^$device  not readable: .*decoding" cat listed
	atf_check_equal 0xfffffffa "$live"
	# Bit 10, INTx disable, may stay set.
	atf_check_equal $((off & ~0x400)) $((after & ~0x400))
}

device_case no_address "without an address in BAR0, list says so, and live"
no_address_body()
{
	prepare none
	was=$(command_register)
	bar=$(config_dword 16)
	set_command_register $((was & ~3))
	set_bar0 0
	"$EDUTOOL" list >listed
	"$EDUTOOL" live 2>message
	live=$?
	set_bar0 "$bar"
	set_command_register "$was"
	atf_check_equal 74 $live
	# Here the operating system knows better.
	atf_check -o match:'BAR0 ' cat message
	atf_check -o match:"^$device  not readable: .*BAR0 has no address, " \
	    cat listed
	atf_check -o inline:'0xfffffffa\n' "$EDUTOOL" live 5
}

device_case bar "bar agrees with the system and leaves no trace"
bar_body()
{
	prepare none
	config >before
	atf_check -o save:document "$EDUTOOL" -j bar
	config >after
	atf_check cmp before after
	contains '"type": "mem32", "prefetchable": false, ' \
	    "\"address\": $(config_dword 16), \"length\": 1048576}"
	atf_check -o inline:'BAR5: absent\n' "$EDUTOOL" bar "$device" 5
	atf_check -s exit:64 -e match:'no BAR6' "$EDUTOOL" bar "$device" 6
}

device_case bar_refused "bar refuses a function that a driver uses: exit 75"
bar_refused_body()
{
	prepare none
	used=$(driven)
	[ -n "$used" ] || atf_skip "no function here has a driver"
	atf_check -s exit:75 -e match:"^edutool: $used: .*; -f " \
	    "$EDUTOOL" bar "$used"
}

device_case bind "bind gives and takes the driver of this device alone"
bind_body()
{
	prepare none
	if [ $netbsd = yes ]; then
		for to in uio none; do
			atf_check -s exit:69 -e match:'modload.* drvctl -d' \
			    "$EDUTOOL" bind $to
		done
		return
	fi
	override=$SYSFS/$device/driver_override
	"$EDUTOOL" list | sed 1d >others
	for _ in 1 2; do
		atf_check -o inline:"$device: uio_pci_generic\n" \
		    "$EDUTOOL" -d "$device" bind uio
		atf_check -o match:/uio_pci_generic$ \
		    readlink "$SYSFS/$device/driver"
	done
	atf_check -o save:list "$EDUTOOL" list
	atf_check -o file:others sed 1d list
	for _ in 1 2; do
		atf_check -o inline:"$device: no driver\n" "$EDUTOOL" bind none
		atf_check -s exit:1 readlink "$SYSFS/$device/driver"
		atf_check -o inline:'(null)\n' cat "$override"
	done
	document="{\"device\": \"$device\", \"driver\": "
	atf_check -o inline:"$document\"uio_pci_generic\"}\n" \
	    "$EDUTOOL" -j bind uio
	atf_check -o inline:"${document}null}\n" "$EDUTOOL" -j bind none
}

device_case bind_vfio \
    "bind gives the device vfio-pci where an IOMMU is, else exit 69 and why"
bind_vfio_body()
{
	linux_only bind
	prepare none
	if [ ! -e "$SYSFS/$device/iommu_group" ]; then
		atf_check -s exit:69 -e match:'it needs an IOMMU' \
		    "$EDUTOOL" bind vfio
		atf_check -s exit:1 readlink "$SYSFS/$device/driver"
		atf_check -o inline:'(null)\n' \
		    cat "$SYSFS/$device/driver_override"
		return
	fi
	atf_check -o inline:"$device: vfio-pci\n" "$EDUTOOL" bind vfio
	atf_check -o inline:'120\n' "$EDUTOOL" factorial --irq 5
	atf_check -o ignore "$EDUTOOL" dma test
	"$EDUTOOL" -j -d "$device" bench -n 1 irq >document
	contains '"what": "12! by interrupt", ' '"against": "by hand", ' \
	    '"bare": '
	node=/dev/vfio/$(basename "$(readlink "$SYSFS/$device/iommu_group")")
	exec 9<>"$node"
	atf_check -s exit:75 -e match:"process [0-9]* .*$node open: its" \
	    "$EDUTOOL" bind none
	atf_check -s exit:75 -e match:"process [0-9]* .*$node open" \
	    "$EDUTOOL" live
	exec 9>&-
	atf_check -o inline:"$device: uio_pci_generic\n" "$EDUTOOL" bind uio
	atf_check -o inline:"$device: vfio-pci\n" "$EDUTOOL" bind vfio
	atf_check -o inline:"$device: no driver\n" "$EDUTOOL" bind none
}

device_case bind_held \
    "bind leaves the driver of a device that a process is using alone: exit 75"
bind_held_body()
{
	linux_only bind
	prepare uio
	exec 9>>"$SYSFS/$device/config"
	atf_check -s exit:75 -e match:'process [0-9]* .*/config open: its' \
	    "$EDUTOOL" bind none
	atf_check -o match:/uio_pci_generic$ readlink "$SYSFS/$device/driver"
	atf_check -o ignore "$EDUTOOL" bind uio
	exec 9>&-
	atf_check -o ignore "$EDUTOOL" bind none
}

device_case bind_refused "bind leaves what is no edu alone: exit 69"
bind_refused_body()
{
	linux_only bind
	prepare none
	for d in "$SYSFS"/*; do
		case $(cat "$d/vendor") in
		0x1234)	continue ;;
		esac
		before=$(readlink "$d/driver")
		for to in uio none; do
			atf_check -s exit:69 -e match:'is not an edu' \
			    "$EDUTOOL" -d "${d##*/}" bind $to
			atf_check_equal "$before" "$(readlink "$d/driver")"
		done
	done
}

device_case claim "one process drives a device, another may look: exit 75"
claim_body()
{
	prepare uio
	hold_device
	for words in live "factorial 5" "dma test" "irq raise 4" "irq ack 4" \
	    "poke 4 5" selftest bar "bench -n 1 read" "bench -n 1 open"; do
		# shellcheck disable=SC2086
		atf_check -s exit:75 -o ignore \
		    -e match:"^edutool: $device: process $holder is using" \
		    "$EDUTOOL" $words
	done
	for words in list info "irq status" "peek 4" regs; do
		# shellcheck disable=SC2086
		atf_check -o not-empty "$EDUTOOL" $words
	done
	"$EDUTOOL" -j live >document 2>/dev/null
	contains '"errno": "EBUSY", "exit": 75}}'
	if [ $netbsd = no ]; then
		atf_check -s exit:75 -e match:"process $holder is using" \
		    "$EDUTOOL" bind none
		atf_check -o match:/uio_pci_generic$ \
		    readlink "$SYSFS/$device/driver"
	fi
	release_device
	atf_check -o inline:'0xfffffffa\n' "$EDUTOOL" live 5
}

device_case signal "a waiting process that is ended gives the device back"
signal_body()
{
	prepare uio
	before=$(command_register)
	hold_device
	kill "$holder"
	wait "$holder"
	atf_check_equal 143 $?
	rm holder.pid
	atf_check -o match:'^edutool: ended by signal 15$' cat holder.out
	# Bus mastering is off again; INTx may be masked (bit 10).
	atf_check_equal $((before & ~0x400)) \
	    $(($(command_register) & ~0x400))
	atf_check "$EDUTOOL" irq raise 4
	atf_check -o inline:'0x00000004\n' "$EDUTOOL" irq wait
}

device_case closed_output "what is printed never goes into the device"
closed_output_body()
{
	prepare uio
	config >before
	# All three closed: were one of them the device's own, the
	# message would be written to configuration space.
	for words in "-t 10 irq wait" "peek 1" "-v bar" live; do
		sh -c "'$EDUTOOL' $words <&- >&- 2>&-" &&
		    atf_fail "$words has lost its output and does not say so"
		# INTx disable, bit 10, is the kernel's to change.
		config >after
		for file in before after; do
			sed '2s/^\(.....\)./\1-/' $file >$file.text
		done
		atf_check -o file:before.text cat after.text
	done
	atf_check -o inline:'120\n' "$EDUTOOL" factorial 5
}

device_case timeout "a transfer that cannot be done in time is exit 75"
timeout_body()
{
	prepare $for_dma
	for timeout in 0 20; do
		atf_check -s exit:75 -e match:"^edutool: $device: .*in time" \
		    "$EDUTOOL" -t $timeout dma test
	done
	"$EDUTOOL" -j -t 20 dma test >document 2>message
	contains '"bytes": 0, "chunks": 0, "mismatch": null, ' \
	    '"errno": "ETIMEDOUT", "exit": 75}}'
	atf_check -o match:'no difference' "$EDUTOOL" dma test
}

device_case irq "irq wait receives what an earlier run has raised"
irq_body()
{
	prepare uio
	for mask in 0x00000004 0x80000000 0xffffffff 0x00000001; do
		atf_check "$EDUTOOL" irq raise $mask
		atf_check -o inline:"$mask\n" "$EDUTOOL" irq status
		atf_check -o inline:"$mask\n" "$EDUTOOL" -t 20000 irq wait
		atf_check -o inline:'0x00000000\n' "$EDUTOOL" irq status
	done
	atf_check "$EDUTOOL" irq raise 0xff
	atf_check "$EDUTOOL" irq ack 0x0f
	atf_check -o inline:'0x000000f0\n' "$EDUTOOL" irq wait
	atf_check -s exit:1 -e match:'no interrupt' "$EDUTOOL" -t 100 irq wait
}

device_case no_kernel_side "without a driver, exit 69 and what helps"
no_kernel_side_body()
{
	prepare none
	for words in "irq wait" "factorial --irq 5" "dma test --irq"; do
		# shellcheck disable=SC2086
		atf_check -s exit:69 -e match:"^edutool: $device: .*$remedy" \
		    -e match:'; edutool doctor says more$' "$EDUTOOL" $words
	done
	# It would know nothing of this one.
	atf_check -s exit:77 -e not-match:doctor "$EDUTOOL" peek 0x60
	atf_check -o inline:'120\n' "$EDUTOOL" factorial 5
	# There is nothing to measure.
	"$EDUTOOL" -j -d "$device" bench -n 1 irq >document
	contains '"rows": [], '
	atf_check "$EDUTOOL" irq raise 4
	atf_check -o inline:'0x00000004\n' "$EDUTOOL" irq status
	atf_check "$EDUTOOL" irq ack 4
}

device_case dma "what dma put writes, dma get reads; with and without --irq"
dma_body()
{
	prepare uio
	dd if=/dev/urandom of=in bs=4095 count=1 2>/dev/null
	for irq in "" --irq; do
		# shellcheck disable=SC2086
		atf_check "$EDUTOOL" dma put $irq in
		# shellcheck disable=SC2086
		atf_check -o file:in "$EDUTOOL" dma get $irq -n 4095
	done
	atf_check -o match:' in 3 chunks: no difference$' \
	    "$EDUTOOL" dma test --irq -n 10000
}

device_case no_huge_page "without huge pages, exit 71 and what helps"
no_huge_page_body()
{
	linux_only "memory from huge pages"
	prepare none
	echo 0 >$PAGES
	[ "$(cat $PAGES)" = 0 ] ||
	    atf_skip "somebody uses the huge pages"
	"$EDUTOOL" -j dma test >document 2>message
	atf_check_equal 71 $?
	contains '"errno": "ENOMEM", "exit": 71}}'
	for figure in dma bytes; do
		atf_check -s exit:71 -o empty -e match:"^edutool: $device: " \
		    "$EDUTOOL" bench -n 1 $figure
	done
	# What it advises works, whatever the machine's default size.
	atf_check -o match:"^edutool: $device: .*\"echo [0-9]* >" cat message
	sh -c "$(sed 's/.*"\(echo .*\)".*/\1/' message)"
	atf_check -o match:'no difference' "$EDUTOOL" dma test
}

device_case bench "bench compares each figure with loops by hand"
bench_body()
{
	linux_only bench
	prepare uio
	atf_check -o save:text "$EDUTOOL" bench -n 1
	atf_check -o match:'^open .* libpciaccess$' \
	    -o match:'^read .* a volatile load$' \
	    -o match:'^factorial .* a mapped loop$' \
	    -o match:'^irq .* by hand$' \
	    -o match:'^dma .* devices x chunk / 100 ms$' \
	    -o match:'^dma .* a 1 ms poll loop$' \
	    -o match:'^dma .* a naive poll loop$' \
	    -o match:'^bytes .* 200 ms a chunk$' cat text
	"$EDUTOOL" -j -d "$device" bench -n 2 irq >document
	contains "{\"device\": \"$device\", \"devices\": 1, " \
	    '"repetitions": 2, "rows": [{' '"against": "by hand", ' \
	    '"bare": ' '"ratio_min": '
	# What was written behind the library's back has done no harm.
	atf_check -o match:'no difference' "$EDUTOOL" dma test
	atf_check -o ignore "$EDUTOOL" selftest
}

# diagnosed CHECK: it is wrong, and the command that is printed mends it.
diagnosed()
{
	"$EDUTOOL" doctor >said
	atf_check_equal 1 $?
	atf_check -o not-empty -x "sed -n 's/^wrong *$1  .*; mend: //p' said \
	    >command; cat command"
	PATH=$PWD/bin:$PATH sh ./command >output 2>&1
	"$EDUTOOL" doctor >said
	atf_check -o ignore grep "^ok *$1 " said
}

device_case doctor "doctor says what is wrong, and its commands mend it"
doctor_body()
{
	prepare uio
	mkdir bin
	ln -s "$EDUTOOL" bin/edutool
	atf_check -s ignore -o save:said "$EDUTOOL" doctor
	atf_check -s exit:1 grep '^wrong' said
	set_command_register $(($(command_register) & ~2))
	diagnosed decoding
	hold_device
	atf_check -s exit:1 -o match:"^wrong *holder  *process $holder " \
	    "$EDUTOOL" doctor
	diagnosed holder
	rm holder.pid
	wait "$holder"
	give none
	diagnosed driver
	[ $netbsd = yes ] || return 0
	mv /dev/edu0 /dev/edu0.kept
	diagnosed node
	rm /dev/edu0
	mv /dev/edu0.kept /dev/edu0
}

device_case selftest "selftest passes, and skips what has no kernel side"
selftest_body()
{
	prepare none
	atf_check -o save:tap "$EDUTOOL" selftest
	# Without edu(4) there is no memory for DMA either.
	[ $netbsd = yes ] && count=4 || count=3
	atf_check -o inline:"$count\n" grep -c "^ok .* # SKIP .*$remedy" tap
	atf_check -s exit:1 grep '^not ok' tap
	give uio
	atf_check -o save:tap "$EDUTOOL" selftest
	atf_check -o inline:'11\n' grep -c '^ok [0-9]* - [^#]*$' tap
}

# MSI on behind the back of uio_pci_generic, which waits for INTx.
# Of the manual's table, the column for how the first device is driven.
column()
{
	case $netbsd:$("$EDUTOOL" info | sed -n 's/^ *kernel side: *//p') in
	no:none)		echo none ;;
	no:uio_pci_generic)	echo uio ;;
	no:vfio-pci*)		echo vfio ;;
	yes:none)		echo bare ;;
	yes:edu*)		"$EDUTOOL" doctor | grep -q 'MSI is on' &&
				    echo msi || echo intx ;;
	esac
}

device_case conformance "the examination ends as the manual's table has it"
conformance_body()
{
	page=$(atf_get_srcdir)/../../../tools/edutool.8
	[ -r "$page" ] || atf_skip "no manual page here"
	[ "$("$EDUTOOL" list | wc -l)" -gt 1 ] || atf_skip "two edus are needed"
	atf_check -o save:tap "$EDUTOOL" selftest --all
	sed -n 's/^\.It "*//; s/"* Ta /|/gp' "$page" >table
	sed -n -e 's/ (.*# SKIP .*/|skip/' -e 's/ (.*# TODO .*/|known/' \
	    -e 's/ (.*/|ok/' -e 's/^\(not \)*ok [0-9]* - //p' tap >verdicts
	# 10.0 is ok, or skipped with an older QEMU.
	# shellcheck disable=SC2016	# the fields of a line
	atf_check awk -F '|' -v "name=Sy $(column)" '
		!column && /^Sy "check/ {
			for (i = 2; i <= NF; i++)
				if ($i == name)
					column = i
		}
		FILENAME == "table" { wanted[$1] = $column; next }
		{
			seen++
			want = $1 in wanted ? wanted[$1] : "ok"
			if (want == "10.0" && ($2 == "ok" || $2 == "skip"))
				want = $2
			if (want != $2)
				print $1 ": " $2 ", not " want
		}
		END { if (!column || seen < 45) print "no table" }' \
	    table verdicts
}

device_case selftest_silent \
    "selftest fails where no interrupt arrives, and says why"
selftest_silent_body()
{
	linux_only selftest_silent
	prepare uio
	printf '\001' | dd of="$SYSFS/$device/config" bs=1 seek=66 \
	    conv=notrunc status=none
	"$EDUTOOL" -t 2000 selftest >tap 2>message
	status=$?
	"$EDUTOOL" -t 2000 dma test --irq -n 10 >moved 2>&1
	printf '\200' | dd of="$SYSFS/$device/config" bs=1 seek=66 \
	    conv=notrunc status=none
	atf_check_equal 70 $status
	atf_check -o inline:'3\n' grep -c '^not ok' tap
	atf_check -o match:'factorial by interrupt' -o match:'interrupt wait' \
	    -o match:'DMA .* by interrupt' grep '^not ok' tap
	atf_check -o inline:'3\n' grep -c '^# .*MSI is enabled' tap
	atf_check -o match:'no interrupt can come: MSI is enabled' cat moved
}

device_case permission "an ordinary user sees what may be seen: exit 77"
permission_body()
{
	[ $netbsd = yes ] || command -v setpriv >/dev/null ||
	    atf_skip "no setpriv"
	prepare none
	as_nobody test -x "$EDUTOOL" ||
	    atf_skip "an ordinary user cannot run $EDUTOOL"
	for words in live "dma test" "irq raise 4" bar "peek 0"; do
		# shellcheck disable=SC2086
		as_nobody "$EDUTOOL" $words >output 2>message
		atf_check_equal 77 $?
		atf_check -o match:"^edutool: .*(root|to a group)" cat message
	done
	if [ $netbsd = yes ]; then
		as_nobody "$EDUTOOL" list >output 2>message
		atf_check_equal 77 $?
		return
	fi
	as_nobody "$EDUTOOL" bind uio >output 2>message
	atf_check_equal 77 $?
	as_nobody "$EDUTOOL" list >output
	atf_check -o match:"^$device  not readable: " cat output
	as_nobody "$EDUTOOL" -j info >document 2>message
	atf_check_equal 77 $?
	contains '"exit": 77}}' '"vendor": 4660' '"msi": null' \
	    '"interrupt_pin": 1'
}

# NetBSD: no driver, no node, and the module's file here.
fresh_machine()
{
	module=$(atf_config_get edu.module '')
	[ -n "$module" ] || atf_skip "edu.module is not set (tests/guest -u)"
	cp "$module" edu.kmod
	: >flags
	give uio
	[ "$(column)" = msi ] || echo -i flags=1 >flags
	mv /dev/edu0 /dev/edu0.kept
	modunload edu
}

# Without the flags that it was loaded with, edu(4) would use MSI.
reload()
{
	mv /dev/edu0.kept /dev/edu0
	modunload edu 2>/dev/null
	# shellcheck disable=SC2046	# none or two words
	modload $(cat flags) ./edu.kmod
}

device_case examples "the examples in the manual are true"
examples_body()
{
	page=$(atf_get_srcdir)/../../../tools/edutool.8
	[ -r "$page" ] || atf_skip "no manual page here"
	prepare none
	sed -n '/^\.Bd -literal/,/^\.Ed/{/^\.[BE]d/!p;}' "$page" >all
	if [ $netbsd = yes ]; then
		fresh_machine
		slot=${device##*:}
		slot=$((0x${slot%.*}))
		sed -n "s/-d 10/-d $slot/; /pcictl/,\$p" all
	else
		sed -n '/^\$/q; p' all
	fi >examples
	atf_check -o match:'edutool irq wait' cat examples
	mkdir bin
	ln -s "$(cd "$(dirname "$EDUTOOL")" && pwd)/edutool" bin/edutool
	while read -r prompt command; do
		[ "$prompt" != '#' ] || {
			echo "# $command"
			PATH=$PWD/bin:$PATH sh -c "$command" 2>&1 </dev/null
		}
	done <examples >output
	# Where devices and BARs stand is this machine's own; so is how many
	# devices there are.
	for file in examples output; do
		sed -e 's/0000:[0-9a-f][0-9a-f]:[0-9a-f.]*/ADDRESS/' \
		    -e 's/0xf[0-9a-e][0-9a-f]00000$/BAR/' \
		    -e 's/0xf[0-9a-e][0-9a-f]00000 /BAR /' \
		    $file | uniq >$file.same
	done
	atf_check -o file:examples.same cat output.same
}
