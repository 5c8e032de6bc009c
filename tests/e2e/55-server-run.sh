#!/bin/sh
# update-server as its operator starts, checks, asks and stops it.
set -eu
for tool in openssl curl python3; do
	command -v $tool >/dev/null || {
		echo "no $tool"
		exit 77
	}
done
cd "$WORK"
server=$BIN/update-server
pid=
trap '[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || :' EXIT

fail() {
	echo "FAILED: $*"
	exit 1
}
# refused STATUS COMMAND...: it fails with exactly this exit status
refused() {
	want=$1 got=0
	shift
	"$@" >out 2>err </dev/null || got=$?
	[ "$got" -eq "$want" ] || fail "status $got, not $want: $* ($(cat err))"
	[ "$(grep -c '^update-server: ' err)" -eq 1 ] || fail "not one line of error: $(cat err)"
}
start() {
	rm -f srv/run/listeners.json
	"$server" run srv "$@" >start.out 2>start.err &
	pid=$!
	for _ in $(seq 600); do
		[ ! -e srv/run/listeners.json ] || return 0
		kill -0 "$pid" 2>/dev/null || fail "did not start: $(cat start.err)"
		sleep 0.1
	done
	fail "not ready in a minute"
}
stop() {
	kill -TERM "$pid"
	wait "$pid" || fail "status $? at the end: $(cat start.err)"
	pid=
}
at() { # address of a listener
	python3 -c 'import json, sys
print(json.load(open("srv/run/listeners.json"))[sys.argv[1]])' "$1"
}
ask() { # PATH CURL-OPTION...
	path=$1
	shift
	curl -sS --max-time 10 --cacert srv/ca.pem "$@" "https://$(at enrolment)$path"
}

"$server" init srv --environment lab --name 127.0.0.1 \
	--device-listen 127.0.0.1:0 --enrol-listen '[::1]:0' \
	--people-listen 127.0.0.1:0 >/dev/null
echo "-- a configuration is checked without serving"
"$server" run srv --check-config | grep -q good || fail "check"
"$server" run --config srv/server.conf --check-config | grep -q good
[ ! -e srv/run/listeners.json ] || fail "it served"
refused 2 "$server" run
refused 2 "$server" run srv more
refused 2 "$server" run srv --nonsense
refused 13 "$server" run nowhere
cp -r srv bad
echo 'colour = red' >>bad/server.conf
refused 3 "$server" run bad --check-config
sed 's/^device = .*/device = localhost:80/' srv/server.conf >bad/server.conf
refused 3 "$server" run bad --check-config
grep -q 'listen' err || fail "the section is not named: $(cat err)"
rm -f bad/tls.pem
cp srv/server.conf bad/server.conf
refused 13 "$server" run bad --check-config
cp srv/tls.pem bad/

echo "-- a key that does not open, or that others can change, is refused"
cp srv/keys/keeper.secret bad/keys/tls.secret
refused 6 "$server" run bad
cp srv/keys/tls.secret bad/keys/tls.secret
chmod 666 bad/keys/tls.secret
refused 3 "$server" run bad
[ ! -e bad/run/listeners.json ] || fail "it served"

echo "-- it says where it listens, on paper and in a file"
start
for listener in device enrolment people; do
	grep "^$listener " start.out | grep -qF "https://$(at $listener) " ||
		fail "$listener: $(cat start.out)"
done
case $(at enrolment) in '[::1]:'*) ;; *) fail "not IPv6: $(at enrolment)" ;; esac

echo "-- metadata: nothing is published yet, and odd names are not files"
for name in 1.root.json timestamp.json ../server.conf %2e%2e/server.conf \
	server.conf online.pub 1.root.json/ 1.root.json?x ..%2fca.pem; do
	status=$(ask "/metadata/$name" --path-as-is -o body -w '%{http_code}')
	[ "$status" = 404 ] || fail "$name: $status"
	grep -q '"error":"not-found"' body || fail "$(cat body)"
done

echo "-- routes belong to their listeners; people and devices show who they are"
[ "$(ask /v1/checkin -o body -w '%{http_code}' -d '{}')" = 404 ]
[ "$(ask /v1/people/status -o body -w '%{http_code}')" = 404 ]
[ "$(ask /v1/nonce -o body -w '%{http_code}')" = 405 ]
[ "$(ask /v1/nonce -o body -w '%{http_code}' -d '{')" = 400 ]
[ "$(ask /v1/nonce -o body -w '%{http_code}' -d '{}')" = 200 ] ||
	fail "nonce: $(cat body)"
head -c 5000 /dev/zero | tr '\0' x >big
[ "$(ask /v1/nonce -o body -w '%{http_code}' -d @big)" = 413 ]
openssl ecparam -name prime256v1 -genkey -noout -out x.key
openssl req -x509 -new -key x.key -days 2 -subj /CN=x -out x.pem \
	-addext basicConstraints=critical,CA:FALSE \
	-addext extendedKeyUsage=clientAuth
for listener in device people; do
	! curl -sS --max-time 10 --cacert srv/ca.pem -o body \
		"https://$(at $listener)/metadata/1.root.json" 2>err ||
		fail "$listener without a certificate: $(cat body)"
done
! curl -sS --max-time 10 --cacert srv/ca.pem --cert x.pem --key x.key \
	-o body "https://$(at device)/metadata/1.root.json" 2>err ||
	fail "device with a foreign certificate"
status=$(curl -sS --max-time 10 --cacert srv/ca.pem --cert x.pem --key x.key \
	-o body -w '%{http_code}' "https://$(at people)/v1/people/status")
[ "$status" = 403 ] || fail "an unknown person: $status $(cat body)"

echo "-- a second server of the same folder is refused, the first goes on"
refused 12 "$server" run srv
[ "$(ask /v1/nonce -o body -w '%{http_code}' -d '{}')" = 200 ]

echo "-- it stops when told, and leaves nothing that claims it runs"
stop
[ ! -e srv/run/listeners.json ] || fail "listeners.json is still there"
start --json
cmp start.out srv/run/listeners.json || fail "JSON: $(cat start.out)"

echo "-- killed, it takes its keeper along and starts again"
keeper=$(ps -o pid= --ppid "$pid" | tr -d ' ')
kill -9 "$pid"
wait "$pid" 2>/dev/null || :
for _ in $(seq 600); do
	kill -0 "$keeper" 2>/dev/null || break
	sleep 0.1
done
! kill -0 "$keeper" 2>/dev/null || fail "the keeper lives on"
start
[ "$(ask /v1/nonce -o body -w '%{http_code}' -d '{}')" = 200 ]
stop
