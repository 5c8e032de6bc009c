#!/bin/sh
# A TUF client's signatures: thresholds, rotations, schemes, and what the files of
# other implementations have in them.
set -eu
client=$BIN/tests/tuf-client
[ -x "$client" ] || { echo "no $client: make check-e2e builds it"; exit 77; }
for need in python3 openssl faketime; do
	command -v "$need" >/dev/null || { echo "no $need here"; exit 77; }
done
exec python3 "$(dirname "$0")/tuf_keys.py" "$client" "$WORK"
