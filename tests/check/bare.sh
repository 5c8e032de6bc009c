#!/bin/sh
# Prove the list of packages: on a bare Debian nothing is there by luck. What
# HEAD has is put into a fresh root, and make runs there:
#
#   sh tests/check/bare.sh [TARGET...]		(demo, if none is named)
#
# SUITE is the Debian (bookworm). It needs root, the network and 2 GB below
# TMPDIR; what it mounts and starts lives in namespaces that end with it.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)

skip() {
	echo "skipped: $1"
	exit 77
}
[ "$(id -u)" -eq 0 ] || skip "a root of its own is made by root"
command -v mmdebstrap >/dev/null || skip "no mmdebstrap here"

root=$(mktemp -d "${TMPDIR:-/tmp}/pawl-bare.XXXXXX")
trap 'rm -rf --one-file-system "$root"' EXIT
trap 'exit 1' INT TERM
mmdebstrap --quiet --variant=apt --include=make "${SUITE:-bookworm}" "$root"
mkdir "$root/src"
git -C "$top" archive HEAD | tar -xC "$root/src"
cp /etc/resolv.conf "$root/etc/resolv.conf"

unshare --mount --pid --fork sh -euc '
	mount -t proc proc "$1/proc"
	mount -t tmpfs tmpfs "$1/dev"
	for node in null zero full random urandom tty; do
		touch "$1/dev/$node"
		mount --bind "/dev/$node" "$1/dev/$node"
	done
	mkdir "$1/dev/shm" "$1/dev/pts"
	mount -t tmpfs tmpfs "$1/dev/shm"
	ln -s /proc/self/fd "$1/dev/fd"
	root=$1
	shift
	exec chroot "$root" sh -euc "apt-get update -qq; cd /src; make \$*" \
		make "$@"
' bare "$root" "${@:-demo}"
