#!/bin/sh
# A factory image is vanilla: what the signer wrote for it and nothing more; no
# key, no identity, nothing of a device that ran.
. "$(dirname "$0")/client-lib.sh"

make_repo
make_release 1
server_ca() { # name of the CA
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$WORK/$1.key" -out "$WORK/$1.pem" -subj "/CN=$1" \
		-days 30 -addext keyUsage=critical,keyCertSign 2>/dev/null
}
server_ca ca
factory() { # folder
	"$signer" factory "$WORK/repo" "$1" --product gateway --model m1 \
		--url https://127.0.0.1:1 --enrol-url https://127.0.0.1:2 \
		--server-ca "$WORK/ca.pem" >/dev/null
}
factory "$WORK/factory"
image=$WORK/image
fresh() {
	rm -rf "$image"
	mkdir -p "$image/etc/ssh" "$image/usr/bin" "$image/var/lib/pawl"
	cp -r "$WORK/factory" "$image/etc/pawl"
	: >"$image/etc/machine-id"
	cp "$client" "$image/usr/bin/pawl-client"
}
look() { # options
	"$client" doctor --image "$image" "$@" >"$WORK/out" 2>"$WORK/err"
}
wrong() { # status, check, words
	want "$1" look --factory "$WORK/factory"
	grep -q "^fail *$2 .*$3" "$WORK/out" || {
		cat "$WORK/out" "$WORK/err"
		die "no line \"fail $2 $3\""
	}
	fresh
}

fresh
want 0 look --factory "$WORK/factory"
grep -q '^\(warn\|fail\)' "$WORK/out" && die "a vanilla image: $(cat "$WORK/out")"
grep -q '^ok *same .*[0-9a-f]\{64\}' "$WORK/out" || die "no digest"
grep -o '[0-9a-f]\{64\}' "$WORK/out" >"$WORK/digest"
look --factory "$WORK/factory" --json
grep -q '"result": "ok"' "$WORK/out" || die "no JSON"
# Without something to compare with it says so, and which it is.
want 0 look
grep -q "^warn *same .*$(cat "$WORK/digest")" "$WORK/out" || die "which is it?"

# What is there besides, is missing, or is not what was given.
echo more >"$image/etc/pawl/more"
wrong 6 files '"more" lies there'
rm "$image/etc/pawl/root.json"
wrong 13 files root.json
ln -sf /etc/passwd "$image/etc/pawl/server-ca.pem"
wrong 10 files server-ca.pem
sed -i 's/interval = 3600/interval = 60/' "$image/etc/pawl/client.conf"
wrong 6 same client.conf
echo "unknown = 1" >>"$image/etc/pawl/client.conf"
wrong 3 files unknown
sed -i 's/"version":1/"version":2/' "$image/etc/pawl/root.json"
wrong 6 root .
sed -i 's/environment = lab/environment = demo/' "$image/etc/pawl/client.conf"
wrong 6 root 'environment lab'
cat "$WORK/ca.key" >>"$image/etc/pawl/server-ca.pem"
wrong 6 keys 'server-ca.pem holds a private key'

# State of a device that ran, and what tells one unit from another.
: >"$image/var/lib/pawl/identity.key"
wrong 6 state '/var/lib/pawl is not empty'
ln -s "$WORK" "$image/opt"
wrong 10 state link
mkdir -p "$image/opt/pawl/b/keep/etc"
wrong 6 state '/opt/pawl/b/keep is not empty'
echo 0123456789abcdef0123456789abcdef >"$image/etc/machine-id"
wrong 6 identity machine-id
: >"$image/etc/ssh/ssh_host_ed25519_key"
wrong 6 identity ssh_host_ed25519_key
mkdir -p "$image/var/lib/systemd"
: >"$image/var/lib/systemd/random-seed"
wrong 6 identity random-seed
echo uninitialized >"$image/etc/machine-id"
want 0 look --factory "$WORK/factory"
want 13 "$client" doctor --image "$WORK/nothing" 2>"$WORK/err" >/dev/null
