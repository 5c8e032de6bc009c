#!/bin/sh
# How fast the secret scan is on plain files: programs, text and bytes that do
# not compress, one file each, on one core.
#
#   scan.sh [FILE]...    these files instead
#
# The peer is grep over the same bytes with the markers of the text formats: it
# looks for a part of what the scan looks for, and decodes and opens nothing.
# Lines: figure NAME VALUE UNIT peer PEER VALUE ratio RATIO must MUST. The must
# is what one core of a usual machine should reach; nothing is decided by it.
set -eu
: "${BIN:?the folder of the programs}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
marks='-----BEGIN [A-Z0-9 ]*PRIVATE KEY|AGE-SECRET-KEY-1|PuTTY-User-Key-File-'
marks="$marks|openssh-key-v1|\"kty\"|PrivateKey *=|\"pawl-key-1\"|private-key\("

cpu_ms() { # command...: CPU time of it and its children
	bash -c 'TIMEFORMAT="%U %S"; time "$@" >/dev/null 2>&1' x "$@" 2>&1 |
		awk 'END { printf "%d", ($1 + $2) * 1000 + 1 }'
}

measure() { # NAME FILE
	size=$(stat -c %s "$2")
	ours=$(cpu_ms "$BIN/signer" scan "$2")
	theirs=$(cpu_ms grep -aEc -e "$marks" "$2")
	awk -v n="$1" -v s="$size" -v a="$ours" -v b="$theirs" 'BEGIN {
		v = s / a / 1000; w = s / b / 1000
		printf "figure scan-%s %.0f MB/s peer grep %.0f ratio %.3f must 200\n",
			n, v, w, v / w }'
}

if [ $# -gt 0 ]; then
	for f in "$@"; do
		measure "$(basename "$f")" "$f"
	done
	exit
fi
# Their bytes one after the other, so that opening files does not count.
find /usr/bin -type f -size +64k 2>/dev/null | LC_ALL=C sort |
	xargs cat 2>/dev/null | head -c 200000000 >"$work/programs" || :
find /usr/include /usr/share/perl /usr/lib/python3 -type f \
	\( -name '*.h' -o -name '*.pm' -o -name '*.py' \) 2>/dev/null |
	LC_ALL=C sort | xargs cat 2>/dev/null | head -c 200000000 \
	>"$work/text" || :
head -c 100000000 /dev/urandom >"$work/random"
for f in programs text random; do
	measure "$f" "$work/$f"
done
