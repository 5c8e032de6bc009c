#!/bin/sh
# The document for programs of the device is where they look for it, wherever the
# system has made room for it, unless the configuration says otherwise. With a /run
# of its own; that needs root.
skip() {
	echo "$1: no such device here"
	exit 77
}
[ -n "${OWN_RUN:-}" ] || {
	[ "$(id -u)" -eq 0 ] || skip "not root"
	unshare -m true 2>/dev/null || skip "no namespaces"
	OWN_RUN=1 exec unshare -m sh "$0"
}
. "$(dirname "$0")/client-lib.sh"
mount -t tmpfs none /run || skip "no memory file system"

make_repo
make_release 1
make_device one
on one update --quiet --from "$WORK/publish"
[ ! -e /run/pawl ] || die "it made the folder itself"

mkdir -m 755 /run/pawl
on one update --quiet --from "$WORK/publish"
grep -q '"release": *"1"' /run/pawl/status.json || die "nobody is told"
[ "$(stat -c %a /run/pawl/status.json)" = 644 ] || die "not for everybody"

# Also for who asks when somebody has damaged the configuration.
cp "$WORK/one/client.conf" "$WORK/plain.conf"
while_at_work() { # what is told of the work of another, as the damaged one has it
	echo damaged >>"$WORK/one/client.conf"
	rc=0
	(cd "$WORK" && flock "$WORK/one/state/lock" "$client" status --config \
		"$WORK/one/client.conf" >"$WORK/out") || rc=$?
	[ $rc -eq 3 ] || die "status ends with $rc"
}
told='{"progress":{"phase":"fetching","done":1,"total":2}}'
echo "$told" >/run/pawl/status.json
while_at_work
grep -q '^progress' "$WORK/out" || die "not where it is by default"
mkdir "$WORK/none"
rm /run/pawl/status.json
for other in none "$WORK/elsewhere"; do
	sed "/^state/a status = $other" "$WORK/plain.conf" >"$WORK/one/client.conf"
	on one update --quiet --from "$WORK/publish"
	[ ! -e /run/pawl/status.json ] || die "$other, and it was told there"
done
sed "/^state/a status = none" "$WORK/plain.conf" >"$WORK/one/client.conf"
on one update --quiet --from "$WORK/publish"
while_at_work
! grep '^progress' "$WORK/out" || die "told by nobody"
grep -q '"release": *"1"' "$WORK/elsewhere" || die "not where it should be"
[ ! -e none ] || die "it is called none"
