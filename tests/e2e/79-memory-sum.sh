#!/bin/sh
# What all processes of the client have for themselves at the same time, over
# mutually authenticated TLS: a tree whole, as a delta, as one with compressed members
# and encrypted, and an image.
[ "$(id -u)" -eq 0 ] || {
	echo "a process that holds a key shows its memory to root alone"
	exit 77
}
here=$(cd "$(dirname "$0")/.." && pwd)
. "$(dirname "$0")/command-lib.sh"

# Run a command; print the largest sum over it and its children.
cat >"$WORK/peak.py" <<'PY'
import subprocess, sys, time
def family(pid):
    try:
        kids = open(f"/proc/{pid}/task/{pid}/children").read().split()
    except OSError:
        return []
    return [pid] + [p for kid in kids for p in family(int(kid))]
def private(pid):
    try:
        return sum(int(line.split()[1]) for line
                   in open(f"/proc/{pid}/smaps_rollup")
                   if line.startswith("Private_Dirty:"))
    except OSError:
        return 0
child = subprocess.Popen(sys.argv[2:], stdout=open(sys.argv[1], "wb"))
peak = 0
while child.poll() is None:
    peak = max(peak, sum(private(p) for p in family(child.pid)))
    time.sleep(0.002)
if child.returncode:
    sys.exit(f"status {child.returncode}: {sys.argv[2:]}")
print(peak)
PY
most=16384 # KiB
measure() { # full or delta, device, what
	peak=$(python3 "$WORK/peak.py" "$WORK/out" "$client" update --json \
		--config "$WORK/$2/client.conf")
	echo "$3, $1: $peak KiB"
	grep -q "\"package\": *\"$1\"" "$WORK/out" || die "$(cat "$WORK/out")"
	[ "$peak" -gt 1000 ] || die "nothing was measured"
	[ "$peak" -le $most ] || die "$3, $1: more than $most KiB"
}

make_server
make_served_repo
use_people
operator cohort create fleet
operator cohort create images
make_tree 1
# More than the window holds, and quickly packed.
head -c 900000 /dev/urandom >"$WORK/noise"
for _ in 1 2 3 4 5 6 7 8 9 10; do cat "$WORK/noise"; done >"$WORK/trees/1/noise"
serve_release 1 >/dev/null
make_served_device one
on one enroll --claim-file "$WORK/one/claim" >/dev/null
open_to_all 1
measure full one tree
runs one 1

make_tree 2
{
	head -c 500000 /dev/urandom
	cat "$WORK/trees/1/noise"
} >"$WORK/trees/2/noise"
serve_release 2 --from 1 >/dev/null
open_to_all 2
measure delta one tree
runs one 2

# Members as large as a kernel's: more than one block of 8 MiB, which each side has in
# memory while it is compressed again.
members() { # id, changes
	make_tree "$1"
	python3 "$here/tools/members.py" "$WORK/trees/$1/boot" "$2" 1400000
	rm "$WORK/trees/$1/boot/plain"
}
members 3 1
serve_release 3 >/dev/null
open_to_all 3
measure full one members
members 4 2
serve_release 4 --from 3 >/dev/null
grep -q '"libraries":' "$WORK/publish/metadata"/*.targets.json ||
	die "no member is in the delta"
open_to_all 4
measure delta one members
runs one 4

# Encrypted, whole and as a delta.
"$signer" key generate "$WORK/wrap" --environment lab --purpose wrap \
	--passphrase-fd 3 3<"$WORK/pass" >/dev/null
cp -a "$WORK/trees/2" "$WORK/trees/5"
echo 5 >"$WORK/trees/5/version"
make_tree 6
{
	head -c 500000 /dev/urandom
	cat "$WORK/trees/5/noise"
} >"$WORK/trees/6/noise"
seal() { # id, options
	id=$1
	shift
	"$signer" wrap "$WORK/repo" --product gateway --id "$id" \
		--registry "$WORK/registry" \
		--officer "$WORK/server/admin/admin.pem" \
		--device-ca "$WORK/server/keys/device-ca.pem" \
		--wrap-key "$WORK/wrap" --output "$WORK/keys.$id" \
		--passphrase-fd 3 "$@" 3<"$WORK/pass" >/dev/null
	operator envelope import "$WORK/keys.$id" >/dev/null
}
serve_release 5 --encrypt "$WORK/wrap.pub" >/dev/null
operator device export "$WORK/registry" --product gateway
seal 5 --new 1
open_to_all 5
measure full one encrypted
runs one 5
serve_release 6 --from 5 --encrypt "$WORK/wrap.pub" --wrap-key "$WORK/wrap" \
	--passphrase-fd 3 3<"$WORK/pass" >/dev/null
seal 6
open_to_all 6
measure delta one encrypted
runs one 6

cp "$WORK/trees/1/noise" "$WORK/image"
truncate -s 9600000 "$WORK/image"
"$signer" release create "$WORK/repo" --product gateway --id i1 \
	--content image --input "$WORK/image" --quiet >/dev/null
resign
operator release import "$WORK/publish" >/dev/null
make_served_device two images
on two enroll --claim-file "$WORK/two/claim" >/dev/null
for slot in a b; do truncate -s 9800000 "$WORK/two/slot-$slot"; done
echo pawl.slot=a >"$WORK/two/cmdline"
echo boot-1 >"$WORK/two/number"
cat >>"$WORK/two/client.conf" <<INI
[slot]
kind = image
a = $WORK/two/slot-a
b = $WORK/two/slot-b
root = $WORK
[boot]
cmdline = $WORK/two/cmdline
number = $WORK/two/number
INI
cat "$WORK/control" >>"$WORK/two/client.conf"
people rollouts '{"v":1,"name":"ri1","release":"i1","cohorts":["images"],"share":10000}' >/dev/null
people_begin ri1 >/dev/null
measure full two image
says two state reboot-pending
cmp -n 9600000 "$WORK/two/slot-b" "$WORK/image" || die "not the image"
