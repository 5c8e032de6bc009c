# A server that lives at another time, by libfaketime, after a library that has die and
# $server. Source it.

# The server itself, not the faketime around it.
stop_later() {
	[ -s "$WORK/server/run/server.lock" ] || return 0
	pid=$(tr -dc 0-9 <"$WORK/server/run/server.lock")
	kill "$pid" 2>/dev/null || return 0
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.1
	done
}

run_after() { # seconds, or days as 90d: it lives so much later
	stop_later
	rm -f "$WORK/server/run/listeners.json"
	faketime -f "+$1" "$server" run "$WORK/server" \
		>>"$WORK/server.log" 2>&1 &
	faked=$!
	tries=0
	while [ ! -s "$WORK/server/run/listeners.json" ]; do
		tries=$((tries + 1))
		[ "$tries" -lt 600 ] || die "the server does not start"
		kill -0 "$faked" 2>/dev/null || die "the server ended"
		sleep 0.1
	done
}
