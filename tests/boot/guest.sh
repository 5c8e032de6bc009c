# For the tests of boot loaders: a machine in QEMU with a disk of two slots, whose
# guest runs the real client. Source it; BIN and WORK are set by run.sh. Beside
# client-lib.sh's functions a test gets
#
#	make_guest ARCH     the kernel, and what each slot holds beside its number
#	make_slot ID        $WORK/images/ID: a slot's image; PANICS=1: its init dies;
#	                    BROKEN=1: its client does; HANGS=1: all does, before init
#	make_disk           $WORK/disk from $WORK/images/1, whatever loader
#	guest COMMAND...    start the machine; the commands run in the guest
#
# Nothing of it needs root, and there is no network.
. "$(dirname "$0")/../e2e/client-lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
PATH=$PATH:/sbin:/usr/sbin

skip() {
	echo "$1"
	exit 77
}
need() { # program...
	for tool; do
		command -v "$tool" >/dev/null || skip "no $tool: make deps GROUP=boot"
	done
}

# Of Debian, for a test: prints its folder.
part() { # what, which
	got=0
	sh "$here/parts.sh" "$@" 2>"$WORK/part" || got=$?
	[ $got -ne 77 ] || skip "$(tail -n 1 "$WORK/part")"
	[ $got -eq 0 ] || die "$(cat "$WORK/part")"
}

# ---- what is in a slot -----------------------------------------------------------

# Copy a module and what it needs, in an order in which they can be loaded.
add_modules() { # kernel, to, names...
	version=$(basename "$1"/root/lib/modules/*)
	from=$1 to=$2
	shift 2
	for name; do
		modprobe -S "$version" -d "$from/root" -D "$name" | sed 's/ *$//'
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$WORK/modules"
	mkdir -p "$to/modules"
	: >"$to/modules/order"
	while read -r file; do
		cp "$file" "$to/modules/"
		basename "$file" >>"$to/modules/order"
	done <"$WORK/modules"
}

pack_early() {
	(cd "$WORK/early" && find . | cpio -o -H newc --quiet -R 0:0 | gzip -1)
}

# The same for every slot: $WORK/slot, and $WORK/kit, a disk with the client, its
# libraries, the configuration and the releases.
make_guest() { # architecture, busybox, modules...
	arch=$1 busybox=$2
	shift 2
	kernel=$(part kernel "$arch") || exit
	mkdir -p "$WORK/early/bin" "$WORK/slot/boot" "$WORK/slot/bin" \
		"$WORK/slot/sbin" "$WORK/kit"
	cp "$busybox" "$WORK/early/bin/busybox"
	add_modules "$kernel" "$WORK/early" "$@"
	cp "$here/early-init" "$WORK/early/init"
	mkdir -p "$WORK/early/dev" "$WORK/early/proc" "$WORK/early/root"
	pack_early >"$WORK/slot/boot/initrd.img"
	cp "$kernel/vmlinuz" "$WORK/slot/boot/vmlinuz"
	cp "$busybox" "$WORK/slot/bin/busybox"
	for name in sh cat cp dd echo grep kill ls mkdir mktemp mount mv \
		reboot rm rmdir sed sleep sync test tr umount; do
		ln -s busybox "$WORK/slot/bin/$name"
	done
	cp "$here/slot-init" "$WORK/slot/sbin/init"
	cp "$here/slot-health" "$WORK/slot/bin/health"
	(cd "$WORK/slot" && mkdir -p dev proc sys tmp run kit data loader &&
		ln -s kit/lib lib && ln -s kit/lib64 lib64 && ln -s kit/etc etc &&
		ln -s kit/usr usr)
}

# A file system that holds a folder, as root's: the client asks whose its files are.
filled() { # folder, options of mke2fs
	folder=$1
	shift
	set -- mke2fs -q -F -t ext4 -d "$folder" "$@"
	if [ "$(id -u)" -eq 0 ]; then "$@"; else unshare -r "$@"; fi
}

make_slot() { # id
	mkdir -p "$WORK/images"
	echo "$1" >"$WORK/slot/version"
	rm -rf "$WORK/slot/panics" "$WORK/slot/broken"
	[ -z "${PANICS:-}" ] || touch "$WORK/slot/panics"
	[ -z "${BROKEN:-}" ] || {
		mkdir "$WORK/slot/broken"
		printf '#!/bin/sh\nexit 1\n' >"$WORK/slot/broken/pawl-client"
		chmod 755 "$WORK/slot/broken/pawl-client"
	}
	[ -z "${HANGS:-}" ] || {
		touch "$WORK/early/hangs"
		mv "$WORK/slot/boot/initrd.img" "$WORK/initrd.img"
		pack_early >"$WORK/slot/boot/initrd.img"
		rm "$WORK/early/hangs"
	}
	truncate -s "$slot_size" "$WORK/images/$1"
	filled "$WORK/slot" -b 4096 -O ^has_journal,^resize_inode -m 0 -N 256 \
		"$WORK/images/$1"
	[ -z "${HANGS:-}" ] || mv "$WORK/initrd.img" "$WORK/slot/boot/initrd.img"
}

make_slot_release() { # id, options
	id=$1
	shift
	"$signer" release create "$WORK/repo" --product gateway --id "$id" \
		--content image --input "$WORK/images/$id" --health bin/health \
		--deadline 600 --quiet "$@" >/dev/null
	resign
	# A package is in every later folder, too: once on the disk is enough.
	mkdir -p "$WORK/kit/packages" "$WORK/kit/publish.$id"
	cp -a "$WORK/publish/." "$WORK/kit/publish.$id/"
	(cd "$WORK/publish" && find targets -type f) | while read -r file; do
		once=$WORK/kit/packages/$(basename "$file")
		[ -e "$once" ] || cp "$WORK/publish/$file" "$once"
		ln -f "$once" "$WORK/kit/publish.$id/$file"
	done
}

# ---- the disks -------------------------------------------------------------------

slot_size=24M
loader_kind=ext4 # or vfat
boot_mib=16  # of partition 1, which begins at $first_mib
first_mib=4
data_mib=64

# Partitions 1 to 4: the loader's, slot a, slot b, data. $WORK/loader is what
# the first holds.
make_disk() { # file
	slot_mib=${slot_size%M}
	truncate -s "${disk_mib:-$((first_mib + boot_mib + 2 * slot_mib + data_mib + 1))}M" "$1"
	at=$first_mib
	type=83
	[ "$loader_kind" = ext4 ] || type=ef
	for mib in $boot_mib "$slot_mib" "$slot_mib" $data_mib; do
		echo "start=$((at * 2048)), size=$((mib * 2048)), type=$type"
		at=$((at + mib)) type=83
	done | sfdisk -q --label dos "$1"
	if [ "$loader_kind" = ext4 ]; then
		filled "$WORK/loader" -b 4096 -m 0 \
			-E offset=$((first_mib << 20)) "$1" ${boot_mib}M
	else
		# shellcheck disable=SC2086 # options
		mkfs.vfat ${fat:--F 32} --offset $((first_mib * 2048)) "$1" \
			$((boot_mib * 1024)) >"$WORK/mkfs.log"
		mcopy -s -i "$1@@${first_mib}M" "$WORK"/loader/* ::/
	fi
	dd if="$WORK/images/1" of="$1" bs=1M seek=$((first_mib + boot_mib)) \
		conv=notrunc status=none
	mke2fs -q -F -t ext4 -b 4096 -m 0 \
		-E offset=$((first_mib + boot_mib + 2 * slot_mib << 20)) \
		"$1" ${data_mib}M
}

add_native_libraries() {
	for lib in $(ldd "$client" | awk '$3 ~ /^\// { print $3 }
		$1 ~ /^\// { print $1 }'); do
		mkdir -p "$WORK/kit$(dirname "$lib")"
		cp -L "$lib" "$WORK/kit$lib"
	done
}

# After the last release: what the client needs.
make_kit() { # client, guard
	mkdir -p "$WORK/kit/lib" "$WORK/kit/etc/pawl" "$WORK/kit/usr/sbin"
	cp "$1" "$WORK/kit/usr/sbin/pawl-client"
	cp "$2" "$WORK/kit/usr/sbin/pawl-guard"
	root=$(ls "$WORK/publish/metadata/" | grep root.json | sort -n | head -1)
	cp "$WORK/publish/metadata/$root" "$WORK/kit/etc/pawl/root.json"
	cat >"$WORK/kit/etc/pawl/client.conf" - "$WORK/control" <<INI
[device]
product = gateway
state = /data/state
[trust]
root = /etc/pawl/root.json
environment = lab
[trial]
health = /usr/lib/pawl/local-health
watchdog = /dev/watchdog
watchdog_timeout = 60
[slot]
kind = image
path = /data/slots
INI
	mkdir -p "$WORK/kit/usr/lib/pawl"
	cp "$here/local-health" "$WORK/kit/usr/lib/pawl/local-health"
	chmod 755 "$WORK/kit/usr/lib/pawl/local-health"
	chmod 644 "$WORK/kit/etc/pawl/client.conf"
	truncate -s 192M "$WORK/kit.image"
	filled "$WORK/kit" -b 4096 -O ^has_journal -m 0 "$WORK/kit.image"
}

# ---- the machine -----------------------------------------------------------------

# QEMU may stand still when a loader hands over to the kernel: a test whose loader says so
# in these words has such a start repeated, with the disk as it was, if for so long not even
# the kernel's first line came. Twice in a test at most, and it is told. What hangs when
# the kernel has spoken is a fault.
handed_over=''
stand_seconds=300
stood_still=0
stands_still() {
	[ -n "$handed_over" ] &&
		[ $(($(date +%s) - $(stat -c %Y "$WORK/console"))) -ge $stand_seconds ] &&
		tr -d '\r' <"$WORK/console" | grep . | tail -n 1 | grep -q "$handed_over"
}

# Start it, and say what its guest does; what it printed is in $WORK/printed then. It
# ends when the guest reboots (REBOOTS=1: when it says that it ends), or after
# the text that CUT names: then the power is cut, that is QEMU is killed. A test
# defines machine, which ends in exec QEMU with $once.
guest() { # commands as text
	printf '%s\n' "$1" >"$WORK/script"
	truncate -s 64K "$WORK/script"
	once=-no-reboot cut=${CUT:-}
	[ -z "${REBOOTS:-}" ] || once='' cut='guest: ends'
	[ -z "$handed_over" ] || cp --sparse=always "$WORK/disk" "$WORK/disk.before"
	until run_machine; do
		mv "$WORK/disk.before" "$WORK/disk"
		cp --sparse=always "$WORK/disk" "$WORK/disk.before"
	done
	tr -d '\r' <"$WORK/console" >"$WORK/printed"
	cat "$WORK/printed" >>"$WORK/all-consoles"
	[ -z "$cut" ] || grep -q "$cut" "$WORK/printed" || {
		tail -n 40 "$WORK/printed"
		die "it never came to: $cut"
	}
}

# Fails when it stood still, and is to be started again.
run_machine() {
	: >"$WORK/console"
	machine >"$WORK/console" 2>&1 </dev/null &
	qemu=$!
	trap 'kill -9 $qemu 2>/dev/null || :' EXIT
	waited=0 again=
	while kill -0 $qemu 2>/dev/null; do
		if [ -n "$cut" ] && grep -q "$cut" "$WORK/console"; then
			kill -9 $qemu
			break
		fi
		sleep 0.1
		waited=$((waited + 1))
		if [ $((waited % 100)) -eq 0 ] && [ $stood_still -lt 2 ] && stands_still; then
			stood_still=$((stood_still + 1)) again=yes
			echo "figure qemu-stood-still $stood_still, after '$handed_over':" \
				"$stand_seconds s without a word," \
				"$(awk '{ print ($14 + $15) / 100 }' /proc/$qemu/stat) s of CPU"
			kill -9 $qemu
			break
		fi
		[ $waited -lt "${GUEST_DECISECONDS:-18000}" ] || {
			kill -9 $qemu
			tail -n 40 "$WORK/console"
			die "the guest does not come to its end"
		}
	done
	wait $qemu 2>/dev/null || :
	trap - EXIT
	[ -z "$again" ]
}

printed() { # pattern of a line
	grep -q "$1" "$WORK/printed" || {
		tail -n 40 "$WORK/printed"
		die "the guest did not print: $1"
	}
}

# A file of the loader's partition, read from the disk without mounting it.
loader_file() { # path
	dd if="$WORK/disk" of="$WORK/loader.image" bs=1M skip=$first_mib \
		count=$boot_mib status=none
	debugfs -R "cat $1" "$WORK/loader.image" 2>/dev/null
}
