#!/bin/sh
# Metadata that is malformed, member by member, against a real device:
# evil_fields.py says what and why.
set -eu
for need in python3 openssl; do
	command -v "$need" >/dev/null || { echo "no $need here"; exit 77; }
done
exec python3 "$(dirname "$0")/evil_fields.py" "$BIN" "$WORK"
