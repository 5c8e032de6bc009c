#!/bin/sh
# A server of which everything is stolen: its disk, and with it the keys of
# snapshot, timestamp, TLS, device CA and audit log. The thief signs snapshots
# and timestamps as he likes and answers devices in the server's name; the rest
# is in stolen_keys.py. What engineers and operators signed he cannot sign.
. "$(dirname "$0")/client-lib.sh"
. "$(dirname "$0")/orders-lib.sh"
[ -x "$BIN/tests/tools/open-key" ] || {
	echo "no open-key: make check-e2e builds it"
	exit 77
}
for need in python3 openssl; do
	command -v "$need" >/dev/null || { echo "no $need here"; exit 77; }
done

# The server's disk at this moment, as a power cut would leave it.
steal() { # name
	kill -STOP "$server_pid"
	cp -a "$WORK/server" "$WORK/$1"
	kill -CONT "$server_pid"
}
keep() { # device, name: the device as it is now
	rm -rf "$WORK/$2"
	cp -a "$WORK/$1" "$WORK/$2"
	sed -i "s|$WORK/$1/|$WORK/$2/|; s|$WORK/$1\$|$WORK/$2|" \
		"$WORK/$2/client.conf"
}

# The honest server offers nothing that no order opens; this one, which has its
# keys and its store, shows devices whatever lies there.
honest=$server
server=$BIN/tests/tools/cheat-server
[ -x "$server" ] || { echo "no $server"; exit 77; }
make_server
make_keys stranger
make_ordered_repo --product camera
# The key to which content keys of encrypted releases are sealed.
echo 'the passphrase of the wrap key' >"$WORK/wrap.pass"
"$signer" key generate "$WORK/wrap" --environment lab --purpose wrap \
	--passphrase-fd 3 3<"$WORK/wrap.pass" >/dev/null
"$BIN/tests/tools/open-key" "$WORK/wrap" "$WORK/wrap.pass" >"$WORK/wrap.pem"
make_tree 2
# A package for another product, listed beside ours, and one of a repository
# that is not ours at all.
cp -a "$WORK/trees/2" "$WORK/trees/foreign"
"$signer" release create "$WORK/repo" --product camera --id c9 \
	--input "$WORK/trees/foreign" --health bin/health --quiet >/dev/null
"$signer" init "$WORK/other" --environment lab --owner Others \
	--product gateway --key "$WORK/stranger" --with-online >/dev/null
"$signer" release create "$WORK/other" --product gateway --id 2 \
	--input "$WORK/trees/2" --health bin/health --quiet >/dev/null
"$signer" sign "$WORK/other" --key "$WORK/stranger" >/dev/null
"$signer" publish "$WORK/other" "$WORK/others" --with-online >/dev/null

# ---- what the thief finds ----------------------------------------------------

sign op1 op2
make_release 1
bring
operator cohort create canary
operator cohort create fleet
make_member few canary
make_member late canary
make_member many fleet
order_for 1 open --wide --cohort canary --cohort fleet
sign op1 op2
bring
offer 1
on few update
on many update
on late update
runs few 1
steal loot-first
# Release 2: one operator opened it to the canary, two to hardly anybody.
make_release 2 --from 1 --with-undo
order_for 2 open --cohort canary
order_for 2 open --wide --cohort fleet --share 0.01
sign op1 op2
bring
offer 2
# An assignment that was taken back: the thief has the file that says canary.
many=$(device_id many)
order assign --device "$many" --cohort canary
sign op1 op2
bring
got=0
on many check || got=$?
[ "$got" -eq 20 ] || die "two operators moved it"
says many cohort canary
steal loot-moved
order assign --device "$many" --cohort fleet
sign op1 op2
bring
refused 10 many outside
says many cohort fleet
says many cohort_version 2
on few update
runs few 2
steal loot
keep late kept-ready
# Then it was halted, and one device has seen it.
order_for 2 halt --wide
sign op1 op2
bring
refused 10 late "halts 2"
steal loot-halted

# ---- what the honest server has afterwards -----------------------------------

# Each role once more: whatever versions the thief announced, the owners' next
# ones are as high, and so need no new online key.

make_release 3 --from 2
order_for 3 open --wide --cohort canary --cohort fleet
order_for 3 open --cohort canary
sign op1 op2
stop_server
server=$honest
start_server
bring
offer 3
for name in few many late; do
	keep $name kept-$name
done
python3 "$(dirname "$0")/stolen_keys.py" "$BIN" "$WORK"

# ---- and the owners go on ----------------------------------------------------

for name in few many late; do
	on $name update
	runs $name 3
done
