#!/bin/sh
# A daemon on a disk that is full: it says so, fetches nothing however often it comes,
# and installs by itself when there is room again; so it does when the disk was filled
# while it fetched.
. "$(dirname "$0")/../own-mounts.sh"
own_mounts
. "$(dirname "$0")/client-lib.sh"
mkdir -p "$WORK/disk"
mount -t tmpfs -o size=13m tmpfs "$WORK/disk" 2>/dev/null || {
	echo "cannot mount a small disk here"
	exit 77
}
daemon=
let_go() {
	[ -z "$daemon" ] || kill "$daemon" 2>/dev/null || :
	[ -z "$daemon" ] || wait "$daemon" || :
	stop_server
}
make_server
trap let_go EXIT
make_served_repo
use_people
operator cohort create fleet >/dev/null
serve_release 1 >/dev/null
make_served_device one
sed -i "s|^state = .*|state = $WORK/disk/state|
	s|^path = .*|path = $WORK/disk/slots|" "$WORK/one/client.conf"
ln -s "$WORK/disk/slots" "$WORK/one/slots"
on one enroll --claim-file "$WORK/one/claim"
open_to_all 1
on one update --quiet
runs one 1

# By default a device that failed three times is left alone for a day.
offer() { # id
	operator rollout create "r$1" --release "$1" --cohort fleet --share 100 \
		--set attempts=9 >/dev/null
	begin "r$1" >/dev/null
}
make_tree 2
head -c 3000000 /dev/urandom >"$WORK/trees/2/noise"
serve_release 2 >/dev/null
free=$(df -k --output=avail "$WORK/disk" | tail -n 1)
head -c $(((free - 2500) * 1024)) /dev/zero >"$WORK/disk/fill"
offer 2

fails() { # how often, in one run of the daemon
	grep -c "^[^ ]* info failed release=$1 .*space" "$WORK/daemon.log" || :
}
waits() { # command that must come true
	for _ in $(seq 900); do
		! "$@" || return 0
		sleep 0.1
	done
	cat "$WORK/daemon.log"
	die "it never came to: $*"
}
start_daemon() {
	: >"$WORK/daemon.log"
	"$client" daemon --config "$WORK/one/client.conf" >"$WORK/daemon.out" \
		2>"$WORK/daemon.log" &
	daemon=$!
}
end_daemon() {
	kill $daemon
	wait $daemon || die "the daemon did not end well"
	daemon=
}
failed_often() { [ "$(fails "$1")" -ge 3 ]; }
has_release() {
	on one status --json | grep -q "^  *\"release\": *\"$1\"" &&
		on one status --json | grep -q '"state": *"confirmed"'
}

start_daemon
waits failed_often 2
! grep -q 'package-fetched' "$WORK/daemon.log" || die "fetched without room"
[ -z "$(ls "$WORK/disk/state/spool")" ] || die "something was fetched"
says one release 1
on one status | grep -q 'no room' || die "status does not say what is wrong"
on one status --json >"$WORK/status"
[ "$(grep -c '"result": *"failed"' "$WORK/status")" -eq 1 ] ||
	die "each try is a line of the history"
grep -q '"times": *[3-9]' "$WORK/status" || die "how often is not counted"
on one status | grep -q 'failed: space, .* times)$' || die "nobody is told how often"
rm "$WORK/disk/fill"
waits has_release 2
end_daemon
runs one 2

# Filled by somebody else while it fetches.
make_tree 3
head -c 3000000 /dev/urandom >"$WORK/trees/3/noise"
serve_release 3 >/dev/null
printf '[server]\nrate = 300000\n' >>"$WORK/one/client.conf"
offer 3
start_daemon
is_fetching() {
	[ "$(du -sk "$WORK/disk/state/spool" | cut -f1)" -gt 200 ]
}
waits is_fetching
head -c 20000000 /dev/zero >"$WORK/disk/fill" 2>/dev/null || :
waits failed_often 3
says one release 2
sed -i '/^rate/d' "$WORK/one/client.conf"
rm "$WORK/disk/fill"
waits has_release 3
end_daemon
runs one 3
