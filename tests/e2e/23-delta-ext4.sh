#!/bin/sh
# An ext4 image costs about what its files cost: they are found in it, be they
# in one piece or in several, with what is compressed in them, and the image in
# a partition of a disk's; an image that is
# not understood is a file like others. The reader written from the documents
# alone makes the same image again.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
tool=$BIN/tests/tools/delta-size
PATH=$PATH:/sbin:/usr/sbin
for need in python3 zstd mkfs.ext4 debugfs; do
	command -v "$need" >/dev/null || {
		echo "no $need here"
		exit 77
	}
done
export E2FSPROGS_FAKE_TIME=1700000000

# Groups so small that larger files stand in pieces between their tables.
image() { # FOLDER FILE
	truncate -s 4M "$2"
	mkfs.ext4 -q -b 1024 -g 256 -I 256 -N 512 -m 0 \
		-O ^has_journal,^resize_inode,^flex_bg -d "$1" \
		-U 12345678-1234-1234-1234-123456789abd \
		-E hash_seed=12345678-1234-1234-1234-123456789abc "$2"
}

delta() { # OLD NEW OUT: prints the delta's length
	mkdir -p "$WORK/scratch"
	# shellcheck disable=SC2046 # a list of words
	set -- "$3" $("$tool" "$1" "$2" "$WORK/scratch" lzma app "$3")
	echo "$5"
}

for v in old new; do
	changes=0
	[ $v = old ] || changes=3
	python3 "$here/tools/members.py" "$WORK/$v.tree" $changes
	xz -k --check=crc32 --lzma2=dict=1MiB "$WORK/$v.tree/plain"
	python3 "$here/tools/programs.py" "$WORK/$v.tree" $changes
	mkdir "$WORK/$v.ext4"
	image "$WORK/$v.tree" "$WORK/$v.ext4/image"
done
debugfs -R 'stat scattered' "$WORK/new.ext4/image" 2>/dev/null |
	grep -q '(0-.*, (' || {
	echo "the image has no file in pieces"
	exit 1
}
tree=$(delta "$WORK/old.tree" "$WORK/new.tree" "$WORK/out.tree")
ext4=$(delta "$WORK/old.ext4" "$WORK/new.ext4" "$WORK/out.ext4")
echo "tree $tree ext4 $ext4"
cmp "$WORK/new.ext4/image" "$WORK/out.ext4/new/image"
[ "$ext4" -lt $((tree + 6000)) ] || exit 1
python3 "$here/tools/read_package.py" "$WORK/out.ext4/full.pawl" \
	"$WORK/out.ext4/delta.pawl" "$WORK/out.ext4/old.manifest" \
	"$WORK/out.ext4/old" "$WORK/out.ext4/new.manifest" \
	"$WORK/out.ext4/new"

# A disk with a boot sector's table, and one with a GPT: the same in a partition.
for v in old new; do
	python3 "$here/tools/disk.py" "$WORK/$v.ext4/image" "$WORK/$v.mbr" mbr
	python3 "$here/tools/disk.py" "$WORK/$v.ext4/image" "$WORK/$v.gpt" gpt
done
for disk in mbr gpt; do
	len=$(delta "$WORK/old.$disk" "$WORK/new.$disk" "$WORK/out.$disk")
	echo "$disk $len"
	cmp "$WORK/new.$disk/disk" "$WORK/out.$disk/new/disk"
	[ "$len" -lt $((ext4 + 500)) ] || exit 1
done

# What is broken is a file like any other.
for v in old new; do
	mkdir "$WORK/$v.broken"
	cp "$WORK/$v.ext4/image" "$WORK/$v.broken/image"
	# The table of groups.
	head -c 1024 /dev/zero | tr '\0' '\377' |
		dd of="$WORK/$v.broken/image" bs=1024 seek=2 conv=notrunc \
			2>/dev/null
done
broken=$(delta "$WORK/old.broken" "$WORK/new.broken" "$WORK/out.broken")
echo "broken $broken"
cmp "$WORK/new.broken/image" "$WORK/out.broken/new/image"
