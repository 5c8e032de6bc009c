#!/bin/sh
# The floor: what lies below it is never installed again, also not by a device
# whose state was restored from an old copy; a step back needs a signature, and
# never leads below the floor.
. "$(dirname "$0")/client-lib.sh"

floor() { # release
	"$signer" floor "$WORK/repo" --product gateway --release "$1" 2>&1
}
refuses() { # status, words, command...
	wanted=$1 words=$2
	shift 2
	got=0
	"$@" >"$WORK/said" 2>&1 || got=$?
	[ "$got" -eq "$wanted" ] && grep -q "$words" "$WORK/said" || {
		cat "$WORK/said"
		die "status $got, wanted $wanted and \"$words\": $*"
	}
}
# A hardware counter in a file, which also counts how often it is worn.
cat >"$WORK/counter" <<SH
#!/bin/sh
at=\$(cat "$WORK/fuse" 2>/dev/null || echo 0)
case \$1 in
read) echo "\$at" ;;
advance)
	[ "\$2" -gt "\$at" ] || exit 1
	echo "\$2" >"$WORK/fuse"
	echo "\$2" >>"$WORK/wear"
	;;
esac
SH
chmod 755 "$WORK/counter"

make_repo
make_tree 1
make_tree 2
# Releases of a few bytes: nothing here depends on their size.
for id in 1 2 3 4; do
	[ -d "$WORK/trees/$id" ] || make_tree "$id"
	rm -f "$WORK/trees/$id/lib/stays" "$WORK/trees/$id/lib/changes"
done
make_release 1
make_device one
make_device bare
printf '[floor]\ncounter = %s\n' "$WORK/counter" >>"$WORK/one/client.conf"
on one update --from "$WORK/publish"
runs one 1
cp -a "$WORK/one/state" "$WORK/old-state"
make_release 2
on one update --from "$WORK/publish"
runs one 2

# No floor above what is listed, none that is not listed.
refuses 10 "would leave nothing" "$signer" floor "$WORK/repo" \
	--product gateway --seq 3
refuses 13 "no release 7" "$signer" floor "$WORK/repo" --product gateway \
	--release 7
floor 2 >"$WORK/said" || die "no floor: $(cat "$WORK/said")"
grep -q "1 lies below the floor and is still listed" "$WORK/said" ||
	die "the signer did not warn"
refuses 14 "already" "$signer" floor "$WORK/repo" --product gateway --release 2
refuses 10 "never goes down" "$signer" floor "$WORK/repo" --product gateway \
	--seq 1
resign

# The device stores it, marks the other slot bad, and does not go back there.
on one update --from "$WORK/publish"
says one floor 2
[ "$(cat "$WORK/fuse")" -eq 2 ] || die "the counter stands elsewhere"
on one status | grep -q 'slot a *bad' || die "slot a is not called bad"
refuses 8 "below the floor" on one rollback
runs one 2
on one update --from "$WORK/publish"
on one update --from "$WORK/publish"

# The counter is worn once for each floor, however often updates are looked for.
[ "$(wc -l <"$WORK/wear")" -eq 1 ] || die "the counter was worn in vain"

# An old release that is still listed is refused at first use, too.
"$signer" release withdraw "$WORK/repo" --product gateway --id 2 >/dev/null
resign
refuses 8 "below the floor" on bare update --from "$WORK/publish"
[ ! -e "$WORK/bare/slots/current" ] || die "something runs there"

# A state folder from before the floor: slots and counter tell it again.
rm -rf "$WORK/one/state"
cp -a "$WORK/old-state" "$WORK/one/state"
rm -f "$WORK/fuse"
sed -i '/counter/d' "$WORK/one/client.conf"
refuses 8 "below the floor" on one rollback
says one floor 2
rm -rf "$WORK/one/state"
cp -a "$WORK/old-state" "$WORK/one/state"
echo 2 >"$WORK/fuse"
echo "counter = $WORK/counter" >>"$WORK/one/client.conf"
sed -i 's/"floor": 2/"floor": 0/' "$WORK/one/slots/b/release.json"
refuses 8 "below the floor" on one rollback
says one floor 2
[ "$(wc -l <"$WORK/wear")" -eq 1 ] || die "the counter was worn in vain"

# Who cannot read the counter does not know what it may install.
chmod 644 "$WORK/counter"
refuses 1 "counter" on one update --from "$WORK/publish"
chmod 755 "$WORK/counter"

# ---- a step back -----------------------------------------------------------

make_release 3
make_release 4
on one update --from "$WORK/publish"
runs one 4
stepback() {
	"$signer" stepback "$WORK/repo" --product gateway "$@"
}
refuses 10 "below the floor" stepback --from 4 --to 1
refuses 2 "not older" stepback --from 3 --to 4
refuses 13 "no release 2" stepback --from 4 --to 2
stepback --from 4 --to 3 >/dev/null
on one update --step-back --from "$WORK/publish"
runs one 4 # it is only staged
resign
on one update --from "$WORK/publish"
runs one 4 # nobody asked for it
on one update --step-back --from "$WORK/publish"
runs one 3
# Who authorised it did not mean the next look to undo it.
refuses 10 "rolled back" on one update --from "$WORK/publish"
runs one 3
says one floor 2

# The floor rises over it: then the same signature is worth nothing.
floor 4 >/dev/null 2>&1
resign
on one update --retry --from "$WORK/publish"
runs one 4
says one floor 4
refuses 8 "below the floor" on one rollback
on one update --step-back --from "$WORK/publish"
runs one 4
