#!/bin/sh
# What happens is told while it does: each act once, in order, over restarts of
# the server too, until whoever listens is revoked. A listener costs no worker,
# and beyond so many the oldest gives way.
command -v python3 >/dev/null || { echo "needs python3"; exit 77; }
. "$(dirname "$0")/server-lib.sh"

make_server
# Ports that stay, for who comes back.
base=$((20000 + $$ * 13 % 20000))
sed -i "s|^people *=.*|people = 127.0.0.1:$base|" "$WORK/server/server.conf"
start_server
"$BIN/tests/tools/open-key" "$WORK/server/admin/admin.key" \
	"$WORK/server/admin/admin.secret" >"$WORK/admin.key"
people() { # path, body
	curl -sSN --cacert "$WORK/server/ca.pem" \
		--cert "$WORK/server/admin/admin.pem" --key "$WORK/admin.key" \
		-H 'Content-Type: application/json' ${2:+--data "$2"} \
		--max-time "${3:-60}" "https://127.0.0.1:$base/v1/people/$1"
}
cohort() {
	people cohorts "{\"v\":1,\"name\":\"$1\"}" >/dev/null
}
for who in bob eve; do
	want 0 "$server" person create "$WORK/$who" --name $who \
		--environment demo --ca "$WORK/server/ca.pem" \
		--url "https://127.0.0.1:$base"
done
want 0 "$server" person add "$WORK/server" "$WORK/bob/person.pem" \
	--role auditor
listen() { # file, options...
	file=$1
	shift
	"$server" events "$@" --operator "$WORK/bob/operator.conf" >"$file" \
		2>"$file.err" &
	listeners="$listeners $!"
}
listeners=
stop_all() {
	for pid in $listeners; do
		kill "$pid" 2>/dev/null || :
	done
	stop_server
}
trap stop_all EXIT
comes() { # file, words
	tries=0
	until grep -q -- "$2" "$1"; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || die "it was not told: $2: $(cat "$1")"
		sleep 0.1
	done
}

# All that there is, and it ends; every role may; a stranger may not.
want 0 op events
said "person-add"
want 0 op events --after 1 --json
said '^{"cursor":2,"record":{"act"'
want 10 "$server" events --operator "$WORK/eve/operator.conf"
want 2 op events --after yesterday
want 14 op events --follow --after 4000
said "was a backup restored"
people events/x | grep -q '"error":"not-found"' || die "a cursor of letters"

# From now on, and from the first: as lines, and for programs.
listen "$WORK/now" --follow
listen "$WORK/all" --follow --after 0 --json
comes "$WORK/all" '"act":"init"'
# Who listens from now on is there once it hears of something.
tries=0
until grep -q "cohort=probe" "$WORK/now"; do
	tries=$((tries + 1))
	[ $tries -lt 60 ] || die "nothing is told from now on"
	cohort "probe$tries"
	sleep 0.5
done
cohort one
comes "$WORK/now" "cohort=one"
comes "$WORK/all" '"cohort":"one"'
! grep -q "person-add" "$WORK/now" || die "it was before"

# The server goes and comes; nothing is missed, nothing comes twice.
stop_server
grep -q "connections-cut" "$WORK/server.log" && die "a listener held it up"
start_server
cohort two
cohort three
comes "$WORK/now" "cohort=three"
comes "$WORK/all" '"cohort":"three"'
want 0 op audit export "$WORK/log"
sed 's/.*"record":\(.*\),"v":1}$/\1/' "$WORK/all" >"$WORK/told"
cmp "$WORK/told" "$WORK/log/records.jsonl" || die "not the log"
[ "$(grep -cE 'cohort=(one|two|three)$' "$WORK/now")" -eq 3 ] ||
	die "missed or doubled"

make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/publish"
want 0 op release import "$WORK/publish"

# What is no act is told without its content.
make_device a one
people events "" 280 >"$WORK/raw" 2>/dev/null &
listeners="$listeners $!"
comes "$WORK/raw" '^event: start$'
head -n 1 "$WORK/raw" | grep -q '^event: start$' || die "raw: no start"
want 0 device a enroll --claim-file "$WORK/devices/a/claim"
want 0 device a check
comes "$WORK/raw" '^event: changed$'

# A hundred and thirty listeners: the oldest gives way, the others hear.
cat >"$WORK/crowd.py" <<'PY'
import socket, ssl, sys
c = ssl.create_default_context(cafile=sys.argv[2])
c.load_cert_chain(sys.argv[3], sys.argv[4])
all = []
for i in range(130):
    s = c.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1]))),
                      server_hostname="127.0.0.1")
    s.sendall(b"GET /v1/people/events/0 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    s.settimeout(60)
    assert s.recv(4096).startswith(b"HTTP/1.1 200 OK")
    all.append(s)
def goes_on(s):
    try:
        s.settimeout(4)
        while s.recv(65536):
            pass
        return False
    except socket.timeout:
        return True
    except OSError:
        return False
assert not goes_on(all[0]), "the oldest is still there"
assert goes_on(all[129]), "the newest is gone"
PY
python3 "$WORK/crowd.py" "$base" "$WORK/server/ca.pem" \
	"$WORK/server/admin/admin.pem" "$WORK/admin.key" || die "the crowd"
people status | grep -q '"log":"whole"' || die "the server is not well"

# Revoked while listening: told so, and no more after it.
listen "$WORK/last" --follow --after 0
last=$!
cohort four
comes "$WORK/last" "cohort=four"
bob=$("$server" person list "$WORK/server" | sed -n 's/^bob .* //p')
want 0 "$server" person revoke --reason test "$WORK/server" "$bob"
got=0
wait $last || got=$?
[ $got -eq 10 ] || die "bob still listens: $got $(cat "$WORK/last.err")"
grep -q "person-revoke" "$WORK/last" && die "bob heard of it"
echo "events are told"
