#!/bin/sh
# A disk that is too small, or full at any moment: said before anything is
# written, by how much; nothing is activated; with room the same update works,
# and going back works on a full disk.
# Begun early: many updates.
. "$(dirname "$0")/../own-mounts.sh"
own_mounts
. "$(dirname "$0")/client-lib.sh"
tree_size=3
mkdir -p "$WORK/disk"
mount -t tmpfs -o size=13m,nr_inodes=400 tmpfs "$WORK/disk" 2>/dev/null || {
	echo "cannot mount a small disk here"
	exit 77
}

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

# So does a package that another has replaced before it came.
make_release 4c --from 4b
stale=$WORK/disk/state/spool/$(printf old | sha256sum | cut -c1-64)
free=$(df -k --output=avail "$WORK/disk" | tail -n 1)
head -c 3000000 /dev/zero >"$stale"
head -c $(((free - 4000) * 1024)) /dev/zero >"$WORK/disk/fill"
on one update --quiet --from "$WORK/publish"
runs one 4c
rm "$WORK/disk/fill"

# A tree that is written as it comes, cut off near its end: it goes on, or a
# newer one comes, in the room that the half of it takes.
printf '[fetch]\nspool = never\nwindow = 262144\n' >>"$WORK/one/client.conf"
cut_near_end() { # id
	rm -rf "$WORK/trees/$1"
	make_tree "$1"
	head -c 3000000 /dev/urandom >"$WORK/trees/$1/noise"
	make_release "$1"
	package=$(find "$WORK/publish/targets/gateway/$1" -name "*full.pawl")
	[ -f "$package" ] || die "where is the package? $package"
	cp "$package" "$WORK/good"
	free=$(df -k --output=avail "$WORK/disk" | tail -n 1)
	half=$WORK/disk/slots/$(readlink "$WORK/disk/slots/current" | cut -c1 |
		tr ab ba)
	printf damaged | dd of="$package" bs=1 conv=notrunc status=none \
		seek=$(($(stat -c %s "$package") - 200))
	want 6 on one update --quiet --from "$WORK/publish"
	cat "$WORK/good" >"$package"
	[ "$(du -sk "$half" | cut -f1)" -gt 2000 ] || die "nothing was written"
	[ ! -e "$half/release.json" ] || die "a half is called whole"
	free=$(df -k --output=avail "$WORK/disk" | tail -n 1)
	head -c $(((free - 2700) * 1024)) /dev/zero >"$WORK/disk/fill"
}
cut_near_end 4d
on one update --quiet --from "$WORK/publish"
runs one 4d
rm "$WORK/disk/fill"
cut_near_end 4e
rm -rf "$WORK/trees/4f"
cp -r "$WORK/trees/4e" "$WORK/trees/4f"
echo 4f >"$WORK/trees/4f/version"
make_release 4f
on one update --quiet --from "$WORK/publish"
runs one 4f
rm "$WORK/disk/fill"

# No more names.
make_tree 5
for n in $(seq 500); do echo "$n" >"$WORK/trees/5/lib/file.$n"; done
make_release 5
want 11 on one update --from "$WORK/publish"
runs one 4f
