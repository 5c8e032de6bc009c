#!/bin/sh
# A root file system that nobody can write and a /tmp of 1 MB, with all that a daemon
# does: a delta, a package that is written as it comes, an image. And nothing is written
# anywhere but in the folders that the configuration names.
skip() {
	echo "$1: no such device here"
	exit 77
}
[ "$(id -u)" -eq 0 ] || skip "not root"
unshare -m true 2>/dev/null || skip "no namespaces"
. "$(dirname "$0")/client-lib.sh"
tree_size=2

make_server
stop_server
sed -i 's/^.*poll_sec = .*/poll_sec = 1/' "$WORK/server/server.conf"
start_server
make_served_repo
serve_release 1
operator cohort create trees
operator cohort create images

# What a device has is on a disk of its own, which is mounted on /mnt.
data=$WORK/data
mkdir "$data"
make_lean_device() { # name, cohort, lines of the configuration
	make_served_device "$1" "$2"
	name=$1
	shift 2
	printf '%s\n' "$@" >>"$WORK/$name/client.conf"
	on "$name" enroll --claim-file "$WORK/$name/claim" >/dev/null
}
offer() { # id, cohort
	operator rollout create "r$1" --release "$1" --cohort "$2" --share 100
	begin "r$1"
}
make_lean_device spooled trees
make_lean_device streamed trees '[fetch]' 'spool = never' 'window = 262144'
offer 1 trees
for device in spooled streamed; do
	on $device update --quiet 2>/dev/null
	runs $device 1
done
mkdir "$WORK/image"
cat >"$WORK/image/loader" <<'SH'
#!/bin/sh
set -e
verb=$1
shift
cd "$(dirname "$0")"
case $verb in
read) cat record ;;
write) printf '%s\n' "$@" | grep -v '=$' >record.new; mv record.new record ;;
esac
SH
chmod 755 "$WORK/image/loader"
: >"$WORK/image/record"
echo pawl.slot=a >"$WORK/image/cmdline"
echo boot-1 >"$WORK/image/number"
truncate -s 4M "$WORK/image/slot-a" "$WORK/image/slot-b"
make_lean_device image images '[boot]' 'control = command' \
	"command = $WORK/image/loader" "cmdline = $WORK/image/cmdline" \
	"number = $WORK/image/number" '[slot]' 'kind = image' \
	"a = $WORK/image/slot-a" "b = $WORK/image/slot-b"

make_tree 2
head -c 2000000 /dev/urandom >"$WORK/trees/2/noise"
serve_release 2 --from 1
offer 2 trees
head -c 3000000 /dev/urandom >"$WORK/content"
"$signer" release create "$WORK/repo" --product gateway --id 3 --content image \
	--input "$WORK/content" --quiet >/dev/null
resign
operator release import "$WORK/publish"
offer 3 images

for device in spooled streamed image; do
	sed -i "s|$WORK/$device/|/mnt/$device/|" "$WORK/$device/client.conf"
	mv "$WORK/$device" "$data/$device"
done
cp "$client" "$data/updater-client"
mkdir "$data/log"
cat >"$data/box" <<'SH'
mount --make-rprivate / && mount --bind "$1" /mnt &&
	mount -t tmpfs -o size=1m,nr_inodes=64 tmpfs /tmp &&
	mount -o remount,bind,ro / && ! touch /root-is-writable 2>&- || exit 77
# So are those that this machine has beside it.
writable() {
	awk '$4 !~ /^ro/ && $3 !~ /^(proc|sysfs|devpts|cgroup2?)$/ { print $2 }' /proc/mounts
}
writable | grep -vx -e /dev -e /mnt -e /tmp | while read -r mounted; do
	mount -o remount,bind,ro "$mounted" || exit 77
done || exit 77
touch /mnt/stamp
sleep 1
pids=
for device in spooled streamed image; do
	/mnt/updater-client daemon --config /mnt/$device/client.conf \
		2>/mnt/log/$device &
	pids="$pids $!"
done
all_done() {
	grep -q 'confirmed release=2' /mnt/log/spooled &&
		grep -q 'confirmed release=2' /mnt/log/streamed &&
		grep -q 'slot-switched slot=b' /mnt/log/image
}
for _ in $(seq 200); do
	all_done && break
	sleep 1
done
kill -TERM $pids
wait
# Folders, too, so that a file that came and went is found.
writable | while read -r mounted; do
	# What is mounted over stands there, too.
	[ ! -w "$mounted" ] || find "$mounted" -xdev ! -type b ! -type c \
		-newercm /mnt/stamp
done | sort -u >/mnt/log/written
all_done
SH
got=0
unshare -m sh "$data/box" "$data" || got=$?
[ $got -ne 77 ] || skip "cannot make the root read-only"
[ $got -eq 0 ] || {
	tail -n 20 "$data"/log/*
	die "not all was done on a read-only root: status $got"
}

# What there is of each: the state, the slots, and what the test's loader keeps.
grep -v -e '^/mnt/[a-z]*/state\(/.*\)\?$' -e '^/mnt/[a-z]*/slots\(/.*\)\?$' \
	-e '^/mnt/log\(/.*\)\?$' -e '^/mnt/image$' -e '^/mnt/image/record$' \
	-e '^/mnt/image/slot-b$' "$data/log/written" >"$WORK/elsewhere" || :
[ ! -s "$WORK/elsewhere" ] || {
	cat "$WORK/elsewhere"
	die "this was written, too"
}
grep -q '^/mnt/spooled/state/' "$data/log/written" || die "nothing was looked at"
for device in spooled streamed; do
	diff -r "$data/$device/slots/current/" "$WORK/trees/2" ||
		die "$device does not run 2"
done
cmp -n 3000000 "$data/image/slot-b" "$WORK/content" || die "slot b is not the image"
grep -q '^/mnt/image/slot-a$' "$data/log/written" && die "the slot that runs was touched"
delta=$(find "$WORK/publish/targets/gateway/2" -name '*main-from-1.pawl')
for device in spooled streamed; do
	grep -q "package-fetched.* of=$(stat -c %s "$delta")$" "$data/log/$device" ||
		die "$device took no delta"
done
echo "$(wc -l <"$data/log/written") paths written, none elsewhere"
