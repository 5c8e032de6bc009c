#!/bin/sh
# Clocks that are wrong, where there is no server to ask: the date of the
# program and what was signed count; ahead of the truth nothing is installed
# and status says why; a clock that runs away meanwhile does no harm.
. "$(dirname "$0")/client-lib.sh"
command -v faketime >/dev/null || {
	echo "no faketime"
	exit 77
}
at() { # time, device, command...
	when=$1 device=$2
	shift 2
	faketime "$when" "$client" "$@" --config "$WORK/$device/client.conf"
}
clock_is() { # time, state
	at "$1" one status --json | grep -q "\"clock\": \"$2\"" ||
		die "at $1 the clock is not called $2"
}

make_repo
for id in 1 2 3; do
	make_tree $id
	rm "$WORK/trees/$id/lib/stays" "$WORK/trees/$id/lib/changes"
done
make_release 1
make_device one

# A device without a clock, which has verified nothing yet: the program knows
# that it is not 1970, and keeps what it learns over a reboot.
at '1970-01-01 00:00:10' one update --from "$WORK/publish"
runs one 1
clock_is '1970-01-01 00:00:10' behind
on one status --json | grep -q '"clock": "plausible"' || die "now is wrong"

# Metadata that expired before the floor is not fine for ever.
make_release 2
cp -a "$WORK/publish" "$WORK/then"

# 2106, where 32-bit clocks end, and past 9999: closed, and said so.
for when in '2106-02-07 06:28:16' '2038-01-19 03:14:08'; do
	want 7 at "$when" one update --from "$WORK/publish"
	runs one 1
	clock_is "$when" ahead
done
at '2106-02-07 06:28:16' one status | grep -q 'past the end of the root' ||
	die "the status does not tell people"

# The clock runs away, an hour each second, while it works (deadlines go by
# another clock, which nobody sets).
export DONT_FAKE_MONOTONIC=1 FAKETIME_DONT_FAKE_MONOTONIC=1
got=0
faketime -f '+0 x3600' "$client" update --from "$WORK/publish" \
	--config "$WORK/one/client.conf" || got=$?
case $got in
0) runs one 2 ;;
7) runs one 1 ;;
*) die "status $got with a clock that runs away" ;;
esac

# Set right again, all is well; restored from years ago, too.
on one update --from "$WORK/publish"
runs one 2
make_release 3
at '2016-01-01 00:00:00' one update --from "$WORK/publish"
runs one 3
on one confirm
