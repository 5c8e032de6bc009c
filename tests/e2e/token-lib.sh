# A device whose keys are in a token lives its whole life: for the tests of each
# kind of token. Source it, define
#	token_ready     make the token, once
#	token_config    print the section [keys]
#	token_gone, token_back
#	no_key_in FOLDER  fail if a private key could be there
# and call whole_life HARDWARE, yes or no.
. "$(dirname "$0")/../e2e/client-lib.sh"
. "$(dirname "$0")/../e2e/faked-lib.sh"

said() {
	grep -q -- "$1" "$WORK/said" || {
		cat "$WORK/said"
		die "it did not say: $1"
	}
}
generation() {
	sed -n 's/.*"generation": *\([0-9]*\).*/\1/p' \
		"$WORK/one/state/identity.json"
}
last_seen() { # device: to the second, as its server's gates know it
	python3 - "$WORK/server/store.sqlite" "$1" <<'PY'
import sqlite3, sys
print(*sqlite3.connect(sys.argv[1]).execute(
    "SELECT last_seen FROM device WHERE id = ?",
    (bytes.fromhex(sys.argv[2]),)).fetchone())
PY
}
later() { # days, command of the device...
	days=$1
	shift
	faketime -f "+${days}d" "$client" "$@" --config "$WORK/one/client.conf"
}
start_later() { # days
	run_after "$(($1 * 86400))"
}

# Sealed to the device, and offered.
serve_encrypted() { # id
	serve_release "$1" --encrypt "$WORK/wrap.pub"
	operator device export "$WORK/registry.$1" --product gateway
	"$signer" wrap "$WORK/repo" --product gateway --id "$1" \
		--registry "$WORK/registry.$1" \
		--officer "$WORK/server/admin/admin.pem" \
		--device-ca "$WORK/server/keys/device-ca.pem" \
		--wrap-key "$WORK/wrap" --output "$WORK/keys.$1" \
		--passphrase-fd 3 --new 1 3<"$WORK/pass" >/dev/null
	operator envelope import "$WORK/keys.$1"
	roll_out "$1"
}

whole_life() { # hardware
	make_server
	trap 'stop_server; stop_later; token_end' EXIT
	make_served_repo
	"$signer" key generate "$WORK/wrap" --environment lab --purpose wrap \
		--passphrase-fd 3 3<"$WORK/pass" >/dev/null
	make_release 0 # only to have a root
	operator cohort create fleet
	make_served_device one
	token_ready
	token_config >>"$WORK/one/client.conf"
	chmod 600 "$WORK/pin"

	# It enrols with keys that were made inside, and says what they are.
	on one enroll --claim-file "$WORK/one/claim"
	no_key_in "$WORK/one/state"
	want 0 on one check
	operator device list --json >"$WORK/said"
	own=$(grep -o '[0-9a-f]\{32\}' "$WORK/said" | head -n 1)
	operator device show "$own" --json >"$WORK/said"
	said "\"hardware_key\": *\"$1\""
	said '"config_private": *"yes"'
	on one doctor >"$WORK/said" || :
	said 'identity.*enrolled; its keys are in'

	# An encrypted release: its content key is opened inside.
	serve_encrypted 1
	on one update
	runs one 1

	# Without the token nothing is lost, and it says what is missing.
	token_gone
	got=0
	on one check >"$WORK/said" 2>&1 || got=$?
	[ "$got" -ne 0 ] || die "it checks in without its key"
	said "$missing"
	runs one 1
	seen=$(last_seen "$own")
	"$client" daemon --config "$WORK/one/client.conf" \
		>"$WORK/one.log" 2>&1 &
	daemon=$!
	tries=0
	until grep -q "$missing" "$WORK/one.log"; do
		tries=$((tries + 1))
		[ "$tries" -lt 300 ] || {
			cat "$WORK/one.log"
			die "the daemon does not say what is missing"
		}
		sleep 0.2
	done
	kill -0 "$daemon" || die "the daemon ended"
	# And with it all is well, without a restart.
	token_back
	tries=0
	while [ "$(last_seen "$own")" = "$seen" ]; do
		tries=$((tries + 1))
		[ "$tries" -lt 300 ] || die "it is not heard again"
		sleep 0.2
	done
	kill "$daemon"
	wait "$daemon" || die "the daemon did not end well"
	want 0 on one check

	# Two thirds of the certificate's life are over: a new key, inside, and
	# the old one is destroyed there.
	stop_server
	start_later 61
	[ "$(generation)" -eq 0 ] || die "renewed too early"
	want 0 later 61 check
	[ "$(generation)" -eq 1 ] || die "not renewed"
	want 0 later 61 check
	no_key_in "$WORK/one/state"
	stop_later

	# Nobody any more: each key is destroyed.
	on one retire --device "$own"
	no_key_in "$WORK/one/state"
}
