#!/bin/sh
# Nothing that the network swallows makes the client wait for ever: a connection
# that goes dead in the middle of a download is given up and taken up anew; one
# that is dead from the start ends in time, with the status for a bad network.
. "$(dirname "$0")/client-lib.sh"
. "$(dirname "$0")/wire-lib.sh"
make_wired_device 1500000

# Within so many seconds, with status 9 and one line that names the cause.
gives_up() { # seconds, command...
	limit=$1 from=$(date +%s) got=0
	shift
	timeout 120 "$@" 2>"$WORK/err.$limit" || got=$?
	took=$(($(date +%s) - from))
	cat "$WORK/err.$limit"
	[ $got -eq 9 ] || die "status $got instead of 9"
	[ $took -le "$limit" ] || die "gave up after $took s only"
}

# Both at the same time, for they mostly wait. Dead from the start:
cp -a "$WORK/one" "$WORK/two"
sed -i "s|$WORK/one/|$WORK/two/|" "$WORK/two/client.conf"
python3 - "$WORK/hole" <<'PY' &
import socket, sys, time
hole = socket.create_server(('127.0.0.1', 0), backlog=16)
with open(sys.argv[1], 'w') as f:
    f.write('%d\n' % hole.getsockname()[1])
time.sleep(100)
PY
hole_pid=$!
trap 'kill $hole_pid 2>/dev/null; stop_all' EXIT
until [ -s "$WORK/hole" ]; do sleep 0.1; done
sed -i "s|^url = .*|url = https://127.0.0.1:$(cat "$WORK/hole")|" \
	"$WORK/two/client.conf"
(gives_up 60 "$client" check --config "$WORK/two/client.conf") &
dead=$!

# In the middle of a download:
locks_up=
! on one status | grep -q 'system calls by seccomp' || locks_up=yes
order slow=300000
"$client" update --quiet --config "$WORK/one/client.conf" &
pid=$!
until_kept 400000
# Meanwhile: each process that has to do with what others send is locked up.
all_confined() {
	children=0
	for status in /proc/[0-9]*/status; do
		grep -q "^PPid:[^0-9]*$1\$" "$status" 2>/dev/null || continue
		children=$((children + 1))
		grep -q '^Seccomp:[^0-9]*2$' "$status" &&
			grep -q '^NoNewPrivs:[^0-9]*1$' "$status" ||
			die "a process of the client is not confined"
	done
	echo "$children processes, all confined"
	[ $children -ge 2 ] || die "no processes to look at"
}
if [ "$locks_up" ]; then
	all_confined $pid
else
	echo "this kernel has no seccomp: not looked at"
fi
order hole
before=$(date +%s)
sleep 1
order
wait $pid || die "the update failed with status $?"
took=$(($(date +%s) - before))
echo "came to its end $took s after its connection had gone dead"
[ $took -le 60 ] || die "that is too long"
runs one 1
came_once "$(carried)" 1500000 1
wait $dead || die "a dead server"
