#!/bin/sh
# The emergency drill: a fleet that is up to date, and a release that must reach
# it now. Measures from the first signature to 95 % of the devices confirmed,
# with what people do in between done as fast as a person would who knows how.
#
#	DEVICES=1000 REAL=3 POLL=60 make drill-emergency
#
# The same at the size of a large fleet is simulated first: its ladder has more
# phases, and it comes once an hour. SIMULATED=200000, AWAY=200 (of 10 000).
#
# DEVICES are on the wire alone (tests/tools/drill.c), REAL are real clients that
# download, install and start; POLL is how often the fleet comes, in seconds.
. "$(dirname "$0")/../e2e/server-lib.sh"
devices=${DEVICES:-1000}
real=${REAL:-3}
poll=${POLL:-60}
drill_pid='' real_pids=''

stop_all() {
	for pid in $drill_pid $real_pids; do
		kill "$pid" 2>/dev/null || :
	done
	for pid in $drill_pid $real_pids; do
		wait "$pid" 2>/dev/null || :
	done
	stop_server
}
trap stop_all EXIT

now() { date +%s.%N; }
since() { # time; to now, or to another time
	awk -v a="$1" -v b="${2:-$(now)}" 'BEGIN { printf "%.1f", b - a }'
}
# What a person does is told, and counted.
person() { # what, command...
	steps=$((steps + 1))
	echo "$(since "$start") s  person: $1"
	shift
	want 0 "$@"
}
steps=0

# ---- at the size of a large fleet --------------------------------------------

simulated=${SIMULATED:-200000}
printf '[fleet]\ndevices = %s\npoll-seconds = 3600\ncheckins-per-second = 300
away = %s\n[release]\nurgent = yes\n[run]\nhours = 48\n' \
	"$simulated" "${AWAY:-200}" >"$WORK/scenario"
want 0 "$server" simulate "$WORK/scenario"
cat "$WORK/said"
want 0 "$server" simulate "$WORK/scenario" --json
acts=$(member acts <"$WORK/said")
reachable=$(member reachable <"$WORK/said")
sec=$(member nearly_all_sec <"$WORK/said")
[ "$sec" -gt 0 ] || die "the large fleet never had it"
# Before the first phase opens, people have signed, published, imported, planned
# and started, as below.
echo "figure emergency-simulated $((sec / 60)) min from the start to 95 % of" \
	"$reachable reachable devices (of $simulated) confirmed;" \
	"$((acts + 5)) steps of people, who answer within 1 h; the fleet comes" \
	"every 60 min, or as often as 300 check-ins a second allow"

# ---- a small one, on the wire ------------------------------------------------

make_server
make_repo "$WORK/repo"
sed -i -e "s/^poll_sec = .*/poll_sec = $poll/" \
	-e "s/^enrol_per_minute = .*/enrol_per_minute = 60000/" \
	"$WORK/server/server.conf"
printf '[limits]\nhandshakes = 4\n' >>"$WORK/server/server.conf"
make_release "$WORK/repo" r1 "$WORK/publish"
start_server
want 0 op release import "$WORK/publish"
want 0 op cohort create fleet

# The fleet as it is before: it has joined, and comes every now and then.
left=$devices
: >"$WORK/codes"
while [ "$left" -gt 0 ]; do
	n=$((left < 500 ? left : 500))
	op token create --product kiosk --model k1 --cohort fleet --count $n \
		--plain >>"$WORK/codes"
	left=$((left - n))
done
"$BIN/tests/tools/drill" "$(listener enrolment | sed 's/.*://')" \
	"$(listener device | sed 's/.*://')" "$WORK/server/ca.pem" \
	"$WORK/codes" 2 urgent r1=1 urgent=2 >"$WORK/fleet" 2>&1 &
drill_pid=$!
for i in $(seq "$real"); do
	make_device "real$i" fleet
	sed -i "s/^interval = .*/interval = $poll/" \
		"$WORK/devices/real$i/client.conf"
	want 0 device "real$i" enroll --claim-file "$WORK/devices/real$i/claim"
done
tries=0
until grep -q '^ready' "$WORK/fleet"; do
	tries=$((tries + 1))
	[ $tries -lt 3000 ] || die "the fleet does not enrol: $(cat "$WORK/fleet")"
	kill -0 "$drill_pid" || die "$(cat "$WORK/fleet")"
	sleep 0.2
done
echo "$devices devices on the wire and $real real ones have joined"

confirmed() { # rollout
	op rollout show "$1" --json | sed -n 's/.*"confirmed": *\([0-9]*\).*/\1/p' |
		sort -n | tail -n 1
}
total=$((devices + real))

# ---- the emergency -----------------------------------------------------------

for i in $(seq "$real"); do
	"$client" daemon --config "$WORK/devices/real$i/client.conf" \
		>"$WORK/real$i.log" 2>&1 &
	real_pids="$real_pids $!"
done
make_tree urgent
"$signer" release create "$WORK/repo" --product kiosk --id urgent \
	--input "$WORK/trees/urgent" --health bin/health --deadline 20 --urgent \
	--fixes CVE-2026-9999 >/dev/null 2>&1
start=$(now)
echo "0.0 s  an urgent release waits for its signature"
person "signs the release" "$signer" sign "$WORK/repo" --key \
	"$WORK/repo.targets"
rm -rf "$WORK/publish"
person "publishes it" "$signer" publish "$WORK/repo" "$WORK/publish"
person "imports it" op release import "$WORK/publish"
person "plans the rollout" op rollout create urgent --release urgent \
	--cohort fleet --urgent
person "starts it" begin urgent
goal=$(((total * 95 + 99) / 100))
half=''
while :; do
	n=$(confirmed urgent)
	n=${n:-0}
	[ -n "$half" ] || [ "$n" -lt $((total / 2)) ] || half=$(since "$start")
	[ "$n" -lt "$goal" ] || break
	op rollout show urgent --json >"$WORK/show"
	if grep -q '"state": "paused"' "$WORK/show"; then
		cat "$WORK/show"
		die "the rollout stopped itself"
	fi
	if grep -q 'waiting for you' "$WORK/show"; then
		person "lets it go on, $n confirmed" op rollout advance urgent \
			--revision "$(revision urgent)"
	fi
	[ "$(since "$start" | cut -d. -f1)" -lt "${LIMIT:-3600}" ] ||
		die "$n of $total after $(since "$start") s"
	sleep 0.5
done
took=$(since "$start")
op device list --lacks CVE-2026-9999 >"$WORK/lacks"
echo "$took s  $n of $total run it; $(($(wc -l <"$WORK/lacks") - 1)) lack it"
for i in $(seq "$real"); do
	device "real$i" status --json 2>/dev/null | grep -q '"urgent"' ||
		echo "real$i is among those"
done
echo "figure emergency-drill $took s from signing to 95 % of $total devices" \
	"($real real ones) confirmed; half in $half s; $steps steps of people;" \
	"the fleet comes every $poll s"
