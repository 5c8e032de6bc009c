################################################################################
#
# pawl
#
################################################################################

# Where the source lies: a checkout, named in local.mk or on the command line
# (PAWL_OVERRIDE_SRCDIR=/path), or a mirror of yours.
PAWL_VERSION = 0.1.0
PAWL_SITE = $(BR2_EXTERNAL_PAWL_PATH)/../..
PAWL_SITE_METHOD = local
PAWL_LICENSE = Apache-2.0
PAWL_LICENSE_FILES = LICENSE
PAWL_DEPENDENCIES = host-pkgconf inih jansson libarchive libcurl openssl \
	libseccomp libubootenv lz4 mbedtls p11-kit xz zlib zstd

# No clock is believed that is behind the date of the source. What is built is a copy
# without the history that tells it, or lies in that of Buildroot.
PAWL_FROM = $(or $(PAWL_OVERRIDE_SRCDIR),$(PAWL_SITE))
PAWL_BORN = $(or $(shell git --git-dir=$(PAWL_FROM)/.git log -1 --format=%ct 2>/dev/null), \
	$(shell stat -c %Y $(PAWL_FROM)/VERSION))
PAWL_MAKE_OPTS = DEPS=none PREFIX=/usr SOURCE_DATE_EPOCH=$(strip $(PAWL_BORN))

define PAWL_BUILD_CMDS
	$(TARGET_MAKE_ENV) $(MAKE) $(TARGET_CONFIGURE_OPTS) -C $(@D) \
		$(PAWL_MAKE_OPTS) client
endef

define PAWL_INSTALL_TARGET_CMDS
	$(TARGET_MAKE_ENV) $(MAKE) $(TARGET_CONFIGURE_OPTS) -C $(@D) \
		$(PAWL_MAKE_OPTS) DESTDIR=$(TARGET_DIR) install-client
endef

$(eval $(generic-package))
