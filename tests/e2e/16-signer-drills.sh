#!/bin/sh
# The drills of docs/key-ceremony.md, over twelve years of simulated time: keys
# are lost, stolen and replaced, root runs out and is extended, a role comes and
# goes. One device follows each step, one slept all the time, one has no clock.
set -eu
cd "$WORK"
signer=$BIN/signer
command -v faketime >/dev/null || {
	echo "no faketime"
	exit 77
}
base=$(date +%s)
day=0
utc() { TZ=UTC date -d "@$((base + day * 86400))" '+%Y-%m-%d %H:%M:%S'; }
at() { TZ=UTC faketime "$(utc)" "$@"; }
signer() { at "$signer" "$@"; }
refused() { # STATUS PATTERN COMMAND...
	want=$1 pattern=$2
	shift 2
	status=0
	"$@" >said 2>&1 || status=$?
	[ "$status" -eq "$want" ] && grep -q "$pattern" said || {
		echo "day $day: status $status, wanted $want, \"$pattern\": $*"
		cat said
		exit 1
	}
}

# Keys behind a command: a ceremony a minute instead of a ceremony a year.
key() {
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
		-out "$1.pem" 2>/dev/null
	openssl pkey -in "$1.pem" -pubout -out "$1.pub"
	"$signer" key external "$1.key" --environment lab --public "$1.pub" \
		-- openssl pkeyutl -sign -inkey "$1.pem" >/dev/null
}
sign() {
	for owner; do
		signer sign repo --key "$owner.key"
	done
}
publish() { signer publish repo site --with-online "$@"; }
device() {
	signer factory repo "$1/etc" --product gateway \
		--config "$WORK/$1/etc" --state "$WORK/$1/state" \
		--slot "$WORK/$1/slots"
}
update() { # DEVICE [SITE]
	at "$BIN/updater-client" update --config "$1/etc/client.conf" \
		--from "${2:-site}"
}
update_1970() {
	TZ=UTC faketime '1970-01-02 00:00:00' "$BIN/updater-client" update \
		--config "$1/etc/client.conf" --from "${2:-site}"
}
release() { # ID
	echo "$1" >tree/id
	signer release create repo --product gateway --id "$1" --input tree \
		--quiet 2>/dev/null
}
runs() { [ "$(cat "$1/slots/current/id")" = "$2" ]; }

for owner in r1 r2 r3 t1 t2 t3 p1 p2; do key $owner; done
signer init repo --environment lab --owner ACME --product gateway \
	--root-key r1.pub --root-key r2.pub --root-key r3.pub \
	--targets-key t1.pub --targets-key t2.pub --targets-key t3.pub \
	--root-threshold 2 --targets-threshold 2 --with-online
mkdir tree
release 1
sign r1 r2 t1 t2
publish
for d in follows sleeps clockless old; do
	mkdir $d
	device $d
	update $d
	runs $d 1
done
cp -a site first-site

# ---- a root key is lost: the others replace it ------------------------------

day=300
signer role list repo 2>said >/dev/null
grep -q "targets version 1 ends in 99 days" said && exit 1
day=345
signer role list repo --json >said
grep -q '"level": 60' said
key r4
signer key import repo --role root r4.pub
signer key remove repo --role root r1
sign r4
refused 6 "missing 2 of r1, r2, r3" publish --only root
sign r2 r3
signer extend repo
sign t1 t3
publish
update follows
update_1970 clockless

# ---- a release key is stolen: it counts no more -----------------------------

day=600
release 2
cp repo/staged/targets.json stolen.json
signer sign stolen.json --key t1.key
key t4
signer key import repo --role targets t4.pub
signer key remove repo --role targets t1.pub
refused 6 "no targets key" signer merge repo stolen.json
refused 10 "needs no signature" signer sign repo --key t1.key
sign r2 r4 t2 t4
publish
update follows
runs follows 2

# ---- two of three are lost: the last one cannot decide alone ----------------

cp -a repo spare-repo
signer key remove repo --role root r2
signer key remove repo --role root r3 --threshold 1
sign r4
refused 6 "missing 1 of r2, r3 (keys of the root before)" publish
signer discard repo --role root

# ---- root ran out while nobody looked: the chain still holds ----------------

day=1500
signer role list repo 2>said >/dev/null
grep -q "root has expired" said
refused 7 "expired" publish
signer extend repo --role root
signer extend repo
signer inspect repo 2>/dev/null | grep -c '^  only version and dates change$' |
	grep -q '^2$'
sign r3 r4 t3 t4
publish
update follows

# ---- a product's own engineers, and back ------------------------------------

day=1800
signer role add repo product-gateway --key p1.pub --key p2.pub --threshold 2
signer extend repo --role root
sign r2 r3 t2 t3 p1 p2
publish
signer role list repo 2>/dev/null | grep -q '^product-gateway: 2 of p1, p2'
update_1970 clockless
signer role remove repo product-gateway 2>/dev/null
sign t2 t4
publish
update follows

# ---- a dozen in all: each round somebody new takes over from the oldest -----

out=r2 second=r3 third=r4
for round in 5 6 7 8 9 10 11 12 13; do
	day=$((day + 330))
	key new$round
	signer key import repo --role root new$round.pub >/dev/null 2>&1
	signer key remove repo --role root $out >/dev/null 2>&1
	signer extend repo >/dev/null 2>&1
	sign $second $third new$round t2 t3 >/dev/null 2>&1
	publish >/dev/null 2>&1
	out=$second second=$third third=new$round
	[ $((round % 3)) -ne 0 ] || update follows
done
roots=$(ls site/metadata | grep -c 'root.json$')
[ "$roots" -ge 13 ]
release 3
sign t2 t4
publish

# ---- everybody arrives at the last root, whatever the clock says ------------

update follows
update sleeps
update_1970 clockless
for d in follows sleeps clockless; do
	runs $d 3
	grep -q "\"version\": *$roots[,}]" $d/state/metadata/root.json
done
# What was good twelve years ago is not: by the clock, and by what was signed.
refused 7 "expired" update old first-site
refused 8 "" update_1970 clockless first-site || refused 7 "" \
	update_1970 clockless first-site
runs clockless 3
update old
runs old 3
