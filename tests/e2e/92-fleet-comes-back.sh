#!/bin/sh
# A fleet comes back from a release: it stops, its operators see how many run it
# and what their other slot holds, and open the undo that was signed with it; or
# else ask the engineers, with a file, and open what they sign then.
. "$(dirname "$0")/client-lib.sh"
. "$(dirname "$0")/orders-lib.sh"

said() {
	grep -q -- "$1" "$WORK/said" || {
		cat "$WORK/said"
		die "it did not say: $1"
	}
}
does() { # status, command...
	wanted=$1
	shift
	got=0
	"$@" >"$WORK/said" 2>&1 || got=$?
	[ "$got" -eq "$wanted" ] || {
		cat "$WORK/said"
		die "exit status $got, not $wanted: $*"
	}
}
opened() { # operators, order_for...
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
make_member a fleet
make_member b fleet
opened "op1 op2" 1 open --wide --cohort fleet
offer 1
for n in a b; do
	on "$n" update
	on "$n" check || :
done
make_release 2 --from 1 --with-undo
opened "op1 op2" 2 open --wide --cohort fleet
offer 2
for n in a b; do
	on "$n" update
	on "$n" check || :
	runs "$n" 2
done
make_member c fleet

# ---- the undo that was signed beforehand --------------------------------------

does 2 operator rollout rollback r2
said "--reason TEXT is needed"
does 13 operator rollout rollback nothing --reason x
people rollback/r2 >"$WORK/said"
said '"way":"undo"'
people rollout/r2 >"$WORK/said"
said '"state":"running"'
does 0 operator rollout rollback r2 --reason "screens stay dark"
said "PAUSED by a person: screens stay dark"
said "the undo release is ready"
said "^runs  *2"
said "^holds  *2"
said "^floor  *0"
said "rollout sign gateway 2.undo --cohort canary --cohort fleet --wide"
if grep -q "are selected" "$WORK/said"; then die "it is for all"; fi
# It is offered to nobody any more.
on c update
runs c 1
operator rollout plan r2.undo --json >"$WORK/said"
said '"population": 2,'
# Asked again it is the same: no revision and no record are made of it.
acts=$(operator audit list --json | wc -l)
then=$(people rollout/r2 | grep -o '"revision":[0-9]*')
does 0 operator rollout rollback r2 --reason "screens stay dark"
said "rollout plan r2.undo$"
said "stopped by you before: nothing was changed"
[ "$(people rollout/r2 | grep -o '"revision":[0-9]*')" = "$then" ] ||
	die "another revision"
[ "$(operator audit list --json | wc -l)" -eq "$acts" ] || die "another record"
# One that was ended leads nowhere, whoever it is called after.
act_now abort r2.undo --reason "not this way" >/dev/null
does 0 operator rollout rollback r2 --reason "screens stay dark"
said "rollout plan r2.undo.2$"
people rollout/r2.undo.2 >"$WORK/said"
said '"release":"2.undo"'
act_now abort r2.undo.2 --reason "nor this" >/dev/null
# Whom it did not mean, by what an update leaves as it was, or left out by name,
# its way back leaves alone as well.
id_of() { # name
	on "$1" status --json | sed -n 's/.*"device": *"\([0-9a-f]*\)".*/\1/p'
}
left=$(id_of a)
right=$(id_of b)
operator rollout create narrow --release 2 --cohort fleet --exclude "$left" \
	--where "seq < 9 and model != other and attr.sandbox = yes" >/dev/null
begin narrow >/dev/null
# Not the way back of all: those that others made for fewer of them.
operator rollout create narrow.undo --release 2.undo --cohort fleet \
	--exclude "$left" --where "model != other and seq = 2" >/dev/null
operator rollout create narrow.undo.2 --release 2.undo --cohort fleet \
	--exclude "$left" --exclude "$right" --where "model!=other" >/dev/null
does 0 operator rollout rollback narrow --reason "not these either"
said "rollout plan narrow.undo.3$"
said "^of 2 devices that run it, 1 are selected$"
does 0 operator rollout rollback narrow --reason "not these either"
said "rollout plan narrow.undo.3$"
people rollout/narrow.undo.3 >"$WORK/said"
said '"where":"model!=other"'
said "\"excluded\":\[\"$left\"\]"
for n in narrow.undo narrow.undo.2 narrow.undo.3; do
	act_now abort "$n" --reason "seen" >/dev/null
done
act_now abort narrow --reason "seen" >/dev/null
# Nor one of something else; and the longest names have a way back, too.
long=r2.$(printf '%061d' 0)
cohorts=
for i in $(seq 16); do
	c=c$i.$(printf '%058d' 0)
	operator cohort create "$c" >/dev/null
	cohorts="$cohorts --cohort $c"
done
# shellcheck disable=SC2086 # one word for each
operator rollout create "$long" --release 2 $cohorts >/dev/null
short=$(echo "$long" | cut -c -59)
operator rollout create "$short.undo" --release 1 --cohort fleet >/dev/null
people rollback/"$long" >"$WORK/said"
said "rollout sign gateway 2.undo$cohorts --wide --key FILE"
said "rollout plan $(echo "$long" | cut -c -57).undo.2\""
operator rollout rollback r2 --reason "screens stay dark" >/dev/null
begin r2.undo.3 >/dev/null
# It goes nowhere without its order; with it, to who runs what it undoes.
refused 0 a "no signed order opens 2.undo" update
opened op1 2.undo open --cohort canary
opened "op1 op2" 2.undo open --wide --cohort fleet
for n in a b; do
	on "$n" update
	on "$n" check || :
	diff -r "$WORK/$n/slots/current/" "$WORK/trees/1" || die "$n: not 1"
	says "$n" release 2.undo
done
people rollout/r2.undo.3 >"$WORK/said"
said '"confirmed":2'
on c update
runs c 1
operator audit list >"$WORK/said"
said rollout-rollback

# ---- nothing was signed beforehand ---------------------------------------------

make_release 3 --from 2
opened "op1 op2" 3 open --wide --cohort fleet
offer 3
on a update
on a check || :
runs a 3
cd "$WORK"
does 0 operator rollout rollback r3 --reason "too hot"
said "no undo release was signed"
said "^runs  *1"
said "for the release engineers: r3-way-back.json"
said "is imported: pawl-server rollout rollback r3 --reason TEXT"
grep -q '"way-back-request"' r3-way-back.json
grep -q 'stepback REPO --product gateway --from 3 --to 1"' r3-way-back.json
grep -q '"reason": "too hot"' r3-way-back.json
# Asked again, for whatever reason, that is the request; anything else that lies
# there is not written over.
cp r3-way-back.json asked.json
does 0 operator rollout rollback r3 --reason "far too hot"
said "stopped by you before: nothing was changed"
said "is there already: r3-way-back.json"
cmp r3-way-back.json asked.json || die "another request"
sed -i 's/"from": "3"/"from": "4"/' r3-way-back.json
does 14 operator rollout rollback r3 --reason "too hot"
said "r3-way-back.json is there already.*; move it away, or name another file (--request)"
"$signer" stepback "$WORK/repo" --product gateway --from 3 --to 1 >/dev/null
sign key
opened "op1 op2" 1 open --wide --cohort fleet
does 0 operator rollout rollback r3 --reason "too hot"
said "a step back is signed"
begin r3.back >/dev/null
on a update
on a check || :
diff -r "$WORK/a/slots/current/" "$WORK/trees/1" || die "a: not 1"

# ---- the floor has been raised above the old content ------------------------------

"$signer" floor "$WORK/repo" --product gateway --release 3 >/dev/null
sign key
bring
people rollback/r3 >"$WORK/said"
said '"way":"ask"'
said '"floor_committed":true'
grep -q stepback "$WORK/said" && die "a step back below the floor" || :
echo "a fleet comes back"
