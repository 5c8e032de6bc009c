#!/bin/sh
# What CI signs alone, in production: lab devices take it, and a device is one by
# what two operators signed, not by what a server says or by its certificate.
export environment=production
. "$(dirname "$0")/client-lib.sh"
. "$(dirname "$0")/orders-lib.sh"

looks() { # device, words
	on "$1" check >"$WORK/said" 2>&1 && grep -q "$2" "$WORK/said" || {
		cat "$WORK/said"
		die "$1 does not say \"$2\""
	}
}
is_lab() { # device, yes or no
	operator device show "$(device_id "$1")" >"$WORK/said"
	grep -q "^lab  *$2\$" "$WORK/said" || {
		cat "$WORK/said"
		die "the registry says otherwise of $1"
	}
}
nightly() { # id
	make_tree "$1"
	"$signer" release create "$WORK/repo" --product gateway --id "$1" \
		--nightly --input "$WORK/trees/$1" --health bin/health \
		--deadline 20 --quiet >/dev/null
	order_for "$1" open --wide --cohort fleet >/dev/null
	sign ci op1 op2
	bring
}

make_server
make_keys ci
make_production_repo
"$signer" role add "$WORK/repo" nightly --key "$WORK/ci.pub" >/dev/null
sign root1 root2 root3 alice bob carol op1 op2 ci
make_release_1() {
	make_tree 1
	"$signer" release create "$WORK/repo" --product gateway --id 1 \
		--input "$WORK/trees/1" --health bin/health --deadline 20 \
		--quiet >/dev/null
	sign alice bob carol
	"$signer" publish "$WORK/repo" "$WORK/publish" \
		--backup-checked "$(date -u +%F)" >/dev/null
	operator release import "$WORK/publish"
}
make_release_1
# One person runs this server.
printf '[people]\nfour_eyes = no\n' >>"$WORK/server/server.conf"
stop_server
start_server
operator audit list | grep -q "four-eyes-off" || die "that is nobody's business"
operator cohort create canary
operator cohort create fleet
make_member pilot fleet
make_member shop fleet
want 10 order_for 1 open --wide --cohort fleet --days 3 2>"$WORK/said"
grep -q "14 days at least" "$WORK/said" || die "an order for three days"
order_for 1 open --wide --cohort fleet >/dev/null
sign op1 op2
bring
offer 1
on pilot update
on shop update

cp -a "$WORK/repo" "$WORK/before"

# CI signs a build. It is offered to nobody: no device is of the lab.
nightly n2
operator release show n2 --json | grep -q '"lab_only": true' ||
	die "the server does not know a nightly build"
people rollouts '{"v":1,"name":"rn2","release":"n2","cohorts":["fleet"],
	"share":10000}' >/dev/null
if people_begin rn2 >"$WORK/said" 2>&1; then die "opened to nobody"; fi
for d in pilot shop; do
	is_lab "$d" no
	looks "$d" "no rollout is for this device\|runs there already"
done

# One operator makes no lab device, two do.
order assign --device "$(device_id pilot)" --cohort fleet --lab >/dev/null
sign op1
if bring 2>/dev/null; then die "one operator made a lab device"; fi
sign op2
bring
is_lab pilot yes
is_lab shop no
people_begin rn2 >/dev/null
on pilot update
runs pilot n2
says pilot lab true
on pilot status | grep -q "of the lab" || die "status does not say so"
looks shop "runs there already"
runs shop 1

# A whole medium with everything signed, orders and all: the other device passes
# the build over.
operator bundle export "$WORK/bundle" >/dev/null
on shop update --from "$WORK/bundle" || :
runs shop 1

# Out of the lab again: what runs stays, and nothing of CI comes any more.
order assign --device "$(device_id pilot)" --cohort fleet >/dev/null
nightly n3
is_lab pilot no
looks pilot "no rollout is for this device\|runs there already\|newer"
says pilot lab false
operator bundle export "$WORK/bundle3" >/dev/null
on pilot update --from "$WORK/bundle3" || :
runs pilot n2

# An engineer's release that has the number of a build of CI: theirs counts, and
# CI's one key is in nobody's way.
make_tree 2
mv "$WORK/repo" "$WORK/ci-repo"
cp -a "$WORK/before" "$WORK/repo"
"$signer" release create "$WORK/repo" --product gateway --id 2 \
	--input "$WORK/trees/2" --health bin/health --deadline 20 \
	--quiet >/dev/null
sign alice bob
"$signer" publish "$WORK/repo" "$WORK/engineers" >/dev/null
rm -rf "$WORK/repo"
mv "$WORK/ci-repo" "$WORK/repo"
cp -a "$WORK/engineers/targets/gateway" "$WORK/publish/targets/"
rm "$WORK/publish/metadata/"*.targets.json
cp "$WORK/engineers/metadata/"*.targets.json "$WORK/publish/metadata/"
operator release import "$WORK/publish" >/dev/null
grep -q "nightly-ignored product=gateway release=n2" "$WORK/server.log" ||
	die "two releases with one number"
operator release show 2 --json >"$WORK/said"
if grep -q lab_only "$WORK/said"; then die "an engineer's is a nightly"; fi
operator release show n2 --json | grep -q '"listed": false' ||
	die "both are listed"

# Two people run it now: whom one officer lets in is nobody yet, whatever he says
# twice, and a second one's word decides.
sed -i 's/^four_eyes = no$/four_eyes = yes/' "$WORK/server/server.conf"
stop_server
start_server
[ "$(operator audit list | grep -c four-eyes-off)" = 1 ] || die "it is on again"
make_served_device asks fleet
want 12 on asks enroll --ask 2>"$WORK/said"
code=$(on asks status --json | sed -n 's/.*"join_code": *"\([^"]*\)".*/\1/p')
"$server" person create "$WORK/mia" --name mia --environment production \
	--url "https://127.0.0.1:$((base + 2))" --ca "$WORK/server/ca.pem" >/dev/null
"$server" person add "$WORK/server" "$WORK/mia/person.pem" --role officer >/dev/null
mia() { "$server" "$@" --operator "$WORK/mia/operator.conf"; }
# A word that is not for the keeper is no first word, and may be said again.
people device-approve "{\"v\":1,\"code\":\"$code\",\"cohort\":\"fleet\"}" \
	>"$WORK/said" && die "let in without the keeper" || :
grep -q "the keeper wants your own signature" "$WORK/said" || die "why not"
operator device approve "$code" --cohort fleet >"$WORK/said"
grep -q "a second person has to say the same" "$WORK/said" || die "one was enough"
operator device waiting | grep -q "second-officer" || die "the list"
want 12 on asks enroll --ask 2>"$WORK/said"
want 14 operator device approve "$code" --cohort fleet 2>"$WORK/said"
grep -q "a second officer" "$WORK/said" || die "the same one again"
want 14 mia device approve "$code" --cohort canary 2>"$WORK/said"
mia device approve "$code" --cohort fleet >"$WORK/said"
grep -q "it is let in" "$WORK/said" || die "two were not enough"
on asks enroll --ask
operator audit list | grep -q "device-ask" || die "no record of the first"

# So do two operators, before files go for good.
"$server" person create "$WORK/ola" --name ola --environment production \
	--url "https://127.0.0.1:$((base + 2))" --ca "$WORK/server/ca.pem" >/dev/null
"$server" person add "$WORK/server" "$WORK/ola/person.pem" --role operator >/dev/null
ola() { "$server" "$@" --operator "$WORK/ola/operator.conf"; }
stray=$WORK/server/blobs/ab/ab$(printf '%062d' 0)
mkdir -p "$(dirname "$stray")"
echo stray >"$stray"
touch -d 2020-01-01 "$stray"
operator release gc --json >"$WORK/said"
grep -q '"asked_by": ""' "$WORK/said" || die "somebody asked"
plan=$(sed -n 's/.*"plan": "\([0-9a-f]*\)".*/\1/p' "$WORK/said")
for again in 1 2; do
	operator release gc --plan "$plan" --reason room >"$WORK/said"
	grep -q "a second person has to say the same" "$WORK/said" ||
		die "one was enough, $again"
	[ -e "$stray" ] || die "it went by one person's word"
done
[ "$(operator audit list | grep -c payloads-ask)" = 1 ] || die "asked twice"
ola release gc | grep -q "^admin said so" || die "who asked?"
# What goes is what both saw.
echo stray >"${stray%0}1"
touch -d 2020-01-01 "${stray%0}1"
want 14 ola release gc --plan "$plan" --reason room 2>"$WORK/said"
other=$(ola release gc --json | sed -n 's/.*"plan": "\([0-9a-f]*\)".*/\1/p')
ola release gc --plan "$other" --reason room >"$WORK/said"
grep -q "a second person" "$WORK/said" || die "each by another plan"
[ -e "$stray" ] || die "they meant different files"
operator release gc --plan "$other" --reason room >"$WORK/said"
grep -q "removed 2 files" "$WORK/said" || die "two were not enough"
[ ! -e "$stray" ] || die "it is there still"
