#!/bin/sh
# A system on a device, through the real programs: every attribute comes through
# a full package, through a delta, and out of a tar with holes. Without root
# nothing is written.
command -v python3 >/dev/null && [ "$(id -u)" -eq 0 ] || {
	echo "needs root and python3: owners and devices"
	exit 77
}
. "$(dirname "$0")/client-lib.sh"
tree() {
	python3 "$(dirname "$0")/../tools/system_tree.py" "$@"
}
mkdir -p "$WORK/trees"
for n in 1 2 3; do
	tree make "$WORK/trees/$n" $n || {
		echo "no devices or labels can be made here"
		exit 77
	}
	tree list "$WORK/trees/$n" >"$WORK/list.$n"
done
grep -q 'security.selinux=' "$WORK/list.1" || die "no label"
grep -q 'security.capability=' "$WORK/list.1" || die "no capability"
grep -q 'sparse.* holes$' "$WORK/list.1" || die "no holes"

same() { # id
	tree list "$WORK/one/slots/current/" >"$WORK/list.is"
	diff "$WORK/list.$1" "$WORK/list.is" >"$WORK/diff" || {
		cut -c 1-300 "$WORK/diff"
		die "what runs is not $1 in every attribute"
	}
}
release() { # id, options
	id=$1
	shift
	"$signer" release create "$WORK/repo" --product gateway --id "$id" \
		--attributes system --quiet "$@" >/dev/null
	resign
}
make_repo
release 1 --input "$WORK/trees/1"
make_device one
cat >>"$WORK/one/client.conf" <<INI
[slot]
attributes = system
INI

# Who is not root is told so, and nothing is written.
mkdir "$WORK/nobody"
sed "s|$WORK/one/s|$WORK/nobody/s|" "$WORK/one/client.conf" \
	>"$WORK/nobody/client.conf"
chown 65534:65534 "$WORK/nobody"
chmod 755 "$WORK"
if setpriv --reuid=65534 --regid=65534 --clear-groups true 2>/dev/null; then
	want 10 setpriv --reuid=65534 --regid=65534 --clear-groups "$client" \
		update --quiet --from "$WORK/publish" \
		--config "$WORK/nobody/client.conf" 2>"$WORK/err"
	grep -q 'by root only' "$WORK/err" || die "why, it does not say"
	[ -z "$(find "$WORK/nobody/slots" -type f)" ] || die "it was written to"
fi

on one update --quiet --from "$WORK/publish"
same 1
# As a delta.
release 2 --input "$WORK/trees/2" --from 1
on one update --from "$WORK/publish" 2>/dev/null | grep -q 'delta package' ||
	die "no delta"
same 2
# From a tar whose members have holes: the same release as from the folder.
tar --sparse --xattrs --xattrs-include='*' --format=posix --numeric-owner \
	-cf "$WORK/3.tar" -C "$WORK/trees/3" .
[ "$(stat -c %s "$WORK/3.tar")" -lt 4000000 ] || die "the tar has no holes"
release 3 --input "$WORK/3.tar" --from 2
on one update --quiet --from "$WORK/publish"
same 3
# And back: the slot is read whole, with all of that, before it counts.
on one rollback --quiet
same 2
release 4 --input "$WORK/trees/1" --from 2
on one update --quiet --from "$WORK/publish"
same 1
python3 -c 'import os, sys; os.removexattr(sys.argv[1], "security.capability")' \
	"$WORK/one/slots/$(readlink "$WORK/one/slots/current" |
		sed 's|/.*||' | tr ab ba)/tree/bin/ping"
want 6 on one rollback 2>"$WORK/err"
grep -q 'bin/ping: extended attributes differ' "$WORK/err" || {
	cat "$WORK/err"
	die "the lost capability is not named"
}
same 1
