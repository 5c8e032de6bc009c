#!/bin/sh
# A device whose loader is spoken for by a program: the protocol, and what is
# made of a program that does not keep to it.
. "$(dirname "$0")/command-lib.sh"

live

# A slot that a factory left on trial is confirmed by nobody before the device is
# enrolled, where that is production: neither by a person nor by its own health, and
# so the loader goes back.
cp "$record" "$WORK/record.one"
: >"$record"
make_boot_device vendor
on vendor update --from "$WORK/publish"
boot vendor
told pawl_slot b
sed -i 's/^environment = .*lab$/environment = production/' "$WORK/vendor/client.conf"
grep -q '^environment = production' "$WORK/vendor/client.conf" || die "not production"
for how in "update --from $WORK/publish" confirm; do
	# shellcheck disable=SC2086 # a command with its options
	want 10 on vendor $how 2>"$WORK/said"
	grep -q 'a production device is enrolled before' "$WORK/said" ||
		die "$how: $(cat "$WORK/said")"
	told pawl_back a
	says vendor state trial
done
for left in 1 0; do
	boot vendor
	told pawl_left $left
done
boot vendor
told pawl_slot a
told pawl_back ""
cp "$WORK/record.one" "$record"

# A write that does not last is found before anything is fetched.
"$signer" floor "$WORK/repo" --product gateway --release 1 >/dev/null 2>&1
make_release 5 --from 1
cp "$WORK/program" "$WORK/good"
sed 's/^write).*/write) : ;;/' "$WORK/good" >"$WORK/program"
rm -f "$record"
touch "$record"
want 1 on one update --from "$WORK/publish" 2>"$WORK/said"
grep -q 'did not last' "$WORK/said" || die "no reason: $(cat "$WORK/said")"
# So is one that says more than it may, or too little.
sed 's/^read).*/read) echo hello ;;/' "$WORK/good" >"$WORK/program"
got=0
on one update --from "$WORK/publish" 2>"$WORK/said" || got=$?
[ $got -ne 0 ] || die "a chatty program was believed"
on one status --json | grep -q boot_error || die "status does not tell"
says one slot b
# And a program that others may write is not run at all.
cp "$WORK/good" "$WORK/program"
chmod 777 "$WORK/program"
got=0
on one update --from "$WORK/publish" 2>"$WORK/said" || got=$?
[ $got -ne 0 ] || die "a program of everybody was run"
chmod 755 "$WORK/program"
on one update --from "$WORK/publish"
says one state reboot-pending
# It is not enrolled: with nobody to ask, waiting is no failure.
on one update --json >"$WORK/said"
grep -q '"result": *"reboot-pending"' "$WORK/said" || die "it forgot its boot"
# What was never started is not called good.
on one status >"$WORK/said"
grep -q '^slot a *installed, ' "$WORK/said" &&
	grep -q '^slot b *good, ' "$WORK/said" || {
	cat "$WORK/said"
	die "a slot that has not started yet is called something else"
}
# Where what ran lies below the floor, it is not taken back: one refusal, and
# all stays as it was.
on one status --json | grep -q '"floor": *1' || die "the floor is not stored"
cp "$WORK/one/slots/b/release.json" "$WORK/release.json"
sed -i 's/"content_seq": *[0-9]*/"content_seq": 0/' "$WORK/one/slots/b/release.json"
for _ in 1 2; do
	want 8 on one rollback 2>"$WORK/said"
	grep -q 'below the floor' "$WORK/said" || die "$(cat "$WORK/said")"
	says one state reboot-pending
done
# Not healthy either, the new one stays for want of a way back; a release that
# mends it comes.
make_tree 6
echo "exit 7" >>"$WORK/trees/6/bin/health"
cp "$WORK/release.json" "$WORK/one/slots/b/release.json"
boot one
on one update --from "$WORK/publish"
says one state confirmed
make_release 6 --from 5
on one update --from "$WORK/publish"
says one state reboot-pending
sed -i 's/"content_seq": *[0-9]*/"content_seq": 0/' "$WORK/one/slots/a/release.json"
boot one
told pawl_left 2
want 15 on one update --from "$WORK/publish" 2>"$WORK/said"
grep -q 'slot a may not run again' "$WORK/said" || die "$(cat "$WORK/said")"
says one state idle
says one slot b
told pawl_slot b
told pawl_left ""
make_release 7 --from 6
on one update --from "$WORK/publish"
boot one
on one update --from "$WORK/publish"
says one state confirmed
says one slot a

# ---- Raspberry Pi: what packaging/raspberrypi does with autoboot.txt ---------------
pi=$WORK/pi
mkdir "$pi"
cp "$(dirname "$0")/../../packaging/raspberrypi/pawl-tryboot" "$pi/tryboot"
chmod 755 "$pi/tryboot"
cat >"$pi/reboot" <<SH
#!/bin/sh
echo "\$1" >$pi/asked
SH
chmod 755 "$pi/reboot"
cat >"$pi/conf" <<SH
autoboot=$pi/autoboot.txt
cmdline=$WORK/two/cmdline
boot_id=$WORK/two/number
reboot=$pi/reboot
SH
chmod 644 "$pi/conf"
tryboot() {
	"$pi/tryboot" "$pi/conf" "$@"
}
env_get() {
	tryboot read | sed -n "s/^$1=//p"
}
# What the firmware reads: the partition of a section, in the first 512 bytes.
firmware() { # all or tryboot
	head -c 512 "$pi/autoboot.txt" | awk -v want="[$1]" '
		/^\[/ { in_it = $0 == want }
		in_it && sub(/^boot_partition=/, "") { print }'
}
starts() { # all or tryboot
	case $(firmware "$1") in
	2) restart_into two a ;;
	3) restart_into two b ;;
	*) die "the firmware finds no partition for $1" ;;
	esac
}
# Somebody asks for a restart as [reboot] command does it.
ask() {
	: >"$pi/asked"
	tryboot reboot
	if [ "$(cat "$pi/asked")" = '0 tryboot' ]; then starts tryboot; else
		starts all
	fi
}

cat >"$WORK/control" <<INI
control = command
command = $pi/tryboot $pi/conf
tries = 1
INI
rm -rf "$WORK/repo" "$WORK/publish" "$WORK"/key*
make_repo
make_release 11
make_boot_device two
want 1 on two update --from "$WORK/publish" 2>"$WORK/said"
grep -q 'pawl-tryboot init makes one' "$WORK/said" || die "$(cat "$WORK/said")"
tryboot init
inode=$(stat -c %i "$pi/autoboot.txt")
on two update --from "$WORK/publish"
says two state reboot-pending
told pawl_slot b
told pawl_back a
told pawl_left 1
[ "$(firmware all)" = 2 ] || die "the new slot is not on trial"
ask
says two slot b
told pawl_left 0
on two update --from "$WORK/publish"
says two state confirmed
told pawl_slot b
told pawl_back ""
ask
says two slot b

# The power is cut in the trial, or before the restart that asks for it.
make_release 12 --from 11
for cut in trial before; do
	on two update --retry --from "$WORK/publish"
	[ $cut = before ] || ask
	starts all
	says two slot b
	told pawl_slot b
	told pawl_failed a
	want 15 on two update --from "$WORK/publish"
	says two reason attempts
	ask
	says two slot b
done
# Not healthy: back, by a restart that asks for nothing.
make_tree 13
echo "exit 7" >>"$WORK/trees/13/bin/health"
make_release 13 --from 11
on two update --from "$WORK/publish"
ask
says two slot a
want 15 on two update --from "$WORK/publish"
says two reason health
ask
says two slot b
want 15 on two update --from "$WORK/publish"
says two state rolled-back

# Each of these was one write over one sector of one file.
[ "$(stat -c %i "$pi/autoboot.txt")" = "$inode" ] || die "it is another file"
[ "$(wc -c <"$pi/autoboot.txt")" -eq 512 ] || die "it is no longer one sector"
# More than one start is more than this firmware gives.
cp "$pi/autoboot.txt" "$pi/kept"
if tryboot write pawl_slot=a pawl_back=b pawl_left=3 pawl_failed= 2>"$WORK/said"; then
	die "three starts were promised"
fi
grep -q 'tries = 1' "$WORK/said" || die "no way out: $(cat "$WORK/said")"
cmp "$pi/autoboot.txt" "$pi/kept" || die "what was refused was written"

# ---- systemd-boot: what packaging/systemd-boot does with entries and their counts --
sd=$WORK/sd
mkdir -p "$sd/esp" "$sd/slot/boot"
cp "$(dirname "$0")/../../packaging/systemd-boot/pawl-systemd-boot" "$sd/control"
chmod 755 "$sd/control"
echo kernel >"$sd/slot/boot/vmlinuz"
echo disk >"$sd/slot/boot/initrd.img"
# Nobody may mount here: what is mounted is a folder.
cat >"$sd/conf" <<SH
esp=$sd/esp
cmdline=$WORK/one/cmdline
at=$sd/at
mount() { cp -r $sd/slot/. "\$4"; }
umount() { rm -rf "\$1"/boot; }
SH
chmod 644 "$sd/conf"
entries=$sd/esp/loader/entries
# As systemd-boot's manual says: without starts left last, else the highest version;
# the one that starts loses one.
boot() { # name
	first=$(cd "$entries" && for file in *.conf; do
		case $file in *+0-*) spent=1 ;; *) spent=0 ;; esac
		echo "$spent $(sed -n 's/^version //p' "$file") $file"
	done | sort -k1,1n -k2,2nr | sed -n '1s/.* //p')
	slot=${first#pawl-}
	slot=${slot%"${slot#?}"}
	case $first in
	*+*)
		counts=${first#*+}
		counts=${counts%.conf}
		done=0
		case $counts in *-*) done=${counts#*-} ;; esac
		mv "$entries/$first" "$entries/${first%%+*}+$((${counts%-*} - 1))-$((done + 1)).conf"
		;;
	esac
	cmp -s "$sd/slot/boot/vmlinuz" "$sd/esp/pawl/$slot/linux" ||
		die "slot $slot has no kernel"
	restart_into "$1" "$slot"
}
env_get() {
	"$sd/control" "$sd/conf" read | sed -n "s/^$1=//p"
}
cat >"$WORK/control" <<INI
control = command
command = $sd/control $sd/conf
INI
rm -rf "$WORK/one" "$WORK/repo" "$WORK/publish" "$WORK"/key* "$WORK/trees"
mkdir "$WORK/one"
echo pawl.slot=a >"$WORK/one/cmdline"
"$sd/control" "$sd/conf" init a
grep -q ' pawl\.left= ' "$entries/pawl-a.conf" || die "what the factory made is on trial"
grep -q 'systemd\.mask=systemd-bless-boot' "$entries/pawl-a.conf" ||
	die "systemd would call its start good before the client does"

# Tried before there is another system, as doctor does: it lasts, and goes again.
mv "$sd/slot/boot" "$sd/boot"
"$sd/control" "$sd/conf" write pawl_slot=b pawl_back=a pawl_left=0 pawl_failed=
told pawl_slot b
told pawl_back a
told pawl_left 0
told pawl_failed ""
"$sd/control" "$sd/conf" write pawl_slot=a pawl_back= pawl_left= pawl_failed=
told pawl_slot a
told pawl_back ""
[ "$(echo "$entries"/*)" = "$entries/pawl-a.conf" ] || die "an entry is left"
mv "$sd/boot" "$sd/slot/boot"
live

# A renaming that was cut off leaves two entries of a slot: the fewest starts count,
# and the next write leaves one.
"$sd/control" "$sd/conf" write pawl_slot=b pawl_back=a pawl_left=3 pawl_failed=
cp "$entries/pawl-b+3.conf" "$entries/pawl-b+2-1.conf"
cp "$entries/pawl-b+3.conf" "$entries/pawl-b.conf"
told pawl_left 2
for entry in "$entries"/pawl-b*; do
	grep -q ' pawl\.left=3 ' "$entry" || die "pawl-guard is not told of the trial"
done
restart_into one b
"$sd/control" "$sd/conf" write pawl_slot=b pawl_back=a pawl_left=3 pawl_failed=
grep -q ' pawl\.left=3 ' "$entries/pawl-b+3.conf" || die "given back, it is on trial"
# Cut off right after it was kept, before the entry on trial was gone.
sed 's/pawl.left=3/pawl.left=/' "$entries/pawl-b+3.conf" >"$entries/pawl-b.conf"
told pawl_left 3
"$sd/control" "$sd/conf" write pawl_slot=b pawl_back= pawl_left= pawl_failed=
told pawl_slot b
told pawl_left ""
grep -q ' pawl\.left= ' "$entries/pawl-b.conf" || die "what is kept is on trial"
[ "$(cd "$entries" && echo pawl-b*)" = pawl-b.conf ] || die "it was not repaired"

# Without an entry there is no record.
rm "$entries"/*
if "$sd/control" "$sd/conf" read 2>"$WORK/said"; then die "no entry is a record"; fi
grep -q 'no entry' "$WORK/said" || die "$(cat "$WORK/said")"
