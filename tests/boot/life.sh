# The life of a machine with slots, whatever its loader: source it after guest.sh.
# A test defines env_get NAME, which reads the loader's record from the disk; and
# what the console shows as soon as the loader has counted, if it is not this:
: "${counted:=pawl: slot a}"

told() { # variable, value
	got=$(env_get "$1")
	[ "$got" = "$2" ] || die "the loader was told $1=$got, not $2"
}

# Release 4 cannot live: its init ends, and so the kernel panics. In 5 the client ends.
make_releases() {
	make_repo
	for id in 1 2 3; do make_slot $id; done
	PANICS=1 make_slot 4
	BROKEN=1 make_slot 5
	for id in 2 3 4 5; do make_slot_release $id; done
} 2>/dev/null

# A start of the machine, and what it must be: release, slot, state.
starts() { # release, slot, commands
	guest "$3
state"
	printed "^guest: release $1 in slot $2$"
}
is() { # word of the state...
	for word; do
		printed "^guest: state.* $word"
	done
}

live() {
	release_is_tried_and_kept
	release_that_nobody_confirms
	power_is_cut
	release_that_never_comes_up
	release_whose_client_is_dead
}

# From release 1, that the factory put into slot a, to 2 in slot b.
release_is_tried_and_kept() {
	starts 1 a "update 2"
	printed '^guest: update ended with 0'
	is state:reboot-pending
	told pawl_slot b
	told pawl_back a
	told pawl_left 3
	starts 2 b "update 2"
	printed '^guest: update ended with 0'
	is state:confirmed slot:b
	told pawl_slot b
	told pawl_back ''
	told pawl_left ''
	starts 2 b :
}

# It comes up, but nobody confirms it: the power is cut in the loader itself and in the
# kernel, and then all hangs in the trial, until the watchdog resets the machine.
release_that_nobody_confirms() {
	starts 2 b "update 3"
	told pawl_left 3
	CUT=$counted guest :
	told pawl_left 2
	CUT='Run /init\|guest: release 3' guest :
	told pawl_left 1
	guest "touch /tmp/hang; update 3; echo guest: not reset"
	printed '^guest: release 3 in slot a$'
	grep -q '^guest: not reset' "$WORK/printed" && die "it did not hang"
	told pawl_left 0
	starts 2 b "update 3"
	printed '^guest: update ended with 15'
	is state:rolled-back reason:attempts
	told pawl_slot b
}

# A person wants it after all, and the power goes at every turn.
power_is_cut() {
	retry='update 3 --retry'
	# While slot a is written: nothing has happened.
	CUT='guest: now' guest "$retry & sleep 1; echo guest: now; wait"
	told pawl_slot b
	told pawl_left ''
	# The loader was told this instant, and nothing was unmounted.
	CUT='slot-switched' guest "$retry; sleep 60"
	told pawl_left 3
	# In the loader, which has counted; then in the trial itself.
	CUT=$counted guest :
	told pawl_left 2
	CUT='guest: trial' guest "echo guest: trial; update 3"
	# The moment it is confirmed. From here on it never goes back.
	CUT='info confirmed' guest "update 3; sleep 60"
	told pawl_slot a
	told pawl_left ''
	starts 3 a "update 3"
	printed '^guest: update ended with 0'
	is state:confirmed slot:a
	told pawl_slot a
	told pawl_failed ''
}

# The machine is left alone: it panics and restarts by itself until it is back.
release_that_never_comes_up() {
	starts 3 a "update 4"
	printed '^guest: update ended with 0'
	told pawl_left 3
	REBOOTS=1 guest "update 4
state"
	[ "$(grep -c '^guest: release 4 in slot b' "$WORK/printed")" -eq 3 ] ||
		die "not three trials: $(grep ^guest: "$WORK/printed")"
	[ "$(grep '^guest: release' "$WORK/printed" | tail -n 1)" = \
		'guest: release 3 in slot a' ] || die "it did not come back"
	printed '^guest: update ended with 15'
	is state:rolled-back reason:attempts slot:a
	told pawl_slot a
	told pawl_left ''
	starts 3 a :
}

# It comes up and lives on, without a client: pawl-guard restarts it until it is back.
release_whose_client_is_dead() {
	starts 3 a "update 5"
	printed '^guest: update ended with 0'
	told pawl_left 3
	REBOOTS=1 guest "update 5
state"
	for once in '^guest: release 5 in slot b' '^pawl-guard: the release on trial'; do
		[ "$(grep -c "$once" "$WORK/printed")" -eq 3 ] ||
			die "not three times '$once': $(grep ^guest: "$WORK/printed")"
	done
	grep -q '^guest: the client is dead' "$WORK/printed" || die "its client lives"
	[ "$(grep '^guest: release' "$WORK/printed" | tail -n 1)" = \
		'guest: release 3 in slot a' ] || die "it did not come back"
	printed '^guest: update ended with 15'
	is state:rolled-back reason:attempts slot:a
	told pawl_slot a
	told pawl_left ''
}
