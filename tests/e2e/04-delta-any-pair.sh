#!/bin/sh
# Whatever two files are: a delta is never larger than zstd --patch-from at its
# highest level plus 2 %, but for 8 bytes by which a package's head is longer than
# the one of zstd's file, and never larger than a full package. Two files are
# images; of trees zstd gets tars.
set -eu
tool=$BIN/tests/tools/delta-size
for need in zstd python3; do
	command -v "$need" >/dev/null || {
		echo "no $need here"
		exit 77
	}
done
here=$(cd "$(dirname "$0")/.." && pwd)
cd "$WORK"
python3 - <<'P'
import base64, os, random, sqlite3, struct
r = random.Random(7)


def put(name, old, new):
    for side, data in (("old", old), ("new", new)):
        os.makedirs("%s/%s" % (name, side))
        with open("%s/%s/file" % (name, side), "wb") as f:
            f.write(data)


noise = r.randbytes(100000)
blocks = [noise[i:i + 4096] for i in range(0, len(noise), 4096)]
put("other", noise, r.randbytes(100000))
put("digits", noise[:50000].hex().encode(), r.randbytes(50000).hex().encode())
put("letters", base64.encodebytes(noise[:60000]),
    base64.encodebytes(r.randbytes(60000)))
put("inserted", noise, noise[:49999] + b"something new" + noise[50050:])
put("shuffled", noise, b"".join(r.sample(blocks, len(blocks))))
put("doubled", noise, noise * 3)
put("halved", noise, noise[50000:])
put("emptied", noise, b"x")
put("filled", b"x", noise[:5000])
put("zeroes", bytes(700000), bytes(299999) + b"x" + bytes(400001))
put("pattern", b"0123456789abcde" * 20000,
    b"0123456789abcde" * 9000 + b"Z" + b"0123456789abcdf" * 12000)
words = [bytes(r.choices(b"abcdefghijklmnop", k=r.randint(3, 9)))
         for _ in range(3000)]
lines = [b"%s,%s,%d" % (r.choice(words), r.choice(words), r.randint(0, 99999))
         for _ in range(5000)]
put("sorted", b"\n".join(sorted(lines)), b"\n".join(sorted(lines[300:])))
put("reordered", b"\n".join(lines), b"\n".join(r.sample(lines, len(lines))))
put("values", b"\n".join(lines), b"\n".join(
    l[:-2] + b"%d" % r.randint(0, 99) if r.random() < .3 else l
    for l in lines))
samples = bytes((x * y // 70 + r.randint(0, 3)) & 255
                for y in range(300) for x in range(500))
word = b"\n".join(lines)
put("word", word, word.replace(words[5], b"other", 1))
put("rows", word, b"\n".join(
    l[:-1] + b"7" if r.random() < .03 else l for l in lines))
put("lengths", word, word + b"and one more\n" * 3)
put("samples", samples, bytes((v + 10) & 255 for v in samples))
numbers = [r.randint(0, 1 << 20) for _ in range(20000)]
put("numbers", struct.pack("<20000I", *numbers),
    struct.pack("<20000I", *(n + 16 if n % 3 else n for n in numbers)))
# What is no text byte by byte, but repeats itself as one does.
wide = [b"%s = %s # %d" % (r.choice(words), r.choice(words), r.randint(0, 99))
        for _ in range(5000)]
edited = list(wide)
for i in range(40):
    at = r.randrange(4500)
    edited[at:at + i % 3] = edited[at + 200:at + 205] + [b"%d" % at]
put("utf16", *(b"\n".join(l).decode().encode("utf-16le")
               for l in (wide, edited)))


def database(path, vacuum):
    db = sqlite3.connect(path)
    if not vacuum:
        db.execute("create table d (id integer primary key, name text unique,"
                   " seen int, value blob)")
        db.executemany("insert into d values (?, ?, ?, ?)", (
            (i, "%08x" % r.getrandbits(32), i, r.randbytes(i % 60))
            for i in range(3000)))
    else:
        db.execute("update d set seen = seen + 999 where id % 40 = 7")
        db.execute("delete from d where id % 97 = 3")
        db.commit()
        db.execute("vacuum")
    db.commit()
    db.close()
    with open(path, "rb") as f:
        return f.read()


# Two builds of the same, neither of which the old release had, and too far
# apart for one record.
os.makedirs("builds/old")
os.makedirs("builds/new/one")
os.makedirs("builds/new/two")
build = bytearray(r.randbytes(2500000))
for side in ("old/notes", "new/one/program", "new/two/program"):
    with open("builds/" + side, "wb") as f:
        f.write(b"none yet" if "notes" in side else build)
    for at in range(0, len(build), 900):
        build[at] ^= 1
put("database", database("db", False), database("db", True))
P
failed=0
as_file() { # FILE or FOLDER, as a tar
	[ -f "$1" ] && echo "$1" && return
	tar --sort=name --numeric-owner --mtime=@0 -cf "$1.tar" -C "$1" .
	echo "$1.tar"
}

compare() { # PAIR OLD NEW ATTRIBUTES
	mkdir scratch
	line=$("$tool" "$2" "$3" scratch lzma "$4" "$WORK/read.$1")
	rm -rf scratch
	pair=$1 old=$2 new=$3
	# full N delta N ...
	# shellcheck disable=SC2086 # a list of words
	set -- $line
	full=$2 delta=$4
	zstd -qq --ultra -22 --patch-from="$(as_file "$old")" \
		"$(as_file "$new")" -o peer
	peer=$(stat -c %s peer)
	rm peer
	verdict=ok
	[ $((delta * 100)) -le $((peer * 102 + 800)) ] &&
		[ "$delta" -le "$full" ] || verdict='not ok'
	echo "$verdict $pair: $delta, zstd $peer, full $full"
	[ "$verdict" = ok ] || failed=1
}

for pair in */; do
	pair=${pair%/}
	if [ -f "$pair/old/file" ]; then
		compare "$pair" "$pair/old/file" "$pair/new/file" image
	else
		compare "$pair" "$pair/old" "$pair/new" app
	fi
done
for pair in rows word; do
	compare "$pair-tree" "$pair/old" "$pair/new" app
done
[ "$failed" = 0 ]
# Samples that all changed alike are those of before and a difference.
mkdir scratch
"$tool" samples/old samples/new scratch lzma | {
	read -r _ full _ delta _
	[ $((delta * 10)) -lt "$full" ] || {
		echo "samples: $delta of $full"
		exit 1
	}
}

# The reader that was written from the documents alone understands new files
# that refer to each other, and what came as one stream.
python3 - read.rows/delta.pawl read.rows-tree/delta.pawl <<'P'
import sys
for path in sys.argv[1:]:
    flags = open(path, "rb").read()[16]
    assert flags & 4, (path, flags)
P
for read in builds rows rows-tree; do
	python3 "$here/tools/read_package.py" "read.$read/full.pawl" \
		"read.$read/delta.pawl" "read.$read/old.manifest" \
		"read.$read/old" "read.$read/new.manifest" "read.$read/new"
done
