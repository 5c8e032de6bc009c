#!/bin/sh
# Claim codes in batches: printed for people and programs, good only once they
# are activated, no more of them than the quota and not too many in an hour; each
# that is refused is told why, and counted.
command -v python3 >/dev/null || { echo "needs python3"; exit 77; }
. "$(dirname "$0")/server-lib.sh"
here=$(cd "$(dirname "$0")" && pwd)

make_server
start_server
"$BIN/tests/tools/open-key" "$WORK/server/admin/admin.key" \
	"$WORK/server/admin/admin.secret" >"$WORK/admin.key"
people() { # path, body
	curl -sS --cacert "$WORK/server/ca.pem" \
		--cert "$WORK/server/admin/admin.pem" --key "$WORK/admin.key" \
		-H 'Content-Type: application/json' ${2:+--data "$2"} \
		"https://$(listener people)/v1/people/$1"
}
enrol() { # key, code
	python3 "$here/enrol.py" "$(listener enrolment)" "$WORK/server/ca.pem" \
		"$WORK/keys/$1" "$2" kiosk k1 good
}
joins() {
	answer=$(enrol "$@")
	case $answer in 200*) ;; *) die "not let in: $answer" ;; esac
}
refused() { # words, key, code
	answer=$(enrol "$2" "$3")
	case $answer in
	4*"$1"*) ;;
	*) die "not refused with \"$1\": $answer" ;;
	esac
}
code() { # batch file, line
	sed -n "$2p" "$1"
}
create() { # file, options...
	file=$1
	shift
	want 0 op token create --product kiosk --model k1 --cohort default "$@"
	grep -E '^[0-9a-f]{8}-' "$WORK/said" >"$file" || :
	batch=$(sed -n 's/^batch \([0-9]*\):.*/\1/p' "$WORK/said")
	root=$(sed -n 's/^root \([0-9a-f]*\):.*/\1/p' "$WORK/said")
}

# Before the shipment nothing of it is good; then all of it.
create "$WORK/shipped" --count 3 --inactive --days 7
said "no good before .token activate"
silent() { # batch, how many of its devices nobody heard of
	people token-batches | python3 -c 'import json, sys
of = {b["batch"]: b["silent"] for b in json.load(sys.stdin)["batches"]}
sys.exit(of[int(sys.argv[1])] != int(sys.argv[2]))' "$1" "$2" ||
		die "not $2 silent in batch $1"
}
silent "$batch" 0 # not shipped yet
refused "not activated yet" a "$(code "$WORK/shipped" 1)"
want 0 op token list
said " inactive "
# The number is the server's word; the root is what was made here.
want 6 op token activate "$batch" --root "0${root%?}"
said "the server names other codes (root $root): nothing was signed"
want 2 op token activate "$batch" --root "${root%?}"
want 0 op token activate "$batch" --root "$root"
said "the codes' root is $root"
want 14 op token activate "$batch" --root "$root"
want 13 op token activate 9999 --root "$root"
want 2 op token activate first --root "$root"
want 2 op token activate "$batch"
said "the number is the server's word"
silent "$batch" 3
joins a "$(code "$WORK/shipped" 1)"
silent "$batch" 2
refused "used already" b "$(code "$WORK/shipped" 1)"

# Withdrawn: one, then what is left.
want 0 op token revoke --reason test $((batch + 1))
refused "it was revoked" b "$(code "$WORK/shipped" 2)"
want 0 op token revoke --reason test --batch "$batch"
refused "it was revoked" b "$(code "$WORK/shipped" 3)"
silent "$batch" 0
want 2 op token revoke --reason test
want 2 op token revoke --reason test 1 --batch "$batch"
shipped=$batch

# Three codes of which two may be used; two of three in an hour.
create "$WORK/few" --count 3 --quota 2
few=$batch
want 6 op token revoke --reason test --batch "$shipped" --root "$root"
silent "$few" 2 # as many as may come
joins c "$(code "$WORK/few" 1)"
joins d "$(code "$WORK/few" 2)"
refused "as many of its batch as may be" e "$(code "$WORK/few" 3)"
create "$WORK/slow" --count 3 --per-hour 2
joins f "$(code "$WORK/slow" 1)"
joins g "$(code "$WORK/slow" 2)"
refused "try again later" h "$(code "$WORK/slow" 3)"
refused "nobody gave it out" h 00000000-00000000-00000000-00000000

# Until a day; a day that is over is no day.
create "$WORK/until" --until "$(date -u -d '+1 day' +%Y-%m-%d)"
said "good until $(date -u -d '+1 day' +%Y-%m-%d)T23:59:59Z"
want 2 op token create --product kiosk --model k1 --cohort default \
	--until 2020-01-01
want 2 op token create --product kiosk --model k1 --cohort default \
	--until soon
want 2 op token create --product kiosk --model k1 --cohort default \
	--until 2030-01-01 --days 3
want 13 op token create --product kiosk --model k1 --cohort nobody

# Codes of a mistyped product let no device in: who makes them hears of it.
want 0 op token create --product kiosc --model k1 --cohort default
said "was of product kiosc before; known: kiosk"
wrong=$(sed -n 's/^batch \([0-9]*\):.*/\1/p' "$WORK/said")
want 0 op token create --product kiosk --model k1 --cohort default
! grep -q "was of product" "$WORK/said" || die "kiosk is known"
want 0 op token revoke --batch "$wrong" --reason mistyped

# What was refused stands with the batch.
people token-batches >"$WORK/batches"
python3 - "$WORK/batches" "$shipped" "$few" <<'PY' || die "the counts"
import json, sys
j = json.load(open(sys.argv[1]))
of = {b["batch"]: b for b in j["batches"]}
a, b = of[int(sys.argv[2])], of[int(sys.argv[3])]
assert a["refusals"] == {"inactive": 1, "used": 1, "revoked": 2}, a
assert (a["used"], a["revoked"], a["codes"]) == (1, 2, 3), a
assert b["refusals"] == {"quota": 1} and b["quota"] == 2, b
assert j["unknown"] == 1, j
PY
want 0 op token batches
said "used-up"

# For programs and for printers.
want 0 op token create --product kiosk --model k1 --cohort default --count 2 \
	--format csv --plain
[ "$(head -n 1 "$WORK/said")" = batch,id,code,product,model,cohort ] &&
	[ "$(grep -cE '^[0-9]+,[0-9]+,[0-9a-f-]{35},kiosk,k1,default$' \
		"$WORK/said")" -eq 2 ] || die "csv"
want 0 op token create --product kiosk --model k1 --cohort default --count 2 \
	--format labels --plain
[ "$(grep -c '^| kiosk ' "$WORK/said")" -eq 2 ] || die "labels"
awk 'length > 0 && length != 41 { exit 1 }' "$WORK/said" || die "ragged labels"
want 2 op token create --product kiosk --model k1 --cohort default --format xml

# No code is kept, and each act is in the log.
for file in shipped few slow; do
	while read -r line; do
		bare=$(echo "$line" | tr -d -)
		! grep -q "$bare\|$line" "$WORK/server/store.sqlite" \
			"$WORK/server/store.sqlite-wal" "$WORK/server.log" ||
			die "a code was kept"
	done <"$WORK/$file"
done
want 0 op audit export "$WORK/log"
for act in token-create token-activate batch-revoke token-revoke; do
	grep -q "\"act\":\"$act\"" "$WORK/log/records.jsonl" || die "no $act"
done
want 0 "$server" audit verify "$WORK/log" --key "$WORK/server/audit.pub"
echo "batches hold"
