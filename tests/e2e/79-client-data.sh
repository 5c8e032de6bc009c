#!/bin/sh
# Data outside the slots that a release changes: what a failed one has made of
# them is undone with it, whoever takes it back; what a good one made stays.
. "$(dirname "$0")/client-lib.sh"

make_repo
db=$WORK/one/db
migrating() { # id, last line of its health command
	make_tree "$1"
	cat >>"$WORK/trees/$1/bin/health" <<SH
echo "schema $1" >$db
$2
SH
}
has() { # words
	grep -qx "$1" "$db" || die "the data are \"$(cat "$db")\", not \"$1\""
}
gone() { # device (one)
	kept=$WORK/${1:-one}/state/data
	[ ! -e "$kept.kept" ] && [ ! -e "$kept" ] ||
		die "saved data were left behind"
}

migrating 1 true
make_release 1
make_device one
cp "$WORK/one/client.conf" "$WORK/plain.conf"
cat >"$WORK/save" <<SH
#!/bin/sh
echo "save \$PAWL_RELEASE" >>$WORK/calls
[ ! -e $WORK/no-save ] && cp $db "\$PAWL_DATA/db"
SH
cat >"$WORK/restore" <<SH
#!/bin/sh
echo "restore \$PAWL_RELEASE in \$PAWL_SLOT" >>$WORK/calls
[ ! -e $WORK/no-restore ] && cp "\$PAWL_DATA/db" $db
SH
printf '#!/bin/sh\necho "restart $PAWL_RELEASE with $(cat %s)" >>%s\n' \
	"$db" "$WORK/calls" >"$WORK/restart"
chmod 755 "$WORK/save" "$WORK/restore" "$WORK/restart"
cat >>"$WORK/one/client.conf" <<INI
[data]
save = $WORK/save
restore = $WORK/restore
[restart]
command = $WORK/restart
INI

# At first use nothing runs whose data could be saved.
echo "schema 0" >"$db"
on one update --quiet --from "$WORK/publish"
grep -q save "$WORK/calls" && die "saved for nobody"
has "schema 1"

# A good release keeps what it made.
migrating 2 true
make_release 2 --from 1
on one update --quiet --from "$WORK/publish"
grep -qx 'save 1' "$WORK/calls" || die "not saved"
has "schema 2"
gone

# A bad one does not; the old one starts on its own data again. They are on the
# disk before their copy goes: who asks for that leaves a line.
cat >"$WORK/sync.c" <<C
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
void sync(void)
{
	int fd = open("$WORK/calls", O_WRONLY | O_APPEND);
	struct stat before = { 0 }, after = { 0 };

	/* A disk that is slow is no device that hangs. */
	stat("$WORK/watchdog", &before);
	sleep(2);
	stat("$WORK/watchdog", &after);
	if (after.st_size < before.st_size + 4)
		return;
	if (access("$WORK/one/state/data.kept", F_OK) == 0 &&
	    access("$WORK/one/state/data/db", F_OK) == 0 &&
	    write(fd, "sync before\n", 12) == 12)
		close(fd);
}
C
${CC:-cc} -shared -fPIC -o "$WORK/sync.so" "$WORK/sync.c"
cp "$WORK/one/client.conf" "$WORK/watched.conf"
cat >>"$WORK/watched.conf" <<INI
[trial]
watchdog = $WORK/watchdog
watchdog_timeout = 1
INI
: >"$WORK/watchdog"
migrating 3 "exit 9"
make_release 3 --from 2
: >"$WORK/calls"
want 15 env LD_PRELOAD="$WORK/sync.so" ASAN_OPTIONS=verify_asan_link_order=0 \
	"$client" update --quiet --from "$WORK/publish" --config "$WORK/watched.conf"
runs one 2
has "schema 2"
gone
tail -n 1 "$WORK/calls" | grep -qx 'restart 2 with schema 2' ||
	die "restarted on the other's data"
grep -A 1 '^restore' "$WORK/calls" | grep -qx 'sync before' ||
	die "the copy went first, or the watchdog starved"
grep -q 'restore 2 in .*/slots/b/tree' "$WORK/calls" || die "not restored"

# Killed in its trial, and taken back by the guard, which knows no data.
migrating 4 'kill -9 $PPID'
make_release 4 --from 2
want 137 on one update --quiet --from "$WORK/publish"
has "schema 4"
for n in 1 2 3 4; do
	"$BIN/pawl-guard" "$WORK/one/slots"
done
runs one 2
# Its start brings them back and says why the release is gone.
want 15 on one update --quiet --from "$WORK/publish"
has "schema 2"
gone
says one reason attempts

# What cannot be saved is not risked.
migrating 5 true
make_release 5 --from 2
touch "$WORK/no-save"
want 1 on one update --quiet --from "$WORK/publish" 2>"$WORK/err"
grep -q 'saving the data' "$WORK/err" || die "why, it does not say"
runs one 2
has "schema 2"
says one state idle
on one status | grep -q '^slot . *installed, 5' ||
	die "what never started is called something else"
rm "$WORK/no-save"

# What cannot be brought back waits, and nothing is installed over it.
migrating 6 "exit 9"
make_release 6 --from 2
touch "$WORK/no-restore"
want 15 on one update --quiet --from "$WORK/publish"
has "schema 6"
want 14 on one update --retry --quiet --from "$WORK/publish" 2>"$WORK/err"
grep -q 'data.kept to give them up' "$WORK/err" || die "no way out"
has "schema 6"
# Nor is it gone with that attempt, or with a person's who wants the other slot.
want 14 on one rollback 2>"$WORK/err"
grep -q 'data.kept to give them up' "$WORK/err" || die "went back over them"
[ -e "$WORK/one/state/data.kept" ] && [ -e "$WORK/one/state/data/db" ] ||
	die "what waits was deleted"
says one state rolled-back
rm "$WORK/no-restore"
: >"$WORK/calls"
on one update --quiet --from "$WORK/publish"
runs one 5
grep -q '^restore 2' "$WORK/calls" || die "never restored"
grep -qx 'restart 2 with schema 2' "$WORK/calls" || die "not on its own data"
has "schema 5"
gone

# Room for it is looked for before anything is fetched.
migrating 7 true
make_release 7 --from 5
sed -i '/^save/a space = 1000000000000000' "$WORK/one/client.conf"
want 11 on one update --quiet --from "$WORK/publish"
runs one 5

# One without the other is a mistake.
sed '/^restore/d' "$WORK/one/client.conf" >"$WORK/half.conf"
want 3 "$client" status --config "$WORK/half.conf"

# ---- with a boot loader ----------------------------------------------------------

. "$(dirname "$0")/command-lib.sh"
cat >>"$WORK/control" <<INI
[data]
save = $WORK/save
restore = $WORK/restore
[restart]
command = $WORK/restart
INI
prepare() { # id, last line of its health command, options
	id=$1
	migrating "$id" "$2"
	shift 2
	make_release "$id" "$@"
	on two update --quiet --from "$WORK/publish"
	says two state reboot-pending
	: >"$WORK/calls"
}
not_restored() {
	grep -q restore "$WORK/calls" && die "older data were brought back"
	gone two
}

migrating 11 true
make_release 11
make_boot_device two
on two update --quiet --from "$WORK/publish"
boot two
on two update --quiet --from "$WORK/publish"
says two state confirmed
has "schema 11"

# Back after a boot that started the old one on the other's data: started anew.
# What that one wrote until the boot is there again, too.
prepare 12 "[ ! -e $WORK/two/state/data.new ] || touch $WORK/less-room
exit 9" --from 11
echo "schema 11, later" >"$db"
cp "$WORK/two/client.conf" "$WORK/two.conf"
printf '[reboot]\ncommand = /bin/true\n' >>"$WORK/two/client.conf"
on two update --quiet --from "$WORK/publish"
cp "$WORK/two.conf" "$WORK/two/client.conf"
[ ! -e "$WORK/two/state/data.new" ] || die "a copy is left behind"
# Nor does one that a kill has cut off take room from the one on trial.
mkdir "$WORK/two/state/data.new"
echo half >"$WORK/two/state/data.new/db"
boot two
want 15 on two update --quiet --from "$WORK/publish"
[ ! -e "$WORK/less-room" ] || die "half a copy was there through the trial"
has "schema 12"
boot two
: >"$WORK/calls"
want 15 on two update --quiet --from "$WORK/publish"
has "schema 11, later"
gone two
tail -n 1 "$WORK/calls" | grep -qx 'restart 11 with schema 11, later' ||
	die "it goes on with data that were changed under it"

# A release that never ran changed nothing: what is there is newer.
prepare 13 true --from 11
echo "schema late" >"$db"
restart_into two b
want 15 on two update --quiet --from "$WORK/publish"
says two reason not-switched
has "schema late"
not_restored

# Nor did one that is withdrawn before the boot; and it is that one that is not
# taken again.
on two update --quiet --retry --from "$WORK/publish"
says two state reboot-pending
: >"$WORK/calls"
echo "schema later" >"$db"
on two rollback --quiet
says two state rolled-back
says two reason person
told pawl_slot b
has "schema later"
not_restored
want 10 on two update --quiet --from "$WORK/publish"
says two state rolled-back

start_pending() { # a daemon of two, until it waits for the boot
	# What one before said is no sign of this one.
	: >"$WORK/log"
	"$client" daemon --config "$WORK/two/client.conf" 2>"$WORK/log" &
	daemon=$!
	for _ in $(seq 600); do
		! grep -q 'reboot-pending' "$WORK/log" || break
		sleep 0.1
	done
}

# One that ran, whoever takes it back: the loader and a person, or somebody who
# starts the old one in the midst of the trial.
prepare 14 true --from 11
echo "schema latest" >"$db"
start_pending
# Copying that fails leaves the copy that was whole.
mv "$db" "$db.away"
kill $daemon
wait $daemon
grep -q data-not-saved-again "$WORK/log" || die "a lost copy is not told"
[ ! -e "$WORK/two/state/data.new" ] || die "half a copy takes up room"
mv "$db.away" "$db"
start_pending
kill $daemon
wait $daemon
boot two
echo "schema 14" >"$db"
for n in 1 2 3; do
	boot two
done
says two slot b
on two rollback --quiet
has "schema latest"
gone two
prepare 15 'kill -9 $PPID' --from 11
boot two
want 137 on two update --quiet --from "$WORK/publish"
has "schema 15"
restart_into two b
want 15 on two update --quiet --from "$WORK/publish"
says two reason foreign
has "schema latest"
gone two
