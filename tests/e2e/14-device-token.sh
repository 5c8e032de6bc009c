#!/bin/sh
# A device's keys in a PKCS#11 token, a whole life long: made there at first use,
# for TLS and for encrypted releases, renewed there, destroyed there; SoftHSM2
# stands in for the hardware. Nothing of them is ever a file or in memory.
for tool in softhsm2-util pkcs11-tool faketime openssl; do
	command -v "$tool" >/dev/null || { echo "needs $tool"; exit 77; }
done
module=
for m in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so; do
	[ ! -e "$m" ] || module=$m
done
[ -n "$module" ] || {
	echo "no libsofthsm2.so found"
	exit 77
}
. "$(dirname "$0")/token-lib.sh"
missing='the token "pawl" with the device.s keys is not there'

p11() { pkcs11-tool --module "$module" --token-label pawl --pin 246810 "$@"; }
objects() { p11 --list-objects 2>/dev/null | grep -c "label: *$1" || :; }
token_ready() {
	mkdir "$WORK/tokens"
	echo "directories.tokendir = $WORK/tokens" >"$WORK/softhsm.conf"
	echo "objectstore.backend = file" >>"$WORK/softhsm.conf"
	export SOFTHSM2_CONF="$WORK/softhsm.conf"
	softhsm2-util --init-token --free --label pawl --so-pin 87654321 \
		--pin 246810 >/dev/null
	echo 246810 >"$WORK/pin"
}
token_config() {
	cat <<INI
[keys]
module = $module
token = pawl
pin = $WORK/pin
variable = SOFTHSM2_CONF=$WORK/softhsm.conf
INI
}
token_gone() { mv "$WORK/tokens" "$WORK/away" && mkdir "$WORK/tokens"; }
token_back() { rmdir "$WORK/tokens" && mv "$WORK/away" "$WORK/tokens"; }
token_end() { :; }
no_key_in() { # folder
	[ -z "$(find "$1" -name '*.key')" ] || die "a key is a file"
}

whole_life no
[ "$(objects pawl)" -eq 0 ] || die "keys are left in the token"

# ---- what must not be --------------------------------------------------------

start_later 0
make_served_device two
token_config >>"$WORK/two/client.conf"
fails() { # status, pattern, command of the device...
	wanted=$1 pattern=$2
	shift 2
	got=0
	on two "$@" >"$WORK/said" 2>&1 || got=$?
	[ "$got" -eq "$wanted" ] || {
		cat "$WORK/said"
		die "status $got, not $wanted: $*"
	}
	said "$pattern"
}
chmod 640 "$WORK/pin"
fails 3 'others may read it' enroll --claim-file "$WORK/two/claim"
chmod 600 "$WORK/pin"
echo 13579 >"$WORK/pin"
fails 3 'does not take it' enroll --claim-file "$WORK/two/claim"
echo 246810 >"$WORK/pin"
on two enroll --claim-file "$WORK/two/claim"
[ "$(objects pawl.identity)" -eq 2 ] || die "not one key pair for TLS"
[ "$(objects pawl.decrypt)" -eq 2 ] || die "not one key pair for content"
p11 --list-objects 2>/dev/null | grep -q 'sensitive, always sensitive, never extractable' ||
	die "keys could be taken out"
# Somebody else's key in that place is noticed before a byte is sent.
p11 --delete-object --type privkey --label pawl.identity >/dev/null 2>&1
fails 13 'the token "pawl" has no key pawl.identity' check
p11 --delete-object --type pubkey --label pawl.identity >/dev/null 2>&1
p11 --keypairgen --key-type EC:prime256v1 --label pawl.identity >/dev/null 2>&1
fails 6 'certificate is not for the key in the token' check
# One that is no module, and one that is not there.
sed "s|^module = .*|module = /bin/true|" "$WORK/two/client.conf" \
	>"$WORK/two/other.conf"
chmod 600 "$WORK/two/other.conf"
got=0
"$client" check --config "$WORK/two/other.conf" >"$WORK/said" 2>&1 || got=$?
[ "$got" -eq 3 ] || die "no module: $got"
said '\[keys\] module'
stop_later
echo "a token holds them"
