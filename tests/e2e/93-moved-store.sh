#!/bin/sh
# The store of an older program, of a fleet for which its new shape takes longer
# than anybody waits: devices and people are served while its tables are moved;
# the server is killed twice in the midst of it, and nothing is lost.
. "$(dirname "$0")/server-lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
store=$WORK/server/store.sqlite
devices=8000

is() { # state
	case $(python3 "$here/old_store.py" state "$store") in
	"$1"*) true ;;
	*) false ;;
	esac
}

until_is() { # state
	tries=0
	until is "$1"; do
		tries=$((tries + 1))
		[ "$tries" -lt 1200 ] || die "it does not come to: $1"
		sleep 0.05
	done
}

id_of() {
	device one status --json | sed -n 's/.*"device": *"\([0-9a-f]*\)".*/\1/p'
}

serves() { # what
	# The ports change with each start.
	sed -i -e "s|^url *=.*|url = https://$(listener device)|" \
		"$WORK/devices/one/client.conf"
	want 20 device one check
	want 0 op cohort create "c$1"
	want 0 op device why "$id"
}

kill_server() {
	kill -9 "$server_pid"
	wait "$server_pid" 2>/dev/null || :
	server_pid=
}

make_server
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/publish"
start_server
want 0 op release import "$WORK/publish"
want 0 op cohort create fleet
make_device one fleet
want 0 device one enroll --claim-file "$WORK/devices/one/claim"
want 0 op rollout create one --release r1 --cohort fleet
want 0 begin one
id=$(id_of)
stop_server
want 0 python3 "$here/old_store.py" make "$store" "$devices"
said old

# It serves before it is moved, and while it is.
start_server
is copying || die "it was moved before it served: $(cat "$WORK/said")"
serves 1
kill_server
start_server
is copying || die "a kill lost what was copied"
serves 2
until_is "clearing"
kill_server
start_server
serves 3
until_is "done"
# How far it is is said if it takes a while; that it is done, always.
for _ in $(seq 600); do
	! grep -q 'store-moved' "$WORK/server.log" || break
	sleep 0.1
done
grep -q 'store-moved' "$WORK/server.log" || die "nothing says that it moved"
serves 4
stop_server
want 0 python3 "$here/old_store.py" state "$store"
said "^done $((devices + 1))\$"
want 0 "$server" server check "$WORK/server"
# A small one is moved within a second or two, and that is said all the same.
want 0 python3 "$here/old_store.py" again "$store" 700
said old
told=$(grep -c 'store-moved' "$WORK/server.log")
start_server
until_is "done"
stop_server
[ "$(grep -c 'store-moved' "$WORK/server.log")" -gt "$told" ] ||
	die "nothing says that it was moved"
for n in 1 2 3 4; do
	python3 -c 'import sqlite3, sys
assert sqlite3.connect(sys.argv[1]).execute(
    "SELECT count(*) FROM cohort WHERE name = ?", (sys.argv[2],)
).fetchone()[0] == 1' "$store" "c$n" || die "an act was lost: cohort c$n"
done
