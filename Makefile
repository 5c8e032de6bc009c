# Pawl: three programs over one small library. Non-recursive; everything built
# goes to build/$(CONFIG), so configurations never mix and `make clean` is rm.
# `make help` lists the verbs. CC, CFLAGS, LDFLAGS, PREFIX and DESTDIR are
# honoured; anything else belongs here.

CONFIG     ?= release
PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
SBINDIR    ?= $(PREFIX)/sbin
MANDIR     ?= $(PREFIX)/share/man
DOCDIR     ?= $(PREFIX)/share/doc/pawl
UNITDIR    ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
COMPDIR    ?= $(PREFIX)/share/bash-completion/completions
INSTALL    ?= install
PKG_CONFIG ?= pkg-config
VERSION    := $(shell cat VERSION)
# The date of the source, which the client takes for the earliest now.
BORN       := $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct \
		2>/dev/null),0)
B          := build/$(CONFIG)

PROGRAMS := signer update-server updater-client
COMMON_LIBS              := -lmbedx509 -lmbedcrypto -ljansson -linih
LIBS_signer              := -lseccomp -larchive -lzstd -llzma -lz -llz4 -lext2fs \
			    -lcom_err -ldivsufsort -lpthread $(COMMON_LIBS)
LIBS_update-server       := -luv -lsqlite3 -lcurl -lmbedtls -larchive -lpthread \
			    $(COMMON_LIBS)
LIBS_updater-client      := -lubootenv -lseccomp -lcurl -lssl -lcrypto -larchive -lzstd \
			    -llzma -lz -llz4 $(COMMON_LIBS)
LIBS_tests := -lcmocka $(foreach p,$(PROGRAMS),$(LIBS_$(p)))

# ---- flags -----------------------------------------------------------------

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wundef -Wvla -Wwrite-strings -Wformat=2 \
	-Wcast-qual -Wpointer-arith -Wimplicit-fallthrough -Wdate-time \
	$(if $(CI),-Werror)
HARD := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fno-strict-overflow \
	-fno-delete-null-pointer-checks -fPIE
HARD_LD := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,-z,separate-code

comma := ,
try = $(shell echo 'int main(void){return 0;}' | \
	$(CC) -Werror $(1) -O2 -xc - -o /dev/null 2>/dev/null && echo '$(1)')

ifeq ($(CONFIG),release)
HARD += $(call try,-fstack-clash-protection) $(call try,-fcf-protection=full) \
	$(call try,-mbranch-protection=standard) \
	$(call try,-ftrivial-auto-var-init=zero)
endif

SANITIZE := -fno-omit-frame-pointer -fno-sanitize-recover=all
CFLAGS_release  := -O2 -g $(HARD) -ffunction-sections -fdata-sections \
		   -fno-asynchronous-unwind-tables
CFLAGS_asan     := -O1 -g1 -fsanitize=address,undefined $(SANITIZE)
CFLAGS_tsan     := -O1 -g -fsanitize=thread $(SANITIZE)
CFLAGS_cover    := -O0 -g --coverage
CFLAGS_fuzz     := -O1 -g -fsanitize=fuzzer-no-link,address,undefined $(SANITIZE)
CFLAGS_analyze  := -O2 -fanalyzer
LDFLAGS_release := $(HARD_LD) -Wl,--gc-sections \
		   $(call try,-Wl$(comma)-z$(comma)pack-relative-relocs)
LDFLAGS_asan    := -fsanitize=address,undefined
LDFLAGS_tsan    := -fsanitize=thread
LDFLAGS_cover   := --coverage
LDFLAGS_fuzz    := -fsanitize=address,undefined

CFLAGS  ?= $(CFLAGS_$(CONFIG))
LDFLAGS ?= $(LDFLAGS_$(CONFIG))
NO_PATHS := -ffile-prefix-map=$(CURDIR)=.
BASE_CFLAGS := -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I. \
	-DVERSION='"$(VERSION)"' $(WARN) -fvisibility=hidden \
	$(NO_PATHS) -MMD -MP

# ---- what is built from what -----------------------------------------------

obj = $(patsubst %.c,$(B)/obj/%.o,$(sort $(wildcard $(1))))
bin = $(patsubst %.c,$(B)/%,$(sort $(wildcard $(1))))

TESTS := $(call bin,tests/unit/test_*.c)
FUZZ  := $(call bin,tests/fuzz/fuzz_*.c)
BENCH := $(call bin,tests/bench/bench_*.c)
TOOLS := $(call bin,tests/tools/*.c tests/*.c)
CRASH := $(addprefix $(B)/tests/crash/,operations recorder explore shim.so)
BIN   := $(PROGRAMS:%=$(B)/%) $(B)/pawl-guard $(B)/pawl-token

all: $(BIN)
signer: $(B)/signer
server: $(B)/update-server
client: $(B)/updater-client $(B)/pawl-guard $(B)/pawl-token

# Plain make never installs: it names what is missing and the one command.
$(B)/.deps: tests/packages.txt
	@sh tests/check/deps.sh check build
	@mkdir -p $(@D) && touch $@

$(B)/obj/%.o: %.c Makefile | $(B)/.deps
	$(Q_CC)mkdir -p $(@D) && $(CC) $(BASE_CFLAGS) $(CFLAGS) -c -o $@ $<

# Flash is what a device has least of, and the client computes little but where
# it touches each byte: of all else it has a copy that was built to be small, and
# is optimized once more as a whole. (The objects serve the tests, too, as such.)
ifeq ($(CONFIG),release)
# Linux tracks no indirect branches of programs: marks for that are dead bytes, and
# so is a jump between a call and its library when all is bound at the start.
# What is taken out of a loop, or before a branch, costs more instructions than it had
# inside, and so does what is saved around calls, or decided twice to spare a jump; and
# registers are given out for a whole function more briefly than loop by loop. What is
# called from one place stands there, also where that has much on its stack, and where
# the whole gets long.
SMALL   := $(or $(call try,-Oz),-Os) $(call try,-fcf-protection=return) -fno-plt \
	   $(call try,-fno-move-loop-invariants) $(call try,-fno-tree-loop-im) \
	   $(call try,-fipa-pta) $(call try,-fno-tree-dominator-opts) \
	   $(call try,-fno-expensive-optimizations) $(call try,-fno-caller-saves) \
	   $(call try,-malign-data=abi) $(call try,-fno-ipa-sra) \
	   $(call try,-fno-code-hoisting) \
	   $(call try,-fira-region=all) \
	   $(call try,--param=large-stack-frame=1024) \
	   $(call try,--param=large-stack-frame-growth=10000) \
	   $(call try,--param=large-function-growth=1000)
HAS_LTO := $(call try,-flto -ffat-lto-objects)
LTO = $(if $(HAS_LTO),$(HAS_LTO) -frandom-seed=$*)
$(B)/obj/updater-client/%.o: CFLAGS += $(SMALL) $(LTO)
$(B)/updater-client: LDFLAGS += $(if $(HAS_LTO),-flto=2 $(CFLAGS) $(SMALL) $(NO_PATHS) \
	-flto-partition=one)
endif
# What asks is compiled once and run once; what is asked is as in the programs.
ifneq ($(filter release asan,$(CONFIG)),)
$(B)/obj/tests/unit/%.o: CFLAGS += -O0 -U_FORTIFY_SOURCE
endif
FAST := $(addprefix common/,delta_arm.c delta_arm64.c delta_map.c delta_predict.c \
	delta_x86.c)
$(B)/obj/small/%.o: CFLAGS += $(if $(filter $(FAST),$*.c),,$(SMALL)) $(LTO)
$(B)/obj/small/%.o: %.c Makefile | $(B)/.deps
	$(Q_CC)mkdir -p $(@D) && $(CC) $(BASE_CFLAGS) $(CFLAGS) -c -o $@ $<

# The pages are part of the program.
$(B)/obj/update-server/page.o: $(wildcard update-server/pages/*)

# Written only when the date changes, so that make sees it.
$(B)/.born: FORCE
	@mkdir -p $(@D) && \
		{ echo $(BORN) | cmp -s - $@ || echo $(BORN) >$@; }
$(B)/obj/updater-client/born.o: BASE_CFLAGS += -DBORN=$(BORN)
$(B)/obj/updater-client/born.o: $(B)/.born
FORCE:
.PHONY: FORCE

# SHA-256 is computed by one of two libraries, so by an object beside the archive.
DIGESTS := $(wildcard common/digest_*.c)
COMMON  := $(filter-out $(DIGESTS),$(sort $(wildcard common/*.c)))
$(B)/libcommon.a: $(COMMON:%.c=$(B)/obj/%.o)
	$(Q_AR)mkdir -p $(@D) && rm -f $@ && $(AR) rcsD $@ $^
$(B)/libcommon-small.a: $(COMMON:%.c=$(B)/obj/small/%.o)
	$(Q_AR)mkdir -p $(@D) && rm -f $@ && $(AR) rcsD $@ $^
LIBCOMMON                := $(B)/libcommon.a
LIBCOMMON_signer         := $(LIBCOMMON)
LIBCOMMON_update-server  := $(LIBCOMMON)
LIBCOMMON_updater-client := $(if $(filter release,$(CONFIG)),$(B)/libcommon-small.a,$(LIBCOMMON))
DIGEST                := $(B)/obj/common/digest_mbedtls.o
DIGEST_signer         := $(DIGEST)
DIGEST_update-server  := $(DIGEST)
DIGEST_updater-client := $(B)/obj/$(if $(filter release,$(CONFIG)),small/)common/digest_libcrypto.o

# Every object of a program but main.o also stands in an archive, so that tests
# link the program's own modules.
define program
$(B)/lib$(1).a: $(filter-out %/main.o %/guard.o %/token_main.o,$(call obj,$(1)/*.c))
	$$(Q_AR)mkdir -p $$(@D) && rm -f $$@ && $$(AR) rcsD $$@ $$^
$(B)/$(1): $(B)/obj/$(1)/main.o $(DIGEST_$(1)) $(B)/lib$(1).a $(LIBCOMMON_$(1))
	$$(Q_LD)$$(CC) $$(LDFLAGS) -o $$@ $$^ -Wl,--as-needed $$(LIBS_$(1))
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

# It starts where the client does not: on the C library alone.
$(B)/pawl-guard: $(addprefix $(B)/obj/,$(addprefix updater-client/, \
		guard.o boot_symlink.o boot_record.o slot_link.o cmdline.o overdue.o)) \
		$(LIBCOMMON_updater-client)
	$(Q_LD)$(CC) $(LDFLAGS) -o $@ $^

# What a device needs whose keys are in a token, and no other.
$(B)/pawl-token: $(B)/obj/updater-client/token_main.o $(DIGEST_updater-client) \
		$(B)/libupdater-client.a $(LIBCOMMON_updater-client)
	$(Q_LD)$(CC) $(LDFLAGS) -o $@ $^ -Wl,--as-needed $(LIBS_updater-client)

LIBRARIES := $(PROGRAMS:%=$(B)/lib%.a) $(LIBCOMMON)
ARCHIVES  := $(DIGEST) $(LIBRARIES)
# Of the client's objects the code as it stands: hundreds of links that each compile
# it anew cost more than they show.
# A linker that is quicker at it serves as well, where there is one; it knows less of
# what makes programs hard.
TEST_LD := $(filter-out %separate-code %pack-relative-relocs,$(LDFLAGS))
TEST_LD := $(or $(call try,$(TEST_LD) -fuse-ld=gold),$(LDFLAGS))
link_test = $(Q_LD)mkdir -p $(@D) && $(CC) $(TEST_LD) \
	$(if $(HAS_LTO),-fno-lto) $(1) -o $@ \
	$(filter %.o %.a,$^) -Wl,--as-needed $(or $(2),$(LIBS_tests))

TEST_LIBCRYPTO := $(B)/tests/unit/test_digest_libcrypto
$(TEST_LIBCRYPTO): $(B)/%: $(B)/obj/%.o $(B)/obj/common/digest_libcrypto.o $(LIBRARIES)
	$(call link_test)
$(filter-out $(TEST_LIBCRYPTO),$(TESTS)) $(BENCH): $(B)/%: $(B)/obj/%.o $(ARCHIVES)
	$(call link_test)
# A server built to cheat: the real one, but for a module of its own. (The demo
# has it, so that nothing of the tests' libraries is asked for.)
CHEAT := $(B)/tests/tools/cheat-server
$(CHEAT): $(B)/obj/update-server/main.o $(B)/obj/tests/tools/cheat-server.o \
		$(ARCHIVES)
	$(call link_test,,$(LIBS_update-server))
$(filter-out $(CHEAT),$(TOOLS)): $(B)/%: $(B)/obj/%.o $(ARCHIVES)
	$(call link_test,) $(LIBS_$(@F))
LIBS_tuf-client := -lsodium

# The crash proofs: programs over the client's own modules, and a library that is
# preloaded into the real client.
LOOKING := $(addprefix $(B)/obj/tests/crash/,claim.o observe.o picture.o secrets.o)
$(B)/tests/crash/operations: $(B)/obj/tests/crash/operations.o $(LOOKING) $(ARCHIVES)
	$(call link_test)
$(B)/tests/crash/explore: $(addprefix $(B)/obj/tests/crash/,explore.o states.o \
		medium.o) $(LOOKING) $(ARCHIVES)
	$(call link_test)
$(B)/tests/crash/recorder: $(B)/obj/tests/crash/recorder.o
	$(call link_test) -lfuse3
$(B)/tests/crash/shim.so: tests/crash/shim.c tests/crash/shim.h Makefile | $(B)/.deps
	$(Q_LD)mkdir -p $(@D) && $(CC) $(BASE_CFLAGS) $(CFLAGS_release) \
		-U_FORTIFY_SOURCE -fPIC -fvisibility=default -shared -o $@ $<

ifeq ($(CONFIG),fuzz)
$(FUZZ): $(B)/%: $(B)/obj/%.o $(ARCHIVES)
	$(call link_test,-fsanitize=fuzzer)
else
$(FUZZ): $(B)/%: $(B)/obj/%.o $(B)/obj/tests/fuzz/replay.o $(ARCHIVES)
	$(call link_test)
endif

# ---- verbs -----------------------------------------------------------------

help:
	@sed -n 's/^#@ //p' Makefile

#@ make               build the three programs into build/release/
#@ make demo          the whole job on real input (OLD=dir NEW=dir: on yours)
#@ make test          unit and fuzz-corpus tests under sanitizers, end-to-end tests
#@ make lint          format, layers, static analysis, advisories
#@ make check-advisories  is a library here older than what mended a known flaw?
#@ make fuzz          libFuzzer on every parser (FUZZ_SECONDS=60 each)
#@ make test-mutants  take each check away and see a test fail (SECONDS=n: a part,
#@                    MUTANTS="common/json.c ...": of these sources alone)
#@ make test-crash    every operation and 200 000 states of the disk after a power
#@                    cut (STATES=n; root: docs/crash-proof.md)
#@ make test-boot     GRUB, U-Boot and others in QEMU with the real client, power cuts
#@                    and every torn state of their records (GROUP=boot: what it needs)
#@ make test-foreign  the decoder's tests for ARCH="arm64 armhf s390x" under qemu-user, and
#@                    the client installed for an image
#@ make test-attack-mutants  attacks on a program without the check that stops
#@                    them must succeed (SECONDS=n: a part, CASES="a04_... ...")
#@ make test-innocents  the secret scan over a whole Debian root: no false alarm
#@                    (ROOT=dir: that one; GROUP=long: what it needs)
#@ make test-bare     the demo in a bare Debian: does the list of packages hold?
#@                    (WHAT="demo test", SUITE=trixie; as root, with mmdebstrap)
#@ make bench         benchmarks, each beside its peer
#@ make drill-emergency  an urgent release through a fleet (DEVICES=1000 POLL=60)
#@ make drill-signed  the same with every signature (REAL=5 POLL=10), real clients alone
#@ make screenshots   the pictures of docs/pages.md, in a real browser
#@ make bench-delta   deltas of CORPUS=dir beside other tools (PICTURE=file)
#@ make repro         build twice in different folders and compare
#@ make install       PREFIX=/usr/local, DESTDIR=; or install-signer, install-server,
#@                    install-client alone: packaging/README.md
#@ make deps          install Debian packages (GROUP="build demo test observe lint long boot npm")
#@ make clean
#@
#@ CONFIG=release|asan|tsan|cover|fuzz chooses the build; V=1 shows commands;
#@ DEPS=no forbids `make demo` and `make test` to install packages; DEPS=none does
#@ not look for them at all (cross builds).

GROUP ?= build demo test
deps:
	@DEPS=yes sh tests/check/deps.sh install $(GROUP)

# Verbs that a person types use every core, unless -j said otherwise; what runs at
# the same time prints whole blocks. A recipe of it begins with +, as make sees no
# $(MAKE) there and would keep the jobs to itself.
SUBMAKE = $(MAKE) --no-print-directory --output-sync=target \
	$(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

demo:
	@sh tests/check/deps.sh install build demo
	+@$(SUBMAKE) all $(CHEAT)
	@BIN=$(CURDIR)/$(B) sh tests/demo/demo.sh "$(OLD)" "$(NEW)"

# Of the programs as they are released end-to-end tests look; unit tests, whose answers
# are the same, run once, where sanitizers look, too (.ci/run has them both ways). End-to-end
# tests wait half of their time: that of sanitizers, which only compute, is filled in.
test:
	@sh tests/check/deps.sh install build test
	+@$(SUBMAKE) --output-sync=none $(if $(filter -j%,$(MAKEFLAGS)),,-j$$(($$(nproc) + 2))) \
		test-programs test-sanitized
test-programs: $(BIN) $(TOOLS) $(CRASH)
	@BIN=$(CURDIR)/$(B) TESTS="tests/crash tests/e2e" sh tests/e2e/run.sh
test-sanitized:
	+@nice -n 10 $(SUBMAKE) CONFIG=asan check-unit check-fuzz

# Every test program prints its own cmocka lines; the first failure stops.
RUN_TESTS := $(TESTS:%=%.run)
RUN_FUZZ  := $(FUZZ:%=%.run)
check-unit: $(RUN_TESTS)
check-fuzz: $(RUN_FUZZ)
$(RUN_TESTS): %.run: %
	@echo "== $<"; ./$<
$(RUN_FUZZ): %.run: %
	@echo "== $<"; ./$< tests/fuzz/corpus/$(patsubst fuzz_%,%,$(notdir $<))/*
# Programs that fence themselves in cannot look for leaks: unit tests do.
check-e2e: export ASAN_OPTIONS ?= detect_leaks=0:verify_asan_link_order=0
check-e2e: $(BIN) $(TOOLS) $(B)/tests/crash/shim.so
	@BIN=$(CURDIR)/$(B) sh tests/e2e/run.sh

# What a power cut may do: a sample; all of it is test-crash.
check-crash: $(BIN) $(CRASH)
	@BIN=$(CURDIR)/$(B) TESTS=tests/crash sh tests/e2e/run.sh
test-crash:
	@sh tests/check/deps.sh check build test
	+@LONG=1 V=1 E2E_SECONDS=$(CRASH_SECONDS) $(SUBMAKE) check-crash
CRASH_SECONDS ?= 28800

# Real boot loaders in QEMU, and every torn state of their records. What a machine
# lacks for one of them is said. Emulated machines compute, so no more of them than
# there are cores.
test-boot: $(BIN)
	@sh tests/check/deps.sh check build test
	@V=1 BIN=$(CURDIR)/$(B) TESTS=tests/boot E2E_SECONDS=$(BOOT_SECONDS) \
		E2E_JOBS=$${E2E_JOBS:-$$(nproc)} sh tests/e2e/run.sh
BOOT_SECONDS ?= 14400

test-foreign:
	@sh tests/check/deps.sh check build foreign
	@sh tests/check/foreign.sh $(ARCH)

FUZZ_SECONDS ?= 60
fuzz:
	@sh tests/check/deps.sh check build test long
	+@$(SUBMAKE) CONFIG=fuzz CC=clang $(FUZZ:$(B)/%=build/fuzz/%)
	@$(MAKE) --no-print-directory CONFIG=fuzz CC=clang run-fuzz
run-fuzz: $(FUZZ)
	@for f in $(FUZZ); do n=$${f##*/fuzz_}; mkdir -p $(B)/corpus/$$n; \
		echo "== $$f"; ./$$f -max_total_time=$(FUZZ_SECONDS) \
		-timeout=60 -verbosity=0 -artifact_prefix=$(B)/ \
		$(B)/corpus/$$n tests/fuzz/corpus/$$n || exit 1; done

test-mutants: $(TESTS)
	@B=$(B) LIBS="$(LIBS_tests)" sh tests/check/mutants.sh $(if $(SECONDS),--seconds $(SECONDS)) $(MUTANTS)

test-attack-mutants: $(BIN) $(TOOLS)
	@sh tests/check/deps.sh check build test
	@B=$(B) LIBS_CLIENT="$(LIBS_updater-client)" LIBS_SERVER="$(LIBS_update-server)" \
		DIGEST_CLIENT=$(DIGEST_updater-client) DIGEST_SERVER=$(DIGEST) \
		COMMON_CLIENT=$(LIBCOMMON_updater-client) COMMON_SERVER=$(LIBCOMMON) python3 \
		tests/check/attack_mutants.py $(if $(SECONDS),--seconds $(SECONDS)) $(CASES)

test-innocents: $(BIN)
	@BIN=$(CURDIR)/$(B) sh tests/check/innocents.sh $(ROOT)

test-bare:
	@sh tests/check/bare.sh $(WHAT)

bench: $(BENCH) $(BIN) $(TOOLS)
	@for b in $(BENCH); do ./$$b || exit 1; done
	@for s in $(filter-out %_corpus.sh,$(sort $(wildcard tests/bench/*.sh))); do \
		BIN=$(CURDIR)/$(B) sh $$s || exit 1; done

drill-emergency: $(BIN) $(TOOLS)
	@WORK=$$(mktemp -d) && { BIN=$(CURDIR)/$(B) WORK=$$WORK \
		sh tests/drill/emergency.sh; rc=$$?; rm -rf $$WORK; exit $$rc; }

drill-signed: $(BIN) $(TOOLS)
	@WORK=$$(mktemp -d) && { BIN=$(CURDIR)/$(B) WORK=$$WORK \
		sh tests/drill/signed.sh; rc=$$?; rm -rf $$WORK; exit $$rc; }

# What docs/pages.md shows, drawn by the pages themselves.
screenshots: $(BIN) $(TOOLS)
	@sh tests/check/deps.sh check build test long
	@BIN=$(CURDIR)/$(B) sh tests/tools/screenshots.sh docs

bench-delta: $(BIN) $(B)/tests/tools/delta-size $(B)/tests/tools/delta-apply
	@BIN=$(CURDIR)/$(B) CORPUS="$(CORPUS)" PICTURE="$(PICTURE)" \
		sh tests/bench/delta_corpus.sh

SOURCES  := $(sort $(wildcard common/*.[ch] signer/*.[ch] update-server/*.[ch] \
	updater-client/*.[ch] tests/*.c tests/*/*.[ch]))
CSOURCES := $(filter %.c,$(SOURCES))
SHELLS   := $(sort $(wildcard tests/*/*.sh keys-example/*.sh tests/boot/*-init \
	tests/boot/*-health packaging/*/pawl-*boot)) .ci/run

lint:
	@sh tests/check/deps.sh install build test lint
	clang-format --dry-run -Werror $(SOURCES)
	sh tests/check/layers.sh
	sh tests/check/words.sh
	sh tests/check/threat-model.sh
	sh tests/check/packaging.sh
	sh tests/check/advisories.sh || [ $$? = 77 ]
	for s in $(SHELLS); do sh -n $$s || exit 1; done
	python3 tests/check/can-fail.py $(filter tests/%,$(SHELLS))
	cppcheck --quiet --error-exitcode=1 -j2 --inline-suppr -I. -D_GNU_SOURCE \
		--enable=warning,performance,portability \
		$(filter-out tests/%,$(CSOURCES))
	@printf '%s\n' $(CSOURCES) | xargs -P2 -n1 sh tests/check/tidy.sh $(B)

check-advisories:
	@sh tests/check/advisories.sh

repro:
	sh tests/check/repro.sh

# Each machine gets its own program and nothing of the others. What lands where
# stands in packaging/files/, and a test compares.
put = $(INSTALL) -D -m $(1) $(2) $(DESTDIR)$(3)
unit = $(INSTALL) -d $(DESTDIR)$(UNITDIR) && \
	sed 's|@SBINDIR@|$(SBINDIR)|' packaging/systemd/$(1).in \
		>$(DESTDIR)$(UNITDIR)/$(1) && \
	chmod 0644 $(DESTDIR)$(UNITDIR)/$(1)

install: install-signer install-server install-client
	$(INSTALL) -d $(DESTDIR)$(DOCDIR)
	$(INSTALL) -m 0644 README.md SECURITY.md LICENSE docs/*.md \
		$(DESTDIR)$(DOCDIR)/
install-signer: signer
	$(call put,0755,$(B)/signer,$(BINDIR)/pawl-signer)
	$(call put,0644,docs/man/pawl-signer.1,$(MANDIR)/man1/pawl-signer.1)
	$(call put,0644,packaging/completion/pawl.bash,$(COMPDIR)/pawl-signer)
install-server: server
	$(call put,0755,$(B)/update-server,$(SBINDIR)/pawl-server)
	$(call put,0644,docs/man/pawl-server.8,$(MANDIR)/man8/pawl-server.8)
	$(call put,0644,packaging/completion/pawl.bash,$(COMPDIR)/pawl-server)
	$(call put,0644,packaging/systemd/pawl-server.sysusers,$(SYSUSERSDIR)/pawl-server.conf)
	$(call unit,pawl-server.service)
	$(call unit,pawl-server-tls.service)
	$(call unit,pawl-server-tls.timer)
install-client: client
	$(call put,0755,$(B)/updater-client,$(SBINDIR)/pawl-client)
	$(call put,0755,$(B)/pawl-guard,$(SBINDIR)/pawl-guard)
	$(call put,0755,$(B)/pawl-token,$(SBINDIR)/pawl-token)
	$(call put,0644,docs/man/pawl-client.8,$(MANDIR)/man8/pawl-client.8)
	$(call put,0644,packaging/completion/pawl.bash,$(COMPDIR)/pawl-client)
	$(call put,0644,docs/man/pawl-client.conf.5,$(MANDIR)/man5/pawl-client.conf.5)
	$(call unit,pawl-client.service)
	$(call unit,pawl-guard.service)

clean:
	rm -rf build

ifneq ($(V),1)
Q_CC = @echo "  CC  $@";
Q_LD = @echo "  LD  $@";
Q_AR = @echo "  AR  $@";
endif

.PHONY: all signer server client install-signer install-server install-client \
	help deps demo test test-programs test-sanitized test-mutants \
	check-unit check-fuzz check-e2e fuzz run-fuzz check-advisories test-attack-mutants \
	check-crash test-crash test-boot test-foreign test-innocents test-bare \
	$(RUN_TESTS) $(RUN_FUZZ) \
	bench bench-delta drill-emergency drill-signed screenshots lint repro install clean
.DELETE_ON_ERROR:
.SECONDARY:
-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
