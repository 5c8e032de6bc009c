# For the tests of the client: a repository of releases, and devices without a
# server. Source it; BIN and WORK are set by run.sh.
set -eu
: "${BIN:?}" "${WORK:?}"
signer=$BIN/signer
client=$BIN/updater-client

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

# A lab repository in $WORK/repo whose one key signs everything.
make_repo() {
	printf 'a long passphrase\n' >"$WORK/pass"
	"$signer" key generate "$WORK/key" --environment lab \
		--passphrase-fd 3 3<"$WORK/pass" >/dev/null
	"$signer" init "$WORK/repo" --environment lab --owner Tests \
		--product gateway --key "$WORK/key" --with-online \
		--passphrase-fd 3 3<"$WORK/pass" >/dev/null
}

# Content of some size that changes a little with each release.
make_tree() { # id
	mkdir -p "$WORK/trees/$1/bin" "$WORK/trees/$1/lib"
	seq 1 60000 | sed "s/7/seven in $1/" >"$WORK/trees/$1/lib/changes"
	seq 1 200000 >"$WORK/trees/$1/lib/stays"
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
	"$signer" sign "$WORK/repo" --key "$WORK/key" \
		--passphrase-fd 3 3<"$WORK/pass" >/dev/null
	rm -rf "$WORK/publish"
	"$signer" publish "$WORK/repo" "$WORK/publish" --with-online >/dev/null
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
environment = lab
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
