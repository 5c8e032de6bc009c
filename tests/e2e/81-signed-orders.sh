#!/bin/sh
# Signed rollout orders: the server of this test cheats all along, for it offers
# every release to everybody. Devices take what operators signed for them, when
# it is signed by enough of them, and nothing else.
. "$(dirname "$0")/client-lib.sh"
[ -x "$BIN/tests/tools/cheat-server" ] || {
	echo "no cheat-server: make check-e2e builds it"
	exit 77
}

# The honest server refuses to offer what no order opens; the one that is built
# to cheat has its keys, its store, and no such scruple.
honest=$server
server=$BIN/tests/tools/cheat-server
make_server
printf 'a long passphrase\n' >"$WORK/pass"
make_keys key op1 op2
"$signer" init "$WORK/repo" --environment lab --owner Tests --staging signed \
	--product gateway --key "$WORK/key" \
	--online-key "$WORK/server/online.pub" \
	--passphrase-fd 3 3<"$WORK/pass" >/dev/null
"$signer" role add "$WORK/repo" rollout --key "$WORK/op1.pub" \
	--key "$WORK/op2.pub" >/dev/null
"$signer" role add "$WORK/repo" rollout-wide --key "$WORK/op1.pub" \
	--key "$WORK/op2.pub" --threshold 2 >/dev/null
online=

sign() { # operator...
	for name; do
		"$signer" sign "$WORK/repo" --key "$WORK/$name" >/dev/null
	done
}
order() { # command, options...
	what=$1
	shift
	"$signer" order "$what" "$WORK/repo" "$@"
}
order_for() { # release, command, options...
	id=$1 what=$2
	shift 2
	order "$what" --product gateway --release "$id" "$@"
}
bring() { # what is signed, to the server
	rm -rf "$WORK/publish"
	"$signer" publish "$WORK/repo" "$WORK/publish" >/dev/null &&
		operator release import "$WORK/publish" >/dev/null
}
# The cheat: everything to everybody, whatever was signed.
offer() { # release
	operator rollout create "r$1" --release "$1" --cohort canary \
		--cohort fleet --share 100 >/dev/null
	begin "r$1" >/dev/null
}
# A look decides as an update does, and is no attempt that the server counts:
# after three it would not ask again today.
refused() { # status, device, words[, command]
	got=0
	on "$2" "${4:-check}" >"$WORK/said" 2>&1 || got=$?
	[ "$got" -eq "$1" ] && grep -q "$3" "$WORK/said" || {
		cat "$WORK/said"
		die "$2: exit status $got, wanted $1 and \"$3\""
	}
}

# The way back carries older content under another name, so what proves itself
# by its name would not like it.
for id in 1 2 3; do
	make_tree $id
	printf '#!/bin/sh\ntest -s version\n' >"$WORK/trees/$id/bin/health"
done

sign op1 op2
make_release 1
operator release import "$WORK/publish" >/dev/null
operator cohort create canary
operator cohort create fleet
make_served_device few
(
	umask 077
	operator token create --product gateway --model board \
		--cohort canary --plain >"$WORK/few/claim"
)
make_served_device many
on few enroll --claim-file "$WORK/few/claim"
on many enroll --claim-file "$WORK/many/claim"
says few cohort canary

# ---- no order, one operator, two operators ----------------------------------

offer 1
refused 10 few "no signed order opens 1" update
refused 10 few "no signed order opens 1" update
refused 10 few "no signed order opens 1" update
# A refusal by an order is no failed attempt, so no day's rest follows.
operator rollout show r1 >"$WORK/said"
grep -q "deferred 1" "$WORK/said" || die "a refusal counted: $(cat "$WORK/said")"
stop_server
server=$honest
start_server
refused 0 few "the server says: rollout r1: no signed order opens 1" update
few_id=$(on few status --json | sed -n 's/^ *"device": "\(.*\)",$/\1/p')
operator device show "$few_id" | grep -q "no signed order opens 1" ||
	die "the server does not know why"
stop_server
server=$BIN/tests/tools/cheat-server
start_server
order_for 1 open --cohort canary
sign op1
bring
on few update
runs few 1
on few status | grep -q "opened by.*rollout order 1" || die "who opened it?"
refused 10 many "other cohorts"

want 10 order_for 1 open --wide --cohort fleet --share 1 --devices 1000 \
	--limit 8000000000000000
order_for 1 open --wide --cohort fleet --share 0.01
sign op1 op2
bring
refused 10 many "outside"
order_for 1 open --wide --cohort fleet --not-before 2099-01-01T00:00:00Z
sign op1 op2
bring
refused 10 many "from 2099-01-01"
order_for 1 open --wide --cohort fleet
sign op1
if bring 2>/dev/null; then die "one signature for two"; fi
sign op2
bring
on many update
runs many 1

# ---- the way back, and a halt -----------------------------------------------

make_release 2 --from 1 --with-undo
operator release import "$WORK/publish" >/dev/null
order_for 2 open --wide --cohort canary --cohort fleet
sign op1 op2
bring
offer 2
on many update
runs many 2
stop_server
cp -a "$WORK/server" "$WORK/before"
start_server
offer 2.undo
refused 10 many "no signed order opens 2.undo"
order_for 2.undo open --wide --cohort canary --cohort fleet >"$WORK/said"
grep -q "rollout-wide/gateway/2.json, a halt order" "$WORK/said" ||
	die "opening the undo halts nothing"
sign op1 op2
bring
on many update
diff -r "$WORK/many/slots/current/" "$WORK/trees/1" >/dev/null ||
	die "the undo did not take many back"
says many release 2.undo

# The halt of 2 binds; the server that forgets it is found out.
operator rollout pause r2.undo --reason "test" >/dev/null
refused 10 few "halts 2" update
stop_server
mv "$WORK/server" "$WORK/now"
mv "$WORK/before" "$WORK/server"
start_server
refused 8 few "version"
stop_server
rm -rf "$WORK/server"
mv "$WORK/now" "$WORK/server"
start_server
want 10 order_for 2 open --cohort canary
order_for 2 open --wide --cohort canary
sign op1 op2
bring
on few update
runs few 2

# ---- the cohort is the device's, until two operators move it -----------------

make_release 3 --from 2
operator release import "$WORK/publish" >/dev/null
order_for 3 open --cohort canary --cohort fleet
sign op2
bring
offer 3
# Orders bind a device without a clock to the server's word for its time: whoever
# plans hears of how many.
without=$(sed -n 's/.*"population": *\([0-9]*\).*/\1/p' "$WORK/plan")
[ ! -e /dev/rtc0 ] || without=0
grep -q "\"clockless\": *$without,*$" "$WORK/plan" || {
	cat "$WORK/plan"
	die "the plan does not count $without devices without a clock"
}
refused 10 many "two must sign"
device=$(on many status --json | sed -n 's/^ *"device": "\(.*\)",$/\1/p')
order assign --device "$device" --cohort canary
sign op1
if bring 2>/dev/null; then die "one operator moved a device"; fi
sign op2
bring
on many update
runs many 3
says many cohort canary
says many cohort_version 1
