#!/bin/sh
# What lies beside the slots, while operations stop or fail and the power goes: data
# that a release changes, which hooks save and bring back; and what goes along with an
# image that a boot loader starts, a chip among it. When all is over, data and chip
# are those of the release that is kept, byte for byte.
# Begun early: many states.
. "$(dirname "$0")/device.sh"
. "$(dirname "$0")/blocks-lib.sh"
. "$(dirname "$0")/../own-mounts.sh"
lacks=$(lacks_blocks)
[ -n "$lacks" ] || own_mounts
states=${STATES:-2200}
[ -z "${LONG:-}" ] || states=${STATES:-210000} FILES=${FILES:-60}
mkdir "$disk"

# The client, and once nothing disturbs it: is what lies beside as it must be?
driver=$WORK/beside
cat >"$driver" <<SH
#!/bin/sh
"$client" "\$@" || {
	status=\$?
	[ \$status -eq 15 ] || [ \$status -eq 10 ] || exit \$status
}
[ -z "\${PAWL_SHIM_HOW:-}" ] || exit "\${status:-0}"
while [ \$# -gt 1 ]; do shift; done
device=\$(sed -n 's|^state *= *||p' "\$1")
while read -r name wanted; do
	cmp "\$device/../\$name" "\$wanted" >&2 || exit 99
done <"$WORK/wanted"
exit "\${status:-0}"
SH
chmod 755 "$driver"

turn=0
try() { # what happens, every, device before, what runs then, options, command
	how=$1 every=$2 before=$3 runs=$4
	shift 4
	[ -z "${LONG:-}" ] || every=1
	turn=$((turn + 5))
	# shellcheck disable=SC2086 # a list of options
	"$crash/operations" --how "$how" --every "$every" \
		--first $((turn % every + 1)) --fresh "$WORK/$before" \
		--device "$WORK/one" $releases --client "$driver" \
		--shim "$crash/shim.so" --runs "$runs" "$@" || die "$how: $*"
}
# Put a device where the disk's files are seen at another place.
from_folder() { # folder, image
	cp "$WORK/empty" "$WORK/$2"
	mount -t "$CRASH_FS" -o loop "$WORK/$2" "$disk"
	cp -a "$WORK/$1"/* "$disk/"
	rm -f "$disk/client.conf" "$disk/root.json"
	umount "$disk"
	sed "s|$WORK/one/root.json|$WORK/$1/root.json|; s|$WORK/one/\(cmdline\|number\)|$WORK/at/\1|
		s|$WORK/one|$disk|" "$WORK/$1/client.conf" >"$WORK/client.conf"
}

# ---- data that a release changes ---------------------------------------------------

make_repo 2>/dev/null
releases=
for id in d1 d2 d3; do
	make_small_tree $id
	# It makes other data of what it finds, durably as one should.
	cat >"$WORK/trees/$id/bin/health" <<'SH'
#!/bin/sh
cd ../../.. && echo "$PAWL_RELEASE" >db.new && sync db.new && mv db.new db &&
	sync . && [ "$PAWL_RELEASE" != d3 ]
SH
	echo $id >"$WORK/db.$id"
	make_release $id 2>/dev/null
	mv "$WORK/publish" "$WORK/publish.$id"
	releases="$releases --release $id=$WORK/trees/$id"
done
cat >"$WORK/save" <<'SH'
#!/bin/sh
cp "$PAWL_DATA/../../db" "$PAWL_DATA/db"
SH
cat >"$WORK/restore" <<'SH'
#!/bin/sh
cp "$PAWL_DATA/db" "$PAWL_DATA/../../db"
SH
chmod 755 "$WORK/save" "$WORK/restore"
cp -a "$WORK/publish.d1" "$WORK/publish"
make_device one
cat >>"$WORK/one/client.conf" <<INI
[data]
save = $WORK/save
restore = $WORK/restore
INI
on one update --quiet --from "$WORK/publish.d1"
cp -a "$WORK/one" "$WORK/data1"
on one update --quiet --from "$WORK/publish.d2"
cp -a "$WORK/one" "$WORK/data2"

good="update --from $WORK/publish.d2"
bad="update --from $WORK/publish.d3"
# shellcheck disable=SC2086 # commands with their options
{
	echo "db $WORK/db.d2" >"$WORK/wanted"
	try stop 17 data1 d2 -- $good
	try stop 11 data2 d2 --status 15 -- $bad
	try stop 17 data2 d2 --status 15 --again -- $bad
	for how in full dead eio; do
		try $how 43 data2 d2 --status 15 -- $bad
	done
	if [ -z "$lacks" ]; then
		make_image "" empty
		from_folder data2 data.image
		OPTIONS=--bad-release AGAIN=3
		prove data data.image $((states / 30)) d2 $bad
		OPTIONS=
	fi
}

# ---- what goes along with an image ---------------------------------------------------

rm -rf "$WORK/one"
releases=
for id in k1 k2; do
	at_parts=$WORK/images/$id.parts
	mkdir -p "$at_parts/mcu" "$at_parts/web"
	seq 1 9000 | sed "s/7/image $id/" >"$WORK/images/$id"
	seq 1 4000 | sed "s/7/firmware $id/" >"$at_parts/mcu/image"
	echo "pages of $id" >"$at_parts/web/index"
	seq 1 900 >"$at_parts/web/stays"
	"$signer" release create "$WORK/repo" --product gateway --id $id \
		--content image --input "$WORK/images/$id" --quiet \
		--with-image "mcu=$at_parts/mcu/image" \
		--with-tree "web=$at_parts/web" >/dev/null 2>&1
	resign 2>/dev/null
	cp -a "$WORK/publish" "$WORK/publish.$id"
	releases="$releases --release $id=$WORK/images/$id"
done
make_image_device one
cat >"$WORK/handler" <<SH
#!/bin/sh
case \$1 in
check) cmp -s - "\$(cat $WORK/chip-at)/chip" ;;
write | undo) cat >"\$(cat $WORK/chip-at)/chip" && sync "\$(cat $WORK/chip-at)/chip" ;;
esac
SH
chmod 755 "$WORK/handler"
cat >>"$WORK/one/client.conf" <<INI
[slot web]
[slot mcu]
kind = handler
program = $WORK/handler
INI
echo "$WORK/one" >"$WORK/chip-at"
on one update --quiet --from "$WORK/publish.k1"
boot_into one b
on one update --quiet --from "$WORK/publish.k1"
cp -a "$WORK/one" "$WORK/image1"
on one update --quiet --from "$WORK/publish.k2"
boot_into one a
cp -a "$WORK/one" "$WORK/booted2"

update="update --from $WORK/publish.k2"
# shellcheck disable=SC2086 # commands with their options
{
	# Before the boot the chip is left alone, in it it gets what is new.
	echo "chip $WORK/images/k1.parts/mcu/image" >"$WORK/wanted"
	try stop 23 image1 k2 -- $update
	echo "chip $WORK/images/k2.parts/mcu/image" >"$WORK/wanted"
	try stop 5 booted2 k2 -- $update
	for how in full dead; do
		try $how 15 booted2 k2 -- $update
	done
	[ -z "$lacks" ] || skip_blocks "$lacks"
	echo "$disk" >"$WORK/chip-at"
	AGAIN=5
	mkdir -p "$WORK/at"
	boot_into at b
	echo "chip $WORK/images/k1.parts/mcu/image" >"$WORK/wanted"
	from_folder image1 image1.image
	prove boot-components image1.image $((states / 30)) k2 $update
	boot_into at a
	echo "chip $WORK/images/k2.parts/mcu/image" >"$WORK/wanted"
	from_folder booted2 booted2.image
	prove boot-chip booted2.image $((states / 30)) k2 $update
}
