#!/bin/sh
# The client is stopped at its n-th operation, or that operation fails, for every
# n (LONG=1) or every few: afterwards no rule is broken, and the same command run
# again comes to its end. operations.c says what is checked, shim.h what happens.
# Begun early: many cases.
# In memory: no power goes here, so nothing is asked of the disk.
. "$(dirname "$0")/device.sh"
make_releases 2>/dev/null
make_device one
cp -a "$WORK/one" "$WORK/fresh0"
on one update --quiet --from "$WORK/publish.1"
cp -a "$WORK/one" "$WORK/fresh1"
cp -a "$WORK/one" "$WORK/keeps1"
on one update --quiet --from "$WORK/publish.2"
mv "$WORK/one" "$WORK/fresh2"

# What is the device's own comes along.
printf '[keep]\npath = etc/id\n' >>"$WORK/keeps1/client.conf"
slot=$(readlink "$WORK/keeps1/slots/current")
mkdir -p "$WORK/keeps1/slots/${slot%/tree}/keep/etc"
echo ours >"$WORK/keeps1/slots/${slot%/tree}/keep/etc/id"

make_image_releases 2>/dev/null
cp -r "$WORK/publish.i1" "$WORK/publish"
make_image_device one
cp -a "$WORK/one" "$WORK/image0"
on one update --quiet --from "$WORK/publish.i1"
boot_into one b
on one update --quiet --from "$WORK/publish.i2"
boot_into one a
on one update --quiet --from "$WORK/publish.i2"
mv "$WORK/one" "$WORK/image2" # i2 runs in slot a, i1 is in slot b

# i3 waits for its boot, and i4 comes.
cp -a "$WORK/image2" "$WORK/one"
on one update --quiet --from "$WORK/publish.i3"
mv "$WORK/one" "$WORK/waits3"

make_stream_release 2>/dev/null
cp -a "$WORK/image2" "$WORK/one"
echo "$stream_settings" >>"$WORK/one/client.conf"
mv "$WORK/one" "$WORK/stream2"

make_stream_tree_release 2>/dev/null
cp -a "$WORK/fresh1" "$WORK/stream1"
echo "$stream_settings" >>"$WORK/stream1/client.conf"

make_releases_of_parts 2>/dev/null
make_device_of_parts one
cp -a "$WORK/one" "$WORK/parts0"
on one update --quiet --from "$WORK/publish.c1"
cp -a "$WORK/one" "$WORK/parts1"

cat >"$WORK/handler" <<SH
#!/bin/sh
case \$1 in
check) cmp -s - $WORK/one/chip ;;
write | undo) cat >$WORK/one/chip ;;
esac
SH
chmod 755 "$WORK/handler"
sed -i "s|^kind = file|kind = handler\nprogram = $WORK/handler|" \
	"$WORK/one/client.conf"
cp "$WORK/one/client.conf" "$WORK/chip.conf"
rm -rf "$WORK/one"
cp -a "$WORK/parts0" "$WORK/one"
cp "$WORK/chip.conf" "$WORK/one/client.conf"
on one update --quiet --from "$WORK/publish.c1"
mv "$WORK/one" "$WORK/chip1"

# Cut off in its trial: a person decides. And one who went back stays there.
make_small_tree 6
printf '#!/bin/sh\nkill -9 $PPID\n' >"$WORK/trees/6/bin/health"
make_release 6 --from 2 2>/dev/null
mv "$WORK/publish" "$WORK/publish.6"
cp -a "$WORK/fresh2" "$WORK/one"
! on one update --quiet --from "$WORK/publish.6" 2>/dev/null || die "6 was kept"
mv "$WORK/one" "$WORK/tries6"
# Without the lines of how these came there: the way back adds one.
for before in fresh2 image2; do
	cp -a "$WORK/$before" "$WORK/back-$before"
	rm "$WORK/back-$before/state/history.json"
done
cat >"$WORK/decide" <<SH
#!/bin/sh
# A person says it until it is so; then the device goes on by itself.
on() { "$client" "\$@" --quiet --config "$WORK/one/client.conf"; }
on status --json | grep -q "\$DECIDED" || on "\$1" || exit
[ -z "\${PAWL_SHIM_HOW:-}" ] || exit 0
on update --from "\$FROM"
case \$? in 0 | 10 | 15) ;; *) exit 1 ;; esac
SH
chmod 755 "$WORK/decide"

# SEED=N takes other operations; LONG=1 all.
at=${SEED:-333}
try() { # what happens, every, device before, what runs then, options, command
	how=$1 every=$2 before=$3 runs=$4
	shift 4
	[ -z "${LONG:-}" ] || every=1
	at=$((at % every + 1))
	# shellcheck disable=SC2086 # a list of options
	"$crash/operations" --how "$how" --every "$every" --first "$at" \
		--fresh "$WORK/$before" --device "$WORK/one" $releases \
		--client "${driver:-$client}" --shim "$crash/shim.so" \
		--runs "$runs" "$@" ||
		die "$how: $*"
}

install="update --from $WORK/publish.1"
update="update --from $WORK/publish.2"
bad="update --from $WORK/publish.3"

# shellcheck disable=SC2086 # commands with their options
{
	try stop 2 fresh1 2 -- $update
	try stop 5 fresh1 2 --again -- $update
	try stop 5 fresh0 1 -- $install
	try stop 5 fresh2 2 --status 15 -- $bad
	for how in full dead eio; do
		try $how 9 fresh1 2 -- $update
		try $how 12 fresh0 1 -- $install
		try $how 15 fresh2 2 --status 15 -- $bad
	done
	try short 7 fresh1 2 -- $update
	try stop 7 keeps1 2 -- $update
	try stop 19 keeps1 2 --again -- $update
	for how in full dead eio; do
		try $how 19 keeps1 2 -- $update
	done
	try unreadable 40 fresh1 2 -- $update

	# A person keeps what was cut off in its trial, or goes back.
	released=$releases
	releases="$releases --release 6=$WORK/trees/6"
	driver=$WORK/decide
	export DECIDED='"state": *"confirmed"' FROM="$WORK/publish.6"
	try stop 3 tries6 6 -- confirm
	for how in full dead eio; do
		try $how 9 tries6 6 -- confirm
	done
	releases=$released
	export DECIDED='"boot_next": *"a"' FROM="$WORK/publish.2"
	try stop 3 back-fresh2 1 -- rollback
	try stop 7 back-fresh2 1 --again -- rollback
	for how in full dead eio; do
		try $how 9 back-fresh2 1 -- rollback
	done
	driver=

	# Several components: all of one release, or all of the other.
	trees=$releases
	releases=$releases_of_parts
	install="update --from $WORK/publish.c1"
	update="update --from $WORK/publish.c2"
	try stop 7 parts1 c2 -- $update
	try stop 17 parts1 c2 --again -- $update
	try stop 17 parts0 c1 -- $install
	for how in full dead eio; do
		try $how 25 parts1 c2 -- $update
	done
	try unreadable 90 parts1 c2 -- $update
	# With a chip that a handler writes: it is sent again, or the one before.
	try stop 23 chip1 c2 -- $update
	try stop 61 chip1 c2 --again -- $update
	for how in full dead eio; do
		try $how 61 chip1 c2 -- $update
	done
	releases=$trees

	# Images: what counts is what the next boot starts.
	releases=$image_releases
	install="update --from $WORK/publish.i1"
	update="update --from $WORK/publish.i3"
	try stop 3 image2 i3 -- $update
	try stop 9 image2 i3 --again -- $update
	try stop 9 image0 i1 -- $install
	for how in full dead eio short; do
		try $how 12 image2 i3 -- $update
	done
	update="update --from $WORK/publish.i4"
	try stop 5 waits3 i4 -- $update
	try stop 15 waits3 i4 --again -- $update
	for how in full dead eio; do
		try $how 20 waits3 i4 -- $update
	done
	export DECIDED='"boot_next": *"b"' FROM="$WORK/publish.i2"
	driver=$WORK/decide
	try stop 7 back-image2 i1 -- rollback
	for how in full dead eio; do
		try $how 15 back-image2 i1 -- rollback
	done
	driver=

	# Written as it comes: what was begun is gone on with, or begun anew.
	update="update --from $WORK/publish.i4"
	try stop 5 stream2 i4 -- $update
	try stop 15 stream2 i4 --again -- $update
	for how in full dead eio short; do
		try $how 20 stream2 i4 -- $update
	done
	releases=$stream_releases
	update="update --from $WORK/publish.4"
	try stop 7 stream1 4 -- $update
	try stop 17 stream1 4 --again -- $update
	for how in full dead eio short; do
		try $how 25 stream1 4 -- $update
	done
}
