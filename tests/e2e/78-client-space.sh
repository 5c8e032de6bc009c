#!/bin/sh
# A disk that is too small, or full at any moment: said before anything is
# written, by how much; nothing is activated; with room the same update works,
# and going back works on a full disk.
[ "$(id -u)" -eq 0 ] || {
	echo "mounting a small disk needs root"
	exit 77
}
. "$(dirname "$0")/client-lib.sh"
mkdir -p "$WORK/disk"
mount -t tmpfs -o size=12m,nr_inodes=400 tmpfs "$WORK/disk" 2>/dev/null || {
	echo "cannot mount a small disk here"
	exit 77
}
trap 'umount "$WORK/disk"' EXIT

make_repo
make_release 1
make_device one
sed -i "s|^state = .*|state = $WORK/disk/state|
	s|^path = .*|path = $WORK/disk/slots|" "$WORK/one/client.conf"
ln -s "$WORK/disk/slots" "$WORK/one/slots"
on one update --from "$WORK/publish"
runs one 1

make_release 2 --from 1
for left in 0 1 100 1000 2000; do
	rm -f "$WORK/disk/fill"
	free=$(df -k --output=avail "$WORK/disk" | tail -n 1)
	head -c $(((free - left) * 1024)) /dev/zero >"$WORK/disk/fill"
	want 11 on one update --from "$WORK/publish"
	runs one 1
done
# Full at other moments than the first: no pre-flight knows of this file.
make_tree 3
cat >"$WORK/trees/3/bin/health" <<SH
#!/bin/sh
head -c 20000000 /dev/zero >"$WORK/disk/fill" 2>/dev/null
exit 5
SH
make_release 3 --from 1
rm -f "$WORK/disk/fill"
want 15 on one update --from "$WORK/publish"
[ "$(df -k --output=avail "$WORK/disk" | tail -n 1)" -eq 0 ] ||
	die "the disk is not full"
runs one 1
says one state rolled-back
says one reason health
rm -f "$WORK/disk/fill"
make_release 4 --from 1
on one update --from "$WORK/publish"
runs one 4

# Cut off while a slot is written, and the disk is full: what is half written
# gives its room back, and the next update has it.
rm -rf "$WORK/trees/4b"
make_tree 4b
head -c 3000000 /dev/urandom >"$WORK/trees/4b/noise"
make_release 4b
"$client" update --quiet --from "$WORK/publish" \
	--config "$WORK/one/client.conf" 2>/dev/null &
pid=$!
half=$WORK/disk/slots/$(readlink "$WORK/disk/slots/current" | cut -c1 | tr ab ba)
for _ in $(seq 1000); do
	[ ! -e "$half/tree/noise" ] || break
	sleep 0.002
done
kill -KILL $pid
wait $pid || :
if [ -e "$half/tree/lib" ] && [ ! -e "$half/release.json" ]; then
	free=$(df -k --output=avail "$WORK/disk" | tail -n 1)
	head -c $((free * 1024)) /dev/zero >"$WORK/disk/fill"
	want 11 on one update --from "$WORK/publish"
	[ -z "$(ls "$half")" ] || die "what is half written stays"
	rm "$WORK/disk/fill"
fi
on one update --quiet --from "$WORK/publish"
runs one 4b

# No more names.
make_tree 5
for n in $(seq 500); do echo "$n" >"$WORK/trees/5/lib/file.$n"; done
make_release 5
want 11 on one update --from "$WORK/publish"
runs one 4b
