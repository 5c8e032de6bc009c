#!/bin/sh
# Compressed files whose contents changed a little: a kernel's LZ4 frame and a
# gzip stream made by zlib cost about what the change costs, and the reader
# written from the documents alone makes the same bytes again. What another
# program compressed stays as it is.
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

	if (calls++ > 0)
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
