#!/bin/sh
# The server takes devices back to an older release where the engineers have
# signed that step and an operator opens it: once, those alone, never below the
# floor; and what was left is not offered again.
. "$(dirname "$0")/client-lib.sh"

serve() {
	make_tree "$1"
	rm -f "$WORK/trees/$1/lib/stays" "$WORK/trees/$1/lib/changes"
	serve_release "$@" >/dev/null
}
# Opened by a rollout of this name: name, release, cohort.
open_back() {
	people rollouts "{\"v\":1,\"name\":\"$1\",\"release\":\"$2\",
		\"cohorts\":[\"$3\"],\"share\":10000,\"watch\":[0],
		\"step_back\":true}" >"$WORK/said" 2>&1 || return 1
	people_begin "$1" >"$WORK/said" 2>&1
}
refused() { # words, name, release
	! open_back "$2" "$3" fleet || die "$2 was opened"
	grep -q "$1" "$WORK/said" || die "not \"$1\": $(cat "$WORK/said")"
}
# What the server says to a device that looks.
hears() { # device, words
	on "$1" update >"$WORK/said" 2>&1 || die "$(cat "$WORK/said")"
	grep -q "$2" "$WORK/said" || die "not \"$2\": $(cat "$WORK/said")"
}
open_to_both() {
	people rollouts "{\"v\":1,\"name\":\"r$1\",\"release\":\"$1\",
		\"cohorts\":[\"fleet\",\"vip\"],\"share\":10000}" >/dev/null
	people_begin "r$1" >/dev/null
}

make_server
make_served_repo
use_people
serve 1
people cohorts '{"v":1,"name":"fleet"}' >/dev/null
people cohorts '{"v":1,"name":"vip"}' >/dev/null
make_served_device one
make_served_device two vip
for device in one two; do
	on $device enroll --claim-file "$WORK/$device/claim"
done
serve 2
open_to_both 2
serve 3
on one update
open_to_both 3
on one update
on two update
runs one 3
runs two 3

# Nothing is signed: neither the server nor an operator can take it back.
refused "no signed authorisation leads back to 2" back 2
hears one "something newer runs there\|runs there already"
runs one 3

# Signed from another release: that is no way for who runs this one.
"$signer" stepback "$WORK/repo" --product gateway --from 2 --to 1 >/dev/null
resign
operator release import "$WORK/publish" >/dev/null
open_back wrong 1 fleet || die "$(cat "$WORK/said")"
hears one "runs there"
runs one 3
people rollout-pause '{"v":1,"name":"wrong","reason":"it was"}' >/dev/null
refused "no signed authorisation leads back to 2" back 2

# Signed: that permits, and commands nothing.
"$signer" stepback "$WORK/repo" --product gateway --from 3 --to 2 >/dev/null
resign
operator release import "$WORK/publish" >/dev/null
hears one "runs there"
runs one 3

# An operator opens it, for the fleet: the others stay.
open_back back 2 fleet || die "$(cat "$WORK/said")"
hears one "updated to 2"
runs one 2
hears two "runs there"
runs two 3
for n in $(seq 600); do
	people rollout/back | grep -q '"waits_for":"person"' && break
	sleep 0.1
done
people_act advance back | grep -q '"state":"completed"' || die "not completed"
people rollout/back | grep -q '"confirmed":1' || die "not counted"

# What it left is not offered again, by no rollout; and what it has stays.
hears one "stepped back from"
runs one 2

# A person takes the newer one by hand; the same rollout does not go on about it.
operator bundle export "$WORK/stick" --valid 3 >/dev/null
on one update --retry --from "$WORK/stick"
runs one 3
hears one "went back to it once already\|runs there already"
runs one 3

# The floor rises over the goal: the signature is worth nothing, the rollouts
# that are open offer nothing, and no new one is made.
"$signer" floor "$WORK/repo" --product gateway --release 3 >/dev/null 2>&1
resign
operator release import "$WORK/publish" >/dev/null
refused "below the floor" again 2
hears two "runs there"
hears one "runs there"
runs one 3
# Recorded like any act, as what it is.
operator audit list | grep -q "rollout-create .*step_back=1" || die "no record"
