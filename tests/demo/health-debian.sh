#!/bin/sh
# Health check inside the demo's releases: the programs of this very tree start
# with its own libraries and do their work. $PAWL_SLOT is the tree on trial.
set -eu
slot=${PAWL_SLOT:?}
for lib in "$slot"/usr/lib/*-linux-gnu "$slot"/lib/*-linux-gnu; do
	[ ! -d "$lib" ] || LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$lib
done
export LD_LIBRARY_PATH
"$slot/usr/bin/openssl" version
"$slot/usr/bin/openssl" dgst -sha256 "$slot/usr/bin/openssl" >/dev/null
"$slot/usr/bin/python3.11" --version
