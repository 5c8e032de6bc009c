#!/bin/sh
# A download that is cut again and again, or stopped and taken up later, goes
# on where it was: at most one chunk is fetched twice for each cut. In between
# sits something that cuts connections, knowing nothing of what it carries.
. "$(dirname "$0")/client-lib.sh"
command -v python3 >/dev/null || {
	echo "no python3"
	exit 77
}

make_server
make_served_repo
# About four megabytes that do not compress.
make_tree 1
head -c 4000000 /dev/urandom >"$WORK/trees/1/noise"
serve_release 1 --codec none
operator cohort create fleet
make_served_device one
on one enroll --claim-file "$WORK/one/claim"
roll_out 1

# Forward connections; cut each one after LIMIT bytes towards the device.
cat >"$WORK/cutter.py" <<'PY'
import selectors, socket, sys
target, limit, count_file = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
total = 0
while True:
    device, _ = listening.accept()
    server = socket.create_connection(("127.0.0.1", target))
    watch = selectors.DefaultSelector()
    watch.register(device, selectors.EVENT_READ, server)
    watch.register(server, selectors.EVENT_READ, device)
    sent, going = 0, True
    while going:
        for key, _ in watch.select():
            try:
                data = key.fileobj.recv(65536)
                if key.fileobj is server:
                    data = data[:limit - sent]
                    sent += len(data)
                    total += len(data)
                key.data.sendall(data)
            except OSError:
                data = b""
            if not data or sent >= limit:
                going = False
                break
    with open(count_file, "w") as f:
        f.write(str(total))
    device.close()
    server.close()
PY
python3 "$WORK/cutter.py" $((base + 1)) 1000000 "$WORK/count" >"$WORK/port" &
cutter=$!
trap 'kill $cutter 2>/dev/null; stop_server' EXIT
for _ in $(seq 600); do
	[ -s "$WORK/port" ] && break
	sleep 0.1
done
sed -i "s|^url = .*|url = https://127.0.0.1:$(cat "$WORK/port")|" \
	"$WORK/one/client.conf"

on one update --json >"$WORK/out"
size=$(sed -n 's/^ *"package_len": *\([0-9]*\),*$/\1/p' "$WORK/out")
runs one 1
sleep 0.3
carried=$(cat "$WORK/count")
echo "carried $carried bytes for a package of $size, cut every 1000000"
# Four cuts, a chunk each, and handshakes, metadata and reports.
[ "$carried" -lt $((size + 5 * 65536 + 100000)) ] || die "fetched again"

# Stopped in the middle, taken up by the next run.
make_tree 2
head -c 6000000 /dev/urandom >"$WORK/trees/2/noise"
serve_release 2 --codec none
roll_out 2
"$client" update --config "$WORK/one/client.conf" 2>"$WORK/err" &
pid=$!
for _ in $(seq 3000); do
	sleep 0.02
	part=$(stat -c %s "$WORK"/one/state/spool/* 2>/dev/null || echo 0)
	[ "$part" -lt 500000 ] || break
done
kill -TERM $pid
got=0
wait $pid || got=$?
cat "$WORK/err"
[ $got -eq 12 ] || die "stopped with status $got"
runs one 1
part=$(stat -c %s "$WORK"/one/state/spool/*)
[ "$part" -ge 500000 ] || die "nothing was kept"
before=$(cat "$WORK/count")
on one update --json >"$WORK/out"
size=$(sed -n 's/^ *"package_len": *\([0-9]*\),*$/\1/p' "$WORK/out")
runs one 2
sleep 0.3
carried=$(($(cat "$WORK/count") - before))
echo "kept $part, then carried $carried bytes for a package of $size"
[ "$carried" -lt $((size - part + 10 * 65536 + 200000)) ] ||
	die "what was kept was fetched again"
