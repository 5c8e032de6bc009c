#!/bin/sh
# The emergency drill of `make drill-emergency` in small: that it can be run, and
# comes to its figures, before somebody needs to know how long it takes.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
SIMULATED=2000 DEVICES=30 REAL=1 POLL=2 LIMIT=100 \
	sh "$here/../drill/emergency.sh" >"$WORK/drill.out" 2>&1 || {
	cat "$WORK/drill.out"
	exit 1
}
for figure in emergency-simulated emergency-drill; do
	grep -q "^figure $figure " "$WORK/drill.out" || {
		cat "$WORK/drill.out"
		echo "FAILED: no $figure"
		exit 1
	}
done
grep -q "^[0-9.]* s  3[01] of 31 run it" "$WORK/drill.out" || {
	cat "$WORK/drill.out"
	echo "FAILED: the release did not reach them"
	exit 1
}
