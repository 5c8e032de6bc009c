#!/bin/sh
# The decoder on other machines: its tests and fuzz corpora, cross-compiled and run
# under qemu-user (s390x is big-endian, armhf has 32 bits); and the client installed
# as for a device's image.
#
#   foreign.sh [ARCH...]       arm64 armhf s390x
#
# What an architecture lacks here is said and skipped; exit status 77 when all are.
set -eu
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || set -- arm64 armhf s390x

# What stands between a package's bytes and the tree on the disk.
units="rd buf text digest aead hkdf hpke stream bucket merkle package payload member scratch
	delta_members delta_payload
	tree tree_disk delta_map delta_predict delta_prefix delta apply release
	order journal twin floor_record checkpoint wire"
corpora="package member delta delta_predict tree release order journal floor_record
	keybox wire"

names() { # architecture: compiler's prefix, emulator
	case $1 in
	arm64) echo aarch64-linux-gnu qemu-aarch64 ;;
	armhf) echo arm-linux-gnueabihf qemu-arm ;;
	s390x) echo s390x-linux-gnu qemu-s390x ;;
	*) echo "unknown architecture $1" >&2 && exit 2 ;;
	esac
}

try() { # architecture
	arch=$1
	prefix=$(names "$arch")
	emulator=${prefix#* }
	prefix=${prefix% *}
	root=$PWD/build/sysroot/$arch
	for need in "$prefix-gcc" "$emulator"; do
		command -v "$need" >/dev/null || {
			echo "$arch: skipped, no $need here"
			return 77
		}
	done
	sh tests/check/sysroot.sh "$arch" "$root" || {
		echo "$arch: skipped"
		return 77
	}
	set --
	for n in $units; do
		set -- "$@" "build/$arch/tests/unit/test_$n"
	done
	for n in $corpora; do
		set -- "$@" "build/$arch/tests/fuzz/fuzz_$n"
	done
	# Warnings are the native compiler's business: others guess differently. And
	# the quicker linker finds nothing behind a sysroot's absolute links.
	make --no-print-directory -j"$(nproc)" CI= CONFIG="$arch" CFLAGS="-O2 -g" \
		LDFLAGS= TEST_LD= CC="$prefix-gcc --sysroot=$root" AR="$prefix-ar" \
		"$@" >"build/$arch.log" 2>&1 || {
		tail -n 20 "build/$arch.log"
		return 1
	}
	for n in $units; do
		echo "== $arch test_$n"
		"$emulator" -L "$root" "build/$arch/tests/unit/test_$n" || return 1
	done
	for n in $corpora; do
		echo "== $arch fuzz_$n"
		"$emulator" -L "$root" "build/$arch/tests/fuzz/fuzz_$n" \
			tests/fuzz/corpus/"$n"/* || return 1
	done
}

# What a device's image build does: the client alone, by a cross compiler, without
# network, and exactly the listed files.
image() { # architecture
	prefix=$(names "$1")
	prefix=${prefix% *}
	root=$PWD/build/sysroot/$1
	alone=
	unshare -rn true 2>/dev/null && alone='unshare -rn'
	echo "== $1 install-client${alone:+ without network}"
	rm -rf "build/$1.image"
	$alone sh tests/check/installed.sh client "$PWD/build/$1.image" \
		B="build/$1.image.obj" CI= CFLAGS="-O2 -g" LDFLAGS= \
		CC="$prefix-gcc --sysroot=$root" AR="$prefix-ar" \
		>"build/$1.log" 2>&1 || {
		tail -n 20 "build/$1.log"
		return 1
	}
}

mkdir -p build
ran=0
for arch in "$@"; do
	status=0
	try "$arch" && image "$arch" || status=$?
	case $status in
	0) ran=$((ran + 1)) ;;
	77) ;;
	*) exit "$status" ;;
	esac
done
[ "$ran" -gt 0 ] || exit 77
