#!/bin/sh
# A board that U-Boot starts from an SD card, with the environment that
# packaging/u-boot ships as its defaults and in both of its copies: the same life as
# with GRUB. U-Boot is Debian's source, the client the one of `make client`, for arm64.
. "$(dirname "$0")/guest.sh"
need qemu-system-aarch64 aarch64-linux-gnu-gcc aarch64-linux-gnu-readelf modprobe \
	depmod sfdisk mke2fs debugfs cpio fw_printenv mkenvimage flex bison bc \
	dpkg-source
u_boot=$(part u-boot qemu_arm64) || { echo "$u_boot" && exit 77; }
busybox=$(part busybox arm64) || { echo "$busybox" && exit 77; }
disk_mib=256 # an SD card's size is a power of two
slot_size=32M

machine() {
	# shellcheck disable=SC2086 # an option or none
	exec qemu-system-aarch64 -accel tcg -M virt -cpu cortex-a57 -m 512 \
		-bios "$u_boot/u-boot.bin" -display none -serial stdio \
		-monitor none -net none $once -device sdhci-pci \
		-drive "file=$WORK/disk,format=raw,if=none,id=disk" \
		-device sd-card,drive=disk -device i6300esb \
		-drive "file=$WORK/kit.image,format=raw,if=none,id=kit,readonly=on" \
		-device virtio-blk-pci,drive=kit \
		-drive "file=$WORK/script,format=raw,if=none,id=script,readonly=on" \
		-device virtio-blk-pci,drive=script
}

env_get() { # variable
	fw_printenv -c "$WORK/fw_env.config" -n "$1" 2>/dev/null || :
}
. "$here/life.sh"
# Then the kernel's first line, for it has a console from its first instant.
handed_over='^Starting kernel'

# The client for the board, and the libraries that it needs.
cross_client() {
	root=$top/build/sysroot/arm64
	sh "$top/tests/check/sysroot.sh" arm64 "$root" >"$WORK/cross.log" 2>&1 ||
		skip "no libraries for arm64: $(tail -n 1 "$WORK/cross.log")"
	MAKEFLAGS='' make --no-print-directory -C "$top" B="build/boot/client-arm64" \
		DEPS=none CI= CFLAGS="-O2 -g" LDFLAGS= \
		CC="aarch64-linux-gnu-gcc --sysroot=$root" AR=aarch64-linux-gnu-ar \
		client >"$WORK/cross.log" 2>&1 || die "$(tail "$WORK/cross.log")"
	client_arm64=$top/build/boot/client-arm64/updater-client
	mkdir -p "$WORK/kit/lib"
	cp "$client_arm64" "$WORK/client"
	aarch64-linux-gnu-strip "$WORK/client"
	add_libraries "$WORK/client"
}
add_libraries() { # file
	aarch64-linux-gnu-readelf -d "$1" |
		sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | while read -r name; do
		[ ! -e "$WORK/kit/lib/$name" ] || continue
		cp -L "$(find "$root/lib" "$root/usr/lib" -name "$name" |
			head -n 1)" "$WORK/kit/lib/$name"
		add_libraries "$WORK/kit/lib/$name"
	done
}

sed -e '/^#/d' -e 's|^pawl_options=.*|pawl_options=ro panic=1 console=ttyAMA0 earlycon kit=/dev/vda script=/dev/vdb|' \
	"$top/packaging/u-boot/pawl.env" >"$WORK/pawl.env"
sed "s|/dev/mmcblk0|$WORK/disk|" "$top/packaging/u-boot/fw_env.config" \
	>"$WORK/fw_env.config"
cp "$top/packaging/u-boot/fw_env.config" "$WORK/kit.config"
cat >"$WORK/control" <<INI
a = /dev/mmcblk0p2
b = /dev/mmcblk0p3
[boot]
control = uboot
environment = /etc/pawl/fw_env.config
INI
cross_client
make_guest arm64 "$busybox/root/bin/busybox" ext4 crc32c_generic sdhci_pci \
	virtio_pci virtio_blk i6300esb
gzip -6 <"$WORK/slot/boot/vmlinuz" >"$WORK/slot/boot/Image"
rm "$WORK/slot/boot/vmlinuz"
mkdir -p "$WORK/loader" "$WORK/kit/etc/pawl"
cp "$WORK/kit.config" "$WORK/kit/etc/pawl/fw_env.config"
make_releases
make_kit "$WORK/client" "$(dirname "$client_arm64")/pawl-guard"
make_disk "$WORK/disk"
mkenvimage -r -s 0x2000 -o "$WORK/env" "$WORK/pawl.env"
for at in $(awk '/^\/dev/ { print $2 }' "$WORK/kit.config"); do
	dd if="$WORK/env" of="$WORK/disk" bs=4k seek=$((at / 4096)) \
		conv=notrunc status=none
done
live
