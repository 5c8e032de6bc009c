#!/bin/sh
# Enrolment and device certificates under attack: enrol_cases.py says what.
for need in python3 openssl; do
	command -v "$need" >/dev/null || { echo "no $need here"; exit 77; }
done
[ -x "$BIN/tests/tools/bare-key" ] || {
	echo "no bare-key: make check-e2e builds it"
	exit 77
}
. "$(dirname "$0")/server-lib.sh"
make_server
start_server
python3 "$(dirname "$0")/enrol_cases.py" "$BIN" "$WORK"
kill -0 "$server_pid" || die "the server is gone"
