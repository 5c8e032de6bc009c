#!/bin/sh
# Keys that never leave a token: SoftHSM2 behind pkcs11-tool, run by the signer
# without a shell; what a wrong token answers is no signature.
set -eu
cd "$WORK"
signer=$BIN/signer
command -v softhsm2-util >/dev/null && command -v pkcs11-tool >/dev/null || {
	echo "softhsm2 and opensc are not installed"
	exit 77
}
module=
for m in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so; do
	[ ! -e "$m" ] || module=$m
done
[ -n "$module" ] || {
	echo "no libsofthsm2.so found"
	exit 77
}
echo "a good passphrase" >pass

refused() { # STATUS PATTERN COMMAND...
	want=$1 pattern=$2
	shift 2
	status=0
	"$@" >said 2>&1 3<pass || status=$?
	[ "$status" -eq "$want" ] && grep -q "$pattern" said || {
		echo "status $status, wanted $want and \"$pattern\": $*"
		cat said
		exit 1
	}
}

# ---- the token, with two keys ----------------------------------------------

mkdir tokens
echo "directories.tokendir = $PWD/tokens" >softhsm.conf
export SOFTHSM2_CONF="$PWD/softhsm.conf"
softhsm2-util --init-token --free --label pawl --so-pin 87654321 --pin 123456
p11() { pkcs11-tool --module "$module" --token-label pawl --pin 123456 "$@"; }
for id in 01 02; do
	p11 --keypairgen --key-type EC:prime256v1 --id $id --label key$id \
		>/dev/null 2>&1
	p11 --read-object --type pubkey --id $id --output-file $id.der \
		2>/dev/null
	openssl pkey -pubin -inform DER -in $id.der -pubout -out $id.pub
done

# ---- one file for each, which is no secret ---------------------------------

token() { # FILE PUB ID FORMAT
	"$signer" key external "$1" --environment production --public "$2" -- \
		pkcs11-tool --module "$module" --token-label pawl --pin 123456 \
		--sign --mechanism ECDSA --id "$3" --signature-format "$4" \
		--input-file /dev/stdin --output-file /dev/stdout
}
token der.key 01.pub 01 openssl
token raw.key 02.pub 02 rs
"$signer" key show der.key | grep -q '^command: *pkcs11-tool$'
"$signer" key show der.key --json | grep -q '"kind": *"external"'
refused 14 "not overwritten" token der.key 01.pub 01 openssl

# The key of another slot, no such key, a wrong PIN: found when it is made.
refused 6 "no signature by this public key" token wrong.key 01.pub 02 rs
refused 1 "failed" token wrong.key 01.pub 09 rs
refused 1 "could not be started" "$signer" key external wrong.key \
	--environment lab --public 01.pub -- /nonexistent/tool
refused 2 "after --, a command" "$signer" key external wrong.key \
	--environment lab --public 01.pub
[ ! -e wrong.key ]

# ---- wherever --key is: two tokens and a file sign a first release ----------

"$signer" key generate r2.key --environment production --passphrase-fd 3 3<pass
"$signer" key generate t2.key --environment production --passphrase-fd 3 3<pass
"$signer" key generate online.key --environment production --purpose online \
	--passphrase-fd 3 3<pass
"$signer" init repo --environment production --owner ACME --product gateway \
	--root-key 01.pub --root-key r2.key.pub --targets-key 02.pub \
	--targets-key t2.key.pub --online-key online.key.pub \
	--key der.key --key raw.key
mkdir tree
echo data >tree/data
"$signer" sign repo --key r2.key --passphrase-fd 3 3<pass
"$signer" release create repo --product gateway --id 1 --input tree --quiet
# Alone with the file, as on a machine of its own; then at home.
cp repo/staged/targets.json carried.json
"$signer" sign carried.json --key raw.key
"$signer" merge repo carried.json
"$signer" sign repo --key t2.key --passphrase-fd 3 3<pass
"$signer" inspect repo 2>/dev/null | grep -q '^Missing: root: nothing; targets: nothing$'

# ---- what must not get through ---------------------------------------------

before=$(sha256sum repo/staged/*)
cp der.key open.key
chmod 666 open.key
refused 10 "others may write" "$signer" sign repo --key open.key
sed 's/production/lab/' der.key >lab.key
chmod 644 lab.key
refused 10 "lab" "$signer" sign repo --key lab.key
sed 's/"01"/"02"/' der.key >swapped.key
chmod 644 swapped.key
refused 6 "no signature by this public key" "$signer" sign repo \
	--key swapped.key
sed 's/"pkcs11-tool"/"cat"/' der.key >cat.key
chmod 644 cat.key
refused 1 "cat" "$signer" sign repo --key cat.key
head -c 100 der.key >cut.key
refused 4 "cut.key" "$signer" sign repo --key cut.key
mv tokens away
refused 1 "failed" "$signer" sign repo --key der.key
mv away tokens
[ "$before" = "$(sha256sum repo/staged/*)" ]
