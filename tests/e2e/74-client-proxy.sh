#!/bin/sh
# A device whose only way to the server is a proxy: it enrols, updates and
# reports through it, and says what is wrong when the proxy refuses, wants a
# password, opens what is encrypted, or is not there.
. "$(dirname "$0")/client-lib.sh"

proxy_pid=
stop_proxy() {
	[ -z "$proxy_pid" ] || kill "$proxy_pid" 2>/dev/null || true
	proxy_pid=
}

# The port of a new proxy in $port.
start_proxy() { # mood, more
	stop_proxy
	: >"$WORK/proxy.port"
	python3 "$(dirname "$0")/../tools/proxy.py" "$1" "$WORK/proxy.log" \
		"$WORK/opener.pem" "$WORK/opener.key" >"$WORK/proxy.port" &
	proxy_pid=$!
	until [ -s "$WORK/proxy.port" ]; do sleep 0.05; done
	port=$(cat "$WORK/proxy.port")
	: >"$WORK/proxy.log"
}

through() { # user part
	sed -i '/^proxy = /d' "$WORK/one/client.conf"
	sed -i "s,^\[server\],&\nproxy = http://$1127.0.0.1:$port," \
		"$WORK/one/client.conf"
}

# It must fail with this status and these words.
fails() { # status, words, command...
	wanted=$1 words=$2
	shift 2
	got=0
	"$@" >"$WORK/said" 2>&1 || got=$?
	[ "$got" -eq "$wanted" ] || die "status $got, not $wanted: $*"
	grep -q "$words" "$WORK/said" ||
		die "said $(cat "$WORK/said"), not: $words"
}

make_server
trap 'stop_proxy; stop_server' EXIT
make_served_repo
serve_release 1
use_people
operator cohort create fleet
make_served_device one
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	-keyout "$WORK/opener.key" -out "$WORK/opener.pem" -days 2 \
	-subj /CN=proxy -addext 'subjectAltName = IP:127.0.0.1' 2>/dev/null

# All of it goes through the proxy: enrolling, metadata, packages, reports.
start_proxy open
through ''
on one enroll --claim-file - <"$WORK/one/claim"
open_to_all 1
on one update
runs one 1
grep -q "^CONNECT 127.0.0.1:$base HTTP/1.1$" "$WORK/proxy.log" ||
	die "enrolled past the proxy"
grep -q "^CONNECT 127.0.0.1:$((base + 1)) HTTP/1.1$" "$WORK/proxy.log" ||
	die "updated past the proxy"

start_proxy closed
through ''
fails 9 'the proxy does not let us through (403)' on one check

start_proxy password
through ''
fails 9 'the proxy wants a name and a password' on one check
through 'sesame:closed@'
fails 9 'the proxy wants a name and a password' on one check
through 'sesame:open%20up@'
want 0 on one check

# Who opens what is encrypted is not our server, and learns nothing.
start_proxy opener
through ''
fails 6 'does the proxy open what is encrypted' on one check
runs one 1

# Not there; and the password is not told.
stop_proxy
through 'sesame:open%20up@'
fails 9 'through the proxy: Failed to connect' on one check
! grep -q 'open' "$WORK/said" || die "it tells: $(cat "$WORK/said")"

# Only this proxy, and only as it is written in the root-owned file.
for wrong in https://127.0.0.1:1 socks5://127.0.0.1:1 127.0.0.1:1 http:// \
	http://127.0.0.1:1/path; do
	sed -i "s,^proxy = .*,proxy = $wrong," "$WORK/one/client.conf"
	fails 3 'proxy' on one check
done
