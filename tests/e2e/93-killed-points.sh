#!/bin/sh
# The server is killed at chosen points of an act: in the midst of its commit, when
# all is written and nothing answered, and in what the gate makes of a report. The
# act is done or not, never half, and who says it again does it once.
. "$(dirname "$0")/server-lib.sh"
here=$(dirname "$0")
[ -f "$BIN/tests/crash/shim.so" ] || { echo "needs tests/crash/shim.so"; exit 77; }
make_server
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/publish"
start_server
want 0 op release import "$WORK/publish"
want 0 op cohort create fleet
make_device a fleet
want 0 device a enroll --claim-file "$WORK/devices/a/claim"
"$BIN/tests/tools/open-key" "$WORK/server/admin/admin.key" \
	"$WORK/server/admin/admin.secret" >"$WORK/admin.key"
stop_server
python3 "$here/killed_points.py" "$WORK" "$server" "$BIN/tests/crash/shim.so" ||
	die "see above"
want 0 "$server" server check "$WORK/server"
