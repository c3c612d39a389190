# gatewayd: make · make check · make demo · make bench · make fuzz · make install DESTDIR= · make deb
# Variables: CC, SANITIZE=address,undefined|thread, V=1 to see commands, PREFIX, DESTDIR,
# EXTRA (more preprocessor flags: -DGATEWAY_PROBE tries from each thread what confinement refuses).

CC      ?= cc
PREFIX  ?= /usr
V       ?= 0
Q       := $(if $(filter 1,$(V)),,@)
export GATEWAY_TEST_DATA ?= $(abspath ../shared/data)

comma   := ,
VARIANT := $(notdir $(CC))$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))
B       ?= build/$(VARIANT)

BUILD_ID := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
PACKAGES := libssl libcrypto libevent libevent_openssl libevent_pthreads jansson sqlite3 libpcre2-8 libutf8proc libidn2 libseccomp

# Texts of fixed size (places, notes) are cut on purpose: no warning for that, where the compiler has one.
CUT      := $(shell $(CC) -Werror -Wformat-truncation=0 -E -x c /dev/null >/dev/null 2>&1 && echo -Wformat-truncation=0)

EXTRA    ?=
CPPFLAGS += -I. -D_GNU_SOURCE -include lib/base/banned.h $(if $(SANITIZE),-DGATEWAY_ASSERT) $(EXTRA)
CFLAGS   ?= -O2 -g
CFLAGS   += -std=c17 -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
            -Wformat=2 -Wundef -Wpointer-arith -Wcast-qual -Wwrite-strings -fno-common \
            $(CUT) -fstack-protector-strong -ffunction-sections -fdata-sections -fPIE -pthread $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer,-D_FORTIFY_SOURCE=2)
LDFLAGS  += -pie -Wl,--gc-sections -Wl,-z,relro,-z,now -pthread $(if $(SANITIZE),-fsanitize=$(SANITIZE))
LDLIBS   := -levent -levent_pthreads -lssl -lcrypto -ljansson -lsqlite3 -lpcre2-8 -lutf8proc -lidn2 -lseccomp -lm
# gatewayctl asks gateways over HTTPS; gatewayd does not link what it does that with.
$(B)/bin/gatewayctl $(B)/check-ctl: LDLIBS += -lcurl

# Rooms, lowest layer last, so that archives link in this order. gatewayd/rooms has them lowest first.
ROOMS    := $(shell sed -n 's/^\([a-z][a-z/]*\).*/\1/p' gatewayd/rooms | tac)
LOWER    := $(filter lib/%,$(ROOMS))
COMMON   := gatewayd/os gatewayd $(LOWER)
CORE     := $(filter gatewayd/core gatewayd/core/%,$(ROOMS)) $(COMMON)

# The folder gatewayd also has what starts both processes: no part of its room.
sources_gatewayd            := gatewayd/build.c gatewayd/channel.c gatewayd/confine.c gatewayd/exit_status.c gatewayd/journal.c
sources_gatewayd/core/store := $(sort $(wildcard gatewayd/core/store/*.c gatewayd/core/store/*/*.c))
sources_of = $(or $(sources_$(1)),$(sort $(wildcard $(1)/*.c)))
archive_of = $(B)/$(subst /,_,$(1)).a
archives_of = $(foreach r,$(1),$(call archive_of,$(r)))

all: $(B)/bin/gatewayd $(B)/bin/gatewayctl

$(B)/%.o: %.c
	@mkdir -p $(@D)
	@$(if $(filter 1,$(V)),,echo '  CC    $<')
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

define room
$(call archive_of,$(1)): $(patsubst %.c,$(B)/%.o,$(call sources_of,$(1)))
	@rm -f $$@
	$(Q)$(AR) rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room,$(r))))

# schema/**/*.json are part of the binary (lib/schema/builtin.c); the list is remade when one comes or goes.
SCHEMAS := $(sort $(shell find schema -name '*.json' 2>/dev/null))
$(B)/lib/schema/builtin_list.h: FORCE
	@mkdir -p $(@D)
	@new=$@.$$$$; i=0; for f in $(SCHEMAS:schema/%=%); do n=$${f%.json}; i=$$((i+1)); echo "BUILTIN($$i, \"$${n%.schema}\", \"$$f\")"; done > $$new; \
		cmp -s $$new $@ && rm $$new || mv $$new $@
$(B)/lib/schema/builtin.o: CPPFLAGS += -DSCHEMA_DIR='"$(abspath schema)"' -DBUILTIN_LIST='"$(B)/lib/schema/builtin_list.h"'
$(B)/lib/schema/builtin.o: $(B)/lib/schema/builtin_list.h $(SCHEMAS)
$(B)/gatewayd/ctl/audit_page.o: gatewayd/ctl/page/verify.html
$(B)/gatewayd/ctl/evidence.o: gatewayd/ctl/page/evidence.md gatewayd/ctl/page/evidence.sh
# Where drafts look for the schema that editors are told of.
$(B)/gatewayd/ctl/agreement_new.o: CPPFLAGS += -DGATEWAY_SHARE='"$(PREFIX)/share/gatewayd"'
$(B)/gatewayd/ctl/manual.o: doc/gatewayctl.1.scd
$(B)/gatewayd/ctl/preset.o: $(wildcard conf/agreements/*.json conf/assessments/*.md conf/records/*/released.json)
# The build that audit entries name: what has it is made anew when it changes.
NAMES_BUILD := $(B)/gatewayd/build.o
$(B)/build_id: FORCE
	@mkdir -p $(@D)
	@echo '$(BUILD_ID)' | cmp -s - $@ || echo '$(BUILD_ID)' > $@
$(NAMES_BUILD): CPPFLAGS += -DGATEWAY_BUILD='"$(BUILD_ID)"'
$(NAMES_BUILD): $(B)/build_id

$(B)/bin/gatewayd: $(B)/gatewayd/main.o $(B)/gatewayd/listeners.o $(B)/gatewayd/sandbox.o $(B)/gatewayd/passed.o $(call archives_of,gatewayd/edge $(CORE))
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ -Wl,--start-group $^ -Wl,--end-group $(LDLIBS)
$(B)/bin/gatewayctl: $(call archives_of,gatewayd/ctl $(CORE))
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ -Wl,--start-group $^ -Wl,--end-group $(LDLIBS)

# Unit tests: test/<folder>/check_<module>.c exports make_<module>_case(); one runner an area. An area's name is its
# folder's with - for /: `make check-core-store` runs test/core/store.
below_base      := lib/base
below_json      := lib/json lib/base
below_crypto    := lib/crypto lib/base
below_schema    := lib/schema lib/crypto lib/json lib/base
below_tlog      := lib/tlog lib/crypto lib/json lib/base
below_transform := lib/transform $(below_schema)
below_policy    := lib/policy lib/transform lib/tlog $(below_schema)
below_edge      := gatewayd/edge gatewayd lib/base
below_ctl       := gatewayd/ctl $(CORE)
CORE_AREAS := $(patsubst test/core/%/,core-%,$(sort $(dir $(wildcard test/core/*/check_*.c))))
AREAS := base json crypto schema tlog transform policy edge $(CORE_AREAS) ctl
below_of  = $(or $(below_$(1)),$(CORE))
folder_of = test/$(subst -,/,$(1))

define area
tests_$(1) := $$(sort $$(wildcard $(call folder_of,$(1))/check_*.c))
$(B)/$(call folder_of,$(1))/cases.h: $$(tests_$(1)) test/runner.c
	@mkdir -p $$(@D)
	@for f in $$(tests_$(1)); do n=$$$${f##*/check_}; echo "C($$$${n%.c})"; done > $$@
$(B)/$(call folder_of,$(1))/runner.o: test/runner.c $(B)/$(call folder_of,$(1))/cases.h
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -DCASES='"$(B)/$(call folder_of,$(1))/cases.h"' -DAREA='"$(1)"' -c -o $$@ test/runner.c
$(B)/check-$(1): $(B)/$(call folder_of,$(1))/runner.o $$(patsubst %.c,$(B)/%.o,$$(tests_$(1))) $$(call archives_of,$$(call below_of,$(1)))
	$(Q)$(CC) $(LDFLAGS) -o $$@ -Wl,--start-group $$^ -Wl,--end-group -lcheck -lsubunit -lrt $$(LDLIBS)
check-$(1): $(B)/check-$(1)
	$(B)/check-$(1)
endef
$(foreach a,$(AREAS),$(eval $(call area,$(a))))

tests: $(foreach a,$(AREAS),$(B)/check-$(a))
check-core: $(addprefix check-,$(CORE_AREAS))
# For check.sh, which runs them one by one.
areas:
	@echo $(AREAS)

# Everything that a change must pass; installs what is missing. The last line counts.
DEBIAN_BUILD := gcc make pkg-config libssl-dev libevent-dev libjansson-dev libsqlite3-dev libpcre2-dev libutf8proc-dev \
                libidn2-dev libseccomp-dev libcurl4-openssl-dev uthash-dev git
DEBIAN_CHECK := check valgrind clang clang-format gdb openssl curl jq python3 scdoc mandoc faketime golang-go golang-golang-x-mod-dev chromium
DEBIAN_DEMO  := openssl curl jq python3
DEBIAN_COVER := check gcovr jq
DEBIAN_LONG  := postgresql
check:
	@STARTED=$$(date +%s); export STARTED; test/install.sh $(DEBIAN_BUILD) check && \
	MAKE="$(MAKE)" CC="$(CC)" B="$(B)" SANITIZE="$(SANITIZE)" FLAGS="$(CPPFLAGS) $(filter-out -fPIE,$(CFLAGS))" \
		AREAS="$(AREAS)" PACKAGES="$(DEBIAN_CHECK)" test/check.sh
demo:
	@test/install.sh $(DEBIAN_BUILD) $(DEBIAN_DEMO)
	@$(MAKE) --no-print-directory -j2 all
	@BUILD="$(abspath $(B))" test/demo/demo.sh $(ARGS)
check-e2e: all
	BUILD="$(abspath $(B))" python3 test/e2e/run.py $(TESTS)
# The hours: every fault at every call, more kills, more disks without power, ten years day by day, 50,000 agreements, mutants, fuzzing; the
# store's SQL in PostgreSQL; races of threads, two analysers, and the packages in a fresh Debian.
check-long: check check-deb check-faults-long check-meaning-long check-postgres check-tsan analyze mutants fuzz
	KILLS=2000 IMAGES=10000 EVERY=1 FULL=60 LOST=1000 $(MAKE) check-e2e TESTS="check_kill faults check_evidence"
	YEARS_STEP=1 $(MAKE) check-e2e TESTS=check_years
	AUDITOR_SECONDS=600 $(MAKE) check-e2e TESTS=check_auditor
	MIB=1024 $(MAKE) check-e2e TESTS=check_stream
# One hour of two gateways under mixed faults: memory, descriptors and the store's size, a line a minute.
soak: all
	BUILD="$(abspath $(B))" python3 test/e2e/faults/soak.py $(ARGS)
bench: bench-json bench-schema bench-ajv bench-transform bench-policy bench-tlog bench-store bench-gateway bench-retention bench-flood bench-door bench-gate bench-calls bench-disk bench-backlog bench-growth

format:
	git ls-files '*.c' '*.h' | xargs clang-format -i

lint:
	@test/install.sh $(DEBIAN_BUILD) clang-tidy cppcheck
	@test/rules/lint.sh
hooks:
	install -m 755 test/rules/pre-commit "$$(git rev-parse --git-path hooks)/pre-commit"

# Where units go (Debian: /lib/systemd/system), and documents with what they name.
UNITDIR ?= $(PREFIX)/lib/systemd/system
share   := $(DESTDIR)$(PREFIX)/share
docs    := $(share)/doc/gatewayd
install: all
	install -D -m 755 $(B)/bin/gatewayd $(DESTDIR)$(PREFIX)/sbin/gatewayd
	install -D -m 755 $(B)/bin/gatewayctl $(DESTDIR)$(PREFIX)/bin/gatewayctl
	install -D -m 644 -t $(share)/gatewayd/schema schema/*.json
	install -D -m 644 -t $(share)/gatewayd/schema/records schema/records/*.json
	install -D -m 644 -t $(share)/gatewayd/agreements conf/agreements/*.json
	install -D -m 644 -t $(share)/gatewayd/assessments conf/assessments/*.md
	install -D -m 644 -t $(share)/gatewayd/partners conf/partners/*.json
	install -D -m 644 -t $(share)/gatewayd conf/*.json gatewayd/ctl/page/verify.html
	sed -i 's|file:///usr/|file://$(PREFIX)/|' $(share)/gatewayd/catalog.json
	install -D -m 755 -t $(share)/gatewayd systemd/renew-certificate
	install -D -m 644 -t $(DESTDIR)$(UNITDIR) systemd/gatewayd.service systemd/gatewayd.socket
	install -D -m 644 systemd/gatewayd.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/gatewayd.conf
	install -D -m 644 systemd/gatewayd.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/gatewayd.conf
	install -D -m 644 systemd/gatewayd.logrotate $(DESTDIR)/etc/logrotate.d/gatewayd
	install -D -m 644 -t $(docs) README.md SECURITY.md CHANGELOG.md doc/*.md doc/*.yaml doc/*.json doc/recipient.py
	install -D -m 644 -t $(docs)/decisions doc/decisions/*.md
	install -D -m 644 -t $(docs)/examples conf/gatewayd.json
	install -D -m 755 -t $(docs)/examples doc/examples/*
	install -D -m 755 -t $(docs)/examples/demo test/demo/demo.sh
	install -D -m 644 -t $(docs)/examples/demo test/demo/compare.py
	for f in conf/records/*/*; do install -D -m 644 $$f $(docs)/examples/$${f#conf/}; done
	install -d $(share)/bash-completion/completions $(share)/zsh/vendor-completions $(share)/man/man8 $(share)/man/man1
	$(B)/bin/gatewayctl completion bash > $(share)/bash-completion/completions/gatewayctl
	$(B)/bin/gatewayctl completion zsh > $(share)/zsh/vendor-completions/_gatewayctl
	scdoc < doc/gatewayd.8.scd | LC_ALL=C awk -f doc/man.awk > $(share)/man/man8/gatewayd.8
	scdoc < doc/gatewayctl.1.scd | LC_ALL=C awk -f doc/man.awk > $(share)/man/man1/gatewayctl.1

clean:
	rm -rf build

.PHONY: all tests areas lint hooks check-core check format check-e2e check-long demo bench soak install clean FORCE $(addprefix check-,$(AREAS))
.DELETE_ON_ERROR:
-include $(shell find $(B) -name '*.d' 2>/dev/null)
-include test/*/*.mk
