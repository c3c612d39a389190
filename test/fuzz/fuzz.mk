# make fuzz T=60: each target of test/fuzz/targets (or TARGETS="note tape") under libFuzzer with clang's sanitizers for
# T seconds, from test/fuzz/corpus/NAME; what it finds stays in build/fuzz/corpus/NAME, and test/fuzz/RECORD.md counts
# on. make fuzz-fast: the same without sanitizers, for numbers; LENGTH=200: short inputs, of which there are many a
# second. make check-fuzz: the committed corpora through the same targets without a fuzzer. A target may stand in for
# what lies outside its reader (the store, a partner's key): its own definition comes first.
T            ?= 60
TARGETS      ?=
fuzz_table   := test/fuzz/targets
fuzz_names   := $(shell awk '/^[a-z]/ { print $$1 }' $(fuzz_table))
fuzz_links    = $(shell awk '$$1 == "$(1)" { print $$2 }' $(fuzz_table))
fuzz_chosen  := $(or $(TARGETS),$(fuzz_names))
fuzz_objects := $(patsubst %,$(B)/test/fuzz/fuzz_%.o,$(fuzz_names)) $(B)/test/fuzz/replay.o
.SECONDARY: $(fuzz_objects)

define fuzz_target
$(B)/replay-$(1): $(B)/test/fuzz/fuzz_$(1).o $(B)/test/fuzz/replay.o $(call archives_of,$(call below_of,$(call fuzz_links,$(1))))
	$$(Q)$$(CC) $$(LDFLAGS) -Wl,-z,muldefs -o $$@ -Wl,--start-group $$^ -Wl,--end-group $$(LDLIBS)
$(B)/fuzz-$(1): $(B)/test/fuzz/fuzz_$(1).o $(call archives_of,$(call below_of,$(call fuzz_links,$(1))))
	$$(Q)$$(CC) $$(LDFLAGS) -Wl,-z,muldefs -fsanitize=fuzzer -o $$@ -Wl,--start-group $$^ -Wl,--end-group $$(LDLIBS)
check-fuzz-$(1): $(B)/replay-$(1)
	$(B)/replay-$(1) test/fuzz/corpus/$(1)/*
endef
$(foreach t,$(fuzz_names),$(eval $(call fuzz_target,$(t))))

check-fuzz: check-fuzz-table $(patsubst %,check-fuzz-%,$(fuzz_names))
check-fuzz-table:
	@python3 test/fuzz/run.py --check
fuzz-programs: $(patsubst %,$(B)/fuzz-%,$(fuzz_chosen))
fuzz:
	@test/install.sh $(DEBIAN_BUILD) clang libclang-rt-14-dev python3
	@$(MAKE) --no-print-directory CC=clang SANITIZE=fuzzer-no-link,address,undefined B=build/fuzz fuzz-programs
	@python3 test/fuzz/run.py --programs build/fuzz --sanitizers --seconds $(T) $(if $(LENGTH),--length $(LENGTH)) $(TARGETS)
fuzz-fast:
	@test/install.sh $(DEBIAN_BUILD) clang libclang-rt-14-dev python3
	@$(MAKE) --no-print-directory CC=clang SANITIZE=fuzzer-no-link B=build/fuzz-fast fuzz-programs
	@python3 test/fuzz/run.py --programs build/fuzz-fast --seconds $(T) $(if $(LENGTH),--length $(LENGTH)) $(TARGETS)

.PHONY: fuzz fuzz-fast fuzz-programs check-fuzz check-fuzz-table $(patsubst %,check-fuzz-%,$(fuzz_names))
