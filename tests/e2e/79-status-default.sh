#!/bin/sh
# The document for programs of the device is where they look for it, wherever the
# system has made room for it, unless the configuration says otherwise. With a /run
# and /etc of its own; that needs root.
. "$(dirname "$0")/../own-mounts.sh"
own_mounts
skip() {
	echo "$1: no such device here"
	exit 77
}
. "$(dirname "$0")/client-lib.sh"
mount -t tmpfs none /run || skip "no memory file system"
mkdir "$WORK/etc"
mount -t tmpfs none "$WORK/etc"
cp -a /etc/. "$WORK/etc"
rm -rf "$WORK/etc/pawl"
mkdir -m 755 "$WORK/etc/pawl"
mount --bind "$WORK/etc" /etc || skip "no /etc of its own"
own=/etc/pawl/client.conf

make_repo
make_release 1
make_device one
cp "$WORK/one/client.conf" "$WORK/plain.conf"
cp "$WORK/plain.conf" "$own"
update() {
	"$client" update --quiet --from "$WORK/publish"
}
update
[ ! -e /run/pawl ] || die "it made the folder itself"

mkdir -m 755 /run/pawl
update
grep -q '"release": *"1"' /run/pawl/status.json || die "nobody is told"
# What is in it is not for everybody, unless somebody wants that.
[ "$(stat -c %a /run/pawl/status.json)" = 640 ] || die "everybody may read it"

# Another configuration of this machine says nothing there, and takes nothing away.
told='{"progress":{"phase":"fetching","done":1,"total":2}}'
echo "$told" >/run/pawl/status.json
on one update --quiet --from "$WORK/publish"
[ "$(cat /run/pawl/status.json)" = "$told" ] || die "written over by another"
# It may name the place.
sed '/^state/a status = /run/pawl/status.json' "$WORK/plain.conf" \
	>"$WORK/one/client.conf"
on one update --quiet --from "$WORK/publish"
grep -q '"release": *"1"' /run/pawl/status.json || die "not where it was named"
[ "$(stat -c %a /run/pawl/status.json)" = 644 ] || die "not for everybody"

# Also for who asks when somebody has damaged the configuration.
update
while_at_work() { # what is told of the work of another, as the damaged one has it
	echo damaged >>"$own"
	rc=0
	(cd "$WORK" && flock "$WORK/one/state/lock" "$client" status >"$WORK/out") ||
		rc=$?
	[ $rc -eq 3 ] || die "status ends with $rc"
}
echo "$told" >/run/pawl/status.json
while_at_work
grep -q '^progress' "$WORK/out" || die "not where it is by default"
mkdir "$WORK/none"
rm /run/pawl/status.json
for other in none "$WORK/elsewhere"; do
	sed "/^state/a status = $other" "$WORK/plain.conf" >"$own"
	update
	[ ! -e /run/pawl/status.json ] || die "$other, and it was told there"
done
sed "/^state/a status = none" "$WORK/plain.conf" >"$own"
update
while_at_work
! grep '^progress' "$WORK/out" || die "told by nobody"
grep -q '"release": *"1"' "$WORK/elsewhere" || die "not where it should be"
[ ! -e none ] || die "it is called none"
