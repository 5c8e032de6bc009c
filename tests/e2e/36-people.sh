#!/bin/sh
# The people's listener of the real server, with the admin's own certificate:
# what a page in the operator's browser borrows, paths that climb, texts that
# would be SQL or header lines, and a payload that was changed on its disk. All
# of it is refused, nothing is changed or told, and the server serves on.
here=$(cd "$(dirname "$0")" && pwd)
for need in curl openssl python3; do
	command -v $need >/dev/null || { echo "no $need here"; exit 77; }
done
[ -x "$BIN/tests/tools/bare-key" ] || {
	echo "no bare-key: make check-e2e builds it"
	exit 77
}
. "$here/server-lib.sh"

make_server
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/publish"
start_server
want 0 op release import "$WORK/publish"
want 0 op cohort create fleet

admin=$WORK/server/admin
"$BIN/tests/tools/bare-key" "$admin/admin.key" "$(cat "$admin/admin.secret")" \
	>"$WORK/admin.bare" || die "no key of the admin"

# PATH CURL-OPTION...: the status; body in $WORK/body, head in $WORK/head
ask() {
	asked=$1
	shift
	curl -sS --max-time 10 --path-as-is --cacert "$WORK/server/ca.pem" \
		--cert "$admin/admin.pem" --key "$WORK/admin.bare" \
		-D "$WORK/head" -o "$WORK/body" -w '%{http_code}' "$@" \
		"https://$(listener people)$asked"
}

# wanted statuses, what, PATH CURL-OPTION...
gives() {
	wanted=$1 what=$2
	shift 2
	got=$(ask "$@") || got=cut
	case " $wanted " in
	*" $got "*) echo "ok $what: $got" ;;
	*) die "$what: $got instead of $wanted: $(head -c 300 "$WORK/body")" ;;
	esac
}

cohorts() {
	op cohort list --json
}

# ---- a page in the operator's browser --------------------------------------

before=$(cohorts)
gives 200 "the admin is heard" /v1/people/cohorts
new='{"v":1,"name":"evil"}'
for origin in https://evil.example null "http://$(listener people)" \
	"https://$(listener people)0" "https://$(listener device)"; do
	gives 403 "a foreign page, $origin" /v1/people/cohorts \
		-H "Origin: $origin" -H 'Content-Type: text/plain' -d "$new"
	gives 403 "a foreign page that only reads, $origin" \
		/v1/people/devices -H "Origin: $origin"
done
gives 403 "a foreign page, by what its browser says" /v1/people/cohorts \
	-H 'Sec-Fetch-Site: cross-site' -d "$new"
# The operators' own pages come from here.
gives 200 "our own page" /v1/people/devices \
	-H "Origin: https://$(listener people)"
gives 200 "a link to our own page" / -H 'Sec-Fetch-Site: cross-site'
gives 304 "a page that is here already" / -H "If-None-Match: $(sed -n \
	's/^ETag: \("[0-9a-f]*"\).*/\1/p' "$WORK/head")"
gives '400 403 415' "a form" /v1/people/cohorts -d 'name=evil'
gives '400 404 405 501' "another method in a field" /v1/people/cohorts \
	-X DELETE -H 'X-HTTP-Method-Override: POST' -d "$new"
gives '400 404 405 501' "a pre-flight" /v1/people/cohorts -X OPTIONS \
	-H 'Origin: https://evil.example'
[ "$before" = "$(cohorts)" ] || die "a cohort was made"

# ---- paths and header lines ------------------------------------------------

for p in /v1/people/../../keys/keeper.secret /../server.conf \
	/v1/people/device/..%2f..%2fserver.conf \
	/v1/people/%2e%2e/%2e%2e/server.conf //v1/people/devices \
	/v1/people/devices/ '/v1/people/devices?x=1' /v1/people/./devices \
	'/v1/people/release/a%0d%0aSet-Cookie:x' /v1/people/payload/../../db \
	/v1/people/payload/zz /targets/../metadata/1.root.json; do
	gives '400 404' "the path $p" "$p"
	! grep -qi 'set-cookie\|secret' "$WORK/head" "$WORK/body" ||
		die "$p came back"
done

# ---- texts for the database ------------------------------------------------

for name in "x'; DROP TABLE device;--" "' OR '1'='1" '%' '_' '..' '' \
	"$(printf 'a\tb')" "$(head -c 5000 /dev/zero | tr '\0' a)"; do
	python3 -c 'import json, sys
print(json.dumps({"v": 1, "name": sys.argv[1]}))' "$name" >"$WORK/ask"
	gives '400 404 413' "a cohort of a hostile name" /v1/people/cohorts \
		-d "@$WORK/ask"
	python3 -c 'import json, sys
print(json.dumps({"v": 1, "name": "r", "release": sys.argv[1],
	"cohorts": ["fleet"], "share": 10000}))' "$name" >"$WORK/ask"
	gives '400 404 413' "a rollout of a hostile release" \
		/v1/people/rollouts -d "@$WORK/ask"
	python3 -c 'import json, sys
print(json.dumps({"v": 1, "id": sys.argv[1], "reason": "x"}))' "$name" \
		>"$WORK/ask"
	gives '400 404 413' "revoking a hostile id" \
		/v1/people/device-revoke -d "@$WORK/ask"
done
head -c 20000000 /dev/zero | tr '\0' ' ' >"$WORK/ask"
gives '400 413 cut' "twenty megabytes of blanks" /v1/people/cohorts \
	-d "@$WORK/ask"
[ "$before" = "$(cohorts)" ] || die "a cohort was made"

# ---- a payload that somebody changed on the server's disk -------------------

make_device a fleet
want 0 device a enroll --claim-file "$WORK/devices/a/claim"
want 0 op rollout create first --release r1 --cohort fleet
want 0 begin first
blob=$(find "$WORK/server" -path '*blobs/*' -type f -size +4k | head -n 1)
[ -n "$blob" ] || die "no payload on the disk"
cp "$blob" "$WORK/kept"
printf 'X' | dd of="$blob" bs=1 seek=3000 conv=notrunc 2>/dev/null
want 6 device a update
[ ! -e "$WORK/devices/a/slots/current" ] || die "a changed payload was activated"
rm "$blob" && ln -s "$WORK/server/keys/keeper.secret" "$blob"
got=0
device a update >"$WORK/said" 2>&1 || got=$?
[ $got -ne 0 ] && [ ! -e "$WORK/devices/a/slots/current" ] ||
	die "a link in the store was served"
! grep -rqF "$(cat "$WORK/server/keys/keeper.secret")" "$WORK/devices/a" ||
	die "a secret went out"
rm "$blob" && cp "$WORK/kept" "$blob"
want 0 device a update
[ -e "$WORK/devices/a/slots/current" ] || die "the good payload is not taken"
