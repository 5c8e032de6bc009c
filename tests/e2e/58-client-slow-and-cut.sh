#!/bin/sh
# Of two servers one is silent, and the other one is cut off after some bytes each
# time. The run ends when it was silent eight times, though each of these is
# followed by an error of the other one; the next run goes on.
. "$(dirname "$0")/client-lib.sh"
. "$(dirname "$0")/wire-lib.sh"
size=5000000
make_wired_device $size
echo cut=60000 >"$WORK/orders.cut"
python3 "$(dirname "$0")/../tools/wire.py" "$WORK/port.cut" "$WORK/orders.cut" \
	"$WORK/count.cut" $((base + 1)) &
wire_pid="$wire_pid $!"
stop_all() {
	# shellcheck disable=SC2086 # two of them
	kill $wire_pid 2>/dev/null || :
	stop_server
}
until [ -s "$WORK/port.cut" ]; do sleep 0.1; done
sed -i "s|^url = .*|&\nurl = https://127.0.0.1:$(cat "$WORK/port.cut")\npatience = 5|" \
	"$WORK/one/client.conf"

order slow=1000000
(
	got=0
	"$client" update --quiet --config "$WORK/one/client.conf" \
		2>"$WORK/err" || got=$?
	echo $got >"$WORK/status"
) &
until_kept 500000
order hole
from=$(date +%s)
until [ -s "$WORK/status" ]; do
	[ $(($(date +%s) - from)) -le 120 ] || die "it still tries"
	sleep 0.1
done
echo "$(($(date +%s) - from)) s: $(cat "$WORK/err")"
[ "$(cat "$WORK/status")" = 9 ] || die "status $(cat "$WORK/status")"
grep -q 'slower than 4096 bytes a second' "$WORK/err" || die "why?"
kept=$(stat -c %s "$WORK"/one/state/spool/*)
[ "$kept" -lt $size ] || die "it was fetched to its end"
order
on one update
runs one 1
