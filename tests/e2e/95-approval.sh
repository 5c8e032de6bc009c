#!/bin/sh
# A device without a claim code shows a short code, and is let in once an officer
# approved that code: that device alone, for a while, and after nobody else's
# word. The code is of its key, so nobody stands in for it.
command -v python3 >/dev/null || { echo "needs python3"; exit 77; }
. "$(dirname "$0")/server-lib.sh"
here=$(cd "$(dirname "$0")" && pwd)

make_server
printf '[devices]\nwaiting_max = 3\n' >>"$WORK/server/server.conf"
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/publish"
start_server
want 0 op release import "$WORK/publish"
want 0 op cohort create shop
ask() { # name, seconds
	device "$1" enroll --ask --wait "${2:-0}"
}
code_of() {
	device "$1" status --json | sed -n 's/.*"join_code": *"\([^"]*\)".*/\1/p'
}

# It asks, shows its code, and asking again is the same code; so do the officers
# see it.
for name in a b; do
	make_device $name default
	rm "$WORK/devices/$name/claim"
done
want 2 device a enroll
want 2 device a enroll --ask --claim-file /dev/null
[ -z "$(code_of a)" ] || die "a code before it asked"
want 12 ask a
said "waits for an officer.*[0-9A-Z]\{4\}-[0-9A-Z]\{4\}"
code=$(code_of a)
grep -q "$code" "$WORK/said" || die "two codes"
device a status | grep -q "shows  *$code" || die "status for people"
want 12 ask a
[ "$(code_of a)" = "$code" ] || die "the code changed"
# For programs: one object, with the code.
device a enroll --ask --json 2>/dev/null | python3 -c 'import json, sys
j = json.load(sys.stdin)
sys.exit((j["error"], j["status"], j["join_code"]) != ("busy", 12, sys.argv[1]))' \
	"$code" || die "enroll --json without the code"
want 0 op device waiting
said "$code .*waiting .*kiosk .*k1"
want 12 ask b
other=$(code_of b)
[ "$other" != "$code" ] || die "one code for two"

# Somebody else's code, no code, no cohort: nobody is let in by that.
want 13 op device approve 0000-0000-0000 --cohort shop
want 2 op device approve nonsense --cohort shop
want 2 op device approve "$code"
want 13 op device approve "$code" --cohort nowhere
want 12 ask a

# What the code is made with is said, so that a person can compare it, too.
op device waiting --json | grep -q "\"root\": \"$(
	sha256sum "$WORK/devices/a/root.json" | cut -c1-64)\"" || die "which root?"

# A device that the factory gave another root.
make_device c default
tr -d '\n' <"$WORK/devices/a/root.json" >"$WORK/devices/c/root.json"
echo >>"$WORK/devices/c/root.json"
want 10 ask c
said "trusts a root that was not published here"
rm -r "$WORK/devices/c"

# A server that names another key for the code gets no signature for it.
exchange() {
	python3 - "$WORK/server/store.sqlite" "$code" "$other" <<'PY'
import sqlite3, sys
d = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None)
for new, old in (("x", sys.argv[2]), (sys.argv[2], sys.argv[3]), (sys.argv[3], "x")):
    d.execute("UPDATE waiting SET code = ? WHERE code = ?", (new, old))
PY
}
exchange
want 6 op device approve "$code" --cohort shop
said "nothing was signed"
exchange

# The officer approves: the device waits for it, and is in; the other is not.
device a enroll --ask --wait 60 >"$WORK/a.said" 2>&1 &
waiter=$!
sleep 1
want 0 op device approve "$(echo "$code" | tr 'A-Z-' 'a-z-')" --cohort shop
want 14 op device approve "$code" --cohort shop
got=0
wait $waiter || got=$?
[ $got -eq 0 ] || die "not let in: $(cat "$WORK/a.said")"
grep -q "cohort shop" "$WORK/a.said" || die "which cohort?"
[ -z "$(code_of a)" ] || die "it shows a code still"
want 0 device a check
want 14 ask a
want 12 ask b

# Denied: told so, and it is not in the list of who waits.
want 2 op device deny "$other"
want 2 op device approve "$other" --cohort shop --reason "why not"
want 0 op device deny "$other" --reason "nobody knows it"
want 10 ask b
said "an officer decided against this device"
want 13 op device deny 0000-0000-0000 --reason none
want 0 op audit list
said "device-deny .*reason="

# A stranger's key gets nothing of an approval; no more may wait than may.
python3 - "$here" "$(listener enrolment)" "$WORK" \
	"$(sha256sum "$WORK/devices/b/root.json" | cut -c1-64)" \
	<<'PY' || die "strangers"
import json, os, subprocess, sys, ssl, http.client
here, at, work, root = sys.argv[1:5]
sys.argv = ["enrol.py"]
src = open(os.path.join(here, "enrol.py")).read().rsplit("main()", 1)[0]
ns = {}
exec(compile(src, "enrol.py", "exec"), ns)
host, port = at.rsplit(":", 1)
context = ssl.create_default_context(cafile=work + "/server/ca.pem")

def join(n, change=None, path="/v1/join"):
    folder = "%s/keys%d" % (work, n)
    os.makedirs(folder, exist_ok=True)
    c = http.client.HTTPSConnection(host, int(port), context=context)
    nonce = bytes.fromhex(json.loads(ns["post"](c, "/v1/nonce", "{}")[1])["nonce"])
    key, csr = ns["make_csr"](folder, "good")
    decrypt = folder + "/decrypt.pem"
    if not os.path.exists(decrypt):
        ns["openssl"]("genpkey", "-algorithm", "EC", "-pkeyopt",
                      "ec_paramgen_curve:P-256", "-out", decrypt)
    both = ns["spki"](key) + ns["spki"](decrypt)
    body = {"v": 1, "nonce": nonce.hex(), "product": "kiosk", "model": "k1",
            "csr": csr.decode(), "root": root,
            "proof": ns["sign"](key, b"pawl/enrol/v2" + nonce + bytes(16) + both).hex(),
            "decrypt_key": ns["openssl"]("pkey", "-in", decrypt, "-pubout").decode(),
            "decrypt_proof": ns["sign"](key, b"pawl/decrypt-key/v1" + both).hex()}
    body.update(change or {})
    return ns["post"](c, path, json.dumps(body))

assert join(1)[0] == 200 and "waiting" in join(1)[1]
s, t = join(2, {"proof": "30" * 8})
assert s == 403, (s, t)
s, t = join(2, {"claim": "00" * 16})
assert s == 403 and "/v1/enrol" in t, (s, t)
s, t = join(2, {"root": "00" * 32})
assert s == 403 and "not published here" in t, (s, t)
s, t = join(2, path="/v1/enrol")
assert s == 403 and "claim code is needed" in t, (s, t)
s, t = join(2, {"claim": "00" * 16}, path="/v1/enrol")
assert s == 403 and "nobody gave it out" in t, (s, t)
s, t = join(2, {"cohort": "vip"})
assert s == 400, (s, t)
assert join(2)[0] == 200
assert join(3)[0] == 200
s, t = join(4)
assert s == 429 and "too many devices wait" in t, (s, t)
assert join(1)[0] == 200, "who waits already"
PY

# It is in the log, with ids alone; where nobody may wait, nobody does.
want 0 op audit export "$WORK/log"
for act in device-approve device-deny; do
	grep -q "\"act\":\"$act\"" "$WORK/log/records.jsonl" || die "no $act"
done
! grep -q "$code" "$WORK/log/records.jsonl" || die "a code in the log"
want 0 "$server" audit verify "$WORK/log" --key "$WORK/server/audit.pub"
stop_server
sed -i 's/^waiting_max.*/waiting_max = 0/' "$WORK/server/server.conf"
start_server
make_device c default
want 10 ask c
said "needs a claim code here"
echo "approval holds"
