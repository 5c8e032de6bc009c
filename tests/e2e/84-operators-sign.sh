#!/bin/sh
# Operators sign orders with their own keys, through the server: each on a
# machine of their own that verifies what it signs. The server is only where
# signatures meet; what it changes is found out, and what it plans is compared.
. "$(dirname "$0")/client-lib.sh"
for need in curl openssl python3; do
	command -v $need >/dev/null || { echo "no $need here"; exit 77; }
done
[ -x "$BIN/tests/tools/bare-key" ] || {
	echo "no bare-key: make check-e2e builds it"
	exit 77
}

make_server
printf 'a long passphrase\n' >"$WORK/pass"
# One operator's key is sealed by a passphrase, for the others a command signs.
make_keys key op1
"$signer" key generate "$WORK/op2" --environment lab \
	--passphrase-fd 3 3<"$WORK/pass" >/dev/null
"$signer" init "$WORK/repo" --environment lab --owner Tests --staging signed \
	--product gateway --key "$WORK/key" \
	--online-key "$WORK/server/online.pub" \
	--passphrase-fd 3 3<"$WORK/pass" >/dev/null
"$signer" role add "$WORK/repo" rollout --key "$WORK/op1.pub" \
	--key "$WORK/op2.pub" >/dev/null
"$signer" role add "$WORK/repo" rollout-wide --key "$WORK/op1.pub" \
	--key "$WORK/op2.pub" --threshold 2 >/dev/null
online=

sign() { # key...: what is staged in the offline repository
	for name; do
		"$signer" sign "$WORK/repo" --key "$WORK/$name" \
			--passphrase-fd 3 3<"$WORK/pass" >/dev/null
	done
}
# Each person has a certificate, the pinned root and a key for orders.
person() { # name
	"$server" person create "$WORK/who-$1" --name "$1" --environment lab \
		--ca "$WORK/server/ca.pem" \
		--url "https://127.0.0.1:$((base + 2))" >/dev/null
	"$server" person add "$WORK/server" "$WORK/who-$1/person.pem" \
		--role operator >/dev/null
	cp "$WORK/publish/metadata/1.root.json" "$WORK/who-$1/"
	printf '[trust]\nroot = 1.root.json\n' \
		>>"$WORK/who-$1/operator.conf"
}
as() { # name, command...
	who=$1
	shift
	"$server" "$@" --operator "$WORK/who-$who/operator.conf"
}
signs() { # name, command of rollout...
	who=$1
	shift
	as "$who" rollout "$@" --key "$WORK/$who" --passphrase-fd 3 \
		3<"$WORK/pass"
}
wanted() { # status, words, command...
	status=$1 words=$2 got=0
	shift 2
	"$@" >"$WORK/said" 2>&1 || got=$?
	[ "$got" -eq "$status" ] && grep -q -- "$words" "$WORK/said" || {
		cat "$WORK/said"
		die "exit status $got, wanted $status and \"$words\": $*"
	}
}
approved() { # name[, --folder DIR]: looks, then signs what it saw
	who=$1
	shift
	as "$who" rollout approve "$@" --json >"$WORK/seen" 2>"$WORK/said" || {
		cat "$WORK/said"
		die "$who may not look"
	}
	signs "$who" approve "$@" --sha256 "$(sed -n \
		's/.*"sha256": "\(.*\)".*/\1/p' "$WORK/seen")"
}
# What lies in the server's store, beside the running server.
store() { # python over c, a cursor
	python3 - "$WORK/server/store.sqlite" "$1" <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
c = db.cursor()
exec(sys.argv[2])
db.commit()
PY
}

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
on few enroll --claim-file "$WORK/few/claim"
operator rollout create r1 --release 1 --cohort canary --share 100 >/dev/null
begin r1 >/dev/null
operator rollout status r1 |
	grep -q "waiting for the order: no signed order opens 1" ||
	die "what does it wait for?"
person op1
person op2

# ---- one operator ------------------------------------------------------------

# Who has pinned no root signs nothing.
wanted 3 "root = FILE is needed" "$server" rollout halt gateway 1 --reason test \
	--key "$WORK/op1" --operator "$WORK/server/admin/operator.conf"
wanted 2 "key FILE is needed" as op1 rollout sign gateway 1 --cohort canary
wanted 10 "not a key of the role" as op1 rollout halt gateway 1 --reason test \
	--key "$WORK/key" --passphrase-fd 3 3<"$WORK/pass"
wanted 0 "no signed order opens 1" on few update

# A plan changes nothing; what is signed is compared with what one knows.
wanted 2 "wants --devices N" signs op1 sign gateway 1 --cohort canary --share 50
wanted 0 '"computed": ' as op2 rollout plan gateway 1 --cohort canary \
	--share 50 --json
plan=$(sed -n 's/.*"plan": "\(.*\)".*/\1/p' "$WORK/said")
wanted 14 "another one now" signs op1 sign gateway 1 --cohort canary \
	--share 40 --devices 1 --plan "$plan"
wanted 10 "more than chance allows" signs op1 sign gateway 1 --cohort canary \
	--share 50 --devices 100000 --limit f000000000000000
wanted 0 "it is in force" signs op1 sign gateway 1 --cohort canary \
	--share 50 --devices 1 --plan "$plan"
grep -q "OPENS" "$WORK/said" || die "it was not said what opens"
on few update
runs few 1

# ---- two operators, and whoever comes second ---------------------------------

wanted 0 "1 of 2 signatures" signs op1 sign gateway 1 --wide --cohort fleet \
	--cohort canary
wanted 0 "rollout-wide .* 1 " as op2 rollout staged
wanted 14 "approve or discard it first" signs op2 sign gateway 1 --wide \
	--cohort canary
wanted 2 "look first" signs op2 approve
wanted 14 "not what waits now" signs op2 approve --sha256 00

# The server turns "fleet, canary" into what it likes: the bytes, or the order.
store 'b = c.execute("SELECT bytes FROM staged").fetchone()[0]
c.execute("UPDATE staged SET bytes = ?", (b.replace(b"\"version\":2", b"\"version\":3"),))'
wanted 6 "no operator of rollout-wide signed" as op2 rollout approve
store 'b = c.execute("SELECT bytes FROM staged").fetchone()[0]
c.execute("UPDATE staged SET bytes = ?", (b.replace(b"\"version\":3", b"\"version\":2"),))'
wanted 0 "OPENS 100.* of fleet, canary" as op2 rollout approve
order=$(find "$WORK/server/blobs" -type f -exec grep -l '"fleet"' {} + |
	head -n 1)
[ -n "$order" ] || die "no order among the payloads"
cp "$order" "$WORK/order"
chmod u+w "$order"
sed -i 's/fleet/fleeT/' "$order"
wanted 6 "changed on the disk\|other bytes" as op2 rollout approve
cp "$WORK/order" "$order"
wanted 0 "it is in force" approved op2
wanted 13 "waits\|no such" as op2 rollout approve

wanted 0 "1 of 2" signs op1 halt gateway 1 --wide --reason "it burns"
wanted 0 "discarded" as op2 rollout discard --reason test --version 3

# ---- a folder that is carried, a baseline, a halt ----------------------------

wanted 10 "the last phase has not passed" signs op1 baseline gateway 1 \
	--cohort beta
wanted 0 "signed, in" signs op1 baseline gateway 1 --cohort fleet \
	--cohort canary --folder "$WORK/stick"
# What the first operator signs and the second must not.
evil() { # status, words, python over s, the signed part[, unsigned]
	rm -rf "$WORK/evil"
	cp -a "$WORK/stick" "$WORK/evil"
	file=$WORK/evil/metadata/3.rollout-wide.json
	python3 - "$file" "$3" ${4:-} <<'PY'
import json, sys
e = json.load(open(sys.argv[1]))
s, t = e["signed"], e["signed"]["targets"]
exec(sys.argv[2])
if len(sys.argv) == 3:
    e["signatures"] = []
json.dump(e, open(sys.argv[1], "w"))
PY
	[ $# -eq 4 ] || "$signer" sign "$file" --key "$WORK/op1" >/dev/null
	wanted "$1" "$2" as op2 rollout approve --folder "$WORK/evil"
}
evil 6 "no operator" 's["version"] = 4' unsigned
evil 14 "it cannot follow" 's["version"] = 4'
evil 10 "more than orders" 's["pawl"] = {"environment": "lab"}'
evil 10 "is not taken away" 'del t["rollout-wide/gateway/1.json"]'
# And what both sign, by mistake or not, an honest server does not take.
"$signer" sign "$WORK/evil/metadata/3.rollout-wide.json" --key "$WORK/op2" \
	--passphrase-fd 3 3<"$WORK/pass" >/dev/null
wanted 10 "is not taken away" as op2 release import "$WORK/evil"
wanted 6 "1 of 2 needed" as op2 release import "$WORK/stick"
wanted 0 "signed, in" approved op2 --folder "$WORK/stick"
wanted 0 "rollout-wide *version 3" as op2 release import "$WORK/stick"
# The bytes of the folder are the bytes that devices get.
operator bundle export "$WORK/bundle" --valid 1 >/dev/null
cmp "$WORK/stick/metadata/3.rollout-wide.json" \
	"$WORK/bundle/metadata/3.rollout-wide.json" || die "other bytes"

# Whoever is too late is told which version counts; nothing is lost.
wanted 0 "signed, in" signs op1 halt gateway 1 --folder "$WORK/late"
wanted 2 "reason TEXT is needed" as op2 rollout halt gateway 1 --key "$WORK/op2"
wanted 0 "it is in force" signs op2 halt gateway 1 --reason "it burns"
operator audit list --json | grep '"act":"import"' | tail -n 1 >"$WORK/said"
grep -q '"reason":"'"$(printf 'it burns' | sha256sum | cut -d ' ' -f 1)" \
	"$WORK/said" || die "why it was halted: $(cat "$WORK/said")"
python3 - "$WORK/late/metadata" "$WORK/body" <<'PY'
import glob, json, sys
envelope = json.load(open(glob.glob(sys.argv[1] + "/*.rollout.json")[0]))
json.dump({"v": 1, "role": "rollout", "envelope": envelope},
          open(sys.argv[2], "w"))
PY
"$BIN/tests/tools/bare-key" "$WORK/who-op1/person.key" \
	"$(cat "$WORK/who-op1/person.secret")" >"$WORK/bare"
status=$(curl -sS --cacert "$WORK/server/ca.pem" \
	--cert "$WORK/who-op1/person.pem" --key "$WORK/bare" \
	-H 'Content-Type: application/json' -d "@$WORK/body" \
	-o "$WORK/said" -w '%{http_code}' \
	"https://127.0.0.1:$((base + 2))/v1/people/order-sign")
[ "$status" = 412 ] && grep -q "which counts now" "$WORK/said" ||
	die "status $status: $(cat "$WORK/said")"
wanted 14 "already another file" as op1 release import "$WORK/late"

# ---- what was halted ---------------------------------------------------------

make_release 2 --from 1
operator release import "$WORK/publish" >/dev/null
operator rollout create r2 --release 2 --cohort canary --share 100 >/dev/null
begin r2 >/dev/null
wanted 0 "in force" signs op2 sign gateway 2 --cohort canary
wanted 0 "CLOSES" signs op1 halt gateway 2 --reason "it burns"
wanted 0 "halts 2" on few update
wanted 10 "only two operators" signs op2 sign gateway 2 --cohort canary
wanted 0 "1 of 2" signs op2 sign gateway 2 --wide --cohort canary
wanted 0 "in force" approved op1
on few update
runs few 2

# Another device moves, by two.
device=$(on few status --json | sed -n 's/^ *"device": "\(.*\)",$/\1/p')
wanted 0 "MOVES to cohort fleet" signs op1 assign "$device" --cohort fleet
wanted 0 "in force" approved op2

# Several at once, by their ids and from a file: one thing to sign.
adds() { # name, options of cohort add
	who=$1
	shift
	as "$who" cohort add "$@" --key "$WORK/$who" --passphrase-fd 3 \
		3<"$WORK/pass"
}
printf '# moved to the shop\n%032d\n\n%032d\n' 3 4 >"$WORK/list"
wanted 2 "name a cohort" as op1 cohort add
wanted 2 "name devices by their ids" adds op1 shop
wanted 2 "not a device's id" adds op1 shop "$device" 12
printf '%032dx\n' 5 >"$WORK/bad"
wanted 2 "not a device's id" adds op1 shop --file "$WORK/bad"
wanted 13 "nowhere" adds op1 shop --file "$WORK/nowhere"
wanted 0 "1 of 2" adds op1 shop "$device" --file "$WORK/list"
for id in "$device" "$(printf %032d 3)" "$(printf %032d 4)"; do
	grep -q "$id MOVES to cohort shop" "$WORK/said" ||
		die "not said of $id: $(cat "$WORK/said")"
done
wanted 0 "in force" approved op2
operator device show "$device" | grep -q "^cohort  *shop" ||
	die "the registry does not follow"
operator cohort list | grep -q "^shop  *1 " || die "it is not in the list"

# Everything of it is in the audit log.
operator audit export "$WORK/log" >/dev/null
grep -q '"act":"order-stage"' "$WORK/log/records.jsonl" || die "no stage"
grep -q '"act":"order-discard"' "$WORK/log/records.jsonl" || die "no discard"
"$server" audit verify "$WORK/log" --key "$WORK/server/audit.pub" >/dev/null
