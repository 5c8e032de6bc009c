#!/bin/sh
# A component that a program takes on: a chip beside the computer. It is written,
# checked and given back with its release, wherever it fails or is cut off.
. "$(dirname "$0")/client-lib.sh"

# The chip: "break" in its folder makes the next writing fail half way, "cut"
# kills the client meanwhile, "hang" never ends, "small" has no room.
chip=$WORK/chip
mkdir "$chip"
: >"$chip/flash"
: >"$chip/log"
: >"$chip/watchdog"
cat >"$chip/tool" <<SH
#!/bin/sh
cd $chip
case \$1 in
digest) sha256sum <flash ;;
room) if [ -e small ]; then echo 100; else echo 1000000; fi ;;
write)
	echo "write \$PAWL_RELEASE" >>log
	tail -c 1 watchdog | tr '\0' 0 >armed
	head -c 1000 >flash
	if [ -e break ]; then rm break; exit 1; fi
	if [ -e hang ]; then rm hang; sleep 1000; fi
	if [ -e cut ]; then rm cut; kill -9 \$(cat client); exit 1; fi
	cat >>flash ;;
start) echo started >>log ;;
esac
SH
cp "$(dirname "$0")/../../packaging/examples/mcu-handler" "$chip/handler"
chmod 755 "$chip/tool" "$chip/handler"

make_repo
release() { # id, options
	id=$1
	shift
	make_tree "$id"
	seq 1 3000 | sed "s/7/firmware $id/" >"$WORK/mcu.$id"
	# It is healthy only with its own firmware.
	printf 'cmp -s %s %s || exit 9\n' "$chip/flash" "$WORK/mcu.$id" \
		>>"$WORK/trees/$id/bin/health"
	[ ! -e "$WORK/bad.$id" ] || echo 'exit 7' >>"$WORK/trees/$id/bin/health"
	make_release "$id" --with-image "mcu=$WORK/mcu.$id" "$@"
}
runs_both() { # id
	runs one "$1"
	cmp "$chip/flash" "$WORK/mcu.$1" || die "the chip does not run $1"
}
update() {
	on one update --quiet --from "$WORK/publish" "$@" 2>"$WORK/said"
}

release 1
make_device one
cat >>"$WORK/one/client.conf" <<INI
[slot mcu]
kind = handler
program = $chip/handler $chip/tool
deadline = 3
[trial]
watchdog = $chip/watchdog
INI
update
runs_both 1
# A file stands in for the watchdog: what hangs a machine may hang it here.
[ "$(cat "$chip/armed")" = 0 ] || die "the watchdog was not armed for it"
[ "$(tail -c 1 "$chip/watchdog")" = V ] || die "the watchdog was left armed"
[ "$(cat "$chip/log")" = "write 1
started" ] || die "told: $(cat "$chip/log")"
# Nothing new: nothing is told.
: >"$chip/log"
update
[ ! -s "$chip/log" ] || die "told again: $(cat "$chip/log")"

# As a delta; a person goes back.
release 2 --from 1
update
runs_both 2
on one rollback >/dev/null
runs_both 1
on one update --quiet --retry --from "$WORK/publish" >/dev/null
runs_both 2

# A release that is not healthy is taken back, on the chip as well.
touch "$WORK/bad.3"
release 3 --from 2
want 15 update
runs_both 2
says one reason health
grep -q 'write 3' "$chip/log" || die "3 never was on the chip"

# Writing fails, or never ends: the same, and nothing of it lives on.
release 4 --from 2
touch "$chip/break"
want 15 update
grep -q 'slot mcu. write' "$WORK/said" || die "why? $(cat "$WORK/said")"
runs_both 2
touch "$chip/hang"
want 15 update --retry
runs_both 2
! pgrep -f "$chip/tool" >/dev/null || die "something lives on"

# The power is cut while it is written, and while it is given back.
touch "$chip/cut"
cut_off() {
	"$client" update --quiet --retry --from "$WORK/publish" \
		--config "$WORK/one/client.conf" 2>/dev/null &
	echo $! >"$chip/client"
	! wait $! || die "the client was not killed"
}
cut_off
! cmp -s "$chip/flash" "$WORK/mcu.2" || die "the chip was not cut off"
update || :
runs_both 4
# Cut off there, a person says that it stays: then the chip gets it first.
release 4a --from 4
touch "$chip/cut"
cut_off
on one confirm >/dev/null
runs_both 4a
release 5 --from 4a
touch "$chip/break"
sed -i 's/^	if \[ -e break.*/&\n	if [ -e broke ]; then rm broke; touch cut; fi/; s/rm break; exit 1/mv break broke; exit 1/' \
	"$chip/tool"
cut_off
! cmp -s "$chip/flash" "$WORK/mcu.4" || die "the chip was not cut off"
want 15 update
runs_both 4a

# No room for it: refused before anything is switched.
touch "$chip/small"
: >"$chip/log"
release 6 --from 4a
want 10 update
grep -q 'slot mcu. prepare' "$WORK/said" || die "why? $(cat "$WORK/said")"
[ ! -s "$chip/log" ] || die "it was written all the same"
runs_both 4a
other=$(readlink "$WORK/one/slots/current" | cut -c1 | tr ab ba)
[ -z "$(ls "$WORK/one/slots/$other")" ] ||
	die "what was refused keeps its room in the slot"
rm "$chip/small"

# A program that others may write, and what is no handler's.
chmod 777 "$chip/handler"
want 3 update
grep -q 'others may write it' "$WORK/said" || die "why? $(cat "$WORK/said")"
runs_both 4a
chmod 755 "$chip/handler"
update
runs_both 6
sed -i 's/^kind = handler/kind = file/' "$WORK/one/client.conf"
want 3 update
grep -q 'program goes with kind = handler' "$WORK/said" ||
	die "why? $(cat "$WORK/said")"
