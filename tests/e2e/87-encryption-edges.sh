#!/bin/sh
# Encrypted releases at their edges: whoever holds a release key and the content
# key signs packages whose chunks are out of place; keys go to the wrong device
# or are none; a device loses its key, another one is revoked. Each is refused
# in words, changes nothing, and the good release installs afterwards.
. "$(dirname "$0")/client-lib.sh"
canary='nobody but lab devices reads this line'
cases=$(dirname "$0")/encrypted_cases.py
command -v python3 >/dev/null || {
	echo "no python3"
	exit 77
}

make_server
printf 'a long passphrase\n' >"$WORK/pass"
"$signer" key generate "$WORK/wrap" --environment lab --purpose wrap \
	--passphrase-fd 3 3<"$WORK/pass" >/dev/null
# Behind a command, so that no passphrase takes its half a second.
for k in key ci; do
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
		-out "$WORK/$k.pem" 2>/dev/null
	openssl pkey -in "$WORK/$k.pem" -pubout -out "$WORK/$k.pub"
	"$signer" key external "$WORK/$k" --environment lab \
		--public "$WORK/$k.pub" -- openssl pkeyutl -sign \
		-inkey "$WORK/$k.pem" >/dev/null
done
# Snapshot and timestamp from the server, and from here for folders.
"$signer" init "$WORK/repo" --environment lab --owner Tests \
	--product gateway --root-key "$WORK/key.pub" \
	--targets-key "$WORK/key.pub" --with-online >/dev/null 2>&1
"$signer" key import "$WORK/repo" --role online "$WORK/server/online.pub" \
	>/dev/null 2>&1
make_tree 1
head -c 150000 /dev/urandom >"$WORK/trees/1/lib/noise"
# D08: from a copy of the whole state (a restored machine) comes another key,
# so the same content twice is never two texts under one key.
cp -r "$WORK/repo" "$WORK/copy"
for r in repo copy; do
	"$signer" release create "$WORK/$r" --product gateway --id 1 \
		--input "$WORK/trees/1" --health bin/health --quiet \
		--encrypt "$WORK/wrap.pub" >/dev/null 2>&1
done
commitment() {
	sed -n 's/.*"commitment":"\([0-9a-f]*\)".*/\1/p' \
		"$WORK/$1/staged/targets.json"
}
[ -n "$(commitment repo)" ] || die "no commitment"
[ "$(commitment repo)" != "$(commitment copy)" ] || die "one key for two"
mkdir "$WORK/keep"
cp "$WORK/repo/staged/targets.json" "$WORK/keep/targets.json"
cp "$WORK"/repo/targets/gateway/1/*.main-full.pawl "$WORK/keep/package"
version=0
publish() { # case
	version=$((version + 1))
	python3 "$cases" stage "$WORK/repo" "$WORK/keep" "$1" $version
	"$signer" sign "$WORK/repo" --key "$WORK/key" >/dev/null 2>&1
	rm -rf "$WORK/publish"
	"$signer" publish "$WORK/repo" "$WORK/publish" --with-online \
		>/dev/null 2>&1 || die "cannot publish $1"
}
publish good
operator cohort create fleet
for d in one two; do
	make_served_device $d
	# Decrypted as it comes, and (below) from the spool.
	[ $d = two ] ||
		printf '[fetch]\nspool = never\n' >>"$WORK/$d/client.conf"
	on $d enroll --claim-file "$WORK/$d/claim" >/dev/null
done
id_of() {
	sed -n 's/.*"device": *"\([0-9a-f]*\)".*/\1/p' \
		"$WORK/$1/state/identity.json"
}
one=$(id_of one) two=$(id_of two)
operator device export "$WORK/registry.1" >/dev/null
wrap() { # registry, options
	registry=$1
	shift
	"$signer" wrap "$WORK/repo" --product gateway --id 1 \
		--registry "$registry" --wrap-key "$WORK/wrap" \
		--officer "$WORK/server/admin/admin.pem" \
		--device-ca "$WORK/server/keys/device-ca.pem" \
		--output "$WORK/keys" --passphrase-fd 3 "$@" 3<"$WORK/pass"
}
wrap "$WORK/registry.1" --new 2 >/dev/null 2>&1
package=$(basename "$WORK"/publish/targets/gateway/1/*.main-full.pawl \
	.main-full.pawl)
keys=$WORK/keys/$package.keys

# ---- from a folder: refused with this status and these words --------------
refused() { # status, words, case
	python3 "$cases" keys "$keys" "$WORK/publish" "$3" "$one" \
		"$WORK/registry.1"
	got=0
	on one update --from "$WORK/publish" >"$WORK/said" 2>&1 ||
		got=$?
	[ $got -eq "$1" ] && grep -q "$2" "$WORK/said" || {
		cat "$WORK/said"
		die "$3: status $got, not $1 with \"$2\""
	}
	[ ! -e "$WORK/one/slots/current" ] || die "$3 was installed"
	echo "$3: $got, $2"
}
refused 6 'the content key is not for this device' anothers_envelope
refused 6 'the content key is not for this device' spoiled_envelope
refused 6 'the content key is not the signed one' nobodys_key
refused 13 'no key of this package was sealed' no_envelope
refused 4 'length and count differ' cut_off_keys
refused 14 'for another package' keys_of_another_package
publish swapped
refused 6 'chunk 0 of the package: sealed text was changed' swapped
publish doubled
refused 6 'chunk 1 of the package: sealed text was changed' doubled
publish changed
refused 6 'chunk 1 of the package: sealed text was changed' changed
publish foreign
refused 6 'of the package: sealed text was changed' foreign
publish cut_off
refused 6 'sealed text was changed' cut_off
publish two_keys
refused 6 'the content key is not the signed one' two_keys

# A device that lost its key says what helps, and installs nothing.
publish good
mv "$WORK/one/state/decrypt.key" "$WORK/lost.key"
refused 13 'decryption key.*enrol' good
[ ! -e "$WORK/one/state/decrypt.key" ] || die "another key was made silently"
mv "$WORK/lost.key" "$WORK/one/state/decrypt.key"

# Its way out: a new identity, one new device at the next wrap.
operator device revoke --reason test "$one"
rm -rf "$WORK/one/state"
operator token create --product gateway --model board --cohort fleet --plain \
	>"$WORK/one/claim"
chmod 600 "$WORK/one/claim"
on one enroll --claim-file "$WORK/one/claim" >/dev/null
gone=$one
one=$(id_of one)
[ "$one" != "$gone" ] || die "the same identity again"
operator device export "$WORK/registry.2" >/dev/null
rm -r "$WORK/keys"
wrap "$WORK/registry.2" --new 1 >"$WORK/said" 2>&1
grep -q '1 new since the last one, 1 gone' "$WORK/said" || die "who is gone?"
hex() { od -An -v -tx1 "$1" | tr -d ' \n'; }
hex "$keys" | grep -q "$one" || die "the new device is not among them"
hex "$keys" | grep -q "$two" || die "the other device is not among them"
! hex "$keys" | grep -q "$gone" || die "a revoked device got a key"

# ---- over the network: a server that hands out another's --------------------
rm -rf "$WORK/publish"
"$signer" publish "$WORK/repo" "$WORK/publish" >/dev/null 2>&1
operator release import "$WORK/publish"
# (Versions before it listed the spoiled ones; the server has none of those.)
mkdir "$WORK/import"
cp "$keys" "$WORK/import"
operator envelope import "$WORK/import"
roll_out 1
stored=$WORK/server/envelopes/$package.keys
cp "$stored" "$WORK/stored"
python3 - "$stored" <<'PY'
import sys
with open(sys.argv[1], "r+b") as f:
    data = bytearray(f.read())
    a, b = data[80:193], data[209:322]
    data[80:193], data[209:322] = b, a
    f.seek(0)
    f.write(data)
PY
got=0
on one update >"$WORK/said" 2>&1 || got=$?
[ $got = 6 ] && grep -q 'not for this device' "$WORK/said" || {
	cat "$WORK/said"
	die "another's envelope: status $got"
}
# One that was spoiled on the server's disk: its device says so, changes nothing,
# and the next good one installs.
python3 - "$stored" "$WORK/stored" <<'PY'
import sys
data = bytearray(open(sys.argv[2], "rb").read())
for at in (190, 319):
    data[at] ^= 1
open(sys.argv[1], "wb").write(data)
PY
got=0
on one update >"$WORK/said" 2>&1 || got=$?
[ $got = 6 ] && grep -q 'not for this device' "$WORK/said" || {
	cat "$WORK/said"
	die "a spoiled envelope: status $got"
}
cp "$WORK/stored" "$stored"
on one update
runs one 1

# Revoked: not even what was sealed to it before.
[ "$(fetch_envelope two "$package" "$WORK/two.env")" = 200 ] || die "two: none"
operator device revoke --reason test "$two"
said=$(fetch_envelope two "$package" "$WORK/gone.env" || :)
[ "$said" != 200 ] || die "a revoked device is served: $said"
operator device export "$WORK/registry.3" >/dev/null
rm -r "$WORK/keys"
wrap "$WORK/registry.3" 2>&1 | grep -q '0 new since the last one, 1 gone' ||
	die "nobody is gone"
! hex "$keys" | grep -q "$two" || die "a revoked device got a key"

# A token signs; it does not open what was sealed to it.
printf '{"format":"pawl-external-1"}' >"$WORK/token"
mv "$WORK/wrap" "$WORK/wrap.kept"
mv "$WORK/token" "$WORK/wrap"
want 10 wrap "$WORK/registry.3"
mv "$WORK/wrap.kept" "$WORK/wrap"

# An export that somebody changed after the officer signed it.
sed 's/"cohort": *"fleet"/"cohort":"other"/' "$WORK/registry.3" \
	>"$WORK/altered"
! cmp -s "$WORK/altered" "$WORK/registry.3" || die "nothing was altered"
want 6 wrap "$WORK/altered"

# ---- a nightly of CI, by its one key, encrypted as well ------------------------
"$signer" role add "$WORK/repo" nightly --key "$WORK/ci.pub" >/dev/null 2>&1
make_tree n2
echo "$canary" >"$WORK/trees/n2/lib/canary"
"$signer" release create "$WORK/repo" --product gateway --id n2 --nightly \
	--input "$WORK/trees/n2" --health bin/health --quiet \
	--encrypt "$WORK/wrap.pub" >/dev/null 2>&1
"$signer" sign "$WORK/repo" --key "$WORK/key" --key "$WORK/ci" \
	>/dev/null 2>&1
rm -rf "$WORK/publish" "$WORK/keys"
"$signer" publish "$WORK/repo" "$WORK/publish" >/dev/null 2>&1
operator release import "$WORK/publish"
"$signer" wrap "$WORK/repo" --product gateway --id n2 \
	--registry "$WORK/registry.3" --wrap-key "$WORK/wrap" \
	--officer "$WORK/server/admin/admin.pem" \
	--device-ca "$WORK/server/keys/device-ca.pem" --output "$WORK/keys" \
	--passphrase-fd 3 3<"$WORK/pass" >/dev/null 2>&1
roll_out n2
on one update --json >"$WORK/said" 2>&1 || :
runs one 1 # nobody brought its key yet
operator envelope import "$WORK/keys"
on one update
runs one n2
! grep -rqa "$canary" "$WORK/server" "$WORK/publish" ||
	die "plain bytes on the server"
grep -q "$canary" "$WORK/one/slots/current/lib/canary" || die "no canary"
