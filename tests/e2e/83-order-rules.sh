#!/bin/sh
# Each rule of a signed order, on real devices, through a server that offers
# everything to everybody: who signed, for whom, from when, until when, and what
# a halt, an undo and a baseline do.
. "$(dirname "$0")/client-lib.sh"
. "$(dirname "$0")/orders-lib.sh"
server=$BIN/tests/tools/cheat-server
[ -x "$server" ] || {
	echo "no cheat-server: make check-e2e builds it"
	exit 77
}
command -v faketime >/dev/null || {
	echo "faketime is not installed"
	exit 77
}

# Does what operators signed let the device have it? Nothing is installed.
opens() { # device, clock
	got=0
	at "${2:-now}" "$client" check --config "$WORK/$1/client.conf" \
		>"$WORK/said" 2>&1 || got=$?
	[ "$got" -eq 20 ] || {
		cat "$WORK/said"
		die "$1: exit status $got, wanted 20"
	}
}
closed() { # status, device, words, clock
	got=0
	at "${4:-now}" "$client" check --config "$WORK/$2/client.conf" \
		>"$WORK/said" 2>&1 || got=$?
	[ "$got" -eq "$1" ] && grep '^updater-client: ' "$WORK/said" |
		grep -q "$3" || {
		cat "$WORK/said"
		die "$2: exit status $got, wanted $1 and \"$3\""
	}
}
at() { # clock, command...
	clock=$1
	shift
	if [ "$clock" = now ]; then "$@"; else
		TZ=UTC faketime "$clock" "$@"
	fi
}
not_imported() { # status, words
	got=0
	bring >"$WORK/said" 2>&1 || got=$?
	[ "$got" -eq "$1" ] && grep -q "$2" "$WORK/said" || {
		cat "$WORK/said"
		die "import: exit status $got, wanted $1 and \"$2\""
	}
}
signed() { # operators, order_for...
	who=$1
	shift
	order_for "$@" >/dev/null
	# shellcheck disable=SC2086 # one word for each operator
	sign $who
	bring
}

make_server
make_ordered_repo
sign op1 op2
make_release 1
operator release import "$WORK/publish" >/dev/null
operator cohort create canary
operator cohort create fleet
make_member few canary
make_member many fleet
many=$(device_id many)
offer 1

# ---- a halt with nothing open, and who reopens -------------------------------

closed 10 few "no signed order opens 1"
signed op1 1 halt
closed 10 few "a signed order halts 1"
want 10 order_for 1 open --cohort canary
# One signature of two is none, on either side.
order_for 1 open --wide --cohort canary --device "$many" >/dev/null
sign op1
not_imported 6 "not signed by enough keys: missing 1 of op2"
closed 10 few "a signed order halts 1"
sign op2
bring
opens few
opens many
# From either role a halt closes what the other opened.
signed op1 1 halt
closed 10 few "a signed order halts 1"
signed "op1 op2" 1 open --wide --cohort canary
opens few
signed "op1 op2" 1 halt --wide
closed 10 few "a signed order halts 1"

# ---- a baseline --------------------------------------------------------------

want 10 order_for 1 baseline --cohort fleet
over=$(date -u -d '+10 minutes' +%Y-%m-%dT%H:%M:%SZ)
signed "op1 op2" 1 open --wide --cohort fleet --not-after "$over"
opens many
closed 10 many "closed this phase at $over" "+20 minutes"
signed "op1 op2" 1 baseline --cohort fleet
opens many "+20 minutes"
closed 10 few "1"
at "+20 minutes" "$client" update --config "$WORK/many/client.conf"
runs many 1
says many order "baseline order 7, phase 1: 100.0000 % of fleet"

# ---- what one operator may open, and whom --------------------------------------

# The release lets one operator open it to anybody: so a listed id counts.
make_release 2 --from 1 --one-operator-share 100
signed op2 2 open --cohort canary --device "$many"
offer 2
opens many
# This one to the canary alone, whoever is listed.
make_release 3 --from 2
signed op2 3 open --cohort canary --cohort fleet --device "$many"
offer 3
opens few
closed 10 many "two must sign"

# ---- from when, until when, by which clock -------------------------------------

soon=$(date -u -d '+1 day' +%Y-%m-%dT%H:%M:%SZ)
signed "op1 op2" 3 open --wide --cohort fleet --not-before "$soon"
closed 10 many "opens 3 to this device from $soon"
# A device without a clock takes the signed timestamp's word for the beginning.
closed 10 many "opens 3 to this device from $soon" "1970-01-02 00:00:00"
past=$(date -u -d '-1 second' +%Y-%m-%dT%H:%M:%SZ)
signed "op1 op2" 3 open --wide --cohort fleet --not-before "$past"
opens many
opens many "1970-01-02 00:00:00"
# A clock that is far ahead fails closed, and says what to look at.
closed 7 many "is the clock right" "2106-02-07 06:28:16"
opens many
# What was signed for a day is over after it.
make_release 4 --from 3 --with-undo
TZ=UTC faketime -f -36h "$signer" order open "$WORK/repo" --product gateway \
	--release 4 --wide --cohort fleet --days 1 >/dev/null
sign op1 op2
bring
offer 4
closed 10 many "the signed order for 4 ended at"

# ---- the way back closes what it takes back, with the same signature -----------

signed op1 4 open --cohort canary
opens few
signed op1 4.undo open --cohort canary
closed 10 few "a signed order halts 4"

# ---- a ladder only grows -------------------------------------------------------

make_release 5 --from 4
cp -a "$WORK/repo" "$WORK/old"
signed "op1 op2" 5 open --wide --cohort fleet
offer 5
opens many
# Who works on with an old copy would take that from devices.
mv "$WORK/repo" "$WORK/new"
mv "$WORK/old" "$WORK/repo"
for step in one two; do
	order_for 5 open --wide --cohort canary >/dev/null
	sign op1 op2
	rm -rf "$WORK/publish"
	"$signer" publish "$WORK/repo" "$WORK/publish" >/dev/null
done
not_imported 10 "a ladder only grows"
opens many
rm -rf "$WORK/repo"
mv "$WORK/new" "$WORK/repo"
bring
on many update
runs many 5
