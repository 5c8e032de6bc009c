#!/bin/sh
# A boot that is awaited for months: meanwhile the device is heard of, follows the
# root of trust, and takes a newer release in place of the one that waits.
. "$(dirname "$0")/client-lib.sh"

make_server
make_served_repo
use_people
operator cohort create fleet
serve_release 1

# A machine with a loader, which is a file here.
record=$WORK/record
cat >"$WORK/loader" <<SH
#!/bin/sh
set -eu
verb=\$1
shift
case \$verb in
read) cat $record ;;
write) printf '%s\n' "\$@" | grep -v '=\$' >$record.new; mv $record.new $record ;;
esac
SH
chmod 755 "$WORK/loader"
make_served_device one
on one enroll --claim-file "$WORK/one/claim" >/dev/null
cat >>"$WORK/one/client.conf" <<INI
[boot]
control = command
command = $WORK/loader
cmdline = $WORK/one/cmdline
number = $WORK/one/number
INI
boots=0
boot() { # what the loader does with what it was told
	boots=$((boots + 1))
	echo "boot-$boots" >"$WORK/one/number"
	echo "pawl.slot=$(sed -n 's/^pawl_slot=//p' "$record")" \
		>"$WORK/one/cmdline"
}
echo pawl_slot=a >"$record"
boot
waits_for() { # release, slot (b)
	says one state reboot-pending
	says one boot_next "${2:-b}"
	grep -q "\"id\": *\"$1\"" "$WORK/one/slots/${2:-b}/release.json" ||
		die "it does not wait for $1"
}

open_to_all 1
on one update --quiet
waits_for 1

# It was heard since it installed: for the server it waits, and did not go back.
on one update --quiet
operator rollout status r1 --json | tr -d ' \n' >"$WORK/out"
grep -q '"installed":1,' "$WORK/out" && grep -q '"rolled-back":0,' "$WORK/out" ||
	die "it is not known to wait: $(cat "$WORK/out")"

# Nobody can be reached: it waits for its boot all the same.
stop_server
on one update --json >"$WORK/out" 2>"$WORK/err"
grep -q '"result": *"reboot-pending"' "$WORK/out" || die "it forgot its boot"
grep -q 'not-refreshed reason=' "$WORK/err" || die "nobody is told why"
start_server

# A newer root, and nothing else that is new.
make_keys heir
"$signer" key import "$WORK/repo" --role root "$WORK/heir.pub" >/dev/null
"$signer" sign "$WORK/repo" --key "$WORK/heir" >/dev/null
resign
operator release import "$WORK/publish" >/dev/null
on one update --quiet
waits_for 1
grep -rqs '"version":2' "$WORK/one/state/metadata/root.json" ||
	die "the new root did not arrive"

# A newer release is opened. A look finds it; then it takes the place.
serve_release 2 --from 1 >/dev/null
open_to_all 2
want 20 on one check --json >"$WORK/out"
grep -q '"release": *"2"' "$WORK/out" || die "a look does not find 2"
waits_for 1
# Who says no to it has not said no to the one before.
cp "$WORK/one/client.conf" "$WORK/plain.conf"
printf '[install]\nconsent = /bin/false\n' >>"$WORK/one/client.conf"
"$client" daemon --config "$WORK/one/client.conf" 2>"$WORK/log" &
daemon=$!
for _ in $(seq 600); do
	! grep -q 'update-deferred release=2' "$WORK/log" || break
	sleep 0.1
done
kill $daemon
wait $daemon || :
grep -q 'update-deferred release=2' "$WORK/log" || die "nobody was asked"
waits_for 1
cp "$WORK/plain.conf" "$WORK/one/client.conf"
# It has no room, or cannot be fetched: what waits has not lost its place, and the
# server hears of it.
failed_for() { # error, in capitals and as it is: the newer one, and not what waits
	people attempts/r2/failed | grep -q "\"$1\"" ||
		die "nobody is told that 2 failed: $(people attempts/r2/failed)"
	! people attempts/r1/failed | grep -q "$itself" || die "1 is said to have failed"
	people attempts/r1/installed | grep -q "$itself" || die "1 does not wait any more"
	on one status --json | tr -d ' \n' >"$WORK/status"
	grep -q '"release":"2","from":"","result":"failed","reason":"'"$2"'"' \
		"$WORK/status" || die "the history has no failure of 2: $(
			cat "$WORK/status")"
}
itself=$(on one status --json | sed -n 's/.*"device": *"\([0-9a-f]*\)".*/\1/p')
printf '[data]\nsave = /bin/true\nrestore = /bin/true\nspace = 1000000000000\n' \
	>>"$WORK/one/client.conf"
want 11 on one update 2>"$WORK/err"
grep -q 'no room' "$WORK/err" || die "what it lacks: $(cat "$WORK/err")"
waits_for 1
failed_for SPACE space
cp "$WORK/plain.conf" "$WORK/one/client.conf"
mkdir "$WORK/away"
mv "$WORK/server/blobs"/* "$WORK/away"
on one update --json >"$WORK/out" 2>"$WORK/err" || :
mv "$WORK/away"/* "$WORK/server/blobs"
grep -q 'package main of release 2' "$WORK/err" || die "2 was not asked for"
waits_for 1
failed_for NOT_FOUND not-found

on one update --json >"$WORK/out"
grep -q '"result": *"reboot-pending"' "$WORK/out" || die "2 does not wait"
waits_for 2
on one status --json | grep -q '"reason": *"replaced"' ||
	die "1 is not said to be replaced"
on one update --quiet
waits_for 2

boot
on one update --quiet
says one state confirmed
says one slot b
operator device show "$itself" --json >"$WORK/out"
grep -q '"release": *"2"' "$WORK/out" || die "the server does not know that 2 runs"
# What was replaced is no failure, and may come again.
operator rollout status r1 --json >"$WORK/out"
! grep -q '"state": *"\(halted\|paused\)"' "$WORK/out" ||
	die "1 was stopped: $(cat "$WORK/out")"

# ---- a floor that rises over what waits --------------------------------------
serve_release 3 --from 2 >/dev/null
open_to_all 3
on one update --quiet
boot
on one update --quiet
says one state confirmed
"$signer" stepback "$WORK/repo" --product gateway --from 3 --to 2 >/dev/null
resign
operator release import "$WORK/publish" >/dev/null
people rollouts '{"v":1,"name":"back","release":"2","cohorts":["fleet"],
	"share":10000,"step_back":true}' >/dev/null
people_begin back >/dev/null
on one update --quiet
waits_for 2
mkdir "$WORK/cut"
cp -p "$WORK/one/state"/journal.? "$WORK/cut"
cp "$record" "$WORK/cut/record"
is_let_go() {
	says one state rolled-back
	says one boot_next a
	on one status --json | grep -q '"reason": *"replaced"' ||
		die "what waited is not said to be replaced"
}
"$signer" floor "$WORK/repo" --product gateway --release 3 >/dev/null 2>&1
resign
operator release import "$WORK/publish" >/dev/null
on one update --quiet
says one floor 3
is_let_go
# The power was cut as soon as the floor was stored: no boot is asked for.
cut() {
	cp -p "$WORK/cut"/journal.? "$WORK/one/state"
	cp "$WORK/cut/record" "$record"
}
cut
printf '[reboot]\ncommand = /bin/touch %s\n' "$WORK/rebooted" \
	>>"$WORK/one/client.conf"
on one update --quiet
is_let_go
! [ -e "$WORK/rebooted" ] || die "it would have started what lies below the floor"
# Or it came at once: what started is not tried, and goes.
cut
boot
on one update --quiet
says one boot_next a
boot
on one update --quiet
is_let_go

# ---- put off while it waits ----------------------------------------------------
# Who puts off a release while another waits for its boot says so after that one.
cp "$WORK/plain.conf" "$WORK/one/client.conf"
serve_release 4 --from 3 >/dev/null
open_to_all 4
on one update --quiet
says one state reboot-pending
serve_release 5 --from 4 >/dev/null
open_to_all 5
printf '[install]\nconsent = /bin/false\n' >>"$WORK/one/client.conf"
deferred() {
	people attempts/r5/deferred | grep -q "$itself"
}
put_off() { # what is awaited, besides
	: >"$WORK/log"
	"$client" daemon --config "$WORK/one/client.conf" 2>"$WORK/log" &
	daemon=$!
	for _ in $(seq 600); do
		! grep -q 'update-deferred release=5' "$WORK/log" || ! "$@" ||
			break
		sleep 0.1
	done
	kill $daemon
	wait $daemon || :
	grep -q 'update-deferred release=5' "$WORK/log" || die "nobody was asked"
}
put_off true
! deferred || die "4 still waits for its boot"
boot
put_off deferred
says one state confirmed
deferred || die "nobody is told that 5 is put off"

# What runs lies below what the hardware has stored: there is no way but the boot,
# and waiting for it is no failure, whatever is newer.
cp "$WORK/plain.conf" "$WORK/one/client.conf"
serve_release 6 --from 5 >/dev/null
open_to_all 6
on one update --quiet
waits_for 6 a
cat >"$WORK/counter" <<'EOF'
#!/bin/sh
[ "$1" != read ] || echo 6
EOF
chmod 755 "$WORK/counter"
printf '[floor]\ncounter = %s\n' "$WORK/counter" >>"$WORK/one/client.conf"
serve_release 7 --from 6 >/dev/null
open_to_all 7
on one update --json >"$WORK/out"
grep -q '"result": *"reboot-pending"' "$WORK/out" || die "6 does not wait"
waits_for 6 a
says one floor 6
