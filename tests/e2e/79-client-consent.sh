#!/bin/sh
# When the daemon may install: a window of the day, a local program, and for how
# long they may put it off. Who updates by hand has decided; and how fast a
# package may come.
. "$(dirname "$0")/client-lib.sh"

make_server
make_served_repo
use_people
operator cohort create fleet
make_tree 1
head -c 4000000 /dev/urandom >"$WORK/trees/1/lib/noise"
serve_release 1 --codec none
make_served_device one
on one enroll --claim-file "$WORK/one/claim" >/dev/null
open_to_all 1
cat >"$WORK/consent" <<SH
#!/bin/sh
echo "asked for \$PAWL_RELEASE" >>$WORK/calls
[ -e $WORK/yes ]
SH
chmod 755 "$WORK/consent"
cp "$WORK/one/client.conf" "$WORK/plain.conf"
configure() { # lines of [install]
	{
		cat "$WORK/plain.conf"
		printf '[server]\nrate = %s\n[install]\n' "${rate:-1000000}"
		cat
	} >"$WORK/one/client.conf"
}
daemon=
stop_daemon() {
	[ -z "$daemon" ] || kill "$daemon" 2>/dev/null || :
	[ -z "$daemon" ] || wait "$daemon" || :
	daemon=
}
told=$(mktemp -d /dev/shm/pawl-told.XXXXXX)
trap 'stop_daemon; stop_server; rm -rf "$told"' EXIT
start_daemon() {
	: >"$WORK/daemon.log"
	"$client" daemon --config "$WORK/one/client.conf" \
		2>"$WORK/daemon.log" &
	daemon=$!
}
until_log() { # words
	for _ in $(seq 600); do
		! grep -q "$1" "$WORK/daemon.log" || return 0
		sleep 0.1
	done
	cat "$WORK/daemon.log"
	die "the daemon never says: $1"
}
# What is put off already was put off forty minutes ago for the first time.
put_off_before() {
	since=$(date -u -d '-40 minutes' +%Y-%m-%dT%H:%M:%SZ)
	sed -i "s/\"since\": *\"[^\"]*\"/\"since\":\"$since\"/" \
		"$WORK/one/state/deferred.json"
	grep -q "$since" "$WORK/one/state/deferred.json" || die "no since"
}
# A window of an hour that does not come for two.
closed=$(date -u -d '+2 hours' +%H:%M)-$(date -u -d '+3 hours' +%H:%M)

# The program says no, and is asked again.
echo "consent = $WORK/consent" | configure
start_daemon
until_log 'update-deferred release=1'
[ ! -e "$WORK/one/slots/current" ] || die "installed against its will"
[ -z "$(ls "$WORK/one/state/spool")" ] || die "fetched against its will"
operator device list | grep -q deferred || die "the server was not told"
# At each poll anew.
stop_daemon
from=$(date +%s)
: >"$WORK/yes"
start_daemon
until_log 'confirmed release=1'
[ "$(grep -c 'asked for 1' "$WORK/calls")" -eq 2 ] || die "not asked twice"
runs one 1
# What was put off is forgotten once that is known for sure, a moment later.
tries=0
while [ -e "$WORK/one/state/deferred.json" ]; do
	tries=$((tries + 1))
	[ $tries -lt 600 ] || die "it is still put off"
	sleep 0.1
done
took=$(($(date +%s) - from))
echo "took $took s"
[ $took -ge 2 ] || die "4 MB at 1 MB/s came at once"
stop_daemon

# A window that is closed; a person need not wait for it.
echo "window = $closed" | configure
serve_release 2 --from 1
open_to_all 2
start_daemon
until_log 'update-deferred release=2 reason="waits for its window'
# Who looks at the rollout sees when it will come: the window's next minute.
tries=0
until people attempts/r2/deferred >"$WORK/out" &&
	grep -q '"until"' "$WORK/out"; do
	tries=$((tries + 1))
	[ $tries -lt 600 ] || die "not until $closed: $(cat "$WORK/out")"
	sleep 0.1
done
stop_daemon
until=$(sed -n 's/.*"until":"\([^"]*\)".*/\1/p' "$WORK/out")
[ "$(date -u -d "$until" +%H:%M)" = "${closed%%-*}" ] ||
	die "not until $closed: $(cat "$WORK/out")"
people rollout/r2 | grep -q "\"until\":\"$until\"" || die "the page does not tell"
id=$(on one status --json | sed -n 's/.*"device": *"\([0-9a-f]*\)".*/\1/p')
people "device/$id" | grep -q "\"until\":\"$until\"" ||
	die "the device's page does not tell"
operator rollout status r2 | grep -q "deferred .*$until" ||
	die "the rollout's status does not tell"
operator device show "$id" | grep -q "deferred .*$until" ||
	die "the device's does not tell"
runs one 1
on one update --quiet
runs one 2
# Nor does what is urgent.
serve_release 3 --from 2 --urgent
open_to_all 3
start_daemon
until_log 'confirmed release=3'
stop_daemon

# Not for ever.
rm "$WORK/yes"
# The engineers may sign a shorter time than the device's own.
printf 'window = %s\nconsent = %s\ndefer_max = 3600\n' "$closed" \
	"$WORK/consent" | configure
serve_release 4 --from 3 --defer-max 1800
open_to_all 4
start_daemon
until_log 'update-deferred release=4'
stop_daemon
put_off_before
start_daemon
until_log 'confirmed release=4'
runs one 4
stop_daemon

# Nor for longer because a try fails.
serve_release 5 --from 4
open_to_all 5
late() { # more sections
	printf 'window = %s\ndefer_max = 1800\n%s\n' "$closed" "$1" | configure
}
late ''
start_daemon
until_log 'update-deferred release=5'
stop_daemon
# Nor for longer because a clock was wrong when it was first put off.
sed -i 's/"since": *"2[0-9]*/"since":"2106/' "$WORK/one/state/deferred.json"
grep -q '"since":"2106-' "$WORK/one/state/deferred.json" || die "no since"
start_daemon
until_log 'update-deferred release=5'
stop_daemon
put_off_before
late "[data]
save = /bin/true
restore = /bin/true
space = 1000000000000000"
start_daemon
until_log 'space'
stop_daemon
runs one 4
late ''
start_daemon
until_log 'confirmed release=5'
grep -q 'update-deferred' "$WORK/daemon.log" && die "put off once more"
runs one 5
stop_daemon

# What is long under way says how far it is: to programs, in the file, and to who
# asks; not any more once nobody is at it, or it is over.
make_tree 6
head -c 15000000 /dev/urandom >"$WORK/trees/6/lib/noise"
serve_release 6 --codec none
open_to_all 6
[ "$(stat -f -c %T "$told")" = tmpfs ] || die "/dev/shm is not in memory"
# So slowly that all of this happens meanwhile on a slow machine, too.
rate=500000
echo "[device]
status = $told/status.json" | configure
start_daemon
until_told() {
	for _ in $(seq 600); do
		! grep -q '"progress"' "$told/status.json" || return 0
		sleep 0.1
	done
	cat "$WORK/daemon.log" "$told/status.json"
	die "nobody is told how far it is"
}
until_told
grep -A4 '"progress"' "$told/status.json" >"$WORK/told"
grep -q '"phase": "fetching"' "$WORK/told" || die "$(cat "$WORK/told")"
python3 - "$told/status.json" <<'PY'
import json, sys
p = json.load(open(sys.argv[1]))["progress"]
assert 0 < p["done"] < p["total"] and p["total"] > 15000000, p
PY
on one status >"$WORK/said"
grep -qE '^progress     fetching, [0-9.]+ MB of 15.* MB$' "$WORK/said" ||
	die "$(cat "$WORK/said")"
# Whoever may write there tells nothing in our name, and ends nobody's update.
cp "$told/status.json" "$WORK/told.json"
sed 's/"phase": "fetching"/"phase": "\\u001b[2Jdone"/' "$WORK/told.json" >"$WORK/lie"
mv "$WORK/lie" "$told/status.json"
! on one status | grep '^progress' || die "anybody's words are passed on"
echo '[]' >"$told/status.json"
sleep 3.5
kill -0 "$daemon" || die "it ended for what is in its file"
cp "$WORK/told.json" "$told/status.json"
kill -KILL "$daemon"
wait "$daemon" || :
sleep 1
grep -q '"progress"' "$told/status.json" || die "who was to take it away?"
! on one status | grep '^progress' || die "nobody is at work"
# Nor is who holds the lock for something else, and hangs there.
kill -STOP "$server_pid"
"$client" doctor --config "$WORK/one/client.conf" >/dev/null 2>&1 &
checking=$!
for _ in $(seq 600); do
	! flock -n "$WORK/one/state/lock" true || { sleep 0.1 && continue; }
	break
done
! flock -n "$WORK/one/state/lock" true || die "nobody holds the lock"
sleep 0.5
! on one status | grep '^progress' || die "what was killed is said to go on"
! grep '"progress"' "$told/status.json" || die "it is still told"
kill "$checking"
wait "$checking" || :
kill -CONT "$server_pid"
rate=100000000
echo "[device]
status = $told/status.json" | configure
start_daemon
until_log 'confirmed release=6'
stop_daemon
! grep '"progress"' "$told/status.json" || die "it is over"

# Bad input.
for bad in 'window = 25:00-26:00' 'window = always' 'consent = mine' \
	'defer_max = 0'; do
	echo "$bad" | configure
	want 3 on one status
done
