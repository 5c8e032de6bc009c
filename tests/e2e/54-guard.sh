#!/bin/sh
# pawl-guard: a release that breaks the service, and a client that cannot even
# start, come back by the guard alone.
. "$(dirname "$0")/client-lib.sh"

guard=$BIN/pawl-guard
make_repo
make_release 1
make_device one
on one update --from "$WORK/publish"
slots=$WORK/one/slots
"$guard" "$slots"
runs one 1

# The client dies in the trial, and never starts again.
make_tree 2
printf '#!/bin/sh\nkill -9 %s\nsleep 60\n' '$(cat '"$WORK"'/pid)' \
	>"$WORK/trees/2/bin/health"
make_release 2 --from 1
sh -c 'echo $$ >"$1"; exec "$2" update --from "$3" --config "$4"' - \
	"$WORK/pid" "$client" "$WORK/publish" "$WORK/one/client.conf" \
	2>/dev/null && die "the trial went on"
[ "$(readlink "$slots/current")" = b/tree ] || die "not switched"
for left in 2 1 0; do
	"$guard" "$slots" 2>"$WORK/said"
	grep -q "slot b is on trial, $left more" "$WORK/said" ||
		die "not counted: $(cat "$WORK/said")"
	[ "$(readlink "$slots/current")" = b/tree ] || die "back too early"
done
"$guard" "$slots"
[ "$(readlink "$slots/current")" = a/tree ] || die "the guard did nothing"
says one boot_failed b
# Counting on changes nothing any more.
"$guard" "$slots"
"$guard" "$slots"
[ "$(readlink "$slots/current")" = a/tree ] || die "the guard goes on"
# The client, once it runs again, knows what happened and does not try again.
want 15 on one update --from "$WORK/publish"
runs one 1
says one state rolled-back
says one reason attempts
want 10 on one update --from "$WORK/publish"

# A release that is kept is not counted.
make_release 3 --from 1
on one update --from "$WORK/publish"
runs one 3
for i in 1 2 3 4 5; do "$guard" "$slots"; done
runs one 3

# What is not ours is not touched.
rm "$slots/current"
ln -s /etc "$slots/current"
want 14 "$guard" "$slots"
[ "$(readlink "$slots/current")" = /etc ] || die "a foreign link was changed"
want 2 "$guard"
want 2 "$guard" slots
want 13 "$guard" "$WORK/nowhere"
