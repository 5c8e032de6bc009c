#!/bin/sh
# A device as the factory made it is let in and both its slots are written from
# signed content, while operations stop or fail and the power goes, anywhere: what
# the factory installed runs whole or the release does; what it asked with and who
# it is are never lost; once it says "active" nothing of the factory's is left; and
# who goes on where it was comes to the end of it.
# Begun early: many states.
. "$(dirname "$0")/device.sh"
. "$(dirname "$0")/blocks-lib.sh"
. "$(dirname "$0")/../own-mounts.sh"
. "$(dirname "$0")/served-lib.sh"
lacks=$(lacks_blocks)
[ -n "$lacks" ] || own_mounts
states=${STATES:-2200}
[ -z "${LONG:-}" ] || states=${STATES:-210000} FILES=${FILES:-60}

make_fleet
make_stick stick
make_small_tree factory
releases="--release 1=$WORK/trees/1 --release =$WORK/trees/factory"
driver=$WORK/first-use
cp "$(dirname "$0")/first-use.sh" "$driver"
chmod 755 "$driver"
mkdir "$WORK/pocket"
export FIRST_FOLDER="$WORK/pocket" FIRST_STICK="$WORK/stick"
export FIRST_OFFICER="$WORK/server/admin/operator.conf"

# What the factory left in a folder: two slots that no record of ours names.
make_vanilla() { # folder
	mkdir -p "$1/slots/a" "$1/slots/b"
	cp -a "$WORK/trees/factory" "$1/slots/a/tree"
	cp -a "$WORK/trees/factory" "$1/slots/b/tree"
	ln -s b/tree "$1/slots/current"
}

# ---- operations ----------------------------------------------------------------

make_vanilla "$WORK/vanilla"
configure_served "$WORK/vanilla/client.conf" "$WORK/one"
at=0
try() { # what happens, every, options
	how=$1 every=$2
	shift 2
	[ -z "${LONG:-}" ] || every=1
	at=$((at + 5))
	# shellcheck disable=SC2086 # a list of options
	"$crash/operations" --how "$how" --every "$every" \
		--first $((at % every + 1)) --fresh "$WORK/vanilla" \
		--device "$WORK/one" $releases --client "$driver" \
		--shim "$crash/shim.so" --runs 1 "$@" -- first-use ||
		die "$how $*"
}
try stop 29
try stop 61 --again
for how in full dead eio; do
	try $how 97
done

# ---- states of a disk ----------------------------------------------------------

[ -z "$lacks" ] || skip_blocks "$lacks"
mkdir "$disk"
configure_served "$WORK/client.conf" "$disk"
make_image "" empty
cp "$WORK/empty" "$WORK/vanilla0"
mount -t "$CRASH_FS" -o loop "$WORK/vanilla0" "$disk"
make_vanilla "$disk"
umount "$disk"

# The answer of the run that is recorded is in the pocket of whoever runs it again.
record first-use vanilla0 first-use
FIRST_ANSWER=$(ls -t "$WORK/pocket"/????-????-???? | head -n 1)
export FIRST_ANSWER
explore first-use vanilla0 $((states / 5)) --runs 1 --again "${AGAIN:-60}" -- \
	"$driver" --config "$WORK/client.conf"

# The seeded faults are found here, too.
SEEDED=200
seed first-use vanilla0 first-use

# ---- images: a boot lies between its slots ---------------------------------------

# What the factory wrote is in both; the first release runs in b, and what boots it
# finds that a is still the factory's.
mkdir "$WORK/images"
seq 1 30000 >"$WORK/images/1"
"$signer" release create "$WORK/repo" --product gateway --id i1 --quiet \
	--content image --input "$WORK/images/1" >/dev/null
resign
operator release import "$WORK/publish" >/dev/null
make_stick stick.i1
mkdir "$WORK/loader"
boot_into loader a
configure_images "$WORK/client.conf" "$disk" "$WORK/loader"
releases="--release i1=$WORK/images/1"
cp "$WORK/empty" "$WORK/images0"
mount -t "$CRASH_FS" -o loop "$WORK/images0" "$disk"
head -c 300000 /dev/zero | tr '\0' f >"$disk/slot-a"
cp "$disk/slot-a" "$disk/slot-b"
FIRST_STICK= FIRST_ANSWER= sh "$driver" --config "$WORK/client.conf" 2>/dev/null || :
run_client update --from "$WORK/stick.i1"
umount "$disk"
boot_into loader b
driver=
AGAIN=20
prove first-use-images images0 $((states / 10)) i1 update --from "$WORK/stick.i1"
mount -t "$CRASH_FS" -o loop "$WORK/first-use-images.after" "$disk"
cmp -n "$(stat -c %s "$WORK/images/1")" "$disk/slot-a" "$WORK/images/1" ||
	die "the other slot is the factory's still"
umount "$disk"
