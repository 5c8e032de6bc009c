#!/bin/sh
# A cohort's rule narrows the rollouts that are made for it, and nothing else; how
# many devices match is counted; one that nothing is of any more can be removed,
# and come back; and of two who change it at once one is told.
command -v python3 >/dev/null || { echo "needs python3"; exit 77; }
. "$(dirname "$0")/server-lib.sh"

make_server
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/publish"
start_server
want 0 op release import "$WORK/publish"
want 0 op cohort create fleet
want 0 op cohort create spare
for n in a b; do
	make_device "$n" fleet
	want 0 device "$n" enroll --claim-file "$WORK/devices/$n/claim"
done
want 0 op rollout create first --release r1 --cohort fleet --phases 100%
want 0 begin first
want 0 device a update
want 0 device a check
want 0 act_now abort first --reason test
make_release "$WORK/repo" r2 "$WORK/publish"
want 0 op release import "$WORK/publish"

# ---- deltas ------------------------------------------------------------------

want 0 op delta coverage r2
said "^0 of 2 devices (0.00 %) have a delta"
said "next: a delta from r1 would spare at most .* (1 devices)"
make_release "$WORK/repo" r3 "$WORK/publish" --from r1
want 0 op release import "$WORK/publish"
want 0 op delta coverage r3 --product kiosk --json
said '"covered": 1'
said '"share": 5000'
want 13 op delta coverage none

# ---- count, rule -------------------------------------------------------------

want 0 op cohort count fleet
said "^2 devices\$"
want 0 op cohort count fleet --where "seq >= 1"
said "^2 devices, 1 of them match the selector"
want 13 op cohort count none
want 4 op cohort count fleet --where "seq >="
cohort_revision() {
	op cohort list --json | python3 -c 'import json, sys
for c in json.load(sys.stdin)["cohorts"]:
    if c["name"] == sys.argv[1]:
        print(c["revision"])' "$1"
}
want 2 op cohort rule fleet --where "seq >= 1" --revision 1
said "reason TEXT is needed"
want 2 op cohort rule fleet --reason test --revision 1
want 2 op cohort rule fleet --where "seq >= 1" --reason test
said "cohort list.* prints it"
want 4 op cohort rule fleet --where "colour" --reason test --revision 1
want 14 op cohort rule fleet --where "seq >= 1" --reason test --revision 7
said "revision 1 now"
want 0 op cohort rule fleet --where "seq >= 1" --reason test --revision 1
# The answer was lost, and it is said again; somebody else's change is no such.
want 0 op cohort rule fleet --where "seq >= 1" --reason test --revision 1
said "done before: nothing was changed"
want 14 op cohort rule fleet --where "seq >= 3" --reason test --revision 1
said "revision 2 now"
want 0 op cohort list --json
said '"rule": "seq >= 1"'
want 0 op cohort count fleet --json
said '"matched": 1'
want 0 op cohort count fleet --where "model = other"
said "0 of them match its rule seq >= 1 and the selector"
population() { # rollout
	op rollout show "$1" --json |
		sed -n 's/^  "population": *\([0-9]*\).*/\1/p' | head -n 1
}
want 0 op rollout create narrow --release r2 --cohort fleet --phases 100%
[ "$(population narrow)" -eq 1 ] || die "for $(population narrow)"
want 0 op rollout show narrow --json
said '"where": "seq >= 1"'
want 0 op rollout create both --release r2 --cohort fleet --phases 100% \
	--where "model = k1"
want 0 op rollout show both --json
said '"where": "model = k1 and seq >= 1"'
want 10 op rollout create mixed --release r2 --cohort fleet --cohort spare \
	--phases 100%
said "cohorts fleet and spare have different rules"
# The cohort itself is a term, and what a restore lost is none.
want 0 op cohort rule fleet --reason test --revision 2 --where "seq >= 1 and seq >= 2 and \
seq >= 3 and seq >= 4 and seq >= 5 and seq >= 6 and seq >= 7 and seq >= 8"
want 5 op cohort count fleet
said "the cohort, its rule and --where are one selector"
stop_server
python3 - "$WORK/server/store.sqlite" <<'EOF'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("UPDATE cohort SET rule = '?' WHERE name = 'fleet'")
db.commit()
EOF
start_server
want 10 op cohort count fleet
said "the rule of cohort fleet was lost with a restore"
want 0 op cohort rule fleet --all --reason test \
	--revision "$(cohort_revision fleet)"
want 0 op rollout create wide --release r2 --cohort fleet --phases 100%
[ "$(population wide)" -eq 2 ] || die "for $(population wide)"
# What was made is what it was.
[ "$(population narrow)" -eq 1 ] || die "a rollout changed"

# ---- rm ----------------------------------------------------------------------

want 10 op cohort rm fleet --reason test \
	--revision "$(cohort_revision fleet)"
said "2 devices are in cohort fleet"
want 2 op cohort rm spare --revision 1
want 2 op cohort rm spare --reason test
make_device c spare
want 10 op cohort rm spare --reason test --revision 1
said "1 claim codes may still be used"
token=$(op token list --json | python3 -c 'import json, sys
print([t["id"] for t in json.load(sys.stdin)["tokens"]][-1])')
want 0 op token revoke "$token" --reason test
want 0 op rollout create spared --release r2 --cohort spare --phases 100%
want 10 op cohort rm spare --reason test --revision 1
said "rollout spared is for cohort spare, and not over"
want 0 op rollout discard spared --reason test --revision 1
want 14 op cohort rm spare --reason test --revision 9
want 0 op cohort rm spare --reason test --revision 1
want 0 op cohort rm spare --reason test --revision 1
said "done before: nothing was changed"
want 13 op cohort rm spare --reason test --revision 2
want 13 op cohort count spare
op cohort list >"$WORK/said"
! grep -q "^spare" "$WORK/said" || die "it is still listed"
want 13 op token create --product kiosk --model k1 --cohort spare
want 13 op rollout create late --release r2 --cohort spare --phases 100%
want 0 op cohort create spare
want 0 op cohort count spare
said "^0 devices"
want 14 op cohort create spare
want 0 op audit list
said "cohort-rule .*narrows=1"
said "cohort-remove "
want 0 "$server" server check "$WORK/server"
echo "cohorts come and go"
