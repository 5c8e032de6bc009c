#!/bin/sh
# What went wrong with other systems and can only be tried on a running server,
# each by its name: fleet_cases.py says which.
. "$(dirname "$0")/server-lib.sh"
here=$(dirname "$0")
make_server
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/publish"
start_server
want 0 op release import "$WORK/publish"
for cohort in fleet other waiting; do
	want 0 op cohort create "$cohort"
done
"$BIN/tests/tools/open-key" "$WORK/server/admin/admin.key" \
	"$WORK/server/admin/admin.secret" >"$WORK/admin.key"
# Another import, while somebody is half through a download.
make_release "$WORK/repo" r2 "$WORK/publish2"
python3 "$here/fleet_cases.py" "$WORK" "$server" || die "see above"
# What went out of a release is known after a restart, too.
flow() {
	op rollout status sent --json | python3 -c 'import json, sys
print(json.load(sys.stdin)["flow"]["of_release"])'
}
before=$(flow)
stop_server
start_server
[ "$(flow | sed "s/'since': '[^']*'//")" = \
	"$(echo "$before" | sed "s/'since': '[^']*'//")" ] ||
	die "before a restart $before, and after it $(flow)"
flow | grep -q "'since': '2" || die "since when is not known: $(flow)"
