#!/bin/sh
# `pawl-server ui` brings the pages to a browser on this machine, and lets
# nobody else in: no other user without the key, no other page, no other name for
# this address. Nothing of the server but the pages and people's requests is
# behind it.
. "$(dirname "$0")/server-lib.sh"

door_pid= asking_pid=
close_door() {
	for pid in $door_pid $asking_pid; do kill "$pid" 2>/dev/null || :; done
	stop_server
}
trap close_door EXIT

make_server
want 13 op ui --json # nobody answers: said at once, not to the browser
start_server
# As a service would run it: without a terminal.
setsid "$server" ui --json --operator "$WORK/server/admin/operator.conf" \
	>"$WORK/ui.json" 2>"$WORK/ui.log" &
door_pid=$!
come_in() { # file that it writes its address to
	tries=0
	until grep -qs '#key=' "$1"; do
		tries=$((tries + 1))
		[ "$tries" -lt 600 ] || die "no door: $(cat "$WORK/ui.log")"
		sleep 0.1
	done
	url=$(member url <"$1")
	at=${url%%/#*}
	key=${url##*#key=}
	port=${at##*:}
}
come_in "$WORK/ui.json"

# wanted status, what, PATH CURL-OPTION...
gives() {
	wanted=$1 what=$2 path=$3
	shift 3
	got=$(curl -sS --max-time 10 --path-as-is -D "$WORK/head" \
		-o "$WORK/body" -w '%{http_code}' "$@" "$at$path") || got=cut
	[ "$got" = "$wanted" ] ||
		die "$what: $got, not $wanted: $(head -c 300 "$WORK/body")"
	echo "ok $what"
}
bearer="Authorization: Bearer $key"

# ---- pages ------------------------------------------------------------------

for page in / /audit /rollouts/r1 /devices/00 /list/silent/7 /pages/frame.js \
	/pages/style.css /pages/icon.svg; do
	gives 200 "the page $page" $page
	grep -qi "^Content-Security-Policy: default-src 'none'; script-src 'self'" \
		"$WORK/head" || die "no rules for $page"
done
tag=$(sed -n 's/^ETag: \("[0-9a-f]*"\).*/\1/p' "$WORK/head")
gives 304 "a page that is here already" /pages/icon.svg \
	-H "If-None-Match: $tag"
gives 404 "a page that is none" /pages/none.js
! curl -sS --max-time 5 "http://127.0.0.2:$port/" >/dev/null 2>&1 ||
	die "it listens on more than its own address"
for l in device enrolment; do
	got=$(curl -sk --max-time 10 -o "$WORK/body" -w '%{http_code}' \
		"https://$(listener $l)/") || got=refused
	[ "$got" != 200 ] || die "the $l listener serves pages"
done

# ---- the key ----------------------------------------------------------------

gives 200 "who has the key" /v1/people/overview -H "$bearer"
grep -q '"roles":"admin operator officer"' "$WORK/body" || die "not as the admin"
gives 401 "who has none" /v1/people/overview
gives 401 "who has another" /v1/people/overview \
	-H "Authorization: Bearer $(echo "$key" | tr 0-9a-f 1-9a-f0)"
gives 401 "who has a part of it" /v1/people/overview \
	-H "Authorization: Bearer $(echo "$key" | cut -c1-63)"
gives 401 "who has it as a cookie" /v1/people/overview -b "pawl=$key"
! tr '\0' ' ' <"/proc/$door_pid/cmdline" | grep -q "$key" ||
	die "the key is in the list of processes"

# ---- other pages, other names ------------------------------------------------

before=$(op cohort list --json)
new='{"v":1,"name":"evil"}'
for host in evil.example "evil.example:$port" 127.0.0.1 "127.0.0.1:1"; do
	gives 403 "the name $host" / -H "Host: $host"
	gives 403 "the name $host, with the key" /v1/people/cohorts \
		-H "Host: $host" -H "$bearer" -d "$new"
done
for origin in https://evil.example null "http://127.0.0.1:1" \
	"https://127.0.0.1:$port"; do
	gives 403 "a page of $origin" /v1/people/cohorts -H "$bearer" \
		-H "Origin: $origin" -d "$new"
done
gives 403 "a page of another site" /v1/people/cohorts -H "$bearer" \
	-H 'Sec-Fetch-Site: cross-site' -d "$new"
gives 501 "a pre-flight" /v1/people/cohorts -X OPTIONS \
	-H 'Origin: https://evil.example'
! grep -qi '^access-control' "$WORK/head" || die "it lets others in"
[ "$before" = "$(op cohort list --json)" ] || die "a cohort was made"
gives 200 "our own page" /v1/people/cohorts -H "$bearer" \
	-H "Origin: $at" -H 'Sec-Fetch-Site: same-origin' \
	-d '{"v":1,"name":"good"}'
op cohort list | grep -q '^good ' || die "it was not made"

# ---- what is not behind the door ---------------------------------------------

gives 404 "metadata" /metadata/1.root.json -H "$bearer"
gives 404 "a device's request" /v1/checkin -H "$bearer" -d '{}'
gives 405 "an upload" "/v1/people/payload/$(printf %064d 0)" -H "$bearer" -T "$0"
head -c 70000 /dev/zero | tr '\0' ' ' >"$WORK/long"
gives 413 "a long body" /v1/people/cohorts -H "$bearer" \
	--data-binary "@$WORK/long"
gives 400 "two lengths" /v1/people/cohorts -H "$bearer" \
	-H 'Transfer-Encoding: chunked' -H 'Content-Length: 3' -d abc

# ---- what is signed ------------------------------------------------------------

# The page is the server's own: the officer's key signs nothing for it that the
# officer has not read elsewhere.
ended() { grep -c '"act":"device-end"' "$WORK/server/keeper/ledger" || :; }
for act in device-approve token-activate token-revoke; do
	gives 403 "a signature that no page needs: $act" /v1/people/$act \
		-H "$bearer" -d '{"v":1,"batch":1,"cohort":"default","code":"x"}'
	grep -q 'nothing was signed: the pages do no such act' "$WORK/body" ||
		die "not in words: $(cat "$WORK/body")"
done
one='{"v":1,"id":"00112233445566778899aabbccddeeff","reason":"x"}'
for act in revoke retire; do
	gives 403 "a signature without a terminal: $act" \
		/v1/people/device-$act -H "$bearer" -d "$one"
	grep -q "no terminal to ask you on; use .pawl-server device $act" \
		"$WORK/body" || die "not in words: $(cat "$WORK/body")"
done
python3 "$(dirname "$0")/at_terminal.py" "$WORK/shown" no yess yes -- "$server" \
	ui --json --operator "$WORK/server/admin/operator.conf" \
	>"$WORK/asking.json" 2>"$WORK/ui.log" &
asking_pid=$!
first="$at $bearer"
come_in "$WORK/asking.json"
bearer="Authorization: Bearer $key"
for no in no yess; do
	gives 403 "who says $no at the terminal" /v1/people/device-revoke \
		-H "$bearer" -d "$one"
	grep -q 'nobody said yes' "$WORK/body" || die "$(cat "$WORK/body")"
done
[ "$(ended)" = 0 ] || die "it was signed all the same"
gives 404 "a device that is none, signed for" /v1/people/device-revoke \
	-H "$bearer" -d "$one"
grep -q '^ *00112233445566778899aabbccddeeff' "$WORK/shown" &&
	grep -q 'revoke device' "$WORK/shown" || die "which device? $(cat "$WORK/shown")"
at=${first%% *} bearer=${first#* }

# ---- what comes by itself, and the end ----------------------------------------

curl -sSN --max-time 20 -H "$bearer" "$at/v1/people/events" >"$WORK/events" &
listening=$!
tries=0
until grep -q '^event: start' "$WORK/events"; do
	tries=$((tries + 1))
	[ "$tries" -lt 600 ] || die "no events"
	sleep 0.1
done
want 0 op cohort create later
tries=0
until grep -q '"cohort":"later"' "$WORK/events"; do
	tries=$((tries + 1))
	[ "$tries" -lt 600 ] || die "the event did not come"
	sleep 0.1
done
kill "$listening"
wait "$listening" 2>/dev/null || :

admin=$("$server" person list "$WORK/server" | awk '{ print $NF; exit }')
want 0 "$server" person revoke --reason test "$WORK/server" "$admin"
gives 403 "somebody who was revoked meanwhile" /v1/people/overview -H "$bearer"
stop_server
gives 502 "a server that is gone" /v1/people/overview -H "$bearer"
grep -q '"message"' "$WORK/body" || die "it does not say why"
kill -0 "$door_pid" || die "the door fell"
