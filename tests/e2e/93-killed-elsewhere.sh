#!/bin/sh
# The server is killed as it starts, and while a release is imported: it comes up
# each time, the store is whole, and the import is there as a whole or not at
# all. What happens in the midst of a rollout: 93-staged-kills.
. "$(dirname "$0")/server-lib.sh"

kill_server() {
	kill -9 "$server_pid" 2>/dev/null || :
	wait "$server_pid" 2>/dev/null || :
	server_pid=
}

whole() {
	want 0 "$server" server check "$WORK/server"
}

make_server
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/publish"
start_server
want 0 op release import "$WORK/publish"
want 0 op cohort create fleet
stop_server

# As it starts: from before its first file is open to after it listens.
for ms in 0 20 40 80 120 200; do
	rm -f "$WORK/server/run/listeners.json"
	"$server" run "$WORK/server" >>"$WORK/server.log" 2>&1 &
	server_pid=$!
	sleep "$(awk -v ms=$ms 'BEGIN { print ms / 1000 }')"
	kill_server
done
whole
start_server
want 0 op release show r1
want 0 op cohort list
said fleet

# While a release comes in, a little later each time, until one is through.
make_release "$WORK/repo" r2 "$WORK/publish"
killed=0
for ms in 0 40 90 150 200; do
	op release import "$WORK/publish" >"$WORK/import" 2>&1 &
	import=$!
	sleep "$(awk -v ms=$ms 'BEGIN { print ms / 1000 }')"
	kill_server
	if wait "$import"; then
		start_server
		want 0 op release show r2
		stop_server
		break
	fi
	killed=$((killed + 1))
	whole
	start_server
done
[ "$killed" -gt 0 ] || die "no import was cut off"
[ -n "$server_pid" ] || start_server
want 0 op release import "$WORK/publish"
want 0 op release show r2
want 0 op rollout create two --release r2 --cohort fleet
make_device one fleet
want 0 device one enroll --claim-file "$WORK/devices/one/claim"
want 0 begin two
want 0 device one update
stop_server
whole
