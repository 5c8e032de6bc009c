#!/bin/sh
# Trees that are hard to keep go through a delta exactly, or are refused by
# name; and it is said where a delta leaves compressed content as it is.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
command -v python3 >/dev/null || {
	echo "no python3 here"
	exit 77
}
cd "$WORK"
signer=$BIN/signer
echo "a good passphrase" >pass
"$signer" key generate a.key --environment lab --passphrase-fd 3 3<pass
"$signer" init repo --environment lab --owner ACME --product gateway \
	--key a.key --with-online --passphrase-fd 3 3<pass >/dev/null 2>&1
create() {
	"$signer" release create repo --product gateway --quiet "$@"
}
die() {
	echo "$*"
	exit 1
}
refused() { # STATUS WORDS OPTIONS...
	want=$1 words=$2
	shift 2
	status=0
	create --id never "$@" >said 2>&1 || status=$?
	[ "$status" = "$want" ] && grep -q "$words" said ||
		die "status $status, wanted $want and $words: $(cat said)"
	echo "ok refused by name: $words"
}

# ---- compressed content, plain and not ---------------------------------------

libraries() { # ID: whether the delta needs any
	python3 - "$1" <<'P'
import glob, json, sys
for path in glob.glob("repo/staged/*.json"):
    for entry in json.load(open(path))["signed"].get("targets", {}).values():
        p = entry["custom"]["pawl"]
        if p.get("release") == sys.argv[1] and p.get("kind") == "delta":
            print(len(p.get("libraries", [])))
P
}
python3 "$here/tools/members.py" one 0
python3 "$here/tools/members.py" two 1
create --id 1 --input one >said 2>&1
create --id 2 --input two --from 1 >said 2>&1
! grep -q 'as it is' said || die "$(cat said)"
[ "$(libraries 2)" -gt 0 ] || die 'the delta has no members'
create --id 3 --input two --from 1 --plain >said 2>&1
! grep -q 'as it is' said || die "$(cat said)"
[ "$(libraries 3)" = 0 ] || die 'the plain delta has members'
echo "ok --plain"
if command -v cc >/dev/null; then
	cat >twice.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
int LZ4_compress_HC_extStateHC(void *, const char *, char *, int, int, int);
int LZ4_compress_HC_extStateHC(void *state, const char *from, char *to, int n,
			       int max, int level)
{
	static int calls;
	int (*real)(void *, const char *, char *, int, int, int) =
		(int (*)(void *, const char *, char *, int, int, int))dlsym(
			RTLD_NEXT, "LZ4_compress_HC_extStateHC");
	int len = real(state, from, to, n, max, level);

	if (calls++ > 0)
		to[len / 2] ^= 1;
	return len;
}
C
	cc -shared -fPIC -w -o twice.so twice.c -ldl
	LD_PRELOAD=$WORK/twice.so "$signer" release create repo \
		--product gateway --quiet --id 4 --input two --from 1 \
		>said 2>&1
	grep -q 'delta from 1: compressed content is sent as it is.*: .' said ||
		die "it is not said that the delta became plain: $(cat said)"
	[ "$(libraries 4)" = 0 ] || die 'the delta has members'
	echo "ok $(grep 'as it is' said)"
fi

# ---- what an app tree may not have ---------------------------------------------

mkdir -p odd/sub
mkfifo odd/sub/pipe
refused 10 'sub/pipe' --input odd
rm odd/sub/pipe
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("odd/sub/plug")'
refused 10 'sub/plug' --input odd
refused 10 'sub/plug' --input odd --attributes system

# ---- 100 000 entries -------------------------------------------------------------

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


def make(path, left_out, changed):
    with open(path, "wb") as out:
        for d in range(200):
            out.write(member(b"%03d/" % d, b"5"))
            for f in range(500):
                name = b"%03d/%03d" % (d, f)
                if name != left_out:
                    out.write(member(name, b"0", changed
                                     if name == b"077/499" else b""))
        out.write(bytes(1024))


make("many.tar", None, b"one")
make("many-2.tar", b"123/456", b"another")
P
mkdir scratch
line=$(NOFULL=1 "$BIN/tests/tools/delta-size" many.tar many-2.tar scratch)
rm -rf scratch
# shellcheck disable=SC2086 # a list of words
set -- $line
[ "$4" -lt 4000 ] || die "100 000 entries: $line"
echo "ok 100 000 entries: a delta of $4 bytes"

# ---- what a system tree keeps ----------------------------------------------------

[ "$(id -u)" = 0 ] || {
	echo "devices and owners: only for root"
	exit 0
}
long=$(printf '%0255d' 7)
mkdir -p old/"$long"/dev
head -c 200000 /dev/urandom >old/"$long/$long"
ln old/"$long/$long" old/second
ln -s "$long/$long" old/link
mkfifo -m 0620 old/"$long"/dev/pipe
mknod old/"$long"/dev/null c 1 3 2>/dev/null &&
	mknod -m 0600 old/"$long"/dev/disk b 8 1 2>/dev/null ||
	echo "no device nodes can be made here"
truncate -s 50M old/holes
printf x | dd of=old/holes bs=1 seek=30000000 conv=notrunc status=none
chown 12:34 old/second
chmod 4711 old/second
chown -h 5:6 old/link
cp -a old new
printf more >>new/second
rm new/"$long"/dev/pipe
mkfifo -m 0600 new/"$long"/dev/pipe
ln new/second new/third
printf yy | dd of=new/holes bs=1 seek=45000000 conv=notrunc status=none
mkdir scratch
"$BIN/tests/tools/delta-size" old new scratch lzma system out
kept() { # FOLDER: all that counts, but what the tar itself says of times read
	tar --sort=name --numeric-owner --xattrs --format=pax \
		--pax-option=delete=atime,delete=ctime,exthdr.name=x \
		-cf - -C "$1" . | sha256sum
}
[ "$(kept new)" = "$(kept out/new)" ] || die 'another tree came out'
[ "$(stat -c %i out/new/second)" = "$(stat -c %i out/new/third)" ] ||
	die 'two files instead of one with two names'
echo "ok links, devices, holes, owners and names of 255 bytes"
