#!/bin/sh
# What a page costs the server hardly knows how large the fleet is: each, with all
# that it asks for, takes less of a processor for thirty thousand devices than one
# look at each of them would. (`make bench` has the same of a million.)
command -v python3 >/dev/null || { echo "needs python3"; exit 77; }
. "$(dirname "$0")/server-lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../tools/older-releases.sh"

make_server
start_server
make_repo "$WORK/repo"
older_releases "$WORK/repo"
make_release "$WORK/repo" 2026.8 "$WORK/publish"
want 0 op release import "$WORK/publish"
for c in beta stable canary; do want 0 op cohort create $c; done
stop_server
python3 "$here/../tools/fill_fleet.py" "$WORK/server/store.sqlite" 30000
start_server
want 0 op rollout create summer --release 2026.8 --cohort beta --cohort stable
want 0 begin summer
want 0 op rollout status summer
said "^population *2[0-9]\{4\}$"
stop_server
python3 "$here/../tools/fill_rollout.py" "$WORK/server/store.sqlite" summer good
admin=$WORK/server/admin
"$BIN/tests/tools/bare-key" "$admin/admin.key" "$(cat "$admin/admin.secret")" \
	>"$WORK/admin.bare"
start_server
python3 "$here/../tools/time_pages.py" "$WORK" "$(listener people)" \
	"$server_pid" "${MUST:-20}" || die "a page costs too much"
