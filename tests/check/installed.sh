#!/bin/sh
# Is what `make install-PART` put below DESTDIR exactly what packaging/files/PART.txt
# lists, with its mode?
#
#   installed.sh PART DESTDIR [MAKE VARIABLE...]
#
# Installs it there first; variables (CC=..., B=...) are handed to make.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
part=$1
to=$2
shift 2

MAKEFLAGS='' make --no-print-directory -C "$top" DEPS=none PREFIX=/usr "$@" \
	DESTDIR="$to" "install-$part"
(cd "$to" && find . ! -type d -printf '%#m /%P\n') | sort >"$to.is"
sed -e '/^#/d' -e 's|@SBINDIR@|/usr/sbin|; s|@BINDIR@|/usr/bin|' \
	-e 's|@MANDIR@|/usr/share/man|; s|@UNITDIR@|/usr/lib/systemd/system|' \
	-e 's|@SYSUSERSDIR@|/usr/lib/sysusers.d|' \
	-e 's|@COMPDIR@|/usr/share/bash-completion/completions|' \
	"$top/packaging/files/$part.txt" | sort >"$to.listed"
diff -u "$to.listed" "$to.is" || {
	echo "install-$part: not what packaging/files/$part.txt lists" >&2
	exit 1
}
# No unit with a name left open, none for a program that is not there.
! grep -r '@[A-Z]*@' "$to/usr" --include='*.service' || exit 1
for program in $(sed -n 's|^Exec[A-Za-z]*=-\{0,1\}\([^ ]*\).*|\1|p' \
	"$to"/usr/lib/systemd/system/*.service 2>/dev/null); do
	[ "$program" != +systemctl ] || continue # whoever reads units has it
	[ -x "$to$program" ] || {
		echo "install-$part: a unit starts $program, which is not installed" >&2
		exit 1
	}
done
