#!/bin/sh
# The audit log gets another key: the former hands over in the log itself, so
# who knows the first audit.pub alone still verifies everything; a key that was
# lost hands over to nobody, and the auditor is told to decide.
command -v python3 >/dev/null || { echo "needs python3"; exit 77; }
command -v openssl >/dev/null || { echo "needs openssl"; exit 77; }
. "$(dirname "$0")/server-lib.sh"
here=$(cd "$(dirname "$0")" && pwd)

make_server
"$BIN/tests/tools/open-key" "$WORK/server/admin/admin.key" \
	"$WORK/server/admin/admin.secret" >"$WORK/alice.key"
add() { # a record: a cohort of this name
	curl -sS --fail-with-body --cacert "$WORK/server/ca.pem" \
		--cert "$WORK/server/admin/admin.pem" --key "$WORK/alice.key" \
		-H 'Content-Type: application/json' \
		--data "{\"v\":1,\"name\":\"$1\"}" \
		"https://$(listener people)/v1/people/cohorts" >/dev/null
}
verify() { # folder, key...
	log=$WORK/$1
	shift
	set -- $(printf -- '--key %s ' "$@")
	"$server" audit verify "$log" "$@"
}
first=$WORK/first.pub second=$WORK/second.pub third=$WORK/third.pub
cp "$WORK/server/audit.pub" "$first"

start_server
add one
want 0 op audit export "$WORK/log1"
want 12 "$server" audit rotate "$WORK/server"
said "stop the server first"
want 12 "$server" audit replay "$WORK/server" "$WORK/log1"
said "stop the server first"
stop_server
cp -a "$WORK/server" "$WORK/backup"

want 0 "$server" audit rotate "$WORK/server"
said "the log's key is"
cp "$WORK/server/audit.pub" "$second"
cmp -s "$first" "$second" && die "it is the same key"
[ ! -e "$WORK/server/keys/audit-next.key" ] || die "it was left there"
start_server
add two
want 0 op audit export "$WORK/log2"
cp "$WORK/server/audit/checkpoint.json" "$WORK/kept.json"
want 0 verify log2 "$first"
said "signed by 2 keys"
want 0 python3 "$here/../tools/verify_audit.py" "$WORK/log2" "$first"
want 0 verify log2 "$second"
said "were not judged"
want 0 "$server" audit verify "$WORK/log2" --key "$first" \
	--checkpoint "$WORK/kept.json"
# Without the record that names it, the next key is nobody's.
cp -r "$WORK/log2" "$WORK/bad"
sed -i '/"act":"log-key"/d' "$WORK/bad/records.jsonl"
want 6 verify bad "$first"
said "another log's key"
# And a thief who still has the former one cannot go on with it.
stop_server
cp -a "$WORK/server" "$WORK/after"
cp "$WORK/backup/keys/audit.key" "$WORK/server/keys/"
start_server
add three
want 0 op audit export "$WORK/log3"
want 6 verify log3 "$first"
said "another log's key"
stop_server
rm -r "$WORK/server"
mv "$WORK/after" "$WORK/server"

# Lost: the log says so, and no signature does.
rm "$WORK/server/keys/audit.key"
want 13 "$server" audit rotate "$WORK/server"
said "if it is lost: --lost"
want 2 "$server" audit rotate "$WORK/server" --lost
want 0 "$server" audit rotate "$WORK/server" --lost --reason test
said "to the auditors yourself"
cp "$WORK/server/audit.pub" "$third"
start_server
add four
want 0 op audit export "$WORK/log4"
want 6 verify log4 "$first"
said "because the one before it was lost"
want 0 verify log4 "$first" "$third"
said "signed by 3 keys"
want 0 verify log4 "$third"
stop_server

# A restored backup knows the former key; the replay says what to do.
rm -r "$WORK/server"
cp -a "$WORK/backup" "$WORK/server"
want 0 "$server" audit replay "$WORK/server" "$WORK/log2"
said "audit rotate .* --lost"

# What was cut or changed behind the keeper's back gets no new key either.
python3 - "$WORK/backup" <<'EOF'
import sqlite3, sys
d = sqlite3.connect(sys.argv[1] + "/store.sqlite", isolation_level=None)
for name in ("audit_kept", "audit_node_kept"):
    d.execute("DROP TRIGGER " + name)
d.execute("DELETE FROM audit WHERE n >= 2")
d.execute("DELETE FROM audit_node WHERE ((at + 1) << level) > 2")
EOF
want 8 "$server" audit rotate "$WORK/backup" --lost --reason test
said "audit log"

# Engineers sign which keys count: an auditor who has their root needs no key of
# the server, and a hand-over that they did not sign is none.
make_repo "$WORK/repo" "$WORK/backup/online.pub"
publish() { # folder
	for role in root targets; do
		# Root is staged only the first time.
		"$signer" sign "$WORK/repo" --key "$WORK/repo.$role" >/dev/null 2>&1 ||
			[ "$role" = root ]
	done
	want 0 "$signer" publish "$WORK/repo" "$1"
}
by_list() { # export, folder
	"$server" audit verify "$WORK/$1" --published "$WORK/$2" \
		--root "$WORK/pub1/metadata/1.root.json"
}
want 0 "$signer" log-key "$WORK/repo" "$first"
said "1 keys of the audit log"
publish "$WORK/pub1"
want 0 by_list log1 pub1
want 6 by_list log2 pub1
said "not in the list that engineers signed"
want 10 "$signer" log-key "$WORK/repo" "$first"
said "no key signs for longer"
want 2 "$signer" log-key "$WORK/repo"
want 2 "$signer" log-key "$WORK/repo" "$second" "$second"
want 2 "$server" audit verify "$WORK/log2" --published "$WORK/pub1"
want 2 "$server" audit verify "$WORK/log2" --key "$first" --published "$WORK/pub1"
want 0 "$signer" log-key "$WORK/repo" "$second" "$third" --days 366
said "3 keys of the audit log"
publish "$WORK/pub2"
for log in log1 log2 log4; do # also the one whose former key was lost
	want 0 by_list "$log" pub2
done
said "signed by 3 keys"
# The list is what they signed, and by whom is for the auditor's root to say.
list=$(echo "$WORK"/pub2/targets/*.log-keys.json | tr ' ' '\n' | tail -1)
cp -r "$WORK/pub2" "$WORK/pub3"
sed -i 's/"until":"20/"until":"21/' "$WORK/pub3/targets/$(basename "$list")"
want 6 by_list log4 pub3
make_repo "$WORK/other" "$WORK/backup/online.pub"
want 0 "$signer" log-key "$WORK/other" "$first"
for role in root targets; do
	"$signer" sign "$WORK/other" --key "$WORK/other.$role" >/dev/null 2>&1
done
want 0 "$signer" publish "$WORK/other" "$WORK/pub4"
want 6 by_list log1 pub4

# The server is told, and devices go on: a list is nothing to them.
rm -rf "$WORK/server" "$WORK/repo" "$WORK"/repo.*
make_server
start_server
want 0 op server status
said "log_key .*by its age; engineers have listed none"
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/pub5"
want 0 "$signer" log-key "$WORK/repo" "$first"
publish "$WORK/pub6"
want 0 op release import "$WORK/pub6"
want 0 op server status
said "log_key .*is not in the list"
grep -q log-key-not-listed "$WORK/server.log" || die "nothing in the log"
want 0 "$signer" log-key "$WORK/repo" "$WORK/server/audit.pub" --days 30
publish "$WORK/pub7"
want 0 op release import "$WORK/pub7"
want 0 op server status
said "log_key .*as engineers signed"
make_device d default
want 0 device d enroll --claim-file "$WORK/devices/d/claim"
want 0 op rollout create one --release r1 --cohort default
want 0 begin one
want 0 device d update
stop_server
