#!/bin/sh
# A disk that keeps another byte than it was given, while the kernel still has the
# right one in memory: what was written is read back from the disk, found out before
# it is switched to, and installed once the disk is well. A tree, a file, an image in a
# file and one on a block device.
. "$(dirname "$0")/device.sh"
. "$(dirname "$0")/blocks-lib.sh"
. "$(dirname "$0")/../own-mounts.sh"
lacks=$(lacks_blocks)
[ -z "$lacks" ] || {
	echo "$lacks: no bad disk"
	exit 77
}
own_mounts
mkdir "$disk"
spoilt='this is what the disk spoils'

make_repo
make_small_tree t
echo "$spoilt" >"$WORK/trees/t/lib/spoilt"
make_release t 2>/dev/null
mv "$WORK/publish" "$WORK/publish.t"
{
	seq 1 9000
	head -c 4096 /dev/zero | tr '\0' '\n'
	echo "$spoilt"
	seq 1 9000
} >"$WORK/image"
"$signer" release create "$WORK/repo" --product gateway --id i --content image \
	--input "$WORK/image" --quiet >/dev/null
resign
cp -a "$WORK/publish" "$WORK/publish.i"

# Of the device only what it installs is on that disk: a spool is not read back, but
# compared while it is used.
prepare() { # what client.conf says of the slots
	rm -rf "$WORK/device"
	make_device device
	sed "s|^path = .*|path = $disk/slots|" "$WORK/device/client.conf" \
		>"$WORK/client.conf"
	echo "$1" >>"$WORK/client.conf"
	make_image "" before
}

# In the run: what the client says must not become marks of the record.
cat >"$WORK/run" <<SH
#!/bin/sh
loop=
if [ "\$1" = block ]; then
	loop=\$(losetup --find --show --direct-io=on --sector-size 4096 "$disk/slot-b")
	ln -sf "\$loop" "$WORK/block"
fi
shift
status=0
"\$@" 2>"$WORK/said" || status=\$?
"$client" status --json --config "$WORK/client.conf" >"$WORK/status"
[ -z "\$loop" ] || losetup -d "\$loop"
exit \$status
SH
chmod 755 "$WORK/run"
update() { # release, what the slot is
	got=0
	sh "$(dirname "$0")/record-run.sh" "$WORK/before" "$WORK/log" "$disk" \
		"$WORK/run" "$2" "$client" update --quiet --config \
		"$WORK/client.conf" --from "$WORK/publish.$1" >/dev/null || got=$?
}
try() { # release, what the slot is
	SPOILS=$spoilt update "$@"
	[ $got -ne 0 ] || die "$2: what the disk does not hold was installed"
	grep -q 'differs\|signed' "$WORK/said" || die "$2: why? $(cat "$WORK/said")"
	grep -q '"state": *"\(confirmed\|reboot-pending\)"' "$WORK/status" &&
		die "$2: $(cat "$WORK/status")"
	update "$@"
	[ $got -eq 0 ] || die "$2: on a good disk: $(cat "$WORK/said")"
	echo "$2: found out"
}

prepare 'kind = tree'
try t tree
prepare 'kind = file'
try i file

loader='[boot]
control = grub'
prepare "kind = image
a = $disk/slot-a
b = $disk/slot-b
$loader
environment = $WORK/grubenv
cmdline = $WORK/cmdline
number = $WORK/number"
make_slots() {
	mount -t "$CRASH_FS" -o loop "$WORK/before" "$disk"
	head -c 720896 /dev/zero | tr '\0' x >"$disk/slot-a"
	cp "$disk/slot-a" "$disk/slot-b"
	umount "$disk"
	rm -f "$WORK/grubenv"
}
echo pawl.slot=a >"$WORK/cmdline"
echo boot-1 >"$WORK/number"
make_slots
try i image
rm -rf "$WORK/device"
prepare "kind = image
a = $disk/slot-a
b = $WORK/block
$loader
environment = $WORK/grubenv
cmdline = $WORK/cmdline
number = $WORK/number"
make_slots
try i block
