#!/bin/sh
# A device is moved to another cohort by two operators, through the real server:
# its registry follows what they signed, the device follows the same, and a file
# that would move anybody back, or somebody else, is not imported.
. "$(dirname "$0")/client-lib.sh"
. "$(dirname "$0")/orders-lib.sh"

registered() { # cohort
	operator device show "$one" >"$WORK/said"
	grep -q "^cohort  *$1\$" "$WORK/said" || {
		cat "$WORK/said"
		die "the registry does not say $1"
	}
}
looks() { # status
	got=0
	on one check >"$WORK/said" 2>&1 || got=$?
	[ "$got" -eq "$1" ] || {
		cat "$WORK/said"
		die "exit status $got, wanted $1"
	}
}
assigned() { # cohort
	order assign --device "$one" --cohort "$1" >/dev/null
	sign op1 op2
}
not_imported() { # words
	got=0
	bring >"$WORK/said" 2>&1 || got=$?
	[ "$got" -ne 0 ] && grep -q "$1" "$WORK/said" || {
		cat "$WORK/said"
		die "import: exit status $got, wanted \"$1\""
	}
}

make_server
make_ordered_repo
sign op1 op2
make_release 1
operator release import "$WORK/publish" >/dev/null
operator cohort create canary
operator cohort create fleet
make_member one fleet
one=$(device_id one)
offer 1
order_for 1 open --cohort canary >/dev/null
sign op1
bring
cp -a "$WORK/repo" "$WORK/old"
cp -a "$WORK/repo" "$WORK/engineers"
looks 0
grep -q "this device is in fleet" "$WORK/said" || die "the server does not say why"

# One operator moves nobody, two do: first in the registry, then on the device.
order assign --device "$one" --cohort canary >/dev/null
sign op1
if bring 2>/dev/null; then die "one operator moved a device"; fi
registered fleet
sign op2
bring
registered canary
looks 20
says one cohort canary
says one cohort_version 1
on one update
runs one 1

# A cohort that nobody made is made by being assigned to. Nothing is offered
# then, and the device follows all the same.
assigned lab
bring
registered lab
looks 0
says one cohort lab
says one cohort_version 2

# Who works on with an old copy may not move it by an older word: not under a
# version that was given, nor by leaving the newer word out.
mv "$WORK/repo" "$WORK/new"
mv "$WORK/old" "$WORK/repo"
for step in one two; do
	order_for 1 open --wide --cohort canary >/dev/null
	sign op1 op2
	"$signer" publish "$WORK/repo" "$WORK/passed-$step" >/dev/null
done
assigned canary
not_imported "assign/$one.json"
registered lab
rm -rf "$WORK/repo"
mv "$WORK/new" "$WORK/repo"

# A document that names one device under another's name: signed by two all the
# same, and taken by nobody.
other=00112233445566778899aabbccddeeff
cp -a "$WORK/repo" "$WORK/good"
assigned fleet
python3 - "$WORK/repo" "$one" "$other" <<'PY'
import glob
import json
import shutil
import sys
repo, one, other = sys.argv[1:]
name = repo + "/staged/rollout-wide.json"
with open(name) as f:
    envelope = json.load(f)
targets = envelope["signed"]["targets"]
targets["assign/%s.json" % other] = targets.pop("assign/%s.json" % one)
envelope["signatures"] = []
with open(name, "w") as f:
    json.dump(envelope, f)
for found in glob.glob(repo + "/**/*%s*" % one, recursive=True):
    shutil.copy(found, found.replace(one, other))
PY
sign op1 op2
not_imported "$other"
registered lab
rm -rf "$WORK/repo"
mv "$WORK/good" "$WORK/repo"

# And the owners go on.
assigned fleet
bring
registered fleet

# An engineer's copy, which has not seen any of that, publishes a release: what
# operators signed meanwhile is neither taken back nor in the way.
rm -rf "$WORK/repo"
mv "$WORK/engineers" "$WORK/repo"
make_release 2 --from 1
operator release import "$WORK/publish" >"$WORK/said"
grep -q "left out rollout-wide version [0-9]*: the server has" "$WORK/said" || {
	cat "$WORK/said"
	die "an older file of the operators was imported"
}
registered fleet
offer 2
operator release show 2 >/dev/null
