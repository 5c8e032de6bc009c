#!/bin/sh
# A release that does not prove itself is taken back by the device alone, with
# the reason kept; it is not tried again, and the next good one installs.
. "$(dirname "$0")/client-lib.sh"

make_repo
make_release 1
make_device one
on one update --from "$WORK/publish"
runs one 1

# Its health command says no.
make_tree 2
echo "exit 7" >>"$WORK/trees/2/bin/health"
make_release 2 --from 1
want 15 on one update --from "$WORK/publish"
runs one 1
says one state rolled-back
says one reason health
on one status --json | grep -q 'exit status 7' || die "the detail is lost"
on one status | grep -q 'slot b *bad' || die "slot b is not called bad"
want 10 on one update --from "$WORK/publish"
runs one 1
# Nor does a person's word prove it: it is tried again, and may fail again.
want 15 on one rollback --retry
runs one 1
says one reason health
on one status | grep -q 'slot b *bad' || die "slot b is no longer bad"

# It hangs past its deadline, with children, holding its output open.
make_tree 3
printf '%s\n' '#!/bin/sh' 'sleep 300 &' 'sleep 300' >"$WORK/trees/3/bin/health"
"$signer" release create "$WORK/repo" --product gateway --id 3 \
	--input "$WORK/trees/3" --health bin/health --deadline 2 --quiet
"$signer" sign "$WORK/repo" --key "$WORK/key" \
	--passphrase-fd 3 3<"$WORK/pass"
rm -rf "$WORK/publish"
"$signer" publish "$WORK/repo" "$WORK/publish" --with-online
want 15 timeout 60 "$client" update --from "$WORK/publish" \
	--config "$WORK/one/client.conf"
runs one 1
says one reason deadline

# The next good one.
make_release 4 --from 1
on one update --from "$WORK/publish"
runs one 4
says one state confirmed

# The local health command and the restart command count as well.
printf '#!/bin/sh\necho "restarted $PAWL_RELEASE in $PAWL_SLOT" >>%s\n' \
	"$WORK/restarts" >"$WORK/restart"
printf '#!/bin/sh\ntest ! -e %s || { echo "the lamp is red"; exit 9; }\n' \
	"$WORK/red" >"$WORK/local"
chmod 755 "$WORK/restart" "$WORK/local"
cat >>"$WORK/one/client.conf" <<INI
[trial]
health = $WORK/local
[restart]
command = $WORK/restart
INI
touch "$WORK/red"
make_release 5 --from 4
want 15 on one update --from "$WORK/publish"
runs one 4
says one reason health
[ "$(wc -l <"$WORK/restarts")" -eq 2 ] || die "not restarted twice"
tail -n 1 "$WORK/restarts" | grep -q 'restarted 4 in .*/slots/b/tree' ||
	die "the old release was not restarted"
# Who signs may have it tried again, once for each time that they say so.
retry() {
	"$signer" release retry "$WORK/repo" --product gateway --id 5
	resign
}
want 10 on one update --from "$WORK/publish"
retry
want 15 on one update --from "$WORK/publish"
runs one 4
want 10 on one update --from "$WORK/publish"
want 13 "$signer" release retry "$WORK/repo" --product gateway --id none
rm "$WORK/red"
want 10 on one update --from "$WORK/publish"
retry
"$signer" release show "$WORK/repo" --product gateway --id 5 --json |
	grep -q '"retry": 2' || die "how often is not said"
on one update --from "$WORK/publish"
runs one 5
says one state confirmed
# Or a person at the device.
touch "$WORK/red"
make_release 51 --from 5
want 15 on one update --from "$WORK/publish"
rm "$WORK/red"
want 10 on one rollback 2>"$WORK/err"
grep -q "51 was rolled back on this device (rollback --retry goes there" "$WORK/err" ||
	die "it says: $(cat "$WORK/err")"
runs one 5
on one rollback --retry
runs one 51
says one state confirmed
# Said twice, it does not go to and fro.
on one rollback
runs one 5
want 10 on one rollback
runs one 5
on one rollback --retry
runs one 51

# First use: with nothing to go back to, nothing runs.
make_tree 6
printf '#!/bin/sh\nexit 1\n' >"$WORK/trees/6/bin/health"
make_release 6
make_device two
want 15 on two update --from "$WORK/publish"
[ ! -e "$WORK/two/slots/current" ] || die "a bad first release stays"
says two state rolled-back
# The one before it is taken instead.
want 0 on two update --from "$WORK/publish"
runs two 51
