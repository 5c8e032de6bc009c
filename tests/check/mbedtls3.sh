#!/bin/sh
# Do crypto and TLS also build and pass on mbedtls 3.6? Debian 13 has it, Debian 12
# does not: so its packages are fetched into a private folder (nothing is
# installed) from the mirror that this machine's apt is set up with.
#
#   mbedtls3.sh [CACHE-FOLDER]
#
# Exits 77, saying why, where that cannot be had.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
cache=${1:-$top/build/mbedtls3}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
skip() {
	echo "skipped: $1"
	exit 77
}

command -v apt-get >/dev/null 2>&1 || skip "no apt here"
command -v dpkg-deb >/dev/null 2>&1 || skip "no dpkg here"
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
site=$(apt-get indextargets --format '$(SITE) $(RELEASE)' \
	'Identifier: Packages' 2>/dev/null |
	awk '$2 !~ /-/ { print $1; exit }')
[ -n "$site" ] || skip "apt knows no mirror of Debian"

fetch() {
	a=$cache/apt
	mkdir -p "$a/etc" "$a/state/lists/partial" "$a/cache/archives/partial"
	echo "deb [signed-by=$keyring] $site trixie main" >"$a/etc/sources.list"
	: >"$a/status"
	set -- -q -o "Dir::Etc=$a/etc" \
		-o "Dir::Etc::sourcelist=$a/etc/sources.list" \
		-o Dir::Etc::sourceparts=/nonexistent -o "Dir::State=$a/state" \
		-o "Dir::State::status=$a/status" -o "Dir::Cache=$a/cache" \
		-o Acquire::Languages=none -o "APT::Sandbox::User=$(id -un)"
	timeout 300 apt-get "$@" update >"$cache/log" 2>&1 || return 1
	(cd "$a" && timeout 300 apt-get "$@" download libmbedtls-dev \
		libmbedcrypto16 libmbedx509-7 libmbedtls21) \
		>>"$cache/log" 2>&1 || return 1
	for deb in "$a"/*.deb; do
		dpkg-deb -x "$deb" "$cache/root" || return 1
	done
	touch "$cache/done"
}

[ -e "$cache/done" ] || fetch || skip "no packages of Debian 13: $cache/log"
lib=$(dirname "$(find "$cache/root" -name libmbedcrypto.so | head -n 1)")
version=$(sed -n 's/.*MBEDTLS_VERSION_STRING  *"\(.*\)".*/\1/p' \
	"$cache/root/usr/include/mbedtls/build_info.h")
echo "mbedtls $version"

# Its headers come first, and only its libraries can be linked or loaded.
cd "$top"
mkdir -p "$cache/obj"
flags="-std=c11 -D_GNU_SOURCE -I$cache/root/usr/include -I. -O1 -g
	-DVERSION=\"0\" -Wall -Wextra -Wconversion -Werror"
for f in common/*.c; do
	o=$cache/obj/$(basename "$f" .c).o
	# shellcheck disable=SC2086 # a list of words
	${CC:-cc} $flags -c -o "$o" "$f"
done
rm -f "$cache/obj/libcommon.a"
rm -f "$cache/obj/digest_libcrypto.o" # the same by the other library
ar rcs "$cache/obj/libcommon.a" "$cache"/obj/*.o
for t in random digest digest_mbedtls der pem ec aead hkdf hpke stream passphrase keyfile \
	example_keys x509 x509_openssl; do
	# shellcheck disable=SC2086
	${CC:-cc} $flags -o "$cache/obj/test_$t" "tests/unit/test_$t.c" \
		"$cache/obj/libcommon.a" "-L$lib" -lmbedx509 -lmbedcrypto \
		-ljansson -linih -lcrypto -lcmocka
	LD_LIBRARY_PATH=$lib timeout 300 "$cache/obj/test_$t" \
		>"$cache/obj/test_$t.log" 2>&1 || {
		cat "$cache/obj/test_$t.log"
		exit 1
	}
	echo "ok $t"
done

# The server's front, under attack, on its TLS.
front=$cache/bin/tests/tools
mkdir -p "$front"
# shellcheck disable=SC2086
${CC:-cc} $flags -o "$front/front" tests/tools/front-server.c \
	update-server/http.c update-server/answer.c update-server/exchange.c \
	update-server/tls.c update-server/conn.c \
	update-server/conn_pool.c update-server/server.c \
	update-server/config.c update-server/scrape.c \
	update-server/listen.c update-server/listen_local.c \
	update-server/meter.c update-server/egress.c update-server/exposition.c \
	update-server/host.c update-server/overload.c update-server/whence.c \
	"$cache/obj/libcommon.a" "-L$lib" -lmbedtls \
	-lmbedx509 -lmbedcrypto -ljansson -linih -luv
printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s/front "$@"\n' "$lib" "$front" \
	>"$front/front-server"
chmod +x "$front/front-server"
WORK=$(mktemp -d)
export WORK
status=0
BIN=$cache/bin timeout 300 sh tests/e2e/50-front.sh || status=$?
rm -rf "$WORK"
exit $status
