#!/bin/sh
# The least free space with which an update is begun, found on a small ext4 for
# trees and images of every kind: with so much it succeeds, and with a block less
# it is refused before anything is written.
# Begun early: many updates.
. "$(dirname "$0")/../own-mounts.sh"
own_mounts
. "$(dirname "$0")/client-lib.sh"
PATH=$PATH:/sbin:/usr/sbin
command -v mke2fs >/dev/null || {
	echo "no mke2fs: make deps GROUP=test"
	exit 77
}
disk_mib=56
mkdir -p "$WORK/disk"
small_disk() { # file
	truncate -s ${disk_mib}M "$1"
	mke2fs -q -F -t ext4 -b 4096 -m 0 "$1"
}
small_disk "$WORK/probe"
mount -o loop "$WORK/probe" "$WORK/disk" 2>/dev/null || {
	echo "cannot mount a file here"
	exit 77
}
umount "$WORK/disk"

# ---- a device whose slots and state are on a small disk of its own ----------------

# With a disk of its own, $WORK/NAME.disk, on which it has the release that is published,
# and whose free blocks are in $WORK/NAME.blocks.
make_small_device() { # name
	make_device "$1"
	sed -i "s|^state = .*|state = $WORK/disk/state|
		s|^path = .*|path = $WORK/disk/slots|" "$WORK/$1/client.conf"
	cat "$WORK/more.conf" >>"$WORK/$1/client.conf"
	small_disk "$WORK/$1.disk"
	mount -o loop "$WORK/$1.disk" "$WORK/disk"
	furnish "$1" >/dev/null 2>&1
	blocks_free >"$WORK/$1.blocks"
	umount "$WORK/disk"
}

blocks_free() {
	stat -f -c %a "$WORK/disk"
}

# What an update may not touch when it is refused.
what_is_there() {
	(cd "$WORK/disk" && find slots state/spool ! -name 'current*' \
		-printf '%p %y %s %b %T@\n' | sort)
}

# Leave so many blocks of it free. The file that takes the others takes some more, for
# where they are.
fill_disk() { # blocks
	take=$(($(blocks_free) - $1))
	[ $take -gt 0 ] || die "there are no $1 blocks"
	while :; do
		fallocate -l $((take * 4096)) "$WORK/disk/fill" 2>/dev/null || :
		sync -f "$WORK/disk"
		over=$(($1 - $(blocks_free)))
		[ $over -gt 0 ] || break
		rm "$WORK/disk/fill"
		take=$((take - over))
	done
	while [ "$(blocks_free)" -gt "$1" ]; do
		head -c 4096 /dev/zero >>"$WORK/disk/fill.rest"
		sync -f "$WORK/disk"
	done
	[ "$(blocks_free)" -eq "$1" ] || die "$(blocks_free) free, not $1"
}

# Is the update begun with so many blocks free? Then it must succeed.
is_enough() { # device, blocks
	cp --sparse=always "$WORK/$1.disk" "$WORK/used"
	mount -o loop "$WORK/used" "$WORK/disk"
	fill_disk "$2"
	what_is_there >"$WORK/before"
	got=0
	on "$1" update --quiet --from "$WORK/publish" >"$WORK/out" 2>&1 || got=$?
	case $got in
	0) left=$(blocks_free) ;;
	11)
		grep -q ' needed, .* free' "$WORK/out" || {
			cat "$WORK/out"
			die "$1, $2 blocks: the disk was full in the middle"
		}
		what_is_there >"$WORK/after"
		diff "$WORK/before" "$WORK/after" ||
			die "$1, $2 blocks: refused, and yet written to"
		;;
	*)
		cat "$WORK/out"
		die "$1, $2 blocks: ends with $got"
		;;
	esac
	[ $got -ne 0 ] || is_whole "$1"
	umount "$WORK/disk"
	return $got
}

least() { # device
	few=1 many=$(($(cat "$WORK/$1.blocks") / 2))
	is_enough "$1" $many || die "$1: not even with $many blocks"
	while [ $((many - few)) -gt 1 ]; do
		half=$(((few + many) / 2))
		if is_enough "$1" $half; then many=$half last=$left; else few=$half; fi
	done
	echo "$1: $many blocks are enough, $last are left; $few are too few"
}

# ---- trees -------------------------------------------------------------------------

furnish() { # device
	on "$1" update --quiet --from "$WORK/publish"
}
is_whole() { # device
	diff -r --no-dereference "$WORK/disk/slots/current/" "$WORK/trees/new-$1" ||
		die "$1: what runs is not what was released"
}

make_repo

# Long names, a block for each byte.
make_tree old-app
make_tree new-app
long=$(printf %0200d 0)
mkdir "$WORK/trees/new-app/many"
for n in $(seq 500); do echo >"$WORK/trees/new-app/many/$n.$long"; done
make_release old-app
printf '[slot]\nattributes = app\n' >"$WORK/more.conf"
make_small_device app
make_release new-app
least app

# Attributes that do not fit beside a file's inode: a second block for each byte.
make_tree old-system
make_tree new-system
mkdir "$WORK/trees/new-system/many"
python3 - "$WORK/trees/new-system/many" <<'PY'
import os, struct, sys
for n in range(1000):
    path = f"{sys.argv[1]}/{n}"
    with open(path, "w") as f:
        f.write("x")
    acl = struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", *entry)
        for entry in [(1, 6, 0xFFFFFFFF)] +
        [(2, 4, 1000 + n + i) for i in range(20)] +
        [(4, 4, 0xFFFFFFFF), (16, 4, 0xFFFFFFFF), (32, 0, 0xFFFFFFFF)])
    os.setxattr(path, "system.posix_acl_access", acl)
PY
make_release old-system --attributes system
printf '[slot]\nattributes = system\n' >"$WORK/more.conf"
make_small_device system
make_release new-system --attributes system
least system

# Holes, which no signed number tells of: it is asked for more than it takes.
make_tree old-sparse
make_tree new-sparse
truncate -s 8M "$WORK/trees/new-sparse/holes"
echo end >>"$WORK/trees/new-sparse/holes"
make_release old-sparse
printf '[slot]\nattributes = app\n' >"$WORK/more.conf"
make_small_device sparse
make_release new-sparse
least sparse

# ---- images, in files that have next to nothing of their length yet ------------------

furnish() { # device
	truncate -s 8M "$WORK/disk/slot-a" "$WORK/disk/slot-b"
	mkdir "$WORK/disk/slots"
	mkdir -p "$WORK/disk/state/spool"
}
is_whole() { # device
	cmp -n 6000000 "$WORK/disk/slot-b" "$WORK/content" || die "$1: slot b is not it"
}
printf '#!/bin/sh\n[ $1 != read ] && shift && printf "%%s\\n" "$@" >%s || cat %s\n' \
	"$WORK/record" "$WORK/record" >"$WORK/program"
chmod 755 "$WORK/program"
: >"$WORK/record"
printf 'root=/dev/sda2 pawl.slot=a rw\n' >"$WORK/cmdline"
echo boot-1 >"$WORK/number"
cat >"$WORK/more.conf" <<INI
[boot]
control = command
command = $WORK/program
cmdline = $WORK/cmdline
number = $WORK/number
[slot]
kind = image
a = $WORK/disk/slot-a
b = $WORK/disk/slot-b
INI
head -c 6000000 /dev/urandom >"$WORK/content"
make_small_device image
"$signer" release create "$WORK/repo" --product gateway --id image --content image \
	--input "$WORK/content" --quiet >/dev/null
resign
least image
