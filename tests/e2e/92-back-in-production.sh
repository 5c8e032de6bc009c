#!/bin/sh
# The way back at night, where each act takes two people: what `rollout rollback`
# prints is done line by line, by whom it names, and the fleet is back.
export environment=production
. "$(dirname "$0")/client-lib.sh"
. "$(dirname "$0")/orders-lib.sh"
command -v python3 >/dev/null || { echo "no python3 here"; exit 77; }

make_server
make_production_repo
sign root1 root2 root3 alice bob carol op1 op2
release() { # id, options: made, signed, opened to all and imported
	id=$1
	shift
	make_tree "$id"
	"$signer" release create "$WORK/repo" --product gateway --id "$id" \
		--input "$WORK/trees/$id" --health bin/health --deadline 20 \
		--quiet "$@" >/dev/null
	order_for "$id" open --wide --cohort fleet >/dev/null
	sign alice bob carol op1 op2
	rm -rf "$WORK/publish"
	"$signer" publish "$WORK/repo" "$WORK/publish" \
		--backup-checked "$(date -u +%F)" >/dev/null
	operator release import "$WORK/publish" >/dev/null
}
release 1
operator cohort create fleet

# Two operators, each with the pinned root and a key of their own.
"$server" person create "$WORK/ola" --name ola --environment production \
	--ca "$WORK/server/ca.pem" \
	--url "https://127.0.0.1:$((base + 2))" >/dev/null
"$server" person add "$WORK/server" "$WORK/ola/person.pem" \
	--role operator >/dev/null
for folder in server/admin ola; do
	cp "$WORK/publish/metadata/1.root.json" "$WORK/$folder/"
	printf '[trust]\nroot = 1.root.json\n' >>"$WORK/$folder/operator.conf"
done
ola() {
	"$server" "$@" --operator "$WORK/ola/operator.conf"
}
open_to_all_of() { # id
	operator rollout create "r$1" --release "$1" --cohort fleet \
		--share 100 >/dev/null
	ola rollout approve "r$1" --revision "$(revision "r$1")" >/dev/null
	begin "r$1" >/dev/null
}

make_member a fleet
make_member b fleet
open_to_all_of 1
for n in a b; do
	on "$n" update
	on "$n" check || :
done
release 2 --from 1 --with-undo
open_to_all_of 2
for n in a b; do
	on "$n" update
	on "$n" check || :
	runs "$n" 2
done

# ---- it is night ----------------------------------------------------------------

operator rollout rollback r2 --reason "screens stay dark" --json >"$WORK/back"
steps() {
	python3 -c 'import json, sys
for step in json.load(open(sys.argv[1]))["back"]["next"]:
    print(step["step"])' "$1"
}
steps "$WORK/back" >"$WORK/steps"
cat >"$WORK/wanted" <<'TXT'
pawl-server rollout sign gateway 2.undo --cohort fleet --wide --key FILE
another operator: pawl-server rollout approve, and with what that shows: pawl-server rollout approve --sha256 DIGEST --key FILE
another operator: pawl-server rollout approve r2.undo --revision 1
pawl-server rollout plan r2.undo
pawl-server rollout start r2.undo --plan SHA256
TXT
diff "$WORK/wanted" "$WORK/steps" || die "other steps"
operator rollout sign gateway 2.undo --cohort fleet --wide \
	--key "$WORK/op1" >/dev/null
ola rollout approve --json >"$WORK/said"
ola rollout approve --sha256 "$(sed -n 's/.*"sha256": "\(.*\)".*/\1/p' \
	"$WORK/said")" --key "$WORK/op2" >/dev/null
ola rollout approve r2.undo --revision 1 >/dev/null
# What is done is no step any more.
operator rollout rollback r2 --reason "screens stay dark" --json >"$WORK/back"
steps "$WORK/back" | grep -q "approve r2.undo" && die "it was approved" || :
begin r2.undo >/dev/null
operator rollout rollback r2 --reason "screens stay dark" --json >"$WORK/back"
steps "$WORK/back" | grep -q "rollout start" && die "it was started" || :
for n in a b; do
	on "$n" update
	diff -r "$WORK/$n/slots/current/" "$WORK/trees/1" || die "$n: not 1"
	says "$n" release 2.undo
done
echo "a fleet comes back in production"
