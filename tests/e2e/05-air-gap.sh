#!/bin/sh
# Two servers that no network joins: releases are carried in, reports out; what
# is forged, old or missing on the way out is noticed.
. "$(dirname "$0")/server-lib.sh"
top=$WORK
outer_pid='' inner_pid=''

stop_both() {
	for pid in $outer_pid $inner_pid; do
		kill "$pid" 2>/dev/null || :
		wait "$pid" 2>/dev/null || :
	done
}
trap stop_both EXIT

# What follows is done at this one of the two.
at() { # outer|inner
	WORK=$top/$1
}

make_site() {
	mkdir -p "$top/$1"
	at "$1"
	make_server
	start_server
}
make_site outer
outer_pid=$server_pid
make_site inner
inner_pid=$server_pid

# One repository, whose root knows the online keys of both.
at outer
for role in root targets; do
	make_key "$WORK/repo.$role"
done
"$signer" init "$WORK/repo" --environment demo --owner Tests --product kiosk \
	--root-key "$WORK/repo.root.pub" --targets-key "$WORK/repo.targets.pub" \
	--online-key "$WORK/server/online.pub" \
	--online-key "$top/inner/server/online.pub" >/dev/null 2>&1
make_release "$WORK/repo" r1 "$WORK/publish"
want 0 op release import "$WORK/publish"

# ---- in ----------------------------------------------------------------------

want 0 op bundle export "$top/in.tar" --valid 30
at inner
want 0 op bundle import "$top/in.tar"
said "releases *1"
cp -r "$top/outer/repo" "$WORK/repo"
op cohort create fleet >/dev/null
make_device a fleet
want 0 device a enroll --claim-file "$WORK/devices/a/claim"
want 0 op rollout create first --release r1 --cohort fleet
want 0 begin first
want 0 device a update
want 0 device a check

# ---- out ---------------------------------------------------------------------

want 0 op bundle export "$top/out1" --reports
said "report 1, and 0 before it"
at outer
want 6 op bundle import "$top/out1"
said "by no outpost that is known here"
# Another key than the inner server's, and then that one.
want 0 op outpost add other "$WORK/server/audit.pub"
want 6 op bundle import "$top/out1"
want 0 op outpost add bunker "$top/inner/server/audit.pub"
want 14 op outpost add bunker2 "$top/inner/server/audit.pub"
want 14 op outpost add bunker "$WORK/server/online.pub"
# What is no device's word keeps the report beside it from nothing.
mkdir "$top/out1/devices"
echo junk >"$top/out1/devices/x.word"
want 4 op bundle import "$top/out1"
said "1 refused"
said "1 new report"
rm -r "$top/out1/devices"
want 0 op outpost show bunker
said "first .*kiosk .*r1"
want 0 op outpost show bunker --json
said '"confirmed": 1'
want 8 op bundle import "$top/out1"
said "known already"
want 0 op outpost list
said "bunker"

# What was changed on the way: a word of the report, and of its proof.
at inner
want 0 op bundle export "$top/out2" --reports
said "report 2, and 1 before it"
at outer
for change in 's/confirmed/offered/' 's/"record":"{\\"act/"record":"{ \\"act/' \
	's/\("included":\["\)[0-9a-f]\{8\}/\100000000/' \
	's/\(\\"root\\":\\"\)[0-9a-f]\{8\}/\100000000/' 's/}$//'; do
	rm -rf "$top/bad"
	cp -r "$top/out2" "$top/bad"
	rm "$top/bad/reports/1.json"
	sed -i "$change" "$top/bad/reports/2.json"
	cmp -s "$top/bad/reports/2.json" "$top/out2/reports/2.json" &&
		die "nothing was changed: $change"
	got=0
	op bundle import "$top/bad" >"$WORK/said" 2>&1 || got=$?
	[ "$got" -eq 6 ] || [ "$got" -eq 4 ] || {
		cat "$WORK/said"
		die "exit status $got: $change"
	}
done

# One that got lost is missed; a later medium brings it as well.
at inner
want 0 op bundle export "$top/out3" --reports
at outer
rm -rf "$top/gap"
mkdir -p "$top/gap/reports"
cp "$top/out3/reports/3.json" "$top/gap/reports"
want 14 op bundle import "$top/gap"
said "report 3 comes, but 2 is missing"
want 0 op bundle import "$top/out3"
said "2 new reports"
# An old medium brings nothing, whatever else it says.
want 8 op bundle import "$top/out1"
want 8 op bundle import "$top/out2"
want 0 op outpost list --json
said '"report": 3'
# Where more got lost than every medium holds, all are written again.
at inner
want 0 op bundle export "$top/out4" --reports --since 3
want 13 op bundle export "$top/out5" --reports --since 99
said "the next is 5"
[ "$(cd "$top/out4/reports" && echo *)" = "3.json 4.json" ] || die "not 3 and 4"
cmp "$top/out3/reports/3.json" "$top/out4/reports/3.json" || die "another 3"
at outer
# In one file, whoever made it; of one that climbs nothing is taken.
tar -C "$top/out4" -P --transform 's,^\./,../,' -cf "$top/bad.tar" ./reports
want 10 op bundle import "$top/bad.tar"
said "no name of ours"
tar -C "$top/out4" -cf "$top/out4.tar" .
want 0 op bundle import "$top/out4.tar"
[ -z "$(ls -d "$top"/*tar.* /var/tmp/pawl-bundle-* 2>/dev/null)" ] ||
	die "what was unpacked is still there"
# Nothing that a medium holds is no medium.
mkdir -p "$top/empty"
want 13 op bundle import "$top/empty"

# ---- a device that no network reaches ----------------------------------------

# It takes its release from a medium, and leaves its word there, signed.
at inner
make_device c fleet
want 0 device c enroll --claim-file "$WORK/devices/c/claim"
want 0 op bundle export "$top/stick" --valid 30
want 0 device c update --from "$top/stick"
word=$(echo "$top"/stick/devices/*.word)
carried=$(basename "$word" .word)
want 0 op device show "$carried" --json
said '"release": ""'
# What was changed on the way, or is another's, is not taken.
other=$(op device list --json | grep -o '"id": "[0-9a-f]*"' | cut -d'"' -f4 |
	grep -v "$carried" | head -n 1)
for change in 's/"activation":1/"activation":2/' "s/$carried/$other/" \
	's/^30/31/' '3d'; do
	rm -rf "$top/bad"
	mkdir -p "$top/bad/devices"
	sed "$change" "$word" >"$top/bad/devices/$carried.word"
	cmp -s "$word" "$top/bad/devices/$carried.word" && die "the same: $change"
	got=0
	op bundle import "$top/bad" >"$WORK/said" 2>&1 || got=$?
	[ "$got" -eq 6 ] || [ "$got" -eq 4 ] || {
		cat "$WORK/said"
		die "exit status $got: $change"
	}
	said "1 refused"
done
mkdir -p "$top/words"
cp -r "$top/stick/devices" "$top/words"
want 0 op bundle import "$top/words"
said "1 device said something new, 0 nothing new, 0 refused"
want 0 op device show "$carried" --json
said '"release": "r1"'
said '"confirmed": true'
said '"last_seen": ""'
# Carried again, and late, it changes nothing.
want 0 op bundle import "$top/words"
said "0 devices said something new, 1 nothing new, 0 refused"
at outer
make_release "$WORK/repo" r2 "$WORK/publish"
want 0 op release import "$WORK/publish"
want 0 op bundle export "$top/in2.tar" --valid 30
at inner
want 0 op bundle import "$top/in2.tar"
rm -rf "$top/stick/devices"
want 0 op bundle export "$top/stick" --valid 30
want 0 device c update --from "$top/stick"
want 0 op bundle import "$top/stick"
want 0 op device show "$carried" --json
said '"release": "r2"'
want 0 op bundle import "$top/words"
said "1 nothing new"
want 0 op device show "$carried" --json
said '"release": "r2"'
want 0 op device revoke "$carried" --reason lost
want 10 op bundle import "$top/stick"
said "is revoked"
want 0 op audit list
said "device-report .*device=$carried"
at outer

# All of it is in both logs.
want 0 op audit list
said "outpost-report .*outpost=bunker report=3"
at inner
want 0 op audit list
said "report-export .*report=3"
want 0 op audit export "$top/log"
want 0 "$server" audit verify "$top/log" --key "$WORK/server/audit.pub"
echo "what was carried over the air gap is what was said"
