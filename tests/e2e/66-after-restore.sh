#!/bin/sh
# Devices that renewed their certificates after the backup was taken, and no log
# tells of it: each shows the renewals that led from what the restored registry
# knows to what it has become, and is let in. Not who was revoked, not who shows
# another's renewals, not a second board, and nobody any more once it is closed.
for tool in faketime python3 openssl curl; do
	command -v "$tool" >/dev/null || { echo "needs $tool"; exit 77; }
done
. "$(dirname "$0")/server-lib.sh"
. "$(dirname "$0")/later-lib.sh"
here=$(cd "$(dirname "$0")" && pwd)

make_server
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/publish"
start_server
want 0 op release import "$WORK/publish"
for n in once twice half idle stolen gone; do
	make_device "$n" default
	want 0 device "$n" enroll --claim-file "$WORK/devices/$n/claim"
	want 0 device "$n" check
done
id_of() {
	device "$1" status --json | member device
}
want 0 op device revoke --reason test "$(id_of gone)"

# A backup of that day. Two months later one renews and comes to it again two
# months after that; another is cut between the two halves of its renewal.
want 0 "$server" server backup "$WORK/server" "$WORK/backup"
keep_aside
cp -r "$(state stolen)" "$WORK/stolen.before"
start_later 61
for n in once twice stolen; do
	later 61 "$n" check >/dev/null 2>&1 || :
	[ "$(generation "$n")" -eq 1 ] || die "$n was not renewed"
done
cp -r "$(state half)" "$WORK/half.before"
later 61 half check >/dev/null 2>&1 || :
[ "$(generation half)" -eq 1 ] || die "half was not renewed"
# As it was when the certificate had come, and its use was not yet confirmed.
cp "$WORK/half.before"/identity.* "$(state half)"
rm "$(state half)/identity.1.chain"
[ "$(generation half)" -eq 0 ] || die "half is as before"
start_later 125
later 125 twice check >/dev/null 2>&1 || :
[ "$(generation twice)" -eq 2 ] || die "twice was not renewed again"

# The disk dies. What comes up knows the certificates of the first day alone.
restore_aside "$WORK/backup"
start_later 126
grep -q "log-behind" "$WORK/server.log" && die "a log tells of it"
said_by() { # name: what its check says
	later 126 "$1" check >"$WORK/said" 2>&1 || :
}

# By itself, with the very certificate that it has: nothing is renewed for that.
cp "$(state twice)/identity.2.crt" "$WORK/twice.crt"
said_by twice
[ "$(generation twice)" -eq 2 ] || die "it was renewed"
cmp -s "$WORK/twice.crt" "$(state twice)/identity.2.crt" || die "changed"
grep -q "device-returned id=$(id_of twice) renewals=2" "$WORK/server.log" ||
	die "twice is locked out"
# A certificate that ended meanwhile: known again, and then renewed at once.
start_later 340
said_late() {
	later 340 "$1" check >"$WORK/said" 2>&1 || :
}
said_late once
[ "$(generation once)" -eq 2 ] || die "once is locked out"
grep -q "device-returned id=$(id_of once) renewals=1" "$WORK/server.log" ||
	die "once: not by its renewals"
# The half renewed: what was accepted is forgotten, so the old one renews again.
said_late half
[ "$(generation half)" -eq 1 ] || die "half is locked out"
said_late idle
[ "$(generation idle)" -eq 1 ] || die "idle is locked out"

# Each known by one name: of the log, and of its record.
returns() {
	python3 - "$WORK/server/store.sqlite" <<'PY'
import json, sqlite3, sys
d = sqlite3.connect(sys.argv[1])
for (r,) in d.execute("SELECT record FROM audit ORDER BY n"):
    j = json.loads(r)
    if j["act"] == "device-return":
        print(j["objects"]["device"])
PY
}
[ "$(returns | wc -l)" -eq 3 ] || die "$(returns | wc -l) returns"

# The chain of another, a chain that is cut, a forged link: no way in; only a
# person could look. Who was revoked is refused whatever it shows.
case $(python3 "$here/return.py" "$(state stolen)" "https://$(listener device)" \
	"$WORK/server/ca.pem" "$(state twice)/identity.2.chain") in
200*waiting*) ;; *) die "it came in by another's renewals" ;; esac
case $(python3 "$here/return.py" "$(state stolen)" "https://$(listener device)" \
	"$WORK/server/ca.pem" forged) in
403*"renewal 1 of the chain"*) ;; *) die "a forged renewal" ;; esac
case $(python3 "$here/return.py" "$(state stolen)" "https://$(listener device)" \
	"$WORK/server/ca.pem" foreign-key) in
200*waiting*) ;; *) die "a key that the registry does not know" ;; esac
said_late gone
said "not (or no longer) registered"
case $(python3 "$here/return.py" "$(state gone)" "https://$(listener device)" \
	"$WORK/server/ca.pem" empty) in
403*revoked*) ;; *) die "a revoked one comes back" ;; esac

# A thief has the state of the first day, and is faster: then its rightful owner
# gives it away, and neither is heard.
mkdir "$WORK/thief"
cp "$WORK/stolen.before"/identity.* "$WORK/stolen.before/decrypt.key" "$WORK/thief"
case $(faketime -f +340d python3 "$here/renew.py" "$WORK/thief" "https://$(listener device)" \
	"$WORK/server/ca.pem" "$WORK/thief.key") in
200*) ;; *) die "thief" ;; esac
said_late stolen
grep -q "device-returned id=$(id_of stolen)" "$WORK/server.log" && die "two boards"
op_later 340 device list >"$WORK/said" 2>&1
[ "$(grep -c quarantined "$WORK/said")" -eq 1 ] || die "nobody was found out"
said "$(id_of stolen) *quarantined"
