# For the tests of the server: a demo repository, a running server, its admin,
# and devices. Source it; BIN and WORK are set by run.sh.
set -eu
: "${BIN:?}" "${WORK:?}"
. "$(dirname "$0")/../e2e/again-lib.sh"
signer=$BIN/signer
server=$BIN/update-server
client=$BIN/updater-client
server_pid=

die() {
	echo "FAILED: $*"
	[ ! -e "$WORK/server.log" ] || tail -n 20 "$WORK/server.log"
	exit 1
}

# Run a command that must end with this exit status.
want() { # status, command...
	wanted=$1
	shift
	got=0
	"$@" >"$WORK/said" 2>&1 || got=$?
	[ "$got" -eq "$wanted" ] || {
		cat "$WORK/said"
		die "exit status $got, not $wanted: $*"
	}
}

# The last command that want() ran said this.
said() {
	grep -q -- "$1" "$WORK/said" || {
		cat "$WORK/said"
		die "it did not say: $1"
	}
}

stop_server() {
	[ -n "$server_pid" ] || return 0
	kill "$server_pid" 2>/dev/null || :
	wait "$server_pid" 2>/dev/null || :
	server_pid=
}
trap stop_server EXIT
trap 'exit 1' INT TERM

make_server() {
	"$server" init "$WORK/server" --environment demo \
		--device-listen 127.0.0.1:0 --enrol-listen 127.0.0.1:0 \
		--people-listen 127.0.0.1:0 >/dev/null
}

start_server() {
	rm -f "$WORK/server/run/listeners.json"
	"$server" run "$WORK/server" >>"$WORK/server.log" 2>&1 &
	server_pid=$!
	tries=0
	while [ ! -s "$WORK/server/run/listeners.json" ]; do
		tries=$((tries + 1))
		[ "$tries" -lt 600 ] || die "the server does not start"
		kill -0 "$server_pid" 2>/dev/null || die "the server ended"
		sleep 0.1
	done
}

# The real "host:port" of a listener: device, enrolment or people.
listener() {
	sed "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/" \
		"$WORK/server/run/listeners.json"
}

# The private key of a device that enrolled, as others read it.
device_pem() { # name, file
	{
		printf 30310201010420
		tr -d '\n' <"$WORK/devices/$1/state/identity.key"
		printf a00a06082a8648ce3d030107
	} | python3 -c 'import sys
sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read()))' >"$2.der"
	openssl ec -inform DER -in "$2.der" -out "$2" 2>/dev/null
}

# An operator's command, as the first admin.
op() {
	"$server" "$@" --operator "$WORK/server/admin/operator.conf"
}

# What a person saw of a rollout: the revision that an act on it names.
revision() { # rollout
	op rollout status "$1" --json | member revision
}

# An act on a rollout as it is now.
act_now() { # verb, rollout, options...
	again act_once "$@"
}
act_once() {
	verb=$1 rollout=$2
	shift 2
	op rollout "$verb" "$rollout" --revision "$(revision "$rollout")" "$@"
}

# One member of a flat JSON answer on standard input.
member() {
	sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\)\"\{0,1\}.*/\1/p" | head -n 1
}

# A signer's key behind a command: no wait for a passphrase's key, at which others
# look (10 to 17).
make_key() { # file
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
		-out "$1.pem" 2>/dev/null
	openssl pkey -in "$1.pem" -pubout -out "$1.pub"
	"$signer" key external "$1" --environment demo --public "$1.pub" \
		-- openssl pkeyutl -sign -inkey "$1.pem" >/dev/null
}

make_repo() { # folder
	for role in root targets; do
		make_key "$1.$role"
	done
	"$signer" init "$1" --environment demo --owner Tests --product kiosk \
		--root-key "$1.root.pub" --targets-key "$1.targets.pub" \
		--online-key "${2:-$WORK/server/online.pub}" >/dev/null 2>&1
}

# A tree whose health check passes unless its file "broken" exists.
make_tree() { # id
	mkdir -p "$WORK/trees/$1/bin"
	seq 1 20000 | sed "s/7/seven in $1/" >"$WORK/trees/$1/data"
	cat >"$WORK/trees/$1/bin/health" <<'SH'
#!/bin/sh
echo "the health check of $PAWL_RELEASE speaks"
test ! -e broken
SH
	chmod 755 "$WORK/trees/$1/bin/health"
}

# Release, sign and publish into a fresh folder: repository, id, folder, options
make_release() {
	repo=$1 id=$2 out=$3
	shift 3
	[ -d "$WORK/trees/$id" ] || make_tree "$id"
	"$signer" release create "$repo" --product kiosk --id "$id" \
		--input "$WORK/trees/$id" --health bin/health --deadline 20 \
		"$@" >/dev/null 2>&1
	for role in root targets; do
		# Root is staged only the first time.
		"$signer" sign "$repo" --key "$repo.$role" >/dev/null 2>&1 ||
			[ "$role" = root ]
	done
	rm -rf "$out"
	"$signer" publish "$repo" "$out" >/dev/null 2>&1
}

# A vanilla device: name, cohort. Leaves its claim code in its folder.
make_device() {
	mkdir -p "$WORK/devices/$1/slots"
	"$signer" factory "$WORK/repo" "$WORK/devices/$1/factory" \
		--product kiosk --model k1 \
		--url "https://$(listener device)" \
		--enrol-url "https://$(listener enrolment)" \
		--server-ca "$WORK/server/ca.pem" >/dev/null 2>&1
	d=$WORK/devices/$1
	mv "$d"/factory/* "$d"
	sed -i -e "s|^state *=.*|state = $d/state|" \
		-e "s|^root *=.*|root = $d/root.json|" \
		-e "s|^ca *=.*|ca = $d/server-ca.pem|" \
		-e "s|^path *=.*|path = $d/slots|" "$d/client.conf"
	op token create --product kiosk --model k1 --cohort "$2" --plain \
		>"$d/claim"
	chmod 600 "$d/claim"
}

device() { # name, command...
	name=$1
	shift
	"$client" "$@" --config "$WORK/devices/$name/client.conf"
}

# See what a rollout would do, and start that very plan.
begin() { # name
	plan=$(op rollout plan "$1" --json |
		sed -n 's/.*"plan": "\([0-9a-f]\{64\}\)".*/\1/p')
	op rollout start "$1" --plan "$plan"
}
