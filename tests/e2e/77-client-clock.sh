#!/bin/sh
# A clock that is wrong: in the past the device goes by what was signed, and
# still reaches a server whose certificate is younger than its clock; ahead of
# the truth it fails closed, runs on, and works again when the clock does.
. "$(dirname "$0")/client-lib.sh"
command -v faketime >/dev/null || {
	echo "no faketime"
	exit 77
}
at() { # time, device, command...
	when=$1 device=$2
	shift 2
	faketime "$when" "$client" "$@" --config "$WORK/$device/client.conf"
}

make_server
make_served_repo
make_release 1
operator release import "$WORK/publish"
operator cohort create fleet
make_served_device one
at '1970-01-02 00:00:00' one enroll --claim-file "$WORK/one/claim"
roll_out 1
at '1970-01-02 00:00:00' one update
runs one 1
on one status --json | grep time_floor

serve_release 2 --from 1
roll_out 2
# Ahead of the truth, metadata and certificates are past their end.
want 7 at '2099-12-31 23:59:59' one update
runs one 1
at '2016-01-01 00:00:00' one update
runs one 2
on one update

# Ten years ahead and ten years behind, and right again: each is the same.
serve_release 3 --from 2
roll_out 3
want 7 at "$(date -u -d '+10 years' '+%F %T')" one update
runs one 2
at "$(date -u -d '-10 years' '+%F %T')" one update
runs one 3
on one update
