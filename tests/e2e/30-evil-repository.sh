#!/bin/sh
# Repositories that were changed on the way, or signed by stolen keys, against
# the real signer and a real device: evil_cases.py says what and why.
# Begun early: many cases.
set -eu
for need in python3 openssl; do
	command -v "$need" >/dev/null || { echo "no $need here"; exit 77; }
done
exec python3 "$(dirname "$0")/evil_cases.py" "$BIN" "$WORK"
