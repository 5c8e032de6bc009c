#!/bin/sh
# Libraries of another Debian architecture, unpacked into a folder for a cross
# compiler: sysroot.sh ARCH DIR (ARCH: arm64, armhf, s390x, ...). Nothing of this
# system changes: apt works on lists and a cache of its own below DIR.apt.
# Exit status 77 when they cannot be had here.
set -eu
arch=$1
root=$2
here=$(cd "$(dirname "$0")" && pwd)

# The libraries that `make` and the tests link, without what runs at build time.
packages=$(awk '$1 == "build" && $2 ~ /-dev$/ { print $2 }
	$2 == "libcmocka-dev" { print $2 }' "$here/../packages.txt")
[ "$(cat "$root/.complete" 2>/dev/null)" != "$packages" ] || exit 0
command -v apt-get >/dev/null || {
	echo "no apt-get here" >&2
	exit 77
}
state=$root.apt
mkdir -p "$root" "$state/lists/partial" "$state/cache/archives/partial"
root=$(cd "$root" && pwd)
state=$(cd "$state" && pwd)
: >"$state/status"

apt() {
	apt-get -q -y -o Dir::State="$state" -o Dir::State::status="$state/status" \
		-o Dir::State::lists="$state/lists" -o Dir::Cache="$state/cache" \
		-o APT::Architecture="$arch" -o APT::Architectures="$arch" \
		-o APT::Sandbox::User=root -o APT::Install-Recommends=no \
		-o Debug::NoLocking=yes "$@"
}
{
	apt update
	# shellcheck disable=SC2086 # a list of words
	apt install --download-only $packages
} >"$state/log" 2>&1 || {
	tail -n 5 "$state/log" >&2
	echo "the packages of $arch cannot be had here" >&2
	exit 77
}
for package in "$state"/cache/archives/*.deb; do
	dpkg-deb --fsys-tarfile "$package" | tar -x -C "$root" --exclude=./dev \
		./usr/include ./usr/lib ./lib ./usr/share/pkgconfig 2>/dev/null || :
done
rm -rf "$state"
echo "$packages" >"$root/.complete"
