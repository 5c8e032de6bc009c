#!/bin/sh
# What the tests of boot loaders need of Debian beside installed packages, below
# build/boot/, from the mirror that this machine's apt is set up with. Nothing of
# this system changes.
#
#   parts.sh kernel ARCH    build/boot/kernel-ARCH: vmlinuz and modules
#   parts.sh busybox ARCH   build/boot/busybox-ARCH
#   parts.sh grub-emu ARCH  build/boot/grub-emu-ARCH
#   parts.sh u-boot BOARD   build/boot/u-boot-BOARD: U-Boot from Debian's source
#
# Prints the folder. Exit status 77, saying why, where that cannot be had.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
boot=$top/build/boot

skip() {
	echo "skipped: $1" >&2
	exit 77
}

# apt for an architecture, with lists and a cache of its own.
own_apt() { # architecture, command...
	state=$boot/apt-$using-$1
	mkdir -p "$state/etc/preferences.d" "$state/lists/partial" \
		"$state/cache/archives/partial"
	: >"$state/status"
	site=$(apt-get indextargets --format '$(SITE) $(RELEASE)' \
		'Identifier: Packages' 2>/dev/null |
		awk '$2 ~ /^[a-z]+$/ { print $1, $2; exit }')
	[ -n "$site" ] || skip "apt knows no mirror of Debian"
	for kind in deb deb-src; do
		echo "$kind [signed-by=$keyring] $site main"
	done >"$state/etc/sources.list"
	arch=$1
	shift
	set -- -q -o "Dir::Etc=$state/etc" \
		-o "Dir::Etc::sourcelist=$state/etc/sources.list" \
		-o Dir::Etc::sourceparts=/nonexistent -o "Dir::State=$state" \
		-o "Dir::State::status=$state/status" \
		-o "Dir::Cache=$state/cache" -o Acquire::Languages=none \
		-o "APT::Architecture=$arch" -o "APT::Architectures=$arch" \
		-o "APT::Sandbox::User=$(id -un)" "$@"
	case " $* " in
	*' depends '*) apt-cache "$@" ;;
	*) timeout 300 apt-get "$@" >>"$boot/log" 2>&1 ;;
	esac
}

kernel() { # architecture
	to=$boot/kernel-$1
	[ ! -e "$to/done" ] || return 0
	lock
	[ ! -e "$to/done" ] || return 0
	# The cloud flavour is small, but knows no SD card.
	case $1 in
	amd64) meta=linux-image-cloud-amd64 ;;
	*) meta=linux-image-$1 ;;
	esac
	own_apt "$1" update || skip "no package lists: $boot/log"
	name=$(own_apt "$1" depends "$meta" |
		sed -n 's/^  Depends: \(linux-image-[0-9]\)/\1/p')
	[ -n "$name" ] || skip "no $meta here"
	rm -rf "$to"
	mkdir -p "$to/deb"
	(cd "$to/deb" && own_apt "$1" download "$name") ||
		skip "no $name: $boot/log"
	dpkg-deb -x "$to"/deb/*.deb "$to/root"
	mv "$to"/root/boot/vmlinuz-* "$to/vmlinuz"
	version=$(basename "$to"/root/lib/modules/*)
	PATH=$PATH:/sbin:/usr/sbin depmod -b "$to/root" "$version"
	rm -rf "$to/deb"
	touch "$to/done"
}

# Programs of packages that are not for every machine to have.
programs() { # name, architecture, packages...
	to=$boot/$1-$2
	[ ! -e "$to/done" ] || return 0
	lock
	[ ! -e "$to/done" ] || return 0
	arch=$2
	shift 2
	own_apt "$arch" update || skip "no package lists: $boot/log"
	rm -rf "$to"
	mkdir -p "$to/deb"
	(cd "$to/deb" && own_apt "$arch" download "$@") ||
		skip "no $*: $boot/log"
	for deb in "$to"/deb/*.deb; do
		dpkg-deb -x "$deb" "$to/root"
	done
	rm -rf "$to/deb"
	touch "$to/done"
}

u_boot() { # board
	to=$boot/u-boot-$1
	board=$1
	fragments="$here/u-boot-env.config"
	case $board in
	qemu_arm64)
		fragments="$fragments $here/u-boot-arm64.config"
		# Its PCI bus, and so the SD card, before the environment is read.
		set -- CROSS_COMPILE=aarch64-linux-gnu- \
			KCPPFLAGS=-DCONFIG_SYS_EARLY_PCI_INIT u-boot.bin
		;;
	sandbox)
		fragments="$fragments $here/u-boot-sandbox.config"
		# Images of it, for which swig is asked, are not made.
		set -- NO_SDL=1 CONFIG_PYLIBFDT= u-boot dtbs
		;;
	esac
	# shellcheck disable=SC2086 # a list of files
	made=$(cat "$top/packaging/u-boot/pawl.env" $fragments | sha256sum)
	[ "$(cat "$to/done" 2>/dev/null)" != "$made" ] || return 0
	lock
	[ "$(cat "$to/done" 2>/dev/null)" != "$made" ] || return 0
	source=$boot/u-boot
	[ -e "$source/Kconfig" ] || {
		own_apt "$(dpkg --print-architecture)" update ||
			skip "no package lists: $boot/log"
		rm -rf "$source" "$boot/source"
		mkdir -p "$boot/source"
		(cd "$boot/source" &&
			own_apt "$(dpkg --print-architecture)" source \
				--download-only u-boot) ||
			skip "no source of U-Boot: $boot/log"
		dpkg-source -x "$boot"/source/u-boot_*.dsc "$source" \
			>>"$boot/log" 2>&1
		# Where the sandbox looks for its environment is in its code.
		sed -i 's/\<ENVL_NOWHERE\>/ENVL_MMC/' \
			"$source/board/sandbox/sandbox.c"
	}
	mkdir -p "$to"
	rm -f "$to/done"
	{
		make -s -C "$source" O="$to" "${board}_defconfig"
		# shellcheck disable=SC2086 # a list of files
		(cd "$source" && scripts/kconfig/merge_config.sh -m -O "$to" \
			"$to/.config" $fragments)
		echo "CONFIG_DEFAULT_ENV_FILE=\"$top/packaging/u-boot/pawl.env\"" \
			>>"$to/.config"
		make -s -C "$source" O="$to" olddefconfig
		make -s -C "$source" O="$to" -j"$(nproc)" NO_PYTHON=1 "$@"
	} >>"$boot/log" 2>&1 || {
		tail -n 20 "$boot/log" >&2
		exit 1
	}
	echo "$made" >"$to/done"
}

command -v apt-get >/dev/null || skip "no apt here"
mkdir -p "$boot"
# Building takes its time; who only wants a package does not wait for it.
using=packages
[ "$1" != u-boot ] || using=source
lock() {
	exec 9>"$boot/lock-$using"
	flock 9
}
case $1 in
kernel) kernel "$2" ;;
u-boot) u_boot "$2" ;;
busybox) programs busybox "$2" busybox-static ;;
grub-emu) programs grub-emu "$2" grub-emu libsdl1.2debian libcaca0 libslang2 ;;
esac
echo "$to"
