#!/bin/sh
# What of the signer reads foreign bytes has given up the network and all other
# programs before it reads the first: seen from outside while it works.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$WORK"
signer=$BIN/signer
[ -r /proc/self/status ] && grep -q '^Seccomp:' /proc/self/status || {
	echo "this kernel says nothing of seccomp"
	exit 77
}
python3 -c 'print("0123456789 abcdef ghijkl\n" * 8000000)' >large

# Its status, each time that it could be read while the command ran.
watched() { # command...
	: >seen
	"$signer" "$@" >said 2>&1 &
	pid=$!
	while kill -0 $pid 2>/dev/null; do
		grep -h '^Name:\|^NoNewPrivs:\|^Seccomp:' "/proc/$pid/status" \
			>now 2>/dev/null || continue
		grep -q '^Name:.*signer' now && cat now >>seen
	done
	wait $pid || { cat said; exit 1; }
	grep -q '^Seccomp:[^0-9]*2$' seen && grep -q '^NoNewPrivs:[^0-9]*1$' seen || {
		cat seen
		echo "FAILED: $1 is not locked up"
		exit 1
	}
	echo "ok $1"
}

watched scan large
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out k.pem 2>/dev/null
openssl pkey -in k.pem -pubout -out k.pub
# A key that a program holds: who signs may start it, and only who signs.
"$signer" key external key --environment lab --public k.pub -- \
	openssl pkeyutl -sign -inkey "$PWD/k.pem" >/dev/null
echo "a long passphrase" >pass
"$signer" init repo --environment lab --owner Tests --product gateway --key key \
	--with-online --passphrase-fd 3 3<pass >/dev/null
mkdir -p tree/bin && cp large tree/ && echo '#!/bin/sh' >tree/bin/health
chmod 755 tree/bin/health
watched release create repo --product gateway --id r1 --input tree \
	--health bin/health --quiet
"$signer" sign repo --key key --passphrase-fd 3 3<pass >/dev/null

# Who reads what others bring writes only where it must: where no layer of Landlock
# can be added, it fails by that.
python3 "$here/all_layers.py" /bin/true || exit $?
python3 "$here/all_layers.py" "$signer" release list repo >/dev/null
locked() { # command...
	got=0
	python3 "$here/all_layers.py" "$signer" "$@" >said 2>&1 || got=$?
	[ $got -eq 1 ] && grep -qi landlock said || {
		cat said
		echo "FAILED: $1: status $got: it does not shut itself in"
		exit 1
	}
	echo "ok $1 shuts itself in"
}
cp repo/published/targets.json brought 2>/dev/null || cp repo/staged/targets.json brought
locked merge repo brought
locked inspect brought
locked delta explain brought
locked scan large
locked publish repo public
touch registry officer.pub ca.pem wrap.key
locked wrap repo --product gateway --id r1 --registry registry --officer officer.pub \
	--device-ca ca.pem --wrap-key wrap.key --output keys
