#!/bin/sh
# A device installs from a folder: full, then by delta; what is wrong there is
# refused, nothing is activated, and the next good folder installs.
. "$(dirname "$0")/client-lib.sh"

make_repo
make_release 1
make_device one

want 13 on one status
want 20 on one check --from "$WORK/publish"
on one update --from "$WORK/publish" --json >"$WORK/out"
grep -q '"result": *"updated"' "$WORK/out" || die "$(cat "$WORK/out")"
grep -q '"package": *"full"' "$WORK/out" || die "not the full package"
runs one 1
says one state confirmed
want 0 on one check --from "$WORK/publish"
want 0 on one update --from "$WORK/publish"

make_release 2 --from 1
want 20 on one check --from "$WORK/publish"
on one update --from "$WORK/publish" --json >"$WORK/out"
grep -q '"package": *"delta"' "$WORK/out" || die "not the delta"
runs one 2
[ "$(readlink "$WORK/one/slots/current")" = b/tree ] || die "not slot b"

# Back by hand, and not forth again by itself.
on one rollback
runs one 1
says one reason person
want 10 on one update --from "$WORK/publish"
on one update --retry --from "$WORK/publish"
runs one 2
on one confirm

# The history of all that is kept; of two equal ends, too.
ends() {
	on one status --json | grep -c '"result"'
}
[ "$(ends)" -eq 4 ] || die "history"
on one update --repair --from "$WORK/publish"
on one update --repair --from "$WORK/publish"
[ "$(ends)" -eq 6 ] || die "two equal ends are $(($(ends) - 4)) lines"

cp -r "$WORK/publish" "$WORK/publish.2"
make_release 3 --from 2

# Metadata changed by one byte, and metadata that is missing.
cp -r "$WORK/publish" "$WORK/bad"
targets=$(ls "$WORK"/bad/metadata/*.targets.json | tail -1)
sed -i 's/"seq":3/"seq":4/' "$targets"
want 6 on one update --from "$WORK/bad"
rm "$targets"
want 13 on one update --from "$WORK/bad"
runs one 2

# Another product is not for us, nor is another environment's root.
sed 's/^product = .*/product = camera/' "$WORK/one/client.conf" \
	>"$WORK/one/camera.conf"
chmod 644 "$WORK/one/camera.conf"
want 10 "$client" update --from "$WORK/publish" \
	--config "$WORK/one/camera.conf"
want 10 sh -c "sed 's/^environment = .*/environment = production/' \
	'$WORK/one/client.conf' >'$WORK/one/p.conf' &&
	exec '$client' update --from '$WORK/publish' --config '$WORK/one/p.conf'"
runs one 2

# A folder whose package changed by one byte, then one that is cut short.
package=$(ls "$WORK"/publish/targets/gateway/3/*from-2*)
cp "$package" "$WORK/good"
size=$(stat -c %s "$package")
printf 'X' | dd of="$package" bs=1 seek=$((size - 10)) conv=notrunc 2>/dev/null
want 6 on one update --from "$WORK/publish"
runs one 2
head -c $((size / 2)) "$WORK/good" >"$package"
want 4 on one update --from "$WORK/publish"
runs one 2
cp "$WORK/good" "$package"

on one update --from "$WORK/publish"
runs one 3

# An older folder is not gone back to.
want 8 on one update --from "$WORK/publish.2"
runs one 3
