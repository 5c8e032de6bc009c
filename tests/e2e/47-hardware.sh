#!/bin/sh
# A release for some revisions of the hardware alone: the server offers it to
# these, says of the others why not, and a server that offers it to them all the
# same is refused by each device itself, before anything is fetched.
. "$(dirname "$0")/client-lib.sh"

of_revision() { # device, revision
	sed -i "s/^model = board$/&\nhardware = $2/" "$WORK/$1/client.conf"
}
serve() { # id, options
	make_tree "$1"
	rm -f "$WORK/trees/$1/lib/stays" "$WORK/trees/$1/lib/changes"
	serve_release "$@" >/dev/null
}
device_id() { # name
	on "$1" status --json | sed -n 's/.*"device": *"\([0-9a-f]*\)".*/\1/p'
}

make_server
make_served_repo
use_people
serve 1
people cohorts '{"v":1,"name":"fleet"}' >/dev/null
for name in a b silent; do
	make_served_device $name
	[ $name = silent ] || of_revision $name rev-$name
	on $name enroll --claim-file "$WORK/$name/claim" >/dev/null
done
open_to_all 1
for name in a b silent; do
	on $name update >/dev/null
	runs $name 1
done
says b hardware rev-b

# ---- the honest server -------------------------------------------------------

serve 2 --hardware rev-a --hardware rev-a2
"$signer" release show "$WORK/repo" --product gateway --id 2 |
	grep -q '^hardware: .*rev-a2' || die "the signer does not show it"
operator release show 2 | grep -q 'rev-a rev-a2' || die "nor does the server"
operator rollout create two --release 2 --cohort fleet --share 100 >/dev/null
operator rollout plan two | tee "$WORK/said"
grep -q '2 .*of other hardware revisions\|of other hardware revisions.* 2' \
	"$WORK/said" || die "the plan does not count who is left out"
people rollout-plan/two | grep -q '"population":1,' ||
	die "the phases are not of one device"
people_begin two >/dev/null
for name in b silent; do
	on $name update >"$WORK/said"
	grep -q 'for other revisions of the hardware' "$WORK/said" ||
		die "$name is not told: $(cat "$WORK/said")"
	runs $name 1
	operator device why "$(device_id $name)" | tee "$WORK/said" |
		grep -q 'for other revisions of the hardware' ||
		die "why does not say it: $(cat "$WORK/said")"
done
operator device list --where 'hardware = rev-b' | grep -c "$(device_id b)" |
	grep -qx 1 || die "no selector finds rev-b"
on a update >/dev/null
runs a 2

# ---- the server forgets whom it is for ---------------------------------------

remembers() { # revisions of all that is rolled out
	stop_server
	python3 - "$WORK/server/store.sqlite" "$1" <<-'PY'
	import sqlite3, sys
	d = sqlite3.connect(sys.argv[1])
	d.execute("UPDATE rollout SET hardware = ? WHERE release = '2'",
	          sys.argv[2:])
	d.commit()
	PY
	start_server
}
remembers ''
refuses() { # device, revision
	got=0
	on "$1" update >"$WORK/said" 2>&1 || got=$?
	[ "$got" -eq 10 ] || die "$1: status $got: $(cat "$WORK/said")"
	grep -q "2 is not for the hardware $2 (\[device\] hardware)" \
		"$WORK/said" || die "$1: no cause: $(cat "$WORK/said")"
	# One line; what is fetched would have another.
	[ "$(wc -l <"$WORK/said")" -eq 1 ] || die "$1: $(cat "$WORK/said")"
	runs "$1" 1
}
refuses b rev-b
refuses silent '(none)'

# A stick has no server that could say anything.
operator bundle export "$WORK/stick" --valid 3 >/dev/null
got=0
on b update --from "$WORK/stick" >"$WORK/said" 2>&1 || got=$?
[ "$got" -eq 10 ] || die "from a stick: status $got: $(cat "$WORK/said")"
runs b 1

# Once it knows again, what it had offered is none of its failures.
remembers 'rev-a rev-a2'
on b update >"$WORK/said"
operator device show "$(device_id b)" | tee "$WORK/said" |
	grep -q 'skipped *HARDWARE' || die "not skipped: $(cat "$WORK/said")"

# The next release is for all, and everybody gets it.
serve 3
open_to_all 3
for name in a b silent; do
	on $name update >/dev/null
	runs $name 3
done
