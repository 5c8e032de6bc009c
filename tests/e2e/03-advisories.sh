#!/bin/sh
# The check of known flaws (tests/check/advisories.sh) sees what it is for: a
# library that is older than a mended one, a library without a line, an
# exception that nothing needs, and a reason that no longer holds.
set -eu
: "${WORK:?}"
cd "$(dirname "$0")/../.."
list=tests/check/advisories.txt
command -v dpkg >/dev/null || { echo "no dpkg here"; exit 77; }

# The versions with which all is well: those of the list itself.
awk '/^#/ || NF < 2 { next } $2 == "none" || $2 == "-" { if (!($1 in v)) v[$1] = 1; next }
	!/ : / { v[$1] = $2 } END { for (p in v) print p, v[p] }' $list |
	sort >"$WORK/good"
check() { # list, versions: what it says is in said
	sh tests/check/advisories.sh "$1" "$2" >"$WORK/said" 2>&1
}
refused() { # what it must say
	if check "$WORK/list" "$WORK/versions"; then
		echo "FAILED: passes, and should say: $1"
		exit 1
	fi
	grep -q -e "$1" "$WORK/said" || {
		echo "FAILED: does not say: $1"
		cat "$WORK/said"
		exit 1
	}
}
fresh() {
	cp $list "$WORK/list"
	cp "$WORK/good" "$WORK/versions"
}

check $list "$WORK/good" || { cat "$WORK/said"; exit 1; }

# Each version that mends something: with one from before all, each flaw is told.
awk '/^#/ || NF < 3 || / : / { next } { print $1, $2, $3 }' $list >"$WORK/mended"
[ "$(wc -l <"$WORK/mended")" -gt 30 ]
fresh
sed -i 's|^\([^ ]*\) .*|\1 0|' "$WORK/versions"
refused 'libuv1-dev 0 has'
while read -r package version id; do
	grep -q "$package 0 has .*$id.*: mended in $version\$" "$WORK/said"
done <"$WORK/mended"
# Just before it is too old.
fresh
sed -i 's|^libuv1-dev .*|&~|' "$WORK/versions"
refused 'libuv1-dev .*~ has CVE-2024-24806: mended in'

fresh
sed -i '/^libarchive-dev /d' "$WORK/list"
refused 'no line for libarchive-dev'
fresh
sed -i '/^libuv1-dev /d' "$WORK/versions"
refused 'libuv1-dev is not installed'
fresh
echo 'libnothing-dev none' >>"$WORK/list"
refused 'libnothing-dev is not in tests/packages.txt'
fresh
echo 'libuv1-dev 1.0 something' >>"$WORK/list"
refused '"something" is no CVE id'

# Exceptions: not needed, without proof, and with one that is gone.
fresh
sed -i 's|^libmbedtls-dev .*|libmbedtls-dev 2.28.7|' "$WORK/versions"
refused 'CVE-2023-43615 need no exception any more'
fresh
echo 'libuv1-dev - CVE-2000-1 : it will be all right' >>"$WORK/list"
refused 'CVE-2000-1: a reason that nothing stands behind'
fresh
echo 'libuv1-dev - CVE-2000-1 : see `tests/no-such-file`' >>"$WORK/list"
refused 'CVE-2000-1: no file tests/no-such-file'
fresh
echo 'libuv1-dev - CVE-2000-1 : see `common/rd.c: no such words`' >>"$WORK/list"
refused 'CVE-2000-1: common/rd.c has no "no such words"'
fresh
echo 'libuv1-dev - CVE-2000-1 : uncalled: uv_never uv_loop_init' >>"$WORK/list"
refused 'CVE-2000-1: uv_loop_init is called'
if grep -q uv_never "$WORK/said"; then exit 1; fi
