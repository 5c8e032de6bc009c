#!/bin/sh
# An offline repository goes on from what operators signed through the server:
# nothing of theirs is left out or taken back by the next publication. What is
# not signed by their keys is not taken over; a baseline comes after the last
# phase and takes the place of the one before it.
. "$(dirname "$0")/client-lib.sh"
. "$(dirname "$0")/orders-lib.sh"
for need in curl openssl python3; do
	command -v $need >/dev/null || { echo "no $need here"; exit 77; }
done

# Each operator has a certificate, the pinned root and a key for orders.
person() { # name
	"$server" person create "$WORK/who-$1" --name "$1" --environment lab \
		--ca "$WORK/server/ca.pem" \
		--url "https://127.0.0.1:$((base + 2))" >/dev/null
	"$server" person add "$WORK/server" "$WORK/who-$1/person.pem" \
		--role operator >/dev/null
	cp "$WORK/publish/metadata/1.root.json" "$WORK/who-$1/"
	printf '[trust]\nroot = 1.root.json\n' \
		>>"$WORK/who-$1/operator.conf"
}
signs() { # name, command of rollout...
	who=$1
	shift
	"$server" rollout "$@" --key "$WORK/$who" \
		--operator "$WORK/who-$who/operator.conf" >/dev/null
}
approves() { # name
	seen=$("$server" rollout approve --json \
		--operator "$WORK/who-$1/operator.conf" 2>/dev/null |
		sed -n 's/.*"sha256": "\(.*\)".*/\1/p')
	signs "$1" approve --sha256 "$seen"
}
want() { # status, words, command...
	wanted=$1 words=$2 got=0
	shift 2
	"$@" >"$WORK/said" 2>&1 || got=$?
	[ "$got" -eq "$wanted" ] && grep -q -- "$words" "$WORK/said" || {
		cat "$WORK/said"
		die "exit status $got, wanted $wanted and \"$words\": $*"
	}
}
takes() { # status, words, folder
	want "$1" "$2" "$signer" order take "$WORK/repo" "$3"
}

make_server
make_ordered_repo
sign op1 op2
make_release 1
operator release import "$WORK/publish" >/dev/null
operator cohort create canary
operator cohort create fleet
make_member few canary
make_member many fleet
offer 1
person op1
person op2
takes 0 "rollout-wide: nothing newer" "$WORK/publish"
cp -a "$WORK/repo" "$WORK/before"

# Two operators go on through the server, without the engineers.
signs op1 sign gateway 1 --cohort canary
signs op1 sign gateway 1 --wide --cohort fleet
approves op2
on many check >/dev/null && die "it is open already" || [ $? -eq 20 ] ||
	die "not open"

# The repository has not seen that, and its next order does not come in.
order_for 1 halt >/dev/null
sign op1
"$signer" publish "$WORK/repo" "$WORK/old" >/dev/null
want 14 "version 2 is already another file" operator release import "$WORK/old"
on few update
runs few 1

# With what the server has, it goes on from there.
rm -rf "$WORK/repo"
mv "$WORK/before" "$WORK/repo"
operator bundle export "$WORK/medium" --valid 1 >/dev/null
takes 0 "rollout: version 2 taken over after 1, 1 documents" "$WORK/medium"
grep -q "rollout-wide: version 2 taken over after 1" "$WORK/said" ||
	die "not both roles"
takes 0 "rollout: nothing newer than version 2" "$WORK/medium"
order_for 1 open --cohort canary --share 50 >/dev/null
takes 0 "nothing newer" "$WORK/medium"
sign op1
make_release 2 --from 1
want 0 "" operator release import "$WORK/publish"
grep -q "left out" "$WORK/said" && die "something was left out"
got=0
on many check >/dev/null 2>&1 || got=$?
[ "$got" -eq 20 ] || die "what two operators opened was taken back: $got"

# And on: the operators follow the repository as before.
signs op2 sign gateway 1 --cohort fleet
rm -rf "$WORK/medium"
operator bundle export "$WORK/medium" --valid 1 >/dev/null

# Only what their keys signed, with the bytes that are listed, and nothing over
# what is being signed here.
copy() { # python over e, the envelope
	rm -rf "$WORK/evil"
	cp -a "$WORK/medium" "$WORK/evil"
	python3 - "$WORK/evil/metadata/4.rollout.json" "$1" <<'PY'
import json, sys
name = sys.argv[1]
e = json.load(open(name))
exec(sys.argv[2])
json.dump(e, open(name, "w"), sort_keys=True, separators=(",", ":"))
PY
}
copy 'e["signatures"] = []'
takes 6 "not signed by enough of its keys" "$WORK/evil"
copy 'e["signed"]["version"] = 5'
takes 4 "another role or version" "$WORK/evil"
# By its operator, but further than a server would take it: 3 and a thousand.
for version in 1003 1004; do
	copy "e['signed']['version'] = $version
import subprocess
body = json.dumps(e['signed'], sort_keys=True, separators=(',', ':'))
e['signatures'] = [dict(s, sig=subprocess.run(['openssl', 'dgst', '-sha256',
    '-sign', '$WORK/op2.pem'], input=body.encode(), check=True,
    capture_output=True).stdout.hex()) for s in e['signatures']]"
	mv "$WORK/evil/metadata/4.rollout.json" \
		"$WORK/evil/metadata/$version.rollout.json"
	rm -rf "$WORK/ahead"
	cp -a "$WORK/repo" "$WORK/ahead"
	status=0
	[ $version -eq 1003 ] || status=10
	want $status "version $version" "$signer" order take "$WORK/ahead" "$WORK/evil"
done
grep -q "runs ahead of version 3, by more than 1000" "$WORK/said" ||
	die "why, it does not say"
copy 'e["signed"]["targets"].popitem()'
takes 6 "missing 1 of" "$WORK/evil"
copy pass
find "$WORK/evil/targets/rollout" -type f -exec sed -i s/canary/canarY/ {} +
takes 6 "not what is signed" "$WORK/evil"
find "$WORK/evil/targets/rollout" -type f -exec rm {} +
takes 13 "rollout/gateway/1.json" "$WORK/evil"
takes 13 "no publication" "$WORK/trees"
order_for 1 halt >/dev/null
takes 14 "discard it" "$WORK/medium"
"$signer" discard "$WORK/repo" --role rollout >/dev/null
takes 0 "version 4 taken over after 3" "$WORK/medium"

# A baseline: when the last phase has passed, in the place of the former.
order_for 2 open --wide --cohort fleet --share 50 >/dev/null
want 10 "last phase has not passed" order_for 2 baseline --cohort fleet
want 0 "baseline/gateway/1.json" order_for 1 baseline --cohort fleet
sign op1 op2
bring
order_for 2 open --wide --cohort fleet >/dev/null
want 0 "takes the place of baseline/gateway/1.json" \
	order_for 2 baseline --cohort fleet
sign op1 op2
bring
want 0 "baseline" find "$WORK/publish/targets" -name '*.json'
offer 2
on many update >/dev/null
runs many 2
