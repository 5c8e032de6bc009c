#!/bin/sh
# `simulate` tells what a rollout would do, needs no server, and refuses a wrong
# scenario in one line.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
server=$BIN/update-server
fail() {
	echo "91-simulate: $*" >&2
	exit 1
}

printf '[fleet]\ndevices = 2000\nnight = 500\n[run]\nhours = 120\n' \
	>"$dir/good.ini"
"$server" simulate "$dir/good.ini" >"$dir/out"
grep -q 'phase 1 of 4: waits for a person' "$dir/out" || fail 'no canaries'
grep -q '^completed, phase 4 of 4$' "$dir/out" || fail 'a good release stopped'
grep -q 'confirmed 2000,' "$dir/out" || fail 'not everybody has it'

printf '[fleet]\ndevices = 2000\ncheckins-per-second = 10\n[release]\nurgent = yes\n' \
	>"$dir/urgent.ini"
"$server" simulate "$dir/urgent.ini" >"$dir/out"
grep -q '95 % of those that come' "$dir/out" || fail 'nearly all is not told'
"$server" simulate --json "$dir/urgent.ini" >"$dir/out"
grep -q '"acts": 2' "$dir/out" || fail 'what people did is not counted'

printf '[fleet]\ndevices = 2000\n[release]\nfail = 5000\n' >"$dir/bad.ini"
"$server" simulate --json "$dir/bad.ini" >"$dir/out"
grep -q '"state": "paused"' "$dir/out" || fail 'a bad release went on'
grep -q '"pause": "gate"' "$dir/out" || fail 'not by its gate'

printf '[fleet]\nnights = 1\n' >"$dir/wrong.ini"
rc=0
"$server" simulate "$dir/wrong.ini" 2>"$dir/err" || rc=$?
[ "$rc" -eq 3 ] || fail "a wrong scenario ended with $rc"
grep -q 'wrong.ini:2: nights: unknown key' "$dir/err" || fail "$(cat "$dir/err")"
rc=0
"$server" simulate "$dir/nowhere.ini" 2>"$dir/err" || rc=$?
[ "$rc" -eq 13 ] || fail "a missing scenario ended with $rc"
[ "$(wc -l <"$dir/err")" -eq 1 ] || fail 'more than one line'
