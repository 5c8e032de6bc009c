# For the tests of the client: a repository of releases, and devices without a
# server. Source it; BIN and WORK are set by run.sh.
set -eu
: "${BIN:?}" "${WORK:?}"
. "$(dirname "$0")/../e2e/again-lib.sh"
signer=$BIN/signer
client=$BIN/updater-client
# Of repository, server and devices.
: "${environment:=lab}"
# What makes a folder complete without a server.
online=--with-online

die() {
	echo "FAILED: $*"
	exit 1
}

# Run a command that must end with this exit status.
want() { # status, command...
	wanted=$1
	shift
	got=0
	"$@" || got=$?
	[ "$got" -eq "$wanted" ] || die "exit status $got, not $wanted: $*"
}

# Keys of people, behind a command: no wait for a passphrase's key.
make_keys() { # name...
	for name; do
		openssl genpkey -algorithm EC \
			-pkeyopt ec_paramgen_curve:P-256 \
			-out "$WORK/$name.pem" 2>/dev/null
		openssl pkey -in "$WORK/$name.pem" -pubout \
			-out "$WORK/$name.pub"
		"$signer" key external "$WORK/$name" --environment "$environment" \
			--public "$WORK/$name.pub" -- openssl pkeyutl -sign \
			-inkey "$WORK/$name.pem" >/dev/null
	done
}

# The engineer's. What else is sealed takes the passphrase in $WORK/pass.
make_key() {
	printf 'a long passphrase\n' >"$WORK/pass"
	make_keys key
}

# A lab repository in $WORK/repo whose one key signs everything.
make_repo() {
	make_key
	"$signer" init "$WORK/repo" --environment "$environment" --owner Tests \
		--product gateway --key "$WORK/key" --with-online \
		--passphrase-fd 3 3<"$WORK/pass" >/dev/null
}

# Content that changes a little with each release. To pack it is most of what a test
# costs, so where more of it counts a test says so: tree_size=3, of megabytes 1.8.
make_tree() { # id
	mkdir -p "$WORK/trees/$1/bin" "$WORK/trees/$1/lib"
	lines=$((20000 * ${tree_size:-1}))
	seq 1 $lines | sed "s/7/seven in $1/" >"$WORK/trees/$1/lib/changes"
	seq 1 $((lines * 10 / 3)) >"$WORK/trees/$1/lib/stays"
	echo "$1" >"$WORK/trees/$1/version"
	cat >"$WORK/trees/$1/bin/health" <<'SH'
#!/bin/sh
# The release proves itself by what it was switched to.
test "$(cat version)" = "$PAWL_RELEASE" || exit 3
test "$PWD" = "$PAWL_SLOT" || exit 4
SH
	chmod 755 "$WORK/trees/$1/bin/health"
	ln -s ../version "$WORK/trees/$1/lib/link"
}

# Release, sign and publish to $WORK/publish: id, then options.
make_release() {
	id=$1
	shift
	[ -d "$WORK/trees/$id" ] || make_tree "$id"
	"$signer" release create "$WORK/repo" --product gateway --id "$id" \
		--input "$WORK/trees/$id" --health bin/health --deadline 20 \
		--quiet "$@" >/dev/null
	resign
}

# Sign what is staged, and publish.
resign() {
	"$signer" sign "$WORK/repo" --key "$WORK/key" \
		--passphrase-fd 3 3<"$WORK/pass" >/dev/null
	rm -rf "$WORK/publish"
	"$signer" publish "$WORK/repo" "$WORK/publish" $online >/dev/null
}

# A device in $WORK/NAME, told to trust the repository.
make_device() { # name
	mkdir -p "$WORK/$1"
	root=$(ls "$WORK/publish/metadata/" | grep root.json | sort -n | head -1)
	cp "$WORK/publish/metadata/$root" "$WORK/$1/root.json"
	cat >"$WORK/$1/client.conf" <<INI
[device]
product = gateway
state = $WORK/$1/state
[trust]
root = $WORK/$1/root.json
environment = $environment
[slot]
path = $WORK/$1/slots
INI
	chmod 644 "$WORK/$1/client.conf"
}

on() { # device, command...
	device=$1
	shift
	"$client" "$@" --config "$WORK/$device/client.conf"
}

# Is the current slot of the device exactly the tree of this release?
runs() { # device, id
	diff -r "$WORK/$1/slots/current/" "$WORK/trees/$2" >/dev/null ||
		die "$1 does not run $2"
	on "$1" status --json | grep -q "\"release\": *\"$2\"" ||
		die "the status of $1 does not say $2"
}

# The value of a top-level member of the status.
says() { # device, member, value
	on "$1" status --json | grep -q "^  *\"$2\": *\"*$3\"*,*$" || {
		on "$1" status --json
		die "$1: $2 is not $3"
	}
}

# ---- with a server ---------------------------------------------------------

server=$BIN/update-server
server_pid=

stop_server() {
	[ -n "$server_pid" ] || return 0
	kill "$server_pid" 2>/dev/null || :
	wait "$server_pid" 2>/dev/null || :
	server_pid=
}

# False when it does not start: somebody else may have a port of ours.
try_server() {
	rm -f "$WORK/server/run/listeners.json"
	"$server" run "$WORK/server" >>"$WORK/server.log" 2>&1 &
	server_pid=$!
	tries=0
	while [ ! -s "$WORK/server/run/listeners.json" ]; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] && kill -0 "$server_pid" 2>/dev/null ||
			return 1
		sleep 0.1
	done
}

start_server() {
	try_server || die "no server: $(tail -n 5 "$WORK/server.log")"
}

operator() {
	"$server" "$@" --operator "$WORK/server/admin/operator.conf"
}

# What a person saw of a rollout: the revision that an act on it names.
revision() { # rollout
	operator rollout status "$1" --json |
		sed -n 's/.*"revision": *\([0-9]*\).*/\1/p' | head -n 1
}

# An act on a rollout as it is now.
act_now() { # verb, rollout, options...
	again act_once "$@"
}
act_once() {
	verb=$1 rollout=$2
	shift 2
	operator rollout "$verb" "$rollout" --revision "$(revision "$rollout")" "$@"
}

make_server() {
	trap stop_server EXIT
	for n in 1 2 3 4 5; do
		base=$((20000 + ($$ * 7 + n * 3001) % 20000))
		rm -rf "$WORK/server"
		"$server" init "$WORK/server" --environment "$environment" \
			--name 127.0.0.1 \
			--enrol-listen "127.0.0.1:$base" \
			--device-listen "127.0.0.1:$((base + 1))" \
			--people-listen "127.0.0.1:$((base + 2))" >/dev/null
		try_server && return
		stop_server
	done
	die "no server: $(tail -n 5 "$WORK/server.log")"
}

# A repository whose snapshot and timestamp are the server's.
make_served_repo() {
	online=
	make_key
	"$signer" init "$WORK/repo" --environment "$environment" --owner Tests \
		--product gateway --key "$WORK/key" \
		--online-key "$WORK/server/online.pub" \
		--passphrase-fd 3 3<"$WORK/pass" >/dev/null
}

# Release, sign, publish and take in: id, then options.
serve_release() {
	make_release "$@"
	operator release import "$WORK/publish"
}

# See what a rollout would do, and start that very plan.
begin() { # name
	operator rollout plan "$1" --json >"$WORK/plan" || return
	plan=$(sed -n 's/.*"plan": "\([0-9a-f]\{64\}\)".*/\1/p' \
		"$WORK/plan")
	operator rollout start "$1" --plan "$plan"
}
# Offer a release to everybody.
roll_out() { # id
	operator rollout create "r$1" --release "$1" --cohort fleet --share 100
	begin "r$1"
}

# An operator's requests without the wait for a key to be derived: once
# use_people, then people PATH [BODY].
use_people() {
	"$BIN/tests/tools/open-key" "$WORK/server/admin/admin.key" \
		"$WORK/server/admin/admin.secret" >"$WORK/admin.key"
}
people() {
	curl -sS --fail-with-body --cacert "$WORK/server/ca.pem" \
		--cert "$WORK/server/admin/admin.pem" --key "$WORK/admin.key" \
		-H 'Content-Type: application/json' ${2:+--data "$2"} \
		"https://127.0.0.1:$((base + 2))/v1/people/$1"
}
# See what a rollout would do, and start that very plan, by the wire alone.
people_begin() { # name
	people "rollout-plan/$1" >"$WORK/plan" &&
		people rollout-start "{\"v\":1,\"name\":\"$1\",\"revision\":$(
			sed 's/.*"revision":\([0-9]*\).*/\1/' "$WORK/plan"
		),\"plan\":\"$(sed 's/.*"plan":"\([0-9a-f]*\)".*/\1/' "$WORK/plan")\"}"
}
# As roll_out: id, and what else the rollout shall be.
open_to_all() {
	people rollouts "{\"v\":1,\"name\":\"r$1\",\"release\":\"$1\",
		\"cohorts\":[\"fleet\"],\"share\":10000${2:-}}" >/dev/null
	people_begin "r$1" >/dev/null
}

# A device that knows the server, and its claim code in $WORK/NAME/claim.
make_served_device() { # name, cohort (fleet)
	make_device "$1"
	cp "$WORK/server/ca.pem" "$WORK/$1/server-ca.pem"
	cat >>"$WORK/$1/client.conf" <<INI
[device]
model = board
[server]
url = https://127.0.0.1:$((base + 1))
enrol = https://127.0.0.1:$base
ca = $WORK/$1/server-ca.pem
[poll]
interval = 1
retry_min = 1
retry_max = 2
INI
	(
		umask 077
		operator token create --product gateway --model board \
			--cohort "${2:-fleet}" --plain >"$WORK/$1/claim"
	)
}

# What the server gives this device of a package's keys: the HTTP status.
fetch_envelope() { # device, package, file
	openssl asn1parse -genconf /dev/stdin -noout -out "$WORK/$1.der" <<ASN
asn1=SEQUENCE:ec
[ec]
version=INTEGER:1
key=FORMAT:HEX,OCTETSTRING:$(cat "$WORK/$1/state/identity.key")
parameters=EXPLICIT:0,OID:prime256v1
ASN
	openssl ec -inform DER -in "$WORK/$1.der" -out "$WORK/$1.pem" \
		2>/dev/null
	curl -s --cacert "$WORK/server/ca.pem" --key "$WORK/$1.pem" \
		--cert "$WORK/$1/state/identity.crt" -o "$3" -w '%{http_code}' \
		"https://127.0.0.1:$((base + 1))/v1/envelope/$2"
}
