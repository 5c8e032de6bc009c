#!/bin/sh
# The doctor: a device is proved able to update, switch and come back before it
# leaves the factory. Each fault has a line of its own, and nothing that runs is
# changed by asking.
. "$(dirname "$0")/client-lib.sh"

make_repo
make_release 1
make_device one
on one update --quiet --from "$WORK/publish"

finds() { # device, grade, name, words
	on "$1" doctor --offline >"$WORK/out" 2>"$WORK/err" || :
	grep -q "^$2 *$3 .*$4" "$WORK/out" || {
		cat "$WORK/out" "$WORK/err"
		die "$1: no line \"$2 $3 $4\""
	}
}
list() { # everything below a folder, but what each save of the journal changes
	find "$1" ! -name 'journal.*' ! -name lock \
		-printf '%p %y %m %s %l\n' | sort
}

# A device as it should be, and it stays as it is.
list "$WORK/one" >"$WORK/before"
on one doctor --offline
list "$WORK/one" >"$WORK/after"
cmp "$WORK/before" "$WORK/after" || die "the doctor changed something"
finds one ok configuration "nobody else"
finds one ok journal "both copies"
finds one ok slots "a link was made"
# Where nothing was tried, it does not say that all is well.
finds one warn boot-control "symlink: slot a runs"
finds one ok space "free for the slots"
finds one warn identity "not enrolled"
finds one warn server "not asked"
on one doctor --offline --json >"$WORK/json"
grep -q '"result": *"warn"' "$WORK/json" || die "no result in JSON"
grep -q '"name": *"sandbox"' "$WORK/json" || die "no sandbox in JSON"
runs one 1

# With another release to switch to it really does, and back, without a trace.
make_release 2 --from 1
on one update --quiet --from "$WORK/publish"
runs one 2
list "$WORK/one" >"$WORK/before"
link=$(stat -c %z "$WORK/one/slots/current")
finds one ok boot-control "symlink: switched to slot a and back to b"
[ "$(stat -c %z "$WORK/one/slots/current")" != "$link" ] ||
	die "it says so and did not switch"
list "$WORK/one" >"$WORK/after"
cmp "$WORK/before" "$WORK/after" || die "the doctor left something behind"
runs one 2
on one rollback --quiet
runs one 1

# Who may write the configuration's folder can put another there.
mkdir "$WORK/open"
cp "$WORK/one/client.conf" "$WORK/open/"
chmod 777 "$WORK/open"
want 3 "$client" doctor --offline --config "$WORK/open/client.conf" \
	>"$WORK/out" 2>"$WORK/err"
grep -q '^fail *configuration .*open' "$WORK/out" || die "an open folder"
grep -q '1 of .* checks failed, the first is configuration' "$WORK/err" ||
	die "no verdict"

# Programs that are not there, not executable, or writable by others.
cp "$WORK/one/client.conf" "$WORK/good.conf"
cat >>"$WORK/one/client.conf" <<INI
[restart]
command = $WORK/restart now
INI
want 3 on one doctor --offline >/dev/null 2>"$WORK/err"
finds one fail programs "restart: No such file"
printf '#!/bin/sh\nexit 0\n' >"$WORK/restart"
chmod 722 "$WORK/restart"
finds one fail programs "restart"
chmod 700 "$WORK/restart"
finds one ok programs "command: $WORK/restart"
[ "$(id -u)" -eq 0 ] || {
	chmod 600 "$WORK/restart"
	finds one fail programs "Permission"
}
cp "$WORK/good.conf" "$WORK/one/client.conf"

# A clock that is ahead of all that is trusted, or behind.
clock() { # time, grade, words
	faketime "$1" "$client" doctor --offline \
		--config "$WORK/one/client.conf" >"$WORK/out" 2>"$WORK/err" || :
	grep -q "^$2 *clock .*$3" "$WORK/out" || {
		cat "$WORK/out"
		die "the clock at $1"
	}
}
clock '2045-01-01 00:00:00' fail 'past the end'
clock '1971-01-01 00:00:00' warn 'behind'

# Both copies of the journal damaged: told once, and mended.
for n in 0 1; do
	printf 'XXXX' | dd of="$WORK/one/state/journal.$n" conv=notrunc \
		2>/dev/null
done
finds one warn journal "damaged"
finds one ok journal "both copies"
runs one 1

# Somebody is at it: the doctor waits for nobody, and says who.
exec 4>"$WORK/one/state/lock"
flock 4
want 12 on one doctor --offline 2>"$WORK/err"
exec 4>&-

# A loader: told to start the other slot, and told back.
make_device two
head -c 400000 /dev/zero | tr '\0' x >"$WORK/two/slot-a"
cp "$WORK/two/slot-a" "$WORK/two/slot-b"
echo "pawl.slot=a" >"$WORK/two/cmdline"
echo one >"$WORK/two/number"
cat >>"$WORK/two/client.conf" <<INI
[slot]
kind = image
a = $WORK/two/slot-a
b = $WORK/two/slot-b
[boot]
control = command
command = $WORK/loader
cmdline = $WORK/two/cmdline
number = $WORK/two/number
INI
cat >"$WORK/loader" <<SH
#!/bin/sh
# A loader's record in a file; it keeps a list of what it was told.
case \$1 in
read) cat "$WORK/record" 2>/dev/null; exit 0 ;;
write)
	shift
	echo "\$*" >>"$WORK/told"
	[ ! -e "$WORK/stuck" ] || exit 0
	printf '%s\n' "\$@" | grep -v '=\$' >"$WORK/record" ;;
esac
SH
chmod 755 "$WORK/loader"
finds two ok slots "slot-b can be written"
finds two ok boot-control "command: switched to slot b and back to a"
[ "$(wc -l <"$WORK/told")" -eq 4 ] || die "not there and back, twice"
# Were the power cut in between, that loader would go back at once.
head -n 1 "$WORK/told" | grep -q 'pawl_slot=b pawl_back=a pawl_left=0' ||
	die "the other slot would have been started"
grep -qx 'pawl_slot=a' "$WORK/record" || die "not told back"
finds two warn programs "no .reboot. command"
# One that does not do what it is told.
: >"$WORK/stuck"
want 1 on two doctor --offline >/dev/null 2>"$WORK/err"
finds two fail boot-control "did not last"
rm "$WORK/stuck"
# One that says nonsense; it is not written over.
echo "pawl_slot=q" >"$WORK/record"
want 4 on two doctor --offline >/dev/null 2>"$WORK/err"
finds two fail boot-control "makes no sense"
grep -qx 'pawl_slot=q' "$WORK/record" || die "a damaged record was replaced"
rm "$WORK/record"
# A slot that is gone.
mv "$WORK/two/slot-b" "$WORK/two/away"
want 13 on two doctor --offline >/dev/null 2>"$WORK/err"
finds two fail slots "slot b"
mv "$WORK/two/away" "$WORK/two/slot-b"
on two doctor --offline >/dev/null

# The floor's counter.
printf '#!/bin/sh\nexit 1\n' >"$WORK/counter"
chmod 755 "$WORK/counter"
printf '[floor]\ncounter = %s\n' "$WORK/counter" >>"$WORK/two/client.conf"
finds two fail counter "counter"
printf '#!/bin/sh\necho 7\n' >"$WORK/counter"
finds two ok counter "stands at 7"
