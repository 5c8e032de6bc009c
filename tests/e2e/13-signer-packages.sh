#!/bin/sh
# Packages: the same input gives the same bytes, a tar is as good as a folder
# (owners as in the tar, no root), a cut-off command leaves nothing behind, and
# every command speaks JSON.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
cd "$WORK"
signer=$BIN/signer
echo "a good passphrase" >pass
"$signer" key generate a.key --environment lab --passphrase-fd 3 3<pass
init() {
	"$signer" init "$1" --environment lab --owner ACME --product gateway \
		--product sensor --key a.key --with-online --passphrase-fd 3 3<pass
}
create() {
	repo=$1
	shift
	"$signer" release create "$repo" --product gateway --quiet "$@"
}

mkdir -p tree/bin tree/empty tree/usr
printf '#!/bin/sh\nexit 0\n' >tree/bin/check
chmod 755 tree/bin/check
chmod 750 tree/usr
ln -s ../bin/check tree/usr/check
head -c 700000 /dev/urandom >tree/data
cp -a tree tree-2
head -c 5000 /dev/urandom >tree-2/more
tail -c 400000 tree/data >>tree-2/data

# ---- the same bytes, twice, from a folder and from a tar -------------------

tar --owner=www:33 --group=www:33 -cf tree.tar -C tree .
tar --owner=www:33 --group=www:33 -cJf tree-2.tar.xz -C tree-2 .
init one >/dev/null 2>&1
init two >/dev/null 2>&1
create one --id 1 --input tree --health usr/check
create one --id 2 --input tree-2 --from 1 --codec lzma --health usr/check
create two --id 1 --input tree.tar --health usr/check
create two --id 2 --input tree-2.tar.xz --from-all --codec lzma \
	--health usr/check
(cd one/targets && find . -type f | sort) >names-1
(cd two/targets && find . -type f | sort) >names-2
cmp names-1 names-2 # names hold the digests of the bytes
[ "$(wc -l <names-1)" -eq 3 ]

# Owners count in a system tree, and nobody needs to be root to release one.
init three >/dev/null 2>&1
create three --id 1 --input tree.tar --attributes system
create three --id 2 --input tree.tar --attributes system 2>said
digest() {
	"$signer" release show three --product gateway --id "$1" --json |
		sed -n 's/.*"digest": "\(.*\)".*/\1/p'
}
[ "$(digest 1)" = "$(digest 2)" ]
tar --owner=root:0 --group=root:0 -cf root.tar -C tree .
create three --id 3 --input root.tar --attributes system --from 1
[ "$(digest 1)" != "$(digest 3)" ]

# The bill of materials is signed along, and told from any other file.
init bill >/dev/null 2>&1
echo '{"bomFormat":"CycloneDX"}' >bom-1
echo '{"bomFormat":"CycloneDX","version":2}' >bom-2
create bill --id 1 --input tree --health usr/check --sbom bom-1
printf '[release]\nsbom = bom-2\n' >two.ini
create bill --id 2 --input tree-2 --description two.ini --health usr/check \
	--with-undo --undo-to 1
is_bom() { # status, release, file
	got=0
	"$signer" release show bill --product gateway --id "$2" --sbom "$3" \
		>said 2>&1 || got=$?
	[ "$got" -eq "$1" ] || { cat said; echo "status $got, not $1"; exit 1; }
}
is_bom 0 1 bom-1
grep -q "^sbom: *$(sha256sum bom-1 | cut -d' ' -f1), 26 bytes" said
is_bom 0 2 bom-2
is_bom 0 2.undo bom-1
is_bom 6 1 bom-2
is_bom 6 2.undo bom-2
"$signer" inspect bill | grep -q "$(sha256sum bom-2 | cut -d' ' -f1)" ||
	{ echo "inspect does not show the bill"; exit 1; }
create bill --id 3 --input tree --health usr/check
is_bom 13 3 bom-1
! create bill --id 4 --input tree --sbom /dev/null 2>said || exit 1
grep -q 'sbom: /dev/null is no file' said

# Names are UTF-8, whatever the locale of who releases; holes are zeros, also at
# the end.
mkdir odd
echo name >"odd/$(printf '\303\274ber')"
truncate -s 3M odd/holes
tar --sparse --format=posix --owner=root:0 --group=root:0 -cf odd.tar -C odd .
LC_ALL=C create three --id 4 --input odd.tar
LC_ALL=C create three --id 5 --input odd 2>said
[ "$(digest 4)" = "$(digest 5)" ]

# ---- sequence numbers, per product -----------------------------------------

"$signer" release create one --product sensor --id 1 --input tree --quiet \
	2>/dev/null
seq_of() {
	"$signer" release show one --product "$1" --id "$2" |
		sed -n 's/^seq: *//p'
}
[ "$(seq_of gateway 2)" = 2 ]
[ "$(seq_of sensor 1)" = 1 ]

# ---- a description file says the same as options ---------------------------

cat >release.ini <<END
[release]
product = gateway
id = 3
version = Third time
input = tree-2
from = 1
from = 2
model = board-a
model = board-b
health = usr/check --now
deadline = 60
fixes = CVE-2026-1234
urgent = yes
END
"$signer" release create one --description release.ini --quiet --json >said
grep -q '"version": "Third time"' said
grep -q '"health_deadline": 60' said
"$signer" release create one --description release.ini --id 4 --model board-c \
	--quiet --json >said
grep -q '"release": "4"' said
grep -q board-c said
grep -q board-a said && exit 1
echo "surprise = 1" >>release.ini
status=0
"$signer" release create one --description release.ini --id 5 2>said ||
	status=$?
[ $status -eq 3 ]
grep -q surprise said
# What devices could not read is not signed.
for fix in CVE_2026_1 CVE.1 CVE-2026-111111111111111111111111; do
	status=0
	"$signer" release create one --product gateway --id 5 --input tree-2 \
		--fixes "$fix" 2>said || status=$?
	[ $status -eq 2 ]
	grep -q 'fixes: .*is no id' said
done

# ---- a private key in the content ------------------------------------------

openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
	-out secret.pem 2>/dev/null
openssl pkey -in secret.pem -outform DER -out secret.der
base64 <secret.pem >secret.b64
for secret in secret.pem secret.der secret.b64 a.key; do
	cp -a tree spoilt
	cp $secret spoilt/usr/share.bin
	status=0
	create one --id 5 --input spoilt 2>said || status=$?
	[ $status -eq 10 ]
	grep -q "usr/share.bin holds " said
	status=0
	tar -cf spoilt.tar -C spoilt .
	create one --id 5 --input spoilt.tar 2>said || status=$?
	[ $status -eq 10 ]
	grep -q "usr/share.bin holds " said
	rm -rf spoilt
done
cp -a tree spoilt
cp secret.pem spoilt/test.pem
status=0
create one --id 5 --input spoilt --allow-secret data 2>said || status=$?
[ $status -eq 10 ]
create one --id with-a-key --input spoilt --allow-secret test.pem 2>/dev/null
"$signer" inspect one | grep -q \
	'+ pawl.secrets_allowed."gateway/with-a-key".*= "test.pem"'

# ---- killed in the middle: as if nothing had been --------------------------

state() {
	(cd one && find . -type f ! -name .lock ! -path './.work/*' \
		-exec sha256sum {} + | sort)
}
head -c 40000000 /dev/urandom >tree-2/large
before=$(state)
"$signer" release create one --product gateway --id 5 --input tree-2 \
	--from-all --codec lzma --quiet >/dev/null 2>&1 &
pid=$!
tries=0
while [ ! -d one/.work ] && [ $tries -lt 600 ]; do
	sleep 0.1
	tries=$((tries + 1))
done
sleep 0.3
status=0
"$signer" sign one --key a.key --passphrase-fd 3 3<pass 2>said || status=$?
kill -9 $pid 2>/dev/null || { echo "it was done too soon"; exit 1; }
wait $pid 2>/dev/null || :
[ $status -eq 12 ]
grep -q "$pid" said
[ "$before" = "$(state)" ]
rm tree-2/large
create one --id 5 --input tree-2 --from 1
[ -d one/.work ] && exit 1

# ---- JSON everywhere -------------------------------------------------------

json() { # STATUS COMMAND...
	want=$1
	shift
	status=0
	"$signer" "$@" --json >said.json 2>said.err 3<pass || status=$?
	[ "$status" -eq "$want" ] || {
		echo "status $status: $*"
		cat said.err
		exit 1
	}
	python3 -c 'import json, sys
sys.exit(json.load(sys.stdin).get("status", 0) != int(sys.argv[1]))' \
		"$want" <said.json
}
json 0 key generate b.key --environment lab --passphrase-fd 3
json 14 key generate b.key --environment lab --passphrase-fd 3
json 0 key show b.key
json 0 key show b.key.pub
json 4 key show tree/bin/check
json 0 key import one --role root b.key.pub
json 0 threshold one --role root --signatures 2
json 0 key remove one --role root b --threshold 1
json 0 inspect one
json 0 inspect one/staged/targets.json --root one/staged/root.json
json 13 publish nowhere site --with-online
[ ! -e site ]
json 6 publish one site
json 0 sign one --key a.key --passphrase-fd 3
json 0 merge one one/staged/targets.json
json 0 publish one site --with-online
json 0 release list one
json 13 release show one --product gateway --id nothing
json 0 release withdraw one --product gateway --id 1
json 0 discard one --role targets
json 0 extend one
json 2 extend one two
json 0 factory one etc --product gateway
json 13 sign nowhere --key a.key --passphrase-fd 3
json 0 init four --environment lab --owner X --product p

# ---- keys that everybody has -----------------------------------------------

status=0
"$signer" init five --environment lab --owner X --product p \
	--root-key "$top/keys-example/example-1.key.pub" >said 2>&1 || status=$?
[ $status -eq 10 ]
grep -q "example" said
[ ! -e five ]

# They are made anew with their fingerprints, and such are for demos alone.
mkdir -p anew/common
cp -r "$top/keys-example" anew/
cp "$top/common/example_keys.c" anew/common/
BIN=$BIN sh anew/keys-example/make.sh >made
while read -r file print; do
	grep -q "\"$print\"" anew/common/example_keys.c
	[ "$(grep -c "\"$print\"" "$top/common/example_keys.c")" -eq 0 ]
	grep -q '"purpose": "example"' "anew/$file"
done <made
[ "$(wc -l <made)" -eq 3 ]
status=0
"$signer" key generate no.key --environment lab --purpose example \
	--passphrase-fd 3 3<pass 2>said || status=$?
[ $status -eq 2 ]
grep -q "in demo, example" said
[ ! -e no.key ]

# ---- the factory is given no key -------------------------------------------

factory() {
	"$signer" factory one fab --product gateway --server-ca "$1" \
		--url https://a.example:1 --enrol-url https://a.example:2
}
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	-keyout ca.key -out ca.pem -subj /CN=ca -days 10 \
	-addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
cat ca.pem ca.key >both.pem
cat ca.key >key.pem
for bad in both.pem key.pem tree/bin/check; do
	status=0
	factory $bad 2>said || status=$?
	[ $status -eq 10 ] || [ $status -eq 4 ]
done
rm -rf fab
factory ca.pem
[ "$(find fab -type f | sort | tr '\n' ' ')" = \
	"fab/client.conf fab/root.json fab/server-ca.pem " ]
cp -a fab fab-2 && factory ca.pem && diff -r fab fab-2
# What somebody wrote into client.conf is not written over.
echo "# ours" >>fab/client.conf
cp -a fab/client.conf edited
status=0
factory ca.pem 2>said || status=$?
[ $status -eq 14 ]
grep -q "client.conf is there with other content.*: move it away" said
cmp edited fab/client.conf
cp fab-2/client.conf fab/client.conf
cp ca.key fab/
status=0
factory ca.pem 2>said || status=$?
[ $status -eq 14 ]
grep -q "ca.key" said
