#!/bin/sh
# Compressed files whose contents changed a little: a kernel's LZ4 frame and a
# gzip stream made by zlib cost about what the change costs, and the reader
# written from the documents alone makes the same bytes again. So do the files
# that Debian's own programs write. What no library of ours makes again stays
# as it is.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
tool=$BIN/tests/tools/delta-size
for need in python3 zstd gzip; do
	command -v "$need" >/dev/null || {
		echo "no $need here"
		exit 77
	}
done

python3 "$here/tools/members.py" "$WORK/old" 0
python3 "$here/tools/members.py" "$WORK/new" 1
for tree in old new; do
	gzip -9 -n <"$WORK/$tree/plain" >"$WORK/$tree/other.gz"
done
for codec in lzma zstd; do
	out=$WORK/$codec
	mkdir -p "$WORK/scratch"
	line=$("$tool" "$WORK/old" "$WORK/new" "$WORK/scratch" $codec app "$out")
	echo "$line"
	# shellcheck disable=SC2086 # a list of words
	set -- $line
	full=$2 delta=$4
	[ $((delta * 3)) -lt "$full" ] || {
		echo "the delta has $delta bytes, the full package $full"
		exit 1
	}
	diff -r "$WORK/new" "$out/new"
	python3 "$here/tools/read_package.py" "$out/full.pawl" \
		"$out/delta.pawl" "$out/old.manifest" "$out/old" \
		"$out/new.manifest" "$out/new"
done

# What Debian's programs write: modules of a kernel, an initial file system and
# frames of lz4, each of which costs next to nothing.
by_programs() { # FOLDER: of its file `plain`
	(
		cd "$1"
		xz -c --check=crc32 --lzma2=dict=1MiB plain >module.ko.xz
		zstd -q plain -o module.ko.zst
		zstd -q -19 plain -o all.zst
		gzip -9 -n <plain >module.ko.gz
		lz4 -q plain frame.lz4
		lz4 -q -12 -B4 --content-size plain best.lz4
		lz4 -q -l -9 plain initrd.img
		rm plain
	)
}
if command -v lz4 >/dev/null && command -v xz >/dev/null; then
	for tree in old new; do
		mkdir "$WORK/$tree.by"
		cp "$WORK/$tree/plain" "$WORK/$tree.by"
		by_programs "$WORK/$tree.by"
	done
	# shellcheck disable=SC2046 # a list of words
	set -- $("$tool" "$WORK/old.by" "$WORK/new.by" "$WORK/scratch" lzma \
		app "$WORK/by")
	echo "by programs $4"
	[ "$4" -lt 3000 ] || exit 1
	diff -r "$WORK/new.by" "$WORK/by/new"
	python3 "$here/tools/read_package.py" "$WORK/by/full.pawl" \
		"$WORK/by/delta.pawl" "$WORK/by/old.manifest" "$WORK/by/old" \
		"$WORK/by/new.manifest" "$WORK/by/new"
fi

# Alone, what zlib and LZ4 made costs next to nothing.
rm "$WORK/old/other.gz" "$WORK/new/other.gz" "$WORK/old/plain" \
	"$WORK/new/plain"
# shellcheck disable=SC2046 # a list of words
set -- $("$tool" "$WORK/old" "$WORK/new" "$WORK/scratch" lzma app "$WORK/o")
echo "delta $4"
[ "$4" -lt 2000 ] || exit 1

# A library that does not do twice the same: the proof tells, and the delta is
# made without members, for it is better than none.
command -v cc >/dev/null || exit 0
cat >"$WORK/twice.c" <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
int LZ4_compress_HC_extStateHC(void *, const char *, char *, int, int, int);
int LZ4_compress_HC_extStateHC(void *state, const char *from, char *to, int n,
			       int max, int level)
{
	static int calls;
	int (*real)(void *, const char *, char *, int, int, int) =
		(int (*)(void *, const char *, char *, int, int, int))dlsym(
			RTLD_NEXT, "LZ4_compress_HC_extStateHC");
	int len = real(state, from, to, n, max, level);

	/* Proved twice, for so small a delta is made a second time. */
	if (calls++ > 1)
		to[len / 2] ^= 1;
	return len;
}
C
cc -shared -fPIC -w -o "$WORK/twice.so" "$WORK/twice.c" -ldl
# shellcheck disable=SC2046 # a list of words
set -- $(LD_PRELOAD=$WORK/twice.so "$tool" "$WORK/old" "$WORK/new" \
	"$WORK/scratch" lzma app "$WORK/plain")
echo "without members $4"
[ "$4" -gt 2000 ] && [ "$4" -lt "$2" ] || exit 1
diff -r "$WORK/new" "$WORK/plain/new"
