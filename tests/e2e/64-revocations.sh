#!/bin/sh
# Whatever is taken away - a device, a claim code, a batch, a person - stands in
# a signed checkpoint outside of the server before it is acknowledged, so that
# an older state of the server cannot bring it back unnoticed. If it cannot be
# exported, nobody is told that it was done. And the server's own certificate:
# its acts are on record, and it keeps its names.
for tool in python3 openssl; do
	command -v "$tool" >/dev/null || { echo "needs $tool"; exit 77; }
done
. "$(dirname "$0")/server-lib.sh"

make_server
printf '[audit]\nexport = %s\n' "$WORK/outside" >>"$WORK/server/server.conf"
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/publish"
start_server
for n in a b c; do
	make_device "$n" default
	want 0 device "$n" enroll --claim-file "$WORK/devices/$n/claim"
done
id_of() { "$client" status --json --config "$WORK/devices/$1/client.conf" | member device; }

# The newest record is this act, and the exported checkpoint is over it.
is_out() { # act
	python3 - "$WORK/server/store.sqlite" "$WORK/outside/checkpoint.json" "$1" <<'PY' ||
import json, sqlite3, sys
d = sqlite3.connect(sys.argv[1])
n, record = d.execute("SELECT n, record FROM audit ORDER BY n DESC LIMIT 1").fetchone()
with open(sys.argv[2], encoding="ascii") as f:
    size = json.load(f)["signed"]["size"]
act = json.loads(record)["act"]
if act != sys.argv[3] or size != n + 1:
    sys.exit(f"{act}: record {n}, and a checkpoint over {size}")
PY
		die "$1 is not out"
}
# One checkpoint is due each minute in any case: begin behind it.
op token create --product kiosk --model k1 --cohort default >/dev/null
op token create --product kiosk --model k1 --cohort default --count 3 >/dev/null
want 0 op token batches
batch=$(awk '$6 == 3 { print $1 }' "$WORK/said")
[ -n "$batch" ] || { cat "$WORK/said"; die "no batch"; }

want 0 op device revoke --reason test "$(id_of a)"
is_out device-revoke
want 0 op device retire --reason test "$(id_of b)"
is_out device-retire
want 0 op device forget --reason test "$(id_of b)"
is_out device-forget
want 0 op token revoke --reason test 4
is_out token-revoke
want 0 op token revoke --reason test --batch "$batch"
is_out batch-revoke
want 0 "$server" person create "$WORK/bob" --name bob --environment demo \
	--url "https://$(listener people)" --ca "$WORK/server/ca.pem"
want 0 "$server" person add "$WORK/server" "$WORK/bob/person.pem" --role auditor
bob=$("$server" person list "$WORK/server" | grep bob | grep -o '[0-9a-f]\{64\}')
want 0 "$server" person revoke --reason test "$WORK/server" "$bob"
is_out person-revoke
[ ! -e "$WORK/server/run/checkpoint-wanted" ] || die "it waits for ever"

# Where nothing can be exported, the act is done and is not acknowledged; done
# again once it can, it is.
mv "$WORK/outside" "$WORK/aside"
echo "no folder" >"$WORK/outside"
got=0
op device revoke --reason test "$(id_of c)" >"$WORK/said" 2>&1 || got=$?
[ "$got" -ne 0 ] || die "acknowledged"
said "could not be signed: repeat this"
want 10 device c check
rm "$WORK/outside"
mv "$WORK/aside" "$WORK/outside"
want 0 op device revoke --reason test "$(id_of c)"
python3 - "$WORK/server/store.sqlite" "$WORK/outside/checkpoint.json" <<'PY' ||
import json, sqlite3, sys
d = sqlite3.connect(sys.argv[1])
n, = d.execute("SELECT max(n) FROM audit").fetchone()
with open(sys.argv[2], encoding="ascii") as f:
    sys.exit(json.load(f)["signed"]["size"] != n + 1)
PY
	die "the second time it is not out either"

# With no server that could be asked, it says so.
stop_server
want 0 "$server" person create "$WORK/eve" --name eve --environment demo \
	--url "https://127.0.0.1:1" --ca "$WORK/server/ca.pem"
want 0 "$server" person add "$WORK/server" "$WORK/eve/person.pem" --role auditor
eve=$("$server" person list "$WORK/server" | grep eve | grep -o '[0-9a-f]\{64\}')
want 0 "$server" person revoke --reason test "$WORK/server" "$eve"
said "once the server runs"

# The server's certificate: 90 days, by the names that it had.
names() {
	openssl x509 -in "$WORK/server/tls.pem" -noout -ext subjectAltName |
		sed -n '2p' | tr -d ' '
}
want 0 "$server" tls renew "$WORK/server" --name updates.example --name 2001:db8::7
before=$(names)
case $before in *updates.example*2001:DB8*) ;; *) die "$before" ;; esac
want 0 "$server" tls renew "$WORK/server" --json
said "\"certificate\": \"$(openssl x509 -in "$WORK/server/tls.pem" \
	-outform DER | sha256sum | cut -d ' ' -f 1)\""
[ "$(names)" = "$before" ] || die "its names: $(names)"
openssl x509 -in "$WORK/server/tls.pem" -noout -checkend $((89 * 86400)) >/dev/null ||
	die "less than 89 days"
! openssl x509 -in "$WORK/server/tls.pem" -noout -checkend $((90 * 86400)) >/dev/null ||
	die "more than 90 days"
want 0 "$server" tls next-ca "$WORK/server"
want 0 "$server" tls switch-ca "$WORK/server" --reason test
[ "$(names)" = "$before" ] || die "its names by the next CA: $(names)"
start_server
want 0 op audit list
said "system .*tls-next-ca"
said "system .*tls-switch-ca"
[ "$(grep -c "tls-renew" "$WORK/said")" -eq 3 ] || die "not each renewal is on record"
