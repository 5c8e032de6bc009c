#!/bin/sh
# Packages that are signed and hostile, against a real device:
# evil_packages.py says what and why.
# Begun early: many cases.
set -eu
for need in python3 openssl zstd xz; do
	command -v "$need" >/dev/null || { echo "no $need here"; exit 77; }
done
exec python3 "$(dirname "$0")/evil_packages.py" "$BIN" "$WORK"
