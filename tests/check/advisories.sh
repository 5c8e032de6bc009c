#!/bin/sh
# Is a library installed with a flaw that is known here, and not accepted? Asks
# nobody: tests/check/advisories.txt is the list, and says what its lines mean.
#
#   advisories.sh [LIST [VERSIONS]]   VERSIONS: lines "PACKAGE VERSION", instead
#                                     of what dpkg says
set -eu
cd "$(dirname "$0")/../.."
list=${1:-tests/check/advisories.txt}
release=$(. /etc/os-release 2>/dev/null && echo "${ID:-} ${VERSION_ID:-}") || :
if [ -z "${2:-}" ] && [ "$release" != "debian 12" ]; then
	echo "skipped: the known flaws are those of Debian 12"
	exit 77
fi

bad=0
complain() {
	echo "$list: $*" >&2
	bad=1
}
installed() { # package
	if [ -n "$versions" ]; then
		awk -v p="$1" '$1 == p { print $2 }' "$versions"
	else
		dpkg-query -W -f '${Version}' "$1" 2>/dev/null || :
	fi
}
# The files that a reason names, and the functions that nothing calls.
stands() { # package, ids, reason
	printf '%s\n' "$3" | grep -o '`[^`]*`' | tr -d '`' >"$named" || :
	while IFS= read -r one; do
		file=${one%%: *} what=${one#*: }
		[ -e "$file" ] || complain "$1, $2: no file $file"
		[ "$file" = "$what" ] || grep -qF -e "$what" "$file" 2>&- ||
			complain "$1, $2: $file has no \"$what\""
	done <"$named"
	case $3 in
	*uncalled:*)
		for name in ${3#*uncalled:}; do
			! grep -qwe "$name" common/*.c signer/*.c \
				update-server/*.c updater-client/*.c ||
				complain "$1, $2: $name is called"
		done
		;;
	*'`'*) ;;
	*) complain "$1, $2: a reason that nothing stands behind" ;;
	esac
}

versions=${2:-}
named=$(mktemp)
trap 'rm -f "$named"' EXIT
wanted=$(awk '$1 == "build" && $2 ~ /-dev$/ { print $2 }' tests/packages.txt)
for package in $wanted; do
	grep -q "^$package " "$list" || complain "no line for $package"
done
while read -r package mended rest; do
	case $package in '' | '#'*) continue ;; esac
	ids=${rest%% : *} why=
	[ "$ids" = "$rest" ] || why=${rest#* : }
	case " $(echo $wanted) " in
	*" $package "*) ;;
	*) complain "$package is not in tests/packages.txt" ;;
	esac
	have=$(installed "$package")
	[ -n "$have" ] || { complain "$package is not installed"; continue; }
	[ "$mended" != none ] || continue
	for id in $ids; do
		case $id in
		CVE-[12][0-9][0-9][0-9]-[0-9]*) ;;
		*) complain "$package: \"$id\" is no CVE id" ;;
		esac
	done
	[ -n "$ids" ] || complain "$package $mended: which?"
	older=yes
	[ "$mended" != - ] && dpkg --compare-versions "$have" ge "$mended" &&
		older=no
	if [ -n "$why" ]; then
		[ $older = yes ] || complain "$package $have: $ids need no" \
			"exception any more"
		stands "$package" "$ids" "$why"
	elif [ $older = yes ]; then
		complain "$package $have has $ids: mended in $mended"
	fi
done <"$list"
exit $bad
