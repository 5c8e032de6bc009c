# For tests in which months pass, after server-lib.sh: server and devices live on
# another day. Source it; libfaketime does it, without the programs' knowledge.
. "$(dirname "$0")/../e2e/faked-lib.sh"

state() { echo "$WORK/devices/$1/state"; }
generation() {
	sed -n 's/.*"generation": *\([0-9]*\).*/\1/p' "$(state "$1")/identity.json"
}

later() { # days, name of a device, command...
	days=$1 name=$2
	shift 2
	faketime -f "+${days}d" "$client" "$@" \
		--config "$WORK/devices/$name/client.conf"
}
op_later() { # days, command...
	days=$1
	shift
	faketime -f "+${days}d" "$server" "$@" \
		--operator "$WORK/server/admin/operator.conf"
}

trap stop_later EXIT

start_later() { # days: the server lives then, too, and keeps its ports
	start_after "$(($1 * 86400))"
}
start_after() { # seconds
	for l in device enrolment people; do
		! grep -qs "\"$l\"" "$WORK/server/run/listeners.json" ||
			sed -i "s/^$l = .*/$l = $(listener $l)/" \
				"$WORK/server/server.conf"
	done
	stop_later
	# One that was restored starts before anything is added to its log.
	[ ! -e "$WORK/server/log-behind" ] || run_after "$1"
	# The server's own certificate lives 90 days.
	[ "$1" -lt 5356800 ] || faketime -f "+$1" "$server" tls renew \
		"$WORK/server" >/dev/null
	run_after "$1"
}

# What is kept apart of a server's folder, and what comes up after its disk died.
keep_aside() {
	cp -a "$WORK/server/keys" "$WORK/kept.keys"
	cp -a "$WORK/server/admin" "$WORK/kept.admin"
}
restore_aside() { # the folder of the backup
	cp "$WORK/server/run/listeners.json" "$WORK/listeners.json"
	stop_later
	rm -rf "$WORK/server"
	want 0 "$server" server restore "$1" "$WORK/server" --reason test
	mkdir -p "$WORK/server/keys"
	cp -a "$WORK/kept.keys/." "$WORK/server/keys"
	cp -a "$WORK/kept.admin" "$WORK/server/admin"
	mkdir -p "$WORK/server/run"
	mv "$WORK/listeners.json" "$WORK/server/run"
}
