#!/bin/sh
# A device that cannot be heard: the server goes while an update is tried. A good
# release stays, a bad one goes back, and what happened is told when it can be.
. "$(dirname "$0")/client-lib.sh"

make_server
make_served_repo
# Its health command takes the server away.
make_unheard() { # id, status
	make_tree "$1"
	cat >"$WORK/trees/$1/bin/health" <<SH
#!/bin/sh
kill $server_pid
while [ -d /proc/$server_pid ] && ! grep -q '^State:.Z' /proc/$server_pid/status
do sleep 0.1; done 2>/dev/null
[ -e $WORK/mended ] || {
	cat $WORK/words
	exit $2
}
SH
}
make_unheard 1 0
serve_release 1
use_people
operator cohort create fleet
make_served_device one
on one enroll --claim-file "$WORK/one/claim" >/dev/null
open_to_all 1

on one update --progress-json --json >"$WORK/out" 2>"$WORK/err" ||
	die "lost for want of a listener"
python3 - "$WORK/out" <<'PYTHON' || die "programs do not see how far it is"
import json, sys

lines = [line for line in open(sys.argv[1]) if line.startswith('{"phase"')]
seen = [json.loads(line) for line in lines]
phases = {}
for p in seen:
    assert 0 <= p["done"] <= p["total"] and p["state"] in ("running", "done")
    assert p["done"] >= phases.get(p["phase"], p)["done"]
    phases[p["phase"]] = p
assert len(phases) >= 2, phases
assert all(p["state"] == "done" and p["done"] == p["total"] > 0
           for p in phases.values()), phases
PYTHON
runs one 1
says one state confirmed
on one status --json | grep -q '"reports_waiting": *[1-9]' ||
	die "nothing is kept for the server"
want 9 on one check
says one state confirmed

wait "$server_pid" || :
start_server
on one check
says one reports_waiting 0
operator device list | grep -q ' 1 .*confirmed' || die "it was never told"

# What a boot left behind, and what must not leave the server's door again.
printf '%s\n' 'Kernel panic - not syncing' 'wifi password=hunter2' >"$WORK/left"
printf '\n[boot]\nlog = /bin/cat %s\n' "$WORK/left" >>"$WORK/one/client.conf"
# The words of the release take no room from them, and nothing along with them.
{
	printf '\n-- client\nnothing was wrong\n'
	head -c 5000 /dev/zero | tr '\0' '\1'
	printf '\nCookie:\n-----BEGIN '
} >"$WORK/words"
make_unheard 2 7
serve_release 2 --from 1
open_to_all 2
want 15 on one update --quiet
runs one 1
says one reason health
on one status --json | grep -q '"reports_waiting": *[1-9]' ||
	die "nothing is kept for the server"
wait "$server_pid" || :
start_server
# Nothing else is tried, and what runs is what is told: not what was installed.
got=0
on one check || got=$?
[ $got -ne 20 ] || die "the bad one is offered and taken again"
says one reports_waiting 0
operator device list | grep -q 'fleet *1 *rolled-back HEALTH_FAILED' ||
	die "it tells what does not run"
self=$(on one status --json | sed -n 's/^ *"device": "\(.*\)",$/\1/p')
operator device show "$self" >"$WORK/evidence"
for said in '-- client' 'package-fetched bytes=' '-- boot' 'Kernel panic' \
	'password=\[redacted'; do
	grep -q -e "$said" "$WORK/evidence" || die "no '$said' in the evidence"
done
! grep -q hunter2 "$WORK/evidence" || die "a password is shown"
awk '/-- client/ && !seen++ { getline; exit $0 ~ /nothing was wrong/ }' \
	"$WORK/evidence" || die "a release speaks for the client"

# What made it fail is mended. The device takes it again once who signs says so; the
# server, too, offers it again only once a person says so.
touch "$WORK/mended"
want 0 on one check
"$signer" release retry "$WORK/repo" --product gateway --id 2
resign
operator release import "$WORK/publish"
want 0 on one check
operator device clear "$self" --reason "the cause is mended"
want 20 on one check
on one update --quiet
runs one 2
says one state confirmed

# Power is lost while the boot log is read: all but that log is told, and no
# secret at the start of a line.
token=eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl
printf 'starting\nAuthorization: Bearer s3cr3topaque\n\t%s\n%s\nended\n' \
	"$token" "$token" >"$WORK/words"
make_tree 3
printf '#!/bin/sh\ncat %s\nexit 7\n' "$WORK/words" >"$WORK/trees/3/bin/health"
cat >"$WORK/cut" <<'SH'
#!/bin/sh
kill -9 $PPID
SH
chmod 755 "$WORK/cut"
sed -i "s|^log = .*|log = $WORK/cut|" "$WORK/one/client.conf"
serve_release 3 --from 2
open_to_all 3
want 137 on one update --quiet
runs one 2
on one check || :
says one reports_waiting 0
operator device list | grep -q 'fleet *2 *rolled-back HEALTH_FAILED' ||
	die "a cut lost what happened"
operator device show "$self" >"$WORK/evidence"
for said in '-- client' '-- said' '| starting$' '| \[redacted\]$' '| ended$'; do
	grep -q -e "$said" "$WORK/evidence" || die "no '$said' in the evidence"
done
! grep -q -e s3cr3topaque -e eyJ "$WORK/evidence" "$WORK"/server/store.sqlite* ||
	die "a secret at the start of a line is kept"
