#!/bin/sh
# A backup made while the server serves holds no key; put back it is the server
# that it was, with every rollout paused and devices that go on; what is damaged
# is refused before anything is written, and what an old one lacks is noticed.
command -v python3 >/dev/null || { echo "needs python3"; exit 77; }
. "$(dirname "$0")/server-lib.sh"

make_server
printf '[audit]\nexport = %s\n' "$WORK/outside" >>"$WORK/server/server.conf"
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/publish"
start_server
want 0 op release import "$WORK/publish"
make_device a default
want 0 device a enroll --claim-file "$WORK/devices/a/claim"
want 0 op rollout create one --release r1 --cohort default
want 0 begin one
want 20 device a check
follow() { # device: the servers' ports change with each start
	sed -i -e "s|^url *=.*|url = https://$(listener device)|" \
		-e "s|^enrol *=.*|enrol = https://$(listener enrolment)|" \
		"$WORK/devices/$1/client.conf"
}

# Beside the running server, which goes on meanwhile.
(
	n=0
	while [ $n -lt 30 ]; do
		n=$((n + 1))
		device a check >/dev/null 2>&1 || :
	done
) &
busy=$!
want 0 "$server" server backup "$WORK/server" "$WORK/backup"
said "records of the audit log"
want 14 "$server" server backup "$WORK/server" "$WORK/backup"
# On record before it is made, so the copy knows of itself; one that was refused
# is none.
want 0 op audit list
[ "$(grep -c "system .*server-backup .*copies=1 payloads=1" "$WORK/said")" -eq 1 ] ||
	die "no record of it: $(cat "$WORK/said")"
want 0 "$server" server backup "$WORK/server" "$WORK/again" --json \
	--without-payloads
said '"done": "saved"'
want 0 "$server" server check "$WORK/server" --json
said '"payloads": [1-9]'
want 0 "$server" server check "$WORK/server"
said "are what they were"
kill $busy 2>/dev/null || :
wait $busy 2>/dev/null || :
want 0 op cohort list

# No key of anybody, nor what opens one.
find "$WORK/backup" -type f | grep -E '\.key$|\.secret$|admin' &&
	die "a key by its name"
for secret in "$WORK"/server/keys/*.secret "$WORK"/server/admin/*.secret; do
	! grep -rqF "$(cat "$secret")" "$WORK/backup" || die "a secret"
done
! grep -rlE 'PRIVATE KEY|pawl-key' "$WORK/backup" || die "a key by its content"
[ "$(stat -c %a "$WORK/backup/store.sqlite")" = 600 ] || die "open to others"

# Damaged, cut short, grown, or naming what it must not: nothing is written.
refused() { # status, words
	want "$1" "$server" server restore "$WORK/bad" "$WORK/new" --reason test
	said "$2"
	[ ! -e "$WORK/new" ] || [ -z "$(ls "$WORK/new" | grep -v run)" ] ||
		die "something was written"
	rm -rf "$WORK/bad"
}
spoilt() {
	rm -rf "$WORK/bad"
	cp -r "$WORK/backup" "$WORK/bad"
}
spoilt
printf X | dd of="$WORK/bad/store.sqlite" bs=1 seek=5000 conv=notrunc 2>/dev/null
refused 6 "store.sqlite: it is not the file that was saved"
spoilt
echo >>"$WORK/bad/server.conf"
refused 6 "server.conf: it is not"
spoilt
rm "$WORK/bad/backup.json"
refused 13 "no backup, or one that was never finished"
spoilt
sed -i 's|"ca.pem"|"keys/tls.key"|' "$WORK/bad/backup.json"
refused 10 "not a file of a backup"

# In the place of a server that is lost; its keys were kept apart.
stop_server
copies() { # of which folder's log
	python3 - "$1/store.sqlite" <<'PY'
import json, sqlite3, sys
acts = [json.loads(r[0]) for r in
        sqlite3.connect(sys.argv[1]).execute("SELECT record FROM audit")]
print(*(a["objects"]["copies"] for a in acts if a["act"] == "server-backup"))
PY
}
[ "$(copies "$WORK/backup")" = 1 ] || die "it does not know of itself"
want 14 "$server" server restore "$WORK/backup" "$WORK/server" --reason test
said "holds a database"
mv "$WORK/server" "$WORK/lost"
want 2 "$server" server restore "$WORK/backup" "$WORK/server"
want 0 "$server" server restore "$WORK/backup" "$WORK/server" --reason test
said "keys/tls.key is missing"
said "every rollout paused"
want 13 "$server" server check "$WORK/server"
for key in "$WORK"/lost/keys/*.key "$WORK"/lost/keys/*.secret; do
	cp -p "$key" "$WORK/server/keys/"
done
cp -rp "$WORK/lost/admin" "$WORK/server/"
want 0 "$server" server check "$WORK/server"

# What it lacks is not known yet: nothing is appended to its log.
want 14 "$server" tls renew "$WORK/server"
said "start it first"

# It lacks nothing that was signed (e2e 64 is about what does), and says so.
start_server
! grep -q "log-behind" "$WORK/server.log" || die "nothing is missing"
grep -q "backup-restored" "$WORK/server.log" || die "not noticed"
[ ! -e "$WORK/server/restored" ] || die "the mark is still there"
want 0 "$server" tls renew "$WORK/server"
want 0 op rollout show one
said "paused"
said "a backup was restored"
want 0 op audit list
said "server-restore .*reason="
follow a
# The keeper's memory came from the backup: what it signs now is new to devices.
want 0 device a check
want 0 act_now resume one --reason "looked at"
want 20 device a check
want 0 op audit export "$WORK/log2"
want 0 "$server" audit verify "$WORK/log2" --key "$WORK/server/audit.pub" \
	--checkpoint "$WORK/outside/checkpoint.json"

# What is damaged on the running server's disk is found.
blob=$(find "$WORK/server/blobs" -type f | head -n 1)
cp "$blob" "$WORK/kept"
printf X | dd of="$blob" bs=1 seek=100 conv=notrunc 2>/dev/null
want 6 "$server" server check "$WORK/server"
said "its file holds something else"
cp "$WORK/kept" "$blob"
want 0 "$server" server check "$WORK/server"
stop_server

await_record() { # of copies that were made while no server ran
	n=0
	while [ -e "$WORK/server/run/backup" ]; do
		n=$((n + 1))
		[ $n -lt 600 ] || die "it was never recorded"
		sleep 0.1
	done
}
# While none runs nobody may append: the next one does, when it starts.
for n in 1 2; do
	want 0 "$server" server backup "$WORK/server" "$WORK/cold$n"
	said "the audit log has it at the next start"
done
[ "$(copies "$WORK/server")" = 1 ] || die "somebody else appended"
start_server
await_record
want 0 op audit list
said "server-backup .*copies=2"
stop_server

# By root, as a timer is, of a server that is another user.
if [ "$(id -u)" -eq 0 ] && setpriv --reuid=65534 --regid=65534 --clear-groups \
	"$server" --help >/dev/null 2>&1; then
	chmod 755 "$WORK"
	chown -R 65534:65534 "$WORK/server" "$WORK/outside"
	rm "$WORK/server/run/backup.lock"
	root=$server
	server=$WORK/as-nobody
	cat >"$server" <<SH
#!/bin/sh
exec setpriv --reuid=65534 --regid=65534 --clear-groups "$root" "\$@"
SH
	chmod 755 "$server"
	start_server
	want 0 "$root" server backup "$WORK/server" "$WORK/by-root"
	stop_server
	want 0 "$root" server backup "$WORK/server" "$WORK/by-root-alone"
	start_server
	await_record
	mkdir -m 777 "$WORK/all"
	want 0 "$server" server backup "$WORK/server" "$WORK/all/by-nobody"
	stop_server
	server=$root
fi
python3 - "$WORK/server/store.sqlite" <<'PY'
import sqlite3, sys
d = sqlite3.connect(sys.argv[1])
d.execute("DROP TRIGGER audit_fixed")
d.execute("UPDATE audit SET record = replace(record, 'canary', 'canarz') || ' ' WHERE n = 2")
d.commit()
PY
want 6 "$server" server check "$WORK/server"
said "record 2 is not the one that was written"
echo "backups hold"
