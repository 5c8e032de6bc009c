#!/bin/sh
# What a device may be like: its root file system read-only, /tmp of 1 MB, and
# names that resolve late or never. In namespaces of its own; that needs root.
skip() {
	echo "$1: no such device here"
	exit 77
}
[ -n "${LEAN_OWN:-}" ] || {
	[ "$(id -u)" -eq 0 ] || skip "not root"
	command -v ip >/dev/null || skip "no iproute2"
	unshare -nm true 2>/dev/null || skip "no namespaces"
	LEAN_OWN=1 exec unshare -nm sh "$0"
}
. "$(dirname "$0")/client-lib.sh"
ip link set lo up || skip "no loopback"

make_server
make_served_repo
serve_release 1
use_people
operator cohort create fleet
make_served_device one
on one enroll --claim-file "$WORK/one/claim" >/dev/null
open_to_all 1

# A resolver of our own: what it says, and after how long, stands in a file.
cat >"$WORK/resolver.py" <<'PY'
import os, socket, sys, threading, time
asked, orders = sys.argv[1:]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('127.0.0.1', 53))
open(asked, 'w').close()
def answer(query, who):
    delay = open(orders).read().strip()
    with open(asked, 'a') as f:
        f.write('x')
    if delay == 'never':
        return
    time.sleep(float(delay))
    end = query.index(b'\0', 12) + 5
    a = query[end - 4:end - 2] == b'\0\1'
    head = query[:2] + b'\x81\x80\0\1' + (b'\0\1' if a else b'\0\0') + b'\0' * 4
    body = b'\xc0\x0c\0\1\0\1\0\0\0\0\0\4\x7f\0\0\1' if a else b''
    s.sendto(head + query[12:end] + body, who)
while True:
    query, who = s.recvfrom(512)
    threading.Thread(target=answer, args=(query, who), daemon=True).start()
PY
echo 0 >"$WORK/orders"
python3 "$WORK/resolver.py" "$WORK/asked" "$WORK/orders" &
resolver=$!
trap 'kill $resolver 2>/dev/null; stop_server' EXIT
for _ in $(seq 600); do
	[ -e "$WORK/asked" ] && break
	sleep 0.1
done
[ -e "$WORK/asked" ] || skip "port 53 is taken"

# What the device keeps is on a disk of its own, as a data partition would be.
mount --make-rprivate / || skip "cannot mount"
echo "nameserver 127.0.0.1" >"$WORK/resolv.conf"
mount --bind "$WORK/resolv.conf" "$(readlink -f /etc/resolv.conf)" ||
	skip "cannot give it a resolver"
mkdir "$WORK/data"
cp -a "$WORK/one" "$client" "$WORK/data/"
mount --bind "$WORK/data" /mnt || skip "no /mnt"
sed -i "s|$WORK/one/|/mnt/one/|" /mnt/one/client.conf
# The server's certificate is for this address: the name stands before it only
# while it is resolved, so a foreign name is a refusal after the resolving.
sed "s|^url = .*|url = https://updates.pawl.test:$((base + 1))|" \
	/mnt/one/client.conf >/mnt/one/named.conf
ends() { # seconds, config
	from=$(date +%s) got=0
	timeout 120 "$client" check --config "$2" 2>"$WORK/err" || got=$?
	took=$(($(date +%s) - from))
	cat "$WORK/err"
	[ $took -le "$1" ] || die "gave up after $took s only"
}

# A name that nobody resolves: over in time, with the status for that.
echo never >"$WORK/orders"
ends 60 "/mnt/one/named.conf"
[ $got -eq 9 ] || die "status $got for a name that does not resolve"
[ -s "$WORK/asked" ] || die "nobody asked our resolver"
grep -qi 'resolv\|timed out\|in time' "$WORK/err" || die "the cause is not said"
# One that takes its time is waited for: what fails then is the certificate.
echo 3 >"$WORK/orders"
ends 60 "/mnt/one/named.conf"
[ $got -ne 9 ] && [ $got -ne 0 ] || die "status $got behind a slow resolver"
grep -qi 'certificate\|verif' "$WORK/err" || die "it never came so far"

# The update, on a root that nobody can write, with next to no room in /tmp.
got=0
unshare -m sh -c '
	mount -t tmpfs -o size=1m,nr_inodes=64 tmpfs /tmp &&
		mount -o remount,bind,ro / && ! touch /root-is-writable 2>&- ||
		exit 77
	/mnt/updater-client update --quiet --config /mnt/one/client.conf
	got=$?
	[ -z "$(ls -A /tmp)" ] || echo "something was left in /tmp"
	exit $got' >"$WORK/out" || got=$?
cat "$WORK/out"
[ $got -ne 77 ] || skip "cannot make the root read-only"
[ $got -eq 0 ] || die "no update on a read-only root: status $got"
! grep -q 'left in /tmp' "$WORK/out" || die "not only its own disk was written"
diff -r /mnt/one/slots/current/ "$WORK/trees/1" ||
	die "it does not run 1"
