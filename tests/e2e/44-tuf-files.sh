#!/bin/sh
# The TUF client's two folders: what it finds there, what it leaves there, and
# what the names of targets may do to either.
set -eu
client=$BIN/tests/tuf-client
[ -x "$client" ] || { echo "no $client: make check-e2e builds it"; exit 77; }
for need in python3 openssl; do
	command -v "$need" >/dev/null || { echo "no $need here"; exit 77; }
done
exec python3 "$(dirname "$0")/tuf_files.py" "$client" "$WORK"
