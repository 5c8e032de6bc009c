#!/bin/sh
# Slots that are images: written chunk by chunk, read back, switched by a loader
# that a program speaks for. The slots are files here, so that nobody needs to
# be root; with root also block devices. And images as files that
# the link switches.
. "$(dirname "$0")/command-lib.sh"

size=$((3 * 1048576))      # of a slot
len=$((2 * 1048576 + 512)) # of an image: no whole number of blocks

# Some of it compresses, some does not, some is zeros; little changes.
make_image() { # id
	mkdir -p "$WORK/images"
	# Without the letter that is damage below.
	[ -s "$WORK/noise" ] || head -c 540000 /dev/urandom | tr -d x |
		head -c 524288 >"$WORK/noise"
	{
		printf 'image %s\n' "$1"
		seq 1 100000 | sed "s/77/seventy-seven in $1/" | head -c 500000
		head -c 1000000 /dev/zero
		cat "$WORK/noise"
		echo "the end of $1"
	} >"$WORK/images/$1"
	truncate -s $len "$WORK/images/$1"
}

make_image_release() { # id, options
	id=$1
	shift
	[ -s "$WORK/images/$id" ] || make_image "$id"
	"$signer" release create "$WORK/repo" --product gateway --id "$id" \
		--content image --input "$WORK/images/$id" --quiet "$@" \
		>"$WORK/created"
	"$signer" sign "$WORK/repo" --key "$WORK/key" \
		--passphrase-fd 3 3<"$WORK/pass" >/dev/null
	rm -rf "$WORK/publish"
	"$signer" publish "$WORK/repo" "$WORK/publish" $online >/dev/null
	cp -r "$WORK/publish" "$WORK/publish.$id"
}

make_image_device() { # name
	make_boot_device "$1"
	# What the slots held before is not zeros.
	head -c $size /dev/urandom >"$WORK/$1/slot-a"
	cp "$WORK/$1/slot-a" "$WORK/$1/slot-b"
	cat >>"$WORK/$1/client.conf" <<INI
[slot]
kind = image
a = $WORK/$1/slot-a
b = $WORK/$1/slot-b
root = $WORK
[trial]
health = $WORK/health
INI
}
printf '#!/bin/sh\nexit 0\n' >"$WORK/health"
chmod 755 "$WORK/health"

holds() { # device, slot, id
	cmp -s -n $len "$WORK/$1/slot-$2" "$WORK/images/$3" ||
		die "slot $2 of $1 does not hold $3"
	cmp -s -i $len "$WORK/$1/slot-$2" "$WORK/$1/before" ||
		die "what lies behind the image in slot $2 of $1 was touched"
	[ "$(stat -c %s "$WORK/$1/slot-$2")" -eq $size ] ||
		die "slot $2 of $1 has another length"
}

publish_path() { # pattern
	find "$WORK/publish/targets" -name "$1" | head -1
}

# ---- full, then delta --------------------------------------------------------
make_repo
make_image_release 1
"$signer" release show "$WORK/repo" --product gateway --id 1 | grep -q "an image of $len bytes" ||
	die "release show does not say what it is"
digest=$(sha256sum <"$WORK/images/1" | cut -d' ' -f1)
grep -q "content $digest" "$WORK/created" ||
	die "the digest of the release is not that of the image"
make_image_device one
cp "$WORK/one/slot-a" "$WORK/one/before"
on one update --from "$WORK/publish"
says one state reboot-pending
holds one b 1
cmp -s "$WORK/one/slot-a" "$WORK/one/before" || die "the slot that runs was touched"
boot one
on one update --from "$WORK/publish"
says one state confirmed

# Flash is slow: what a delta starts from is read once, to find it whole before
# the first byte is written, and then at most one and a half times; the new image
# is read back once. Counted is all that the client and its processes read.
cat >"$WORK/reads.py" <<'PY'
import subprocess, sys

def rchar():  # of this process, and of those that it and they waited for
    with open("/proc/self/io") as f:
        return int(f.readline().split()[1])

before = rchar()
subprocess.run(sys.argv[2:], check=True)
with open(sys.argv[1], "w") as f:
    print(rchar() - before, file=f)
PY
make_image_release 2 --from 1
if [ -r /proc/self/io ]; then
	python3 "$WORK/reads.py" "$WORK/reads" "$client" update --json \
		--from "$WORK/publish" --config "$WORK/one/client.conf" \
		>"$WORK/said"
	reads=$(cat "$WORK/reads")
	[ "$reads" -gt $((len * 2)) ] && [ "$reads" -lt $((len * 7 / 2)) ] ||
		die "$reads bytes were read for a delta of $len bytes"
else
	echo "this kernel counts no reads"
	on one update --from "$WORK/publish" --json >"$WORK/said"
fi
grep -q '"package": *"delta"' "$WORK/said" || die "no delta was taken"
holds one a 2
holds one b 1
boot one
on one update --from "$WORK/publish"
says one state confirmed
says one slot a

# ---- a damaged base: the full package ------------------------------------------
make_image_release 3 --from 2
printf 'x' | dd of="$WORK/one/slot-a" bs=1 seek=1900000 conv=notrunc 2>/dev/null
on one update --from "$WORK/publish" 2>"$WORK/said"
grep -q base-damaged "$WORK/said" || die "the damage went unnoticed"
holds one b 3
boot one
on one update --from "$WORK/publish"
says one slot b

# ---- a person goes back, but not to another image ------------------------------
got=0
on one rollback 2>"$WORK/said" || got=$?
[ $got -ne 0 ] || die "went back to a damaged image"
grep -q 'slot a' "$WORK/said" || die "no reason: $(cat "$WORK/said")"
told pawl_slot b
dd if="$WORK/images/2" of="$WORK/one/slot-a" conv=notrunc 2>/dev/null
on one rollback >/dev/null
told pawl_slot a
boot one
on one update --from "$WORK/publish" >/dev/null 2>&1 || :
says one slot a

# ---- a byte that is flipped late -----------------------------------------------
make_image_device two
: >"$record"
package=$(publish_path '*.main-full.pawl')
at=$(($(stat -c %s "$package") * 9 / 10))
cp "$package" "$WORK/package"
python3 - "$package" $at <<'PY'
import sys
with open(sys.argv[1], 'r+b') as f:
    f.seek(int(sys.argv[2]))
    byte = f.read(1)[0]
    f.seek(int(sys.argv[2]))
    f.write(bytes([byte ^ 1]))
PY
cp "$WORK/two/slot-b" "$WORK/two/before"
got=0
on two update --from "$WORK/publish" 2>"$WORK/said" || got=$?
[ $got -ne 0 ] || die "a flipped byte was taken"
cmp -s "$WORK/two/slot-b" "$WORK/two/before" || die "the slot was written"
[ "$(env_get pawl_slot)" != b ] || die "the loader was told"
cp "$WORK/package" "$package"

# ---- too small a slot: before anything is fetched or written --------------------
truncate -s $((len - 1)) "$WORK/two/slot-b"
cp "$WORK/two/slot-b" "$WORK/two/before"
rm -rf "$WORK/two/state/spool"
want 11 on two update --from "$WORK/publish" 2>"$WORK/said"
grep -q 'no room in the slot' "$WORK/said" || die "why? $(cat "$WORK/said")"
cmp -s "$WORK/two/slot-b" "$WORK/two/before" || die "a small slot was written"
[ -z "$(ls "$WORK/two/state/spool")" ] || die "it was fetched all the same"

# ---- one and the same file, and no file ----------------------------------------
ln -sf slot-a "$WORK/two/slot-link"
sed -i "s,^b = .*,b = $WORK/two/slot-link," "$WORK/two/client.conf"
cp "$WORK/two/slot-a" "$WORK/two/before"
got=0
on two update --from "$WORK/publish" 2>"$WORK/said" || got=$?
[ $got -ne 0 ] || die "the slot that runs was written"
grep -q 'both slots are' "$WORK/said" || die "why? $(cat "$WORK/said")"
cmp -s "$WORK/two/slot-a" "$WORK/two/before" || die "the slot that runs was touched"
sed -i "s,^b = .*,b = /dev/null," "$WORK/two/client.conf"
got=0
on two update --from "$WORK/publish" 2>"$WORK/said" || got=$?
[ $got -ne 0 ] || die "/dev/null is no slot"
grep -q 'neither a block device nor a file' "$WORK/said" ||
	die "why? $(cat "$WORK/said")"

# ---- block devices, for who may make some ----------------------------------------
let_go() {
	umount "$WORK/mounted" 2>/dev/null || :
	for loop in $loops; do losetup -d "$loop"; done
	loops=
}
loops=
trap let_go EXIT
make_boot_device blocks
: >"$record"
for s in a b; do
	head -c $size /dev/urandom >"$WORK/blocks/disk-$s"
	loop=$(losetup -f --show "$WORK/blocks/disk-$s" 2>/dev/null) || break
	loops="$loops $loop"
	cat >>"$WORK/blocks/client.conf" <<INI
[slot]
$s = $loop
INI
done
# shellcheck disable=SC2086 # two devices
set -- $loops
if [ $# -eq 2 ]; then
	cat >>"$WORK/blocks/client.conf" <<INI
kind = image
[trial]
health = $WORK/health
INI
	# One that is mounted is in use, whoever mounted it.
	mkdir "$WORK/mounted"
	mkfs.ext4 -q "$2" >/dev/null
	if mount "$2" "$WORK/mounted" 2>/dev/null; then
		want 14 on blocks update --quiet --from "$WORK/publish.1" \
			2>"$WORK/said"
		grep -q 'is in use' "$WORK/said" || die "why? $(cat "$WORK/said")"
		umount "$WORK/mounted"
		fsck.ext4 -fn "$2" >/dev/null 2>&1 || die "it was written"
	fi
	on blocks update --quiet --from "$WORK/publish.1" >/dev/null
	cmp -n $len "$2" "$WORK/images/1" || die "$2 does not hold 1"
	boot blocks
	on blocks update --quiet --from "$WORK/publish.2" >/dev/null
	on blocks update --quiet --from "$WORK/publish.2" >/dev/null
	cmp -n $len "$1" "$WORK/images/2" || die "$1 does not hold 2"
	cmp -n $len "$2" "$WORK/images/1" || die "$2 was touched"
else
	echo "skipped block devices: no loop devices for us"
fi
let_go

# ---- slots that are one file each, and the link --------------------------------
make_device file
cat >>"$WORK/file/client.conf" <<INI
[slot]
kind = file
INI
on file update --quiet --from "$WORK/publish.1" >/dev/null
cmp "$WORK/file/slots/current/image" "$WORK/images/1" || die "1 is not current"
on file update --from "$WORK/publish.2" --json >"$WORK/said"
grep -q '"package": *"delta"' "$WORK/said" || die "no delta was taken"
cmp "$WORK/file/slots/current/image" "$WORK/images/2" || die "2 is not current"
says file state confirmed
on file status | grep -q 'slot b *good' || die "$(on file status)"
on file rollback >/dev/null
cmp "$WORK/file/slots/current/image" "$WORK/images/1" || die "not gone back"
# What runs is damaged: the full package is taken, and nothing goes back to it.
printf x | dd of="$WORK/file/slots/current/image" bs=1 seek=1900000 \
	conv=notrunc 2>/dev/null
on file update --quiet --from "$WORK/publish.3" >/dev/null
cmp "$WORK/file/slots/current/image" "$WORK/images/3" || die "3 is not current"
want 6 on file rollback 2>/dev/null
cmp "$WORK/file/slots/current/image" "$WORK/images/3" || die "gone back to damage"

# ---- a chip: the restart command that the documentation shows -------------------
chip=$WORK/chip
mkdir "$chip"
: >"$chip/runs"
cat >"$chip/mcu-tool" <<SH
#!/bin/sh
# A chip with room for one image. "break" in its folder: writing fails once.
# "cut": the client is killed while the chip is written.
case \$1 in
digest) sha256sum <$chip/flash ;;
write)
	head -c 1000 >$chip/flash
	if [ -e $chip/break ]; then rm $chip/break; exit 1; fi
	if [ -e $chip/cut ]; then
		rm $chip/cut
		kill -9 \$(cat $chip/client)
		exit 1
	fi
	cat >>$chip/flash ;;
start) echo started >>$chip/runs ;;
esac
SH
chmod 755 "$chip/mcu-tool"
: >"$chip/flash"
awk '/^```sh$/ { inside = 1; next } /^```$/ { inside = 0 } inside' \
	"$(dirname "$0")/../../docs/boot-control.md" |
	sed -n '/^#!\/bin\/sh/,/mcu-tool start/p' |
	sed "s,mcu-tool \([a-z]\),$chip/mcu-tool \1,g" >"$chip/restart"
grep -q "$chip/mcu-tool start" "$chip/restart" || die "no example in the docs"
chmod 755 "$chip/restart"
make_device mcu
cat >>"$WORK/mcu/client.conf" <<INI
[slot]
kind = file
[restart]
command = $chip/restart
INI
on mcu update --quiet --from "$WORK/publish.1" >/dev/null
cmp "$chip/flash" "$WORK/images/1" || die "the chip does not run 1"
# Writing fails: the chip gets back what it had.
: >"$chip/break"
want 15 on mcu update --quiet --from "$WORK/publish.2" 2>/dev/null
says mcu reason restart
cmp "$chip/flash" "$WORK/images/1" || die "the chip did not get 1 back"
# The power is cut while it is written back: then that is done again.
: >"$chip/break"
: >"$chip/cut"
"$client" update --quiet --from "$WORK/publish.3" \
	--config "$WORK/mcu/client.conf" 2>/dev/null &
echo $! >"$chip/client"
wait $! && die "the client was not killed"
cmp -s "$chip/flash" "$WORK/images/1" && die "the chip was not cut off"
want 15 on mcu update --quiet --from "$WORK/publish.3" 2>/dev/null
cmp "$chip/flash" "$WORK/images/1" || die "the chip stays half written"
on mcu update --quiet --retry --from "$WORK/publish.3" >/dev/null
cmp "$chip/flash" "$WORK/images/3" || die "the chip does not run 3"
says mcu state confirmed

# ---- a tree is not for it, nor an image for trees --------------------------------
make_tree 9
make_release 9 >/dev/null
got=0
on one update --from "$WORK/publish" 2>"$WORK/said" || got=$?
[ $got -ne 0 ] || die "a tree was written into an image slot"
grep -q 'the slot holds images' "$WORK/said" || die "why? $(cat "$WORK/said")"
