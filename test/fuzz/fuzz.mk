# make fuzz: each target test/fuzz/fuzz_NAME.c under libFuzzer (clang) for FUZZ_SECONDS, starting from
# test/fuzz/corpus/NAME; what it finds stays in build/fuzz/corpus/NAME. make check-fuzz: the committed
# corpora through the same targets without a fuzzer. A new target is one file (and a corpus folder).
FUZZ_SECONDS ?= 30
fuzz_names   := $(patsubst test/fuzz/fuzz_%.c,%,$(sort $(wildcard test/fuzz/fuzz_*.c)))
fuzz_rooms   := $(foreach r,lib/schema lib/crypto lib/json lib/base,$(call archive_of,$(r)))
fuzz_objects := $(patsubst %,$(B)/test/fuzz/fuzz_%.o,$(fuzz_names)) $(B)/test/fuzz/replay.o
.SECONDARY: $(fuzz_objects)

$(B)/replay-%: $(B)/test/fuzz/fuzz_%.o $(B)/test/fuzz/replay.o $(fuzz_rooms)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(B)/fuzz-%: $(B)/test/fuzz/fuzz_%.o $(fuzz_rooms)
	$(Q)$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)

check-fuzz: $(patsubst %,check-fuzz-%,$(fuzz_names))
$(patsubst %,check-fuzz-%,$(fuzz_names)): check-fuzz-%: $(B)/replay-%
	$(B)/replay-$* $(wildcard test/fuzz/corpus/$*/*)

run-fuzz: $(patsubst %,run-fuzz-%,$(fuzz_names))
$(patsubst %,run-fuzz-%,$(fuzz_names)): run-fuzz-%: $(B)/fuzz-%
	@mkdir -p $(B)/corpus/$* $(B)/found
	$(B)/fuzz-$* -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -max_len=4096 -verbosity=0 \
		-print_final_stats=1 -artifact_prefix=$(B)/found/$*- $(B)/corpus/$* $(wildcard test/fuzz/corpus/$*)

FUZZ_BUILD := $(MAKE) CC=clang SANITIZE=fuzzer-no-link,address,undefined B=build/fuzz
fuzz:
	$(FUZZ_BUILD) run-fuzz
$(patsubst %,fuzz-%,$(fuzz_names)): fuzz-%:
	$(FUZZ_BUILD) run-fuzz-$*

.PHONY: fuzz check-fuzz run-fuzz $(foreach k,check-fuzz run-fuzz fuzz,$(patsubst %,$(k)-%,$(fuzz_names)))
