#!/bin/sh
# A squashfs image costs about what its files cost, whatever of gzip, xz and
# zstd it is compressed with; the reader written from the documents alone makes
# the same image again. One compressed with what is not known is a file.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
tool=$BIN/tests/tools/delta-size
for need in python3 zstd mksquashfs; do
	command -v "$need" >/dev/null || {
		echo "no $need here"
		exit 77
	}
done
unset SOURCE_DATE_EPOCH

image() { # FOLDER OUT OPTION...
	mkdir -p "$2"
	from=$1 to=$2/image
	shift 2
	mksquashfs "$from" "$to" -noappend -no-progress -all-root \
		-all-time 1700000000 -mkfs-time 1700000000 -processors 1 \
		"$@" >/dev/null
}

delta() { # OLD NEW OUT: prints the delta's length
	mkdir -p "$WORK/scratch"
	# shellcheck disable=SC2046 # a list of words
	set -- "$3" $("$tool" "$1" "$2" "$WORK/scratch" lzma app "$3")
	echo "$5"
}

compare() { # NAME OPTION...
	name=$1
	shift
	image "$WORK/old.tree" "$WORK/old.$name" "$@"
	image "$WORK/new.tree" "$WORK/new.$name" "$@"
	len=$(delta "$WORK/old.$name" "$WORK/new.$name" "$WORK/out.$name")
	echo "$name $len of $(wc -c <"$WORK/new.$name/image")"
	cmp "$WORK/new.$name/image" "$WORK/out.$name/new/image"
}

again() { # NAME: by the other reader
	python3 "$here/tools/read_package.py" "$WORK/out.$1/full.pawl" \
		"$WORK/out.$1/delta.pawl" "$WORK/out.$1/old.manifest" \
		"$WORK/out.$1/old" "$WORK/out.$1/new.manifest" \
		"$WORK/out.$1/new"
}

small() { # fails when the last delta was not about the tree's
	[ "$len" -lt $((tree + 3000)) ] || exit 1
}

for v in old new; do
	changes=0
	[ $v = old ] || changes=3
	python3 "$here/tools/members.py" "$WORK/$v.tree" $changes
	python3 "$here/tools/programs.py" "$WORK/$v.tree" $changes
done
tree=$(delta "$WORK/old.tree" "$WORK/new.tree" "$WORK/out.tree")
echo "tree $tree"
compare gzip -comp gzip
small
again gzip
compare xz -comp xz -b 65536 -Xbcj x86
small
again xz
compare zstd -comp zstd -Xcompression-level 7
small
again zstd
compare lz4 -comp lz4
small
again lz4
compare lz4-hc -comp lz4 -Xhc -b 65536
small
compare lzo -comp lzo

# So little that all of the old could be a dictionary, and is not: what was not
# opened of it stands nowhere.
python3 - "$WORK/old.tree" "$WORK/new.tree" <<'P'
import os
import random
import shutil
import sys

r = random.Random(3)
words = [bytes(r.choices(b"abcdefghij ", k=7)) for _ in range(2000)]
for tree in sys.argv[1:]:
    shutil.rmtree(tree)
    os.mkdir(tree)
for i in range(14):
    text = b"\n".join(r.choices(words, k=9000))
    edited = text[:20000] + bytes(r.choices(b"qrstuvwxyz", k=3000)) + text[20100:]
    for tree, content in zip(sys.argv[1:], (text, edited if i in (3, 9) else text)):
        with open("%s/%d" % (tree, i), "wb") as f:
            f.write(content)
P
compare little -comp xz
[ "$len" -lt 10000 ] || exit 1
again little
