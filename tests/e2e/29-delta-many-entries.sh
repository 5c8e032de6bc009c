#!/bin/sh
# A delta makes 100 000 entries on a device, exactly; and where of so many one is
# removed, one added and one changed, it is small.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
command -v python3 >/dev/null || {
	echo "no python3 here"
	exit 77
}
# shellcheck source=tests/e2e/device.sh
. "$here/device.sh"

# From tars, as making so many files takes longer than all that follows.
python3 - <<'P'
def member(name, kind, data=b""):
    h = bytearray(512)
    h[0:len(name)] = name
    h[100:156] = b"%07o\0%07o\0%07o\0%011o\0%011o\0        " % (
        0o755, 0, 0, len(data), 0)
    h[156:157] = kind
    h[257:265] = b"ustar\00000"
    h[148:156] = b"%06o\0 " % sum(h)
    return bytes(h) + data + bytes(-len(data) % 512)


def make(path, folders, left_out, changed):
    with open(path + ".tar", "wb") as out, open(path + ".list", "w") as names:
        for d in folders:
            out.write(member(b"%03d/" % d, b"5"))
            names.write("%03d 755 d\n" % d)
            for f in range(501):
                name = b"%03d/%03d" % (d, f)
                if name == left_out or (f == 500 and d != 123):
                    continue
                data = changed if name == b"077/499" else b""
                out.write(member(name, b"0", data))
                names.write("%s 755 f %d\n" % (name.decode(), len(data)))
        out.write(bytes(1024))


make("1", range(77, 78), None, b"")
make("2", range(200), b"123/500", b"one")
make("3", range(200), b"123/456", b"another")
P
echo 'a passphrase of this test' >pass
signer key generate key --environment lab --passphrase-fd 3 3<pass >/dev/null
signer init repo --environment lab --owner 'End-to-end tests' \
	--product gateway --key key --with-online --passphrase-fd 3 3<pass \
	>/dev/null

# Full packages are not compressed: that takes longest, and is seen elsewhere.
release() { # id, options...
	id=$1
	shift
	signer release create repo --product gateway --id "$id" --quiet \
		--codec none --input "$id.tar" "$@" >/dev/null
}
update() { # id, kind of package
	"$BIN/updater-client" update --quiet --config device/client.conf \
		--from "r$1" --json >out 2>err || die "release $1: $(cat err)"
	grep -q "\"package\": *\"$2\"" out || die "release $1: $(cat out)"
}
release 1
sign_and_publish repo r1
make_device device
update 1 full
release 2 --from 1
sign_and_publish repo r2
update 2 delta
(cd device/slots/current/ && find . -mindepth 1 \
	\( -type d -printf '%P %m d\n' -o -printf '%P %m %y %s\n' \)) |
	LC_ALL=C sort >got
LC_ALL=C sort 2.list | cmp - got || die 'another tree'
[ "$(cat device/slots/current/077/499)" = one ] || die 'another content'
echo "ok a delta makes $(wc -l <got) entries"
release 3 --from 2
size=$(cat repo/targets/gateway/3/*-from-2.pawl | wc -c)
[ "$size" -lt 4000 ] || die "100 000 entries: a delta of $size bytes"
echo "ok of 100 000 entries three change: a delta of $size bytes"
