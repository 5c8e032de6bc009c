#!/bin/sh
# What a page costs the server when the fleet has a million devices, and a rollout is
# for nearly all of them: what each request that the pages make takes of a processor.
# The goal is less than 100 ms for a whole page. DEVICES=n, another fleet.
set -eu
: "${BIN:?}"
here=$(cd "$(dirname "$0")" && pwd)
devices=${DEVICES:-1000000}
WORK=$(mktemp -d "${TMPDIR:-/tmp}/pawl-bench-pages.XXXXXX")
. "$here/../e2e/server-lib.sh"
. "$here/../tools/older-releases.sh"
trap 'stop_server; rm -rf "$WORK"' EXIT

make_server
start_server
make_repo "$WORK/repo"
older_releases "$WORK/repo"
make_release "$WORK/repo" 2026.8 "$WORK/publish"
op release import "$WORK/publish" >/dev/null
for c in beta stable canary; do op cohort create $c >/dev/null; done
stop_server
echo "pages of a fleet of $devices devices (filling the store...)"
python3 "$here/../tools/fill_fleet.py" "$WORK/server/store.sqlite" "$devices"
# A rollout in its midst, with what devices made of it.
start_server
op rollout create summer --release 2026.8 --cohort beta --cohort stable \
	>/dev/null
begin summer >/dev/null
stop_server
python3 "$here/../tools/fill_rollout.py" "$WORK/server/store.sqlite" summer good
admin=$WORK/server/admin
"$BIN/tests/tools/bare-key" "$admin/admin.key" "$(cat "$admin/admin.secret")" \
	>"$WORK/admin.bare"
start_server
python3 "$here/../tools/time_pages.py" "$WORK" "$(listener people)" "$server_pid"
