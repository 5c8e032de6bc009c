#!/bin/sh
# The whole job on real input: make keys, sign two releases of real Debian
# packages, serve them, enrol three devices, roll out to the canary and then to
# all, and see a release whose health check fails come back by itself.
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
rm -rf repo site server factory devices trees engineers publish.*
mkdir engineers trees devices

signer() { run "$BIN/signer" "$@"; }
operator() { run "$BIN/update-server" "$@" --operator server/admin/operator.conf; }
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
	while [ ! -s server/run/listeners.json ] && [ "$waited" -lt 100 ] &&
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
	--root-threshold 2 --targets-threshold 2 \
	--root-key engineers/1.key.pub --root-key engineers/2.key.pub \
	--targets-key engineers/1.key.pub --targets-key engineers/2.key.pub \
	--online-key server/online.pub

act "Release 1: the older generation"
health_args="--health pawl/health --deadline 30"
# shellcheck disable=SC2086 # a list of words
signer release create repo --product gateway --id 1 --version "generation 1" \
	--input trees/1 $health_args
sign
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
operator rollout create first --release 1 --cohort canary --cohort fleet \
	--share 100
operator rollout start first
for device in $devices; do
	client "$device" update
done

# ---- the update ------------------------------------------------------------

act "Release 2: the newer generation, as a full package and as a delta"
# shellcheck disable=SC2086
signer release create repo --product gateway --id 2 --version "generation 2" \
	--input trees/2 --from 1 $health_args
signer inspect repo
sign
signer publish repo publish.2
operator release import publish.2

act "First to the canary cohort"
operator rollout create second-canary --release 2 --cohort canary --share 100
operator rollout start second-canary
for device in $devices; do
	client "$device" update
done

act "The canary is well: now to all"
operator rollout create second --release 2 --cohort fleet --share 100
operator rollout start second
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
operator rollout create third --release 3 --cohort canary --cohort fleet \
	--share 100
operator rollout start third
for device in $devices; do
	if client "$device" update; then
		die "$device kept release 3"
	else
		echo "  (exit status $?: the device took it back by itself)"
	fi
done
act "Asked again, nobody tries release 3 a second time"
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

cat <<END

${bold}Done in $(($(date +%s) - started)) seconds.${plain} It all stands in build/demo:
  repo/       the offline repository of the release engineers
  server/     the server: configuration, store, keys (encrypted)
  devices/    three devices: slots/current is what each runs
  publish.*/  what was carried from the engineers to the server

Try next (in build/demo, with the programs of build/release):
  update-server run server &                      start the server again
  updater-client status --config devices/canary-1/client.conf
  update-server device list --operator server/admin/operator.conf
  signer inspect repo
END
