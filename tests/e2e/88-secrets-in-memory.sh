#!/bin/sh
# While a program holds a key or a passphrase: it lies in locked pages, no core
# file would be written, and another process of the same user reads nothing.
# (The device's unwrap process: tests/unit/test_worker.c.)
. "$(dirname "$0")/client-lib.sh"
words='correct horse battery staple'

command -v setpriv >/dev/null || {
	echo "no setpriv"
	exit 77
}

# Run in this very process, as root without the rights that pass any check.
cat >"$WORK/plainly" <<'SH'
#!/bin/sh
[ "$(id -u)" = 0 ] || exec "$@"
exec setpriv --bounding-set=-all --inh-caps=-all "$@"
SH
chmod 755 "$WORK/plainly"
cat >"$WORK/peek.py" <<'PY'
import sys
# As gcore does: every mapping that can be read. Prints where the words are.
pid, words = sys.argv[1], sys.argv[2].encode()
try:
    maps = open(f"/proc/{pid}/maps").readlines()
    mem = open(f"/proc/{pid}/mem", "rb")
except PermissionError:
    sys.exit(3)
for line in maps:
    span, rights = line.split()[:2]
    if "r" not in rights or "[v" in line:
        continue
    start, end = (int(x, 16) for x in span.split("-"))
    try:
        mem.seek(start)
        if words in mem.read(end - start):
            sys.exit(0)
    except OSError:
        pass
sys.exit(1)
PY
peek() { "$WORK/plainly" python3 "$WORK/peek.py" "$1" "$words"; }

# The tool works: it finds the words in a program that does not care.
"$WORK/plainly" python3 -c "
import sys, time
held = sys.argv[1]
print('', flush=True)
time.sleep(300)" "$words" >"$WORK/ready" &
careless=$!
for _ in $(seq 1200); do
	[ ! -s "$WORK/ready" ] || break
	sleep 0.05
done
got=0
peek $careless || got=$?
kill $careless
[ "$got" = 0 ] || {
	echo "no process reads another one here ($got)"
	exit 77
}

kilobytes() { awk '/^VmLck/ { print $2 }' "/proc/$1/status"; }
guarded() { # pid, who, kilobytes that are locked at least
	grep -q 'Max core file size *0 *0 ' "/proc/$1/limits" ||
		die "$2 would leave a core file"
	[ "$(kilobytes "$1")" -ge "$3" ] ||
		die "$2 has locked $(kilobytes "$1") kB, not $3"
	got=0
	peek "$1" || got=$?
	[ "$got" = 3 ] || die "the memory of $2 can be read ($got)"
}

# The signer, in the middle of a passphrase.
printf '%s\n' "$words" >"$WORK/pass"
"$signer" key generate "$WORK/key" --environment lab --passphrase-fd 3 \
	3<"$WORK/pass" >/dev/null
mkfifo "$WORK/slow"
"$WORK/plainly" "$signer" init "$WORK/half" --environment lab --owner Tests \
	--product gateway --key "$WORK/key" --with-online --passphrase-fd 3 \
	3<"$WORK/slow" >"$WORK/out" 2>&1 &
waiting=$!
exec 9>"$WORK/slow"
printf '%s' "$words" >&9
for _ in $(seq 1200); do
	[ "$(kilobytes $waiting)" = 0 ] || break
	sleep 0.05
done
sleep 0.2
guarded $waiting pawl-signer 4
echo >&9
exec 9>&-
wait $waiting || die "$(cat "$WORK/out")"

# Where nothing may be locked it says so, and works.
printf '%s\n' "$words" >"$WORK/pass"
"$WORK/plainly" sh -c 'ulimit -l 0; exec "$@"' sh "$signer" key show \
	"$WORK/key" 2>&1 | grep -q 'keys may reach swap' ||
	die "nobody is told that nothing can be locked"

# The server and its keeper, with three keys: device CA, online and log.
cat >"$WORK/server.sh" <<SH
#!/bin/sh
[ "\$1" = run ] || exec "$BIN/update-server" "\$@"
exec "$WORK/plainly" "$BIN/update-server" "\$@"
SH
chmod 755 "$WORK/server.sh"
server=$WORK/server.sh
make_server
keeper=$(cat "/proc/$server_pid/task/$server_pid/children")
keeper=${keeper%% *}
grep -q pawl-keeper "/proc/$keeper/comm" || die "no keeper in $keeper"
guarded "$keeper" 'the keeper' 12
guarded "$server_pid" 'the server' 0
