#!/bin/sh
# Commands of a ceremony that are killed at some moment: the repository can
# always be read, nothing that was signed is lost, and saying it again ends
# where an undisturbed repository ends.
set -eu
cd "$WORK"
signer=$BIN/signer
key() {
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
		-out "$1.pem" 2>/dev/null
	openssl pkey -in "$1.pem" -pubout -out "$1.pub"
	"$signer" key external "$1.key" --environment lab --public "$1.pub" \
		-- openssl pkeyutl -sign -inkey "$1.pem" >/dev/null
}
for owner in a b p; do key $owner; done
"$signer" init fresh --environment lab --owner ACME --product gateway \
	--root-key a.pub --targets-key a.pub --with-online --key a.key
mkdir tree
echo data >tree/data
"$signer" release create fresh --product gateway --id 1 --input tree --quiet
"$signer" sign fresh --key a.key
"$signer" publish fresh fresh-site --with-online

# What a repository says, without dates and signatures.
content() {
	"$signer" role list "$1" --json 2>/dev/null | grep -v '"expires"'
	"$signer" release list "$1" --json 2>/dev/null
}
# Kill it after so many milliseconds; then everything must be readable.
cut() { # MILLISECONDS COMMAND...
	after=$1
	shift
	timeout -s KILL "0.$(printf %03d "$after")" "$@" >/dev/null 2>&1 || :
	content repo >/dev/null
	"$signer" inspect repo >/dev/null 2>&1
}
again() { # until it is done: an interrupted one may have been
	"$@" >said 2>&1 || grep -q "already\|nothing is staged\|no role" said
}

cp -a fresh repo
cp -a fresh-site site
"$signer" role add repo product-gateway --key p.pub
"$signer" sign repo --key a.key --key p.key
"$signer" publish repo site --with-online
content repo >want
for ms in 1 2 3 4 5 6 8 10 12 15 20 30; do
	rm -rf repo site
	cp -a fresh repo
	cp -a fresh-site site
	cut $ms "$signer" role add repo product-gateway --key p.pub
	again "$signer" role add repo product-gateway --key p.pub
	cut $ms "$signer" sign repo --key a.key --key p.key
	"$signer" sign repo --key a.key --key p.key
	cut $ms "$signer" publish repo site --with-online
	"$signer" publish repo site --with-online
	content repo >got
	diff want got
	ls site/metadata/1.product-gateway.json
done
