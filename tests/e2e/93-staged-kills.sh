#!/bin/sh
# The server is killed again and again in the midst of a rollout: no report that
# it acknowledged and no act of a person is lost, and the counters are those of
# the attempts. Two people who change the same rollout: one wins, one gets 412.
. "$(dirname "$0")/server-lib.sh"
here=$(dirname "$0")
make_server
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/publish"
make_release "$WORK/repo" r2 "$WORK/publish"
start_server
want 0 op release import "$WORK/publish"
want 0 op cohort create fleet
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
stop_server
python3 "$here/killed_cases.py" "$WORK" "$server" || die "see above"
