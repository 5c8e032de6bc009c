#!/bin/sh
# Each machine gets exactly the files that packaging/files/ lists; the programs speak
# under the names that they were installed with; the units are ones that systemd takes.
set -eu
: "${BIN:?}" "${WORK:?}"
top=$(cd "$(dirname "$0")/../.." && pwd)

for part in signer server client; do
	sh "$top/tests/check/installed.sh" "$part" "$WORK/$part" B="$BIN"
done

for program in signer/usr/bin/pawl-signer server/usr/sbin/pawl-server \
	client/usr/sbin/pawl-client; do
	name=$(basename "$program")
	"$WORK/$program" --version | grep -q "^$name "
	"$WORK/$program" --help | grep -q "Usage: $name "
	if "$WORK/$program" nonsense 2>"$WORK/said"; then exit 1; fi
	grep -q "^$name: " "$WORK/said"
done

# A file more, or a mode that is not the listed one, is noticed.
if (
	cd "$WORK/client" && touch usr/sbin/left-over
	sh "$top/tests/check/installed.sh" client "$WORK/client" B="$BIN"
) >"$WORK/said" 2>&1; then
	echo "FAILED: a file that is not listed was not noticed"
	exit 1
fi
grep -q 'left-over' "$WORK/said"
rm "$WORK/client/usr/sbin/left-over"

# The device has no program of other machines, and no key.
if find "$WORK/client" -type f | grep -E 'signer|server|\.key|\.pem'; then
	echo "FAILED: a device got what is not for devices"
	exit 1
fi

# Flash is dear: what a device gets stays small (goal: 400 000 bytes).
case $BIN in
*/release)
	strip -o "$WORK/stripped" "$WORK/client/usr/sbin/pawl-client"
	size=$(wc -c <"$WORK/stripped")
	echo "figure client-size $size bytes"
	[ "$size" -le 400000 ]
	;;
esac

command -v systemd-analyze >/dev/null || {
	echo "systemd-analyze is not here: the units were not checked by systemd"
	exit 0
}
for part in server client; do
	# What the units stand on, in a root of its own.
	for unit in sysinit basic shutdown network-online multi-user; do
		echo '[Unit]' >"$WORK/$part/usr/lib/systemd/system/$unit.target"
	done
	systemd-analyze verify --man=no --root="$WORK/$part" \
		"/usr/lib/systemd/system/pawl-$part.service" 2>"$WORK/said" || {
		cat "$WORK/said"
		exit 1
	}
	if grep "pawl-$part" "$WORK/said"; then exit 1; fi
done
