#!/bin/sh
# A reader written from the documents alone, in another language, agrees with
# ours on full packages and deltas of both codecs.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
tool=$BIN/tests/tools/delta-size
for need in python3 zstd; do
	command -v "$need" >/dev/null || {
		echo "no $need here"
		exit 77
	}
done

mkdir -p "$WORK/old/sub/deep" "$WORK/scratch"
i=0
while [ $i -lt 4000 ]; do
	echo "line $i of a file that changes here and there" 
	i=$((i + 1))
done >"$WORK/old/sub/text"
head -c 300000 /bin/sh >"$WORK/old/sub/program" 
printf 'same' >"$WORK/old/same"
: >"$WORK/old/empty"
ln -s sub/text "$WORK/old/link"
cp -a "$WORK/old" "$WORK/new"
sed -i '7s/line/LINE/; 3000,3010d' "$WORK/new/sub/text"
{
	head -c 1000 "$WORK/old/sub/program"
	echo more
	tail -c +1001 "$WORK/old/sub/program"
} >"$WORK/new/sub/program"
mv "$WORK/new/same" "$WORK/new/sub/deep/m$(printf '\303\274')oved"

for codec in lzma zstd; do
	out=$WORK/$codec
	"$tool" "$WORK/old" "$WORK/new" "$WORK/scratch" $codec app "$out"
	python3 "$here/tools/read_package.py" "$out/full.pawl" \
		"$out/delta.pawl" "$out/old.manifest" "$out/old" \
		"$out/new.manifest" "$out/new"
	diff -r "$WORK/new" "$out/new"
done
