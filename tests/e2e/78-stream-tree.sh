#!/bin/sh
# A tree, and a delta, with no room for the package: written as it comes. Killed
# at no moment in particular, and cut off by the network, it goes on at the last
# point: at most one chunk comes again, and no file that was whole is written
# again.
. "$(dirname "$0")/client-lib.sh"
. "$(dirname "$0")/wire-lib.sh"

# Two frames and a little; a megabyte of each does not compress. In a file
# that is longer than a frame, behind one that is whole before that.
make_frames() { # id
	make_tree "$1"
	at=$WORK/trees/$1
	head -c 300000 /dev/urandom >"$at/a-first"
	mkdir "$at/long"
	for n in 1 2; do
		head -c 1000000 /dev/urandom
		head -c 15000000 /dev/zero
	done >"$at/long/content"
	seq 1 300000 >"$at/long/text"
}
# Their records are of 4 MiB: what is new does not compress either.
make_fresh() { # id, id before
	cp -r "$WORK/trees/$2" "$WORK/trees/$1"
	echo "$1" >"$WORK/trees/$1/version"
	for n in 1 2 3 4 5; do
		head -c 2097152 /dev/urandom >"$WORK/trees/$1/fresh-$n"
	done
}
package_of() { # file name
	find "$WORK/publish/targets" -name "*$1.pawl" -exec stat -c %s {} +
}

# Where the newer record says that a run could go on: bytes of payload.
point() {
	for record in "$WORK/one/state/stream.0" "$WORK/one/state/stream.1"; do
		[ -s "$record" ] || continue
		echo $(od -An -tu8 -j8 -N8 "$record") \
			$(od -An -tu8 -j82 -N8 "$record")
	done | sort -n | tail -1 | awk '{ n = $2 } END { print n + 0 }'
}

# Kill the update whenever so many more bytes have come, the last time not
# before it could go on behind so much of the payload.
kills=0
kill_after() { # slot, payload, bytes...
	slot=$1 payload=$2
	shift 2
	for bytes; do
		[ "$bytes" != last ] || bytes=0
		until=$(($(carried) + bytes))
		"$client" update --quiet --config "$WORK/one/client.conf" \
			2>>"$WORK/err" &
		pid=$!
		for _ in $(seq 3000); do
			if [ "$bytes" -gt 0 ]; then
				[ "$(carried)" -lt "$until" ] || break
			else
				[ "$(point)" -lt "$payload" ] || break
				sleep 0.1
			fi
			sleep 0.02
		done
		kill -KILL $pid 2>/dev/null || die "it ended before"
		wait $pid 2>/dev/null || :
		kills=$((kills + 1))
		[ ! -e "$WORK/one/slots/$slot/release.json" ] ||
			die "a slot that is cut off says that it is whole"
	done
}
# When its manifest was written: at its first point, and never again.
kept_at() { # slot
	stat -c %y "$WORK/one/slots/$1/manifest"
}
slot_file() { # slot, file
	stat -c %i "$WORK/one/slots/$1/tree/$2"
}

make_server
make_served_repo
make_frames 1
serve_release 1
operator cohort create fleet
make_served_device one
on one enroll --claim-file "$WORK/one/claim"
roll_out 1
cat >>"$WORK/one/client.conf" <<INI
[fetch]
spool = never
window = 2700000
INI
start_wire

# ---- a tree --------------------------------------------------------------------
size=$(package_of main-full)
order slow=1500000
kill_after a 1000000 450000 330000 last
[ "$(point)" -ge 1000000 ] || die "it could go on at $(point) only"
first=$(slot_file a a-first)
kept=$(kept_at a)
order cut=400000
on one update --json >"$WORK/out"
runs one 1
[ "$(slot_file a a-first)" = "$first" ] || die "a whole file was written again"
[ "$(kept_at a)" = "$kept" ] || die "the manifest was written again"
came_once $(($(carried) - kills * 40000)) "$size" $((kills + size / 400000))

# ---- a delta -------------------------------------------------------------------
order
on one update --quiet # its first use
sed -i 's/^window = .*/window = 6000000/' "$WORK/one/client.conf"
make_fresh 2 1
serve_release 2 --from 1 --codec none
roll_out 2
size=$(package_of main-from-1)
[ "$size" -gt 10000000 ] || die "a delta of $size bytes is too short for this"
kills=0
before=$(carried)
order slow=5000000
kill_after b 4000000 3000000 last
kill_after b 8000000 2000000 last
[ "$(point)" -ge 8000000 ] || die "it could go on at $(point) only"
first=$(slot_file b fresh-1)
order cut=2000000
on one update --json >"$WORK/out"
grep -q '"package": *"delta"' "$WORK/out" || die "no delta was taken"
runs one 2
[ "$(slot_file b fresh-1)" = "$first" ] || die "a whole file was written again"
came_once $(($(carried) - before - kills * 40000)) "$size" \
	$((kills + size / 2000000))
