#!/bin/sh
# Damage on the device: a changed base falls back to the full package, a
# changed slot is not gone back to, lost state is begun anew; a second client
# is told who is at it.
. "$(dirname "$0")/client-lib.sh"

idle() { # the slot that does not run
	case $(readlink "$WORK/one/slots/current") in
	a/tree) echo b ;;
	*) echo a ;;
	esac
}

make_repo
make_release 1
make_device one
on one update --from "$WORK/publish"

# One byte of the running tree changes: no delta can come of it.
make_release 2 --from 1
printf 'X' | dd of="$WORK/one/slots/a/tree/lib/stays" bs=1 seek=1000 \
	conv=notrunc 2>/dev/null
on one update --from "$WORK/publish" 2>&1 | tee "$WORK/out"
grep -q 'base-damaged' "$WORK/out" || die "the damaged base went unnoticed"
runs one 2
says one state confirmed

# So it goes with a file too much, and with a changed manifest.
make_release 3 --from 2
touch "$WORK/one/slots/b/tree/lib/extra"
on one update --from "$WORK/publish" 2>&1 | grep 'base-damaged'
runs one 3
make_release 4 --from 3
printf 'X' | dd of="$WORK/one/slots/a/manifest" bs=1 seek=50 \
	conv=notrunc 2>/dev/null
on one status | grep -q 'slot a *damaged' || die "status is blind"
on one update --from "$WORK/publish" 2>&1 | grep 'base-damaged'
runs one 4

# Reading back finds one flipped byte: nobody goes back to such a slot.
on one update --repair --from "$WORK/publish"
runs one 4
other=$(idle)
printf 'X' | dd of="$WORK/one/slots/$other/tree/lib/changes" bs=1 seek=777 \
	conv=notrunc 2>/dev/null
want 6 on one rollback
runs one 4

# The journal: one record lost costs nothing, both are a reset that is told.
newest=journal.0
cp "$WORK/one/state/journal.0" "$WORK/save.0"
head -c 100 "$WORK/save.0" >"$WORK/one/state/journal.0"
says one journal_reset false
runs one 4
head -c 100 "$WORK/save.0" >"$WORK/one/state/journal.1"
says one journal_reset true
make_release 5 --from 4
on one update --from "$WORK/publish" 2>&1 | grep 'journal-reset'
runs one 5
says one journal_reset false

# Trusted metadata that rotted is fetched anew.
for file in timestamp snapshot targets; do
	echo '{' >"$WORK/one/state/metadata/$file.json"
done
make_release 6 --from 5
on one update --from "$WORK/publish"
runs one 6

# A file where the inactive slot should be, and rubbish in the spool.
other=$(idle)
rm -rf "$WORK/one/slots/$other"
echo rubbish >"$WORK/one/slots/$other"
mkdir -p "$WORK/one/state/spool/x/y"
make_release 7 --from 6
on one update --from "$WORK/publish"
runs one 7
[ -z "$(ls "$WORK/one/state/spool")" ] || die "the spool is not empty"

# A second client: busy, with the pid of the first.
make_tree 8
printf '%s\n' '#!/bin/sh' ": >$WORK/on-trial" \
	"until [ -e $WORK/healthy ]; do sleep 0.1; done" >"$WORK/trees/8/bin/health"
make_release 8 --from 7
on one update --from "$WORK/publish" &
first=$!
until [ -e "$WORK/on-trial" ]; do
	kill -0 "$first" || die "the first client does not come to its trial"
	sleep 0.1
done
on one status --json | grep -q '"state": "trial"' || die "it is not on trial"
want 12 on one update --from "$WORK/publish" 2>"$WORK/busy"
cat "$WORK/busy"
grep -q "[0-9]" "$WORK/busy" || die "the message names nobody"
: >"$WORK/healthy"
wait "$first" || die "the first client failed"
runs one 8

# A damaged configuration: what runs goes on, nothing is installed, and status
# says both what is so and what is wrong.
cp "$WORK/one/client.conf" "$WORK/whole.conf"
still() { # words
	want 3 on one status >"$WORK/out" 2>"$WORK/err"
	grep -q "^configured .*$1" "$WORK/out" && grep -q "$1" "$WORK/err" ||
		die "it does not say $1"
	grep -q '^runs *8 ' "$WORK/out" || die "it does not say what runs"
	grep -q '^state *confirmed' "$WORK/out" || die "nor the state"
	want 3 on one status --json >"$WORK/out" 2>"$WORK/err"
	grep -q '"release": "8"' "$WORK/out" &&
		grep -q '"configuration": "' "$WORK/out" || die "nor in JSON"
	want 3 on one update --from "$WORK/publish" 2>/dev/null
	[ "$(cat "$WORK/one/slots/current/version")" = 8 ] || die "it went"
}
echo "unknown = 1" >>"$WORK/one/client.conf"
still unknown
{ echo 'rubbish'; sed 's/^path.*/path =/; s/^product.*//' "$WORK/whole.conf"; } \
	>"$WORK/one/client.conf"
still client.conf
chmod 666 "$WORK/one/client.conf"
cp "$WORK/whole.conf" "$WORK/one/client.conf"
still 'client.conf'
# Where nothing is left of it that could be known, it says that alone.
chmod 644 "$WORK/one/client.conf"
: >"$WORK/one/client.conf"
[ -e /var/lib/pawl ] ||
	want 3 on one status 2>"$WORK/err" >"$WORK/out"
cp "$WORK/whole.conf" "$WORK/one/client.conf"
on one status | grep -q '^configured' && die "it is whole again"
runs one 8
