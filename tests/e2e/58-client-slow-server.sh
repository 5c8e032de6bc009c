#!/bin/sh
# A server that lets a large package drip is left in time. Where there is another
# one, that goes on behind the bytes that came; where there is none the run ends,
# with the status for a bad network, and the next one goes on there.
. "$(dirname "$0")/client-lib.sh"
. "$(dirname "$0")/wire-lib.sh"
size=5000000 # by its length alone a package, and no small answer
make_wired_device $size
make_served_device two
on two enroll --claim-file "$WORK/two/claim"
wire=https://127.0.0.1:$(cat "$WORK/port")
sed -i "s|^url = .*|&\nurl = https://127.0.0.1:$((base + 1))\npatience = 5|" \
	"$WORK/one/client.conf"
sed -i "s|^url = .*|url = $wire\npatience = 5|" "$WORK/two/client.conf"

order slow=1000000
for device in one two; do
	(
		got=0
		"$client" update --quiet --config "$WORK/$device/client.conf" \
			2>"$WORK/$device.err" || got=$?
		echo $got >"$WORK/$device.status"
	) &
done
until_kept 1000000 one
until_kept 1000000 two
# More than what counts as dead, less than anybody can wait for.
order slow=1000
from=$(date +%s)
ends() { # device, seconds
	until [ -s "$WORK/$1.status" ]; do
		[ $(($(date +%s) - from)) -le "$2" ] ||
			die "$1 still waits after $2 s"
		sleep 0.1
	done
	cat "$WORK/$1.err"
	echo "$1: $(($(date +%s) - from)) s"
}

ends one 60
[ "$(cat "$WORK/one.status")" = 0 ] || die "the other server did not help"
runs one 1
ends two 150
[ "$(cat "$WORK/two.status")" = 9 ] || die "status $(cat "$WORK/two.status")"
grep -q 'slower than 4096 bytes a second' "$WORK/two.err" || die "why?"
kept=$(stat -c %s "$WORK"/two/state/spool/*)
[ "$kept" -gt 500000 ] || die "only $kept bytes are kept"
order
before=$(carried)
on two update --json >"$WORK/out"
runs two 1
came_once $(($(carried) - before)) $((size - kept)) 1
