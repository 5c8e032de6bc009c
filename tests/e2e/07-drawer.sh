#!/bin/sh
# Four hundred days in a drawer, a three-day-old backup and a power cut between
# the two halves of a renewal lock nobody out.
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
devices="unsent unheard unproved unnoted whole asleep"
for n in $devices; do
	make_device "$n" default
	want 0 device "$n" enroll --claim-file "$WORK/devices/$n/claim"
	want 0 device "$n" check
done
# The fleet goes on without them; what was signed for it still lives at the end.
printf '#!/bin/sh\nexec faketime -f +300d %s "$@"\n' "$signer" >"$WORK/signer"
chmod +x "$WORK/signer"
signer=$WORK/signer
make_release "$WORK/repo" r2 "$WORK/publish2"
start_later 300
want 0 op_later 300 release import "$WORK/publish2"

# Day 398: the last backup.
start_later 398
want 0 faketime -f +398d "$server" server backup "$WORK/server" "$WORK/backup"
keep_aside

# Day 400: they come out, with certificates that ended 310 days ago. Each renews,
# and for each the power fails somewhere else.
start_later 400
for n in $devices; do
	cp -r "$(state "$n")" "$WORK/$n.before"
done
for n in unheard unproved unnoted whole; do
	want 0 later 400 "$n" check
	[ "$(generation "$n")" -eq 1 ] || die "$n was not renewed"
done
# The new key was on the disk, and no more: nothing was sent.
openssl rand -hex 32 | tr -d '\n' >"$(state unsent)/identity.1.key"
# It was sent and accepted, and the answer was lost.
cp "$(state unheard)/identity.1.key" "$WORK/unheard.before"
# The certificate came, and was not yet proved good.
cp "$(state unproved)/identity.1.key" "$(state unproved)/identity.1.crt" \
	"$WORK/unproved.before"
# It was proved, and that was not yet noted.
cp "$(state unnoted)/identity.1.key" "$(state unnoted)/identity.1.crt" \
	"$(state unnoted)/identity.1.chain" "$WORK/unnoted.before"
for n in unheard unproved unnoted; do
	rm "$(state "$n")"/identity.*
	cp "$WORK/$n.before"/identity.* "$(state "$n")"
	[ "$(generation "$n")" -eq 0 ] || die "$n is as before"
done

# Day 401: the server's disk dies, its log with it.
restore_aside "$WORK/backup"
start_later 401
! grep -q log-behind "$WORK/server.log" || die "a log tells of it"
for n in $devices; do
	want 0 later 401 "$n" check
	[ "$(generation "$n")" -eq 1 ] || die "$n: generation $(generation "$n")"
	want 0 later 401 "$n" check
done
grep -q "device-returned .*renewals=1" "$WORK/server.log" || die "whole"
[ "$(grep -c device-returned "$WORK/server.log")" -eq 1 ] || die "who else?"
python3 - "$WORK/server/store.sqlite" <<'PY' || die "somebody is in quarantine"
import sqlite3, sys
d = sqlite3.connect(sys.argv[1])
sys.exit(d.execute("SELECT count(*) FROM device WHERE quarantined OR revoked")
         .fetchone()[0])
PY
echo "nobody is locked out"
