#!/bin/sh
# A release of a root image that a boot loader starts, of pages that go along with it
# and of a chip's firmware that a handler writes: the chip is not touched before the
# boot, and gets back what it had, whoever takes the release back.
. "$(dirname "$0")/command-lib.sh"

# The chip: "cut" kills the client in the midst of writing it.
chip=$WORK/chip
mkdir "$chip"
echo "of the factory" >"$chip/flash"
: >"$chip/log"
cat >"$chip/handler" <<SH
#!/bin/sh
cd $chip
case \$1 in
check) cmp -s - flash ;;
write | undo)
	echo "\$1 in slot \$(sed 's/.*pawl.slot=\(.\).*/\1/' $WORK/one/cmdline)" >>log
	head -c 1000 >flash
	if [ -e cut ]; then rm cut; kill -9 \$(cat client); exit 1; fi
	cat >>flash ;;
esac
SH
# Healthy is a release with its own pages and its own firmware, unless it is bad.
cat >"$WORK/health" <<SH
#!/bin/sh
slot=\$(sed 's/.*pawl.slot=\(.\).*/\1/' $WORK/one/cmdline)
cmp $chip/flash $WORK/mcu.\$PAWL_RELEASE &&
	diff -r $WORK/web.\$PAWL_RELEASE $WORK/one/slots/\$slot/parts/web/tree &&
	[ ! -e $WORK/bad.\$PAWL_RELEASE ]
SH
chmod 755 "$chip/handler" "$WORK/health"
cat >>"$WORK/control" <<INI
[slot]
kind = image
a = $WORK/one/slot-a
b = $WORK/one/slot-b
[slot web]
[slot mcu]
kind = handler
program = $chip/handler
[trial]
health = $WORK/health
INI

make_repo
release() { # id, options
	id=$1
	shift
	seq 1 9000 | sed "s/7/image $id/" >"$WORK/image.$id"
	seq 1 3000 | sed "s/7/firmware $id/" >"$WORK/mcu.$id"
	mkdir "$WORK/web.$id"
	echo "pages of $id" >"$WORK/web.$id/index"
	"$signer" release create "$WORK/repo" --product gateway --id "$id" \
		--content image --input "$WORK/image.$id" --quiet \
		--with-image "mcu=$WORK/mcu.$id" --with-tree "web=$WORK/web.$id" \
		"$@" >/dev/null
	resign
}
update() {
	: >"$chip/log"
	on one update --quiet --from "$WORK/publish" "$@" 2>"$WORK/said"
}
written() { # what was said to the chip, line for line
	[ "$(cat "$chip/log")" = "$1" ] || die "the chip was told: $(cat "$chip/log")"
}
# Installed, and nothing that runs is touched.
waits_for_the_boot() { # id, slot, what the chip holds
	update
	says one state reboot-pending
	says one boot_next "$2"
	written ""
	cmp -s "$chip/flash" "$3" || die "the chip is written before the boot"
	cmp -s -n "$(wc -c <"$WORK/image.$1")" "$WORK/one/slot-$2" "$WORK/image.$1" ||
		die "slot $2 does not hold the image of $1"
	diff -r "$WORK/web.$1" "$WORK/one/slots/$2/parts/web/tree" ||
		die "slot $2 does not hold the pages of $1"
}
runs_all() { # id, slot
	says one release "$1"
	says one slot "$2"
	cmp "$chip/flash" "$WORK/mcu.$1" || die "the chip does not run $1"
	diff -r "$WORK/web.$1" "$WORK/one/slots/$2/parts/web/tree" ||
		die "it has not the pages of $1"
}

release 1
make_boot_device one
head -c 200000 /dev/zero >"$WORK/one/slot-a"
cp "$WORK/one/slot-a" "$WORK/one/slot-b"
cp "$chip/flash" "$WORK/factory"
waits_for_the_boot 1 b "$WORK/factory"
boot one
update
says one state confirmed
written "write in slot b"
runs_all 1 b

# Deltas of all three.
release 2 --from 1
waits_for_the_boot 2 a "$WORK/mcu.1"
boot one
update
says one state confirmed
runs_all 2 a
update
written ""

# Not healthy: before the boot back the chip has what the old one needs.
touch "$WORK/bad.3"
release 3 --from 2
waits_for_the_boot 3 b "$WORK/mcu.2"
boot one
want 15 update
says one reason health
written "write in slot b
undo in slot b"
cmp "$chip/flash" "$WORK/mcu.2" || die "2 starts with the firmware of 3"
boot one
want 15 update
says one state rolled-back
runs_all 2 a

# It never comes up, so nothing was written, and nothing is to be undone.
release 4 --from 2
waits_for_the_boot 4 b "$WORK/mcu.2"
for _ in 1 2 3 4; do boot one; done
want 15 update
says one reason attempts
written ""
runs_all 2 a

# Cut off while the chip is written, and then the loader gives up: the old release
# finds half of another's firmware, and gives the chip its own.
release 5 --from 2
waits_for_the_boot 5 b "$WORK/mcu.2"
boot one
touch "$chip/cut"
: >"$chip/log"
"$client" update --quiet --from "$WORK/publish" \
	--config "$WORK/one/client.conf" 2>/dev/null &
echo $! >"$chip/client"
! wait $! || die "the client was not killed"
written "write in slot b"
! cmp -s "$chip/flash" "$WORK/mcu.2" || die "the chip was not cut off"
for _ in 1 2 3; do boot one; done
says one slot a
want 15 update
written "undo in slot a"
runs_all 2 a

# A person wants it after all: cut off again, it is gone on with at the next start.
update --retry
boot one
touch "$chip/cut"
"$client" update --quiet --from "$WORK/publish" \
	--config "$WORK/one/client.conf" 2>/dev/null &
echo $! >"$chip/client"
! wait $! || die "the client was not killed"
boot one
update
says one state confirmed
runs_all 5 b
told pawl_slot b
told pawl_left ""

# And goes back: all of it, at the next boot.
on one rollback >/dev/null
boot one
update || :
says one reason person
runs_all 2 a
