#!/bin/sh
# Fetch two generations of real Debian packages and unpack them into two trees:
#
#   fetch.sh DIR    DIR/old: the stable suite alone   DIR/new: its security fixes
#
# apt does it, into a private state below DIR: nothing on this machine changes
# and root is not needed. Mirrors are the ones this machine is set up with. What
# is there already is not fetched again.
set -eu
dir=$1
suite=bookworm
arch=amd64
packages="openssl libssl3 python3.11-minimal libpython3.11-stdlib libexpat1
libnode108"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

say() {
	echo "fetch: $*"
}

die() {
	echo "fetch: $*" >&2
	echo "fetch: try 'make demo OLD=dir NEW=dir' with two trees of yours" >&2
	exit 1
}

command -v apt-get >/dev/null || die "this machine has no apt"
[ -e "$keyring" ] || die "no $keyring (package debian-archive-keyring)"

# What this machine's own apt configuration names. apt tells only of lists that it
# has; where it has none yet, they are fetched into a private state.
targets() { # format
	apt-get ${own_state:-} indextargets --format "$1" \
		'Identifier: Packages'
}

own_lists() {
	own=$dir/apt/own
	case $own in
	*[[:space:]]*) die "a path without spaces, please: $dir" ;;
	esac
	mkdir -p "$own/state/lists/partial" "$own/cache/archives/partial"
	: >"$own/status"
	own_state="-qq -o Dir::State=$own/state -o Dir::State::status=$own/status
		-o Dir::Cache=$own/cache -o APT::Sandbox::User="
	say "apt has no lists here: asking the mirrors for them"
	# shellcheck disable=SC2086 # a list of words
	apt-get $own_state update || die "the mirrors do not answer"
}

# The site that serves a suite.
site_of() {
	targets '$(SITE) $(RELEASE)' |
		awk -v s="$1" '$2 == s { print $1; exit }'
}

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
[ -n "$(targets x)" ] || own_lists

# A machine of another release, or without the security suite, still knows a
# mirror: Debian's mirrors carry every suite, security as a sibling folder.
main=$(site_of "$suite")
[ -n "$main" ] || main=$(targets '$(SITE)' | grep -v security | head -n 1)
[ -n "$main" ] || die "apt is set up with no mirror here"
security=$(site_of "$suite-security")
[ -n "$security" ] || security=${main%/}-security

sources() { # generation
	echo "deb [signed-by=$keyring] $main $suite main"
	[ "$1" = old ] ||
		echo "deb [signed-by=$keyring] $security $suite-security main"
}

private_apt() { # generation, apt-get arguments...
	state=$dir/apt/$1
	shift
	apt-get -qq -o "Dir::Etc=$state/etc" \
		-o "Dir::Etc::sourcelist=$state/etc/sources.list" \
		-o Dir::Etc::sourceparts=/nonexistent \
		-o "Dir::State=$state/state" \
		-o "Dir::State::status=$state/status" \
		-o "Dir::Cache=$state/cache" -o APT::Sandbox::User= \
		-o "APT::Architecture=$arch" -o "APT::Architectures=$arch" \
		-o Acquire::Languages=none -o Acquire::Retries=3 "$@"
}

unpack() { # generation
	state=$dir/apt/$1
	mkdir -p "$state/etc/preferences.d" "$state/etc/apt.conf.d" \
		"$state/state/lists/partial" \
		"$state/cache/archives/partial" "$state/deb" "$dir/$1.part"
	sources "$1" >"$state/etc/sources.list"
	: >"$state/status"
	say "asking the mirror for the $1 generation"
	private_apt "$1" update || die "the mirror does not answer"
	# shellcheck disable=SC2086 # a list of words
	(cd "$state/deb" && private_apt "$1" download $packages) ||
		die "the packages did not download"
	for deb in "$state"/deb/*.deb; do
		dpkg-deb -x "$deb" "$dir/$1.part"
		basename "$deb" .deb
	done | sort >"$dir/$1.versions"
	rm -rf "$state"
	mv "$dir/$1.part" "$dir/$1"
}

for generation in old new; do
	if [ ! -d "$dir/$generation" ]; then
		rm -rf "$dir/$generation.part" "$dir/apt/$generation"
		unpack "$generation"
	fi
done

rm -rf "$dir/apt"

for package in $packages; do
	old=$(sed -n "s/^${package}_\(.*\)_.*/\1/p" "$dir/old.versions")
	new=$(sed -n "s/^${package}_\(.*\)_.*/\1/p" "$dir/new.versions")
	# apt writes a colon in a file name as %3a.
	if [ "$old" = "$new" ]; then
		say "$package $old: the same in both"
	else
		say "$package $old -> $new"
	fi
done
