#!/bin/sh
# Our canonical JSON is that of securesystemslib, byte for byte, on trees that
# are made at random from awkward parts.
set -eu
# Debian's package serves Debian's python, which may not be the first in PATH.
for python in python3 /usr/bin/python3; do
	"$python" -c 'import securesystemslib.formats' 2>/dev/null && break
	python=
done
[ "$python" ] || {
	echo 'python3-securesystemslib is not installed'
	exit 77
}
tool=$BIN/tests/tools/canonical
[ -x "$tool" ] || {
	echo "$tool is not built"
	exit 1
}
cat >"$WORK/compare.py" <<'EOF'
import json, random, subprocess, sys
from securesystemslib.formats import encode_canonical

random.seed(20261122)
PARTS = ['', 'a', 'B', '"', '\\', '/', '\n', '\t', '\x01', '\x1f', '\x7f',
         '\u00e4', '\u0080', '\u2028', '\u20ac', '\ud7ff', '\ue000', '\ufeff',
         '\uffee', '\uffff', '\U00010000', '\U0001f600', '\U0010ffff', '~']
LAST = 2**53 - 1

def text():
    return ''.join(random.choice(PARTS) for _ in range(random.randrange(6)))

def tree(depth):
    kind = random.randrange(7 if depth < 12 else 5)
    if kind == 0:
        return random.choice([0, 1, -1, LAST, -LAST,
                              random.randrange(-LAST, LAST)])
    if kind == 1:
        return random.choice([True, False, None])
    if kind < 5:
        return text()
    if kind == 5:
        return [tree(depth + 1) for _ in range(random.randrange(5))]
    return {text(): tree(depth + 1) for _ in range(random.randrange(8))}

trees = [{'signed': tree(1), 'list': [tree(2) for _ in range(6)]}
         for _ in range(3000)]
lines = ''.join(json.dumps(t, ensure_ascii=random.random() < .5) + '\n'
                for t in trees)
out = subprocess.run([sys.argv[1]], input=lines.encode(), check=True,
                     stdout=subprocess.PIPE).stdout
for t in trees:
    length, out = out.split(b'\n', 1)
    ours, out = out[:int(length)], out[int(length):]
    theirs = encode_canonical(t).encode()
    if ours != theirs:
        sys.exit('differs\nours   %r\ntheirs %r' % (ours, theirs))
assert out == b''
print('%d trees agree' % len(trees))
EOF
"$python" "$WORK/compare.py" "$tool"
