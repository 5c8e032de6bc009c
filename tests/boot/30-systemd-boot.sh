#!/bin/sh
# A machine that systemd-boot starts from UEFI, with the adapter that
# packaging/systemd-boot ships: the same life as with GRUB.
. "$(dirname "$0")/guest.sh"
need qemu-system-x86_64 modprobe depmod sfdisk mke2fs debugfs cpio mkfs.vfat mcopy
efi=/usr/lib/systemd/boot/efi/systemd-bootx64.efi
[ -e $efi ] || skip "no systemd-boot: make deps GROUP=boot"
firmware=/usr/share/OVMF/OVMF_CODE_4M.fd
[ -e $firmware ] || skip "no OVMF: make deps GROUP=boot"
busybox=$(part busybox amd64) || { echo "$busybox" && exit 77; }

machine() {
	# shellcheck disable=SC2086 # an option or none
	exec qemu-system-x86_64 -accel tcg -m 256 -display none -serial stdio \
		-monitor none -net none $once \
		-drive "if=pflash,format=raw,readonly=on,file=$firmware" \
		-drive "if=pflash,format=raw,file=$WORK/variables" \
		-device virtio-scsi-pci \
		-drive "file=$WORK/disk,format=raw,if=none,id=disk" \
		-device scsi-hd,drive=disk,bootindex=1 \
		-drive "file=$WORK/kit.image,format=raw,if=virtio,readonly=on" \
		-drive "file=$WORK/script,format=raw,if=virtio,readonly=on"
}

# The adapter reads what is on the disk.
env_get() { # variable
	read_entries "$WORK/disk@@${first_mib}M"
	sed -n 's/^guest: release .* in slot /pawl.slot=/p' "$WORK/printed" |
		tail -n 1 >"$WORK/cmdline"
	record | sed -n "s/^$1=//p"
}
# One by one: where the firmware has to lengthen the folder for a name, a cut may leave
# an end of it that was not written yet. What is before that counts, and is there.
read_entries() { # image of the boot partition, as mtools names it
	rm -rf "$WORK/seen"
	mkdir -p "$WORK/seen/loader/entries"
	mdir -b -i "$1" ::/loader/entries 2>/dev/null |
		sed -n 's|^::/loader/entries/\(pawl-[ab+0-9-]*\.conf\)$|\1|p' \
			>"$WORK/names"
	while read -r name; do
		mcopy -n -i "$1" "::/loader/entries/$name" \
			"$WORK/seen/loader/entries/$name" 2>/dev/null ||
			die "the boot partition has $name, and it cannot be read"
	done <"$WORK/names"
}
record() {
	printf 'esp=%s\ncmdline=%s\n' "$WORK/seen" "$WORK/cmdline" \
		>"$WORK/seen.conf"
	"$adapter" "$WORK/seen.conf" read
}

# What a power cut can leave of a renaming on FAT: some slot's entry is there, and so
# is its kernel.
boot_partition() { # file
	dd if="$WORK/disk" of="$1" bs=1M skip=$first_mib count=$boot_mib \
		status=none
}
checked=0
renaming() { # who did it
	rm -rf "$WORK/states"
	mkdir "$WORK/states"
	python3 "$here/torn.py" "$WORK/before" "$WORK/after" "$WORK/states" \
		>"$WORK/list"
	[ "$(wc -l <"$WORK/list")" -gt 1 ] || die "$1 renamed nothing"
	while read -r number state; do
		read_entries "$WORK/states/$number"
		slot=$(record | sed -n 's/^pawl_slot=//p')
		mcopy -n -i "$WORK/states/$number" "::/pawl/$slot/linux" \
			"$WORK/seen/linux" &&
			cmp "$WORK/seen/linux" "$WORK/slot/boot/vmlinuz" ||
			die "$1, $state: slot $slot has no kernel"
		echo "$1, $state: slot $slot, $(ls "$WORK/seen/loader/entries" |
			paste -sd' ')"
		checked=$((checked + 1))
	done <"$WORK/list"
	rm -rf "$WORK/states"
}
renamings() {
	boot_partition "$WORK/before"
	guest 'cd /loader/loader/entries && mv pawl-b+0-3.conf pawl-b+3.conf'
	boot_partition "$WORK/after"
	renaming Linux
	mv "$WORK/after" "$WORK/before"
	CUT=$counted guest :
	boot_partition "$WORK/after"
	renaming systemd-boot
	echo "figure crash-states-systemd-boot $checked states"
}
adapter=$top/packaging/systemd-boot/pawl-systemd-boot
# What says that the loader has counted: the first word of the kernel (not "quiet").
counted='EFI stub'
. "$here/life.sh"

make_guest amd64 "$busybox/root/bin/busybox" virtio_pci virtio_scsi sd_mod \
	virtio_blk vfat nls_cp437 nls_ascii nls_iso8859-1 nls_utf8 softdog
mkdir -p "$WORK/kit/etc/pawl" "$WORK/kit/usr/lib/pawl"
cp "$adapter" "$WORK/kit/usr/lib/pawl/pawl-systemd-boot"
chmod 755 "$WORK/kit/usr/lib/pawl/pawl-systemd-boot"
options='ro panic=1 console=ttyS0 no_timer_check kit=/dev/vda script=/dev/vdb'
printf '%s\n' esp=/loader at=/tmp/slot "options='$options'" \
	>"$WORK/kit/etc/pawl/systemd-boot.conf"
cat >"$WORK/control" <<INI
a = /dev/sda2
b = /dev/sda3
[boot]
control = command
command = /usr/lib/pawl/pawl-systemd-boot /etc/pawl/systemd-boot.conf
INI
make_releases
add_native_libraries
make_kit "$client" "$BIN/pawl-guard"

# The factory: systemd-boot where UEFI looks for it, and the adapter's first entry.
boot_mib=64
# As docs/boot-control.md has it: the firmware need not lengthen the folder.
fat='-F 16 -s 16'
mkdir -p "$WORK/loader/EFI/BOOT" "$WORK/loader/loader"
cp $efi "$WORK/loader/EFI/BOOT/BOOTX64.EFI"
echo 'timeout 0' >"$WORK/loader/loader/loader.conf"
cat >"$WORK/factory.conf" <<SH
esp=$WORK/loader
options='$options'
cmdline=/dev/null
at=$WORK/at
mount() { cp -r "$WORK/slot/." "\$4"; }
umount() { rm -rf "\$1"/* "\$1"/.[!.]*; }
SH
"$adapter" "$WORK/factory.conf" init a
loader_kind=vfat
make_disk "$WORK/disk"
cp /usr/share/OVMF/OVMF_VARS_4M.fd "$WORK/variables"
live
renamings
