#!/bin/sh
# A program that runs is replaced: nothing of it is written over where it stands,
# not even when its slot is filled again, and it runs on until it is restarted.
. "$(dirname "$0")/client-lib.sh"
make_repo
for id in 1 2 3; do
	make_tree $id
	# Each another file, which still runs.
	cp "$(command -v sleep)" "$WORK/trees/$id/bin/service"
	echo "of $id" >>"$WORK/trees/$id/bin/service"
done
make_release 1
make_device one
on one update --quiet --from "$WORK/publish"
"$WORK/one/slots/current/bin/service" 100 &
service=$!
trap 'kill $service 2>/dev/null' EXIT
sleep 0.2
what=$(readlink "/proc/$service/exe")
[ "$what" = "$WORK/one/slots/a/tree/bin/service" ] || die "$what runs"
make_release 2 --from 1
on one update --quiet --from "$WORK/publish"
runs one 2
# This one goes to the slot that the program was started from.
make_release 3 --from 2
on one update --quiet --from "$WORK/publish"
runs one 3
[ "$(readlink "$WORK/one/slots/current")" = a/tree ] || die "which slot?"
kill -0 $service || die "it did not live on"
cmp "/proc/$service/exe" "$WORK/trees/1/bin/service" ||
	die "it was written over while it ran"
