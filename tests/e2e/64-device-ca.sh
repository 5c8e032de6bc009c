#!/bin/sh
# Another CA for devices: they change over as they renew; one that slept through
# it enrols anew, one that was revoked stays out, and the old CA goes when nobody
# is left on it.
for tool in faketime python3 openssl curl; do
	command -v "$tool" >/dev/null || { echo "needs $tool"; exit 77; }
done
. "$(dirname "$0")/server-lib.sh"
. "$(dirname "$0")/later-lib.sh"
here=$(cd "$(dirname "$0")" && pwd)

make_server
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/publish"
start_server
want 0 op release import "$WORK/publish"
for n in moves sleeps revoked; do
	make_device "$n" default
	want 0 device "$n" enroll --claim-file "$WORK/devices/$n/claim"
	want 0 device "$n" check
done
keys=$WORK/server/keys
id_of() { device "$1" status --json | member device; }
issuer() { # name of a device
	f=$(state "$1")/identity.crt
	[ -e "$f" ] || f=$(state "$1")/identity.$(generation "$1").crt
	openssl x509 -in "$f" -noout -issuer
}
on() { # how many are on the CA of this line of the list
	"$server" ca status "$WORK/server" | sed -n "$1p" |
		sed 's/.*  \([0-9]*\) devices .*/\1/'
}
former() { "$server" ca status "$WORK/server" | awk '/^former/ { print $6 }'; }

# Beside the running server, which goes on with the old one.
want 2 "$server" ca rotate "$WORK/server" --reason test --overlap 0
cp "$keys/device-ca.pem" "$WORK/older.pem"
want 2 "$server" ca rotate "$WORK/server" --overlap 100
want 0 "$server" ca rotate "$WORK/server" --reason test --overlap 100
said "keep a copy of keys/ again"
said "^issues .* 0 devices"
said "^former .* 3 devices"
want 2 "$server" ca withdraw "$WORK/server" "$(former)"
want 14 "$server" ca withdraw "$WORK/server" "$(former)" --reason old
said "3 devices are on it still"
make_device late default
want 0 device late enroll --claim-file "$WORK/devices/late/claim"
[ "$(on 2)" -eq 4 ] || die "the running server has the new one"
want 0 op device revoke --reason test "$(id_of revoked)"

# Cut off between certificate and key, the keeper finds the key where it is.
mv "$keys/device-ca.key" "$keys/device-ca-next.key"
cp "$keys/online.key" "$keys/device-ca.key"
start_later 0
make_device new default
want 0 device new enroll --claim-file "$WORK/devices/new/claim"
[ "$(issuer new)" != "$(issuer late)" ] || die "the old one issues"
want 0 device new check
[ "$(on 1)" -eq 1 ] || die "on the new one: $(on 1)"
mv "$keys/device-ca-next.key" "$keys/device-ca.key"

# Day 61: who renews is on the new one; who was revoked stays out.
start_later 61
want 0 later 61 moves check
want 0 later 61 late check
want 0 later 61 moves check
[ "$(issuer moves)" = "$(issuer new)" ] || die "moves: $(issuer moves)"
got=0
later 61 revoked check >"$WORK/said" 2>&1 || got=$?
[ "$got" -eq 10 ] || die "a revoked one: $got"
[ "$(generation revoked)" -eq 0 ] || die "a revoked one renews"
want 0 "$server" ca status "$WORK/server" --json
said '"devices": 3'
[ "$(on 2)" -eq 1 ] || die "left: $(on 2)"
want 14 "$server" ca withdraw "$WORK/server" "$(former)" --leave 2 --reason old
said "1 devices are on it, not 2"

# The second at which the old one ends: who is connected by it is connected no
# more, whatever it has asked before and although it asks nothing.
ends=$("$server" ca status "$WORK/server" --json | python3 -c 'import datetime
import json, sys
end = json.load(sys.stdin)["cas"][1]["ends"]
print(int(datetime.datetime.fromisoformat(end[:-1] + "+00:00").timestamp()))')
device_pem sleeps "$WORK/sleeps.pem"
for before in 8 60; do # a slow machine has a second try
	after=$((ends - $(date +%s) - before))
	start_after "$after"
	[ "$(($(date +%s) + after))" -ge "$ends" ] || break
done
want 0 timeout 100 python3 "$here/kept.py" "$(listener device)" \
	"$(state sleeps)/identity.crt" "$WORK/sleeps.pem" "$ends" "$after"
said "ended in time"

# Day 101: the old one has ended. Whoever has only its word is a stranger, by
# the device's own certificate and key as by one that its stolen key would make.
start_later 101
got=0
later 101 sleeps check >"$WORK/said" 2>&1 || got=$?
[ "$got" -eq 6 ] || die "who slept through it: $got"
[ "$(generation sleeps)" -eq 0 ] || die "it was renewed"
# It comes back as after a factory reset, and takes its own old place.
old=$(id_of sleeps)
rm -r "$(state sleeps)"
op_later 101 token create --product kiosk --model k1 --cohort default --plain \
	--replaces "$old" >"$WORK/devices/sleeps/claim"
want 0 later 101 sleeps enroll --claim-file "$WORK/devices/sleeps/claim"
want 0 later 101 sleeps check
want 0 op_later 101 device show "$old"
said retired
[ "$(on 2)" -eq 0 ] || die "left: $(on 2)"
cp "$keys/device-ca.pem" "$WORK/withdrawn.pem"
want 0 "$server" ca withdraw "$WORK/server" "$(former)" --reason old
[ "$(grep -c BEGIN "$keys/device-ca.pem")" -eq 1 ] || die "it is still there"
start_later 101
want 0 later 101 moves check
want 0 op_later 101 audit list
said "system .*ca-rotate"
said "system .*ca-withdraw .*devices=0"
want 0 op_later 101 audit export "$WORK/log"
want 0 "$server" audit verify "$WORK/log" --key "$WORK/server/audit.pub" \
	--ledger "$WORK/server/keeper/ledger"

# A copy of keys/ of before: neither by its CA nor by one that was withdrawn.
stop_later
want 0 "$server" server check "$WORK/server"
cp "$keys/device-ca.pem" "$WORK/newest.pem"
cp "$WORK/older.pem" "$keys/device-ca.pem"
want 8 "$server" server check "$WORK/server"
said "bring back the keys/ kept after it"
cp "$WORK/withdrawn.pem" "$keys/device-ca.pem"
want 8 timeout 30 "$server" run "$WORK/server"
said "withdrawn: withdraw it again"
cp "$WORK/newest.pem" "$keys/device-ca.pem"

# Without the right key there is no server.
cp "$keys/online.key" "$keys/device-ca.key"
got=0
"$server" run "$WORK/server" >"$WORK/said" 2>&1 || got=$?
[ "$got" -eq 3 ] || die "another key: $got"
said "not that of the first certificate"
echo "the fleet changed over"
