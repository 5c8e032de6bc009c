#!/bin/sh
# Delegations, as 40-tuf-client has the rest: order, patterns, bins, who signs
# for whom, and names that no path may be made of.
set -eu
client=$BIN/tests/tuf-client
[ -x "$client" ] || { echo "no $client: make check-e2e builds it"; exit 77; }
for need in python3 openssl faketime; do
	command -v "$need" >/dev/null || { echo "no $need here"; exit 77; }
done
exec python3 "$(dirname "$0")/tuf_walks.py" "$client" "$WORK"
