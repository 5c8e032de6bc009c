#!/bin/sh
# --json: every command of the three programs prints what a JSON parser takes, one
# object, also when it fails: then with the error's word, the message and the exit
# status. What there is for commands is taken from --help, so a new one is tried too.
command -v python3 >/dev/null || { echo "needs python3"; exit 77; }
. "$(dirname "$0")/server-lib.sh"
mkdir "$WORK/json"
runs=0

# Run with --json and keep what it said, for the judge at the end.
run() { # status, command...
	runs=$((runs + 1))
	wanted=$1
	shift
	got=0
	"$@" --json >"$WORK/json/$runs.out" 2>"$WORK/json/$runs.err" || got=$?
	[ "$got" -eq "$wanted" ] || {
		cat "$WORK/json/$runs.out" "$WORK/json/$runs.err"
		die "exit status $got, not $wanted: $*"
	}
	printf '%s\n%s\n' "$got" "$*" >"$WORK/json/$runs.ran"
}
good() { run 0 "$@"; }

# ---- what fails, of every command --------------------------------------------

commands() { # program
	"$1" --help |
		sed -n 's/^  \([a-z][a-z-]*\( [a-z][a-z-]*\)\{0,1\}\)  .*/\1/p'
}
for program in "$signer" "$server" "$client"; do
	commands "$program" >"$WORK/commands"
	[ "$(wc -l <"$WORK/commands")" -ge 9 ] || die "which commands?"
	while read -r words; do
		# shellcheck disable=SC2086 # one or two words
		run 2 "$program" $words --no-such-option </dev/null
		case $program in
		*/updater-client)
			run 3 "$program" $words --config /dev/null </dev/null
			;;
		esac
	done <"$WORK/commands"
	run 2 "$program" no-such-command
done
# Foreign text is in the message, and no JSON of its own.
run 2 "$signer" inspect "$WORK/none" "\"},{\"error\":\"none"
run 13 "$signer" inspect "$WORK/a \"quoted\\ name"

# ---- the signer --------------------------------------------------------------

make_server
make_key "$WORK/spare"
good "$signer" key generate "$WORK/sealed" --environment demo \
	--passphrase-fd 3 3<<'PASS'
a long passphrase
PASS
good "$signer" key show "$WORK/spare.pub"
make_repo "$WORK/repo"
make_tree r1
good "$signer" release create "$WORK/repo" --product kiosk --id r1 \
	--input "$WORK/trees/r1" --health bin/health --deadline 20
for what in inspect checklist "release list" "role list"; do
	# shellcheck disable=SC2086
	good "$signer" $what "$WORK/repo"
done
good "$signer" sign "$WORK/repo" --key "$WORK/repo.root"
good "$signer" sign "$WORK/repo" --key "$WORK/repo.targets"
run 14 "$signer" release create "$WORK/repo" --product kiosk --id r1 \
	--input "$WORK/trees/r1" --health bin/health --deadline 20
good "$signer" release show "$WORK/repo" --product kiosk --id r1
run 13 "$signer" release show "$WORK/repo" --product kiosk --id r9
good "$signer" publish "$WORK/repo" "$WORK/publish"
good "$signer" scan "$WORK/trees/r1"
cp "$WORK/repo.root.pem" "$WORK/trees/leak"
run 10 "$signer" scan "$WORK/trees/leak"
good "$signer" extend "$WORK/repo" --role targets
good "$signer" discard "$WORK/repo" --role targets
run 13 "$signer" merge "$WORK/repo" "$WORK/none"

# ---- the server and its people -------------------------------------------------

good "$server" server check "$WORK/server"
good "$server" ca status "$WORK/server"
good "$server" person list "$WORK/server"
run 13 op server status
start_server
good op release import "$WORK/publish"
good op cohort create shop
run 14 op cohort create shop
make_device a shop
make_device b shop
good op token create --product kiosk --model k1 --cohort shop --count 2
good op rollout create first --release r1 --cohort shop --share 100
run 13 op rollout create second --release r9 --cohort shop --share 100
for what in "release list" "release show r1" "release gc" \
	"delta coverage r1" "token list" "token batches" "device list" \
	"device waiting" "device unknown" "cohort list" "cohort count shop" \
	"rollout list" "rollout status first" \
	"gate show first" "audit list" "rollout list" "score" "server status" "outpost list" \
	"rollout staged"; do
	# shellcheck disable=SC2086
	good op $what
done
run 10 op rollout plan first
run 3 op release verify r1
for what in "release show r9" "device show $(printf %032d 0)" \
	"device why $(printf %032d 0)" "rollout status none" "gate show none" \
	"device approve 0000-0000-0000 --cohort shop" \
	"device deny 0000-0000-0000 --reason none" "outpost show none" \
	"token revoke --reason none 9999" "cohort count none"; do
	# shellcheck disable=SC2086
	run 13 op $what
done
# Who names what is not there is told which list has it.
nobody=$(printf %032d 0)
for what in "release show r9" "delta coverage r9" "rollout status none" \
	"rollout pause none --reason none" "rollout create x --release r1 --cohort none" \
	"rollout abort none --revision 1 --reason none" "gate show none" \
	"rollout discard none --revision 1 --reason none" "cohort count none" \
	"rollout create x --release r9 --cohort shop" "device show $nobody" \
	"cohort rm none --revision 1 --reason none" "outpost show none" \
	"device block $nobody --reason none" "device unblock $nobody --reason none" \
	"device release $nobody --reason none" "device pin $nobody --reason none" \
	"device forget $nobody --reason none" "token revoke 9999 --reason none" \
	"token create --product kiosk --model k1 --cohort none"; do
	# shellcheck disable=SC2086
	want 13 op $what
	said "([a-z]* list [a-z]* them)"
done
good op audit export "$WORK/log"
good "$server" audit verify "$WORK/log" --key "$WORK/server/audit.pub"
sed -i 's/cohort-create/cohort-remove/' "$WORK/log/records.jsonl"
run 4 "$server" audit verify "$WORK/log" --key "$WORK/server/audit.pub"

# ---- the device ----------------------------------------------------------------

run 13 device a status
run 10 device a check
good device a status
run 12 device b enroll --ask
run 12 device b enroll --request "$WORK/request"
good device a enroll --claim-file "$WORK/devices/a/claim"
run 14 device a enroll --claim-file "$WORK/devices/a/claim"
good device a check
good device a doctor --offline
good op rollout plan first
op rollout plan first --json >"$WORK/plan"
good op rollout start first --plan "$(member plan <"$WORK/plan")"
run 20 device a check
good device a update
good device a status
run 13 device a rollback
good device a confirm
id=$(device a status --json | member device)
good op device show "$id"
good op device why "$id"
run 14 device a retire --device "$(printf %032d 0)"
echo "model = twice" >>"$WORK/devices/a/client.conf"
run 3 device a status
run 3 device a daemon
sed -i '$d' "$WORK/devices/a/client.conf"
good device a retire --device "$id"
stop_server
good "$server" server backup "$WORK/server" "$WORK/backup"
run 13 op device list

# ---- the judge -----------------------------------------------------------------

python3 - "$WORK/json" "$runs" <<'PY' || die "see above"
import json, sys

bad = 0
for n in range(1, int(sys.argv[2]) + 1):
    name = "%s/%d" % (sys.argv[1], n)
    status, ran = open(name + ".ran").read().split("\n")[:2]
    out = open(name + ".out").read()
    try:
        # Of the log each record is a line.
        lines = out.splitlines() if " audit list" in ran else [out]
        said = [json.loads(line) for line in lines][-1]
        assert isinstance(said, dict), "no object"
        if status not in ("0", "20"):
            assert said["error"] and said["message"], "no word, no message"
            assert said["status"] == int(status), "another status"
    except Exception as e:
        bad += 1
        print("%s\n  status %s, %r: %r" % (ran, status, e, out[:300]))
sys.exit(1 if bad else 0)
PY
echo "$runs runs hold"
