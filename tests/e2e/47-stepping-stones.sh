#!/bin/sh
# A device that is far behind comes up over the stepping stones, through a
# server and from a folder; without one it is stranded, and device and server
# say so and what to do.
. "$(dirname "$0")/client-lib.sh"

# A release of a few bytes: id, options; published and taken in.
serve() {
	make_tree "$1"
	rm -f "$WORK/trees/$1/lib/stays" "$WORK/trees/$1/lib/changes"
	serve_release "$@" >/dev/null
}

make_server
make_served_repo
use_people
serve 1
people cohorts '{"v":1,"name":"fleet"}' >/dev/null
make_served_device one
make_served_device two
on one enroll --claim-file "$WORK/one/claim"
on two enroll --claim-file "$WORK/two/claim"
open_to_all 1
on one update
on two update
runs one 1

# 2 leads to 3, and is offered; then it is withdrawn, and nothing listed leads
# there any more: what was offered is skipped, for no fault of the release.
make_tree 2
make_release 2
make_tree 3
make_release 3 --requires 2 --stepping-stone 2
operator release import "$WORK/publish" >/dev/null
open_to_all 3
want 20 on two check
two=$(on two status --json | sed -n 's/.*"device": *"\([0-9a-f]*\)".*/\1/p')
people "device/$two" | grep -q '"state":"offered"' || die "two is not led over 2"
"$signer" release withdraw "$WORK/repo" --product gateway --id 2 >/dev/null
resign
operator release import "$WORK/publish" >/dev/null
on two check
people "device/$two" | grep -q '"code":"INCOMPATIBLE"' ||
	die "out of reach, and not skipped: $(people "device/$two")"
on one update | tee "$WORK/said"
runs one 1
grep -q "stranded" "$WORK/said" || die "the server's reason is not shown"
on one status | tee "$WORK/said"
grep -q "^trouble .*stranded: 3 needs at least seq 2 first, seq 1 runs" \
	"$WORK/said" || die "the status does not say stranded"
grep -q "stepping stone" "$WORK/said" || die "it does not say what to do"
on one status --json | grep -q '"error": *"refused"' || die "not in JSON"
operator device list | tee "$WORK/said"
[ "$(grep -c "stranded: 3 needs at least seq 2 first.*--stepping-stone" \
	"$WORK/said")" -eq 2 ] || die "the server does not list them"

# 4 leads to 5: through the server, one rollout and two installations.
make_tree 4
make_release 4
serve 5 --requires 4 --stepping-stone 4
open_to_all 5
people devices | grep -q stranded && die "there is a stone now"
on one update
runs one 4
on one status | grep "^trouble" && die "the trouble is over"
people rollout/r5 | grep -q '"state":"running"' || die "it is not through"
on one update
runs one 5
dev=$(on one status --json | sed -n 's/.*"device": *"\([0-9a-f]*\)".*/\1/p')
people "device/$dev" >"$WORK/said"
tr '{' '\n' <"$WORK/said" | grep '"confirmed"' >"$WORK/confirmed"
grep -q '"rollout":"r5","release":"4"' "$WORK/confirmed" ||
	die "the stone is not in the list: $(cat "$WORK/said")"
grep -q '"rollout":"r5","release":"5"' "$WORK/confirmed" ||
	die "the goal is not in the list: $(cat "$WORK/said")"

# From a folder, which offers everything at once.
operator bundle export "$WORK/stick" --valid 3 >/dev/null
on two update --from "$WORK/stick"
runs two 4
on two update --from "$WORK/stick"
runs two 5
