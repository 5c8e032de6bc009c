#!/bin/sh
# Memory of a whole update over mutually authenticated TLS, the sum of the
# proportional set sizes (PSS) of all processes of the client at its peak, beside
# curl fetching the same bytes from the same server with the same identity.
# The goal: at most what curl takes plus 16 MB. SIZE in bytes of noise.
set -eu
WORK=$(mktemp -d "${TMPDIR:-/tmp}/pawl-memory.XXXXXX")
export WORK
finish() {
	status=$?
	trap - EXIT
	stop_server
	[ "$status" -eq 0 ] || cat "$WORK/log"
	rm -rf "$WORK"
	exit "$status"
}
if [ "$(id -u)" -ne 0 ]; then
	echo "skipped client-memory: a process that holds a key shows its" \
		"memory to root alone"
	rm -rf "$WORK"
	exit 0
fi
. "$(dirname "$0")/../e2e/client-lib.sh"
trap finish EXIT

# Run a command; print the largest sum of PSS over it and its children.
cat >"$WORK/peak.py" <<'PY'
import os, subprocess, sys
def family(pid):
    try:
        kids = open(f"/proc/{pid}/task/{pid}/children").read().split()
    except OSError:
        return []
    return [pid] + [p for kid in kids for p in family(int(kid))]
def pss(pid):
    try:
        for line in open(f"/proc/{pid}/smaps_rollup"):
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
peak = 0
while child.poll() is None:
    peak = max(peak, sum(pss(p) for p in family(child.pid)))
if child.returncode:
    sys.exit(f"status {child.returncode}: {sys.argv[1:]}")
print(peak)
PY

{
	make_server
	make_served_repo
	make_tree 1
	head -c "${SIZE:-24000000}" /dev/urandom >"$WORK/trees/1/noise"
	serve_release 1
	operator cohort create fleet
	make_served_device one
	on one enroll --claim-file "$WORK/one/claim"
	roll_out 1
	make_tree 2
	{
		head -c 1000000 /dev/urandom
		cat "$WORK/trees/1/noise"
	} >"$WORK/trees/2/noise"
} >"$WORK/log" 2>&1

full=$(python3 "$WORK/peak.py" "$client" update --quiet \
	--config "$WORK/one/client.conf")
{
	serve_release 2 --from 1
	roll_out 2
} >>"$WORK/log" 2>&1
delta=$(python3 "$WORK/peak.py" "$client" update --quiet \
	--config "$WORK/one/client.conf")

# The device's key as curl wants it: SEC1, PEM.
python3 - "$WORK/one/state/identity.key" >"$WORK/key.pem" <<'PY'
import base64, sys
scalar = bytes.fromhex(open(sys.argv[1]).read().strip())
der = bytes.fromhex("30310201010420") + scalar + \
    bytes.fromhex("a00a06082a8648ce3d030107")
print("-----BEGIN EC PRIVATE KEY-----")
print(base64.b64encode(der).decode())
print("-----END EC PRIVATE KEY-----")
PY
package=$(cd "$WORK/publish/targets" && find . -name '*main-full*' -size +1M |
	sort | head -n 1)
peer=$(python3 "$WORK/peak.py" curl -sSf --cacert "$WORK/server/ca.pem" \
	--cert "$WORK/one/state/identity.crt" --key "$WORK/key.pem" \
	-o "$WORK/fetched" \
	"https://127.0.0.1:$((base + 1))/targets/${package#./}")

for kind in full delta; do
	[ $kind = full ] && value=$full || value=$delta
	ratio=$(awk "BEGIN { printf \"%.2f\", $value / $peer }")
	echo "figure client-update-memory-$kind $value bytes" \
		"peer curl $peer ratio $ratio"
	[ "$value" -le $((peer + 16 * 1024 * 1024)) ] || {
		echo "client-memory: more than curl plus 16 MB" >&2
		exit 1
	}
done
