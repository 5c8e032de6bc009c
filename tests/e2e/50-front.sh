#!/bin/sh
# The connection layer of update-server under attack: TLS, HTTP, floods, slow
# clients and the end. The handlers are those of tests/tools/front-server.c.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
for tool in openssl curl python3; do
	command -v $tool >/dev/null || {
		echo "no $tool"
		exit 77
	}
done
. "$here/tools/pki.sh"
cd "$WORK"
pki pki
mkdir files
head -c 3000000 /dev/urandom >files/blob
: >files/empty
sleep 1 # the "expired" certificate's life was 0 days

FRONT=$BIN/tests/tools/front-server
export FRONT
python3 "$here/tools/front_attack.py" pki files
