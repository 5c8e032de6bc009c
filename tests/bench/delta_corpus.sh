#!/bin/sh
# What deltas weigh on a corpus, beside those of other tools.
#
#   make bench-delta CORPUS=dir [PICTURE=file.svg]
#
# A corpus is a folder with one folder for each pair:
#
#   CORPUS/<pair>/old   CORPUS/<pair>/new     two files, or two trees
#
# and beside them, where there are any, images of the same trees, measured as
# files of their own: old.ext4 and new.ext4, old.squashfs and new.squashfs.
# Two files are images, of which nothing but the bytes is told; trees are handed to
# peers as tars. A pair of real life is a Debian package as
# released and with its security fixes, or a whole system made of them.
#
# Lines, where our value is the complete package:
#
#   figure delta-bytes-PAIR N bytes peer PEER N ratio R
#   figure delta-encode-PAIR N ms-cpu peer PEER N ratio R
#   figure delta-memory-PAIR N kB-resident peer PEER N ratio R   of encoding
#   figure delta-apply-PAIR N ms-cpu peer PEER N ratio R
#   figure delta-apply-memory-PAIR N kB-resident peer PEER N ratio R
#   figure delta-apply-own-PAIR N kB-heap-and-stack
#   figure delta-apply-cpu-PAIR N ms-cpu peer PEER N ratio R
#   figure delta-apply-read-PAIR N bytes peer old-content N ratio R
#
# Applying looks at all of the old content, writes the new one and compares its
# digests (peers: writes it); apply-cpu is the delta alone, without any of these,
# and apply-read what of the old content that reads.
#
# In the environment: CODEC (lzma or zstd), PAIRS (names; all), NOPEERS (ours
# alone), PEER_SEC (a peer may take so long; 600), NOFULL (the full package is
# not compressed).
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
: "${BIN:?the folder of the programs}"
: "${CORPUS:?a folder with pairs, see the top of this file}"
tool=$BIN/tests/tools/delta-size
CORPUS=$(cd "$CORPUS" && pwd)
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

size() {
	stat -c %s "$1"
}

figure() { # NAME VALUE UNIT PEER VALUE
	awk -v n="$1" -v v="$2" -v u="$3" -v p="$4" -v w="$5" 'BEGIN {
		printf "figure %s %s %s peer %s %s ratio %.3f\n",
			n, v, u, p, w, (w > 0 ? v / w : 0)
	}' | tee -a "$work/figures"
}

content_of() { # FOLDER: bytes of its files
	find -H "$1" -type f -printf '%i %s\n' | sort -u |
		awk '{ n += $2 } END { printf "%d\n", n }'
}

as_file() { # INPUT FILE
	if [ -d "$1" ]; then
		tar --sort=name --numeric-owner --mtime=@0 -cf "$2" -C "$1" .
	else
		ln -L "$1" "$2" 2>/dev/null || cp "$1" "$2"
	fi
}

# Milliseconds of CPU that a command took, and its peak memory in kB.
cpu_and_kb() {
	python3 -c 'import resource, subprocess, sys
p = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
if p.returncode:
    sys.exit(p.returncode)
u = resource.getrusage(resource.RUSAGE_CHILDREN)
print(int((u.ru_utime + u.ru_stime) * 1000), u.ru_maxrss)' "$@"
}

encode() { # COMMAND...: the command writes $work/out
	rm -f "$work/out"
	took=$(cpu_and_kb timeout "${PEER_SEC:-600}" "$@") || {
		echo "skipped delta-$pair: $tool_name ended with status $?"
		return 1
	}
	figure "delta-bytes-$pair" "$delta" bytes "$tool_name" "$(size "$work/out")"
	figure "delta-encode-$pair" "$make_ms" ms-cpu "$tool_name" "${took% *}"
	figure "delta-memory-$pair" "$make_kb" kB-resident "$tool_name" \
		"${took#* }"
}

apply() { # COMMAND...: the command writes $work/back
	took=$(cpu_and_kb "$@") && cmp "$work/back" "$work/new.file" || {
		echo "skipped delta-$pair: $tool_name gives other bytes"
		return 0
	}
	rm -f "$work/back"
	figure "delta-apply-$pair" "$apply_ms" ms-cpu "$tool_name" "${took% *}"
	figure "delta-apply-memory-$pair" "$apply_kb" kB-resident \
		"$tool_name" "${took#* }"
	figure "delta-apply-cpu-$pair" "$bare_ms" ms-cpu "$tool_name" \
		"${took% *}"
}

peer() { # NAME PROGRAM: is it here?
	tool_name=$1
	[ -z "${NOPEERS:-}" ] && command -v "$2" >/dev/null
}

peers() {
	if peer bsdiff bsdiff; then
		encode bsdiff "$work/old.file" "$work/new.file" "$work/out" &&
			apply bspatch "$work/old.file" "$work/back" "$work/out"
	fi
	if peer xdelta3 xdelta3; then
		encode xdelta3 -q -9 -S lzma -e -B 1073741824 \
			-s "$work/old.file" "$work/new.file" "$work/out" &&
			apply xdelta3 -q -d -B 1073741824 \
				-s "$work/old.file" "$work/out" "$work/back"
	fi
	if peer zstd-22-patch-from zstd; then
		encode zstd -qq --ultra -22 --long=31 \
			"--patch-from=$work/old.file" "$work/new.file" \
			-o "$work/out" &&
			apply zstd -qq -d --long=31 \
				"--patch-from=$work/old.file" "$work/out" \
				-o "$work/back"
	fi
}

compare() { # PAIR OLD NEW
	pair=$1
	rm -rf "$work/old" "$work/new" "$work/old.file" "$work/new.file" \
		"$work/scratch"
	mkdir "$work/scratch"
	ln -s "$2" "$work/old"
	ln -s "$3" "$work/new"
	as_file "$2" "$work/old.file"
	as_file "$3" "$work/new.file"
	attributes=image
	[ -f "$2" ] || attributes=app
	[ -d "$2" ] && [ "$(id -u)" = 0 ] && attributes=system
	line=$("$tool" "$work/old" "$work/new" "$work/scratch" \
		"${CODEC:-lzma}" "$attributes") || {
		echo "not ok $pair: no delta was made"
		failed=1
		return 0
	}
	# full N delta N content N make_ms N
	# shellcheck disable=SC2086 # a list of words
	set -- $line
	full=$2 delta=$4 make_ms=$8
	shift 8
	# make_kb N apply_ms N apply_kb N own_kb N
	make_kb=$2 apply_ms=$4 apply_kb=$6 own_kb=$8
	shift 8
	# bare_ms N old_read N
	bare_ms=$2 old_read=$4
	echo "figure delta-bytes-$pair $delta bytes"
	echo "figure delta-encode-$pair $make_ms ms-cpu"
	echo "figure delta-memory-$pair $make_kb kB-resident"
	echo "figure delta-apply-$pair $apply_ms ms-cpu"
	echo "figure delta-apply-memory-$pair $apply_kb kB-resident"
	echo "figure delta-apply-own-$pair $own_kb kB-heap-and-stack"
	figure "delta-apply-read-$pair" "$old_read" bytes old-content \
		"$(content_of "$work/old")"
	echo "figure delta-apply-cpu-$pair $bare_ms ms-cpu"
	figure "delta-bytes-$pair" "$delta" bytes full-package "$full"
	peers || return 0
}

for dir in "$CORPUS"/*/; do
	dir=${dir%/}
	[ -n "${PAIRS:-}" ] && case " $PAIRS " in
	*" ${dir##*/} "*) ;;
	*) continue ;;
	esac
	if [ -e "$dir/old" ] && [ -e "$dir/new" ]; then
		compare "${dir##*/}" "$dir/old" "$dir/new"
	fi
	for kind in ext4 squashfs; do
		[ -e "$dir/old.$kind" ] && [ -e "$dir/new.$kind" ] || continue
		compare "${dir##*/}-$kind" "$dir/old.$kind" "$dir/new.$kind"
	done
done
if [ -n "${PICTURE:-}" ]; then
	python3 "$here/bench/delta_picture.py" <"$work/figures" >"$PICTURE"
fi
[ "$failed" = 0 ]
