#!/bin/sh
# A server in wrong hands, or a broken one, against the real client.
set -eu
for need in python3 openssl faketime; do
	command -v "$need" >/dev/null || { echo "no $need here"; exit 77; }
done
exec python3 "$(dirname "$0")/evil_server.py" "$BIN" "$WORK"
