# make bench-tlog: appending, receipts and full verification of a log of ten million entries (ENTRIES=N), in memory.
ENTRIES ?= 10000000
$(B)/bench-tlog: $(B)/test/bench/bench_tlog.o $(foreach r,lib/tlog lib/crypto lib/json lib/base,$(call archive_of,$(r)))
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
bench-tlog: $(B)/bench-tlog
	$(B)/bench-tlog $(ENTRIES)
.PHONY: bench-tlog
