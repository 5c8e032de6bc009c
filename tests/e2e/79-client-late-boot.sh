#!/bin/sh
# An update that was installed in time is finished whenever the boot comes: that
# all metadata have expired since then stops neither keeping it nor going back.
command -v faketime >/dev/null || {
	echo "no faketime"
	exit 77
}
. "$(dirname "$0")/command-lib.sh"

much_later() { # command...
	faketime '+5 years' "$client" "$@" --config "$WORK/one/client.conf"
}

make_repo
make_release 1
make_boot_device one
on one update --quiet --from "$WORK/publish"
boot one
# Kept first; that nothing newer can be had is said after it.
want 7 much_later update --quiet --from "$WORK/publish" 2>"$WORK/said"
grep -q expired "$WORK/said" || die "nobody says that metadata have expired"
says one state confirmed
says one slot b
told pawl_slot b
told pawl_left ""

# A bad one goes back as well.
make_tree 2
echo "exit 7" >>"$WORK/trees/2/bin/health"
make_release 2 --from 1
on one update --quiet --from "$WORK/publish"
boot one
want 15 much_later update --quiet --from "$WORK/publish"
told pawl_slot b
boot one
# It tells what became of it first; the metadata can wait.
got=0
much_later update --quiet --from "$WORK/publish" || got=$?
[ $got -eq 15 ] || [ $got -eq 7 ] || die "status $got"
says one state rolled-back
says one reason health
says one slot b

# With the clock as it should be the device updates as before.
make_release 3 --from 1
on one update --quiet --from "$WORK/publish"
boot one
on one update --quiet --from "$WORK/publish"
says one state confirmed
says one slot a
