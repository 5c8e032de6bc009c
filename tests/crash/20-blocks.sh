#!/bin/sh
# Every write and flush that the client causes on a file system is recorded, and
# what a power cut could have left of it is mounted and looked at, state by state
# (explore.c). Of STATES states in all; LONG=1: 200 000, of larger trees.
# Begun early: many states.
. "$(dirname "$0")/device.sh"
. "$(dirname "$0")/blocks-lib.sh"
. "$(dirname "$0")/../own-mounts.sh"
lacks=$(lacks_blocks)
[ -z "$lacks" ] || skip_blocks "$lacks"
own_mounts
states=${STATES:-2200}
[ -z "${LONG:-}" ] || states=${STATES:-210000} FILES=${FILES:-120} SAVES=${SAVES:-20}

mkdir "$disk"
make_releases 2>/dev/null
# The device stands in $disk, whatever is mounted there.
make_device disk
cp "$disk/client.conf" "$WORK/client.conf"
sed -i "s|^root = .*|root = $WORK/root.json|" "$WORK/client.conf"
mv "$disk/root.json" "$WORK/root.json"
rm "$disk/client.conf"

make_image "" empty
make_image empty runs1 update --from "$WORK/publish.1"
make_image runs1 runs2 update --from "$WORK/publish.2"

prove install empty $((states / 5)) 1 update --from "$WORK/publish.1"
OPTIONS="--save $WORK --saves ${SAVES:-2}"
prove update runs1 $((states / 4)) 2 update --from "$WORK/publish.2"
OPTIONS=
OPTIONS=--bad-release
prove bad-release runs2 $((states / 5)) 2 update --from "$WORK/publish.3"
OPTIONS=
prove rollback runs2 $((states / 8)) "" rollback

# A second cut: the client is at work on what the first has left.
for first in "$WORK"/state-*.image; do
	prove recovery "${first##*/}" $((states / 5 / ${SAVES:-2})) 2 \
		update --from "$WORK/publish.2"
done

seed update runs1 update --from "$WORK/publish.2"

# pawl-guard counts the starts of a release whose trial was cut off, and goes back.
make_small_tree 5
printf '#!/bin/sh\nkill -9 $PPID\n' >"$WORK/trees/5/bin/health"
make_release 5 --from 2 2>/dev/null
cp -a "$WORK/publish" "$WORK/publish.5"
cp "$WORK/runs2" "$WORK/tries5"
mount -t "$CRASH_FS" -o loop "$WORK/tries5" "$disk"
run_client update --from "$WORK/publish.5" && die "5 was kept"
# Its other processes end when they see that it did.
until umount "$disk" 2>/dev/null; do sleep 0.1; done
printf '#!/bin/sh\nfor start in 1 2 3 4; do "%s" "%s"; done\n' \
	"$BIN/pawl-guard" "$disk/slots" >"$WORK/starts"
chmod 755 "$WORK/starts"
driver=$WORK/starts OPTIONS=--bad-release
releases_before=$releases
releases="$releases --release 5=$WORK/trees/5"
prove guard tries5 $((states / 20)) ""
releases=$releases_before driver= OPTIONS=

# A tree that is written as it comes: what was begun is gone on with, or anew.
make_stream_tree_release 2>/dev/null
cp "$WORK/client.conf" "$WORK/client.conf.whole"
echo "$stream_settings" >>"$WORK/client.conf"
releases=$stream_releases
prove stream-tree runs1 $((states / 10)) 4 update --from "$WORK/publish.4"
# The same of a delta with members: what goes on needs what was taken apart.
make_stream_members_releases 2>/dev/null
CRASH_SIZE=24M make_image "" roomy
releases=$stream_members_releases
make_image roomy members6 update --from "$WORK/publish.6"
AGAIN=20
prove stream-members members6 $((states / 20)) 7 update --from "$WORK/publish.7"
AGAIN=
mv "$WORK/client.conf.whole" "$WORK/client.conf"

# Releases of several components: each slot holds all of one, or none.
make_releases_of_parts 2>/dev/null
printf '[slot modem]\nkind = file\n[slot web]\n' >>"$WORK/client.conf"
releases=$releases_of_parts
make_image empty parts1 update --from "$WORK/publish.c1"
AGAIN=20
prove components parts1 $((states / 10)) c2 update --from "$WORK/publish.c2"

# The same with a handler, whose chip is a file on that disk: what is sent to it
# is in no slot, and is sent again.
cat >"$WORK/handler" <<SH
#!/bin/sh
case \$1 in
check) cmp -s - $disk/chip ;;
write | undo) cat >$disk/chip && sync $disk/chip ;;
esac
SH
chmod 755 "$WORK/handler"
sed -i "s|^kind = file|kind = handler\nprogram = $WORK/handler|" \
	"$WORK/client.conf"
make_image empty chip1 update --from "$WORK/publish.c1"
prove handler chip1 $((states / 20)) c2 update --from "$WORK/publish.c2"

# Trees with every attribute.
cp "$WORK/client.conf" "$WORK/client.conf.parts"
sed -i '/^\[slot modem\]/,$d' "$WORK/client.conf"
printf '[slot]\nattributes = system\n' >>"$WORK/client.conf"
for id in s1 s2; do
	make_small_tree $id
	setfattr -n user.of -v $id "$WORK/trees/$id/version" 2>/dev/null || :
	chown -R 7:8 "$WORK/trees/$id/lib"
	chmod 4755 "$WORK/trees/$id/bin/health"
	mkfifo "$WORK/trees/$id/lib/pipe"
	from=
	[ $id = s1 ] || from="--from s1"
	# shellcheck disable=SC2086 # an option or nothing
	make_release $id --attributes system $from 2>/dev/null
	cp -a "$WORK/publish" "$WORK/publish.$id"
done
releases="--release s1=$WORK/trees/s1 --release s2=$WORK/trees/s2"
make_image empty system1 update --from "$WORK/publish.s1"
prove system-tree system1 $((states / 20)) s2 update --from "$WORK/publish.s2"

# One file, which the link leads to.
make_image_releases 2>/dev/null
sed -i 's/^attributes = system/kind = file/' "$WORK/client.conf"
for id in 1 2; do
	mkdir -p "$WORK/files/$id"
	cp "$WORK/images/$id" "$WORK/files/$id/image"
	chmod 644 "$WORK/files/$id/image"
done
releases="--release i1=$WORK/files/1 --release i2=$WORK/files/2"
make_image empty file1 update --from "$WORK/publish.i1"
prove file file1 $((states / 20)) i2 update --from "$WORK/publish.i2"

# Images, and GRUB's block: what the next boot starts is one of them, whole.
make_stream_release 2>/dev/null
make_image_device loader
at=$WORK/loader
sed "s|^root = .*|root = $WORK/root.json|; s|$at/slot|$disk/slot|
	s|$at/state|$disk/state|; s|$at/grubenv|$disk/grubenv|" \
	"$at/client.conf" >"$WORK/client.conf"
releases=$image_releases
cp "$WORK/empty" "$WORK/images0"
mount -t "$CRASH_FS" -o loop "$WORK/images0" "$disk"
cp "$at/slot-a" "$at/slot-b" "$disk/"
umount "$disk"
make_image images0 images1 update --from "$WORK/publish.i1"
boot_into loader b
# The loader is told that it is good: from there on it is never taken back.
prove confirm images1 $((states / 20)) i1 update --from "$WORK/publish.i1"
cp "$WORK/confirm.after" "$WORK/images2"
prove images images2 $((states / 10)) i2 update --from "$WORK/publish.i2"

# Told to go back: what starts next is on trial still, or the one before.
cp "$WORK/client.conf" "$WORK/client.conf.well"
printf '[trial]\nhealth = /bin/false\n' >>"$WORK/client.conf"
make_image images2 unwell1 update --from "$WORK/publish.i2"
boot_into loader a
OPTIONS=--bad-release
prove way-back unwell1 $((states / 20)) "" update --from "$WORK/publish.i2"
OPTIONS=
boot_into loader b
mv "$WORK/client.conf.well" "$WORK/client.conf"

# One that is written as it comes: what was begun is gone on with, or anew.
echo "$stream_settings" >>"$WORK/client.conf"
boot_into loader a
make_image images2 images3 update --from "$WORK/publish.i2"
boot_into loader b
make_image images3 images4 update --from "$WORK/publish.i2"
prove stream images4 $((states / 10)) i4 update --from "$WORK/publish.i4"

# The record of U-Boot: two copies of its environment, files here.
if command -v mkenvimage >/dev/null; then
	sed -i "/^\[fetch\]/,\$d
		s|^control = grub|control = uboot|
		s|^environment = .*grubenv|environment = $WORK/fw_env.config|" \
		"$WORK/client.conf"
	printf '%s 0 0x2000\n' "$disk/env0" "$disk/env1" >"$WORK/fw_env.config"
	echo bootdelay=1 | mkenvimage -r -s 0x2000 -o "$WORK/env0" -
	cp "$WORK/images0" "$WORK/uboot0"
	mount -t "$CRASH_FS" -o loop "$WORK/uboot0" "$disk"
	cp "$WORK/env0" "$disk/env0"
	cp "$WORK/env0" "$disk/env1"
	umount "$disk"
	boot_into loader a
	make_image uboot0 uboot1 update --from "$WORK/publish.i1"
	boot_into loader b
	prove uboot-confirm uboot1 $((states / 20)) i1 \
		update --from "$WORK/publish.i1"
	cp "$WORK/uboot-confirm.after" "$WORK/uboot2"
	prove uboot uboot2 $((states / 20)) i2 update --from "$WORK/publish.i2"
else
	echo "no u-boot-tools: no states of the record of U-Boot"
fi
