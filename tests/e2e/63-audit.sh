#!/bin/sh
# The audit log: every act of a person is one record, the log verifies offline
# by our own command and by a stranger's, and every tampering is found.
# Begun early: many cases.
command -v python3 >/dev/null || { echo "needs python3"; exit 77; }
command -v openssl >/dev/null || { echo "needs openssl"; exit 77; }
. "$(dirname "$0")/server-lib.sh"
here=$(cd "$(dirname "$0")" && pwd)

"$server" init "$WORK/server" --environment demo --admin alice \
	--device-listen 127.0.0.1:0 --enrol-listen 127.0.0.1:0 \
	--people-listen 127.0.0.1:0 >/dev/null
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/publish"
start_server
key=$WORK/server/audit.pub

# A look into the database, or a thief's hand in it.
db() { # folder, SQL
	python3 -c 'import sqlite3, sys
d = sqlite3.connect(sys.argv[1] + "/store.sqlite", isolation_level=None)
try:
    for statement in sys.argv[2].split(";"):
        for row in d.execute(statement):
            print(bytes(row[0]).decode())
except sqlite3.Error as e:
    sys.exit(str(e))' "$1" "$2"
}

records() { db "$WORK/server" "SELECT record FROM audit ORDER BY n"; }
acts() { records | sed 's/.*"act":"\([^"]*\)".*/\1/'; }

# An operator without the wait for a key to be derived: path, and a body or not.
"$BIN/tests/tools/open-key" "$WORK/server/admin/admin.key" \
	"$WORK/server/admin/admin.secret" >"$WORK/alice.key"
people() {
	curl -sS --fail-with-body --cacert "$WORK/server/ca.pem" \
		--cert "$WORK/server/admin/admin.pem" --key "$WORK/alice.key" \
		-H 'Content-Type: application/json' ${2:+--data "$2"} \
		"https://$(listener people)/v1/people/$1"
}

# The next request is exactly one act of a person, of this kind.
# device-readopt and readopt-close need a registry that was restored, device-approve and -deny one that waits, outpost-report another
# server, device-release two copies of one, envelopes/ an encrypted release,
# order-* keys of operators, payloads-remove a withdrawn release: their records are looked for in the tests of those.
covered="payload/ metadata/ publish device-release envelopes/"
covered="$covered device-join device-approve device-deny outpost-report device-readopt device-report payloads-remove"
covered="$covered readopt-close"
covered="$covered order-plan order-sign order-discard"
# What becomes of cohorts is looked for in 95-cohorts.
covered="$covered cohort-rule cohort-remove"
# An approval is another person's, where that is asked for; a draft is submitted
# in 94-staged-edges.
covered="$covered rollout-approve rollout-advance rollout-submit"
act() { # route, body, act
	one_act "$1" "$3" people "$1" "$2"
}
one_act() { # route, act, how
	covered="$covered $1"
	route=$1 wanted_act=$2
	shift 2
	records >"$WORK/before"
	"$@" >"$WORK/said" 2>&1 || die "$route: $(cat "$WORK/said")"
	records >"$WORK/after"
	head -n "$(wc -l <"$WORK/before")" "$WORK/after" |
		cmp -s - "$WORK/before" || die "the past changed: $route"
	tail -n +"$(($(wc -l <"$WORK/before") + 1))" "$WORK/after" |
		grep '"kind":"person"' >"$WORK/new" || :
	[ "$(wc -l <"$WORK/new")" -eq 1 ] || die "not one record: $route"
	grep -q "\"act\":\"$wanted_act\"" "$WORK/new" || die "not $wanted_act: $route"
}

# An import is its uploads, one act each, and then itself.
want 0 op release import "$WORK/publish"
for kind in payload-upload metadata-upload import publish; do
	acts | grep -qx "$kind" || die "no $kind"
done
act cohorts '{"v":1,"name":"canary"}' cohort-create
# These the keeper wants signed, by the officer's own command.
kiosk="--product kiosk --model k1 --cohort canary"
# shellcheck disable=SC2086
one_act tokens token-create op token create $kiosk --count 3 --days 3
first=$(sed 's/.*"first":\([0-9]*\).*/\1/' "$WORK/new")
one_act token-revoke token-revoke op token revoke --reason test "$first"
one_act token-revoke batch-revoke op token revoke --reason test --batch "$first"
# shellcheck disable=SC2086
one_act tokens token-create op token create $kiosk --days 3 --inactive
first=$(sed 's/.*"first":\([0-9]*\).*/\1/' "$WORK/new")
root=$(sed -n 's/^root \([0-9a-f]*\):.*/\1/p' "$WORK/said")
one_act token-activate token-activate op token activate "$first" --root "$root"
make_device a canary
make_device b canary
want 0 device a enroll --claim-file "$WORK/devices/a/claim"
want 0 device b enroll --claim-file "$WORK/devices/b/claim"
[ "$(acts | grep -c '^device-enrol$')" -eq 2 ] || die "two enrolments"
act rollouts '{"v":1,"name":"one","release":"r1","cohorts":["canary"],
	"share":10000,"watch":[0]}' rollout-create
# One that never begins goes again, by who saw what it is now.
act rollouts '{"v":1,"name":"two","release":"r1","cohorts":["canary"],
	"share":10000,"watch":[0]}' rollout-create
want 2 op rollout discard two --revision 1
want 2 op rollout discard two --reason "a slip"
want 14 op rollout discard two --reason "a slip" --revision 7
said "revision 1 now"
one_act rollout-discard rollout-discard op rollout discard two \
	--reason "a slip" --revision 1 --json
want 13 op rollout status two
plan=$(people rollout-plan/one |
	sed 's/.*"plan":"\([0-9a-f]*\)".*/\1/')
act rollout-start "{\"v\":1,\"name\":\"one\",\"revision\":1,
	\"plan\":\"$plan\"}" rollout-start
want 10 op rollout discard one --reason "too late" --revision "$(revision one)"
said "rollout abort ends it"
act rollout-pause '{"v":1,"name":"one","reason":"Bob is unsure"}' rollout-pause
act_on() { # verb, rollout, reason
	one_act "rollout-$1" "rollout-$1" people_act "$1" "$2" ",\"reason\":\"$3\""
}
act_on resume one "she is sure"
act_on ack one "nothing there"
# What devices say is not audit; that the rule saw all confirmed is.
acts | grep -v '^rollout' >"$WORK/acts"
for n in a b; do
	want 0 device "$n" update
	want 0 device "$n" check
done
acts | grep -v '^rollout' | cmp -s - "$WORK/acts" || die "noise in the log"
# What time and evidence do is the gate's act; to go on is a person's.
for n in $(seq 600); do
	people rollout/one | grep -q '"waits_for":"person"' && break
	sleep 0.1
done
acts | grep -qx rollout-phase || die "a phase is an act of the gate"
people_act advance one >/dev/null
acts | tail -n 2 | tr '\n' ' ' | grep -qx 'rollout-advance rollout-complete ' ||
	die "completion is an act of the gate"
for verb in abort supersede; do
	people rollouts "{\"v\":1,\"name\":\"$verb\",\"release\":\"r1\",
		\"cohorts\":[\"canary\"]}" >/dev/null
	plan=$(people rollout-plan/$verb |
		sed 's/.*"plan":"\([0-9a-f]*\)".*/\1/')
	people rollout-start "{\"v\":1,\"name\":\"$verb\",\"revision\":1,
		\"plan\":\"$plan\"}" >/dev/null
	act_on $verb $verb "another one"
done
act_on rollback one "dark screens"
act bundle '{"v":1,"days":3}' bundle-export
act report-export '{"v":1}' report-export
act outpost-add "{\"v\":1,\"name\":\"bunker\",\"key\":\"$(
	awk '{ printf "%s\\n", $0 }' "$WORK/server/audit.pub")\"}" outpost-add
ids=$(people devices | grep -o '"id":"[0-9a-f]*"' | cut -d'"' -f4)
id=$(echo "$ids" | head -n 1) other=$(echo "$ids" | tail -n 1)
act registry "" device-export
act device-pin "{\"v\":1,\"id\":\"$id\",\"reason\":\"a wish\"}" device-pin
act device-unpin "{\"v\":1,\"id\":\"$id\",\"reason\":\"over\"}" device-unpin
covered="$covered device-clear" # edge_cases.py
# Exported before it is acknowledged: no backup undoes it unnoticed.
for verb in block unblock; do
	act device-$verb "{\"v\":1,\"id\":\"$id\",\"reason\":\"unsure\"}" \
		device-$verb
	grep -q "\"size\":$(records | wc -l)," \
		"$WORK/server/audit/checkpoint.json" || die "$verb: not exported"
done
want 2 op device revoke "$id"
said "reason TEXT is needed"
one_act device-revoke device-revoke op device revoke --reason test "$id"
one_act device-retire device-retire op device retire --reason test "$other"
want 22 people device-forget \
	'{"v":1,"id":"00000000000000000000000000000000","reason":"x"}'
want 22 people device-forget "{\"v\":1,\"id\":\"$id\"}" # and why?
act device-forget "{\"v\":1,\"id\":\"$id\",\"reason\":\"unsure\"}" device-forget

# A revocation was exported before it was acknowledged.
cp "$WORK/server/audit/checkpoint.json" "$WORK/kept.json"
grep -q "\"size\":$(records | wc -l)," "$WORK/kept.json" || die "not exported"

want 0 op audit list
said "person .* device-revoke .*device=$id reason=$(printf test | sha256sum |
	cut -c1-64)"

# Every route by which people change something was tried above.
sed -n -e 's/.*PEOPLE, METHOD_P[OU][ST]T*, P "\([^"]*\)".*/\1/p' \
	-e 's/^	ACT("\([^"]*\)".*/\1/p' \
	"$here/../../update-server/api_routes.c" | sort -u >"$WORK/routes"
for route in $(cat "$WORK/routes"); do
	case " $covered " in *" $route "*) ;; *)
		die "no test that $route is audited" ;;
	esac
done
[ "$(wc -l <"$WORK/routes")" -ge 44 ] || die "the routes were not found"

# A refused act is none.
records >"$WORK/before"
want 14 op cohort create canary
want 22 people token-revoke '{"v":1,"id":99999,"reason":"x"}'
records | cmp -s - "$WORK/before" || die "a refusal was recorded"

# Nothing personal, no free text, no claim code.
! grep -q "alice\|Bob\|unsure" "$WORK/before" || die "personal data"
! grep -q "$(tr -d '\n' <"$WORK/devices/a/claim")" "$WORK/before" ||
	die "a claim code"

# TLS renewal while the server runs.
want 0 "$server" tls renew "$WORK/server"
acts | grep -qx tls-renew || die "tls-renew"
acts | head -n 1 | grep -qx init || die "init comes first"

# Export; verify with nothing but the key, twice over.
# Also while others act and have checkpoints signed: each export is whole.
with="cacert = $WORK/server/ca.pem
cert = $WORK/server/admin/admin.pem
key = $WORK/alice.key
output = /dev/null
silent"
for i in $(seq 60); do
	printf '%s\nurl = https://%s/v1/people/%s\n%s\nnext\n' \
		"$with" "$(listener people)" audit-head "" \
		"$with" "$(listener people)" cohorts \
		"header = \"Content-Type: application/json\"
data = {\"v\":1,\"name\":\"other$i\"}"
done | sed '$d' >"$WORK/others"
curl -K "$WORK/others" &
others=$!
tries=0
while [ "$tries" -lt 3 ] || kill -0 $others 2>/dev/null; do
	tries=$((tries + 1))
	want 0 op audit export "$WORK/other$tries"
	want 0 "$server" audit verify "$WORK/other$tries" --key "$key"
done
wait $others
want 0 op audit export "$WORK/log"
count=$(wc -l <"$WORK/log/records.jsonl")
want 0 "$server" audit verify "$WORK/log" --key "$key"
said "whole: $count records"
want 0 "$server" audit verify "$WORK/log" --key "$key" \
	--checkpoint "$WORK/kept.json"
want 0 python3 "$here/../tools/verify_audit.py" "$WORK/log" "$key" \
	"$WORK/kept.json"
said "whole: $count records"
want 6 "$server" audit verify "$WORK/log" --key "$WORK/server/online.pub"
want 2 "$server" audit verify "$WORK/log"
want 4 "$server" audit verify "$WORK/log" --key "$WORK/kept.json"

# Tampering with the export, by hand.
tampered() { # words, sed expression over the records
	words=$1
	rm -rf "$WORK/bad"
	cp -r "$WORK/log" "$WORK/bad"
	sed -i "$2" "$WORK/bad/records.jsonl"
	got=0
	"$server" audit verify "$WORK/bad" --key "$key" >"$WORK/said" 2>&1 ||
		got=$?
	[ "$got" -eq 6 ] || [ "$got" -eq 4 ] || [ "$got" -eq 8 ] ||
		die "not found: $2"
	said "$words"
	want 1 python3 "$here/../tools/verify_audit.py" "$WORK/bad" "$key"
}
tampered "not those that were signed" '5s/"cohort":"[a-z0-9]*"/"cohort":"other"/
	s/"share":10000/"share":9999/'
tampered "line 4: record 4 stands where 3 belongs" 4d
tampered "record 4 stands where 3 belongs" '4{h;d};5{G}'
tampered "stands where 4 belongs" 4p
tampered "was cut" '$d'
tampered "" '3s/"time":"2/"time":"1/'
tampered "" '3s/"v":1/"v": 1/'

# Tampering on the server: the database keeps its own log, and a thief who
# rewrites it around that finds the keeper in his way.
want 1 db "$WORK/server" "DELETE FROM audit WHERE n = 3"
said "only grows"
stop_server
cp -r "$WORK/server" "$WORK/stolen"
db "$WORK/server" "DROP TRIGGER audit_kept;
	DROP TRIGGER audit_node_kept; DROP TRIGGER audit_fixed;
	DELETE FROM audit WHERE n >= 10; DELETE FROM audit_node
	WHERE ((at + 1) << level) > 10; DELETE FROM audit_checkpoint
	WHERE size > 10"
printf '\n[audit]\nreserve_mb = 1000000\n' >>"$WORK/server/server.conf"
start_server
want 14 op audit export "$WORK/log2"
said "not the one whose first .* records were signed"
# A disk without room for the log: acts are refused, revocations are not.
want 11 op cohort create later
said "kept for the audit log"
case $(people cohorts) in *later*) die "it was done" ;; esac
# Here the revocation cannot be made known outside, so it is not acknowledged;
# the device is refused all the same.
want 14 op device revoke --reason test "$other"
said "it is revoked, but the audit log could not be signed"
records | tail -n 1 | grep -q "\"device\":\"$other\"" || die "no record"
stop_server

# With the keeper's memory rewritten too, the export, and its key: all signatures are good,
# and the checkpoint that was kept elsewhere tells.
rm -r "$WORK/server"
mv "$WORK/stolen" "$WORK/server"
db "$WORK/server" "DROP TRIGGER audit_kept;
	DROP TRIGGER audit_node_kept; DELETE FROM audit WHERE n >= 10;
	DELETE FROM audit_node WHERE ((at + 1) << level) > 10;
	DELETE FROM audit_checkpoint"
rm "$WORK/server/keeper/audit.json" "$WORK/server/audit/checkpoint.json"
start_server
people cohorts '{"v":1,"name":"forged"}' >/dev/null || die "forged"
want 0 op audit export "$WORK/log3"
want 0 "$server" audit verify "$WORK/log3" --key "$key"
want 8 "$server" audit verify "$WORK/log3" --key "$key" \
	--checkpoint "$WORK/kept.json"
said "was cut"
rm -r "$WORK/log3"
n=0
while [ "$n" -le "$count" ]; do
	people cohorts "{\"v\":1,\"name\":\"more$n\"}" >/dev/null
	n=$((n + 1))
done
want 0 op audit export "$WORK/log3"
want 6 "$server" audit verify "$WORK/log3" --key "$key" \
	--checkpoint "$WORK/kept.json"
said "was forked or rewritten"
echo "the audit log holds"
