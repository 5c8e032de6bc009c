#!/bin/sh
# Whatever is wrong with a folder or stick: one line, a documented status,
# nothing activated, and the next update from a good one works.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/device.sh
. "$here/device.sh"
make_repository
make_devices

# Statuses: 4 format, 5 limit, 6 untrusted, 8 rollback, 10 refused, 13 not found.

# Change one byte so that no bit pattern survives by luck: add one.
corrupt() { # file, offset
	byte=$(od -An -tu1 -j"$2" -N1 "$1" | tr -d ' ')
	[ "$byte" ] || die "$1 has no byte $2"
	printf "\\$(printf %o $(((byte + 1) % 256)))" |
		dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

size() { # file
	wc -c <"$1" | tr -d ' '
}

from_bad() {
	client device update --from bad
}

# Relative names of what a device on release 1 reads to get to release 2.
delta=$(cd r2 && ls targets/gateway/2/*-from-1.pawl)
full=$(cd r2 && ls targets/gateway/2/*-full.pawl)
snapshot=$(cd r2/metadata && ls -- *.snapshot.json | sort -n | tail -n 1)
targets=$(cd r2/metadata && ls -- *.targets.json | sort -n | tail -n 1)

fresh
recovers 'the good folder'

for file in timestamp.json "$snapshot" "$targets"; do
	length=$(size "r2/metadata/$file")
	for offset in 0 1 $((length / 5)) $((length / 3)) $((length / 2)) \
		$((length * 2 / 3)) $((length - 2)) $((length - 1)); do
		fresh
		corrupt "bad/metadata/$file" "$offset"
		refused "byte $offset of $file changed" '4 5 6 8' from_bad
	done
	for part in 0 1 $((length / 2)) $((length - 1)); do
		fresh
		head -c "$part" "r2/metadata/$file" >"bad/metadata/$file"
		refused "$file cut to $part bytes" '4 6' from_bad
	done
	fresh
	printf x >>"bad/metadata/$file"
	refused "$file with a byte too many" '4 5 6' from_bad
	fresh
	head -c 6000000 /dev/zero >>"bad/metadata/$file"
	refused "$file of six megabytes" '4 5 6' from_bad
	fresh
	rm "bad/metadata/$file"
	refused "$file missing" 13 from_bad
	fresh
	rm "bad/metadata/$file"
	mkfifo "bad/metadata/$file"
	refused "$file is a pipe" '10' from_bad
	fresh
	rm "bad/metadata/$file"
	ln -s "../../r2/metadata/$file" "bad/metadata/$file"
	refused "$file is a link" '10' from_bad
	fresh
	rm "bad/metadata/$file"
	mkdir "bad/metadata/$file"
	refused "$file is a folder" '10' from_bad
done

length=$(size "r2/$delta")
for offset in 0 3 4 9 10 15 16 20 $((length / 2)) $((length - 1)); do
	fresh
	corrupt "bad/$delta" "$offset"
	refused "byte $offset of the delta changed" '4 6' from_bad
done
for part in 0 1 15 16 17 $((length / 2)) $((length - 1)); do
	fresh
	head -c "$part" "r2/$delta" >"bad/$delta"
	refused "the delta cut to $part bytes" '4 6' from_bad
done
fresh
printf x >>"bad/$delta"
refused 'the delta with a byte too many' '4 5 6' from_bad
fresh
rm "bad/$delta"
refused 'the delta missing' 13 from_bad
fresh
cp "bad/$full" "bad/$delta"
refused 'the full package under the name of the delta' '4 5 6' from_bad

# A package changed while nothing is installed yet: the full one.
fresh
rm -rf device
make_device device
corrupt "bad/$full" $(($(size "bad/$full") - 1))
status=0
client device update --from bad >out 2>err || status=$?
[ "$status" -eq 6 ] || die "the first package changed: status $status"
[ ! -e device/slots/current ] || die 'a changed first package was activated'
recovers 'the first package changed'
echo 'ok the first package changed'

# Folders that are no repository at all.
fresh
rm -rf bad
mkdir bad
refused 'an empty folder' 13 from_bad
fresh
rm -rf bad
refused 'no folder' 13 from_bad
fresh
rm -rf bad
echo x >bad
refused 'a file that is no bundle' 4 from_bad
fresh
rm -rf bad
mkfifo bad
refused 'a pipe instead of a folder' 10 from_bad
fresh
rm -rf bad/metadata
ln -s ../r2/metadata bad/metadata
refused 'metadata behind a link' 10 from_bad
fresh
rm -rf bad
ln -s r2 bad
client device update --from bad >out 2>err ||
	die 'a person may name the folder by a link'
[ "$(runs device)" = 2 ] || die 'a folder named by a link changed nothing'

# The same in one file.
from_tar() {
	client device update --from bad.tar
}
pack() { # options of tar
	rm -f bad.tar
	tar -C bad "$@" -cf bad.tar .
}
fresh
pack
from_tar >out 2>err || { cat err; die 'a bundle in one file'; }
[ "$(runs device)" = 2 ] || die 'a bundle in one file changed nothing'
fresh
corrupt "bad/$full" $(($(size "bad/$full") / 2))
corrupt "bad/$delta" $(($(size "bad/$delta") / 2))
pack
refused 'in a bundle: packages changed' 6 from_tar
fresh
rm "bad/$full" "bad/$delta"
pack
refused 'in a bundle: packages missing' 13 from_tar
fresh
pack
for part in 1 3 5 9; do
	fresh
	pack
	truncate -s $(($(size bad.tar) * part / 10)) bad.tar
	refused "a bundle cut to $part tenths" 4 from_tar
done
fresh
ln -s /etc/passwd bad/metadata/passwd
pack
refused 'in a bundle: a link' 10 from_tar
fresh
ln "bad/$full" bad/targets/another
pack
refused 'in a bundle: a hard link' 10 from_tar
fresh
mkfifo bad/metadata/pipe
pack
refused 'in a bundle: a pipe' 10 from_tar
fresh
pack -P --transform 's,^\./metadata/t,../metadata/t,'
refused 'in a bundle: a name that climbs' 10 from_tar
fresh
pack -P --transform "s,^\./metadata/t,$WORK/t,"
refused 'in a bundle: an absolute name' 10 from_tar
fresh
pack
tar -C r1 -rf bad.tar ./metadata/timestamp.json
refused 'in a bundle: a name twice' 10 from_tar
fresh
truncate -s 1M bad/targets/holes
pack -S
refused 'in a bundle: a file with holes' 10 from_tar
fresh
pack -z
refused 'a bundle that is compressed' 4 from_tar
