# For the tests of boot control: a device that reboots. The boot loader is a
# shell function that does what docs/boot-control.md asks of one, through the
# loader's own tools and not through ours: a test defines
#
#	env_get NAME      prints the value, nothing if it is not set
#	env_set NAME=VALUE...
#
# and what of client.conf chooses the control, in $WORK/control.
command -v make_repo >/dev/null || . "$(dirname "$0")/../e2e/client-lib.sh"

# Small ones: here it is boots that matter.
make_tree() { # id
	mkdir -p "$WORK/trees/$1/bin"
	echo "$1" >"$WORK/trees/$1/version"
	printf '#!/bin/sh\ntest "$(cat version)" = "$PAWL_RELEASE"\n' \
		>"$WORK/trees/$1/bin/health"
	chmod 755 "$WORK/trees/$1/bin/health"
}

make_boot_device() { # name
	make_device "$1"
	printf 'quiet root=/dev/sda2 pawl.slot=a rw\n' >"$WORK/$1/cmdline"
	echo boot-1 >"$WORK/$1/number"
	cat >>"$WORK/$1/client.conf" - "$WORK/control" <<INI
[boot]
cmdline = $WORK/$1/cmdline
number = $WORK/$1/number
INI
}

# The device starts again: the loader counts, and passes the slot on.
boot() { # name
	if [ -n "$(env_get pawl_left)" ]; then
		count=$(env_get pawl_left)
		if [ "$count" -gt 0 ]; then
			env_set "pawl_left=$((count - 1))"
		else
			env_set "pawl_failed=$(env_get pawl_slot)" \
				"pawl_slot=$(env_get pawl_back)" \
				pawl_back= pawl_left=
		fi
	fi
	slot=$(env_get pawl_slot)
	restart_into "$1" "${slot:-a}"
}

# Without asking the loader.
restart_into() { # name, slot
	printf 'quiet root=/dev/sda2 pawl.slot=%s rw\n' "$2" >"$WORK/$1/cmdline"
	boots=$((${boots:-1} + 1))
	echo "boot-$boots" >"$WORK/$1/number"
}

told() { # variable, value
	got=$(env_get "$1")
	[ "$got" = "$2" ] || die "the loader was told $1=$got, not $2"
}

# What each loader has to do itself: start the new slot, count, go back.
live_shortly() {
	make_repo
	make_release 1
	make_boot_device one
	release_reaches_the_next_boot
	who_never_comes_up_goes_back
}

# The whole life of a device.
live() {
	live_shortly
	bad_health_goes_back
	disobedient_loader_is_found_out
	person_goes_back
}

release_reaches_the_next_boot() {
	on one update --from "$WORK/publish"
	says one state reboot-pending
	says one slot a
	says one boot_next b
	told pawl_slot b
	told pawl_back a
	told pawl_left 3
	# It waits for the boot, however often it is asked.
	on one update --from "$WORK/publish"
	says one state reboot-pending
	told pawl_left 3
	boot one
	told pawl_left 2
	says one slot b
	on one update --from "$WORK/publish"
	says one state confirmed
	told pawl_slot b
	told pawl_left ""
	told pawl_back ""
	boot one
	on one update --from "$WORK/publish" | grep -q 'up to date: 1 runs' ||
		die "1 does not stay"
}

bad_health_goes_back() {
	make_tree 2
	echo "exit 7" >>"$WORK/trees/2/bin/health"
	make_release 2 --from 1
	on one update --from "$WORK/publish"
	told pawl_slot a
	boot one
	want 15 on one update --from "$WORK/publish"
	says one state reboot-pending
	says one reason health
	told pawl_slot b
	boot one
	want 15 on one update --from "$WORK/publish"
	says one state rolled-back
	says one reason health
	says one slot b
	want 10 on one update --from "$WORK/publish"
	told pawl_slot b
}

# Neither release nor client comes up: the loader alone brings the old one back.
who_never_comes_up_goes_back() {
	make_release 3 --from 1
	on one update --from "$WORK/publish"
	for left in 2 1 0; do
		boot one
		told pawl_slot a
		told pawl_left $left
	done
	boot one
	told pawl_slot b
	told pawl_failed a
	want 15 on one update --from "$WORK/publish"
	says one state rolled-back
	says one reason attempts
	says one slot b
	on one status | grep -q 'slot a *bad' || die "slot a is not called bad"
}

# Told to start the new slot, it starts the old one.
disobedient_loader_is_found_out() {
	make_release 4 --from 1
	on one update --from "$WORK/publish"
	says one boot_failed none
	restart_into one b
	want 15 on one update --from "$WORK/publish"
	says one reason not-switched
	told pawl_slot b
	told pawl_left ""
	# A person repaired it.
	on one update --retry --from "$WORK/publish"
	boot one
	on one update --from "$WORK/publish"
	says one state confirmed
	says one slot a
}

person_goes_back() {
	on one rollback | grep -q 'slot b starts at the next boot' ||
		die "rollback does not say when"
	told pawl_slot b
	boot one
	on one update --from "$WORK/publish" || :
	says one slot b
	says one reason person
}

# Told to stop in the trial, as when the system reboots cleanly: the daemon gives
# back the start that the loader has counted.
clean_stop_gives_the_start_back() {
	make_tree 9
	echo "until [ -e $WORK/go ]; do sleep 0.1; done" \
		>>"$WORK/trees/9/bin/health"
	make_release 9 --from 1
	on one update --from "$WORK/publish"
	told pawl_left 3
	boot one
	told pawl_left 2
	"$client" daemon --config "$WORK/one/client.conf" 2>"$WORK/daemon.log" &
	daemon=$!
	for _ in $(seq 600); do
		! on one status --json | grep -q '"state": *"trial"' || break
		sleep 0.1
	done
	says one state trial
	sleep 0.5
	kill $daemon
	wait $daemon || die "it was not a clean stop: $(cat "$WORK/daemon.log")"
	told pawl_left 3
	: >"$WORK/go"
	boot one
	told pawl_left 2
	on one update --from "$WORK/publish"
	says one state confirmed
	told pawl_left ""
}

# A record that can be read and not written is found before a byte is fetched. Nobody
# keeps root from writing but a mount.
who_cannot_be_told_fetches_nothing() { # files of the record...
	make_release 8 --from 1
	next=$(env_get pawl_slot)
	set -- "$client" "$WORK/one/client.conf" "$WORK/publish" "$@"
	cat >"$WORK/unwritable" <<'SH'
client=$1 conf=$2 from=$3
shift 3
for file; do
	chmod 444 "$file"
	[ "$(id -u)" -ne 0 ] || {
		mount --bind "$file" "$file" &&
			mount -o remount,bind,ro "$file" || exit 77
	}
done
"$client" update --from "$from" --config "$conf"
SH
	alone=
	[ "$(id -u)" -ne 0 ] || alone='unshare -m'
	ls "$WORK/one/state/spool" >"$WORK/spool"
	got=0
	$alone sh "$WORK/unwritable" "$@" >"$WORK/said" 2>&1 || got=$?
	shift 3
	chmod 644 "$@"
	[ $got -ne 77 ] || {
		echo "no mounts of our own: a record that cannot be written was not tried"
		return
	}
	[ $got -ne 0 ] || die "it was switched without a record"
	! grep -q 'package-fetched' "$WORK/said" || die "fetched: $(cat "$WORK/said")"
	! ls "$WORK/one/state/spool" | grep -vxFf "$WORK/spool" ||
		die "something was fetched"
	told pawl_slot "$next"
	# Mended, it is installed.
	on one update --from "$WORK/publish"
	says one state reboot-pending
	boot one
	on one update --from "$WORK/publish"
	says one release 8
}
