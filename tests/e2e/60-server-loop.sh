#!/bin/sh
# The whole loop through the real server: import, enrol, check in, roll out to a
# share, confirm, and see a release that fails come back with its reason.
. "$(dirname "$0")/server-lib.sh"

make_server
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/publish"
start_server

want 0 op release import "$WORK/publish"
said "releases *1"
want 0 op cohort create canary
want 0 op cohort create fleet

for n in a b c; do
	cohort=fleet
	[ "$n" = a ] && cohort=canary
	make_device "$n" "$cohort"
	want 0 device "$n" enroll --claim-file "$WORK/devices/$n/claim"
done
want 0 op token list
[ "$(grep -c ' used ' "$WORK/said")" -eq 3 ] || die "three tokens are used"

# Nothing is rolled out yet, so nothing is installed.
want 0 device a check
[ ! -e "$WORK/devices/a/slots/current" ] || die "nothing was offered"

want 0 op rollout create first --release r1 --cohort canary --cohort fleet \
	--watch 0
want 0 device a check
want 2 op rollout start first # without a look at what it would do
said "rollout plan first"
want 0 begin first
want 20 device a check
for n in a b c; do
	want 0 device "$n" update
	want 0 device "$n" check
done
want 0 op rollout watch first --until-person
want 2 op rollout advance first
said "rollout status.* prints it"
seen=$(revision first)
want 14 op rollout advance first --revision $((seen - 1))
want 0 op rollout advance first --revision "$seen"
# Its answer was lost, and it is done again: what it opened has completed since.
want 0 op rollout watch first
want 0 op rollout advance first --revision "$seen"
said "done before: nothing was changed"
want 0 op rollout watch first
want 0 op rollout show first --json
[ "$(member confirmed <"$WORK/said")" -eq 3 ] || die "three are confirmed"
[ "$(member state <"$WORK/said")" = completed ] || die "it is completed"

# A share of 1 % of two devices is exactly one device; the rest gets nothing.
make_release "$WORK/repo" r2 "$WORK/publish" --from r1
want 0 op release import "$WORK/publish"
want 0 op rollout create second --release r2 --cohort fleet --phases 1,100 \
	--watch 0,0
want 0 begin second
want 0 device a update # not of that cohort
offered=0
for n in b c; do
	got=0
	device "$n" check >/dev/null 2>&1 || got=$?
	[ "$got" -ne 20 ] || offered=$((offered + 1))
done
[ "$offered" -eq 1 ] || die "$offered devices instead of one"
# A pause is at once; going on with all of them reaches both.
want 0 op rollout pause second --reason "a look at it"
for n in b c; do
	want 0 device "$n" check
done
want 14 op rollout start second
want 2 op rollout resume second --revision "$(revision second)"
want 0 act_now resume second --reason "it is fine"
want 14 op rollout pause second --revision 1 --reason "seen long ago"
said "revision"
# The first phase waits for a person, once its device has confirmed.
for n in b c; do
	want 0 device "$n" update
	want 0 device "$n" check
done
want 0 op rollout watch second --until-person
want 0 act_now advance second
for n in b c; do
	while device "$n" check >/dev/null 2>&1 &&
		! device "$n" status --json | grep -q '"r2"'; do
		sleep 0.2
	done
	want 0 device "$n" update
	readlink "$WORK/devices/$n/slots/current" >/dev/null || die "no slot"
	device "$n" status --json | grep -q '"r2"' || die "$n runs r2"
done

# A release that fails its health check comes back, once, with its reason.
make_tree r3
touch "$WORK/trees/r3/broken"
make_release "$WORK/repo" r3 "$WORK/publish" --from r2
want 0 op release import "$WORK/publish"
want 0 op rollout create third --release r3 --cohort fleet
want 0 begin third
want 15 device b update
want 0 device b check
id=$(op device list | awk '/rolled-back/ { print $1 }')
[ -n "$id" ] || die "the list names who rolled back"
want 0 op device show "$id"
said "rolled-back"
said "the health check of r3 speaks"
want 0 op rollout show third
said "rolled-back 1"
want 0 op gate show third
said "1 of 1 failed"
want 0 op device why "$id"
said "tried it and came back"

# What a revoked device says is not heard any more.
want 0 op device revoke --reason test "$id"
want 10 device b check
want 20 device c check # and nobody else is touched

# All of it is still there after a restart.
stop_server
start_server
want 0 op rollout list
said "paused\|running"
want 0 op server status
said "targets *3"
echo "the loop works"
