#!/bin/sh
# The edges of staged rollouts, each by its name: small fleets, second persons,
# devices that come another way, put it off, leave, or fail too often.
. "$(dirname "$0")/server-lib.sh"
here=$(dirname "$0")
make_server
make_repo "$WORK/repo"
for id in r1 r2 r3; do
	make_release "$WORK/repo" "$id" "$WORK/publish"
done
start_server
want 0 op release import "$WORK/publish"
for cohort in fleet one other empty; do
	want 0 op cohort create "$cohort"
done
want 0 "$server" person create "$WORK/bob" --name bob --environment demo \
	--ca "$WORK/server/ca.pem" --url "https://$(listener people)"
want 0 "$server" person add "$WORK/server" "$WORK/bob/person.pem" \
	--role operator
{ cat "$WORK/bob/person.secret"; echo; } >"$WORK/secret"
"$BIN/tests/tools/open-key" "$WORK/bob/person.key" "$WORK/secret" \
	>"$WORK/bob.key"
cp "$WORK/bob/person.pem" "$WORK/bob/bob.pem"
"$BIN/tests/tools/open-key" "$WORK/server/admin/admin.key" \
	"$WORK/server/admin/admin.secret" >"$WORK/admin.key"
python3 "$here/edge_cases.py" "$WORK" || die "see above"

# Nobody is in it: made all the same, and not to be started.
want 0 op rollout create later --release r1 --cohort empty
said "no device would be in this rollout"
want 10 op rollout plan later
want 4 op rollout create x --release r1 --cohort fleet --phases 5,5
want 2 op rollout create x --release r1 --cohort fleet --watch soon
want 2 op rollout create x --release r1 --cohort fleet --window 22-6
want 2 op rollout create x --release r1 --cohort fleet --zone +01:00
want 2 op rollout create x --release r1 --cohort fleet --window 22:00-06:00 \
	--zone 60
want 2 op rollout create x --release r1 --cohort fleet --window 22:00-06:00 \
	--summer-time mars
want 2 op rollout create x --release r1 --cohort fleet --set new_device_sec
want 4 op rollout create x --release r1 --cohort fleet --set no_such=1
want 4 op rollout create x --release r1 --cohort fleet --where "model or"
# What the plan of a draft says comes next is what goes next.
want 0 op rollout create drafted --release r1 --cohort fleet --draft
said 'submit it with: pawl-server rollout submit drafted --revision 1'
want 14 op rollout start drafted --plan "$(printf '%064d' 0)"
said '`rollout status drafted` says what can be done'
want 0 op rollout submit drafted --revision 1
want 0 op rollout plan drafted
said 'start it with: pawl-server rollout start drafted --plan '
want 0 op rollout discard drafted --revision "$(revision drafted)" \
	--reason "seen"
# Nobody runs it: engineers need not be called, and what is said instead goes.
want 0 op rollout create unrun --release r1 --cohort fleet
plan=$(op rollout plan unrun --json | sed -n 's/.*"plan": "\(.*\)".*/\1/p')
want 0 op rollout start unrun --plan "$plan"
(cd "$WORK" && want 0 op rollout rollback unrun --reason "dark")
said "end it instead: pawl-server rollout abort unrun --revision $(revision unrun) --reason TEXT"
want 0 act_now abort unrun --reason "dark"
printf '[policy]\nmax-fail = 300\nstop-code = SMOKE\n' >"$WORK/policy"
want 0 op rollout create x --release r1 --cohort fleet --policy "$WORK/policy" \
	--set attempts=5 --where "model = k1" --window 22:00-06:00 \
	--zone -08:00 --summer-time us --phases canary,50,100 --watch 0,1m
for verb in plan status; do
	want 0 op rollout "$verb" x
	said 'offered 22:00 to 06:00 at UTC-08:00, summer time as in the US; it is [0-2][0-9]:[0-5][0-9] there'
done
want 0 op rollout status x --json
said '"summer_time": "us"'
said '"zone_minutes": -480'
said '"max_fail": 300'
said '"SMOKE"'
said '"attempts": 5'
said '"from": 1320'
said '"where": "model = k1"'
python3 "$here/policy_file.py" "$WORK" "$server" || die "a file's policy"
