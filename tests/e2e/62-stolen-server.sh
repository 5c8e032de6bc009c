#!/bin/sh
# Somebody owns the server process: its files, its memory and the socket to its
# keeper. The keeper certifies no key of his without a claim code that is good,
# or an officer's own signature, and renews nobody who was ended.
. "$(dirname "$0")/server-lib.sh"
thief=$BIN/tests/tools/stolen-server
[ -x "$thief" ] || { echo "no stolen-server: make check-e2e builds it"; exit 77; }

make_server
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/publish"
start_server
want 0 op release import "$WORK/publish"
codes() { # file, options
	file=$1
	shift
	op token create --product kiosk --model k1 --cohort default --plain \
		"$@" >"$file"
}
codes "$WORK/open" --count 5
codes "$WORK/inactive" --inactive
codes "$WORK/quota" --count 2 --quota 1
for name in used ended live; do
	make_device $name default
	want 0 device $name enroll --claim-file "$WORK/devices/$name/claim"
done
# Each thread of it is behind the fence (tests/unit/test_fence.c looks from there).
[ "$(sed -n 's/^NoNewPrivs:[[:space:]]*//p' /proc/"$server_pid"/task/*/status |
	sort -u)" = 1 ] || grep -q server-not-fenced "$WORK/server.log" ||
	die "the server is not fenced"
id=$(device ended status --json | sed -n 's/.*"device": *"\([0-9a-f]*\)".*/\1/p')
want 0 op device revoke --reason test "$id"
# The fourth code of the open ones is withdrawn, then a batch of its own is.
codes "$WORK/withdrawn" --count 3
want 0 op token list
number=$(op token list --json | grep -c '"id"')
want 0 op token revoke --reason test "$number"
codes "$WORK/gone"
want 0 op token revoke --reason test --batch "$((number + 1))"
stop_server

nth() { sed -n "$1p" "$WORK/$2"; }
try() {
	"$thief" "$WORK/server" "$@" >"$WORK/tried" 2>&1 || {
		cat "$WORK/tried"
		die "the thief could not even try"
	}
}
refuses() { # what he tried, why not
	grep -q "^$1: .*$2" "$WORK/tried" || {
		cat "$WORK/tried"
		die "$1: not refused by: $2"
	}
}
makes() { # what he tried
	grep -q "^$1: made [0-9a-f]\{64\}$" "$WORK/tried" || {
		cat "$WORK/tried"
		die "$1: nothing was made"
	}
}

used=$(cat "$WORK/devices/used/claim")
try ask approve batch "guess=$(nth 2 open)" people "code=$used" "code=$(nth 1 inactive)" \
	"code=$(nth 1 open):k2" "code=$(nth 3 withdrawn)" "code=$(nth 1 gone)" \
	"renew=$WORK/devices/ended/state" "steal=$WORK/devices/live/state"
refuses ask "no officer's word stands for this device"
refuses approve "signature"
refuses batch "signature"
refuses "guess=$(nth 2 open)" "claim code:"
refuses people "not written with the keeper's secret"
refuses "code=$used" "it was used already"
refuses "code=$(nth 1 inactive)" "not activated"
refuses "code=$(nth 1 open):k2" "another product or model"
refuses "code=$(nth 3 withdrawn)" "it was revoked"
refuses "code=$(nth 1 gone)" "it was revoked"
refuses "renew=$WORK/devices/ended/state" "has revoked or retired this device"
refuses "steal=$WORK/devices/live/state" "proof by the old key"
! grep -q ": made" "$WORK/tried" || { cat "$WORK/tried"; die "made"; }

# What he can: use up a code that a device shows him, once and for one key; and
# carry what a device itself has signed. Each such certificate is in the ledger.
before=$(wc -l <"$WORK/server/keeper/ledger")
try "code=$(nth 1 open)" "code=$(nth 1 open)" "code=$(nth 1 quota)" \
	"code=$(nth 2 quota)" "renew=$WORK/devices/live/state"
makes "renew=$WORK/devices/live/state"
[ "$(grep -c ": made" "$WORK/tried")" -eq 3 ] || { cat "$WORK/tried"; die "not 3"; }
refuses "code=$(nth 1 open)" "it was used already"
refuses "code=$(nth 2 quota)" "as many of its batch as may be"
[ "$(wc -l <"$WORK/server/keeper/ledger")" -eq $((before + 3)) ] ||
	die "not each certificate is in the ledger"
for made in $(sed -n 's/.*: made //p' "$WORK/tried"); do
	grep -q "\"certificate\":\"$made\"" "$WORK/server/keeper/ledger" ||
		die "$made is not in the ledger"
done
made_all=$(sed -n 's/.*: made //p' "$WORK/tried")
# A new keeper remembers it.
try "code=$(nth 1 open)"
refuses "code=$(nth 1 open)" "it was used already"

# A ledger in which one digit was changed is not gone on from.
cp "$WORK/server/keeper/ledger" "$WORK/ledger"
sed -i '2s/"at":"20\([0-9]\)[0-9]-/"at":"20\10-/' "$WORK/server/keeper/ledger"
want 6 "$server" run "$WORK/server"
said "keeper/ledger: line 2: it was not written by this keeper"
cp "$WORK/ledger" "$WORK/server/keeper/ledger"
# Half of a last line, as a crash leaves it, is taken away.
printf '{"mac":"00' >>"$WORK/server/keeper/ledger"
# A secret that comes by a descriptor is in nobody's hands once it was read.
secret=$WORK/server/keys/keeper.secret
sed -i '/^\[keeper\]/,/^\[/s/^unlock = .*/unlock = fd:7/' "$WORK/server/server.conf"
start_server 7<"$secret"
for pid in "$server_pid" $(cat "/proc/$server_pid/task/$server_pid/children"); do
	for fd in "/proc/$pid/fd/"*; do
		[ "$(readlink "$fd")" != "$secret" ] ||
			die "$fd is the keeper's secret"
	done
done
cmp -s "$WORK/ledger" "$WORK/server/keeper/ledger" || die "half a line is left"
# The ledger's head is signed with the log's, and who holds one against the other
# finds each certificate that was made behind the server's back; also where
# nobody did anything since that the log would tell.
want 0 op audit export "$WORK/log"
want 6 "$server" audit verify "$WORK/log" --key "$WORK/server/audit.pub" \
	--ledger "$WORK/server/keeper/ledger"
for made in $made_all; do
	said "$made is in the keeper's ledger alone"
done
[ "$(grep -c "alone$" "$WORK/said")" -eq 3 ] || die "others than those three"
want 8 "$server" audit verify "$WORK/log" --key "$WORK/server/audit.pub" \
	--ledger /dev/null
# What he has made after the last checkpoint, and lets nobody sign, is told too.
stop_server
sed -i 's,^unlock = fd:7,unlock = file:keys/keeper.secret,' "$WORK/server/server.conf"
try "code=$(nth 5 open)"
makes "code=$(nth 5 open)"
made=$(sed -n 's/.*: made //p' "$WORK/tried")
want 6 "$server" audit verify "$WORK/log" --key "$WORK/server/audit.pub" \
	--ledger "$WORK/server/keeper/ledger"
said "$made is in the keeper's ledger alone, not signed yet"

# What an officer signed for a test server, with the same certificate at both, a
# thief of that one brings here in vain; what was signed for here is no news.
"$server" person create "$WORK/both" --name both --environment demo \
	--url https://127.0.0.1:1 --ca "$WORK/server/ca.pem" >/dev/null
want 0 "$server" person add "$WORK/server" "$WORK/both/person.pem" --role officer
mv "$WORK/server" "$WORK/real"
make_server
want 0 "$server" person add "$WORK/server" "$WORK/both/person.pem" --role officer
start_server
sed -i -e 's,^url = .*,listeners = ../server/run/listeners.json,' \
	-e 's,^ca = .*,ca = ../server/ca.pem,' "$WORK/both/operator.conf"
want 0 "$server" token create --product kiosk --model k1 --cohort default \
	--operator "$WORK/both/operator.conf"
stop_server
word() { # ledger, file
	sed -n 's/.*"warrant":\(.*"token-create".*\)}}$/\1/p' "$1" |
		tail -n 1 | tr -d '\n' >"$2"
	[ -s "$2" ] || die "no warrant in $1"
}
word "$WORK/server/keeper/ledger" "$WORK/foreign"
word "$WORK/real/keeper/ledger" "$WORK/own"
rm -rf "$WORK/server"
mv "$WORK/real" "$WORK/server"
try "replay=$WORK/foreign" "replay=$WORK/own"
refuses "replay=$WORK/foreign" "is for another server"
refuses "replay=$WORK/own" "taken"
echo "who owns the server process certifies nobody"
