#!/bin/sh
# The committed vectors of HPKE and STREAM are what the second implementation
# says, made anew; the unit tests compare ours with them.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
python3 "$here/vectors/reference.py" vectors >"$WORK/vectors.txt"
diff "$here/vectors/encryption.txt" "$WORK/vectors.txt"
