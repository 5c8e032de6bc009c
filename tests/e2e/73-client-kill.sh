#!/bin/sh
# The client is killed at random moments of an update, with all its processes:
# whatever runs then is a whole release, old or new; status never lies; and the
# next update succeeds. ROUNDS and SEED can be chosen.
. "$(dirname "$0")/client-lib.sh"
tree_size=3
rounds=${ROUNDS:-40}
seed=${SEED:-1}

# Set `drawn` to a number below $1, the same for the same seed. (No subshell:
# it would forget the seed.)
draw() {
	seed=$(((seed * 1103515245 + 12345) % 2147483648))
	drawn=$((seed / 65536 % $1))
}

make_repo
make_release 1
cp -r "$WORK/publish" "$WORK/publish.1"
make_release 2 --from 1
make_device one
on one update --quiet --from "$WORK/publish.1"
cp -a "$WORK/one" "$WORK/fresh"

# How long does a whole update take here?
start=$(date +%s%N)
on one update --quiet --from "$WORK/publish"
took=$((($(date +%s%N) - start) / 1000000))

old=0 new=0 trials=0
round=0
while [ $round -lt "$rounds" ]; do
	round=$((round + 1))
	rm -rf "$WORK/one"
	cp -a "$WORK/fresh" "$WORK/one"
	draw $((2 * took))
	ms=$drawn
	# In half of the rounds, from the full package.
	package=delta
	[ $((round % 2)) -eq 0 ] || {
		package=full
		printf 'X' | dd of="$WORK/one/slots/a/manifest" bs=1 seek=50 \
			conv=notrunc 2>/dev/null
	}
	# It dies alone: that its processes go with it is part of the test.
	"$client" update --quiet --from "$WORK/publish" \
		--config "$WORK/one/client.conf" 2>/dev/null &
	pid=$!
	sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))"
	kill -9 "$pid" 2>/dev/null || :
	wait "$pid" 2>/dev/null || :

	# What runs is whole, whatever the journal thinks.
	if diff -r "$WORK/one/slots/current/" "$WORK/trees/1" >/dev/null; then
		old=$((old + 1)) expected=1
	elif diff -r "$WORK/one/slots/current/" "$WORK/trees/2" >/dev/null; then
		new=$((new + 1)) expected=2
	else
		die "round $round ($package, killed after $ms ms): neither old nor new"
	fi
	on one status --json >"$WORK/status" ||
		die "round $round: no status"
	sed '/"state"/q' "$WORK/status" |
		grep -q "\"release\": *\"$expected\"" ||
		die "round $round: status lies"
	grep -q '"state": *"trial"' "$WORK/status" && trials=$((trials + 1))
	# And afterwards all is as if nothing had been.
	on one update --quiet --from "$WORK/publish" >/dev/null 2>"$WORK/err" ||
		die "round $round ($ms ms): $(cat "$WORK/err")"
	runs one 2
	says one state confirmed
done
echo "$rounds rounds over $took ms: $old old, $new new, $trials in a trial"
[ $((old + new)) -eq "$rounds" ]
[ "$old" -gt 0 ]
[ "$new" -gt 0 ]
