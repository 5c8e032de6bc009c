#!/bin/sh
# Checks that need no program: a port, a web page, a file that stays fresh, of
# the signed release and of the device. They may take their time to come true,
# and then they must stay so.
. "$(dirname "$0")/client-lib.sh"

make_repo
port=$(python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
stop_service() {
	[ ! -s "$WORK/pid" ] || kill "$(cat "$WORK/pid")" 2>/dev/null || :
	rm -f "$WORK/pid"
}
trap stop_service EXIT

# The service of each release is its own: how it behaves stands in the tree.
make_service() { # id, seconds until it listens, seconds that it lives, page
	make_tree "$1"
	mkdir "$WORK/trees/$1/www"
	echo fine >"$WORK/trees/$1/www/$4"
	cat >"$WORK/trees/$1/bin/serve" <<SH
#!/bin/sh
sleep $2
exec timeout $3 python3 -m http.server $port --bind 127.0.0.1 -d www
SH
	chmod 755 "$WORK/trees/$1/bin/serve"
}
cat >"$WORK/restart" <<SH
#!/bin/sh
[ ! -s $WORK/pid ] || kill \$(cat $WORK/pid) 2>/dev/null
cd "\$PAWL_SLOT" || exit 1
tail -c 1 $WORK/watchdog | tr '\0' 0 >$WORK/armed
touch $WORK/alive
setsid bin/serve >/dev/null 2>&1 &
echo \$! >$WORK/pid
SH
chmod 755 "$WORK/restart"
release() { # id, options
	id=$1
	shift
	"$signer" release create "$WORK/repo" --product gateway --id "$id" \
		--input "$WORK/trees/$id" --health bin/health --quiet \
		--health "@http $port /health" "$@" >/dev/null
	resign
}

# It takes a while to start; the one before is still about.
make_service 1 1 600 health
release 1 --deadline 20
make_device one
cat >>"$WORK/one/client.conf" <<INI
[trial]
check = tcp $port
check = fresh $WORK/alive 60
steady = 1
watchdog = $WORK/watchdog
watchdog_timeout = 4
[restart]
command = $WORK/restart
INI
: >"$WORK/watchdog"
on one update --quiet --from "$WORK/publish"
runs one 1
says one state confirmed
# A file stands in for the watchdog: fed meanwhile, and disarmed at the end.
[ "$(tr -d V <"$WORK/watchdog" | wc -c)" -ge 2 ] || die "it was not fed"
[ "$(tail -c 1 "$WORK/watchdog")" = V ] || die "it was left armed"

# It listens, and its page is not what it should be.
make_service 2 0 600 elsewhere
release 2 --from 1 --deadline 10
want 15 on one update --quiet --from "$WORK/publish"
runs one 1
says one reason deadline
on one status --json | grep -q 'status 404' || die "the detail is lost"

# It starts well and does not last: no longer than until everything was asked.
make_service 3 0 600 health
echo "touch $WORK/asked" >>"$WORK/trees/3/bin/health"
cat >"$WORK/trees/3/bin/serve" <<SH
#!/bin/sh
timeout 600 python3 -m http.server $port --bind 127.0.0.1 -d www &
trap 'kill \$!' EXIT
trap exit TERM
until [ -e $WORK/asked ]; do sleep 0.1; done
SH
sed -i 's/^steady = 1/steady = 15/' "$WORK/one/client.conf"
release 3 --from 1 --deadline 30
want 15 on one update --quiet --from "$WORK/publish"
runs one 1
says one reason health
[ "$(tail -c 1 "$WORK/watchdog")" = V ] || die "armed after the way back"
[ "$(cat "$WORK/armed")" = 0 ] || die "not armed on the way back"
sed -i 's/^steady = 15/steady = 1/' "$WORK/one/client.conf"

# A file that nobody writes any more.
touch -d '2 minutes ago' "$WORK/alive"
sed -i '/^touch/d' "$WORK/restart"
make_service 4 0 600 health
release 4 --from 1 --deadline 10
want 15 on one update --quiet --from "$WORK/publish"
runs one 1
on one status --json | grep -q 'alive: written' || die "which file, it does not say"
touch "$WORK/alive"
on one update --quiet --retry --from "$WORK/publish"
runs one 4

# A clock that is set in the midst of it makes the file old, or of the future;
# then it counts whether it is written again.
holds() { # id, from, time of the file, again (true, false)
	make_service "$1" 0 600 health
	cat >>"$WORK/trees/$1/bin/health" <<SH
touch $WORK/holds
until [ -e $WORK/set ]; do sleep 0.1; done
SH
	release "$1" --from "$2" --deadline 20
	rm -f "$WORK/holds" "$WORK/set"
	touch "$WORK/alive"
	(
		while [ ! -e "$WORK/holds" ]; do sleep 0.1; done
		touch -d "$3" "$WORK/alive"
		touch "$WORK/set"
		sleep 2
		! $4 || touch "$WORK/alive"
	) &
}
sed -i -e 's/^steady = 1/steady = 3/' -e 's/alive 60$/alive 10/' \
	"$WORK/one/client.conf"
holds 41 4 '1 hour ago' true
on one update --quiet --from "$WORK/publish"
runs one 41
holds 42 41 '1 hour' false
want 15 on one update --quiet --from "$WORK/publish"
runs one 41
on one status --json | grep -q 'seconds ahead of now' || die "not found out"
sed -i -e 's/^steady = 3/steady = 1/' -e 's/alive 10$/alive 60/' \
	"$WORK/one/client.conf"
touch "$WORK/alive"

# A unit that is active, and one that is not. Where no systemd runs, something that
# knows of one unit stands in its program's place, in a mount namespace of ours.
up=up.service
with_units() { # options
	if [ -d /run/systemd/system ]; then
		on one "$@"
	else
		unshare -m sh -c 'mount --bind "$0" /usr/bin/systemctl && exec "$@"' \
			"$WORK/systemctl" "$client" "$@" \
			--config "$WORK/one/client.conf"
	fi
}
cat >"$WORK/systemctl" <<SH
#!/bin/sh
[ "\$#" -eq 3 ] && [ "\$1" = --quiet ] && [ "\$2" = is-active ] && [ "\$3" = $up ] ||
	exit 3
SH
chmod 755 "$WORK/systemctl"
[ ! -d /run/systemd/system ] || up=systemd-journald.service
if [ -x /usr/bin/systemctl ] && with_units status >/dev/null 2>&1; then
	make_service 51 0 600 health
	release 51 --from 41 --deadline 20 --health "@unit $up"
	with_units update --quiet --from "$WORK/publish"
	runs one 51
	make_service 52 0 600 health
	release 52 --from 51 --deadline 10 --health "@unit no-such-unit.service"
	want 15 with_units update --quiet --from "$WORK/publish"
	runs one 51
	on one status --json | grep -q 'unit no-such-unit.service: not active' ||
		die "which unit, it does not say"
	last=51
else
	echo "neither systemd nor a place for what stands in for it: no unit was asked"
	last=41
fi

# Who kills the client in its trial leaves it armed: a real one would reset.
make_service 6 0 600 health
echo 'kill -9 $PPID' >>"$WORK/trees/6/bin/health"
release 6 --from $last --deadline 20
want 137 on one update --quiet --from "$WORK/publish"
[ "$(tail -c 1 "$WORK/watchdog" | tr '\0' 0)" = 0 ] || die "it was disarmed"

# What cannot be asked is not signed, and not configured.
for bad in '@tcp' '@tcp 0' '@http 80 health' '@unit -x' '@udp 53'; do
	want 2 "$signer" release create "$WORK/repo" --product gateway \
		--id 5 --input "$WORK/trees/4" --health "$bad" --quiet
done
sed 's/^check = tcp.*/check = tcp none/' "$WORK/one/client.conf" \
	>"$WORK/bad.conf"
want 3 "$client" status --config "$WORK/bad.conf"

# A release that leaves no daemon for the next one is not kept.
make_tree 7
"$signer" release create "$WORK/repo" --product gateway --id 7 --input \
	"$WORK/trees/7" --health @daemon --deadline 10 --quiet >/dev/null
resign
make_device two
want 15 on two update --quiet --from "$WORK/publish" 2>"$WORK/err"
grep -q 'daemon: it does not run' "$WORK/err" || die "why, it does not say"
"$client" daemon --config "$WORK/two/client.conf" 2>"$WORK/log" &
daemon=$!
while ! grep -q daemon-started "$WORK/log"; do sleep 0.1; done
on two update --retry --quiet --from "$WORK/publish"
kill "$daemon"
wait "$daemon"
runs two 7
