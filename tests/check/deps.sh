#!/bin/sh
# Look after the Debian packages of tests/packages.txt.
#
#   deps.sh check GROUP...     name what is missing and the one command; exit 1
#   deps.sh install GROUP...   install what is missing, as root or through sudo
#
# Groups: build demo test observe lint long foreign boot npm. DEPS=no forbids installing: it is then a check.
# DEPS=none is a build for another machine: what this one has says nothing.
set -eu

list=$(dirname "$0")/../packages.txt
verb=$1
shift

# Without dpkg (another distribution) only the compiler can tell.
[ "${DEPS:-yes}" != none ] || exit 0
command -v dpkg-query >/dev/null 2>&1 || exit 0

wanted=
for group in "$@"; do
	wanted="$wanted $(awk -v g="$group" '$1 == g { print $2 }' "$list")"
done

missing=
for package in $wanted; do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) ||
		state=
	[ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$verb" = check ] || [ "${DEPS:-yes}" = no ]; then
	echo "missing Debian packages:$missing" >&2
	echo "install them with: make deps GROUP=\"$*\"" >&2
	exit 1
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null 2>&1 || {
		echo "missing Debian packages:$missing" >&2
		echo "no sudo here: as root, run apt-get install$missing" >&2
		exit 1
	}
	as_root=sudo
fi

echo "installing Debian packages:$missing"
# A package that brings a service must not start it: policy-rc.d says no while
# we install, unless the machine has a policy of its own.
policy=/usr/sbin/policy-rc.d
made_policy=
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
	$as_root chmod 755 "$policy"
	made_policy=yes
fi
trap '[ -z "$made_policy" ] || $as_root rm -f "$policy"' EXIT
apt() {
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		-o Dpkg::Use-Pty=0 "$@"
}
# shellcheck disable=SC2086 # a list of words
apt install --no-install-recommends $missing || {
	apt update
	apt install --no-install-recommends $missing
}
