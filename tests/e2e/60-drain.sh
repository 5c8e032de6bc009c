#!/bin/sh
# A server that is told to drain says so to whoever comes, hears what devices
# have done, lets a download that is under way end, and is gone in its time.
for tool in python3 curl openssl; do
	command -v "$tool" >/dev/null || { echo "needs $tool"; exit 77; }
done
. "$(dirname "$0")/server-lib.sh"

make_server
make_repo "$WORK/repo"
make_tree big
head -c 12000000 /dev/urandom >"$WORK/trees/big/noise"
make_release "$WORK/repo" big "$WORK/publish" --codec none
want 0 "$server" server drain "$WORK/server" --reason move
said "no server runs there"
want 2 "$server" server drain "$WORK/server"
said "reason"
start_server
want 0 op release import "$WORK/publish"
make_device a default
want 0 device a enroll --claim-file "$WORK/devices/a/claim"
s=$WORK/devices/a/state
device_pem a "$WORK/a.pem"
asks() { # path, options: as the device
	path=$1
	shift
	curl -sS --cacert "$WORK/server/ca.pem" --cert "$s/identity.crt" \
		--key "$WORK/a.pem" "$@" "https://$(listener device)$path"
}
url=$(cd "$WORK/publish" && find targets -name '*.pawl' -size +10000k | head -n 1)
[ -n "$url" ] || url=$(cd "$WORK/publish" && find targets -type f -size +10000k |
	head -n 1)
begins() { # file, bytes a second: a slow download, in $down
	asks "/$url" --limit-rate "$2" -o "$1" &
	down=$!
	tries=0
	until [ -s "$1" ]; do
		tries=$((tries + 1))
		[ "$tries" -lt 1200 ] || die "the download does not begin"
		sleep 0.05
	done
}

# Long enough for a slow machine to ask meanwhile.
begins "$WORK/got" 700K
"$server" server drain "$WORK/server" --reason move --within 60 --json >"$WORK/drained" &
drain=$!
until grep -q "info draining within_sec=60" "$WORK/server.log"; do
	kill -0 "$drain" 2>/dev/null || die "it is not draining"
	sleep 0.05
done
asks /metadata/timestamp.json -D "$WORK/head" >"$WORK/said" || die "no answer"
grep -q "^HTTP/1.1 503" "$WORK/head" || die "$(cat "$WORK/head")"
after=$(tr -d '\r' <"$WORK/head" | sed -n 's/^Retry-After: //p')
[ "$after" -ge 30 ] && [ "$after" -le 60 ] || die "Retry-After: $after"
grep -q "^Connection: close" "$WORK/head" || die "kept open"
said "about to go"
# What a device did is heard: this report is judged, not sent away.
asks /v1/report -D "$WORK/head" -H 'Content-Type: application/json' -d '{}' \
	>"$WORK/said"
! grep -q "^HTTP/1.1 503" "$WORK/head" || die "a report was sent away"
wait "$down" || die "the download was cut off"
cmp -s "$WORK/got" "$WORK/publish/$url" || die "another file came"
wait "$drain" || die "drain"
grep -q '"ran":true,"cut":0' "$WORK/drained" || die "$(cat "$WORK/drained")"
wait "$server_pid" || die "the server's end"
server_pid=
grep -q "drained sec=[0-9]* left=0" "$WORK/server.log" || die "not in the log"
ended() { # how often the log says that somebody ended it
	python3 - "$WORK/server/store.sqlite" <<'PY'
import hashlib, json, sqlite3, sys
acts = [json.loads(r[0]) for r in
        sqlite3.connect(sys.argv[1]).execute("SELECT record FROM audit")]
print(sum(a["objects"]["reason"] == hashlib.sha256(b"move").hexdigest()
          for a in acts if a["act"] == "server-drain"))
PY
}
[ "$(ended)" -eq 1 ] || die "no record of it"

# In its time, whatever hangs; what was wished of one is no other's.
start_server
begins "$WORK/slow" 300K
want 9 "$server" server drain "$WORK/server" --reason move --within 1 --json
[ "$(grep -c '^{' "$WORK/said")" -eq 1 ] || die "not one object"
said '"ran":true,"cut":1'
said "cut 1 requests off that took longer"
! wait "$down" || die "whoever hangs holds it up"
wait "$server_pid" || die "the server's end"
server_pid=
grep -q "drained sec=[0-9]* left=1" "$WORK/server.log" || die "none was left"
echo '{"within":60}' >"$WORK/server/run/drain"
start_server
[ ! -e "$WORK/server/run/ended" ] || die "the end of the one before"
sleep 2.5
[ "$(ended)" -eq 2 ] || die "not one record for each: $(ended)"
asks /metadata/timestamp.json >"$WORK/said"
said signatures
want 2 "$server" server drain "$WORK/server" --reason move --within 0

# Killed while somebody waits for its end: that is no draining.
begins "$WORK/killed" 300K
"$server" server drain "$WORK/server" --reason move --within 60 >"$WORK/drained" 2>&1 &
drain=$!
until [ "$(grep -c "info draining within_sec=60" "$WORK/server.log")" -eq 2 ]; do
	kill -0 "$drain" 2>/dev/null || die "it is not draining"
	sleep 0.05
done
kill -9 "$server_pid"
wait "$server_pid" 2>/dev/null || :
server_pid=
kill "$down" 2>/dev/null || :
wait "$down" 2>/dev/null || :
got=0
wait "$drain" || got=$?
[ "$got" -eq 1 ] || die "a killed server: $got"
grep -q "did not end in order" "$WORK/drained" || die "$(cat "$WORK/drained")"
echo "it went in peace"
