#!/bin/sh
# A full update of an image slot, with read-back: CPU seconds of all processes
# of the client, beside what no installer can do without (zstd -d into the
# slot, sync) and one SHA-256 of the image. The goal: at most three of those. SIZE in
# MB of an ext4 image that FROM fills.
set -eu
WORK=$(mktemp -d "${TMPDIR:-/tmp}/pawl-image.XXXXXX")
export WORK
finish() {
	status=$?
	trap - EXIT
	[ "$status" -eq 0 ] || cat "$WORK/log"
	rm -rf "$WORK"
	exit "$status"
}
trap finish EXIT
. "$(dirname "$0")/../e2e/client-lib.sh"
size=${SIZE:-335}
from=${FROM:-/usr/lib/$(uname -m)-linux-gnu}

# CPU seconds of a command and all that it waited for.
cat >"$WORK/cpu.py" <<'PY'
import os, resource, subprocess, sys, time
began = time.monotonic()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL,
                      stderr=subprocess.DEVNULL)
if done.returncode:
    sys.exit(f"status {done.returncode}: {sys.argv[1:]}")
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"{used.ru_utime + used.ru_stime:.2f} CPU s, "
      f"{time.monotonic() - began:.2f} s")
PY
measure() { # what, command...
	what=$1
	shift
	printf 'figure image-%s %s\n' "$what" "$(python3 "$WORK/cpu.py" "$@")"
}

# Files until three quarters are full, as an image that a device might have.
mkdir "$WORK/content"
find "$from" -maxdepth 1 -type f -size +16k -size -8M | sort |
	while read -r file; do
		[ "$(du -sm "$WORK/content" | cut -f1)" -lt $((size * 3 / 4)) ] ||
			break
		cp "$file" "$WORK/content/"
	done
truncate -s "${size}M" "$WORK/image"
/sbin/mkfs.ext4 -q -d "$WORK/content" "$WORK/image" >"$WORK/log" 2>&1
rm -r "$WORK/content"

{
	make_repo
	"$signer" release create "$WORK/repo" --product gateway --id 1 \
		--content image --input "$WORK/image" --quiet
	"$signer" sign "$WORK/repo" --key "$WORK/key" \
		--passphrase-fd 3 3<"$WORK/pass"
	"$signer" publish "$WORK/repo" "$WORK/publish" $online
	make_device one
} >>"$WORK/log" 2>&1
: >"$WORK/record"
cat >"$WORK/control" <<SH
#!/bin/sh
case \$1 in
read) cat $WORK/record ;;
write) shift; printf '%s\n' "\$@" | grep -v '=\$' >$WORK/record.new
	mv $WORK/record.new $WORK/record ;;
esac
SH
chmod 755 "$WORK/control"
echo pawl.slot=a >"$WORK/cmdline"
echo boot-1 >"$WORK/number"
cat >>"$WORK/one/client.conf" <<INI
[slot]
kind = image
a = $WORK/slot-a
b = $WORK/slot-b
[boot]
control = command
command = $WORK/control
cmdline = $WORK/cmdline
number = $WORK/number
INI
truncate -s "${size}M" "$WORK/slot-a" "$WORK/slot-b"

measure update "$client" update --from "$WORK/publish" \
	--config "$WORK/one/client.conf"
cmp "$WORK/image" "$WORK/slot-b"
zstd -q -3 "$WORK/image" -o "$WORK/image.zst"
truncate -s 0 "$WORK/slot-a"
measure floor-zstd-dd sh -c \
	"zstd -dc '$WORK/image.zst' | dd of='$WORK/slot-a' bs=64k conv=fsync"
measure floor-sha256 sha256sum "$WORK/image"
