#!/bin/sh
# What Yocto and Buildroot are told is read by nobody here who builds with them, so it is
# compared: version, licence, the libraries that the client is linked with, and that
# each option of make is one that the Makefile knows.
set -eu
cd "$(dirname "$0")/../.."
recipe=packaging/yocto/meta-pawl/recipes-core/pawl/pawl_$(cut -d. -f1,2 VERSION).bb
buildroot=packaging/buildroot/pawl/pawl.mk
config=packaging/buildroot/pawl/Config.in
bad=0
wrong() {
	echo "packaging: $1" >&2
	bad=1
}
# The value of a variable, on one line.
value() { # file, name
	sed -e ':a' -e '/\\$/{N;s/\\\n//;ta' -e '}' "$1" |
		sed -n "s/^$2 *[?:]*= *//p" | tr -d '"' | tr -s ' \t' ' '
}
lines() { tr -s ' ' '\n' | sed '/^$/d' | sort -u; }

[ -e "$recipe" ] || { wrong "no $recipe" && exit 1; }
[ "$(value $buildroot PAWL_VERSION)" = "$(cat VERSION)" ] ||
	wrong "$buildroot: not version $(cat VERSION)"
grep -q "md5=$(md5sum <LICENSE | cut -d' ' -f1)\"" "$recipe" ||
	wrong "$recipe: LICENSE has another md5"

# -lNAME, and what both call its package; of p11-kit only the header is needed.
echo "-lp11-kit $(value Makefile LIBS_updater-client) $(value Makefile COMMON_LIBS)" |
	lines | sed -n 's/^-l//p' |
	while read -r lib; do
		case $lib in
		ssl | crypto) echo "openssl openssl" ;;
		curl) echo "curl libcurl" ;;
		inih) echo "libinih inih" ;;
		archive) echo "libarchive libarchive" ;;
		seccomp) echo "libseccomp libseccomp" ;;
		ubootenv) echo "libubootenv libubootenv" ;;
		p11-kit) echo "p11-kit p11-kit" ;;
		lzma) echo "xz xz" ;;
		z) echo "zlib zlib" ;;
		mbedtls | mbedcrypto | mbedx509) echo "mbedtls mbedtls" ;;
		pthread | m | dl) ;;
		*) echo "$lib $lib" ;;
		esac
	done | sort -u >"${TMPDIR:-/tmp}/pawl-packaging.$$"
trap 'rm -f "${TMPDIR:-/tmp}/pawl-packaging.$$"' EXIT
wanted() { # column
	cut -d' ' -f"$1" "${TMPDIR:-/tmp}/pawl-packaging.$$" | sort -u
}
[ "$(value "$recipe" DEPENDS | lines)" = "$(wanted 1)" ] ||
	wrong "$recipe: DEPENDS are not: $(wanted 1 | tr '\n' ' ')"
[ "$(value $buildroot PAWL_DEPENDENCIES | lines | grep -vx host-pkgconf)" = \
	"$(wanted 2)" ] ||
	wrong "$buildroot: PAWL_DEPENDENCIES are not: $(wanted 2 | tr '\n' ' ')"
selected=$(sed -n 's/^	select BR2_PACKAGE_//p' $config | grep -vx LIBOPENSSL |
	tr 'A-Z_' 'a-z-' | sort -u)
[ "$selected" = "$(wanted 2)" ] ||
	wrong "$config: selected is not: $(wanted 2 | tr '\n' ' ')"

for option in $(value "$recipe" EXTRA_OEMAKE) $(value $buildroot PAWL_MAKE_OPTS); do
	name=${option%%=*}
	case $option in *=*) ;; *) continue ;; esac
	grep -qw "$name" Makefile || wrong "the Makefile knows no $name"
done
exit $bad
