#!/bin/sh
# The whole job on real input: make keys, sign two releases of real Debian
# packages, serve them, enrol three devices, roll out to the canary and then to
# all, and see a release whose health check fails come back by itself. Then the
# server is stolen with all that is on it, and devices say what they think of it.
#
#   demo.sh [OLD NEW]     two trees instead of the Debian packages
#
# BIN is the folder of the programs. Everything is left in DEMO_HOME (build/demo)
# to look around in; a new run starts afresh (but keeps what was downloaded).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
: "${BIN:?run me by: make demo}"
old=${1:-} new=${2:-}
home=${DEMO_HOME:-$(cd "$here/../.." && pwd)/build/demo}
mkdir -p "$home"

# ---- small helpers ---------------------------------------------------------

if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else
	bold='' plain=''
fi

act() {
	echo
	echo "${bold}== $*${plain}"
}

# Show a command as somebody would type it (without paths), then run it.
run() {
	echo "  \$ $*" | sed "s|$BIN/||g; s|$home/||g"
	"$@"
}

die() {
	echo "demo: $*" >&2
	exit 1
}

server_pid=
cleanup() {
	status=$?
	trap - EXIT INT TERM
	if [ -n "$server_pid" ]; then
		kill "$server_pid" 2>/dev/null || :
		wait "$server_pid" 2>/dev/null || :
	fi
	[ "$status" -eq 0 ] || echo "demo: stopped (status $status);" \
		"what it made stands in $home" >&2
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

started=$(date +%s)
cd "$home"
rm -rf repo site server server.* factory devices trees engineers operators \
	thief publish.*
mkdir engineers operators trees devices

signer() { run "$BIN/signer" "$@"; }
operator() { run "$BIN/update-server" "$@" --operator server/admin/operator.conf; }
# The revision of a rollout, as its status shows it.
revision() { # rollout
	"$BIN/update-server" rollout status "$1" --json \
		--operator server/admin/operator.conf |
		sed -n 's/.*"revision": *\([0-9]*\).*/\1/p' | head -n 1
}
# Start what its plan says, and no other.
begin() { # rollout
	operator rollout plan "$1"
	plan=$("$BIN/update-server" rollout plan "$1" --json \
		--operator server/admin/operator.conf |
		sed -n 's/.*"plan": "\([0-9a-f]\{64\}\)".*/\1/p')
	operator rollout start "$1" --plan "$plan"
}
client() { # device, arguments...
	device=$1
	shift
	run "$BIN/updater-client" "$@" --config "devices/$device/client.conf"
}

# ---- input -----------------------------------------------------------------

act "Two generations of real content"
if [ -z "$old" ]; then
	sh "$here/fetch.sh" "$home/debian"
	old=$home/debian/old new=$home/debian/new
	health=debian
else
	[ -n "$new" ] || die "OLD and NEW go together: make demo OLD=dir NEW=dir"
	health=any
fi

# Each release is a tree with a health check of its own, signed with the rest.
tree() { # number, source
	cp -a --reflink=auto "$2" "trees/$1"
	mkdir -p "trees/$1/pawl"
	cp "$here/health-$health.sh" "trees/$1/pawl/health"
	chmod 755 "trees/$1/pawl/health"
	echo "release $1" >"trees/$1/pawl/complete"
}
tree 1 "$old"
tree 2 "$new"
tree 3 "$new"
# The accident that release 3 stands for: the build machine's disk was full, and
# half a library went into the image.
if [ "$health" = debian ]; then
	truncate -s 1000000 trees/3/usr/lib/*/libcrypto.so.3
else
	rm -f trees/3/pawl/complete
fi
du -sh trees/1 trees/2 trees/3

# ---- server, keys, repository ----------------------------------------------

act "A server: one command makes all that it needs"
for base in 7443 17443 27443 37443; do
	rm -rf server
	run "$BIN/update-server" init server --environment demo \
		--name 127.0.0.1 --name localhost \
		--enrol-listen "127.0.0.1:$base" \
		--device-listen "127.0.0.1:$((base + 1))" \
		--people-listen "127.0.0.1:$((base + 2))"
	echo "  \$ update-server run server &"
	# Not through run(): its subshell would be what we then stop.
	"$BIN/update-server" run server >server.log 2>&1 &
	server_pid=$!
	waited=0
	while [ ! -s server/run/listeners.json ] && [ "$waited" -lt 600 ] &&
		kill -0 "$server_pid" 2>/dev/null; do
		sleep 0.1
		waited=$((waited + 1))
	done
	[ -s server/run/listeners.json ] && break
	# Somebody else has the port: try the next.
	kill "$server_pid" 2>/dev/null || :
	wait "$server_pid" 2>/dev/null || :
	server_pid=
done
[ -n "$server_pid" ] || die "the server did not start: see $home/server.log"
sed 's/^/  /' server.log

act "Two release engineers, each with a key of their own; both must sign"
for n in 1 2; do
	echo "demo passphrase of engineer $n" >"engineers/$n.pass"
	signer key generate "engineers/$n.key" --environment demo \
		--purpose release --passphrase-fd 3 3<"engineers/$n.pass"
done
sign() {
	for n in 1 2; do
		signer sign repo --key "engineers/$n.key" \
			--passphrase-fd 3 3<"engineers/$n.pass"
	done
}
signer init repo --environment demo --owner "The demo" --product gateway \
	--staging signed \
	--root-threshold 2 --targets-threshold 2 \
	--root-key engineers/1.key.pub --root-key engineers/2.key.pub \
	--targets-key engineers/1.key.pub --targets-key engineers/2.key.pub \
	--online-key server/online.pub

act "Two operators: one opens a release to the canary, both to everybody"
for n in 1 2; do
	echo "demo passphrase of operator $n" >"operators/$n.pass"
	signer key generate "operators/$n.key" --environment demo \
		--purpose release --passphrase-fd 3 3<"operators/$n.pass"
done
for role in rollout rollout-wide; do
	signer role add repo "$role" --key operators/1.key.pub \
		--key operators/2.key.pub \
		--threshold "$([ "$role" = rollout ] && echo 1 || echo 2)"
done
# What is ordered, signed by these operators and brought to the server.
order() { # operators, release, command, options...
	who=$1 id=$2 what=$3
	shift 3
	signer order "$what" repo --product gateway --release "$id" "$@"
	for n in $who; do
		signer sign repo --key "operators/$n.key" \
			--passphrase-fd 3 3<"operators/$n.pass"
	done
	signer publish repo publish.orders
	operator release import publish.orders
}

act "Release 1: the older generation"
health_args="--health pawl/health --deadline 30"
# shellcheck disable=SC2086 # a list of words
signer release create repo --product gateway --id 1 --version "generation 1" \
	--input trees/1 $health_args
sign
# Devices want the word of both roles, be it that nothing is open yet.
for n in 1 2; do
	signer sign repo --key "operators/$n.key" \
		--passphrase-fd 3 3<"operators/$n.pass"
done
signer publish repo publish.1
operator release import publish.1

# ---- devices ---------------------------------------------------------------

act "Three vanilla devices: the same factory files, no key, no identity"
signer factory repo factory --product gateway --model demo-board \
	--url "https://127.0.0.1:$((base + 1))" \
	--enrol-url "https://127.0.0.1:$base" --server-ca server/ca.pem
ls factory
operator cohort create canary
operator cohort create fleet

devices="canary-1 fleet-1 fleet-2"
for device in $devices; do
	mkdir -p "devices/$device/slots"
	cp factory/* "devices/$device/"
	# The paths of this device, as its image would have them in /etc/pawl.
	sed -i -e "s|^state *=.*|state = $home/devices/$device/state|" \
		-e "s|^root *=.*|root = $home/devices/$device/root.json|" \
		-e "s|^ca *=.*|ca = $home/devices/$device/server-ca.pem|" \
		-e "s|^path *=.*|path = $home/devices/$device/slots|" \
		"devices/$device/client.conf"
	"$BIN/update-server" token create --product gateway \
		--model demo-board --cohort "${device%-*}" \
		--operator server/admin/operator.conf >"devices/$device/claim"
	chmod 600 "devices/$device/claim"
	client "$device" enroll --claim-file "devices/$device/claim"
done

act "Rollout of release 1 to everybody: the full package"
order "1 2" 1 open --wide --cohort canary --cohort fleet
operator rollout create first --release 1 --cohort canary --cohort fleet \
	--watch 0
begin first
for device in $devices; do
	client "$device" update
done
act "Three devices are too few to prove anything: a person has the last word"
operator rollout watch first --until-person
operator rollout advance first --revision "$(revision first)"

# Somebody copies the server's folder, all keys included, for later.
cp -a --reflink=auto server server.before

# ---- the update ------------------------------------------------------------

act "Release 2: the newer generation, as a full package and as a delta"
# shellcheck disable=SC2086
signer release create repo --product gateway --id 2 --version "generation 2" \
	--input trees/2 --from 1 --with-undo $health_args
signer inspect repo
sign
signer publish repo publish.2
operator release import publish.2

act "First to the canary cohort: one operator may open that alone"
order 1 2 open --cohort canary
operator rollout create second-canary --release 2 --cohort canary --watch 0
begin second-canary
for device in $devices; do
	client "$device" update
done

act "The canary is well: now to all, which takes both operators"
order "1 2" 2 open --wide --cohort canary --cohort fleet
operator rollout create second --release 2 --cohort fleet --phases 50,100 \
	--watch 0,0
begin second
for device in fleet-1 fleet-2; do
	client "$device" update
done
act "One of two has it and is well: the next phase waits for a person"
operator rollout watch second --until-person
operator rollout advance second --revision "$(revision second)"
for device in fleet-1 fleet-2; do
	client "$device" update
done

# ---- the accident ----------------------------------------------------------

act "Release 3 is broken: signed all the same, and its health check fails"
# shellcheck disable=SC2086
signer release create repo --product gateway --id 3 --version "a bad day" \
	--input trees/3 --from 2 $health_args
sign
signer publish repo publish.3
operator release import publish.3
order 1 3 open --cohort canary
printf '[policy]\nstop-code = HEALTH_FAILED\nnew-device-days = 0\n' >strict
operator rollout create third --release 3 --cohort canary --cohort fleet \
	--policy strict
begin third
if client canary-1 update; then
	die "canary-1 kept release 3"
else
	echo "  (exit status $?: the device took it back by itself)"
fi
act "The rollout has stopped itself, and says why"
if operator rollout watch third; then
	die "it went on"
fi
operator gate show third
act "The canary does not try it twice, and the fleet was never to have it"
for device in $devices; do
	client "$device" update
done

# ---- what happened ---------------------------------------------------------

act "What the server knows"
operator rollout list
operator device list
act "What each device says"
for device in $devices; do
	client "$device" status
	"$BIN/updater-client" status --json \
		--config "devices/$device/client.conf" |
		grep -q '"release": *"2"' || die "$device does not run release 2"
	readlink "devices/$device/slots/current"
done

full=$(stat -c %s repo/targets/gateway/2/*-full.pawl)
delta=$(stat -c %s repo/targets/gateway/2/*-from-1.pawl)
act "Bytes of release 2: full $full, delta $delta" \
	"($(awk "BEGIN { printf \"%.1f %%\", 100 * $delta / $full }"))"

# ---- the theft -------------------------------------------------------------

# Stop the server, start another program on a folder with the same ports.
serve() { # program, folder
	kill "$server_pid" 2>/dev/null || :
	wait "$server_pid" 2>/dev/null || :
	rm -f "$2/run/listeners.json"
	"$1" run "$2" >>server.log 2>&1 &
	server_pid=$!
	waited=0
	while [ ! -s "$2/run/listeners.json" ]; do
		waited=$((waited + 1))
		[ "$waited" -lt 600 ] && kill -0 "$server_pid" 2>/dev/null ||
			die "the server did not start: see $home/server.log"
		sleep 0.1
	done
}
# A device that must refuse with this exit status.
refuses() { # status, device, options...
	wanted=$1 victim=$2 got=0
	shift 2
	client "$victim" update "$@" || got=$?
	[ "$got" -eq "$wanted" ] ||
		die "$victim: exit status $got instead of $wanted"
	echo "  (exit status $got: refused)"
}

act "The server is stolen: its store, its online keys, its certificates"
cheat=${CHEAT:-$BIN/tests/tools/cheat-server}
thief() { run "$cheat" "$@" --operator server/admin/operator.conf; }
echo "  \$ cheat-server run server &"
serve "$cheat" server

act "The thief offers the canary's release to everybody"
operator rollout resume third --revision "$(revision third)" --reason "so says the thief"
for device in fleet-1 fleet-2; do
	refuses 10 "$device"
done

act "The thief offers a package of its own, signed by itself"
mkdir -p thief/tree/pawl
printf '#!/bin/sh\n' >thief/tree/pawl/health
chmod 755 thief/tree/pawl/health
echo "a thief's passphrase" >thief/pass
run "$BIN/signer" key generate thief/key --environment demo \
	--passphrase-fd 3 3<thief/pass >/dev/null
"$BIN/signer" init thief/repo --environment demo --owner "The thief" \
	--product gateway --key thief/key --with-online \
	--passphrase-fd 3 3<thief/pass >/dev/null 2>&1
signer release create thief/repo --product gateway --id 9 --quiet \
	--input thief/tree $health_args
"$BIN/signer" sign thief/repo --key thief/key --passphrase-fd 3 \
	3<thief/pass >/dev/null
"$BIN/signer" publish thief/repo thief/publish --with-online >/dev/null 2>&1
refuses 6 fleet-1 --from thief/publish

act "The thief offers the old release 1, newly signed with the stolen keys"
serve "$cheat" server.before
run "$cheat" bundle export thief/old --valid 30 \
	--operator server.before/admin/operator.conf
refuses 8 fleet-1 --from thief/old

act "The operators have their server back, and open the way back themselves"
serve "$BIN/update-server" server
order "1 2" 2.undo open --wide --cohort canary --cohort fleet
operator rollout create back --release 2.undo --cohort canary --cohort fleet \
	--urgent
begin back
for device in $devices; do
	client "$device" update
	"$BIN/updater-client" status --json \
		--config "devices/$device/client.conf" |
		grep -q '"release": *"2.undo"' || die "$device did not go back"
done
operator device list

cat <<END

${bold}Done in $(($(date +%s) - started)) seconds.${plain} It all stands in build/demo:
  repo/       the offline repository of the release engineers
  server/     the server: configuration, store, keys (encrypted)
  devices/    three devices: slots/current is what each runs
  publish.*/  what was carried from engineers and operators to the server

Try next (in build/demo, with the programs of build/release):
  update-server run server &                      start the server again
  updater-client status --config devices/canary-1/client.conf
  update-server device list --operator server/admin/operator.conf
  signer inspect repo
END
