#!/bin/sh
# What a device has of its own beside a slot is taken along at a switch, as far
# as [keep] names it; each slot has its own copy, and what is signed stays as it
# was signed.
. "$(dirname "$0")/client-lib.sh"

make_repo
on_its_own() { # id, last lines of its health command
	make_tree "$1"
	printf '%s\n' "$2" >>"$WORK/trees/$1/bin/health"
}
has() { # slot, path, words
	[ "$(cat "$WORK/one/slots/$1/keep/$2")" = "$3" ] ||
		die "slot $1: $2 is not \"$3\""
}

on_its_own 1 true
make_release 1
make_device one
cat >>"$WORK/one/client.conf" <<INI
[keep]
path = etc/id
path = etc/keys
path = var/never
INI
# At first use there is nothing yet, but a place for it.
on one update --quiet --from "$WORK/publish"
runs one 1
a=$(readlink "$WORK/one/slots/current")
a=${a%/tree}
b=$(echo "$a" | tr ab ba)
keep=$WORK/one/slots/$a/keep
[ -d "$keep" ] || die "no place for what is to be kept"

mkdir -p "$keep/etc/keys/deep"
chmod 710 "$keep/etc"
echo mine >"$keep/etc/id"
chmod 600 "$keep/etc/id"
echo key >"$keep/etc/keys/deep/key"
ln -s /etc/passwd "$keep/etc/keys/link"
truncate -s 40M "$keep/etc/keys/holes"
touch -d '2001-02-03 04:05:06.789' "$keep/etc/id"
echo stays >"$keep/etc/other"

# The new release finds it while it is tried, and may change it.
on_its_own 2 'test "$(cat ../keep/etc/id)" = mine && echo two >../keep/etc/id'
make_release 2 --from 1
on one update --quiet --from "$WORK/publish"
runs one 2
has "$b" etc/id two
has "$a" etc/id mine
has "$b" etc/keys/deep/key key
[ "$(readlink "$WORK/one/slots/$b/keep/etc/keys/link")" = /etc/passwd ] ||
	die "a link is not the same link"
[ ! -e "$WORK/one/slots/$b/keep/etc/other" ] || die "nobody named that"
[ "$(stat -c '%a %Y' "$WORK/one/slots/$b/keep/etc")" != 755 ] || die "mode"
[ "$(stat -c %a "$WORK/one/slots/$b/keep/etc/id")" = 600 ] || die "mode"
[ "$(stat -c %b "$WORK/one/slots/$b/keep/etc/keys/holes")" -lt 100 ] ||
	die "holes were filled"
"$client" rollback --quiet --config "$WORK/one/client.conf"
# Who goes back goes back to what that release left.
runs one 1
has "$a" etc/id mine

# A release that is not kept takes what it made of it along.
on_its_own 3 'echo three >../keep/etc/id; exit 9'
make_release 3 --from 1
want 15 on one update --quiet --from "$WORK/publish"
runs one 1
has "$a" etc/id mine

# A link on the way leads nowhere: nothing is switched, nothing is written.
on_its_own 4 true
make_release 4 --from 1
mkdir "$WORK/elsewhere"
echo secret >"$WORK/elsewhere/id"
mv "$keep/etc" "$keep/etc.real"
ln -s "$WORK/elsewhere" "$keep/etc"
want 1 on one update --quiet --from "$WORK/publish" 2>"$WORK/err"
grep -q '\[keep\].*etc.*symbolic link' "$WORK/err" || {
	cat "$WORK/err"
	die "why, it does not say"
}
runs one 1
says one state idle
want 1 on one doctor --offline >"$WORK/out" 2>&1
grep -q 'fail.*\[keep\]' "$WORK/out" || die "the doctor does not see it"
rm "$keep/etc"
mv "$keep/etc.real" "$keep/etc"
on one doctor --offline | grep -q 'keep.*files to take along' ||
	die "the doctor does not count"

# Room for it is looked for before anything is fetched.
if [ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null; then
	want 0 unshare -m sh -ec '
		mkdir "$1/small"
		mount -t tmpfs -o size=24m,mode=755 small "$1/small"
		cp -a "$1/one/slots" "$1/small/slots"
		sed "s|^path = .*/slots$|path = $1/small/slots|" \
			"$1/one/client.conf" >"$1/small.conf"
		rm -r "$1/small/slots/$3"
		cp -a "$1/one/state" "$1/state.before"
		head -c 12M /dev/urandom >"$1/small/slots/$4/keep/etc/keys/much"
		rc=0
		"$2" update --quiet --from "$1/publish" \
			--config "$1/small.conf" || rc=$?
		[ $rc -eq 11 ] || { echo "exit status $rc"; exit 1; }
		[ ! -e "$1/small/slots/$3" ]
		rm "$1/small/slots/$4/keep/etc/keys/much"
		"$2" update --quiet --from "$1/publish" \
			--config "$1/small.conf"
		[ "$(cat "$1/small/slots/$3/keep/etc/id")" = mine ]
	' sh "$WORK" "$client" "$b" "$a"
	rm -rf "$WORK/one/state"
	mv "$WORK/state.before" "$WORK/one/state"
else
	echo "without root and mounts: no small disk"
fi
on one update --quiet --from "$WORK/publish"
runs one 4

# What overlayfs notes above a signed folder is taken along with its marks: what
# was changed is changed, and what was deleted is deleted, above the next one.
make_device three
cat >>"$WORK/three/client.conf" <<INI
[keep]
path = etc
INI
on three update --quiet --from "$WORK/publish"
at=$WORK/three/slots
cat >"$WORK/above" <<'SH2'
set -e
mkdir -p "$1/keep/etc" "$1/work" "$2"
mount -t overlay above -o "lowerdir=$1/tree/lib,upperdir=$1/keep/etc,workdir=$1/work" "$2"
SH2
if [ "$(id -u)" -eq 0 ] && unshare -m sh "$WORK/above" "$at/a" "$WORK/etc" \
	2>/dev/null; then
	want 0 unshare -m sh -ec '. "$0"
		rm "$2/stays"
		echo own >"$2/own"' "$WORK/above" "$at/a" "$WORK/etc"
	make_release 5 --from 4
	on three update --quiet --from "$WORK/publish"
	runs three 5
	want 0 unshare -m sh -ec '. "$0"
		[ ! -e "$2/stays" ] && [ "$(cat "$2/own")" = own ] &&
		grep -q "seven in 5" "$2/changes"' \
		"$WORK/above" "$at/b" "$WORK/etc"
else
	echo "without root and overlayfs: nothing above a signed folder"
fi

# What cannot be meant is refused.
for path in /etc/id ../id etc//id etc/keys/deep; do
	{ cat "$WORK/one/client.conf"; echo "path = $path"; } >"$WORK/bad.conf"
	want 3 "$client" doctor --offline --config "$WORK/bad.conf" \
		>/dev/null 2>"$WORK/err"
	grep -q '\[keep\] path' "$WORK/err" || die "$path: not said"
done

# ---- with a boot loader: what changes until the boot is taken along, too -------

. "$(dirname "$0")/boot-lib.sh"
record=$WORK/record
: >"$record"
cat >"$WORK/program" <<SH2
#!/bin/sh
case \$1 in
read) cat $record ;;
write) shift; printf '%s\n' "\$@" | grep -v '=\$' >$record.new; mv $record.new $record ;;
esac
SH2
printf '#!/bin/sh\ncp -r %s %s\n' "$WORK/two/slots/b/keep" "$WORK/at-reboot" \
	>"$WORK/reboot"
chmod 755 "$WORK/program" "$WORK/reboot"
env_get() {
	sed -n "s/^$1=//p" "$record"
}
cat >"$WORK/control" <<INI
control = command
command = $WORK/program
[keep]
path = id
[poll]
interval = 1
INI
make_tree 11
make_release 11
make_boot_device two
mkdir -p "$WORK/two/slots/a/keep"
echo early >"$WORK/two/slots/a/keep/id"
on two update --quiet --from "$WORK/publish"
says two state reboot-pending
[ "$(cat "$WORK/two/slots/b/keep/id")" = early ] || die "not taken along"
# The daemon stops when the device does.
echo late >"$WORK/two/slots/a/keep/id"
"$client" daemon --config "$WORK/two/client.conf" 2>"$WORK/two/log" &
daemon=$!
tries=0
while ! grep -q daemon-started "$WORK/two/log"; do
	tries=$((tries + 1))
	[ $tries -lt 600 ] || die "no daemon"
	sleep 0.1
done
kill "$daemon"
wait "$daemon" || die "the daemon failed"
[ "$(cat "$WORK/two/slots/b/keep/id")" = late ] || die "not taken at its end"
# Or the client has it boot.
cat >>"$WORK/two/client.conf" <<INI
[reboot]
command = $WORK/reboot
INI
echo later >"$WORK/two/slots/a/keep/id"
on two update --quiet --from "$WORK/publish"
[ "$(cat "$WORK/at-reboot/id")" = later ] || die "not taken before the boot"
[ ! -e "$WORK/two/slots/b/keep.new" ] || die "the former one was left behind"
boot_slot_b() {
	restart_into two b
	on two update --quiet --from "$WORK/publish"
}
# From the boot on it is the new slot's own.
echo "too late" >"$WORK/two/slots/a/keep/id"
boot_slot_b
says two state confirmed
[ "$(cat "$WORK/two/slots/b/keep/id")" = later ] || die "written over"
