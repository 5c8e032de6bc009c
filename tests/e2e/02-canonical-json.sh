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

def letter():
    """A part from above, any control character, or any code point at all."""
    kind = random.randrange(8)
    if kind == 0:
        return chr(random.randrange(1, 33))
    if kind == 1:
        code = random.randrange(33, 0x110000 - 0x800)
        return chr(code if code < 0xd800 else code + 0x800)
    return random.choice(PARTS)

def text():
    return ''.join(letter() for _ in range(random.randrange(6)))

def spelled(value):
    """JSON text of the value, its strings escaped in every way there is."""
    def string(s):
        out = '"'
        for c in s:
            if c in '"\\' or ord(c) < 32 or random.random() < .1:
                short = {'"': '"', '\\': '\\', '/': '/', '\b': 'b', '\f': 'f',
                         '\n': 'n', '\r': 'r', '\t': 't'}.get(c)
                if short and random.random() < .5:
                    out += '\\' + short
                else:
                    units = c.encode('utf-16-be').hex()
                    if random.random() < .5:
                        units = units.upper()
                    out += ''.join('\\u' + units[i:i + 4]
                                   for i in range(0, len(units), 4))
            else:
                out += c
        return out + '"'
    space = random.choice(['', '', ' ', '\t'])
    if isinstance(value, str):
        return string(value)
    if isinstance(value, list):
        return '[' + (space + ',').join(map(spelled, value)) + space + ']'
    if isinstance(value, dict):
        members = [string(k) + space + ':' + spelled(v)
                   for k, v in value.items()]
        random.shuffle(members)
        return '{' + space + (',' + space).join(members) + '}'
    return json.dumps(value)

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
for t in trees[:200]:
    assert json.loads(spelled(t)) == t
lines = ''.join((spelled(t) if random.random() < .5 else
                 json.dumps(t, ensure_ascii=random.random() < .5)) + '\n'
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
