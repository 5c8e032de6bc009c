#!/bin/sh
# Draw the pictures of docs/: the pages of an imagined fleet of 131 000 devices,
# on which one rollout goes well and another was paused by its gate.
#   screenshots.sh FOLDER
set -eu
: "${BIN:?}"
pictures=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
WORK=$(mktemp -d "${TMPDIR:-/tmp}/pawl-screenshots.XXXXXX")
. "$here/../e2e/server-lib.sh"
. "$here/older-releases.sh"
store=$WORK/server/store.sqlite
door_pid=
finish() {
	[ -z "$door_pid" ] || kill "$door_pid" 2>/dev/null || :
	stop_server
	rm -rf "$WORK"
}
trap finish EXIT

make_server
start_server
make_repo "$WORK/repo"
older_releases "$WORK/repo"
for id in 2026.8 2026.9; do
	make_release "$WORK/repo" $id "$WORK/publish"
done
op release import "$WORK/publish" >/dev/null
for c in beta stable canary; do op cohort create $c >/dev/null; done
stop_server
python3 "$here/fill_fleet.py" "$store" 131000
start_server
op rollout create summer --release 2026.8 --cohort beta --cohort stable \
	>/dev/null
op rollout create kernel --release 2026.9 --cohort beta >/dev/null
begin summer >/dev/null
begin kernel >/dev/null
stop_server
python3 "$here/fill_rollout.py" "$store" summer good
python3 "$here/fill_rollout.py" "$store" kernel bad
start_server
"$server" ui --json --operator "$WORK/server/admin/operator.conf" \
	>"$WORK/ui.json" &
door_pid=$!
until grep -q '#key=' "$WORK/ui.json"; do sleep 0.1; done
until op rollout list | grep -q 'PAUSED by'; do sleep 0.2; done
python3 "$here/screenshots.py" "$WORK" "$pictures"
