#!/bin/sh
# Trees that are hard to keep go through a delta exactly, or are refused by
# name; and it is said where a delta leaves compressed content as it is. (Of many
# entries: 29-delta-many-entries; with what cannot be read or is too large:
# 29-delta-bad-input.)
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

	/* Proved twice, for so small a delta is made a second time. */
	if (calls++ > 1)
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
rm odd/sub/plug
# Device nodes, names too long and the like, as root would find them in a folder.
odd_tar() { # NAME TYPE
	python3 - "$1" "$2" <<'P'
import sys, tarfile
with tarfile.open("odd.tar", "w", format=tarfile.PAX_FORMAT) as tar:
    member = tarfile.TarInfo("sub")
    member.type, member.mode = tarfile.DIRTYPE, 0o755
    tar.addfile(member)
    member = tarfile.TarInfo("sub/" + sys.argv[1])
    member.type, member.devmajor, member.devminor = sys.argv[2].encode(), 8, 1
    tar.addfile(member)
P
}
for type in 3 4 6; do # character and block device, fifo
	odd_tar "node-$type" $type
	refused 10 "sub/node-$type" --input odd.tar
done
long=$(printf '%0255d' 7)
odd_tar "8$long" 0
for kind in app system; do
	refused 5 'sub/8000.*path is too long' --input odd.tar \
		--attributes $kind
done

# ---- what an app tree keeps ----------------------------------------------------

mkdir -p old/"$long" scratch
head -c 100000 /dev/urandom >old/"$long/$long"
ln old/"$long/$long" old/second
ln -s "$long/$long" old/link
cp -a old new
printf more >>new/second
ln new/second new/third
chmod 640 new/"$long/$long"
NOFULL=1 "$BIN/tests/tools/delta-size" old new scratch lzma app out
diff -r --no-dereference new out/new >&2 || die 'another tree came out'
[ "$(readlink out/new/link)" = "$long/$long" ] &&
	[ "$(stat -c %a out/new/third)" = 640 ] || die 'another link or mode'
echo "ok an app tree: names of 255 bytes, and each name of a file with three"
rm -rf old new scratch out

# ---- what a system tree keeps ----------------------------------------------------

[ "$(id -u)" = 0 ] || {
	echo "devices and owners: only for root"
	exit 0
}
mkdir -p old/"$long"/dev
head -c 200000 /dev/urandom >old/"$long/$long"
ln old/"$long/$long" old/second
ln -s "$long/$long" old/link
mkfifo -m 0620 old/"$long"/dev/pipe
mknod old/"$long"/dev/null c 1 3 2>/dev/null &&
	mknod -m 0600 old/"$long"/dev/disk b 8 1 2>/dev/null ||
	echo "no device nodes can be made here"
truncate -s 12M old/holes
printf x | dd of=old/holes bs=1 seek=7000000 conv=notrunc status=none
chown 12:34 old/second
chmod 4711 old/second
chown -h 5:6 old/link
cp -a old new
printf more >>new/second
rm new/"$long"/dev/pipe
mkfifo -m 0600 new/"$long"/dev/pipe
ln new/second new/third
printf yy | dd of=new/holes bs=1 seek=11000000 conv=notrunc status=none
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
