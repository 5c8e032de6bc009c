#!/bin/sh
# A good repository with nothing for this device: another model, another
# product, another repository, an older state of it, one that has expired; and
# a release that fails its health check is not tried twice.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/device.sh
. "$here/device.sh"
make_repository
make_devices

# Statuses: 6 untrusted, 7 expired, 8 rollback, 10 refused, 15 health.

change() { # file, key, value: replaces a line of an INI file
	sed "s|^$2 = .*|$2 = $3|" "$1" >conf.new
	cat conf.new >"$1"
}

# Run with a changed configuration, which is mended before the next update.
with() { # key, value, folder
	cp device/client.conf conf.good
	change device/client.conf "$1" "$2"
	code=0
	client device update --from "$3" || code=$?
	cat conf.good >device/client.conf
	return "$code"
}

fresh
refused 'another model' 10 with model other r2
fresh
refused 'another product' 10 with product other r2
fresh
refused 'another environment' 10 with environment demo r2
fresh
refused 'a configuration that is wrong' 3 with attributes nonsense r2
fresh
refused 'a state folder that is no path' 3 with state nowhere r2

# Somebody else's repository of the same name is a stranger.
(
	mkdir stranger
	cd stranger
	# shellcheck disable=SC2030
	WORK=$PWD
	make_repository
)
fresh
refused 'a repository of somebody else' 6 client device update \
	--from stranger/r2

# Back in time: release 2 runs, and the folder still says 1.
rm -rf device pristine1
cp -a pristine pristine1
cp -a pristine device
client device update --from r2 >/dev/null
cp -a device pristine2
fingerprint device >pristine2.print
status=0
client device update --from r1 >out 2>err || status=$?
[ "$status" -eq 8 ] || {
	cat out err >&2
	die "an older state of the repository: status $status"
}
fingerprint device | cmp - pristine2.print || die 'release 1 came back'
echo "ok an older state: $(sed -n 's/^updater-client: //p' err)"
client device update --from r2 >out 2>err ||
	die 'the same repository again is not fine'
grep -q 'up to date' out || die 'the same repository again is not up to date'

# The same for a device that has forgotten its metadata: seq alone says no.
rm -rf device
cp -a pristine2 device
rm -f device/state/metadata/*
status=0
client device update --from r1 >out 2>err || status=$?
fingerprint device | cmp - pristine2.print ||
	die 'release 1 came back once metadata was lost'
echo "ok an older state, metadata lost: status $status: $(cat out err)"

# A release that says no to itself is taken back, and not taken again.
cp -a tree2 tree3
echo 'not 3' >tree3/share/number
create 3 tree3
sign_and_publish repo r3
fresh
status=0
client device update --from r3 >out 2>err || status=$?
[ "$status" -eq 15 ] || {
	cat out err >&2
	die "a release that fails its health check: status $status"
}
[ "$(runs device)" = 1 ] || die 'a release that failed its health check stayed'
echo "ok health: $(grep '^updater-client: ' err)"
# The next best is 2; then nothing is left to do, and 3 is still not it.
client device update --from r3 >out 2>err || {
	cat out err >&2
	die 'after a release that failed, the one before it cannot be had'
}
[ "$(runs device)" = 2 ] || die 'a release that was rolled back came back'
before=$(ls -di device/slots/a device/slots/b)
status=0
client device update --from r3 >out 2>err || status=$?
[ "$(runs device)" = 2 ] || die 'a release that was rolled back came back'
[ "$before" = "$(ls -di device/slots/a device/slots/b)" ] ||
	die 'slots were made anew for a release that is not wanted'
echo "ok not retried: status $status: $(cat out
	sed -n 's/^updater-client: //p' err)"

# Time, where faketime is installed.
faketime '2030-01-01 00:00:00' true 2>/dev/null || {
	echo 'skipped: expiry (faketime is not installed)'
	exit 0
}
later() {
	timeout 60 faketime '+3 years' "$BIN/updater-client" update --quiet \
		--from r2 --config device/client.conf
}
fresh
refused 'metadata that has expired' 7 later
fresh
earlier() {
	timeout 60 faketime '1970-01-02 00:00:00' "$BIN/updater-client" \
		update --quiet --from r2 --config device/client.conf
}
earlier >out 2>err || {
	cat out err >&2
	die 'a device without a clock cannot update'
}
[ "$(runs device)" = 2 ] || die 'a device without a clock changed nothing'
echo 'ok a device without a clock'
