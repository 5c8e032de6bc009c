#!/bin/sh
# A release that hangs before its client has started, in its first program: nobody in it
# could reset the machine. The watchdog does, which the loader starts, and so the loader
# counts, and the machine, left alone, comes back to what ran before.
. "$(dirname "$0")/guest.sh"
. "$here/grub-lib.sh"
. "$here/life.sh"

make_grub_guest
# GRUB has no driver for it: where its registers are to be, 16 bits of a millisecond each
# for both of its stages, and on. Each register is unlocked by two writes beside it.
seconds=150
{
	echo 'echo "the loader starts the watchdog"'
	echo 'setpci -d 8086:25ab 10.l=fe800000'
	echo 'setpci -d 8086:25ab 4.w=2:2'
	for stage in 0 4; do
		echo 'write_word 0xfe80000c 0x80'
		echo 'write_word 0xfe80000c 0x86'
		printf 'write_dword 0xfe80000%s 0x%x\n' $stage $((seconds * 500))
	done
	echo 'setpci -d 8086:25ab 68.b=2'
} >"$WORK/loader/grub/watchdog.cfg"

make_repo
make_slot 1
HANGS=1 make_slot 2
make_slot_release 2
make_grub_disk

starts 1 a "update 2"
printed 'the loader starts the watchdog'
printed '^guest: takes the watchdog over'
printed '^guest: update ended with 0'
told pawl_left 3
REBOOTS=1 guest "update 2
state"
[ "$(grep -c '^guest: hangs' "$WORK/printed")" -eq 3 ] ||
	die "it did not hang three times: $(grep ^guest: "$WORK/printed")"
[ "$(grep '^guest: release' "$WORK/printed" | tail -n 1)" = \
	'guest: release 1 in slot a' ] || die "it did not come back"
printed '^guest: update ended with 15'
is state:rolled-back reason:attempts slot:a
told pawl_slot a
told pawl_left ''
