SUMMARY = "Secure over-the-air updates: the client of a device"
DESCRIPTION = "Verifies what release engineers signed, writes it to the slot \
that does not run, switches atomically, and comes back by itself."
SECTION = "base"
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://LICENSE;md5=3b83ef96387f14655fc854ddc3c6bd57"

# A checkout of Pawl: this layer lies in its packaging/yocto/. Another place, or
# a repository of yours, is said in a .bbappend.
PAWL_SOURCE ?= "${@os.path.realpath(os.path.join(d.getVar('THISDIR'), '../../../../..'))}"
inherit externalsrc
EXTERNALSRC = "${PAWL_SOURCE}"
EXTERNALSRC_BUILD = "${WORKDIR}/build"

DEPENDS = "curl jansson libarchive libinih libseccomp libubootenv lz4 mbedtls openssl p11-kit xz zlib zstd"

# Completion for bash goes into a package of its own.
inherit pkgconfig systemd bash-completion

# CC, AR, CFLAGS and LDFLAGS come from the environment; B= keeps what is built out
# of the checkout.
EXTRA_OEMAKE = "DEPS=none B=${B} PREFIX=${prefix} SBINDIR=${sbindir} \
    MANDIR=${mandir} UNITDIR=${systemd_system_unitdir}"

do_compile() {
    oe_runmake -C ${S} client
}

do_install() {
    oe_runmake -C ${S} install-client DESTDIR=${D}
}

SYSTEMD_PACKAGES = "${PN} ${PN}-guard"
SYSTEMD_SERVICE:${PN} = "pawl-client.service"
SYSTEMD_SERVICE:${PN}-guard = "pawl-guard.service"

# On its own, so that it also starts what runs where the client is broken.
PACKAGES =+ "${PN}-guard"
FILES:${PN}-guard = "${sbindir}/pawl-guard"
RDEPENDS:${PN} += "${PN}-guard"

# For devices whose keys are in a token: docs/device-keys.md
PACKAGES =+ "${PN}-token"
FILES:${PN}-token = "${sbindir}/pawl-token"
