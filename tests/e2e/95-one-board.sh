#!/bin/sh
# One identity is one board: two that take turns are found and neither is heard
# until a person has decided; a revocation ends connections that are open; a board
# that was reset enrols anew and is not counted twice.
for need in python3 openssl; do
	command -v $need >/dev/null || { echo "needs $need"; exit 77; }
done
. "$(dirname "$0")/server-lib.sh"

make_server
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/publish"
start_server
want 0 op release import "$WORK/publish"
for name in a b; do
	make_device $name default
	want 0 device $name enroll --claim-file "$WORK/devices/$name/claim"
done
id_of() {
	device "$1" status --json | sed -n 's/.*"device": *"\([0-9a-f]*\)".*/\1/p'
}
state_of() {
	op device show "$1" --json | sed -n 's/^ *"state": *"\([^"]*\)".*/\1/p' |
		tail -n 1
}

# A check-in as this device would send it from any board: boot, activation.
cat >"$WORK/board.py" <<'PY'
import http.client, json, os, ssl, subprocess, sys
state, at, ca = sys.argv[1:4]
def openssl(*args, data=None):
    return subprocess.run(["openssl", *args], input=data, check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
if not os.path.exists(state + "/bare.pem"):
    key = open(state + "/identity.key").read().strip()
    der = bytes.fromhex("30310201010420" + key + "a00a06082a8648ce3d030107")
    open(state + "/bare.pem", "wb").write(openssl(
        "ec", "-inform", "DER", "-outform", "PEM", data=der))
c = ssl.create_default_context(cafile=ca)
c.load_cert_chain(state + "/identity.crt", state + "/bare.pem")
host, port = at.rsplit(":", 1)
def connect():
    return http.client.HTTPSConnection(host, int(port), context=c, timeout=20)
def check_in(h, boot, activation):
    body = {"v": 1, "product": "kiosk", "model": "k1", "confirmed": True,
            "activation": activation, "interval": 60, "updater": "0.1.0"}
    if boot:
        body["boot"] = boot * 8
    h.request("POST", "/v1/checkin", json.dumps(body))
    r = h.getresponse()
    return r.status, r.read().decode()
exec(sys.stdin.read())
PY
board() { # name; a script on standard input
	python3 "$WORK/board.py" "$WORK/devices/$1/state" "$(listener device)" \
		"$WORK/server/ca.pem"
}

# Two boards, each on a connection of its own that stays open.
board a <<'PY' || die "two boards"
one, two = connect(), connect()
for boot, h in (("01", one), ("02", two), ("01", one)):
    assert check_in(h, boot, 3)[0] == 200
status, text = check_in(two, "02", 3)
assert status == 403 and "speaks from two boards" in text, text
# The other's open connection was cut, and a new one is not heard either.
try:
    one.sock.settimeout(5)
    assert one.sock.recv(1) == b"", "it is open still"
except (ConnectionResetError, ssl.SSLError):
    pass
status, text = check_in(connect(), "03", 3)
assert status == 403 and "quarantine" in text, text
PY
a=$(id_of a)
[ "$(state_of "$a")" = quarantined ] || die "not in quarantine"
grep -q "error device-twin id=$a" "$WORK/server.log" || die "no alarm"
op server status | grep -q "quarantined  *1" || die "not in the status"
want 10 device a check
want 0 device b check
# A person decides: it goes on.
want 0 op device release --reason test "$a"
want 0 device a check

# Boards that are never on together: a count that falls twice.
board b <<'PY' || die "a count that falls"
for activation in (5, 4, 6):
    assert check_in(connect(), None, activation)[0] == 200
assert check_in(connect(), None, 5)[0] == 403
PY

# Open, kept connections end with a revocation.
board a >"$WORK/held" 2>&1 <<'PY' &
import time
h, idle = connect(), connect()
assert check_in(h, "09", 9)[0] == 200
assert check_in(idle, "09", 9)[0] == 200
print("held", flush=True)
idle.sock.settimeout(60)
began = time.time()
assert idle.sock.recv(1) == b"", "open after the revocation"
assert time.time() - began < 60
PY
holder=$!
tries=0
until grep -q held "$WORK/held"; do
	tries=$((tries + 1))
	[ $tries -lt 600 ] || die "$(cat "$WORK/held")"
	sleep 0.1
done
want 0 op device revoke --reason test "$a"
wait $holder || die "a kept connection: $(cat "$WORK/held")"

# A factory reset: another key, another code, the place of the old identity.
make_device c default
want 0 device c enroll --claim-file "$WORK/devices/c/claim"
old=$(id_of c)
devices() {
	op server status --json | sed -n 's/.*"devices": *\([0-9]*\).*/\1/p'
}
count=$(devices)
rm -rf "$WORK/devices/c/state"
want 2 op token create --product kiosk --model k1 --cohort default --count 2 \
	--replaces "$old"
want 13 op token create --product kiosk --model k1 --cohort default \
	--replaces 00000000000000000000000000000000
want 14 op token create --product kiosk --model k2 --cohort default \
	--replaces "$old"
op token create --product kiosk --model k1 --cohort default --plain \
	--replaces "$old" >"$WORK/devices/c/claim"
[ "$(state_of "$old")" != retired ] || die "retired before it came"
want 0 device c enroll --claim-file "$WORK/devices/c/claim"
want 0 device c check
[ "$(id_of c)" != "$old" ] || die "the same identity"
[ "$(devices)" -eq "$count" ] || die "counted twice"
[ "$(state_of "$old")" = retired ] || die "the old one goes on"
# The same by an officer's word.
old=$(id_of c)
rm -rf "$WORK/devices/c/state"
want 12 device c enroll --ask
code=$(device c status --json | sed -n 's/.*"join_code": *"\([^"]*\)".*/\1/p')
want 0 op device approve "$code" --cohort default --replaces "$old"
want 0 device c enroll --ask
[ "$(devices)" -eq "$count" ] || die "counted twice after approval"
[ "$(state_of "$old")" = retired ] || die "the old one goes on"

want 0 op audit export "$WORK/log"
grep -q '"act":"device-twin"' "$WORK/log/records.jsonl" || die "no record"
want 0 "$server" audit verify "$WORK/log" --key "$WORK/server/audit.pub"
echo "one identity, one board"
