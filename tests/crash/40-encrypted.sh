#!/bin/sh
# Encrypted packages, a full one, a delta and one that is written as it comes, while
# operations stop or fail and the power goes, anywhere: what always holds does, and
# neither content key nor chunk key is ever on the disk, nor content but in a slot.
# Begun early: many states.
command -v python3 >/dev/null || { echo "needs python3"; exit 77; }
. "$(dirname "$0")/device.sh"
. "$(dirname "$0")/blocks-lib.sh"
. "$(dirname "$0")/../own-mounts.sh"
. "$(dirname "$0")/served-lib.sh"
lacks=$(lacks_blocks)
[ -n "$lacks" ] || own_mounts
states=${STATES:-2200}
[ -z "${LONG:-}" ] || states=${STATES:-210000} FILES=${FILES:-60}
here=$(cd "$(dirname "$0")" && pwd)

make_fleet
"$signer" key generate "$WORK/wrap" --environment "$environment" \
	--purpose wrap --passphrase-fd 3 3<"$WORK/pass" >/dev/null

# The device is let in before; what its factory wrote is release 1.
configure_served "$WORK/client.conf" "$WORK/one"
printf '[server]\nurl = https://%s\nenrol = https://%s\n' \
	"127.0.0.1:$((base + 1))" "127.0.0.1:$base" >>"$WORK/client.conf"
mkdir "$WORK/one"
operator token create --product gateway --model board --cohort fleet --plain \
	>"$WORK/claim"
chmod 600 "$WORK/claim"
run_client enroll --claim-file "$WORK/claim"
make_stick stick.1
run_client update --from "$WORK/stick.1"
configure_served "$WORK/one/client.conf" "$WORK/one"
cp -a "$WORK/one" "$WORK/runs1"
device=$(on one status --json | sed -n 's/.*"device": *"\([0-9a-f]*\)".*/\1/p')
key=$WORK/runs1/state/decrypt.key

# No compressor hides it, and no two chunks are alike. What is looked for is from
# the middle of a block.
make_secret_tree() { # id
	make_small_tree "$1"
	[ -e "$WORK/noise" ] || head -c 150000 /dev/urandom >"$WORK/noise"
	cp "$WORK/noise" "$WORK/trees/$1/lib/noise"
	# New with this one, and so in its delta, too.
	head -c 30000 /dev/urandom >"$WORK/trees/$1/lib/secret"
	dd if="$WORK/trees/$1/lib/secret" of="$WORK/plain.$1" bs=1 skip=9000 \
		count=64 2>/dev/null
	releases="$releases --release $1=$WORK/trees/$1"
}
make_secret_release() { # id, options
	id=$1
	shift
	"$signer" release create "$WORK/repo" --product gateway --id "$id" \
		--input "$WORK/trees/$id" --health bin/health --deadline 20 \
		--quiet --encrypt "$WORK/wrap.pub" "$@" \
		3<"$WORK/pass" >/dev/null
	resign
	operator release import "$WORK/publish" >/dev/null
	operator device export "$WORK/registry.$id" --product gateway >/dev/null
	"$signer" wrap "$WORK/repo" --product gateway --id "$id" \
		--registry "$WORK/registry.$id" \
		--officer "$WORK/server/admin/admin.pem" \
		--device-ca "$WORK/server/keys/device-ca.pem" \
		--wrap-key "$WORK/wrap" --output "$WORK/envelopes.$id" \
		${new:+--new "$new"} --passphrase-fd 3 3<"$WORK/pass" >/dev/null
	new=
	operator envelope import "$WORK/envelopes.$id" >/dev/null
	make_stick "stick.$id"
	mkdir "$WORK/keys.$id"
	python3 "$here/content_keys.py" "$WORK/publish/targets/gateway/$id" \
		"$WORK/envelopes.$id" "$device" "$key" "$id" "$WORK/keys.$id"
}
releases="--release 1=$WORK/trees/1"
new=1
make_secret_tree 2
make_secret_release 2
make_secret_tree 3
make_secret_release 3 --from 2 --wrap-key "$WORK/wrap" --passphrase-fd 3
on one update --quiet --from "$WORK/stick.2"
mv "$WORK/one" "$WORK/runs2"
cp -a "$WORK/runs1" "$WORK/stream1"
echo "$stream_settings" >>"$WORK/stream1/client.conf"
secrets_of() { # id
	echo "--content $WORK/plain.$1"
	for secret in "$WORK/keys.$1"/*; do echo "--nowhere $secret"; done
}

# ---- operations ----------------------------------------------------------------

at=0
try() { # what happens, every, device before, what runs then, options
	how=$1 every=$2 before=$3 runs=$4
	shift 4
	[ -z "${LONG:-}" ] || every=1
	at=$((at + 5))
	# shellcheck disable=SC2046,SC2086 # lists of options
	"$crash/operations" --how "$how" --every "$every" \
		--first $((at % every + 1)) --fresh "$WORK/$before" \
		--device "$WORK/one" $releases $(secrets_of "$runs") \
		--client "$client" --shim "$crash/shim.so" --runs "$runs" \
		"$@" -- update --from "$WORK/stick.$runs" || die "$how $*"
}
try stop 17 runs1 2
try stop 17 runs2 3
try stop 37 runs2 3 --again
try stop 31 stream1 2
for how in full dead eio; do
	try $how 43 runs1 2
	try $how 43 runs2 3
done

# ---- states of a disk ----------------------------------------------------------

[ -z "$lacks" ] || skip_blocks "$lacks"
mkdir "$disk"
configure_served "$WORK/client.conf" "$disk"
make_image "" empty
from_folder() { # folder, image
	cp "$WORK/empty" "$WORK/$2"
	mount -t "$CRASH_FS" -o loop "$WORK/$2" "$disk"
	cp -a "$WORK/$1/state" "$WORK/$1/slots" "$disk/"
	umount "$disk"
}
from_folder runs1 before2
from_folder runs2 before3
AGAIN=40
OPTIONS=$(secrets_of 2)
prove encrypted before2 $((states / 8)) 2 update --from "$WORK/stick.2"
OPTIONS=$(secrets_of 3)
prove encrypted-delta before3 $((states / 8)) 3 update --from "$WORK/stick.3"
OPTIONS=

# The seeded faults are found here, too,
seed encrypted before2 update --from "$WORK/stick.2"
seed encrypted-delta before3 update --from "$WORK/stick.3"

# and a client that leaves a key, or content beside its slot, even for a moment.
leaves() { # name, words, command
	cat >"$WORK/$1" <<SH
#!/bin/sh
"$client" "\$@"
$3
SH
	chmod 755 "$WORK/$1"
	driver=$WORK/$1
	record "$1" before2 update --from "$WORK/stick.2"
	driver=
	# shellcheck disable=SC2046,SC2086 # lists of options
	"$crash/explore" --name "$1" --before "$WORK/before2" \
		--log "$WORK/$1.log" --after "$WORK/$1.after" --mount "$disk" \
		--config "$WORK/client.conf" $releases $(secrets_of 2) \
		--states 100 >"$WORK/explored" 2>&1 &&
		die "$1: not found: $(cat "$WORK/explored")"
	grep -q "$2" "$WORK/explored" ||
		die "$1: not for that: $(cat "$WORK/explored")"
	echo "$1: found"
}
secret=$WORK/keys.2/main-full.pawl
leaves leaves-key "content key was written" "
	cp $secret.content $disk/state/gone; sync; rm $disk/state/gone"
leaves leaves-hex "content key was written" "
	od -An -v -tx1 $secret.chunks | tr -d ' \n' >$disk/state/key; sync"
leaves leaves-content "content was written twice" "
	cat $WORK/trees/2/lib/secret >$disk/state/gone; sync; rm $disk/state/gone"
