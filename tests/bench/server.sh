#!/bin/sh
# The front of update-server beside nginx (NGINX=path, or the one installed), in
# one run, over mTLS with TLS 1.2 and the same cipher: CPU seconds of the server
# processes, so a busy machine matters little. Lines: figure NAME VALUE UNIT.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
: "${BIN:?the folder of the programs}"
load=$BIN/tests/tools/load
front=$BIN/tests/tools/front-server
[ -x "$load" ] && [ -x "$front" ] || {
	echo "skipped server: make bench builds the tools it needs"
	exit 0
}
NGINX=${NGINX:-$(command -v nginx || :)}
work=$(mktemp -d)
pids=
trap 'for p in $pids; do kill "$p" 2>/dev/null || :; done; rm -rf "$work"' EXIT
. "$here/tools/pki.sh"
pki "$work/pki"
mkdir "$work/files" "$work/tmp"
head -c 50000000 /dev/urandom >"$work/files/payload"
cd "$work"

cpu() { # of a process and its children, in ticks of 10 ms
	for p in "$1" $(ps -o pid= --ppid "$1"); do
		cat "/proc/$p/stat"
	done | awk '{ sub(/.*\) /, ""); n += $12 + $13 } END { print n }'
}
pss() {
	for p in "$1" $(ps -o pid= --ppid "$1"); do
		cat "/proc/$p/smaps_rollup"
	done | awk '/^Pss:/ { n += $2 } END { print n }'
}
run() { # NAME PID PORT MODE ARGUMENT...: CPU seconds per 10 000 requests or GB
	name=$1 pid=$2 port=$3
	shift 3
	before=$(cpu "$pid")
	out=$("$load" "$port" pki/server.pem pki/device.pem pki/device.key "$@")
	after=$(cpu "$pid")
	echo "$out $((after - before)) $name $1" | awk '{
		cpu = $4 / 100
		if ($6 == "get") {
			printf "figure server.%s.payload %.2f CPU-s/GB\n", $5, cpu / $2 * 1e9
			printf "figure server.%s.payload-rate %.0f MB/s\n", $5, $2 / $3 / 1e6
		} else {
			printf "figure server.%s.%s %.3f CPU-s/10000\n", $5, $6, cpu / $1 * 10000
			printf "figure server.%s.%s-rate %.0f requests/s\n", $5, $6, $1 / $3
		}
	}'
}
idle() { # NAME PID PORT: memory of 400 idle connections
	start=$(pss "$2")
	python3 - "$3" <<'PYTHON' &
import socket, ssl, sys, time
c = ssl.create_default_context(cafile="pki/server.pem")
c.load_cert_chain("pki/device.pem", "pki/device.key")
held = [c.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1]))),
                      server_hostname="127.0.0.1") for _ in range(400)]
open("held", "w").close()
time.sleep(60)
PYTHON
	holder=$!
	pids="$pids $holder"
	for _ in $(seq 300); do
		[ ! -e held ] || break
		sleep 0.1
	done
	sleep 1
	echo "$1 $start $(pss "$2")" | awk '{
		printf "figure server.%s.idle-connection %.1f KB\n", $1, ($3 - $2) / 400 }'
	kill $holder
	rm -f held
}
all() { # NAME PID PORT
	run "$1" "$2" "$3" kept /echo 40000 32
	run "$1" "$2" "$3" fresh /echo 600
	run "$1" "$2" "$3" get /files/payload 6
	idle "$1" "$2" "$3"
}
export CIPHER=${CIPHER:-ECDHE-ECDSA-AES128-GCM-SHA256}

"$front" files pki/server.pem pki/server.key pki/ca.pem connections=4096 \
	per_device=1000 handshakes=2 >ports 2>front.log &
pid=$!
pids="$pids $pid"
sleep 1
all pawl $pid "$(sed -n '2s/.*://p' ports)"

[ -n "$NGINX" ] || {
	echo "skipped server: no nginx to compare with"
	exit 0
}
cat >nginx.conf <<CONF
daemon off;
worker_processes 1;
pid $work/nginx.pid;
error_log $work/nginx.log;
events { worker_connections 4096; }
http {
	access_log off;
	client_body_temp_path $work/tmp;
	proxy_temp_path $work/tmp;
	fastcgi_temp_path $work/tmp;
	uwsgi_temp_path $work/tmp;
	scgi_temp_path $work/tmp;
	keepalive_requests 1000000;
	keepalive_timeout 75;
	sendfile on;
	server {
		listen 127.0.0.1:18443 ssl;
		ssl_certificate $work/pki/server.pem;
		ssl_certificate_key $work/pki/server.key;
		ssl_client_certificate $work/pki/ca.pem;
		ssl_verify_client on;
		ssl_protocols TLSv1.2;
		ssl_session_cache off;
		ssl_session_tickets off;
		root $work;
		location = /echo { return 200 '{"v":1,"seq":7,"confirmed":true}'; }
	}
}
CONF
chmod 755 "$work" "$work/files"
"$NGINX" -p "$work" -c "$work/nginx.conf" 2>nginx.err &
pid=$!
pids="$pids $pid"
sleep 1
kill -0 $pid 2>/dev/null || {
	echo "skipped server: nginx did not start: $(cat nginx.err)"
	exit 0
}
all nginx $pid 18443
