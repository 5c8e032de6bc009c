#!/bin/sh
# What monitoring sees: numbers that promtool and a real Prometheus read, health
# and readiness, alerts that fire when they should, and a log of JSON lines.
. "$(dirname "$0")/server-lib.sh"
rules=$(dirname "$0")/../../packaging/prometheus

command -v curl >/dev/null || {
	echo "no curl"
	exit 77
}
prometheus_pid=
stop_all() {
	[ -z "$prometheus_pid" ] || kill "$prometheus_pid" 2>/dev/null || :
	[ -z "$prometheus_pid" ] || wait "$prometheus_pid" 2>/dev/null || :
	stop_server
}
trap stop_all EXIT

# A page of the monitoring listener, into $WORK/page; its status in $status.
get() { # path, curl's options
	page=$1
	shift
	status=$(curl -s -o "$WORK/page" -w '%{http_code}' "$@" \
		"http://$(listener metrics)$page")
}
answers() { # status, path, curl's options
	expected=$1
	shift
	get "$@"
	[ "$status" = "$expected" ] || {
		cat "$WORK/page"
		die "$*: $status, not $expected"
	}
}
# A sample of the last /metrics is this.
shows() {
	grep -qx -- "$1" "$WORK/page" || {
		grep -v '^#\|seconds_bucket' "$WORK/page"
		die "no sample: $1"
	}
}

# It is off unless somebody asks for it, and then for this machine alone.
make_server
make_repo "$WORK/repo"
# Targets that people must sign anew within the week: all who should say so.
sed -i 's/^targets_days *=.*/targets_days = 6/' "$WORK/repo/pawl.ini"
grep -q '^targets_days = 6' "$WORK/repo/pawl.ini" || die "no life of targets"
make_release "$WORK/repo" r1 "$WORK/publish"
start_server
! grep -q metrics "$WORK/server/run/listeners.json" || die "metrics are on"
stop_server
conf=$WORK/server/server.conf
cp "$conf" "$WORK/conf"
for at in 0.0.0.0:0 192.0.2.1:0 '[::]:0' 1.127.0.1:0 'localhost:0'; do
	sed "s|^people = .*|&\nmetrics = $at|" "$WORK/conf" >"$conf"
	want 3 "$server" run "$WORK/server" --check-config
	said "metrics"
done
sed "s|^people = .*|&\nmetrics = 127.0.0.1:0|" "$WORK/conf" >"$conf"
printf '[log]\njson = true\n' >>"$conf"
: >"$WORK/server.log"
# The end of a former device CA is watched, too.
want 0 "$server" ca rotate "$WORK/server" --reason test --overlap 200
start_server

# Alive at once; ready as soon as there is something to serve.
answers 200 /health
answers 503 /ready
grep -q "no metadata is served" "$WORK/page" || die "it says why not"
want 0 op release import "$WORK/publish"
answers 200 /ready
grep -q '"ready":true' "$WORK/page" || die "ready"

# Nobody but who monitors this machine.
answers 404 /
answers 404 /v1/people/status
answers 405 /metrics -X POST -d x
answers 403 /metrics -H "Host: evil.example"
answers 403 /metrics -H "Origin: http://evil.example"
answers 200 /metrics -H "Host: localhost:1"
answers 200 /health --head

# A device comes, is offered an update and takes it; another is revoked.
op cohort create fleet
for n in a b; do
	make_device "$n" fleet
	want 0 device "$n" enroll --claim-file "$WORK/devices/$n/claim"
	want 0 device "$n" check
done
want 0 op rollout create first --release r1 --cohort fleet
want 0 begin first
want 0 device a update
want 0 device a check
answers 200 /metrics
shows 'pawl_gate_state{rollout="first",verdict="[a-z]*"} 1'
shows 'pawl_gate_devices{rollout="first",result="confirmed"} [01]'
shows 'pawl_gate_failure_ratio{rollout="first",bound="limit"} 0.0200'
id=$(sed -n 's/.*"device-enrolled","id":"\([0-9a-f]*\)".*/\1/p' \
	"$WORK/server.log" | tail -n 1)
want 0 op device revoke --reason test "$id"
want 10 device b check

answers 200 /metrics
cp "$WORK/page" "$WORK/metrics"
shows 'pawl_enrolled_total 2'
shows 'pawl_checkins_total{outcome="update"} 1'
shows 'pawl_revoked_seen_total [1-9][0-9]*'
shows 'pawl_attempts{state="confirmed"} 1'
shows 'pawl_audit_behind 0'
shows 'pawl_backup_timestamp_seconds 0'
shows 'pawl_requests_total{listener="device",route="/v1/checkin",method="POST",status="200"} [1-9]'
shows 'pawl_requests_total{listener="device",route="/v1/checkin",method="POST",status="403"} [1-9]'
shows 'pawl_request_seconds_count{listener="device"} [1-9][0-9]*'
shows 'pawl_loop_lag_seconds [0-9]*\.[0-9]*'
shows 'pawl_store_commit_seconds_count [1-9][0-9]*'
shows 'pawl_sent_bytes_total{listener="device"} [1-9][0-9]*'
shows 'pawl_disk_free_bytes [1-9][0-9]*'
for role in root targets snapshot timestamp; do
	shows "pawl_metadata_expiry_timestamp_seconds{role=\"$role\"} [1-9][0-9]*"
	shows "pawl_metadata_issued_timestamp_seconds{role=\"$role\"} [1-9][0-9]*"
done
shows 'pawl_readopt_open_since_seconds 0'
for name in tls device-ca device-ca-former; do
	shows "pawl_certificate_expiry_timestamp_seconds{name=\"$name\"} [1-9][0-9]*"
done
former=$(awk '/name="device-ca-former"/ { print $2 }' "$WORK/page")
[ $((former - $(date +%s))) -le $((200 * 86400)) ] || die "it ends at $former"
"$BIN/tests/tools/open-key" "$WORK/server/admin/admin.key" \
	"$WORK/server/admin/admin.secret" >"$WORK/admin.key"
curl -sS --cacert "$WORK/server/ca.pem" --key "$WORK/admin.key" \
	--cert "$WORK/server/admin/admin.pem" \
	"https://$(listener people)/v1/people/overview" >"$WORK/overview"
grep -q '"what":"former device CA"' "$WORK/overview" || die "not in the overview"
ends() { # what: its object
	grep -o "{\"what\":\"$1\"[^}]*}" "$WORK/overview"
}
ends "role targets" | grep -q '"due":7' || die "nobody is told of targets' end"
for what in "role root" "role timestamp" "role snapshot" "server certificate"; do
	ends "$what" | grep -q '"at"' || die "$what ends when?"
	! ends "$what" | grep -q '"due"' || die "$what is in time"
done
# No label and no value names a device, a person or a claim.
for secret in "$id" "$(cat "$WORK/devices/a/claim")" admin fleet; do
	! grep -v "^#" "$WORK/metrics" | grep -q -- "$secret" || die "metrics name $secret"
done

# The fleet is surveyed at the start, and what was found is kept by the day: at the
# first one there may have been nothing to see.
stop_server
start_server
tries=0
until get /metrics && grep -q '^pawl_security_score ' "$WORK/page"; do
	tries=$((tries + 1))
	[ "$tries" -lt 600 ] || die "no score"
	sleep 0.1
done
shows 'pawl_devices{state="all"} [0-9]*'
want 0 op score
said "of 100, for"
said "metadata that people sign ends in 5 days"
want 0 "$server" server backup "$WORK/server" "$WORK/backup"
answers 200 /metrics
shows 'pawl_backup_timestamp_seconds 1[0-9]*'

# What cannot shake hands is counted with its reason.
curl -sk -o /dev/null "https://$(listener device)/" || :
printf 'GET / HTTP/1.0\r\n\r\n' | timeout 60 curl -s -o /dev/null -m 30 \
	"telnet://$(listener device)" || :
answers 200 /metrics
shows 'pawl_tls_failures_total{listener="device",reason="certificate"} [1-9]'
shows 'pawl_tls_failures_total{listener="device",reason="protocol"} [1-9]'

# A release that mends something: who lacks it, and what that costs.
make_release "$WORK/repo" r2 "$WORK/publish" --from r1 --fixes CVE-2026-0001 \
	--fixes CVE-2026-0002
want 0 op release import "$WORK/publish"
want 0 op device list --lacks CVE-2026-0001
[ "$(wc -l <"$WORK/said")" -eq 2 ] || die "one device lacks it"
! grep -q "$id" "$WORK/said" || die "a revoked device is not asked for it"
want 0 op device list --lacks cve-2026-0002 --where "model = k1 and seq < 2"
[ "$(wc -l <"$WORK/said")" -eq 2 ] || die "it is of this model"
want 0 op device list --lacks CVE-2026-0001 --where "release = r2"
[ "$(wc -l <"$WORK/said")" -le 1 ] || die "nobody runs r2"
want 0 op device list --where "attr.hardware_key = no and attr.sandbox = yes | no"
[ "$(wc -l <"$WORK/said")" -eq 3 ] || die "both say so"
want 0 op device list --where "attr.hardware_key = yes"
[ "$(wc -l <"$WORK/said")" -le 1 ] || die "none says so"
want 13 op device list --lacks CVE-2026-0003
said "no release that is listed here brings CVE-2026-0003"
want 4 op device list --where "modle = k1"
said "no such fact: modle"
want 4 op device list --where "model = k1 or model = k2"
stop_server
start_server
tries=0
until op score --json >"$WORK/said" && grep -q '"behind": 1' "$WORK/said"; do
	tries=$((tries + 1))
	[ "$tries" -lt 600 ] || { cat "$WORK/said"; die "one device is behind"; }
	sleep 0.1
done
# 30 for that, and at least 2 for a key in a file.
points=$(sed -n 's/^  "points": \([0-9]*\),*$/\1/p' "$WORK/said")
[ "$points" -le 68 ] || { cat "$WORK/said"; die "$points points"; }
grep -q '"revoked": 1' "$WORK/said" || die "one is revoked"
want 0 op score
said "$points of 100, for 1 devices"
said "1 of 1 devices keep their key in a file"
said "1 of 1 devices lack a fix that a release brings"
want 0 op rollout create second --release r2 --cohort fleet
want 0 begin second
sed -i "s|^url = .*|url = https://$(listener device)|" \
	"$WORK/devices/a/client.conf"
want 0 device a update
want 0 device a check
want 0 op device list --lacks CVE-2026-0001
[ "$(wc -l <"$WORK/said")" -le 1 ] || die "it has it now"

# Every line of the log is an object with time, level and event.
stop_server
if command -v python3 >/dev/null; then
	python3 - "$WORK/server.log" <<'PY' || die "the log is not JSON lines"
import json, sys
# What is printed at the start goes to the same file, as text.
lines = [l for l in open(sys.argv[1]) if l.startswith("{")]
events = [json.loads(l) for l in lines]
assert all({"time", "level", "event"} <= set(e) for e in events)
assert "device-enrolled" in {e["event"] for e in events}
assert any(type(e.get("attempt")) is int for e in events)
assert not any(" info " in l for l in open(sys.argv[1]))
PY
fi

command -v promtool >/dev/null && command -v prometheus >/dev/null || {
	echo "skipped: no prometheus (make deps GROUP=observe)"
	exit 0
}
promtool check metrics <"$WORK/metrics" >"$WORK/said" 2>&1 || {
	cat "$WORK/said"
	die "promtool finds fault with the metrics"
}
[ ! -s "$WORK/said" ] || { cat "$WORK/said"; die "promtool complains"; }
want 0 promtool check rules "$rules/pawl-alerts.yml"
want 0 promtool test rules "$rules/pawl-alerts-test.yml"

# And a real one finds it up.
start_server
cat >"$WORK/prometheus.yml" <<YML
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [ "$(cd "$rules" && pwd)/pawl-alerts.yml" ]
scrape_configs:
  - job_name: pawl
    static_configs: [ { targets: [ "$(listener metrics)" ] } ]
YML
port=$((20000 + $$ % 20000))
prometheus --config.file="$WORK/prometheus.yml" --log.level=warn \
	--storage.tsdb.path="$WORK/tsdb" \
	--web.listen-address="127.0.0.1:$port" >"$WORK/prometheus.log" 2>&1 &
prometheus_pid=$!
for _ in $(seq 300); do
	curl -s "http://127.0.0.1:$port/api/v1/query?query=pawl_build_info" \
		>"$WORK/page" 2>/dev/null && grep -q environment "$WORK/page" &&
		break
	sleep 0.2
done
grep -q '"environment":"demo"' "$WORK/page" || {
	cat "$WORK/prometheus.log"
	die "Prometheus has nothing of ours"
}
curl -s "http://127.0.0.1:$port/api/v1/query?query=up" | grep -q '"1"\]' ||
	die "Prometheus finds it down"
echo "monitoring sees what goes on"
