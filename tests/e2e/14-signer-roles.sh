#!/bin/sh
# Roles that targets delegate to: made with their first file, signed by their
# own people on their own machines, published and found as a device finds them.
set -eu
cd "$WORK"
signer=$BIN/signer
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
sign() { # FILE|REPO OWNER...
	what=$1
	shift
	for owner; do
		"$signer" sign "$what" --key "home/$owner.key"
	done
}
state() {
	(cd repo && find . -type f ! -name .lock -exec sha256sum {} + | sort)
}

mkdir home
for owner in r1 r2 r3 alice bob carol dave erin frank op1 op2 ci new; do
	# Behind a command: no passphrase costs half a second here.
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
		-out "home/$owner.pem" 2>/dev/null
	openssl pkey -in "home/$owner.pem" -pubout -out "home/$owner.key.pub"
	"$signer" key external "home/$owner.key" --environment production \
		--public "home/$owner.key.pub" -- \
		openssl pkeyutl -sign -inkey "home/$owner.pem" >/dev/null
done
"$signer" key generate home/server.key --environment production \
	--purpose online --passphrase-fd 3 3<pass >/dev/null
refused 2 "folder of signed documents" "$signer" init repo \
	--environment production --owner ACME --product rollout
"$signer" init repo --environment production --owner ACME --product gateway \
	--product gadget --root-key home/r1.key.pub --root-key home/r2.key.pub \
	--root-key home/r3.key.pub --targets-key home/carol.key.pub \
	--targets-key home/alice.key.pub --targets-key home/bob.key.pub \
	--online-key home/server.key.pub
mkdir tree
echo data >tree/data
create() {
	"$signer" release create repo --input tree --quiet "$@"
}
create --product gateway --id 1
create --product gadget --id 1
sign repo r1 r2 r3 alice bob carol
"$signer" publish repo site --backup-checked "$(date -u +%F)"

# ---- what is no role, and what production does not allow --------------------

before=$(state)
refused 2 "a delegated role is" "$signer" role add repo friends \
	--key home/dave.key.pub
refused 10 "no such product" "$signer" role add repo product-other \
	--key home/dave.key.pub
refused 2 "at least one --key" "$signer" role add repo nightly
refused 13 "role add makes it" "$signer" key import repo --role nightly \
	home/ci.key.pub
refused 13 "no role nightly" create --nightly --product gateway --id n1
refused 10 "private key" "$signer" role add repo nightly \
	--key home/server.key
refused 10 "names a command" "$signer" role add repo nightly --key home/ci.key
[ "$before" = "$(state)" ]
"$signer" role add repo product-gateway --key home/dave.key.pub \
	--key home/erin.key.pub
refused 10 "at least 2" sign repo alice
"$signer" threshold repo --role product-gateway --signatures 2
"$signer" key import repo --role product-gateway home/frank.key.pub
"$signer" role add repo rollout --key home/r1.key.pub
refused 10 "one key holds the roles" sign repo alice
"$signer" key import repo --role rollout home/op1.key.pub
"$signer" key remove repo --role rollout r1
"$signer" key import repo --role rollout home/op2.key.pub
"$signer" role add repo rollout-wide --key home/op1.key.pub \
	--key home/op2.key.pub --threshold 2
"$signer" role add repo nightly --key home/ci.key.pub
refused 14 "already" "$signer" role add repo nightly --key home/ci.key.pub

# What the product had listed belongs to its own role now, and nothing else.
"$signer" release list repo >said
grep -q '^gateway 1 .*product-gateway$' said
grep -q '^gadget 1 .*published$' said
"$signer" role list repo >said
grep -q '^product-gateway: 2 of dave, erin, frank, until .* (staged)$' said
grep -q '^rollout-wide: 2 of op1, op2,' said

# ---- nobody publishes half of it -------------------------------------------

sign repo alice bob
refused 6 "product-gateway is not signed by enough keys: missing 2 of dave, erin, frank" \
	"$signer" publish repo site
refused 10 "delegate to product-gateway, which nobody has signed" \
	"$signer" publish repo site --only targets
# Beside the targets that delegate to it, a file alone says who is missing.
"$signer" inspect repo/staged/product-gateway.json \
	--root repo/staged/targets.json >said
grep -q '^Missing: 2 of ' said
refused 2 "is not a targets file" "$signer" inspect \
	repo/staged/product-gateway.json --root repo/metadata/1.root.json
# Each on an own machine, with the file alone; nobody can sign for another.
mkdir stick
cp repo/staged/product-gateway.json repo/staged/rollout.json \
	repo/staged/rollout-wide.json repo/staged/nightly.json stick
sign stick/product-gateway.json dave | head -5 >five
grep -q '^To:      product-gateway 1: gateway 1 (seq 1)$' five
sign stick/product-gateway.json frank
sign stick/rollout.json op1
sign stick/nightly.json ci
cp stick/rollout-wide.json one.json
sign one.json op2
cp one.json stick/rollout-wide.json
"$signer" merge repo stick/*.json >said
grep -q '^rollout-wide: missing 1 of op1$' said
refused 6 "rollout-wide is not signed by enough keys" "$signer" publish repo site
cp repo/staged/product-gateway.json foreign.json
sign foreign.json alice
refused 6 "no product-gateway key" "$signer" merge repo foreign.json
# Empty files of two roles differ in nothing but the role they are for.
sed 's/"role":"nightly"/"role":"rollout"/' stick/nightly.json >passed-off.json
# (Made in the same second they are equal then, and the key has no say.)
if "$signer" merge repo passed-off.json 2>said; then exit 1; fi
grep -q "not what is staged\|no rollout key" said
sign repo op1
"$signer" inspect repo >said
grep -q '^Missing: .*rollout-wide: nothing' said
# Each key of a role has signed once, before anybody relies on it.
refused 10 "1 point of the checklist is open" "$signer" publish repo site
grep -q '^.open. keys: erin of product-gateway, op2 of rollout; never' said
sign repo erin op2
"$signer" publish repo site --json >said
grep -q '"product-gateway": {' said
for role in product-gateway rollout rollout-wide nightly; do
	[ -e "site/metadata/1.$role.json" ]
done

# ---- each role goes its own way --------------------------------------------

echo more >tree/more
create --product gateway --id 2 --from 1
[ -e repo/staged/product-gateway.json ]
[ ! -e repo/staged/targets.json ]
refused 10 "needs no signature of this key" "$signer" sign repo \
	--key home/alice.key
sign repo dave erin
"$signer" publish repo site
[ -e site/metadata/2.product-gateway.json ]
[ ! -e site/metadata/3.targets.json ]
create --product gateway --id n1 --nightly
sign repo ci
"$signer" publish repo site --only nightly
ls site/targets/nightly/gateway/n1/*.main-full.pawl
refused 14 "never used again" create --product gateway --id n1
"$signer" release withdraw repo --product gateway --id n1
[ -e repo/staged/nightly.json ]
"$signer" discard repo --role nightly
"$signer" extend repo --role rollout
"$signer" inspect repo | grep -q '^  only version and dates change$'
sign repo op2
"$signer" publish repo site
[ -e site/metadata/2.rollout.json ]

# A key that is lost: without it the file is signed anew, by those who are left.
"$signer" key remove repo --role product-gateway dave 2>said
grep -q "product-gateway lacks signatures" said
sign repo alice bob erin frank
refused 10 "checklist is open" "$signer" publish repo site
grep -q '^.open. spare: product-gateway has 2 keys and needs all' said
"$signer" key import repo --role product-gateway home/new.key.pub
sign repo alice bob erin frank new
"$signer" publish repo site
[ -e site/metadata/3.product-gateway.json ]

# A file that a delegated role's keys did not sign does not get out.
sed -i 's/gateway 2/gateway 2/;s/"seq":2/"seq":9/' \
	repo/metadata/3.product-gateway.json
refused 6 "a device would refuse this" "$signer" publish repo elsewhere
[ ! -e elsewhere/metadata ]
cp site/metadata/3.product-gateway.json repo/metadata/

# ---- and back --------------------------------------------------------------

"$signer" role remove repo product-gateway 2>said
grep -q "listed by targets again" said
"$signer" release list repo | grep -q '^gateway 2 .*staged$'
sign repo alice bob
"$signer" publish repo site
create --product gateway --id 3
[ -e repo/staged/targets.json ]
# A role that comes back does not bring what was withdrawn meanwhile.
"$signer" release withdraw repo --product gateway --id 1
"$signer" role add repo product-gateway --key home/erin.key.pub \
	--key home/frank.key.pub --key home/new.key.pub --threshold 2
grep -q '"version": *4,' repo/staged/product-gateway.json
"$signer" release list repo >said
grep -q '^gateway 3 .*product-gateway$' said
if grep -q '^gateway 1 ' said; then exit 1; fi

# ---- a lab: one folder from which a device installs -------------------------

"$signer" key generate lab.key --environment lab --passphrase-fd 3 3<pass
"$signer" init lab --environment lab --owner ACME --product gateway \
	--key lab.key --passphrase-fd 3 --with-online 3<pass
"$signer" role add lab product-gateway --key lab.key.pub
"$signer" role add lab nightly --key lab.key.pub
"$signer" release create lab --product gateway --id 1 --input tree --quiet
"$signer" sign lab --key lab.key --passphrase-fd 3 3<pass
"$signer" publish lab lab-site --with-online
grep -q '"product-gateway.json"' lab-site/metadata/1.snapshot.json
grep -q '"nightly.json"' lab-site/metadata/1.snapshot.json
# A role that was taken back stays in snapshot, or old devices would refuse it.
"$signer" role remove lab nightly
"$signer" sign lab --key lab.key --passphrase-fd 3 3<pass
"$signer" publish lab lab-site --with-online
grep -q '"nightly.json"' lab-site/metadata/2.snapshot.json
