#!/bin/sh
# The TUF client over real HTTP against a repository made by other hands:
# what TUF's conformance suite asks of a client, and the rules beyond it.
set -eu
client=$BIN/tests/tuf-client
[ -x "$client" ] || { echo "no $client: make check-e2e builds it"; exit 77; }
for need in python3 openssl faketime; do
	command -v "$need" >/dev/null || { echo "no $need here"; exit 77; }
done
exec python3 "$(dirname "$0")/tuf_cases.py" "$client" "$WORK"
