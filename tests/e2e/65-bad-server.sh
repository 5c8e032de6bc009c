#!/bin/sh
# A device whose server is down, is somebody else, answers nonsense, or stands
# behind a broken wire: one line, a documented status, in bounded time, nothing
# activated; and with the real server the next update works.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/server-lib.sh"
# shellcheck source=tests/tools/pki.sh
. "$here/../tools/pki.sh"
bad_pid=

stop_bad() {
	[ -n "$bad_pid" ] || return 0
	kill "$bad_pid" 2>/dev/null || :
	wait "$bad_pid" 2>/dev/null || :
	bad_pid=
}
stop_slow() {
	for pid in $slow_pids; do
		kill "$pid" 2>/dev/null || :
	done
}
slow_pids=
trap 'stop_bad; stop_slow; stop_server' EXIT

# Start it; its "host:port" is in $bad afterwards.
start_bad() { # mode, arguments...
	rm -f "$WORK/port"
	python3 "$here/../tools/bad_server.py" "$WORK/port" "$@" &
	bad_pid=$!
	tries=0
	while [ ! -s "$WORK/port" ]; do
		tries=$((tries + 1))
		[ "$tries" -lt 600 ] || die "bad_server.py does not start"
		kill -0 "$bad_pid" 2>/dev/null || die "bad_server.py ended"
		sleep 0.1
	done
	bad=127.0.0.1:$(cat "$WORK/port")
}

# The device now believes in this server and this CA.
point() { # host:port, CA
	sed -e "s|^url *=.*|url = https://$1|" -e "s|^ca *=.*|ca = $2|" \
		"$WORK/good.conf" >"$WORK/devices/a/client.conf"
}

# An update fails with one of these statuses, in so many seconds at most.
refused() { # what, statuses, seconds
	got=0
	begun=$(date +%s)
	timeout 280 "$client" update --quiet \
		--config "$WORK/devices/a/client.conf" \
		>"$WORK/out" 2>"$WORK/err" || got=$?
	took=$(($(date +%s) - begun))
	line=$(sed -n 's/^updater-client: //p' "$WORK/err")
	case " $2 " in
	*" $got "*) ;;
	*)
		cat "$WORK/out" "$WORK/err"
		die "$1: exit status $got instead of $2"
		;;
	esac
	[ "$(grep -c '^updater-client: ' "$WORK/err")" -eq 1 ] || {
		cat "$WORK/err"
		die "$1: not one line"
	}
	! grep -v '^updater-client: \|^20[0-9-]*T[0-9:]*Z ' "$WORK/err" ||
		die "$1: it says more than one line"
	[ "$took" -le "$3" ] || die "$1: it took $took seconds"
	[ "$(readlink "$WORK/devices/a/slots/current")" = a/tree ] ||
		die "$1: something was activated"
	echo "ok $1: status $got, $took s: $line"
}

make_server
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/publish"
start_server
want 0 op release import "$WORK/publish"
want 0 op cohort create fleet
make_device a fleet
want 0 device a enroll --claim-file "$WORK/devices/a/claim"
want 0 op rollout create one --release r1 --cohort fleet
want 0 begin one
want 0 device a update
[ "$(readlink "$WORK/devices/a/slots/current")" = a/tree ] || die "r1 runs"
# A release of some size that no delta makes small.
make_tree r2
head -c 3000000 /dev/urandom >"$WORK/trees/r2/noise"
make_release "$WORK/repo" r2 "$WORK/publish" --codec none
want 0 op release import "$WORK/publish"
want 0 op rollout create two --release r2 --cohort fleet
want 0 begin two
cp "$WORK/devices/a/client.conf" "$WORK/good.conf"
pki "$WORK/pki"
own=$WORK/pki/bad-ca.pem
(
	cd "$WORK/pki"
	pki_self bad-ca basicConstraints=critical,CA:TRUE
	leaf=basicConstraints=CA:FALSE
	pki_leaf right bad-ca 5 $leaf subjectAltName=IP:127.0.0.1
	pki_leaf other-name bad-ca 5 $leaf subjectAltName=DNS:example.org
	pki_leaf past bad-ca 0 $leaf subjectAltName=IP:127.0.0.1
) >/dev/null 2>&1 || die "no certificates"

# ---- nobody there, or somebody else ----------------------------------------

point 127.0.0.1:1 "$WORK/devices/a/server-ca.pem"
refused "nobody listens" 9 30
start_bad html "$WORK/pki/right.pem" "$WORK/pki/right.key"
point "$bad" "$WORK/devices/a/server-ca.pem"
refused "a server of another CA" "6 9" 30
stop_bad
for name in other-name past; do
	start_bad html "$WORK/pki/$name.pem" "$WORK/pki/$name.key"
	point "$bad" "$own"
	refused "a certificate that does not fit ($name)" "6 7 9" 30
	stop_bad
done
point "$(listener device)" "$WORK/nothing-there.pem"
refused "a CA file that is missing" "3 13" 30

# ---- nobody says much ------------------------------------------------------

# What only a deadline ends goes on beside the rest, on copies of the device.
for mode in black-hole drips; do
	start_bad "$mode" "$WORK/pki/right.pem" "$WORK/pki/right.key"
	slow_pids="$slow_pids $bad_pid"
	bad_pid=
	cp -a "$WORK/devices/a" "$WORK/devices/$mode"
	sed -e "s|/devices/a/|/devices/$mode/|" \
		-e "s|^url *=.*|url = https://$bad|" -e "s|^ca *=.*|ca = $own|" \
		"$WORK/good.conf" >"$WORK/devices/$mode/client.conf"
	(
		got=0
		timeout 60 "$client" update --quiet \
			--config "$WORK/devices/$mode/client.conf" \
			>"$WORK/$mode.out" 2>&1 || got=$?
		echo "$got" >"$WORK/$mode.status"
	) &
	slow_pids="$slow_pids $!"
done

# ---- nonsense --------------------------------------------------------------

for mode in plain closes error-500 error-403 error-404 redirect html empty \
	other-json null deep hostile-offer escapes garbage old-http cut-short \
	huge-length negative-length two-lengths zipped endless-body \
	endless-chunks endless-header endless-line endless-continue; do
	start_bad "$mode" "$WORK/pki/right.pem" "$WORK/pki/right.key"
	point "$bad" "$own"
	refused "$mode" "4 5 6 9 10 13" 60
	stop_bad
done

# ---- a wire that breaks ----------------------------------------------------

for byte in 100 1500; do
	start_bad "flip:$byte" "$(listener device)"
	point "$bad" "$WORK/devices/a/server-ca.pem"
	refused "byte $byte of each connection changed" "6 9" 120
	stop_bad
done

# ---- a server whose disk changed under it ----------------------------------

payload=$(find "$WORK/server" -type f -size +2000k | head -n 1)
[ -n "$payload" ] || die "where is the payload?"
cp "$payload" "$WORK/payload"
chmod u+w "$payload"
# Twice: after a third failure the server would rest it for today.
for offset in 50 1500000; do
	printf 'PAWL' | dd of="$payload" bs=1 seek="$offset" conv=notrunc \
		2>/dev/null
	point "$(listener device)" "$WORK/devices/a/server-ca.pem"
	refused "a payload changed on the server at $offset" "6 9" 120
	cp "$WORK/payload" "$payload"
done

# ---- a wire that breaks and holds again ------------------------------------

# Cut again and again, it arrives all the same: each time a little further.
start_bad cut:700000 "$(listener device)"
point "$bad" "$WORK/devices/a/server-ca.pem"
want 0 device a update
[ "$(readlink "$WORK/devices/a/slots/current")" = b/tree ] ||
	die "a wire that breaks keeps the update away"
cmp "$WORK/trees/r2/noise" "$WORK/devices/a/slots/current/noise" ||
	die "it arrived damaged"
stop_bad
echo "ok a wire that breaks after 700 kB each time"

for mode in black-hole drips; do
	tries=0
	while [ ! -s "$WORK/$mode.status" ]; do
		tries=$((tries + 1))
		[ "$tries" -lt 650 ] || die "$mode: it does not end"
		sleep 0.1
	done
	[ "$(cat "$WORK/$mode.status")" = 9 ] || {
		cat "$WORK/$mode.out"
		die "$mode: exit status $(cat "$WORK/$mode.status")"
	}
	echo "ok $mode: status 9: $(cat "$WORK/$mode.out")"
done

cp "$WORK/good.conf" "$WORK/devices/a/client.conf"
want 0 device a check
want 0 op rollout show two --json
[ "$(member confirmed <"$WORK/said")" -eq 1 ] || die "the server does not know"
