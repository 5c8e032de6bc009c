#!/bin/sh
# What a delta weighs, beside what others make of tars of the same two trees.
#
#   delta.sh [OLD NEW]...    pairs of folders (or tars); the demo's Debian
#                            packages when none is given
#
# Peers are those that are installed: zstd --patch-from, bsdiff, xdelta3.
# Lines: figure NAME VALUE UNIT peer PEER VALUE ratio RATIO.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
: "${BIN:?the folder of the programs}"
tool=$BIN/tests/tools/delta-size
[ -x "$tool" ] || {
	echo "skipped delta: make check-e2e builds the tool it needs"
	exit 0
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

figure() { # NAME VALUE UNIT PEER VALUE
	awk -v n="$1" -v v="$2" -v u="$3" -v p="$4" -v w="$5" 'BEGIN {
		printf "figure %s %s %s peer %s %s ratio %.3f\n", n, v, u, p, w, v / w
	}'
}

as_tar() { # INPUT FILE
	[ -d "$1" ] || {
		cp "$1" "$2"
		return
	}
	tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 \
		-cf "$2" -C "$1" .
}

size() {
	stat -c %s "$1"
}

compare() { # NAME OLD NEW
	name=$1
	as_tar "$2" "$work/old.tar"
	as_tar "$3" "$work/new.tar"
	line=$("$tool" "$2" "$3" "$work" lzma)
	# full N delta N content N make_ms N make_kb N apply_ms N ...
	# shellcheck disable=SC2086 # a list of words
	set -- $line
	full=$2 delta=$4 content=$6 make_ms=$8
	shift 8
	figure "delta-$name-of-full" "$delta" bytes full "$full"
	echo "figure delta-$name-content $content bytes"
	echo "figure delta-$name-make $make_ms ms-cpu"
	echo "figure delta-$name-apply $4 ms-cpu"
	if command -v zstd >/dev/null; then
		zstd -qq -19 --long=31 --patch-from="$work/old.tar" \
			"$work/new.tar" -o "$work/zstd"
		figure "delta-$name" "$delta" bytes zstd-19-patch-from \
			"$(size "$work/zstd")"
	fi
	if command -v bsdiff >/dev/null; then
		bsdiff "$work/old.tar" "$work/new.tar" "$work/bsdiff"
		figure "delta-$name" "$delta" bytes bsdiff \
			"$(size "$work/bsdiff")"
	fi
	if command -v xdelta3 >/dev/null; then
		xdelta3 -q -9 -S lzma -e -s "$work/old.tar" "$work/new.tar" \
			"$work/xdelta"
		figure "delta-$name" "$delta" bytes xdelta3 \
			"$(size "$work/xdelta")"
	fi
	rm -rf "$work"/*
}

if [ $# -eq 0 ]; then
	sh "$here/demo/fetch.sh" "${DEMO_HOME:-build/demo}/debian" >"$work/log" 2>&1 || {
		echo "skipped delta: $(tail -n 1 "$work/log")"
		exit 0
	}
	set -- "${DEMO_HOME:-build/demo}/debian/old" \
		"${DEMO_HOME:-build/demo}/debian/new"
fi
n=1
while [ $# -ge 2 ]; do
	compare "$n" "$1" "$2"
	shift 2
	n=$((n + 1))
done
