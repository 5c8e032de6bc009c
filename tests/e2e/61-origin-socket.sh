#!/bin/sh
# Packages for a cache on this machine, by a socket in the file system: who may
# reach it is a matter of its mode and folder; what lies there already stays,
# but for a socket at which nobody listens.
for tool in python3 curl; do
	command -v "$tool" >/dev/null || { echo "needs $tool"; exit 77; }
done
. "$(dirname "$0")/server-lib.sh"
. "$(dirname "$0")/nginx-lib.sh"

make_server
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/publish"
socket=$WORK/front/origin.sock
conf=$WORK/server/server.conf
cp "$conf" "$WORK/plain.conf"
listens_at() { # what, more lines
	sed "s|^\[listen\]\$|[listen]\norigin = $1${2:+\n$2}|" \
		"$WORK/plain.conf" >"$conf"
}
# python3 with a socket there: `listen` or `leave`.
occupy() {
	python3 - "$socket" "$1" <<'PY'
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
if sys.argv[2] == "listen":
    s.listen(0)
    print("ready", flush=True)
    time.sleep(300)
PY
}

# ---- what the configuration may say --------------------------------------------

for at in unix: unix:origin.sock unix:/ unix:/run/ unix:@origin \
	"unix:/$(printf '%0107d' 0)"; do
	listens_at "$at"
	want 3 "$server" run "$WORK/server" --check-config
done
for mode in 660 0777 0060 0006 rw 06600; do
	listens_at "unix:$socket" "origin_mode = $mode"
	want 3 "$server" run "$WORK/server" --check-config
	said "origin_mode is 0600, 0660 or 0666"
done
for other in device enrolment people metrics; do
	sed "/^$other = /d; s|^\[listen\]\$|[listen]\n$other = unix:$socket|" \
		"$WORK/plain.conf" >"$conf"
	want 3 "$server" run "$WORK/server" --check-config
	said "\[listen\] $other"
done
listens_at "unix:$socket"
want 0 "$server" run "$WORK/server" --check-config

# ---- what stays ----------------------------------------------------------------

want 3 "$server" run "$WORK/server"
said "No such file or directory"
mkdir "$WORK/front"
echo precious >"$socket"
want 3 "$server" run "$WORK/server"
said "there is something else, and it stays"
[ "$(cat "$socket")" = precious ] || die "it is gone"
mv "$socket" "$WORK/front/kept"
ln -s kept "$socket"
want 3 "$server" run "$WORK/server"
said "there is something else, and it stays"
[ -h "$socket" ] && [ "$(cat "$WORK/front/kept")" = precious ] ||
	die "a link is gone, or what it led to"
rm "$socket"
occupy listen >"$WORK/occupied" &
holder=$!
tries=0
until grep -q ready "$WORK/occupied"; do
	tries=$((tries + 1))
	[ "$tries" -lt 600 ] || die "nobody listens"
	sleep 0.1
done
inode=$(stat -c %i "$socket")
want 3 "$server" run "$WORK/server"
said "somebody listens there"
# Also once nobody else fits into their queue.
python3 - "$socket" "$WORK/crowded" <<'PY' &
import socket, sys, time
held = []
for _ in range(3):
    s = socket.socket(socket.AF_UNIX)
    s.setblocking(False)
    try:
        s.connect(sys.argv[1])
    except BlockingIOError:
        pass
    held.append(s)
open(sys.argv[2], "w").close()
time.sleep(300)
PY
crowd=$!
until [ -e "$WORK/crowded" ]; do sleep 0.1; done
want 3 "$server" run "$WORK/server"
said "somebody listens there"
[ "$(stat -c %i "$socket")" = "$inode" ] || die "theirs was replaced"
kill "$holder" "$crowd"
wait "$holder" "$crowd" 2>/dev/null || :
rm -f "$socket"
# Nor does it wait for ever for who only holds the folder.
flock -o "$WORK/front" sleep 300 &
holder=$!
until ! flock -n "$WORK/front" true; do sleep 0.1; done
want 3 "$server" run "$WORK/server"
said "somebody holds a lock on it"
kill "$holder"
wait "$holder" 2>/dev/null || :

# ---- what is served ------------------------------------------------------------

occupy leave
[ -S "$socket" ] || die "no socket was left"
start_server
[ "$(listener origin)" = "unix:$socket" ] || die "it listens at $(listener origin)"
grep -q "^origin *unix:$socket  for a cache on this machine" "$WORK/server.log" ||
	die "it does not say where"
[ "$(stat -c %a "$socket")" = 660 ] || die "mode $(stat -c %a "$socket")"
want 0 op release import "$WORK/publish"
want 0 op cohort create canary
want 0 op rollout create first --release r1 --cohort canary
url=$(cd "$WORK/publish" && find targets -name '*.pawl' | head -n 1)
[ -n "$url" ] || die "no package"
status() { # path, options...
	path=$1
	shift
	curl -s -o "$WORK/got" -w '%{http_code}' --unix-socket "$socket" "$@" \
		"http://origin$path"
}
[ "$(status "/$url" -D "$WORK/head")" = 200 ] || die "no package"
cmp -s "$WORK/got" "$WORK/publish/$url" || die "another file came"
grep -qi "^Cache-Control: .*immutable" "$WORK/head" || die "$(cat "$WORK/head")"
[ "$(status "/$url" -r 10-19)" = 206 ] || die "no part of it"
[ "$(wc -c <"$WORK/got")" -eq 10 ] || die "another part"
for path in / /metadata/timestamp.json /v1/nonce /v1/people/status /targets/ \
	/targets/../server.conf "/${url%?}"; do
	got=$(status "$path" --path-as-is)
	case $got in
	4*) ;;
	*) die "$path: $got" ;;
	esac
done
# What a cache took is known of the release as well.
sent=$(op rollout status first --json | python3 -c 'import json, sys
print(json.load(sys.stdin)["flow"]["of_release"]["sent_bytes"])')
[ "$sent" -eq $(($(stat -c %s "$WORK/publish/$url") + 10)) ] || die "sent: $sent"
# Many at once, over kept connections.
for n in 1 2 3 4 5 6 7 8; do
	curl -sf --unix-socket "$socket" -o "$WORK/got.$n.1" \
		"http://origin/$url" -o "$WORK/got.$n.2" "http://origin/$url" &
	jobs="${jobs:-} $!"
done
for job in $jobs; do
	wait "$job" || die "one of many had nothing"
done
for n in 1 2 3 4 5 6 7 8; do
	cmp "$WORK/got.$n.1" "$WORK/publish/$url"
	cmp "$WORK/got.$n.2" "$WORK/publish/$url"
done

# ---- another start -------------------------------------------------------------

# Of a second server it is somebody's.
cp -r "$WORK/server" "$WORK/second"
rm -rf "$WORK/second/run"
want 3 "$server" run "$WORK/second"
said "somebody listens there"
[ "$(status "/$url")" = 200 ] || die "and now the first one has lost it"
# One that was killed leaves its own, which the next replaces.
kill -9 "$server_pid"
wait "$server_pid" 2>/dev/null || :
tries=0
while ! flock -n "$WORK/server/run/server.lock" true; do
	tries=$((tries + 1))
	[ "$tries" -lt 600 ] || die "its keeper does not end"
	sleep 0.1
done
[ -S "$socket" ] || die "it did not stay"
listens_at "unix:$socket" "origin_mode = 0666"
start_server
[ "$(status "/$url")" = 200 ] || die "nothing after a kill"
[ "$(stat -c %a "$socket")" = 666 ] || die "mode $(stat -c %a "$socket")"

# Started as root it is of the user that serves, and of that user's group.
stop_server
[ ! -S "$socket" ] || rm -f "$socket"
if [ "$(id -u)" -eq 0 ]; then
	cp -r "$WORK/server" "$WORK/owned"
	listens_at "unix:$socket"
	sed -i "s|^\[server\]\$|[server]\nuser = nobody|" "$conf"
	chmod 711 "$WORK"
	chown -R nobody "$WORK/server" "$WORK/front"
	chown -R root "$WORK/server/keys"
	chmod 711 "$WORK/server/keys"
	chmod 644 "$WORK/server/keys/device-ca.pem"
	start_server
	[ "$(stat -c %U:%G "$socket")" = "nobody:$(id -gn nobody)" ] ||
		die "the socket is of $(stat -c %U:%G "$socket")"
	[ "$(status "/$url")" = 200 ] || die "nothing from another user"
	stop_server
	rm -rf "$socket" "$WORK/server"
	mv "$WORK/owned" "$WORK/server"
	chown -R root "$WORK/front"
fi
listens_at "unix:$socket" "origin_mode = 0666"
start_server

# ---- as docs/server-conf.md has it ---------------------------------------------

if command -v nginx >/dev/null; then
	start_nginx "unix:$socket:" "$url"
	cmp -s "$WORK/got" "$WORK/publish/$url" || die "another file by nginx"
	curl -sf -r 10-19 -o "$WORK/got" "http://127.0.0.1:$port/$url" ||
		die "no part by nginx"
	[ "$(wc -c <"$WORK/got")" -eq 10 ] || die "another part by nginx"
	stop_nginx
fi
stop_server
