#!/bin/sh
# The client under its shipped unit, with all that is forbidden there, where systemd is the
# first process: in a container that has this machine's /usr and an /etc of its own. An
# application is updated and restarted, with a chip beside it; a whole system is, and
# reboots; and who hangs is started anew. Needs root and systemd-nspawn.
. "$(dirname "$0")/../e2e/client-lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
skip() {
	echo "$1"
	exit 77
}
[ "$(id -u)" -eq 0 ] || skip "containers need root"
command -v systemd-nspawn >/dev/null && [ -x /lib/systemd/systemd ] ||
	skip "no systemd-nspawn: make deps GROUP=boot"

# ---- the container -----------------------------------------------------------------

units=$WORK/units
inside=/var/lib/pawl # of the container: the device's folder
mkdir "$units"
echo 00000000000000000000000000000001 >"$WORK/machine-id"
cat >"$units/device.target" <<INI
[Unit]
Requires=basic.target
After=basic.target
Wants=pawl-client.service gateway.service
INI
cat >"$units/gateway.service" <<INI
[Service]
ExecStart=/bin/sh -c 'cat $inside/slots/current/version; exec sleep infinity'
INI
make -s --no-print-directory -C "$top" install-client DESTDIR="$WORK/installed" \
	PREFIX=/usr MAKEFLAGS= DEPS=none B="$(basename "$(dirname "$BIN")")/$(basename "$BIN")" \
	>"$WORK/install.log" 2>&1 || die "$(cat "$WORK/install.log")"
unit=$(find "$WORK/installed" -name pawl-client.service)
[ -n "$unit" ] || die "no unit was installed"
mkdir -p "$units/pawl-client.service.d"

nspawn=
# By its first process, which outlives systemd-nspawn, and with which all others end.
stop_container() {
	[ -n "$nspawn" ] || return 0
	first=$(pgrep -P "$nspawn" | head -n 1)
	kill -KILL ${first:+"$first"} "$nspawn" 2>/dev/null || :
	wait "$nspawn" 2>/dev/null || :
	nspawn=
}
stop_all() {
	stop_container
	stop_server
}
start_container() { # device
	systemd-nspawn --quiet --directory=/ --volatile=yes --register=no --keep-unit \
		--boot --console=pipe --resolv-conf=off --timezone=off --link-journal=no \
		--overlay-ro="/usr:$WORK/installed/usr:/usr" \
		--bind-ro="$WORK/machine-id:/etc/machine-id" \
		--bind-ro="$units:/etc/systemd/system" \
		--bind-ro="$WORK/$1/etc:/etc/pawl" \
		--bind="$WORK/$1/state:$inside" \
		systemd.unit=device.target systemd.log_level=notice \
		>>"$WORK/$1.console" 2>&1 </dev/null &
	nspawn=$!
}
# A command in it, beside its first process; that it is there does not mean it is up.
within() { # command...
	first=$(pgrep -P "$nspawn" | head -n 1)
	nsenter -t "${first:-none}" -m -p -i -u "$@" 2>>"$WORK/nsenter.log"
}
wait_for() { # what, command...
	what=$1
	shift
	for _ in $(seq "${seconds:-60}"); do
		! "$@" || return 0
		kill -0 "$nspawn" 2>/dev/null || break
		sleep 1
	done
	tail -n 30 "$WORK"/*.console "$WORK/nsenter.log"
	within journalctl --no-pager -n 60 -u pawl-client || :
	die "it did not come to this: $what"
}
said() { # pattern, of the client's journal
	within journalctl --no-pager -o cat -u pawl-client | grep -q "$1"
}
shown() { # property
	within systemctl show pawl-client -P "$1"
}
is_running() {
	[ "$(shown ActiveState)" = active ]
}

# ---- two devices ---------------------------------------------------------------------

make_unit_device() { # name, cohort
	make_served_device "$1" "$2"
	mkdir "$WORK/$1/etc" "$WORK/$1/state"
	cp "$WORK/$1/root.json" "$WORK/$1/server-ca.pem" "$WORK/$1/etc/"
	sed "s|$WORK/$1/state|$inside|; s|$WORK/$1/slots|$inside/slots|
		s|$WORK/$1/|/etc/pawl/|" "$WORK/$1/client.conf" \
		>"$WORK/$1/etc/client.conf"
	chmod 644 "$WORK/$1"/etc/*
	# The claim is shown on the host: a person does that once, before the first start.
	sed -i "s|^state = .*|state = $WORK/$1/state|" "$WORK/$1/client.conf"
	on "$1" enroll --claim-file "$WORK/$1/claim" >/dev/null
}
offer() { # id, cohort
	operator release import "$WORK/publish"
	operator rollout create "r$1" --release "$1" --cohort "$2" --share 100
	begin "r$1"
}

make_server
stop_server
sed -i 's/^.*poll_sec = .*/poll_sec = 1/' "$WORK/server/server.conf"
start_server
trap stop_all EXIT
make_served_repo
make_tree 1
make_release 1
operator release import "$WORK/publish"
operator cohort create apps
operator cohort create systems
make_unit_device app apps
make_unit_device system systems

mkdir -p "$WORK/app/state/chip"
cp "$top/packaging/examples/mcu-handler" "$WORK/app/etc/handler"
cat >"$WORK/app/etc/tool" <<SH
#!/bin/sh
cd $inside/chip
case \$1 in
digest) cat flash 2>/dev/null | sha256sum ;;
room) echo 1000000 ;;
write) cat >flash ;;
start) echo started >>log ;;
esac
SH
chmod 755 "$WORK/app/etc/handler" "$WORK/app/etc/tool"
cat >>"$WORK/app/etc/client.conf" <<INI
[device]
status = /run/pawl/status.json
[restart]
command = /usr/bin/systemctl restart gateway
[slot mcu]
kind = handler
program = /etc/pawl/handler /etc/pawl/tool
INI

release_with_chip() { # id
	make_tree "$1"
	seq 1 3000 | sed "s/7/firmware $1/" >"$WORK/mcu.$1"
	make_release "$1" --with-image "mcu=$WORK/mcu.$1"
	offer "$1" apps
}

# ---- an application and a chip -------------------------------------------------------

start_container app
wait_for "the client is ready" is_running
release_with_chip 2
wait_for "release 2 is confirmed" said 'confirmed release=2'
release_with_chip 3
wait_for "release 3 is confirmed" said 'confirmed release=3'
diff -r "$WORK/app/state/slots/current/" "$WORK/trees/3" || die "3 is not current"
cmp "$WORK/app/state/chip/flash" "$WORK/mcu.3" || die "the chip does not hold 3"
grep -q started "$WORK/app/state/chip/log" || die "the chip was not started"
within journalctl --no-pager -o cat -u gateway | grep -qx 3 ||
	die "the application was not restarted"
within grep -q '"release": *"3"' /run/pawl/status.json || die "applications are not told"
# What is forbidden is forbidden to it, and no less than the unit says.
pid=$(shown MainPID)
within grep -qx 'NoNewPrivs:	1' "/proc/$pid/status" || die "no NoNewPrivileges"
within grep -qx 'Seccomp:	2' "/proc/$pid/status" || die "no SystemCallFilter"
[ "$(shown NRestarts)" -eq 0 ] || die "it was started anew: $(shown NRestarts)"
[ "$(shown WatchdogTimestampMonotonic)" -gt 0 ] || die "the watchdog hears nothing of it"

# With less patience the watchdog hears of it in time; who hangs is started anew.
cat >"$units/pawl-client.service.d/patience.conf" <<INI
[Service]
WatchdogSec=6
RestartSec=1
INI
within systemctl daemon-reload
within systemctl restart pawl-client
wait_for "the client is ready again" is_running
sleep 15
[ "$(shown NRestarts)" -eq 0 ] || die "one that works was started anew"
within kill -STOP "$(shown MainPID)"
restarted() {
	[ "$(shown NRestarts)" -gt 0 ]
}
wait_for "who hangs is started anew" restarted
rm "$units/pawl-client.service.d/patience.conf"
stop_container
echo "an application and a chip: updated, restarted, watched"

# ---- a whole system, a loader that mounts, and who reboots ---------------------------

cat >"$WORK/system/etc/loader" <<SH
#!/bin/sh
# As the adapters in packaging/ do, it mounts where it looks.
set -e
at=\$(mktemp -d)
mount -t tmpfs loader "\$at"
umount "\$at"
rmdir "\$at"
cd $inside
verb=\$1
shift
case \$verb in
read) cat record ;;
write) printf '%s\n' "\$@" | grep -v '=\$' >record.new; mv record.new record ;;
esac
SH
cat >"$WORK/system/etc/boot" <<SH
#!/bin/sh
# What a loader does: it counts, and says what it started.
cd $inside
slot=\$(sed -n 's/^pawl_slot=//p' record)
left=\$(sed -n 's/^pawl_left=//p' record)
[ -z "\$left" ] || sed -i "s/^pawl_left=.*/pawl_left=\$((left - 1))/" record
echo "root=/dev/sda2 pawl.slot=\${slot:-a}" >cmdline
cat /proc/sys/kernel/random/uuid >number
SH
chmod 755 "$WORK/system/etc/loader" "$WORK/system/etc/boot"
: >"$WORK/system/state/record"
cat >>"$WORK/system/etc/client.conf" <<INI
[slot]
attributes = system
[boot]
control = command
command = /etc/pawl/loader
cmdline = $inside/cmdline
number = $inside/number
[reboot]
command = /usr/bin/systemctl reboot
INI
cat >"$units/loader.service" <<INI
[Unit]
Before=pawl-client.service
[Service]
Type=oneshot
ExecStart=/etc/pawl/boot
INI
sed -i 's/^Wants=.*/Wants=pawl-client.service loader.service/' "$units/device.target"

system_tree() {
	python3 "$top/tests/tools/system_tree.py" "$@"
}
# Comes to its end when the machine goes down, as the release asks for.
reboots() {
	for _ in $(seq 90); do
		kill -0 "$nspawn" 2>/dev/null || break
		sleep 1
	done
	! kill -0 "$nspawn" 2>/dev/null || {
		within journalctl --no-pager -n 40 -u pawl-client || :
		die "it did not reboot"
	}
	got=0
	wait "$nspawn" || got=$?
	[ $got -eq 133 ] || die "the container ended with $got, not to be started again"
}
takes_system() { # id, slot, options
	id=$1 slot=$2
	shift 2
	system_tree make "$WORK/trees/$id" "$id" ||
		die "no devices or labels can be made here"
	printf '#!/bin/sh\nexit 0\n' >"$WORK/trees/$id/bin/health"
	chmod 755 "$WORK/trees/$id/bin/health"
	system_tree list "$WORK/trees/$id" >"$WORK/list"
	make_release "$id" --attributes system "$@"
	offer "$id" systems
	reboots
	start_container system
	wait_for "release $id is confirmed" said "confirmed release=$id"
	system_tree list "$WORK/system/state/slots/$slot/tree" >"$WORK/list.is"
	diff "$WORK/list" "$WORK/list.is" >"$WORK/diff" || {
		cut -c 1-300 "$WORK/diff"
		die "what was written is not $id in every attribute"
	}
	grep -qx "pawl_slot=$slot" "$WORK/system/state/record" || die "the loader starts another"
}
start_container system
wait_for "the client is ready" is_running
takes_system 4 b
takes_system 5 a --from 4
stop_container
echo "a whole system: every attribute, in full and as a delta, with a boot each"
