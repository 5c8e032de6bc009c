#!/bin/sh
# Two hundred devices on the wire, and rollouts that go by phases and gates:
# canaries, a person, the next phase, proof, the end; a bad release stops itself,
# once; what is silent is told from what failed.
. "$(dirname "$0")/server-lib.sh"
here=$(dirname "$0")
make_server
make_repo "$WORK/repo"
for id in r1 r2 r3 r4 r5; do
	make_release "$WORK/repo" "$id" "$WORK/publish"
done
start_server
want 0 op release import "$WORK/publish"
want 0 op cohort create fleet
want 0 op cohort create again
"$BIN/tests/tools/open-key" "$WORK/server/admin/admin.key" \
	"$WORK/server/admin/admin.secret" >"$WORK/admin.key"
python3 "$here/staged_cases.py" "$WORK" || die "see above"

# The same in words, with exit statuses for scripts.
want 15 op rollout watch bad
said "PAUSED by its gate: 2 of the first 5 failed"
want 0 op rollout status whole
said "completed"
said "canaries .*passed"
want 0 op gate show bad
said "2 of the first 5 failed"
want 0 op rollout list
said "bad .*PAUSED by its gate"
echo "a fleet is staged"
