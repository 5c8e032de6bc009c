# A machine that GRUB starts with the configuration that packaging/grub ships: source it
# after guest.sh, which makes everything else of it. Beside its functions a test gets
#
#	make_grub_guest     the guest's kernel and configuration
#	make_grub_disk      after the last release: $WORK/disk, with GRUB on it
#	env_get NAME        of GRUB's record on the disk
need qemu-system-x86_64 grub-mkimage modprobe depmod sfdisk mke2fs debugfs \
	cpio grub-editenv
[ -e /usr/lib/grub/i386-pc/boot.img ] || skip "no GRUB for a PC: make deps GROUP=boot"
busybox=$(part busybox amd64) || { echo "$busybox" && exit 77; }

machine() {
	# shellcheck disable=SC2086 # an option or none
	exec qemu-system-x86_64 -accel tcg -m 192 -display none -serial stdio \
		-monitor none -net none $once -device virtio-scsi-pci \
		-drive "file=$WORK/disk,format=raw,if=none,id=disk" \
		-device scsi-hd,drive=disk,bootindex=1 -device i6300esb \
		-drive "file=$WORK/kit.image,format=raw,if=virtio,readonly=on" \
		-drive "file=$WORK/script,format=raw,if=virtio,readonly=on"
}

# GRUB goes where the firmware looks for it: into the first sectors of the disk.
install_grub() {
	printf '%s\n' serial 'terminal_output serial' \
		'set root=hd0,msdos1' >"$WORK/early.cfg"
	grub-mkimage -O i386-pc -p '(hd0,msdos1)/grub' -c "$WORK/early.cfg" \
		-o "$WORK/core.img" biosdisk part_msdos ext2 normal loadenv \
		test true echo linux serial terminal reboot sleep configfile \
		setpci memrw
	dd if=/usr/lib/grub/i386-pc/boot.img of="$WORK/disk" bs=440 count=1 \
		conv=notrunc status=none
	dd if="$WORK/core.img" of="$WORK/disk" bs=512 seek=1 conv=notrunc \
		status=none
}

env_get() { # variable, as GRUB reads it
	loader_file /grub/grubenv >"$WORK/grubenv"
	grub-editenv "$WORK/grubenv" list | sed -n "s/^$1=//p"
}

make_grub_guest() {
	make_guest amd64 "$busybox/root/bin/busybox" virtio_pci virtio_scsi \
		sd_mod virtio_blk softdog
	mkdir -p "$WORK/loader/grub"
	sed 's|^set pawl_options=.*|set pawl_options="ro panic=1 console=ttyS0 quiet no_timer_check kit=/dev/vda script=/dev/vdb"|' \
		"$top/packaging/grub/grub.cfg" >"$WORK/loader/grub/grub.cfg"
	grub-editenv "$WORK/loader/grub/grubenv" create
	cat >"$WORK/control" <<INI
a = /dev/sda2
b = /dev/sda3
[boot]
control = grub
environment = /loader/grub/grubenv
INI
}

make_grub_disk() {
	add_native_libraries
	make_kit "$client" "$BIN/pawl-guard"
	make_disk "$WORK/disk"
	install_grub
}
