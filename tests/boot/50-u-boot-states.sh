#!/bin/sh
# Every state that a power cut can leave U-Boot's environment in, at each write of a
# release's life: U-Boot itself (its sandbox, a program of this machine) reads each
# of them, and starts the slot that was to start before the write or after it.
# libubootenv, through which the client reads, sees the same.
. "$(dirname "$0")/guest.sh"
need fw_printenv fw_setenv mkenvimage fdtput flex bison bc dpkg-source
sandbox=$(part u-boot sandbox) || { echo "$sandbox" && exit 77; }

# An SD card of two copies; what U-Boot's default console needs is added.
{
	cat "$top/packaging/u-boot/pawl.env"
	printf '%s\n' stdin=serial stdout=serial stderr=serial
} >"$WORK/env.txt"
mkenvimage -r -s 0x2000 -o "$WORK/env" "$WORK/env.txt"
sed "/^#/d; s|/dev/mmcblk0|$WORK/sd|" "$top/packaging/u-boot/fw_env.config" \
	>"$WORK/fw_env.config"
places=$(awk '{ print $2 }' "$WORK/fw_env.config")
truncate -s 4M "$WORK/sd"
for at in $places; do
	dd if="$WORK/env" of="$WORK/sd" bs=4k seek=$((at / 4096)) conv=notrunc \
		status=none
done
cp "$sandbox/arch/sandbox/dts/sandbox.dtb" "$WORK/sandbox.dtb"
fdtput -p -c "$WORK/sandbox.dtb" /mmc0
fdtput -t s "$WORK/sandbox.dtb" /mmc0 compatible sandbox,mmc
fdtput -t s "$WORK/sandbox.dtb" /mmc0 filename "$WORK/sd"
fdtput -t s "$WORK/sandbox.dtb" /aliases mmc0 /mmc0

# One start of U-Boot: what it read, what it starts. bootcmd without the second half.
u_boot() {
	timeout 300 "$sandbox/u-boot" -d "$WORK/sandbox.dtb" -c '
		echo "read: ${pawl_slot}/${pawl_back}/${pawl_left}/${pawl_failed}";
		run pawl_choose;
		echo "starts: ${pawl_start}";
		poweroff' </dev/null >"$WORK/said" 2>&1 || :
	tr -d '\r' <"$WORK/said" | sed 's/\x1b\[[0-9;]*m//g' >"$WORK/plain"
	sed -n 's/^read: //p' "$WORK/plain" >"$WORK/read"
	sed -n 's/^starts: //p' "$WORK/plain" >"$WORK/starts"
	[ -s "$WORK/starts" ] || die "U-Boot ended: $(tail -n 5 "$WORK/plain")"
}
# What libubootenv reads, in the same words.
record() {
	for name in slot back left failed; do
		fw_printenv -c "$WORK/fw_env.config" -n "pawl_$name" \
			2>/dev/null || echo
	done | paste -sd/
}
client_writes() { # slot, back, left, failed: as boot_uboot.c, in one store
	printf '%s\n' "pawl_slot=$1" "pawl_back=$2" "pawl_left=$3" \
		"pawl_failed=$4" >"$WORK/lines"
	fw_setenv -c "$WORK/fw_env.config" -s "$WORK/lines"
}

area() { # file: both copies and what is between them
	dd if="$WORK/sd" of="$1" bs=4k skip=256 count=32 status=none
}
put_area() { # file
	dd if="$1" of="$WORK/sd" bs=4k seek=256 conv=notrunc status=none
}
choice() { # area: the slot that it starts
	put_area "$1"
	u_boot
	cat "$WORK/starts"
}

# The states between two areas.
checked=0 bad=0
check() { # what is written
	before=$(put_area "$WORK/before" && record)
	starts_before=$(choice "$WORK/before")
	after=$(put_area "$WORK/after" && record)
	starts_after=$(choice "$WORK/after")
	rm -rf "$WORK/states"
	mkdir "$WORK/states"
	PAWL_GARBAGE=1 python3 "$here/torn.py" "$WORK/before" "$WORK/after" \
		"$WORK/states" >"$WORK/list"
	while read -r number state; do
		put_area "$WORK/states/$number"
		ours=$(record)
		u_boot
		read=$(cat "$WORK/read")
		starts=$(cat "$WORK/starts")
		ok=yes
		[ "$read" = "$before" ] || [ "$read" = "$after" ] || ok=
		[ "$starts" = "$starts_before" ] ||
			[ "$starts" = "$starts_after" ] || ok=
		[ "$ours" = "$read" ] || ok=
		# What U-Boot stored then is read by both, too.
		[ -n "$(record)" ] && [ "$(record)" != /// ] || ok=
		checked=$((checked + 1))
		[ -n "$ok" ] || {
			bad=$((bad + 1))
			echo "$1 ($before to $after), $state: U-Boot read" \
				"$read, we read $ours; it starts $starts"
		}
	done <"$WORK/list"
	put_area "$WORK/after"
}
writes() { # what it is, command...
	what=$1
	shift
	area "$WORK/before"
	"$@"
	area "$WORK/after"
	check "$what"
}

client_writes a '' '' ''
writes "the client switches" client_writes b a 3 ''
for left in 2 1 0; do
	writes "U-Boot counts to $left" u_boot
	[ "$(record)" = "b/a/$left/" ] || die "it counted $(record)"
done
writes "U-Boot goes back" u_boot
[ "$(record)" = a///b ] || die "it went back to $(record)"
writes "the client forgets that" client_writes a '' '' ''
writes "the client switches again" client_writes b a 9 ''
writes "U-Boot counts to 8" u_boot
writes "the client confirms" client_writes b '' '' ''
[ $bad -eq 0 ] || die "$bad of $checked states are bad"
echo "figure crash-states-u-boot $checked states"

# The proof can fail: were the copy written that counts, states would be bad.
client_writes a '' '' ''
client_writes b a 3 ''
area "$WORK/before"
client_writes b a 2 ''
area "$WORK/next"
from=0 to=16
cmp -s -n 8192 "$WORK/before" "$WORK/next" && from=16 to=0
cp "$WORK/before" "$WORK/after"
dd if="$WORK/next" of="$WORK/after" bs=4k skip=$from seek=$to count=2 \
	conv=notrunc status=none
found=$bad
check "a write over the copy that counts" >/dev/null
[ $bad -gt "$found" ] || die "a write over the copy that counts is not noticed"
