#!/bin/sh
# The drills of docs/key-ceremony.md through a running server, over TLS and four
# years: a token is lost, another one and the server's online key are stolen,
# root runs out. One device follows, one was off from the first day, one comes
# from the factory with the first root; what revoked keys sign goes nowhere.
for tool in faketime openssl; do
	command -v "$tool" >/dev/null || { echo "needs $tool"; exit 77; }
done
. "$(dirname "$0")/server-lib.sh"
. "$(dirname "$0")/faked-lib.sh"
cd "$WORK"

day=0
later() { faketime -f "+${day}d" "$@"; }
signer() { later "$signer" "$@" >"$WORK/signer.said" 2>&1; }
conf=$WORK/server/admin/operator.conf
op() { later "$server" "$@" --operator "$conf"; }
device() { # name, command...
	name=$1
	shift
	later "$client" "$@" --config "$WORK/devices/$name/client.conf"
}

trap stop_later EXIT
start_now() { # the server lives on this day, and keeps its ports
	for l in device enrolment people; do
		sed -i "s/^$l = .*/$l = $(listener $l)/" server/server.conf
	done
	people=$(listener people)
	stop_later
	# Its certificate lives 90 days, and a person's a year.
	later "$server" tls renew server >/dev/null
	run_after "${day}d"
	later "$server" person create "boss$day" --name "boss$day" \
		--url "https://$people" --ca server/ca.pem \
		--environment demo >/dev/null
	later "$server" person add server "boss$day/person.pem" --role operator --role officer \
		>/dev/null
	conf=$WORK/boss$day/operator.conf
}

# Keys behind a command: a ceremony a second.
key() {
	for k; do
		openssl genpkey -algorithm EC -out "$k.pem" \
			-pkeyopt ec_paramgen_curve:P-256 2>/dev/null
		openssl pkey -in "$k.pem" -pubout -out "$k.pub"
		"$signer" key external "$k.key" --environment demo \
			--public "$k.pub" -- openssl pkeyutl -sign \
			-inkey "$WORK/$k.pem" >/dev/null
	done
}
sign() {
	for k; do
		signer sign repo --key "$k.key" ||
			die "$k does not sign: $(cat signer.said)"
	done
}
replace() { # role, old, new
	signer key import repo --role "$1" "$3.pub" &&
		signer key remove repo --role "$1" "$2" ||
		die "$2 stays $1: $(cat signer.said)"
}
release() { # id
	mkdir -p "trees/$1"
	echo "$1" >"trees/$1/id"
	signer release create repo --product kiosk --id "$1" --quiet \
		--input "trees/$1" || die "no release: $(cat signer.said)"
}
bring() { # to the server
	rm -rf publish
	signer publish repo publish || die "no publish: $(cat signer.said)"
	want 0 op release import publish
}
offer() { # id
	want 0 op rollout create "r$1" --release "$1" --cohort default \
		--share 100
	want 0 begin "r$1"
}
takes() { # name, id
	want 0 device "$1" update
	[ "$(cat "devices/$1/slots/current/id")" = "$2" ] ||
		die "$1 does not run $2 on day $day"
}
root_of() { # name: the version of root that it trusts
	sed -n 's/.*"_type": *"root".*"version": *\([0-9]*\).*/\1/p' \
		"devices/$1/state/metadata/root.json" | head -n 1
}

make_server
start_server
key r1 r2 r3 t1 t2 t3
signer init repo --environment demo --owner Tests --product kiosk \
	--root-key r1.pub --root-key r2.pub --root-key r3.pub \
	--targets-key t1.pub --targets-key t2.pub --targets-key t3.pub \
	--root-threshold 2 --targets-threshold 2 \
	--online-key server/online.pub
release 1
sign r1 r2 t1 t2
bring
for d in follows sleeps factory; do
	make_device $d default
done
for d in follows sleeps; do
	want 0 device $d enroll --claim-file "devices/$d/claim"
done
offer 1
takes follows 1
takes sleeps 1
cp -r repo first-repo

# A token is lost: the others put a new one in its place.
day=340
start_now
key r4 t4
replace root r1 r4
replace targets t1 t4
release 2
sign r2 r3 r4 t2 t4
bring
offer 2
takes follows 2

# Another one is stolen, and the server's own key with it.
day=700
key r5 t5
replace root r2 r5
replace targets t2 t5
later "$signer" key generate new-online --environment demo --purpose online \
	--passphrase-fd 3 3<server/keys/keeper.secret >/dev/null 2>&1
signer key import repo --role online new-online.pub
signer key remove repo --role online server/online.pub
release 3
sign r3 r4 r5 t4 t5
cp new-online server/keys/online.key
cp new-online.pub server/online.pub
start_now
bring
offer 3
takes follows 3

# What the thieves hold signs nothing any more: the server takes neither a
# root nor a release of theirs.
refuses() { # folder, words
	got=0
	op release import "$1" >said 2>&1 || got=$?
	[ $got = 6 ] && grep -q "$2" said || {
		cat said
		die "what revoked keys signed: status $got, not 6 with \"$2\""
	}
}
cp -r first-repo thief
echo evil >trees/3/id
signer release create thief --product kiosk --id evil --quiet --input trees/3
for n in 2 3 4; do
	signer extend thief --role root
	[ $n = 2 ] || signer extend thief --role targets
	for k in r1 r2 t1 t2; do
		signer sign thief --key $k.key
	done
	signer publish thief loot || die "$(cat signer.said)"
done
refuses loot 'root.*signatures'
cp publish/metadata/*.root.json loot/metadata # they copy what is public
rm loot/metadata/4.root.json
refuses loot 'targets: 0 of 2 needed signatures'
takes follows 3

# Root ran out while nobody looked: nothing new, nothing lost, and then on.
day=1460
start_now
takes follows 3
said 'root: expired'
signer extend repo --role root
release 4
sign r3 r4 t4 t5
bring
offer 4
takes follows 4

# Four years off, and new from the factory: both come by all four roots.
takes sleeps 4
op token create --product kiosk --model k1 --cohort default --plain \
	>devices/factory/claim
want 0 device factory enroll --claim-file devices/factory/claim
takes factory 4
for d in follows sleeps factory; do
	[ "$(root_of $d)" = 4 ] || die "$d trusts root $(root_of $d)"
done
