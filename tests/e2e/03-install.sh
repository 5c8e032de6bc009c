#!/bin/sh
# `make install` puts exactly the listed files under DESTDIR, and the programs
# speak under the names that they were installed with.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
make -s --no-print-directory -C "$top" CONFIG="$(basename "$BIN")" install \
	DESTDIR="$WORK/root" PREFIX=/usr >/dev/null
(cd "$WORK/root" && find . -type f | sort) >"$WORK/found"
{
	echo ./usr/bin/pawl-signer
	echo ./usr/sbin/pawl-client
	echo ./usr/sbin/pawl-guard
	echo ./usr/sbin/pawl-server
	for f in README.md SECURITY.md LICENSE "$top"/docs/*.md; do
		echo "./usr/share/doc/pawl/$(basename "$f")"
	done
	for f in "$top"/docs/man/*; do
		[ -e "$f" ] || continue
		echo "./usr/share/man/man${f##*.}/$(basename "$f")"
	done
} | sort >"$WORK/wanted"
diff "$WORK/wanted" "$WORK/found"
for program in bin/pawl-signer sbin/pawl-server sbin/pawl-client; do
	name=$(basename "$program")
	"$WORK/root/usr/$program" --version | grep -q "^$name "
	"$WORK/root/usr/$program" --help | grep -q "Usage: $name "
	if "$WORK/root/usr/$program" nonsense 2>"$WORK/said"; then exit 1; fi
	grep -q "^$name: " "$WORK/said"
done
