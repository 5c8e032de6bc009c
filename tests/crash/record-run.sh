#!/bin/sh
# Run a command on a file system whose every write is recorded.
#   record-run.sh IMAGE LOG MOUNT COMMAND...
# IMAGE is mounted at MOUNT meanwhile, and holds afterwards what the run left
# there. What the command writes to its standard error becomes marks. With SPOILS=text
# the disk keeps another byte where that is written (recorder.c). Needs root
# and a mount namespace of its own (unshare -m). Ends with COMMAND's status.
set -eu
image=$1 log=$2 mount=$3
shift 3
view=$(mktemp -d "${TMPDIR:-/tmp}/pawl-record.XXXXXX")
loop=
finish() {
	! mountpoint -q "$mount" || umount "$mount"
	[ -z "$loop" ] || losetup -d "$loop"
	loop=
	! mountpoint -q "$view" || umount "$view"
	[ -z "${recorder:-}" ] || wait "$recorder"
	recorder=
	rmdir "$view"
}
trap 'finish; exit 1' INT TERM
"$BIN/tests/crash/recorder" "$image" "$log" "$view" ${SPOILS:+"$SPOILS"} &
recorder=$!
tries=0
until mountpoint -q "$view"; do
	tries=$((tries + 1))
	[ $tries -lt 1200 ] && kill -0 $recorder || exit 1
	sleep 0.05
done
loop=$(losetup --find --show --sector-size "${CRASH_SECTOR:-4096}" "$view/disk")
mount -t "${CRASH_FS:-ext4}" "$loop" "$mount"
echo "begin $*" >"$view/marks"
status=0
"$@" 2>"$view/marks" || status=$?
echo "ended with status $status" >"$view/marks"
finish
exit $status
