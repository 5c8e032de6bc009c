#!/bin/sh
# The secret scan: every container in every wrapping is found by path and place,
# in a folder, an archive and a release; the private half of a key that the
# repository knows, bare; no archive bomb is followed; what is innocent, and
# what everybody has, is left alone.
# Begun early: much is read.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
cd "$WORK"
signer=$BIN/signer

die() {
	echo "FAILED: $*"
	exit 1
}

scan() { # wanted status, arguments...
	wanted=$1
	shift
	status=0
	"$signer" scan "$@" >said 2>&1 || status=$?
	[ "$status" -eq "$wanted" ] || {
		cat said
		die "status $status, not $wanted: scan $*"
	}
}

said() {
	grep -qF -- "$1" said || {
		cat said
		die "it did not say: $1"
	}
}

# An rpm around a compressed cpio: name of the file within, name of the rpm.
make_rpm() {
	python3 - "$1" "$2" <<'END'
import gzip, sys
def member(name, data):
	head = [1, 0o100644, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
	out = b"070701" + b"".join(b"%08x" % n for n in head) + name + b"\0"
	out += b"\0" * (-len(out) % 4) + data
	return out + b"\0" * (-len(out) % 4)
header = bytes.fromhex("8eade801" "00000000" "00000001" "00000008") + bytes(24)
with open(sys.argv[1], "rb") as f:
	cpio = member(b"etc/key", f.read()) + member(b"TRAILER!!!", b"")
with open(sys.argv[2], "wb") as f:
	f.write(bytes.fromhex("edabeedb0300") + bytes(90) + header + header +
		gzip.compress(cpio))
END
}

# ---- every container -------------------------------------------------------

mkdir keys
ec="-algorithm EC -pkeyopt ec_paramgen_curve:P-256"
# shellcheck disable=SC2086 # a list of words
openssl genpkey $ec -out keys/pkcs8.pem
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem \
	2>/dev/null
openssl genpkey -algorithm ED25519 -out keys/ed25519.pem
for f in pkcs8 ed25519; do
	openssl pkcs8 -topk8 -nocrypt -in keys/$f.pem -outform DER \
		-out keys/$f.der
done
openssl ec -in keys/pkcs8.pem -out keys/sec1.pem 2>/dev/null
openssl ec -in keys/pkcs8.pem -outform DER -out keys/sec1.der 2>/dev/null
openssl rsa -in rsa.pem -traditional -outform DER -out keys/pkcs1.der 2>/dev/null
openssl pkcs8 -topk8 -in keys/pkcs8.pem -passout pass:secret -outform DER \
	-out keys/encrypted.der
openssl pkcs8 -topk8 -in keys/pkcs8.pem -passout pass:secret \
	-out keys/encrypted.pem
openssl req -x509 -key rsa.pem -subj /CN=a -days 2 -out cert.pem
openssl pkcs12 -export -inkey rsa.pem -in cert.pem -passout pass:secret \
	-out keys/store.p12
iconv -f ASCII -t UTF-16LE <keys/pkcs8.pem >keys/utf16le.pem
iconv -f ASCII -t UTF-16BE <keys/pkcs8.pem >keys/utf16be.pem
# In the middle of a file of other things.
head -c 300001 /dev/zero | tr '\0' x >filler
cat filler keys/pkcs1.der filler >keys/embedded.bin
python3 - <<'END'
import base64, json, os
def url(b):
	return base64.urlsafe_b64encode(b).rstrip(b"=").decode()
with open("keys/jwks.json", "w") as f:
	json.dump({"keys": [{"kty": "EC", "crv": "P-256", "x": url(os.urandom(32)),
		"y": url(os.urandom(32)), "d": url(os.urandom(32))}]}, f, indent=1)
with open("keys/wg0.conf", "w") as f:
	f.write("[Interface]\nPrivateKey = %s\n" %
		base64.b64encode(os.urandom(32)).decode())
with open("keys/putty.ppk", "w") as f:
	f.write("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n"
		"Comment: x\nPrivate-Lines: 1\n%s\n" %
		base64.b64encode(os.urandom(36)).decode())
with open("keys/age.txt", "w") as f:
	f.write("AGE-SECRET-KEY-1" + "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L" * 2)
body = b"openssh-key-v1\0\0\0\0\4none\0\0\0\4none\0\0\0\0\0\0\0\1" + os.urandom(90)
with open("keys/id", "wb") as f:
	f.write(body)
END
echo "a good passphrase" >pass
"$signer" key generate keys/own.key --environment lab --passphrase-fd 3 3<pass \
	>/dev/null
rm keys/own.key.pub

for f in keys/*; do
	scan 10 "$f"
	said "$f: byte "
	scan 10 --json "$f"
	python3 -c 'import json, sys
f = json.load(open("said"))["findings"]
sys.exit(not (f[0]["path"] == sys.argv[1] and "offset" in f[0] and f[0]["kind"]
	and f[0]["advice"]))' "$f" || die "JSON of $f"
done
scan 10 keys/embedded.bin
said "keys/embedded.bin: byte 300001: a PKCS#1 RSA key"

# ---- every wrapping --------------------------------------------------------

mkdir tree tree/sub
cp keys/pkcs8.pem tree/sub/a.pem
tar -cf t.tar -C tree .
gzip -k t.tar && xz -k t.tar && zstd -q t.tar -o t.tar.zst
bzip2 -k t.tar 2>/dev/null || :
python3 -c 'import zipfile
z = zipfile.ZipFile("t.zip", "w", zipfile.ZIP_DEFLATED)
z.write("tree/sub/a.pem", "sub/a.pem")'
for f in t.tar t.tar.gz t.tar.xz t.tar.zst t.zip; do
	scan 10 "$f"
	said "$f!/sub/a.pem: byte 0: a PEM private key"
	[ "$(grep -c 'byte' said)" -eq 1 ] || die "$f: told more than once"
done
mkdir deep && cp t.tar.gz deep/inner.tgz && tar -cJf deep.tar.xz deep
scan 10 deep.tar.xz
said 'deep.tar.xz!/deep/inner.tgz!/sub/a.pem: byte 0: a PEM private key'
# Zeroes first, as in the image of a file system: that is no empty tar.
(head -c 4096 /dev/zero && cat keys/pkcs8.pem) | gzip >image.gz
scan 10 image.gz
said 'image.gz!: byte 4096: a PEM private key'
ar rc pkg.deb t.tar.xz
scan 10 pkg.deb
said 'pkg.deb!/t.tar.xz!/sub/a.pem: byte 0: '
make_rpm keys/pkcs8.pem pkg.rpm
scan 10 pkg.rpm
said '/etc/key: byte 0: a PEM private key'
gzip -c keys/pkcs8.der >k.gz
scan 10 k.gz
said 'k.gz!: byte 0: a PKCS#8 EC key'
for f in pkcs8.der sec1.der pkcs1.der store.p12 encrypted.der pkcs8.pem; do
	base64 <keys/$f >b64
	scan 10 b64
	said 'in base64'
	base64 -w 0 <keys/$f | tr '+/' '-_' | sed 's/^/{"key": "/;s/$/"}/' >url
	scan 10 url
	said 'url: byte 9: '
	base64 <b64 >twice
	scan 10 twice
	said 'in base64 twice'
done
od -An -v -tx1 keys/pkcs8.der | tr -d ' \n' >hex
scan 10 hex
said 'in hexadecimal'
# The same, written out byte by byte.
for f in pkcs8.der sec1.der pkcs1.der encrypted.der pkcs8.pem; do
	od -An -v -tx1 keys/$f >od
	od -Ax -v -tx1 keys/$f >od-offsets
	tr -d '\n' <od | sed 's/^ //; s/ /:/g; s/.\{45\}/    &\n/g' >colons
	{
		echo 'static const unsigned char key[121] = {'
		sed 's/ \(..\)/ 0x\1,/g' od
		echo '};'
	} >array.h
	tr -d '\n' <od | sed 's/ /\\x/g; s/^/printf "/; s/$/"/' >string.sh
	python3 - keys/$f <<'END'
import sys
data = open(sys.argv[1], "rb").read()
def shown(part):
	return "".join(chr(c) if 32 <= c < 127 else "." for c in part)
with open("hexdump-C", "w") as c, open("xxd", "w") as x:
	for i in range(0, len(data), 16):
		part = data[i:i + 16]
		pairs = ["%02x" % b for b in part]
		left = " ".join(pairs[:8])
		right = " ".join(pairs[8:])
		c.write("%08x  %-24s %-24s |%s|\n" % (i, left, right, shown(part)))
		words = ["".join(pairs[n:n + 2]) for n in range(0, len(pairs), 2)]
		x.write("%08x: %-39s  %s\n" % (i, " ".join(words), shown(part)))
	c.write("%08x\n" % len(data))
END
	for dump in od od-offsets colons array.h string.sh hexdump-C xxd; do
		scan 10 $dump
		said "$dump: byte "
		said ', in a hex dump'
	done
done
# An archive in base64: small, within a text; and large, as a whole file.
{
	printf 'data: '
	base64 -w 0 t.tar.gz
	echo
} >data.yaml
scan 10 data.yaml
said 'data.yaml!base64@6!/sub/a.pem: byte 0: '
mkdir large && head -c 900000 /dev/urandom >large/noise
cp keys/pkcs8.pem large/z.pem
tar -czf - --sort=name large | base64 >large.b64
scan 10 large.b64
said 'large.b64!base64!/large/z.pem: byte 0: '

# ---- images of file systems and disks --------------------------------------

mkdir -p system/etc system/usr
cp keys/pkcs8.pem system/etc/key
seq 1 100000 >system/usr/numbers
if command -v mke2fs >/dev/null; then
	mke2fs -q -t ext4 -d system disk.ext4 8M 2>/dev/null
	mkdir images
	cp disk.ext4 images/
	scan 10 images
	said 'images/disk.ext4!/etc/key: byte 0: a PEM private key'
	gzip -c disk.ext4 >disk.gz
	scan 10 disk.gz
	said 'disk.gz!/etc/key: byte 0: a PEM private key'
fi
if command -v mksquashfs >/dev/null; then
	for packer in gzip xz zstd lz4; do
		mksquashfs system image.squashfs -comp $packer -noappend -quiet \
			-no-progress >/dev/null
		scan 10 image.squashfs
		said 'image.squashfs!/etc/key: byte 0: a PEM private key'
	done
	# In a partition, in an archive.
	python3 - <<'END'
import struct
image = open("image.squashfs", "rb").read()
sector = bytearray(512)
sector[446:462] = struct.pack("<4xB3xII", 0x83, 1, len(image) // 512)
sector[510:] = b"\x55\xaa"
open("card.img", "wb").write(bytes(sector) + image)
END
	tar -cJf card.tar.xz card.img
	scan 10 card.tar.xz
	said 'card.tar.xz!/card.img!/partition 1!/etc/key: byte 0: '
	mksquashfs system lzo.squashfs -comp lzo -noappend -quiet \
		-no-progress >/dev/null
	scan 10 lzo.squashfs
	said 'lzo.squashfs: is a squashfs image that cannot be looked into: it'
	said ' is packed with LZO: not searched whole'
fi
# What cannot be opened is told.
{ head -c 1024 /dev/zero && printf '\342\341\365\340' &&
	head -c 4096 /dev/zero; } >root.erofs
scan 10 root.erofs
said 'root.erofs: is an erofs image, which is not opened here: not searched'

# ---- in the midst of a file -------------------------------------------------

# A kernel carries its first files behind its code; a bootloader an image.
head -c 70001 "$signer" >code
mkdir first
cp keys/pkcs8.pem first/key
tar -C first -cf first.tar key
for packer in "gzip -c" "xz -c" "bzip2 -c" "zstd -qc" "lz4 -qc" "lz4 -lqc" \
	"xz --format=lzma -c"; do
	command -v "${packer%% *}" >/dev/null || continue
	(cat code && $packer first.tar && cat code) >kernel
	scan 10 kernel
	said 'kernel!@70001!/key: byte 0: a PEM private key'
	# In an archive, which cannot be read twice.
	tar -czf kernel.tgz kernel
	scan 10 kernel.tgz
	said 'kernel.tgz!/kernel!@70001!/key: byte 0: a PEM private key'
	scan 10 /dev/stdin <kernel.tgz
done
python3 - <<'END'
import zipfile
with zipfile.ZipFile("first.zip", "w", zipfile.ZIP_DEFLATED) as z:
	z.write("filler")
	z.write("first/key", "key")
END
(cat code first.zip) >setup.exe
scan 10 setup.exe
said 'setup.exe!@70001!/key: byte 0: a PEM private key'
if command -v mksquashfs >/dev/null; then
	(cat code image.squashfs code) >flash
	scan 10 flash
	said 'flash!@70001!/etc/key: byte 0: a PEM private key'
	(cat code lzo.squashfs) >flash
	scan 10 flash
	said 'flash!@70001: is a squashfs image that cannot be looked into'
fi
if command -v mkimage >/dev/null; then
	gzip -c first.tar >ramdisk
	mkimage -q -f auto -A arm64 -O linux -T kernel -C none -a 0 -e 0 -n x \
		-d code -i ramdisk fit.itb >/dev/null 2>&1
	scan 10 fit.itb
	grep -q '^fit.itb!@[0-9]*!/key: byte 0: a PEM private key$' said ||
		die "not found in a FIT: $(cat said)"
fi
(head -c 8192 /dev/zero && printf 'UBI#\1' && cat code) >flash
scan 10 flash
said 'flash: holds a UBI image at byte 8192, which is not opened here'
# Streams that each hold all that follow: told once, and no time is lost.
python3 -c 'import sys
sys.stdout.buffer.write(b"x" + bytes.fromhex(
	"1f8b0800000000000003" "000a00f5ff") * 60000)' >matryoshka
scan 10 matryoshka
said 'expands without end: not searched whole'
[ "$(wc -l <said)" -lt 20 ] || die "told too often: $(wc -l said)"
# Headers alone, without end.
python3 -c 'import sys
sys.stdout.buffer.write(b"x" + bytes.fromhex("1f8b0800000000000003") * 70000)' >heads
scan 10 heads
said 'heads: holds too many archives in its midst: not searched whole'

# ---- behind the end of an archive -------------------------------------------

# Files that were joined. The second is opened like the first, and so is what
# lies in the midst of what follows; at once and as a stream.
seq 1 30000 >numbers
tar -cf numbers.tar numbers
python3 - <<'END'
import lzma, struct, zipfile, zlib
with zipfile.ZipFile("numbers.zip", "w", zipfile.ZIP_DEFLATED) as z:
	z.write("numbers")
def lzip(data):
	raw = lzma.compress(data, lzma.FORMAT_RAW,
		filters=[{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16}])
	return (b"LZIP\1\x10" + raw +
		struct.pack("<IQQ", zlib.crc32(data), len(data), len(raw) + 26))
def cpio(name, data):
	def member(name, data):
		head = [1, 0o100644, 0, 0, 1, 0, len(data), 0, 0, 0, 0,
			len(name) + 1, 0]
		out = b"070701" + b"".join(b"%08x" % n for n in head) + name
		out += b"\0" * (4 - len(out) % 4) + data
		return out + b"\0" * (-len(out) % 4)
	return member(name, data) + member(b"TRAILER!!!", b"")
for name in "numbers", "first":
	with open(name + ".tar", "rb") as f:
		data = f.read()
	with open(name + ".lz", "wb") as f:
		f.write(lzip(data))
	with open(name + ".lzma", "wb") as f:
		f.write(lzma.compress(data, lzma.FORMAT_ALONE))
with open("numbers", "rb") as f, open("first/key", "rb") as key:
	with open("numbers.cpio", "wb") as out:
		out.write(cpio(b"numbers", f.read()) + bytes(300))
	with open("first.cpio", "wb") as out:
		out.write(cpio(b"key", key.read()))
END
for name in numbers first; do
	gzip -kf $name.tar
	xz -kf $name.tar
	zstd -qf $name.tar
	for packer in bzip2:bz2 lz4:lz4 "lz4 -l:lz4old"; do
		command -v "$(echo "${packer%:*}" | cut -d' ' -f1)" >/dev/null &&
			${packer%:*} -qc $name.tar >$name.tar.${packer#*:}
	done
done
(cd first && ar rc ../first.ar key)
ar rc numbers.ar numbers
joined() { # first, second, where the second is opened
	at=$(stat -c %s "$1")
	cat "$1" "$2" >joined
	scan 10 joined
	said "joined!@$at!/key: byte 0: a PEM private key"
	[ "$(grep -c ': byte ' said)" -eq 1 ] || die "told twice: $1 and $2"
	tar -czf joined.tgz joined
	scan 10 joined.tgz
	said "joined.tgz!/joined!@$at!/key: byte 0: a PEM private key"
}
# gzip, bzip2, lzip, xz, zstd and lz4 are one with the next of their kind.
for one in tar zip cpio ar tar.gz tar.xz tar.zst tar.bz2 tar.lz4 tar.lz4old \
	lzma lz; do
	[ ! -e "numbers.$one" ] || joined "numbers.$one" first.zip
done
for two in tar cpio ar tar.gz tar.xz tar.zst lzma lz; do
	joined numbers.zip first.$two
done
for packer in gz xz zst bz2 lz4; do
	[ -e numbers.tar.$packer ] || continue
	cat numbers.tar.$packer first.tar.$packer >joined
	scan 10 joined
	grep -q '^joined!.*/key: byte 0: a PEM private key$' said ||
		die "not found behind its kind: $packer"
done
# What is no archive is a plain file's content.
for one in tar zip tar.gz tar.xz tar.zst lzma; do
	at=$(($(stat -c %s numbers.$one) + 1 + $(stat -c %s code)))
	(cat numbers.$one && printf x && cat code first.zip) >joined
	scan 10 joined
	said "joined!@$at!/key: byte 0: a PEM private key"
	(cat numbers.$one && printf x && cat code keys/pkcs8.pem) >joined
	scan 10 joined
	said "joined: byte $at: a PEM private key"
done
# The first files of a kernel: some as they are, the rest compressed.
(cat numbers.cpio && gzip -c first.cpio) >initrd
scan 10 initrd
said "initrd!@$(stat -c %s numbers.cpio)!/key: byte 0: a PEM private key"
if command -v mksquashfs >/dev/null; then
	for one in tar.gz tar.xz zip; do
		cat numbers.$one image.squashfs >joined
		scan 10 joined
		said "joined!@$(stat -c %s numbers.$one)!/etc/key: byte 0: a PEM"
	done
	# A zip that was cut off before its directory, and far from it.
	python3 -c 'with open("numbers.zip", "rb") as f:
	zip = f.read()
with open("cut.zip", "wb") as out:
	out.write(zip[:zip.index(b"PK\1\2")] + b"x" * 1000000)'
	(cat cut.zip image.squashfs && head -c 600000 code) >joined
	scan 10 joined
	said "joined!@$(stat -c %s cut.zip)!/etc/key: byte 0: a PEM"
fi
# Of many, each takes its part of what may be opened, and no time.
python3 -c 'import sys
gzip = bytes.fromhex("1f8b080000000000000303000000000000000000")
zstd = bytes.fromhex("28b52ffd0000010000")
sys.stdout.buffer.write((gzip + zstd) * 40000)' >chain
scan 10 chain
said 'chain: holds too many archives in its midst: not searched whole'

# ---- bombs and depth -------------------------------------------------------

head -c 300000000 /dev/zero | xz -0 -T1 >bomb.xz
scan 10 bomb.xz
said 'bomb.xz: expands without end: not searched whole'
cp keys/pkcs8.pem doll
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17; do
	tar -cf doll.$i doll && mv doll.$i doll
done
scan 10 doll
said 'nested too deep'
# Only libraries open archives: no program is started for one.
mkdir bin
for p in lrzip lzop grzip gzip xz unzip; do
	printf '#!/bin/sh\ntouch %s/started\n' "$WORK" >bin/$p
done
chmod 755 bin/*
printf 'LRZI\0\6aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' >x.lrz
printf '\211LZO\0\r\n\032\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' >x.lzo
printf 'GRZipII\0\2\4:)aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' >x.grz
status=0
PATH=$WORK/bin:$PATH "$signer" scan x.lrz x.lzo x.grz t.tar.gz >said || status=$?
[ $status -eq 10 ] && [ ! -e started ] || die "a program was started"
: >empty.gz
scan 0 empty.gz
printf 'PK\003\004' >stub.zip
scan 0 stub.zip

# ---- a key that the repository knows, bare ---------------------------------

"$signer" key generate known.key --environment lab --passphrase-fd 3 3<pass \
	>/dev/null
"$signer" init repo --environment lab --owner ACME --product gateway \
	--key known.key --with-online --passphrase-fd 3 3<pass >/dev/null 2>&1
"$BIN/tests/tools/bare-key" known.key "$(cat pass)" >bare.pem
openssl pkey -in bare.pem -outform DER | python3 -c 'import sys
der = sys.stdin.buffer.read()
at = der.index(b"\2\1\1\4\x20") + 5
open("scalar", "wb").write(der[at:at + 32])'
[ "$(stat -c %s scalar)" -eq 32 ]
scan 0 scalar
scan 10 --repo repo scalar
said 'scalar: byte 0: the private half of key '
(printf 'abc' && cat scalar && printf 'def') >near
scan 10 --repo repo near
said 'near: byte 3: the private half'
od -An -v -tx1 scalar | tr -d ' \n' >scalar.hex
scan 10 --repo repo scalar.hex
said 'scalar.hex: byte 0: the private half'
(printf '{"x": "' && base64 <scalar | tr -d '=\n' | tr '+/' '-_' &&
	printf '"}') >scalar.json
scan 10 --repo repo scalar.json
said 'scalar.json: byte 7: the private half'
tar -czf scalar.tgz scalar
scan 10 --repo repo scalar.tgz
said 'scalar.tgz!/scalar: byte 0: the private half'
# Anywhere, in programs as in text.
(head -c 20011 /dev/zero && cat scalar && head -c 30000 /dev/zero) >anywhere
scan 10 --repo repo anywhere
said 'anywhere: byte 20011: the private half'
(cat "$signer" && printf x && cat scalar && cat "$signer") >program
scan 10 --repo repo --exhaustive program
said "program: byte $(($(stat -c %s "$signer") + 1)): the private half"
# Behind much noise: when each place is asked for.
(head -c 100001 /dev/urandom && cat scalar && head -c 10000 /dev/urandom) >noise
scan 0 --repo repo noise
scan 10 --repo repo --exhaustive noise
said 'noise: byte 100001: the private half'
# The example keys need no repository.
"$BIN/tests/tools/bare-key" "$top/keys-example/example-1.key" \
	'pawl example key' >example.pem
openssl pkey -in example.pem -outform DER | python3 -c 'import sys
der = sys.stdin.buffer.read()
at = der.index(b"\2\1\1\4\x20") + 5
open("example", "wb").write(der[at:at + 32])'
scan 10 example
said 'the private half of keys-example/example-1.key'

# ---- a release is searched before anything is signed -----------------------

mkdir -p one/share
printf '#!/bin/sh\nexit 0\n' >one/check
head -c 100000 /dev/urandom >one/share/data
chmod 755 one/check
create() { # wanted status, id, tree, options...
	wanted=$1 id=$2 from=$3
	shift 3
	status=0
	"$signer" release create repo --product gateway --id "$id" \
		--input "$from" --health check --quiet "$@" >said 2>&1 || status=$?
	[ "$status" -eq "$wanted" ] || {
		cat said
		die "status $status, not $wanted: create $id"
	}
}
create 0 1 one
cp -a one two
cp deep.tar.xz two/share/backup
create 10 2 two --from 1
said 'share/backup!/deep/inner.tgz!/sub/a.pem holds a PEM private key at byte 0'
cp scalar two/share/backup
create 10 2 two --from 1
said 'share/backup holds the private half of key '
cp noise two/share/backup
create 10 2 two --from 1 --exhaustive
said 'share/backup holds the private half of key '
cp bomb.xz two/share/backup
create 10 2 two --from 1
said 'share/backup expands without end'
"$signer" release list repo | grep -q ' 2 ' && die "a refused release is staged"
cp deep.tar.xz two/share/backup
create 10 2 two --from 1 --allow-secret share/data
create 0 2 two --from 1 --allow-secret share/backup
# An image in a tree is opened; what cannot be, needs a word and a signature.
if command -v mksquashfs >/dev/null; then
	cp image.squashfs two/share/backup
	create 10 3 two --from 1
	said 'share/backup!/etc/key holds a PEM private key at byte 0'
	create 10 3 image.squashfs --component os --content image
	said 'image!/etc/key holds a PEM private key at byte 0'
fi
cp root.erofs two/share/backup
create 10 3 two --from 1
said 'share/backup is an erofs image, which is not opened here: so it cannot'
said "say --allow-secret 'share/backup'"
# A long name is said whole: it is there to be copied.
long=share/$(printf '%0120d' 0)
mv two/share/backup "two/$long"
create 10 3 two --from 1
said "say --allow-secret '$long'"
mv "two/$long" two/share/backup
"$signer" release list repo | grep -q ' 3 ' && die "a refused release is staged"
create 0 3 two --from 1 --allow-secret share/backup
"$signer" inspect repo | grep -q 'secrets_allowed.*"share/backup"' ||
	die "the exception is not signed"
# An exception is for one component, whatever the others hold.
create 10 5 one --component app --with-tree os=two
said 'os: share/backup is an erofs image'
said "say --allow-secret 'os:share/backup'"
create 10 5 one --component app --with-tree os=two --allow-secret share/backup
create 0 5 one --component app --with-tree os=two \
	--allow-secret os:share/backup
said 'not searched whole, which --allow-secret os:share/backup lets pass'
"$signer" inspect repo | grep -q 'secrets_allowed.*"os:share/backup"' ||
	die "the exception is not signed"
create 2 6 one --component app --with-tree os=two \
	--allow-secret os:share/backup --allow-secret share/data
said '--allow-secret share/data: no file with a private key'

# ---- what is innocent ------------------------------------------------------

scan 0 "$BIN/signer" "$BIN/update-server" "$BIN/updater-client"
scan 0 one filler cert.pem "$top/common" "$top/docs" known.key.pub
mkdir shut && echo secret >shut/file && chmod 0 shut/file
if [ "$(id -u)" -ne 0 ]; then
	scan 1 shut
	said 'could not be read'
fi
scan 13 nothing-there
# Programs that carry what looks like keys: self tests, parsers, self-made text.
for f in /usr/bin/openssl /usr/bin/python3 /usr/bin/ssh /usr/bin/curl \
	/usr/lib/x86_64-linux-gnu/libgnutls.so.30 \
	/usr/lib/x86_64-linux-gnu/libcrypto.so.3 /etc/ssl/certs/ \
	/usr/share/man/man5/systemd.netdev.5.gz /usr/share/man/man8/wg.8.gz; do
	[ ! -e "$f" ] || scan 0 "$f"
done
# What every Debian has, and what handles keys there (make test-innocents: all).
if command -v dpkg-query >/dev/null; then
	dpkg-query -W -f '${Essential} ${binary:Package}\n' |
		awk '$1 == "yes" { print $2 }' |
		xargs dpkg-query -L libc6 libssl3 libgnutls30 libgcrypt20 \
			libsystemd0 libcurl4 openssl openssh-client gpg \
			ca-certificates 2>/dev/null | LC_ALL=C sort -u |
		while read -r f; do
			[ ! -f "$f" ] || [ -h "$f" ] || echo "$f"
		done >debian || :
	xargs "$signer" scan <debian >said 2>&1 || {
		cat said
		die "what every Debian has is taken for a key"
	}
	[ "$(wc -l <debian)" -gt 500 ] || die "that is no Debian: $(cat debian)"
fi
