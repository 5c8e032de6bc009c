#!/bin/sh
# A network that resets each connection, that is gone for a while in the middle
# of a download, and a package that is replaced on the server meanwhile: the
# update comes to its end, and what was fetched is not fetched again.
. "$(dirname "$0")/client-lib.sh"
. "$(dirname "$0")/wire-lib.sh"
make_wired_device 3000000

# Reset after each megabyte.
order cut=1000000
on one update --json >"$WORK/out"
runs one 1
size=$(package_size "$WORK/out")
came_once "$(carried)" "$size" 3

# Gone in the middle, for longer than the client tries in one run: that run says
# so, and the daemon goes on where it was when the line is there again.
offer 2 3000000
before=$(carried)
order slow=2000000
"$client" update --config "$WORK/one/client.conf" 2>"$WORK/err" &
pid=$!
until_kept 1000000
order away
got=0
wait $pid || got=$?
[ $got -eq 9 ] || die "status $got for an outage: $(cat "$WORK/err")"
kept=$(stat -c %s "$WORK"/one/state/spool/*)
# The daemon fails as well, and comes back by itself once the line does.
: >"$WORK/err"
"$client" daemon --config "$WORK/one/client.conf" 2>"$WORK/err" &
pid=$!
for _ in $(seq 600); do
	! grep -q 'error=network' "$WORK/err" || break
	sleep 0.1
done
grep -q 'error=network' "$WORK/err" || die "the daemon did not notice"
order
for _ in $(seq 600); do
	! grep -q 'confirmed release=2' "$WORK/err" || break
	sleep 0.1
done
kill -TERM $pid
wait $pid
runs one 2
echo "kept $kept over the outage"
came_once $(($(carried) - before)) "$size" 1

# Replaced on the server in the middle: noticed at the first chunk that differs,
# nothing is activated, what was good is kept. The reset takes away what was on
# its way already.
offer 3 3000000
package=$(find "$WORK/publish/targets/gateway/3" -name '*.main-full.pawl')
payload=$(find "$WORK/server/blobs" \
	-name "$(basename "$package" .main-full.pawl)")
[ -f "$payload" ] || die "where is the package? $payload"
cp "$payload" "$WORK/good"
chmod u+w "$payload"
before=$(carried)
order slow=1000000
"$client" update --config "$WORK/one/client.conf" 2>"$WORK/err" &
pid=$!
until_kept 500000
head -c $(($(stat -c %s "$payload") - 1500000)) /dev/zero |
	dd of="$payload" bs=65536 oflag=seek_bytes seek=1500000 conv=notrunc \
		iflag=fullblock 2>/dev/null
order away
sleep 0.3
order
got=0
wait $pid || got=$?
cat "$WORK/err"
[ $got -eq 6 ] || die "status $got for a package that was replaced"
runs one 2
kept=$(stat -c %s "$WORK"/one/state/spool/*)
[ "$kept" -ge 1000000 ] && [ "$kept" -lt 1600000 ] ||
	die "kept $kept bytes of a package that was good up to 1500000"
cat "$WORK/good" >"$payload"
order
on one update --quiet
runs one 3
came_once $(($(carried) - before)) "$size" 2
