# Copyright (c) 2026 The libedu authors
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/bench.svg, of the rows that tests/bench has written: how throughput and
# processor time grow with devices and with bytes.  For gnuplot.

set terminal svg size 900,700 font "sans-serif,13" background "white"
set output output
set datafile separator ","
set multiplot layout 2,2
set logscale xy
set key top left
set grid
set style data linespoints
set pointsize 0.6

# Of a row with these words, the devices and a column.
pick(figure, what, against, column) = sprintf( \
    "< awk -F '|' '$2 == \"%s\" && $3 == \"%s\" && ($5 == \"%s\") " . \
    "{ print $1 \",\" $%d }' %s", figure, what, against, column, rows)
# Of so many devices, the length of a copy and a column.
copies(devices, what, column) = sprintf( \
    "< awk -F '|' '$1 == %d && $2 == \"bytes\" && $3 ~ /^%s of/ " . \
    "{ split($3, w, / of /); print w[2] + 0 \",\" $%d }' %s", \
    devices, what, column, rows)

all = "chunks of all devices together"
chunk = "processor time a chunk"
nap = "a 1 ms poll loop"
naive = "a naive poll loop"

set title "Throughput by devices, one thread"
set xlabel "devices"
set ylabel "chunks a second"
set xtics (1, 8, 27, 64, 192)
plot pick("dma", all, "devices x chunk / 100 ms", 7) title "what they can do" \
	with lines dashtype 2, \
    pick("dma", all, "devices x chunk / 100 ms", 6) title "libedu"

set title "Processor time a chunk, by devices"
set ylabel "microseconds"
set key top right
plot pick("dma", chunk, naive, 7) title naive, \
    pick("dma", chunk, nap, 7) title nap, \
    pick("dma", chunk, nap, 6) title "libedu"

set title "Throughput by length of the copies"
set xlabel "bytes, of each device"
set ylabel "bytes a second"
set xtics (64, 512, 4095, 16380)
set key top left
plot for [n in counts] copies(int(n), "copies", 6) title n." devices"

set title "Processor time of a copy, by its length"
set ylabel "microseconds"
plot for [n in counts] copies(int(n), "processor time", 6) title n." devices"
