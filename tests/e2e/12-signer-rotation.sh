#!/bin/sh
# Keys come and go: a new root needs the old keys and the new ones, targets are
# signed anew when they must be, and a device follows the whole chain.
set -eu
cd "$WORK"
signer=$BIN/signer
# Behind a command: so many passphrases' keys would be a long wait.
key() {
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
		-out "$1.pem" 2>/dev/null
	openssl pkey -in "$1.pem" -pubout -out "$1.key.pub"
	"$signer" key external "$1.key" --environment lab \
		--public "$1.key.pub" -- openssl pkeyutl -sign \
		-inkey "$WORK/$1.pem" >/dev/null
}
sign() {
	for owner in "$@"; do
		"$signer" sign repo --key "$owner.key"
	done
}
client() {
	"$BIN/updater-client" "$@" --config "$WORK/device/etc/client.conf"
}
five() { "$signer" inspect repo 2>/dev/null | head -5; }

for owner in r1 r2 r3 t1 t2; do key "$owner"; done
"$signer" init repo --environment lab --owner ACME --product gateway \
	--root-key r1.key.pub --root-key r2.key.pub --targets-key t1.key.pub \
	--root-threshold 2 --with-online
mkdir -p tree/bin
printf '#!/bin/sh\nexit 0\n' >tree/bin/check
chmod 755 tree/bin/check
create() {
	"$signer" release create repo --product gateway --input tree \
		--health bin/check --quiet --id "$@"
}
create 1
sign r1 r2 t1
"$signer" publish repo site --with-online
"$signer" factory repo device/etc --product gateway \
	--config "$WORK/device/etc" --state "$WORK/device/state" \
	--slot "$WORK/device/slots"
client update --from site

# ---- add r3, remove r1 -----------------------------------------------------

"$signer" key import repo --role root r3.key.pub
"$signer" key remove repo --role root r1
[ "$("$signer" inspect repo | grep -c '^  [-+] roles.root.keyids')" -eq 2 ]
"$signer" inspect repo | grep -q '^  + roles.root.keyids.*(r3)$'
"$signer" inspect repo | grep -q '^  - roles.root.keyids.*(r1)$'
sign r3
five | grep -q '^Missing: 2 of r1, r2 (keys of the root before); 1 of r2 (keys of the new root)$'
sign r2
five | grep -q '^Missing: 1 of r1 (keys of the root before)$'
status=0
"$signer" publish repo site 2>said || status=$?
[ $status -eq 6 ]
grep -q "missing 1 of r1" said
sign r1
five | grep -q '^Missing: nothing$'
"$signer" publish repo site --with-online
[ -e site/metadata/2.root.json ]

# ---- the targets key changes: what is published must be signed anew ---------

"$signer" key import repo --role targets t2.key.pub
"$signer" key remove repo --role targets t1.key.pub 2>said
grep -q "staged again, to be signed with the new keys" said
sign r2 r3
status=0
"$signer" publish repo site 2>said || status=$?
[ $status -eq 6 ]
grep -q "targets is not signed by enough keys: missing 1 of t2" said
status=0
"$signer" sign repo --key t1.key 2>said || status=$?
[ $status -eq 10 ]
grep -q "needs no signature of this key" said
sign t2
"$signer" publish repo site --with-online

# ---- dates alone -----------------------------------------------------------

"$signer" extend repo --role root
"$signer" inspect repo | grep -q '^  only version and dates change$'
sign r2 r3
"$signer" publish repo site --with-online
"$signer" extend repo
status=0
"$signer" extend repo 2>said || status=$?
[ $status -eq 14 ]
grep -q "publish or discard" said
"$signer" discard repo --role targets

# ---- a dozen more ----------------------------------------------------------

# r2 and r3 hold root; each round the key that is out takes over from one.
out=r1 old=r2 kept=r3
for n in 5 6 7 8 9 10 11 12; do
	"$signer" key import repo --role root $out.key.pub >/dev/null 2>&1
	"$signer" key remove repo --role root $old >/dev/null 2>&1
	"$signer" sign repo --key $out.key --key $old.key --key $kept.key \
		>/dev/null 2>&1
	"$signer" publish repo site >/dev/null 2>&1
	[ -e site/metadata/$n.root.json ]
	next=$out out=$old old=$kept kept=$next
done
[ ! -e site/metadata/13.root.json ]

# An urgent release does not wait for a root that is half signed.
"$signer" key import repo --role root $out.key.pub >/dev/null 2>&1
echo more >tree/more
create 2 --urgent
sign t2
status=0
"$signer" publish repo site --with-online 2>said || status=$?
[ $status -eq 6 ]
"$signer" publish repo site --with-online --only targets
[ -e repo/staged/root.json ]
[ ! -e repo/staged/targets.json ]
five | grep -q '^Product: keys and thresholds (lab, ACME)$'

# The device of the first day follows a dozen roots and installs.
client update --from site
[ "$(cat device/slots/current/more)" = more ]
