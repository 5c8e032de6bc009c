#!/bin/sh
# A device that neither the restored backup nor any log knows: ours by its
# certificate, refused, seen by a person, taken back by the code that it shows,
# with a reason, into quarantine, and let out; only after a restore, and only
# until an admin has closed that. Whoever was revoked does not come back so, and
# who retires leaves no key.
command -v curl >/dev/null || { echo "needs curl"; exit 77; }
. "$(dirname "$0")/server-lib.sh"

make_server
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/publish"
start_server
want 0 op release import "$WORK/publish"
for name in gone lost; do
	make_device $name default
done
want 0 device gone enroll --claim-file "$WORK/devices/gone/claim"
id_of() {
	"$client" status --json --config "$WORK/devices/$1/client.conf" |
		sed -n 's/.*"device": *"\([0-9a-f]*\)".*/\1/p'
}
gone=$(id_of gone)
want 0 op device revoke --reason test "$gone"
stop_server
want 0 "$server" server backup "$WORK/server" "$WORK/backup"
cp -a "$WORK/server/keys" "$WORK/keys"

start_server
for name in gone lost; do
	sed -i -e "s|^url *=.*|url = https://$(listener device)|" \
		-e "s|^enrol *=.*|enrol = https://$(listener enrolment)|" \
		"$WORK/devices/$name/client.conf"
done
want 0 device lost enroll --claim-file "$WORK/devices/lost/claim"
want 0 device lost check
lost=$(id_of lost)
at=$(listener device)
stop_server
cp -r "$WORK/server/admin" "$WORK/admin"
rm -r "$WORK/server"
want 0 "$server" server restore "$WORK/backup" "$WORK/server" --reason test
cp -a "$WORK/keys" "$WORK/admin" "$WORK/server"
want 0 "$server" server check "$WORK/server"
grep -q "close-readopt" "$WORK/said" && die "open before anything started"
sed -i "s/^device = .*/device = $at/" "$WORK/server/server.conf"
start_server

want 10 device gone check
want 12 device lost check
said "officer has to compare the code"
grep -q "device-waits-for-readopt id=$lost" "$WORK/server.log" || die "nobody was told"
want 0 op server status
said "readopt .*open since"
want 0 op device unknown
said "$lost"
code=$(awk -v id="$lost" '$2 == id { print $1 }' "$WORK/said")
grep -q "$gone" "$WORK/said" && die "who was revoked is listed"
# The same code on both screens, also when it asks again.
want 0 device lost status
said "shows *$code: an officer"
want 12 device lost check
want 0 op device unknown
said "$code"

readopt() { # code, more
	code_=$1
	shift
	op device readopt "$code_" --product kiosk --model k1 "$@"
}
want 2 readopt "$code" --cohort default
said "reason is missing"
want 2 readopt "$lost" --cohort default --reason "by its id"
want 13 readopt 0000-0000-0000 --cohort default --reason x
said "no unknown device with this code"
want 13 readopt "$code" --cohort nowhere --reason "it is ours"
said "no cohort"
# A refused act took it off the list; it asks again by itself, and is given
# another code.
want 12 device lost check
want 0 op device unknown
code=$(awk -v id="$lost" '$2 == id { print $1 }' "$WORK/said")
want 0 readopt "$code" --cohort default --reason "serial 17, in our hands"
said "in quarantine"
want 10 device lost check
said "quarantine"
want 0 op device unknown
grep -q "$lost" "$WORK/said" && die "it is still listed"
want 0 op device release --reason test "$lost"
want 0 device lost check
want 0 device lost status
grep -q "shows" "$WORK/said" && die "it shows a code that nobody needs"
want 0 op audit list
said "device-readopt .*device=$lost"
grep -q "serial 17" "$WORK/said" && die "free text in the log"
want 0 op device show "$lost"

# An admin ends it: what nobody has taken back by now enrolls anew.
want 2 op server close-readopt
want 0 op server close-readopt --reason "all are back"
want 14 op server close-readopt --reason "all are back"
want 0 op server status
said "readopt .*closed"
want 0 op audit list
said "readopt-close .*reason="
turn() { # as if the registry had another certificate of it; and back
	python3 - "$WORK/server/store.sqlite" <<'PY'
import sqlite3, sys
d = sqlite3.connect(sys.argv[1], timeout=20)
for row in d.execute("SELECT id, fingerprint FROM device WHERE revoked = 0").fetchall():
    d.execute("UPDATE device SET fingerprint = ? WHERE id = ?", (row[1][::-1], row[0]))
d.commit()
PY
}
turn
want 10 device lost check
said "not (or no longer) registered"
want 10 readopt AAAA-AAAA-AAAA --cohort default --reason "it is ours"
said "after a restore alone"
turn

# The other way: taken out of service, where it stands and on the server. Its
# keys are gone, and what it becomes later is somebody else.
want 2 device lost retire
want 14 device lost retire --device "$gone"
said "this is device $lost"
want 0 device lost check
want 0 device lost retire --device "$lost"
said "pawl-server device retire $lost"
want 0 op device retire --reason test "$lost"
find "$WORK/devices/lost/state" \( -name 'identity*' -o -name '*.key' \) |
	grep . && die "something of its identity is left"
want 10 device lost check
said "not enrolled yet"
op token create --product kiosk --model k1 --cohort default --plain \
	>"$WORK/devices/lost/claim"
sed -i "s|^enrol *=.*|enrol = https://$(listener enrolment)|" \
	"$WORK/devices/lost/client.conf"
want 0 device lost enroll --claim-file "$WORK/devices/lost/claim"
want 0 device lost check
[ "$(id_of lost)" != "$lost" ] || die "it is the same device again"
