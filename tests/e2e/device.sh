# A device that is updated from folders, for the tests that source this file: an
# offline repository in lab mode with two releases of a small tree, what it
# publishes, and a device that runs release 1.
#
#	$WORK/r1 r2	published folders: release 1; releases 1 and 2
#	$WORK/device	client.conf, state/, slots/
#
# shellcheck shell=sh
: "${BIN:?}" "${WORK:?}"
cd "$WORK" || exit 1

die() {
	echo "$*" >&2
	exit 1
}

signer() {
	"$BIN/signer" "$@" || die "signer $*: status $?"
}

# Sign what is staged in the offline repository and publish it.
sign_and_publish() { # repository, folder
	signer sign "$1" --key key --passphrase-fd 3 3<pass >/dev/null
	signer publish "$1" "$2" --with-online >/dev/null
}

# A tree whose size is a few chunks, most of it the same in every release.
make_tree() { # folder, number
	mkdir -p "$1/bin" "$1/share"
	printf '#!/bin/sh\n[ "$(cat share/number)" = %s ]\n' "$2" >"$1/bin/check"
	chmod 755 "$1/bin/check"
	echo "$2" >"$1/share/number"
	# Bytes that hardly compress, from a generator that every awk has.
	awk -v seed=7 -v n=30000 'BEGIN {
		for (i = 0; i < n; i++) {
			seed = (seed * 16807) % 2147483647
			printf "%d%s", seed, i % 8 == 7 ? "\n" : " "
		}
	}' >"$1/share/data"
	echo "changed by release $2" >>"$1/share/data"
	ln -s data "$1/share/link"
}

make_repository() {
	echo 'a passphrase of this test' >pass
	# Behind a command: no wait for a passphrase's key.
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
		-out key.pem 2>/dev/null
	openssl pkey -in key.pem -pubout -out key.pub
	signer key external key --environment lab --public key.pub -- \
		openssl pkeyutl -sign -inkey "$WORK/key.pem" >/dev/null
	signer init repo --environment lab --owner 'End-to-end tests' \
		--product gateway --key key --with-online \
		--passphrase-fd 3 3<pass >/dev/null
	make_tree tree1 1
	make_tree tree2 2
	create 1 tree1
	sign_and_publish repo r1
	create 2 tree2 --from 1
	sign_and_publish repo r2
}

create() { # id, tree, options...
	create_id=$1 create_tree=$2
	shift 2
	signer release create repo --product gateway --id "$create_id" \
		--version "release $create_id" --input "$create_tree" \
		--model box --health bin/check --deadline 20 "$@" >/dev/null
}

# The configuration that a factory would put there, and nothing else.
make_device() { # folder
	mkdir -p "$1"
	cp r1/metadata/1.root.json "$1/root.json"
	cat >"$1/client.conf" <<EOF
[device]
product = gateway
model = ${MODEL:-box}
state = $WORK/$1/state
[trust]
root = $WORK/$1/root.json
environment = lab
[slot]
kind = tree
path = $WORK/$1/slots
attributes = app
EOF
}

client() { # device, arguments...
	client_device=$1
	shift
	timeout 60 "$BIN/updater-client" "$@" --quiet \
		--config "$client_device/client.conf"
}

# What a device runs and holds, as text to be compared.
runs() { # device
	cat "$1/slots/current/share/number"
}

# Everything that an update could activate: the link, and the slot behind it.
fingerprint() { # device
	readlink "$1/slots/current"
	(cd "$1/slots/current/" && find . -print0 | LC_ALL=C sort -z |
		xargs -0 ls -ldn --time-style=+%s | sed 's/ [0-9]* \./ ./' &&
		find . -type f -print0 | LC_ALL=C sort -z |
		xargs -0 sha256sum)
}

# A device that runs release 1, once; each case takes a copy.
make_devices() {
	make_device device
	client device update --from r1 >/dev/null || die "release 1: status $?"
	[ "$(runs device)" = 1 ] || die "release 1 does not run"
	cp -a device pristine
	fingerprint pristine >pristine.print
}

# Begin a case with a fresh copy of both, so that cases cannot help each other.
fresh() {
	rm -rf device bad
	cp -a pristine device
	cp -a r2 bad
}

# The update from a folder fails with one of these statuses and one line, and
# activates nothing; then the same device takes the good release.
refused() { # what, statuses, command...
	what=$1 wanted=$2
	shift 2
	status=0
	"$@" >out 2>err || status=$?
	case " $wanted " in
	*" $status "*) ;;
	*)
		cat out err >&2
		die "$what: status $status instead of $wanted"
		;;
	esac
	lines=$(grep -c '^updater-client: ' err || :)
	[ "$lines" -eq 1 ] || {
		cat err >&2
		die "$what: $lines error lines instead of one"
	}
	# Beside that line there may be events, which begin with the time.
	others=$(grep -v '^updater-client: ' err |
		grep -cv '^20[0-9-]*T[0-9:]*Z [a-z]* ' || :)
	[ "$others" -eq 0 ] || {
		cat err >&2
		die "$what: says more than one line"
	}
	fingerprint device >device.print
	cmp -s pristine.print device.print || {
		diff pristine.print device.print >&2 || :
		die "$what: something was activated"
	}
	echo "ok $what: status $status: $(sed -n \
		's/^updater-client: //p' err)"
	recovers "$what"
}

recovers() { # what
	client device status >out 2>err || {
		cat out err >&2
		die "$1: status cannot be shown afterwards"
	}
	client device update --from r2 >out 2>err || {
		code=$?
		cat out err >&2
		die "$1: the next update fails with status $code"
	}
	[ "$(runs device)" = 2 ] || die "$1: the next update changed nothing"
}
