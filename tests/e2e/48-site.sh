#!/bin/sh
# The server gets another CA: devices that saw the signed site go on, one that
# slept through it finds its way by the site alone, what is withdrawn is never
# trusted again, and a list that reaches nobody leads back for a while.
. "$(dirname "$0")/client-lib.sh"

resign() {
	"$signer" sign "$WORK/repo" --key "$WORK/key" \
		--passphrase-fd 3 3<"$WORK/pass" >/dev/null
	rm -rf "$WORK/publish"
	"$signer" publish "$WORK/repo" "$WORK/publish" >/dev/null
	operator release import "$WORK/publish" >/dev/null
}
site() {
	"$signer" site "$WORK/repo" "$@" >/dev/null
	resign
}
restart() {
	stop_server
	start_server
}
tell() { # words
	grep -q "$1" "$WORK/said" || {
		cat "$WORK/said"
		die "it did not say: $1"
	}
}
try() { # status, device
	wanted=$1 got=0
	on "$2" update >"$WORK/said" 2>&1 || got=$?
	[ "$got" -eq "$wanted" ] || {
		cat "$WORK/said"
		die "status $got, not $wanted: $2"
	}
}

make_server
make_served_repo
for id in 1 2; do
	make_tree $id
	rm "$WORK/trees/$id/lib/stays" "$WORK/trees/$id/lib/changes"
done
serve_release 1 >/dev/null
operator cohort create fleet >/dev/null
for d in awake asleep; do
	make_served_device $d
	on $d enroll --claim-file "$WORK/$d/claim" >/dev/null
done
roll_out 1 >/dev/null
here=https://127.0.0.1:$((base + 1))
cp "$WORK/server/ca.pem" "$WORK/old-ca.pem"
try 0 awake
runs awake 1
# One learns from a first site where to ask; what its configuration says of that
# becomes wrong while it sleeps.
site --url "$here" --enrol-url "https://127.0.0.1:$base" \
	--ca "$WORK/old-ca.pem"
try 0 asleep
runs asleep 1
sed -i 's|^enrol *=.*|enrol = https://127.0.0.1:1|' "$WORK/asleep/client.conf"
cp "$WORK/server/tls.pem" "$WORK/old-tls.pem"
want 2 "$signer" site "$WORK/repo" --url "http://x" --ca "$WORK/old-ca.pem"
want 10 "$signer" site "$WORK/repo" --url "$here" --ca "$WORK/old-tls.pem"
want 2 "$signer" site "$WORK/repo" --url "$here" --ca "$WORK/old-ca.pem" \
	--enrol-url "$here/v1"

# A list that reaches nobody: the one that works leads back, while it may.
site --url https://127.0.0.1:1 --ca "$WORK/old-ca.pem" --overlap-days 1
serve_release 2 >/dev/null
roll_out 2 >/dev/null
try 0 awake
runs awake 2
try 0 awake
got=0
faketime -f +2d "$client" update --config "$WORK/awake/client.conf" \
	>"$WORK/said" 2>&1 || got=$?
[ "$got" -eq 9 ] || die "after the overlap: status $got"
try 0 awake

# Another CA: made, named, in place.
"$server" tls next-ca "$WORK/server" >/dev/null
want 14 "$server" tls next-ca "$WORK/server"
cp "$WORK/server/ca-next.pem" "$WORK/new-ca.pem"
site --url "$here" --ca "$WORK/old-ca.pem" --next-ca "$WORK/new-ca.pem"
try 0 awake
want 2 "$server" tls switch-ca "$WORK/server" --name 127.0.0.1
"$server" tls switch-ca "$WORK/server" --reason test --name 127.0.0.1 >/dev/null
want 13 "$server" tls switch-ca "$WORK/server" --reason test --name 127.0.0.1
restart
try 0 awake

# Who slept does not know it, is told by whoever answers, and checks it.
site --url "$here" --ca "$WORK/new-ca.pem" --withdraw-ca "$WORK/old-ca.pem"
try 0 awake
try 0 asleep
tell stranded
tell site-renewed
runs asleep 2
try 0 asleep
! grep -q stranded "$WORK/said" || die "it was stranded twice"

# What was withdrawn: not by the servers, not by the configuration, not by the
# signer.
cp "$WORK/server/tls.pem" "$WORK/new-tls.pem"
cp "$WORK/old-tls.pem" "$WORK/server/tls.pem"
stop_server
start_server
sed -i 's/^retry_m\(..\) = .*/retry_m\1 = 600/' "$WORK/asleep/client.conf"
for d in awake asleep; do
	try 6 $d
	tell stranded
	! grep -q "asked just now" "$WORK/said" ||
		die "$d: that it was stranded before counts still"
	runs $d 2
	on $d status | grep -q '^trouble  *since .*: stranded' ||
		die "the status of $d does not say that it is stranded"
done
want 10 "$signer" site "$WORK/repo" --url "$here" --ca "$WORK/old-ca.pem"

# A stranger is let in for the site, and for nothing else.
cp "$WORK/new-tls.pem" "$WORK/server/tls.pem"
stop_server
start_server
ask() {
	curl -sk -o "$WORK/answer" -w '%{http_code}' \
		"https://127.0.0.1:$base/targets/$1"
}
name=$(cd "$WORK/publish/targets" && ls *.site.json)
[ "$(ask "$name")" = 200 ] || die "the site is not for everybody"
cmp "$WORK/answer" "$WORK/publish/targets/$name"
package=$(cd "$WORK/publish/targets" && find . -name '*full.pawl' | head -1)
[ "$(ask "${package#./}")" = 404 ] || die "packages are for everybody"
try 0 awake
