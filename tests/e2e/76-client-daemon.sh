#!/bin/sh
# The daemon: updates by itself, outlives a server that is away, stops when
# asked to, and leaves a trial that it had to leave to the next start.
. "$(dirname "$0")/client-lib.sh"

make_server
stop_server
sed -i 's/^.*poll_sec = .*/poll_sec = 1/' "$WORK/server/server.conf"
start_server
make_served_repo
make_release 1
operator release import "$WORK/publish"
operator cohort create fleet
make_served_device one
on one enroll --claim-file "$WORK/one/claim"

daemon_pid=
stop_all() {
	[ -z "$daemon_pid" ] || kill "$daemon_pid" 2>/dev/null || :
	stop_server
}
trap stop_all EXIT
start_daemon() {
	"$client" daemon --json --config "$WORK/one/client.conf" \
		>>"$WORK/rounds" 2>>"$WORK/daemon.log" &
	daemon_pid=$!
}
stop_daemon() {
	kill -TERM "$daemon_pid"
	wait "$daemon_pid" || die "the daemon ended with status $?"
	daemon_pid=
}
# Wait until the status says so.
until_says() { # member, value
	for _ in $(seq 300); do
		on one status --json 2>/dev/null |
			grep -q "^  *\"$1\": *\"*$2\"*,*$" && return
		sleep 0.2
	done
	tail -n 20 "$WORK/daemon.log"
	die "$1 did not become $2"
}

start_daemon
until grep -q daemon-started "$WORK/daemon.log"; do
	kill -0 "$daemon_pid" || die "the daemon does not start"
	sleep 0.1
done
want 12 "$client" daemon --config "$WORK/one/client.conf"
roll_out 1
# Nobody can talk to a device: none of its processes has a socket that listens,
# or that hears datagrams; looked at while it is busy.
listens() { # what of /proc/net belongs to its processes, until they are at work
	python3 - "$daemon_pid" <<'PY'
import glob, os, re, sys, time

def processes():
    todo, seen = [sys.argv[1]], []
    while todo:
        pid = todo.pop()
        seen.append(pid)
        for path in glob.glob("/proc/%s/task/*/children" % pid):
            try:
                todo += open(path).read().split()
            except OSError:
                pass
    return seen

def sockets_of(pids):
    found = set()
    for pid in pids:
        for path in glob.glob("/proc/%s/fd/*" % pid):
            try:
                found.update(re.findall(r"socket:\[(\d+)\]",
                    os.readlink(path)))
            except OSError:
                pass
    return found

def lines_of(name):
    try:
        return open("/proc/net/" + name).read().splitlines()[1:]
    except OSError:
        return []

def open_to_others(sockets):
    for name in "tcp", "tcp6", "udp", "udp6", "raw", "raw6":
        for words in map(str.split, lines_of(name)):
            # 0A: listens; a datagram socket with a peer hears nobody else.
            is_open = words[3] == "0A" if name.startswith("tcp") \
                else words[2].endswith(":0000")
            if words[9] in sockets and is_open:
                yield name + " " + words[1]
    for words in map(str.split, lines_of("unix")):
        if words[6] in sockets and int(words[3], 16) & 0x10000: # listens
            yield "unix " + " ".join(words[7:])

busy, end = 0, time.monotonic() + 30
while busy < 5:
    if time.monotonic() > end:
        sys.exit("its processes were never seen at work")
    pids = processes()
    sockets = sockets_of(pids)
    for what in open_to_others(sockets):
        print(what)
    busy += len(pids) >= 3 and len(sockets) >= 2
    time.sleep(0.005)
PY
}
listens >"$WORK/listens" || die "nobody looked"
[ ! -s "$WORK/listens" ] || die "it listens: $(cat "$WORK/listens")"
until_says release 1
until_says state confirmed

# The server goes away, and comes back with something new.
stop_server
tries=0
until grep -q 'update-failed error=network' "$WORK/daemon.log"; do
	tries=$((tries + 1))
	[ $tries -lt 300 ] || {
		cat "$WORK/daemon.log"
		die "the outage was not told"
	}
	sleep 0.2
done
kill -0 "$daemon_pid" || die "the daemon died of it"
start_server
make_tree 2
printf '%s\n' '#!/bin/sh' "until [ -e $WORK/healthy ]; do sleep 0.1; done" \
	>"$WORK/trees/2/bin/health"
serve_release 2 --from 1
roll_out 2

# Stopped in the trial: no attempt is lost, and the next start goes on.
until_says state trial
stop_daemon
says one state trial
says one attempts_left 3
[ "$(readlink "$WORK/one/slots/current")" = b/tree ] || die "went back"
: >"$WORK/healthy"
start_daemon
until_says state confirmed
runs one 2
# The server has heard of it all; it is told right after it is done.
for _ in $(seq 300); do
	! operator device list | grep -q ' 2 .*confirmed' || break
	sleep 0.2
done
until_says reports_waiting 0
stop_daemon
says one activation 3
grep -q 'daemon-stopped' "$WORK/daemon.log" || die "no word at the end"
operator device list | grep -q ' 2 .*confirmed' || {
	operator device list
	die "the server has not heard of it"
}

# Who reads what it prints has a line for each round: what came of it.
python3 - "$WORK/rounds" <<'PY' || die "its rounds: $(cat "$WORK/rounds")"
import json, sys
rounds = [json.loads(line) for line in open(sys.argv[1])]
assert all(r["v"] == 1 for r in rounds)
results = [r.get("result") or (r["error"], r["status"]) for r in rounds]
assert "nothing" in results and ("network", 9) in results, results
done = [r for r in rounds if r.get("result") == "updated"]
assert [r["release"] for r in done] == ["1"], done
assert done[0]["package"] == "full" and done[0]["package_len"] > 0, done
lost = [r["message"] for r in rounds if r.get("error") == "network"]
assert all(lost), rounds
PY
