#!/bin/sh
# A delta with compressed members, which there is no room for: it is written as
# it comes, what is taken apart and kept for later lies beside the slot, and cut
# off anywhere it goes on at the last point and fetches at most one chunk again.
. "$(dirname "$0")/client-lib.sh"
. "$(dirname "$0")/wire-lib.sh"

# Members of both kinds, each with something new; and files that are made of
# another new one, which is kept until then.
cat >"$WORK/members.py" <<'PY'
import gzip, lzma, random, sys
folder, release = sys.argv[1], int(sys.argv[2])
noise = lambda seed, n: random.Random(seed).randbytes(n)
for i in range(16):
    text = b''.join(b'%d %d\n' % (i, n * n % 9973) for n in range(20000))
    # Of four values: a record, which has an end, is a fourth of that.
    content = bytes(b & 3 for b in noise(1000 * release + i, 400000)) + text
    with open(f'{folder}/{i:02}.{"xz" if i % 4 == 3 else "gz"}', 'wb') as f:
        f.write(lzma.compress(content, preset=1) if i % 4 == 3 else
                gzip.compress(content, 6, mtime=0))
for place in 'a', 'z':
    kin = bytearray(noise(release, 300000))
    kin[ord(place)] ^= 1
    open(f'{folder}/{place}-build', 'wb').write(kin)
PY
make_content() { # id
	make_tree "$1"
	python3 "$WORK/members.py" "$WORK/trees/$1" "$1"
}

make_server
make_served_repo
make_content 1
make_content 2
serve_release 1
operator cohort create fleet
make_served_device one
on one enroll --claim-file "$WORK/one/claim"
roll_out 1
start_wire
on one update --quiet
runs one 1
says one state confirmed
cat >>"$WORK/one/client.conf" <<INI
[fetch]
spool = never
window = 500000
INI
serve_release 2 --from 1
roll_out 2
grep -rq '"libraries":\["zlib [0-9.]*","liblzma [0-9.]*"' "$WORK/publish/metadata" ||
	die "there are no members"

# Killed three times, at no moment in particular: the day's number tells.
day=$(($(date +%s) / 86400))
echo "day $day"
order slow=2000000
kills=0
scratch=0
for n in 1 2 3; do
	until=$(($(carried) + 450000 + (day * n * 7919) % 100000))
	"$client" update --quiet --config "$WORK/one/client.conf" \
		2>>"$WORK/err" &
	pid=$!
	for _ in $(seq 3000); do
		[ "$(carried)" -lt "$until" ] || break
		sleep 0.02
	done
	kill -KILL $pid 2>/dev/null || die "it ended before it was killed"
	wait $pid 2>/dev/null || :
	kills=$((kills + 1))
	slot=$(find "$WORK/one/slots" -maxdepth 2 -name list)
	[ -z "$slot" ] || [ ! -s "${slot%/*}/scratch" ] || scratch=1
done
[ $scratch -eq 1 ] || die "nothing was kept for later"
# The newer of the two records: checkpoint.c.
point=$(python3 - "$WORK/one/state" <<'PY'
import struct, sys
records = [open(f'{sys.argv[1]}/stream.{n}', 'rb').read() for n in (0, 1)]
newer = max(records, key=lambda r: struct.unpack_from('<Q', r, 8)[0])
print(struct.unpack_from('<Q', newer, 16 + 2 + 64)[0])
PY
)
order
on one update --json >"$WORK/out" 2>"$WORK/said"
grep -q '"package": *"delta"' "$WORK/out" || die "no delta was taken"
runs one 2
says one state confirmed
size=$(package_size "$WORK/out")
last=$(sed -n 's/.* package-fetched bytes=\([0-9]*\).*/\1/p' "$WORK/said")
echo "killed $kills times, at $point of $size in the end, then $last more"
[ "$point" -gt 100000 ] || die "it did not go on from any point"
[ "$last" -le $((size - point + 65536)) ] ||
	die "more than a chunk was fetched again"
for left in list scratch head; do
	[ -z "$(find "$WORK/one/slots" -maxdepth 2 -name $left)" ] ||
		die "$left is left behind"
done
