#!/bin/sh
# The keys of keys-example/ serve in a demo and nowhere else, in each of the
# three programs; and files that somebody hands to the signer are only files.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
signer=$BIN/signer
keys=$top/keys-example
cd "$WORK"
echo "pawl example key" >pass
echo "a passphrase of ours" >ours

# refused STATUS PATTERN COMMAND...: fails so, and says so in one line.
refused() {
	want=$1 pattern=$2
	shift 2
	status=0
	"$@" >out 2>said 3<pass || status=$?
	[ "$status" -eq "$want" ] && grep -q "$pattern" said || {
		echo "status $status instead of $want, or not: $pattern: $*"
		cat said
		exit 1
	}
}
init() { # environment, options...
	environment=$1
	shift
	rm -rf repo
	"$signer" init repo --environment "$environment" --owner X \
		--product p "$@"
}

# ---- in a demo they serve --------------------------------------------------

init demo --with-online --key "$keys/example-1.key" --passphrase-fd 3 3<pass
mkdir tree
echo one >tree/data
"$signer" release create repo --product p --id 1 --input tree --quiet
"$signer" sign repo --key "$keys/example-1.key" --passphrase-fd 3 3<pass
"$signer" publish repo site --with-online
device() { # environment
	rm -rf device
	mkdir -p device/state
	chmod 700 device/state
	cat >device/client.conf <<-END
		[device]
		product = p
		state = $WORK/device/state
		[trust]
		root = $WORK/root.json
		environment = $1
		[slot]
		path = $WORK/device/slots
	END
}
cp site/metadata/1.root.json root.json
device demo
"$BIN/updater-client" update --config device/client.conf --from site
cmp tree/data device/slots/current/data

# ---- elsewhere nobody takes them -------------------------------------------

# The device, even when somebody says that the very root is a lab's.
device lab
refused 10 "environment" "$BIN/updater-client" update \
	--config device/client.conf --from site
"$signer" key generate own.key --environment lab --passphrase-fd 3 3<ours
for environment in lab production; do
	refused 10 "known to everybody" init "$environment" \
		--root-key "$keys/example-1.key.pub"
	[ ! -e repo ]
	refused 10 "known to everybody" init "$environment" \
		--targets-key "$keys/example-2.key.pub"
	refused 10 "known to everybody" init "$environment" \
		--online-key "$keys/example-3.key.pub"
	refused 10 "demo key" init "$environment" \
		--key "$keys/example-1.key" --passphrase-fd 3
done
init lab --with-online --root-key own.key.pub --targets-key own.key.pub
for role in root targets snapshot timestamp; do
	refused 10 "known to everybody" "$signer" key import repo \
		--role "$role" "$keys/example-1.key.pub"
done
refused 10 "demo key" "$signer" sign repo --key "$keys/example-1.key" \
	--passphrase-fd 3
"$signer" sign repo --key own.key --passphrase-fd 3 3<ours

# The server: neither its own keys nor a repository may be of that kind.
"$BIN/update-server" init server --environment lab \
	--device-listen 127.0.0.1:0 --enrol-listen 127.0.0.1:0 \
	--people-listen 127.0.0.1:0 >/dev/null
cp "$keys/example-1.key" server/keys/online.key
echo "pawl example key" >server/keys/keeper.secret
status=0
timeout 30 "$BIN/update-server" run server >out 2>said || status=$?
[ "$status" -ne 0 ]
[ "$status" -ne 124 ]

# ---- what somebody hands to the signer -------------------------------------

# A key file that was weakened, or would stall whoever opens it.
sed 's/600000/1000/' own.key >weak.key
refused 4 "rounds" "$signer" sign repo --key weak.key --passphrase-fd 3
sed 's/600000/4000000000/' own.key >stall.key
refused 4 "rounds" timeout 20 "$signer" sign repo --key stall.key \
	--passphrase-fd 3
sed 's/"lab"/"production"/' own.key >other.key
refused 10 "production key" "$signer" sign repo --key other.key \
	--passphrase-fd 3

# Staged files from a stick: endless, deep, cut, binary, somebody's joke.
head -c 30000000 /dev/zero | tr '\0' ' ' >endless.json
refused 5 "" timeout 20 "$signer" inspect endless.json
awk 'BEGIN { for (i = 0; i < 100000; i++) printf "[" }' >deep.json
refused 5 "deep" "$signer" inspect deep.json
head -c 200 repo/staged/targets.json >cut.json
refused 4 "" "$signer" inspect cut.json
head -c 3000 /dev/urandom >binary.json
refused 4 "" "$signer" inspect binary.json
for file in endless.json deep.json cut.json binary.json; do
	code=4
	case $file in endless* | deep*) code=5 ;; esac
	refused $code "" timeout 20 "$signer" merge repo $file
	refused $code "" timeout 20 "$signer" sign $file --key own.key \
		--passphrase-fd 3
done

# Foreign text never reaches a terminal as it is.
printf '{"signatures":[],"signed":{"_type":"targets","\\u001b]0;owned\\u0007":"\\u001b[2J\\u202e"}}' \
	>escape.json
status=0
"$signer" inspect escape.json >out 2>&1 || status=$?
[ "$status" -ne 0 ]
escape=$(printf '\033')
if grep -q "$escape" out; then exit 1; fi
cp repo/staged/targets.json named.json
sed -i 's/"spec_version"/"x\\u001b[31m\\u202ey":"\\u001b[2J","spec_version"/' \
	named.json
"$signer" inspect named.json >out 2>&1 || :
if grep -q "$escape" out; then exit 1; fi
