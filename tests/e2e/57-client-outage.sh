#!/bin/sh
# The line is gone for ten minutes in the middle of a large package: the daemon asks
# now and then, more and more rarely, goes on where it was when the line is back, and
# fetches at most a twentieth again, by its own account. That takes its time:
#
#	LONG=1 E2E_SECONDS=1800 make check-e2e E2E=57-client-outage
[ "${LONG:-}" ] || {
	echo "ten minutes without a line: LONG=1 E2E_SECONDS=1800"
	exit 77
}
. "$(dirname "$0")/client-lib.sh"
. "$(dirname "$0")/wire-lib.sh"
outage=600
len=24000000
make_wired_device 1000
on one update --quiet 2>/dev/null
runs one 1
sed -i 's/^retry_min = .*/retry_min = 5/; s/^retry_max = .*/retry_max = 120/' \
	"$WORK/one/client.conf"
offer 2 $len
order slow=3000000
before=$(carried)
"$client" daemon --config "$WORK/one/client.conf" 2>"$WORK/err" &
pid=$!
until_kept 8000000
order away
sleep $outage
kept=$(stat -c %s "$WORK"/one/state/spool/*)
asked=$(grep -c 'error=network' "$WORK/err")
order
for _ in $(seq 300); do
	! grep -q 'confirmed release=2' "$WORK/err" || break
	sleep 1
done
kill -TERM $pid
wait $pid || die "the daemon ended with status $?"
runs one 2

# Every line of it: what each run fetched, and of how much.
sed -n 's/.*package-fetched bytes=\([0-9]*\) of=\([0-9]*\).*/\1 \2/p' "$WORK/err" \
	>"$WORK/fetched"
fetched=$(awk '{ sum += $1 } END { print sum }' "$WORK/fetched")
size=$(awk '{ size = $2 } END { print size }' "$WORK/fetched")
echo "a package of $size: $kept were there after $outage s, $fetched came then;" \
	"asked $asked times meanwhile; $(($(carried) - before)) went over the wire"
[ "$size" -ge 20000000 ] || die "a package of $size bytes is too small for that"
[ "$kept" -ge 8000000 ] || die "only $kept bytes outlived the outage"
[ "$fetched" -le $((size - kept + size / 20)) ] ||
	die "more than a twentieth was fetched again"
# Not at every moment, and not only once.
[ "$asked" -ge 5 ] && [ "$asked" -le 60 ] || die "it asked $asked times in ten minutes"
