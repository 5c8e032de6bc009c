# For tests that act on what a tick of the server may change between look and act. Sourced
# by server-lib.sh and client-lib.sh.

# A command that looks and then acts on what it saw, until nothing has come in between.
again() { # command...
	while :; do
		acted=0
		"$@" >"$WORK/acted" 2>&1 || acted=$?
		[ "$acted" -ne 0 ] && grep -q "changed meanwhile" "$WORK/acted" || break
	done
	cat "$WORK/acted"
	return "$acted"
}

# An act on a rollout as it is now, by the wire alone: people is the test's.
people_act() { # verb, name, more members
	again people_act_once "$@"
}
people_act_once() {
	now=$(people "rollout/$2" | sed 's/.*"revision":\([0-9]*\).*/\1/')
	people "rollout-$1" "{\"v\":1,\"name\":\"$2\",\"revision\":$now${3:-}}"
}
