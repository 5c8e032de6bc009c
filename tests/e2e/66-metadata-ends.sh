#!/bin/sh
# What lists a release ends in the midst of its rollout: devices say so and install
# nothing, none of them has failed, the rollout stands and says why, as do the
# pages' interface, readiness and metrics; signed anew and resumed it goes on.
for tool in faketime curl; do
	command -v "$tool" >/dev/null || { echo "needs $tool"; exit 77; }
done
. "$(dirname "$0")/server-lib.sh"
. "$(dirname "$0")/later-lib.sh"

make_server
sed -i 's|^people = .*|&\nmetrics = 127.0.0.1:0|' "$WORK/server/server.conf"
make_repo "$WORK/repo"
sed -i 's/^targets_days *=.*/targets_days = 2/' "$WORK/repo/pawl.ini"
make_release "$WORK/repo" r1 "$WORK/publish"
start_server
want 0 op release import "$WORK/publish"
for n in before offered asks; do
	make_device "$n" default
	want 0 device "$n" enroll --claim-file "$WORK/devices/$n/claim"
done
want 0 op rollout create first --release r1 --cohort default --share 100
want 0 begin first
want 0 device before update
want 20 device offered check
runs() { # name
	[ -e "$WORK/devices/$1/slots/current" ]
}
runs before || die "the rollout was not under way"

"$BIN/tests/tools/open-key" "$WORK/server/admin/admin.key" \
	"$WORK/server/admin/admin.secret" >"$WORK/admin.key"
people() { # path: what the pages are drawn from
	curl -sS --cacert "$WORK/server/ca.pem" --key "$WORK/admin.key" \
		--cert "$WORK/server/admin/admin.pem" \
		"https://$(listener people)/v1/people/$1" >"$WORK/said"
}
shows() { # a line of the metrics
	curl -sS "http://$(listener metrics)/metrics" >"$WORK/said"
	grep -qx -- "$1" "$WORK/said" || die "no sample: $1"
}
until_says() { # words of the rollout's status
	tries=0
	until op_later 2.05 rollout status first >"$WORK/said" 2>&1 &&
		grep -q "$1" "$WORK/said"; do
		tries=$((tries + 1))
		[ "$tries" -lt 300 ] || die "no $1: $(cat "$WORK/said")"
		sleep 0.1
	done
}

# ---- it has ended -----------------------------------------------------------------

# An hour before, the server signs a timestamp that outlives it; an hour after.
start_after 169200
start_after 176400
want 7 later 2.05 offered update
said "targets: expired at .*nothing was activated"
# To whom nothing was offered before: so it is, until the rollout stands for that.
got=0
later 2.05 asks update >"$WORK/said" 2>&1 || got=$?
case $got in
7) said "targets: expired at .*nothing was activated" ;;
0) said "the rollout is not running" ;;
*) die "$(cat "$WORK/said")" ;;
esac
for n in offered asks; do
	! runs "$n" || die "$n installed what is listed no more"
done
until_says "^state *paused"
said "the signed metadata has expired: have it extended, import it"
said "1 of [0-9]* confirmed, none bad"
! grep -q "failed" "$WORK/said" || die "a device failed: $(cat "$WORK/said")"
seen_later() { op_later 2.05 rollout status first --json | member revision; }
want 7 op_later 2.05 rollout resume first --revision "$(seen_later)" \
	--reason again
said "have it extended"

# Whoever looks is told, by whichever way.
shows 'pawl_rollouts_paused{by="metadata-expired"} 1'
shows 'pawl_attempts{state="failed"} 0'
for result in bad trouble; do
	shows "pawl_gate_devices{rollout=\"first\",result=\"$result\"} 0"
done
ended=$(awk '/metadata_expiry.*"targets"/ { print $2 }' "$WORK/said")
[ "$ended" -lt $(($(date +%s) + 176400)) ] || die "metrics: it ends at $ended"
# It serves what is good still, as before its start, and names what has ended.
unready() {
	status=$(curl -sS -o "$WORK/said" -w '%{http_code}' \
		"http://$(listener metrics)/ready")
	[ "$status" = 503 ] || die "it is ready: $(cat "$WORK/said")"
	said '"reasons":\[{"reason":"the targets has expired"}\]'
}
unready
curl -sS --cacert "$WORK/server/ca.pem" --key "$WORK/admin.key" \
	--cert "$WORK/server/admin/admin.pem" \
	"https://$(listener people)/metadata/timestamp.json" >"$WORK/said"
said '"_type":"timestamp"'
people status
said '"timestamp_expires":"20'
[ "$(curl -sS -o "$WORK/said" -w '%{http_code}' \
	"http://$(listener metrics)/health")" = 200 ] || die "it does not live"
people rollout/first
said '"pause":"metadata-expired"'
people overview
said '{"what":"role targets","at":"[^"]*","due":[0-7]}'
grep -q "online-metadata-not-signed why=targets: expired" "$WORK/server.log" ||
	die "the log does not say it"

# ---- signed anew --------------------------------------------------------------------

faketime -f +2.05d "$signer" extend "$WORK/repo" --role targets >/dev/null
faketime -f +2.05d "$signer" sign "$WORK/repo" --key "$WORK/repo.targets" \
	>/dev/null 2>&1
rm -r "$WORK/publish"
faketime -f +2.05d "$signer" publish "$WORK/repo" "$WORK/publish" >/dev/null
want 0 op_later 2.05 release import "$WORK/publish"
want 0 op_later 2.05 rollout resume first --revision "$(seen_later)" \
	--reason "signed anew"
for n in offered asks; do
	want 0 later 2.05 "$n" update
	runs "$n" || die "$n does not go on"
done
until_says "3 of [0-9]* confirmed, none bad"
said "^state *running"
shows 'pawl_rollouts_paused{by="metadata-expired"} 0'
