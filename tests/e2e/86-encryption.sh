#!/bin/sh
# An encrypted release from the signer to devices, over the server and over a
# stick: no plain byte of it lies on the server, each device opens it with its
# own key alone, and a server that swaps, adds or replays keys is found out.
. "$(dirname "$0")/client-lib.sh"
reference=$(cd "$(dirname "$0")/.." && pwd)/vectors/reference.py
canary='nobody but devices reads this line'

make_server
make_served_repo
wrap_key() { # name
	"$signer" key generate "$1" --environment lab --purpose wrap \
		--passphrase-fd 3 3<"$WORK/pass" >/dev/null
}
wrap_key "$WORK/wrap"
secret_tree() { # id
	make_tree "$1"
	# A line that no compressor hides, and more than one chunk.
	echo "$canary" >"$WORK/trees/$1/lib/canary"
	head -c 150000 /dev/urandom >"$WORK/trees/$1/lib/noise"
}
make_release 0 # only to have a root
operator cohort create fleet
make_served_device one
make_served_device two
for d in one two; do
	on $d enroll --claim-file "$WORK/$d/claim"
	[ "$(stat -c %a "$WORK/$d/state/decrypt.key")" = 600 ] || die "open key"
	! cmp -s "$WORK/$d/state/decrypt.key" "$WORK/$d/state/identity.key" ||
		die "one key for both"
done

wrap() { # id, registry, options
	id=$1 registry=$2
	shift 2
	"$signer" wrap "$WORK/repo" --product gateway --id "$id" \
		--registry "$registry" \
		--officer "$WORK/server/admin/admin.pem" \
		--device-ca "$WORK/server/keys/device-ca.pem" \
		--wrap-key "$WORK/wrap" --output "$WORK/keys.$id" \
		--passphrase-fd 3 "$@" 3<"$WORK/pass"
}

# Encrypted, imported and rolled out; but nobody has a key yet.
secret_tree 1
serve_release 1 --encrypt "$WORK/wrap.pub"
roll_out 1
on one update | tee "$WORK/said"
grep -q 'no key was sealed' "$WORK/said" || die "it is offered all the same"
[ ! -e "$WORK/one/slots/current" ] || die "one has installed without a key"
operator device list --json >"$WORK/out"
for id in $(grep -o '[0-9a-f]\{32\}' "$WORK/out" | sort -u); do
	operator device show "$id" | grep -q 'no key was sealed' ||
		die "nobody is told why $id gets nothing"
done
operator release show 1 >"$WORK/shown"
grep -q 'full.*yes' "$WORK/shown" ||
	die "the server does not show it as encrypted"
grep -q '^encrypted: 0 of 2 devices have a key$' "$WORK/shown" &&
	grep -q 'way out: device export, pawl-signer wrap' "$WORK/shown" || {
	cat "$WORK/shown"
	die "nobody is told who lacks a key"
}
for id in $(grep -o '[0-9a-f]\{32\}' "$WORK/out" | sort -u); do
	grep -q "| $id" "$WORK/shown" || die "$id is not named"
done
operator release list >"$WORK/shown"
grep -q '^gateway  *1  *1  *2  *yes .*yes' "$WORK/shown" || {
	cat "$WORK/shown"
	die "the list does not say encrypted"
}
"$signer" release show "$WORK/repo" --product gateway --id 1 |
	grep -q ', encrypted' || die "the signer does not say encrypted"
"$signer" release list "$WORK/repo" | grep -q 'packages* encrypted' ||
	die "the signer does not list it as encrypted"

# Sealed to both, each of them new; the second time nobody is.
operator device export "$WORK/registry.1" --product gateway
want 10 wrap 1 "$WORK/registry.1"
want 10 wrap 1 "$WORK/registry.1" --new 1
wrap 1 "$WORK/registry.1" --new 2
wrap 1 "$WORK/registry.1"
operator envelope import "$WORK/keys.1"
operator release show 1 | grep -q '^encrypted: 2 of 2 devices have a key$' ||
	die "the keys are not seen"
operator audit list | grep -q "person .* envelopes-upload " ||
	die "bringing sealed keys is an act of a person"
on one update
runs one 1
[ ! -e "$WORK/two/slots/current" ] || die "two has installed too early"

# Offered, and then the key is gone: it is skipped, and offered again when it is
# back.
want 20 on two check
id=$(on two status --json | sed -n 's/.*"device": *"\([0-9a-f]*\)".*/\1/p')
mv "$WORK/server/envelopes" "$WORK/server/put-aside"
mkdir "$WORK/server/envelopes"
on two check
operator device show "$id" --json | grep -q '"code": "NO_PAYLOAD"' ||
	die "without a key, and not skipped: $(operator device show "$id" --json)"
rmdir "$WORK/server/envelopes"
mv "$WORK/server/put-aside" "$WORK/server/envelopes"

# D07: a server adds or swaps keys in what the officer signed.
python3 - "$WORK/registry.1" "$WORK" <<'PY'
import json, sys
text = open(sys.argv[1]).read()
whole = json.loads(text)
devices = whole["signed"]["devices"]
a, b = devices
def write(name, change):
    copy = json.loads(text)
    change(copy["signed"]["devices"])
    json.dump(copy, open(sys.argv[2] + "/" + name, "w"))
write("swapped", lambda d: d[0].update(decrypt_key=b["decrypt_key"]))
write("dropped", lambda d: d.pop())
write("doubled", lambda d: d.append(dict(a)))
PY
for forged in swapped dropped doubled; do
	want 6 wrap 1 "$WORK/$forged"
done
# Another signer, another CA, another wrap key.
want 6 "$signer" wrap "$WORK/repo" --product gateway --id 1 \
	--registry "$WORK/registry.1" --officer "$WORK/key.pub" \
	--device-ca "$WORK/server/keys/device-ca.pem" --wrap-key "$WORK/wrap" \
	--output "$WORK/none" --passphrase-fd 3 3<"$WORK/pass"
want 6 "$signer" wrap "$WORK/repo" --product gateway --id 1 \
	--registry "$WORK/registry.1" \
	--officer "$WORK/server/admin/admin.pem" \
	--device-ca "$WORK/server/ca.pem" --wrap-key "$WORK/wrap" \
	--output "$WORK/none" --passphrase-fd 3 3<"$WORK/pass"
wrap_key "$WORK/other"
want 6 "$signer" wrap "$WORK/repo" --product gateway --id 1 \
	--registry "$WORK/registry.1" \
	--officer "$WORK/server/admin/admin.pem" \
	--device-ca "$WORK/server/keys/device-ca.pem" \
	--wrap-key "$WORK/other" --output "$WORK/none" \
	--passphrase-fd 3 3<"$WORK/pass"
[ -z "$(ls "$WORK/none" 2>/dev/null)" ] || die "keys came out all the same"

# E12: each device is given its own envelope, whatever it says it is.
package=$(basename "$WORK"/keys.1/*.keys .keys)
[ "$(fetch_envelope one "$package" "$WORK/one.env")" = 200 ] || die "one gets no envelope"
[ "$(fetch_envelope two "$package" "$WORK/two.env")" = 200 ] || die "two gets no envelope"
! cmp -s "$WORK/one.env" "$WORK/two.env" || die "one envelope for all"
[ "$(stat -c %s "$WORK/one.env")" = 113 ] || die "not 113 bytes"

# The second implementation opens it, from the documents alone.
info=$(printf 'pawl/envelope/v1\0gateway\0001\0gateway/1/main-full.pawl\0' |
	od -An -v -tx1 | tr -d ' \n')$(on one status --json |
	sed -n 's/.*"device": *"\([0-9a-f]*\)".*/\1/p' | head -n 1)
hex() { od -An -v -tx1 "$1" | tr -d ' \n'; }
key=$(python3 "$reference" unwrap "$(cat "$WORK/one/state/decrypt.key")" \
	"$info" "$(hex "$WORK/one.env")")
python3 "$reference" decrypt \
	"$WORK/publish/targets/gateway/1/$package.main-full.pawl" "$key" |
	zstd -dcq 2>/dev/null | grep -q "$canary" ||
	die "the reference does not decrypt it"
! python3 "$reference" unwrap "$(cat "$WORK/two/state/decrypt.key")" \
	"$info" "$(hex "$WORK/one.env")" 2>/dev/null ||
	die "two opens one's envelope"

# A delta, from and to encrypted releases: the wrap key opens the base.
secret_tree 2
cp "$WORK/trees/1/lib/noise" "$WORK/trees/2/lib/noise"
make_encrypted_delta() {
	"$signer" release create "$WORK/repo" --product gateway --id 2 \
		--input "$WORK/trees/2" --health bin/health --deadline 20 \
		--quiet --from 1 --encrypt "$WORK/wrap.pub" "$@"
}
want 2 make_encrypted_delta
make_encrypted_delta --wrap-key "$WORK/wrap" --passphrase-fd 3 3<"$WORK/pass"
"$signer" sign "$WORK/repo" --key "$WORK/key" --passphrase-fd 3 \
	3<"$WORK/pass" >/dev/null
rm -rf "$WORK/publish"
"$signer" publish "$WORK/repo" "$WORK/publish" >/dev/null
operator release import "$WORK/publish"

# Revoked devices are not in the next export, and the one before is too old.
two=$(on two status --json | sed -n 's/.*"device": *"\([0-9a-f]*\)".*/\1/p')
operator device revoke --reason test "$two"
sleep 1
operator device export "$WORK/registry.2"
wrap 2 "$WORK/registry.2" | grep -q '0 new since the last one, 1 gone' ||
	die "nobody is gone"
want 8 wrap 2 "$WORK/registry.1"
operator envelope import "$WORK/keys.2"
want 13 operator envelope import "$WORK/trees"
mkdir "$WORK/unknown"
cp "$WORK/keys.1/$package.keys" \
	"$WORK/unknown/$(echo "$package" | tr 0-9 5).keys"
want 14 operator envelope import "$WORK/unknown"

# Over a stick: who has no key in there stays as it is.
operator bundle export "$WORK/stick" --valid 3
[ "$(ls "$WORK/stick/envelopes" | wc -l)" -ge 2 ] || die "no keys on the stick"
want 13 on two update --from "$WORK/stick"
[ ! -e "$WORK/two/slots/current" ] || die "two has installed"
! on one status | grep -q '^medium' || die "it has not seen a stick yet"
# The same in one file, keys included.
operator bundle export "$WORK/stick.tar" --valid 3
want 13 on two update --from "$WORK/stick.tar"
on one update --from "$WORK/stick.tar" --json >"$WORK/out" ||
	die "$(cat "$WORK/out")"
grep -q '"package": *"delta"' "$WORK/out" || die "$(cat "$WORK/out")"
runs one 2
# What it was told there is as old as the stick is, and it says so.
says one medium_days 0
if command -v faketime >/dev/null; then
	faketime -f '+5d' "$client" status --config "$WORK/one/client.conf" |
		grep -q '^medium  *of 20..-.*Z, 5 days old$' ||
		die "it does not say how old the stick is"
fi

# No plain byte of them on the server, on the stick or in a device's spool.
stop_server
for place in "$WORK/server" "$WORK/server.log" "$WORK/stick" \
	"$WORK/publish" "$WORK/repo" "$WORK/one/state" "$WORK/two"; do
	! grep -rqa "$canary" "$place" || die "the canary is in $place"
done
grep -rqa "$canary" "$WORK/one/slots" || die "the canary is nowhere"
