#!/bin/sh
# A window of minutes, on a device that asks each hour: it comes for its window,
# when an update waits to be installed and when a boot waits to be made. And no
# boot outside of its window.
. "$(dirname "$0")/client-lib.sh"

make_server
make_served_repo
use_people
operator cohort create fleet
make_tree 1
serve_release 1
make_served_device one
on one enroll --claim-file "$WORK/one/claim" >/dev/null
open_to_all 1

# A machine with a loader, which is a file here, and who boots it.
record=$WORK/record
cat >"$WORK/loader" <<SH
#!/bin/sh
set -eu
verb=\$1
shift
case \$verb in
read) cat $record ;;
write) printf '%s\n' "\$@" | grep -v '=\$' >$record.new; mv $record.new $record ;;
esac
SH
printf '#!/bin/sh\necho >>%s\n' "$WORK/booted" >"$WORK/reboot"
chmod 755 "$WORK/loader" "$WORK/reboot"
: >"$record"
make_served_device two
on two enroll --claim-file "$WORK/two/claim" >/dev/null
echo pawl.slot=a >"$WORK/two/cmdline"
echo boot-1 >"$WORK/two/number"
cat >>"$WORK/two/client.conf" <<INI
[boot]
control = command
command = $WORK/loader
cmdline = $WORK/two/cmdline
number = $WORK/two/number
INI
sed 's/^interval = .*/interval = 3600/' "$WORK/two/client.conf" >"$WORK/plain.conf"
may_boot() { # hours
	{
		cat "$WORK/plain.conf"
		printf '[reboot]\ncommand = %s\nwindow = %s\n' "$WORK/reboot" "$1"
	} >"$WORK/two/client.conf"
}

daemons=
start_daemon() { # device
	: >"$WORK/$1.log"
	"$client" daemon --config "$WORK/$1/client.conf" 2>"$WORK/$1.log" &
	daemons="$daemons $!"
}
stop_daemons() {
	for daemon in $daemons; do
		kill "$daemon" 2>/dev/null || :
		wait "$daemon" || :
	done
	daemons=
}
trap 'stop_daemons; stop_server' EXIT
until_log() { # device, words, deciseconds
	for _ in $(seq "${3:-600}"); do
		! grep -q "$2" "$WORK/$1.log" || return 0
		sleep 0.1
	done
	cat "$WORK/$1.log"
	die "$1 never says: $2"
}
hours() { # from, to: as date -d knows them
	echo "$(date -u -d "$1" +%H:%M)-$(date -u -d "$2" +%H:%M)"
}

# Outside of its hours nobody boots, within them it is done.
may_boot "$(hours '+2 hours' '+3 hours')"
on two update --quiet
says two state reboot-pending
[ ! -e "$WORK/booted" ] || die "booted outside of its hours"
start_daemon two
until_log two 'reboot-pending slot=b'
sleep 0.5
stop_daemons
[ ! -e "$WORK/booted" ] || die "booted outside of its hours"
may_boot "$(hours '-1 hour' '+1 hour')"
on two update --quiet
[ "$(wc -l <"$WORK/booted")" -eq 1 ] || die "not booted within its hours"

# Both wait for a window that opens in half a minute or a whole one, which is left to
# get so far.
rm "$WORK/booted"
next=1
[ "$(date +%S | sed 's/^0//')" -lt 30 ] || next=2
soon=$(hours "+$next minutes" "+$((next + 3)) minutes")
echo "both wait for $soon"
may_boot "$soon"
printf '[install]\nwindow = %s\n' "$soon" >>"$WORK/one/client.conf"
start_daemon one
start_daemon two
until_log one 'update-deferred release=1 reason="waits for its window'
until_log two 'reboot-pending slot=b'
[ ! -e "$WORK/booted" ] || die "booted before its window"
until_log one 'confirmed release=1' 2000
runs one 1
for _ in $(seq 2000); do
	[ ! -e "$WORK/booted" ] || break
	sleep 0.1
done
[ -e "$WORK/booted" ] || die "slept through its window"
