#!/bin/sh
# Delegated roles through a real server to real devices: delegation_cases.py
# says what and why.
set -eu
bare=$BIN/tests/tools/bare-key
[ -x "$bare" ] || { echo "no $bare: make check-e2e builds it"; exit 77; }
for need in python3 openssl curl; do
	command -v "$need" >/dev/null || { echo "no $need here"; exit 77; }
done
exec python3 "$(dirname "$0")/delegation_cases.py" "$BIN" "$WORK"
