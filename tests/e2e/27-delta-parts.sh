#!/bin/sh
# More old content than is searched at once: a file that is larger than that, and
# many that are so together, still cost what changed in them.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
tool=$BIN/tests/tools/delta-size
cd "$WORK"
python3 - <<'P'
import os
import random

source = random.Random(5)
for folder in ("old", "new"):
    os.makedirs(folder)
old = bytearray(source.randbytes(3 << 20))
new = bytearray(old)
for _ in range(40):
    at = source.randrange(len(new) - 100)
    new[at : at + 20] = source.randbytes(25)
new[2 << 20 : 2 << 20] = source.randbytes(3000)
del new[200000:205000]
open("old/large", "wb").write(old)
open("new/large", "wb").write(new)
for n in range(20):
    old = bytearray(source.randbytes(100000))
    open(f"old/{n}", "wb").write(old)
    old[5000:5003] = b"abc"
    old[70000:70000] = source.randbytes(100)
    open(f"new/{n}", "wb").write(old)
P
for search in 1048576 300000; do
	mkdir scratch
	line=$(SEARCH=$search NOFULL=1 "$tool" old new scratch)
	rm -rf scratch
	# full N delta N ...
	# shellcheck disable=SC2086 # a list of words
	set -- $line
	[ "$4" -lt 13000 ] || {
		echo "$search bytes searched at once: a delta of $4 bytes"
		exit 1
	}
	echo "ok $search bytes searched at once: a delta of $4 bytes"
done
