#!/bin/sh
# No room for a package: it is written as it comes, each chunk verified first.
# Cut off anywhere it goes on at the last point and fetches at most one chunk
# again; what was begun is never started, and what is replaced on the way is
# noticed at the next chunk.
. "$(dirname "$0")/../own-mounts.sh"
! can_mount || own_mounts
. "$(dirname "$0")/command-lib.sh"
. "$(dirname "$0")/wire-lib.sh"

printf '#!/bin/sh\nexit 0\n' >"$WORK/health"
chmod 755 "$WORK/health"

# Three frames and a little; a megabyte of each does not compress.
make_image() { # id
	mkdir -p "$WORK/images"
	for n in 1 2 3; do
		head -c 1000000 /dev/urandom
		head -c 15000000 /dev/zero
	done >"$WORK/images/$1"
	seq 1 300000 | sed "s/77/seventy-seven in $1/" >>"$WORK/images/$1"
}
image_release() { # id, options
	id=$1
	shift
	[ -s "$WORK/images/$id" ] || make_image "$id"
	"$signer" release create "$WORK/repo" --product gateway --id "$id" \
		--content image --input "$WORK/images/$id" --quiet "$@" \
		>/dev/null
	resign
}
image_device() { # name
	make_served_device "$1"
	truncate -s 60000000 "$WORK/$1/slot-a" "$WORK/$1/slot-b"
	cat >>"$WORK/$1/client.conf" <<INI
[slot]
kind = image
a = $WORK/$1/slot-a
b = $WORK/$1/slot-b
root = $WORK
[trial]
health = $WORK/health
[boot]
control = command
command = $WORK/program
cmdline = $WORK/$1/cmdline
number = $WORK/$1/number
[fetch]
spool = never
window = 2700000
INI
	restart_into "$1" a
	on "$1" enroll --claim-file "$WORK/$1/claim"
}
holds() { # device, slot, id
	cmp -n "$(stat -c %s "$WORK/images/$3")" "$WORK/$1/slot-$2" \
		"$WORK/images/$3" || die "slot $2 of $1 does not hold $3"
}
# The window, and nothing else, is what the state holds of a package.
window() { # device
	find "$WORK/$1/state/spool" -name '*.window'
}
is_unfinished() { # device, slot
	[ ! -e "$WORK/$1/slots/$2/release.json" ] ||
		die "slot $2 of $1 says that it is whole"
	[ "$(env_get pawl_slot)" != "$2" ] || die "slot $2 was switched to"
}

# ---- served, and cut off in the middle ---------------------------------------
make_server
make_served_repo
online=
image_release 1
operator release import "$WORK/publish"
operator cohort create fleet
image_device one
roll_out 1
start_wire

# Killed five times, at no moment in particular; then resets, and the end.
size=$(find "$WORK/publish/targets" -name '*main-full.pawl' -exec stat -c %s {} +)
order slow=1500000
kills=0
for bytes in 450000 330000 500000 380000 410000; do
	until=$(($(carried) + bytes))
	"$client" update --quiet --config "$WORK/one/client.conf" \
		2>>"$WORK/err" &
	pid=$!
	for _ in $(seq 3000); do
		[ "$(carried)" -lt "$until" ] || break
		sleep 0.02
	done
	kill -KILL $pid 2>/dev/null || die "it ended before it was killed"
	wait $pid 2>/dev/null || :
	kills=$((kills + 1))
	is_unfinished one b
done
before=$(carried)
[ "$before" -gt 1000000 ] || die "only $before bytes before the last kill"
[ -s "$(window one)" ] || die "nothing passes through a window"
order cut=400000
on one update --json >"$WORK/out"
holds one b 1
says one state reboot-pending
[ -z "$(window one)" ] || die "the window is left behind"
# What a cut found on its way was carried and never came (wire-lib.sh); each run
# fetches metadata as well.
came_once $(($(carried) - kills * 40000)) "$size" $((kills + size / 400000))
boot one
order
# At first use the slot that ran before is written as well.
on one update --quiet
says one state reboot-pending
holds one a 1
boot one
on one update --quiet
says one state confirmed

# Replaced on the server in the middle: noticed at the next chunk. Of a small
# window the writer says more often what it has taken.
sed -i 's/^window = .*/window = 262144/' "$WORK/one/client.conf"
image_release 2
operator release import "$WORK/publish"
roll_out 2
package=$(find "$WORK/publish/targets/gateway/2" -name '*.main-full.pawl')
payload=$(find "$WORK/server/blobs" -name "$(basename "$package" .main-full.pawl)")
[ -f "$payload" ] || die "where is the package? $payload"
cp "$payload" "$WORK/good"
chmod u+w "$payload"
order slow=1000000
until=$(($(carried) + 600000))
"$client" update --quiet --config "$WORK/one/client.conf" 2>"$WORK/said" &
pid=$!
for _ in $(seq 3000); do
	[ "$(carried)" -lt "$until" ] || break
	sleep 0.02
done
head -c $((size - 2600000)) /dev/zero | dd of="$payload" bs=65536 \
	oflag=seek_bytes seek=2600000 conv=notrunc iflag=fullblock 2>/dev/null
order away
sleep 0.2
order
got=0
wait $pid || got=$?
[ $got -eq 6 ] || die "status $got for a package that was replaced"
grep -q 'chunk [0-9]* of the package is damaged' "$WORK/said" ||
	die "why? $(cat "$WORK/said")"
is_unfinished one b
# What was good is gone on with, from the last point: behind 1.8 MB, where the
# first 16 MiB end.
cat "$WORK/good" >"$payload"
before=$(carried)
order cut=200000
began=$(date +%s%N)
on one update --quiet
took=$((($(date +%s%N) - began) / 1000000))
holds one b 2
# The pause after each cut is a whole one, whatever the writer says meanwhile.
cuts=$((($(carried) - before - 50000) / 200000))
[ "$cuts" -gt 2 ] && [ "$took" -ge $((cuts * 1000)) ] ||
	die "$cuts cuts within $took ms"
[ $(($(carried) - before)) -lt $((size - 1000000)) ] ||
	die "what was good was fetched again"
order
boot one
on one update --quiet
says one state confirmed

# A power cut took the slot's folder along, of which a checkpoint speaks: begun
# anew, not refused for ever.
image_release 3
operator release import "$WORK/publish"
roll_out 3
until=$(($(carried) + 2400000))
order slow=2000000
"$client" update --quiet --config "$WORK/one/client.conf" 2>>"$WORK/err" &
pid=$!
for _ in $(seq 3000); do
	[ "$(carried)" -lt "$until" ] || break
	sleep 0.02
done
kill -KILL $pid 2>/dev/null || die "it ended before it was killed"
wait $pid 2>/dev/null || :
[ -s "$WORK/one/state/stream.0" ] || die "no checkpoint"
rm -r "$WORK/one/slots/a"
order
on one update --quiet
holds one a 3
stop_all
trap - EXIT

# ---- from a folder: trees, files and deltas, all of a release -----------------
online=--with-online
rm -rf "$WORK/repo" "$WORK/key"
make_repo
make_parts() { # id
	make_tree "$1"
	head -c 700000 /dev/urandom >"$WORK/trees/$1/noise"
	[ "$1" = 1 ] || cp "$WORK/trees/1/noise" "$WORK/trees/$1/noise"
	seq 1 90000 | sed "s/7/firmware $1/" >"$WORK/modem.$1"
}
release_of_parts() { # id, options
	id=$1
	shift
	make_parts "$id"
	make_release "$id" --with-image "modem=$WORK/modem.$id" "$@"
}
release_of_parts 1
make_device two
cat >>"$WORK/two/client.conf" <<INI
[slot modem]
kind = file
[fetch]
spool = never
window = 262144
INI
runs_both() { # id
	runs two "$1"
	cmp "$WORK/two/slots/current/../parts/modem/tree/image" \
		"$WORK/modem.$1" || die "no firmware of $1"
}
# Killed at every hundredth of a second, until it is done.
for n in $(seq 1 60); do
	"$client" update --quiet --from "$WORK/publish" \
		--config "$WORK/two/client.conf" 2>/dev/null &
	pid=$!
	sleep "0.$(printf %02d "$n")"
	[ ! -e "$WORK/two/slots/current" ] || break
	[ ! -e "$WORK/two/slots/a/release.json" ] || break
	kill -KILL $pid 2>/dev/null || break
	wait $pid 2>/dev/null || :
done
wait $pid 2>/dev/null || :
on two update --quiet --from "$WORK/publish"
runs_both 1
release_of_parts 2 --from 1
on two update --json --from "$WORK/publish" >"$WORK/out"
grep -q '"package": *"delta"' "$WORK/out" || die "no delta was taken"
runs_both 2
# Its base is damaged: the full packages, in the same run.
release_of_parts 3 --from 2
echo x >>"$WORK/two/slots/current/noise"
on two update --json --from "$WORK/publish" >"$WORK/out" 2>"$WORK/said"
grep -q base-damaged "$WORK/said" || die "the damage went unnoticed"
runs_both 3
[ -z "$(ls "$WORK/two/state/spool")" ] || die "something is left behind"

# ---- a disk with no room for it ------------------------------------------------
# Chosen by itself; as configured, the update waits for room.
can_mount || exit 0
mkdir "$WORK/disk"
mount -t tmpfs -o size=1700k tmpfs "$WORK/disk" 2>/dev/null || exit 0
make_device small
sed -i "s|^state = .*|state = $WORK/disk/state|" "$WORK/small/client.conf"
release_of_parts 4
cat >>"$WORK/small/client.conf" <<INI
[slot modem]
kind = file
[fetch]
spool = always
INI
want 11 on small update --quiet --from "$WORK/publish" 2>"$WORK/said"
grep -q 'no room for the package' "$WORK/said" || die "why? $(cat "$WORK/said")"
sed -i 's/^spool = .*/spool = auto/' "$WORK/small/client.conf"
on small update --quiet --from "$WORK/publish"
runs small 4
