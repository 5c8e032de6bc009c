#!/bin/sh
# The server's disk is really full, to the last block: acts are refused with a
# clear answer and leave nothing behind, no report is acknowledged that was not
# kept, and all goes on when space returns. Needs root, for a disk so small.
. "$(dirname "$0")/../own-mounts.sh"
own_mounts
. "$(dirname "$0")/server-lib.sh"
here=$(dirname "$0")
mkdir "$WORK/server"
mount -t tmpfs -o size=48m,mode=700 tmpfs "$WORK/server" 2>/dev/null || {
	echo "nothing can be mounted here"
	exit 77
}
trap stop_server EXIT
# init wants to make its folder.
mkdir "$WORK/made"
"$server" init "$WORK/made/server" --environment demo \
	--device-listen 127.0.0.1:0 --enrol-listen 127.0.0.1:0 \
	--people-listen 127.0.0.1:0 >/dev/null
cp -a "$WORK/made/server/." "$WORK/server/"
sed -i "s|$WORK/made/server|$WORK/server|" "$WORK/server/server.conf" \
	"$WORK/server/admin/operator.conf"
printf '\n[audit]\nreserve_mb = 2\n' >>"$WORK/server/server.conf"
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/publish"
start_server
want 0 op release import "$WORK/publish"
want 0 op cohort create fleet
"$BIN/tests/tools/open-key" "$WORK/server/admin/admin.key" \
	"$WORK/server/admin/admin.secret" >"$WORK/admin.key"
python3 "$here/full_disk.py" "$WORK" || die "see above"
stop_server
want 0 "$server" server check "$WORK/server"
