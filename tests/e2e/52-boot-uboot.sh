#!/bin/sh
# A device that U-Boot starts: its redundant environment, as fw_printenv of
# libubootenv and mkenvimage of U-Boot see it; torn, damaged, and both.
for tool in fw_printenv mkenvimage; do
	command -v $tool >/dev/null || {
		echo "no $tool"
		exit 77
	}
done
. "$(dirname "$0")/boot-lib.sh"

# The environment that we ship; what a boot with it does: tests/boot/20-u-boot.
cat "$(dirname "$0")/../../packaging/u-boot/pawl.env" - >"$WORK/env.txt" <<INI
ethaddr=02:00:00:00:00:01
INI
mkenvimage -r -s 0x2000 -o "$WORK/env0" "$WORK/env.txt"
cp "$WORK/env0" "$WORK/env1"
cat >"$WORK/fw_env.config" <<INI
$WORK/env0 0 0x2000
$WORK/env1 0 0x2000
INI
env_get() {
	fw_printenv -c "$WORK/fw_env.config" -n "$1" 2>/dev/null || :
}
env_set() {
	for pair; do
		echo "$pair"
	done >"$WORK/script"
	fw_setenv -c "$WORK/fw_env.config" -s "$WORK/script"
}
cat >"$WORK/control" <<INI
control = uboot
environment = $WORK/fw_env.config
INI

live_shortly
[ "$(env_get ethaddr)" = 02:00:00:00:00:01 ] || die "ethaddr is lost"
[ "$(env_get bootcmd)" = 'run pawl_choose; run pawl_watchdog; run pawl_start_slot' ] ||
	die "bootcmd is lost"

who_cannot_be_told_fetches_nothing "$WORK/env0" "$WORK/env1"

# A torn write of one copy reads as old or new, and is repaired.
make_release 5 --from 1
for copy in env0 env1; do
	cp "$WORK/env0" "$WORK/keep0"
	cp "$WORK/env1" "$WORK/keep1"
	dd if=/dev/urandom of="$WORK/$copy" bs=512 count=3 seek=1 \
		conv=notrunc 2>/dev/null
	says one slot "$(env_get pawl_slot)"
	on one status --json | grep -q boot_error &&
		die "one torn copy is an error"
	cp "$WORK/keep0" "$WORK/env0"
	cp "$WORK/keep1" "$WORK/env1"
done
dd if=/dev/urandom of="$WORK/env0" bs=512 count=3 seek=1 conv=notrunc \
	2>/dev/null
on one update --from "$WORK/publish"
dd if=/dev/urandom of="$WORK/env1" bs=512 count=3 seek=1 conv=notrunc \
	2>/dev/null
told ethaddr 02:00:00:00:00:01

# Both damaged: refused, told, and not a byte is written over them.
dd if=/dev/urandom of="$WORK/env0" bs=512 count=3 seek=1 conv=notrunc \
	2>/dev/null
cp "$WORK/env0" "$WORK/keep0"
cp "$WORK/env1" "$WORK/keep1"
on one status --json | grep -q boot_error || die "status does not tell"
got=0
on one update --from "$WORK/publish" 2>"$WORK/said" || got=$?
[ $got -ne 0 ] || die "both copies are damaged, and it went on"
grep -q 'no copy of the U-Boot environment' "$WORK/said" || die "no reason"
cmp "$WORK/env0" "$WORK/keep0" && cmp "$WORK/env1" "$WORK/keep1" ||
	die "a damaged environment was written over"

# Slots that are images are switched just so: full, and then by delta.
mkenvimage -r -s 0x2000 -o "$WORK/env0" "$WORK/env.txt"
cp "$WORK/env0" "$WORK/env1"
make_boot_device two
head -c 400000 /dev/urandom >"$WORK/two/slot-a"
cp "$WORK/two/slot-a" "$WORK/two/slot-b"
cat >>"$WORK/two/client.conf" <<INI
[slot]
kind = image
a = $WORK/two/slot-a
b = $WORK/two/slot-b
INI
from=
for id in i1 i2; do
	{
		seq 1 30000 | sed "s/77/seventy-seven in $id/"
		head -c 100000 /dev/zero
	} >"$WORK/$id"
	# shellcheck disable=SC2086 # an option or nothing
	"$signer" release create "$WORK/repo" --product gateway --id $id \
		--content image --input "$WORK/$id" --quiet $from >/dev/null
	resign
	from="--from $id"
	on two update --quiet --json --from "$WORK/publish" >"$WORK/out"
	boot two
	on two update --quiet --from "$WORK/publish"
	says two state confirmed
	told pawl_left ""
	running=$(env_get pawl_slot)
	cmp -n "$(wc -c <"$WORK/$id")" "$WORK/$id" "$WORK/two/slot-$running" ||
		die "slot $running does not hold $id"
done
grep -q '"package": *"delta"' "$WORK/out" || die "no delta was taken"
told pawl_slot a
