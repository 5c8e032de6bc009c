#!/bin/sh
# A server that is restored from an old backup is noticed and offers nothing;
# the exported audit log brings back what the backup lacks: devices that joined
# since are known again, what was given up stays given up.
. "$(dirname "$0")/server-lib.sh"

make_server
printf '[audit]\nexport = %s\n' "$WORK/outside" >>"$WORK/server/server.conf"
"$BIN/tests/tools/open-key" "$WORK/server/admin/admin.key" \
	"$WORK/server/admin/admin.secret" >"$WORK/alice.key"
people() { # path, body
	curl -sS --cacert "$WORK/server/ca.pem" \
		--cert "$WORK/server/admin/admin.pem" --key "$WORK/alice.key" \
		-H 'Content-Type: application/json' ${2:+--data "$2"} \
		"https://$(listener people)/v1/people/$1"
}
# See what a rollout would do, and start that very plan, by the wire alone.
people_begin() { # name
	people "rollout-plan/$1" >"$WORK/plan" &&
		people rollout-start "{\"v\":1,\"name\":\"$1\",\"revision\":$(
			sed 's/.*"revision":\([0-9]*\).*/\1/' "$WORK/plan"
		),\"plan\":\"$(sed 's/.*"plan":"\([0-9a-f]*\)".*/\1/' "$WORK/plan")\"}"
}
# An act on a rollout as it is now.
people_act() { # verb, name, more members
	now=$(people "rollout/$2" | sed 's/.*"revision":\([0-9]*\).*/\1/')
	people "rollout-$1" "{\"v\":1,\"name\":\"$2\",\"revision\":$now${3:-}}"
}
restore() {
	stop_server
	rm -rf "$WORK/server"
	cp -a "$WORK/backup" "$WORK/server"
}
# The servers' ports change with each start.
follow() { # device
	sed -i -e "s|^url *=.*|url = https://$(listener device)|" \
		-e "s|^enrol *=.*|enrol = https://$(listener enrolment)|" \
		"$WORK/devices/$1/client.conf"
}

sed -i 's/^\[listen\]$/[listen]\nmetrics = 127.0.0.1:0/' "$WORK/server/server.conf"
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/publish"
start_server
want 0 op release import "$WORK/publish"
for name in old stolen; do
	make_device $name default
	want 0 device $name enroll --claim-file "$WORK/devices/$name/claim"
done
people rollouts '{"v":1,"name":"one","release":"r1","cohorts":["default"],
	"share":10000}' >/dev/null
people_begin one >/dev/null
want 0 device old update
make_device new default
want 0 op audit export "$WORK/before"
stop_server
cp -a "$WORK/server" "$WORK/backup"

# After the backup: one joins, one is revoked, a claim code is withdrawn.
start_server
follow new
follow old
follow stolen
want 0 device new enroll --claim-file "$WORK/devices/new/claim"
want 0 device new update
id=$("$client" status --json --config "$WORK/devices/stolen/client.conf" |
	sed -n 's/.*"device": *"\([0-9a-f]*\)".*/\1/p')
want 0 op device revoke --reason test "$id"
want 10 device stolen check
make_release "$WORK/repo" r2 "$WORK/publish2"
want 0 op release import "$WORK/publish2"
want 0 op audit export "$WORK/log"
cp "$WORK/outside/checkpoint.json" "$WORK/kept.json"

# The backup alone: the server knows that something is missing, and stands still.
restore
start_server
grep -q "log-behind" "$WORK/server.log" || die "not noticed"
people status | grep -q '"log":"the audit log is not the one' || die "status"
for name in old new stolen; do
	follow $name
done
want 10 device new check
want 0 device old check
said "restored from a backup"
people cohorts '{"v":1,"name":"more"}' | grep -q "audit replay" ||
	die "an act was recorded"
people cohorts | grep -q more && die "it was done"
# Nor is what is asked of it beside its listeners: it would fork the log. Copies
# from when no server ran wait on for their record.
echo '{"copies":3,"payloads":0}' >"$WORK/server/run/backup"
want 10 "$server" server backup "$WORK/server" "$WORK/copy"
said "audit replay"
[ "$(tr -d ' \n' <"$WORK/server/run/backup")" = '{"copies":3,"payloads":0}' ] ||
	die "they are forgotten: $(cat "$WORK/server/run/backup")"
rm "$WORK/server/run/backup"
want 10 "$server" server drain "$WORK/server" --reason "what now"
said "audit replay"
people status | grep -q "audit replay" || die "it ended"
# No file is put anywhere that no record tells of.
upload() { # path, file
	curl -sS --cacert "$WORK/server/ca.pem" \
		--cert "$WORK/server/admin/admin.pem" --key "$WORK/alice.key" \
		-T "$2" "https://$(listener people)/v1/people/$1"
}
echo stray >"$WORK/stray"
digest=$(sha256sum "$WORK/stray" | cut -d ' ' -f 1)
upload "payload/$digest" "$WORK/stray" | grep -q "audit replay" ||
	die "a payload was taken"
find "$WORK/server/blobs" -name "*$digest*" | grep -q . && die "it is there"
upload metadata/9.targets.json "$WORK/stray" | grep -q "audit replay" ||
	die "metadata was taken"
find "$WORK/server/incoming" -name "9.targets.json" 2>/dev/null | grep -q . &&
	die "it is there, too"
# Nor do commands that record what they do by themselves, and nothing is done.
cp "$WORK/server/tls.pem" "$WORK/tls.before"
want 14 "$server" tls renew "$WORK/server"
said "audit replay"
want 14 "$server" tls next-ca "$WORK/server"
said "audit replay"
want 14 "$server" ca rotate "$WORK/server" --reason "what now"
said "audit replay"
[ ! -e "$WORK/server/ca-next.pem" ] || die "a CA that no log knows"
cmp "$WORK/server/tls.pem" "$WORK/tls.before" ||
	die "a certificate that no log knows"
want 0 "$server" person create "$WORK/eve" --name eve --url https://x --ca \
	"$WORK/server/ca.pem"
want 14 "$server" person add "$WORK/server" "$WORK/eve/person.pem" --role auditor
said "audit replay"
people rollout-pause '{"v":1,"name":"one","reason":"what now"}' >/dev/null
# Its claim code would be good again.
mkdir "$WORK/devices/twin"
cp "$WORK/devices/new/"[!s]* "$WORK/devices/twin/" 2>/dev/null || :
mkdir "$WORK/devices/twin/slots"
cp "$WORK/devices/new/server-ca.pem" "$WORK/devices/twin/"
sed -i "s|devices/new|devices/twin|" "$WORK/devices/twin/client.conf"
want 14 device twin enroll --claim-file "$WORK/devices/new/claim"
cmp "$WORK/outside/checkpoint.json" "$WORK/kept.json" ||
	die "what tells of the loss was written over"

# That pause was allowed, and is one more history: said, and the way out.
stop_server
want 6 "$server" audit replay "$WORK/server" "$WORK/log"
said "were forked.*restore the backup again"
restore
# Only a true log, and one that has more.
cp -r "$WORK/log" "$WORK/bad"
sed -i 's/device-revoke/device-retire/' "$WORK/bad/records.jsonl"
want 6 "$server" audit replay "$WORK/server" "$WORK/bad"
sed '$d' "$WORK/log/records.jsonl" >"$WORK/bad/records.jsonl"
want 8 "$server" audit replay "$WORK/server" "$WORK/bad"
want 14 "$server" audit replay "$WORK/server" "$WORK/before"
said "nothing to replay"
want 8 "$server" audit replay "$WORK/server" "$WORK/before" \
	--checkpoint "$WORK/kept.json"

want 0 "$server" audit replay "$WORK/server" "$WORK/log" \
	--checkpoint "$WORK/kept.json"
said "records came back"
said "^1 imports of metadata are among them"
want 14 "$server" audit replay "$WORK/server" "$WORK/log"
start_server
people status | grep -q '"log":"whole"' || die "still behind"
# What was imported since is not here, and that is said until it is.
grep -q "metadata-behind role=targets recorded=2 here=1" "$WORK/server.log" ||
	die "nobody says that the metadata is older"
ready() { curl -s "http://$(listener metrics)/ready"; }
ready | grep -q "the metadata is older" || die "ready: $(ready)"
want 0 op release import "$WORK/publish2"
ready | grep -q '"ready":true' || die "ready: $(ready)"
for name in old new stolen twin; do
	follow $name
done
want 0 device new check
want 0 device old check
want 10 device stolen check
want 10 device twin enroll --claim-file "$WORK/devices/new/claim"
people rollout/one | grep -q '"state":"paused"' || die "it goes on by itself"
people_act resume one ',"reason":"looked at"' | grep -q running || die "resume"

# One history: whole, also against what was kept, and the replay is in it.
want 0 op audit export "$WORK/log2"
want 0 "$server" audit verify "$WORK/log2" --key "$WORK/server/audit.pub" \
	--checkpoint "$WORK/kept.json" \
	--checkpoint "$WORK/outside/checkpoint.json"
grep -q '"act":"log-replay"' "$WORK/log2/records.jsonl" || die "no record"
want 0 "$server" tls renew "$WORK/server"
want 0 "$server" person add "$WORK/server" "$WORK/eve/person.pem" --role auditor
