#!/bin/sh
# A full update of an image slot, with read-back: CPU seconds of all processes
# of the client, beside what no installer can do without (zstd -d into the
# slot, sync), one SHA-256 of the image, and SWUpdate with the same image, the same
# compressor and a signature, which reads nothing back. The goal is 2.5 times that.
# SIZE in MB of an ext4 image that FROM fills.
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
	python3 "$WORK/cpu.py" "$@" >"$WORK/$what.cpu"
	printf 'figure image-%s %s\n' "$what" "$(cat "$WORK/$what.cpu")"
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
		--content image --codec zstd --input "$WORK/image" --quiet
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

command -v swupdate >/dev/null || {
	echo "no swupdate: make deps GROUP=long"
	exit 0
}
peer=$WORK/swupdate
mkdir "$peer"
mv "$WORK/image.zst" "$peer/image.zst"
cat >"$peer/sw-description" <<INI
software = {
	version = "1.0";
	hardware-compatibility: [ "1.0" ];
	images: ({
		filename = "image.zst";
		device = "$WORK/slot-a";
		type = "raw";
		compressed = "zstd";
		sha256 = "$(sha256sum "$peer/image.zst" | cut -d' ' -f1)";
	});
}
INI
(
	cd "$peer"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout key -out certificate -subj /CN=bench -days 30 \
		-addext extendedKeyUsage=emailProtection \
		-addext keyUsage=digitalSignature
	openssl cms -sign -in sw-description -out sw-description.sig \
		-signer certificate -inkey key -outform DER -nosmimecap -binary
	printf '%s\n' sw-description sw-description.sig image.zst |
		cpio -o -H crc >package
) >>"$WORK/log" 2>&1
truncate -s 0 "$WORK/slot-a"
truncate -s "${size}M" "$WORK/slot-a"
measure swupdate env "TMPDIR=$peer" swupdate -i "$peer/package" \
	-k "$peer/certificate" -H board:1.0 -M -m
cmp "$WORK/image" "$WORK/slot-a"
awk '{ cpu[NR] = $1 } END {
	printf "figure image-beside-swupdate %.2f times (goal: 2.5)\n", \
		cpu[1] / cpu[2]
}' "$WORK/update.cpu" "$WORK/swupdate.cpu"
