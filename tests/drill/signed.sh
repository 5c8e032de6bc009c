#!/bin/sh
# The emergency drill where no server alone may open a rollout: two of three
# engineers sign the release, two operators its order, and a rollout is approved
# by another than its author. Every act of a person is counted.
#
#	REAL=5 POLL=10 make drill-signed
#
# All devices are real clients: they download, verify the order, install, start.
. "$(dirname "$0")/../e2e/client-lib.sh"
real=${REAL:-5}
poll=${POLL:-10}
pids=''

stop_all() {
	for pid in $pids; do
		kill "$pid" 2>/dev/null || :
	done
	for pid in $pids; do
		wait "$pid" 2>/dev/null || :
	done
	stop_server
}

now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f", b - a }'; }
quietly() {
	"$@" >"$WORK/said" 2>&1 || {
		cat "$WORK/said"
		die "it failed: $*"
	}
}
# What a person does is told, and counted.
steps=0
person() { # what, command...
	steps=$((steps + 1))
	echo "$(since "$start") s  person: $1"
	shift
	quietly "$@"
}
engineer() { # name
	"$signer" sign "$WORK/repo" --key "$WORK/$1"
}
as() { # name, command...
	who=$1
	shift
	"$server" "$@" --operator "$WORK/who-$who/operator.conf"
}
publish() {
	rm -rf "$WORK/publish"
	"$signer" publish "$WORK/repo" "$WORK/publish"
}
release() { # id, options...
	id=$1
	shift
	[ -d "$WORK/trees/$id" ] || make_tree "$id"
	"$signer" release create "$WORK/repo" --product gateway --id "$id" \
		--input "$WORK/trees/$id" --health bin/health --deadline 20 \
		--quiet "$@"
}
# Looks at what waits, and signs just that.
agrees() { # name
	as "$1" rollout approve --json >"$WORK/seen" || return
	as "$1" rollout approve --key "$WORK/$1" --sha256 "$(sed -n \
		's/.*"sha256": "\(.*\)".*/\1/p' "$WORK/seen")"
}
starts() { # name of a person, rollout
	as "$1" rollout plan "$2" --json >"$WORK/plan" || return
	as "$1" rollout start "$2" --plan "$(sed -n \
		's/.*"plan": "\([0-9a-f]\{64\}\)".*/\1/p' "$WORK/plan")"
}

# ---- a fleet that is up to date ----------------------------------------------

make_server
trap stop_all EXIT
stop_server
sed -i "s/^poll_sec = .*/poll_sec = $poll/" "$WORK/server/server.conf"
try_server || die "no server: $(tail -n 5 "$WORK/server.log")"
make_keys root1 root2 eng1 eng2 eng3 op1 op2
quietly "$signer" init "$WORK/repo" --environment "$environment" \
	--owner Drill --staging signed --product gateway \
	--root-key "$WORK/root1.pub" --root-key "$WORK/root2.pub" \
	--root-threshold 2 --targets-key "$WORK/eng1.pub" \
	--targets-key "$WORK/eng2.pub" --targets-key "$WORK/eng3.pub" \
	--targets-threshold 2 --online-key "$WORK/server/online.pub"
quietly "$signer" role add "$WORK/repo" rollout --key "$WORK/op1.pub" \
	--key "$WORK/op2.pub"
quietly "$signer" role add "$WORK/repo" rollout-wide --key "$WORK/op1.pub" \
	--key "$WORK/op2.pub" --threshold 2
quietly release 1
for key in root1 root2 eng1 eng2 op1 op2; do
	quietly engineer "$key"
done
quietly publish
quietly operator release import "$WORK/publish"
quietly operator cohort create fleet
for name in op1 op2; do
	quietly "$server" person create "$WORK/who-$name" --name "$name" \
		--environment "$environment" --ca "$WORK/server/ca.pem" \
		--url "https://127.0.0.1:$((base + 2))"
	quietly "$server" person add "$WORK/server" \
		"$WORK/who-$name/person.pem" --role operator
	cp "$WORK/publish/metadata/1.root.json" "$WORK/who-$name/"
	printf '[trust]\nroot = 1.root.json\n' \
		>>"$WORK/who-$name/operator.conf"
done
for i in $(seq "$real"); do
	make_served_device "d$i"
	sed -i "s/^interval = .*/interval = $poll/" "$WORK/d$i/client.conf"
	quietly on "d$i" enroll --claim-file "$WORK/d$i/claim"
	"$client" daemon --config "$WORK/d$i/client.conf" >"$WORK/d$i.log" \
		2>&1 &
	pids="$pids $!"
done

# ---- the emergency ------------------------------------------------------------

confirmed() {
	as op1 rollout show urgent --json |
		sed -n 's/.*"confirmed": *\([0-9]*\).*/\1/p' | sort -n | tail -n 1
}
quietly release urgent --urgent --fixes CVE-2026-9999
start=$(now)
echo "0.0 s  an urgent release waits for its signatures"
person "an engineer signs the release" engineer eng1
person "a second engineer signs it" engineer eng3
person "somebody publishes it" publish
person "and imports it" as op1 release import "$WORK/publish"
person "an operator makes the rollout" as op1 rollout create urgent \
	--release urgent --cohort fleet --urgent --set four_eyes=0
person "another one approves it" as op2 rollout approve urgent \
	--revision "$(revision urgent)"
person "an operator signs its order" as op1 rollout sign gateway urgent \
	--wide --emergency --days 7 --cohort fleet --key "$WORK/op1"
person "another one reads it, and signs" agrees op2
person "it is planned and started" starts op1 urgent
goal=$(((real * 95 + 99) / 100))
while :; do
	n=$(confirmed)
	[ "${n:-0}" -lt "$goal" ] || break
	as op1 rollout show urgent --json >"$WORK/show"
	if grep -q '"state": "paused"' "$WORK/show"; then
		cat "$WORK/show"
		die "the rollout stopped itself"
	fi
	if grep -q '"waits_for": "person"' "$WORK/show"; then
		person "the next phase is let go, ${n:-0} confirmed" as op1 \
			rollout advance urgent --revision "$(revision urgent)"
	fi
	[ "$(since "$start" | cut -d. -f1)" -lt "${LIMIT:-900}" ] ||
		die "${n:-0} of $real after $(since "$start") s"
	sleep 0.5
done
took=$(since "$start")
echo "figure emergency-signed $took s from the first signature to 95 % of" \
	"$real real clients confirmed; $steps steps of people, four of them" \
	"signatures; the fleet comes every $poll s"
